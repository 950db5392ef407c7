"""What the bugs change, from the committed tables and the paper's published curves: the tables of the README, and its figure."""

import argparse
import collections
import csv
import dataclasses
import importlib.resources
import io
import math
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats
from run import MEETINGS, PROTOCOLS, Direct, Meeting, Trained

from hexlab import arena, csv_tables, network, records, scaling
from hexlab.network import flops
from hexlab.scaling import pools
from hexlab.scaling.crossings import ELO, SCORE, Crossing, bound_interval, crossing, format_estimate
from hexlab.scaling.frontiers import draw_copies, incline_slope
from hexlab.scaling.laws import evaluate_law, interval

__all__ = ["COUNTS", "PARTS", "Data", "Measure", "draw", "find_best_rate", "measure_pool", "read", "read_published"]

_HERE = pathlib.Path(__file__).parent
_SAMPLES, _SEED = 400, 4  # of the bootstrap
_SWEPT_WIDTH = 16
_ARMS = ("paper", "right")
_OWN_C = {"paper": 1 / 16, "right": 1 / 2}


class Data(NamedTuple):
    """The tables.

    Attributes:
        runs: by key.
        snapshots: of each run, in order of cost, the untrained net first.
        arms: the arm of each run.
        pooled: keys of the runs whose snapshots play in pools.
        direct: games against perfect play by run, in order of cost.
        meetings: pairings by protocol and board size.
    """

    runs: dict[str, records.Run]
    snapshots: dict[str, list[records.Snapshot]]
    arms: dict[str, str]
    pooled: set[str]
    direct: dict[str, list[Direct]]
    meetings: dict[tuple[str, int], list[records.Pairing]]


def read(folder: pathlib.Path = _HERE / "tables") -> Data:
    """Read the tables."""
    snapshots, direct, meetings = (collections.defaultdict(list) for _ in range(3))
    for row in sorted(csv_tables.read_table(folder / "snapshots.csv", records.Snapshot), key=lambda row: row.snapshot):
        snapshots[row.run].append(row)
    for row in sorted(csv_tables.read_table(folder / "direct.csv", Direct), key=lambda row: row.snapshot):
        direct[row.run].append(row)
    for row in csv_tables.read_table(folder / MEETINGS, Meeting):
        fields = dataclasses.asdict(row)
        meetings[fields.pop("protocol"), row.size].append(records.Pairing(**fields))
    trained = csv_tables.read_table(folder / "arms.csv", Trained)
    runs = {row.run: row for row in csv_tables.read_table(folder / "runs.csv", records.Run)}
    arms = {row.run: row.arm for row in trained}
    return Data(runs, dict(snapshots), arms, {row.run for row in trained if row.pool}, dict(direct), dict(meetings))


# Frontiers of the pools ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Measure:
    """A frontier in a few numbers, each with R bootstrap copies.

    Attributes:
        frontier: it.
        elos: float64[R, G], its best agents so far.
        slope: Elo a decade of its steep part.
        slopes: float64[R].
        reach: log10 of the compute at which it crosses -50 Elo, perfect play being 0.
        reaches: float64[R, 2], bounds.
        own_reach: the same, its own dearest agent being 0.
        own_reaches: float64[R, 2].
        span: Elo of its dearest agent above random play.
        spans: float64[R].
        best: Elo of its dearest agent.
        bests: float64[R].
    """

    frontier: scaling.Frontier
    elos: np.ndarray
    slope: float
    slopes: np.ndarray
    reach: Crossing
    reaches: np.ndarray
    own_reach: Crossing
    own_reaches: np.ndarray
    span: float
    spans: np.ndarray
    best: float
    bests: np.ndarray


def make_tables(data: Data, size: int, protocol: str, arm: str, count: Callable[..., float] | None = None) -> scaling.Tables:
    """Return a pool as the tables that `hexlab.scaling` reads; runs of other arms stand in it as a preset's, beside the frontier.

    Args:
        data: the tables.
        size: board.
        protocol: one of `PROTOCOLS`.
        arm: whose frontier is asked for.
        count: cost of a snapshot, of (run, snapshot), in place of the paper's count; None keeps that.
    """
    keys = [key for key in sorted(data.pooled) if data.runs[key].size == size]
    runs = [dataclasses.replace(data.runs[key], preset="" if data.arms[key] == arm else data.arms[key]) for key in keys]
    snapshots = [snapshot for key in keys for snapshot in data.snapshots[key]]
    if count is not None:
        snapshots = [dataclasses.replace(row, paper_flops=count(data.runs[row.run], row)) for row in snapshots]
    agents = [records.Agent(kind, size, kind, "", -1, 0, 0.0) for kind in ("perfect", "random")]
    agents += [records.Agent(f"{row.run}/{row.snapshot}", size, "snapshot", row.run, row.snapshot, 64, 0.0) for row in snapshots]
    pairings = data.meetings[protocol, size]
    return scaling.Tables(runs, snapshots, agents, pairings, arena.rate(pairings))


def measure_pool(
    data: Data, size: int, protocol: str, arm: str, *, x: str = "paper_flops", count: Callable[..., float] | None = None
) -> Measure:
    """Measure one arm's frontier on one board under one protocol. Equal seeds draw the same nets and seeds for every one."""
    frontier = scaling.compute_frontier(make_tables(data, size, protocol, arm, count), size, x=x, test_simulations=64)
    (board,) = frontier.boards
    drawn = draw_copies(frontier, _SAMPLES, _SEED)[size]
    copies, kept, halves = drawn.elo, drawn.kept_elo, board.curves.halves
    (lowest,) = pools.rate_pool(halves[1]).column(["random"])
    lowests = pools.bootstrap_halves(halves, ["random"], _SAMPLES, _SEED, size)[1][:, 0]
    cost, best, bests = board.log10_flops, float(board.kept_elo[-1]), kept[:, -1]
    return Measure(
        frontier,
        kept,
        incline_slope(cost, board.elo),
        np.array([incline_slope(cost, row) for row in copies]),
        crossing(cost, board.kept_elo, ELO),
        np.array([crossing(cost, row, ELO) for row in kept]),
        crossing(cost, board.kept_elo, best + ELO),
        np.array([crossing(cost, row, top + ELO) for row, top in zip(kept, bests, strict=True)]),
        best - float(lowest),
        bests - lowests,
        best,
        bests,
    )


def tell(value: float, copies: np.ndarray) -> str:
    """Return an estimate with its 95 % interval over the copies that allow one; a dash where the board has no room for it."""
    if not math.isfinite(value):
        return "–"
    return format_estimate(value, *(float(end) for end in interval(copies[np.isfinite(copies)])))


def tell_crossing(found: Crossing, copies: np.ndarray) -> str:
    """Return a crossing with its 95 % interval, either of which may be a bound."""
    value = found.high if math.isinf(found.low) else found.low
    bound = "" if found.seen else "below" if math.isinf(found.low) else "above"
    low, high = bound_interval(*copies.T)
    if math.isinf(low) and math.isinf(high):
        return f"{bound} {value:.1f} [open]".strip().replace("-", "−")
    return format_estimate(value, low, high, bound)


def tell_shift(one: Crossing, ones: np.ndarray, other: Crossing, others: np.ndarray) -> str:
    """Return by how much the first crossing lies above the second."""
    low, high = one.low - other.high, one.high - other.low
    shift = Crossing(low, high) if low < high else Crossing(low, low)
    if math.isinf(shift.low) and math.isinf(shift.high):
        return "neither is seen"
    return tell_crossing(shift, np.stack([ones[:, 0] - others[:, 1], ones[:, 1] - others[:, 0]], axis=1))


def _list_protocols(data, size):
    return [protocol for protocol in PROTOCOLS if (protocol, size) in data.meetings]


def write_lambda(data: Data) -> Iterator[str]:
    """Yield the table of the two lambdas: slope, crossings and distance from random play, and their differences."""
    yield "| board | protocol | quantity | the paper's lambda, c = 1/16 | the right lambda, c = 1/2 | difference |"
    yield "|---|---|---|---|---|---|"
    for size in (3, 4):
        for protocol in _list_protocols(data, size):
            theirs, right = (measure_pool(data, size, protocol, arm) for arm in _ARMS)
            yield from (f"| {size}x{size} | {protocol} | {row} |" for row in _compare(theirs, right))


def _compare(one, other):
    yield f"slope | {_tell_both(one.slope, one.slopes, other.slope, other.slopes)}"
    for name, reach in (("-50, zero perfect play", "reach"), ("-50, zero its best", "own_reach")):
        ends = [getattr(each, at) for each in (other, one) for at in (reach, reach + "es")]
        yield f"{name} | {tell_crossing(*ends[2:])} | {tell_crossing(*ends[:2])} | {tell_shift(*ends)}"
    yield f"best above random | {_tell_both(one.span, one.spans, other.span, other.spans)}"


def _tell_both(one, ones, other, others):
    return f"{tell(one, ones)} | {tell(other, others)} | {tell(other - one, others - ones)}"


def write_protocols(data: Data) -> Iterator[str]:
    """Yield the table of the protocols: what each makes of the snapshots with the paper's lambda; ratios and shifts are against `best`."""
    heads = "best agent | best above random | ratio | slope | ratio | -50, zero perfect play | -50, zero its best | shift"
    yield f"| board | protocol | {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for size in (3, 4):
        base = measure_pool(data, size, "best", "paper")
        for protocol in _list_protocols(data, size):
            row = measure_pool(data, size, protocol, "paper")
            cells = [
                tell(row.best, row.bests),
                tell(row.span, row.spans),
                tell(row.span / base.span, row.spans / base.spans),
                tell(row.slope, row.slopes),
                tell(row.slope / base.slope, row.slopes / base.slopes),
                tell_crossing(row.reach, row.reaches),
                tell_crossing(row.own_reach, row.own_reaches),
                tell_shift(row.own_reach, row.own_reaches, base.own_reach, base.own_reaches),
            ]
            yield f"| {size}x{size} | {protocol} | {' | '.join(cells)} |"


# Counts of compute -----------------------------------------------------------------------------------------------------------------

_PAPER_BOARDS, _OUR_BOARDS, _BUFFER_STEPS = 32_768, 256, 64


def count_late(run: records.Run, snapshot: records.Snapshot) -> float:
    """Return a snapshot's cost as the paper's code would count it, that leaves out the 64 steps that fill its buffer; 0 before."""
    counted = snapshot.samples - _BUFFER_STEPS * _OUR_BOARDS
    return max(0.0, flops.count_paper_training(network.Architecture(run.size, run.width, run.depth), counted * run.train_simulations))


class Point(NamedTuple):
    """A snapshot of the paper: what its search and its learner had done."""

    net: network.Architecture
    samples: int  # counted: after the buffer was full
    elo: float


def read_published() -> dict[int, dict[tuple[int, int], list[Point]]]:
    """Read the paper's curves: by board and net the snapshots in order of cost."""
    text = importlib.resources.files("hexlab").joinpath("data", "jones2021_curves.csv").read_text(encoding="utf-8")
    boards: dict[int, dict[tuple[int, int], list[Point]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        size, width, depth = (int(row[name]) for name in ("boardsize", "width", "depth"))
        point = Point(network.Architecture(size, width, depth), int(row["samples"]), float(row["elo"]))
        boards.setdefault(size, {}).setdefault((width, depth), []).append(point)
    return boards


def _simulate(point, buffer):
    return 64 * (point.samples + (_BUFFER_STEPS * _PAPER_BOARDS if buffer else 0))


COUNTS: dict[str, Callable[[Point], float]] = {
    "the paper's": lambda point: flops.count_paper_training(point.net, _simulate(point, False)),
    "and the buffer": lambda point: flops.count_paper_training(point.net, _simulate(point, True)),
    "and two for a multiply-add": lambda point: flops.count_selfplay(point.net, _simulate(point, True)),
    "and the learner": lambda point: (
        flops.count_selfplay(point.net, _simulate(point, True)) + flops.count_learning(point.net, point.samples, _PAPER_BOARDS)
    ),
}
"""Cost of a snapshot of the paper, each count with what the one before it left out."""


class Board(NamedTuple):
    """The paper's curves of a board, K runs, on a grid of G points."""

    size: int
    log10_flops: np.ndarray
    elo: np.ndarray  # float64[K, G], nan before a run's first snapshot


def lay_out(curves: dict[int, dict[tuple[int, int], list[Point]]], count: Callable[[Point], float]) -> list[Board]:
    """Interpolate the paper's runs on 101 points a board, as the paper did."""
    boards = []
    for size, runs in curves.items():
        costs = [np.log10([count(point) for point in run]) for run in runs.values()]
        grid = np.linspace(min(cost[0] for cost in costs), max(cost[-1] for cost in costs), 101)
        lines = [np.interp(grid, cost, [point.elo for point in run], left=np.nan) for cost, run in zip(costs, runs.values(), strict=True)]
        boards.append(Board(size, grid, np.array(lines)))
    return boards


def measure_published(boards: Sequence[Board], chosen: Sequence[np.ndarray]) -> dict[str, float]:
    """Measure the frontiers of the chosen runs: slope and crossing by board, growth of the crossing a board, and the fitted law.

    Args:
        boards: what `lay_out` returned.
        chosen: indices of runs, by board.
    """
    found, crossings, points = {}, [], []
    for board, runs in zip(boards, chosen, strict=True):
        values = board.elo[runs]
        elo = np.where(np.isfinite(values).any(axis=0), np.nanmax(np.where(np.isfinite(values), values, -np.inf), axis=0), np.nan)
        at = crossing(board.log10_flops, elo, ELO)
        crossings.append(at.low if at.seen else np.nan)
        found |= {f"slope {board.size}": incline_slope(board.log10_flops, elo), f"crossing {board.size}": crossings[-1]}
        known = np.isfinite(elo)
        points.append(np.stack([np.full(known.sum(), float(board.size)), board.log10_flops[known], elo[known]]))
    seen = np.isfinite(crossings)
    sizes = np.array([board.size for board in boards], float)
    found["growth"] = 10 ** np.polyfit(sizes[seen], np.array(crossings)[seen], 1)[0]
    size, cost, elo = np.concatenate(points, axis=1)
    start = np.array([-270.0, 570.0, 510.0, -430.0, -4400.0])  # the paper's table III
    law = scipy.optimize.least_squares(lambda row: evaluate_law("change_point", row, size, cost) - elo, start, x_scale=np.abs(start)).x
    return found | {"law slope": law[2], "law board": law[3], "law intercept": law[4]}


def compare_counts(samples: int = 200) -> dict[str, dict[str, tuple[float, np.ndarray]]]:
    """Return by count and quantity of `measure_published` its value and bootstrap copies, which draw nets, the same for every count."""
    curves = read_published()
    rng = np.random.default_rng([_SEED, 1])
    whole = [np.arange(len(runs)) for runs in curves.values()]
    drawn = [[rng.choice(runs, len(runs)) for runs in whole] for _ in range(samples)]
    results = {}
    for name, count in COUNTS.items():
        boards = lay_out(curves, count)
        copies = [measure_published(boards, chosen) for chosen in drawn]
        results[name] = {key: (value, np.array([copy[key] for copy in copies])) for key, value in measure_published(boards, whole).items()}
    return results


def write_counts() -> Iterator[str]:
    """Yield the table of counts on the paper's curves, in brackets what leaving nets out does."""
    results = compare_counts()
    first = results["the paper's"]
    heads = ["the paper's [nets left out]", *list(results)[1:], "difference, first to last [nets left out]"]
    yield f"| quantity | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(results)}---|"
    for key, (value, copies) in first.items():
        last, others = results["and the learner"][key]
        cells = [tell(value, copies)] + [f"{results[name][key][0]:.{_digits(key)}f}" for name in list(results)[1:]]
        yield f"| {key} | {' | '.join(cells)} | {last - value:+.{_digits(key) + 1}f} {_tell_ends(others - copies)} |".replace("-", "−")


def _digits(key):
    return 2 if key.startswith(("crossing", "growth")) else 0


def _tell_ends(copies):
    low, high = interval(copies[np.isfinite(copies)])
    return f"[{low:+.3g}, {high:+.3g}]"


def write_axes(data: Data) -> Iterator[str]:
    """Yield by how many decades the true cost of a run and of a move differs from the paper's count, for each net."""
    yield "| board | net | training, true against the paper's count | a move, true against the paper's count |"
    yield "|---|---|---|---|"
    runs = [data.runs[key] for key in data.pooled if data.arms[key] == "paper" and data.runs[key].seed == 0]
    for run in sorted(runs, key=lambda run: (run.size, run.width)):
        last = data.snapshots[run.run][-1]
        yield _tell_axes(network.Architecture(run.size, run.width, run.depth), last.train_flops / last.paper_flops)
    for (width, depth), points in read_published()[9].items():
        if (width, depth) == (512, 4):
            yield _tell_axes(points[-1].net, COUNTS["and the learner"](points[-1]) / COUNTS["the paper's"](points[-1]))


def _tell_axes(net, training):
    move = flops.count_move(net, 64) / flops.count_paper_move(net, 64)
    name = f"{net.size}x{net.size} | {net.width}x{net.depth}"
    return f"| {name} | {math.log10(training):+.2f} | {math.log10(move):+.2f} |".replace("-", "−")


def write_our_counts(data: Data) -> Iterator[str]:
    """Yield the table of counts on the runs with the paper's lambda, under the `lab` protocol."""
    yield "| board | count | slope | -50, zero perfect play | shift |"
    yield "|---|---|---|---|---|"
    for size in (3, 4):
        rows: dict[str, dict[str, Any]] = {
            "the paper's, without the buffer": {"count": count_late},
            "all self-play": {},
            "true": {"x": "train_flops"},
        }
        measured = {name: measure_pool(data, size, "lab", "paper", **choice) for name, choice in rows.items()}
        base = measured["all self-play"]
        for name, row in measured.items():
            shift = tell_shift(row.reach, row.reaches, base.reach, base.reaches)
            yield f"| {size}x{size} | {name} | {tell(row.slope, row.slopes)} | {tell_crossing(row.reach, row.reaches)} | {shift} |"


# Sweeps ----------------------------------------------------------------------------------------------------------------------------


class Trial(NamedTuple):
    """One run of a sweep."""

    value: float
    width: int
    cost: Crossing  # log10 true FLOPs at 50 Elo below even
    score: float  # of the last snapshot, against perfect play
    elo: float  # of that score


def list_trials(data: Data, name: str, extra: dict[str, float] | None = None) -> list[Trial]:
    """List the runs of a sweep, with those of other arms at their own value, on 4x4."""
    trials = []
    for key, arm in data.arms.items():
        run, (of, _, value) = data.runs[key], arm.partition("=")
        if run.size != 4 or not (of == name or arm in (extra or {})):
            continue
        costs = {row.snapshot: math.log10(row.train_flops) for row in data.snapshots[key] if row.train_flops}
        rows = data.direct[key]
        scores = np.array([(2 * row.won_both + row.won_one) / (2 * (row.won_both + row.won_one + row.lost_both)) for row in rows])
        cost = crossing(np.array([costs[row.snapshot] for row in rows]), scores, SCORE)
        elo = 400 * math.log10(scores[-1] / (1 - scores[-1]))
        trials.append(Trial(float(value) if value else (extra or {})[arm], run.width, cost, float(scores[-1]), elo))
    return sorted(trials)


def find_spread(trials: Sequence[Trial], measure: Callable[[Trial], float]) -> tuple[float, float]:
    """Return the standard deviation between seeds, pooled over values and widths, and the 97.5 % quantile of its t distribution."""
    groups: dict[tuple[float, int], list[float]] = {}
    for trial in trials:
        groups.setdefault((trial.value, trial.width), []).append(measure(trial))
    free = sum(len(group) - 1 for group in groups.values())
    squares = sum(float(np.var(group)) * len(group) for group in groups.values())
    return math.sqrt(squares / free), float(scipy.stats.t.ppf(0.975, free))


def write_sweep(trials: Sequence[Trial], name: str, alike: Sequence[Trial] = ()) -> Iterator[str]:
    """Yield a sweep's table: cost to -50 Elo and final Elo by value, means over seeds with t intervals; each cost where some are bounds.

    Args:
        trials: the runs.
        name: of what varies.
        alike: other runs from which the spread between seeds is taken as well.
    """
    groups = {value: [trial for trial in trials if trial.value == value] for value in sorted({trial.value for trial in trials})}
    reached = {value: np.array([t.cost.low for t in group]) for value, group in groups.items() if all(t.cost.seen for t in group)}
    cost_sd, cost_t = find_spread([trial for trial in (*trials, *alike) if trial.cost.seen], lambda trial: trial.cost.low)
    elo_sd, elo_t = find_spread((*trials, *alike), lambda trial: trial.elo)
    best = min(reached, key=lambda value: reached[value].mean(), default=None)
    yield f"| {name} | runs | log10 true FLOPs at -50 | against the best | Elo at the end |"
    yield "|---|---|---|---|---|"
    for value, group in groups.items():
        cost, against = ", ".join(_tell_cost(trial.cost) for trial in group), ""
        if value in reached:
            mean = reached[value].mean()
            cost = f"{mean:.2f} ± {cost_t * cost_sd / math.sqrt(len(group)):.2f}"
            if value != best:
                gap = cost_t * cost_sd * math.sqrt(1 / len(group) + 1 / len(groups[best]))
                against = f"{mean - reached[best].mean():+.2f} ± {gap:.2f}"
        end = f"{np.mean([trial.elo for trial in group]):.0f} ± {elo_t * elo_sd / math.sqrt(len(group)):.0f}"
        yield f"| {value:g} | {len(group)} | {cost} | {against} | {end} |".replace("-", "−")


def _tell_cost(cost):
    return f"{cost.low:.2f}" if cost.seen else f"below {cost.high:.2f}" if math.isinf(cost.low) else f"above {cost.low:.2f}"


def find_best_rate(trials: Sequence[Trial], samples: int = 4000) -> tuple[float, float, float]:
    """Return the rate at the top of a parabola through the final Elo against log10 of the rate, and its 95 % interval.

    The interval is of the posterior of the least-squares fit; draws that do not bend down have their top at infinity, on the side
    to which they rise.
    """
    x = np.array([math.log10(trial.value) for trial in trials])
    middle = x.mean()
    design = np.vander(x - middle, 3)
    y = np.array([trial.elo for trial in trials])
    fitted, rest, *_ = np.linalg.lstsq(design, y, rcond=None)
    free = len(y) - 3
    rng = np.random.default_rng([_SEED, 2])
    noise = rng.standard_normal((samples, 3)) @ np.linalg.cholesky(np.linalg.inv(design.T @ design)).T
    drawn = fitted + noise * np.sqrt(float(rest[0]) / rng.chisquare(free, samples))[:, None]
    tops = np.where(drawn[:, 0] < 0, middle - drawn[:, 1] / (2 * drawn[:, 0]), np.sign(drawn[:, 1]) * np.inf)
    top = middle - fitted[1] / (2 * fitted[0]) if fitted[0] < 0 else math.copysign(math.inf, fitted[1])
    low, high = np.quantile(tops, [0.025, 0.975], method="nearest")
    return 10**top, 10**low, 10**high


def write_rates(data: Data) -> Iterator[str]:
    """Yield the table of final Elo by width and rate, with the best rate."""
    trials = list_trials(data, "rate")
    rates = sorted({trial.value for trial in trials})
    yield f"| width | {' | '.join(f'{rate:g}' for rate in rates)} | best rate |"
    yield f"|---|{'---|' * len(rates)}---|"
    for width in sorted({trial.width for trial in trials}):
        chosen = [trial for trial in trials if trial.width == width]
        sd, t = find_spread(chosen, lambda trial: trial.elo)
        cells = []
        for rate in rates:
            elos = [trial.elo for trial in chosen if trial.value == rate]
            cells.append(f"{np.mean(elos):.0f} ± {t * sd / math.sqrt(len(elos)):.0f}".replace("-", "−"))
        best, low, high = find_best_rate(chosen)
        within = f"{low:.2g}, {high:.2g}" if high < 10 * rates[-1] else f"above {low:.2g}"
        yield f"| {width} | {' | '.join(cells)} | {best:.2g} [{within}] |"


def write_c(data: Data, arm: str) -> Iterator[str]:
    """Yield the table of c with one lambda; the spread between seeds is that of all runs on 4x4 which have two, with either."""
    swept, alike = list_c(data, arm)
    yield from write_sweep(swept, "c", alike)


def list_c(data: Data, arm: str) -> tuple[list[Trial], list[Trial]]:
    """List the runs of the sweep of c with one lambda, and the others from which the spread between seeds is taken as well."""
    trials = [(name, trial) for name, own in _OWN_C.items() for trial in list_trials(data, f"{name}_c", {name: own})]
    swept = [trial for name, trial in trials if (name, trial.width) == (arm, _SWEPT_WIDTH)]
    spread = [(name, trial) for name, trial in trials if trial.value == _OWN_C[name]]
    return swept, [trial for name, trial in spread if (name, trial.width) != (arm, _SWEPT_WIDTH)]


PARTS: dict[str, Callable[[Data], Iterator[str]]] = {
    "lambda": write_lambda,
    "c with the paper's lambda": lambda data: write_c(data, "paper"),
    "c with the right lambda": lambda data: write_c(data, "right"),
    "protocols": write_protocols,
    "counts, the paper's curves": lambda _: write_counts(),
    "counts, these runs": write_our_counts,
    "axes": write_axes,
    "simulations": lambda data: write_sweep(list_trials(data, "simulations"), "simulations"),
    "rates": write_rates,
}
"""The tables of the README."""


def draw(data: Data, path: pathlib.Path) -> None:
    """Draw the frontiers of the two lambdas and of the four protocols, the Elo by c and by rate, with the intervals of the tables."""
    from matplotlib.figure import Figure

    from hexlab.scaling.figures import render_svg

    figure = Figure(figsize=(11, 9), layout="constrained")
    grid = figure.subplots(2, 2)
    colors = {3: "#1f5fa8", 4: "#c05a1c"}
    for size in (3, 4):
        for arm, line in zip(_ARMS, ("-", "--"), strict=True):
            _draw_frontier(grid[0, 0], measure_pool(data, size, "lab", arm), line, colors[size], f"{size}x{size}, {arm} lambda")
    marks = dict(zip(PROTOCOLS, ("#999999", "#1f5fa8", "#c05a1c", "#a3195b"), strict=True))
    for protocol in _list_protocols(data, 4):
        compared = protocol in ("best", "sampled")
        _draw_frontier(grid[0, 1], measure_pool(data, 4, protocol, "paper"), "-", marks[protocol], protocol, banded=compared)
    titles = "Two lambdas, rated alike\n95 % bands", "The paper's lambda on 4x4 by protocol\n95 % bands of best and sampled"
    for axes, title in zip(grid[0], titles, strict=True):
        axes.axhline(ELO, color="#444444", linestyle=":", linewidth=1)
        axes.set(title=title, xlabel="log10 FLOPs of training, the paper's count", ylabel="Elo, perfect play 0")
    for base, color in zip(_ARMS, ("#1f5fa8", "#c05a1c"), strict=True):
        swept, alike = list_c(data, base)
        _draw_trials(grid[1, 0], swept, find_spread((*swept, *alike), lambda trial: trial.elo), color, f"{base} lambda")
    _mark_values(grid[1, 0], sorted({trial.value for base in _ARMS for trial in list_c(data, base)[0]}))
    about = "means with 95 %; crosses: runs"
    grid[1, 0].set(title=f"16x2 on 4x4 by c\n{about}", xlabel="c", ylabel="Elo at the end against perfect play")
    for place, (width, color) in enumerate(zip((4, 8, 16, 32), ("#999999", "#1f5fa8", "#c05a1c", "#a3195b"), strict=True)):
        trials = [trial for trial in list_trials(data, "rate") if trial.width == width]
        _draw_trials(grid[1, 1], trials, find_spread(trials, lambda trial: trial.elo), color, f"width {width}", 1.045 ** (place - 1.5))
    _mark_values(grid[1, 1], sorted({trial.value for trial in list_trials(data, "rate")}))
    grid[1, 1].set(title=f"50,000 positions on 4x4 by rate\n{about}", xlabel="learning rate", ylabel="Elo at the end against perfect play")
    for axes in grid.flat:
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        axes.title.set_fontsize(10.5)
    path.write_bytes(render_svg(figure, "bugs"))


def _draw_frontier(axes, measure, line, color, label, *, banded=True):
    (board,) = measure.frontier.boards
    if banded:
        band = interval(measure.elos)
        axes.fill_between(board.log10_flops, *band, color=color, alpha=0.08, linewidth=0)
        for edge in band:
            axes.plot(board.log10_flops, edge, line, color=color, alpha=0.45, linewidth=0.6)
    axes.plot(board.log10_flops, board.kept_elo, line, color=color, label=label)


def _draw_trials(axes, trials, spread, color, label, beside=1.0):
    """Draw every run, faint, and by value the mean with its t interval, by a spread as `find_spread` gives it, `beside` times the value."""
    values = sorted({trial.value for trial in trials})
    groups = [[trial.elo for trial in trials if trial.value == value] for value in values]
    reach = [spread[0] * spread[1] / math.sqrt(len(group)) for group in groups]
    axes.semilogx([beside * trial.value for trial in trials], [trial.elo for trial in trials], "x", color=color, alpha=0.6, markersize=4)
    means, style = [np.mean(group) for group in groups], {"fmt": "o", "markersize": 5, "capsize": 3, "elinewidth": 1.2}
    axes.errorbar([beside * value for value in values], means, reach, color=color, label=label, **style)


def _mark_values(axes, values):
    """Leave ticks at the values alone, powers of two as such."""
    powers = all(math.log2(value).is_integer() for value in values)
    axes.set_xticks(values, [f"1/{round(1 / value)}" if powers and value < 1 else f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)


def main() -> None:
    """Print the tables, and draw the figure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=pathlib.Path, default=_HERE / "tables", help="folder of the tables")
    parser.add_argument("--figure", type=pathlib.Path, help="file to draw the figure to")
    options = parser.parse_args()
    data = read(options.tables)
    for name, write in PARTS.items():
        print(f"{name}\n", *write(data), "", sep="\n")
    if options.figure:
        draw(data, options.figure)


if __name__ == "__main__":
    main()

"""Where more search at play stops paying: Elo against simulations a move levels off at a ceiling, which training lifts.

One snapshot's Elo is fitted by ``ceiling - gain / (1 + (simulations / half) ** steepness)``, logistic in log compute as Jones 2021
finds (figure 8). The ceiling is at most 0, since nothing beats perfect play, where Elo 0 is known to be that (`Tables.knows_zero`),
and the curve is sought where the budgets can tell: `half` between the smallest budget and four times the largest, `steepness` between
0.3 and 1.5, a decade and more from foot to shoulder. A curve that still rises at its largest budget fits many ceilings equally well;
its bootstrap copies then reach from the strength that was measured up to perfect play, and `TestCurve.verdict` says so. Where the Elo
of perfect play is not known they reach as far as the shapes allow, and there is no verdict.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hexlab.scaling import pools
from hexlab.scaling.crossings import ELO, bound_interval
from hexlab.scaling.laws import interval
from hexlab.scaling.surfaces import Surface
from hexlab.scaling.tables import NotEnoughDataError, Tables

__all__ = [
    "WORTH",
    "CeilingCurve",
    "TestCurve",
    "evaluate_test_curve",
    "fit_ceilings",
    "fit_saturation",
    "fit_test_curves",
    "judge_ceiling",
    "stops_paying",
]

WORTH = 10.0
"""Elo that a doubling of search must add to pay: it wins 51.4 % of the games against the same player without it."""

_PARAMETERS = 4
_NAMES = ("ceiling", "enough")
_HALVES, _STEEPNESSES = 16, np.geomspace(0.3, 1.5, 5)
_REFINEMENTS = 9
_SHARES = 16  # of a doubling of search, at whose ends it is asked whether the next one pays
_ROWS = 2048  # curves fitted at a time, so that the work fits a cache


@dataclasses.dataclass(frozen=True, eq=False)
class TestCurve:
    """One snapshot's Elo against the compute it spends on a move.

    Attributes:
        run: run key.
        snapshot: number of the snapshot in its run.
        size: board size.
        width: units a layer.
        depth: residual layers.
        train_flops: what the snapshot had cost to train.
        simulations: int64[T], simulations a move, increasing.
        test_flops: float64[T], compute a move.
        elo: float64[T].
        low: float64[T], lower end of the rating's 95 % interval.
        high: float64[T], upper end.
        highest: Elo above which no ceiling can be: 0, perfect play, or inf where the Elo of perfect play is not known.
        ceiling: Elo with search without end; nan if the curve was not fitted, like all that follows.
        gain: Elo that search adds in all.
        half: simulations that add half of it.
        steepness: exponent.
        rmse: root mean squared residual in Elo.
        enough: simulations beyond which a doubling adds less than `WORTH`; inf if the last doubling that was measured still adds it.
        intervals: 95 % bootstrap intervals of "ceiling" and "enough"; (nan, nan) without bootstrap.
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    run: str
    snapshot: int
    size: int
    width: int
    depth: int
    train_flops: float
    simulations: np.ndarray
    test_flops: np.ndarray
    elo: np.ndarray
    low: np.ndarray
    high: np.ndarray
    highest: float
    ceiling: float
    gain: float
    half: float
    steepness: float
    rmse: float
    enough: float
    intervals: Mapping[str, tuple[float, float]]

    def predict(self, simulations) -> np.ndarray:
        """Return the fitted Elo at a number of simulations a move."""
        return evaluate_test_curve(self.ceiling, self.gain, self.half, self.steepness, simulations)

    @property
    def verdict(self) -> str:
        """What the ceiling's interval says; see `judge_ceiling`."""
        return judge_ceiling(*self.intervals["ceiling"], self.highest)


@dataclasses.dataclass(frozen=True, eq=False)
class CeilingCurve:
    """What search makes of the best nets that a training compute buys on one board. Axis letters: T budgets, G grid points.

    Attributes:
        size: board size.
        x: unit of training compute.
        simulations: int64[T], budgets at which every snapshot was rated.
        log10_train: float64[G], training compute.
        run: G run keys: the best at the largest budget, picked by one half of the games.
        elo: float64[T, G], Elo of that run at each budget by the other half.
        low: float64[T, G], lower ends of the 95 % bootstrap intervals; nan without bootstrap.
        high: float64[T, G], upper ends.
        highest: Elo above which no ceiling can be: 0, perfect play, or inf where the Elo of perfect play is not known.
        ceiling: float64[G], fitted Elo with search without end.
        ceiling_low: float64[G], lower ends.
        ceiling_high: float64[G], upper ends.
        enough: float64[G], simulations beyond which a doubling adds less than `WORTH`, inf if the largest budget still pays.
        enough_low: float64[G], lower ends.
        enough_high: float64[G], upper ends, inf if open.
    """

    size: int
    x: str
    simulations: np.ndarray
    log10_train: np.ndarray
    run: tuple[str, ...]
    elo: np.ndarray
    low: np.ndarray
    high: np.ndarray
    highest: float
    ceiling: np.ndarray
    ceiling_low: np.ndarray
    ceiling_high: np.ndarray
    enough: np.ndarray
    enough_low: np.ndarray
    enough_high: np.ndarray

    @property
    def verdicts(self) -> list[str]:
        """G texts, what the intervals of the ceilings say; see `judge_ceiling`."""
        return [judge_ceiling(low, high, self.highest) for low, high in zip(self.ceiling_low, self.ceiling_high, strict=True)]


def evaluate_test_curve(ceiling: Any, gain: Any, half: Any, steepness: Any, simulations: Any) -> np.ndarray:
    """Return the Elo of a fitted test curve at a number of simulations a move; numbers, or arrays that broadcast.

    >>> float(evaluate_test_curve(-50, 400, 16, 1, 16))
    -250.0
    """
    return ceiling - gain / (1 + np.exp(steepness * (np.log(simulations) - np.log(half))))


def judge_ceiling(low: float, high: float, highest: float = 0.0) -> str:
    """Return what a ceiling's 95 % interval says.

    Args:
        low: its lower end.
        high: its upper end.
        highest: Elo of perfect play, inf where it is not known.

    Returns:
        "near perfect" if all of it is within 50 Elo of perfect play, "short of perfect" if all of it is farther off,
        "undetermined" if it holds both, "" if there is no interval or perfect play has no known Elo.

    >>> judge_ceiling(-30, 0), judge_ceiling(-200, -70), judge_ceiling(-600, 0), judge_ceiling(-30, 40, math.inf)
    ('near perfect', 'short of perfect', 'undetermined', '')
    """
    if math.isnan(low) or math.isnan(high) or math.isinf(highest):
        return ""
    level = highest + ELO
    return "near perfect" if low >= level else "short of perfect" if high < level else "undetermined"


def stops_paying(curves: np.ndarray, simulations: Sequence[int] | np.ndarray, worth: float = WORTH) -> np.ndarray:
    """Return the simulations a move beyond which a doubling adds less than `worth` Elo, among doublings that were measured.

    Args:
        curves: float64[..., 4], ceiling, gain, half and steepness.
        simulations: the budgets that were measured.
        worth: Elo.

    Returns:
        float64[...]: the smallest budget if no doubling pays, inf if the last one does, nan where there is no curve.

    >>> curve = np.array([-50, 400, 16, 1.0])  # 80 Elo short of its ceiling at 64 simulations, 44 at 128
    >>> [float(stops_paying(curve, [1, 128], worth).round()) for worth in (40, 30, 200)]
    [52.0, inf, 1.0]
    """
    first, last = float(min(simulations)), float(max(simulations)) / 2
    grid = first * 2 ** (np.arange(math.floor(_SHARES * math.log2(last / first) + 1e-9) + _SHARES + 1) / _SHARES)
    ceiling, gain, half, steepness = (curves[..., place, None] for place in range(_PARAMETERS))
    elo = evaluate_test_curve(ceiling, gain, half, steepness, grid)
    pays = elo[..., _SHARES:] - elo[..., :-_SHARES] >= worth
    grid = grid[:-_SHARES]
    last_paying = len(grid) - 1 - np.argmax(pays[..., ::-1], axis=-1)
    answer = np.where(pays.any(axis=-1), np.where(pays[..., -1], np.inf, grid[last_paying]), first)
    return np.where(np.isnan(curves[..., 0]), np.nan, answer)


def fit_saturation(simulations: np.ndarray, elo: np.ndarray, *, highest: float = 0.0, refine: bool = True) -> np.ndarray:
    """Fit saturating curves to rows of Elo at the same budgets by least squares.

    For each half and steepness the ceiling and the gain enter linearly: their best values are known, and the best of a grid of
    shapes is refined on finer grids around it.

    Args:
        simulations: int64[T], budgets, increasing.
        elo: float64[..., T].
        highest: no ceiling is above it; inf for none.
        refine: False keeps the first grid, a fifth of the work: for bootstrap copies, which scatter far more than it is coarse.

    Returns:
        float64[..., 4]: ceiling, gain, half and steepness; nan where there are fewer than four budgets or an Elo is nan.

    >>> budgets = np.array([1, 4, 16, 64, 256])
    >>> fit_saturation(budgets, evaluate_test_curve(-50, 400, 16, 1, budgets)).round(1)
    array([-50., 400.,  16.,   1.])
    >>> float(fit_saturation(budgets, evaluate_test_curve(70, 400, 16, 1, budgets), highest=math.inf)[0].round())
    70.0
    """
    elo = np.asarray(elo, float)
    answer = np.full((*elo.shape[:-1], _PARAMETERS), np.nan)
    if len(simulations) < _PARAMETERS:
        return answer
    logs = np.log(np.asarray(simulations, float))
    known = np.isfinite(elo).all(axis=-1)
    rows = elo[known]
    refinements = _REFINEMENTS if refine else 0
    fitted = [_fit_rows(logs, rows[start : start + _ROWS], highest, refinements) for start in range(0, len(rows), _ROWS)]
    if fitted:
        answer[known] = np.concatenate(fitted)
    return answer


def fit_test_curves(tables: Tables, size: int, *, bootstrap: int = 0, seed: int = 0) -> tuple[TestCurve, ...]:
    """Fit Elo against test-time compute for every snapshot of a board's grid that was rated at two budgets or more.

    A curve has four parameters and is fitted from four budgets on. Untrained snapshots are included. Bootstrap copies stray from the
    Elo by all games as the half of the games that rates does from its own, a little farther than copies of all games would.

    Args:
        tables: an experiment.
        size: board size.
        bootstrap: number of bootstrap copies; 0 for no intervals.
        seed: of the copies.

    Raises:
        NotEnoughDataError: no snapshot was rated at two budgets, or, with bootstrap, games on one half of the openings only.
    """
    tables = tables.select(size)
    agents: dict[tuple[str, int], list] = {}
    for agent in tables.grid_agents:
        if agent.agent in tables.rating_by_agent:
            agents.setdefault((agent.run, agent.snapshot), []).append(agent)
    by_budgets: dict[tuple[int, ...], list[list]] = {}
    for _, members in sorted(agents.items()):
        members.sort(key=lambda member: member.test_simulations)
        budgets = tuple(member.test_simulations for member in members)
        if len(budgets) > 1:
            by_budgets.setdefault(budgets, []).append(members)
    if not by_budgets:
        raise NotEnoughDataError(f"not enough data: needs a snapshot on {size}x{size} rated at two test budgets or more")
    strays = None
    if bootstrap:
        halves = pools.gather_halves(tables)
        keys = tuple(agent.agent for agent in tables.grid_agents)
        _, copies = pools.bootstrap_halves(halves, keys, bootstrap, seed, size)
        strays = pools.PoolElo(keys, copies - pools.rate_pool(halves[1]).column(keys))
    curves = []
    for budgets, group in by_budgets.items():
        curves += _fit_group(tables, np.array(budgets), group, strays)
    return tuple(sorted(curves, key=lambda curve: (curve.run, curve.snapshot)))


def fit_ceilings(tables: Tables, size: int, *, x: str = "train_flops", bootstrap: int = 0, seed: int = 0) -> CeilingCurve:
    """Fit how far search lifts the best nets of each training compute, and where it stops to.

    On a grid of a tenth of a decade each run's Elo at each budget is interpolated between its snapshots. The run that is best at the
    largest budget by one half of the games is picked; its Elo at every budget by the other half is fitted. Bootstrap copies draw
    openings, seeds and networks, as for the frontiers.

    Args:
        tables: an experiment.
        size: board size.
        x: cost of training, "train_flops" or "paper_flops".
        bootstrap: number of copies; 0 for no intervals.
        seed: of the copies.

    Raises:
        NotEnoughDataError: fewer than two budgets at which every snapshot was rated, or games on one half of the openings only.
    """
    tables = tables.select(size)
    surface = Surface.of(tables, size, x, complete=True)
    halves = pools.gather_halves(tables)
    run, elo = _read_best(surface, *surface.measure(halves))
    highest = _find_highest(tables, size)
    curves = fit_saturation(surface.simulations, elo[0].T, highest=highest)
    shape = (len(surface.simulations), len(surface.grid))
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    ends = np.full((4, shape[1]), np.nan)
    if bootstrap:
        _, copies = _read_best(surface, *surface.resample(halves, bootstrap, seed, size))
        low, high = interval(copies)
        copied = fit_saturation(surface.simulations, copies.transpose(0, 2, 1), highest=highest, refine=False)
        ends = _ends(copied, surface.simulations)
    enough = stops_paying(curves, surface.simulations)
    runs = tuple(surface.runs[each] for each in run[0])
    return CeilingCurve(
        size,
        x,
        surface.simulations,
        surface.grid,
        runs,
        elo[0],
        low,
        high,
        highest,
        ceiling=curves[:, 0],
        ceiling_low=ends[0],
        ceiling_high=ends[1],
        enough=enough,
        enough_low=ends[2],
        enough_high=ends[3],
    )


def _fit_group(tables: Tables, budgets: np.ndarray, group: list[list], strays: pools.PoolElo | None) -> list[TestCurve]:
    """Fit the snapshots, each a list of its agents by budget, that were rated at the same budgets; `strays` is what copies stray."""
    ratings = [[tables.rating_by_agent[member.agent] for member in members] for members in group]
    elo = np.array([[rating.elo for rating in row] for row in ratings])
    highest = _find_highest(tables, tables.run_by_key[group[0][0].run].size)
    fitted = fit_saturation(budgets, elo, highest=highest)
    ends = np.full((4, len(group)), np.nan)
    if strays is not None:
        drawn = strays.column([member.agent for members in group for member in members]).reshape(-1, *elo.shape)
        ends = _ends(fit_saturation(budgets, elo + drawn, highest=highest, refine=False), budgets)
    curves = []
    for place, (members, row) in enumerate(zip(group, ratings, strict=True)):
        run = tables.run_by_key[members[0].run]
        ceiling, gain, half, steepness = map(float, fitted[place])
        residuals = elo[place] - evaluate_test_curve(ceiling, gain, half, steepness, budgets)
        curves.append(
            TestCurve(
                run.run,
                members[0].snapshot,
                run.size,
                run.width,
                run.depth,
                tables.snapshot_by_key[run.run, members[0].snapshot].train_flops,
                budgets,
                np.array([member.test_flops for member in members]),
                elo[place],
                np.array([rating.low for rating in row]),
                np.array([rating.high for rating in row]),
                highest,
                ceiling,
                gain,
                half,
                steepness,
                float(np.sqrt((residuals**2).mean())),
                float(stops_paying(fitted[place], budgets)),
                {name: (float(low[place]), float(high[place])) for name, (low, high) in zip(_NAMES, ends.reshape(2, 2, -1), strict=True)},
            )
        )
    return curves


def _find_highest(tables: Tables, size: int) -> float:
    return 0.0 if tables.knows_zero(size) else math.inf


def _ends(copies: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """Return 95 % intervals from curves float64[R, N, 4]: low and high of the ceiling and of what is enough, float64[4, N]."""
    enough = stops_paying(copies, budgets)
    ends = np.full((4, copies.shape[1]), np.nan)
    ends[:2] = interval(copies[..., 0])
    for place in range(copies.shape[1]):
        known = enough[:, place][~np.isnan(enough[:, place])]
        ends[2:, place] = bound_interval(known, known)
    return ends


def _read_best(surface: Surface, picking: np.ndarray, rating: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick the run that is best at the largest budget: int64[R, G]; returns with it its Elo by the other half: float64[R, T, G]."""
    picked, values = surface.interpolate_halves(picking, rating, drawn)
    run = np.argmax(picked[:, :, -1], axis=1)
    elo = np.take_along_axis(values, run[:, None, None, :], axis=1)[:, 0]
    return run, np.where(np.isfinite(elo), elo, np.nan)


def _fit_rows(logs: np.ndarray, elo: np.ndarray, highest: float, refinements: int) -> np.ndarray:
    first, last = logs[0], logs[-1] + math.log(4)
    half, steepness = np.meshgrid(np.linspace(first, last, _HALVES), np.log(_STEEPNESSES), indexing="ij")
    grid = np.stack([half.ravel(), steepness.ravel()], axis=-1)
    place, linear = _best_shapes(logs, elo, highest, grid[None])
    ends = grid.min(axis=0), grid.max(axis=0)
    step = np.array([half[1, 0] - half[0, 0], steepness[0, 1] - steepness[0, 0]])
    offsets = np.stack(np.meshgrid([-1.0, -0.5, 0.0, 0.5, 1.0], [-1.0, -0.5, 0.0, 0.5, 1.0]), axis=-1).reshape(-1, 2)
    for _ in range(refinements):
        step = step / 2
        place, linear = _best_shapes(logs, elo, highest, np.clip(place[:, None] + 2 * step * offsets, *ends))
    return np.concatenate([linear, np.exp(place)], axis=-1)


def _best_shapes(logs: np.ndarray, elo: np.ndarray, highest: float, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best of the shapes float64[1 or N, M, 2], log half and log steepness, for each row of Elo, float64[N, T].

    Returns:
        The shape and, with it, ceiling and gain: float64[N, 2] each.
    """
    missing = 1 / (1 + np.exp(np.exp(grid[..., 1:]) * (logs - grid[..., :1])))  # [1 or N, M, T], the share of the gain still to come
    product = elo @ missing[0].T if len(grid) == 1 else np.einsum("nmt,nt->nm", missing, elo)
    count, total = len(logs), elo.sum(axis=-1)[:, None]
    sums, squares = missing.sum(axis=-1), (missing**2).sum(axis=-1)
    gain = (sums * total - count * product) / np.maximum(count * squares - sums**2, 1e-12)
    ceiling = (total + gain * sums) / count
    gain = np.maximum(np.where(ceiling > highest, (highest * sums - product) / squares, gain), 0.0)
    ceiling = np.minimum((total + gain * sums) / count, highest)
    errors = count * ceiling**2 - 2 * ceiling * total + gain**2 * squares + 2 * gain * product - 2 * ceiling * gain * sums
    best = np.argmin(errors, axis=-1)
    rows = np.arange(len(elo))
    return np.broadcast_to(grid, (len(elo), *grid.shape[1:]))[rows, best], np.stack([ceiling[rows, best], gain[rows, best]], axis=-1)

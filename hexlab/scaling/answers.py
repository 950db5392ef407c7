"""The claims of Jones 2021, answered: its values, ours with 95 % intervals, and a verdict by one rule for all.

The rule. What counts as the paper's value is a range around it: a quarter of it either way, taken of decades for factors of compute and of
log odds for shares of games. A claim holds if the whole interval is within the range, it does not hold if the whole interval is outside,
and it is undecided otherwise: an interval too wide to tell decides nothing, though it may hold the paper's value. Two claims are one-sided:
a sigmoid is better than curves that do not level off or not, and a prediction may be better than the paper's.

Some claims can be measured in two ways that need not agree, by the law and by what it is fitted to: both are answered, a row each.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.stats

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import (
    Growth,
    Reach,
    bound_interval,
    crossing,
    find_reaches,
    fit_growth,
    format_estimate,
    format_factor,
    format_number,
)
from hexlab.scaling.extrapolation import extrapolate, paper_extrapolations
from hexlab.scaling.frontiers import Frontier, paper_frontier
from hexlab.scaling.laws import PARAMETERS, derive_growth, derive_takeoff, interval
from hexlab.scaling.paper import PAPER_DOUBLING_SCORE, PAPER_LAW, PAPER_NETWORK_SIZE, PAPER_TRADEOFF
from hexlab.scaling.saturation import TestCurve
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.text_tables import TextTable

__all__ = ["RULE", "Answer", "answer_claims", "compare_shapes", "find_takeoffs", "tabulate_answers"]

RULE = (
    "A claim holds if our whole 95 % interval is within the range that counts as the paper's value, does not hold if all of it is "
    "outside, and is undecided otherwise. The range is a quarter of the value either way, of its decades for factors of compute, of its "
    "log odds for shares of games."
)
"""The rule of the verdicts, for readers of a table."""

_NAN = math.nan
_NEAR = 0.25  # share of the paper's value by which ours may differ
_RISEN = 0.85  # share of the distance from random to perfect play that is left at take-off


@dataclasses.dataclass(frozen=True)
class Answer:
    """One claim of the paper and what these tables say of it.

    Attributes:
        claim: the claim, in the paper's round numbers; with ", by ..." for the second way in which it is measured.
        measured: what is compared, with its unit.
        paper: the paper's value of that; nan for a claim without a number.
        near: the range that counts as the paper's value.
        remark: where the paper's value is from, and what its own data say.
        value: ours; nan if it cannot be had.
        low: lower end of its 95 % interval, -inf if open; nan without bootstrap.
        high: upper end, inf if open.
        missing: why there is no value, "" if there is one.
        factor: whether it is a factor, known by its order of magnitude rather than to a digit.
    """

    claim: str
    measured: str
    paper: float
    near: tuple[float, float]
    remark: str
    value: float = _NAN
    low: float = _NAN
    high: float = _NAN
    missing: str = ""
    factor: bool = False

    @property
    def verdict(self) -> str:
        """Say "holds", "does not hold" or "undecided", by the rule of the module; without an interval nothing is decided."""
        least, most = self.near
        if self.missing or math.isnan(self.low) or math.isnan(self.high):
            return "undecided"
        if least <= self.low and self.high <= most:
            return "holds"
        return "does not hold" if self.low > most or self.high < least else "undecided"

    def __str__(self) -> str:
        """Return ours in words, such as "10.4 [9.8, 11.2]"."""
        write = format_factor if self.factor else format_estimate
        return self.missing or write(self.value, self.low, self.high)

    @property
    def range(self) -> str:
        """What counts as the paper's value, in words."""
        least, most = self.near
        if math.isinf(least) or math.isinf(most):
            return f"below {_format_share(most)}" if math.isinf(least) else f"above {_format_share(least)}"
        return f"{_format_share(least)} to {_format_share(most)}"


def answer_claims(analysis: Analysis) -> tuple[Answer, ...]:
    """Answer the paper's claims from an analysis, in the order of its text."""
    return (
        *_answer_slope(analysis),
        *_answer_growth(analysis),
        _answer_distance(analysis),
        _answer_exchange(analysis),
        _answer_shape(analysis),
        _answer_size(analysis),
        _answer_prediction(analysis),
    )


def tabulate_answers(answers: Sequence[Answer]) -> TextTable:
    """Return a row for each answer, with its verdict."""
    rows = []
    for answer in answers:
        paper = f"{_format_share(answer.paper)}, {answer.remark}" if math.isfinite(answer.paper) else answer.remark
        rows.append((answer.claim, answer.measured, paper, answer.range, str(answer), answer.verdict))
    heads = ("claim", "what is compared", "the paper", "counts as the same", "ours, 95 % interval", "verdict")
    return TextTable("Claims of Jones 2021 and ours", heads, tuple(rows), RULE, (4,))


def find_takeoffs(frontier: Frontier, weakest: dict[int, float], copies: dict[int, np.ndarray] | None = None) -> tuple[Reach, ...]:
    """Return for each board the compute at which its frontier has risen by 15 % of the way from random to perfect play.

    Args:
        frontier: what `compute_frontier` returned.
        weakest: Elo of random play by board size.
        copies: bootstrap copies of the frontier, as `resample_frontier` returns them.
    """
    reaches = []
    for board in frontier.boards:
        level = _RISEN * weakest[board.size]
        drawn = np.array([crossing(board.log10_flops, row, level) for row in (copies or {}).get(board.size, ())], float).reshape(-1, 2)
        found = crossing(board.log10_flops, board.elo, level)
        reaches.append(Reach(board.size, "takeoff", level, found, *bound_interval(*drawn.T), drawn))
    return tuple(reaches)


def compare_shapes(curves: Sequence[TestCurve], *, bootstrap: int = 0, seed: int = 0) -> tuple[float, float, float]:
    """Return by how much curves that do not level off miss Elo over log compute more than sigmoids do.

    These are a straight line and a parabola, which bends as a sigmoid does but has no ceiling; the better of them counts. The number is
    the ratio of two root mean squared errors over all curves, each freed of what its parameters fit by themselves: 1 where a sigmoid is
    no better.

    Args:
        curves: of any boards; those rated at fewer than five budgets, which a sigmoid follows exactly, are left out.
        bootstrap: number of bootstrap copies over runs; 0 for no interval.
        seed: of the copies.

    Returns:
        (ratio, lower end, upper end of its 95 % interval).

    Raises:
        NotEnoughDataError: no snapshot was rated at five budgets.
    """
    runs: dict[str, list[np.ndarray]] = {}
    for curve in curves:
        budgets = len(curve.simulations)
        if budgets > 4 and math.isfinite(curve.rmse):
            logs = np.log(curve.simulations)
            errors = [curve.elo - np.polyval(np.polyfit(logs, curve.elo, degree), logs) for degree in (1, 2)]
            squares = [*(float((each**2).sum()) for each in errors), budgets * curve.rmse**2]
            runs.setdefault(curve.run, []).append(np.array([squares, [budgets - 2, budgets - 3, budgets - 4]]))
    if not runs:
        raise NotEnoughDataError("not enough data: needs a snapshot rated at five test budgets or more")
    sums = np.array([np.sum(rows, axis=0) for _, rows in sorted(runs.items())])

    def compare(total: np.ndarray) -> np.ndarray:
        line, parabola, sigmoid = np.moveaxis(np.sqrt(total[..., 0, :] / total[..., 1, :]), -1, 0)
        return np.minimum(line, parabola) / sigmoid

    value = float(compare(sums.sum(axis=0)))
    if not bootstrap:
        return value, _NAN, _NAN
    drawn = np.random.default_rng([seed & 0xFFFFFFFF, 6]).integers(len(sums), size=(bootstrap, len(sums)))
    low, high = interval(compare(sums[drawn].sum(axis=1)))
    return value, float(low), float(high)


def _answer_slope(analysis: Analysis) -> list[Answer]:
    slope = Answer(
        "500 Elo a decade of training compute", "incline of the change-point law, Elo a decade of true FLOPs", 500, _near(500),
        f"its table of the law says {PAPER_LAW['m_flops']:.0f}",
    )  # fmt: skip
    direct = Answer(
        f"{slope.claim}, by direct games", "the same by the score against perfect play alone", 500, _near(500),
        "its figure 10 checks its Elo so",
    )  # fmt: skip
    doubled = Answer(
        "twice the compute wins 2/3 of the games", "share won, %, that the first incline stands for", 100 * PAPER_DOUBLING_SCORE,
        _near_share(PAPER_DOUBLING_SCORE), "500 Elo a decade would win 70 %",
    )  # fmt: skip
    law = analysis.laws.get("change_point")
    if law is None or analysis.frontier is None:
        reason = analysis.missing.get("law", analysis.missing.get("frontier", "not enough data: needs a frontier"))
        return [dataclasses.replace(answer, missing=reason) for answer in (slope, direct, doubled)]

    def win(steepness: np.ndarray) -> np.ndarray:
        return 100 / (1 + 10 ** (-steepness * math.log10(2) / 400))

    found, copies = law.vector[2], law.replicates[:, 2]
    other, beside = analysis.direct_law, analysis.law_beside_direct
    if other is None or beside is None:
        direct = dataclasses.replace(direct, missing=analysis.missing["direct law"])
    else:
        boards = ", ".join(f"{size}x{size}" for size in other.sizes)
        by_elo = _settle(slope, beside.vector[2], beside.replicates[:, 2])
        measured = f"{direct.measured}, {boards}, as deep as games tell; Elo of the same boards, so deep, says {by_elo}"
        direct = _settle(dataclasses.replace(direct, measured=measured), other.vector[2], other.replicates[:, 2])
    return [_settle(slope, found, copies), direct, _settle(doubled, float(win(found)), win(copies))]


def _answer_growth(analysis: Analysis) -> list[Answer]:
    theirs = paper_frontier()
    their_law = np.array([PAPER_LAW[name] for name in PARAMETERS])
    front = analysis.paper_count
    weakest = {size: _find_weakest(analysis, size) for size in front.sizes} if front else {}

    def grow(frontier: Frontier | None, find: Callable[[Frontier], Sequence[Reach]]) -> Growth:
        if frontier is None:
            raise NotEnoughDataError(analysis.missing.get("frontier", "not enough data: needs a frontier"))
        return fit_growth(find(frontier))

    def find_theirs(frontier: Frontier) -> Sequence[Reach]:
        return find_takeoffs(frontier, {board.size: float(np.nanmin(board.elo)) for board in frontier.boards})

    perfect = grow(theirs, find_reaches).factor
    takeoff = grow(theirs, find_theirs).factor
    law = analysis.laws.get("change_point")
    ways: list[tuple[Answer, Callable[[Frontier], Sequence[Reach]], Callable[[np.ndarray], np.ndarray]]] = [
        (
            Answer(
                "7x the compute a board for perfect play", "factor a board of the compute of -50 Elo, by its crossings", 7, _near_factor(7),
                f"from its law; its curves cross -50 Elo at {perfect:.1f}x", factor=True,
            ),
            lambda frontier: [reach for reach in analysis.reaches if reach.scale == "elo"],
            derive_growth,
        ),
        (
            Answer(
                "4x the compute a board to take off", "factor a board of the compute of its first 15 %", 4, _near_factor(4),
                f"its law says {derive_takeoff(their_law):.1f}x, its curves {takeoff:.1f}x", factor=True,
            ),
            lambda frontier: find_takeoffs(frontier, weakest, dict(analysis.paper_copies)),
            derive_takeoff,
        ),
    ]  # fmt: skip
    answers = []
    for answer, find, derive in ways:
        theirs_by_law = float(derive(their_law))
        by_law = dataclasses.replace(
            answer, claim=f"{answer.claim}, by the law", measured="factor a board by the change-point law", paper=theirs_by_law,
            near=_near_factor(theirs_by_law), remark=f"by its law too; its text says {answer.paper:g}x",
        )  # fmt: skip
        if law is None or len(law.sizes) < 2:
            by_law = dataclasses.replace(by_law, missing=analysis.missing.get("law", "not enough data: needs two boards"))
        else:
            by_law = _settle(by_law, float(derive(law.vector)), derive(law.replicates))
        try:
            growth = grow(front, find)
        except NotEnoughDataError as error:
            answers += [dataclasses.replace(answer, missing=str(error)), by_law]
        else:
            measured = answer.measured + "".join(f"; {size}x{size} left out, {reason}" for size, reason in growth.left_out.items())
            answers += [dataclasses.replace(answer, measured=measured, value=growth.factor, low=growth.low, high=growth.high), by_law]
    return answers


def _answer_distance(analysis: Analysis) -> Answer:
    theirs = {board.size: float(board.curves.plain.min()) for board in paper_frontier().boards}
    answer = Answer(
        "500 Elo a board from random to perfect play", "growth of the distance of random play, Elo a board", 500, _near(500),
        f"its law says {-PAPER_LAW['m_plateau']:.0f}, its weakest snapshots {-_slope(theirs)[0]:.0f}",
    )  # fmt: skip
    rated = {}
    for agent in analysis.tables.agents:
        if agent.kind == "random" and agent.agent in analysis.tables.rating_by_agent and analysis.tables.knows_zero(agent.size):
            rated[agent.size] = analysis.tables.rating_by_agent[agent.agent]
    if len(rated) < 2:
        return dataclasses.replace(answer, missing="not enough data: needs random play on two boards")
    distances = {size: -row.elo for size, row in rated.items()}
    growth, weights = _slope(distances)
    half_width = math.hypot(*(weight * (rated[size].high - rated[size].low) / 2 for size, weight in weights.items()))
    if len(rated) > 2:  # steps that differ by more than ratings are known are doubt of the line too
        sizes, values = (np.array(each, float) for each in zip(*sorted(distances.items()), strict=True))
        misses = values - values.mean() - growth * (sizes - sizes.mean())
        scatter = math.sqrt(float((misses**2).sum()) / (len(rated) - 2))
        half_width = max(half_width, float(scipy.stats.t.ppf(0.975, len(rated) - 2)) * scatter * math.hypot(*weights.values()))
    steps = ", ".join(f"{distances[size] - distances[before]:.0f}" for before, size in itertools.pairwise(sorted(distances)))
    measured = f"{answer.measured}; its steps: {steps}"
    return dataclasses.replace(answer, measured=measured, value=growth, low=growth - half_width, high=growth + half_width)


def _answer_exchange(analysis: Analysis) -> Answer:
    size = max((size for size, tradeoff in analysis.tradeoffs.items() if tradeoff.networks != 1), default=0)
    answer = Answer(
        "10x the training replaces 15x the search", "factor of search that a decade of training saves", 15, _near_factor(15),
        f"of 9x9; the line of its figure 9 says {10 ** -PAPER_TRADEOFF['slope']:.0f}", factor=True,
    )  # fmt: skip
    if not size:
        reasons = [reason for name, reason in analysis.missing.items() if name.startswith("tradeoff")]
        needed = "not enough data: needs a trade-off on a board with two networks"
        return dataclasses.replace(answer, missing=reasons[-1] if reasons else needed)
    tradeoff = analysis.tradeoffs[size]
    low, high = tradeoff.intervals["slope"]
    measured = f"{answer.measured}, {size}x{size}"
    return dataclasses.replace(answer, measured=measured, value=10**-tradeoff.slope, low=10**-high, high=10**-low)


def _answer_shape(analysis: Analysis) -> Answer:
    answer = Answer(
        "Elo is a sigmoid of the search", "error of the better of a line and a parabola over that of the sigmoid", _NAN, (1, math.inf),
        "figure 8, without a fit",
    )  # fmt: skip
    curves = [curve for boards in analysis.test_curves.values() for curve in boards]
    try:
        value, low, high = compare_shapes(curves, bootstrap=analysis.bootstrap, seed=analysis.seed)
    except NotEnoughDataError as error:
        return dataclasses.replace(answer, missing=str(error))
    return dataclasses.replace(answer, value=value, low=low, high=high)


def _answer_size(analysis: Analysis) -> Answer:
    exponent = PAPER_NETWORK_SIZE["exponent"]
    answer = Answer(
        f"the best net's size grows as compute to the {exponent}", "exponent of width^2 x depth on the frontiers", exponent,
        _near(exponent), "fitted to its curves",
    )  # fmt: skip
    law = analysis.network_size
    if law is None:
        return dataclasses.replace(answer, missing=analysis.missing.get("network size", "not enough data: needs a frontier"))
    return dataclasses.replace(answer, value=law.exponent, low=law.low, high=law.high)


def _answer_prediction(analysis: Analysis) -> Answer:
    claim, what = "smaller boards predict the next", "squared error of the law on the next board, % of the mean squared Elo"
    front = analysis.frontier
    known = {(each.size, each.seen): 100 * each.unexplained for each in paper_extrapolations()}
    next_boards = [pair for pair in known if pair[0] == pair[1] + 1]
    if front is None or len(front.sizes) < 3:
        size, seen = min(next_boards)
        reason = "not enough data: needs three boards, to fit two and predict one"
    else:
        size, seen = front.sizes[-1], front.sizes[-2]
        reason = ""
    theirs = known.get((size, seen), max(known[pair] for pair in next_boards))
    remark = f"its curves, {size}x{size} from boards up to {seen}x{seen}; its next boards {_list_shares(known, next_boards)}"
    answer = Answer(claim, f"{what}, {size}x{size}", theirs, (-math.inf, (1 + _NEAR) * theirs), remark, missing=reason)
    if reason or front is None:
        return answer
    ours = {(each.size, each.seen): each for each in extrapolate(front, analysis.copies, seed=analysis.seed)}
    found = ours[size, seen]
    before = {pair: 100 * each.unexplained for pair, each in ours.items() if pair[0] == pair[1] + 1}
    if len(before) > 1:
        answer = dataclasses.replace(answer, measured=f"{answer.measured}; ours on the next boards {_list_shares(before, sorted(before))}")
    return dataclasses.replace(answer, value=100 * found.unexplained, low=100 * found.low, high=100 * found.high)


def _list_shares(shares: Mapping[tuple[int, int], float], pairs: Sequence[tuple[int, int]]) -> str:
    """Return shares in words, of the smallest board first."""
    first, last = min(pairs)[0], max(pairs)[0]
    return f"{first}x{first} to {last}x{last}: {', '.join(f'{shares[pair]:.2g}' for pair in sorted(pairs))}"


def _settle(answer: Answer, value: float, copies: np.ndarray) -> Answer:
    low, high = map(float, interval(copies)) if len(copies) else (_NAN, _NAN)
    return dataclasses.replace(answer, value=float(value), low=low, high=high)


def _slope(values: dict[int, float]) -> tuple[float, dict[int, float]]:
    """Return the slope of a line through values by board size, and the weight of each value in it."""
    sizes = np.array(sorted(values), float)
    weights = (sizes - sizes.mean()) / ((sizes - sizes.mean()) ** 2).sum()
    by_size = dict(zip(sorted(values), weights.tolist(), strict=True))
    return sum(weight * values[size] for size, weight in by_size.items()), by_size


def _find_weakest(analysis: Analysis, size: int) -> float:
    rated = [analysis.tables.rating_by_agent[agent.agent].elo for agent in analysis.tables.agents if _is_random(analysis, agent, size)]
    return min(rated) if rated else min(row.elo for row in analysis.tables.ratings if row.size == size)


def _is_random(analysis: Analysis, agent, size: int) -> bool:
    return agent.size == size and agent.kind == "random" and agent.agent in analysis.tables.rating_by_agent


def _near(value: float) -> tuple[float, float]:
    return (1 - _NEAR) * value, (1 + _NEAR) * value


def _near_factor(value: float) -> tuple[float, float]:
    return value ** (1 - _NEAR), value ** (1 + _NEAR)


def _near_share(value: float) -> tuple[float, float]:
    odds = value / (1 - value)
    least, most = _near_factor(odds)
    return 100 * least / (1 + least), 100 * most / (1 + most)


def _format_share(value: float) -> str:
    return format_number(float(f"{value:.3g}"))

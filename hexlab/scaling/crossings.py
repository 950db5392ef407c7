"""What a level of strength costs: where frontiers cross it, with what is only known to lie below or above.

A frontier that starts above a level has crossed it below its cheapest agent, one that never reaches it crosses above its dearest:
such a crossing is censored, a bound and not a number. Every crossing is kept as two bounds, and quantiles are taken of the lower
bounds for the lower end of an interval, of the upper bounds for its upper end, so that an interval may be open on one side.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from hexlab.scaling.frontiers import Frontier, resample_scored
from hexlab.scaling.laws import LEVEL
from hexlab.scaling.tables import NotEnoughDataError

__all__ = [
    "ELO",
    "SCORE",
    "Crossing",
    "Growth",
    "Reach",
    "bound_interval",
    "crossing",
    "extend_crossings",
    "find_reaches",
    "fit_growth",
    "format_estimate",
    "format_factor",
    "format_number",
]

ELO = -50.0
"""The level in Elo."""
SCORE = 1 / (1 + 10 ** (-ELO / 400))
"""The share of games against perfect play that the level stands for, 42.85 %."""


class Crossing(NamedTuple):
    """Bounds of log10 of the compute at which a frontier reaches a level; equal where the crossing is seen.

    >>> Crossing(-math.inf, 9.5).value, Crossing(9.7, 9.7).value, Crossing(10.5, math.inf).value
    (-inf, 9.7, inf)

    Attributes:
        low: lower bound, -inf if the frontier is above the level at its cheapest.
        high: upper bound, inf if it never reaches it.
    """

    low: float
    high: float

    @property
    def seen(self) -> bool:
        """Whether the crossing itself is known."""
        return self.low == self.high

    @property
    def value(self) -> float:
        """The crossing; -inf if it is below the cheapest agent, inf if above the dearest, nan if nothing is known."""
        if self.seen:
            return self.low
        return math.nan if math.isinf(self.low) and math.isinf(self.high) else -math.inf if math.isinf(self.low) else math.inf


@dataclasses.dataclass(frozen=True, eq=False)
class Reach:
    """What a level costs on one board.

    Attributes:
        size: board size.
        scale: "elo", or "score" for the direct score against perfect play of the same agents.
        level: the level, in Elo or as a share of games won.
        crossing: of the frontier, log10 of compute.
        low: lower end of its 95 % bootstrap interval, -inf if open; nan without bootstrap.
        high: upper end, inf if open.
        copies: float64[R, 2], bounds of the crossing of each bootstrap copy; R is 0 without bootstrap.
    """

    size: int
    scale: str
    level: float
    crossing: Crossing
    low: float
    high: float
    copies: np.ndarray

    @property
    def bound(self) -> str:
        """Say "below" or "above" where the crossing is known as a bound alone, else ""."""
        return "" if self.crossing.seen else "below" if math.isinf(self.crossing.low) else "above"

    @property
    def value(self) -> float:
        """log10 of compute: the crossing, or the finite one of its bounds."""
        return self.crossing.high if math.isinf(self.crossing.low) else self.crossing.low

    def __str__(self) -> str:
        """Return the crossing with its interval in words, such as "9.70 [below 9.92]"."""
        return format_estimate(self.value, self.low, self.high, self.bound)


@dataclasses.dataclass(frozen=True)
class Growth:
    """How the cost of a level grows with the board: a line through the boards' crossings.

    Attributes:
        sizes: boards whose frontier is seen to cross.
        left_out: the others, with the reason.
        factor: growth of compute a board.
        low: lower end of its 95 % bootstrap interval, -inf if open; nan without bootstrap.
        high: upper end, inf if open.
    """

    sizes: tuple[int, ...]
    left_out: dict[int, str]
    factor: float
    low: float
    high: float


def crossing(log10_flops: np.ndarray, elo: np.ndarray, level: float) -> Crossing:
    """Return where a frontier reaches a level, linearly interpolated.

    A frontier never falls, though its ratings may by luck of the games: the nondecreasing curve closest to them (isotonic
    regression) is asked, so that neither the first lucky point decides nor the last unlucky one. A curve that never falls is taken
    as it is.

    Args:
        log10_flops: float64[G], increasing.
        elo: float64[G], or another measure of strength; nan where the frontier is not defined.
        level: of that measure.

    >>> crossing(np.array([9.0, 10.0, 11.0]), np.array([-300.0, -100.0, 0.0]), -50.0)
    Crossing(low=10.5, high=10.5)
    """
    known = np.isfinite(elo)
    if not known.any():
        return Crossing(-math.inf, math.inf)
    cost, height = log10_flops[known], isotonic_regression(elo[known]).x
    first = int(np.searchsorted(height, level))
    if first == 0:
        return Crossing(-math.inf, float(cost[0]))
    if first == len(height):
        return Crossing(float(cost[-1]), math.inf)
    share = (level - height[first - 1]) / (height[first] - height[first - 1])
    at = float(cost[first - 1] + share * (cost[first] - cost[first - 1]))
    return Crossing(at, at)


def bound_interval(low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the percentile interval of copies that are known by their bounds; nan, nan if there are none.

    >>> bound_interval(np.array([-math.inf, 9.0, 9.1]), np.array([8.8, 9.0, 9.1]))
    (-inf, 9.1)
    """
    if not len(low):
        return math.nan, math.nan
    # Order statistics, since nothing can be interpolated towards infinity.
    ends = np.quantile(low, (1 - LEVEL) / 2, method="lower"), np.quantile(high, (1 + LEVEL) / 2, method="higher")
    return float(ends[0]), float(ends[1])


def find_reaches(frontier: Frontier, *, bootstrap: int = 0, seed: int = 0) -> tuple[Reach, ...]:
    """Return for each board what -50 Elo costs, and what the score costs that -50 Elo stands for.

    Both are of the same agents, the best at each compute, picked by Elo on one half of the games and rated on the other: by Elo from
    all games there, or by their games against perfect play alone. Boards without games against perfect play have no reach by score.

    The agents near the top are many, and `crossing` takes them together. Were the best one so far kept in their place, its luck on the
    half that rates would stand for all of them.
    """
    reaches = []
    drawn = resample_scored(frontier, bootstrap, seed) if bootstrap else {}
    for board in frontier.boards:
        elo, score = drawn.get(board.size, ((), ()))
        for scale, level, measured, rows in (("elo", ELO, board.elo, elo), ("score", SCORE, board.score, score)):
            if np.isfinite(measured).any():
                copies = np.array([crossing(board.log10_flops, row, level) for row in rows], float).reshape(-1, 2)
                found = crossing(board.log10_flops, measured, level)
                reaches.append(Reach(board.size, scale, level, found, *bound_interval(*copies.T), copies))
    return tuple(reaches)


def fit_growth(reaches: Sequence[Reach]) -> Growth:
    """Fit the factor by which the compute for a level grows with each board, to one scale's reaches.

    Boards whose crossing is not seen are left out. In a bootstrap copy any of the others may be censored; its bounds then bound the
    factor.

    Raises:
        NotEnoughDataError: fewer than two boards are seen to cross.
    """
    used = [reach for reach in reaches if reach.crossing.seen]
    why = {"below": "is above it at its cheapest", "above": "never reaches it"}
    left_out = {reach.size: f"the frontier {why[reach.bound]}" for reach in reaches if not reach.crossing.seen}
    if len(used) < 2:
        reasons = "".join(f"; on {size}x{size} {reason}" for size, reason in left_out.items())
        raise NotEnoughDataError(f"not enough data: needs two boards whose frontier crosses the level{reasons}")
    sizes = np.array([reach.size for reach in used], float)
    # The slope of a line through the crossings is a weighted sum of them.
    slope, low, high = _weigh(used, (sizes - sizes.mean()) / ((sizes - sizes.mean()) ** 2).sum())
    low, high = (10**end if math.isfinite(end) else end for end in (low, high))
    return Growth(tuple(reach.size for reach in used), left_out, 10**slope, low, high)


def extend_crossings(reaches: Sequence[Reach], size: int) -> tuple[float, float, float]:
    """Return where the line through one scale's crossings, as `fit_growth` draws it, puts another board: value, low, high.

    Raises:
        NotEnoughDataError: fewer than two boards are seen to cross.
    """
    used = [reach for reach in reaches if reach.size in fit_growth(reaches).sizes]
    sizes = np.array([reach.size for reach in used], float)
    # So is any point of it.
    away = sizes - sizes.mean()
    return _weigh(used, 1 / len(used) + (size - sizes.mean()) * away / (away**2).sum())


def _weigh(reaches: Sequence[Reach], weights: np.ndarray) -> tuple[float, float, float]:
    """Return a weighted sum of crossings that are seen, and its 95 % interval."""
    least = most = np.zeros(len(reaches[0].copies))
    for weight, reach in zip(weights, reaches, strict=True):
        if weight:
            least = least + weight * reach.copies[:, 0 if weight > 0 else 1]
            most = most + weight * reach.copies[:, 1 if weight > 0 else 0]
    return float(weights @ [reach.crossing.low for reach in reaches]), *bound_interval(least, most)


def format_estimate(value: float, low: float, high: float, bound: str = "") -> str:
    """Return an estimate with its interval in words, to two digits of the interval's width.

    Args:
        value: the estimate, or a bound of it.
        low: lower end of its interval, -inf if open, nan if there is no interval.
        high: upper end, inf if open, nan if there is no interval.
        bound: "below" or "above" if `value` is a bound.

    >>> format_estimate(9.704, 9.62, 9.91), format_estimate(9.704, -math.inf, 9.91), format_estimate(11.2, 11.2, math.inf, "above")
    ('9.70 [9.62, 9.91]', '9.70 [below 9.91]', 'above 11.20')
    >>> format_estimate(9.704, 9.704, 9.704)
    '9.704 [9.704, 9.704]'
    """
    if math.isnan(low) or math.isnan(high) or (math.isinf(low) and math.isinf(high)):
        text = f"{bound} {format_number(value)}".strip()
        return text if math.isnan(low) or math.isnan(high) else f"{text} [without bounds]"
    both = math.isfinite(low) and math.isfinite(high)
    width = high - low if both else abs(value - (low if math.isinf(high) else high))
    if width <= 0 and not bound:  # an interval of one copy, or of equal ones, says nothing of how many digits are known
        text = format_number(value)
        return f"{text} [{text}, {text}]" if both else f"{text} [{'below' if math.isinf(low) else 'above'} {text}]"
    digits = 2 if width <= 0 else min(max(1 - math.floor(math.log10(width)), 0), 3)
    text = f"{bound} {value:.{digits}f}".strip()
    within = f"{low:.{digits}f}, {high:.{digits}f}"
    if not both:
        within = f"below {high:.{digits}f}" if math.isinf(low) else f"above {low:.{digits}f}"
    return (text if text == within else f"{text} [{within}]").replace("-", "−")


def format_factor(value: float, low: float, high: float) -> str:
    """Return a number that is known by its order of magnitude, with its interval in words, each to two digits.

    >>> format_factor(5.72, 2.6, 90_512), format_factor(51.2, 34.8, math.inf), format_factor(51.2, math.nan, math.nan)
    ('5.7 [2.6, 91,000]', '51 [above 35]', '51.2')
    """
    if math.isnan(low) or math.isnan(high) or (math.isinf(low) and math.isinf(high)):
        return format_estimate(value, low, high)
    shown = [f"{float(f'{each:.2g}'):,.12g}" if math.isfinite(each) else "" for each in (value, low, high)]
    within = f"{shown[1]}, {shown[2]}" if shown[1] and shown[2] else f"above {shown[1]}" if shown[1] else f"below {shown[2]}"
    return f"{shown[0]} [{within}]"


def format_number(value: float) -> str:
    """Return a number with four digits at most and a true minus sign; a dash if it is not finite."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 20 else f"{value:.4g}"
    return text.replace("-", "−")

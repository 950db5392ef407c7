"""The exchange rate between search at play and training, and the size of net to train."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hexlab.errors import ConfigError
from hexlab.scaling import pools
from hexlab.scaling.crossings import ELO, crossing
from hexlab.scaling.frontiers import COSTS, Frontier, draw_copies
from hexlab.scaling.laws import interval
from hexlab.scaling.surfaces import Surface
from hexlab.scaling.tables import NotEnoughDataError, Tables

__all__ = ["LevelSlope", "SizeLaw", "Tradeoff", "fit_network_size", "fit_tradeoff"]

_MOST_BETWEEN_LEVELS = 500.0  # Elo that the levels of an exchange are apart


class LevelSlope(NamedTuple):
    """The exchange at one Elo: a line through its points alone.

    Attributes:
        level: Elo.
        points: how many there are, two at least.
        decades: of training compute that they span.
        slope: decades of test compute a decade of training.
        low: lower end of its 95 % bootstrap interval; nan without bootstrap.
        high: upper end.
    """

    level: float
    points: int
    decades: float
    slope: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class Tradeoff:
    """Training and test compute that buy the same Elo: ``log10 test = slope * log10 train + per_elo * Elo + intercept``.

    The slope is that of parallel lines, one through the points of each Elo. A plane fitted to all points at once, as in the paper, bends
    its slope to levels that are not evenly apart in compute, as those near perfect play are not.

    Lines of one slope are the paper's; whether one slope does for all levels is not given. Levels weigh in it by how far they spread in
    training compute, weak ones most. So each level has a slope of its own in `by_level`, and `steepening` says by how much the stronger
    half of the levels falls more steeply than the weaker half.

    Attributes:
        size: board size.
        x: unit of training compute.
        levels: float64[P], the Elo of each point.
        log10_train: float64[P], training compute.
        log10_test: float64[P], compute a move with which the run picked for needing least reaches the level, by the other games.
        slope: decades of test compute a decade of training; -1 is an even exchange.
        per_elo: decades of test compute an Elo, by a straight line through the heights of the parallel lines.
        intercept: log10 of test compute, likewise.
        intervals: 95 % bootstrap intervals of "slope", "per_elo" and "intercept"; (nan, nan) without bootstrap.
        r2: share of the variance of `log10_test` that the parallel lines explain.
        by_level: the exchange at each Elo with two points or more, the weakest first.
        steepening: slope of parallel lines through the stronger half of the levels in `by_level`, the middle one among them, less that
            through the weaker half; nan for fewer than two levels.
        steepening_interval: its 95 % bootstrap interval; (nan, nan) without bootstrap.
        steepening_99: its 99 % bootstrap interval, to be asked where five boards are looked at, likewise.
        networks: networks of different width or depth that were rated, 0 if not told. The exchange of one alone is that of going on with
            its training: weak levels, which a narrow network would reach for less, come out too dear in training and the slope too steep.
    """

    size: int
    x: str
    levels: np.ndarray
    log10_train: np.ndarray
    log10_test: np.ndarray
    slope: float
    per_elo: float
    intercept: float
    intervals: Mapping[str, tuple[float, float]]
    r2: float
    by_level: tuple[LevelSlope, ...] = ()
    steepening: float = float("nan")
    steepening_interval: tuple[float, float] = (float("nan"), float("nan"))
    steepening_99: tuple[float, float] = (float("nan"), float("nan"))
    networks: int = 0

    def predict(self, level: float, log10_train) -> np.ndarray:
        """Return log10 of the test compute that reaches `level` with that training compute, where levels are evenly apart."""
        return self.slope * np.asarray(log10_train, float) + self.per_elo * level + self.intercept


@dataclasses.dataclass(frozen=True, eq=False)
class SizeLaw:
    """Size of the net on the frontier: ``log10(width**2 * depth) = exponent * log10 C + intercept``.

    Attributes:
        x: unit of compute.
        boards: int64[P], board of each point.
        log10_flops: float64[P], compute.
        log10_weights: float64[P], log10 of width**2 * depth of the run on the frontier.
        exponent: growth of size with compute.
        intercept: log10 of weights.
        low: lower end of the exponent's 95 % bootstrap interval, -inf where no copy allows a fit; nan without bootstrap.
        high: upper end, inf where no copy allows a fit.
        r2: share of the variance explained.
        replicates: float64[R, 2], exponent and intercept of each bootstrap copy that allows a fit; R is 0 without bootstrap.
    """

    x: str
    boards: np.ndarray
    log10_flops: np.ndarray
    log10_weights: np.ndarray
    exponent: float
    intercept: float
    low: float
    high: float
    r2: float
    replicates: np.ndarray


def fit_tradeoff(
    tables: Tables,
    size: int,
    *,
    x: str = "train_flops",
    levels: Sequence[float] | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> Tradeoff:
    """Fit how training and test compute trade at equal Elo, after figure 9 of Jones 2021.

    On a grid of training compute of a tenth of a decade, each run's Elo at each test budget is interpolated between its snapshots,
    and the compute a move at which it reaches a level is interpolated in log10 between its budgets. The run that needs least, where
    it is less than at every lower training compute, is picked by ratings from one half of the games; what it needs by ratings
    from the other half is a point, as for the frontiers. Points where the smallest budget already reaches the level tell nothing of
    the exchange and are left out, like those that no budget reaches, by either half.

    Args:
        tables: an experiment.
        size: board size.
        x: cost of training, "train_flops" or "paper_flops".
        levels: Elo levels; None takes six between the board's weakest agent and -50, or more, so that 500 Elo lie between two at most.
        bootstrap: number of bootstrap copies over openings, seeds and cells; 0 for no intervals.
        seed: of the copies.

    Raises:
        NotEnoughDataError: fewer than two test budgets, fewer than six points on two levels, or games on one half of the openings
            only.
    """
    if x not in COSTS:
        raise ConfigError(f"unknown cost {x!r}: expected one of {', '.join(COSTS)}")
    tables = tables.select(size)
    surface = Surface.of(tables, size, x)
    elo: np.ndarray = np.array([tables.rating_by_agent[agent].elo for agent in surface.agents])
    height = np.asarray(_choose_levels(elo.min()) if levels is None else levels, float)
    halves = pools.gather_halves(tables)
    needed = surface.needed(*surface.measure(halves), height)[0]
    try:
        fit = _fit_exchange(height, surface.grid, needed)
    except NotEnoughDataError as error:
        raise NotEnoughDataError(f"{error}, on {size}x{size}") from None
    slopes = _fit_levels(surface.grid, needed)
    told = np.flatnonzero(np.isfinite(slopes))
    split = int(told[len(told) // 2])
    found = np.array([*fit, _steepen(surface.grid, needed, split), *slopes])
    low = high = np.full(len(found), np.nan)
    wide = (math.nan, math.nan)
    if bootstrap:
        copies = []
        for row in surface.needed(*surface.resample(halves, bootstrap, seed, size), height):
            try:
                one = _fit_exchange(height, surface.grid, row)
            except NotEnoughDataError:
                one = np.full(3, np.nan)
            copies.append([*one, _steepen(surface.grid, row, split), *_fit_levels(surface.grid, row)])
        low, high = interval(np.array(copies))
        first, last = interval(np.array(copies)[:, len(fit)], 0.99)
        wide = float(first), float(last)
    numbers = np.column_stack([found, low, high]).tolist()
    (slope, *of_slope), (per_elo, *of_elo), (intercept, *of_intercept), (steepening, *of_steepening), *by_level = numbers
    at_level, at_cost = np.nonzero(np.isfinite(needed))
    points = needed[at_level, at_cost]
    left = points - slope * surface.grid[at_cost]
    errors = left - _mean_by(at_level, left)[at_level]
    spread = float(((points - points.mean()) ** 2).sum())
    return Tradeoff(
        size,
        x,
        height[at_level],
        surface.grid[at_cost],
        points,
        slope,
        per_elo,
        intercept,
        {"slope": tuple(of_slope), "per_elo": tuple(of_elo), "intercept": tuple(of_intercept)},
        1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
        tuple(
            LevelSlope(float(height[at]), int(mine.sum()), float(np.ptp(surface.grid[mine])), *by_level[at])
            for at, mine in enumerate(np.isfinite(needed))
            if np.isfinite(slopes[at])
        ),
        steepening,
        tuple(of_steepening),
        wide,
        len(set(surface.cells)),
    )


def fit_network_size(frontier: Frontier, *, bootstrap: int = 0, seed: int = 0) -> SizeLaw:
    """Fit the size of the nets on the frontiers, where they rise, against training compute, all boards in one line.

    Points are those of the frontiers' grids between 85 % of a board's depth and where it reaches -50 Elo; beyond, every net plays
    near perfectly and which one is picked means nothing.

    Raises:
        NotEnoughDataError: no two sizes of net among the points.
    """
    boards, costs, runs, spans = [], [], [], []
    for board in frontier.boards:
        sizes = np.log10([width**2 * depth for width, depth in board.curves.cells])
        below = board.log10_flops < crossing(board.log10_flops, board.elo, ELO).high
        rising = np.flatnonzero(below & (board.elo > 0.85 * np.nanmin(board.elo)))
        place = {run: number for number, run in enumerate(board.curves.runs)}
        boards.append(np.full(len(rising), board.size))
        costs.append(board.log10_flops[rising])
        runs.append(sizes[[place[board.run[point]] for point in rising]] if len(rising) else np.empty(0))
        spans.append((rising, sizes))
    cost, size = np.concatenate(costs), np.concatenate(runs)
    if len(set(size.tolist())) < 2:
        raise NotEnoughDataError("not enough data: needs two sizes of net on the rising part of the frontiers")
    exponent, intercept = np.polyfit(cost, size, 1)
    errors = size - (exponent * cost + intercept)
    low = high = float("nan")
    copies = []
    if bootstrap:
        picked = [drawn.pick()[0] for drawn in draw_copies(frontier, bootstrap, seed).values()]
        for copy in range(bootstrap):
            chosen = [run[copy, span] for run, (span, _) in zip(picked, spans, strict=True)]
            values = np.concatenate([np.where(pick >= 0, sizes[pick], np.nan) for pick, (_, sizes) in zip(chosen, spans, strict=True)])
            known = np.isfinite(values)
            if known.sum() > 2:
                copies.append(np.polyfit(cost[known], values[known], 1))
        low, high = map(float, interval(np.array(copies)[:, 0])) if copies else (-math.inf, math.inf)
    return SizeLaw(
        frontier.x,
        np.concatenate(boards),
        cost,
        size,
        float(exponent),
        float(intercept),
        low,
        high,
        1 - float((errors**2).sum() / ((size - size.mean()) ** 2).sum()),
        np.array(copies).reshape(-1, 2),
    )


def _choose_levels(weakest: float) -> np.ndarray:
    """Return levels between an Elo and -50, the weakest first: six, or more where they would lie too far apart."""
    lowest = min(0.8 * weakest, -75.0)
    return np.linspace(lowest, -50.0, max(6, 1 + math.ceil((-50.0 - lowest) / _MOST_BETWEEN_LEVELS))).round()


def _fit_exchange(levels: np.ndarray, grid: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Fit slope, per_elo and intercept of `Tradeoff` to the finite points of float64[L, G] by least squares."""
    at_level, at_cost = np.nonzero(np.isfinite(needed))
    counts = np.bincount(at_level, minlength=len(levels))
    if len(at_level) < 6 or (counts > 1).sum() < 2:
        raise NotEnoughDataError(
            f"not enough data: needs six points of equal Elo on two levels to trade training for search; has {len(at_level)}"
        )
    cost, test = grid[at_cost], needed[at_level, at_cost]
    slope = _fit_parallels(grid, needed)
    return np.array([slope, *np.polyfit(levels[at_level], test - slope * cost, 1)])


def _fit_parallels(grid: np.ndarray, needed: np.ndarray) -> float:
    """Return the slope of parallel lines through the finite points of each row of float64[L, G]; nan where no row has two."""
    at_level, at_cost = np.nonzero(np.isfinite(needed))
    if not len(at_level) or np.bincount(at_level).max() < 2:
        return float("nan")
    cost, test = (values - _mean_by(at_level, values)[at_level] for values in (grid[at_cost], needed[at_level, at_cost]))
    return float((cost @ test) / (cost @ cost))


def _fit_levels(grid: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Return the slope of a line through the points of each level: float64[L], nan where there are fewer than two."""
    return np.array([_fit_parallels(grid, row[None]) for row in needed])


def _steepen(grid: np.ndarray, needed: np.ndarray, split: int) -> float:
    """Return the slope through the levels from `split` on less that through those before."""
    return _fit_parallels(grid, needed[split:]) - _fit_parallels(grid, needed[:split])


def _mean_by(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of the values of each group, by its number; 0 for numbers without values."""
    return np.bincount(groups, values) / np.maximum(np.bincount(groups), 1)

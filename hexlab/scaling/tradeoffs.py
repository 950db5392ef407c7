"""What search at play buys: Elo against test-time compute, its exchange rate with training, and the size of net to train."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import least_squares

from hexlab.errors import ConfigError
from hexlab.scaling import pools
from hexlab.scaling.frontiers import COSTS, SOURCES, Frontier, draw_runs, locate, resample_cells
from hexlab.scaling.laws import interval
from hexlab.scaling.tables import NotEnoughDataError, Tables

__all__ = [
    "SizeLaw",
    "TestCurve",
    "Tradeoff",
    "evaluate_test_curve",
    "fit_network_size",
    "fit_test_curves",
    "fit_tradeoff",
]


@dataclasses.dataclass(frozen=True, eq=False)
class TestCurve:
    """One snapshot's Elo against the compute it spends on a move.

    The fitted curve is ``Elo = -deficit / (1 + (simulations / half) ** steepness)``: logistic in log compute, as the paper finds,
    with perfect play as its upper end, because a search that visits everything is perfect.

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
        deficit: Elo missing to perfect play without any search, where the curve levels off; nan if it was not fitted.
        half: simulations that halve the deficit; nan if not fitted.
        steepness: exponent; nan if not fitted.
        rmse: root mean squared residual in Elo; nan if not fitted.
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
    deficit: float
    half: float
    steepness: float
    rmse: float

    def predict(self, simulations) -> np.ndarray:
        """Return the fitted Elo at a number of simulations a move."""
        return evaluate_test_curve(self.deficit, self.half, self.steepness, simulations)


@dataclasses.dataclass(frozen=True, eq=False)
class Tradeoff:
    """Training and test compute that buy the same Elo: ``log10 test = slope * log10 train + per_elo * Elo + intercept``.

    Attributes:
        size: board size.
        x: unit of training compute.
        levels: float64[P], the Elo of each point.
        log10_train: float64[P], training compute.
        log10_test: float64[P], compute a move with which the run picked for needing least reaches the level, by the other games.
        slope: decades of test compute a decade of training; -1 is an even exchange.
        per_elo: decades of test compute an Elo.
        intercept: log10 of test compute.
        intervals: 95 % bootstrap intervals of "slope", "per_elo" and "intercept"; (nan, nan) without bootstrap.
        r2: share of the variance of `log10_test` explained.
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

    def predict(self, level: float, log10_train) -> np.ndarray:
        """Return log10 of the test compute that reaches `level` with that training compute."""
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
        low: lower end of the exponent's 95 % bootstrap interval; nan without bootstrap.
        high: upper end.
        r2: share of the variance explained.
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


def evaluate_test_curve(deficit: float, half: float, steepness: float, simulations) -> np.ndarray:
    """Return the Elo of a fitted test curve at a number of simulations a move.

    >>> float(evaluate_test_curve(400, 16, 1, 16))
    -200.0
    """
    return -deficit / (1 + (np.asarray(simulations, float) / half) ** steepness)


def fit_test_curves(tables: Tables, size: int) -> tuple[TestCurve, ...]:
    """Fit Elo against test-time compute for every snapshot of a board's grid that was rated at two budgets or more.

    A curve has three parameters and is fitted from four budgets on. With fewer its parameters are nan, as they are where search
    changes Elo by less than 20 or the budgets do not reach far enough to tell. Untrained snapshots are included.

    Raises:
        NotEnoughDataError: no snapshot was rated at two budgets.
    """
    tables = tables.select(size)
    agents: dict[tuple[str, int], list] = {}
    for agent in tables.grid_agents:
        if agent.agent in tables.rating_by_agent:
            agents.setdefault((agent.run, agent.snapshot), []).append(agent)
    curves = []
    for (run, snapshot), members in sorted(agents.items()):
        if len({member.test_simulations for member in members}) < 2:
            continue
        members.sort(key=lambda member: member.test_simulations)
        ratings = [tables.rating_by_agent[member.agent] for member in members]
        simulations = np.array([member.test_simulations for member in members])
        elo = np.array([rating.elo for rating in ratings])
        network = tables.run_by_key[run]
        curves.append(
            TestCurve(
                run,
                snapshot,
                size,
                network.width,
                network.depth,
                tables.snapshot_by_key[run, snapshot].train_flops,
                simulations,
                np.array([member.test_flops for member in members]),
                elo,
                np.array([rating.low for rating in ratings]),
                np.array([rating.high for rating in ratings]),
                *_fit_test_curve(simulations, elo),
            )
        )
    if not curves:
        raise NotEnoughDataError(f"not enough data: needs a snapshot on {size}x{size} rated at two test budgets or more")
    return tuple(curves)


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
    it is less than at every lower training compute, is picked by ratings from one half of the openings; what it needs by ratings
    from the other half is a point, as for the frontiers. Points where the smallest budget already reaches the level tell nothing of
    the exchange and are left out, like those that no budget reaches, by either half.

    Args:
        tables: an experiment.
        size: board size.
        x: cost of training, "train_flops" or "paper_flops".
        levels: Elo levels; None takes six between the board's weakest agent and -50.
        bootstrap: number of bootstrap copies over openings, seeds and cells; 0 for no intervals.
        seed: of the copies.

    Raises:
        NotEnoughDataError: fewer than two test budgets, fewer than six points on two levels, or games on one half of the openings
            only.
    """
    if x not in COSTS:
        raise ConfigError(f"unknown cost {x!r}: expected one of {', '.join(COSTS)}")
    tables = tables.select(size)
    surface = _Surface.of(tables, size, x)
    elo: np.ndarray = np.array([tables.rating_by_agent[agent].elo for agent in surface.agents])
    default = np.linspace(min(0.8 * elo.min(), -75.0), -50.0, 6).round()
    height = np.asarray(default if levels is None else levels, float)
    halves = pools.split_halves(tables.pairings)
    picking, rating = (pools.rate_pool(half).column(surface.agents)[None] for half in halves)
    needed = surface.needed(picking, rating, np.ones((1, len(surface.cells)), bool), height)[0]
    try:
        fit = _fit_plane(height, surface.grid, needed)
    except NotEnoughDataError as error:
        raise NotEnoughDataError(f"{error}, on {size}x{size}") from None
    names = ("slope", "per_elo", "intercept")
    intervals = dict.fromkeys(names, (float("nan"), float("nan")))
    if bootstrap:
        picking, rating = pools.bootstrap_halves(halves, surface.agents, bootstrap, seed + 7919 * size)  # as the frontiers draw them
        drawn = draw_runs(surface.cells, bootstrap, np.random.default_rng([seed & 0xFFFFFFFF, 4, size]), SOURCES)
        copies = []
        for row in surface.needed(picking, rating, drawn, height):
            try:
                copies.append(_fit_plane(height, surface.grid, row))
            except NotEnoughDataError:
                copies.append(np.full(3, np.nan))
        low, high = interval(np.array(copies))
        intervals = {name: (float(low[at]), float(high[at])) for at, name in enumerate(names)}
    at_level, at_cost = np.nonzero(np.isfinite(needed))
    points = needed[at_level, at_cost]
    slope, per_elo, intercept = map(float, fit)
    errors = points - (slope * surface.grid[at_cost] + per_elo * height[at_level] + intercept)
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
        intervals,
        1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
    )


def fit_network_size(frontier: Frontier, *, bootstrap: int = 0, seed: int = 0) -> SizeLaw:
    """Fit the size of the nets on the frontiers, where they rise, against training compute, all boards in one line.

    Points are those of the frontiers' grids between 85 % of a board's depth and the first at -50 Elo; beyond, every net plays
    near perfectly and which one is picked means nothing.

    Raises:
        NotEnoughDataError: no two sizes of net among the points.
    """
    boards, costs, runs, spans = [], [], [], []
    for board in frontier.boards:
        sizes = np.log10([width**2 * depth for width, depth in board.curves.cells])
        above = np.flatnonzero(board.elo >= -50)
        end = int(above[0]) if len(above) else len(board.elo)
        rising = np.flatnonzero(np.isfinite(board.elo[:end]) & (board.elo[:end] > 0.85 * np.nanmin(board.elo)))
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
    if bootstrap:
        picked = resample_cells(frontier, bootstrap, seed)
        copies = []
        for copy in range(bootstrap):
            chosen = [picked[board.size][copy, span] for board, (span, _) in zip(frontier.boards, spans, strict=True)]
            values = np.concatenate([np.where(pick >= 0, sizes[pick], np.nan) for pick, (_, sizes) in zip(chosen, spans, strict=True)])
            known = np.isfinite(values)
            copies.append(np.polyfit(cost[known], values[known], 1)[0] if known.sum() > 2 else np.nan)
        low, high = map(float, interval(np.array(copies)))
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
    )


def _fit_test_curve(simulations: np.ndarray, elo: np.ndarray) -> tuple[float, float, float, float]:
    if len(simulations) < 4:
        return (float("nan"),) * 4
    deepest = max(-float(elo.min()), 10.0)
    logs = np.log(simulations)

    def residuals(row):
        return -row[0] * deepest / (1 + np.exp(row[2] * (logs - row[1]))) - elo

    def jacobian(row):
        grown = np.exp(row[2] * (logs - row[1]))
        by_grown = row[0] * deepest * grown / (1 + grown) ** 2
        return np.stack([-deepest / (1 + grown), -row[2] * by_grown, (logs - row[1]) * by_grown], axis=1)

    bounds = np.array([[0.5, logs[0] - 3.0, 0.05], [3.0, logs[-1] + 3.0, 4.0]])
    # The deficit enters linearly: for each half and steepness of a grid its best value is known, and the best of all is the start.
    halves, exponents = np.linspace(logs[0] - 2.5, logs[-1] + 2.5, 24), np.geomspace(0.1, 3.0, 14)
    half, steepness = np.meshgrid(halves, exponents)
    shape = -deepest / (1 + np.exp(steepness[..., None] * (logs - half[..., None])))
    scale = np.clip((shape * elo).sum(axis=-1) / (shape**2).sum(axis=-1), *(bounds[:, 0] + [0.01, -0.01]))
    at = np.unravel_index(np.argmin(((scale[..., None] * shape - elo) ** 2).sum(axis=-1)), half.shape)
    best = least_squares(residuals, [scale[at], half[at], steepness[at]], jacobian, bounds=tuple(bounds))
    if np.any(best.active_mask) or float(np.ptp(elo)) < 20:
        return (float("nan"),) * 4
    rmse = float(np.sqrt((residuals(best.x) ** 2).mean()))
    return float(best.x[0] * deepest), float(np.exp(best.x[1])), float(best.x[2]), rmse


@dataclasses.dataclass(frozen=True, eq=False)
class _Surface:
    """Elo of every run over training compute (G grid points) and test budgets (T).

    `left`, `right` and `share` [K, T, G] interpolate agents' Elo, `known` bool[K, T, G] says where, `log10_test` float64[K, T] is
    the compute a move.
    """

    grid: np.ndarray
    cells: tuple[tuple[int, int], ...]
    agents: tuple[str, ...]
    left: np.ndarray
    right: np.ndarray
    share: np.ndarray
    known: np.ndarray
    log10_test: np.ndarray

    @classmethod
    def of(cls, tables: Tables, size: int, x: str) -> "_Surface":
        lines: dict[str, dict[int, list[tuple[float, str, float]]]] = {}
        for agent in tables.grid_agents:
            if agent.agent in tables.rating_by_agent:
                flops = getattr(tables.snapshot_by_key[agent.run, agent.snapshot], x)
                if flops > 0 and agent.test_flops > 0:
                    line = lines.setdefault(agent.run, {}).setdefault(agent.test_simulations, [])
                    line.append((float(np.log10(flops)), agent.agent, float(np.log10(agent.test_flops))))
        budgets = sorted({budget for line in lines.values() for budget in line})
        if len(budgets) < 2:
            raise NotEnoughDataError(f"not enough data: needs agents at two test budgets on {size}x{size}; has {len(budgets)}")
        runs = sorted(lines)
        agents = [agent for run in runs for line in lines[run].values() for _, agent, _ in line]
        place = {agent: position for position, agent in enumerate(agents)}
        costs = [cost for run in runs for line in lines[run].values() for cost, _, _ in line]
        first, last = np.ceil(min(costs) * 10 - 1e-9), np.floor(max(costs) * 10 + 1e-9)
        grid = np.arange(first, max(last, first) + 1) / 10
        left = np.zeros((len(runs), len(budgets), len(grid)), np.int64)
        right, share, known = left.copy(), left.astype(float), left.astype(bool)
        log10_test = np.full(left.shape[:2], np.nan)
        for number, run in enumerate(runs):
            for at, budget in enumerate(budgets):
                line = sorted(lines[run].get(budget, ()))
                if line:
                    cost = np.array([each for each, _, _ in line])
                    known[number, at] = grid >= cost[0] - 1e-9
                    log10_test[number, at] = line[0][2]
                    columns = np.array([place[agent] for _, agent, _ in line])
                    left[number, at], right[number, at], share[number, at] = locate(grid, cost, columns)
        cells = tuple((tables.run_by_key[run].width, tables.run_by_key[run].depth) for run in runs)
        return cls(grid, cells, tuple(agents), left, right, share, known, log10_test)

    def needed(self, picking: np.ndarray, rating: np.ndarray, drawn: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Return log10 of the test compute that reaches each level: float64[R, L, G], nan where there is no point.

        Runs are picked by one Elo, float64[R, A], and rated by another.
        """
        heights = [elo[:, self.left] * (1 - self.share) + elo[:, self.right] * self.share for elo in (picking, rating)]
        heights = [np.where(self.known & drawn[:, :, None, None] & np.isfinite(height), height, -np.inf) for height in heights]
        answer = np.full((len(picking), len(levels), len(self.grid)), np.nan)
        for at, level in enumerate(levels):
            (cost, inner), (rated, seen) = (self._reach(height, level) for height in heights)
            best = np.argmin(cost, axis=1)[:, None]
            least, picked_inner, value, picked_seen = (np.take_along_axis(each, best, axis=1)[:, 0] for each in (cost, inner, rated, seen))
            running = np.minimum.accumulate(least, axis=1)
            # A point at the floor, or cheaper ones after it, only say that no search was needed.
            floored = np.minimum.accumulate(np.where(picked_inner, np.inf, least), axis=1)
            earlier = np.concatenate([np.full((len(least), 1), np.inf), running[:, :-1]], axis=1)
            fresh = np.isfinite(running) & (running < floored) & (running < earlier)
            answer[:, at] = np.where(fresh & picked_seen, value, np.nan)
        return answer

    def _reach(self, height: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return log10 of the test compute at which each run reaches a level, float64[R, K, G], inf where it does not.

        With it bool[R, K, G]: whether it lies between two budgets.
        """
        test = np.where(np.isnan(self.log10_test), np.inf, self.log10_test)
        test = np.broadcast_to(test[None, :, :, None], height.shape)
        reached = height >= level
        first = np.argmax(reached, axis=2)[:, :, None]  # lowest budget that reaches the level
        some = reached.any(axis=2)
        before = np.maximum(first - 1, 0)
        up, down = (np.take_along_axis(height, index, axis=2)[:, :, 0] for index in (first, before))
        right, left = (np.take_along_axis(test, index, axis=2)[:, :, 0] for index in (first, before))
        inner = some & (first[:, :, 0] > 0) & np.isfinite(down)
        with np.errstate(invalid="ignore", divide="ignore"):
            between = left + (level - down) / np.where(up > down, up - down, 1.0) * (right - left)
        return np.where(inner, between, np.where(some, right, np.inf)), inner


def _fit_plane(levels: np.ndarray, grid: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Fit log10 test = slope * log10 train + per_elo * level + intercept to the finite points of float64[L, G]."""
    at_level, at_cost = np.nonzero(np.isfinite(needed))
    counts = np.bincount(at_level, minlength=len(levels))
    if len(at_level) < 6 or (counts > 1).sum() < 2:
        raise NotEnoughDataError(
            f"not enough data: needs six points of equal Elo on two levels to trade training for search; has {len(at_level)}"
        )
    design = np.column_stack([grid[at_cost], levels[at_level], np.ones(len(at_level))])
    return np.linalg.lstsq(design, needed[at_level, at_cost], rcond=None)[0]

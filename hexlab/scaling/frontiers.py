"""Frontiers: the best Elo that a given training compute buys on a board, and bootstrap copies of them.

They are made of the grid's runs alone, which differ in network, length and seed. Runs of presets play in the same pools and are set
beside them.

Construction, after Jones 2021, section 5: on a grid of log-spaced compute each run's Elo is interpolated linearly in log10 of
compute between its snapshots, is undefined before its first one and keeps its last value after its last one; the frontier is the
maximum over runs. A maximum of noisy ratings flatters, so the run at each grid point is picked by ratings from one half of the
games and its Elo is read from ratings by the other half. Luck of the games thereby cancels; luck of a training seed stays, since
that agent really exists.

That frontier may fall, where a run gets worse and no other is as good. Beside it stands the one that keeps the best agent of all
smaller compute, since it stays available: by the half that picks, it is the running maximum.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from hexlab import records
from hexlab.errors import ConfigError
from hexlab.scaling import pools
from hexlab.scaling.grids import RunGrid
from hexlab.scaling.tables import NotEnoughDataError, Tables, paper_curves

__all__ = [
    "COSTS",
    "SOURCES",
    "BoardFrontier",
    "Copies",
    "Curves",
    "Frontier",
    "PresetRun",
    "Step",
    "common_budget",
    "compute_frontier",
    "count_games",
    "draw_copies",
    "draw_runs",
    "incline_slope",
    "list_lines",
    "list_preset_runs",
    "make_board",
    "make_curves",
    "paper_frontier",
    "resample_frontier",
    "resample_scored",
]

COSTS = ("train_flops", "paper_flops", "train_seconds", "train_joules")
SOURCES = ("openings", "seeds", "cells")

Line = tuple[str, tuple[int, int], list[tuple[float, str]]]
"""A run, its width and depth, and its agents with log10 of what each had cost, in order of that."""


class Step(NamedTuple):
    """An agent that no cheaper one beats: one corner of the discrete frontier.

    Attributes:
        agent: its key.
        log10_flops: what it had cost to train.
        elo: its rating on the half that did not pick it.
        picked_elo: its rating on the half that picked it.
    """

    agent: str
    log10_flops: float
    elo: float
    picked_elo: float


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """The runs of one board on a common grid of compute. Axis letters: K runs, G grid points, A agents.

    Attributes:
        log10_flops: float64[G], the grid.
        runs: K run keys.
        cells: K pairs (width, depth); runs of one cell differ in their seed alone.
        agents: A agent keys, the snapshots at the test budget.
        agent_run: int64[A], the place of each one's run in `runs`.
        agent_log10_flops: float64[A], what each had cost to train.
        on_grid: the runs on the grid, [K, G].
        picking: float64[A], Elo by the half of the games that picks.
        rating: float64[A], Elo by the half that rates.
        plain: float64[A], Elo by all games.
        perfect: int64[A, 3], openings of the half that rates against perfect play of which an agent won both games, one, none.
        halves: the games behind `picking` and `rating`, None where they are not known.
    """

    log10_flops: np.ndarray
    runs: tuple[str, ...]
    cells: tuple[tuple[int, int], ...]
    agents: tuple[str, ...]
    agent_run: np.ndarray
    agent_log10_flops: np.ndarray
    on_grid: RunGrid
    picking: np.ndarray
    rating: np.ndarray
    plain: np.ndarray
    perfect: np.ndarray
    halves: tuple[pools.PoolGames, pools.PoolGames] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Copies:
    """R copies of the ratings of one board's agents, of each of which a frontier can be taken.

    Attributes:
        curves: the runs of the board.
        picking: float64[R, A], Elo by the half of the games that picks.
        rating: float64[R, A], Elo by the half that rates.
        drawn: bool[R, K], which runs can be picked.
    """

    curves: Curves
    picking: np.ndarray
    rating: np.ndarray
    drawn: np.ndarray

    @classmethod
    def of(cls, curves: Curves, picking: np.ndarray, rating: np.ndarray) -> "Copies":
        """Take what was measured, float64[A] each, as one copy in which every run is drawn."""
        return cls(curves, picking[None], rating[None], np.ones((1, len(curves.runs)), bool))

    @property
    def elo(self) -> np.ndarray:
        """Elo of the picked runs by the games that did not pick them: float64[R, G], nan where no drawn run had started."""
        return self.read(self.rating, *self.pick())

    @property
    def kept_elo(self) -> np.ndarray:
        """Elo of the best agents so far, likewise."""
        return self.read(self.rating, *self.pick(keep=True))

    def pick(self, *, keep: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Pick the best drawn run at each compute or, to keep what was better, at or below it.

        Returns:
            Its place in `curves.runs`, -1 for none, and the grid point at which it is picked: int64[R, G] each.
        """
        values = self.curves.on_grid.interpolate(self.picking)
        values = np.where(self.drawn[:, :, None] & np.isfinite(values), values, -np.inf)
        best, run = values.max(axis=1), values.argmax(axis=1)
        at = np.broadcast_to(np.arange(best.shape[1]), best.shape)
        if keep:
            running = np.maximum.accumulate(best, axis=1)
            risen = np.concatenate([np.ones((len(best), 1), bool), running[:, 1:] > running[:, :-1]], axis=1)
            at = np.maximum.accumulate(np.where(risen, at, 0), axis=1)
            best, run = running, np.take_along_axis(run, at, axis=1)
        return np.where(np.isfinite(best), run, -1), at

    def read(self, values: np.ndarray, run: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return what the agents' values, float64[R, A], are for the picks: float64[R, G], nan where there is none."""
        grid = self.curves.on_grid
        left, right = (np.take_along_axis(values, each[run, at], axis=1) for each in (grid.left, grid.right))
        share = grid.share[run, at]
        return np.where(run < 0, np.nan, left * (1 - share) + right * share)


@dataclasses.dataclass(frozen=True, eq=False)
class BoardFrontier:
    """The frontier of one board.

    Attributes:
        size: board size.
        log10_flops: float64[G], training compute.
        elo: float64[G], Elo of the picked runs by the games that did not pick them.
        picked_elo: float64[G], Elo of the same runs by the games that picked them; on average too high.
        plain_elo: float64[G], the maximum over runs of Elo by all games, as the paper has it.
        score: float64[G], share of their games against perfect play that the picked runs win, by the games that did not pick them; nan
            where they did not meet.
        kept_elo: float64[G], Elo of the best agents so far, picked and rated likewise.
        run: G run keys, the picked ones.
        cell: G pairs (width, depth) of the picked runs.
        steps: the discrete frontier: agents that no cheaper one beats, in order of cost.
        curves: every run of the board on the same grid.
    """

    size: int
    log10_flops: np.ndarray
    elo: np.ndarray
    picked_elo: np.ndarray
    plain_elo: np.ndarray
    score: np.ndarray
    kept_elo: np.ndarray
    run: tuple[str, ...]
    cell: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]
    curves: Curves


@dataclasses.dataclass(frozen=True, eq=False)
class Frontier:
    """Frontiers of all boards at one test budget.

    Attributes:
        x: unit of compute: "train_flops" (2 a multiply-add, self-play and learner), "paper_flops" (the paper's count),
            "train_seconds" (seconds of one core without those of starting), or "train_joules" (the energy of these).
        test_simulations: simulations a move at which the agents play.
        boards: one frontier for each board, in order of size.
    """

    x: str
    test_simulations: int
    boards: tuple[BoardFrontier, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Board sizes, increasing."""
        return tuple(board.size for board in self.boards)

    def __repr__(self) -> str:
        """Return what it spans, without the numbers."""
        return f"Frontier(x={self.x!r}, test_simulations={self.test_simulations}, sizes={list(self.sizes)})"

    def board(self, size: int) -> BoardFrontier:
        """Return the frontier of one board size."""
        for board in self.boards:
            if board.size == size:
                return board
        raise ConfigError(f"no frontier of size {size!r}: there are {list(self.sizes)}")

    def select(self, sizes: Sequence[int]) -> "Frontier":
        """Return the frontiers of some board sizes alone."""
        return dataclasses.replace(self, boards=tuple(self.board(size) for size in sizes))


class PresetRun(NamedTuple):
    """A run of a preset over its S trained snapshots, in order of cost.

    Attributes:
        run: what it is.
        log10_flops: float64[S], what each snapshot had cost to train.
        elo: float64[S], by all games.
        low: float64[S], lower ends of the 95 % intervals.
        high: float64[S], upper ends.
    """

    run: records.Run
    log10_flops: np.ndarray
    elo: np.ndarray
    low: np.ndarray
    high: np.ndarray


def compute_frontier(
    tables: Tables,
    size: int | None = None,
    *,
    x: str = "train_flops",
    test_simulations: int | None = None,
    points: int = 101,
) -> Frontier:
    """Compute the frontier of one board, or of all.

    Args:
        tables: an experiment.
        size: board size; None takes every board.
        x: cost on the axis, one of `COSTS`; with "train_seconds" every ``log10_flops`` is log10 of the seconds of one core, without
            those of starting, with "train_joules" that of the joules of these.
        test_simulations: simulations a move of the agents compared; None takes the budget at which most snapshots are rated, the
            largest of several such.
        points: grid points a board, from its cheapest snapshot to its dearest, evenly in log10.

    Raises:
        NotEnoughDataError: no run with two rated snapshots at that budget, games on one half of the openings only, or seconds of
            tables that hold no timings.
    """
    if x not in COSTS:
        raise ConfigError(f"unknown cost {x!r}: expected one of {', '.join(COSTS)}")
    if points < 2:
        raise ConfigError(f"a grid of {points!r} points: give at least 2")
    budget = common_budget(tables) if test_simulations is None else test_simulations
    sizes = tables.sizes if size is None else (size,)
    boards = tuple(make_board(each, _measured_curves(tables.select(each), each, x, budget, points)) for each in sizes)
    return Frontier(x, budget, boards)


def compute_frontiers(
    tables: Tables, sizes: Sequence[int], *, x: str = "train_flops", test_simulations: int | None = None
) -> tuple[Frontier | None, dict[int, str]]:
    """Compute the frontiers of those boards that allow one: whose zero is known, and that have the snapshots, games and timings.

    Args:
        tables: an experiment.
        sizes: board sizes.
        x: as for `compute_frontier`.
        test_simulations: as for `compute_frontier`; None takes the budget at which most snapshots of all boards are rated.

    Returns:
        The frontiers, None if no board allows one, and why by board size for those that do not.
    """
    boards, missing = [], {}
    for size in sizes:
        if not tables.knows_zero(size):
            missing[size] = f"not enough data: how far Elo 0 on {size}x{size} is from perfect play is not known"
            continue
        try:
            found = compute_frontier(tables, size, x=x, test_simulations=test_simulations)
        except NotEnoughDataError as error:
            missing[size] = str(error)
        else:
            boards.append(found)
    if not boards:
        return None, missing
    return dataclasses.replace(boards[0], boards=tuple(board for found in boards for board in found.boards)), missing


def list_preset_runs(tables: Tables, *, x: str = "train_flops", test_simulations: int = 64) -> tuple[PresetRun, ...]:
    """Return the runs of presets, rated in the same pools as the grid, in order of board, preset and seed.

    Args:
        tables: an experiment.
        x: cost on the axis, "train_flops" or "paper_flops".
        test_simulations: simulations a move of the agents.
    """
    runs = []
    for run in sorted(tables.runs, key=lambda row: (row.size, row.preset, row.seed)):
        rows = []
        for agent in tables.agents:
            if agent.run == run.run and agent.test_simulations == test_simulations and agent.agent in tables.rating_by_agent:
                flops, rating = tables.cost(agent.run, agent.snapshot, x), tables.rating_by_agent[agent.agent]
                if flops > 0:
                    rows.append((np.log10(flops), rating.elo, rating.low, rating.high))
        if run.preset and rows:
            runs.append(PresetRun(run, *np.array(sorted(rows)).T))
    return tuple(runs)


def paper_frontier() -> Frontier:
    """Compute the frontiers of Jones 2021 from its published curves, boards 3 to 9, in the paper's count of compute.

    There are no games behind them and one seed a network, so agents are picked and rated by the same Elo and only cells can be
    drawn again.
    """
    boards = []
    for size in sorted({point.size for point in paper_curves()}):
        runs: dict[tuple[int, int], list[tuple[float, str]]] = {}
        elo = []
        for number, point in enumerate(each for each in paper_curves() if each.size == size):
            runs.setdefault((point.width, point.depth), []).append((point.log10_flops, str(number)))
            elo.append(point.elo)
        lines = [(f"{width}x{depth}", (width, depth), line) for (width, depth), line in runs.items()]
        values = np.array(elo)
        boards.append(make_board(size, make_curves(lines, 101, *(dict(enumerate(values)),) * 3)))
    return Frontier("paper_flops", 64, tuple(boards))


def resample_frontier(frontier: Frontier, samples: int, seed: int, *, sources: Sequence[str] = SOURCES) -> dict[int, np.ndarray]:
    """Draw bootstrap copies of every frontier.

    Each copy draws, with replacement, a board's cells (networks), the seeds of each drawn cell, and within every pairing the
    openings of the picking half and of the rating half; then all agents are rated, picked and rated again as for the frontier
    itself. Only runs that were drawn can be picked, so a copy lacks about a third of the networks: where one network alone
    carries a stretch of the frontier, the interval reaches far down, as it should.

    Args:
        frontier: what `compute_frontier` returned.
        samples: number R of copies.
        seed: any integer; equal seeds give equal copies.
        sources: which of "openings", "seeds" and "cells" are drawn; the others stay as measured.

    Returns:
        float64[R, G] by board size; nan where no drawn run had started.
    """
    return {size: copies.elo for size, copies in draw_copies(frontier, samples, seed, sources=sources).items()}


def draw_copies(frontier: Frontier, samples: int, seed: int, *, sources: Sequence[str] = SOURCES) -> dict[int, Copies]:
    """Draw the copies of which `resample_frontier` returns the frontiers, by board size."""
    unknown = set(sources) - set(SOURCES)
    if unknown or samples < 1:
        raise ConfigError(f"bootstrap of {samples!r} samples over {list(sources)}: expected at least 1 over {', '.join(SOURCES)}")
    copies = {}
    for board in frontier.boards:
        curves = board.curves
        picking, rating = (np.broadcast_to(elo, (samples, len(elo))) for elo in (curves.picking, curves.rating))
        if "openings" in sources and curves.halves:
            picking, rating = pools.bootstrap_halves(curves.halves, curves.agents, samples, seed, board.size)
        rng = np.random.default_rng([pools.board_seed(seed, board.size) & 0xFFFFFFFF, 1])
        copies[board.size] = Copies(curves, picking, rating, draw_runs(curves.cells, samples, rng, sources))
    return copies


def resample_scored(frontier: Frontier, samples: int, seed: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Draw the same bootstrap copies as `resample_frontier`; returns copies of `elo` and of `score`: float64[R, G] each, by board size."""
    scored = {}
    for size, copies in draw_copies(frontier, samples, seed).items():
        # The half that rates is drawn apart from the half that picks, so its games against perfect play may be drawn by themselves.
        perfect, rng = copies.curves.perfect, np.random.default_rng([seed & 0xFFFFFFFF, 5, size])
        met = perfect.sum(axis=1)
        counts = rng.multinomial(met, perfect / np.maximum(met, 1)[:, None], size=(samples, len(met)))
        picked = copies.pick()
        scored[size] = copies.read(copies.rating, *picked), copies.read(_scores(counts), *picked)
    return scored


def draw_runs(cells: Sequence[tuple[int, int]], samples: int, rng: np.random.Generator, sources: Sequence[str]) -> np.ndarray:
    """Draw cells and their seeds with replacement; returns bool[samples, K]: whether each run was drawn at least once."""
    names = sorted(set(cells))
    members = [np.flatnonzero([cell == name for cell in cells]) for name in names]
    counts = np.array([len(runs) for runs in members])
    most = counts.max()
    table = np.array([np.resize(runs, most) for runs in members])  # a row of fewer than the most runs names some of them again
    chosen, places = np.arange(len(names))[None], np.arange(most)
    if "cells" in sources:
        chosen = rng.integers(len(names), size=(samples, len(names)))
    if "seeds" in sources:
        each = counts[chosen][:, :, None]
        places = rng.integers(each, size=(samples, len(names), most))
        places = np.where(np.arange(most) < each, places, places[:, :, :1])  # as many draws as a cell has runs
    runs = np.broadcast_to(table[chosen[:, :, None], places], (samples, len(names), most))
    drawn = np.zeros((samples, len(cells)), bool)
    np.put_along_axis(drawn, runs.reshape(samples, -1), True, axis=1)
    return drawn


def incline_slope(log10_flops: np.ndarray, elo: np.ndarray) -> float:
    """Return the Elo a decade of a frontier's steep part, by least squares over its points between 85 % of its depth and -100.

    The depth is the frontier's lowest Elo. With fewer than three points there (a board with hardly any room), nan.

    >>> x = np.linspace(9, 11, 101)
    >>> round(incline_slope(x, np.clip(-400 + 300 * (x - 9.5), -400, 0)))
    300
    """
    steep = np.isfinite(elo) & (elo <= -100)
    if np.isfinite(elo).any():
        steep &= elo >= 0.85 * np.nanmin(elo)
    if steep.sum() < 3:
        return float("nan")
    return float(np.polyfit(log10_flops[steep], elo[steep], 1)[0])


def common_budget(tables: Tables) -> int:
    """Return the number of test simulations at which most snapshots of the grid were rated, the largest of several.

    Raises:
        NotEnoughDataError: the tables hold no rated snapshot of the grid.
    """
    counts: dict[int, int] = {}
    for agent in tables.grid_agents:
        counts[agent.test_simulations] = counts.get(agent.test_simulations, 0) + 1
    if not counts:
        raise NotEnoughDataError("not enough data: needs rated snapshots; the tables hold none")
    return max(counts, key=lambda budget: (counts[budget], budget))


def _measured_curves(tables: Tables, size: int, x: str, budget: int, points: int) -> Curves:
    halves = pools.gather_halves(tables)
    picking, rating = (dict(zip(*pools.rate_pool(half), strict=True)) for half in halves)
    plain = {row.agent: row.elo for row in tables.ratings}
    lines = list_lines(tables, size, x, budget, picking.keys() & rating.keys() & plain.keys())
    perfect = {agent.agent for agent in tables.agents if agent.kind == "perfect"}
    return make_curves(lines, points, picking, rating, plain, count_games(halves[1].pairings, perfect), halves)


def list_lines(tables: Tables, size: int, x: str, budget: int, known: Collection[str]) -> list[Line]:
    """Return the grid's runs of one board, in order of their nets, with those of their agents that are `known`.

    Raises:
        NotEnoughDataError: no run with two such agents.
    """
    lines: list[Line] = []
    agents: dict[str, list[records.Agent]] = {}
    for agent in tables.grid_agents:
        if agent.test_simulations == budget and agent.agent in known:
            agents.setdefault(agent.run, []).append(agent)
    for run in sorted(tables.runs, key=lambda row: (row.parameters, row.width, row.depth, row.seed, row.run)):
        costs = {agent.agent: tables.cost(run.run, agent.snapshot, x) for agent in agents.get(run.run, [])}
        # An untrained net costs nothing and has no place on a logarithmic axis.
        line = {float(np.log10(flops)): agent for agent, flops in costs.items() if flops > 0}
        if len(line) >= 2:
            lines.append((run.run, (run.width, run.depth), sorted(line.items())))
    if not lines:
        raise NotEnoughDataError(f"not enough data: needs a run on {size}x{size} with two trained snapshots rated at {budget} simulations")
    return lines


def count_games(pairings: Sequence[records.Pairing], opponents: Collection[str]) -> dict[str, np.ndarray]:
    """Count by agent the openings against `opponents` of which it won both games, one, none: int64[3]."""
    counts: dict[str, np.ndarray] = {}
    for row in pairings:
        one = row.won_black_only + row.won_white_only
        for agent, other, won, lost in (
            (row.first, row.second, row.won_both, row.lost_both),
            (row.second, row.first, row.lost_both, row.won_both),
        ):
            if other in opponents:
                counts[agent] = counts.get(agent, 0) + np.array([won, one, lost])
    return counts


def make_curves(lines: Sequence[Line], points: int, picking, rating, plain, perfect=None, halves=None) -> Curves:
    """Lay runs on a common grid of compute, with the Elo of each agent by the picking half, the rating half and all games."""
    agents = [agent for _, _, line in lines for _, agent in line]
    place = {agent: position for position, agent in enumerate(agents)}
    costs = np.array([cost for _, _, line in lines for cost, _ in line])
    grid = np.linspace(costs.min(), costs.max(), points)
    # Agents of the paper are numbered, those of tables are named.
    keys = [int(agent) for agent in agents] if isinstance(next(iter(plain)), int) else agents
    return Curves(
        grid,
        tuple(run for run, _, _ in lines),
        tuple(cell for _, cell, _ in lines),
        tuple(agents),
        np.repeat(np.arange(len(lines)), [len(line) for _, _, line in lines]),
        costs,
        RunGrid.of(grid, [([cost for cost, _ in line], [place[agent] for _, agent in line]) for _, _, line in lines]),
        np.array([picking[key] for key in keys]),
        np.array([rating[key] for key in keys]),
        np.array([plain[key] for key in keys]),
        np.array([(perfect or {}).get(key, (0, 0, 0)) for key in keys], np.int64),
        halves,
    )


def make_board(size: int, curves: Curves) -> BoardFrontier:
    """Take the frontier of runs on a common grid."""
    measured = Copies.of(curves, curves.picking, curves.rating)
    run, at = measured.pick()
    return BoardFrontier(
        size,
        curves.log10_flops,
        measured.elo[0],
        measured.read(measured.picking, run, at)[0],
        Copies.of(curves, curves.plain, curves.plain).elo[0],
        measured.read(_scores(curves.perfect)[None], run, at)[0],
        measured.kept_elo[0],
        tuple(curves.runs[each] for each in run[0]),
        tuple(curves.cells[each] for each in run[0]),
        _steps(curves),
        curves,
    )


def _steps(curves: Curves) -> tuple[Step, ...]:
    steps: list[Step] = []
    best = -np.inf
    for agent in np.lexsort((-curves.picking, curves.agent_log10_flops)):
        if curves.picking[agent] > best:
            best = curves.picking[agent]
            numbers = curves.agent_log10_flops[agent], curves.rating[agent], curves.picking[agent]
            steps.append(Step(curves.agents[agent], *map(float, numbers)))
    return tuple(steps)


def _scores(counts: np.ndarray) -> np.ndarray:
    """Return the share of games won from openings of which both games were won, one, none: int64[..., 3] to float64[...]."""
    games = 2 * counts.sum(axis=-1)
    return np.where(games > 0, (2 * counts[..., 0] + counts[..., 1]) / np.maximum(games, 1), np.nan)

"""Strength by direct games alone: frontiers made from the games against one opponent, without a rating of the pool.

Jones 2021, figure 10, lets the best agent of each board play everyone. Perfect play takes its place where the pool holds it; of the
other boards those have a frontier whose best agent met most others. From won and lost games, one of each added, an agent's Elo is
``400 * log10((won + 1) / (lost + 1))``, and the opponent's own added. Its floor is where every game is lost: how deep that is, the number
of games decides, and what lies below it is not seen.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from hexlab import records
from hexlab.arena.bradley_terry import Z
from hexlab.scaling.frontiers import SOURCES, Copies, Frontier, count_games, draw_runs, list_lines, make_board, make_curves
from hexlab.scaling.laws import Law, fit_law
from hexlab.scaling.pools import deal_halves
from hexlab.scaling.tables import NotEnoughDataError, Tables

__all__ = [
    "DirectFrontier",
    "compute_direct_frontier",
    "fit_beside_direct_games",
    "fit_by_direct_games",
    "fit_direct_law",
    "resample_direct_frontier",
    "score_to_elo",
]

_LEAST_POINTS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class DirectFrontier:
    """Frontiers of boards whose agents met one opponent.

    Attributes:
        frontier: as `compute_frontier` makes it, but in Elo from direct games; agents are picked by one half of the openings.
        opponents: agent key by board size.
        zeros: Elo of the opponent by board size, 0 of perfect play, with half the width of its 95 % interval.
        counts: by board size int64[2, A, 3], openings of the half that picks and of the half that rates of which an agent of the
            board's curves won both games, one, none.
    """

    frontier: Frontier
    opponents: Mapping[int, str]
    zeros: Mapping[int, tuple[float, float]]
    counts: Mapping[int, np.ndarray]

    def floor(self, size: int) -> float:
        """Return the Elo on a board of whoever loses every game of the half that rates, the highest where agents differ in games."""
        met = self.counts[size][1].sum(axis=-1)
        return self.zeros[size][0] + float(score_to_elo(np.array([0, 0, met[met > 0].min()])))

    def lost(self, size: int) -> np.ndarray:
        """Return where the frontier rests on an agent that lost every game of the half that rates, and so may be weaker: bool[G]."""
        curves, counts = self.frontier.board(size).curves, self.counts[size][1]
        beaten = (counts[:, 2] == counts.sum(axis=-1)).astype(float)
        measured = Copies.of(curves, curves.picking, curves.rating)
        return measured.read(beaten[None], *measured.pick())[0] > 0


def score_to_elo(counts: np.ndarray) -> np.ndarray:
    """Return Elo against the opponent from openings of which both games, one, none were won: int64[..., 3] to float64[...].

    >>> score_to_elo(np.array([[0, 8, 0], [0, 0, 0], [0, 3, 10]])).round().tolist()
    [0.0, 0.0, -311.0]
    """
    both, one, none = np.moveaxis(np.asarray(counts), -1, 0)
    return 400 * np.log10((2 * both + one + 1) / (2 * none + one + 1))


def compute_direct_frontier(
    tables: Tables, sizes: Sequence[int], *, x: str = "train_flops", test_simulations: int = 64, points: int = 101
) -> DirectFrontier:
    """Compute frontiers from the games against perfect play, or against the agent rated best where nobody met perfect play.

    Args:
        tables: an experiment.
        sizes: board sizes; those where less than half of the agents met the opponent are left out.
        x: cost on the axis, "train_flops" or "paper_flops".
        test_simulations: simulations a move of the agents compared.
        points: grid points a board.

    Raises:
        NotEnoughDataError: no board where a run has two agents that met the opponent on both halves of the openings.
    """
    boards, opponents, zeros, counts = [], {}, {}, {}
    for size in sizes:
        board = tables.select(size)
        try:
            halves = deal_halves(board.pairings)
            opponent = _find_opponent(board, halves)
            met = [count_games(half, {opponent}) for half in halves]
            known = {opponent} | (met[0].keys() & met[1].keys())
            compared = [agent for agent in board.grid_agents if agent.test_simulations == test_simulations]
            if 2 * sum(agent.agent in known for agent in compared) < len(compared):
                continue
            lines = list_lines(board, size, x, test_simulations, known)
        except NotEnoughDataError:
            continue
        agents = [agent for _, _, line in lines for _, agent in line]
        counted = np.array([[half.get(agent, (0, 0, 0)) for agent in agents] for half in met], np.int64)
        zeros[size] = _find_zero(board, opponent)
        picking, rating, plain = (zeros[size][0] + score_to_elo(each) for each in (*counted, counted.sum(axis=0)))
        elo = (dict(zip(agents, values.tolist(), strict=True)) for values in (picking, rating, plain))
        boards.append(make_board(size, make_curves(lines, points, *elo)))
        opponents[size], counts[size] = opponent, counted
    if not boards:
        raise NotEnoughDataError("not enough data: needs two agents of a run that met perfect play, or the best agent, on both halves")
    return DirectFrontier(Frontier(x, test_simulations, tuple(boards)), opponents, zeros, counts)


def resample_direct_frontier(direct: DirectFrontier, samples: int, seed: int) -> dict[int, np.ndarray]:
    """Draw bootstrap copies over openings, seeds, networks and the opponent's Elo: float64[R, G] by board size."""
    copies = {}
    for board in direct.frontier.boards:
        counts = direct.counts[board.size]
        met = counts.sum(axis=-1)
        rng = np.random.default_rng([seed & 0xFFFFFFFF, 6, board.size])
        picking, rating = np.moveaxis(rng.multinomial(met, counts / np.maximum(met, 1)[..., None], size=(samples, *met.shape)), 1, 0)
        drawn = draw_runs(board.curves.cells, samples, rng, SOURCES)
        elo, half_width = direct.zeros[board.size]
        zero = elo + half_width / Z * rng.standard_normal((samples, 1)) if half_width else elo
        copies[board.size] = zero + Copies(board.curves, score_to_elo(picking), score_to_elo(rating), drawn).elo
    return copies


def fit_direct_law(direct: DirectFrontier, copies: Mapping[int, np.ndarray] | None = None, *, seed: int = 0) -> Law:
    """Fit the change-point law to the frontiers above their floors.

    Args:
        direct: what `compute_direct_frontier` returned.
        copies: bootstrap copies as `resample_direct_frontier` returns them, for intervals.
        seed: as for `fit_law`.

    Raises:
        NotEnoughDataError: too few points above the floors.
    """
    return _fit_above_floors(direct, direct.frontier, copies or {}, seed)


def fit_by_direct_games(tables: Tables, rated: Frontier, *, bootstrap: int = 0, seed: int = 0) -> Law:
    """Fit the change-point law to the frontiers by direct games, on the boards and in the unit of compute of the rated ones.

    Args:
        tables: an experiment.
        rated: its frontiers, as `compute_frontier` returns them.
        bootstrap: number of bootstrap copies; 0 for no intervals.
        seed: of the copies.

    Raises:
        NotEnoughDataError: no games against perfect play or the best agent, or too few points above the floors.
    """
    direct = compute_direct_frontier(tables, rated.sizes, x=rated.x, test_simulations=rated.test_simulations)
    return fit_direct_law(direct, resample_direct_frontier(direct, bootstrap, seed) if bootstrap else {}, seed=seed)


def fit_beside_direct_games(
    direct: DirectFrontier, rated: Frontier, copies: Mapping[int, np.ndarray] | None = None, *, seed: int = 0
) -> Law:
    """Fit the change-point law to the rated frontiers where direct games can see: on the boards and above the floors of these.

    So the two ways to measure strength are compared on the same boards and over the same heights.

    Args:
        direct: what `compute_direct_frontier` returned.
        rated: frontiers of the same experiment, as `compute_frontier` returns them.
        copies: bootstrap copies as `hexlab.scaling.resample_frontier` returns them, for intervals.
        seed: as for `fit_law`.

    Raises:
        NotEnoughDataError: as for `fit_direct_law`.
    """
    return _fit_above_floors(direct, rated.select(direct.frontier.sizes), copies or {}, seed)


def _fit_above_floors(direct: DirectFrontier, frontier: Frontier, copies: Mapping[int, np.ndarray], seed: int) -> Law:
    boards, seen = [], {}
    for board in frontier.boards:
        floor = direct.floor(board.size)
        elo = np.where(board.elo > floor, board.elo, np.nan)
        if np.isfinite(elo).sum() >= _LEAST_POINTS:
            boards.append(dataclasses.replace(board, elo=elo))
            if copies:
                seen[board.size] = np.where(copies[board.size] > floor, copies[board.size], np.nan)
    return fit_law(dataclasses.replace(frontier, boards=tuple(boards)), bootstrap=seen, seed=seed)


def _find_zero(board: Tables, opponent: str) -> tuple[float, float]:
    """Return the opponent's Elo and half the width of its interval."""
    if board.agent_by_key[opponent].kind == "perfect":
        return 0.0, 0.0
    rating = board.rating_by_agent[opponent]
    return rating.elo, (rating.high - rating.low) / 2


def _find_opponent(board: Tables, halves: tuple[tuple[records.Pairing, ...], tuple[records.Pairing, ...]]) -> str:
    for agent in board.agents:
        if agent.kind == "perfect" and all(any(agent.agent in (row.first, row.second) for row in half) for half in halves):
            return agent.agent
    rated = [row for row in board.ratings if board.agent_by_key[row.agent].kind == "snapshot"]
    if not rated:
        raise NotEnoughDataError("not enough data: needs rated agents")
    return max(rated, key=lambda row: (row.elo, row.agent)).agent

"""Games that a network plays against itself, many at once, in slices of a fixed number of moves.

A group of boards is played by one thread at a time; a game that ends is handed over and another one starts on its board. What a
slice yields depends on the group, the parameters and the seed alone: not on threads, cores or time.
"""

from typing import NamedTuple

import numba
import numpy as np

from hexlab import mcts
from hexlab.protocols import Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.cells import neighbor_table
from hexlab.rules.draws import bounded, derive_seeds
from hexlab.rules.kernels import STONE, place
from hexlab.training.config import Config
from hexlab.training.replay import Positions

__all__ = ["CALIBRATION_BINS", "Group", "Slice", "make_group", "make_recipe", "play_slice"]

CALIBRATION_BINS = 10


class Group(NamedTuple):
    """B boards in play and what their unfinished games have recorded so far; history axes are (board, searched move, ...).

    Attributes:
        cells: uint8[B, A].
        turn: int8[B].
        played: int16[B], moves of the game so far, random opening moves among them.
        searched: int16[B], moves of the game so far that were searched.
        moves: int16[B, A], the game's moves.
        stones: uint8[B, A, A], positions in the mover's frame, as in `Positions`.
        policy: uint16[B, A, A], search policies in the mover's frame, as in `Positions`.
        value: float32[B, A], search values for the mover.
        raw_value: float32[B, A], the network's own values for the mover.
    """

    cells: np.ndarray
    turn: np.ndarray
    played: np.ndarray
    searched: np.ndarray
    moves: np.ndarray
    stones: np.ndarray
    policy: np.ndarray
    value: np.ndarray
    raw_value: np.ndarray


class Slice(NamedTuple):
    """What one group finished in one slice.

    Attributes:
        positions: those of the games that ended, game after game in the order in which they ended.
        games: int, how many ended.
        moves: int, stones on their final boards together.
        black_wins: int, games that Black won.
        records: int16[games, A], their moves, padded with -1.
        calibration: float64[3, CALIBRATION_BINS]: count, sum of the network's values, sum of outcomes, of positions binned by value.
    """

    positions: Positions
    games: int
    moves: int
    black_wins: int
    records: np.ndarray
    calibration: np.ndarray


def make_group(config: Config, group: int) -> Group:
    """Return fresh games of group number `group`, each after its random opening moves, and mixed if the config says so."""
    size, boards = config.size, config.boards
    cells = size * size
    fresh = Group(
        np.zeros((boards, cells), np.uint8),
        np.zeros(boards, np.int8),
        np.zeros(boards, np.int16),
        np.zeros(boards, np.int16),
        np.full((boards, cells), -1, np.int16),
        np.zeros((boards, cells, cells), np.uint8),
        np.zeros((boards, cells, cells), np.uint16),
        np.zeros((boards, cells), np.float32),
        np.zeros((boards, cells), np.float32),
    )
    states = derive_seeds(config.seed, _OPENINGS, 0, group, count=boards)
    _start_all(fresh, size, _opening_limit(config), config.mixing_moves, neighbor_table(size), states)
    return fresh


def play_slice(group: Group, evaluator: Evaluator, config: Config, iteration: int, number: int, tree: mcts.Tree) -> Slice:
    """Play `config.slice_moves` searched moves on every board of a group.

    Args:
        group: changed in place.
        evaluator: the network that plays.
        config: the run's settings.
        iteration: iteration number, from 1; part of every seed.
        number: the group's number; part of every seed.
        tree: scratch memory from `mcts.allocate_tree`, for `config.tree_capacity` simulations.
    """
    size, boards = config.size, config.boards
    recipe = make_recipe(config)
    noise = mcts.RootNoise(config.noise_fraction) if config.noise_fraction > 0 else None
    going = np.full(boards, -1, np.int8)
    parts: list[tuple] = []
    for ply in range(config.slice_moves):
        seeds = derive_seeds(config.seed, _SEARCH, iteration, number, ply, count=boards)
        found = mcts.run_search(
            Boards(size, group.cells, group.turn, going),
            evaluator,
            config.simulations,
            recipe=recipe,
            seeds=seeds,
            noise=noise,
            tree=tree,
            reuse=config.keep_tree and ply > 0,
        )
        sampled = group.played < config.sampled_moves
        draws = derive_seeds(config.seed, _MOVES, iteration, number, ply, count=boards)
        moves = mcts.pick_moves(found.policy, sampled.astype(np.float32), draws)
        if config.recipe == "gumbel":  # its best move is a draw already
            moves = np.where(sampled, found.best, moves)
        if config.keep_tree:
            mcts.advance(tree, moves)
        states = derive_seeds(config.seed, _OPENINGS, iteration, number, ply, count=boards)
        rows = int(group.searched.sum()) + boards
        out = Positions(
            np.empty((rows, size * size), np.uint8),
            np.empty((rows, size * size), np.uint16),
            np.empty(rows, np.int8),
            np.empty(rows, np.float32),
        )
        records = np.full((boards, size * size), -1, np.int16)
        calibration = np.zeros((3, CALIBRATION_BINS))
        neighbors = neighbor_table(size)
        limit = _opening_limit(config)
        values = (found.values, found.raw_values)
        counts = _step(group, found.policy, values, moves, out, records, calibration, size, limit, neighbors, states)
        kept, games, stones, black_wins = (int(count) for count in counts)
        parts.append((Positions(*(array[:kept].copy() for array in out)), games, stones, black_wins, records[:games], calibration))
    return Slice(
        Positions(*(np.concatenate(arrays) for arrays in zip(*(part[0] for part in parts), strict=True))),
        sum(part[1] for part in parts),
        sum(part[2] for part in parts),
        sum(part[3] for part in parts),
        np.concatenate([part[4] for part in parts]),
        np.sum([part[5] for part in parts], axis=0),
    )


_OPENINGS, _SEARCH, _MOVES = 1, 2, 3


def make_recipe(config: Config) -> mcts.Recipe:
    """Return the search recipe of a config."""
    if config.recipe == "gumbel":
        return mcts.gumbel(gumbel_scale=config.exploration, prove=config.prove)
    if config.recipe == "puct":
        return mcts.puct(config.exploration, prove=config.prove)
    rescale = not (config.paper_search or config.paper_scale)
    return mcts.regularized(config.exploration, paper_lambda=config.paper_search, rescale=rescale, prove=config.prove)


def _opening_limit(config):
    return min(config.opening_moves, 2 * config.size - 2)  # no player can have won by then


@numba.njit(cache=True, nogil=True)
def _start(group, board, size, limit, neighbors, stack, states):
    for cell in range(size * size):  # loops compile in a fraction of the time that slices take
        group.cells[board, cell] = 0
        group.moves[board, cell] = -1
    group.turn[board] = 0
    group.searched[board] = 0
    count = bounded(states, board, limit + 1)
    played = 0
    while played < count:
        cell = bounded(states, board, size * size)
        if group.cells[board, cell] == 0:
            place(group.cells[board], cell, group.turn[board], size, neighbors, stack)
            group.turn[board] = 1 - group.turn[board]
            group.moves[board, played] = cell
            played += 1
    group.played[board] = played


@numba.njit(cache=True, nogil=True)
def _start_all(group, size, limit, mixing_moves, neighbors, states):
    """Start a game on every board and play uniformly random moves, in games that follow one another."""
    stack = np.empty(size * size, np.int16)
    for board in range(len(group.turn)):
        _start(group, board, size, limit, neighbors, stack, states)
        for _ in range(mixing_moves):
            cell = bounded(states, board, size * size)
            while group.cells[board, cell] != 0:
                cell = bounded(states, board, size * size)
            turn = group.turn[board]
            group.moves[board, group.played[board]] = cell
            group.played[board] += 1
            group.turn[board] = 1 - turn
            if place(group.cells[board], cell, turn, size, neighbors, stack):
                _start(group, board, size, limit, neighbors, stack, states)


@numba.njit(cache=True, nogil=True)
def _step(group, policy, values, moves, out, records, calibration, size, limit, neighbors, states):
    """Record one searched move on every board, play it, hand over the games that end and start others in their place."""
    boards, cells = group.cells.shape
    stack = np.empty(cells, np.int16)
    kept = games = stones = black_wins = 0
    bins = calibration.shape[1]
    for board in range(boards):
        turn = group.turn[board]
        at = group.searched[board]
        for cell in range(cells):
            own = cell if turn == 0 else (cell % size) * size + cell // size
            stone = group.cells[board, cell] & STONE
            group.stones[board, at, own] = stone if turn == 0 or stone == 0 else 3 - stone
            group.policy[board, at, own] = np.uint16(policy[board, cell] * 65535.0 + 0.5)
        group.value[board, at] = values[0][board]
        group.raw_value[board, at] = values[1][board]
        group.moves[board, group.played[board]] = moves[board]
        group.searched[board] += 1
        group.played[board] += 1
        won = place(group.cells[board], moves[board], turn, size, neighbors, stack)
        group.turn[board] = 1 - turn
        if not won:
            continue
        for back in range(at + 1):
            row = kept + back
            for cell in range(cells):
                out.stones[row, cell] = group.stones[board, back, cell]
                out.policy[row, cell] = group.policy[board, back, cell]
            outcome = 1 if (at - back) % 2 == 0 else -1
            out.outcome[row] = outcome
            out.value[row] = group.value[board, back]
            raw = group.raw_value[board, back]
            slot = min(bins - 1, max(0, int((raw + 1.0) * 0.5 * bins)))
            calibration[0, slot] += 1
            calibration[1, slot] += raw
            calibration[2, slot] += outcome
        kept += at + 1
        for cell in range(cells):
            records[games, cell] = group.moves[board, cell]
        games += 1
        stones += group.played[board]
        black_wins += 1 - turn
        _start(group, board, size, limit, neighbors, stack, states)
    return kept, games, stones, black_wins

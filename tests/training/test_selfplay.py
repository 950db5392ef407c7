"""What self-play records is what was played: every game is played again, slowly, on a friendly board."""

import itertools

import numpy as np
import pytest

from hexlab import mcts
from hexlab.rules import Board
from hexlab.training.config import Config
from hexlab.training.selfplay import make_group, play_slice

CONFIG = Config(size=3, width=4, depth=1, simulations=8, groups=1, boards=64, slice_moves=12, buffer=9_000, seed=5)


@pytest.fixture(scope="module")
def played():
    group = make_group(CONFIG, 0)
    tree = mcts.allocate_tree(CONFIG.boards, CONFIG.simulations, CONFIG.size)
    return play_slice(group, mcts.uniform(), CONFIG, 1, 0, tree)


def split_games(positions):
    """Rows of each game: the stones grow by one from position to position, and a new game has at most two."""
    counts = np.count_nonzero(positions.stones, axis=1)
    starts = [0, *(np.flatnonzero(np.diff(counts) != 1) + 1), len(counts)]
    return [range(first, last) for first, last in itertools.pairwise(starts)]


def test_every_recorded_position_is_the_one_that_was_played(played):
    games = split_games(played.positions)
    assert len(games) == played.games == len(played.records) > 64
    lengths = black_wins = 0
    for rows, record in zip(games, played.records, strict=True):
        moves = [int(move) for move in record if move >= 0]
        lengths += len(moves)
        board = Board(3)
        opening = len(moves) - len(rows)
        assert 0 <= opening <= 2
        movers = []
        for ply, move in enumerate(moves):
            if ply >= opening:
                movers.append(board.turn)
                stones = np.array(board.stones)
                mine = stones if board.turn == 0 else np.where(stones == 0, 0, 3 - stones).T
                row = rows[ply - opening]
                assert np.array_equal(played.positions.stones[row], mine.ravel())
                own = move if board.turn == 0 else (move % 3) * 3 + move // 3
                assert played.positions.policy[row, own] > 0
                assert (played.positions.policy[row][mine.ravel() != 0] == 0).all()
            board.push(move)
        assert board.winner is not None
        black_wins += board.winner == 0
        assert [int(played.positions.outcome[row]) for row in rows] == [1 if mover == board.winner else -1 for mover in movers]
    assert (lengths, black_wins) == (played.moves, played.black_wins)


def test_policies_are_whole(played):
    totals = played.positions.policy.astype(np.int64).sum(axis=1)
    assert (abs(totals - 65535) <= 5).all()


def test_games_start_after_none_one_or_two_moves(played):
    first = [np.count_nonzero(played.positions.stones[rows[0]]) for rows in split_games(played.positions)]
    assert set(first) == {0, 1, 2}


def test_a_group_does_not_depend_on_the_others(played):
    again = play_slice(make_group(CONFIG, 0), mcts.uniform(), CONFIG, 1, 0, mcts.allocate_tree(64, 8, 3))
    other = play_slice(make_group(CONFIG, 1), mcts.uniform(), CONFIG, 1, 1, mcts.allocate_tree(64, 8, 3))
    assert np.array_equal(again.records, played.records)
    assert again.records.shape != other.records.shape or not np.array_equal(again.records, other.records)


def test_calibration_counts_every_position(played):
    count, values, outcomes = played.calibration
    assert count.sum() == len(played.positions.outcome)
    assert values.sum() == 0  # the uniform evaluator calls every position even
    assert outcomes.sum() == played.positions.outcome.sum()

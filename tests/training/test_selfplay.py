"""What self-play records is what was played: every game is played again, slowly, on a friendly board."""

import dataclasses
import itertools

import numpy as np
import pytest

from hexlab import mcts
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds
from hexlab.training.config import Config
from hexlab.training.selfplay import make_group, play_slice

CONFIG = Config(size=3, width=4, depth=1, simulations=8, groups=1, boards=64, slice_moves=12, buffer=9_000, seed=5)


GUMBEL = dataclasses.replace(CONFIG, recipe="gumbel", exploration=1.0, noise_fraction=0.0)


KEEPING = dataclasses.replace(CONFIG, keep_tree=True)


@pytest.fixture(scope="module", params=[CONFIG, GUMBEL, KEEPING], ids=["puct", "gumbel", "kept trees"])
def config(request):
    return request.param


@pytest.fixture(scope="module")
def played(config):
    group = make_group(config, 0)
    tree = mcts.allocate_tree(config.boards, config.tree_capacity, config.size)
    return play_slice(group, mcts.uniform(), config, 1, 0, tree)


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


def test_mixed_boards_are_out_of_step_and_games_start_from_the_empty_board_all_the_same():
    config = dataclasses.replace(CONFIG, opening_moves=0, mixing_moves=100, boards=256, slice_moves=1)
    group = make_group(config, 0)
    assert (group.searched == 0).all()
    assert set(group.played.tolist()) == set(range(int(group.played.max()) + 1)), "games of every age"
    for cells, moves, turn in zip(group.cells, group.moves, group.turn, strict=True):
        board = Board(3)
        for move in moves[moves >= 0]:
            assert board.winner is None
            board.push(int(move))
        assert (board.winner, board.turn) == (None, turn)
        assert np.array_equal(Boards(3, cells[None], np.array([turn]), np.array([-1], np.int8)).stones[0], board.stones.ravel())
    fresh = group.played == 0
    assert 0.1 < fresh.mean() < 0.3, "a random game on 3x3 takes about seven moves"
    tree = mcts.allocate_tree(256, config.tree_capacity, 3)
    for iteration in range(1, 20):
        over = play_slice(group, mcts.uniform(), config, iteration, 0, tree)
    games = split_games(over.positions)
    assert all(np.count_nonzero(over.positions.stones[rows[0]]) == 0 for rows in games)


@pytest.mark.parametrize(
    ("changes", "wanted"), [({"paper_search": True}, (True, False)), ({"paper_scale": True}, (False, False)), ({}, (False, True))]
)
def test_the_papers_search_is_its_lambda_and_its_scale_of_values(changes, wanted):
    config = dataclasses.replace(CONFIG, recipe="regularized", exploration=1 / 16, noise_fraction=0.0, slice_moves=1, **changes)
    group = make_group(config, 0)
    boards = Boards(3, group.cells.copy(), group.turn.copy(), np.full(64, -1, np.int8))
    seeds = derive_seeds(config.seed, 2, 1, 0, 0, count=64)
    play_slice(group, mcts.uniform(), config, 1, 0, mcts.allocate_tree(64, 8, 3))
    for theirs, rescale in ((True, False), (False, False), (False, True), (True, True)):
        recipe = mcts.regularized(1 / 16, paper_lambda=theirs, rescale=rescale, prove=True)
        found = mcts.run_search(boards, mcts.uniform(), 8, recipe=recipe, seeds=seeds)
        own = found.policy.reshape(64, 3, 3)
        own = np.where((boards.turn == 0)[:, None, None], own, own.transpose(0, 2, 1)).reshape(64, 9)
        assert np.allclose(group.policy[:, 0] / 65535, own, atol=1e-5) == ((theirs, rescale) == wanted)


def test_policies_are_whole(played):
    totals = played.positions.policy.astype(np.int64).sum(axis=1)
    assert (abs(totals - 65535) <= 5).all()


def test_games_start_after_none_one_or_two_moves(played):
    first = [np.count_nonzero(played.positions.stones[rows[0]]) for rows in split_games(played.positions)]
    assert set(first) == {0, 1, 2}


@pytest.mark.parametrize("sampled_moves", [400, 0])
def test_gumbel_plays_what_halving_leaves_and_learns_pi_prime(sampled_moves):
    """After the sampled moves it plays the best move of pi'."""
    config = dataclasses.replace(GUMBEL, slice_moves=1, sampled_moves=sampled_moves)
    group = make_group(config, 0)
    boards, rows = Boards(3, group.cells.copy(), group.turn.copy(), np.full(64, -1, np.int8)), np.arange(64)
    seeds = derive_seeds(config.seed, 2, 1, 0, 0, count=64)
    found = mcts.run_search(boards, mcts.uniform(), 8, recipe=mcts.gumbel(prove=True), seeds=seeds)
    play_slice(group, mcts.uniform(), config, 1, 0, mcts.allocate_tree(64, 8, 3))
    wanted = found.best if sampled_moves else found.policy.argmax(axis=1)
    assert (found.best != found.policy.argmax(axis=1)).any()
    assert group.moves[rows, group.played - 1].tolist() == wanted.tolist()
    own = found.policy.reshape(64, 3, 3)
    own = np.where((boards.turn == 0)[:, None, None], own, own.transpose(0, 2, 1)).reshape(64, 9)
    np.testing.assert_allclose(group.policy[:, 0] / 65535, own, atol=1e-5)
    np.testing.assert_allclose(group.value[:, 0], found.values, atol=1e-6)


def test_a_kept_tree_costs_its_budget_and_sees_more():
    """The second move of a slice goes on from the first one's tree; a slice begins without."""
    asked = []

    def evaluator(boards):
        asked.append(boards)
        return mcts.uniform()(boards)

    config = dataclasses.replace(KEEPING, size=5, buffer=20_000, simulations=40, slice_moves=2, prove=False)
    group, tree = make_group(config, 0), mcts.allocate_tree(64, config.tree_capacity, 5)
    play_slice(group, evaluator, config, 1, 0, tree)
    assert len(asked) <= 80
    boards = Boards(5, group.cells, group.turn, np.full(64, -1, np.int8))  # two moves on, nobody has won
    kept = tree.used[:, 0] > 0
    assert (tree.cells[kept, 0] == boards.cells[kept]).all()
    assert kept.any()
    alone = dataclasses.replace(config, keep_tree=False)
    apart = make_group(alone, 0)
    play_slice(apart, mcts.uniform(), alone, 1, 0, mcts.allocate_tree(64, 40, 5))
    assert np.array_equal(group.policy[:, 0], apart.policy[:, 0])
    assert not np.array_equal(group.policy[:, 1], apart.policy[:, 1])


def test_a_group_does_not_depend_on_the_others(played, config):
    again = play_slice(make_group(config, 0), mcts.uniform(), config, 1, 0, mcts.allocate_tree(64, config.tree_capacity, 3))
    other = play_slice(make_group(config, 1), mcts.uniform(), config, 1, 1, mcts.allocate_tree(64, config.tree_capacity, 3))
    assert np.array_equal(again.records, played.records)
    assert again.records.shape != other.records.shape or not np.array_equal(again.records, other.records)


def test_calibration_counts_every_position(played):
    count, values, outcomes = played.calibration
    assert count.sum() == len(played.positions.outcome)
    assert values.sum() == 0  # the uniform evaluator calls every position even
    assert outcomes.sum() == played.positions.outcome.sum()

"""What is peculiar to `gumbel`: the schedule, the noise, v_mix, how to act, and moves that drop out."""

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError
from hexlab.mcts.halving import scheduled_visits
from hexlab.mcts.reference import halving_schedule
from hexlab.protocols import Evaluation
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds

QUIET = mcts.gumbel(gumbel_scale=0)


def test_halving_shares_out_a_budget():
    """Of 8 moves all get 2 visits, 4 of them 4 more, 2 of those 8 more: a third of 48 visits each round."""
    rounds = [(8, range(2)), (4, range(2, 6)), (2, range(6, 14))]
    assert halving_schedule(8, 48) == [visits for width, counts in rounds for visits in counts for _ in range(width)]
    assert halving_schedule(16, 9) == [0] * 9
    assert halving_schedule(1, 3) == [0, 1, 2]
    assert halving_schedule(2, 5) == [0, 0, 1, 1, 2]


def test_the_compiled_schedule_is_the_slow_one():
    for considered in (1, 2, 3, 5, 7, 9, 16, 17, 40):
        for visits in (1, 2, 8, 15, 31, 63, 200):
            assert [scheduled_visits(considered, visits, index) for index in range(visits)] == halving_schedule(considered, visits)


@pytest.mark.parametrize("considered", [1, 2, 5, 16, 25])
def test_root_visits_follow_the_schedule(considered):
    """The visits of the root's children are those of the schedule, however the values fall."""
    boards = unfinished_positions(5, 14)
    recipe = mcts.gumbel(max_considered=considered)
    found = mcts.run_search(boards, Planted(2), 60, recipe=recipe, seeds=derive_seeds(1, count=len(boards)))
    for row, legal in enumerate(boards.legal.sum(axis=1)):
        counts = np.zeros(26, int)
        for wanted in halving_schedule(min(considered, int(legal)), 59):
            counts[np.flatnonzero(counts == wanted)[0]] += 1
        assert sorted(found.visits[row][found.visits[row] > 0].tolist()) == sorted(counts[counts > 0].tolist())


def test_the_first_moves_are_a_draw_from_the_prior():
    """With two simulations the move that is tried, and played, is a sample of the prior."""
    boards, seeds = Boards.empty(3, 20000), derive_seeds(5, count=20000)
    logits = np.arange(9, dtype=np.float32) / 4

    def evaluator(boards):
        return Evaluation(np.tile(logits, (len(boards), 1)), np.zeros(len(boards), np.float32))

    prior = np.exp(logits) / np.exp(logits).sum()
    spread = 5 * np.sqrt(prior * (1 - prior) / 20000)
    for simulations in (1, 2):
        found = mcts.run_search(boards, evaluator, simulations, recipe=mcts.gumbel(), seeds=seeds)
        assert (np.abs(np.bincount(found.best, minlength=9) / 20000 - prior) < spread).all()
    assert found.visits[np.arange(20000), found.best].tolist() == [1] * 20000
    two = mcts.run_search(boards, evaluator, 3, recipe=mcts.gumbel(max_considered=2), seeds=seeds).visits
    assert two.max() == 1  # without replacement
    pairs = np.outer(prior, prior) / (1 - prior)[:, None]
    drawn = (two[:, :, None] * two[:, None, :]).mean(axis=0)
    np.testing.assert_allclose(drawn[~np.eye(9, dtype=bool)], (pairs + pairs.T)[~np.eye(9, dtype=bool)], atol=0.01)


def test_without_noise_seeds_do_not_matter():
    boards = unfinished_positions(4, 8)
    one, other = (mcts.run_search(boards, Planted(0), 40, recipe=QUIET, seeds=derive_seeds(seed, count=len(boards))) for seed in (0, 1))
    assert one.policy.tobytes() == other.policy.tobytes()
    assert one.best.tolist() == other.best.tolist()


def test_pi_prime_by_hand():
    """2x2, three simulations: a1 and b1 get a visit each, the others take v_mix."""
    board, values = Board(2), {"a1": 0.5, "b1": -0.25}
    answers = {board: ({"a1": 1.0, "b1": 0.5}, 0.1)}
    for name, value in values.items():
        answers[Board.from_moves(name, 2)] = ({}, -value)
    found = mcts.search(board, mcts.tabulated(answers), 3, recipe=QUIET)
    prior = np.exp([1.0, 0.5, 0.0, 0.0])
    prior /= prior.sum()
    mean = (prior[0] * 0.5 - prior[1] * 0.25) / (prior[0] + prior[1])
    mixed = (0.1 + 2 * mean) / 3
    completed = np.array([0.5, -0.25, mixed, mixed])
    weights = prior * np.exp((50 + 1) * 0.1 * (completed + 0.25) / 0.75)
    np.testing.assert_allclose(list(found.policy.values()), weights / weights.sum(), rtol=1e-5)
    assert found.value == pytest.approx(weights @ completed / weights.sum(), rel=1e-5)
    assert found.best == "a1"
    assert found.visits == {"a1": 1, "b1": 1}
    plain = mcts.search(board, mcts.tabulated(answers), 3, recipe=mcts.gumbel(gumbel_scale=0, rescale=False, c_visit=10, c_scale=0.2))
    weights = prior * np.exp(11 * 0.2 * completed)
    np.testing.assert_allclose(list(plain.policy.values()), weights / weights.sum(), rtol=1e-5)


def test_the_move_to_play_has_most_visits_and_the_policy_need_not_agree():
    boards, seeds = unfinished_positions(5, 25), derive_seeds(3, count=25)
    boards, seeds = boards[:20], seeds[:20]
    found = mcts.run_search(boards, Planted(7), 24, recipe=mcts.gumbel(gumbel_scale=3.0), seeds=seeds)
    rows = np.arange(len(boards))
    assert (found.visits[rows, found.best] == found.visits.max(axis=1)).all()
    assert (found.best != found.policy.argmax(axis=1)).any()


def test_noise_does_not_reach_the_policy():
    """pi' depends on the noise through the visits alone: after two simulations, on the one move that was tried."""
    boards = Boards.empty(3, 60)
    found = mcts.run_search(boards, Planted(0), 2, recipe=mcts.gumbel(), seeds=derive_seeds(0, count=60))
    for move in set(found.best.tolist()):
        assert len({row.tobytes() for row in found.policy[found.best == move]}) == 1


@pytest.mark.parametrize("size", [3, 4])
def test_policies_improve(size):
    """The value of pi' under theory is above the prior's on average, with as few as 2 simulations: the theorem of the paper."""
    boards = unfinished_positions(size, 12)
    boards = Boards.from_boards([boards.board(row) for row in range(len(boards)) for _ in range(100)])
    theory, seeds = mcts.solved(size), derive_seeds(0, count=len(boards))
    legal = np.argwhere(boards.legal)
    after = boards[legal[:, 0]].play(legal[:, 1])
    worth = np.zeros((len(boards), size * size))
    worth[tuple(legal.T)] = np.where(after.finished, 1.0, -theory(after).values)

    def evaluator(asked):
        return Evaluation(Planted(1, spread=1.0)(asked).logits, theory(asked).values)

    prior = mcts.run_search(boards, evaluator, 1, recipe=QUIET, seeds=seeds).policy
    before = (prior * worth).sum(axis=1).mean()
    for simulations in (2, 4, 8):
        found = mcts.run_search(boards, evaluator, simulations, recipe=mcts.gumbel(), seeds=seeds)
        assert worth[np.arange(len(boards)), found.best].mean() > before
        assert (found.policy * worth).sum(axis=1).mean() > before


def test_a_move_that_is_proven_to_lose_leaves_the_halving():
    """White needs c1; every other move of Black loses by it, and two of them are all that halving would look at."""
    board = Board.from_moves("c3 a1 c2 b1", size=3)
    evaluator = mcts.tabulated(lambda board: ({name: 5.0 for name in ("a3", "b3") if name in board.legal_moves}, 0.0))
    found = mcts.search(board, evaluator, 200, recipe=mcts.gumbel(max_considered=2, gumbel_scale=0, prove=True))
    assert found.best == "c1"
    assert found.visits["c1"] > 0
    assert found.policy["a3"] == found.policy["b3"] == 0.0


def test_root_noise_is_refused():
    with pytest.raises(ConfigError, match="gumbel explores by its own noise, set by gumbel_scale: leave out root noise"):
        mcts.run_search(Boards.empty(3, 1), mcts.uniform(), 4, recipe=QUIET, seeds=derive_seeds(0, count=1), noise=mcts.RootNoise())

"""The formulas of the recipes, root noise, and picking moves."""

import math

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError
from hexlab.mcts.kernels import PADDING, draw_dirichlet, softmax
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds


def priors_of(logits):
    """Call the kernel on a copy."""
    padded = -(-len(logits) // PADDING) * PADDING
    terms, scales, row = np.empty(padded, np.float32), np.empty(padded, np.float32), logits.copy()
    softmax(row, terms, terms.view(np.int32), scales, scales.view(np.int32))
    return row


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 9, 11, 19])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 3.0, 25.0])
def test_softmax_is_close_to_exact(size, spread):
    generator = np.random.default_rng(size)
    for shift in (0.0, -50.0, 40.0):
        logits = (spread * generator.standard_normal(size * size) + shift).astype(np.float32)
        occupied = generator.random(size * size) < 0.5
        occupied[generator.integers(size * size)] = False
        logits[occupied] = -np.inf
        priors = priors_of(logits)
        exact = np.exp((logits - logits.max()).astype(np.float64))
        exact = np.maximum(exact, np.exp(-80.0)) / exact.sum()
        assert (priors[occupied] == -1).all()
        np.testing.assert_allclose(priors[~occupied], exact[~occupied], rtol=1e-6)


@pytest.mark.parametrize("c", [0.05, 1.0, 3.0])
@pytest.mark.parametrize(("paper_lambda", "rescale"), [(False, True), (True, True), (True, False)])
def test_pi_bar_solves_its_equation(c, paper_lambda, rescale):
    """lambda * P / (alpha - q) with alpha by bisection, from the priors and values in the tree."""
    recipe = mcts.regularized(c, paper_lambda=paper_lambda, rescale=rescale)
    boards, simulations = unfinished_positions(5, 20), 60
    evaluator = Planted(1)
    found = mcts.run_search(boards, evaluator, simulations, recipe=recipe, seeds=derive_seeds(0, count=len(boards)))
    logits = evaluator(boards).logits.astype(np.float64)
    for row in range(len(boards)):
        legal = np.flatnonzero(boards.legal[row])
        prior = np.exp(logits[row, legal])
        prior /= prior.sum()
        root, children = found.tree.nodes[row, 0], {int(edge["move"]): edge for edge in found.tree.list_edges(row, 0)}
        value = [-children[cell]["value"] if cell in children else root["value"] for cell in legal]
        low, high = found.tree.span[row] if rescale else (-1.0, 1.0)
        q = (np.array(value) - low) / (high - low) if root["turn"] == 0 else (np.array(value) + high) / (high - low)
        n = simulations - 1
        weight = c * (n if paper_lambda else math.sqrt(n)) / (n + len(legal))
        below, above = q.max(), q.max() + weight
        for _ in range(200):
            alpha = (below + above) / 2
            below, above = (alpha, above) if (weight * prior / (alpha - q)).sum() > 1 else (below, alpha)
        np.testing.assert_allclose(found.policy[row, legal], weight * prior / (above - q), rtol=1e-4, atol=1e-7)


def test_pi_bar_keeps_its_precision_under_tiny_priors():
    """The best move has a prior of e^-60: alpha lies within 1e-26 of its q."""
    board = Board(2)
    after = board.copy()
    after.push("b2")
    evaluator = mcts.tabulated({board: ({"a1": 60.0, "b1": 60.0, "a2": 60.0}, 0.0), after: ({}, -1.0)})
    recipe = mcts.regularized(1e-9)
    found = mcts.run_search(Boards.from_board(board), evaluator, 400, recipe=recipe, seeds=derive_seeds(0, count=1))
    assert np.isfinite(found.policy).all()
    np.testing.assert_allclose(found.policy.sum(), 1.0, rtol=1e-6)


def test_descent_draws_from_pi_bar():
    """With equal values pi_bar is the prior, and the visits of the root's children follow it."""
    board = Board(3)
    evaluator = mcts.tabulated(lambda board: (np.arange(9) / 4, 0.0))
    boards = Boards.from_board(board, 3000)
    found = mcts.run_search(boards, evaluator_once(evaluator, boards), 2, recipe=mcts.regularized(), seeds=derive_seeds(0, count=3000))
    prior = np.exp(np.arange(9) / 4)
    prior /= prior.sum()
    drawn = found.visits.mean(axis=0)
    assert (np.abs(drawn - prior) < 5 * np.sqrt(prior * (1 - prior) / 3000)).all()


def evaluator_once(evaluator, boards):
    """Answer for the first row only, and give all rows that answer: the rows are copies, but of different leaves."""
    logits, values = evaluator(boards[:1])
    answer = type(evaluator(boards[:1]))(np.repeat(logits, len(boards), 0), np.repeat(values, len(boards)))
    return lambda _: answer


def test_the_papers_lambda_does_not_sharpen():
    """Jones's lambda grows with n toward c, Grill's falls: after many simulations only Grill's policy leaves a bad move."""
    board = Board.from_moves("a1 c1 a2 c2", 3)  # Black wins at once by a3
    right, papers = (
        mcts.search(board, mcts.uniform(), 2000, recipe=mcts.regularized(0.5, paper_lambda=switch)) for switch in (False, True)
    )
    assert right.policy["a3"] > 0.97
    assert papers.policy["a3"] < 0.85


def test_noise_mixes_into_the_prior():
    boards = Boards.from_board(Board.from_moves("b2 a1", 3), 4000)
    seeds = derive_seeds(0, count=4000)
    plain, noisy, pure = (
        mcts.run_search(boards, Planted(0), 1, seeds=seeds, noise=noise).policy.astype(np.float64)
        for noise in (None, mcts.RootNoise(0.25), mcts.RootNoise(1.0))
    )
    legal = boards.legal
    for policy in (noisy, pure):
        np.testing.assert_allclose(policy.sum(axis=1), 1.0, rtol=1e-6)
        assert not policy[~legal].any()
    np.testing.assert_allclose(noisy, 0.75 * plain + 0.25 * pure, atol=1e-6)
    assert len({row.tobytes() for row in pure}) == 4000
    shape = 10 / 7  # Dirichlet(10 / A) over A = 7 legal moves
    draws = pure[:, legal[0]]
    np.testing.assert_allclose(draws.mean(axis=0), 1 / 7, atol=0.01)
    np.testing.assert_allclose(draws.var(axis=0), (1 / 7) * (6 / 7) / (7 * shape + 1), rtol=0.1)


@pytest.mark.parametrize("shape", [0.03, 0.4, 1.0, 10.0])
def test_dirichlet_has_the_right_moments(shape):
    count, states = 5, derive_seeds(1, count=1)
    draws = np.array([draw_dirichlet(states, 0, shape, count) for _ in range(6000)])
    np.testing.assert_allclose(draws.sum(axis=1), 1.0)
    np.testing.assert_allclose(draws.mean(axis=0), 1 / count, atol=0.03)
    np.testing.assert_allclose(draws.var(axis=0), (count - 1) / count**2 / (count * shape + 1), rtol=0.12)


def test_noise_of_one_legal_move_is_nothing():
    found = mcts.run_search(Boards.empty(1, 1), mcts.uniform(), 1, seeds=derive_seeds(0, count=1), noise=mcts.RootNoise(1.0))
    assert found.policy.tolist() == [[1.0]]


def test_noise_on_the_largest_board_leaves_every_move_possible():
    seeds = derive_seeds(0, count=50)
    found = mcts.run_search(Boards.empty(19, 50), mcts.uniform(), 1, seeds=seeds, noise=mcts.RootNoise(1.0))
    assert (found.policy > 0).all()


@pytest.mark.parametrize("concentration", [10.0, 0.1, 0.01, 1e-3, 1e-6, 1e-300])
def test_noise_of_any_concentration_leaves_the_prior_its_weight(concentration):
    """However few moves share the noise, the prior keeps three quarters, and each move has the same chance of the rest."""
    seeds, noise = derive_seeds(0, count=8000), mcts.RootNoise(0.25, concentration)
    found = mcts.run_search(Boards.empty(2, 8000), mcts.uniform(), 1, seeds=seeds, noise=noise)
    assert (found.policy >= 0.75 * 0.25 - 1e-6).all()
    np.testing.assert_allclose(found.policy.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.policy.mean(axis=0), 0.25, atol=0.005)
    if concentration <= 0.01:
        assert np.mean(found.policy.max(axis=1) > 0.43) > 0.95, "nearly all of the noise goes to one move"


def test_smaller_parameters_draw_the_same_moves():
    """The shares of one seed's draw go to the limit, all to one move, without a jump where the gamma variables underflow."""
    for seed in range(20):
        drawn = [draw_dirichlet(np.array([seed], np.uint64), 0, shape, 5) for shape in 10.0 ** np.arange(-1.0, -9.0, -0.25)]
        largest = [int(shares.argmax()) for shares in drawn]
        assert len(set(largest[8:])) == 1
        assert drawn[-1].max() == 1.0


def test_temperature_zero_takes_the_first_of_the_largest():
    policy = np.array([[0.1, 0.4, 0.4, 0.1], [0.0, 0.0, 0.0, 1.0]])
    for seed in range(5):
        assert mcts.pick_moves(policy, 0.0, derive_seeds(seed, count=2)).tolist() == [1, 3]


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_temperature_shapes_the_draw(temperature):
    policy = np.array([0.05, 0.0, 0.35, 0.6])
    moves = mcts.pick_moves(np.tile(policy, (20000, 1)), temperature, derive_seeds(0, count=20000))
    wanted = policy ** (1 / temperature)
    wanted /= wanted.sum()
    np.testing.assert_allclose(np.bincount(moves, minlength=4) / 20000, wanted, atol=0.015)


def test_each_board_may_have_its_own_temperature():
    policy = np.tile([0.4, 0.6], (4000, 1))
    temperatures = np.repeat([0.0, 1.0], 2000)
    seeds = derive_seeds(0, count=4000)
    moves = mcts.pick_moves(policy, temperatures, seeds)
    assert (moves[:2000] == 1).all()
    assert 0.35 < (moves[2000:] == 0).mean() < 0.45
    assert moves[2000:].tolist() == mcts.pick_moves(policy[2000:], 1.0, seeds[2000:]).tolist()


def test_a_tiny_temperature_is_the_limit():
    policy = np.array([[1e-30, 2e-30, 1e-31]])
    assert mcts.pick_moves(policy, 1e-3, derive_seeds(0, count=1)).tolist() == [1]


def test_picking_refuses_what_makes_no_sense():
    seeds, policy = derive_seeds(0, count=2), np.full((2, 3), 1 / 3)
    with pytest.raises(ConfigError, match=r"temperature -1\.0 is out of range: give a number from 0 up"):
        mcts.pick_moves(policy, [0.0, -1.0], seeds)
    with pytest.raises(ConfigError, match=r"for 2 boards: give one number, or one for each board"):
        mcts.pick_moves(policy, [0.0, 1.0, 2.0], seeds)
    with pytest.raises(ConfigError, match=r"the policy of board 1 is \[0\.0, 0\.0, 0\.0\]: give numbers from 0 up, one of them above 0"):
        mcts.pick_moves([[1.0, 0, 0], [0, 0, 0]], 1.0, seeds)
    with pytest.raises(ConfigError, match=r"the policy of board 0 is \[nan"):
        mcts.pick_moves([[np.nan, 0, 1], [1, 0, 0]], 1.0, seeds)
    with pytest.raises(ConfigError, match=r"give one row a board"):
        mcts.pick_moves(np.ones(3), 1.0, seeds)
    with pytest.raises(ConfigError, match=r"seeds of type float64"):
        mcts.pick_moves(policy, 1.0, np.zeros(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mcts.puct(0.0), "recipe puct: the weight of the prior is 0.0: give a number above 0"),
        (lambda: mcts.puct("1"), "the weight of the prior is '1'"),
        (lambda: mcts.puct(fpu_reduction=-0.1), "fpu_reduction is -0.1: give a number from 0 up"),
        (lambda: mcts.regularized(math.inf), "recipe regularized: the weight of the prior is inf"),
        (lambda: mcts.Recipe("minimax", 1.0), "unknown recipe 'minimax': there are 'puct', 'regularized' and 'gumbel'"),
        (lambda: mcts.gumbel(c_scale=0), "recipe gumbel: c_scale is 0: give a number above 0"),
        (lambda: mcts.gumbel(c_visit=-1), "recipe gumbel: c_visit is -1: give a number from 0 up"),
        (lambda: mcts.gumbel(gumbel_scale=math.nan), "gumbel_scale is nan"),
        (lambda: mcts.gumbel(max_considered=0), "max_considered is 0: give a whole number from 1 up"),
        (lambda: mcts.gumbel(max_considered=2.5), r"max_considered is 2\.5"),
        (lambda: mcts.RootNoise(1.5), "noise fraction 1.5 is out of range: give a number from 0 to 1"),
        (lambda: mcts.RootNoise(0.25, 0.0), "noise concentration 0.0 is out of range"),
    ],
)
def test_recipes_refuse_what_makes_no_sense(make, message):
    with pytest.raises(ConfigError, match=message):
        make()

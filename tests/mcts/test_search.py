"""What a search promises its callers, whatever the recipe."""

import dataclasses
import threading

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError, HexlabError, PositionError
from hexlab.protocols import Evaluation
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds

RECIPES = [make(prove=prove) for make in (mcts.puct, mcts.regularized, mcts.gumbel) for prove in (False, True)]
recipes = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.name}{', proofs' * recipe.prove}")
NOISE = {"puct": mcts.RootNoise(0.25), "regularized": mcts.RootNoise(0.25), "gumbel": None}  # gumbel has noise of its own


def parts(found, row):
    return [getattr(found, part)[row].tobytes() for part in ("policy", "best", "visits", "values", "raw_values")]


@recipes
def test_the_batch_does_not_matter(recipe):
    """Alone, among others, and in another order: the same bytes."""
    boards = unfinished_positions(5, 16)
    evaluator, seeds = Planted(1), derive_seeds(3, count=len(boards))
    together = mcts.run_search(boards, evaluator, 40, recipe=recipe, seeds=seeds, noise=NOISE[recipe.name])
    order = np.random.default_rng(0).permutation(len(boards))
    shuffled = mcts.run_search(boards[order], evaluator, 40, recipe=recipe, seeds=seeds[order], noise=NOISE[recipe.name])
    for place, row in enumerate(order):
        alone = mcts.run_search(boards[[row]], evaluator, 40, recipe=recipe, seeds=seeds[[row]], noise=NOISE[recipe.name])
        assert parts(together, row) == parts(shuffled, place) == parts(alone, 0)


@recipes
def test_threads_do_not_matter(recipe):
    boards = unfinished_positions(5, 16)
    groups = [boards[start::4] for start in range(4)]

    def search(group):
        seeds = derive_seeds(7, count=len(group))
        return mcts.run_search(group, Planted(2), 48, recipe=recipe, seeds=seeds, noise=NOISE[recipe.name])

    serial = [search(group) for group in groups]
    threaded = [None] * len(groups)

    def work(number):
        threaded[number] = search(groups[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(groups))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for group, one, other in zip(groups, serial, threaded, strict=True):
        assert [parts(one, row) for row in range(len(group))] == [parts(other, row) for row in range(len(group))]


@recipes
def test_budgets_equal_separate_runs(recipe):
    boards = unfinished_positions(4, 8)
    budgets = np.array([1, 2, 3, 5, 8, 40, 64, 17])[: len(boards)]
    seeds = derive_seeds(4, count=len(boards))
    together = mcts.run_search(boards, Planted(3), budgets, recipe=recipe, seeds=seeds, noise=NOISE[recipe.name])
    for row, budget in enumerate(budgets):
        alone = mcts.run_search(boards[[row]], Planted(3), int(budget), recipe=recipe, seeds=seeds[[row]], noise=NOISE[recipe.name])
        assert parts(together, row) == parts(alone, 0)


@recipes
def test_one_simulation_is_the_raw_policy(recipe):
    boards = unfinished_positions(5, 12)
    found = mcts.run_search(boards, Planted(5), 1, recipe=recipe, seeds=derive_seeds(0, count=len(boards)))
    logits, values = Planted(5)(boards)
    weights = np.where(boards.legal, np.exp(logits.astype(np.float64)), 0.0)
    np.testing.assert_allclose(found.policy, weights / weights.sum(axis=1, keepdims=True), rtol=2e-6)
    assert found.values.tolist() == found.raw_values.tolist() == values.tolist()
    assert not found.visits.any()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 11, 13, 19])
@recipes
def test_results_make_sense_on_every_size(recipe, size):
    boards = unfinished_positions(size, 5)
    found = mcts.run_search(boards, Planted(size), 20, recipe=recipe, seeds=derive_seeds(size, count=len(boards)), noise=NOISE[recipe.name])
    np.testing.assert_allclose(found.policy.sum(axis=1), 1.0, rtol=1e-6)
    assert not found.policy[~boards.legal].any()
    assert not found.visits[~boards.legal].any()
    assert (found.policy >= 0).all()
    assert (np.abs(found.values) <= 1).all()
    if not recipe.prove:
        assert (found.visits.sum(axis=1) == 19).all()


def test_visits_are_the_policy_of_puct():
    boards = unfinished_positions(5, 6)
    found = mcts.run_search(boards, Planted(0), 65, recipe=mcts.puct(), seeds=derive_seeds(0, count=len(boards)))
    np.testing.assert_allclose(found.policy, found.visits / 64, rtol=1e-6)


@recipes
def test_old_memory_leaves_no_trace(recipe):
    boards = unfinished_positions(5, 12)
    seeds = derive_seeds(0, count=len(boards))
    fresh = mcts.run_search(boards, Planted(0), 30, recipe=recipe, seeds=seeds)
    tree = mcts.allocate_tree(boards=20, simulations=50, size=5)
    others = Boards.empty(5, 20)
    mcts.run_search(others, Planted(8), 50, recipe=recipe, seeds=derive_seeds(1, count=20), tree=tree)
    again = mcts.run_search(boards, Planted(0), 30, recipe=recipe, seeds=seeds, tree=tree)
    assert [parts(fresh, row) for row in range(len(boards))] == [parts(again, row) for row in range(len(boards))]


@recipes
def test_boards_are_left_alone(recipe):
    boards = unfinished_positions(3, 5)
    before = boards.copy()
    mcts.run_search(boards, Planted(0), 30, recipe=recipe, seeds=derive_seeds(0, count=len(boards)))
    assert all(np.array_equal(getattr(before, part), getattr(boards, part)) for part in ("cells", "turn", "winner"))


def test_the_evaluator_is_asked_once_a_step_with_all_rows():
    asked = []

    def evaluator(boards):
        asked.append(boards.copy())
        return mcts.uniform()(boards)

    boards = Boards.from_boards([Board(3), Board.from_moves("b2", 3)])
    mcts.run_search(boards, evaluator, np.array([2, 9]), seeds=derive_seeds(0, count=2))
    assert [len(batch) for batch in asked] == [2] * 9
    assert [batch.move_count.tolist() for batch in asked[:2]] == [[0, 1], [1, 2]]
    assert {int(batch.move_count[0]) for batch in asked[2:]} == {1}  # the idle board's row keeps its last leaf


def test_the_evaluator_is_not_asked_about_ends_of_games_alone():
    calls = []

    def evaluator(boards):
        calls.append(1)
        return mcts.uniform()(boards)

    mcts.run_search(Boards.empty(1, 1), evaluator, 10, seeds=derive_seeds(0, count=1))
    assert len(calls) == 1


@pytest.mark.parametrize("size", [3, 4])
def test_search_finds_the_win_in_one(size):
    """Black needs one stone in the last row; values and priors tell nothing."""
    board = Board.from_moves({3: "a1 c1 a2 c2", 4: "a1 d1 a2 d2 a3 d3"}[size], size)
    for recipe in RECIPES:
        recipe = dataclasses.replace(recipe, gumbel_scale=0)
        found = mcts.search(board, mcts.uniform(), simulations=200, recipe=recipe)
        assert found.best == f"a{size}"
        assert found.value > 0.7


def test_found_is_readable():
    board = Board.from_moves("a1 c1 a2 c2", 3)
    found = mcts.search(board, mcts.uniform(), simulations=100)
    assert list(found.visits) == sorted(found.visits, key=lambda name: -found.visits[name])
    assert sum(found.visits.values()) == 99
    assert list(found.policy) == list(board.legal_moves)
    assert found.policy[found.best] == max(found.policy.values())


def test_searching_a_finished_game_is_refused():
    boards = Boards.from_boards([Board(2), Board.from_moves("a1 b1 a2", 2)])
    with pytest.raises(PositionError, match="the game on board 1 is over: search takes unfinished games only"):
        mcts.run_search(boards, mcts.uniform(), 4, seeds=derive_seeds(0, count=2))
    with pytest.raises(PositionError, match="no boards to search: give at least one"):
        mcts.run_search(Boards.empty(3, 0), mcts.uniform(), 4, seeds=derive_seeds(0, count=0))


@pytest.mark.parametrize("simulations", [0, -3, 2.0, True, np.array([1, 0]), np.array([1, 2, 3])], ids=repr)
def test_odd_budgets_are_refused(simulations):
    with pytest.raises(ConfigError, match=r"simulations=.* for 2 boards: give a whole number from 1 up, or one for each board"):
        mcts.run_search(Boards.empty(3, 2), mcts.uniform(), simulations, seeds=derive_seeds(0, count=2))


@pytest.mark.parametrize("seeds", [np.zeros(2, np.int64), np.zeros(3, np.uint64)], ids=repr)
def test_odd_seeds_are_refused(seeds):
    with pytest.raises(ConfigError, match=rf"seeds of type {seeds.dtype} and shape \({len(seeds)},\) for 2 boards: give uint64\[2\]"):
        mcts.run_search(Boards.empty(3, 2), mcts.uniform(), 4, seeds=seeds)


@pytest.mark.parametrize(("boards", "simulations", "size"), [(1, 8, 3), (2, 7, 3), (2, 8, 4)])
def test_a_tree_that_does_not_fit_is_refused(boards, simulations, size):
    tree = mcts.allocate_tree(boards, simulations, size)
    with pytest.raises(ConfigError, match=r"does not hold 2 boards of size 3 and 8 simulations: allocate_tree\(2, 8, 3\) does"):
        mcts.run_search(Boards.empty(3, 2), mcts.uniform(), 8, seeds=derive_seeds(0, count=2), tree=tree)


@pytest.mark.parametrize(
    ("logit", "value", "message"),
    [
        (np.nan, 0.0, "value 0.0 and logits from nan to nan for board 1"),
        (np.inf, 0.0, "logits from 0.0 to inf for board 1"),
        (-np.inf, 0.0, "logits from -inf to 0.0 for board 1"),
        (0.0, 1.5, "value 1.5 and logits from 0.0 to 0.0 for board 1"),
        (0.0, np.nan, "value nan"),
    ],
)
def test_an_evaluator_that_answers_nonsense_is_told(logit, value, message):
    def evaluator(boards):
        logits, values = np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32)
        logits[1, 4], values[1] = logit, value
        return Evaluation(logits, values)

    with pytest.raises(HexlabError, match=message):
        mcts.run_search(Boards.empty(3, 2), evaluator, 4, seeds=derive_seeds(0, count=2))


def test_an_evaluator_that_answers_in_a_wrong_shape_is_told():
    def evaluator(boards):
        return Evaluation(np.zeros((len(boards), 8)), np.zeros(len(boards)))

    message = r"logits of shape \(2, 8\) and values of shape \(2,\) for 2 boards: expected \(2, 9\) and \(2,\)"
    with pytest.raises(HexlabError, match=message):
        mcts.run_search(Boards.empty(3, 2), evaluator, 4, seeds=derive_seeds(0, count=2))


def test_logits_of_occupied_cells_are_ignored():
    boards = Boards.from_board(Board.from_moves("b2 a1", 3))

    def shout(boards):
        logits, values = Planted(0)(boards)
        return Evaluation(np.where(boards.legal, logits, np.float32(np.nan)), values)

    quiet, loud = (mcts.run_search(boards, evaluator, 30, seeds=derive_seeds(0, count=1)) for evaluator in (Planted(0), shout))
    assert parts(quiet, 0) == parts(loud, 0)

"""Search against theory: with perfect answers it is never wrong, and with `prove` it finds proofs of its own."""

import functools

import numpy as np
import pytest
from planted_answers import Planted, all_unfinished_positions

from hexlab import mcts
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds
from hexlab.rules.solver import Solver

QUIET = functools.partial(mcts.gumbel, gumbel_scale=0)
RECIPES = [make(prove=prove) for make in (mcts.puct, mcts.regularized, QUIET) for prove in (False, True)]
recipes = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.name}{', proofs' * recipe.prove}")


@functools.cache
def positions_and_theory():
    boards = all_unfinished_positions(3)
    return boards, Solver(3).winning_moves(boards)


def test_there_are_4520_unfinished_positions_on_3x3():
    boards, winning = positions_and_theory()
    assert len(boards) == 4520
    assert 0 < winning.any(axis=1).sum() < 4520


@recipes
@pytest.mark.parametrize("simulations", [8, 32, 128, 512])
def test_search_with_theory_as_evaluator_is_never_wrong(recipe, simulations):
    boards, winning = positions_and_theory()
    won = winning.any(axis=1)
    known, tree = table_of_theory(), mcts.allocate_tree(226, simulations, 3)
    for rows in np.split(np.arange(4520), 20):  # groups that fit into the processor's cache
        seeds = derive_seeds(simulations, int(rows[0]), count=226)
        found = mcts.run_search(boards[rows], known, simulations, recipe=recipe, seeds=seeds, tree=tree)
        assert ((found.values > 0) == won[rows]).all()
        for moves in (found.best, mcts.pick_moves(found.policy, 0.0, seeds)):
            assert winning[rows[won[rows]], moves[won[rows]]].all()


@functools.cache
def table_of_theory():
    """The answers of `mcts.solved` for all positions, looked up by stones, so that thousands of steps stay cheap."""
    boards, _ = positions_and_theory()
    evaluation = mcts.solved(3)(boards)
    digits = 3 ** np.arange(9)
    place = np.zeros(3**9, np.int64)
    place[boards.stones @ digits] = np.arange(len(boards))

    def look_up(asked):
        rows = place[asked.stones @ digits]
        return type(evaluation)(evaluation.logits[rows], evaluation.values[rows])

    return look_up


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.prove], ids=lambda recipe: recipe.name)
def test_proofs_are_true(recipe):
    """With answers that mean nothing, whatever is proven anywhere in the trees agrees with theory."""
    boards, winning = positions_and_theory()
    won = winning.any(axis=1)
    found = mcts.run_search(boards, Planted(0), 100, recipe=recipe, seeds=derive_seeds(0, count=len(boards)))
    status = found.tree.nodes["status"][:, 0]
    assert (won[status == 1]).all()
    assert (~won[status == -1]).all()
    assert (found.values[status != 0] == status[status != 0]).all()
    assert np.count_nonzero(status) > 3000
    proven_wins = status == 1
    assert winning[proven_wins][found.policy[proven_wins] > 0].all()
    assert winning[proven_wins, found.best[proven_wins]].all()
    used = np.arange(100) < found.tree.used[:, :1]
    row, node = np.nonzero(used & (found.tree.nodes["status"] != 0))
    inner = Boards(3, *parts_of_nodes(found.tree, row, node))
    theory = Solver(3).winners(inner)
    assert ((theory == inner.turn) == (found.tree.nodes["status"][row, node] == 1)).all()


def parts_of_nodes(tree, row, node):
    turn = tree.nodes["turn"][row, node]
    cells = tree.cells[row, node]
    joined = (cells & 12) == 12
    return cells, turn, np.where(joined.any(axis=1), 1 - turn, -1).astype(np.int8)


def test_a_proof_ends_the_search():
    board = Board.from_moves("a1 b2", size=2)
    found = mcts.run_search(Boards.from_board(board), mcts.uniform(), 100, recipe=mcts.puct(prove=True), seeds=derive_seeds(0, count=1))
    assert found.values.tolist() == [1.0]
    assert found.policy.tolist() == [[0.0, 0.0, 1.0, 0.0]]
    assert found.visits.sum() < 5


def test_a_move_that_is_proven_to_lose_gets_no_weight():
    """White threatens to win by b1 on 3x3; Black's quiet moves lose at once, and the evaluator praises them."""
    board = Board.from_moves("c3 a1 c2 b1", size=3)  # White needs c1
    evaluator = mcts.tabulated(lambda board: ({"a3": 9.0} if "a3" in board.legal_moves else {}, 0.0))
    for recipe in (mcts.puct(prove=True), mcts.regularized(prove=True), mcts.gumbel(prove=True)):
        found = mcts.search(board, evaluator, 60, recipe=recipe)
        assert found.best == "c1"
        assert found.policy.get("a3", 0.0) == 0.0


def test_a_lost_root_still_has_a_policy():
    """White to move on 2x2 after b1: both of a1 and a2 stop nothing, and every move is proven to lose."""
    board = Board.from_moves("b1", size=2)
    for recipe in (mcts.puct(prove=True), mcts.regularized(prove=True), mcts.gumbel(prove=True)):
        found = mcts.search(board, mcts.uniform(), 500, recipe=recipe)
        assert found.value == -1.0
        assert sum(found.policy.values()) == pytest.approx(1.0)
        assert min(found.policy.values()) > 0


@pytest.mark.parametrize("make", [mcts.puct, mcts.regularized, QUIET])
def test_proofs_help_against_misleading_answers(make):
    """With an evaluator whose answers mean nothing, 64 simulations give away every tenth won position or more; proofs save most."""
    boards, winning = positions_and_theory()
    won = winning.any(axis=1)
    seeds, blunders = derive_seeds(0, count=len(boards)), {}
    for prove in (False, True):
        found = mcts.run_search(boards, Planted(0), 64, recipe=make(prove=prove), seeds=seeds)
        blunders[prove] = (~winning[won, found.best[won]]).mean()
    assert blunders[False] > 0.1
    assert blunders[True] < 0.05

"""Counted work: what a simulation costs, whatever the machine does meanwhile. A change here is a change of the algorithm."""

import numpy as np
import pytest
from search_probe import Planted

from hexlab import mcts
from hexlab.rules import Boards
from hexlab.rules.draws import derive_seeds

VISITED, SCANNED, COPIED = range(3)


def _count(recipe, evaluator, size=5, boards=32, simulations=64):
    positions = Boards.empty(size, boards)
    found = mcts.run_search(positions, evaluator, simulations, recipe=recipe, seeds=derive_seeds(0, count=boards))
    return found, found.tree.work


def test_the_first_simulations_count_as_by_hand():
    """2x2: the root is laid out and judged; then each simulation plays one of four moves at the root and judges the child."""
    _, work = _count(mcts.puct(), mcts.uniform(), size=2, boards=1, simulations=1)
    assert work[0, VISITED] == 1  # the root, on the way up
    assert work[0, SCANNED] == 4  # its logits become priors, which are the result
    assert work[0, COPIED] == 4 + 4 * 4  # the board of the leaf, and its four logits

    _, work = _count(mcts.puct(), mcts.uniform(), size=2, boards=1, simulations=2)
    assert work[0, VISITED] == 1 + 1 + 2  # down through the root, up through child and root
    assert work[0, SCANNED] == 4 + 4  # the logits become priors, and the largest is looked for; no edge yet
    assert work[0, COPIED] == 2 * (4 + 4 * 4) + 4  # and the root's board, for the child

    _, work = _count(mcts.puct(), mcts.uniform(), size=2, boards=1, simulations=4)
    assert work[0, SCANNED] == 4 + 3 * 4 + (0 + 1 + 2)  # looked for thrice, beside none, one and two edges
    assert work[0, COPIED] == 4 * (4 + 4 * 4) + 3 * 4 + 2 * 24  # the third edge makes two older ones move


@pytest.mark.parametrize(
    ("recipe", "per_simulation"),
    [
        (mcts.puct(), (6.344, 52.75, 160.86)),
        (mcts.puct(prove=True), (6.344, 52.75, 160.86)),
        (mcts.regularized(), (5.870, 142.07, 161.82)),
        (mcts.gumbel(), (8.708, 130.68, 157.91)),
    ],
    ids=["puct", "puct, proofs", "regularized", "gumbel"],
)
def test_a_simulation_costs_what_it_did(recipe, per_simulation):
    """64 simulations from the empty 5x5 board with a planted evaluator."""
    _, work = _count(recipe, Planted(3))
    np.testing.assert_allclose(work.sum(axis=0) / (32 * 64), per_simulation, rtol=2e-3)


def test_nodes_visited_are_the_visits_of_the_tree():
    """On the way up a simulation visits its path, and on the way down the same without the leaf."""
    found, work = _count(mcts.puct(), Planted(3), boards=3)
    for board in range(3):
        visits = found.tree.nodes["visits"][board, : found.tree.used[board, 0]].sum()
        assert work[board, VISITED] == 2 * visits - 64

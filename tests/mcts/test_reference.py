"""The compiled search and the slow one visit the same moves."""

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError, PositionError
from hexlab.mcts.reference import search_slowly
from hexlab.rules import Board
from hexlab.rules.draws import derive_seeds

RECIPES = {
    "puct": mcts.puct(),
    "puct, wide": mcts.puct(4.0, fpu_reduction=0.2),
    "puct, greedy": mcts.puct(0.3, fpu_reduction=1.0),
    "puct, proofs": mcts.puct(prove=True),
    "regularized": mcts.regularized(),
    "regularized, sharp": mcts.regularized(0.05),
    "regularized, paper's lambda": mcts.regularized(1 / 16, paper_lambda=True),
    "regularized, plain values": mcts.regularized(0.3, rescale=False),
    "regularized, proofs": mcts.regularized(prove=True),
    "gumbel": mcts.gumbel(),
    "gumbel, proofs": mcts.gumbel(prove=True),
    "gumbel, no noise": mcts.gumbel(gumbel_scale=0),
    "gumbel, narrow": mcts.gumbel(max_considered=3, gumbel_scale=2.0, c_visit=10.0),
    "gumbel, one move": mcts.gumbel(max_considered=1, prove=True),
    "gumbel, plain values": mcts.gumbel(c_scale=0.03, rescale=False),
}
SEARCHES = [(1, 3), (2, 1), (2, 2), (2, 40), (3, 60), (5, 24), (9, 12)]  # size, simulations


@pytest.mark.parametrize("noise", [None, mcts.RootNoise(0.4)], ids=["", "noise"])
@pytest.mark.parametrize("name", RECIPES)
def test_both_searches_agree_visit_for_visit(name, noise):
    recipe = RECIPES[name]
    noise = None if recipe.name == "gumbel" else noise
    for size, simulations in SEARCHES:
        boards = unfinished_positions(size, 3, seed=simulations)
        evaluator, seeds = Planted(seed=size), derive_seeds(simulations, count=len(boards))
        found = mcts.run_search(boards, evaluator, simulations, recipe=recipe, seeds=seeds, noise=noise)
        for row in range(len(boards)):
            slow = search_slowly(boards.board(row), evaluator, simulations, recipe=recipe, seed=int(seeds[row]), noise=noise)
            assert found.visits[row].tolist() == slow.visits().tolist()
            assert found.best[row] == slow.best()
            np.testing.assert_allclose(found.policy[row], slow.policy(), atol=2e-6)
            np.testing.assert_allclose(found.values[row], slow.root_value(), atol=1e-6)


@pytest.mark.parametrize("evaluator", [mcts.uniform(), mcts.rollouts(games=3)], ids=repr)
@pytest.mark.parametrize("recipe", [mcts.puct(), mcts.puct(prove=True), mcts.regularized(), mcts.gumbel()], ids=lambda recipe: recipe.name)
def test_both_searches_break_ties_alike(evaluator, recipe):
    """Equal priors and few distinct values: nearly every choice is a tie."""
    boards, simulations = unfinished_positions(3, 6), 60
    seeds = derive_seeds(0, count=len(boards))
    found = mcts.run_search(boards, evaluator, simulations, recipe=recipe, seeds=seeds)
    for row in range(len(boards)):
        slow = search_slowly(boards.board(row), evaluator, simulations, recipe=recipe, seed=int(seeds[row]))
        assert found.visits[row].tolist() == slow.visits().tolist()


def test_trace_tells_every_simulation():
    """Black to move on 2x2: a1 looks best at first, b1 wins."""
    board = Board.from_moves("a1 b2", size=2)  # Black a1, White b2; then a2 wins
    evaluator = mcts.tabulated({board: ({"b1": 2.0, "a2": 1.9}, 0.5)})
    steps = [str(step) for step in mcts.trace(board, evaluator, simulations=4)]
    assert steps == [
        "simulation 0: select (root), evaluate +0.500, back up root +0.500",
        "simulation 1: select b1, expand, evaluate +0.000, back up b1 +0.000, root +0.250",
        "simulation 2: select a2, expand, evaluate -1.000, back up a2 -1.000, root +0.500",
        "simulation 3: select a2, evaluate -1.000, back up a2 -1.000, root +0.625",
    ]


def test_trace_ends_with_the_proof():
    board = Board.from_moves("a1 b2", size=2)
    steps = list(mcts.trace(board, mcts.uniform(), simulations=50, recipe=mcts.puct(prove=True)))
    assert len(steps) < 5
    assert steps[-1].backed_up[-1] == ("root", 1.0)


def test_a_finished_game_cannot_be_searched_slowly():
    with pytest.raises(PositionError, match="is over: search takes unfinished games only"):
        mcts.trace(Board.from_moves("a1", size=1), mcts.uniform(), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": mcts.gumbel(), "noise": mcts.RootNoise()}, "gumbel explores by its own noise, .*: leave out root noise"),
        ({"simulations": 0}, "simulations=0 for 1 boards: give a whole number from 1 up"),
        ({"simulations": 2.0}, r"simulations=2\.0 for 1 boards"),
        ({"seed": -1}, r"seed=-1: give a whole number from 0 to 2\*\*64 - 1"),
        ({"seed": 2**64}, f"seed={2**64}: give"),
        ({"seed": 0.5}, r"seed=0\.5: give"),
    ],
    ids=lambda part: None if isinstance(part, str) else "-".join(part),
)
def test_what_run_search_refuses_is_refused_slowly_too(options, message):
    with pytest.raises(ConfigError, match=message):
        mcts.trace(Board(3), mcts.uniform(), **{"simulations": 3, **options})

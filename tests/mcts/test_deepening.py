"""Searching little by little finds what one search finds."""

import itertools

import pytest
from planted_answers import Planted

from hexlab import mcts
from hexlab.errors import ConfigError, PositionError
from hexlab.rules import Board


@pytest.mark.parametrize("prove", [False, True])
@pytest.mark.parametrize("step", [1, 16, 100])
def test_many_steps_find_what_one_search_finds(step, prove):
    board, recipe = Board.from_moves("c3 b2", size=4), mcts.puct(prove=prove)
    for found in mcts.deepen(board, Planted(1), 100, step=step, recipe=recipe):
        simulations = int(found.tree.nodes[0, 0]["visits"])
        whole = mcts.search(board, Planted(1), simulations, recipe=recipe)
        assert (found.best, found.value, found.visits, found.policy) == (whole.best, whole.value, whole.visits, whole.policy)
    assert simulations == 100


def test_a_proof_ends_the_search():
    steps = list(mcts.deepen(Board(2), mcts.uniform(), 10_000, step=4, recipe=mcts.puct(prove=True)))
    assert len(steps) < 20
    assert steps[-1].value == 1
    again = list(mcts.deepen(Board(2), mcts.uniform(), 100, recipe=mcts.puct(prove=True), tree=steps[-1].tree))
    assert [found.value for found in again] == [1]


def test_a_tree_of_the_game_is_gone_on_from_and_stays_as_it_is():
    board = Board(4)
    first = mcts.search(board, Planted(1), 200)
    board.push(first.best)
    known = first.visits[first.best]
    before = first.tree.to_text()
    found = next(mcts.deepen(board, Planted(1), 50, step=50, tree=first.tree))
    assert sum(found.visits.values()) == known - 1 + 50
    assert first.tree.to_text() == before


def test_the_caller_may_stop():
    found = next(itertools.islice(mcts.deepen(Board(5), mcts.uniform(), 10**12), 3, None))
    assert sum(found.visits.values()) == 63
    assert found.tree.capacity < 1000, "memory grows with the search alone"


def test_regularized_searches_draw_anew_at_every_step():
    found = list(mcts.deepen(Board(4), Planted(1), 64, step=8, recipe=mcts.regularized(), seed=3))
    again = list(mcts.deepen(Board(4), Planted(1), 64, step=8, recipe=mcts.regularized(), seed=3))
    assert [one.visits for one in found] == [one.visits for one in again]
    assert sum(found[-1].visits.values()) == 63


@pytest.mark.parametrize(
    ("error", "message", "settings"),
    [
        (ConfigError, "simulations=0", {"simulations": 0}),
        (ConfigError, "step=0", {"simulations": 5, "step": 0}),
        (ConfigError, "gumbel", {"simulations": 5, "recipe": mcts.gumbel()}),
    ],
)
def test_settings_that_make_no_sense_are_refused(error, message, settings):
    with pytest.raises(error, match=message):
        next(mcts.deepen(Board(3), mcts.uniform(), **settings))


def test_finished_games_are_refused():
    with pytest.raises(PositionError, match="is over"):
        next(mcts.deepen(Board.from_moves("a1", size=1), mcts.uniform(), 5))

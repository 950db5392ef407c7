"""Extrapolation: how far a law fitted to small boards misses larger ones, and an interval that noise alone does not move off 0."""

import dataclasses

import numpy as np
import pytest

from hexlab.scaling import paper_frontier
from hexlab.scaling.extrapolation import extrapolate
from hexlab.scaling.laws import evaluate_law
from hexlab.scaling.paper import PAPER_LAW

LAW = np.array([PAPER_LAW[name] for name in ("m_plateau", "c_plateau", "m_flops", "m_board", "c_incline")])


def draw_noise(rng, board, *shape):
    """Noise as frontiers have it: neighbors stray together, by a level and a tilt, 40 Elo in all, and not above perfect play."""
    place = np.linspace(-1, 1, len(board.log10_flops))
    return 28 * (rng.standard_normal((*shape, 1)) + 1.7 * rng.standard_normal((*shape, 1)) * place)


def plant(seed, miss=0.0, copies=40):
    """Boards 3 to 5 on a law, 6 by `miss` Elo off it, all with noise: the frontier, its copies, and what the law misses on 6 in truth."""
    rng, boards, drawn = np.random.default_rng([6, seed]), [], {}
    for board in paper_frontier().select((3, 4, 5, 6)).boards:
        true = evaluate_law("change_point", LAW, board.size, board.log10_flops) - (miss if board.size == 6 else 0.0)
        measured = true + draw_noise(rng, board)
        boards.append(dataclasses.replace(board, elo=measured))
        drawn[board.size] = measured + draw_noise(rng, board, copies)
    unexplained = miss**2 / np.mean(true**2)
    return dataclasses.replace(paper_frontier(), boards=tuple(boards)), drawn, unexplained


@pytest.mark.parametrize("miss", [0.0, 200.0])
def test_the_interval_holds_what_a_law_misses_in_truth(miss):
    """Quantiles of the copies' own errors would lie above a small truth nearly always: each has the noise of two."""
    held = []
    for seed in range(20):
        frontier, copies, truth = plant(seed, miss)
        (found,) = (each for each in extrapolate(frontier, copies, seed=0) if (each.size, each.seen) == (6, 5))
        assert found.low <= found.unexplained <= found.high
        held.append(found.low <= truth <= found.high)
    assert sum(held) >= 17


def test_a_law_that_misses_by_far_more_than_noise_is_told():
    frontier, copies, truth = plant(0, miss=900.0)
    (found,) = (each for each in extrapolate(frontier, copies, seed=0) if (each.size, each.seen) == (6, 5))
    assert 0.3 * truth < found.low < truth < found.high < 3 * truth


def test_without_copies_there_is_no_interval():
    frontier, _, _ = plant(0)
    assert all(np.isnan([each.low, each.high]).all() for each in extrapolate(frontier))

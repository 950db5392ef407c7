"""Pools without perfect play: the anchor's Elo shifts what is rated, and its uncertainty reaches frontiers and crossings."""

import dataclasses
import functools

import numpy as np
import pytest
from planted_tables import plant

from hexlab.arena.ratings import Anchor, rate
from hexlab.scaling import compute_frontier, find_reaches, pools, resample_frontier


@functools.cache
def planted():
    """A 5x5 experiment, and a copy of it in which perfect play does not take part and its best agent stands in."""
    tables, truth = plant(sizes=(5,), nets={5: ((8, 2), (64, 4))}, budgets=(1, 64), openings=40, seed=1)
    rows = tuple(row for row in tables.pairings if "perfect-5" not in (row.first, row.second))
    best = max((agent.agent for agent in tables.grid_agents if agent.test_simulations == 64), key=truth.__getitem__)
    agents = tuple(agent for agent in tables.agents if agent.kind != "perfect")

    def anchored(error):
        ratings = tuple(rate(rows, anchor=Anchor(best, "strongest", -20.0, error)))
        return dataclasses.replace(tables, agents=agents, pairings=rows, ratings=ratings)

    return tables, anchored(1e-6), anchored(150.0)


def test_tables_know_what_their_ratings_are_anchored_to():
    perfect, sure, unsure = (tables.anchors[5] for tables in planted())
    assert perfect == Anchor("perfect-5", "perfect", 0.0, 0.0)
    assert sure.kind == unsure.kind == "strongest"
    assert (sure.elo, unsure.error) == (pytest.approx(-20), 150.0)


def test_every_half_is_rated_by_the_anchor():
    for tables in planted()[1:]:
        for half in pools.gather_halves(tables):
            rated = pools.rate_pool(half)
            assert rated.column([tables.anchors[5].agent]) == pytest.approx([-20])


def test_the_anchors_uncertainty_reaches_frontiers_and_crossings():
    _, sure, unsure = planted()
    fronts = [compute_frontier(tables) for tables in (sure, unsure)]
    assert fronts[0].board(5).elo == pytest.approx(fronts[1].board(5).elo)
    narrow, wide = (resample_frontier(front, 200, 0, sources=("openings",))[5][:, -1].std() for front in fronts)
    assert wide**2 == pytest.approx(narrow**2 + (150 / 1.96) ** 2, rel=0.3)
    sharp, blurred = (find_reaches(front, bootstrap=100)[0] for front in fronts)
    assert blurred.low < sharp.low - 0.1
    assert blurred.high >= sharp.high


def test_the_frontier_with_a_stand_in_is_that_with_perfect_play():
    perfect, sure, _ = planted()
    one, other = (compute_frontier(tables).board(5).elo for tables in (perfect, sure))
    assert np.abs(one - other).mean() < 40

"""Games are dealt to a half that picks and a half that rates; where perfect play is missing, the anchor's Elo shifts what is rated."""

import dataclasses
import functools

import numpy as np
import pytest
from planted_tables import plant, small

from hexlab.arena.ratings import Anchor, rate
from hexlab.records import Agent, Pairing, Run, Snapshot
from hexlab.scaling import Tables, compute_frontier, find_reaches, pools, resample_frontier


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


def deal(tables):
    """Return both halves of a board's games, each as the set of their rows."""
    return tuple(set(half.pairings) for half in pools.gather_halves(tables))


def test_all_games_of_two_agents_are_in_one_half_but_for_those_with_perfect_play():
    tables, _ = small()
    for size in tables.sizes:
        board = tables.select(size)
        halves = deal(board)
        assert not halves[0] & halves[1]
        assert halves[0] | halves[1] == set(board.pairings)
        met = {agent.agent: [0, 0] for agent in board.agents}
        pairs = [{(row.first, row.second) for row in rows} for rows in halves]
        assert all(f"perfect-{size}" in pair for pair in pairs[0] & pairs[1])
        for number, rows in enumerate(halves):
            assert {row.half for row in rows if f"perfect-{size}" in (row.first, row.second)} == {number}
            for first, second in pairs[number] - {pair for pair in pairs[number] if f"perfect-{size}" in pair}:
                met[first][number] += 1
                met[second][number] += 1
        del met[f"perfect-{size}"]
        assert max(abs(one - other) for one, other in met.values()) <= 3
        assert all(sum(each) >= 8 for each in met.values())


def test_who_has_not_met_the_agent_that_met_most_plays_in_both_halves():
    agents = [Agent(name, 3, "snapshot", "r", at, 8, 100.0) for at, name in enumerate("abcdef")]
    rows = [
        Pairing(3, first, second, half, won_both=5, won_black_only=5, won_white_only=5, lost_both=5)
        for first, second in ("ab", "ac", "ad", "af", "bc", "bd", "de")
        for half in (0, 1)
    ]
    snapshots = [Snapshot("r", at, 1, 1, 1e9, 0.0, 1e9, 1e9) for at in range(6)]
    tables = Tables((Run("r", 3, 4, 1, 0, 50, 32, "{}"),), tuple(snapshots), tuple(agents), tuple(rows), tuple(rate(rows)))
    halves = [sorted((row.first + row.second, row.half) for row in half) for half in deal(tables)]
    assert halves == [
        [("ab", 0), ("ac", 0), ("ad", 0), ("af", 0), ("bd", 0), ("bd", 1), ("de", 0)],
        [("ab", 1), ("ac", 1), ("ad", 1), ("af", 1), ("bc", 0), ("bc", 1), ("de", 1)],
    ]

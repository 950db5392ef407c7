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
        ratings = tuple(rate(rows, anchor=Anchor((best,), "strongest", -20.0, error)))
        return dataclasses.replace(tables, agents=agents, pairings=rows, ratings=ratings)

    return tables, anchored(1e-6), anchored(150.0)


def test_tables_know_what_their_ratings_are_anchored_to():
    perfect, sure, unsure = (tables.anchors[5] for tables in planted())
    assert perfect == Anchor(("perfect-5",), "perfect", 0.0, 0.0)
    assert sure.kind == unsure.kind == "strongest"
    assert (sure.elo, unsure.error) == (pytest.approx(-20), 150.0)


def test_every_half_is_rated_by_the_anchor():
    for tables in planted()[1:]:
        for half in pools.gather_halves(tables):
            rated = pools.rate_pool(half)
            assert rated.column(tables.anchors[5].agents) == pytest.approx([-20])


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


def test_all_games_of_two_agents_are_in_one_half_but_for_those_that_hold_it_together():
    tables, _ = small()
    for size in tables.sizes:
        board = tables.select(size)
        halves = deal(board)
        assert not halves[0] & halves[1]
        assert halves[0] | halves[1] == set(board.pairings)
        pairs = [{(row.first, row.second) for row in rows} for rows in halves]
        both = pairs[0] & pairs[1]
        assert both == {pair for pair in pairs[0] | pairs[1] if f"perfect-{size}" in pair}
        for number, rows in enumerate(halves):
            assert {row.half for row in rows if (row.first, row.second) in both} == {number}
        met = {agent.agent: [0, 0] for agent in board.agents}
        for number in (0, 1):
            for first, second in pairs[number] - both:
                met[first][number] += 1
                met[second][number] += 1
        assert max(abs(one - other) for one, other in met.values()) <= 4


def list_groups(rows):
    """Return the groups of agents between whom games were won and lost."""
    groups = {agent: {agent} for row in rows for agent in (row.first, row.second)}
    counts = {}
    for row in rows:
        won, lost = counts.get((row.first, row.second), (0, 0))
        one = row.won_black_only + row.won_white_only
        counts[row.first, row.second] = won + 2 * row.won_both + one, lost + 2 * row.lost_both + one
    for (first, second), both in counts.items():
        if min(both) > 0 and groups[first] is not groups[second]:
            groups[first] |= groups[second]
            for agent in groups[second]:
                groups[agent] = groups[first]
    return {frozenset(group) for group in groups.values()}


def test_halves_hold_together_where_everyone_has_met_random_play_alone():
    """Random play loses every game, which tells nothing; neighbors on a ladder are all there is."""
    elo = {"random-6": -5000.0} | {f"agent-{at:02d}": -20.0 * at for at in range(40)}
    generator, rows = np.random.default_rng(0), []
    agents = [Agent(name, 6, "random" if at == 0 else "snapshot", "" if at == 0 else "r", at, 8, 100.0) for at, name in enumerate(elo)]
    ladder = sorted(name for name in elo if name.startswith("agent"))
    pairs = [(name, "random-6") for name in ladder] + [(one, ladder[at]) for step in (1, 2) for at, one in enumerate(ladder[:-step], step)]
    for first, second in pairs:
        chance = 1 / (1 + 10 ** ((elo[second] - elo[first]) / 400))
        for half in (0, 1):
            rows.append(Pairing(6, *sorted((first, second)), half, *generator.multinomial(16, _shares(chance, first > second)).tolist()))
    snapshots = [Snapshot("r", at, 1, 1, 1e9, 0.0, 1e9, 1e9) for at in range(41)]
    tables = Tables((Run("r", 6, 4, 1, 0, 50, 32, "{}"),), tuple(snapshots), tuple(agents), tuple(rows), tuple(rate(rows)))
    halves = deal(tables)
    assert [max(map(len, list_groups(half))) for half in halves] == [40, 40]
    whole = [{(row.first, row.second) for row in half} for half in halves]
    assert len(whole[0] ^ whole[1]) > 30
    turned = dataclasses.replace(tables, pairings=tuple(reversed(rows)))
    assert deal(turned) == halves, "the order of rows decides nothing"


def _shares(chance, swapped):
    chance = 1 - chance if swapped else chance
    return [chance**2, chance * (1 - chance), chance * (1 - chance), (1 - chance) ** 2]

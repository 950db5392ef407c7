"""Perfect play is several players: itself to the strong, who tell where zero is, and others to the weak, whom it does not punish."""

import dataclasses
import random

import numpy as np
import pytest

from hexlab import arena
from hexlab.arena.bradley_terry import PRIOR, gather_pool, precision_of
from hexlab.arena.ratings import believe
from hexlab.arena.witnesses import part_perfect_play
from hexlab.errors import ConfigError
from hexlab.pairings import count_pairings
from hexlab.records import Opening, Pairing

PERFECT = "perfect-5"
GAMES = 60  # of a pair, in openings


def plant(seed, plateau=100, slope=160, leniency=0.5, openings=GAMES):
    """Agents as good as perfect play, and weaker ones that take what an agent of half their distance would take from it.

    Everyone meets perfect play and sixteen others of about their strength.
    """
    generator = np.random.default_rng(seed)
    elo = {f"agent-{at:03d}": 0.0 if at < plateau else -8.0 * (at - plateau) for at in range(plateau + slope)}
    ranked = sorted(elo, key=lambda name: elo[name] + generator.normal(0, 300))
    pairs = [(one, other, 1.0) for at, one in enumerate(ranked) for other in ranked[at + 1 : at + 9]]
    pairs += [(name, PERFECT, leniency) for name in ranked]
    rows = []
    for first, second, scale in pairs:
        chance = 1 / (1 + 10 ** (scale * (elo.get(second, 0.0) - elo[first]) / 400))
        shares = [chance**2, chance * (1 - chance), chance * (1 - chance), (1 - chance) ** 2]
        rows.append(Pairing(5, first, second, 0, *generator.multinomial(openings, shares).tolist()))
    return elo, rows


def rate_at_their_word(pairings):
    """Rate with perfect play as one player, whom an agent of another name is."""
    renamed = [dataclasses.replace(row, second=row.second.replace(PERFECT, "solver")) for row in pairings]
    return arena.rate(renamed, anchor="solver")


def test_agents_as_good_as_perfect_play_come_out_next_to_it():
    parted, whole = [], []
    for seed in range(3):
        elo, pairings = plant(seed)
        best = {name for name in elo if elo[name] == 0}
        for found, ratings in ((parted, arena.rate(pairings)), (whole, rate_at_their_word(pairings))):
            found.append(np.mean([row.elo for row in ratings if row.agent in best]))
    assert np.abs(parted).max() < 15
    assert min(whole) > 25, "taken at their word its games with weak agents put the best above perfect play"


def test_everyone_keeps_the_games_and_scores_that_were_played():
    _, pairings = plant(0)
    ratings, whole = arena.rate(pairings), rate_at_their_word(pairings)
    assert {row.agent for row in ratings} == {PERFECT} | {row.agent for row in whole if row.agent != "solver"}
    assert all(row.games == whole["solver" if row.agent == PERFECT else row.agent].games for row in ratings)
    assert all(row.perfect_games == 2 * GAMES for row in ratings if row.agent != PERFECT)
    samples = arena.bootstrap_ratings(pairings, 50, seed=0)
    assert samples.shape == (50, len(ratings))
    assert np.abs(samples.mean(axis=0) - [row.elo for row in ratings]).max() < 40
    assert sum(row.elo for row in arena.rate(pairings, anchor="mean")) == pytest.approx(0, abs=1e-6)
    intervals = arena.rate(pairings, intervals="bootstrap", samples=50)
    assert [row.agent for row in intervals] == [row.agent for row in ratings]


def list_met(pool):
    """Return the opponents of perfect play with the counts of their games."""
    at = pool.agents.index(PERFECT)
    rows = zip(pool.first, pool.second, pool.counts.tolist(), strict=True)
    return {pool.agents[first if second == at else second]: counts for first, second, counts in rows if at in (first, second)}


def test_other_players_take_over_the_games_with_weaker_agents():
    elo, rows = plant(0)
    pool = gather_pool(rows)
    rested = part_perfect_play(pool, precision_of(PRIOR))
    before, after = list_met(pool), list_met(rested)
    weaker = before.keys() - after.keys()
    assert rested.rated == pool.agents
    assert after == {name: before[name] for name in after}
    assert np.all(rested.first < rested.second)
    others = range(len(pool.agents), len(rested.agents))
    rows_of = zip(rested.first.tolist(), rested.second.tolist(), rested.counts.tolist(), strict=True)
    meets = {pool.agents[first]: (second, counts) for first, second, counts in rows_of if second in others}
    assert {name: counts for name, (_, counts) in meets.items()} == {name: before[name] for name in weaker}
    assert len(others) > 5
    for other in others:
        alike = [elo[name] for name, (second, _) in meets.items() if second == other]
        assert max(alike) - min(alike) < 600
    assert 70 < len(after) < 130
    assert {name for name in elo if elo[name] < -200} <= weaker
    assert len(weaker & {name for name in elo if elo[name] == 0}) < 30
    places = {name: at for at, name in enumerate(pool.agents)}
    assert believe(rows).aside == {tuple(sorted((places[name], places[PERFECT]))) for name in weaker}


def test_weak_agents_stand_where_the_games_among_agents_put_them():
    """What weak agents take from perfect play is that of 5x5: no single strength of perfect play would describe it."""
    errors, at_their_word = [], []
    for seed in range(3):
        elo, pairings = plant(seed)
        rng, rows = np.random.default_rng(seed), [row for row in pairings if row.second != PERFECT]
        for name, strength in elo.items():
            share = 1 / (1 + 10 ** (-(0.4 * strength + 0.3 * min(0, strength + 400)) / 400))
            counts = rng.multinomial(GAMES, [share**2, share * (1 - share), share * (1 - share), (1 - share) ** 2]).tolist()
            rows.append(Pairing(5, name, PERFECT, 0, *counts))
        ratings = {row.agent: row for row in arena.rate(rows)}
        weak = [name for name in elo if elo[name] < -300]
        errors += [ratings[name].elo - elo[name] for name in weak]
        whole = rate_at_their_word(rows)
        at_their_word += [whole[name].elo - elo[name] for name in weak]
    assert abs(np.mean(errors)) < np.mean(at_their_word) / 2


def test_a_direct_score_that_does_not_count_contradicts_all_the_same():
    """A weaker agent that takes most games from the anchor is named, whatever the ratings are made of."""
    elo, rows = plant(0)
    weak = min(elo, key=elo.get)
    odd = [
        dataclasses.replace(row, won_both=50, won_black_only=10, won_white_only=0, lost_both=0)
        if (row.first, row.second) == (weak, PERFECT)
        else row
        for row in rows
    ]
    ratings = arena.rate(odd)
    assert ratings[weak].elo < -500
    assert f"of {2 * GAMES} games against {PERFECT}" in ratings.notes[weak]


def test_from_whichever_side_games_are_told_the_ratings_are_the_same():
    _, pairings = plant(1)
    turned = [
        dataclasses.replace(row, first=row.second, second=row.first, won_both=row.lost_both, lost_both=row.won_both) for row in pairings
    ]
    names = {name: f"z{name}" for row in pairings for name in (row.first, row.second) if name != PERFECT}
    later = [dataclasses.replace(row, first=names[row.first], second=names.get(row.second, PERFECT)) for row in pairings]
    plain = arena.rate(pairings)
    assert repr(arena.rate(turned)) == repr(plain)
    behind = {row.agent: row.elo for row in arena.rate(later)}  # perfect play is the first by name, and the first of its pairs
    assert all(behind[names.get(row.agent, PERFECT)] == pytest.approx(row.elo, abs=1e-6) for row in plain)


def test_few_opponents_are_all_witnesses():
    rows = [Pairing(5, f"agent-{at:02d}", PERFECT, 0, 0, 10, 0, at) for at in range(32)]
    pool = gather_pool(rows)
    assert part_perfect_play(pool, precision_of(PRIOR)) is pool


def test_who_has_met_nobody_else_stays_tied_to_perfect_play():
    rows = [Pairing(5, f"agent-{at:03d}", PERFECT, 0, 0, 20, 0, at) for at in range(150)]
    pool = gather_pool(rows)
    assert list_met(part_perfect_play(pool, precision_of(PRIOR))).keys() == elo_names(150)
    ties = [Pairing(5, f"agent-{at:03d}", f"agent-{at + 1:03d}", 0, 1, 20, 0, 1) for at in range(148)]
    rested = part_perfect_play(gather_pool([*rows, *ties]), precision_of(PRIOR))
    assert "agent-149" in list_met(rested)
    assert "agent-148" not in list_met(rested)


def elo_names(count):
    return {f"agent-{at:03d}" for at in range(count)}


def test_openings_of_games_that_do_not_count_weigh_nothing():
    """One opening is won by every weak agent that meets perfect play, with both colors."""
    names = [f"{column}{row} e5" for column in "abcd" for row in range(1, 6)]
    elo, pairings = plant(0, openings=len(names))
    rows, rng = [], random.Random(0)
    for row in pairings:
        won = [(1, 1)] * row.won_both + [(1, 0)] * row.won_black_only + [(0, 1)] * row.won_white_only + [(0, 0)] * row.lost_both
        rng.shuffle(won)
        if row.second == PERFECT and elo[row.first] < -400:
            won[0] = (1, 1)
        rows += [Opening(5, row.first, row.second, name, *pair, 20) for name, pair in zip(names, won, strict=True)]
    check = arena.check_openings(rows)
    assert (check.games, check.openings) == (2 * len(rows), len(names))
    assert (check.agent, check.opening) != (PERFECT, "a1 e5")
    assert arena.check_ratings(count_pairings(rows), samples=2).agents == 261


def test_those_who_are_to_meet_perfect_play_are_spread_over_the_strongest():
    elo, rows = plant(0)
    pairings = [row for row in rows if row.second != PERFECT]
    ranked = [row.agent for row in arena.rate(pairings, anchor="best")]
    some = arena.find_witnesses(pairings, elo, 8)
    places = [ranked.index(name) for name in some]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] > 50, "not the eight luckiest of a hundred equals"
    assert arena.find_witnesses(pairings, {"agent-250", "agent-200", "agent-259"}, 8)[0] == "agent-200"
    assert arena.find_witnesses(rows, elo, 8) == some, "whoever has met perfect play"
    assert arena.find_witnesses(pairings, [], 8) == []
    with pytest.raises(ConfigError, match="prior 0 is not a standard deviation"):
        arena.find_witnesses(pairings, elo, 8, prior=0)

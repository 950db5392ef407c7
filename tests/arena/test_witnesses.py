"""Perfect play is two players: itself to the strong, who tell where zero is, and another to the weak, whom it does not punish."""

import dataclasses

import numpy as np
import pytest

from hexlab import arena
from hexlab.arena.bradley_terry import PRIOR, gather_pool, precision_of
from hexlab.arena.witnesses import NEAR, WITNESSES, part_perfect_play
from hexlab.records import Opening, Pairing
from hexlab.store import count_pairings

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
    intervals = arena.rate(pairings, intervals="bootstrap", samples=50)
    assert [row.agent for row in intervals] == [row.agent for row in ratings]


def test_the_other_player_takes_over_the_games_with_weaker_agents():
    elo, rows = plant(0)
    pool = gather_pool(rows)
    parted = part_perfect_play(pool, precision_of(PRIOR))
    assert (parted.agents, parted.rated) == ([*pool.agents, "perfect-5 to weaker agents"], pool.agents)
    assert np.all(parted.first < parted.second)
    at, other = pool.agents.index(PERFECT), len(pool.agents)
    met = {
        pool.agents[first]: counts
        for first, second, counts in zip(pool.first, pool.second, pool.counts.tolist(), strict=True)
        if second == at
    }
    seen, weaker = {}, set()
    for first, second, counts in zip(parted.first, parted.second, parted.counts.tolist(), strict=True):
        if second >= at:
            seen[pool.agents[first]] = counts
            weaker |= {pool.agents[first]} if second == other else set()
    assert seen == met
    assert 80 < len(elo) - len(weaker) < 130
    assert {name for name in elo if elo[name] < -4 * NEAR} <= weaker
    assert len(weaker & {name for name in elo if elo[name] == 0}) < 10


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
    rows = [Pairing(5, f"agent-{at:02d}", PERFECT, 0, 0, 10, 0, at) for at in range(WITNESSES)]
    pool = gather_pool(rows)
    assert part_perfect_play(pool, precision_of(PRIOR)) is pool


def test_who_has_met_nobody_else_stays_tied_to_perfect_play():
    rows = [Pairing(5, f"agent-{at:03d}", PERFECT, 0, 0, 20, 0, at) for at in range(150)]
    pool = gather_pool(rows)
    assert part_perfect_play(pool, precision_of(PRIOR)) is pool
    ties = [Pairing(5, f"agent-{at:03d}", f"agent-{at + 1:03d}", 0, 1, 20, 0, 1) for at in range(0, 148)]
    parted = part_perfect_play(gather_pool([*rows, *ties]), precision_of(PRIOR))
    at = parted.agents.index(PERFECT)
    assert "agent-149" in {parted.agents[first] for first, second in zip(parted.first, parted.second, strict=True) if second == at}


def test_openings_are_weighed_with_perfect_play_as_two():
    """One opening is won by every weak agent that meets perfect play, with both colors: it weighs most."""
    names = [f"{column}{row} e5" for column in "abcd" for row in range(1, 6)]
    _, pairings = plant(0, openings=len(names))
    rows = []
    for row in pairings:
        won = [(1, 1)] * row.won_both + [(1, 0)] * row.won_black_only + [(0, 1)] * row.won_white_only + [(0, 0)] * row.lost_both
        if row.second == PERFECT and row.lost_both:
            won.remove((0, 0))
            won = [(1, 1), *won]
        rows += [Opening(5, row.first, row.second, name, *pair, 20) for name, pair in zip(names, won, strict=True)]
    check = arena.check_openings(rows)
    assert (check.games, check.openings) == (2 * len(rows), len(names))
    assert (check.agent, check.opening) == (PERFECT, "a1 e5")
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

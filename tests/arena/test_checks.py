"""Checks of ratings: what is planted is found, and sound pools pass."""

import itertools
import math

import numpy as np
import pytest

from hexlab import arena
from hexlab.arena.checks import check_openings, check_ratings, measure_goodness
from hexlab.arena.ratings import ELO_PER_NAT
from hexlab.errors import ConfigError
from hexlab.pairings import count_pairings
from hexlab.records import Opening, Pairing


def play(elo, openings=80, seed=0, effects=None, misfit=0.0, black=None, halves=(0, 1)):
    """Let all pairs meet on both halves of the openings.

    Args:
        elo: planted strengths by name.
        openings: openings of a half.
        seed: of the games.
        effects: Elo that a pair's first agent gains against its second.
        misfit: standard deviation of a Gaussian effect of every pair, Elo.
        black: Elo by which agents are stronger as Black and weaker as White.
        halves: those that are played.
    """
    rng = np.random.default_rng(seed)
    effects, black = effects or {}, black or {}
    rows = []
    for first, second in itertools.combinations(sorted(elo), 2):
        gap = elo[first] - elo[second] + effects.get((first, second), 0.0) - effects.get((second, first), 0.0)
        gap += misfit * rng.standard_normal()
        for half in halves:
            edge = black.get(first, 0.0) + black.get(second, 0.0) + 40 * rng.standard_normal(openings)
            as_black = rng.random(openings) < 1 / (1 + np.exp(-(gap + edge) / ELO_PER_NAT))
            as_white = rng.random(openings) < 1 / (1 + np.exp(-(gap - edge) / ELO_PER_NAT))
            counts = [(as_black & as_white).sum(), (as_black & ~as_white).sum(), (~as_black & as_white).sum()]
            rows.append(Pairing(4, first, second, half, *map(int, counts), openings - int(sum(counts))))
    return rows


LADDER = {f"agent {step:02}": -30.0 * step for step in range(20)}


def test_a_transitive_pool_has_no_cycles_beyond_chance():
    for seed in range(4):
        cycles = check_ratings(play(LADDER, seed=seed), samples=100).cycles
        assert cycles.triples == math.comb(20, 3)
        assert cycles.low <= cycles.found <= cycles.high
        assert not cycles.beyond


def test_agents_of_like_strength_make_as_many_cycles_as_expected():
    """Fitted strengths are spread further than true ones; the count does not fall for it."""
    near = {name: elo / 10 for name, elo in LADDER.items()}
    checks = [check_ratings(play(near, openings=20, seed=seed), samples=40).cycles for seed in range(8)]
    assert sum(check.found for check in checks) == pytest.approx(sum(check.expected for check in checks), rel=0.05)
    assert sum(check.beyond for check in checks) <= 1


def test_pairs_that_stray_make_cycles_that_the_model_expects():
    cycles = check_ratings(play(LADDER, misfit=80.0, seed=1), samples=100).cycles
    assert not cycles.beyond
    assert cycles.found > 2 * cycles.by_chance
    assert cycles.low <= cycles.found <= cycles.high


def test_a_planted_triple_is_found_and_named():
    rock, paper, scissors = ("agent 04", "agent 09", "agent 13")
    effects = {(paper, rock): 350.0, (rock, scissors): 0.0, (scissors, paper): 250.0}
    cycles = check_ratings(play(LADDER, effects=effects, seed=2), samples=100).cycles
    assert cycles.beyond
    worst = cycles.worst[0]
    start = worst.agents.index(rock)
    assert worst.agents[start:] + worst.agents[:start] == (rock, scissors, paper)
    assert min(worst.scores) > 0.6
    assert worst.sureness > 3
    assert worst.chance < 0.05
    assert str(worst).startswith(f"{worst.agents[0]} wins {100 * worst.scores[0]:.0f} % against {worst.agents[1]}, ")


@pytest.mark.parametrize("reverse", [False, True])
def test_three_agents_that_beat_each_other_in_turn(reverse):
    """Either sense of the ring is one cycle, and the ratings cannot tell the three apart."""
    ring = [("a", "b"), ("b", "c"), ("c", "a")]
    rows = [Pairing(4, *(pair[::-1] if reverse else pair), 0, 30, 15, 15, 4) for pair in ring]
    check = check_ratings(rows, samples=20)
    assert (check.cycles.triples, check.cycles.found) == (1, 1)
    assert check.cycles.worst[0].scores == pytest.approx([90 / 128] * 3)
    assert check.cycles.worst[0].games == (128, 128, 128)
    assert check.goodness.predicted == pytest.approx([0.5] * 3)
    assert check.halves is None


def test_agents_that_never_met_make_no_triple():
    rows = [row for row in play({"a": 0.0, "b": 10.0, "c": 20.0}) if (row.first, row.second) != ("a", "c")]
    cycles = check_ratings(rows, samples=10).cycles
    assert (cycles.triples, cycles.found, cycles.worst, cycles.beyond) == (0, 0, (), False)


@pytest.mark.parametrize("misfit", [0.0, 80.0])
def test_surpluses_of_a_sound_pool_have_a_spread_of_one(misfit):
    goodness = measure_goodness(play(LADDER, misfit=misfit, seed=3))
    assert goodness.spread == pytest.approx(1, abs=0.15)
    assert goodness.inside == pytest.approx(0.95, abs=0.05)
    assert goodness.misfit == pytest.approx(misfit, abs=20)
    assert (goodness.spread_by_chance > 1.5) == (misfit > 0)
    assert goodness.predicted.min() >= 0.5
    assert len(goodness.first) == len(goodness.games) == math.comb(20, 2)


def test_surpluses_have_a_spread_of_one_near_and_far_where_effects_widen():
    """The variance of the effect doubles over 400 Elo."""
    rng = np.random.default_rng(9)
    steps = {name: 2 * elo for name, elo in LADDER.items()}
    effects = {
        (one, other): 60 * math.hypot(1, (steps[one] - steps[other]) / 400) * rng.standard_normal()
        for one, other in itertools.combinations(steps, 2)
    }
    goodness = measure_goodness(play(steps, effects=effects, seed=9))
    far = goodness.predicted > 0.9
    for group in (goodness.surpluses[far], goodness.surpluses[~far]):
        assert np.sqrt((group**2).mean()) == pytest.approx(1, abs=0.15)
    assert goodness.misfit == pytest.approx(60, abs=15)


def test_surpluses_have_a_spread_of_one_where_openings_all_but_decide():
    """Equals, whose luck and effects are a tenth where nine in ten openings are won by one color, in half of the pairs."""
    rng = np.random.default_rng(10)
    rows = []
    for first, second in itertools.combinations(sorted(LADDER), 2):
        room = 0.1 if rng.random() < 0.5 else 1.0  # share of openings that leave anything to play for
        chance = 1 / (1 + math.exp(-80 * rng.standard_normal() / ELO_PER_NAT))
        open_ = rng.random(160) < room
        black, white = (np.where(open_, rng.random(160) < chance, decided) for decided in (True, False))
        counts = [int(both.sum()) for both in (black & white, black & ~white, ~black & white)]
        rows.append(Pairing(4, first, second, 0, *counts, 160 - sum(counts)))
    goodness = measure_goodness(rows)
    decided = goodness.chance < np.median(goodness.chance)
    for group in (goodness.surpluses[decided], goodness.surpluses[~decided]):
        assert np.sqrt((group**2).mean()) == pytest.approx(1, abs=0.15)


def test_a_pair_is_seen_from_its_favorite():
    rows = [Pairing(4, "a", "b", 0, 5, 10, 10, 25), Pairing(4, "b", "c", 0, 25, 10, 10, 5), Pairing(4, "a", "c", 0, 20, 10, 10, 10)]
    goodness = measure_goodness(rows)
    assert (goodness.first[0], goodness.second[0]) == ("b", "a")
    assert goodness.observed[0] == 0.7


def test_a_tree_of_pairs_fits_whatever_happens():
    rows = [Pairing(4, "a", "b", 0, 30, 10, 10, 5), Pairing(4, "b", "c", 0, 30, 10, 10, 5)]
    goodness = measure_goodness(rows)
    assert np.isnan(goodness.surpluses).all()
    assert math.isnan(goodness.spread)


def test_halves_of_a_sound_pool_agree():
    halves = check_ratings(play(LADDER, misfit=60.0, seed=4), samples=1).halves
    assert halves.agents == tuple(sorted(LADDER))
    assert halves.inside >= 0.85
    assert halves.typical == pytest.approx(halves.expected, rel=0.4)


def test_an_agent_that_knows_half_of_the_openings_stands_out():
    rows = play(LADDER, halves=(0,), seed=5) + play({**LADDER, "agent 07": LADDER["agent 07"] - 200}, halves=(1,), seed=6)
    halves = check_ratings(rows, samples=1).halves
    odd = np.argmax(np.abs(halves.differences) / halves.errors)
    assert halves.agents[odd] == "agent 07"
    assert halves.differences[odd] == pytest.approx(190, abs=60)
    assert abs(halves.differences[odd]) > 5 * halves.errors[odd]


def test_colors_of_a_sound_pool_agree_and_a_planted_leaning_comes_back():
    """What Black is worth to all alike is no leaning of any agent."""
    for level in (0.0, 60.0):
        colors = check_ratings(play(LADDER, black=dict.fromkeys(LADDER, level), seed=7), samples=1).colors
        assert colors.inside >= 0.85
        assert colors.typical == pytest.approx(colors.expected, rel=0.4)
    colors = check_ratings(play(LADDER, black={"agent 03": 100.0}, seed=8), samples=1).colors
    odd = np.argmax(np.abs(colors.differences))
    assert colors.agents[odd] == "agent 03"
    assert colors.differences[odd] == pytest.approx(200 * 19 / 20, rel=0.3)


def play_openings(chance, agents=6, openings=40, seed=0):
    """Let all pairs play the same openings; `chance(first, second, opening)` is that of `first` to win a game."""
    rng = np.random.default_rng(seed)
    names = [f"{column}{row} {other}4" for column in "abcd" for row in (1, 2, 3) for other in "abcd"][:openings]
    return [
        Opening(4, first, second, name, *map(int, rng.random(2) < chance(first, second, name)), 14)
        for first, second in itertools.combinations([f"agent {at}" for at in range(agents)], 2)
        for name in names
    ]


def test_no_opening_carries_a_rating_where_all_are_alike():
    rows = play_openings(lambda first, second, name: 0.5)
    check = check_openings(rows)
    assert (check.games, check.distinct, check.openings, check.carried) == (1200, 1200, 40, 0)
    assert abs(check.shift) < check.half_width


def test_an_opening_that_one_agent_knows_by_heart_is_named():
    rows = play_openings(lambda first, second, name: 1.0 if (first, name) == ("agent 0", "a2 c4") else 0.5, openings=12)
    check = check_openings(rows)
    assert (check.agent, check.opening) == ("agent 0", "a2 c4")
    assert check.shift < 0  # without it the agent falls


def test_the_shift_is_that_of_rating_without_the_opening():
    rows = play_openings(lambda first, second, name: 0.9 if (first, name) == ("agent 0", "b1 d4") else 0.5, openings=24, seed=3)
    check = check_openings(rows)
    others = [row for row in rows if row.opening != check.opening]
    whole, left = (arena.rate(some, anchor="mean")[check.agent].elo for some in (rows, others))
    assert left - whole == pytest.approx(check.shift, rel=0.15)


def test_half_turned_openings_are_counted_as_one():
    """The half-turn of 4x4 takes a1 to d4 and b2 to c3."""
    rows = [Opening(4, "a", "b", name, 1, 0, 14) for name in ("a1 b2", "d4 c3", "b2 a1")]
    check = check_openings(rows)
    assert (check.games, check.distinct, check.distinct_turned, check.openings) == (6, 6, 4, 3)


def test_openings_and_their_counts_say_the_same():
    rows = play_openings(lambda first, second, name: 0.6)
    one, other = check_ratings(rows, samples=5), check_ratings(count_pairings(rows), samples=5)
    assert np.array_equal(one.goodness.surpluses, other.goodness.surpluses)
    assert np.array_equal(measure_goodness(rows).surpluses, one.goodness.surpluses)
    assert one.cycles == other.cycles


def test_no_samples_are_refused():
    with pytest.raises(ConfigError, match="0 samples"):
        check_ratings(play({"a": 0.0, "b": 0.0}), samples=0)

"""The zero of pools without perfect play: planted distances come back, and their uncertainty is in every interval."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import t as student

from hexlab import arena
from hexlab.arena.ratings import Anchor, bootstrap_ratings, rate
from hexlab.errors import ConfigError
from hexlab.records import Agent, Conversion, Pairing


def met(first, second, won_both, won_one, lost_both, size=7):
    """One pair of agents; openings of which one game is won are won as Black."""
    return Pairing(size, first, second, 0, won_both, won_one, 0, lost_both)


POOL = [met("weak@64", "wide@64", 5, 25, 20), met("narrow@64", "weak@64", 20, 20, 10), met("narrow@1", "weak@64", 30, 15, 5)]
AGENTS = [Agent(name, 7, "snapshot", "run", 0, int(name.split("@")[1]), 1.0) for name in ("weak@64", "wide@64", "narrow@64", "narrow@1")]


def calibrate(measured, references):
    """Calibrate an anchor by its own conversions alone."""
    return arena.calibrate_anchor([measured], references)


def elo_of_share(share):
    return 400 * math.log10(share / 2 / (1 - share / 2))


def test_the_strongest_is_one_of_those_that_search_most():
    assert rate(POOL, anchor="best")[0].agent == "narrow@1"
    near = met("weak@64", "wide@64", 8, 22, 20)
    assert arena.find_strongest([near, *POOL[1:]], AGENTS) == ["wide@64", "narrow@64", "weak@64"]
    assert arena.find_strongest(POOL, AGENTS) == ["wide@64", "narrow@64"], "the third is 200 Elo behind"
    assert arena.find_strongest(POOL, AGENTS, count=1) == ["wide@64"]
    with pytest.raises(ConfigError, match="no snapshot took part"):
        arena.find_strongest(POOL, [])


def test_perfect_play_converts_every_position_and_random_play_does_not():
    for size, positions in ((3, 82), (4, 300)):
        perfect = arena.measure_conversion(arena.SolverPlayer(size), size)
        assert perfect == Conversion(size, f"perfect-{size}", positions, positions)
    assert arena.measure_conversion(arena.RandomPlayer(), 4).converted < 0.8 * perfect.positions
    with pytest.raises(ConfigError, match="no solved positions of 9x9: there are some of sizes 3, 4, 5, 6, 7"):
        arena.measure_conversion(arena.RandomPlayer(), 9)


def test_a_planted_gap_between_stand_in_and_truth_comes_back():
    """All boards agree that agents are 40 Elo better than what they convert: only the luck of the positions is left."""
    shares = {4: 0.95, 5: 0.90, 6: 0.85}
    references = [(Conversion(size, "x", round(1e6 * share), 10**6), elo_of_share(share) + 40) for size, share in shares.items()]
    anchor = calibrate(Conversion(7, "wide@64", 800_000, 10**6), references)
    assert (anchor.agents, anchor.kind) == (("wide@64",), "strongest")
    assert anchor.elo == pytest.approx(elo_of_share(0.8) + 40, abs=0.1)
    assert anchor.error < 1


def test_the_interval_holds_the_luck_of_the_positions():
    references = [(Conversion(size, "x", 850_000, 10**6), elo_of_share(0.85)) for size in (4, 5, 6)]
    rng = np.random.default_rng(0)
    drawn = [calibrate(Conversion(7, "a", rng.binomial(300, 0.85), 300), references) for _ in range(400)]
    inside = np.mean([abs(anchor.elo - elo_of_share(0.85)) <= anchor.error for anchor in drawn])
    assert 0.92 <= inside <= 0.98


def test_the_interval_holds_what_boards_differ_by():
    """Gaps between stand-in and truth drawn for each board anew: the true Elo of one board more is within the interval."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        gaps = 30 + 25 * rng.standard_normal(4)
        references = [(Conversion(size, "x", 900_000, 10**6), elo_of_share(0.9) + gap) for size, gap in zip((4, 5, 6), gaps, strict=False)]
        anchor = calibrate(Conversion(7, "a", 900_000, 10**6), references)
        inside.append(abs(anchor.elo - elo_of_share(0.9) - gaps[3]) <= anchor.error)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_several_agents_of_a_board_count_as_one_board():
    one = [(Conversion(size, "x", 900, 1000), elo_of_share(0.9) + gap) for size, gap in ((5, 0.0), (6, 30.0))]
    measured = Conversion(7, "a", 900, 1000)
    assert calibrate(measured, [*one, one[0]]) == calibrate(measured, one)
    with pytest.raises(ConfigError, match=r"the anchor \('a',\) has references on boards \[5\]"):
        calibrate(measured, one[:1])


def test_agents_of_a_pool_are_asked_together():
    """What one converts more than its strength promises, and another less, is averaged: their mean is the anchor."""
    references = [(Conversion(size, "x", 900_000, 10**6), elo_of_share(0.9)) for size in (5, 6)]
    anchor = arena.calibrate_anchor([Conversion(7, "a", 900_000, 10**6), Conversion(7, "b", 850_000, 10**6)], references)
    assert anchor.name == "a + b"
    assert anchor.elo == pytest.approx((elo_of_share(0.9) + elo_of_share(0.85)) / 2, abs=0.1)


def test_the_mean_of_several_is_where_the_anchor_says():
    anchor = Anchor(("wide@64", "narrow@64"), "strongest", -30.0, 40.0)
    ratings = rate(POOL, anchor=anchor)
    assert (ratings["wide@64"].elo + ratings["narrow@64"].elo) / 2 == pytest.approx(-30)
    assert {row.anchor for row in ratings} == {"wide@64 + narrow@64"}
    assert "the mean of wide@64 + narrow@64 is -30 within 40, perfect play being 0" in str(ratings)
    assert repr(rate(POOL, anchor="wide@64 + narrow@64")["weak@64"].elo) != repr(rate(POOL, anchor="wide@64")["weak@64"].elo)
    copies = dict(zip([row.agent for row in ratings], bootstrap_ratings(POOL, 2000, seed=0, anchor=anchor).T, strict=True))
    mean = (copies["wide@64"] + copies["narrow@64"]) / 2
    assert mean.mean() == pytest.approx(-30, abs=2)
    assert 1.96 * mean.std() == pytest.approx(40, rel=0.05)
    with pytest.raises(ConfigError, match=r"anchor 'wide@64 \+ nobody' is not in the pool"):
        rate(POOL, anchor="wide@64 + nobody")


def test_an_anchor_shifts_every_rating_and_widens_every_interval():
    plain, shifted = rate(POOL, anchor="wide@64"), rate(POOL, anchor=Anchor(("wide@64",), "strongest", -30.0, 40.0))
    for before, after in zip(plain, shifted, strict=True):
        assert after.elo == pytest.approx(before.elo - 30)
        assert after.high - after.elo == pytest.approx(math.hypot(before.high - before.elo, 40))
        assert after.elo - after.low == pytest.approx(math.hypot(before.elo - before.low, 40))
        assert (before.anchor, before.anchor_error) == ("wide@64", 0.0)
        assert (after.anchor, after.anchor_error) == ("wide@64", 40.0)
    assert "wide@64 is -30 within 40, perfect play being 0" in str(shifted)
    assert "wide@64 is 0;" in str(plain)


def test_an_anchor_of_which_nothing_is_known_is_at_zero_and_says_so():
    plain, unknown = rate(POOL, anchor="wide@64"), rate(POOL, anchor=Anchor(("wide@64",), "strongest", 0.0, math.nan))
    for before, after in zip(plain, unknown, strict=True):
        assert (after.elo, after.low, after.high) == pytest.approx((before.elo, before.low, before.high))
    assert all(math.isnan(row.anchor_error) for row in unknown)
    assert "wide@64 is 0, at an unknown distance from perfect play" in str(unknown)


def test_bootstrap_copies_draw_the_anchor_anew():
    plain = bootstrap_ratings(POOL, 2000, seed=0, anchor="wide@64")
    drawn = bootstrap_ratings(POOL, 2000, seed=0, anchor=Anchor(("wide@64",), "strongest", -30.0, 40.0)) - plain
    assert np.ptp(drawn, axis=1) == pytest.approx(0, abs=1e-9)
    assert drawn[:, 0].mean() == pytest.approx(-30, abs=2)
    assert 1.96 * drawn[:, 0].std() == pytest.approx(40, rel=0.05)
    unknown = bootstrap_ratings(POOL, 20, seed=0, anchor=Anchor(("wide@64",), "strongest", 0.0, math.nan))
    assert np.array_equal(unknown, bootstrap_ratings(POOL, 20, seed=0, anchor="wide@64"))


def boards_with_perfect_play():
    """Pools of 5x5 and 6x6 whose strongest agent takes 45 of 100 games from perfect play."""
    rows, agents = [], []
    for size in (5, 6):
        name, perfect = f"best-{size}", f"perfect-{size}"
        rows.append(met(name, perfect, 0, 45, 5, size=size))
        agents += [Agent(name, size, "snapshot", "run", 0, 64, 1.0), Agent(perfect, size, "perfect", "", -1, 0, 0.0)]
    return rows, agents


def test_pools_find_their_anchors():
    rows, agents = boards_with_perfect_play()
    nine = [Pairing(9, row.first, row.second, 0, row.won_both, row.won_black_only, 0, row.lost_both) for row in POOL]
    converted = [Conversion(5, "best-5", 270, 300), Conversion(6, "best-6", 270, 300), Conversion(7, "wide@64", 240, 300)]
    anchors = arena.find_anchors([*rows, *POOL, *nine], [*agents, *AGENTS], converted)
    assert list(anchors) == [5, 6, 7, 9]
    assert anchors[5] == Anchor(("perfect-5",), "perfect", 0.0, 0.0)
    weak = [*converted, Conversion(7, "weak@64", 1, 300)]
    assert arena.find_anchors([*rows, *POOL, *nine], [*agents, *AGENTS], weak)[7] == anchors[7], "200 Elo behind"
    assert anchors[7].elo == pytest.approx(elo_of_share(0.8), abs=3)  # 90 % converted are 45 % of the games: the stand-in does not mislead
    assert (anchors[9].name, anchors[9].kind, anchors[9].elo) == ("wide@64", "strongest", 0.0)
    assert math.isnan(anchors[9].error)


def test_conversions_that_fit_no_pool_are_refused():
    rows, agents = boards_with_perfect_play()
    with pytest.raises(ConfigError, match="'other' converted positions on 5x5 and is not in the pool"):
        arena.find_anchors(rows, agents, [Conversion(5, "other", 1, 2)])
    for converted, positions in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ConfigError, match="has not converted from none to all of its positions"):
            arena.find_anchors(rows, agents, [Conversion(5, "best-5", converted, positions)])


def test_with_perfect_play_on_one_board_to_learn_from_a_zero_stays_unknown():
    rows, agents = boards_with_perfect_play()
    converted = [Conversion(5, "best-5", 9, 10), Conversion(7, "wide@64", 9, 10)]
    anchor = arena.find_anchors([*rows, *POOL], [*agents, *AGENTS], converted)[7]
    assert (anchor.name, anchor.elo) == ("wide@64", 0.0)
    assert math.isnan(anchor.error)


def test_students_t_is_that_of_the_boards():
    references = [(Conversion(size, "x", 900_000, 10**6), elo_of_share(0.9) + gap) for size, gap in ((5, -10.0), (6, 10.0))]
    anchor = calibrate(Conversion(7, "a", 900_000, 10**6), references)
    assert anchor.error == pytest.approx(student.ppf(0.975, 1) * math.sqrt(200) * math.sqrt(1.5), rel=0.01)


def test_the_order_of_conversions_changes_no_bit():
    rows, agents = boards_with_perfect_play()
    learned = [Conversion(5, "best-5", 270, 300), Conversion(6, "best-6", 268, 300)]
    own = [Conversion(7, name, won, 300) for name, won in (("wide@64", 241), ("narrow@64", 223), ("weak@64", 206))]
    found = [arena.find_anchors([*rows, *POOL], [*agents, *AGENTS], [*learned, *order])[7] for order in itertools.permutations(own)]
    assert len({(anchor.elo, anchor.error) for anchor in found}) == 1

"""Ends of intervals that games bound on one side alone: exact where that can be told by hand, and missed as seldom as they say."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_expit, ndtr

from hexlab.arena.bradley_terry import ELO_PER_NAT, weigh_pairs
from hexlab.arena.ratings import Anchor, fit_games, rate
from hexlab.records import Pairing

LESSON = [
    # Four games a pair, from notebooks/5_elo.ipynb.
    ("search 16", "search 32", 1, 0, 1), ("search 16", "search 64", 0, 1, 1), ("search 32", "search 64", 0, 0, 2),
    ("search 16", "random", 2, 0, 0), ("search 32", "random", 2, 0, 0), ("search 64", "random", 2, 0, 0),
    ("perfect-4", "search 16", 2, 0, 0), ("perfect-4", "search 32", 2, 0, 0), ("perfect-4", "search 64", 1, 1, 0),
    ("perfect-4", "random", 2, 0, 0),
]  # fmt: skip
CORE = {f"a{i}": -60.0 * i for i in range(8)}  # Elo


def met(first, second, won_both, won_one=0, lost_both=0):
    return Pairing(4, first, second, 0, won_both, won_one, 0, lost_both)


def turn(rows):
    """Let everyone lose what it won."""
    return [dataclasses.replace(row, won_both=row.lost_both, lost_both=row.won_both) for row in rows]


def play(elo, openings, generator, stray=0.0, pairs=None):
    """Let every pair of planted strengths meet, or those given; each has an effect of its own, by `stray` Elo for equals."""
    rows = []
    for first, second in pairs or itertools.combinations(elo, 2):
        gap = elo[first] - elo[second]
        chance = 1 / (1 + 10 ** (-(gap + stray * math.hypot(1, gap / 400) * generator.standard_normal()) / 400))
        counts = generator.multinomial(openings, [chance**2, 2 * chance * (1 - chance), (1 - chance) ** 2])
        rows.append(met(first, second, *counts.tolist()))
    return rows


@pytest.mark.parametrize("openings", [1, 2, 40])
def test_one_opponent_is_bounded_by_the_exact_test(openings):
    """Of Clopper and Pearson: the chance to lose so many games is one in forty."""
    chance = 1 - 0.025 ** (1 / (2 * openings))
    bound = 400 * math.log10(chance / (1 - chance))
    rows = [met("perfect", "random", openings)]
    assert rate(rows)["random"].high == pytest.approx(bound, abs=0.01)
    assert rate(rows, anchor="random")["perfect"].low == pytest.approx(-bound, abs=0.01)
    assert rate(rows, intervals="bootstrap", samples=10)["random"].high == pytest.approx(bound, abs=0.01)
    assert rate(rows, prior=2000)["random"].high == pytest.approx(bound, abs=0.1), "the prior has no say"
    assert rate(rows, prior=2000)["random"].low > rate(rows)["random"].low, "but for the other end"


def test_the_random_player_of_the_lesson():
    """It lost 16 games; the end was at +1179, where it would lose them once in a hundred billion tournaments."""
    rows = [met(*row) for row in LESSON]
    table = rate(rows)
    random = table["random"]
    assert random.high == pytest.approx(-658, abs=1)
    assert random.low == pytest.approx(-4720, abs=1), "the prior's"
    assert table.open_ends == {"random": "low"}
    line = next(line for line in str(table).splitlines() if line.startswith("random"))
    assert line.split()[1:4] == ["-1770*", "below", "-658"]
    assert "* random: lost all its 16 games: the games give no lower bound" in str(table)
    for row in rate([row for row in rows if row.second != "random"]):
        assert (table[row.agent].low, table[row.agent].high) == pytest.approx((row.low, row.high), abs=3), "of others it tells nothing"

    upside_down = rate(turn(rows), anchor="perfect-4")
    assert upside_down["random"].low == pytest.approx(-random.high, abs=0.01)
    assert upside_down.open_ends == {"random": "high"}
    assert " above +658 " in str(upside_down)

    above = rate(rows, anchor="random")
    assert above.open_ends == dict.fromkeys(["perfect-4", "search 64", "search 16", "search 32"], "high")
    assert above["perfect-4"].low == pytest.approx(-random.high, abs=1)
    assert all(row.low > 0 for row in above if row.agent != "random"), "they won every game against random play"


def test_the_bound_of_one_agent_by_a_slow_formula():
    """Dense matrices, a grid of strengths, and effects in every node of a fine sum."""
    rows = [*play(CORE, 10, np.random.default_rng(3), 120.0), *(met(each, "loser", 8) for each in ("a0", "a4", "a7"))]
    fit = fit_games(rows, anchor="a0")
    pool, theta = fit.pool, fit.theta
    assert fit.pairs.misfit * ELO_PER_NAT**2 > 80**2
    loser, anchor = pool.agents.index("loser"), pool.agents.index("a0")
    mine = np.flatnonzero(pool.second == loser)
    bread = np.linalg.inv(fit.information.matrix.toarray())
    covariance = bread @ weigh_pairs(pool, fit.pairs.total).toarray() @ bread
    places = np.linspace(-25, 10, 7001)
    log_chances = sum(16 * log_expit(theta[other] - places) for other in pool.first[mine])

    bound, draws = -5.0, np.linspace(-7, 7, 1401)
    shares = np.exp(-(draws**2) / 2) / np.exp(-(draws**2) / 2).sum()
    for _ in range(6):
        gaps = theta[pool.first[mine]] - bound
        weights = 1 / (1 + np.exp(gaps))
        weights /= weights.sum()
        contrast = np.zeros(len(theta))
        contrast[pool.first[mine]] += weights
        contrast[anchor] -= 1
        stray = math.sqrt((weights**2 * fit.pairs.misfit * (1 + (gaps / math.log(10)) ** 2)).sum())
        error = math.sqrt(contrast @ covariance @ contrast)
        chances = shares @ np.exp(np.interp(places + stray * draws[:, None], places, log_chances))
        bound = brentq(lambda end, error=error, chances=chances: (chances * ndtr((places - end) / error)).max() - 0.025, -15, 5)
    assert rate(rows, anchor="a0")["loser"].high == pytest.approx(ELO_PER_NAT * (bound - theta[anchor]), abs=1)


def test_the_bound_beyond_another_group_by_a_slow_search():
    """Wherever "b" is, the results have at most one chance in forty."""
    rows = [met("a", "b", 3), met("b", "c", 5), met("a", "c", 1)]
    table = rate(rows, anchor="a", prior=20_000)
    places = np.linspace(-20, 5, 2501)

    def surprise(c):
        return -(6 * log_expit(-places) + 10 * log_expit(places - c) + 2 * log_expit(-c)).max()

    assert table["c"].high == pytest.approx(ELO_PER_NAT * brentq(lambda c: surprise(c) + math.log(0.025), -20, 5), abs=0.1)
    assert table["b"].high == pytest.approx(rate(rows[:1], anchor="a")["b"].high, abs=0.1), "its wins over c tell nothing of its upper end"
    assert table["c"].high < rate(rows[2:], anchor="a")["c"].high - 100, "they do of that of c"
    assert table.open_ends == {"b": "low", "c": "low"}


def test_a_group_moves_as_one():
    """All its games with the others tell of each, and between them they are as far apart as by their own games."""
    generator = np.random.default_rng(4)
    rows = [*play(CORE, 50, generator), *play({"x": 0.0, "y": -150.0}, 500, generator), *(met(each, "y", 10) for each in ("a0", "a7"))]
    table = rate(rows, anchor="a0")
    assert table.open_ends == {"x": "low", "y": "low"}
    assert table["x"].high - table["y"].high == pytest.approx(table["x"].elo - table["y"].elo, abs=10)
    more = rate([*rows, *(met(each, "x", 10) for each in ("a0", "a7"))], anchor="a0")
    assert more["y"].high < table["y"].high - 50


def test_sixty_players_each_of_whom_beats_all_after_it():
    names = [f"p{number:02}" for number in range(60)]
    table = rate([met(*pair, 2) for pair in itertools.combinations(names, 2)], anchor="p59", prior=1000)
    assert [row.agent for row in table] == names
    low = [row.low for row in table][:-1]
    assert low == sorted(low, reverse=True)
    assert low[-1] == pytest.approx(rate([met("p58", "p59", 2)], anchor="p59")["p58"].low, abs=0.1)
    assert all(row.low <= row.elo <= row.high for row in table)


def test_a_strong_prior_holds_a_strength_short_of_its_bound():
    """Then the interval ends at the strength."""
    table = rate([met("perfect", "random", 500)], prior=20)
    assert table["random"].low < table["random"].elo == table["random"].high


def test_who_is_not_tied_at_all_has_no_bound():
    """Random play lost all its games, and so did the other one, against others."""
    rows = [met("a", "b", 5, 5, 5), met("a", "random", 5), met("a", "other", 5), met("b", "other", 5)]
    table = rate(rows, anchor="random")
    assert table.open_ends == {"a": "high", "b": "high", "other": "both"}
    assert table.notes["other"] == "no chain of wins ties it to random: the games give no bounds"
    assert next(line for line in str(table).splitlines() if line.startswith("other")).split()[2] == "unknown"
    assert table["other"].low < -1500
    assert table["other"].high > 1500


def test_the_error_of_an_anchor_is_in_its_bounds():
    rows = [met(*row) for row in LESSON]
    plain = rate(rows, anchor="perfect-4")["random"]
    shifted = {error: rate(rows, anchor=Anchor(("perfect-4",), "strongest", -30.0, error))["random"] for error in (0.0, 200.0, math.nan)}
    assert shifted[0.0].high == pytest.approx(plain.high - 30)
    assert shifted[200.0].high > plain.high - 20
    assert shifted[math.nan].high == shifted[0.0].high


def test_the_mean_of_a_pool_moves_no_bound():
    """It is as far from the others as where the mean of these is 0."""
    rows = [*play(CORE, 20, np.random.default_rng(5)), *(met(each, "loser", 20) for each in CORE)]
    by_all, by_others = rate(rows, anchor="mean"), rate(rows, anchor=" + ".join(CORE))
    assert by_all["loser"].high - by_all["a3"].elo == pytest.approx(by_others["loser"].high - by_others["a3"].elo, abs=1e-6)
    assert by_all["a3"].elo > by_others["a3"].elo + 100


def test_open_ends_are_numbers_in_tables():
    assert "Infinity" not in json.dumps([dataclasses.asdict(row) | {"anchor_error": 0} for row in rate([met("a", "b", 5)], anchor="a")])


def miss(elo, opponents, openings, pools, generator):
    """Return how often the bound of a newcomer that loses all games misses its strength, at each strength.

    What the others play does not hang on that strength, nor does the chance to lose all on what they play: pools where the newcomer
    has lost all, times that chance, count for all pools.
    """
    bounds = []
    for _ in range(pools):
        rows = [*play(elo, openings, generator), *(met(each, "newcomer", openings) for each in opponents)]
        table = rate(rows, anchor="a0")
        bounds.append(table["newcomer"].high if table.open_ends == {"newcomer": "low"} else math.inf)
    strengths = np.arange(-3000, 1000, 10.0)
    chances = np.exp(2 * openings * sum(log_expit((elo[each] - strengths) / ELO_PER_NAT) for each in opponents))
    return chances * np.mean(np.array(bounds)[:, None] < strengths, axis=0)


@pytest.mark.parametrize(("opponents", "openings"), [(list(CORE), 20), (["a7"], 4), (["a0", "a6"], 10)])
def test_no_strength_is_missed_in_more_than_one_pool_of_forty(opponents, openings):
    """Nor in much less, at the worst strength: the bound is no further off than it has to be."""
    missed = miss(CORE, opponents, openings, 80, np.random.default_rng(6))
    assert 0.015 < missed.max() < 0.035


@pytest.mark.slow
@pytest.mark.parametrize("stray", [0.0, 70.0])
@pytest.mark.parametrize(
    ("others", "openings"),
    [
        (lambda gap: {"r": -420 - gap}, 20),
        (lambda gap: {"r": -420 - gap, "s": -470 - gap, "t": -570 - gap}, 5),
        (lambda gap: {"r": -420 - gap, "s": -420 - 2 * gap, "t": -420 - 3 * gap}, 4),
    ],
    ids=["alone", "group", "chain"],
)
def test_near_ends_hold_planted_strengths(others, openings, stray):
    """Of everyone in every pool, whether it lost all its games or not: from strengths where hardly anyone does to those where most do.

    About 97.5 % at the worst strength, and more elsewhere. In every other pool all is the other way round: agents win all their games.
    """
    generator = np.random.default_rng(7)
    sided = []
    for gap in (200, 300, 400, 500, 650, 900):
        elo = CORE | others(float(gap))
        held, open_ended = [], []
        for pool in range(150):
            rows = play(elo, openings, generator, stray)
            way = 1 - 2 * (pool % 2)
            table = rate(rows if way > 0 else turn(rows), anchor="a0")
            for agent in others(0.0):
                end = table.open_ends.get(agent)
                open_ended.append(end is not None)
                held.append(end == "both" or (elo[agent] <= table[agent].high if way > 0 else -elo[agent] >= table[agent].low))
        assert np.mean(held) > 0.945, gap
        sided.append(np.mean(open_ended))
    assert sided[0] < 0.1
    assert sided[-1] > 0.15

"""The paper's claims: answers come back from planted tables, and the verdict keeps its rule."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from planted_tables import PLANTED, plant, small_analysis, tiny

from hexlab.scaling import NotEnoughDataError, analyze, paper_frontier
from hexlab.scaling.answers import Answer, answer_claims, compare_shapes, find_takeoffs, tabulate_answers
from hexlab.scaling.frontiers import compute_frontier
from hexlab.scaling.laws import evaluate_law
from hexlab.scaling.saturation import TestCurve, evaluate_test_curve, fit_saturation

CLAIMS = {
    "slope": "500 Elo a decade of training compute",
    "slope directly": "500 Elo a decade of training compute, by direct games",
    "twice": "twice the compute wins 2/3 of the games",
    "7x": "7x the compute a board for perfect play",
    "7x by law": "7x the compute a board for perfect play, by the law",
    "4x": "4x the compute a board to take off",
    "4x by law": "4x the compute a board to take off, by the law",
    "random play": "500 Elo a board from random to perfect play",
    "10x": "10x the training replaces 15x the search",
    "sigmoid": "Elo is a sigmoid of the search",
    "best net": "the best net's size grows as compute to the 0.93",
    "next board": "smaller boards predict the next",
}


def answer(low, high, near=(375.0, 625.0), **fields):
    return Answer("500 Elo a decade", "incline", 500.0, near, "text", value=(low + high) / 2, low=low, high=high, **fields)


def by_claim(answers):
    return {short: next(each for each in answers if each.claim == claim) for short, claim in CLAIMS.items()}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (400, 600, "holds"),
        (380, 420, "holds"),  # within the range without the paper's value itself
        (350, 600, "undecided"),
        (-math.inf, 600, "undecided"),
        (200, 900, "undecided"),  # the paper's value is inside, and so is everything else
        (200, 370, "does not hold"),
        (630, math.inf, "does not hold"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_the_verdict_is_by_interval_and_range(low, high, verdict):
    assert answer(low, high).verdict == verdict


def test_one_sided_ranges():
    below, above = (-math.inf, 4.7), (1.0, math.inf)
    assert [answer(1, high, below).verdict for high in (4, 9)] == ["holds", "undecided"]
    assert [answer(low, 3, above).verdict for low in (1.2, 0.5)] == ["holds", "undecided"]
    assert answer(0.2, 0.9, above).verdict == "does not hold"
    assert [answer(1, 2, near).range for near in (below, above, (375.0, 625.0))] == ["below 4.7", "above 1", "375 to 625"]


def test_without_data_nothing_is_decided():
    lacking = answer(400, 600, missing="not enough data: needs two boards")
    assert (lacking.verdict, str(lacking)) == ("undecided", "not enough data: needs two boards")


def test_all_claims_are_answered_in_the_order_of_the_text():
    answers = answer_claims(small_analysis())
    assert [each.claim for each in answers] == list(CLAIMS.values())
    table = tabulate_answers(answers)
    assert [row[0] for row in table.rows] == list(CLAIMS.values())
    assert [row[4:] for row in table.rows] == [(str(each), each.verdict) for each in answers]
    assert {len(row) for row in table.rows} == {len(table.heads)} == {6}


def test_the_papers_values_come_from_its_own_data():
    """The law's take-off is not the text's, and half of the distance from random play is nowhere in its data."""
    found = by_claim(answer_claims(small_analysis()))
    assert "8.4x" in found["7x"].remark
    assert found["4x"].remark == "its law says 2.1x, its curves 3.3x"
    assert found["random play"].remark.startswith("its law says 270")
    assert found["twice"].near == pytest.approx((62.7, 70.4), abs=0.1)
    assert found["7x"].near == pytest.approx((7**0.75, 7**1.25))
    assert found["4x"].paper == 4
    assert found["4x by law"].paper == pytest.approx(2.1, abs=0.1), "a law is compared with a law, not with the text's round number"
    assert found["4x by law"].near == pytest.approx((2.06**0.75, 2.06**1.25), abs=0.1)


def test_the_exchange_is_answered_by_a_board_with_several_nets():
    analysis = small_analysis()
    size = max(analysis.tradeoffs)
    assert f"{size}x{size}" in by_claim(answer_claims(analysis))["10x"].measured
    alone = dataclasses.replace(analysis.tradeoffs[size], size=9, networks=1)
    with_nine = dataclasses.replace(analysis, tradeoffs={**analysis.tradeoffs, 9: alone})
    assert answer_claims(with_nine)[list(CLAIMS).index("10x")] == answer_claims(analysis)[list(CLAIMS).index("10x")]


@functools.cache
def plain():
    """The default plant at one budget of search."""
    return plant(budgets=(64,), greed=0.05)


@pytest.fixture(scope="module")
def planted():
    return by_claim(answer_claims(analyze(plain()[0], bootstrap=40, seed=0)))


def test_planted_slopes_come_back(planted):
    slope = PLANTED[2]
    assert planted["slope"].low <= slope <= planted["slope"].high
    assert planted["slope"].value == pytest.approx(slope, rel=0.15)
    assert planted["twice"].value == pytest.approx(100 / (1 + 2 ** (-planted["slope"].value / 400)))
    factor = 10 ** (-PLANTED[3] / slope)
    for way in ("7x", "7x by law"):
        assert planted[way].low <= factor <= planted[way].high
    assert planted["7x by law"].value == pytest.approx(factor, rel=0.5)
    takeoff = 10 ** ((PLANTED[0] - PLANTED[3]) / slope)
    assert planted["4x by law"].low <= takeoff <= planted["4x by law"].high


def test_planted_distances_of_random_play_come_back(planted):
    """Random play is planted 200 Elo farther off with every board: far from the paper's 500."""
    assert planted["random play"].value == pytest.approx(200, abs=25)
    assert planted["random play"].low <= 200 <= planted["random play"].high
    assert planted["random play"].verdict == "does not hold"


def test_uneven_steps_of_random_play_are_doubt_of_their_slope():
    """Three boards known to a few Elo whose steps are 100 and 300: the line through them is known to hundreds, by one degree of freedom."""
    tables = plain()[0]
    keys = {agent.size: agent.agent for agent in tables.agents if agent.kind == "random"}
    sizes = sorted(keys)
    planted = dict(zip((keys[size] for size in sizes), (-500.0, -600.0, -900.0), strict=True))
    ratings = [
        dataclasses.replace(row, elo=planted[row.agent], low=planted[row.agent] - 5, high=planted[row.agent] + 5)
        if row.agent in planted
        else row
        for row in tables.ratings
    ]
    found = by_claim(answer_claims(analyze(dataclasses.replace(tables, ratings=tuple(ratings)), bootstrap=0)))["random play"]
    assert found.value == pytest.approx(200)
    scatter = math.sqrt((100 / 3) ** 2 + (200 / 3) ** 2 + (100 / 3) ** 2)  # residuals of the line
    assert found.high - found.value == pytest.approx(12.706 * scatter / math.sqrt(2), rel=1e-3)
    assert found.measured.endswith("its steps: 100, 300")
    assert found.verdict == "undecided"


def test_a_planted_takeoff_comes_back():
    """On frontiers that are the law itself, 15 % of the way up is where its incline is."""
    measured = compute_frontier(plain()[0])
    laws = {board.size: evaluate_law("change_point", PLANTED, board.size, board.log10_flops) for board in measured.boards}
    boards = [dataclasses.replace(board, elo=laws[board.size]) for board in measured.boards]
    weakest = {board.size: PLANTED[0] * board.size + PLANTED[1] for board in boards}
    reaches = find_takeoffs(dataclasses.replace(measured, boards=tuple(boards)), weakest)
    for reach in reaches:
        cost = (0.85 * weakest[reach.size] - PLANTED[3] * reach.size - PLANTED[4]) / PLANTED[2]
        assert reach.value == pytest.approx(cost, abs=0.01)
    above = {size: 2 * level for size, level in weakest.items()}
    assert [reach.bound for reach in find_takeoffs(measured, above)] == ["below"] * 3


def test_takeoffs_of_the_papers_curves():
    frontier = paper_frontier()
    reaches = find_takeoffs(frontier, {board.size: float(np.nanmin(board.elo)) for board in frontier.boards})
    assert [round(reach.value, 1) for reach in reaches] == [9.9, 10.7, 11.6, 12.1, 12.4, 12.8, 13.1]


def curves(shape, runs=6, snapshots=4, noise=10.0, budgets=7, seed=0):
    """Test curves of a shape over log2 of the budget, with noise; their sigmoids are fitted as those of tables."""
    rng = np.random.default_rng(seed)
    simulations = 2 ** np.arange(budgets)
    made = []
    for run in range(runs):
        for snapshot in range(snapshots):
            elo = shape(np.arange(budgets)) + noise * rng.standard_normal(budgets)
            ceiling, gain, half, steepness = map(float, fit_saturation(simulations, elo))
            rmse = float(np.sqrt(((elo - evaluate_test_curve(ceiling, gain, half, steepness, simulations)) ** 2).mean()))
            made.append(
                TestCurve(
                    f"run{run}", snapshot, 5, 8, 2, 1e9, simulations, 1e3 * simulations, elo, elo - 20, elo + 20, 0.0, ceiling, gain,
                    half, steepness, rmse, 16.0, {"ceiling": (ceiling, ceiling), "enough": (16.0, 16.0)},
                )
            )  # fmt: skip
    return made


def test_sigmoids_do_not_beat_parabolas_where_parabolas_are_planted():
    """Elo that bends without levelling off is no evidence of a ceiling, however much better than a line a sigmoid does."""
    ratio, low, _ = compare_shapes(curves(lambda doubling: -900 + 130.0 * doubling - 7 * doubling**2), bootstrap=200)
    assert low < 1.1
    assert ratio == pytest.approx(1, abs=0.2)


def test_sigmoids_beat_other_curves_where_sigmoids_are_planted():
    ratio, low, high = compare_shapes(curves(lambda doubling: -40 - 400 / (1 + np.exp(1.3 * (doubling - 3)))), bootstrap=200)
    assert ratio > 1.5
    assert 1 < low <= ratio <= high


def test_sigmoids_do_not_beat_lines_where_lines_are_planted():
    ratio, low, _ = compare_shapes(curves(lambda doubling: -800 + 60.0 * doubling), bootstrap=200)
    assert low < 1.05
    assert ratio == pytest.approx(1, abs=0.15)


def test_shapes_need_five_budgets():
    with pytest.raises(NotEnoughDataError, match="rated at five test budgets"):
        compare_shapes(curves(lambda doubling: 0.0 * doubling, budgets=4))


def test_small_tables_say_what_they_lack():
    answers = answer_claims(analyze(tiny()[0], bootstrap=0))
    assert len(answers) == len(CLAIMS)
    assert all(each.verdict == "undecided" for each in answers)
    lacking = {start: each.missing for start, each in by_claim(answers).items()}
    assert "needs random play on two boards" in lacking["random play"]
    assert "needs three boards" in lacking["next board"]
    nothing = dataclasses.replace(tiny()[0], agents=(), pairings=(), ratings=())
    assert len(answer_claims(analyze(nothing, bootstrap=0))) == len(CLAIMS)


def test_the_error_of_the_next_board_is_small_where_a_law_is_planted(planted):
    found = planted["next board"]
    assert found.measured.endswith("5x5")
    assert found.value < 5
    assert 0 == found.low < found.value < found.high < 5, "noise alone could make it"

"""Crossings of planted frontiers: seen, below the cheapest agent, above the dearest, and intervals that are open on one side."""

import dataclasses
import math

import numpy as np
import pytest
from planted_tables import plant, small, tiny

from hexlab.scaling import (
    NotEnoughDataError,
    analyze,
    compute_frontier,
    crossing,
    find_reaches,
    fit_growth,
    list_measurements,
    plot_crossings,
    report,
)
from hexlab.scaling.crossings import Crossing, Reach, bound_interval, format_estimate

GRID = np.linspace(9, 11, 201)
RISING = np.clip(-400 + 300 * (GRID - 9.2), -400, 0)  # reaches -50 at 9.2 + 350 / 300


def test_a_planted_crossing_is_seen_between_the_ends():
    assert crossing(GRID, RISING, -50).value == pytest.approx(9.2 + 350 / 300, abs=1e-6)
    assert crossing(GRID, RISING, -50).seen


def test_a_frontier_above_the_level_or_below_it_throughout_gives_a_bound():
    assert crossing(GRID, RISING, -450) == (-math.inf, 9)
    assert crossing(GRID, RISING, -450).value == -math.inf
    assert crossing(GRID, RISING, 50) == (11, math.inf)
    assert crossing(GRID, RISING, 50).value == math.inf
    late = np.where(GRID < 10.3, np.nan, RISING)  # no agent of this copy is so cheap
    low, high = crossing(GRID, late, -100)
    assert low == -math.inf
    assert high == pytest.approx(10.3)
    nothing = crossing(GRID, np.full(201, np.nan), -50)
    assert nothing == (-math.inf, math.inf)
    assert math.isnan(nothing.value)


def test_neither_a_lucky_point_nor_an_unlucky_one_decides():
    lucky, unlucky = RISING.copy(), RISING.copy()
    lucky[60] = 0.0
    unlucky[-1] = -200.0
    for noisy in (lucky, unlucky):
        assert crossing(GRID, noisy, -50).value == pytest.approx(crossing(GRID, RISING, -50).value, abs=0.011)


def test_luck_moves_crossings_neither_way_on_average():
    rng = np.random.default_rng(0)
    steps = np.repeat(RISING[5::10], 10)[:201]  # an agent holds a stretch of the frontier
    found = []
    for _ in range(200):
        noise = np.repeat(40 * rng.standard_normal(21), 10)[:201]
        found.append(crossing(GRID, np.concatenate([steps, steps[-1:]])[:201] + noise, -50).value)
    assert np.mean(found) == pytest.approx(crossing(GRID, np.concatenate([steps, steps[-1:]])[:201], -50).value, abs=0.06)


def test_one_agents_luck_does_not_stand_for_all_near_the_top():
    # Picked as the best so far, an agent with -60 Elo by the other half hides those after it, which have -20.
    frontier = compute_frontier(small()[0], 4)
    (board,) = frontier.boards
    start = np.arange(len(board.elo)) < 50
    kept, each = (np.where(start, -400.0, end) for end in (-60.0, np.where(np.arange(len(board.elo)) == 50, -60.0, -20.0)))
    reach = find_reaches(dataclasses.replace(frontier, boards=(dataclasses.replace(board, elo=each, kept_elo=kept),)))[0]
    assert reach.crossing.seen
    assert not crossing(board.log10_flops, kept, -50).seen


def test_a_board_whose_zero_is_not_known_has_no_part_in_laws():
    tables = small()[0]
    lost = [
        dataclasses.replace(row, anchor="strong", anchor_error=math.nan) if row.size == 5 else row for row in tables.ratings
    ]
    without = dataclasses.replace(tables, ratings=lost)
    assert [without.knows_zero(size) for size in (3, 4, 5)] == [True, True, False]
    analysis = analyze(without, bootstrap=0)
    assert analysis.frontier.sizes == (3, 4)
    assert "Elo 0 on 5x5" in analysis.missing["frontier 5"]
    assert 5 in analysis.test_curves


def test_intervals_take_the_bounds_of_censored_copies():
    seen = np.linspace(9.5, 9.9, 96)
    low, high = bound_interval(np.append(seen, [11.0] * 4), np.append(seen, [math.inf] * 4))
    assert low == pytest.approx(9.5, abs=0.02)
    assert high == math.inf
    low, high = bound_interval(np.append(seen, [-math.inf] * 4), np.append(seen, [9.4] * 4))
    assert low == -math.inf
    assert high == pytest.approx(9.9, abs=0.02)
    assert bound_interval(np.append(seen, -math.inf), np.append(seen, 9.4))[0] == pytest.approx(9.5, abs=0.02)  # one in a hundred
    assert np.isnan(bound_interval(np.empty(0), np.empty(0))).all()


def test_words():
    assert format_estimate(7.0, -math.inf, 7.0, "below") == "below 7.00"
    assert format_estimate(7.0, -math.inf, 8.25, "below") == "below 7.0 [below 8.2]"
    assert format_estimate(11.0, 10.5, math.inf, "above") == "above 11.00 [above 10.50]"
    assert format_estimate(9.7, -math.inf, math.inf) == "9.7 [without bounds]"
    assert format_estimate(-480.3, -486.9, -473.7) == "−480 [−487, −474]"
    assert format_estimate(9.7, math.nan, math.nan, "above") == "above 9.7"


def reach(size, low, high, copies=()):
    copies = np.array(copies, float).reshape(-1, 2)
    return Reach(size, "elo", -50.0, Crossing(low, high), *bound_interval(*copies.T), copies)


def test_growth_leaves_out_boards_whose_crossing_is_not_seen_and_says_so():
    growth = fit_growth([reach(3, -math.inf, 9.0), reach(4, 10.0, 10.0), reach(5, 11.0, 11.0), reach(6, 13.0, math.inf)])
    assert growth.sizes == (4, 5)
    assert growth.factor == pytest.approx(10)
    assert growth.left_out == {3: "the frontier is above it at its cheapest", 6: "the frontier never reaches it"}
    with pytest.raises(NotEnoughDataError, match="on 3x3 the frontier is above it at its cheapest; on 5x5 the frontier never reaches it"):
        fit_growth([reach(3, -math.inf, 9.0), reach(4, 10.0, 10.0), reach(5, 12.0, math.inf)])


def test_growth_of_censored_copies_is_bounded_by_their_bounds():
    copies = {3: [(9, 9)] * 40, 4: [(10, 10)] * 40, 5: [(11, 11)] * 36 + [(12, math.inf)] * 4}
    growth = fit_growth([reach(3, 9, 9, copies[3]), reach(4, 10, 10, copies[4]), reach(5, 11, 11, copies[5])])
    assert (growth.factor, growth.low, growth.high) == (pytest.approx(10), pytest.approx(10), math.inf)
    copies[3] = [(-math.inf, 8)] * 4 + [(9, 9)] * 36  # a cheaper start on the smallest board makes growth larger
    copies[5] = [(11, 11)] * 40
    growth = fit_growth([reach(3, 9, 9, copies[3]), reach(4, 10, 10, copies[4]), reach(5, 11, 11, copies[5])])
    assert (growth.low, growth.high) == (pytest.approx(10), math.inf)


def test_both_scales_find_the_planted_crossing():
    # On the planted law -50 Elo is reached at log10 C = 11.56 on 4x4; the paper's count is smaller by a factor 2.1.
    frontier = compute_frontier(small()[0], x="paper_flops")
    reaches = {(each.size, each.scale): each for each in find_reaches(frontier, bootstrap=40)}
    assert set(reaches) == {(size, scale) for size in (3, 4, 5) for scale in ("elo", "score")}
    planted = (2100 + 420 * 4 - 50) / 320 - np.log10(2.1)
    for scale in ("elo", "score"):
        each = reaches[4, scale]
        assert each.low <= planted <= each.high
        assert each.value == pytest.approx(planted, abs=0.5)
    again = {(each.size, each.scale): each for each in find_reaches(frontier, bootstrap=40)}
    np.testing.assert_array_equal(reaches[5, "score"].copies, again[5, "score"].copies)


@pytest.fixture(scope="module")
def ends():
    """3x3 is above -50 Elo from its first snapshot on, 4x4 is seen to cross, 5x5 stays far below."""
    settings = {"seeds": (0, 1), "budgets": (8,), "openings": 48}
    flat = np.array([0.0, -5.0, 100.0, 0.0, -1000.0])
    easy = plant(sizes=(3,), nets={3: ((4, 2),)}, snapshots=5, parameters=flat, **{**settings, "openings": 400})
    middle = plant(sizes=(4,), nets={4: ((4, 2), (32, 2))}, snapshots=6, **settings)
    hard = plant(sizes=(5,), nets={5: ((8, 2),)}, snapshots=5, span=0.8, **settings)
    parts = [part for part, _ in (easy, middle, hard)]
    names = [field.name for field in dataclasses.fields(parts[0])]
    return type(parts[0])(*(tuple(row for part in parts for row in getattr(part, name)) for name in names))


def test_measurements_report_and_figures_say_below_and_above(ends, tmp_path, monkeypatch):
    analysis = analyze(ends, bootstrap=20)
    measured = {each.quantity.partition(";")[0]: each for each in list_measurements(analysis)}
    easy, hard = (measured[f"{size}x{size}: log10 of compute (paper's count) to reach -50 Elo"] for size in (3, 5))
    assert str(easy).startswith("below ")
    assert easy.low == -math.inf
    assert str(hard).startswith("above ")
    assert hard.high == math.inf
    growth = measured["compute to reach -50 Elo, factor a board (measured crossings)"]
    assert growth.missing.startswith("not enough data: needs two boards whose frontier crosses the level; on 3x3 the frontier is above it")
    monkeypatch.setattr(report, "render_numbers", lambda name, numbers: b"<svg></svg>")
    page = report.write_report(analysis, tmp_path).read_text(encoding="utf-8")
    assert page.count(str(easy)) >= 2
    assert page.count(str(hard)) >= 2
    plot_crossings(analysis.reaches).savefig(tmp_path / "crossings.svg")
    assert (tmp_path / "crossings.svg").stat().st_size > 5000


def test_without_games_against_perfect_play_there_is_no_direct_score():
    tables, _ = tiny()
    alone = dataclasses.replace(tables, pairings=tuple(row for row in tables.pairings if "perfect" not in row.first + row.second))
    reaches = find_reaches(compute_frontier(alone, 3))
    assert [each.scale for each in reaches] == ["elo"]
    analysis = dataclasses.replace(analyze(tables, bootstrap=0), reaches=reaches)
    score = next(each for each in list_measurements(analysis) if "3x3: log10 of compute (paper's count) to win" in each.quantity)
    assert score.missing == "not enough data: needs games of the agents on the frontier against perfect play"

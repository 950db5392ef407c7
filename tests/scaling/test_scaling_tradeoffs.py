"""Search traded for training: planted exchange rates come back."""

import dataclasses
import math

import numpy as np
import pytest
from planted_tables import PLANTED, plant, small, tiny

from hexlab.scaling import (
    NotEnoughDataError,
    compute_frontier,
    fit_network_size,
    fit_test_curves,
    fit_tradeoff,
    plot_network_size,
    plot_tradeoff,
)
from hexlab.scaling.grids import RunGrid
from hexlab.scaling.surfaces import Surface
from hexlab.scaling.tradeoffs import _choose_levels, _fit_exchange, _fit_levels, _steepen


def test_a_planted_exchange_of_training_for_search_is_recovered():
    # One net, so that a simulation costs the same throughout: a decade of training is worth 1 / 0.9 decades of search.
    tables, _ = plant(
        sizes=(5,), nets={5: ((32, 4),)}, seeds=(0,), snapshots=14, span=4.0, seed_sd=0.0, greed=0.0, openings=120, search_worth=0.9
    )
    tradeoff = fit_tradeoff(tables, 5, levels=(-500, -400, -300, -200, -100), bootstrap=60)
    low, high = tradeoff.intervals["slope"]
    assert low <= -1 / 0.9 <= high
    assert tradeoff.slope == pytest.approx(-1 / 0.9, abs=0.15)
    assert tradeoff.per_elo == pytest.approx(1 / (0.9 * PLANTED[2]), rel=0.15)
    assert tradeoff.r2 > 0.9
    np.testing.assert_allclose(tradeoff.predict(-200, 12.0), tradeoff.slope * 12 - 200 * tradeoff.per_elo + tradeoff.intercept)
    assert tradeoff.networks == 1
    assert [each.level for each in tradeoff.by_level] == [-500, -400, -300, -200, -100]
    assert sum(each.points for each in tradeoff.by_level) == len(tradeoff.levels)
    for each in tradeoff.by_level:
        assert each.low <= -1 / 0.9 <= each.high
        assert each.slope == pytest.approx(np.polyfit(*(row[tradeoff.levels == each.level] for row in points_of(tradeoff)), 1)[0])
    low, high = tradeoff.steepening_interval
    assert low <= 0 <= high  # one slope was planted


def points_of(tradeoff):
    return tradeoff.log10_train, tradeoff.log10_test


def test_levels_are_six_or_close_enough():
    assert _choose_levels(-1000).tolist() == [-800, -650, -500, -350, -200, -50]
    assert _choose_levels(-10).tolist() == [-75, -70, -65, -60, -55, -50]
    far = _choose_levels(-6000)
    assert (far[0], far[-1], len(far)) == (-4800, -50, 11)
    assert (np.diff(far) <= 500).all()


def test_levels_that_trade_at_other_rates_are_told_apart():
    # Two weak levels of slope -0.5 over two decades, two strong ones of slope -4 over half a decade.
    grid, needed = np.arange(8.0, 12.0, 0.1), np.full((4, 40), np.nan)
    for row, (start, points, slope) in enumerate(((0, 20, -0.5), (5, 20, -0.5), (25, 5, -4.0), (30, 5, -4.0))):
        needed[row, start : start + points] = 6.0 + row + slope * (grid[start : start + points] - grid[start])
    np.testing.assert_allclose(_fit_levels(grid, needed), [-0.5, -0.5, -4.0, -4.0])
    assert _steepen(grid, needed, 2) == pytest.approx(-3.5)
    shared, _, _ = _fit_exchange(np.array([-800.0, -600.0, -400.0, -200.0]), grid, needed)
    assert shared == pytest.approx(-0.5, abs=0.1)  # the wide levels decide what one slope for all says
    assert np.isnan(_steepen(grid, needed[:2], 2))


def test_levels_unevenly_apart_do_not_bend_the_slope():
    # Lines of slope -1.2 whose heights grow by a decade, then three, each over another stretch of training compute.
    grid, levels = np.arange(8.0, 12.0, 0.1), np.array([-300.0, -175.0, -50.0])
    needed = np.full((3, len(grid)), np.nan)
    for row, (start, height) in enumerate(((0, 14.0), (10, 15.0), (25, 18.0))):
        needed[row, start : start + 15] = height - 1.2 * grid[start : start + 15]
    slope, per_elo, _ = _fit_exchange(levels, grid, needed)
    assert slope == pytest.approx(-1.2)
    assert per_elo == pytest.approx(4 / 250, rel=0.01)
    places = np.nonzero(np.isfinite(needed))
    plane = np.linalg.lstsq(np.column_stack([grid[places[1]], levels[places[0]], np.ones(45)]), needed[places], rcond=None)[0]
    assert abs(plane[0] + 1.2) > 0.2  # what one plane for all would have said


def test_needed_compute_is_picked_by_one_half_and_read_from_the_other():
    # Two runs of one net on a grid of two costs and two budgets, 10 and 100 FLOPs a move; four agents each.
    shape = (2, 2, 2)
    places = np.arange(8).reshape(shape)  # run, budget, cost
    surface = Surface(
        np.array([9.0, 9.1]),
        ("one", "other"),
        ((8, 2), (8, 2)),
        np.array([1, 10]),
        tuple("abcdefgh"),
        RunGrid(places, places, np.zeros(shape), np.ones(shape, bool)),
        np.array([[1.0, 2.0]] * 2),
    )
    # By the half that picks, the first run reaches -100 half-way between the budgets and the second later; then the second is better.
    picking = np.array([[-200.0, -200.0, 0.0, 0.0, -300.0, -125.0, -50.0, -25.0]])
    rating = np.array([[-400.0, -400.0, 0.0, 0.0, -300.0, -150.0, -50.0, -50.0]])
    needed = surface.needed(picking, rating, np.ones((1, 2), bool), np.array([-100.0]))
    np.testing.assert_allclose(needed, [[[1.75, 1.5]]])
    alone = surface.needed(picking, rating, np.array([[True, False]]), np.array([-100.0]))
    np.testing.assert_allclose(alone, [[[1.75, np.nan]]])  # the second cost buys nothing new
    low = np.where(rating < -300, -90.0, rating)  # by the half that rates, the smallest budget does already: no point
    np.testing.assert_allclose(surface.needed(picking, low, np.ones((1, 2), bool), np.array([-100.0])), [[[np.nan, 1.5]]])


def test_an_exchange_needs_both_halves_of_the_openings():
    tables, _ = tiny()
    with pytest.raises(NotEnoughDataError, match="both halves"):
        fit_tradeoff(dataclasses.replace(tables, pairings=tuple(row for row in tables.pairings if row.half == 0)), 3)


def test_without_two_budgets_there_is_no_exchange():
    tables, _ = tiny()
    keep = {agent.agent for agent in tables.agents if agent.kind != "snapshot" or agent.test_simulations == 8}
    single = dataclasses.replace(
        tables,
        agents=tuple(row for row in tables.agents if row.agent in keep),
        pairings=tuple(row for row in tables.pairings if {row.first, row.second} <= keep),
        ratings=tuple(row for row in tables.ratings if row.agent in keep),
    )
    with pytest.raises(NotEnoughDataError, match="two test budgets on 3x3; has 1"):
        fit_tradeoff(single, 3)
    with pytest.raises(NotEnoughDataError, match="rated at two test budgets or more"):
        fit_test_curves(single, 3)


def test_size_of_net_grows_with_compute():
    law = fit_network_size(compute_frontier(small()[0]), bootstrap=20)
    assert law.exponent > 0
    assert law.low <= law.high
    steep = np.polyfit(law.log10_flops, law.log10_weights, 1)
    assert law.exponent == pytest.approx(steep[0])


def test_one_size_of_net_says_nothing_of_size():
    tables, _ = plant(sizes=(3,), nets={3: ((4, 2),)}, seeds=(0, 1), snapshots=5, budgets=(8,), openings=36)
    with pytest.raises(NotEnoughDataError, match="needs two sizes of net"):
        fit_network_size(compute_frontier(tables))


def test_too_few_points_in_every_copy_leave_the_exponent_without_bounds():
    frontier = compute_frontier(small()[0], 5, points=6)
    law = fit_network_size(frontier, bootstrap=5)
    assert math.isfinite(law.exponent)
    assert (law.low, law.high) == (-math.inf, math.inf)


def test_pictures_without_bootstrap_show_no_interval():
    tables = small()[0]
    for drawn in (plot_network_size(fit_network_size(compute_frontier(tables))), plot_tradeoff({5: fit_tradeoff(tables, 5)})):
        axes = drawn.axes[0]
        texts = [line.get_label() for line in axes.lines] + [text.get_text() for text in axes.texts] + [axes.get_title(loc="left")]
        assert not any("nan" in str(text) for text in texts)

"""Figures of search, money and time: their numbers come from the analysis, their drawings from the numbers alone."""

import json

import numpy as np
import pytest
from planted_tables import small_analysis

from hexlab.scaling.figures import FIGURES, compute_numbers, draw_figure
from hexlab.scaling.serving import Demand, Price, charge_agent, find_plan
from hexlab.scaling.tradeoffs import fit_tradeoff


@pytest.fixture(scope="module")
def numbers():
    return compute_numbers(small_analysis())


@pytest.mark.parametrize("name", ["ceilings", "isoquants", "serving", "lifetime", "wall_clock"])
def test_a_figure_has_axes_with_names_and_a_legend(numbers, name):
    figure = draw_figure(name, json.loads(json.dumps(numbers[name], allow_nan=False)))
    assert figure.legends
    assert figure.get_supxlabel() or all(axes.get_xlabel() for axes in figure.axes)
    assert "95 %" in FIGURES[name].caption or name == "lifetime"  # counted compute has no interval


def test_parts_of_a_life_add_up_and_training_and_serving_are_even_where_the_line_is(numbers):
    tables = small_analysis().tables
    for board in numbers["lifetime"]["boards"]:
        parts = np.array([board[name] for name in ("selfplay", "learner", "serving")])
        np.testing.assert_allclose(parts.sum(axis=0), 1)
        assert charge_agent(tables, board["agent"], Demand(board["even"], board["moves"]), Price()).train_share == pytest.approx(0.5)
        assert board["even_raw"] == board["even"] * board["test_simulations"]


def test_the_split_that_is_drawn_is_that_of_the_plans(numbers):
    analysis = small_analysis()
    assert numbers["serving"]["currency"] == "USD at 0.04 a core-hour"  # every run of the plant is timed
    assert "cheapest bill\n(USD at 0.04 a core-hour)" in [axes.get_ylabel() for axes in draw_figure("serving", numbers["serving"]).axes]
    for board in numbers["serving"]["boards"]:
        bills = [np.array(level["bill"]) for level in board["levels"]]
        assert all(0 < share < 1 for level in board["levels"] for share in level["share"])
        assert all(len(bill) == len(board["games"]) for bill in bills)
        slope = fit_tradeoff(analysis.tables, board["size"]).slope
        assert board["law"] == (pytest.approx(slope / (slope - 1)) if slope < 0 else None)


def test_lines_of_equal_bills_touch_the_isoquant_at_the_plan(numbers):
    for board in numbers["isoquants"]["boards"]:
        isoquant = next(each for each in small_analysis().isoquants[board["size"]] if each.level == board["level"])
        assert [plan["games"] for plan in board["plans"]] == [1e4, 1e5, 1e6]  # the same on all boards, in the same colors
        higher = [each for each in small_analysis().isoquants[board["size"]] if each.level > board["level"]]
        assert len(isoquant.edge) >= 4 > max((len(each.edge) for each in higher), default=0)
        for plan in board["plans"]:
            assert plan["train_flops"] + plan["games"] * board["moves"] * plan["test_flops"] == pytest.approx(plan["bill"])
            assert plan["train_flops"] == find_plan(isoquant, Demand(plan["games"], board["moves"]), Price()).train_flops
        assert (np.diff(board["train_flops"]) > 0).all()
        assert (np.diff(board["test_flops"]) < 0).all()
    drawn = draw_figure("isoquants", numbers["isoquants"])
    assert all("Elo −" in axes.get_title(loc="left") for axes in drawn.axes)
    assert all(scale == "linear" for axes in drawn.axes for scale in (axes.get_xscale(), axes.get_yscale()))


def test_speeds_are_flops_over_seconds(numbers):
    tables, found = small_analysis().tables, numbers["wall_clock"]
    for board, speeds in zip(found["boards"], found["speeds"], strict=True):
        for run, speed in zip(board["runs"], speeds["flops_a_second"], strict=True):
            last = max((row for row in tables.snapshots if row.run == run["run"]), key=lambda row: row.snapshot)
            assert speed == pytest.approx(last.train_flops / tables.seconds_by_key[last.run, last.snapshot])


def test_the_frontier_by_energy_has_a_panel_where_it_is_known(numbers):
    by_clock, by_energy = numbers["wall_clock"]["boards"], numbers["wall_clock"]["energy"]
    for clock, energy in zip(by_clock, by_energy, strict=True):
        watts = 10 ** (np.array(energy["log10_cost"]) - np.array(clock["log10_cost"]))
        np.testing.assert_allclose(watts, 20, err_msg="20 W were planted")
    assert len(draw_figure("wall_clock", numbers["wall_clock"]).axes) == 3
    silent = {name: value for name, value in numbers["wall_clock"].items() if name != "energy"}
    assert len(draw_figure("wall_clock", silent).axes) == 2

"""The goodness-of-fit figure says what `arena.measure_goodness` measures, group by group."""

import dataclasses

import numpy as np
import pytest
from planted_tables import small

from hexlab import arena
from hexlab.scaling import NotEnoughDataError
from hexlab.scaling.figures.goodness_of_fit import FIGURE, _numbers, plot_goodness_of_fit


def test_groups_hold_the_pairs_in_order_of_their_prediction():
    tables, _ = small()
    boards = {board["size"]: board for board in _numbers(tables)["boards"]}
    assert sorted(boards) == [3, 4, 5]
    for size, board in boards.items():
        fit = arena.measure_goodness([row for row in tables.pairings if row.size == size])
        assert (board["pairs"], board["spread"]) == (len(fit.games), fit.spread)
        assert np.all(np.diff(board["predicted"]) > 0)
        assert 0.5 <= board["predicted"][0] < board["predicted"][-1] <= 1
        assert np.all(np.array(board["luck"]) <= np.array(board["expected"]))
        assert np.all(np.array(board["stray_low"]) <= np.array(board["stray"]))
        assert board["spread"] == pytest.approx(1, abs=0.15), "the planted games are those of the model"


def test_the_figure_has_a_panel_a_board():
    figure = plot_goodness_of_fit(small()[0])
    assert len(figure.axes) == 3
    assert {line.get_label() for line in figure.axes[0].lines} >= {"pairs"}


def test_without_games_there_is_no_figure():
    nothing = dataclasses.replace(small()[0], pairings=())
    with pytest.raises(NotEnoughDataError, match="needs games"):
        _numbers(nothing)
    assert FIGURE.title == "Goodness of fit"


def test_a_few_upsets_among_sure_wins_pull_a_mean_out_of_its_bar():
    numbers = _numbers(small()[0])
    board = numbers["boards"][0]
    last = len(board["stray"]) - 1
    board["stray_low"][last] = board["stray"][last] + 0.01
    board["stray_high"][last] = board["stray"][last] + 0.02
    axes = FIGURE.draw(numbers).axes[0]
    (bars,) = axes.containers
    low, high = bars.lines[2][0].get_segments()[last][:, 1]
    assert (low, high) == pytest.approx((100 * board["stray"][last] + 1, 100 * board["stray"][last] + 2))
    (points,) = (line for line in axes.lines if line.get_label() == "observed, mean")
    assert points.get_ydata()[last] == pytest.approx(100 * board["stray"][last])

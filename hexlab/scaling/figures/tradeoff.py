"""Search at play against training compute at equal Elo: figure 9 of Jones 2021."""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain
from hexlab.scaling.figures.style import (
    GRAY,
    INK,
    MARKERS,
    annotate,
    board_color,
    board_name,
    canvas,
    compute_label,
    floats,
    legend_line,
    log_axis,
    make_shades,
    name_zero,
    powers,
)
from hexlab.scaling.paper import PAPER_TRADEOFF
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import Tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_tradeoff"]


def plot_tradeoff(tradeoffs: Mapping[int, Tradeoff]) -> "Figure":
    """Draw test against training compute at equal Elo, a panel for each board size."""
    return _draw(plain(_numbers(tradeoffs)))


def _numbers(tradeoffs: Mapping[int, Tradeoff]) -> Numbers:
    if not tradeoffs:
        raise NotEnoughDataError("not enough data: needs snapshots at two test budgets that reach the same Elo")
    boards = []
    for size, tradeoff in sorted(tradeoffs.items()):
        boards.append(
            {
                "size": size,
                "networks": tradeoff.networks,
                "levels": tradeoff.levels,
                "log10_train": tradeoff.log10_train,
                "log10_test": tradeoff.log10_test,
                "slope": tradeoff.slope,
                "per_elo": tradeoff.per_elo,
                "intercept": tradeoff.intercept,
                "intervals": {name: list(ends) for name, ends in tradeoff.intervals.items()},
                "r2": tradeoff.r2,
                "by_level": [each._asdict() for each in tradeoff.by_level],
                "steepening": [tradeoff.steepening, *tradeoff.steepening_interval],
            }
        )
    return {"x": next(iter(tradeoffs.values())).x, "boards": boards}


def _draw(numbers: Numbers) -> "Figure":
    *smaller, largest = numbers["boards"]
    rows = 2 if len(smaller) > 1 else 1
    columns = rows - (-len(smaller) // rows)
    with canvas(5.2 if columns == 1 else 2.9 * max(columns, 3), 3.2 * rows if rows > 1 else 4.2) as figure:
        grid = figure.add_gridspec(rows, columns)
        _draw_board(figure.add_subplot(grid[:, :rows]), largest, name_zero(largest["size"], numbers))
        for place, board in enumerate(reversed(smaller)):
            _draw_board(figure.add_subplot(grid[place % rows, rows + place // rows]), board, name_zero(board["size"], numbers))
        figure.supxlabel(compute_label(numbers["x"]), fontsize=10.5)
        figure.supylabel("test-time compute (FLOPs a move)", fontsize=10.5)
        handles = [
            legend_line(INK, ls="none", marker="o", ms=5, label="least compute a move for an Elo"),
            legend_line(INK, ls=(0, (5, 2)), lw=1.3, label="a line for each Elo"),
            legend_line(GRAY, ls=":", lw=2, label=f"slope of Jones 2021 on 9×9: −{-PAPER_TRADEOFF['slope']:.1f}"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3 if columns > 1 else 1)
    return figure


def _draw_board(axes: "Axes", board: Numbers, zero: str) -> None:
    levels = sorted(set(floats(board["levels"]).tolist()))
    for level, shade, marker in zip(levels, make_shades(len(levels)), itertools.cycle(MARKERS), strict=False):
        mine = floats(board["levels"]) == level
        cost = floats(board["log10_train"])[mine]
        test = floats(board["log10_test"])[mine]
        axes.plot(powers(cost), powers(test), ls="none", marker=marker, ms=4.8, color=shade, mec="white", mew=0.4)
        ends = np.array([cost.min(), cost.max()])
        slope = next((each["slope"] for each in board["by_level"] if each["level"] == level), 0.0)  # of a single point there is none
        line = test.mean() + slope * (ends - cost.mean())
        axes.plot(powers(ends), powers(line), color=shade, ls=(0, (5, 2)), lw=1.3)
        name = f"Elo {level:.0f}" if level == levels[-1] else f"{level:.0f}"
        place = (10.0 ** ends[1], 10.0 ** line[1])
        annotate(axes, name.replace("-", "−"), place, (4, 0), shade, va="center", fontsize=8.5)
    # Only the slope can be laid beside ours: levels are of another board and another count of compute.
    cost = floats(board["log10_train"])
    ends, middle = np.array([cost.min(), cost.max()]), floats(board["log10_test"]).mean()
    axes.plot(powers(ends), powers(middle + PAPER_TRADEOFF["slope"] * (ends - cost.mean())), color=GRAY, ls=":", lw=2, zorder=1.5)
    low, high = board["intervals"]["slope"]
    about = f"one slope: {board['slope']:.1f}" + ("" if low is None else f" [{low:.1f}, {high:.1f}]")
    about += ", one network's" if board["networks"] == 1 else ""
    axes.annotate(about.replace("-", "−"), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=9)
    axes.set_title(f"{board_name(board['size'])}{zero}\n", color=board_color(board["size"]))
    axes.margins(x=0.14)
    log_axis(axes, "x")
    log_axis(axes, "y")


FIGURE = Kind(
    "Training traded for search",
    "The least compute a move that reaches an Elo, against the training compute allowed: runs are picked on half of the games "
    "and rated on the other half; the largest board first, levels evenly apart. Dashed: a line for each Elo, the steeper the more training "
    "is worth in search. Above: the slope of parallel lines, one for each Elo, with its 95 % interval; dotted, that of Jones 2021 on 9×9 "
    "through the middle of the points. Where one network alone was trained it is going on with that which is traded, not the frontier: "
    "a narrower one would reach weak levels for less.",
    lambda analysis: _numbers(analysis.tradeoffs) | note_zeros(analysis),
    _draw,
    figure=9,
)

"""Search at play against training compute at equal Elo: figure 9 of Jones 2021."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers
from hexlab.scaling.figures.style import (
    MARKERS,
    annotate,
    board_color,
    board_name,
    canvas,
    compute_label,
    floats,
    log_axis,
    make_panels,
    make_shades,
    panel_size,
    powers,
)
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import Tradeoff

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_tradeoff"]


def plot_tradeoff(tradeoffs: Mapping[int, Tradeoff]) -> "Figure":
    """Draw test against training compute at equal Elo, a panel for each board size."""
    return _draw(_numbers(tradeoffs))


def _numbers(tradeoffs: Mapping[int, Tradeoff]) -> Numbers:
    if not tradeoffs:
        raise NotEnoughDataError("not enough data: needs snapshots at two test budgets that reach the same Elo")
    boards = []
    for size, tradeoff in sorted(tradeoffs.items()):
        boards.append(
            {
                "size": size,
                "levels": tradeoff.levels,
                "log10_train": tradeoff.log10_train,
                "log10_test": tradeoff.log10_test,
                "slope": tradeoff.slope,
                "per_elo": tradeoff.per_elo,
                "intercept": tradeoff.intercept,
                "intervals": {name: list(ends) for name, ends in tradeoff.intervals.items()},
                "r2": tradeoff.r2,
            }
        )
    return {"x": next(iter(tradeoffs.values())).x, "boards": boards}


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 4.0)) as figure:
        panels = make_panels(figure, len(boards), sharey=False)
        for axes, board in zip(panels, boards, strict=True):
            levels = sorted(set(floats(board["levels"]).tolist()))
            for level, shade, marker in zip(levels, make_shades(len(levels)), MARKERS, strict=False):
                mine = floats(board["levels"]) == level
                cost = floats(board["log10_train"])[mine]
                test = floats(board["log10_test"])[mine]
                axes.plot(powers(cost), powers(test), ls="none", marker=marker, ms=4.8, color=shade, mec="white", mew=0.4)
                ends = np.array([cost.min(), cost.max()])
                line = board["slope"] * ends + board["per_elo"] * level + board["intercept"]
                axes.plot(powers(ends), powers(line), color=shade, ls=(0, (5, 2)), lw=1.3)
                name = f"Elo {level:.0f}" if level == levels[-1] else f"{level:.0f}"
                place = (10.0 ** ends[1], 10.0 ** line[1])
                annotate(axes, name.replace("-", "−"), place, (4, 0), shade, va="center", fontsize=8.5)
            low, high = board["intervals"]["slope"]
            about = f"slope {board['slope']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")
            axes.annotate(about.replace("-", "−"), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=9)
            axes.set_title(f"{board_name(board['size'])}\n", color=board_color(board["size"]))
            log_axis(axes, "x")
            log_axis(axes, "y")
            axes.margins(x=0.14)
        panels[0].set_ylabel("test-time compute (FLOPs a move)")
        figure.supxlabel(compute_label(numbers["x"]), fontsize=10.5)
    return figure


FIGURE = Kind(
    "Training traded for search",
    "The least compute a move that reaches an Elo, against the training compute allowed: runs are picked on half of the openings "
    "and rated on the other half. Dashed: one plane for each board, "
    "log10 test = slope · log10 train + e · Elo + c, with the 95 % interval of its slope.",
    lambda analysis: _numbers(analysis.tradeoffs),
    _draw,
    figure=9,
)

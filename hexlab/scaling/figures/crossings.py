"""The compute at which each board's frontier reaches -50 Elo."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hexlab.scaling.crossings import Reach, find_reaches
from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import INK, board_color, board_marker, board_name, canvas, compute_axis, legend_line, powers
from hexlab.scaling.frontiers import paper_frontier
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_crossings"]


def plot_crossings(reaches: Sequence[Reach]) -> "Figure":
    """Draw the compute at which each board's frontier reaches -50 Elo, by Elo and by direct score, beside the paper's.

    Args:
        reaches: what `find_reaches` returned for frontiers in the paper's count.
    """
    return _draw(plain(_numbers(reaches)))


def _numbers(reaches: Sequence[Reach]) -> Numbers:
    if not reaches:
        raise NotEnoughDataError("not enough data: needs a frontier")
    paper = {reach.size: reach.value for reach in find_reaches(paper_frontier())}
    rows = [
        {
            "size": reach.size,
            "scale": reach.scale,
            "level": reach.level,
            "log10_flops": reach.value,
            "bound": reach.bound,
            "low": reach.low,
            "high": reach.high,
            "text": str(reach),
            "paper": paper.get(reach.size, math.nan) if reach.scale == "elo" else math.nan,
        }
        for reach in reaches
    ]
    return {"x": "paper_flops", "rows": rows}


def _draw(numbers: Numbers) -> "Figure":
    rows = numbers["rows"]
    known = [row[key] for row in rows for key in ("log10_flops", "low", "high", "paper") if row[key] is not None]
    left, right = min(known) - 0.4, max(known) + 0.4
    with canvas(7.2, 1.5 + 0.42 * len(rows)) as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            color, y = board_color(row["size"]), -place
            low, high = row["low"], row["high"]
            # An end that is open runs to the edge as an arrow; without bootstrap both are missing and a bound alone is open.
            open_low = row["bound"] == "below" or (low is None and high is not None)
            open_high = row["bound"] == "above" or (high is None and low is not None)
            start, end = (row["log10_flops"] if edge is None else edge for edge in (low, high))
            axes.plot(powers([start, end]), [y, y], color=color, lw=2.2, solid_capstyle="butt")
            for opened, tip, origin in ((open_low, left, start), (open_high, right, end)):
                if opened:
                    axes.annotate("", (10**tip, y), (10**origin, y), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6})
            if not row["bound"]:
                filled = color if row["scale"] == "elo" else "white"
                axes.plot(powers([row["log10_flops"]]), [y], ls="none", marker=board_marker(row["size"]), ms=7, color=color, mfc=filled)
            if row["paper"] is not None:
                axes.plot(powers([row["paper"]]), [y], ls="none", marker="x", ms=7, color=INK, mew=1.6)
            axes.annotate(row["text"], (1.01, y), xycoords=axes.get_yaxis_transform(), va="center", fontsize=9)
        axes.set_yticks([-place for place in range(len(rows))])
        axes.set_yticklabels([f"{board_name(row['size'])}, by {'Elo' if row['scale'] == 'elo' else 'direct score'}" for row in rows])
        axes.set_ylim(-len(rows) + 0.5, 0.5)
        compute_axis(axes, numbers["x"])
        axes.set_xlim(10**left, 10**right)
        axes.annotate("log10 [95 %]", (1.01, 1.01), xycoords="axes fraction", va="bottom", fontsize=9)
        handles = [
            legend_line(INK, ls="none", marker="o", label="−50 Elo"),
            legend_line(INK, ls="none", marker="o", mfc="white", label="its score, 42.85 %, against perfect play"),
            legend_line(INK, ls="none", marker="x", ms=7, mew=1.6, label="−50 Elo, Jones 2021"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


FIGURE = Kind(
    "What near-perfect play costs",
    "Training compute at which each board's frontier reaches −50 Elo, with 95 % intervals; the same agents by their direct score "
    "against perfect play; and the frontiers of Jones 2021, whose zero is the best agent of its pool. Below and above say that a "
    "frontier starts above the level or never reaches it: the compute is known as a bound alone.",
    lambda analysis: _numbers(analysis.reaches),
    _draw,
)

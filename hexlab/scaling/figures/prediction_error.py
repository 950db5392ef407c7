"""What laws fitted to small boards leave unexplained on each board: figure 7 of Jones 2021."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.extrapolation import Extrapolation, extrapolate, paper_extrapolations
from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import INK, board_color, board_marker, board_name, canvas, floats, legend_line, make_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_prediction_error"]


def plot_prediction_error(extrapolations: Sequence[Extrapolation]) -> "Figure":
    """Draw what laws fitted to small boards leave unexplained on each board, beside the paper's."""
    return _draw(plain(_numbers(extrapolations)))


def _extrapolate(analysis: Analysis) -> Numbers:
    return _numbers(extrapolate(require_frontier(analysis), analysis.copies, seed=analysis.seed))


def _numbers(extrapolations: Sequence[Extrapolation]) -> Numbers:
    return {
        "ours": [each._asdict() for each in extrapolations],
        "paper": [{"size": each.size, "seen": each.seen, "unexplained": each.unexplained} for each in paper_extrapolations()],
    }


def _draw(numbers: Numbers) -> "Figure":
    with canvas(9.0, 4.3) as figure:
        panels = make_panels(figure, 2, sharey=True)
        for axes, name, title in zip(panels, ("ours", "paper"), ("hexlab", "Jones 2021, from its curves"), strict=True):
            rows = numbers[name]
            seen = sorted({row["seen"] for row in rows})
            sizes = sorted({row["size"] for row in rows})
            for size in sizes:
                color, marker = board_color(size), board_marker(size)
                line = sorted((row for row in rows if row["size"] == size), key=lambda row: row["seen"])
                # Lines of boards side by side, so that their bars can be told apart.
                shift = 0.06 * (size - (sizes[0] + sizes[-1]) / 2) if name == "ours" else 0.0
                axes.plot([row["seen"] + shift for row in line], floats([row["unexplained"] for row in line]), color=color, lw=1.3)
                for row in line:
                    place, filled = row["seen"] + shift, color if row["seen"] < size else "white"
                    if row.get("low") is not None:
                        axes.plot([place, place], [row["low"], row["high"]], color=color, lw=1)
                    axes.plot([place], [row["unexplained"]], marker=marker, ms=6, color=color, mfc=filled)
            axes.set_yscale("log")
            axes.set_xlim(seen[0] - 0.4, seen[-1] + 0.4)
            axes.set_xticks(seen, [board_name(size) for size in seen])
            axes.set_xlabel("largest board that the law has seen")
            axes.set_title(title)
        known = [row["unexplained"] for name in ("ours", "paper") for row in numbers[name] if row["unexplained"]]
        panels[0].set_ylim(bottom=0.3 * min(known))
        panels[0].set_ylabel("unexplained: mean squared error / mean Elo²")
        told = sorted({row["size"] for name in ("ours", "paper") for row in numbers[name]})
        handles = [legend_line(board_color(size), marker=board_marker(size), ms=6, lw=1.3, label=board_name(size)) for size in told]
        handles.append(legend_line(INK, ls="none", marker="o", ms=6, label="predicted"))
        handles.append(legend_line(INK, ls="none", marker="o", ms=6, mfc="white", label="fitted"))
        figure.legend(handles=handles, loc="outside right center", title="board told")
    return figure


FIGURE = Kind(
    "Larger boards, predicted from ever more smaller ones",
    "The change-point law is fitted to all boards up to a size and asked for every board: mean squared error over mean squared Elo, the "
    "paper's score, which flatters where Elo is far from 0; at 1 the law does no better than to call every agent perfect. Bars are 95 % "
    "intervals from drawing openings, seeds and networks again; one that runs out of the panel below reaches down to 0 or next to it, "
    "for noise alone could make what was measured.",
    _extrapolate,
    _draw,
    figure=7,
)

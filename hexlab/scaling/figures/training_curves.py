"""Every run's Elo against the compute of its training: figure 5 of Jones 2021."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import (
    INK,
    board_color,
    board_marker,
    board_name,
    canvas,
    compute_axis,
    elo_axis,
    floats,
    label_curve,
    legend_line,
    perfect_line,
    powers,
)
from hexlab.scaling.frontiers import Frontier, PresetRun, paper_frontier
from hexlab.scaling.paper import PAPER_TO_TRUE_FLOPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_training_curves"]

_PRESET_LINES: dict[str, Any] = {
    "default": {"marker": "*", "ms": 7, "lw": 1.2, "mec": "white", "mew": 0.5},
    "paper": {"marker": "o", "ms": 4, "lw": 1.2, "ls": ":", "mfc": "white"},
}
_OTHER_PRESET: Any = {"marker": "d", "ms": 4.5, "lw": 1.2, "ls": "-."}


def plot_training_curves(frontier: Frontier, presets: Sequence[PresetRun] = ()) -> "Figure":
    """Draw every run's Elo against training compute with the frontier of each board and the paper's.

    Args:
        frontier: what `compute_frontier` returned.
        presets: runs of presets, drawn beside the grid's.
    """
    return _draw(plain(_numbers(frontier, presets)))


def _numbers(frontier: Frontier, presets: Sequence[PresetRun]) -> Numbers:
    paper = {board.size: board for board in paper_frontier().boards}
    # In true FLOPs the paper's curves shift by a constant; in the paper's count they stay.
    shift = math.log10(PAPER_TO_TRUE_FLOPS) if frontier.x == "train_flops" else 0.0
    boards = []
    for board in frontier.boards:
        curves, runs = board.curves, []
        for number, (run, cell) in enumerate(zip(curves.runs, curves.cells, strict=True)):
            mine = curves.agent_run == number
            runs.append(
                {
                    "run": run,
                    "width": cell[0],
                    "depth": cell[1],
                    "log10_flops": curves.agent_log10_flops[mine],
                    "elo": curves.plain[mine],
                }
            )
        theirs = paper.get(board.size)
        boards.append(
            {
                "size": board.size,
                "log10_flops": board.log10_flops,
                "elo": board.elo,
                "runs": runs,
                "presets": [
                    {
                        "preset": each.run.preset,
                        "run": each.run.run,
                        "width": each.run.width,
                        "depth": each.run.depth,
                        "log10_flops": each.log10_flops,
                        "elo": each.elo,
                        "low": each.low,
                        "high": each.high,
                    }
                    for each in presets
                    if each.run.size == board.size
                ],
                "paper_log10_flops": [] if theirs is None else theirs.log10_flops + shift,
                "paper_elo": [] if theirs is None else theirs.elo,
            }
        )
    return {"x": frontier.x, "test_simulations": frontier.test_simulations, "boards": boards}


def _draw(numbers: Numbers) -> "Figure":
    with canvas(7.6, 4.9) as figure:
        axes = figure.add_subplot()
        overlaid = False
        for board in numbers["boards"]:
            color, marker = board_color(board["size"]), board_marker(board["size"])
            for run in board["runs"]:
                axes.plot(powers(run["log10_flops"]), floats(run["elo"]), color=color, alpha=0.28, lw=0.9, marker=marker, ms=2.4)
            for run in board["presets"]:
                style = _PRESET_LINES.get(run["preset"], _OTHER_PRESET)
                axes.plot(powers(run["log10_flops"]), floats(run["elo"]), color=color, **style)
            if len(board["paper_elo"]):
                overlaid = True
                axes.plot(powers(board["paper_log10_flops"]), floats(board["paper_elo"]), color=color, lw=1.4, ls=(0, (4, 2)))
        for board in numbers["boards"]:
            axes.plot(powers(board["log10_flops"]), floats(board["elo"]), color=board_color(board["size"]), lw=2.6)
            label_curve(axes, board["log10_flops"], board["elo"], board_name(board["size"]), board_color(board["size"]))
        handles = [
            legend_line(INK, lw=2.6, label="frontier: best Elo for the compute"),
            legend_line(INK, lw=0.9, alpha=0.4, marker="o", ms=2.4, label="one training run, its snapshots"),
        ]
        if overlaid:
            handles.append(legend_line(INK, lw=1.4, ls=(0, (4, 2)), label="frontier of Jones 2021 (its zero: best of its noisy pool)"))
        for name in sorted({run["preset"] for board in numbers["boards"] for run in board["presets"]}):
            handles.append(legend_line(INK, **_PRESET_LINES.get(name, _OTHER_PRESET), label=f"preset {name!r}, its snapshots"))
        shown = [run["elo"] for board in numbers["boards"] for run in board["runs"] + board["presets"]]
        elo_axis(axes, shown + [board["paper_elo"] for board in numbers["boards"]])
        compute_axis(axes, numbers["x"])
        perfect_line(axes)
        figure.legend(handles=handles, loc="outside upper left", ncols=1 if len(handles) < 3 else 2)
    return figure


FIGURE = Kind(
    "Strength against training compute",
    "Every run's Elo against the compute of its training, at equal search in play, and the frontier of each board: the best Elo "
    "for the compute, picked on half of the openings and rated on the other half. Runs of presets were rated in the same pools and "
    "have no part in the frontiers. Dashes are the frontiers of Jones 2021 on "
    "the same boards, their compute converted to true FLOPs; their zero is the best agent of a pool that plays with noise, not "
    "perfect play, so slopes and positions compare, levels near zero do not.",
    lambda analysis: _numbers(require_frontier(analysis), analysis.presets),
    _draw,
    figure=5,
)

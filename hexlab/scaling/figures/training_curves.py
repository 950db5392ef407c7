"""Every run's Elo against the compute of its training: figure 5 of Jones 2021."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain, require_frontier
from hexlab.scaling.figures.style import (
    INK,
    PAPERS_ZERO,
    board_color,
    board_marker,
    canvas,
    compute_axis,
    elo_axis,
    floats,
    label_curve,
    legend_band,
    legend_line,
    name_zero,
    perfect_line,
    powers,
)
from hexlab.scaling.frontiers import BoardFrontier, Frontier, PresetRun, compute_frontier, paper_frontier
from hexlab.scaling.laws import interval
from hexlab.scaling.paper import paper_shift
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_training_curves"]

_PRESET_LINES: dict[str, Any] = {
    "default": {"marker": "*", "ms": 7, "lw": 1.2, "mec": "white", "mew": 0.5},
    "paper": {"marker": "o", "ms": 4, "lw": 1.2, "ls": ":", "mfc": "white"},
}
_OTHER_PRESET: Any = {"marker": "d", "ms": 4.5, "lw": 1.2, "ls": "-."}


def plot_training_curves(
    frontier: Frontier, presets: Sequence[PresetRun] = (), copies: Mapping[int, np.ndarray] | None = None
) -> "Figure":
    """Draw every run's Elo against training compute with the frontier of each board, above the paper's.

    Args:
        frontier: what `compute_frontier` returned.
        presets: runs of presets, drawn beside the grid's.
        copies: bootstrap copies of the frontiers, for their bands.
    """
    return _draw(plain(_numbers(frontier, presets, copies or {})))


def _numbers(frontier: Frontier, presets: Sequence[PresetRun], copies: Mapping[int, np.ndarray]) -> Numbers:
    boards = []
    for board in frontier.boards:
        entry: Numbers = {"size": board.size, "log10_flops": board.log10_flops, "elo": board.elo, "runs": _list_runs(board)}
        if board.size in copies:
            entry["low"], entry["high"] = interval(copies[board.size])
        entry["presets"] = [
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
        ]
        boards.append(entry)
    shift = paper_shift(frontier.x)
    paper = [
        {
            "size": board.size,
            "log10_flops": board.log10_flops + shift,
            "elo": board.elo,
            "runs": _list_runs(board, shift) if board.size in frontier.sizes else [],
        }
        for board in paper_frontier().boards
    ]
    return {"x": frontier.x, "test_simulations": frontier.test_simulations, "boards": boards, "paper": paper}


def _all_boards(analysis: Analysis) -> Frontier:
    """Return the frontiers of an analysis and, beside them, of boards whose zero is their best agent."""
    frontier = require_frontier(analysis)
    boards = list(frontier.boards)
    for size in note_zeros(analysis).get("unanchored", ()):
        with contextlib.suppress(NotEnoughDataError):
            boards += compute_frontier(analysis.tables, size, x=frontier.x, test_simulations=frontier.test_simulations).boards
    return dataclasses.replace(frontier, boards=tuple(sorted(boards, key=lambda board: board.size)))


def _list_runs(board: BoardFrontier, shift: float = 0.0) -> list[Numbers]:
    curves, runs = board.curves, []
    for number, (run, (width, depth)) in enumerate(zip(curves.runs, curves.cells, strict=True)):
        mine = curves.agent_run == number
        cost, elo = curves.agent_log10_flops[mine] + shift, curves.plain[mine]
        runs.append({"run": run, "width": width, "depth": depth, "log10_flops": cost, "elo": elo})
    return runs


def _draw(numbers: Numbers) -> "Figure":
    boards, paper = numbers["boards"], numbers["paper"]
    with canvas(7.6, 7.2) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        _draw_boards(upper, boards, numbers, marked=True)
        for board in boards:
            for run in board["presets"]:
                style = _PRESET_LINES.get(run["preset"], _OTHER_PRESET)
                upper.plot(powers(run["log10_flops"]), floats(run["elo"]), color=board_color(board["size"]), **style)
        anchored = [board for board in boards if board["size"] not in numbers.get("unanchored", ())]
        elo_axis(upper, [run["elo"] for board in anchored for run in board["runs"] + board["presets"]])
        perfect_line(upper)
        _draw_boards(lower, paper, {}, marked=False)
        elo_axis(lower, [each["elo"] for board in paper for each in [board, *board["runs"]]], PAPERS_ZERO)
        lower.set_title("Jones 2021")
        compute_axis(lower, numbers["x"])
        handles = [
            legend_line(INK, lw=2.6, label="frontier: best Elo for the compute"),
            legend_line(INK, lw=0.9, alpha=0.4, marker="o", ms=2.4, label="one training run, its snapshots"),
        ]
        if any("low" in board for board in boards):
            handles.append(legend_band(INK, "95 % band of the frontier"))
        for name in sorted({run["preset"] for board in boards for run in board["presets"]}):
            handles.append(legend_line(INK, **_PRESET_LINES.get(name, _OTHER_PRESET), label=f"preset {name!r}, its snapshots"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _draw_boards(axes: "Axes", boards: Sequence[Numbers], numbers: Numbers, *, marked: bool) -> None:
    for board in boards:
        color, marker = board_color(board["size"]), board_marker(board["size"]) if marked else ""
        if "low" in board:
            axes.fill_between(powers(board["log10_flops"]), floats(board["low"]), floats(board["high"]), color=color, alpha=0.13, lw=0)
        for run in board["runs"]:
            axes.plot(powers(run["log10_flops"]), floats(run["elo"]), color=color, alpha=0.28, lw=0.9, marker=marker, ms=2.4)
    for board in boards:
        axes.plot(powers(board["log10_flops"]), floats(board["elo"]), color=board_color(board["size"]), lw=2.6)
        label_curve(axes, board["log10_flops"], board["elo"], board["size"], name_zero(board["size"], numbers))


FIGURE = Kind(
    "Strength against training compute",
    "Every run's Elo against the compute of its training, at equal search in play, and the frontier of each board: the best Elo "
    "for the compute, picked on half of the games and rated on the other half. Runs of presets were rated in the same pools and "
    "have no part in the frontiers. A board whose zero is its best agent, with the most search that was rated, may begin below the axis. "
    "Below, the frontiers of "
    "Jones 2021 on all its boards, with its runs on the same boards as above, their compute converted to true FLOPs; their zero is the "
    "best agent of a pool that plays with noise, not perfect play, so slopes and positions compare, levels near zero do not.",
    lambda analysis: _numbers(_all_boards(analysis), analysis.presets, analysis.copies) | note_zeros(analysis),
    _draw,
    figure=5,
)

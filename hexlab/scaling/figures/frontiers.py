"""The frontiers with fitted laws: figure 6 of Jones 2021."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import (
    GRAY,
    INK,
    MODEL_LINES,
    MODEL_NAMES,
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
    perfect_line,
    powers,
)
from hexlab.scaling.frontiers import Frontier, paper_frontier
from hexlab.scaling.laws import Law, interval, paper_law
from hexlab.scaling.paper import paper_shift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_frontier"]


def plot_frontier(frontier: Frontier, law: Law | Sequence[Law] = (), copies: Mapping[int, np.ndarray] | None = None) -> "Figure":
    """Draw the frontiers with fitted laws, beside the paper's.

    Args:
        frontier: what `compute_frontier` returned.
        law: one law or several, as `fit_law` returned them.
        copies: bootstrap copies of the frontiers, for their bands.
    """
    laws = (law,) if isinstance(law, Law) else tuple(law)
    return _draw(plain(_numbers(frontier, laws, copies or {})))


def _numbers(frontier: Frontier, laws: Sequence[Law], copies: Mapping[int, np.ndarray]) -> Numbers:
    boards = []
    for board in frontier.boards:
        entry: Numbers = {"size": board.size, "log10_flops": board.log10_flops, "elo": board.elo}
        if board.size in copies:
            entry["low"], entry["high"] = interval(copies[board.size])
        entry["steps"] = [{"agent": step.agent, "log10_flops": step.log10_flops, "elo": step.elo} for step in board.steps]
        entry["laws"] = {law.model: law.predict(board.size, board.log10_flops) for law in laws if board.size in law.sizes}
        boards.append(entry)
    described = {
        law.model: {
            "parameters": dict(law.parameters),
            "intervals": {name: list(ends) for name, ends in law.intervals.items()},
            "rmse": law.rmse,
            "r2": law.r2,
            "points": law.points,
        }
        for law in laws
    }
    numbers = {"x": frontier.x, "test_simulations": frontier.test_simulations, "boards": boards, "laws": described}
    return numbers | {"paper": _paper_numbers(paper_shift(frontier.x))}


def _paper_numbers(shift: float) -> Numbers:
    law = paper_law()
    boards = [
        {
            "size": board.size,
            "log10_flops": board.log10_flops + shift,
            "elo": board.elo,
            "laws": {law.model: law.predict(board.size, board.log10_flops)},
        }
        for board in paper_frontier().boards
    ]
    return {"boards": boards, "laws": {law.model: {"parameters": dict(law.parameters), "rmse": law.rmse}}}


def _draw(numbers: Numbers) -> "Figure":
    laws, paper = numbers["laws"], numbers["paper"]
    with canvas(10.4, 5.6) as figure:
        grid = figure.subplots(2, 2, sharex="col", height_ratios=(3.2, 1))
        grid[1, 1].sharey(grid[1, 0])
        for column, (each, zero) in enumerate(((numbers, "perfect play"), (paper, PAPERS_ZERO))):
            _draw_boards(grid[0, column], grid[1, column], each["boards"])
            elo_axis(grid[0, column], [board.get("low", board["elo"]) for board in each["boards"]], zero)
            compute_axis(grid[1, column], numbers["x"])
        (theirs,) = paper["laws"].values()
        grid[0, 0].set_title("hexlab")
        grid[0, 1].set_title(f"Jones 2021 and its law, RMSE {theirs['rmse']:.0f} Elo")
        grid[1, 0].set_ylabel("measured\nminus law")
        handles = [legend_line(INK, ls="none", marker="o", ms=4, label="frontier")]
        if any("low" in board for board in numbers["boards"]):
            handles.append(legend_band(INK, "its 95 % bootstrap band"))
        for model in laws or paper["laws"]:
            text = MODEL_NAMES[model] + (f", here RMSE {laws[model]['rmse']:.0f} Elo" if laws else "")
            handles.append(legend_line(INK, ls=MODEL_LINES[model], lw=1.6, label=text))
        figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def _draw_boards(upper: "Axes", lower: "Axes", boards: Sequence[Numbers]) -> None:
    """Draw frontiers with their laws, and below them what the laws leave over."""
    for board in boards:
        color, x = board_color(board["size"]), powers(board["log10_flops"])
        elo = floats(board["elo"])
        if "low" in board:
            upper.fill_between(x, floats(board["low"]), floats(board["high"]), color=color, alpha=0.16, lw=0)
        upper.plot(x[::3], elo[::3], ls="none", marker=board_marker(board["size"]), ms=3.6, color=color, mec="white", mew=0.3)
        for model, fitted in board["laws"].items():
            upper.plot(x, floats(fitted), color=color, ls=MODEL_LINES[model], lw=1.6)
            lower.plot(x, elo - floats(fitted), color=color, ls=MODEL_LINES[model], lw=1.2)
        label_curve(upper, board["log10_flops"], board["elo"], board["size"])
    perfect_line(upper)
    lower.axhline(0, color=GRAY, lw=0.8)


FIGURE = Kind(
    "Frontiers and fitted laws",
    "The frontiers with 95 % bands from drawing openings, seeds and networks again, and the laws fitted to all boards at once: the "
    "paper's change-point model and a smooth one with the same five parameters. Below, what the laws leave over. To the right the "
    "frontiers of Jones 2021 from its curves, compute converted to true FLOPs, with its change-point law fitted to them "
    "as there, by plain least squares; its zero is the best agent of its pool.",
    lambda analysis: _numbers(require_frontier(analysis), tuple(analysis.laws.values()), analysis.copies),
    _draw,
    figure=6,
)

"""The largest board's frontier, predicted from the smaller ones."""

from collections.abc import Sequence
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
from hexlab.scaling.frontiers import Frontier
from hexlab.scaling.laws import Prediction
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_prediction"]


def plot_prediction(frontier: Frontier, prediction: Prediction | Sequence[Prediction]) -> "Figure":
    """Draw a held-out board's frontier against what smaller boards predict."""
    predictions = (prediction,) if isinstance(prediction, Prediction) else tuple(prediction)
    return _draw(plain(_numbers(frontier, predictions)))


def _numbers(frontier: Frontier, predictions: Sequence[Prediction]) -> Numbers:
    if not predictions:
        raise NotEnoughDataError("not enough data: needs a board and two smaller ones to predict it from")
    first = predictions[0]
    smaller = [frontier.board(size) for size in first.trained_on]
    return _name_zero(frontier) | {
        "x": frontier.x,
        "size": first.size,
        "log10_flops": first.log10_flops,
        "measured": first.measured,
        "caveat": first.caveat,
        "baseline_rmse": first.baseline_rmse,
        "smaller": [{"size": board.size, "log10_flops": board.log10_flops, "elo": board.elo} for board in smaller],
        "models": {
            each.model: {
                "predicted": each.predicted,
                "low": each.low,
                "high": each.high,
                "rmse": each.rmse,
                "bias": each.bias,
                "worst": each.worst,
                "inside": each.inside,
                "normalized": each.normalized,
            }
            for each in predictions
        },
    }


def _name_zero(frontier: Frontier) -> Numbers:
    """Return under "zero" whose Elo is 0 where that is not perfect play: on the paper's frontiers, which have no games behind them."""
    return {} if any(board.curves.halves for board in frontier.boards) else {"zero": PAPERS_ZERO}


def _draw(numbers: Numbers) -> "Figure":
    with canvas(7.6, 4.7) as figure:
        axes = figure.add_subplot()
        color, marker = board_color(numbers["size"]), board_marker(numbers["size"])
        x = powers(numbers["log10_flops"])
        for board in numbers["smaller"]:
            axes.plot(powers(board["log10_flops"]), floats(board["elo"]), color=board_color(board["size"]), lw=1.4, alpha=0.75)
            label_curve(axes, board["log10_flops"], board["elo"], board["size"])
        handles = [legend_line(color, ls="none", marker=marker, ms=4, label=f"{board_name(numbers['size'])}, measured")]
        for model, each in numbers["models"].items():
            first = model == "change_point"
            low, high = floats(each["low"]), floats(each["high"])
            banded = np.isfinite(low).any()
            if banded:
                if first:
                    axes.fill_between(x, low, high, color=GRAY, alpha=0.22, lw=0)
                else:
                    for edge in (low, high):
                        axes.plot(x, edge, color=INK, lw=0.8, ls=":")
            axes.plot(x, floats(each["predicted"]), color=INK, ls=MODEL_LINES[model], lw=1.6)
            band = "shaded" if first else "dotted"
            text = f"{MODEL_NAMES[model]}: RMSE {each['rmse']:.0f}, bias {each['bias']:+.0f} Elo"
            if banded:
                text += f", {100 * each['inside']:.0f} % inside its 95 % band ({band})"
            handles.append(legend_line(INK, ls=MODEL_LINES[model], lw=1.6, label=text))
        axes.plot(x[::3], floats(numbers["measured"])[::3], ls="none", marker=marker, ms=4, color=color, mec="white", mew=0.3)
        label_curve(axes, numbers["log10_flops"], numbers["measured"], numbers["size"])
        elo_axis(axes, [numbers["measured"], *(board["elo"] for board in numbers["smaller"])], numbers.get("zero", "perfect play"))
        perfect_line(axes)
        compute_axis(axes, numbers["x"])
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


FIGURE = Kind(
    "The largest board, predicted from the smaller ones",
    "Laws fitted without the largest board, drawn over its measured frontier. Bands hold the uncertainty of the fit and the scatter "
    "of its residuals.",
    lambda analysis: _numbers(require_frontier(analysis), tuple(analysis.predictions.values())),
    _draw,
)

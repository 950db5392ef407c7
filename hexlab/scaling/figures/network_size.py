"""Size of the nets on the frontiers against training compute."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import GRAY, INK, board_color, board_marker, board_name, canvas, compute_axis, floats, log_axis, powers
from hexlab.scaling.frontiers import paper_frontier
from hexlab.scaling.paper import PAPER_NETWORK_SIZE, paper_shift
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import SizeLaw, fit_network_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_network_size"]


def plot_network_size(law: SizeLaw) -> "Figure":
    """Draw the size of the nets on the frontiers against training compute."""
    return _draw(plain(_numbers(law)))


def _numbers(law: SizeLaw | None) -> Numbers:
    if law is None:
        raise NotEnoughDataError("not enough data: needs two sizes of net on the rising part of the frontiers")
    theirs = fit_network_size(paper_frontier())
    shift = paper_shift(law.x)
    return {
        "x": law.x,
        "paper": {"log10_flops": np.asarray(theirs.log10_flops) + shift, "log10_weights": theirs.log10_weights},
        "boards": law.boards,
        "log10_flops": law.log10_flops,
        "log10_weights": law.log10_weights,
        "exponent": law.exponent,
        "intercept": law.intercept,
        "low": law.low,
        "high": law.high,
        "r2": law.r2,
    }


def _draw(numbers: Numbers) -> "Figure":
    with canvas(7.2, 4.2) as figure:
        axes = figure.add_subplot()
        boards, cost = np.array(numbers["boards"]), floats(numbers["log10_flops"])
        weights = floats(numbers["log10_weights"])
        theirs = floats(numbers["paper"]["log10_flops"]), floats(numbers["paper"]["log10_weights"])
        axes.plot(*map(powers, theirs), ls="none", marker="x", ms=3.5, color=GRAY, alpha=0.6, label="Jones 2021, 3×3 to 9×9")
        for size in sorted(set(boards.tolist())):
            mine = boards == size
            axes.plot(
                powers(cost[mine]),
                powers(weights[mine]),
                ls="none",
                marker=board_marker(size),
                ms=5.5,
                color=board_color(size),
                label=board_name(size),
                mec="white",
                mew=0.4,
            )
        ends = np.array([cost.min(), cost.max()])
        text = f"exponent {numbers['exponent']:.2f}"
        if numbers["low"] is not None:
            text += f" [{numbers['low']:.2f}, {numbers['high']:.2f}]"
        axes.plot(powers(ends), powers(numbers["exponent"] * ends + numbers["intercept"]), color=INK, ls=(0, (5, 2)), lw=1.5, label=text)
        ends = np.array([theirs[0].min(), theirs[0].max()])
        exponent, cost = PAPER_NETWORK_SIZE["exponent"], ends - paper_shift(numbers["x"])
        text = f"Jones 2021, refitted: {exponent}"
        axes.plot(powers(ends), powers(exponent * cost + PAPER_NETWORK_SIZE["intercept"]), color=GRAY, ls=":", lw=1.8, label=text)
        # Laws may ask for less than one weight where boards or nets are small; the picture ends there.
        every = np.concatenate([weights, theirs[1]])
        axes.set_ylim(0.5 * min(powers(every)), 5 * max(powers(every)))
        log_axis(axes, "y")
        axes.set_ylabel("width² × depth of the net on the frontier")
        compute_axis(axes, numbers["x"])
        figure.legend(loc="outside upper left", ncols=2)
    return figure


FIGURE = Kind(
    "Which size of net to train",
    "Size of the net on the frontier where it rises, against training compute. Crosses are the nets of Jones 2021 on its frontiers, dotted "
    "the line through them: at equal compute its nets are smaller.",
    lambda analysis: _numbers(analysis.network_size),
    _draw,
)

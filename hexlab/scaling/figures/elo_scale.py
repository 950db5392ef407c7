"""Share of games won against difference in Elo: figure 2 of Jones 2021."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers
from hexlab.scaling.figures.style import COLORS, canvas, floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_elo_scale"]


def plot_elo_scale() -> "Figure":
    """Draw what a difference in Elo means as a share of games won."""
    return _draw(_numbers())


def _numbers() -> Numbers:
    elo = np.linspace(-800, 800, 161)
    return {"elo": elo, "win_rate": 1 / (1 + 10 ** (-elo / 400))}


def _draw(numbers: Numbers) -> "Figure":
    with canvas(6.4, 3.8) as figure:
        axes = figure.add_subplot()
        axes.plot(floats(numbers["elo"]), floats(numbers["win_rate"]), color=COLORS[0], lw=2.4)
        for gap in (0, 100, 200, 400):
            share = 1 / (1 + 10 ** (-gap / 400))
            axes.plot([gap], [share], marker="o", ms=6, color=COLORS[0], mec="white")
            text = f"{gap:+d} Elo wins {100 * share:.0f} %" if gap else "equal: 50 %"
            axes.annotate(text, (gap, share), (10, -10), textcoords="offset points")
        axes.set_xlabel("difference in Elo")
        axes.set_ylabel("expected share of games won")
        axes.set_ylim(0, 1.02)
        axes.set_xlim(-820, 920)
    return figure


FIGURE = Kind(
    "How to read Elo",
    "The share of games the stronger side of a difference in Elo is expected to win.",
    lambda analysis: _numbers(),
    _draw,
)

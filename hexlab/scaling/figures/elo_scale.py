"""Share of games won against difference in Elo: figure 2 of Jones 2021."""

import math
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import COLORS, GRAY, INK, canvas, floats, legend_line
from hexlab.scaling.laws import Law
from hexlab.scaling.paper import PAPER_DOUBLING_SCORE, PAPER_LAW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_elo_scale"]

_DOUBLING = math.log10(2)


def plot_elo_scale(law: Law | None = None) -> "Figure":
    """Draw what a difference in Elo means as a share of games won, and what doubled training compute wins by a law."""
    return _draw(plain(_numbers(law)))


def _numbers(law: Law | None) -> Numbers:
    elo = np.linspace(-1000, 1000, 201)
    numbers: Numbers = {"elo": elo, "win_rate": _win_rate(elo), "paper_elo": PAPER_LAW["m_flops"] * _DOUBLING}
    if law is not None:
        low, high = law.intervals["m_flops"]
        numbers["doubled"] = {name: each * _DOUBLING for name, each in (("elo", law.parameters["m_flops"]), ("low", low), ("high", high))}
    return numbers


def _win_rate(elo):
    return 1 / (1 + 10 ** (-elo / 400))


def _draw(numbers: Numbers) -> "Figure":
    with canvas(6.8, 4.6) as figure:
        axes = figure.add_subplot()
        axes.plot(floats(numbers["elo"]), floats(numbers["win_rate"]), color=COLORS[0], lw=2.4)
        for gap in (-400, -200, 0, 200, 400):
            share = _win_rate(gap)
            axes.plot([gap], [share], marker="o", ms=6, color=COLORS[0], mec="white")
            axes.annotate(f"{100 * share:.0f} %", (gap, share), (8, -12), textcoords="offset points")
        handles = []
        if "doubled" in numbers:
            gap, low, high = floats([numbers["doubled"][name] for name in ("elo", "low", "high")])
            text = f"twice the training compute, here: {100 * _win_rate(gap):.0f} %"
            if math.isfinite(low):
                along = np.linspace(low, high, 30)
                axes.plot(along, _win_rate(along), color=COLORS[1], lw=6, alpha=0.45, solid_capstyle="butt")
                text += f" [{100 * _win_rate(low):.0f}, {100 * _win_rate(high):.0f}]"
            axes.plot([gap], [_win_rate(gap)], marker="s", ms=7, color=COLORS[1], mec="white", zorder=4)
            handles.append(legend_line(COLORS[1], ls="none", marker="s", ms=7, mec="white", label=text))
        paper = numbers["paper_elo"]
        axes.plot([paper], [_win_rate(paper)], ls="none", marker="x", ms=8, mew=2, color=INK, zorder=5)
        text = f"twice the training compute, Jones 2021: {100 * _win_rate(paper):.0f} % by its law"
        handles.append(legend_line(INK, ls="none", marker="x", ms=8, mew=2, label=text))
        axes.axhline(PAPER_DOUBLING_SCORE, color=GRAY, lw=1.4, ls=":")
        handles.append(legend_line(GRAY, lw=1.4, ls=":", label="the same by its text: 2/3"))
        axes.set_xlabel("difference in Elo")
        axes.set_ylabel("expected share of games won")
        axes.set_ylim(0, 1.02)
        axes.set_xlim(-1000, 1000)
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


FIGURE = Kind(
    "How to read Elo",
    "The share of games that the stronger side of a difference in Elo is expected to win, and what twice the training compute wins on the "
    "incline of the change-point law, with its 95 % interval.",
    lambda analysis: _numbers(analysis.laws.get("change_point")),
    _draw,
    figure=2,
)

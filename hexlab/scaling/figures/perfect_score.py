"""Share of games that the best agents win against perfect play, by board: figure 4 of Jones 2021."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv

from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import GRAY, INK, annotate, board_color, board_marker, board_name, canvas, legend_line
from hexlab.scaling.frontiers import Frontier
from hexlab.scaling.paper import PAPER_TOP_GAMES
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_perfect_score"]

_QUANTILES = (0.1, 0.5, 0.9)
_DRAWS = 4000


def plot_perfect_score(frontier: Frontier, seed: int = 0) -> "Figure":
    """Draw the share of games that the best agent of each board wins against perfect play.

    Raises:
        NotEnoughDataError: no games against perfect play.
    """
    return _draw(plain(_numbers(frontier, seed)))


def _numbers(frontier: Frontier, seed: int) -> Numbers:
    boards = []
    for board in frontier.boards:
        curves = board.curves
        met = curves.perfect.sum(axis=1) > 0
        if not met.any():
            continue
        best = int(np.argmax(np.where(met, curves.picking, -np.inf)))
        both, one, none = (int(count) for count in curves.perfect[best])
        rng = np.random.default_rng([seed & 0xFFFFFFFF, 7, board.size])
        # The unit is an opening: of its two games a flawless agent wins one, so that games are anything but independent.
        shares = rng.dirichlet([both + 1, one + 1, none + 1], _DRAWS) @ [1, 0.5, 0]
        width, depth = curves.cells[curves.agent_run[best]]
        boards.append(
            {
                "size": board.size,
                "agent": curves.agents[best],
                "width": width,
                "depth": depth,
                "games": 2 * (both + one + none),
                "won": 2 * both + one,
                "quantiles": np.quantile(shares, _QUANTILES),
            }
        )
    if not boards:
        raise NotEnoughDataError("not enough data: needs games against perfect play")
    half = PAPER_TOP_GAMES / 2 + 1
    return {"test_simulations": frontier.test_simulations, "boards": boards, "paper_even": betaincinv(half, half, [0.1, 0.9])}


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    sizes = [each["size"] for each in boards]
    lowest = min(each["quantiles"][0] for each in boards)
    with canvas(6.4, 4.4) as figure:
        axes = figure.add_subplot()
        low, high = numbers["paper_even"]
        axes.axhspan(100 * low, 100 * high, color=GRAY, alpha=0.16, lw=0)
        axes.axhline(50, color=INK, lw=0.9)
        for each in boards:
            size, color = each["size"], board_color(each["size"])
            start, middle, end = (100 * share for share in each["quantiles"])
            axes.plot([size, size], [start, end], color=color, lw=6, alpha=0.45, solid_capstyle="butt")
            axes.plot([size], [middle], ls="none", marker=board_marker(size), ms=8, color=color, mec="white")
            text = f"{each['won']} of {each['games']}\n{each['width']}x{each['depth']}"
            annotate(axes, text, (size, middle), (9, 0), color, va="center", fontsize=9)
        axes.set_xlim(min(sizes) - 0.5, max(sizes) + 0.8)
        axes.set_xticks(range(min(sizes), max(sizes) + 1), [board_name(size) for size in range(min(sizes), max(sizes) + 1)])
        axes.set_ylim(min(40.0, 100 * lowest - 2), 60)
        axes.set_ylabel("games won against perfect play (%)")
        handles = [
            legend_line(INK, marker="o", ms=8, lw=6, alpha=0.6, label="best agent: median and 80 % interval, games won, its net"),
            legend_line(GRAY, lw=8, alpha=0.3, label=f"80 % interval of {PAPER_TOP_GAMES} even games, as many as Jones 2021 plays"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


FIGURE = Kind(
    "The best agents against perfect play",
    "Share of games that the best agent of each board wins against perfect play, median and 80 % interval: it is picked by its Elo on "
    "half of the games, these are of the other half. Both colors are played from every opening, so that perfect play against "
    "itself wins 50 %. Jones 2021 finds its best agents level with MoHex, a solver that stands for perfect play, over the number of games "
    "whose interval is shaded.",
    lambda analysis: _numbers(require_frontier(analysis), analysis.seed),
    _draw,
    figure=4,
)

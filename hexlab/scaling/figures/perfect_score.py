"""Share of games that the best agents win against perfect play, by board: figure 4 of Jones 2021."""

from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import GRAY, INK, board_color, board_marker, board_name, canvas, legend_line
from hexlab.scaling.frontiers import Frontier
from hexlab.scaling.paper import PAPER_TOP_GAMES
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_perfect_score"]

_QUANTILES = (0.1, 0.5, 0.9)
_MOST = 0.5  # share of the games that perfect play can lose: of the two games from an opening theory gives it one


def plot_perfect_score(frontier: Frontier) -> "Figure":
    """Draw the share of games that the best agent of each board wins against perfect play.

    Raises:
        NotEnoughDataError: no games against perfect play.
    """
    return _draw(plain(_numbers(frontier)))


def _numbers(frontier: Frontier) -> Numbers:
    boards = []
    for board in frontier.boards:
        curves = board.curves
        met = curves.perfect.sum(axis=1) > 0
        if not met.any():
            continue
        best = int(np.argmax(np.where(met, curves.picking, -np.inf)))
        both, one, none = (int(count) for count in curves.perfect[best])
        width, depth = curves.cells[curves.agent_run[best]]
        boards.append(
            {
                "size": board.size,
                "agent": curves.agents[best],
                "width": width,
                "depth": depth,
                "openings": both + one + none,
                "games": 2 * (both + one + none),
                "won": 2 * both + one,
                "quantiles": _share_quantiles(both + one, none),
            }
        )
    if not boards:
        raise NotEnoughDataError("not enough data: needs games against perfect play")
    paper = _share_quantiles(PAPER_TOP_GAMES // 2, 0)
    return {"test_simulations": frontier.test_simulations, "boards": boards, "paper_split": (paper[0], paper[-1])}


def _share_quantiles(won: int, lost: int) -> np.ndarray:
    """Return quantiles of the share of all games won, given openings whose winnable game was won or lost, from a flat prior.

    The unit is an opening: perfect play loses only the game that theory gives to the other side.
    """
    return _MOST * scipy.stats.beta.ppf(_QUANTILES, won + 1, lost + 1)


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    sizes = [each["size"] for each in boards]
    lowest = min(each["quantiles"][0] for each in boards)
    with canvas(6.4, 4.4) as figure:
        axes = figure.add_subplot()
        low, high = numbers["paper_split"]
        axes.axhspan(100 * low, 100 * high, color=GRAY, alpha=0.28, lw=0)
        axes.axhline(100 * _MOST, color=INK, lw=0.9)
        for each in boards:
            size, color = each["size"], board_color(each["size"])
            start, middle, end = (100 * share for share in each["quantiles"])
            axes.plot([size, size], [start, end], color=color, lw=6, alpha=0.45, solid_capstyle="butt")
            axes.plot([size], [middle], ls="none", marker=board_marker(size), ms=8, color=color, mec="white")
            text = f"{each['won']} of {each['games']} games,\n{each['openings']} openings\n{each['width']}x{each['depth']}"
            axes.annotate(text, (size, 100 * _MOST), (0, 4), textcoords="offset points", color=color, ha="center", va="bottom", fontsize=9)
        axes.set_xlim(min(sizes) - 0.6, max(sizes) + 0.6)
        axes.set_xticks(range(min(sizes), max(sizes) + 1), [board_name(size) for size in range(min(sizes), max(sizes) + 1)])
        axes.set_ylim(min(40.0, 100 * lowest - 2), 100 * _MOST + 4)
        axes.set_ylabel("games won against perfect play (%)")
        openings = PAPER_TOP_GAMES // 2
        ours = "best agent, its net: median and 80 % interval over openings, of two games each"
        text = f"the same for {openings} openings, each split: {PAPER_TOP_GAMES} games, as many as Jones 2021 plays"
        handles = [
            legend_line(INK, marker="o", ms=8, lw=6, alpha=0.6, label=ours),
            legend_line(GRAY, lw=8, alpha=0.45, label=text),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


FIGURE = Kind(
    "The best agents against perfect play",
    "Share of games that the best agent of each board wins against perfect play, median and 80 % interval: it is picked by its Elo on "
    "half of the games, these are of the other half. The unit is an opening, played with both colors: theory gives one of its two games to "
    "perfect play, so that nobody wins more than 50 %, the line. Where an agent won all games that it could, its interval says how many "
    "it may have been about to lose. Jones 2021 finds its best agents level with MoHex, a solver that stands for perfect play, over 128 "
    "games; shaded is the interval, by the same rule, of as many games with one of two won from each opening.",
    lambda analysis: _numbers(require_frontier(analysis)),
    _draw,
    figure=4,
)

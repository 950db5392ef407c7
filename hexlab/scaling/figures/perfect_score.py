"""Share of games that the best agents win against perfect play, by board: figure 4 of Jones 2021."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import GRAY, INK, board_color, board_marker, board_name, canvas, legend_line
from hexlab.scaling.frontiers import Frontier
from hexlab.scaling.paper import PAPER_TOP_GAMES
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_perfect_score"]

_QUANTILES = (0.1, 0.5, 0.9)
_TAIL = 0.1  # on either side of the intervals
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
                "openings": both + one + none,
                "games": 2 * (both + one + none),
                "won": 2 * both + one,
                "quantiles": np.quantile(shares, _QUANTILES),
            }
        )
    if not boards:
        raise NotEnoughDataError("not enough data: needs games against perfect play")
    return {"test_simulations": frontier.test_simulations, "boards": boards, "paper_split": _split_interval(PAPER_TOP_GAMES // 2)}


def _split_interval(openings: int) -> tuple[float, float]:
    """Return the 80 % interval of the share of games won where each of `openings` is split, by the same rule as an agent's.

    Of the shares that a flat Dirichlet prior and such openings leave, both games won less both lost is above t with the chance
    (1 - t)^(openings + 2) / 2, and the share of games won is half of that above one half.
    """
    reach = (1 - (2 * _TAIL) ** (1 / (openings + 2))) / 2
    return 0.5 - reach, 0.5 + reach


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    sizes = [each["size"] for each in boards]
    lowest = min(each["quantiles"][0] for each in boards)
    with canvas(6.4, 4.4) as figure:
        axes = figure.add_subplot()
        low, high = numbers["paper_split"]
        axes.axhspan(100 * low, 100 * high, color=GRAY, alpha=0.28, lw=0)
        axes.axhline(50, color=INK, lw=0.9)
        for each in boards:
            size, color = each["size"], board_color(each["size"])
            start, middle, end = (100 * share for share in each["quantiles"])
            axes.plot([size, size], [start, end], color=color, lw=6, alpha=0.45, solid_capstyle="butt")
            axes.plot([size], [middle], ls="none", marker=board_marker(size), ms=8, color=color, mec="white")
            text = f"{each['won']} of {each['games']} games,\n{each['openings']} openings\n{each['width']}x{each['depth']}"
            axes.annotate(text, (size, end), (0, 4), textcoords="offset points", color=color, ha="center", va="bottom", fontsize=9)
        axes.set_xlim(min(sizes) - 0.6, max(sizes) + 0.6)
        axes.set_xticks(range(min(sizes), max(sizes) + 1), [board_name(size) for size in range(min(sizes), max(sizes) + 1)])
        axes.set_ylim(min(40.0, 100 * lowest - 2), 60)
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
    "half of the games, these are of the other half. The unit is an opening, played with both colors: of its two games perfect play wins "
    "one against itself, 50 %, so that games are anything but independent, and intervals are narrower than those of as many tosses of a "
    "coin. Jones 2021 finds its best agents level with MoHex, a solver that stands for perfect play, over 128 games; shaded is the "
    "interval, by the same rule, of as many games with one of two won from each opening.",
    lambda analysis: _numbers(require_frontier(analysis), analysis.seed),
    _draw,
    figure=4,
)

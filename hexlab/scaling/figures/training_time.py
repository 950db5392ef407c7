"""Seconds of training that a strong agent takes, by board: figure 3 of Jones 2021."""

import math
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import ELO
from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import INK, annotate, board_color, board_marker, board_name, canvas, legend_line
from hexlab.scaling.frontiers import draw_copies
from hexlab.scaling.paper import PAPER_TRAINING_SECONDS
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_training_time"]

_SHARE = 0.95  # of the copies, in which the bound holds
_TICKS = {0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 36_000: "10 h", 360_000: "100 h"}


def plot_training_time(analysis: Analysis) -> "Figure":
    """Draw the wall-clock time of the quickest agent above -50 Elo on each board.

    Raises:
        NotEnoughDataError: tables without timings, or no such agent.
    """
    return _draw(plain(_numbers(analysis)))


def _numbers(analysis: Analysis) -> Numbers:
    frontier = require_frontier(analysis)
    tables = analysis.tables
    copies = draw_copies(frontier, analysis.bootstrap, analysis.seed) if analysis.bootstrap else {}
    boards, missing = [], []
    for board in frontier.boards:
        curves = board.curves
        agents = [tables.agent_by_key[agent] for agent in curves.agents]
        spent = np.array([tables.cost(agent.run, agent.snapshot, "train_seconds") for agent in agents])
        spent[np.isnan(spent)] = math.inf
        # The quickest of many is a lucky one: its luck in one half of the games must last in the other.
        reached = np.where(np.minimum(curves.picking, curves.rating) > ELO, spent, math.inf)
        quickest = int(np.argmin(reached))
        if not math.isfinite(reached[quickest]):
            missing.append(board.size)
            continue
        bound = math.nan
        if copies:
            again = copies[board.size]
            found = (np.minimum(again.picking, again.rating) > ELO) & again.drawn[:, curves.agent_run]
            least = np.where(found, spent, math.inf).min(axis=1)
            bound = float(np.quantile(least, _SHARE, method="higher"))
        width, depth = curves.cells[curves.agent_run[quickest]]
        boards.append(
            {
                "size": board.size,
                "agent": curves.agents[quickest],
                "width": width,
                "depth": depth,
                "elo": curves.plain[quickest],
                "seconds": reached[quickest],
                "bound": bound,
                "open": math.isinf(bound),
            }
        )
    if not boards:
        raise NotEnoughDataError(f"not enough data: needs an agent above {ELO:.0f} Elo whose training was timed")
    paper = [{"size": size, "seconds": spent} for size, spent in PAPER_TRAINING_SECONDS.items()]
    return {"level": ELO, "test_simulations": frontier.test_simulations, "boards": boards, "missing": missing, "paper": paper}


def _draw(numbers: Numbers) -> "Figure":
    boards, paper = numbers["boards"], numbers["paper"]
    known = [each[name] for each in boards for name in ("seconds", "bound") if each[name]] + [each["seconds"] for each in paper]
    bottom, top = 0.5 * min(known), 2.5 * max(known)
    with canvas(6.8, 4.4) as figure:
        axes = figure.add_subplot()
        axes.plot([each["size"] for each in boards], [each["seconds"] for each in boards], color=INK, lw=1, alpha=0.5)
        for each in boards:
            size, color = each["size"], board_color(each["size"])
            if each["open"] or each["bound"]:
                axes.plot([size, size], [each["seconds"], top if each["open"] else each["bound"]], color=color, lw=2, solid_capstyle="butt")
            axes.plot([size], [each["seconds"]], ls="none", marker=board_marker(size), ms=8, color=color, mec="white")
            text = f"{each['width']}x{each['depth']}\n{_describe(each['seconds'])}"
            annotate(axes, text, (size, each["seconds"]), (9, -3), color, va="center", fontsize=9)
        for size in numbers["missing"]:
            text = "none by both\nhalves of\nthe games"
            axes.annotate(text, (size, 0.03), xycoords=("data", "axes fraction"), color=board_color(size), ha="center", fontsize=9)
        for each in paper:
            axes.plot([each["size"]], [each["seconds"]], ls="none", marker="x", ms=9, mew=2, color=INK)
            text = f"Jones 2021, one GPU\nabout {_describe(each['seconds'])}"
            annotate(axes, text, (each["size"], each["seconds"]), (-9, 0), INK, ha="right", va="center", fontsize=9)
        sizes = range(min(each["size"] for each in boards), max([*(each["size"] for each in [*boards, *paper]), *numbers["missing"]]) + 1)
        axes.set_yscale("log")
        axes.set_ylim(bottom, top)
        axes.set_yticks([tick for tick in _TICKS if bottom <= tick <= top])
        axes.set_yticklabels([text for tick, text in _TICKS.items() if bottom <= tick <= top])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] - 0.4, sizes[-1] + 0.9)
        axes.set_xticks(sizes, [board_name(size) for size in sizes])
        axes.set_ylabel("training time, wall-clock on one core")
        handles = [
            legend_line(INK, marker="o", ms=8, lw=1, mec="white", label=f"quickest agent above −{-numbers['level']:.0f} Elo, its net"),
            legend_line(INK, lw=2, label="up to the 95 % bound"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _describe(seconds: float) -> str:
    for name, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {name}"
    return f"{seconds:.2g} s"


FIGURE = Kind(
    "How long a strong agent trains",
    "Wall-clock time, on one core, of the quickest agent above −50 Elo by both halves of the games on each board, at equal search in "
    "play. A quicker one may be, that nobody trained. In 95 % of copies, openings, seeds and networks drawn again, one as quick as the "
    "upper end of the line is among them; a line that runs to the top has no such bound. A board where no agent is above it by both halves "
    "has no point. The seconds that the program takes to start are "
    "left out. The cross is what Jones 2021 says of 9×9.",
    _numbers,
    _draw,
    figure=3,
)

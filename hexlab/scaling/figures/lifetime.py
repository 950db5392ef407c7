"""How compute divides over an agent's life: search in self-play, learning, and search in the games that it serves."""

import math
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import ELO
from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import (
    COLORS,
    INK,
    annotate,
    board_color,
    board_name,
    canvas,
    floats,
    legend_line,
    log_axis,
    make_panels,
    panel_size,
)
from hexlab.scaling.frontiers import BoardFrontier
from hexlab.scaling.serving import Demand, Price, charge_agent, typical_moves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_lifetime"]

_PARTS = (
    ("selfplay", "search in self-play", COLORS[0]),
    ("learner", "learning", COLORS[5]),
    ("serving", "search in games served", COLORS[4]),
)


def plot_lifetime(analysis: Analysis) -> "Figure":
    """Draw the parts of an agent's compute against the games it serves, for one strong agent of each board.

    Raises:
        NotEnoughDataError: no frontier.
    """
    return _draw(plain(_numbers(analysis)))


def _numbers(analysis: Analysis) -> Numbers:
    tables, boards = analysis.tables, []
    for board in require_frontier(analysis).boards:
        agent = tables.agent_by_key[_choose_agent(board)]
        run = tables.run_by_key[agent.run]
        moves = typical_moves(board.size)
        trained = tables.cost(agent.run, agent.snapshot, "train_flops")
        even = trained / (moves * agent.test_flops)
        games = np.geomspace(0.01 * even, 10 * even * agent.test_simulations, 61)
        bills = [charge_agent(tables, agent.agent, Demand(float(count), moves), Price()) for count in games]
        boards.append(
            {
                "size": board.size,
                "agent": agent.agent,
                "width": run.width,
                "depth": run.depth,
                "elo": tables.rating_by_agent[agent.agent].elo,
                "test_simulations": agent.test_simulations,
                "train_flops": trained,
                "moves": moves,
                "even": even,
                "even_raw": even * agent.test_simulations,
                "games": games,
                **{name: [getattr(bill, name) / bill.total for bill in bills] for name, _, _ in _PARTS},
            }
        )
    return {"boards": boards}


def _choose_agent(board: BoardFrontier) -> str:
    """Return the cheapest agent of the frontier within 50 Elo of perfect play, or its strongest one."""
    strong = [step.agent for step in board.steps if step.elo >= ELO]
    return strong[0] if strong else board.steps[-1].agent


def _draw(numbers: Numbers) -> "Figure":
    from matplotlib.patches import Patch

    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 4.4)) as figure:
        panels = make_panels(figure, len(boards), sharey=True)
        for axes, board in zip(panels, boards, strict=True):
            games = floats(board["games"])
            shares = [floats(board[name]) for name, _, _ in _PARTS]
            axes.stackplot(games, *shares, colors=[color for _, _, color in _PARTS], alpha=0.85, lw=0)
            for key, line in (("even", "-"), ("even_raw", "--")):
                axes.axvline(board[key], color=INK, lw=1.2, ls=line)
                annotate(axes, _write_count(board[key]), (board[key], 0.5), (4, 0), INK, fontsize=8.5)
            about = f"{board['width']}×{board['depth']}, Elo {board['elo']:.0f}, 10$^{{{math.log10(board['train_flops']):.1f}}}$ FLOPs"
            axes.set_title(f"{board_name(board['size'])}\n", color=board_color(board["size"]))
            axes.annotate(about.replace("-", "−"), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=9)
            log_axis(axes, "x")
            axes.set_xlim(games[0], games[-1])
            axes.set_ylim(0, 1)
        panels[0].set_ylabel("share of the FLOPs of a life")
        figure.supxlabel("games served in the agent's life", fontsize=10.5)
        handles = [Patch(color=color, alpha=0.85, lw=0, label=name) for _, name, color in _PARTS]
        for line, player in (("-", "this search"), ("--", "the raw policy")):
            handles.append(legend_line(INK, lw=1.2, ls=line, label=f"games of {player} that cost as much as training"))
        figure.legend(handles=handles, loc="outside upper left", ncols=min(len(boards), 2))
    return figure


def _write_count(value: float) -> str:
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}·10$^{{{int(exponent)}}}$"


FIGURE = Kind(
    "Where an agent's compute goes over its life",
    "Shares of self-play, learning and serving in all the floating-point operations of one agent's life, against the games that it serves: "
    "for each board the cheapest agent of the frontier within 50 Elo of perfect play, at the frontier's test budget; its net, its Elo, and "
    "what its training took. Lines mark the games after which serving has cost as much as training: solid with that search, dashed if the "
    "raw policy played instead.",
    _numbers,
    _draw,
)

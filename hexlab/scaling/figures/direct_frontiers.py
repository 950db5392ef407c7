"""The frontiers by direct games against one opponent: figure 10 of Jones 2021."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import (
    INK,
    MODEL_LINES,
    MODEL_NAMES,
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
from hexlab.scaling.laws import interval
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_direct_frontiers"]

_MODEL = "change_point"


def plot_direct_frontiers(analysis: Analysis) -> "Figure":
    """Draw the frontiers by direct games beside those by Elo.

    Raises:
        NotEnoughDataError: too few games against perfect play or the best agent.
    """
    return _draw(plain(_numbers(analysis)))


def _numbers(analysis: Analysis) -> Numbers:
    rated = require_frontier(analysis)
    direct, copies, law = analysis.direct, analysis.direct_copies, analysis.direct_law
    if direct is None:
        raise NotEnoughDataError(analysis.missing["direct law"])
    boards = []
    for board in direct.frontier.boards:
        by_rating = rated.board(board.size)
        entry: Numbers = {
            "size": board.size,
            "opponent": direct.opponents[board.size],
            "log10_flops": board.log10_flops,
            "elo": board.elo,
            "rated_log10_flops": by_rating.log10_flops,
            "rated_elo": by_rating.elo,
        }
        if copies:
            entry["low"], entry["high"] = interval(copies[board.size])
        entry["floor"], entry["lost"] = direct.floor(board.size), direct.lost(board.size)
        if law is not None and board.size in law.sizes:
            entry["law"] = law.predict(board.size, board.log10_flops)
        boards.append(entry)
    numbers: Numbers = {"x": rated.x, "test_simulations": rated.test_simulations, "boards": boards}
    if law is not None:
        intervals = {name: list(ends) for name, ends in law.intervals.items()}
        numbers["law"] = {"parameters": dict(law.parameters), "intervals": intervals, "rmse": law.rmse}
    return numbers


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(7.6, 5.0) as figure:
        axes = figure.add_subplot()
        for board in boards:
            color, x = board_color(board["size"]), powers(board["log10_flops"])
            if "low" in board:
                axes.fill_between(x, floats(board["low"]), floats(board["high"]), color=color, alpha=0.16, lw=0)
            axes.plot(powers(board["rated_log10_flops"]), floats(board["rated_elo"]), color=color, lw=1.1, alpha=0.8)
            elo, lost = floats(board["elo"])[::3], np.array(board["lost"])[::3]
            for chosen, face in ((lost, "white"), (~lost, color)):
                axes.plot(x[::3][chosen], elo[chosen], ls="none", marker=board_marker(board["size"]), ms=4, color=color, mfc=face)
            if "law" in board:
                law = floats(board["law"])
                axes.plot(x, np.where(law >= board["floor"], law, np.nan), color=color, ls=MODEL_LINES[_MODEL], lw=1.6)
            if _meets_floor(board):
                axes.plot(x[[0, -1]], [board["floor"]] * 2, color=color, lw=1, ls=":")
            label_curve(axes, board["log10_flops"], board["elo"], board["size"])
        perfect = all(board["opponent"].startswith("perfect") for board in boards)
        against = "perfect play" if perfect else "perfect play or, where nobody met it, the best agent"
        handles = [legend_line(INK, ls="none", marker="o", ms=4, label=f"frontier by games against {against}")]
        if any("low" in board for board in boards):
            handles.append(legend_band(INK, "its 95 % bootstrap band"))
        if any(any(board["lost"]) for board in boards):
            handles.append(legend_line(INK, ls="none", marker="o", ms=4, mfc="white", label="its agent lost every game, may be weaker"))
        if any(map(_meets_floor, boards)):
            handles.append(legend_line(INK, lw=1, ls=":", label="floor: every game lost, of the fewest played"))
        handles.append(legend_line(INK, lw=1.1, alpha=0.8, label="frontier by Elo from all games"))
        if "law" in numbers:
            text = f"{MODEL_NAMES[_MODEL]}, RMSE {numbers['law']['rmse']:.0f} Elo"
            handles.append(legend_line(INK, ls=MODEL_LINES[_MODEL], lw=1.6, label=text))
        elo_axis(axes, [board[name] for board in boards for name in ("elo", "rated_elo")])
        perfect_line(axes)
        compute_axis(axes, numbers["x"])
        figure.legend(handles=handles, loc="outside upper left", ncols=2 if perfect else 1)
    return figure


def _meets_floor(board: Numbers) -> bool:
    return bool(np.nanmin(floats(board["elo"])) <= board["floor"])


FIGURE = Kind(
    "Frontiers by direct games",
    "The frontiers made again from games against perfect play alone (against the best agent, where nobody met perfect play and most met "
    "that one; boards where most met neither are not drawn), as Elo of the games won and lost, one of each added: whoever loses every "
    "game may be weaker than is seen, and is hollow. "
    "How deep that lies, an agent's number of games decides; the floor is that of the agents with the fewest, so that agents with more "
    "games are seen below it. "
    "Agents are picked on half of the openings and measured on the other. Bands are from drawing openings, seeds and networks again; "
    "dashed, the change-point law fitted to these frontiers above their floors, where it is drawn.",
    _numbers,
    _draw,
    figure=10,
)

"""The last position of a game: figure 1 of Jones 2021."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.rules.cells import cell_name
from hexlab.rules.render import center
from hexlab.rules.sgf import Game
from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import COLORS, GRAY, INK, canvas, legend_line
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_game"]

_FIELD = "#F4EFE6"
_STONES = (INK, "white")
_RUNGS = (0, (0.25, 0.25))
_ROW = np.sqrt(3)  # from row to row, where a cell is 2 wide


def plot_game(game: Game) -> "Figure":
    """Draw the last position of a game, the moves numbered."""
    return _draw(plain(_numbers([game])))


def _numbers(games: Sequence[Game]) -> Numbers:
    if not games:
        raise NotEnoughDataError("not enough data: needs a game, in games.sgf beside the tables")
    game = max(games, key=lambda each: (each.size, len(each.moves)))
    board = game.board()
    outcome = board.outcome
    return {
        "size": game.size,
        "black": game.black,
        "white": game.white,
        "comment": game.comment,
        "stones": board.stones.ravel().tolist(),
        "moves": [move if isinstance(move, str) else int(move) for move in game.moves],
        "winner": None if game.winner is None else str(game.winner),
        "path": [] if outcome is None else [board.to_cell(name) for name in outcome.path],
    }


def _draw(numbers: Numbers) -> "Figure":
    from matplotlib.patches import Circle, RegularPolygon

    size = numbers["size"]
    placed = {cell: number for number, cell in enumerate(numbers["moves"], 1)}
    with canvas(2.4 + 0.52 * size, 1.5 + 0.34 * size) as figure:
        axes = figure.add_subplot()
        _draw_edges(axes, size)
        for cell, stone in enumerate(numbers["stones"]):
            place = _place(*divmod(cell, size))
            axes.add_patch(RegularPolygon(place, 6, radius=2 / _ROW, facecolor=_FIELD, edgecolor=GRAY, lw=0.8))
            if stone:
                on_path = cell in numbers["path"]
                rim, width = (COLORS[1], 3.2) if on_path else (INK, 1.2)
                axes.add_patch(Circle(place, 0.74, facecolor=_STONES[stone - 1], edgecolor=rim, lw=width, zorder=3))
                text = str(placed.get(cell, ""))
                axes.annotate(text, place, ha="center", va="center_baseline", color=_STONES[2 - stone], fontsize=8.5, zorder=4)
        for step in range(size):
            letter, number = cell_name(step, size)[0], str(step + 1)
            for row, column, text in ((-1.25, step, letter), (size + 0.25, step, letter), (step, -1.2, number), (step, size + 0.2, number)):
                axes.annotate(text, _place(row, column), ha="center", va="center", fontsize=9)
        axes.set_aspect("equal")
        axes.axis("off")
        (left, top), (right, bottom) = _place(0, -1.7), _place(size - 1, size + 0.7)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom - 1.6 * _ROW, top + 1.6 * _ROW)
        black, white = (f": {name}" if name else "" for name in (numbers["black"], numbers["white"]))
        handles = [
            legend_line(INK, ls="none", marker="o", ms=9, label=f"Black joins top and bottom{black}"),
            legend_line(INK, ls="none", marker="o", ms=9, mfc="white", label=f"White joins left and right{white}"),
        ]
        if numbers["path"]:
            text = f"the path by which {numbers['winner']} has won"
            handles.append(legend_line(COLORS[1], ls="none", marker="o", ms=9, mfc="none", mew=2.4, label=text))
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


def _place(row: float, column: float) -> tuple[float, float]:
    across, down = center(row, column)
    return across, -_ROW * down


def _draw_edges(axes: "Axes", size: int) -> None:
    """Draw the edges behind the cells: Black's a full band, White's a ladder."""
    last = size - 1
    top_left, top_right, bottom_left, bottom_right = (_place(row, column) for row in (0, last) for column in (0, last))
    for first, second, away, dashes in (
        (top_left, top_right, (0, 1.1), "-"),
        (bottom_left, bottom_right, (0, -1.1), "-"),
        (top_left, bottom_left, (-1.15, 0), _RUNGS),
        (top_right, bottom_right, (1.15, 0), _RUNGS),
    ):
        ends = np.array([first, second]) + away
        axes.plot(*ends.T, color=INK, ls=dashes, lw=9, solid_capstyle="butt", dash_capstyle="butt", zorder=0)


FIGURE = Kind(
    "A game of Hex",
    "The last position of a game that is kept with the tables, of an agent against itself or against another, on the largest such board. "
    "Stones bear the number of their move.",
    lambda analysis: _numbers(analysis.tables.games),
    _draw,
    figure=1,
)

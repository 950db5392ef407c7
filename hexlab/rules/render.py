"""Pictures of a board, as text and as SVG, from one geometry.

The board is slanted: every row stands half a cell to the right of the one above, so that touching cells are neighbors. Nothing
hangs on color alone: stones of Black are full and those of White hollow, Black's edges are plain bands, White's are
ladders, and all of them carry their owner's name.
"""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from hexlab.errors import PositionError
from hexlab.rules.cells import cell_name, check_size

if TYPE_CHECKING:
    from hexlab.rules.board import Board

__all__ = ["center", "read_stones", "to_line", "to_svg", "to_text"]

_SYMBOLS = ".BW"
_LEGEND = "Black (B) joins top and bottom, White (W) left and right."


def center(row, column):
    """Return where a cell lies: (x, y), in half widths of a cell to the right and in rows down from cell a1.

    >>> center(2, 1)
    (4, 2)
    """
    return 2 * column + row, row


def to_line(stones: np.ndarray) -> str:
    """Return uint8[A] stones as one line, rows divided by ``/``.

    >>> to_line(np.array([0, 1, 2, 0]))
    '. B / W .'
    """
    size = math.isqrt(len(stones))
    return " / ".join(" ".join(_SYMBOLS[stone] for stone in row) for row in stones.reshape(size, size))


def to_text(board: "Board") -> str:
    """Draw a board in text, the last move in brackets; `Board.from_text` reads it."""
    size = board.size
    margin = len(str(size))
    letters = " ".join(cell_name(column, size)[0] for column in range(size))
    last = None if board.last_cell is None else divmod(board.last_cell, size)
    lines = [" " * (margin + 1 + center(-1, 0)[0]) + letters]
    for row, stones in enumerate(board.stones):
        line = list(" " + " ".join(_SYMBOLS[stone] for stone in stones) + " ")
        if last is not None and last[0] == row:
            line[2 * last[1]], line[2 * last[1] + 2] = "[", "]"
        lines.append(" " * center(row, 0)[0] + f"{row + 1:>{margin}}" + "".join(line) + str(row + 1))
    lines.append(" " * (margin + 1 + center(size, 0)[0]) + letters)
    outcome = board.outcome
    news = f"{board.turn} to move." if outcome is None else f"{outcome.winner} has won: {' '.join(outcome.path)}."
    return "\n".join([*lines, f"{_LEGEND} {news}"])


def read_stones(text: str) -> np.ndarray:
    """Return the stones of a drawing as uint8[A]: 0 empty, 1 Black, 2 White.

    Raises:
        PositionError: text that is not n rows of n cells.

    >>> read_stones(". B / W .").tolist()
    [0, 1, 2, 0]
    """
    rows = []
    for line in re.split(r"[\n/]", text.partition("Black (B)")[0]):
        bare = re.sub(r"^\s*\d+(?=[\s\[(])|\d+\s*$|[\s\[\]]", "", line)
        if bare and not re.fullmatch(r"[a-s]+", bare):
            rows.append(bare)
    size = len(rows)
    for number, row in enumerate(rows, 1):
        if set(row) - set(_SYMBOLS):
            wrong = next(symbol for symbol in row if symbol not in _SYMBOLS)
            raise PositionError(f"row {number} of the board, {row!r}, has {wrong!r}: write '.' empty, 'B' Black, 'W' White")
        if len(row) != size:
            raise PositionError(f"row {number} of the board, {row!r}, has {len(row)} cells: a board of {size} rows needs {size}")
    if not rows:
        raise PositionError(f"{text!r} holds no board: write n rows of n cells, '.' empty, 'B' Black, 'W' White")
    check_size(size)
    return np.array([_SYMBOLS.index(symbol) for symbol in "".join(rows)], np.uint8)


# SVG. A cell is a hexagon that stands on a corner, with corners at distance `_RADIUS` from its center.
_RADIUS = 20.0
_HALF_WIDTH = _RADIUS * math.sqrt(3) / 2
_BAND = 11.0
# Three rungs on each side of a cell, none at a corner, where they would smear.
_RUNGS = f' stroke-dasharray="1.4 {_RADIUS / 3 - 1.4:.4f}" stroke-dashoffset="{0.7 - _RADIUS / 6:.4f}"'
_INK = "#1c1c1c"
_PAPER = "#ffffff"
_FIELD = "#f4efe6"
_GRID = "#8c8478"
_PATH = "#d55e00"
_WARM = (230, 159, 0)
_COLD = (86, 180, 233)
_MAX_WIDTH = 760.0


def to_svg(
    board: "Board",
    *,
    labels: Mapping[str | int, str] | None = None,
    heat=None,
    coordinates: bool = True,
    mark_last: bool = True,
    mark_path: bool = True,
) -> str:
    """Draw a board as a self-contained SVG image; equal arguments give equal bytes.

    Args:
        board: the position.
        labels: short texts by cell name or cell number, written on cells and stones.
        heat: A numbers by cell index, such as a policy or values, nan where there is none; the paler the cell the nearer to 0,
            orange for positive and blue for negative numbers. The numbers are written on cells that have no label and no stone.
        coordinates: whether to write letters and numbers around the board.
        mark_last: whether the last move wears a dot.
        mark_path: whether the winning path of a finished game is drawn.

    Raises:
        IllegalMoveError: a label on no cell of this board.
        PositionError: heat that is not A numbers.

    >>> from hexlab.rules import Board
    >>> to_svg(Board.from_moves("a1 b2", size=3), labels={"c3": "?"}).count("<circle")
    3
    """
    size = board.size
    texts = {board.to_cell(cell): str(text) for cell, text in (labels or {}).items()}
    shades = _check_heat(heat, size)
    stones = board.stones.ravel()
    parts = [*_draw_edges(size, coordinates)]
    for cell in range(size * size):
        row, column = divmod(cell, size)
        points = " ".join(_point(*_corner(row, column, corner)) for corner in range(6))
        parts.append(f'<polygon points="{points}" fill="{_shade(shades, cell)}" stroke="{_GRID}" stroke-width="1"/>')
    for cell in range(size * size):
        x, y = _place(*divmod(cell, size))
        if stones[cell]:
            fill = _INK if stones[cell] == 1 else _PAPER
            at = f'cx="{_number(x)}" cy="{_number(y)}"'
            parts.append(f'<circle {at} r="{_number(0.68 * _RADIUS)}" fill="{fill}" stroke="{_INK}" stroke-width="1.6"/>')
    outcome = board.outcome if mark_path else None
    if outcome is not None:
        chain = [_place(*divmod(board.to_cell(name), size)) for name in outcome.path]
        if len(chain) == 1:
            chain *= 2
        way = " ".join(_point(x, y) for x, y in chain)
        for color, width in ((_PAPER, 8), (_PATH, 4.5)):
            parts.append(
                f'<polyline points="{way}" fill="none" stroke="{color}" stroke-width="{width}"'
                ' stroke-linecap="round" stroke-linejoin="round"/>'
            )
    if mark_last and board.last_cell is not None and board.last_cell not in texts:
        cell = board.last_cell
        x, y = _place(*divmod(cell, size))
        fill, line = (_PAPER, _INK) if stones[cell] == 1 else (_INK, _PAPER)
        at = f'cx="{_number(x)}" cy="{_number(y)}"'
        parts.append(f'<circle {at} r="{_number(0.24 * _RADIUS)}" fill="{fill}" stroke="{line}" stroke-width="1.5"/>')
    for cell in range(size * size):
        text = texts.get(cell)
        if text is None and not stones[cell] and np.isfinite(shades[cell]):
            text = _short(shades[cell])
        if text is not None:
            x, y = _place(*divmod(cell, size))
            color = _PAPER if stones[cell] == 1 else _INK
            parts.append(_text(x, y, text, 11 if len(text) < 4 else 9.5, color, bold=bool(stones[cell])))
    return _frame(size, parts, board, coordinates)


def _place(row: float, column: float) -> tuple[float, float]:
    x, y = center(row, column)
    return x * _HALF_WIDTH, y * 1.5 * _RADIUS


def _corner(row: float, column: float, corner: int) -> tuple[float, float]:
    """Return a corner of a cell; 0 is its lowest point, and they go around to the left."""
    x, y = _place(row, column)
    angle = math.pi / 2 + corner * math.pi / 3
    return x + _RADIUS * math.cos(angle), y + _RADIUS * math.sin(angle)


def _outline(size: int) -> list[list[tuple[float, float]]]:
    """Return the border of the board in four pieces: top, bottom, left, right.

    At an obtuse corner of the board the two owners share a side of a cell half and half.
    """
    last = size - 1
    top = [_corner(0, column, corner) for column in range(size) for corner in (2, 3)]
    top.append(_middle(_corner(0, last, 3), _corner(0, last, 4)))
    left = [_corner(row, 0, corner) for row in range(size) for corner in (2, 1)]
    left.append(_middle(_corner(last, 0, 1), _corner(last, 0, 0)))
    far_x, far_y = _place(last, last)
    turned = [[(far_x - x, far_y - y) for x, y in side] for side in (top, left)]
    return [top, turned[0], left, turned[1]]


def _middle(one: tuple[float, float], two: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + two[0]) / 2, (one[1] + two[1]) / 2


def _draw_edges(size: int, coordinates: bool) -> list[str]:
    """Draw the bands, to be covered up to the border by the cells, their owners' names and the coordinates."""
    parts = []
    for number, side in enumerate(_outline(size)):
        points = " ".join(_point(x, y) for x, y in side)
        strokes = [(_INK, 2 * _BAND, "")]
        if number >= 2:
            strokes += [(_PAPER, 2 * _BAND - 3, ""), (_INK, 2 * _BAND - 2, _RUNGS)]
        for color, width, dashes in strokes:
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{_number(width)}"'
                f' stroke-linejoin="round"{dashes}/>'
            )
    middle, out = (size - 1) / 2, 2.0 if coordinates else 1.35
    for row, column, name, turn in (
        (-out, middle + out / 2, "Black", 0),
        (size - 1 + out, middle - out / 2, "Black", 0),
        (middle + out / 3, -out, "White", 60),
        (middle - out / 3, size - 1 + out, "White", 60),
    ):
        parts.append(_text(*_place(row, column), name, 13, _INK, bold=True, turn=turn))
    if coordinates:
        for step in range(size):
            letter = cell_name(step, size)[0]
            for beyond in (-1.12, size + 0.12):
                parts.append(_text(*_place(beyond, step), letter, 12, _INK))
                parts.append(_text(*_place(step, beyond), str(step + 1), 12, _INK))
    return parts


def _frame(size: int, parts: list[str], board: "Board", coordinates: bool) -> str:
    out = 2.5 if coordinates else 1.85
    left, right = _place(0, -out - 0.1)[0], _place(size - 1, size - 1 + out + 0.1)[0]
    top, bottom = _place(-out, 0)[1], _place(size - 1 + out, 0)[1]
    wide, high = right - left, bottom - top
    scale = min(1.0, _MAX_WIDTH / wide)
    news = f"{board.turn} to move" if board.winner is None else f"{board.winner} has won"
    title = f"Hex, {size}x{size}, {news}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{" ".join(map(_number, (left, top, wide, high)))}"'
        f' width="{_number(wide * scale)}" height="{_number(high * scale)}" role="img"'
        ' font-family="Helvetica, Arial, sans-serif" text-anchor="middle">'
    )
    paper = f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(wide)}" height="{_number(high)}" fill="{_PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *parts, "</svg>", ""])


def _check_heat(heat, size: int) -> np.ndarray:
    if heat is None:
        return np.full(size * size, np.nan)
    try:
        shades = np.asarray(heat, np.float64).ravel()
    except (TypeError, ValueError):
        raise PositionError(f"heat {heat!r} is not numbers: give one for each of the {size * size} cells, nan for none") from None
    if len(shades) != size * size:
        raise PositionError(f"{len(shades)} numbers of heat: a {size}x{size} board needs {size * size}, nan for none")
    return shades


def _shade(shades: np.ndarray, cell: int) -> str:
    """Return the color of a cell, from the plain field at 0 to the full color at the number farthest from 0."""
    finite = shades[np.isfinite(shades)]
    largest = np.abs(finite).max() if len(finite) else 0.0
    if not np.isfinite(shades[cell]) or largest == 0.0:
        return _FIELD
    share = abs(shades[cell]) / largest
    full = _WARM if shades[cell] > 0 else _COLD
    field = (int(_FIELD[1:3], 16), int(_FIELD[3:5], 16), int(_FIELD[5:7], 16))
    return "#" + "".join(f"{round(f + (t - f) * share):02x}" for f, t in zip(field, full, strict=True))


def _short(number: float) -> str:
    """Return a number with two digits after the point and no leading zero.

    >>> _short(0.25), _short(-0.5), _short(1.0), _short(12.0), _short(0.001)
    ('.25', '−.50', '1', '12', '0')
    """
    text = f"{number:.2f}" if abs(number) < 1 else f"{number:.3g}"
    bare = "0" if float(text) == 0 else "1" if text == "1.00" else "-1" if text == "-1.00" else text
    return re.sub(r"^(-?)0\.", r"\1.", bare).replace("-", "−")


def _text(x: float, y: float, text: str, height: float, color: str, bold: bool = False, turn: int = 0) -> str:
    # The baseline lies a third of the height below the middle: programs disagree about dominant-baseline.
    turned = f' transform="rotate({turn} {_number(x)} {_number(y)})"' if turn else ""
    weight = ' font-weight="bold"' if bold else ""
    at = f'x="{_number(x)}" y="{_number(y + 0.35 * height)}"'
    return f'<text {at} font-size="{_number(height)}" fill="{color}"{weight}{turned}>{escape(text)}</text>'


def _point(x: float, y: float) -> str:
    return f"{_number(x)},{_number(y)}"


def _number(value: float) -> str:
    """Return a number with at most two digits after the point, the same bytes everywhere."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

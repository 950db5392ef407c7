"""Names, coordinates, neighbors and symmetries of cells: the only place that knows the board's geometry.

A board of size n has A = n * n cells. The name of a cell is its column letter and its row number, ``a1`` is the top-left
cell, and its index is ``row * size + column``. Black joins the top and the bottom row, White the left and the right column.
"""

import functools
import re

import numpy as np

from hexlab.errors import IllegalMoveError, PositionError

__all__ = [
    "MAX_SIZE",
    "NEIGHBOR_OFFSETS",
    "cell_index",
    "cell_name",
    "check_size",
    "neighbor_table",
    "rotation",
    "transposition",
]

MAX_SIZE = 19
NEIGHBOR_OFFSETS = ((-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0))
_NAME = re.compile(r"([a-s])([1-9][0-9]?)")


def check_size(size: int) -> int:
    """Return `size` as an int, or raise `PositionError` unless it is a whole number from 1 to 19.

    >>> check_size(5)
    5
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= MAX_SIZE:
        raise PositionError(f"board size {size!r} is not supported: give a whole number from 1 to {MAX_SIZE}")
    return int(size)


def cell_name(cell: int, size: int) -> str:
    """Return the name of a cell index.

    >>> cell_name(7, size=5)
    'c2'
    """
    if not 0 <= cell < size * size:
        raise IllegalMoveError(f"cell {cell!r} is off the board: a {size}x{size} board has cells 0 to {size * size - 1}")
    row, column = divmod(int(cell), size)
    return f"{chr(ord('a') + column)}{row + 1}"


def cell_index(name: str, size: int) -> int:
    """Return the index of a cell name; letters may be upper or lower case.

    >>> cell_index("c2", size=5)
    7
    """
    match = _NAME.fullmatch(name.strip().lower()) if isinstance(name, str) else None
    if match is None:
        raise IllegalMoveError(f"{name!r} is not a cell: write a column letter and a row number, such as 'c3'")
    column, row = ord(match[1]) - ord("a"), int(match[2]) - 1
    if row >= size or column >= size:
        last = cell_name(size * size - 1, size)
        raise IllegalMoveError(f"cell {name!r} is off the board: a {size}x{size} board runs from a1 to {last}")
    return row * size + column


@functools.cache
def neighbor_table(size: int) -> np.ndarray:
    """Return the neighbors of every cell.

    Returns:
        int16[A, 6], read-only: neighbor indices in increasing order, padded with -1 at the end.

    >>> neighbor_table(2).tolist()[1]
    [0, 2, 3, -1, -1, -1]
    """
    table = np.full((size * size, 6), -1, np.int16)
    for row in range(size):
        for column in range(size):
            slot = 0
            for down, right in NEIGHBOR_OFFSETS:
                if 0 <= row + down < size and 0 <= column + right < size:
                    table[row * size + column, slot] = (row + down) * size + column + right
                    slot += 1
    table.flags.writeable = False
    return table


@functools.cache
def rotation(size: int) -> np.ndarray:
    """Return int16[A]: where each cell goes under the 180-degree turn, which keeps the game the same for both colors."""
    turned = np.arange(size * size, dtype=np.int16)[::-1].copy()
    turned.flags.writeable = False
    return turned


@functools.cache
def transposition(size: int) -> np.ndarray:
    """Return int16[A]: where each cell goes when rows and columns trade places, which makes Black's game White's."""
    mirrored = np.ascontiguousarray(np.arange(size * size, dtype=np.int16).reshape(size, size).T).ravel()
    mirrored.flags.writeable = False
    return mirrored

"""Positions as a network sees them: the mover's own frame, stated here once.

The network always plays the side that joins top and bottom. Plane 0 holds the mover's stones, plane 1 the opponent's.
When Black is to move the board is taken as it is; when White is to move rows and columns trade places, which turns
White's left-right game into a top-bottom one. Both planes are flattened in the order of cell indices of that frame: A
numbers for plane 0, then A for plane 1, each 1 where a stone stands and 0 elsewhere (Jones 2021). The network's logits
are in the same frame.

Trading rows and columns twice changes nothing, so one function, `swap_frame`, goes from the board's frame to the
mover's and back.
"""

import numba
import numpy as np

from hexlab.rules import Boards
from hexlab.rules.kernels import BLACK, STONE

__all__ = ["read_judgments", "swap_frame", "to_planes", "write_planes"]


def to_planes(boards: Boards) -> np.ndarray:
    """Return the network's inputs for B positions.

    Returns:
        float32[B, 2A], 0 or 1, in the mover's own frame.

    >>> after_b1 = Boards.empty(size=2, count=1).play([1])      # Black on b1, White to move
    >>> to_planes(after_b1).tolist()                            # White sees the opponent on a2
    [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    """
    planes = np.empty((len(boards), 2 * boards.size**2), np.float32)
    write_planes(np.ascontiguousarray(boards.cells), np.ascontiguousarray(boards.turn), boards.size, planes)
    return planes


@numba.njit(cache=True, nogil=True)
def write_planes(cells, turn, size, out):
    """Write the planes of B positions into the first B rows of `out`.

    Args:
        cells: uint8[B, A], codes as in `hexlab.rules.kernels`; edge bits are ignored.
        turn: int8[B], color to move.
        size: board size n, A = n * n.
        out: number[at least B, 2A], any dtype; changed in place, rows after the first B are left alone.
    """
    area = size * size
    for board in range(len(turn)):
        if turn[board] == 0:
            for cell in range(area):
                stone = cells[board, cell] & STONE
                out[board, cell] = stone & BLACK
                out[board, area + cell] = stone >> 1
        else:
            for row in range(size):
                for column in range(size):
                    stone = cells[board, column * size + row] & STONE
                    out[board, row * size + column] = stone >> 1
                    out[board, area + row * size + column] = stone & BLACK


@numba.njit(cache=True, nogil=True)
def swap_frame(rows, turn, size, out):
    """Carry one number a cell from the board's frame to the mover's, or back: it is its own inverse.

    Args:
        rows: number[B, A].
        turn: int8[B], color to move.
        size: board size n, A = n * n.
        out: number[B, A], changed in place; not `rows` itself.
    """
    for board in range(len(turn)):
        if turn[board] == 0:
            for cell in range(size * size):
                out[board, cell] = rows[board, cell]
        else:
            for row in range(size):
                for column in range(size):
                    out[board, row * size + column] = rows[board, column * size + row]


@numba.njit(cache=True, nogil=True)
def read_judgments(judged, turn, size, logits, values):
    """Split what a network said of B positions, and carry the logits to the board's frame.

    Args:
        judged: float32[at least B, A + 1], logits in the mover's frame, then the value.
        turn: int8[B], color to move.
        size: board size n, A = n * n.
        logits: float32[B, A], changed in place, in the board's frame.
        values: float32[B], changed in place.
    """
    for board in range(len(turn)):
        values[board] = judged[board, size * size]
    swap_frame(judged[:, : size * size], turn, size, logits)

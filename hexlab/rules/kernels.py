"""Compiled rules: bare arrays in, no checks. The friendly twins are `hexlab.rules.Board` and `hexlab.rules.Boards`.

A cell is one uint8. Its two low bits are the stone (`EMPTY`, `BLACK` or `WHITE`); the next two say which of its owner's edges
the stone is joined to: `FIRST_EDGE` is the top for Black and the left for White, `SECOND_EDGE` the bottom and the right.
A stone joined to both edges ends the game. Colors in play order are 0 for Black and 1 for White; the stone of a color is color + 1.

Random play keeps another picture of the board, made for speed. A cell is a point, row + 1 in the high bits and column + 1 in the
five low bits, so that a rim of points surrounds the board; one uint32 for each row and color has the bits of that color's stones
and of its two edges on the rim; and `parents` is a forest over points whose trees are chains of stones. The six neighbors of a
point are read as one 7-bit pattern. Neighbors that stand side by side are joined already, so a pattern asks for one join for each
run of neighbors: at most three. Edges are roots below every point, so that they stay roots; a join of two edges ends the game.
"""

from typing import Any

import numba
import numpy as np
from numba.core.options import DefaultOptions

from hexlab.rules.draws import GOLDEN, mix

__all__ = ["BLACK", "EMPTY", "FIRST_EDGE", "SECOND_EDGE", "STONE", "WHITE", "allocating", "compiled", "inner", "place", "play_out_all"]

# Numba counts, atomically, the references to every array that is named, sliced or handed on: a third of the time of a search. The
# option to leave it out, for code that allocates nothing, has no public name; without it kernels are slower and otherwise the same.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
if hasattr(DefaultOptions, "_nrt"):
    _OPTIONS["_nrt"] = False

compiled = numba.njit(**_OPTIONS)
"""How a kernel is compiled that allocates no array: serial, without the interpreter's lock, without counting references."""

allocating = numba.njit(cache=True, nogil=True, error_model="numpy")
"""How a kernel is compiled that allocates arrays."""

inner = numba.njit(**_OPTIONS, forceinline=True)
"""The same, for a piece of kernels: it is compiled into each of its callers."""

EMPTY = 0
BLACK = 1
WHITE = 2
STONE = 3
FIRST_EDGE = 4
SECOND_EDGE = 8
_BOTH_EDGES = FIRST_EDGE | SECOND_EDGE

_ROW_BITS = 5
_COLUMN = 31
_TOP = 24  # roots of the edges; columns of the rim that no board reaches
_BOTTOM = 25
_LEFT = 26
_RIGHT = 27
_FIRST_POINT = 32
# Steps to the six neighbors in the order of a walk around the point, and the bit of each in a pattern.
_RING = ((-32, 0), (-31, 1), (1, 4), (32, 6), (31, 5), (-1, 2))


def _first_of_runs() -> np.ndarray:
    """Return int8[128, 3]: for each pattern of own neighbors the step to one neighbor of each run, 0 where there is none."""
    steps = np.zeros((128, 3), np.int8)
    for pattern in range(128):
        own = [pattern >> bit & 1 for _, bit in _RING]
        starts = [place for place in range(6) if own[place] and not own[place - 1]]
        if all(own):
            starts = [0]
        for run, start in enumerate(starts):
            steps[pattern, run] = _RING[start][0]
    return steps


_STEPS = _first_of_runs()


@inner
def place(cells, cell, color, size, neighbors, stack):
    """Put a stone of `color` on an empty `cell`, spread edge bits through its chain, and tell whether it wins.

    Args:
        cells: uint8[A], changed in place.
        cell: index of an empty cell.
        color: 0 Black, 1 White.
        size: board size n, A = n * n.
        neighbors: int16[A, 6] from `neighbor_table`.
        stack: int16[A], scratch.

    Returns:
        True when the stone joins both edges of its color.
    """
    stone = color + 1
    along = cell // size if color == 0 else cell % size
    edges = 0
    if along == 0:
        edges |= FIRST_EDGE
    if along == size - 1:
        edges |= SECOND_EDGE
    for slot in range(6):
        near = neighbors[cell, slot]
        if near < 0:
            break
        if cells[near] & STONE == stone:
            edges |= cells[near] & _BOTH_EDGES
    cells[cell] = stone | edges
    if edges == _BOTH_EDGES:
        return True
    if edges != 0:
        stack[0] = cell
        top = 1
        while top > 0:
            top -= 1
            here = stack[top]
            for slot in range(6):
                near = neighbors[here, slot]
                if near < 0:
                    break
                if cells[near] & STONE == stone and cells[near] & edges != edges:
                    cells[near] |= edges
                    stack[top] = near
                    top += 1
    return False


@numba.njit(cache=True, nogil=True)
def play_out_all(cells, turn, winner, size, seeds, winners, moves):
    """Play uniformly random legal moves to the end of the game, G times from each of B positions.

    Args:
        cells: uint8[B, A], left as they are.
        turn: int8[B], color to move.
        winner: int8[B], -1 while the game goes on.
        size: board size n, A = n * n.
        seeds: uint64[B, G], a SplitMix64 state for each game, left as they are.
        winners: int8[B, G], filled with the winning colors.
        moves: int16[B, G], filled with the number of moves until a side has joined its edges; 0 for finished games.
    """
    points = (size + 2) << _ROW_BITS
    start_parents = np.empty(points, np.uint16)
    parents = np.empty(points, np.uint16)
    start_rows = np.empty((2, size + 2), np.uint32)
    rows = np.empty((2, size + 2), np.uint32)
    start_empties = np.empty(size * size, np.uint16)
    empties = np.empty(size * size, np.uint16)
    for board in range(cells.shape[0]):
        count = _set_up(cells[board], size, start_parents, start_rows, start_empties)
        for game in range(seeds.shape[1]):
            if winner[board] >= 0:
                winners[board, game] = winner[board]
                moves[board, game] = 0
                continue
            # Loops, not slices: a slice assignment takes the compiler a second.
            for point in range(points):
                parents[point] = start_parents[point]
            for row in range(size + 2):
                rows[0, row] = start_rows[0, row]
                rows[1, row] = start_rows[1, row]
            for slot in range(count):
                empties[slot] = start_empties[slot]
            state = seeds[board, game]
            color = np.int64(turn[board])
            left = count
            while True:
                state += GOLDEN
                pick = ((mix(state) >> np.uint64(32)) * np.uint64(left)) >> np.uint64(32)
                point = empties[pick]
                left -= 1
                empties[pick] = empties[left]
                if _join(point, color, parents, rows):
                    break
                color = 1 - color
            winners[board, game] = color
            moves[board, game] = count - left


@numba.njit(cache=True, nogil=True)
def _set_up(cells, size, parents, rows, empties):
    """Fill `parents` and `rows` with the stones of `cells`, `empties` with the empty points, and return how many there are."""
    for start in range(len(parents)):
        parents[start] = start
    for row in range(size + 2):
        rows[0, row] = rows[1, row] = 0
    for along in range(size):
        parents[along + 1] = _TOP
        parents[((size + 1) << _ROW_BITS) + along + 1] = _BOTTOM
        parents[(along + 1) << _ROW_BITS] = _LEFT
        parents[((along + 1) << _ROW_BITS) + size + 1] = _RIGHT
        rows[1, along + 1] = 1 | (1 << (size + 1))
    rows[0, 0] = rows[0, size + 1] = (1 << (size + 1)) - 2
    count = 0
    for cell in range(size * size):
        point = np.uint16(((cell // size + 1) << _ROW_BITS) + cell % size + 1)
        stone = cells[cell] & STONE
        if stone == EMPTY:
            empties[count] = point
            count += 1
        else:
            _join(point, np.int64(stone) - 1, parents, rows)
    return count


@numba.njit(cache=True, nogil=True, forceinline=True)
def _join(point, color, parents, rows):
    """Put a stone on an empty point, join it with its neighbors, and tell whether that joins the edges of its color."""
    row = point >> _ROW_BITS
    column = np.uint32(point & _COLUMN)
    above = (rows[color, row - 1] >> column) & np.uint32(3)
    beside = (rows[color, row] >> (column - np.uint32(1))) & np.uint32(5)
    below = (rows[color, row + 1] >> (column - np.uint32(1))) & np.uint32(3)
    rows[color, row] |= np.uint32(1) << column
    pattern = above | (beside << np.uint32(2)) | (below << np.uint32(5))
    step = _STEPS[pattern, 0]
    if step == 0:
        return False
    step_two = _STEPS[pattern, 1]
    if step_two == 0:
        parents[point] = parents[point + step]
        return False
    root = _find(parents, point + step)
    other = _find(parents, point + step_two)
    if root != other:
        if root < _FIRST_POINT and other < _FIRST_POINT:
            return True
        if root > other:
            root, other = other, root
        parents[other] = root
    parents[point] = root
    step_three = _STEPS[pattern, 2]
    if step_three != 0:
        other = _find(parents, point + step_three)
        if root != other:
            if root < _FIRST_POINT and other < _FIRST_POINT:
                return True
            if root > other:
                root, other = other, root
            parents[other] = root
    return False


@numba.njit(cache=True, nogil=True, forceinline=True)
def _find(parents, point):
    """Return the root of a point's tree, and halve the way to it."""
    here = np.uint16(point)
    above = parents[here]
    while above != here:
        top = parents[above]
        parents[here] = top
        here = above
        above = top
    return here

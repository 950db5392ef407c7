"""Compiled rules: bare arrays in, no checks. The friendly twins are `hexlab.rules.Board` and `hexlab.rules.Boards`.

A cell is one uint8. Its two low bits are the stone (`EMPTY`, `BLACK` or `WHITE`); the next two say which of its owner's edges
the stone is joined to: `FIRST_EDGE` is the top for Black and the left for White, `SECOND_EDGE` the bottom and the right.
A stone joined to both edges ends the game. Colors in play order are 0 for Black and 1 for White; the stone of a color is color + 1.
"""

import numba
import numpy as np

from hexlab.rules.draws import bounded

__all__ = ["BLACK", "EMPTY", "FIRST_EDGE", "SECOND_EDGE", "STONE", "WHITE", "place", "playout"]

EMPTY = 0
BLACK = 1
WHITE = 2
STONE = 3
FIRST_EDGE = 4
SECOND_EDGE = 8
_BOTH_EDGES = FIRST_EDGE | SECOND_EDGE


@numba.njit(cache=True, nogil=True)
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
def playout(cells, turn, size, neighbors, empties, stack, states, board):
    """Play uniformly random legal moves to the end of the game.

    Args:
        cells: uint8[A] of an unfinished game, changed in place.
        turn: color to move, 0 or 1.
        size: board size.
        neighbors: int16[A, 6].
        empties: int16[A], scratch.
        stack: int16[A], scratch.
        states: uint64[B] generator states; only ``states[board]`` is used.
        board: index into `states`.

    Returns:
        (winning color, number of moves played).
    """
    count = 0
    for cell in range(size * size):
        if cells[cell] == EMPTY:
            empties[count] = cell
            count += 1
    moves = 0
    while True:
        pick = bounded(states, board, count)
        cell = empties[pick]
        count -= 1
        empties[pick] = empties[count]
        moves += 1
        if place(cells, cell, turn, size, neighbors, stack):
            return turn, moves
        turn = 1 - turn

"""Positions as text, in whatever form a person has them."""

import re
from typing import Any

from hexlab.errors import PositionError
from hexlab.rules import Board, hexworld, sgf

__all__ = ["read_position"]

_LONGEST = 20_000  # characters
_DRAWING = re.compile(r"[./]|\A[BW\s\[\]]+\Z")  # an empty cell, a row's end, or nothing but stones; names of cells have numbers


def read_position(text: Any, size: int, swap: bool = False) -> Board:
    """Return the board that a text describes.

    Args:
        text: names of moves ("c3 b4") on one line or more, a HexWorld link, an SGF record, or a drawing as `Board.from_text` reads it.
        size: board size, for names of moves; the other forms tell it.
        swap: whether White may answer the first move by a swap, for names of moves.

    Raises:
        PositionError: text of another form, or too long.
        IllegalMoveError: a move that the rules do not allow.

    >>> read_position("https://hexworld.org/board/#3c1,b2,a1", size=5)
    Board.from_moves('b2', size=3)
    """
    if not isinstance(text, str):
        raise PositionError(f"a position of type {type(text).__name__} cannot be read: give text")
    if len(text) > _LONGEST:
        raise PositionError(f"a position of {len(text)} characters cannot be read: give at most {_LONGEST}")
    bare = text.strip()
    if bare.startswith("("):
        return sgf.read(bare)[0].board()
    if "#" in bare:
        link = hexworld.read(bare)
        board = link.game.board()
        while len(board.moves) > link.shown:
            board.pop()
        return board
    if _DRAWING.search(bare):
        return Board.from_text(bare)
    return Board.from_moves(bare, size, swap)

"""Positions and games as text, in whatever form a person has them."""

from typing import Any

from hexlab.errors import PositionError
from hexlab.rules import Board, sgf

__all__ = ["read_position"]

_LONGEST = 20_000  # characters


def read_position(text: Any, size: int, swap: bool = False) -> Board:
    """Return the board that a text describes.

    Args:
        text: names of moves ("c3 b4"), a drawing as `Board.from_text` reads it, or an SGF record.
        size: board size, for names of moves; the other forms tell it.
        swap: whether White may answer the first move by a swap.

    Raises:
        PositionError: text of another form, or too long.
        IllegalMoveError: a move that the rules do not allow.
    """
    if not isinstance(text, str):
        raise PositionError(f"a position of type {type(text).__name__} cannot be read: give text")
    if len(text) > _LONGEST:
        raise PositionError(f"a position of {len(text)} characters cannot be read: give at most {_LONGEST}")
    bare = text.strip()
    if bare.startswith("("):
        return sgf.read(bare)[0].board()
    if "." in bare or "/" in bare or "\n" in bare:
        return Board.from_text(bare)
    return Board.from_moves(bare, size, swap)

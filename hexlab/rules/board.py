"""One game of Hex: friendly, validated, undoable."""

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules import render
from hexlab.rules.cells import cell_index, cell_name, check_size, neighbor_table, transposition
from hexlab.rules.kernels import EMPTY, STONE, place

__all__ = ["SWAP_PIECES", "Board", "Color", "LegalMoves", "Outcome", "check_color"]

SWAP_PIECES = "swap-pieces"
"""The move by which White takes Black's first stone over, mirrored in the long diagonal that runs down from a1."""
_SWAP = -1  # how a board remembers it beside the cells of the other moves


class Color(enum.IntEnum):
    """A side. Black moves first and joins the top and the bottom row; White joins the left and the right column."""

    BLACK = 0
    WHITE = 1

    @property
    def other(self) -> "Color":
        """The opponent's color."""
        return Color(1 - self)

    def __str__(self) -> str:
        """Return 'Black' or 'White'."""
        return self.name.capitalize()


def check_color(name: str, given: Any) -> Color:
    """Return the color that is given by itself or by its number, 0 or 1.

    Args:
        name: what it is, for the message.
        given: a color or a whole number.

    Raises:
        PositionError: neither of the two.

    >>> check_color("turn", 1)
    <Color.WHITE: 1>
    """
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given not in (0, 1):
        raise PositionError(f"{name}={given!r} is no color: give Color.BLACK or Color.WHITE")
    return Color(int(given))


class Outcome(NamedTuple):
    """How a game ended; Hex knows no draws.

    Attributes:
        winner: the color that joined its edges.
        path: names of the winner's cells in order, a shortest chain from its first edge (top or left) to the other one.
    """

    winner: Color
    path: tuple[str, ...]


class LegalMoves(Sequence[str]):
    """The moves of one position: a read-only sequence of cell names in the order of cells, which stays as it is when the board moves on.

    A swap is not among them: `Board.can_swap` tells.

    >>> moves = Board.from_moves("a1 b2", size=2).legal_moves
    >>> list(moves), len(moves), moves.cells
    (['b1', 'a2'], 2, (1, 2))
    >>> "b1" in moves, 2 in moves, "a1" in moves, "z9" in moves
    (True, True, False, False)
    """

    __slots__ = ("_size", "cells")

    def __init__(self, cells: Iterable[int], size: int):
        """Keep cell indices in increasing order."""
        self.cells: tuple[int, ...] = tuple(int(cell) for cell in cells)
        self._size = size

    def __len__(self) -> int:
        """Return the number of moves."""
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index):
        """Return the name at a place in the sequence, or a tuple of names for a slice."""
        if isinstance(index, slice):
            return tuple(cell_name(cell, self._size) for cell in self.cells[index])
        return cell_name(self.cells[index], self._size)

    def __contains__(self, move: object) -> bool:
        """Tell whether a name or a cell number may be played; anything that is no cell may not."""
        if isinstance(move, str):
            try:
                move = cell_index(move, self._size)
            except IllegalMoveError:
                return False
        return not isinstance(move, bool) and move in self.cells

    def __repr__(self) -> str:
        """Return the moves as text."""
        return f"<legal moves: {' '.join(self) or 'none'}>"


class Board:
    """A game of Hex on a board of size n.

    Two boards are equal when their stones and the side to move are; the order of the moves and the swap rule do not matter. A board
    may be a key of a dictionary as long as nothing is played on it there.

    Args:
        size: whole number from 1 to 19.
        swap: whether White may answer Black's first move by ``swap-pieces``: the black stone leaves the board, a white one comes to
            its mirror image in the long diagonal (a3 becomes c1), and Black is to move.

    Raises:
        PositionError: a size that is not supported.

    >>> board = Board(size=3)
    >>> board.push("b2")
    >>> board.push(0)
    >>> board.moves
    ('b2', 'a1')
    >>> board.turn
    <Color.BLACK: 0>
    >>> "b2" in board.legal_moves, 1 in board.legal_moves, len(board.legal_moves)
    (False, True, 7)
    >>> board.pop()
    'a1'
    >>> print(board)
     a b c
    1 . . . 1
     2 .[B]. 2
      3 . . . 3
         a b c
    Black (B) joins top and bottom, White (W) left and right. White to move.
    >>> board = Board.from_moves("a3 swap-pieces", size=3, swap=True)
    >>> board["a3"], board["c1"], board.turn
    (None, <Color.WHITE: 1>, <Color.BLACK: 0>)
    """

    __slots__ = ("_cells", "_earlier", "_history", "_size", "_start", "_swap", "_turn", "_winner")

    def __init__(self, size: int = 11, swap: bool = False):
        """Set up the empty board with Black to move."""
        self._size = check_size(size)
        self._swap = bool(swap)
        self._cells = np.zeros(self._size**2, np.uint8)
        self._turn = Color.BLACK
        self._winner: Color | None = None
        self._start: tuple[bytes, Color] | None = None  # stones and turn of a position that was set up
        self._history: list[int] = []
        self._earlier: list[np.ndarray] = []

    @classmethod
    def from_moves(cls, moves: str | Iterable[str | int], size: int = 11, swap: bool = False) -> "Board":
        """Play moves from the empty board.

        Args:
            moves: names in one string, or a sequence of names and cell numbers.
            size: board size.
            swap: whether the second move may be ``swap-pieces``.

        Raises:
            IllegalMoveError: naming the move and its place in the sequence.

        >>> Board.from_moves("c3 b2", size=5).turn
        <Color.BLACK: 0>
        """
        board = cls(size, swap)
        board._push_all(moves)
        return board

    @classmethod
    def from_text(cls, text: str, turn: Color | None = None, moves: str | Iterable[str | int] = ()) -> "Board":
        """Set up the stones of a drawing.

        Args:
            text: n rows of n cells, ``.`` empty, ``B`` Black, ``W`` White, in rows of their own or divided by ``/``; blanks do not
                count. What `str` draws can be read too.
            turn: the side to move. It may be left out when the stones tell: Black with equally many stones, White when Black has
                one more. In a finished game it is the loser's.
            moves: moves to play from there.

        Raises:
            PositionError: text that is no board, stones that leave open whose turn it is, or a turn that is no color.
            IllegalMoveError: a move that the rules do not allow.

        >>> board = Board.from_text('''
        ...     . B W
        ...      B W .
        ...       . . .
        ... ''')
        >>> board.turn, board.moves
        (<Color.BLACK: 0>, ())
        """
        return cls.from_stones(render.read_stones(text), turn, moves)

    @classmethod
    def from_stones(cls, stones, turn: Color | None = None, moves: str | Iterable[str | int] = ()) -> "Board":
        """Set up the stones of an array.

        Args:
            stones: integers of shape [A] or [n, n]: 0 empty, 1 Black, 2 White.
            turn: the side to move, as in `from_text`.
            moves: moves to play from there.

        Raises:
            PositionError: an array of another shape or with other numbers, stones that leave open whose turn it is, or a turn that is
                no color.
            IllegalMoveError: a move that the rules do not allow.

        >>> Board.from_stones([[0, 1], [2, 0]]).turn
        <Color.BLACK: 0>
        """
        given, stones = stones, np.asarray(stones).ravel()
        board = cls(round(len(stones) ** 0.5))
        if board.size**2 != len(stones) or not np.isin(stones, (0, 1, 2)).all():
            raise PositionError(f"{given!r} is no board: give n * n numbers, 0 empty, 1 Black, 2 White")
        stones = stones.astype(np.uint8)
        turn = None if turn is None else check_color("turn", turn)
        neighbors, stack = neighbor_table(board.size), np.empty(len(stones), np.int16)
        for cell in np.flatnonzero(stones):
            color = Color(int(stones[cell]) - 1)
            if place(board._cells, int(cell), int(color), board.size, neighbors, stack):
                board._winner = color
        if board._winner is not None:
            if turn is board._winner:
                raise PositionError(f"{turn} has won this position and cannot be to move: {render.to_line(stones)}")
            turn = board._winner.other
        if turn is None:
            ahead = np.count_nonzero(stones == 1) - np.count_nonzero(stones == 2)
            if ahead not in (0, 1):
                raise PositionError(
                    f"{np.count_nonzero(stones == 1)} black and {np.count_nonzero(stones == 2)} white stones leave open whose turn"
                    f" it is in {render.to_line(stones)}: give turn=Color.BLACK or turn=Color.WHITE"
                )
            turn = Color(int(ahead))
        board._turn = turn
        board._start = (stones.tobytes(), turn)
        board._push_all(moves)
        return board

    def push(self, move: str | int) -> None:
        """Play a move for the side to move.

        Args:
            move: a cell name such as "c3", a cell number, or "swap-pieces".

        Raises:
            IllegalMoveError: no such cell, an occupied one, a swap that is not allowed, or a game that is over.
        """
        if isinstance(move, str) and move.strip().lower() == SWAP_PIECES:
            self._swap_pieces()
            return
        cell = self.to_cell(move)
        if self._winner is not None:
            raise IllegalMoveError(f"cannot play {move!r}: the game is over, {self._winner} has won; take a move back with pop()")
        if self._cells[cell] != EMPTY:
            holder = Color(int(self._cells[cell] & STONE) - 1)
            raise IllegalMoveError(f"cannot play {move!r}: {holder} has a stone there; choose an empty cell")
        self._earlier.append(self._cells)  # copies of this board may hold it too: it stays as it is
        self._history.append(cell)
        self._cells = self._cells.copy()
        self._place(cell)

    def pop(self) -> str:
        """Take the last move back and return its name.

        Raises:
            IllegalMoveError: nothing has been played on this board.
        """
        if not self._history:
            raise IllegalMoveError("cannot take a move back: none has been played on this board")
        self._cells = self._earlier.pop()
        self._winner = None
        self._turn = self._turn.other
        return self._name(self._history.pop())

    @property
    def size(self) -> int:
        """Board size n."""
        return self._size

    @property
    def turn(self) -> Color:
        """The side to move; in a finished game the loser."""
        return self._turn

    @property
    def cells(self) -> np.ndarray:
        """uint8[A], a copy: codes as in `hexlab.rules.kernels`, stone in the two low bits, edge bits above."""
        return self._cells.copy()

    @property
    def stones(self) -> np.ndarray:
        """uint8[n, n], a copy: 0 empty, 1 Black, 2 White."""
        return (self._cells & STONE).reshape(self._size, self._size)

    @property
    def moves(self) -> tuple[str, ...]:
        """Names of the moves played on this board, oldest first; stones that were set up are not among them."""
        return tuple(self._name(cell) for cell in self._history)

    @property
    def last_cell(self) -> int | None:
        """The cell where the last move put a stone, or None if nothing was played on this board."""
        if self._history[-1:] == [_SWAP]:
            return int(transposition(self._size)[self._history[0]])
        return self._history[-1] if self._history else None

    @property
    def swap(self) -> bool:
        """Whether the game is played with the swap rule."""
        return self._swap

    @property
    def can_swap(self) -> bool:
        """Whether the side to move may play ``swap-pieces``."""
        return self._swap and self._start is None and len(self._history) == 1 and self._winner is None

    @property
    def legal_moves(self) -> LegalMoves:
        """The cells that may be played; none in a finished game."""
        return LegalMoves(np.flatnonzero(self._cells == EMPTY) if self._winner is None else (), self._size)

    @property
    def winner(self) -> Color | None:
        """The color that has won, or None while the game goes on."""
        return self._winner

    @property
    def outcome(self) -> Outcome | None:
        """Winner and winning path, or None while the game goes on.

        >>> Board.from_moves("b1 a1 a2", size=2).outcome
        Outcome(winner=<Color.BLACK: 0>, path=('b1', 'a2'))
        """
        if self._winner is None:
            return None
        path = _shortest_chain(self._cells & STONE == self._winner + 1, self._winner, self._size)
        return Outcome(self._winner, tuple(cell_name(cell, self._size) for cell in path))

    def copy(self) -> "Board":
        """Return an independent copy with its history."""
        twin = Board(self._size, self._swap)
        twin._cells, twin._turn, twin._winner, twin._start = self._cells.copy(), self._turn, self._winner, self._start
        twin._history, twin._earlier = self._history.copy(), self._earlier.copy()
        return twin

    __copy__ = copy

    def __getitem__(self, cell: str | int) -> Color | None:
        """Return the color of the stone on a cell, or None where there is none.

        >>> Board.from_moves("c3", size=5)["c3"]
        <Color.BLACK: 0>
        """
        stone = int(self._cells[self.to_cell(cell)] & STONE)
        return None if stone == EMPTY else Color(stone - 1)

    def __eq__(self, other: object) -> bool:
        """Tell whether stones and side to move are the same."""
        if not isinstance(other, Board):
            return NotImplemented
        return self._turn == other._turn and np.array_equal(self.stones, other.stones)

    def __hash__(self) -> int:
        """Return a hash of stones and side to move."""
        return hash((self._turn, self.stones.tobytes()))

    def __repr__(self) -> str:
        """Return the expression that rebuilds this board with its history.

        >>> Board.from_moves("c3 b2", size=5)
        Board.from_moves('c3 b2', size=5)
        >>> Board(size=5, swap=True)
        Board(size=5, swap=True)
        >>> Board.from_text("B. / W.", moves="b1")
        Board.from_text('B . / W .', turn=Color.BLACK, moves='b1')
        """
        moves = " ".join(self.moves)
        if self._start is None:
            rules = f"size={self._size}" + (", swap=True" if self._swap else "")
            return f"Board.from_moves({moves!r}, {rules})" if moves else f"Board({rules})"
        stones, turn = self._start
        rebuilt = f"Board.from_text({render.to_line(np.frombuffer(stones, np.uint8))!r}, turn=Color.{turn.name}"
        return rebuilt + (f", moves={moves!r})" if moves else ")")

    def __str__(self) -> str:
        """Draw the slanted board in text, the last move in brackets."""
        return render.to_text(self)

    def _repr_svg_(self) -> str:
        return render.to_svg(self)

    def to_cell(self, move: str | int) -> int:
        """Return the number of a cell given by name or number, or raise `IllegalMoveError`."""
        if isinstance(move, str):
            return cell_index(move, self._size)
        if isinstance(move, bool) or not isinstance(move, (int, np.integer)):
            raise IllegalMoveError(f"{move!r} is not a cell: give a name such as 'c3' or a number from 0 to {self._size**2 - 1}")
        cell_name(int(move), self._size)
        return int(move)

    def _name(self, cell: int) -> str:
        return SWAP_PIECES if cell == _SWAP else cell_name(cell, self._size)

    def _place(self, cell: int) -> None:
        """Put a stone of the side to move on an empty cell and pass the turn."""
        stack = np.empty(len(self._cells), np.int16)
        if place(self._cells, cell, int(self._turn), self._size, neighbor_table(self._size), stack):
            self._winner = self._turn
        self._turn = self._turn.other

    def _swap_pieces(self) -> None:
        if not self.can_swap:
            rule = "White may, as the second move of a game" if self._swap else "this game is played without the swap rule"
            raise IllegalMoveError(f"cannot play {SWAP_PIECES!r}: {rule}")
        self._earlier.append(self._cells)
        self._history.append(_SWAP)
        self._cells = np.zeros_like(self._cells)
        self._place(int(transposition(self._size)[self._history[0]]))

    def _push_all(self, moves: str | Iterable[str | int]) -> None:
        if isinstance(moves, str):
            moves = re.split(r"[\s,]+", moves.strip(" ,\n\t")) if moves.strip(" ,\n\t") else []
        for number, move in enumerate(moves, 1):
            try:
                self.push(move)
            except IllegalMoveError as error:
                raise IllegalMoveError(f"move {number}: {error}") from None


def _shortest_chain(own: np.ndarray, color: Color, size: int) -> list[int]:
    """Return a shortest chain of `own` cells (bool[A]) from the first edge of `color` to the second, by breadth-first search."""
    neighbors = neighbor_table(size)
    edge = range(size) if color is Color.BLACK else range(0, size * size, size)
    before = {cell: -1 for cell in edge if own[cell]}
    queue = list(before)
    for cell in queue:
        if (cell // size if color is Color.BLACK else cell % size) == size - 1:
            chain = [cell]
            while before[chain[-1]] >= 0:
                chain.append(before[chain[-1]])
            return chain[::-1]
        for near in neighbors[cell].tolist():
            if near >= 0 and own[near] and near not in before:
                before[near] = cell
                queue.append(near)
    raise PositionError(f"{color} has no chain from edge to edge")

"""Many positions of one size as arrays: the bridge between `Board` and the kernels."""

import dataclasses

import numba
import numpy as np

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules.cells import cell_name, check_size, neighbor_table
from hexlab.rules.kernels import EMPTY, STONE, place

__all__ = ["Boards"]


@dataclasses.dataclass(frozen=True)
class Boards:
    """B positions of one size.

    Attributes:
        size: board size n; A = n * n cells.
        cells: uint8[B, A], codes as in `hexlab.rules.kernels`: stone in the two low bits, edge bits above.
        turn: int8[B], color to move: 0 Black, 1 White. In a finished game it is the loser's.
        winner: int8[B], -1 while the game goes on, else the color that won.

    >>> boards = Boards.empty(size=3, count=2)
    >>> boards.play([4, 0]).turn.tolist()
    [1, 1]
    """

    size: int
    cells: np.ndarray
    turn: np.ndarray
    winner: np.ndarray

    @classmethod
    def empty(cls, size: int, count: int) -> "Boards":
        """Return `count` empty boards with Black to move."""
        size = check_size(size)
        return cls(size, np.zeros((count, size * size), np.uint8), np.zeros(count, np.int8), np.full(count, -1, np.int8))

    def __len__(self) -> int:
        """Return B."""
        return len(self.turn)

    def __getitem__(self, rows) -> "Boards":
        """Return the positions at `rows` (a slice, an index array or a mask), copied unless `rows` is a slice."""
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        return Boards(self.size, self.cells[rows], self.turn[rows], self.winner[rows])

    @property
    def stones(self) -> np.ndarray:
        """uint8[B, A]: 0 empty, 1 Black, 2 White."""
        return self.cells & STONE

    @property
    def legal(self) -> np.ndarray:
        """bool[B, A]: cells that may be played; none in a finished game."""
        return (self.cells == EMPTY) & (self.winner < 0)[:, None]

    @property
    def finished(self) -> np.ndarray:
        """bool[B]: whether the game is over."""
        return self.winner >= 0

    @property
    def move_count(self) -> np.ndarray:
        """int64[B]: stones on the board."""
        return np.count_nonzero(self.cells, axis=1)

    def copy(self) -> "Boards":
        """Return an independent copy."""
        return Boards(self.size, self.cells.copy(), self.turn.copy(), self.winner.copy())

    def play(self, moves) -> "Boards":
        """Return the positions after one move on each board.

        Args:
            moves: int[B], a cell for each board; -1 leaves that board as it is.

        Raises:
            IllegalMoveError: a cell that is off the board or occupied, or a game that is over. Nothing is played then.
        """
        moves = np.asarray(moves, np.int64)
        if moves.shape != self.turn.shape:
            raise PositionError(f"{moves.size} moves for {len(self)} boards: give one move for each board, -1 for none")
        playing = moves >= 0
        legal = self.legal
        off = (moves < -1) | (moves >= self.size**2)
        wrong = off | (playing & ~legal[np.arange(len(self)), np.where(off, 0, moves)])
        if wrong.any():
            board = int(np.flatnonzero(wrong)[0])
            move = int(moves[board])
            name = move if off[board] else cell_name(move, self.size)
            why = "the game is over" if self.winner[board] >= 0 else "off the board" if off[board] else "the cell is occupied"
            raise IllegalMoveError(f"illegal move {name} on board {board}: {why}")
        after = self.copy()
        _play_all(after.cells, after.turn, after.winner, moves, self.size, neighbor_table(self.size))
        return after


@numba.njit(cache=True, nogil=True)
def _play_all(cells, turn, winner, moves, size, neighbors):
    stack = np.empty(size * size, np.int16)
    for board in range(len(moves)):
        if moves[board] >= 0:
            if place(cells[board], moves[board], turn[board], size, neighbors, stack):
                winner[board] = turn[board]
            turn[board] = 1 - turn[board]

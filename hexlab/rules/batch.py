"""Many positions of one size as arrays: the bridge between `Board` and the kernels."""

import dataclasses
import reprlib
from collections.abc import Iterable

import numba
import numpy as np

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules.board import Board, Color
from hexlab.rules.cells import cell_name, check_size, neighbor_table
from hexlab.rules.kernels import EMPTY, STONE, place, play_out_all

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

    @classmethod
    def from_board(cls, board: Board, count: int = 1) -> "Boards":
        """Return `count` copies of one position.

        >>> Boards.from_board(Board.from_moves("b2 a1", size=3), count=2).turn.tolist()
        [0, 0]
        """
        return cls.from_boards([board] * count) if count else cls.empty(board.size, 0)

    @classmethod
    def from_boards(cls, boards: Iterable[Board]) -> "Boards":
        """Return the positions of some boards of one size; their histories are left behind.

        Raises:
            PositionError: no board at all, or boards of several sizes.

        >>> Boards.from_boards([Board.from_moves("b2", size=3), Board(size=3)]).move_count.tolist()
        [1, 0]
        """
        boards = list(boards)
        sizes = sorted({board.size for board in boards})
        if len(sizes) != 1:
            found = "sizes " + ", ".join(map(str, sizes)) if sizes else "no board"
            raise PositionError(f"got {found}: give at least one board, all of one size")
        return cls(
            sizes[0],
            np.stack([board.cells for board in boards]),
            np.array([board.turn for board in boards], np.int8),
            np.array([-1 if board.winner is None else board.winner for board in boards], np.int8),
        )

    def board(self, row: int) -> Board:
        """Return one position as a `Board`, set up from its stones, without a history.

        >>> Boards.empty(size=2, count=3).play([-1, 0, 1]).board(2)
        Board.from_text('. B / . .', turn=Color.WHITE)
        """
        if not -len(self) <= row < len(self):
            raise PositionError(f"there is no board {row!r} among {len(self)}: they are numbered from 0")
        return Board.from_stones(self.stones[row], Color(int(self.turn[row])))

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
            IllegalMoveError: moves that are no whole numbers, a cell that is off the board or occupied, or a game that is over. Nothing
                is played then.
            PositionError: more or fewer moves than boards.
        """
        given, moves = moves, _read_integers(moves)
        if moves is None:
            raise IllegalMoveError(f"moves {reprlib.repr(given)} are no cells: give a whole number for each board, -1 for none")
        if moves.shape != self.turn.shape:
            raise PositionError(f"{moves.size} moves for {len(self)} boards: give one move for each board, -1 for none")
        off = (moves < -1) | (moves >= self.size**2)
        cells = moves.astype(np.int64)
        wrong = off | ((cells >= 0) & ~self.legal[np.arange(len(self)), np.where(off, 0, cells)])
        if wrong.any():
            board = int(np.flatnonzero(wrong)[0])
            move = int(moves[board])
            name = move if off[board] else cell_name(move, self.size)
            why = "the game is over" if self.winner[board] >= 0 else "off the board" if off[board] else "the cell is occupied"
            raise IllegalMoveError(f"illegal move {name} on board {board}: {why}")
        after = self.copy()
        _play_all(after.cells, after.turn, after.winner, cells, self.size, neighbor_table(self.size))
        return after

    def play_out(self, seeds) -> tuple[np.ndarray, np.ndarray]:
        """Play uniformly random legal moves from every position until a side has joined its edges.

        Args:
            seeds: uint64[B] for one game from each position, or uint64[B, G] for G of them; a game depends on its position and on
                its seed alone. `hexlab.rules.draws.derive_seeds` makes good ones.

        Returns:
            winners: int8 of the shape of `seeds`, the colors that won.
            moves: int16 of that shape, random moves played; 0 where the game was over.

        Raises:
            PositionError: seeds of another shape, or that are no whole numbers from 0 up.

        >>> winners, moves = Boards.empty(size=3, count=2).play_out([[7, 8, 9], [9, 8, 7]])
        >>> winners[0].tolist() == winners[1, ::-1].tolist()
        True
        """
        given, seeds = seeds, _read_integers(seeds)
        if seeds is None or (seeds < 0).any():
            shown = reprlib.repr(given)
            raise PositionError(f"seeds {shown} are no whole numbers from 0 to 2**64 - 1: rules.draws.derive_seeds makes good ones")
        seeds = seeds.astype(np.uint64)
        if seeds.ndim not in (1, 2) or len(seeds) != len(self):
            raise PositionError(f"seeds of shape {seeds.shape} for {len(self)} boards: give one seed, or one row of seeds, a board")
        games = np.ascontiguousarray(seeds.reshape(len(self), -1 if seeds.size else 0))
        winners, moves = np.empty(games.shape, np.int8), np.empty(games.shape, np.int16)
        play_out_all(self.cells, self.turn, self.winner, self.size, games, winners, moves)
        return winners.reshape(seeds.shape), moves.reshape(seeds.shape)


def _read_integers(given) -> np.ndarray | None:
    """Return an array of whole numbers as it is, or None where anything else is given; an empty array is never wrong."""
    try:
        numbers = np.asarray(given)
    except ValueError:  # rows of several lengths
        return None
    return numbers if numbers.dtype.kind in "iu" or numbers.size == 0 else None


@numba.njit(cache=True, nogil=True)
def _play_all(cells, turn, winner, moves, size, neighbors):
    stack = np.empty(size * size, np.int16)
    for board in range(len(moves)):
        if moves[board] >= 0:
            if place(cells[board], moves[board], turn[board], size, neighbors, stack):
                winner[board] = turn[board]
            turn[board] = 1 - turn[board]

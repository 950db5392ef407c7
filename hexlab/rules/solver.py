"""Who wins with perfect play, and by which moves: an exact solver for boards up to 6x6.

On 5x5 the winner and all winning moves of a position take about a millisecond, a few dozen at worst; on 6x6 the empty board and
other early positions take seconds. How it works is told in `hexlab.rules.solving`.
"""

import dataclasses
import threading

import numpy as np

from hexlab.errors import PositionError
from hexlab.rules import solving
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board, Color
from hexlab.rules.cells import cell_name

__all__ = ["MAX_SIZE", "Solution", "Solver", "describe", "solve", "winning_moves"]

MAX_SIZE = solving.MAX_SIZE
_MEMORY = 32  # MiB, a million positions: hundreds of games on 5x5 from all openings of two moves
_MUCH_MEMORY = 1024  # MiB, 33 million positions, for 6x6: solving a hundred openings of two moves fills most of it
_LITTLE_MEMORY = 1  # MiB, for a single position up to 5x5: fresh memory costs more time than most of them take


@dataclasses.dataclass(frozen=True)
class Solution:
    """The result of perfect play.

    Attributes:
        size: board size n.
        winner: the color that wins; in a finished game the one that has won.
        winning_moves: all cells by which the side to move wins, in increasing order; none when it loses.

    >>> solution = solve(Board.from_moves("c3", size=4))
    >>> solution.winner, solution.winning_moves, solution.names
    (<Color.WHITE: 1>, (6,), ('c2',))
    """

    size: int
    winner: Color
    winning_moves: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the winning moves."""
        return tuple(cell_name(cell, self.size) for cell in self.winning_moves)


class Solver:
    """Solves positions of one size and remembers what it has worked out.

    Answers are exact and never depend on what was asked before; only the time they take does. One thread uses a solver at a time,
    others wait. Threads with solvers of their own work side by side, for the work runs without the interpreter's lock.

    Args:
        size: board size, 1 to 6.
        memory: MiB for the table of solved positions, rounded down to a power of two; it is taken up as the table fills. Where the
            table is full, new positions replace cheap ones. By default 32, and 1024 on 6x6.

    Raises:
        PositionError: a size that the solver does not cover, or memory that is not a whole number of MiB from 1 to 65536.

    >>> solver = Solver(size=5)
    >>> solver.solve(Board.from_moves("c3 b2", size=5)).winner
    <Color.BLACK: 0>
    >>> int(solver.winning_moves(Boards.empty(size=5, count=1)).sum())
    13
    """

    def __init__(self, size: int, memory: int | None = None):
        """Set up an empty table."""
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= MAX_SIZE:
            raise PositionError(f"the solver does not cover board size {size!r}: it solves every position of sizes 1 to {MAX_SIZE}")
        if memory is None:
            memory = _MUCH_MEMORY if size == MAX_SIZE else _MEMORY
        if isinstance(memory, bool) or not isinstance(memory, (int, np.integer)) or not 1 <= memory <= 65536:
            raise PositionError(f"memory of {memory!r} MiB is out of range: give a whole number from 1 to 65536")
        self._size = int(size)
        self._memory = int(memory)
        self._shape = solving.geometry(self._size)
        self._work = solving.allocate_memory(self._size, self._memory)
        self._bits = solving.cell_bits(self._size)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Board size n."""
        return self._size

    def __repr__(self) -> str:
        """Return the expression that makes a solver like this one."""
        return f"Solver(size={self._size}, memory={self._memory})"

    def solve(self, board: Board | Boards) -> Solution:
        """Return the winner of a position and all winning moves.

        Args:
            board: a board of this solver's size, or a batch of one.

        Raises:
            PositionError: a board of another size, or a batch of more or fewer than one.
        """
        if isinstance(board, Board):
            turn = np.array([board.turn], np.int8)
            winner = np.array([-1 if board.winner is None else board.winner], np.int8)
            board = Boards(board.size, board.cells[None], turn, winner)
        if len(board) != 1:
            raise PositionError(f"a batch of {len(board)} boards is not one position: ask winners() and winning_moves() about it")
        winners, moves = self._answer(board, solving.MOVES)
        return Solution(self._size, Color(int(winners[0])), tuple(np.flatnonzero(moves[0]).tolist()))

    def winners(self, boards: Boards) -> np.ndarray:
        """Return int8[B], the color that wins each position: 0 Black, 1 White. A finished game's is the one that has won.

        Args:
            boards: B positions of this solver's size.

        Raises:
            PositionError: boards of another size.
        """
        return self._answer(boards, solving.WINNERS)[0]

    def winning_moves(self, boards: Boards) -> np.ndarray:
        """Return bool[B, A], all winning moves of the side to move: none where it loses and in finished games.

        Args:
            boards: B positions of this solver's size.

        Raises:
            PositionError: boards of another size.

        >>> boards = Boards.empty(size=3, count=1)
        >>> Solver(size=3).winning_moves(boards).astype(int).reshape(3, 3).tolist()
        [[0, 0, 1], [1, 1, 1], [1, 0, 0]]
        """
        return self._answer(boards, solving.MOVES)[1]

    def stubborn_moves(self, boards: Boards) -> np.ndarray:
        """Return bool[B, A], where the side to move loses: its moves after which the winner has the fewest winning replies.

        Rows of positions that the side to move wins, and of finished games, are all False.

        Args:
            boards: B positions of this solver's size.

        Raises:
            PositionError: boards of another size.

        >>> boards = Boards.empty(size=3, count=1).play([4])
        >>> Solver(size=3).stubborn_moves(boards).astype(int).reshape(3, 3).tolist()
        [[0, 1, 1], [0, 0, 0], [1, 1, 0]]
        """
        return self._answer(boards, solving.STUBBORN)[1]

    def _answer(self, boards: Boards, what: int) -> tuple[np.ndarray, np.ndarray]:
        if boards.size != self._size:
            raise PositionError(f"a solver of size {self._size} cannot take boards of size {boards.size}: make a solver of their size")
        stones = boards.stones
        black, white = ((stones == color + 1) @ self._bits for color in Color)
        winners, moves = np.empty(len(boards), np.int64), np.empty(len(boards), np.int64)
        with self._lock:
            solving.answer_rows(black, white, boards.turn.astype(np.int64), what, self._shape, self._work, winners, moves)
        return winners.astype(np.int8), (moves[:, None] & self._bits) != 0


def solve(board: Board | Boards) -> Solution:
    """Return the winner of a position and all winning moves.

    Args:
        board: any position of size 1 to 6. For many positions keep a `Solver`, which remembers.

    Raises:
        PositionError: a size that the solver does not cover.

    >>> solve(Board(size=4)).names
    ('d1', 'c2', 'b3', 'a4')
    """
    return Solver(board.size, _LITTLE_MEMORY if board.size < MAX_SIZE else None).solve(board)


def winning_moves(boards: Boards) -> np.ndarray:
    """Return bool[B, A], all winning moves of the side to move: none where it loses and in finished games.

    Args:
        boards: B positions of size 1 to 6. For many batches keep a `Solver`, which remembers.

    Raises:
        PositionError: a size that the solver does not cover.

    >>> winning_moves(Boards.empty(size=2, count=1)).tolist()
    [[False, True, True, False]]
    """
    return Solver(boards.size).winning_moves(boards)


def describe(board: Board) -> dict[str, object]:
    """Return the solution of a board in plain words, ready for JSON.

    Args:
        board: any position of size 1 to 6.

    Returns:
        size; moves, the names of the moves played; to_move and winner, "black" or "white"; winning_moves, names.

    Raises:
        PositionError: a size that the solver does not cover.

    >>> describe(Board.from_moves("c3 b2", size=4))
    {'size': 4, 'moves': ['c3', 'b2'], 'to_move': 'black', 'winner': 'black', 'winning_moves': ['d1', 'a2', 'c2', 'a3']}
    """
    solution = solve(board)
    return {
        "size": board.size,
        "moves": list(board.moves),
        "to_move": board.turn.name.lower(),
        "winner": solution.winner.name.lower(),
        "winning_moves": list(solution.names),
    }

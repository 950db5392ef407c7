"""The truth about a position, found move by move and told as it comes.

One proof, of one move, is all that is ever under way: requests take turns after each, and one that nobody listens to any more ends with
the proof at hand. A solver keeps what it has proven, so whoever asks again goes on from there.
"""

import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from hexlab.app.web.lines import Line
from hexlab.errors import PositionError
from hexlab.rules import Board, Boards, Color, cell_name
from hexlab.rules.solver import MAX_SIZE, Solver

__all__ = ["Truth", "Truths"]

_MEMORY = 256  # MiB
_TOLD_EVERY = 0.1  # seconds between two truths about one position


@dataclasses.dataclass(frozen=True)
class Truth:
    """What has been proven about a position so far.

    Attributes:
        board: the position.
        winning: names of moves by which the side to move wins.
        losing: names of moves by which it loses.
    """

    board: Board
    winning: tuple[str, ...]
    losing: tuple[str, ...]

    @property
    def winner(self) -> Color | None:
        """Who wins with perfect play; None until that is proven."""
        if self.winning:
            return self.board.turn
        return self.board.turn.other if len(self.losing) == int((self.board.stones == 0).sum()) else None

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {
            "moves": self.board.moves,
            "winner": None if self.winner is None else self.winner.name.lower(),
            "winning_moves": self.winning,
            "losing_moves": self.losing,
        }


class Truths:
    """Solves positions for many people, on one thread."""

    def __init__(self) -> None:
        """Start; a solver is made when a position of its size is asked for."""
        self._line = Line("the solver")
        self._solvers: dict[int, Solver] = {}

    def check_size(self, size: int) -> None:
        """Raise `PositionError` for boards that the solver does not cover."""
        if size > MAX_SIZE:
            raise PositionError(f"{size}×{size} is not solved here: the solver covers boards up to {MAX_SIZE}×{MAX_SIZE}")

    async def solve(self, board: Board) -> AsyncIterator[Truth]:
        """Yield what is proven, about ten times a second, and at the end the whole truth. The swap rule is left out.

        Args:
            board: an unfinished game of a size that the solver covers.

        Raises:
            Refusal: too many wait for the solver.
        """
        winning: list[str] = []
        losing: list[str] = []
        told = time.monotonic()
        for cell in np.flatnonzero(board.stones.ravel() == 0).tolist():
            wins = await self._line.do(self._prove, board, cell)
            (winning if wins else losing).append(cell_name(cell, board.size))
            if time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                yield Truth(board, tuple(winning), tuple(losing))
        yield Truth(board, tuple(winning), tuple(losing))

    def _prove(self, board: Board, cell: int) -> bool:
        """Tell whether a move wins."""
        if board.size not in self._solvers:
            self._solvers[board.size] = Solver(board.size, memory=_MEMORY)
        after = Boards.from_boards([board]).play([cell])
        return int(self._solvers[board.size].winners(after)[0]) == board.turn

    def close(self) -> None:
        """Drop what waits."""
        self._line.close()

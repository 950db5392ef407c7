"""What the layers know of one another: an `Evaluator` judges positions, a `Player` chooses moves.

Axis letters used throughout: B boards, N nodes of a search tree, A cells of a board (size * size), in the order of cell indices.
Values are in [-1, 1] for the side to move.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from hexlab.rules.batch import Boards
from hexlab.rules.board import Board

__all__ = ["Asked", "Evaluation", "Evaluator", "Player", "Swapper"]


class Evaluation(NamedTuple):
    """Judgments of B positions.

    Attributes:
        logits: float32[B, A], unnormalized log-probabilities of moves by cell index; entries of occupied cells are ignored.
        values: float32[B] in [-1, 1], for the side to move.
    """

    logits: np.ndarray
    values: np.ndarray


@runtime_checkable
class Evaluator(Protocol):
    """Anything that judges positions; all that search knows of a network.

    A call must not keep or change `boards`, gives finite numbers, and judges each position by itself: its answer for a row does
    not depend on the other rows. Rows of finished games may be asked about; what is answered for them is ignored.
    """

    def __call__(self, boards: Boards) -> Evaluation:
        """Judge B positions of one size."""
        ...


@runtime_checkable
class Player(Protocol):
    """Anything that chooses moves; all that the arena knows of an agent.

    A player keeps no state between calls: its move depends on the position and on that game's seed alone.

    Attributes:
        name: unique in a pool, and stable: it is the player's key in the result store.
    """

    name: str

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games.

        Args:
            boards: B positions, none finished.
            seeds: uint64[B], fresh for each game and ply: the only source of randomness.

        Returns:
            int64[B], cell indices.
        """
        ...


@runtime_checkable
class Swapper(Protocol):
    """A player that knows the swap rule; any other opens as without it and never swaps."""

    def choose_opening(self, size: int, seed: int) -> int:
        """Choose Black's first move, which White may take over; return its cell."""
        ...

    def wants_swap(self, board: Board, seed: int) -> bool:
        """Tell whether to answer Black's first move by ``swap-pieces``; `board` holds that move alone."""
        ...


@runtime_checkable
class Asked(Protocol):
    """A player, such as a person or a program, that is asked about one game at a time and sees all its moves."""

    def ask(self, board: Board, seed: int = 0) -> int | str:
        """Return a legal cell, or ``swap-pieces`` where that is allowed. Players without chance do not use the seed."""
        ...

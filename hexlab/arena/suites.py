"""Solved positions and what players make of them: the measure of strength on boards where no solver plays whole games."""

import functools
import importlib.resources
import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.rules import Color, cell_index
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds
from hexlab.rules.openings import read_openings

__all__ = ["SUITE_SIZES", "Solved", "convert_positions", "read_solved"]

SUITE_SIZES = (3, 4, 5, 6, 7)
"""Boards with solved positions."""


class Solved(NamedTuple):
    """Solved positions of one size.

    Attributes:
        boards: B positions.
        winner: int8[B], the color that wins with perfect play.
        winning: bool[B, A], the winning moves of the side to move; none where it loses.
        suite: str[B], what each position is: "random", "hard" (at most two winning moves), or on 3x3 "opening".
    """

    boards: Boards
    winner: np.ndarray
    winning: np.ndarray
    suite: np.ndarray


class _Row(NamedTuple):
    suite: str
    moves: Sequence[str]
    winner: Color
    winning: Sequence[int]  # cells


@functools.cache
def read_solved(size: int) -> Solved:
    """Read the shipped suites of a size, random and hard positions together; on 3x3, every opening of up to two moves.

    Raises:
        ConfigError: a size without suites.

    >>> len(read_solved(7).boards)
    300
    """
    if size not in SUITE_SIZES:
        raise ConfigError(f"no solved positions of {size}x{size}: there are some of sizes {', '.join(map(str, SUITE_SIZES))}")
    rows = list(_read_rows(size))
    moves = [[cell_index(name, size) for name in row.moves] for row in rows]
    boards = Boards.empty(size, len(rows))
    for ply in range(max(map(len, moves))):
        boards = boards.play([line[ply] if ply < len(line) else -1 for line in moves])
    winning = np.zeros((len(rows), size * size), bool)
    for row, allowed in zip(rows, winning, strict=True):
        allowed[list(row.winning)] = True
    return Solved(boards, np.array([row.winner for row in rows], np.int8), winning, np.array([row.suite for row in rows]))


def _read_rows(size: int) -> Iterator[_Row]:
    if size < 4:
        for moves, solution in read_openings(size).items():
            yield _Row("opening", moves, solution.winner, solution.winning_moves)
        return
    text = (importlib.resources.files("hexlab.data") / "solved_positions.jsonl").read_text(encoding="utf-8")
    for row in map(json.loads, text.splitlines()):
        if row["size"] == size:
            cells = [cell_index(name, size) for name in row["winning_moves"].split()]
            yield _Row(row["suite"], row["moves"].split(), Color[row["winner"].upper()], cells)


def convert_positions(
    player: Player, opponent: Player, boards: Boards, winner: np.ndarray, seed: int | Callable[[int], np.ndarray]
) -> np.ndarray:
    """Return bool[B], which positions the player wins when it takes the side that wins by theory.

    Args:
        player: takes the color `winner` in each game.
        opponent: takes the other one.
        boards: B positions.
        winner: int8[B], the color that wins with perfect play.
        seed: of players that draw; or what makes uint64[B], the seeds of a move in each game, from the number of stones on the fullest
            board.
    """
    draw = seed if callable(seed) else lambda stones: derive_seeds(seed, stones, count=len(boards))
    while not boards.finished.all():
        moves = np.full(len(boards), -1)
        seeds = draw(int(boards.move_count.max()))
        for mover, asked in ((player, boards.turn == winner), (opponent, boards.turn != winner)):
            rows = np.flatnonzero(~boards.finished & asked)
            if len(rows):
                moves[rows] = mover.choose_moves(boards[rows], seeds[rows])
        boards = boards.play(moves)
    return boards.winner == winner

"""Solved positions and what players make of them: the measure of strength on boards where no solver plays whole games."""

import functools
import importlib.resources
import json
from typing import NamedTuple

import numpy as np

from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.rules import Color, cell_index
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds

__all__ = ["SUITE_SIZES", "Solved", "convert_positions", "read_solved"]

SUITE_SIZES = (4, 5, 6, 7)
"""Boards with shipped suites of solved positions."""


class Solved(NamedTuple):
    """Solved positions of one size.

    Attributes:
        boards: B positions.
        winner: int8[B], the color that wins with perfect play.
        winning: bool[B, A], the winning moves of the side to move; none where it loses.
    """

    boards: Boards
    winner: np.ndarray
    winning: np.ndarray


@functools.cache
def read_solved(size: int) -> Solved:
    """Read the shipped suites of a size, random and hard positions together.

    Raises:
        ConfigError: a size without suites.

    >>> len(read_solved(7).boards)
    300
    """
    if size not in SUITE_SIZES:
        raise ConfigError(f"no solved positions of {size}x{size}: there are suites of sizes {', '.join(map(str, SUITE_SIZES))}")
    text = (importlib.resources.files("hexlab.data") / "solved_positions.jsonl").read_text(encoding="utf-8")
    rows = [row for row in map(json.loads, text.splitlines()) if row["size"] == size]
    moves = [[cell_index(name, size) for name in row["moves"].split()] for row in rows]
    boards = Boards.empty(size, len(rows))
    for ply in range(max(map(len, moves))):
        boards = boards.play([line[ply] if ply < len(line) else -1 for line in moves])
    winning = np.zeros((len(rows), size * size), bool)
    for row, allowed in zip(rows, winning, strict=True):
        allowed[[cell_index(name, size) for name in row["winning_moves"].split()]] = True
    return Solved(boards, np.array([Color[row["winner"].upper()] for row in rows], np.int8), winning)


def convert_positions(player: Player, opponent: Player, boards: Boards, winner: np.ndarray, seed: int) -> np.ndarray:
    """Return bool[B], which positions the player wins when it takes the side that wins by theory.

    Args:
        player: takes the color `winner` in each game.
        opponent: takes the other one.
        boards: B positions.
        winner: int8[B], the color that wins with perfect play.
        seed: of players that draw.
    """
    while not boards.finished.all():
        moves = np.full(len(boards), -1)
        seeds = derive_seeds(seed, int(boards.move_count.max()), count=len(boards))
        for mover, asked in ((player, boards.turn == winner), (opponent, boards.turn != winner)):
            rows = np.flatnonzero(~boards.finished & asked)
            if len(rows):
                moves[rows] = mover.choose_moves(boards[rows], seeds[rows])
        boards = boards.play(moves)
    return boards.winner == winner

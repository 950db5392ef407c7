"""Evaluators with random answers that depend on nothing but the position, and the positions to try them on."""

import numpy as np

from hexlab.mcts.evaluators import hash_positions, random_positions
from hexlab.protocols import Evaluation
from hexlab.rules import Boards
from hexlab.rules.draws import derive_seeds


class Planted:
    """Logits spread evenly over [-spread, spread] and values over [-1, 1], drawn from the position."""

    def __init__(self, seed, spread=4.0):
        self.seed, self.spread = seed, spread

    def __call__(self, boards):
        area = boards.size**2
        bits = hash_positions(boards, self.seed)[:, None] ^ derive_seeds(self.seed, 9, count=area + 1)
        drawn = ((bits * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) / 2**23 - 1
        return Evaluation((self.spread * drawn[:, :area]).astype(np.float32), drawn[:, area].astype(np.float32))


def unfinished_positions(size, count, seed=0):
    boards = random_positions(size, count, seed)
    return boards[~boards.finished]


def all_unfinished_positions(size):
    """Every reachable position that is not over."""
    boards, levels = Boards.empty(size, 1), []
    while len(boards):
        levels.append(boards)
        rows, moves = np.nonzero(boards.legal)
        after = boards[rows].play(moves)
        after = after[~after.finished]
        _, first = np.unique(after.stones, axis=0, return_index=True)
        boards = after[first]
    parts = ("cells", "turn", "winner")
    return Boards(size, *(np.concatenate([getattr(level, part) for level in levels]) for part in parts))

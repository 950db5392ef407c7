"""One walk through every kernel of the rules; `test_kernels_without_jit` takes it with and without compilation."""

import json

import numpy as np

from hexlab.rules import Board, Boards
from hexlab.rules.cells import neighbor_table
from hexlab.rules.draws import bounded, derive_seeds, next_bits, uniform
from hexlab.rules.kernels import place


def probe():
    """Return what the kernels answer, as plain lists."""
    found = {}
    with np.errstate(over="ignore"):  # uint64 wraps around on purpose
        states = derive_seeds(1, count=2)
        found["draws"] = [[int(next_bits(states, 0)), float(uniform(states, 1)), int(bounded(states, 0, 7))] for _ in range(20)]
        for size in (1, 2, 3, 5, 9, 11, 19):
            winners, moves = Boards.empty(size, 3).play_out(derive_seeds(size, count=6).reshape(3, 2))
            found[f"random play {size}"] = [winners.tolist(), moves.tolist()]
            order = np.random.default_rng(size).permutation(size * size)
            cells, stack = np.zeros(size * size, np.uint8), np.empty(size * size, np.int16)
            wins = [bool(place(cells, int(cell), ply % 2, size, neighbor_table(size), stack)) for ply, cell in enumerate(order)]
            found[f"place {size}"] = [wins, cells.tolist()]
        boards = Boards.from_boards([Board(3), Board.from_moves("b2", 3)])
        winners, moves = boards.play_out([5, 5])
        found["from a position"] = [winners.tolist(), moves.tolist(), boards.play([0, -1]).cells.tolist()]
    return found


if __name__ == "__main__":
    print(json.dumps(probe()))

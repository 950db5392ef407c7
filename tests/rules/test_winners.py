"""Who wins, and when: against a slow flood fill, and under the symmetries of the game."""

import numpy as np
import pytest
from slow_rules import joins, play

from hexlab.rules import Board, Boards, Color
from hexlab.rules.cells import neighbor_table, rotation, transposition

SIZES = [2, 3, 5, 9, 11, 13, 19]


def as_text(stones):
    return ["." if stone == 0 else "BW"[stone - 1] for stone in stones]


@pytest.mark.parametrize("size", SIZES)
def test_a_full_board_has_exactly_one_winner(size):
    rng = np.random.default_rng(size)
    for _ in range(60 if size < 13 else 15):
        stones = rng.permutation(np.arange(size * size) % 2 + 1)
        text = as_text(stones)
        assert joins(text, "B", size) != joins(text, "W", size)
        board = Board.from_stones(stones)
        assert board.winner is (Color.BLACK if joins(text, "B", size) else Color.WHITE)


@pytest.mark.parametrize("size", [1, *SIZES])
def test_random_games_end_when_the_flood_fill_says(size):
    rng = np.random.default_rng(size)
    for _ in range(20 if size < 9 else 3):
        order = rng.permutation(size * size)
        winner, length = play(order, size)
        board = Board(size)
        while board.winner is None:
            board.push(order[len(board.moves)])
        assert ("BW"[board.winner], len(board.moves)) == (winner, length)


def finish(orders, size, first):
    """Play each row of cells until the game is over, beginning with color `first`; return winners and lengths."""
    empty = Boards.empty(size, len(orders))
    boards = Boards(size, empty.cells, empty.turn + np.int8(first), empty.winner)
    for ply in range(size * size):
        boards = boards.play(np.where(boards.finished, -1, orders[:, ply]))
    return boards.winner, boards.move_count


@pytest.mark.parametrize("size", SIZES)
def test_the_half_turn_changes_nothing(size):
    orders = np.random.default_rng(size).permuted(np.tile(np.arange(size * size), (20, 1)), axis=1)
    winners, lengths = finish(orders, size, 0)
    turned_winners, turned_lengths = finish(rotation(size)[orders].astype(np.int64), size, 0)
    assert turned_winners.tolist() == winners.tolist()
    assert turned_lengths.tolist() == lengths.tolist()


@pytest.mark.parametrize("size", SIZES)
def test_transposition_exchanges_the_colors(size):
    orders = np.random.default_rng(size).permuted(np.tile(np.arange(size * size), (20, 1)), axis=1)
    winners, lengths = finish(orders, size, 0)
    swapped_winners, swapped_lengths = finish(transposition(size)[orders].astype(np.int64), size, 1)
    assert swapped_winners.tolist() == (1 - winners).tolist()
    assert swapped_lengths.tolist() == lengths.tolist()
    assert set(winners.tolist()) == {0, 1}


@pytest.mark.parametrize("size", [1, *SIZES])
def test_neighbors_are_mutual_and_keep_under_the_symmetries(size):
    table = neighbor_table(size)
    pairs = {(cell, int(near)) for cell in range(size * size) for near in table[cell] if near >= 0}
    assert pairs == {(b, a) for a, b in pairs}
    assert len(pairs) == 2 * (3 * size * size - 4 * size + 1)
    for where in (rotation(size), transposition(size)):
        assert pairs == {(int(where[a]), int(where[b])) for a, b in pairs}

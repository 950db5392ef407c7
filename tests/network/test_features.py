"""Positions in the mover's own frame, against pictures and a slow twin."""

import numpy as np
import pytest

from hexlab.network.features import read_judgments, swap_frame, to_planes, write_planes
from hexlab.rules import Boards
from hexlab.rules.cells import cell_index, transposition


def play(size, names):
    boards = Boards.empty(size, 1)
    for name in names.split():
        boards = boards.play([cell_index(name, size)])
    return boards


def random_boards(size, count, seed):
    """Positions after different numbers of random moves; some are finished."""
    random = np.random.default_rng(seed)
    boards = Boards.empty(size, count)
    stop = random.integers(0, size * size + 1, count)
    for ply in range(size * size):
        legal = boards.legal
        moves = [random.choice(np.flatnonzero(row)) if row.any() and ply < stop[board] else -1 for board, row in enumerate(legal)]
        boards = boards.play(moves)
    return boards


def draw(planes, size):
    """Text of planes: x own, o opponent's."""
    own, other = planes.reshape(2, size, size)
    return ["".join("x" if own[r, c] else "o" if other[r, c] else "." for c in range(size)) for r in range(size)]


def exchange(boards):
    """Trade colors, and rows with columns: the same game seen by the other side."""
    stones = boards.stones[:, np.argsort(transposition(boards.size))]
    traded = np.where(stones > 0, 3 - stones, 0).astype(np.uint8)
    winner = np.where(boards.winner >= 0, 1 - boards.winner, -1).astype(np.int8)
    return Boards(boards.size, traded, (1 - boards.turn).astype(np.int8), winner)


def test_black_sees_the_board_as_it_is():
    planes = to_planes(play(3, "a1 b3 c1 c2"))
    assert planes.dtype == np.float32
    assert planes.shape == (1, 18)
    assert draw(planes[0], 3) == ["x.x", "..o", ".o."]


def test_white_sees_rows_and_columns_traded_and_its_own_stones_first():
    planes = to_planes(play(3, "a1 b3 c1"))  # Black on the top row at a1 and c1, White on b3
    assert draw(planes[0], 3) == ["o..", "..x", "o.."]


def test_white_wins_from_top_to_bottom_in_its_own_frame():
    finished = play(3, "a1 a2 b1 b2 b3 c2")  # White joins left and right on row 2
    assert finished.winner[0] == 1
    white = Boards(3, finished.cells, np.ones(1, np.int8), finished.winner)
    assert [row[1] for row in draw(to_planes(white)[0], 3)] == ["x", "x", "x"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 11, 13, 19])
def test_planes_equal_a_slow_twin(size):
    boards = random_boards(size, 12, seed=size)
    slow = np.zeros((len(boards), 2, size, size), np.float32)
    for board, stones in enumerate(boards.stones.reshape(-1, size, size)):
        mover = boards.turn[board]
        seen = stones if mover == 0 else stones.T
        slow[board, 0] = seen == mover + 1
        slow[board, 1] = seen == 2 - mover
    np.testing.assert_array_equal(to_planes(boards), slow.reshape(len(boards), -1))


def test_color_exchange_and_transposition_change_nothing_the_network_sees():
    boards = random_boards(5, 40, seed=1)
    np.testing.assert_array_equal(to_planes(exchange(boards)), to_planes(boards))


def test_rows_beyond_the_boards_are_left_alone_and_bytes_will_do():
    boards = random_boards(4, 3, seed=2)
    out = np.full((5, 32), 7, np.uint8)
    write_planes(boards.cells, boards.turn, 4, out)
    np.testing.assert_array_equal(out[:3], to_planes(boards))
    assert (out[3:] == 7).all()


def test_swapping_frames_moves_whites_rows_only_and_twice_is_nothing():
    boards = Boards(3, np.zeros((2, 9), np.uint8), np.array([0, 1], np.int8), np.full(2, -1, np.int8))
    rows = np.arange(18, dtype=np.float32).reshape(2, 9)
    once, twice = np.empty_like(rows), np.empty_like(rows)
    swap_frame(rows, boards.turn, 3, once)
    assert once.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 8], [9, 12, 15, 10, 13, 16, 11, 14, 17]]
    swap_frame(once, boards.turn, 3, twice)
    np.testing.assert_array_equal(twice, rows)


def test_a_stone_is_seen_where_swap_frame_says():
    boards = random_boards(5, 30, seed=3)
    own = (boards.stones == (boards.turn + 1)[:, None]).astype(np.float32)
    seen = np.empty_like(own)
    swap_frame(own, boards.turn, 5, seen)
    np.testing.assert_array_equal(to_planes(boards)[:, :25], seen)


def test_judgments_come_back_on_the_cells_they_are_about():
    boards = random_boards(4, 20, seed=4)
    in_frame = np.random.default_rng(0).normal(size=(20, 17)).astype(np.float32)
    logits, values, expected = np.empty((20, 16), np.float32), np.empty(20, np.float32), np.empty((20, 16), np.float32)
    read_judgments(in_frame, boards.turn, 4, logits, values)
    swap_frame(np.ascontiguousarray(in_frame[:, :16]), boards.turn, 4, expected)
    np.testing.assert_array_equal(logits, expected)
    np.testing.assert_array_equal(values, in_frame[:, 16])

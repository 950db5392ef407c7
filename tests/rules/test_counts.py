"""The number of positions and of games, exactly: a wrong rule anywhere changes them.

The facts for n = 1..4 come from exhaustive search, for n <= 3 done twice.
"""

import collections

import numba
import numpy as np
import pytest

from hexlab.rules import Board, Boards
from hexlab.rules.cells import neighbor_table
from hexlab.rules.kernels import EMPTY, place

# positions, terminal ones, games won by Black, by White; positions won by Black and by White under perfect play; games by length
FACTS = {
    1: (2, 1, 1, 0, 2, 0, {1: 1}),
    2: (32, 9, 12, 12, 19, 13, {3: 12, 4: 12}),
    3: (5514, 994, 165600, 92160, 3410, 2104, {5: 1440, 6: 5760, 7: 43200, 8: 86400, 9: 120960}),
    4: (
        9386235,
        1197530,
        4761012153600,
        5902938374400,
        5327831,
        4058404,
        {
            7: 633600,
            8: 5702400,
            9: 171072000,
            10: 1197504000,
            11: 16111872000,
            12: 80559360000,
            13: 538223616000,
            14: 1614670848000,
            15: 4206504960000,
            16: 4206504960000,
        },
    ),
}


def count_by_batches(size):
    """Walk through all positions with `Boards`, one ply after another, and count the ways to each."""
    boards, ways = Boards.empty(size, 1), [1]
    positions = terminal = 0
    games_won, games_by_length = [0, 0], collections.Counter()
    for ply in range(size * size + 1):
        positions += len(boards)
        terminal += int(boards.finished.sum())
        for row in np.flatnonzero(boards.finished):
            games_won[boards.winner[row]] += ways[row]
            games_by_length[ply] += ways[row]
        rows, moves = np.nonzero(boards.legal)
        after = boards[rows].play(moves)
        seen, ways_after = {}, collections.Counter()
        for child, (parent, stones) in enumerate(zip(rows, after.stones, strict=True)):
            first = seen.setdefault(stones.tobytes(), child)
            ways_after[first] += ways[parent]
        boards, ways = after[list(ways_after)], list(ways_after.values())
        if not ways:
            break
    return positions, terminal, games_won[0], games_won[1], dict(games_by_length)


def count_by_board(size):
    """Walk through all positions with `Board`, by push and pop; return those won by each side under perfect play."""
    value = {}

    def solve(board):
        key = board.stones.tobytes()
        if key not in value:
            won = board.winner
            if won is None:
                replies = []
                for move in board.legal_moves:
                    board.push(move)
                    replies.append(solve(board))
                    board.pop()
                won = board.turn if board.turn in replies else board.turn.other
            value[key] = won
        return value[key]

    solve(Board(size))
    return len(value), sum(won == 0 for won in value.values()), sum(won == 1 for won in value.values())


@numba.njit(nogil=True)
def count_by_codes(size, neighbors):
    """Count with one number for each position, written in base 3. A move makes the number grow, so one pass upward counts the
    ways to every position, and one pass downward solves them all."""
    cells_count = size * size
    powers = 3 ** np.arange(cells_count)
    total = 3**cells_count
    ways = np.zeros(total, np.int64)
    ways[0] = 1
    won_by = np.full(total, -1, np.int8)
    cells, stack = np.empty(cells_count, np.uint8), np.empty(cells_count, np.int16)
    positions = terminal = 0
    games_won, games_by_length = np.zeros(2, np.int64), np.zeros(cells_count + 1, np.int64)
    for code in range(total):
        if ways[code] == 0:
            continue
        positions += 1
        cells[:] = EMPTY
        rest, stones = code, 0
        for cell in range(cells_count):
            digit, rest = rest % 3, rest // 3
            if digit > 0:
                stones += 1
                if place(cells, cell, digit - 1, size, neighbors, stack):
                    won_by[code] = digit - 1
        if won_by[code] >= 0:
            terminal += 1
            games_won[won_by[code]] += ways[code]
            games_by_length[stones] += ways[code]
        else:
            for cell in range(cells_count):
                if cells[cell] == EMPTY:
                    ways[code + (stones % 2 + 1) * powers[cell]] += ways[code]
    solved = np.zeros(2, np.int64)
    for code in range(total - 1, -1, -1):
        if ways[code] == 0:
            continue
        if won_by[code] < 0:
            rest, stones = code, 0
            for _ in range(cells_count):
                stones += rest % 3 > 0
                rest //= 3
            turn = stones % 2
            won_by[code] = 1 - turn
            for cell in range(cells_count):
                if code // powers[cell] % 3 == 0 and won_by[code + (turn + 1) * powers[cell]] == turn:
                    won_by[code] = turn
        solved[won_by[code]] += 1
    return positions, terminal, games_won, solved, games_by_length


def check_codes(size):
    positions, terminal, games_won, solved, lengths = count_by_codes(size, neighbor_table(size))
    by_length = {length: int(games) for length, games in enumerate(lengths) if games}
    assert (positions, terminal, *games_won.tolist(), *solved.tolist(), by_length) == FACTS[size]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_reach_the_known_positions_and_games(size):
    positions, terminal, black, white, _, _, lengths = FACTS[size]
    assert count_by_batches(size) == (positions, terminal, black, white, lengths)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_board_solves_the_known_positions_by_push_and_pop(size):
    positions, *_, black, white, _ = FACTS[size]
    assert count_by_board(size) == (positions, black, white)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_kernels_count_the_known_positions_and_games(size):
    check_codes(size)


@pytest.mark.slow
def test_kernels_count_4x4():
    """43 million codes, 400 MB, seconds once compiled."""
    check_codes(4)


def test_the_number_of_games_is_the_sum_over_lengths_and_over_winners():
    for _, _, black, white, _, _, lengths in FACTS.values():
        assert sum(lengths.values()) == black + white
    assert sum(FACTS[4][6].values()) == 10_663_950_528_000

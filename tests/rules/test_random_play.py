"""Random play: uniform, ended at the right move, and the same game for the same seed, whoever sits beside it."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_rules import play, winner

from hexlab.errors import PositionError
from hexlab.rules import Board, Boards
from hexlab.rules.draws import GOLDEN, derive_seeds

_MASK = (1 << 64) - 1


def bits_of(state):
    """SplitMix64 in whole numbers of Python."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


def random_order(cells, seed):
    """The order in which random play with this seed takes the empty cells."""
    cells, order, state = list(cells), [], int(seed)
    while cells:
        state = (state + int(GOLDEN)) & _MASK
        pick = ((bits_of(state) >> 32) * len(cells)) >> 32
        order.append(cells[pick])
        cells[pick] = cells[-1]
        cells.pop()
    return order


def test_splitmix_gives_the_published_numbers():
    state, found = 1234567, []
    for _ in range(3):
        state = (state + int(GOLDEN)) & _MASK
        found.append(bits_of(state))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 11, 13, 19])
def test_games_are_those_of_the_slow_rules(size):
    seeds = derive_seeds(3, size, count=40 if size < 9 else 4)
    winners, moves = Boards.empty(size, len(seeds)).play_out(seeds)
    for seed, won, length in zip(seeds, winners, moves, strict=True):
        assert play(random_order(range(size * size), seed), size) == ("BW"[won], length)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(2, 6), plies=st.integers(0, 20), seed=st.integers(0, 2**64 - 1))
def test_games_go_on_from_any_position(size, plies, seed):
    order = random_order(range(size * size), seed)
    board = Board(size)
    while len(board.moves) < plies and board.winner is None:
        board.push(order[len(board.moves)])
    winners, moves = Boards.from_board(board).play_out([seed ^ 1])
    stones = ["." if stone == 0 else "BW"[stone - 1] for stone in board.stones.ravel()]
    turn, length = int(board.turn), 0
    for cell in random_order([cell for cell, stone in enumerate(stones) if stone == "."], seed ^ 1):
        if winner(stones, size):
            break
        stones[cell] = "BW"[turn]
        turn, length = 1 - turn, length + 1
    assert ("BW"[winners[0]], moves[0]) == (winner(stones, size), length)


def test_every_order_of_2x2_is_equally_likely():
    games = 240_000
    expected = Counter()
    for order in itertools.permutations(range(4)):
        expected[play(order, 2)] += Fraction(1, 24)
    winners, moves = Boards.empty(2, 1).play_out(derive_seeds(5, count=games)[None, :])
    found = Counter(zip(np.array(["B", "W"])[winners[0]].tolist(), moves[0].tolist(), strict=True))
    assert set(found) == set(expected)
    for case, share in expected.items():
        spread = math.sqrt(games * share * (1 - share))
        assert abs(found[case] - games * share) < 4.5 * spread


def test_a_game_does_not_depend_on_its_batch_mates():
    seeds = derive_seeds(0, count=12).reshape(4, 3)
    boards = Boards.empty(5, 4).play([0, 7, -1, 24])
    winners, moves = boards.play_out(seeds)
    for row in range(4):
        for game in range(3):
            alone = boards[[row]].play_out(seeds[row : row + 1, game])
            assert (alone[0][0], alone[1][0]) == (winners[row, game], moves[row, game])


def test_boards_and_seeds_stay_as_they_are():
    boards, seeds = Boards.empty(4, 2), derive_seeds(0, count=2)
    before = boards.copy(), seeds.copy()
    boards.play_out(seeds)
    assert (boards.cells == before[0].cells).all()
    assert (boards.turn == before[0].turn).all()
    assert (seeds == before[1]).all()


def test_a_finished_game_is_told_with_no_moves():
    boards = Boards.from_boards([Board.from_moves("b1 a1 b2", size=2), Board(2)])
    winners, moves = boards.play_out(derive_seeds(0, count=4).reshape(2, 2))
    assert winners[0].tolist() == [0, 0]
    assert moves[0].tolist() == [0, 0]
    assert (moves[1] >= 3).all()


def test_no_boards_and_no_games_are_fine():
    assert Boards.empty(3, 0).play_out(np.zeros(0, np.uint64))[0].shape == (0,)
    assert Boards.empty(3, 2).play_out(np.zeros((2, 0), np.uint64))[0].shape == (2, 0)


def test_seeds_of_another_shape_are_refused():
    with pytest.raises(PositionError, match=r"seeds of shape \(3,\) for 2 boards"):
        Boards.empty(3, 2).play_out([1, 2, 3])


@pytest.mark.parametrize("seeds", [[1.5], [-1], [2**64], ["one"], [[1], [2, 3]]])
def test_seeds_that_are_no_whole_numbers_are_refused(seeds):
    with pytest.raises(PositionError, match=r"seeds \[.*\] are no whole numbers from 0 to 2\*\*64 - 1: rules.draws.derive_seeds"):
        Boards.empty(3, 1).play_out(seeds)


def test_seeds_come_in_any_type_of_whole_numbers():
    assert Boards.empty(5, 1).play_out([9])[1] == Boards.empty(5, 1).play_out(np.array([9], np.int8))[1]
    Boards.empty(3, 1).play_out([2**64 - 1])

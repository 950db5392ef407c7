"""The swap rule: White may take Black's first stone over, mirrored in the long diagonal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexlab.errors import IllegalMoveError
from hexlab.rules import SWAP_PIECES, Board, Boards, Color, solver


def test_the_stone_changes_color_and_crosses_the_long_diagonal():
    board = Board(size=3, swap=True)
    board.push("a3")
    assert board.can_swap
    board.push(SWAP_PIECES)
    assert board == Board.from_text(". . W / . . . / . . .", turn=Color.BLACK)
    assert board.moves == ("a3", "swap-pieces")
    assert board.turn is Color.BLACK
    assert "1 . .[W]1" in str(board)
    assert "<circle" in board._repr_svg_()


def test_a_stone_on_the_diagonal_stays():
    board = Board.from_moves("b2 swap-pieces", size=3, swap=True)
    assert board["b2"] is Color.WHITE


def test_a_swap_can_be_taken_back():
    board = Board.from_moves("a3 Swap-Pieces", size=3, swap=True)
    assert board.pop() == "swap-pieces"
    assert board == Board.from_moves("a3", size=3)
    assert board.can_swap


def test_copies_and_reprs_keep_the_rule_and_the_swap():
    for board in (Board(size=3, swap=True), Board.from_moves("a3", 3, swap=True), Board.from_moves("a3 swap-pieces b1", 3, swap=True)):
        for twin in (board.copy(), eval(repr(board))):
            assert (twin, twin.moves, twin.swap, twin.can_swap) == (board, board.moves, True, board.can_swap)


def test_the_game_goes_on_and_ends_as_any_other():
    board = Board.from_moves("a3 swap-pieces b1 a1 b2 a2 b3", size=3, swap=True)
    assert board.outcome.path == ("b1", "b2", "b3")
    assert Boards.from_board(board).winner.tolist() == [Color.BLACK]


@pytest.mark.parametrize(
    ("moves", "size", "swap", "said"),
    [
        ("a3", 3, False, "this game is played without the swap rule"),
        ("", 3, True, "White may, as the second move of a game"),
        ("a3 b2", 3, True, "White may, as the second move of a game"),
        ("a3 swap-pieces", 3, True, "White may, as the second move of a game"),
        ("a1", 1, True, "White may, as the second move of a game"),
    ],
)
def test_other_swaps_are_refused(moves, size, swap, said):
    board = Board.from_moves(moves, size, swap=swap)
    before = board.copy()
    assert not board.can_swap
    with pytest.raises(IllegalMoveError, match=f"cannot play 'swap-pieces': {said}"):
        board.push(SWAP_PIECES)
    assert (board, board.moves) == (before, before.moves)


def test_stones_that_are_set_up_are_not_swapped():
    assert not Board.from_text("B . / . .").can_swap


def test_a_board_of_two_rules_is_one_position():
    assert Board.from_moves("b2", size=3, swap=True) == Board.from_moves("b2", size=3)


@given(st.integers(2, 5), st.data())
def test_a_swap_is_the_same_game_with_the_players_exchanged(size, data):
    """Transposed and with the colors exchanged, the position is the one before the swap: so one value tells whether to swap."""
    cell = data.draw(st.integers(0, size * size - 1))
    before = Board.from_moves([cell], size, swap=True)
    after = before.copy()
    after.push(SWAP_PIECES)
    exchanged = np.array([0, 2, 1], np.uint8)[before.stones.T]
    assert (after.stones == exchanged).all()
    if size <= 4:
        assert (solver.solve(after).winner == after.turn) == (solver.solve(before).winner == before.turn)

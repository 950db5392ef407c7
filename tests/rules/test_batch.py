import numpy as np
import pytest

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules import Board, Boards


def test_many_boards_become_rows():
    boards = Boards.from_boards([Board.from_moves("a1 b2", 3), Board.from_moves("b1 a2 b2 a1 a3", 3), Board(3)])
    assert boards.turn.tolist() == [0, 1, 0]
    assert boards.winner.tolist() == [-1, 0, -1]
    assert boards.finished.tolist() == [False, True, False]
    assert boards.move_count.tolist() == [2, 5, 0]
    assert boards.legal.sum(axis=1).tolist() == [7, 0, 9]
    assert [boards.cells.dtype, boards.turn.dtype, boards.winner.dtype] == [np.uint8, np.int8, np.int8]


def test_copies_of_one_board_are_independent():
    boards = Boards.from_board(Board.from_moves("a1", 2), count=3)
    after = boards.play([1, -1, 2])
    assert boards.stones.tolist() == [[1, 0, 0, 0]] * 3
    assert after.stones.tolist() == [[1, 2, 0, 0], [1, 0, 0, 0], [1, 0, 2, 0]]
    assert len(Boards.from_board(Board(4), count=0)) == 0


def test_rows_are_picked_by_number_mask_and_slice():
    boards = Boards.empty(3, 4).play([0, 1, 2, 3])
    assert boards[2].stones.tolist() == boards[[2]].stones.tolist() == boards[2:3].stones.tolist()
    assert len(boards[np.array([True, False, True, False])]) == 2


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        ([4, 0], "illegal move b2 on board 0: the cell is occupied"),
        ([0, 9], "illegal move 9 on board 1: off the board"),
        ([-2, 0], "illegal move -2 on board 0: off the board"),
    ],
)
def test_illegal_moves_name_board_and_reason(moves, message):
    boards = Boards.empty(3, 2).play([4, 4])
    with pytest.raises(IllegalMoveError, match=message):
        boards.play(moves)


@pytest.mark.parametrize(
    "moves",
    [[1.7, 0], [float("nan"), 0], ["a1", "b1"], [True, False], [None, 0], [2**64, 0], [[1], [2, 3]], [0.5] * 1000],
    ids=lambda moves: str(moves[0]),
)
def test_moves_that_are_no_cells_are_refused(moves):
    with pytest.raises(IllegalMoveError, match=r"^moves \[.{,60}\] are no cells: give a whole number for each board, -1 for none$"):
        Boards.empty(3, 2).play(moves)


def test_moves_come_in_any_type_of_whole_numbers():
    for moves in ([4, -1], np.array([4, -1], np.int8), (np.int16(4), -1)):
        assert Boards.empty(3, 2).play(moves).move_count.tolist() == [1, 0]
    with pytest.raises(IllegalMoveError, match=f"illegal move {2**64 - 1} on board 0: off the board"):
        Boards.empty(3, 1).play(np.array([2**64 - 1], np.uint64))  # not -1
    assert len(Boards.empty(3, 0).play([])) == 0


def test_a_finished_game_takes_no_move():
    boards = Boards.from_board(Board.from_moves("b1 a1 b2", 2))
    with pytest.raises(IllegalMoveError, match="illegal move a2 on board 0: the game is over"):
        boards.play([2])


def test_wrong_shapes_and_mixtures_are_refused():
    with pytest.raises(PositionError, match="3 moves for 2 boards"):
        Boards.empty(3, 2).play([0, 1, 2])
    with pytest.raises(PositionError, match="got sizes 3, 4: give at least one board, all of one size"):
        Boards.from_boards([Board(4), Board(3)])
    with pytest.raises(PositionError, match="got no board"):
        Boards.from_boards([])
    with pytest.raises(PositionError, match="there is no board 2 among 2"):
        Boards.empty(3, 2).board(2)

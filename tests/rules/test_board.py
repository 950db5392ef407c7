import copy
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_rules import neighbors

from hexlab.errors import HexlabError, IllegalMoveError, PositionError
from hexlab.rules import Board, Boards, Color, Outcome

BLACK_HAS_WON = """
    . . B W
     . B W .
      . B W .
       B . . .
"""


@st.composite
def games(draw, largest=6):
    """A board somewhere in a random game."""
    size = draw(st.integers(1, largest))
    board = Board(size)
    for cell in draw(st.permutations(range(size * size)))[: draw(st.integers(0, size * size))]:
        if board.winner is None:
            board.push(cell)
    return board


def test_black_joins_top_and_bottom():
    board = Board.from_text(BLACK_HAS_WON)
    assert board.outcome == Outcome(Color.BLACK, ("c1", "b2", "b3", "a4"))
    assert board.turn is Color.WHITE
    assert len(board.legal_moves) == 0


def test_white_joins_left_and_right():
    board = Board.from_text(
        """
        B . B
         W W W
          B B .
        """
    )
    assert board.outcome == Outcome(Color.WHITE, ("a2", "b2", "c2"))


def test_cells_a1_and_b2_do_not_touch():
    assert Board.from_text("B . / W B", turn=Color.WHITE).winner is None


def test_the_winning_path_is_a_shortest_chain():
    board = Board.from_text(
        """
        B W B W .
         B W B W W
          B B B W W
           B . B . .
            B . W . .
        """,
        turn=Color.WHITE,
    )
    assert board.outcome.path == ("a1", "a2", "a3", "a4", "a5")


@settings(max_examples=80, deadline=None)
@given(games())
def test_the_path_of_any_game_joins_the_winners_edges(board):
    if board.outcome is None:
        return
    winner, path = board.outcome
    cells = [board.to_cell(name) for name in path]
    along = [divmod(cell, board.size)[winner] for cell in cells]
    assert (along[0], along[-1]) == (0, board.size - 1)
    assert all(board[cell] is winner for cell in cells)
    assert all(b in neighbors(a, board.size) for a, b in itertools.pairwise(cells))
    assert len(set(cells)) == len(cells)


def test_push_takes_names_and_numbers_and_pop_gives_names_back():
    board = Board(5)
    board.push("c3")
    board.push("B2")
    board.push(np.int64(24))
    assert board.moves == ("c3", "b2", "e5")
    assert [board["c3"], board["b2"], board[24], board["a1"]] == [Color.BLACK, Color.WHITE, Color.BLACK, None]
    assert [board.pop(), board.pop(), board.pop()] == ["e5", "b2", "c3"]
    assert board == Board(5)


@settings(max_examples=60, deadline=None)
@given(games())
def test_pop_undoes_push_to_the_last_bit(board):
    seen = []
    while board.moves:
        seen.append((board.cells.tobytes(), board.turn, board.winner, board.moves))
        board.pop()
    for cells, turn, winner, moves in reversed(seen):
        board.push(moves[-1])
        assert (board.cells.tobytes(), board.turn, board.winner, board.moves) == (cells, turn, winner, moves)


def test_legal_moves_answer_in_len_and_iteration():
    board = Board.from_moves("b1", size=2)
    legal = board.legal_moves
    assert ("a1" in legal, "A1" in legal, 0 in legal, np.int64(3) in legal) == (True, True, True, True)
    assert ("b1" in legal, 1 in legal, "c9" in legal, "" in legal, -1 in legal, 4 in legal, None in legal) == (False,) * 7
    assert list(legal) == ["a1", "a2", "b2"]
    assert (len(legal), legal[0], legal[-1], legal[1:], legal.cells) == (3, "a1", "b2", ("a2", "b2"), (0, 2, 3))
    assert repr(legal) == "<legal moves: a1 a2 b2>"
    board.push("a1")
    assert "a1" in legal
    assert "a1" not in board.legal_moves


@settings(max_examples=80, deadline=None)
@given(games(largest=12))
def test_every_face_of_a_board_rebuilds_it(board):
    rebuilt = eval(repr(board), {"Board": Board, "Color": Color})
    assert rebuilt == board
    assert rebuilt.moves == board.moves
    assert hash(rebuilt) == hash(board)
    assert Board.from_text(str(board)) == board
    set_up = Board.from_stones(board.stones, board.turn)
    assert set_up == board
    assert eval(repr(set_up), {"Board": Board, "Color": Color}) == board
    assert set_up.winner == board.winner


def test_equality_is_of_positions():
    assert Board.from_moves("a1 b2 c3", 3) == Board.from_moves("c3 b2 a1", 3)
    assert Board.from_moves("a1 b2", 3) != Board.from_moves("b2 a1", 3)
    assert Board(3) != Board(4)
    assert Board.from_text(". . / . .", turn=Color.WHITE) != Board(2)
    assert Board(3) != "a1"
    assert len({Board.from_moves("a1 b2 c3", 3), Board.from_moves("c3 b2 a1", 3)}) == 1


def test_finished_boards_are_equal_whatever_move_finished_them():
    assert Board.from_moves("b1 a1 a2", 2) == Board.from_moves("a2 a1 b1", 2)
    assert hash(Board.from_moves("b1 a1 a2", 2)) == hash(Board.from_moves("a2 a1 b1", 2))


@pytest.mark.parametrize("make", [Board.copy, copy.copy])
def test_a_copy_goes_its_own_way(make):
    board = Board.from_moves("a1 b2", 3)
    twin = make(board)
    twin.push("c3")
    twin.pop()
    twin.pop()
    assert board.moves == ("a1", "b2")
    assert twin.moves == ("a1",)


def test_what_is_played_on_a_copy_comes_back_on_neither():
    """Both take a2 back and go on with another move: each finds its own stones under it."""
    board = Board.from_moves("a1 b2 c3 a2", 4)
    twin = board.copy()
    for each, move in ((twin, "d4"), (board, "d3")):
        each.pop()
        each.push(move)
        each.push("a4")
    for each in (twin, board):
        assert each.moves[:3] == ("a1", "b2", "c3")
        each.pop()
        each.pop()
        assert str(each) == str(Board.from_moves("a1 b2 c3", 4))


def test_setups_start_a_history_of_their_own():
    board = Board.from_text(". B / . .", moves="a1")
    assert board.moves == ("a1",)
    board.pop()
    with pytest.raises(IllegalMoveError, match="none has been played on this board"):
        board.pop()


def test_colors():
    assert (Color.BLACK, Color.WHITE) == (0, 1)
    assert Color.BLACK.other is Color.WHITE
    assert str(Color.WHITE) == "White"


@pytest.mark.parametrize(
    ("move", "message"),
    [
        ("b2", "cannot play 'b2': Black has a stone there"),
        (4, "cannot play 4: Black has a stone there"),
        ("d1", "cell 'd1' is off the board: a 3x3 board runs from a1 to c3"),
        ("c0", "'c0' is not a cell: write a column letter and a row number"),
        ("", "'' is not a cell"),
        (9, "cell 9 is off the board: a 3x3 board has cells 0 to 8"),
        (-1, "cell -1 is off the board"),
        (True, "True is not a cell: give a name such as 'c3' or a number from 0 to 8"),
        (1.0, "1.0 is not a cell"),
        (None, "None is not a cell"),
    ],
)
def test_illegal_moves_say_why_and_change_nothing(move, message):
    board = Board.from_moves("b2", 3)
    with pytest.raises(IllegalMoveError, match=message):
        board.push(move)
    assert board == Board.from_moves("b2", 3)
    assert board.moves == ("b2",)


def test_a_finished_game_takes_no_move():
    board = Board.from_moves("b1 a1 b2", 2)
    with pytest.raises(IllegalMoveError, match="cannot play 'a2': the game is over, Black has won"):
        board.push("a2")


def test_sequences_name_the_move_that_fails():
    with pytest.raises(IllegalMoveError, match="move 3: cannot play 'c3': Black has a stone there"):
        Board.from_moves("c3, b2, c3", size=5)


@pytest.mark.parametrize("size", [0, 20, -1, 2.0, "5", True, None])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(PositionError, match="is not supported: give a whole number from 1 to 19"):
        Board(size)


@pytest.mark.parametrize(
    ("text", "turn", "message"),
    [
        ("", None, "'' holds no board"),
        (". . / .", None, "row 2 of the board, '.', has 1 cells: a board of 2 rows needs 2"),
        (". x / . .", None, r"row 1 of the board, '.x', has 'x': write '.' empty, 'B' Black, 'W' White"),
        ("B B / . .", None, "2 black and 0 white stones leave open whose turn it is in B B / . .: give turn="),
        ("W . / . .", None, "0 black and 1 white stones leave open whose turn"),
        ("B . / B W", Color.BLACK, r"Black has won this position and cannot be to move: B \. / B W"),
        ("/".join([". " * 20] * 20), None, "board size 20 is not supported"),
        (". . / . .", "black", "turn='black' is no color: give Color.BLACK or Color.WHITE"),
        (". . / . .", 2, "turn=2 is no color"),
        (". . / . .", True, "turn=True is no color"),
    ],
)
def test_text_that_is_no_board_is_refused(text, turn, message):
    with pytest.raises(PositionError, match=message):
        Board.from_text(text, turn)


@pytest.mark.parametrize("stones", [[0, 1, 2], [[0, 3], [0, 0]], []])
def test_stones_that_are_no_board_are_refused(stones):
    with pytest.raises(HexlabError):
        Board.from_stones(stones)


@settings(max_examples=80, deadline=None)
@given(games(largest=8))
def test_boards_agree_with_board_at_every_move(board):
    batch = Boards.empty(board.size, 3)
    single = Board(board.size)
    for move in (*board.moves, None):
        assert batch.stones[1].tolist() == single.stones.ravel().tolist()
        assert batch.cells[1].tolist() == single.cells.tolist()
        assert batch.turn.tolist() == [0, int(single.turn), 0]
        assert batch.winner[1] == (-1 if single.winner is None else single.winner)
        assert tuple(np.flatnonzero(batch.legal[1]).tolist()) == single.legal_moves.cells
        assert batch.board(1) == single
        bridged = Boards.from_board(single)
        assert (bridged.cells[0].tolist(), bridged.turn[0], bridged.winner[0]) == (
            batch.cells[1].tolist(),
            batch.turn[1],
            batch.winner[1],
        )
        if move is not None:
            batch = batch.play([-1, single.to_cell(move), -1])
            single.push(move)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules import Board, Color, sgf

FINISHED = "b2 a1 b1 c1 b3"


def test_a_game_is_one_line_in_the_dialect_of_hexgui():
    assert sgf.write(sgf.Game(3, FINISHED, black="net@64", white="random", comment="seed 1")) == (
        "(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[3]PB[net@64]PW[random]C[seed 1]RE[B+];B[b2];W[a1];B[b1];W[c1];B[b3])\n"
    )


def test_the_loser_may_resign():
    game = sgf.Game(11, "a1 f6", winner=Color.WHITE)
    assert sgf.write(game) == "(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[11]RE[W+Resign];B[a1];W[f6];B[resign])\n"
    assert sgf.read(sgf.write(game)) == [game]
    assert game.resigned
    assert not sgf.Game(3, FINISHED).resigned


def test_games_that_are_not_over_have_no_result():
    game = sgf.Game(5, ["c3", 0])
    assert (game.moves, game.winner, game.resigned) == ((12, 0), None, False)
    assert "RE[" not in sgf.write(game)


def test_text_is_escaped():
    game = sgf.Game(2, "a1", black="a]b[c:d\\e;(f)", comment="line 1\nline 2 ]")
    assert r"PB[a\]b\[c\:d\\e;(f)]" in sgf.write(game)
    assert sgf.read(sgf.write(game)) == [game]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_games_come_back_as_they_were(data):
    games = []
    for _ in range(data.draw(st.integers(1, 3))):
        size = data.draw(st.integers(1, 7))
        board = Board(size)
        for cell in data.draw(st.permutations(range(size * size)))[: data.draw(st.integers(0, 30))]:
            if board.winner is None:
                board.push(cell)
        text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
        winner = board.winner if board.winner is not None else data.draw(st.sampled_from([None, *Color]))
        games.append(sgf.Game(size, board.moves, data.draw(text), data.draw(text), winner, data.draw(text)))
    text = "".join(sgf.write(game) for game in games)
    assert sgf.read(text) == games
    assert "".join(sgf.write(game) for game in sgf.read(text)) == text
    assert games[0].board().moves == tuple(sgf.read(text)[0].board().moves)


def test_a_record_of_hexgui_is_read():
    game = sgf.read(
        """(;FF[4]EV[null]PB[Ann]PW[Bob \\[2d\\]]SZ[5]GC[a lesson]RE[B+]AP[HexGui:0.9]GM[11]
        ;B[C3]N[first]LB[a1:x][b2:y]C[central \\] move];W[b4]
        ;B[b3];W[resign])"""
    )
    assert game == [sgf.Game(5, "c3 b4 b3", "Ann", "Bob [2d]", Color.BLACK, "a lesson")]


def test_the_main_line_of_variations_is_read():
    games = sgf.read("(;GM[11]SZ[3];B[a1](;W[b2];B[c1](;W[a2])(;W[a3]))(;W[c3](;B[b1])))(;GM[11]SZ[2](;B[b1])(;B[a1]))")
    assert [game.board().moves for game in games] == [("a1", "b2", "c1", "a2"), ("b1",)]


def test_boards_may_be_given_by_both_sides_and_default_to_eleven():
    assert sgf.read("(;GM[11]SZ[4:4])")[0].size == 4
    assert sgf.read("\ufeff (;GM[11];B[k11])\n")[0].size == 11


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", PositionError, "'' holds no game: an SGF record starts with"),
        ("hello", PositionError, r"the record has 'hello' outside a game, at character 0: a game starts with '\(;'"),
        ("(;GM[11]SZ[5]\x00", PositionError, "cannot be read at character 13"),
        ("(;GM[11];B[a1]", PositionError, r"ends within a game, after .*the file is cut off"),
        ("(;GM[11];B[a", PositionError, r"cannot be read at character 10, '\[a'"),
        ("(;GM[11]))", PositionError, "closes a game that it has not opened, at character 9"),
        ("(;[11])", PositionError, r"value '\[11\]' without a property, at character 2"),
        ("(;GM[1]SZ[19];B[pd])", PositionError, r"game 1 of the record: GM\[1\] is another game: Hex is GM\[11\]"),
        ("(;GM[11]SZ[3:4])", PositionError, r"SZ\[3:4\] is not supported: boards are square"),
        ("(;GM[11]SZ[25])", PositionError, "board size 25 is not supported"),
        ("(;GM[11]SZ[x])", PositionError, r"SZ\[x\] is not supported"),
        ("(;GM[11]SZ[5];B[f1])", IllegalMoveError, "game 1 of the record: move 1: cell 'f1' is off the board"),
        ("(;GM[11]SZ[5];B[a1];W[a1])", IllegalMoveError, "move 2: cannot play 'a1': Black has a stone there"),
        ("(;GM[11]SZ[5];W[a1])", PositionError, r"W\[a1\], move 1, is out of turn: it is Black's"),
        ("(;GM[11]SZ[5];B[a1];B[a2])", PositionError, r"B\[a2\], move 2, is out of turn: it is White's"),
        ("(;GM[11]SZ[5];B[a1];W[swap-pieces])", PositionError, r"W\[swap-pieces\], move 2, cannot be read: games with a swap"),
        ("(;GM[11]SZ[5]AB[a1])", PositionError, r"AB\[a1\] sets up stones"),
        ("(;GM[11]SZ[5];B[resign];W[a1])", PositionError, r"W\[a1\], move 1, comes after Black has resigned"),
        ("(;GM[11]SZ[5]RE[B+];B[resign])", PositionError, "says that Black has won, but Black resigns"),
        ("(;GM[11]SZ[1]RE[W+];B[a1])", PositionError, "says that White has won, but by its moves Black has"),
        ("(;GM[11]SZ[1];B[a1])(;GM[11]SZ[1];B[a1];W[a1])", IllegalMoveError, "game 2 of the record: move 2: .*the game is over"),
    ],
)
def test_records_that_make_no_sense_say_what_was_found(text, error, message):
    with pytest.raises(error, match=message):
        sgf.read(text)

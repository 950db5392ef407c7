import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_games import games

from hexlab.errors import HexlabError, IllegalMoveError, PositionError
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


@pytest.mark.parametrize("winner", [2, "B", True])
def test_a_winner_is_a_color(winner):
    with pytest.raises(PositionError, match=rf"winner={winner!r} is no color: give Color.BLACK or Color.WHITE"):
        sgf.Game(3, "b2 a1", winner=winner)
    assert sgf.Game(3, "b2 a1", winner=1).winner is Color.WHITE


@pytest.mark.parametrize("text", ["a backslash ends this line \\\nand this one \\\\\n.", "\\\\", "\\]\n"])
def test_backslashes_come_back(text):
    game = sgf.Game(2, "a1", comment=text)
    assert sgf.read(sgf.write(game))[0].comment == text


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\n\r"])
def test_a_line_break_behind_a_backslash_is_none(line_break):
    assert sgf.read(f"(;GM[11]SZ[2]C[one \\{line_break}line])")[0].comment == "one line"


@settings(max_examples=100, deadline=None)
@given(st.lists(games(), min_size=1, max_size=3))
def test_games_come_back_as_they_were(games):
    text = "".join(sgf.write(game) for game in games)
    assert sgf.read(text) == games
    assert "".join(sgf.write(game) for game in sgf.read(text)) == text
    assert [game.board().moves for game in sgf.read(text)] == [game.board().moves for game in games]


@settings(max_examples=100, deadline=None)
@given(games())
def test_the_last_board_of_a_game_gives_its_record(game):
    board = game.board()
    record = sgf.Game.from_board(board, game.black, game.white, game.winner)
    assert dataclasses.replace(record, comment=game.comment, forfeited=game.forfeited) == game
    assert board.moves == record.board().moves, "the board is as it was"


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("(;)[]\\: BWabc123SZGMREAPL+-swap\n"), max_size=60), st.text(max_size=20))
def test_whatever_is_read_is_games_or_an_error_of_ours(body, tail):
    begun = (f"(;GM[11]SZ[3]{body})", f"(;SZ[3]AE[a1]{body})", f"(;SZ[4];B[a2]{body};W[{tail}])", f"(;SZ[4];W[ab];B[{tail}])")
    for text in (body, tail, *begun):
        try:
            games = sgf.read(text)
        except HexlabError:
            continue
        assert sgf.read("".join(map(sgf.write, games))) == games


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


def test_variations_that_are_left_out_are_counted():
    games = sgf.read("(;GM[11]SZ[3];B[a1](;W[b2])(;W[c3](;B[b1])))(;GM[11]SZ[2];B[b1])")
    assert [game.notes for game in games] == [("variations left out: 2",), ()]


def test_the_swap_is_a_move_of_the_record():
    game = sgf.Game(3, "a3 swap-pieces b1", winner=Color.BLACK)
    assert game.moves == (6, "swap-pieces", 1)
    assert sgf.write(game) == "(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[3]RE[B+Resign];B[a3];W[swap-pieces];B[b1];W[resign])\n"
    assert sgf.read(sgf.write(game)) == [game]
    assert game.board()["c1"] is Color.WHITE


@pytest.mark.parametrize(
    "text",
    [
        "(;AP[HexGui:0.10.GIT]FF[4]GM[11]SZ[5]PB[Ann]PW[Bob];B[a3];W[swap-sides];W[c3];B[d2])",
        "(;AP[HexGui:0.9.GIT]FF[4]GM[11]SZ[5]PB[Ann]PW[Bob];B[a3];W[swap-pieces];W[c3];B[d2])",
        "(;AP[HexGui:0.9]FF[4]GM[11]SZ[5]PB[Ann]PW[Bob];B[a3];W[swap-pieces];W[c3];B[d2])",
        "(;FF[4]GM[11]SZ[5]PB[Ann]PW[Bob]RE[W+];B[a3];W[swap];W[c3];B[d2])",
        "(\n;GM[11]SZ[5]PB[Ann]PW[Bob]\nRE[?]US[twogtp.py]\n;B[a3]\n;W[swap-pieces]\n;W[c3]\n;B[d2]\n)\n",
    ],
    ids=["swap-sides", "HexGui 0.9.GIT", "HexGui 0.9", "swap", "twogtp"],
)
def test_where_players_swap_sides_the_stones_stay_and_the_names_trade(text):
    game = sgf.read(text)[0]
    assert (game.board().moves, game.black, game.white, game.winner) == (("a3", "c3", "d2"), "Bob", "Ann", None)
    assert game.notes[0].endswith("]: the players trade colors, the stones stay")


def test_swap_pieces_of_newer_programs_moves_the_stone():
    for program in ("HexGui:0.10.GIT", "PlayHex:0.0.0", "HexGui:1.0"):
        game = sgf.read(f"(;FF[4]CA[UTF-8]AP[{program}]GM[11]SZ[11]PB[Test]PW[Alcalyn];B[f3];W[swap-pieces];B[d4])")[0]
        assert (game.board().moves, game.board()["c6"], game.black) == (("f3", "swap-pieces", "d4"), Color.WHITE, "Test")


def test_games_of_little_golem_are_read():
    """Two games as its server writes them: cells of two letters, W's moves those of the player under PB, who joins top and bottom."""
    plain, swapped = sgf.read(
        "(;FF[4]EV[hex.ch.32.2.1]PB[Ann]PW[Bob]SZ[13]RE[B]GC[game #1612755]SO[https://www.littlegolem.net];W[am];B[ii];W[de];B[resign])"
        "(;FF[4]EV[hex.ch.23.1.1]PB[Ann]PW[Bob]SZ[13]RE[W]GC[ game #1139802];W[mf];B[swap];W[kj];B[ie];W[resign])"
    )
    assert (plain.board().moves, plain.winner, plain.black) == (("a13", "i9", "d5"), Color.BLACK, "Ann")
    assert plain.comment == "game #1612755"
    assert (swapped.board().moves, swapped.winner) == (("m6", "swap-pieces", "k10", "i5"), Color.WHITE)
    assert swapped.board()["f13"] is Color.WHITE


def test_stones_that_are_set_up_make_the_start():
    """As in the problems of Benzene's test suite: the stones in a node of their own, nothing about whose turn it is."""
    game = sgf.read("(;AP[HexGui:0.2]FF[4]GM[11]SZ[4];AB[c2]\nAW[b1][c1][d1]AE[c1])")[0]
    assert game.start == game.board() == Board.from_text(". W . W / . . B . / . . . . / . . . .", turn=Color.BLACK)
    played = sgf.read("(;GM[11]SZ[3]AB[a3]AW[a1]PL[W];W[b2];B[c1])")[0]
    assert played.board().moves == ("b2", "c1")
    assert sgf.write(played) == "(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[3]AB[a3]AW[a1]PL[W];W[b2];B[c1])\n"
    assert sgf.read("(;GM[11]SZ[3]PL[W];W[b2])")[0].board()["b2"] is Color.WHITE
    assert sgf.read("(;GM[11]SZ[3]PL[B];B[b2])")[0].start is None


def test_the_empty_board_is_no_set_up():
    for text in ("(;GM[11]SZ[3]AE[b2];B[a3];W[swap-pieces])", "(;GM[11]SZ[3]AB[b2]PL[B]AE[b2];B[a3];W[swap-pieces])"):
        assert sgf.read(text) == [sgf.Game(3, "a3 swap-pieces")]
    assert sgf.Game(3, "b2", start=Board(3)) == sgf.Game(3, "b2")


def test_a_game_starts_on_a_board_of_its_size():
    with pytest.raises(PositionError, match="a game of size 4 cannot start from a position of size 3"):
        sgf.Game(4, "", start=Board(3))


def test_a_forfeit_is_told_from_giving_up():
    game = sgf.Game(5, "c3", winner=Color.BLACK, forfeited=True)
    assert sgf.write(game) == "(;FF[4]GM[11]CA[UTF-8]AP[hexlab:1.0]SZ[5]RE[B+Forfeit];B[c3];W[forfeit])\n"
    assert not game.resigned
    for text in ("(;GM[11]SZ[5];B[c3];W[forfeit])", "(;GM[11]SZ[5]RE[B+F];B[c3])", "(;GM[11]SZ[5]RE[B+Time];B[c3])"):
        assert sgf.read(text) == [game]
    for text in ("(;GM[11]SZ[5]RE[B+F];B[c3];W[resign])", "(;GM[11]SZ[5]RE[B+R];B[c3])", "(;GM[11]SZ[5]RE[B+];B[c3])"):
        assert sgf.read(text)[0].resigned
    assert not sgf.read(f"(;GM[11]SZ[3]RE[B+T];{sgf.write(sgf.Game(3, FINISHED)).partition('RE[B+];')[2]}")[0].forfeited
    for winner, moves in ((None, "b2"), (None, FINISHED)):
        with pytest.raises(PositionError, match="a game is forfeited to a winner, and before its end"):
            sgf.Game(3, moves, winner=winner, forfeited=True)


@pytest.mark.parametrize(
    ("named", "encoding"),
    [
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("ISO-8859-1", "latin-1"),
        ("cp1252", "cp1252"),
        (None, "utf-8"),
        (None, "latin-1"),
        (None, "utf-16"),
    ],
)
def test_files_are_read_in_their_encoding(named, encoding, tmp_path):
    path = tmp_path / "game.sgf"
    path.write_bytes(f"(;GM[11]{f'CA[{named}]' if named else ''}SZ[3]PB[Müller é];B[b2])".encode(encoding))
    assert sgf.load(path)[0].black == "Müller é"


def test_encodings_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "game.sgf"
    for name in ("klingon", "base64", "utf\0", "é"):
        path.write_bytes(f"(;GM[11]CA[{name}]SZ[3])".encode("latin-1"))
        with pytest.raises(PositionError, match=rf"game.sgf names the encoding CA\[{name}\], which is not known: save it as UTF-8"):
            sgf.load(path)
    path.write_bytes(b"(;GM[11]CA[UTF-8]SZ[3]PB[\xff])")
    with pytest.raises(PositionError, match=r"game.sgf says CA\[UTF-8\], but that does not fit"):
        sgf.load(path)


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
        ("(;GM[11]SZ[5];B[swap-pieces])", PositionError, r"B\[swap-pieces\], move 1, cannot be read: White may swap, as the second"),
        ("(;GM[11]SZ[5];B[a1];W[b1];B[swap])", PositionError, r"B\[swap\], move 3, cannot be read: White may swap"),
        ("(;GM[11]SZ[5];B[a1];W[swap-sides];W[swap])", PositionError, r"W\[swap\], move 3, cannot be read: White may swap"),
        ("(;GM[11]SZ[5];B[a1];W[swap-pieces];B[c5];B[c4])", PositionError, r"B\[c4\], move 4, is out of turn: it is White's"),
        ("(;GM[11]SZ[5];B[pass])", PositionError, r"B\[pass\], move 1, cannot be read: Hex is played here without a pass"),
        ("(;GM[11]SZ[5];B[a1]AB[b2])", PositionError, r"AB\[b2\] sets up stones amid the moves"),
        ("(;GM[11]SZ[5]AB[b6])", IllegalMoveError, "cell 'b6' is off the board"),
        ("(;GM[11]SZ[3]AB[a1][a2][a3];B[b1])", PositionError, "Black has won this position and cannot be to move"),
        ("(;GM[11]SZ[5]AB[b2];W[a1];W[a2])", PositionError, r"W\[a2\], move 2, is out of turn: it is Black's$"),
        ("(;SZ[5];W[ab];B[])", PositionError, r"B\[\], move 2, cannot be read: the file names cells by two letters"),
        ("(;SZ[5];W[ab];B[c3])", PositionError, r"B\[c3\], move 2, cannot be read: the file names cells by two letters"),
        ("(;SZ[5];W[az])", IllegalMoveError, "move 1: cell 'a26' is off the board"),
        ("(;GM[11]SZ[5];B[resign];W[a1])", PositionError, r"W\[a1\], move 2, comes after Black has resigned"),
        ("(;GM[11]SZ[5]RE[B+];B[resign])", PositionError, "says that Black has won, but Black resigns"),
        ("(;GM[11]SZ[1]RE[W+];B[a1])", PositionError, "says that White has won, but by its moves Black has"),
        ("(;GM[11]SZ[1];B[a1])(;GM[11]SZ[1];B[a1];W[a1])", IllegalMoveError, "game 2 of the record: move 2: .*the game is over"),
    ],
)
def test_records_that_make_no_sense_say_what_was_found(text, error, message):
    with pytest.raises(error, match=message):
        sgf.read(text)

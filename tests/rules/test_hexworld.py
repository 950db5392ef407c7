"""Links to hexworld.org, both ways; examples are links as PlayHex and the viewer make them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_games import games

from hexlab.errors import HexlabError, IllegalMoveError, PositionError
from hexlab.rules import Board, Color, hexworld
from hexlab.rules.sgf import Game


@pytest.mark.parametrize(
    ("link", "moves", "shown", "winner"),
    [
        ("https://hexworld.org/board/#9r9c1,e5g6c6i9b3", "e5 g6 c6 i9 b3", 5, None),
        ("https://hexworld.org/board/#9r9c1,b3:sc6i9c4", "b3 swap-pieces c6 i9 c4", 5, None),
        ("https://hexworld.org/board/#9r9c1,b3:sc6:rw", "b3 swap-pieces c6", 3, Color.BLACK),
        ("https://hexworld.org/board/#11r9c1,b3c11:fb", "b3 c11", 2, Color.WHITE),
        ("https://hexworld.org/board/#11c1,c2d4c6:rw", "c2 d4 c6", 3, Color.BLACK),
        ("https://hexworld.org/board/#11c1,h4e7f9,b9c3", "h4 e7 f9 b9 c3", 3, None),
        ("https://hexworld.org/board/#11c1,,b9c3", "b9 c3", 0, None),
        ("https://hexworld.org/board/#14r1c1", "", 0, None),
        ("hexworld.org/board/#3x3c1,a1", "a1", 1, None),
        ("https://hexworld.org/board/#5nc1%2CA3b2", "a3 b2", 2, None),
        ("11,e5", "e5", 1, None),
    ],
)
def test_links_are_read(link, moves, shown, winner):
    read = hexworld.read(link)
    assert (" ".join(read.game.board().moves), read.shown, read.game.winner) == (moves, shown, winner)


def test_positions_that_are_set_up_with_passes_are_read():
    game = hexworld.read("https://hexworld.org/board/#3r9c1,:pc1:pa1b2:pb3c2").game
    assert game.start == Board.from_text("W . W / . B . / . . .", turn=Color.BLACK)
    assert game.board().moves == ("b3", "c2")


def test_a_forfeit_is_told_from_giving_up():
    for end, forfeited in ((":fb", True), (":rb", False)):
        game = hexworld.read(f"11c1,b3c11{end}").game
        assert (game.winner, game.forfeited, game.resigned) == (Color.WHITE, forfeited, not forfeited)
        assert hexworld.write(game) == f"https://hexworld.org/board/#11c1,b3c11{end}"


def test_a_game_is_written_in_the_shortest_form():
    assert hexworld.write(Game(3, "a3 swap-pieces b2", black="net@64")) == "https://hexworld.org/board/#3c1,a3:sb2"
    start = Board.from_text("W . W / . B . / . . .", turn=Color.WHITE)
    assert hexworld.write(Game(3, "b3", start=start)) == "https://hexworld.org/board/#3c1,b2a1:pc1:pb3"


@settings(max_examples=100, deadline=None)
@given(games(), st.data())
def test_games_come_back_as_they_were(game, data):
    shown = data.draw(st.integers(0, len(game.moves)))
    rotation = data.draw(st.integers(1, 12))
    link = hexworld.write(game, shown, rotation)
    bare = Game(game.size, game.moves, winner=game.winner, start=game.start, forfeited=game.forfeited)
    assert hexworld.read(link) == (bare, shown)
    assert hexworld.write(hexworld.read(link).game, shown, rotation) == link


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("abc123,:sprbwfx#"), max_size=30), st.text(max_size=20))
def test_whatever_is_read_is_a_game_or_an_error_of_ours(moves, text):
    for link in (moves, text, f"https://hexworld.org/board/#3c1,{moves}", f"3,{moves},{text}"):
        try:
            game, shown = hexworld.read(link)
        except HexlabError:
            continue
        assert hexworld.read(hexworld.write(game, shown)) == (game, shown)


@pytest.mark.parametrize(
    ("link", "error", "message"),
    [
        ("", PositionError, "'' is no HexWorld link: expected one such as https://hexworld.org/board/#11c1,a3c5"),
        ("https://example.org/#11c1,a3", PositionError, "'https://example.org/#11c1,a3' is no HexWorld link"),
        ("11c1,a1,b2,c3", PositionError, "is no HexWorld link"),
        ("6x5r9c1,a1", PositionError, "shows a board of 6x5 cells: only square boards"),
        ("30c1,a1", PositionError, "board size 30 is not supported"),
        ("5c1,a3?b2", PositionError, r"'5c1,a3\?b2' cannot be read at '\?b2': expected a cell"),
        ("5c1,a3:rwb2", PositionError, "goes on after :rw, which ends a game"),
        ("5c1,f1", IllegalMoveError, "move 1: cell 'f1' is off the board"),
        ("5c1,a1a1", IllegalMoveError, "move 2: cannot play 'a1'"),
        ("5c1,a1:sb2:p", IllegalMoveError, "cannot be swapped"),
        ("5c1,a1:pa1:p", IllegalMoveError, "move 3: 'a1' is occupied"),
        ("1c1,a1:rb", PositionError, "the record says that White has won, but by its moves Black has"),
    ],
)
def test_links_that_make_no_sense_say_what_was_found(link, error, message):
    with pytest.raises(error, match=message):
        hexworld.read(link)


@pytest.mark.parametrize(
    ("shown", "rotation", "message"), [(3, 10, "has 2 moves: a link cannot show 3"), (1, 13, "rotation 13 is not known")]
)
def test_links_cannot_show_what_is_not_there(shown, rotation, message):
    with pytest.raises(PositionError, match=message):
        hexworld.write(Game(3, "a1 b2"), shown, rotation)

"""Programs that speak GTP: good ones play, bad ones lose with a reason, and none is left behind."""

import contextlib
import gc
import os
import pathlib
import pickle
import re
import sys
import time

import numpy as np
import pytest
from process_ends import is_alive, wait_for_end

from hexlab.arena import (
    Forfeited,
    GtpPlayer,
    Match,
    Openings,
    RandomPlayer,
    Resigned,
    SolverPlayer,
    external,
    play_game,
    play_games,
    play_pairing,
)
from hexlab.errors import ConfigError
from hexlab.rules import Board, Boards, Color

FAKE = pathlib.Path(__file__).with_name("fake_gtp.py")


@contextlib.contextmanager
def program(mode="", seconds=20.0, **settings):
    with GtpPlayer(f'"{sys.executable}" -S "{FAKE}" {mode}', seconds, name=mode or "fake", **settings) as player:
        yield player


def test_a_program_plays_a_game():
    with program() as player:
        game = play_game(player, SolverPlayer(3), size=3, opening="a2 b2")
    assert game.winner is Color.WHITE
    assert game.board.moves[:3] == ("a2", "b2", "a1")
    assert (game.resigned, game.forfeit) == (False, "")


def test_a_program_is_told_what_it_does_not_know_yet():
    board = Board.from_moves("c3 b2", size=3)
    with program() as player:
        board.push(player.ask(board))
        board.push("c2")
        board.push(player.ask(board))
        with player._asked:
            log = player._demand("tell_log", 5.0)
    assert log.strip() == (
        "name; boardsize 3; clear_board; param_game allow_swap 0; play black c3; play white b2; genmove black;"
        " play white c2; genmove black; tell_log"
    )


@pytest.mark.parametrize(
    ("board", "told"),
    [
        (Board.from_text("B W / . .", turn=Color.WHITE), "play black a1; play white b1; genmove white"),
        (Board.from_text("B W / . .", moves="a2"), "play black a1; play white b1; play black a2; genmove white"),
        (Board.from_moves("a3 swap-pieces b2", 3, swap=True), "param_game allow_swap 1; play white c1; play black b2; genmove white"),
    ],
)
def test_positions_are_sent_as_stones_and_swaps_as_what_comes_of_them(board, told):
    if board.winner is not None:
        board.pop()
        told = told.replace("play black a2; genmove white", "genmove black")
    with program() as player:
        player.ask(board)
        with player._asked:
            assert f"{told}; tell_log" in player._demand("tell_log", 5.0)


FAILURES = {
    "dies at once": r"crashed at 'name' \(exit code 1\): cannot find my weights",
    "crashes": r"crashed at 'genmove white' \(exit code 1\): Traceback: out of cheese",
    "hangs": "did not answer 'genmove white' in time",
    "babbles": "answered 'genmove white' by 'thinking about thinking|did not answer 'genmove white' in time",
    # the first line is lost where the flood overruns what is kept before it is read
    "answers forever": "answered 'genmove white' (without an end|by 'and another thing')|did not answer 'genmove white' in time",
    "greets": "answered 'name' by 'Welcome to Hex 2000'",
    "forgets the sign": "answered 'genmove white' by 'a1'",
    "refuses stones": "refused 'play black b2': illegal move",
    "refuses to move": "refused 'genmove white': not now",
    "plays on a stone": "answered genmove by 'b2': cannot play 'b2': Black has a stone there",
    "plays off the board": "answered genmove by 'z99': 'z99' is not a cell",
    "says nonsense": "answered genmove by 'banana split': 'banana split' is not a cell",
    "says nothing": "answered genmove by '': '' is not a cell",
    "swaps": "answered genmove by 'swap-pieces': cannot play 'swap-pieces'",
}


@pytest.mark.parametrize("mode", FAILURES)
def test_failures_lose_the_game_and_are_recorded(mode):
    with program(mode, seconds=1.0 if mode in ("hangs", "babbles", "answers forever") else 20.0) as player:
        game = play_game(RandomPlayer(), player, size=3, opening="b2")
        assert (game.winner, game.resigned) == (Color.BLACK, False)
        assert re.match(FAILURES[mode], game.forfeit)
        with pytest.raises(Forfeited):  # the next game starts it afresh, and it fails alike
            player.ask(Board.from_moves("b2", size=3))


def test_a_flood_on_stderr_does_no_harm():
    with program("floods stderr") as player:
        assert play_game(player, RandomPlayer(), size=3).forfeit == ""


def test_pictures_of_a_search_are_no_answers():
    with program("draws") as player:
        game = play_game(player, RandomPlayer(), size=3)
        assert (game.forfeit, game.board.moves[0]) == ("", "a1")


def test_a_program_may_resign():
    with program("resigns") as player:
        game = play_game(RandomPlayer(), player, size=3, opening="b2")
        assert (game.winner, game.resigned, game.forfeit) == (Color.BLACK, True, "")
        with pytest.raises(Resigned):
            player.choose_moves(Boards.empty(3, 1), np.zeros(1, np.uint64))


@pytest.mark.parametrize("mode", ["swaps", "swaps sides"])
def test_a_program_may_swap_where_the_rule_holds(mode):
    with program(mode) as player:
        game = play_game(RandomPlayer(), player, size=3, opening="a2", swap=True)
    assert game.board.moves[:2] == ("a2", "swap-pieces")
    assert (game.forfeit, game.board["b1"]) == ("", Color.WHITE)


def test_a_program_takes_part_in_pairings_of_the_arena():
    with program("crashes") as bad, program() as good:
        openings = Openings(3, ["b2", "a1"])
        rows = play_pairing(bad, RandomPlayer(), openings, seed=0)
        assert [(row.first_won_as_black, row.first_won_as_white) for row in rows] == [(0, 0), (0, 0)]
        games = list(play_games(Match(good, SolverPlayer(3), openings), seed=1))
        rows = play_pairing(good, SolverPlayer(3), openings, seed=1)
    assert [row.moves for row in rows] == [len(games[i].board.moves) + len(games[i + 1].board.moves) for i in (0, 2)]


def test_a_size_that_a_program_does_not_play_is_the_users_mistake():
    with program("plays 11x11") as player, pytest.raises(ConfigError, match="plays 11x11 does not play 3x3: it refuses boardsize 3"):
        play_game(player, RandomPlayer(), size=3)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "a GTP player without a command"),
        ("mohex 'unfinished", "the command \"mohex 'unfinished\" makes no sense"),
        ("no-such-program-anywhere --x", "cannot start 'no-such-program-anywhere --x': No such file"),
    ],
)
def test_commands_that_make_no_sense_are_refused(command, message):
    with pytest.raises(ConfigError, match=message):
        GtpPlayer(command).ask(Board(3))


def test_on_windows_a_command_is_left_to_the_program(monkeypatch):
    command = r'"C:\Program Files\mohex.exe" --use-logfile=0 --data="C:\My Books\"'
    assert external._read_command("mohex --data='My Books'") == ["mohex", "--data=My Books"]
    monkeypatch.setattr(sys, "platform", "win32")
    assert external._read_command(f" {command} ") == command
    assert GtpPlayer(command).name == f"gtp:{command}"
    with pytest.raises(ConfigError, match="a GTP player without a command"):
        GtpPlayer("  ")


def test_times_must_be_positive():
    with pytest.raises(ConfigError, match="seconds=0: give a number of seconds above 0"):
        GtpPlayer("mohex", seconds=0)


def test_a_player_travels_as_its_settings():
    with program() as player:
        player.ask(Board(3))
        twin = pickle.loads(pickle.dumps(player))
    assert repr(twin) == repr(player)
    assert twin._program is None


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes by signals")
@pytest.mark.parametrize("ending", ["close", "forget", "crash"])
def test_no_process_is_left_behind(ending, tmp_path):
    file = tmp_path / "child"
    player = GtpPlayer(f'"{sys.executable}" -S "{FAKE}" has children:{file}', seconds=20.0)
    player.ask(Board(3))
    child, own = int(file.read_text()), player._program._process.pid
    assert is_alive(child)
    assert is_alive(own)
    if ending == "close":
        player.close()
    elif ending == "forget":
        del player
        gc.collect()
    else:
        os.kill(own, 9)
        with pytest.raises(Forfeited, match=r"crashed at .* \(exit code -9\)"):
            player.ask(Board(3))
    wait_for_end([child, own])
    assert not is_alive(child)
    assert not is_alive(own)


def test_a_program_that_does_not_quit_is_ended():
    with program("does not quit") as player:
        player.ask(Board(3))
        process = player._program._process
        before = time.monotonic()
        player.close()
    assert time.monotonic() - before < 5
    assert process.returncode is not None


def test_a_program_is_ended_on_windows_also_where_taskkill_is_missing(monkeypatch):
    with program("does not quit") as player:
        player.ask(Board(3))
        process = player._program._process
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setenv("PATH", "")
        player.close()
    assert process.returncode is not None

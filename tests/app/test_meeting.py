"""Two players meet on the command line."""

import io
import pathlib
import re
import sys

import pytest

from hexlab.app import cli
from hexlab.rules import Color, sgf

FAKE = pathlib.Path(__file__).parents[1] / "arena" / "fake_gtp.py"


def program(mode):
    return f'gtp:"{sys.executable}" -S "{FAKE}" {mode}'


def test_every_opening_is_played_with_both_colors_and_kept(capsys, tmp_path):
    path = tmp_path / "games.sgf"
    words = ["match", "--player", "perfect", "--player", "rollouts@4", "--size", "3", "--games", "4", "--seed", "1", "--out", str(path)]
    assert cli.main(words) == 0
    *lines, score = capsys.readouterr().out.splitlines()
    games = sgf.load(path)
    assert len(lines) == len(games) == 4
    assert [game.black for game in games] == ["perfect-3", "rollouts@4"] * 2
    assert games[0].moves[:2] == games[1].moves[:2] != games[2].moves[:2]
    for line, game in zip(lines, games, strict=True):
        winner, loser = (game.black, game.white) if game.winner is Color.BLACK else (game.white, game.black)
        assert line.endswith(f"{' '.join(game.board().moves)}: {winner} ({game.winner}) beats {loser}")
    won = sum((game.winner is Color.BLACK) == (game.black == "perfect-3") for game in games)
    assert re.fullmatch(rf"perfect-3 won {won} of 4 games: [0-9]+%, 95 % interval [0-9]+% to [0-9]+%", score)
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines() == [*lines, score], "the same seed gives the same games"


def test_a_program_loses_by_its_failures_and_the_lines_say_why(capsys, tmp_path):
    path = tmp_path / "games.sgf"
    words = ["match", "--player", program("plays on a stone"), "--player", "random", "--size", "3", "--games", "2", "--out", str(path)]
    assert cli.main(words) == 0
    *lines, score = capsys.readouterr().out.splitlines()
    for line in lines:
        assert re.search(r"random \((Black|White)\) beats gtp:.*, which answered genmove by '..': cannot play '..'", line)
    assert " won 0 of 2 games" in score
    assert all("answered genmove by" in game.comment for game in sgf.load(path))


def test_our_own_engine_plays_in_the_arena_as_its_agent_does(capsys):
    engine = f'gtp:"{sys.executable}" -m hexlab gtp --agent rollouts --simulations 8'
    words = ["match", "--player", "rollouts@8", "--player", engine, "--size", "3", "--games", "4", "--swap"]
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()[:-1]
    moves = [re.match(r" *[0-9]+ ([a-z0-9 -]+):", line)[1] for line in lines]
    assert moves[0] == moves[1]
    assert moves[2] == moves[3]


def test_players_of_one_name_are_told_apart(capsys):
    assert cli.main(["match", "--player", "random", "--player", "random", "--size", "2", "--games", "2"]) == 0
    assert "random (2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--player", "random"], "1 players: give --player twice"),
        (["--player", "random", "--player", "random", "--games", "3"], "--games 3: give an even number"),
        (["--player", "random", "--player", "random", "--size", "1"], "a board of size 1 has no opening"),
        (["--player", "random", "--player", "nobody"], "no agent at 'nobody'"),
        (["--player", "random", "--player", "gtp:"], "a GTP player without a command"),
        (["--player", "random", "--player", "gtp:no-such-program"], "cannot start 'no-such-program'"),
        (["--player", "random", "--player", program("plays 11x11")], "does not play 5x5: it refuses boardsize 5"),
        (["--player", "random", "--player", "random", "--time-limit", "0"], "--time-limit 0.0: give a number above 0"),
    ],
)
def test_mistakes_end_in_one_line(words, said, capsys):
    assert cli.main(["match", *words]) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("\n") == 1


def test_the_size_is_that_of_the_player_with_the_fewest(capsys):
    assert cli.main(["match", "--player", "random", "--player", "pretrained:3@2", "--games", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(r" *[0-9] ([a-c][1-3] ?)+:", line) for line in lines[:-1])


def test_a_person_plays_a_program(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("b2\nresign\n"))
    assert cli.main(["play", "--agent", program("floods stderr"), "--size", "3"]) == 0
    assert "plays a1" in capsys.readouterr().out


def test_a_person_may_swap(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("swap\nresign\n"))
    assert cli.main(["play", "--agent", "random", "--size", "3", "--color", "white", "--swap"]) == 0
    assert "White resigns" in capsys.readouterr().out

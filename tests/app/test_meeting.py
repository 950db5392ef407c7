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


@pytest.mark.parametrize(("players", "bounds"), [(("perfect", "random"), (50, 100)), (("random", "perfect"), (0, 50))])
def test_nobody_takes_more_than_half_of_the_games_of_perfect_play(players, bounds, capsys):
    words = ["match", "--size", "3", "--games", "6", *(word for player in players for word in ("--player", player))]
    assert cli.main(words) == 0
    share, low, high = map(int, re.search(r"games: ([0-9]+)%, 95 % interval ([0-9]+)% to ([0-9]+)%", capsys.readouterr().out).groups())
    assert bounds[0] <= low <= share <= high <= bounds[1]
    assert (low, high) != (0, 100)


def test_equals_are_told_apart_by_no_match(capsys):
    """Every opening split: an interval about one half, that of perfect play up to it."""
    counts = {}
    for player in ("perfect", "rollouts@4"):
        assert cli.main(["match", "--player", player, "--player", player, "--size", "3", "--games", "20"]) == 0
        counts[player] = capsys.readouterr().out.splitlines()[-1]
    assert counts["perfect"].endswith("won 10 of 20 games: 50%, 95 % interval 36% to 50%")
    assert re.search(r"games: 50%, 95 % interval 3[0-9]% to [67][0-9]%$", counts["rollouts@4"])


def test_a_program_loses_by_its_failures_and_the_lines_say_why(capsys, tmp_path):
    path = tmp_path / "games.sgf"
    words = ["match", "--player", program("plays on a stone"), "--player", "random", "--size", "3", "--games", "2", "--out", str(path)]
    assert cli.main(words) == 0
    *lines, score = capsys.readouterr().out.splitlines()
    for line in lines:
        assert re.search(r"random \((Black|White)\) beats gtp:.*, which answered genmove by '..': cannot play '..'", line)
    assert " won 0 of 2 games" in score
    assert all(game.forfeited and "answered genmove by" in game.comment for game in sgf.load(path))


def test_our_own_engine_plays_in_the_arena_as_its_agent_does(capsys):
    engine = f'gtp:"{sys.executable}" -m hexlab gtp --agent rollouts --simulations 8'
    words = ["match", "--player", "rollouts@8", "--player", engine, "--size", "3", "--games", "4", "--swap"]
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()[:-1]
    moves = [re.match(r" *[0-9]+ ([a-z0-9 -]+):", line)[1] for line in lines]
    assert moves[0] == moves[1]
    assert moves[2] == moves[3]


@pytest.fixture
def student(tmp_path, monkeypatch):
    """The file of a player that takes the first free cell."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # in the player's process, which starts faster so
    path = tmp_path / "ada.py"
    path.write_text("def choose_move(board, generator, seconds):\n    return board.legal_moves[0]", encoding="utf-8")
    return str(path)


def test_a_students_file_plays_in_matches(student, capsys):
    assert cli.main(["match", "--player", student, "--player", student, "--size", "2", "--games", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match("  1 [^:]*: ada(| \\(2\\)) \\((Black|White)\\) beats ada(| \\(2\\))$", lines[0])
    assert " of 4 games" in lines[-1]


def test_what_a_students_file_did_wrong_is_told_with_its_lines(student, capsys):
    pathlib.Path(student).write_text("def choose_move(board, generator, seconds):\n    return board.nothing", encoding="utf-8")
    assert cli.main(["match", "--player", student, "--player", "random", "--size", "2", "--games", "2"]) == 0
    heard = capsys.readouterr().out
    assert "beats ada, which raised AttributeError: 'Board' object has no attribute 'nothing'\n      ada.py, line 2, in choose" in heard
    assert "ada won 0 of 2 games" in heard


def test_a_person_plays_a_students_file(student, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("b2\nresign\n"))
    assert cli.main(["play", "--agent", student, "--size", "3"]) == 0
    assert "ada plays a1" in capsys.readouterr().out


def test_the_folder_of_the_games_is_made(tmp_path):
    path = tmp_path / "new" / "games.sgf"
    assert cli.main(["match", "--player", "random", "--player", "random", "--size", "2", "--games", "2", "--out", str(path)]) == 0
    assert len(sgf.load(path)) == 2


def test_players_of_one_name_are_told_apart(capsys):
    assert cli.main(["match", "--player", "random", "--player", "random", "--size", "2", "--games", "2"]) == 0
    assert "random (2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--player", "random"], "1 players: give --player twice"),
        (["--player", "random", "--player", "random", "--games", "3"], "--games 3: give an even number"),
        (["--player", "random", "--player", "random", "--size", "1"], "a board of size 1 has no opening"),
        (["--player", "random", "--player", "random", "--size", "0"], "board size 0 is not supported"),
        (["--player", "random", "--player", "nobody"], "no agent at 'nobody': name a run folder, a parameter file, 'pretrained'"),
        (["--player", "random", "--player", "nobody.py"], "no file 'nobody.py': give a player's Python file"),
        (["--player", "random", "--player", "gtp:"], "a GTP player without a command"),
        (["--player", "random", "--player", "gtp:no-such-program"], "cannot start 'no-such-program'"),
        (["--player", "random", "--player", program("plays 11x11")], "does not play 5x5: it refuses boardsize 5"),
        (["--player", "random", "--player", "random", "--out", "."], ". is a folder: name a file for the games"),
        (["--player", "random", "--player", "random", "--time-limit", "0"], "--time-limit 0.0: give a number above 0"),
    ],
)
def test_mistakes_end_in_one_line(words, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in words else ["--out", str(tmp_path / "new" / "deep" / "games.sgf")]
    assert cli.main(["match", *words, *out]) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("\n") == 1
    assert not list(tmp_path.iterdir()), "a refused match leaves nothing behind"


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

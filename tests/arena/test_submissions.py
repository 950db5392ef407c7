"""Students' players: good ones play, bad ones lose with a reason that teaches, and no process is left behind."""

import json
import re
import subprocess
import sys
import time

import pytest
from process_ends import wait_for_end

from hexlab.arena import RandomPlayer, SubmissionPlayer, check_submission, find_submissions, guest, play_game, read_template
from hexlab.arena.guest import answer_requests
from hexlab.errors import ConfigError
from hexlab.rules import Board, Color


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # in the players' processes, half of whose start is spent on loading kernels


def write(folder, code, name="student"):
    path = folder / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    return path


def ask(path, board, seed=0):
    """Answer as the process of a player would, but here."""
    answers = []
    asked = {"size": board.size, "swap": board.swap, "start": None, "moves": board.moves, "seed": seed, "seconds": 1.0}
    requests = [{"path": str(path)}, asked]
    answer_requests(map(json.dumps, requests), answers.append)
    return answers[-1]


MOVES = {
    "def choose_move(board, generator, seconds): return 'c3'": "c3",
    "def choose_move(board, generator, seconds): return 8": 8,
    "import numpy\ndef choose_move(board, generator, seconds): return numpy.int64(8)": 8,
    "def choose_move(board, generator, seconds): return generator.choice(board.legal_moves)": "b3",
    "class Player:\n    def choose_move(self, board, generator, seconds): return board.legal_moves[0]": "a1",
    "class Player:\n    @staticmethod\n    def choose_move(board, generator, seconds): return str(board.turn)": "White",
    "class Base:\n    def choose_move(self, *all): return 'a2'\nclass Mine(Base):\n    pass": "a2",
    "choose_move = lambda board, *rest: board.moves[-1]": "b2",
}


@pytest.mark.parametrize("code", MOVES)
def test_functions_and_classes_choose_moves(code, tmp_path):
    assert ask(write(tmp_path, code), Board.from_moves("b2", size=3)) == {"move": MOVES[code], "touched": False}


def test_a_changed_board_is_noticed(tmp_path):
    path = write(tmp_path, "def choose_move(board, generator, seconds):\n    board.push('a1')\n    return 'a1'")
    assert ask(path, Board(3)) == {"move": "a1", "touched": True}


FAULTS = {
    "": r"has neither a function choose_move\(board, generator, seconds\) nor a class with such a method$",
    "def chose_move(board, generator, seconds): pass": ".*: is chose_move meant to be it",
    "class Bot:\n    def choosemove(self, board): pass": ".*: is choosemove meant to be it",
    "def choose_move(board): pass": r"defines choose_move\(board\), but it is called as choose_move\(board, generator, seconds\)",
    "class Bot:\n    def choose_move(board, generator, seconds): pass": r"defines Bot.choose_move\(board, generator, seconds\), but",
    "class Bot:\n    def __init__(self, depth): pass\n    def choose_move(self, *all): pass": r"defines Bot\(depth\), but .* as Bot\(\)",
    "class A:\n    def choose_move(self, *all): pass\nclass B:\n    def choose_move(self, *all): pass": "has several classes .* A and B",
    "def choose_move(board, generator, seconds):\n    retrun 3": "is not Python: invalid syntax in line 2\n    retrun 3",
    "import no_such_module": r"raised ModuleNotFoundError: No module named 'no_such_module'\n  student.py, line 1, in <module>",
    "def choose_move(board, generator, seconds):\n    pass": r"answered None, which is no move: .*does every path .* end in a return\?",
    "def choose_move(board, generator, seconds): return (1, 2)": r"answered \(1, 2\), which is no move: .*row \* board.size \+ column",
    "def choose_move(board, generator, seconds): return 2.0": "answered 2.0, which is no move",
    "def choose_move(board, generator, seconds): return True": "answered True, which is no move",
    "def choose_move(board, generator, seconds): return 'c' * 10**6": r"answered 'c+\.\.\., which is no move",
    "def choose_move(board, generator, seconds): return 10**9": "answered 1000000000, which is no move",
    "def choose_move(board, generator, seconds): return 10**9999": "raised ValueError: Exceeds the limit",
    "class Odd:\n    def __repr__(self): 1 / 0\ndef choose_move(*all): return Odd()": "raised ZeroDivisionError: .*\n.* in __repr__",
    "def choose_move(board, generator, seconds): exit()": r"left by exit\(\)",
    "def pick(moves):\n    return moves[99]\ndef choose_move(board, generator, seconds):\n    return pick([])": (
        r"raised IndexError: list index out of range\n"
        r"  student.py, line 4, in choose_move\n    return pick\(\[\]\)\n"
        r"  student.py, line 2, in pick\n    return moves\[99\]$"
    ),
    "def choose_move(board, *rest):\n    board.push('z9')": "raised IllegalMoveError: .*\n  student.py, line 2, in choose_move",
    "def choose_move(board, *rest):\n    return choose_move(board, *rest)": "raised RecursionError: ",
    "class Bot:\n    def __init__(self):\n        1 / 0\n    def choose_move(self, *all): pass": "raised ZeroDivisionError: .*\n.* line 3",
}


@pytest.mark.parametrize("code", FAULTS)
def test_faults_are_told_in_plain_words(code, tmp_path):
    assert re.match(FAULTS[code], ask(write(tmp_path, code), Board(3))["fault"])


def test_a_file_in_another_encoding_is_told_to_be_saved_anew(tmp_path):
    path = tmp_path / "student.py"
    path.write_text("def choose_move(board, generator, seconds): return 'a1'", encoding="utf-16")
    assert ask(path, Board(3)) == {"fault": "is not saved as UTF-8, as Python expects: save it anew in that encoding"}


SWAPPER = """
def choose_move(board, generator, seconds):
    if board.can_swap:
        board.push("swap-pieces")
        assert board.pop() == "swap-pieces"
        return "Swap-Pieces"
    assert len(board.legal_moves) == board.size**2 - len(board.moves) + ("swap-pieces" in board.moves)
    return board.legal_moves[0]
"""


def test_a_player_may_swap_where_the_rule_holds(tmp_path):
    with SubmissionPlayer(write(tmp_path, SWAPPER), seconds=20.0) as player:
        game = play_game(RandomPlayer(), player, size=3, opening="a2", swap=True)
        assert (game.board.moves[:2], game.forfeit) == (("a2", "swap-pieces"), "")
        assert play_game(RandomPlayer(), player, size=3, opening="a2").forfeit == ""
    with SubmissionPlayer(write(tmp_path, SWAPPER.replace("board.can_swap", "True")), seconds=20.0) as player:
        game = play_game(RandomPlayer(), player, size=3, opening="a2")
    assert game.forfeit.startswith("raised IllegalMoveError: cannot play 'swap-pieces': this game is played without the swap rule")


def test_an_object_plays_one_game(tmp_path):
    code = """
count = 0
class Player:
    def __init__(self):
        self.asked = 0
    def choose_move(self, board, generator, seconds):
        global count
        self.asked += 1
        count += 1
        assert self.asked == count == len(board.moves) // 2 + 1, (self.asked, count)
        return board.legal_moves[0]
"""
    with SubmissionPlayer(write(tmp_path, code), seconds=20.0) as player:
        games = [play_game(*pair, size=3, seed=seed) for seed in (0, 1) for pair in ((player, RandomPlayer()), (RandomPlayer(), player))]
        assert [game.forfeit for game in games] == [""] * 4
        again = play_game(player, RandomPlayer(), size=3, seed=0)
    assert again.board.moves == games[0].board.moves


def test_the_template_plays_and_wins_where_it_can(tmp_path):
    with SubmissionPlayer(write(tmp_path, read_template()), seconds=20.0) as player:
        assert play_game(player, RandomPlayer(), size=4).forfeit == ""
        assert player.ask(Board.from_moves("b1 a1", size=2)) == 2
        assert player._watched == player._process.pid or sys.platform == "win32"
        assert player.ask(Board.from_text("B W / . .", turn=Color.WHITE)) == 2
    assert not list(tmp_path.glob("__pycache__"))


BAD = {
    "import os\ndef choose_move(*all):\n    os.write(2, b'out of cheese')\n    os._exit(3)": r"crashed: .*exit code 3\)\n  out of cheese",
    "def choose_move(*all):\n    while True: pass": "took longer than the 0.5 s it has for a move",
    "def choose_move(*all):\n    while True: print('hello' * 1000)": "printed more than 1,000,000 characters in one game",
    "def choose_move(*all):\n    kept = []\n    while True: kept.append(b'x' * 10**7)": "took [0-9]{3} MB of memory, of the 400 MB it has",
    "import os\ndef choose_move(*all):\n    os.write(4, b'{}\\n')": "disturbed the talk between its process and the tournament",
    "def choose_move(*all): raise ValueError('\\ud800 \\x1b[2J')": r"raised ValueError: \? \?\[2J\n",
    "def choose_move(board, *rest):\n    board.push('a1')\n    return 'b2'": r"played 'b2': .*Black has a stone there.*\n\(it had changed",
}


@pytest.mark.parametrize("code", BAD)
def test_bad_players_lose_with_a_reason(code, tmp_path):
    with SubmissionPlayer(write(tmp_path, code), seconds=20.0 if "took longer" not in BAD[code] else 0.5, megabytes=400) as player:
        game = play_game(RandomPlayer(), player, size=3, opening="b2")
    assert game.winner is Color.BLACK
    assert re.match(BAD[code], game.forfeit)


def test_a_game_does_not_hang_on_a_forfeit_before_it(tmp_path):
    code = """
import hexlab
def choose_move(board, generator, seconds):
    while board.turn == hexlab.Color.BLACK: print("hello" * 1000)
    return board.legal_moves[0]
"""
    with SubmissionPlayer(write(tmp_path, code), seconds=20.0) as player:
        assert play_game(player, RandomPlayer(), size=3).forfeit.startswith("printed more than")
        assert play_game(RandomPlayer(), player, size=3).forfeit == ""


FAMILY = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
children = [subprocess.Popen(sleep, start_new_session=apart).pid for apart in (False, sys.platform == "linux")]
with open({file!r}, "w") as file:
    print(os.getpid(), *children, sep="\\n", file=file)
def choose_move(board, generator, seconds):
    while len(board.moves) % 2 == {stuck}: pass
    return board.legal_moves[0]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes by signals")
@pytest.mark.parametrize("ending", ["closed", "forfeits", "tournament is killed"])
def test_no_process_is_left_behind(ending, tmp_path):
    file = tmp_path / "processes"
    path = write(tmp_path, FAMILY.format(file=str(file), stuck=2 if ending == "closed" else 0))
    if ending == "tournament is killed":
        code = f"from hexlab.arena import *; from hexlab.rules import *; SubmissionPlayer({str(path)!r}, 60).ask(Board(3))"
        with subprocess.Popen([sys.executable, "-c", code]) as tournament:
            while not file.exists() or file.read_text().count("\n") < 3:
                time.sleep(0.02)
            tournament.kill()
    else:
        with SubmissionPlayer(path, seconds=20.0 if ending == "closed" else 2.0) as player:
            game = play_game(player, RandomPlayer(), size=3)
            assert ("took longer" in game.forfeit) == (ending == "forfeits")
    processes = list(map(int, file.read_text().split()))
    assert len(set(processes)) == 3
    assert wait_for_end(processes)


def test_on_windows_a_player_ends_with_its_children_by_the_means_there(monkeypatch):
    """There are neither process groups nor SIGKILL: the functions that need them are taken away here."""
    asked = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "run", lambda command, **settings: asked.append(command))
    monkeypatch.setattr(guest.os, "_exit", lambda status: asked.append(status))
    for absent in ("killpg", "getpgrp", "kill"):
        monkeypatch.delattr(guest.os, absent, raising=False)
    monkeypatch.delattr(guest.signal, "SIGKILL", raising=False)
    guest._leave()
    assert asked == [["taskkill", "/T", "/F", "/PID", str(guest.os.getpid())], 0]


def test_the_check_says_what_is_good_and_what_is_bad(tmp_path):
    code = "import random\ndef choose_move(board, generator, seconds):\n    print('hm')\n    return random.choice(board.legal_moves)"
    found = [str(finding) for finding in check_submission(write(tmp_path, code, "dicey"), sizes=(5,), seconds=20.0)]
    expected = [
        "ok    found the function choose_move",
        "ok    5x5: two games to their ends, every move legal",
        "note  the same game with the same generator went otherwise: after .* it played [a-e][1-5] once and [a-e][1-5] the other time",
        r"note  it prints, up to \d+ characters in a game",
        r"ok    slowest move: \d+\.\d\d s, of the 20 s it has",
        r"ok    won \d of 2 games against random play",
    ]
    for text, pattern in zip(found, expected, strict=True):
        assert re.match(pattern, text)

    swapping = [str(finding) for finding in check_submission(write(tmp_path, SWAPPER), sizes=(3,), seconds=20.0, swap=True)]
    assert "ok    3x3: two games to their ends, every move legal" in swapping

    moody = f"""
import pathlib
loads = pathlib.Path({str(tmp_path / "loads")!r})
loads.write_text(loads.read_text() + "x" if loads.exists() else "x")
def choose_move(board, generator, seconds):
    if len(loads.read_text()) > 3:
        raise RuntimeError("again?")
    return board.legal_moves[0]
"""
    found = [str(finding) for finding in check_submission(write(tmp_path, moody, "moody"), sizes=(3,), seconds=20.0)]
    assert any(re.match(r"BAD   moody.py raised RuntimeError: again\?", text) for text in found)
    assert not any("3x3: two games to their ends" in text for text in found)

    code = "def choose_move(board, generator, seconds):\n    return 'a1'"
    bad = [finding for finding in check_submission(write(tmp_path, code, "stubborn"), sizes=(3,), seconds=20.0) if finding.kind == "bad"]
    assert re.match(r"stubborn.py played 'a1': cannot play 'a1': Black has a stone there", bad[0].text)
    assert "(as Black on 3x3, after: a1 " in bad[0].text


def test_mistakes_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no file 'nowhere"):
        SubmissionPlayer("nowhere.py")
    with pytest.raises(ConfigError, match="seconds=0"):
        SubmissionPlayer(write(tmp_path, ""), seconds=0)
    with pytest.raises(ConfigError, match="no folder 'nowhere'"):
        find_submissions("nowhere")
    (tmp_path / "student.py").rename(tmp_path / "_helper.py")
    with pytest.raises(ConfigError, match="no players in"):
        find_submissions(tmp_path)

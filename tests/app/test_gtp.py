"""The engine as other programs meet it: what they send, in their order, and what they require of the answers."""

import re
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hexlab
from hexlab import arena, mcts
from hexlab.app import cli, gtp
from hexlab.app.agents import Agent, find_agent
from hexlab.rules import Board, Color, sgf

WELL_FORMED = re.compile(r"[=?][0-9]* [^\n]*\n([^\n]+\n)*\n")


def searcher(simulations=12, evaluator=None, sizes=(1, 2, 3, 4, 5)):
    judge = evaluator or mcts.uniform()
    return Agent("searcher", sizes, lambda size: arena.SearchPlayer(judge, simulations, name=f"searcher@{simulations}"))


def answer(engine, line):
    """Return the text of a reply that must be granted."""
    reply = engine.answer(line)
    assert WELL_FORMED.fullmatch(reply), repr(reply)
    assert reply.startswith("="), reply
    return reply[1:].strip("\n").removeprefix(" ")


def refusal(engine, line):
    reply = engine.answer(line)
    assert WELL_FORMED.fullmatch(reply), repr(reply)
    assert reply.startswith("?"), reply
    return reply[1:].strip()


def talk(engine, text):
    """Send the lines behind ``>``; those behind ``<`` must come back, where ``...`` is any text, and as a line any lines."""
    for block in re.split(r"(?m)^> ", text.strip())[1:]:
        sent, *expected = block.strip("\n").split("\n")
        reply = engine.answer(sent)
        wanted = "\n".join(line.removeprefix("<").strip() for line in expected)
        pattern = re.escape(wanted).replace(re.escape("\n..."), "(\n.*)*").replace(re.escape("..."), "[^\n]*")
        assert WELL_FORMED.fullmatch(reply), repr(reply)
        assert re.fullmatch(pattern, "\n".join(line.strip() for line in reply.strip().split("\n"))), f"{sent}: {reply!r}"


def test_what_hexgui_sends_on_connecting_and_in_a_game():
    """The fork of P. Selinger: clear_board behind every size and before a replay, dfpn-solve-state before gogui-gfx-analyze.

    It connects with a board of 11x11, learns that the size is not supported, and its user chooses 3x3.
    """
    engine = gtp.Engine(find_agent("perfect", 1))
    talk(
        engine,
        """
> name
< = hexlab
> version
< = ...
> hexgui-analyze_commands
< = none/Watch the Search/gogui-gfx-analyze %m
< pspairs/Policy of the Network/hexlab-policy %m
< pspairs/Visits of the Search/hexlab-visits %m
< pspairs/Win Rates of the Search/hexlab-win-rates %m
< var/Principal Variation/hexlab-variation %m
< string/Value/hexlab-value %m
< string/Winner by Perfect Play/hexlab-solve %m
< plist/Winning Moves by Perfect Play/hexlab-winning-moves %m
< varc/Move without Playing/reg_genmove %c
< plist/All Legal Moves/all_legal_moves %c
< string/Final Score/final_score
< string/Show Board/showboard
< param/Search/param_search
< param/Game/param_game
> boardsize 11 11
< ? unacceptable size: perfect plays 1x1 to 6x6, not 11x11
> clear_board
< =
> clear_board
< =
> showboard
< =
...
> boardsize 3 3
< =
> clear_board
< =
> play black b2
< =
> showboard
< =
< a b c
< 1 . . . 1
< 2 .[B]. 2
< 3 . . . 3
< a b c
< Black (B) joins top and bottom, White (W) left and right. White to move.
> genmove white
< = ...
> undo
< =
> undo
< =
> undo
< =
> param_dfpn use_guifx 1
< ? unknown command
> dfpn-solve-state black
< ? unknown command
> vc-build black
< ? unknown command
> quit
< =
""",
    )
    assert engine.finished


def test_what_the_older_hexgui_sends_on_connecting_and_in_a_game():
    """The fork of R. Hayward: boardsize alone begins a game, the moves so far follow, and nothing is asked when a solve fails."""
    engine = gtp.Engine(find_agent("perfect", 1), size=3)
    talk(
        engine,
        """
> name
< = hexlab
> version
< = ...
> hexgui-analyze_commands
< = none/Watch the Search/gogui-gfx-analyze %m
...
> boardsize 3 3
< =
> play black a3
< =
> play white b2
< =
> showboard
< =
< a b c
< 1 . . . 1
< 2 .[W]. 2
< 3 B . . 3
< a b c
...
> genmove black
< = ...
> param_dfpn use_guifx 1
< ? unknown command
> dfpn-solve-state white
< ? unknown command
> boardsize 3 3
< =
> all_legal_moves black
< = a1 b1 c1 a2 b2 c2 a3 b3 c3
""",
    )


def test_hexgui_sets_a_position_up_after_a_swap_as_stones_in_any_order():
    engine = gtp.Engine(find_agent("perfect", 1), size=3)
    talk(
        engine,
        """
> boardsize 3 3
< =
> clear_board
< =
> play white c1
< =
> play black b2
< =
> play black a3
< =
> genmove white
< = ...
""",
    )


def test_a_game_of_benzenes_tournament_ends_by_resign_alone():
    """As tournament/gameplayer.py plays it, between two engines that are told of each other's moves."""
    agent = searcher(simulations=20)
    black, white = gtp.Engine(agent), gtp.Engine(agent)
    for engine in (black, white):
        assert answer(engine, "boardsize 4 4") == ""
        assert answer(engine, "name") + answer(engine, "version")
        assert answer(engine, "play b a1") == ""
        assert answer(engine, "showboard")
    movers, moves = [(white, black, "w"), (black, white, "b")], ["a1"]
    while moves[-1] != "resign":
        mover, other, color = movers[(len(moves) + 1) % 2]
        moves.append(answer(mover, f"genmove {color}").strip().lower())
        assert answer(other, f"play {color} {moves[-1]}") == ""
        assert answer(black, "showboard")
        assert answer(black, "time_left") == "Black: no limit, White: no limit"
    winner = Board.from_moves(moves[:-1], size=4).winner
    assert winner is not None
    assert answer(black, "final_score") == answer(white, "final_score") == f"{'BW'[winner]}+"


def test_what_the_bot_of_little_golem_sends():
    engine = gtp.Engine(find_agent("perfect", 1))
    for line in ("boardsize 4", "param_game allow_swap 1", "play-game A1 D4 B2", "showboard"):
        answer(engine, line)
    assert engine.answer("param_game on_little_golem 1").startswith("? unknown parameter")
    assert answer(engine, "genmove w") in Board.from_moves("a1 d4 b2", size=4).legal_moves


def test_housekeeping():
    engine = gtp.Engine(find_agent("random", 1), size=3)
    assert answer(engine, "protocol_version") == "2"
    assert answer(engine, "version") == f"{hexlab.__version__} random"
    commands = answer(engine, "list_commands").split("\n")
    required = (
        "protocol_version name version list_commands known_command boardsize clear_board play genmove reg_genmove undo showboard"
        " final_score all_legal_moves loadsgf time_left set_random_seed hexgui-analyze_commands gogui-gfx-analyze quit"
    )
    for name in required.split():
        assert name in commands
        assert answer(engine, f"known_command {name}") == "true"
    assert answer(engine, "known_command dfpn-solve-state") == "false"
    for line in answer(engine, "hexgui-analyze_commands").split("\n"):
        assert re.fullmatch(r"[a-z]+/[^/]+/[^/]+", line)
        assert line.split("/")[2].split()[0] in commands


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("10 name", "=10 hexlab\n\n"),
        ("  007\tname  # who?", "=007 hexlab\n\n"),
        ("2147483647 name#who?", "=2147483647 hexlab\n\n"),
        ('loadsgf "#1.sgf"', "? [Errno 2] No such file or directory: '#1.sgf'\n\n"),
        ("", None),
        ("   \t", None),
        ("# a comment", None),
        ("12", "?12 unknown command\n\n"),
        ("12 conquer", "?12 unknown command\n\n"),
        ("NAME", "? unknown command\n\n"),
        ("na\x00me", "= hexlab\n\n"),
        ("name please", "? name takes no arguments\n\n"),
        ("play b", "? play takes a color and a move\n\n"),
        ("play green a1", "? 'green' is no color: expected black or white, b or w\n\n"),
        ("play White A1", "? illegal move: white a1 (occupied)\n\n"),
        ("play w d1", "? illegal move: white d1 (cell 'd1' is off the board: a 3x3 board runs from a1 to c3)\n\n"),
        ("play w pass", "? illegal move: white pass ('pass' is not a cell: write a column letter and a row number, such as 'c3')\n\n"),
        ("play w swap-pieces", "? illegal move: white swap-pieces (the swap rule is off)\n\n"),
        ("boardsize", "? boardsize takes one number, or two that are alike\n\n"),
        ("boardsize 3 4", "? unacceptable size: boards are square, not 3x4\n\n"),
        ("boardsize 0", "? unacceptable size: random plays 1x1 to 19x19, not 0x0\n\n"),
        ("boardsize 99999999999999999999", "? '99999999999999999999': expected a whole number from 0 to 2147483647\n\n"),
        ("set_random_seed 2147483647", "= \n\n"),
        ("set_random_seed 2147483648", "? '2147483648': expected a whole number from 0 to 2147483647\n\n"),
        ("set_random_seed -1", "? '-1': expected a whole number from 0 to 2147483647\n\n"),
        ("time_left b soon", "? 'soon': expected seconds, from 0 to 2147483647\n\n"),
        ("time_left b 2147483647 0", "= \n\n"),
        ("time_left b 2147483647.5", "? '2147483647.5': expected seconds, from 0 to 2147483647\n\n"),
        ("hexlab-visits", "? random does not search\n\n"),
    ],
)
def test_lines_and_their_replies(line, reply):
    engine = gtp.Engine(find_agent("random", 1), size=3)
    engine.answer("play b a1")
    assert engine.answer(line) == reply


def test_a_refused_size_leaves_the_game_as_it_is():
    engine = gtp.Engine(find_agent("pretrained:3", 4))
    answer(engine, "play b b2")
    assert refusal(engine, "boardsize 7") == "unacceptable size: pretrained:3 plays 3x3, not 7x7"
    assert "[B]" in answer(engine, "showboard")


def test_any_color_may_play_any_number_of_stones_and_also_after_the_end():
    engine = gtp.Engine(find_agent("perfect", 1), size=2)
    for stone in ("b b1", "b a2"):
        answer(engine, f"play {stone}")
    assert answer(engine, "final_score") == "B+"
    assert answer(engine, "genmove w") == answer(engine, "reg_genmove b") == "resign"
    answer(engine, "play w a1")
    assert answer(engine, "all_legal_moves") == "b2"
    assert "Black has won" in answer(engine, "showboard")
    answer(engine, "undo")
    answer(engine, "undo")
    assert answer(engine, "final_score") == "cannot score"
    assert answer(engine, "genmove w") in ("a1", "a2", "b2")


def test_resigning_ends_the_game_and_can_be_taken_back():
    engine = gtp.Engine(find_agent("random", 1), size=2)
    answer(engine, "play b resign")
    assert (answer(engine, "final_score"), answer(engine, "genmove w")) == ("W+", "resign")
    assert "Black" in answer(engine, "showboard")
    answer(engine, "undo")
    assert answer(engine, "final_score") == "cannot score"


def test_reg_genmove_does_not_play():
    engine = gtp.Engine(find_agent("random", 1), size=5)
    assert answer(engine, "reg_genmove b") == answer(engine, "reg_genmove b")
    assert answer(engine, "all_legal_moves").count(" ") == 24


def test_seeds_tell_random_games_apart_and_repeat_them():
    def play(seed):
        engine = gtp.Engine(find_agent("random", 1), size=5)
        answer(engine, f"set_random_seed {seed}")
        assert answer(engine, "get_random_seed") == str(seed)
        return [answer(engine, f"genmove {color}") for color in "bwbw"]

    assert play(1) == play(1) != play(2)
    assert play(2**31 - 1) == play(2**31 - 1) != play(2**31 - 2)


def test_without_a_clock_the_engine_plays_as_its_agent_does_in_the_arena():
    player = arena.SearchPlayer(mcts.rollouts(games=4), 40, name="rollouts")
    engine = gtp.Engine(Agent("rollouts", (4,), lambda size: player))
    board = Board(4)
    while board.winner is None:
        move = answer(engine, f"genmove {board.turn}")
        assert board.to_cell(move) == arena.choose_move(player, board, seed=0)
        board.push(move)


class Clockwork:
    """A clock that an evaluation sets forward, in place of the machine's."""

    def __init__(self, monkeypatch, seconds=0.001):
        self.now = 0.0
        monkeypatch.setattr(gtp.time, "monotonic", lambda: self.now)
        self._seconds = seconds

    def __call__(self, boards):
        self.now += self._seconds
        return mcts.uniform()(boards)


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.0])
def test_seconds_per_move_are_kept_and_used(monkeypatch, seconds):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5, seconds_per_move=seconds)
    for color in "bwb":
        before = clock.now
        answer(engine, f"genmove {color}")
        assert 0.5 * seconds < clock.now - before <= seconds


def test_simulations_bound_a_move_that_has_time_left(monkeypatch):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5, simulations=30, seconds_per_move=10.0)
    before = clock.now
    answer(engine, "genmove b")
    assert clock.now - before == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("agent", "flags", "name", "spent"),
    [
        ("rollouts", [], "rollouts@256", 256),
        ("rollouts", ["--simulations", "30"], "rollouts@30", 30),
        ("rollouts@8", [], "rollouts@8", 8),
        ("rollouts@8", ["--simulations", "30"], "rollouts@8", 8),
        ("rollouts@8", ["--seconds-per-move", "10"], "rollouts@8", 8),
        ("rollouts", ["--simulations", "30", "--seconds-per-move", "10"], "rollouts@30", 30),
        ("rollouts", ["--seconds-per-move", "0.5"], "rollouts", 500 // 16 * 16),
    ],
)
def test_an_agent_that_says_its_simulations_takes_them_and_the_version_tells(monkeypatch, agent, flags, name, spent):
    """As `hexlab play` and `hexlab match` have it: ``--simulations`` is for agents that do not say their own."""
    clock, engines = Clockwork(monkeypatch), []
    monkeypatch.setattr(mcts, "rollouts", lambda games: clock)
    monkeypatch.setattr(gtp, "answer_process", lambda make, log: engines.append(make()))
    assert cli.main(["gtp", "--agent", agent, *flags]) == 0
    (engine,) = engines
    before = clock.now
    answer(engine, "reg_genmove black")
    assert clock.now - before == pytest.approx(spent / 1000)
    assert answer(engine, "version") == f"{hexlab.__version__} {name}"


def test_the_version_follows_what_is_set():
    engine = gtp.Engine(searcher(), size=3)
    named = []
    for line in ("name", "param_search simulations 5", "param_search simulations 0", "time_settings 9 0 0", "param_search simulations 7"):
        answer(engine, line)
        named.append(answer(engine, "version").split()[-1])
    assert named == ["searcher@12", "searcher@5", "searcher@12", "searcher", "searcher@7"]


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5, 2.0])
def test_an_opening_by_the_swap_rule_keeps_to_the_clock(monkeypatch, seconds):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=4, swap=True)
    answer(engine, f"time_left black {seconds} 1")
    before = clock.now
    assert answer(engine, "genmove black") in Board(4).legal_moves
    assert 0.2 * seconds < clock.now - before <= max(0.9 * seconds, 0.001)


def test_an_opening_by_the_swap_rule_takes_the_simulations_that_are_set(monkeypatch):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=4, swap=True)
    answer(engine, f"param_search simulations {5 * 16}")
    before = clock.now
    answer(engine, "reg_genmove black")
    assert clock.now - before == pytest.approx(0.005)


def test_a_game_clock_lasts_for_the_game(monkeypatch):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=4)
    answer(engine, "time_settings 3 0 1")
    spent = []
    for ply in range(16):
        color = Color(ply % 2)
        before, left = clock.now, float(answer(engine, f"time_left {color}"))
        if answer(engine, f"genmove {color}") == "resign":
            break
        spent.append(clock.now - before)
        assert float(answer(engine, f"time_left {color}")) == pytest.approx(left - spent[-1], abs=0.11)
    assert sum(spent[::2]) < 3
    assert sum(spent[1::2]) < 3
    assert spent[0] > 0.2
    answer(engine, "clear_board")
    assert answer(engine, "time_left") == "Black: 3.0, White: 3.0"


def test_the_less_time_is_left_the_shorter_the_search(monkeypatch):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5)
    spent = []
    for left in ("60", "6", "0.6", "0"):
        answer(engine, "clear_board")
        answer(engine, f"time_left black {left} 0")
        before = clock.now
        answer(engine, "genmove black")
        spent.append(clock.now - before)
    assert spent == sorted(spent, reverse=True)
    assert spent[-1] < 0.017
    answer(engine, "time_left black 1 5")
    before = clock.now
    answer(engine, "reg_genmove black")
    assert 0.1 < clock.now - before < 0.2


def test_time_settings_without_a_limit(monkeypatch):
    engine = gtp.Engine(searcher())
    answer(engine, "time_settings 10 0 0")
    assert answer(engine, "time_left") == "Black: 10.0, White: 10.0"
    answer(engine, "time_settings 0 1 0")
    assert answer(engine, "time_left") == "Black: no limit, White: no limit"


@pytest.mark.parametrize("told", [True, False], ids=["told before each move", "told nothing more"])
def test_canadian_byo_yomi_is_kept_and_used(monkeypatch, told):
    """GTP 2: 30 s for every 5 moves once 2 s of main time are used up; ``time_left`` says what is left of the period, and for how many."""
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5)
    answer(engine, "time_settings 2 30 5")
    before = clock.now
    answer(engine, "genmove black")
    assert clock.now - before <= 2 + 30 / 5
    answer(engine, "time_left black 0 0")
    period = []
    for moves in range(5, 0, -1):
        if told:
            answer(engine, f"time_left black {30 - sum(period):.3f} {moves}")
        before = clock.now
        answer(engine, "reg_genmove black")
        period.append(clock.now - before)
    assert 0.5 * 30 < sum(period) <= 30


@pytest.mark.parametrize("new", ["param_game game_time 10", "time_settings 10 0 0"])
def test_a_new_clock_has_nothing_of_the_one_before(monkeypatch, new):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5)
    answer(engine, "time_settings 0 30 5")
    answer(engine, new)
    for line in ("clear_board", "time_left black 10 0"):
        answer(engine, line)
        before = clock.now
        answer(engine, "reg_genmove black")
        assert 1 < clock.now - before <= 10 / (2 + 25 // 4)


def test_with_a_clock_search_goes_on_from_the_move_before(monkeypatch):
    clock = Clockwork(monkeypatch)
    engine = gtp.Engine(searcher(evaluator=clock), size=5, seconds_per_move=0.5)
    move = answer(engine, "genmove b")
    known = next(child.visits for child in engine._tree.children() if child.move == move)
    found = engine._think(Board.from_moves([move], 5), Color.WHITE)
    assert known > 10
    assert sum(found.visits.values()) == known - 1 + 496


def test_a_search_is_shown_as_hexgui_draws_it():
    """HexGui reads words behind ``kata``: info, move, visits, winrate, scoreLead, order; each block ends in an empty line."""
    engine, blocks = gtp.Engine(searcher(evaluator=mcts.rollouts(games=2)), size=4), []
    engine.emit = blocks.append
    answer(engine, "param_search analyze_seconds 0.35")
    answer(engine, "gogui-gfx-analyze black")
    assert len(blocks) >= 2
    info = r"info move [a-d][1-4] visits [0-9]+ winrate (0\.[0-9]+|1\.0+) scoreLead 0 order [0-9]+"
    for block in blocks:
        assert re.fullmatch(rf"gogui-gfx: kata {info}( {info})*\n\n", block), block
        assert " order 0 " in f"{block} "
    best = re.search("move (..) .* order 0( |\n)", blocks[-1].split(" order 1")[0] + " ")
    assert best[1] in Board(4).legal_moves


def test_an_interrupt_ends_the_search_that_goes_on_and_no_other():
    engine, replies, shown = gtp.Engine(searcher(), size=5), [], threading.Event()

    def lines():
        yield "1 param_search analyze_seconds 1000"
        yield "# interrupt"
        yield "2 gogui-gfx-analyze black"
        assert shown.wait(60)
        yield "# interrupt"
        yield "3 name"
        yield "# just a comment"
        yield "4 quit"
        pytest.fail("nothing is read behind quit")

    def write(text):
        replies.append(text)
        if text.startswith("gogui"):
            shown.set()

    gtp.answer_all(engine, lines(), write)
    assert [reply for reply in replies if reply[0] in "=?"] == ["=1 \n\n", "=2 \n\n", "=3 hexlab\n\n", "=4 \n\n"]


def test_the_end_of_the_input_ends_the_engine():
    engine, replies = gtp.Engine(find_agent("random", 1), size=2), []
    gtp.answer_all(engine, ["name", "", "genmove b"], replies.append)
    assert len(replies) == 2
    assert not engine.finished


def test_analysis():
    engine = gtp.Engine(Agent("theory", (3,), lambda size: arena.SearchPlayer(mcts.solved(3), 60)))
    answer(engine, "play b b2")
    policy = answer(engine, "hexlab-policy white").split()
    assert policy[::2] == list(Board.from_moves("b2", 3).legal_moves)
    assert sum(map(float, policy[1::2])) == pytest.approx(1, abs=0.01)
    assert answer(engine, "hexlab-solve") == "Black"
    assert answer(engine, "hexlab-winning-moves w") == ""
    assert answer(engine, "hexlab-winning-moves black") != ""
    assert answer(engine, "hexlab-value") == "-1.000, win rate 0.000"
    variation = answer(engine, "hexlab-variation").split()
    Board.from_moves(["b2", *variation], 3)
    visits, rates = answer(engine, "hexlab-visits").split(), answer(engine, "hexlab-win-rates").split()
    assert visits[::2] == rates[::2]
    assert all(0 <= float(rate) <= 1 for rate in rates[1::2])
    answer(engine, "play b b1")
    answer(engine, "play b b3")
    assert refusal(engine, "hexlab-value") == "the game is over"


def test_settings_are_listed_and_changed_as_hexgui_does():
    engine = gtp.Engine(searcher(), size=3)
    assert answer(engine, "param_search") == "\n[string] simulations 12\n[string] seconds_per_move 0\n[string] analyze_seconds 10"
    assert answer(engine, "param_game") == "\n[bool] allow_swap 0\n[string] game_time 0"
    for line in ("param_search simulations 5", "param_search seconds_per_move 0.5", "param_game allow_swap 1", "param_game game_time 60"):
        answer(engine, line)
    assert "simulations 5\n[string] seconds_per_move 0.5\n" in answer(engine, "param_search")
    assert answer(engine, "param_game") == "\n[bool] allow_swap 1\n[string] game_time 60"
    for line in ("param_search colour 1", "param_game komi 7"):
        assert refusal(engine, line).startswith("unknown parameter")


def test_the_swap_rule_is_off_unless_asked_for():
    agent = find_agent("perfect", 1)
    for swap in (False, True):
        engine = gtp.Engine(agent, size=3, swap=swap)
        answer(engine, "play b b2")
        assert ("swap-pieces" in answer(engine, "all_legal_moves w")) == swap
        assert (answer(engine, "genmove w") == "swap-pieces") == swap
    assert "1 . . . 1" in answer(engine, "showboard")
    assert "2 .[W]. 2" not in answer(engine, "showboard")
    assert "2 . W . 2" in answer(engine, "showboard")
    assert answer(engine, "genmove b") in Board.from_moves("b2 swap-pieces", 3, swap=True).legal_moves
    answer(engine, "undo")
    answer(engine, "undo")
    assert "2 .[B]. 2" in answer(engine, "showboard")


def test_search_swaps_by_its_own_value():
    engine = gtp.Engine(Agent("theory", (3,), lambda size: arena.SearchPlayer(mcts.solved(3), 10)), swap=True)
    for opening, swaps in (("a1", False), ("b2", True)):
        answer(engine, "clear_board")
        answer(engine, f"play b {opening}")
        assert (answer(engine, "genmove w") == "swap-pieces") == swaps
    answer(engine, "clear_board")
    assert answer(engine, "genmove b") in Board(3).legal_moves


def test_the_opponents_swap_is_played():
    engine = gtp.Engine(find_agent("perfect", 1), size=3, swap=True)
    answer(engine, "play b a3")
    answer(engine, "play w swap-pieces")
    assert "1 . . W 1" in answer(engine, "showboard")
    assert refusal(engine, "play w swap-pieces") == "illegal move: white swap-pieces (not now)"


def test_games_are_loaded(tmp_path):
    path = tmp_path / "two words.sgf"
    path.write_text(sgf.write(sgf.Game(4, "a3 swap-pieces b2 c3", winner=Color.WHITE)), encoding="utf-8")
    engine = gtp.Engine(find_agent("perfect", 1), size=3)
    answer(engine, f'loadsgf "{path}"')
    assert answer(engine, "all_legal_moves").count(" ") == 16 - 3 - 1
    assert answer(engine, "final_score") == "cannot score"
    answer(engine, f'loadsgf "{path}" 1')
    assert answer(engine, "all_legal_moves").count(" ") == 14
    path.write_text("(;GM[11]SZ[3]AB[b2]AW[a1][a2];B[c1](;W[c2])(;W[b1]))", encoding="utf-8")
    assert answer(engine, f'loadsgf "{path}"') == "variations left out: 1"
    assert answer(engine, "all_legal_moves") == "b1 a3 b3 c3"
    path.write_text("(;GM[11]SZ[9])", encoding="utf-8")
    assert refusal(engine, f'loadsgf "{path}"') == "unacceptable size: perfect plays 1x1 to 6x6, not 9x9"
    assert "No such file" in refusal(engine, "loadsgf nowhere.sgf")
    assert "this is no SGF" in refusal(engine, f'loadsgf "{__file__}"')


def test_what_follows_benzene_where_gtp_has_it_otherwise(tmp_path):
    path = tmp_path / "game.sgf"
    path.write_text(sgf.write(sgf.Game(3, "a1 b2 c3")), encoding="utf-8")
    engine = gtp.Engine(find_agent("random", 1), size=3)
    answer(engine, f'loadsgf "{path}" 2')
    assert answer(engine, "all_legal_moves") == "b1 c1 a2 c2 a3 b3 c3", "two moves are played"
    for _ in range(3):
        assert answer(engine, "undo") == ""
    assert answer(engine, "all_legal_moves").count(" ") == 8


def test_files_of_commands_are_executed(tmp_path):
    path = tmp_path / "setup.htp"
    path.write_text("# a set-up\nboardsize 3\n\nplay b b2\n", encoding="utf-8")
    engine = gtp.Engine(find_agent("perfect", 1))
    answer(engine, f"exec {path}")
    assert "2 .[B]. 2" in answer(engine, "showboard")
    path.write_text(f"boardsize 3\nexec {path}\n", encoding="utf-8")
    assert "cannot execute another one" in refusal(engine, f"exec {path}")
    path.write_text("play b z9\n", encoding="utf-8")
    assert "'play b z9': illegal move" in refusal(engine, f"exec {path}")


def test_a_defect_is_a_refusal_with_its_traceback_on_stderr(capsys):
    def judge(boards):
        raise ZeroDivisionError("planted")

    engine = gtp.Engine(Agent("broken", (1,), lambda size: arena.SearchPlayer(judge, 4)))
    assert refusal(engine, "genmove b") == "genmove failed: see the messages on stderr"
    assert "ZeroDivisionError: planted" in capsys.readouterr().err


def run(*words, lines, check=True):
    text = "".join(f"{line}\n" for line in lines)
    command = [sys.executable, *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", check=check, timeout=120)


def test_the_process_writes_nothing_but_protocol(tmp_path):
    """As Benzene's tournament starts it, with a seed and a log file; JAX and the first compilation run within."""
    log = tmp_path / "hexlab-0.log"
    lines = ["boardsize 3 3", "1 name", "genmove b", "hexlab-policy w", "# interrupt", "junk", "2 quit"]
    words = ["-m", "hexlab", "gtp", "--agent", "pretrained:3", "--simulations", "8", "--seed", "123", "--logfile-name", str(log)]
    done = run(*words, lines=lines)
    replies = re.findall(r"[=?][^\n]*\n\n", done.stdout)
    assert "".join(replies) == done.stdout
    assert [reply.split()[0] for reply in replies] == ["=", "=1", "=", "=", "?", "=2"]
    kept = log.read_text(encoding="utf-8")
    assert re.sub("> .*\n", "", kept) == done.stdout
    assert re.findall("> (.*)\n", kept) == lines


def test_what_others_write_to_stdout_goes_to_stderr():
    code = """
import os
from hexlab.app import gtp
from hexlab.app.agents import find_agent
def make():
    print("hello from Python", flush=True)
    os.write(1, b"hello from below\\n")
    return gtp.Engine(find_agent("random", 1), size=3)
gtp.answer_process(make)
print("after the end")
"""
    done = run("-c", code, lines=["name"])
    assert done.stdout == "= hexlab\n\nafter the end\n"
    assert "hello from Python" in done.stderr
    assert "hello from below" in done.stderr


def test_a_wrong_agent_ends_the_process_in_one_line():
    done = run("-m", "hexlab", "gtp", "--agent", "nowhere", lines=["name"], check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hexlab: no agent at 'nowhere'")


COMMANDS = [line.split()[0] for line in gtp.Engine(find_agent("random", 1), size=1).answer("list_commands")[2:].split("\n") if line]
WORDS = st.one_of(
    st.sampled_from([name for name in COMMANDS if name not in ("quit", "exec")]),
    st.sampled_from(["b", "w", "black", "White", "a1", "b2", "C3", "d4", "z26", "swap-pieces", "resign", "pass", "allow_swap", "1", "0"]),
    st.sampled_from(["2", "3", "4", "99", "-1", "1e9", "nan", "simulations", "game_time", '"', "#", "\t", "%c", "é", "\x7f"]),
    st.text(max_size=6),
    st.integers().map(str),
)
LINES = st.one_of(
    st.lists(WORDS, max_size=5).map(" ".join),
    st.builds(lambda number, words: f"{number} {' '.join(words)}", st.integers(0, 10**12), st.lists(WORDS, max_size=4)),
    st.text(max_size=40),
)


def check_lines(engine, lines):
    for line in lines:
        reply = engine.answer(line)
        if reply is None:
            assert not gtp._parse(line)[1]
            continue
        assert WELL_FORMED.fullmatch(reply), (line, reply)
        assert "see the messages on stderr" not in reply, line
        number = re.match(r"\s*([0-9]{1,10})(\s|$)", re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line))
        if number:
            assert reply[1:].startswith(f"{number[1]} "), line


def make_quick_engine():
    engine = gtp.Engine(searcher(simulations=3, sizes=(1, 2, 3, 4)), size=3)
    engine.interrupted = lambda: True
    return engine


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=30))
def test_no_line_breaks_the_engine(lines):
    check_lines(make_quick_engine(), lines)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.lists(LINES, min_size=100, max_size=100))
def test_a_hundred_thousand_lines_do_not_break_the_engine(lines):
    check_lines(make_quick_engine(), lines)

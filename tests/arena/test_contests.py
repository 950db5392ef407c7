"""A tournament of a class: it ends whatever its players do, goes on after an interruption, and repeats itself."""

import _thread
import contextlib
import itertools
import threading

import pytest

from hexlab import arena
from hexlab.arena import Contest, ContestGame, ContestMatch, Entry, RandomPlayer, Rules, SolverPlayer, play_contest, read_contest
from hexlab.errors import ConfigError, InUseError, RunError
from hexlab.rules import Board

PLAYERS = {
    "ada": "def choose_move(board, generator, seconds):\n    return generator.choice(board.legal_moves)",
    "bob": "def choose_move(board, generator, seconds):\n    return 'a1' if len(board.moves) > 4 else board.legal_moves[0]",
    "cyd": "import no_such_module",
}
RULES = Rules(size=3, games=2, seconds=20.0)
REFERENCES = [RandomPlayer(), SolverPlayer(3)]


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch):
    arena.play_game(*REFERENCES, size=3)  # compiles for this process first, which can no longer do so with the setting
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # in the players' processes, half of whose start is spent on loading kernels


@pytest.fixture
def files(tmp_path):
    (tmp_path / "submissions").mkdir()
    for name, code in PLAYERS.items():
        (tmp_path / "submissions" / f"{name}.py").write_text(code, encoding="utf-8")
    return arena.find_submissions(tmp_path / "submissions")


def test_a_tournament_ends_and_repeats_itself(files, tmp_path):
    *before, contest = play_contest(files, tmp_path / "one", RULES, REFERENCES, workers=2)
    assert [entry.name for entry in contest.entries] == ["ada", "bob", "cyd", "perfect-3", "random"]
    assert contest.entries[2].absent.startswith("raised ModuleNotFoundError: No module named 'no_such_module'\n  cyd.py, line 1")
    assert (len(before), len(contest.matches), contest.total) == (6, 6, 6)
    assert read_contest(tmp_path / "one") == contest
    for game in contest.games:
        assert game.moves.startswith(f"{game.opening} ")
        if game.forfeit:
            assert game.losing == "bob"
            assert game.forfeit.startswith("played 'a1': cannot play 'a1'")
        else:
            assert Board.from_moves(game.moves, size=3).winner.name.lower() == game.winner
    assert set(contest.count_forfeits()) == {"bob"}
    assert sum(contest.matches[0].score) == 2
    assert contest.rate()["random"].elo == 0

    files.pop()  # cyd leaves; those who stay play on as before
    with contextlib.closing(play_contest(files, tmp_path / "two", RULES, REFERENCES)) as sitting:
        partial = list(itertools.islice(sitting, 3))[-1]
        assert len(partial.matches) == 2
        assert all(match in contest.matches for match in partial.matches), "whichever two of them ended first"
        with pytest.raises(InUseError):
            next(play_contest(files, tmp_path / "two", RULES, REFERENCES))
    with (tmp_path / "two" / "matches.jsonl").open("a") as file:
        file.write('{"first": "ada", "sec')  # cut off by a kill
    assert read_contest(tmp_path / "two") == partial
    start, *_, end = play_contest(files, tmp_path / "two", RULES, REFERENCES)
    assert start == partial
    assert end.matches == contest.matches
    assert len((tmp_path / "two" / "matches.jsonl").read_text().splitlines()) == 6


def test_a_player_who_hands_in_anew_plays_anew_and_one_who_leaves_is_gone(files, tmp_path):
    *_, before = play_contest(files[:2], tmp_path / "out", RULES, REFERENCES)
    files[1].write_text(PLAYERS["ada"], encoding="utf-8")
    with contextlib.closing(play_contest(files[1:2], tmp_path / "out", RULES, REFERENCES)) as sitting:
        assert next(sitting).matches == before.matches[-1:]  # that of the references
    assert not (tmp_path / "out" / "players" / "ada.py").exists()
    with pytest.raises(ConfigError, match="holds a tournament with size=3, not 4: give its rules, or another folder"):
        next(play_contest(files, tmp_path / "out", Rules(size=4, games=2, seconds=20.0)))


def test_a_tournament_stops_in_the_middle_of_a_move(tmp_path):
    path = tmp_path / "thinker.py"
    path.write_text("import time\ndef choose_move(board, generator, seconds):\n    time.sleep(seconds)", encoding="utf-8")
    sitting = play_contest([path], tmp_path / "out", Rules(size=3, games=2, seconds=500.0), [RandomPlayer()])
    with contextlib.closing(sitting):
        assert next(sitting).matches == ()
        threading.Timer(1.0, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            next(sitting)
    assert read_contest(tmp_path / "out").matches == ()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("contest")]


def test_by_the_swap_rule_openings_have_one_move_and_players_may_take_it_over(tmp_path):
    path = tmp_path / "eve.py"
    path.write_text("def choose_move(board, *rest):\n    return 'swap-pieces' if board.can_swap else board.legal_moves[0]")
    rules = Rules(size=3, games=4, seconds=20.0, swap=True)
    *_, contest = play_contest([path], tmp_path / "out", rules, [SolverPlayer(3)])
    assert read_contest(tmp_path / "out") == contest
    assert [game.opening.count(" ") for game in contest.games] == [0] * 4
    assert all(game.moves.split()[1] == "swap-pieces" for game in contest.games if game.white == "eve")
    assert not contest.count_forfeits()
    with pytest.raises(ConfigError, match="holds a tournament with swap=True, not False"):
        next(play_contest([path], tmp_path / "out", Rules(size=3, games=4, seconds=20.0), [SolverPlayer(3)]))


def test_references_meet_without_processes(tmp_path):
    *_, contest = play_contest([], tmp_path, Rules(size=3, games=20, seed=5), [RandomPlayer(), SolverPlayer(3)])
    (match,) = contest.matches
    assert (match.first, match.second, match.digests) == ("perfect-3", "random", ("", ""))
    assert match.score[0] > 15
    assert contest.rate()["perfect-3"].low > 0


def test_an_unfinished_tournament_rates_those_who_have_met():
    def match(first, second):
        won = ContestGame(first, second, "b2 a1", "b2 a1 b1 c1 b3", "black")
        return ContestMatch(first, second, ("", ""), (won, ContestGame(second, first, "b2 a1", "b2 a1", "white", "crashed")))

    entries = tuple(Entry(name) for name in "abcde")
    assert Contest(RULES, entries, ()).rate() is None
    ratings = Contest(RULES, entries, (match("a", "b"), match("c", "d"), match("d", "e"))).rate()
    assert sorted(row.agent for row in ratings) == ["c", "d", "e"]
    assert Contest(RULES, entries, (match("a", "b"), match("c", "d"), match("a", "c"))).rate()[0].agent == "a"
    apart = Contest(RULES, (*entries, Entry("random")), (match("a", "random"), match("c", "d"), match("d", "e"))).rate()
    assert apart.anchor == "mean", "random play has met none of those who are rated"


def test_who_won_every_game_against_random_play_is_above_it():
    """Six games are enough, even where nothing else is known."""

    def play(first, second, openings, last="white"):
        games = ((first, second, "black"), (second, first, last))
        return ContestMatch(first, second, ("1", "1"), tuple(ContestGame(*two, "a1 b2", "a1 b2 c3", won) for *two, won in games) * openings)

    entries = (*(Entry(name, "1") for name in "abc"), Entry("random"))
    for openings, above in ((2, False), (3, True), (10, True)):
        matches = (*(play(*two, openings, last="black") for two in ("ab", "bc", "ac")), play("c", "random", openings))
        ratings = Contest(RULES, entries, matches).rate()
        assert ratings.open_ends == dict.fromkeys("abc", "high")
        assert (ratings["c"].low > 0) == above
        everyone = Contest(RULES, entries, (*matches, play("a", "random", openings), play("b", "random", openings))).rate()
        assert min(everyone[name].low for name in "abc") > ratings["c"].low, "the others' wins over random play tell of c too"


@pytest.mark.parametrize("name", ["perfect", "perfect-5", "random", "mean"])
def test_a_file_is_rated_the_same_whatever_it_is_called(name):
    """In a class of which everybody beats all that come after him."""

    def rate(name):
        names = [*(f"p{number:02d}" for number in range(30)), name, *(f"p{number}" for number in range(30, 36))]

        def play(winner, loser):
            games = ((winner, loser, "black"), (loser, winner, "white"))
            return ContestMatch(winner, loser, ("1", "1"), tuple(ContestGame(*two, "a1 b2", "a1 b2 c3", won) for *two, won in games))

        matches = tuple(itertools.starmap(play, itertools.combinations(names, 2)))
        return Contest(Rules(size=5), tuple(Entry(each, "1") for each in names), matches).rate()

    ratings, expected = rate(name), rate("student")
    assert {row.agent.replace(name, "student"): row.elo for row in ratings} == pytest.approx({row.agent: row.elo for row in expected})
    assert {row.perfect_games for row in ratings} == {0}, "nobody met perfect play"
    assert {agent.replace(name, "student"): note for agent, note in ratings.notes.items()} == expected.notes
    assert ratings.anchor == "mean"


def test_mistakes_are_refused(files, tmp_path):
    with pytest.raises(ConfigError, match="1 players make no tournament"):
        next(play_contest(files[:1], tmp_path / "out", RULES))
    with pytest.raises(ConfigError, match="two players are named 'bob': rename a file"):
        next(play_contest(files, tmp_path / "out", RULES, [RandomPlayer("bob")]))
    with pytest.raises(ConfigError, match="3 games per pair: give an even number"):
        Rules(games=3)
    with pytest.raises(ConfigError, match="seconds=-1"):
        Rules(seconds=-1)
    with pytest.raises(ConfigError, match="on 1x1 the first move wins"):
        Rules(size=1)
    with pytest.raises(RunError, match="holds no tournament that can be read"):
        read_contest(tmp_path)
    assert not (tmp_path / "out").exists()

"""Tournaments: everyone meets whom the schedule says, once, and a stopped ladder ends like an undisturbed one."""

import concurrent.futures
import itertools
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from hexlab import mcts
from hexlab.arena import (
    RandomPlayer,
    SearchPlayer,
    SolverPlayer,
    draw_openings,
    play_ladder,
    play_pairing,
    rate,
    round_robin,
    tournaments,
)
from hexlab.errors import ConfigError, StoreError
from hexlab.records import Opening
from hexlab.store import Store


class Dabbler:
    """Plays perfectly on a planted share of its moves and at random on the others: strength on a dial."""

    def __init__(self, skill, size=3):
        self.name, self.skill = f"dabbler-{skill}", skill
        self.perfect, self.random = SolverPlayer(size), RandomPlayer()

    def choose_moves(self, boards, seeds):
        careful = (seeds >> np.uint64(40)) % np.uint64(100) < self.skill
        return np.where(careful, self.perfect.choose_moves(boards, seeds), self.random.choose_moves(boards, seeds))


DABBLERS = [Dabbler(skill) for skill in (0, 15, 30, 45, 60, 75, 90)]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "results.sqlite") as opened:
        yield opened


def finish(*arguments, **options):
    return list(play_ladder(*arguments, **options))


def test_a_round_robin_is_its_pairings():
    players = [RandomPlayer(), SolverPlayer(3), SearchPlayer(mcts.rollouts(games=2), 4)]
    table = round_robin(players, size=3, games_per_pair=20, seed=1)
    expected = []
    for first, second in itertools.combinations(players, 2):
        expected += play_pairing(first, second, draw_openings(3, first.name, second.name, 10, seed=1), seed=1)
    assert list(table) == expected
    assert (len(table), table.games) == (30, 60)
    ratings = rate(table)
    assert (ratings[0].agent, ratings.anchor, ratings[-1].agent) == ("perfect-3", "perfect-3", "random")


def test_a_table_shows_scores_and_counts_different_games():
    """2x2 has 12 openings of two moves: 100 games a pair are not to be had, and none is played twice."""
    table = round_robin([RandomPlayer(), SolverPlayer(2)], size=2, games_per_pair=100, seed=0)
    assert table.games == 24
    won = sum(row.first_won_as_black + row.first_won_as_white for row in table)
    assert str(table).splitlines() == [
        "             random perfect-2",
        f"   random           {f'{won}/24':>9}",
        f"perfect-2 {f'{24 - won}/24':>9}",
        "2x2, 24 different games",
    ]


def test_pairs_draw_openings_of_their_own():
    drawn = draw_openings(5, "a", "b", 50, seed=0)
    assert drawn == draw_openings(5, "b", "a", 50, seed=0)
    for other in (draw_openings(5, "a", "c", 50, seed=0), draw_openings(5, "a", "b", 50, seed=1)):
        assert len(set(other) & set(drawn)) < 15  # 4 or so by chance


def test_bad_round_robins_are_refused():
    players = [RandomPlayer(), SolverPlayer(3)]
    for games in (0, 7, -2):
        with pytest.raises(ConfigError, match=f"{games} games per pair: give an even number"):
            round_robin(players, 3, games, seed=0)
    with pytest.raises(ConfigError, match="1 players make no tournament"):
        round_robin(players[:1], 3, 2, seed=0)
    with pytest.raises(ConfigError, match="two players are named 'random'"):
        round_robin([*players, RandomPlayer()], 3, 2, seed=0)


def test_a_ladder_ties_everyone_to_the_references_and_to_their_neighbors(store):
    reports = finish(DABBLERS, 3, store, openings_per_pair=20, rounds=2, neighbors=2, seed=0)
    pairs = {(row.first, row.second) for row in store.read(Opening)}
    names = [player.name for player in DABBLERS]
    for name, anchor in itertools.product(names, ("perfect-3", "random-3")):
        assert (name, anchor) in pairs
    assert ("perfect-3", "random-3") in pairs
    among = [pair for pair in pairs if set(pair) <= set(names)]
    assert 11 < len(among) <= 21  # the first round: two neighbors below each, fewer at the foot
    assert reports[-1].done == reports[-1].total == len(pairs)
    assert reports[-1].played == 2 * len(store.read(Opening)) == 40 * len(pairs)
    assert [report.done for report in reports] == sorted(report.done for report in reports)
    assert reports[0].total == pytest.approx(len(pairs), abs=4)
    assert {report.stage for report in reports} == {"references", "round 1", "round 2"}

    ratings = rate(store.pairings(size=3))
    skills = [int(row.agent.split("-")[1]) for row in ratings if row.agent.startswith("dabbler")]
    assert np.corrcoef(skills, range(len(skills)))[0, 1] < -0.9
    assert (ratings[0].agent, ratings[0].elo) == ("perfect-3", 0)


def test_a_rerun_plays_nothing(store):
    options = {"openings_per_pair": 6, "rounds": 1, "seed": 0}
    finish(DABBLERS[:4], 3, store, **options)
    before = store.read(Opening)
    (report, *rest) = finish(DABBLERS[:4], 3, store, **options)
    assert (report.done, rest[-1].done, rest[-1].played) == (9, rest[-1].total, 0)
    assert store.read(Opening) == before


def test_more_openings_are_added_to_those_played(store):
    finish(DABBLERS[:3], 3, store, openings_per_pair=4, rounds=0, seed=0)
    few = store.read(Opening)
    report = finish(DABBLERS[:3], 3, store, openings_per_pair=6, rounds=0, seed=0)[-1]
    assert report.played == 2 * 2 * 7
    assert set(few) < set(store.read(Opening))


@pytest.mark.parametrize("threads", [1, 3])
def test_stopped_and_resumed_on_any_number_of_threads_the_rows_are_the_same(tmp_path, threads):
    options = {"openings_per_pair": 8, "rounds": 2, "neighbors": 1, "seed": 4}
    with Store(tmp_path / "whole.sqlite") as whole, Store(tmp_path / "parts.sqlite") as parts:
        finish(DABBLERS, 3, whole, **options)
        sittings = 0
        while True:
            sitting = play_ladder(DABBLERS, 3, parts, threads=threads, **options)
            reports = list(itertools.islice(sitting, 5))
            sitting.close()
            sittings += 1
            if len(reports) < 5:
                break
        assert sittings > 3
        assert parts.read(Opening) == whole.read(Opening)


LADDER = """
    import sys
    from hexlab import mcts
    from hexlab.arena import SearchPlayer, play_ladder
    from hexlab.store import Store

    agents = [SearchPlayer(mcts.rollouts(games=4), simulations=n) for n in (1, 2, 4, 8, 16, 32)]
    with Store(sys.argv[1]) as store:
        for report in play_ladder(agents, 4, store, openings_per_pair=10, rounds=1, seed=0, threads=2):
            print(report.done, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_ladder_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "killed.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(LADDER), os.fspath(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(4):
            child.stdout.readline()
        child.kill()
    agents = [SearchPlayer(mcts.rollouts(games=4), simulations=n) for n in (1, 2, 4, 8, 16, 32)]
    with Store(path) as killed, Store(tmp_path / "whole.sqlite") as whole:
        assert len(killed.read(Opening)) >= 30
        finish(agents, 4, killed, openings_per_pair=10, rounds=1, seed=0)
        finish(agents, 4, whole, openings_per_pair=10, rounds=1, seed=0)
        assert killed.read(Opening) == whole.read(Opening)


def test_an_executor_may_play(tmp_path):
    """Players go to its workers as pickles, as they would to other processes."""

    class Carrier(concurrent.futures.ThreadPoolExecutor):
        def submit(self, work, *arguments):
            return super().submit(work, *pickle.loads(pickle.dumps(arguments)))

    with Store(tmp_path / "a.sqlite") as own, Store(tmp_path / "b.sqlite") as carried, Carrier(2) as executor:
        finish(DABBLERS[:4], 3, own, openings_per_pair=5, rounds=1)
        finish(DABBLERS[:4], 3, carried, openings_per_pair=5, rounds=1, executor=executor)
        assert own.read(Opening) == carried.read(Opening)


def test_while_no_match_ends_a_tournament_says_again_how_far_it_is(store, monkeypatch):
    class Away(concurrent.futures.Executor):
        """Its workers begin when they are told to."""

        def __init__(self):
            self.calls = []

        def submit(self, work, *arguments):
            future = concurrent.futures.Future()
            self.calls.append((future, work, arguments))
            return future

        def work_off(self):
            for future, work, arguments in self.calls:
                future.set_result(work(*arguments))
            self.calls.clear()

    monkeypatch.setattr(tournaments, "_QUIET_SECONDS", 0.01)
    executor = Away()
    reports = play_ladder(DABBLERS[:3], 3, store, openings_per_pair=4, rounds=0, executor=executor)
    first, *quiet = itertools.islice(reports, 4)
    assert quiet == [first] * 3
    done = []
    executor.work_off()
    for report in reports:
        executor.work_off()
        done.append(report.done)
    assert sorted(set(done)) == list(range(1, first.total + 1))


def test_references_may_be_chosen(store):
    finish(DABBLERS[:3], 3, store, openings_per_pair=2, rounds=0, references=[RandomPlayer("only")])
    assert {row.second for row in store.read(Opening)} == {"only"}
    with pytest.raises(ConfigError, match="without references may fall apart"):
        finish(DABBLERS[:3], 3, store, references=[])


def test_boards_beyond_the_solver_are_anchored_to_random_play(store):
    agents = [SearchPlayer(mcts.uniform(), 1), SearchPlayer(mcts.uniform(), 2)]
    finish(agents, 6, store, openings_per_pair=2, rounds=1)
    names = {name for row in store.read(Opening) for name in (row.first, row.second)}
    assert names == {"random-6", "search@1", "search@2"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"openings_per_pair": 0}, "openings_per_pair=0: give a whole number from 1 up"),
        ({"rounds": -1}, "rounds=-1: give a whole number from 0 up"),
        ({"neighbors": 0}, "neighbors=0"),
        ({"threads": 1.5}, "threads=1.5"),
    ],
)
def test_bad_settings_are_refused(store, options, message):
    with pytest.raises(ConfigError, match=message):
        finish(DABBLERS[:2], 3, store, **options)


def test_a_player_that_fails_ends_the_ladder(store):
    class Broken:
        name = "broken"

        def choose_moves(self, boards, seeds):
            raise StoreError("no moves today")

    with pytest.raises(StoreError, match="no moves today"):
        finish([Broken(), *DABBLERS[:2]], 3, store, openings_per_pair=2)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_loses_the_matches_being_played_and_no_other(store, threads):
    class Mortal:
        name = "mortal"

        def choose_moves(self, boards, seeds):
            raise StoreError("no more")

    with pytest.raises(StoreError, match="no more"):
        finish([*DABBLERS[:6], Mortal()], 3, store, openings_per_pair=4, rounds=0, threads=threads)
    rows = store.read(Opening)
    assert len(rows) >= 4 * (12 - (threads - 1)), "six dabblers met two references before"
    assert len(rows) % 4 == 0, "a match is whole or absent"

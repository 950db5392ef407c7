"""Blunders and openings are counted right: perfect play makes none and wins all, and planted mistakes are found."""

import dataclasses
import json
import math

import numpy as np
import pytest

from hexlab import arena, training
from hexlab.errors import PositionError
from hexlab.lab import health
from hexlab.rules import Board
from hexlab.rules.solver import Solver


class FirstCell:
    """Plays the first empty cell."""

    name = "first cell"

    def choose_moves(self, boards, seeds):
        return boards.legal.argmax(axis=1).astype(np.int64)


def test_random_suites_hold_distinct_live_won_positions():
    suite = health.random_suite(4, 200, seed=3)
    assert len(suite.boards) == 200
    assert len({stones.tobytes() for stones in suite.boards.stones}) == 200
    assert not suite.boards.finished.any()
    solver = Solver(4)
    assert (solver.winners(suite.boards) == suite.boards.turn).all()
    assert np.array_equal(suite.winning, solver.winning_moves(suite.boards))
    again = health.random_suite(4, 200, seed=3)
    assert np.array_equal(again.boards.cells, suite.boards.cells)


def test_perfect_play_makes_no_blunder_and_a_fool_makes_those_that_are_there():
    suite = health.random_suite(3, 150, seed=0)
    assert health.count_blunders(arena.SolverPlayer(3), suite, seed=0).count == 0
    fool = health.count_blunders(FirstCell(), suite, seed=0)
    first = suite.boards.legal.argmax(axis=1)
    assert fool.count == sum(not suite.winning[row, cell] for row, cell in enumerate(first)) > 0
    assert fool.total == 150


@pytest.mark.parametrize("moves", [1, 2])
def test_perfect_play_wins_every_opening_that_theory_gives_it(moves):
    found = health.convert_openings(arena.SolverPlayer(3, name="agent"), 3, moves, seed=0)
    assert found.openings.count == found.openings.total == {1: 9, 2: 72}[moves]
    assert found.lost == ()


def test_openings_given_away_are_named():
    found = health.convert_openings(FirstCell(), 3, 1, seed=0)
    assert found.lost
    assert found.openings.count == 9 - len(found.lost)
    board = Board.from_moves(found.lost[0], 3)
    assert len(board.moves) == 1


def test_an_opening_is_won_only_if_all_its_games_are():
    """Random play wins an opening now and then, hardly ever three times; the games of the first repeat stay the same."""
    found = [health.convert_openings(arena.RandomPlayer(), 2, 1, seed=0, repeats=repeats) for repeats in (1, 3)]
    assert found[0].openings.count > found[1].openings.count
    assert set(found[0].lost) < set(found[1].lost)


def test_solved_suites_ship_for_4x4_to_7x7():
    for size in (4, 5, 6, 7):
        suites = health.solved_suites(size)
        assert [suite.name for suite in suites] == ["solved suite, hard", "solved suite, random"]
        assert all(suite.winning.any(axis=1).all() for suite in suites)
    assert health.solved_suites(3) == []


def test_solved_suites_are_all_won_positions_of_the_shipped_ones():
    solved, suites = arena.read_solved(5), health.solved_suites(5)
    won = solved.winning.any(axis=1)
    assert sum(len(suite.boards) for suite in suites) == won.sum() < len(solved.boards)
    assert set(solved.suite) == {"hard", "random"}
    assert (suites[0].winning.sum(axis=1) <= 2).all()
    assert set(arena.read_solved(3).suite) == {"opening"}
    assert health.solved_suites(8) == []


def test_shipped_suites_agree_with_the_solver():
    for suite in health.solved_suites(4):
        assert np.array_equal(suite.winning, Solver(4).winning_moves(suite.boards))


def test_the_wilson_interval():
    share = health.Share(0, 100)
    assert share.interval[0] == 0
    assert math.isclose(share.interval[1], 0.0370, abs_tol=1e-4)
    assert health.Share(0, 0).interval == (0.0, 1.0)


def test_a_size_beyond_the_solver_is_refused():
    with pytest.raises(PositionError, match="size 6: the solver decides whole games on 2x2 to 5x5 boards only"):
        health.random_suite(6, 10, seed=0)


def test_watching_measures_every_snapshot_and_changes_nothing(tmp_path):
    config = training.Config(
        size=3, width=4, depth=1, samples=64 * 4 * 6, simulations=4, groups=1, boards=64, slice_moves=4, batch=64, buffer=9_000, snapshots=3
    )
    list(training.train(config, tmp_path / "alone", threads=1))
    out = tmp_path / "watched"
    seen = list(health.watch(training.train(config, out, threads=1), out, simulations=4))
    assert (out / "metrics.jsonl").read_bytes() == (tmp_path / "alone" / "metrics.jsonl").read_bytes()
    rows = [json.loads(line) for line in (out / "health.jsonl").read_text().splitlines()]
    assert [row["snapshot"] for row in rows] == [1, 2, 3]
    last = seen[-1][1]
    assert dataclasses.asdict(last) == rows[-1]
    assert last.random.total == 64
    assert "against random play" in str(last)
    assert list(health.watch(training.resume(out), out)) == []


def test_a_measurement_that_a_killed_process_owes_is_made_once(tmp_path):
    config = training.Config(
        size=3, width=4, depth=1, samples=64 * 4 * 6, simulations=4, groups=1, boards=64, slice_moves=4, batch=64, buffer=9_000, snapshots=3
    )
    whole = tmp_path / "whole"
    list(health.watch(training.train(config, whole, threads=1), whole, simulations=4))
    out = tmp_path / "killed"
    reports = training.train(config, out, threads=1, checkpoint_seconds=0.0)
    while next(reports).snapshot != "snapshots/002.safetensors":
        pass
    reports.close()  # after the checkpoint, before the measurement
    list(health.watch(training.resume(out, threads=1), out, simulations=4))
    expected = (whole / "health.jsonl").read_bytes()
    assert len(expected.splitlines()) == 3
    assert (out / "health.jsonl").read_bytes() == expected
    last = expected.rindex(b"\n", 0, -1) + 1
    for left in (expected[:-30], expected[:last], *(expected[:last] + line + b"\n" for line in (b"5", b"{}", b"\xff"))):
        (out / "health.jsonl").write_bytes(left)
        assert list(health.watch(training.resume(out), out, simulations=4)) == []
        assert (out / "health.jsonl").read_bytes() == expected

"""The harness of experiments/03_efficiency: what counts as reached, and that every declared cell keeps its budget."""

import dataclasses
import math
import pathlib
import sys
import tomllib

import numpy as np
import pytest
from experiment_scripts import load_script

from hexlab import arena, mcts
from hexlab.rules.solver import Solver

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "03_efficiency"


@pytest.fixture(scope="module")
def run():
    yield load_script(FOLDER, "run")
    del sys.modules["run"]


@pytest.fixture(scope="module")
def suites(run):
    yield load_script(FOLDER, "suites")
    del sys.modules["suites"]


@pytest.fixture(scope="module")
def summary(run):
    yield load_script(FOLDER, "summary")
    del sys.modules["summary"]


def make_rows(run, lows, fresh):
    """Rows of one cell whose snapshots 0, 1, ... have these lower bounds, and fresh games of some snapshots."""
    rows = [
        run.Row("base", 3, 0, "key", at, at, at, 10.0**at, 10.0**at, 1.0, stage, low, low, low, 100, 1.0)
        for stage, bounds in (("first", dict(enumerate(lows))), ("fresh", fresh))
        for at, low in bounds.items()
    ]
    return rows[::-1]


@pytest.mark.parametrize(
    ("lows", "fresh", "reached"),
    [
        ([0.1, 0.44, 0.45], {1: 0.43}, 1),
        ([0.1, 0.44, 0.42, 0.45], {3: 0.43}, 3),  # it did not hold at snapshot 2
        ([0.1, 0.44, 0.45], {1: 0.42, 2: 0.44}, 2),  # fresh games did not confirm snapshot 1
        ([0.1, 0.44, 0.45], {1: 0.42, 2: 0.42}, None),
        ([0.1, 0.44, 0.42], {}, None),
    ],
)
def test_reached_from_the_snapshot_that_holds_on_and_is_confirmed(run, lows, fresh, reached):
    found = run.find_reached(make_rows(run, lows, fresh))
    assert (found and found.snapshot) == reached


def test_level_is_fifty_elo_below_even(run):
    assert math.isclose(400 * math.log10(1 / run.LEVEL - 1), 50)
    assert round(run.LEVEL, 4) == 0.4285


def test_committed_intervals_are_those_of_the_protocol(run):
    for row in run.read_rows(FOLDER / "results.csv"):
        openings = row.games // 2
        lost = round(openings * (1 - 2 * row.score))
        assert run.score_interval(openings - lost, lost) == pytest.approx((row.score, row.low, row.high), abs=1e-6)


def test_the_page_tells_what_a_better_interval_would_change(run, summary):
    page = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    for interval, most in ((run.score_interval, [5, 8, 14, 24, 32]), (arena.perfect_score_interval, [4, 7, 13, 23, 30])):
        assert [max_lost(interval, openings, run.LEVEL) for openings in (72, 100, 150, 240, 300)] == most
    assert "4, 7, 13, 23 and 30 of 72, 100, 150, 240 and 300 openings could be lost in place of 5, 8, 14, 24 and 32." in page
    rows = run.read_rows(FOLDER / "results.csv")
    decided = summary.decide_again(rows)
    same, never, unknown = decided["known"], decided["never"], decided["not known"]
    reached = sum(len(cost.true) for cost in summary.cost_arms(rows))
    assert len(same) + len(never) + len(unknown) == reached
    assert f"of {reached} cells that reached the level {len(same)} do so at the same snapshot and {len(never)} never hold it" in page
    assert set(never) == {"4x4 puct64 seed 2", "5x5 shallow seed 2", "6x6 fast_keep seed 2"}
    assert set(same.values()) == {0.0}
    low, high, typical = min(unknown.values()), max(unknown.values()), np.median(list(unknown.values()))
    assert f"{len(unknown)} lack the fresh games of the next snapshot that could be asked, {low:.2f} to {high:.2f} decades" in page
    assert f"mostly {typical:.2f};" in page
    risen = {}
    for cell, rise in (same | unknown).items():
        risen.setdefault(cell.split(" seed ")[0], []).append(rise)
    assert f"If all do, arms' means rise by up to {max(map(np.mean, risen.values())):.2f}" in page
    before = next(np.mean(cost.true) for cost in summary.cost_arms(rows) if (cost.board, cost.arm) == (5, "fast_keep"))
    assert f"that of `fast_keep` on 5x5 from {before:.2f} to {before + np.mean(risen['5x5 fast_keep']):.2f}" in page
    assert {f"6x6 fast_keep_reuse8 seed {seed}" for seed in range(3)} < set(same)


def max_lost(interval, openings, level):
    return max(lost for lost in range(openings) if interval(openings - lost, lost)[1] >= level)


def test_every_declared_cell_keeps_its_budget_and_differs_from_the_base(run):
    table = tomllib.loads((FOLDER / "arms.toml").read_text(encoding="utf-8"))
    cells = run.read_cells()
    assert len({cell.name for cell in cells}) == len(cells)
    bases = {(cell.config.size, cell.config.seed): cell.config for cell in cells if cell.arm == "base"}
    for cell in cells:
        size = cell.config.size
        assert cell.config.samples * run.count_sample(cell.config) <= 10 ** table["boards"][str(size)]["cap"]
        assert (cell.config == bases.get((size, cell.config.seed))) == (cell.arm == "base")


def test_rows_survive_writing(run, tmp_path):
    rows = make_rows(run, [0.1, 0.44], {1: 0.43})
    run._write_rows(tmp_path / "rows.csv", rows)
    assert run.read_rows(tmp_path / "rows.csv") == rows


def test_a_cell_is_trained_rated_and_told(run, tmp_path):
    cell = next(cell for cell in run.read_cells() if cell.name == "3-base-0")
    config = dataclasses.replace(cell.config, boards=64, samples=2000, snapshots=3)
    cell = dataclasses.replace(cell, config=config, openings=(4, 4))
    rows = run.run_cell(cell, tmp_path)
    assert {row.stage for row in rows} <= {"first", "fresh"}
    assert all(row.games == 8 and row.learner_flops < row.train_flops for row in rows)
    assert run._finished(cell, tmp_path)
    assert not run._finished(dataclasses.replace(cell, config=dataclasses.replace(config, reuse=2.0)), tmp_path)
    assert len(run.gather(tmp_path)) == len(rows)


def test_perfect_play_keeps_and_converts_every_solved_position_and_random_play_does_not(run, suites):
    solved = arena.read_solved(4)
    assert np.array_equal(Solver(4).winning_moves(solved.boards), solved.winning)
    assert np.array_equal(Solver(4).winners(solved.boards), solved.winner)
    perfect, random = arena.SolverPlayer(4), arena.RandomPlayer()
    assert suites.keep(perfect, solved).share == 1.0
    assert suites.keep(random, solved).share < 0.6
    assert arena.convert_positions(perfect, random, solved.boards, solved.winner, seed=0).all()
    assert arena.convert_positions(perfect, perfect, solved.boards, solved.winner, seed=0).all()
    assert arena.convert_positions(random, perfect, solved.boards, solved.winner, seed=0).mean() < 0.6


def test_games_that_theory_gives_to_perfect_play_are_lost_without_playing_them(run, monkeypatch):
    openings = arena.openings(4, 30, seed=0)
    agent = arena.SearchPlayer(mcts.rollouts(games=4), 16)
    for player, least in ((arena.SolverPlayer(4, name="its equal"), 30), (agent, 1)):
        played = run._meet_perfect_play(player, openings, seed=0)
        with monkeypatch.context() as patch:
            patch.setattr(run, "MAX_SIZE", 4)
            converted = run._meet_perfect_play(player, openings, seed=0)
        assert set(played) | set(converted) <= {0, 1}
        assert least <= sum(converted) <= 30
        assert abs(sum(played) - sum(converted)) <= 8, "other draws of perfect play, the same strength"


def test_suites_tell_the_finished_runs_of_an_arm(run, suites, tmp_path, monkeypatch):
    cell = next(cell for cell in run.read_cells() if cell.name == "4-base-0")
    cell = dataclasses.replace(cell, config=dataclasses.replace(cell.config, boards=64, samples=2048, snapshots=3))
    monkeypatch.setattr(suites, "read_cells", lambda: [cell, dataclasses.replace(cell, arm="other")])
    monkeypatch.setattr(suites, "STRONG", 8)
    assert len(list(suites.measure(tmp_path, "base", 4))) == 2
    run.run_cell(dataclasses.replace(cell, openings=(1, 1)), tmp_path)
    *_, last = suites.measure(tmp_path, "base", 4)
    assert last.startswith("| 4x4 | base | 0 |")
    assert last.count("(") == 2

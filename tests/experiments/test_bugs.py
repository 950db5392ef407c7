"""The harness of experiments/04_bugs: arms that differ as declared, matches, counts, best rates; slow: the README's tables."""

import csv
import dataclasses
import importlib.resources
import math
import pathlib
import sys

import numpy as np
import pytest
from experiment_scripts import load_script

from hexlab import arena, mcts, network, records

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "04_bugs"


@pytest.fixture(scope="module")
def run():
    yield load_script(FOLDER, "run")
    del sys.modules["run"]


@pytest.fixture(scope="module")
def analyze(run):
    yield load_script(FOLDER, "analyze")
    del sys.modules["analyze"]


def test_the_arms_differ_in_lambda_and_c_alone(run):
    cells = run.read_cells()
    assert len({cell.name for cell in cells}) == len(cells)
    by_arm = {arm: [cell.config for cell in cells if cell.arm == arm] for arm in ("paper", "right")}
    for one, other in zip(*by_arm.values(), strict=True):
        assert (one.paper_search, one.exploration) == (True, 1 / 16)
        assert dataclasses.replace(one, paper_search=False, paper_scale=True, exploration=0.5) == other


def test_both_lambdas_weigh_the_prior_alike_at_a_full_root(run):
    visits, moves = 63, 16
    assert math.isclose(1 / 16 * visits / (visits + moves), 0.5 * math.sqrt(visits) / (visits + moves), rel_tol=0.01)


def test_every_agent_meets_four_others_and_both_ends(run):
    matches = run.draw_matches(9)
    assert all(first != second for first, second in matches)
    for agent in range(9):
        met = sorted(second if first == agent else first for first, second in matches if agent in (first, second))
        assert met[:2] == [-2, -1]
        assert len(set(met)) == 6


def test_theory_decides_between_perfect_players_and_a_match_does_not_depend_on_others(run):
    perfect, equal, random = arena.SolverPlayer(3), arena.SolverPlayer(3, name="its equal"), arena.RandomPlayer()
    sampling = run.SamplingPlayer(mcts.uniform(), mcts.regularized(1 / 16, paper_lambda=True), "sampling")
    matches = [(perfect, equal), (sampling, perfect), (random, sampling)]
    for with_openings in (False, True):
        won = run.play(matches, [5, 6, 7], 3, with_openings)
        assert won.shape == (3, 2, 32)
        assert np.array_equal(run.play(matches[1:2], [6], 3, with_openings), won[1:2])
        assert np.array_equal(won[0, 0], ~won[0, 1])
        assert won[0, 0].all() == (not with_openings), "Black wins the empty board, but not every opening"
        assert won[2].mean() < 0.5


def test_the_papers_count_is_that_of_its_curves(analyze):
    text = importlib.resources.files("hexlab").joinpath("data", "jones2021_curves.csv").read_text(encoding="utf-8")
    wanted = [float(row["log10_train_flops"]) for row in csv.DictReader(text.splitlines())]
    points = [point for nets in analyze.read_published().values() for line in nets.values() for point in line]
    costs = {name: np.log10([count(point) for point in points]) for name, count in analyze.COUNTS.items()}
    assert np.allclose(costs["the paper's"], wanted, atol=1e-4)
    ordered = np.array(list(costs.values()))
    assert (np.diff(ordered, axis=0) > 0).all()


def test_the_late_count_leaves_out_the_steps_that_fill_the_buffer(analyze):
    net = network.Architecture(3, 2, 2)
    run = records.Run("key", 3, 2, 2, 0, net.parameters, 64, "{}")
    full = 64 * 256
    for samples, counted in ((0, 0), (full // 2, 0), (full, 0), (3 * full, 2 * full)):
        snapshot = records.Snapshot("key", 1, samples, 64 * samples, 0.0, 0.0, 0.0, 0.0)
        assert analyze.count_late(run, snapshot) == 64 * net.parameters * counted


def make_trials(analyze, elos):
    """Two runs a rate at these Elo and 4 more."""
    reached = analyze.Crossing(9.0, 9.0)
    return [analyze.Trial(rate, 8, reached, 0.4, elo + luck) for rate, elo in elos.items() for luck in (0, 4)]


def test_the_best_rate_is_the_top_of_the_parabola(analyze):
    planted = {rate: -100 - 80 * math.log10(rate / 0.01) ** 2 for rate in (0.002, 0.006, 0.018, 0.054)}
    best, low, high = analyze.find_best_rate(make_trials(analyze, planted))
    assert best == pytest.approx(0.01)
    assert 0.005 < low < best < high < 0.02


def test_the_best_rate_is_open_where_elo_only_rises(analyze):
    rising = {rate: 50 * math.log10(rate) + 20 * math.log10(rate / 0.01) ** 2 for rate in (0.002, 0.006, 0.018, 0.054)}
    best, _, high = analyze.find_best_rate(make_trials(analyze, rising))
    assert (best, high) == (math.inf, math.inf)


def test_a_sweep_tells_the_best_value_and_what_misses(analyze):
    trials = [
        analyze.Trial(value, 8, analyze.Crossing(cost, cost) if cost else analyze.Crossing(9.5, math.inf), 0.4, -60.0 - luck)
        for value, costs in {1.0: (9.0, 9.2), 2.0: (9.4, 9.6), 4.0: (9.5, None)}.items()
        for luck, cost in enumerate(costs)
    ]
    lines = list(analyze.write_sweep(trials, "c"))[2:]
    assert lines[0].startswith("| 1 | 2 | 9.10 ± ")
    assert "| +0.40 ± " in lines[1]
    assert "| 9.50, above 9.50 |" in lines[2]


QUICK = ("c with the paper's lambda", "c with the right lambda", "axes", "simulations", "rates")
SLOW = ("lambda", "protocols", "counts, the paper's curves", "counts, these runs")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_the_readme_holds_its_tables_as_they_are_computed(analyze, name):
    lines = list(analyze.PARTS[name](analyze.read()))
    assert len(lines) > 2
    assert "\n".join(lines) in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_table_is_looked_for(analyze):
    assert set(analyze.PARTS) == {*QUICK, *SLOW}

"""The harness of experiments/04_bugs: arms that differ as declared, matches, counts, best rates; slow: the README's tables."""

import csv
import dataclasses
import importlib.resources
import math
import pathlib
import re
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


def test_every_agent_meets_sixteen_others_and_both_ends(run):
    pools = [[cell for cell in run.read_cells() if cell.pool and cell.config.size == size] for size in (3, 4)]
    for agents in (sum(cell.config.snapshots for cell in pool) for pool in pools):
        matches = run.draw_matches(agents)
        assert all(first != second for first, second in matches)
        for agent in range(agents):
            met = sorted(second if first == agent else first for first, second in matches if agent in (first, second))
            assert met[:2] == [-2, -1]
            assert len(set(met)) == len(met) == 18


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


def read_rows(head):
    """Cells of the README's table with this head, minus signs as a program writes them."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8").replace("−", "-")
    table = page[page.index(head) :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def list_readings():
    """Intervals of the tables of the lambdas and the protocols that are read against no difference: cell, and what no difference is."""
    cells = [(row[-1], 0.0) for row in read_rows("| board | protocol | quantity |")]
    for _, protocol, best, _, span, _, slope, _, _, shift in read_rows("| board | protocol | best agent |"):
        cells.append((best, 0.0))
        cells += [] if protocol == "best" else [(span, 1.0), (slope, 1.0), (shift, 0.0)]
    return [(cell, none) for cell, none in cells if "[" in cell and "open" not in cell]


def test_as_many_intervals_are_read_and_exclude_no_difference_as_the_page_says():
    page = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    readings = list_readings()
    ends = [([float(end) for end in re.findall(r"-?[\d.]+", cell[cell.index("[") :])], none) for cell, none in readings]
    excluded = [not (low <= none <= high) for (low, *rest), none in ends for high in (rest or [math.inf])]
    assert (len(readings), sum(excluded)) == (44, 8)
    assert "Forty-four intervals of the first tables" in page
    assert "about two of them would exclude it all the same. Eight do, all of them of protocols" in page
    assert round(len(readings) * 0.05) == 2
    of_lambdas = [row[-1] for row in read_rows("| board | protocol | quantity |") if "[" in row[-1] and "open" not in row[-1]]
    assert [cell for cell, _ in readings[: len(of_lambdas)]] == of_lambdas
    assert not any(excluded[: len(of_lambdas)])


@pytest.mark.slow
def test_five_differences_of_protocols_have_no_copy_on_the_other_side(analyze):
    data, contrary = analyze.read(), {}
    for size in (3, 4):
        base = analyze.measure_pool(data, size, "best", "paper")
        for protocol in ("lab", "sampled", "published"):
            row = analyze.measure_pool(data, size, protocol, "paper")
            contrary[size, protocol, "span"] = int((row.spans >= base.spans).sum())
            contrary[size, protocol, "best"] = int((row.bests >= 0).sum())
            contrary[size, protocol, "slope"] = int((row.slopes >= base.slopes).sum())
            assert len(row.spans) == 400
    surest = [(3, "sampled", "span"), (4, "sampled", "span"), (3, "lab", "span"), (3, "published", "best"), (4, "published", "best")]
    assert [contrary[key] for key in surest] == [0] * 5
    others = [(4, "published", "span"), (4, "sampled", "best"), (4, "sampled", "slope")]
    assert all(0 < contrary[key] <= 10 for key in others)


@pytest.mark.slow
def test_what_leaving_nets_out_does_to_the_papers_numbers(analyze):
    page = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    results = analyze.compare_counts()
    first, last = results["the paper's"], results["and the learner"]
    for value, copies in (first[key] for key in first if key.startswith("crossing")):
        assert (copies[np.isfinite(copies)] >= value - 1e-9).all(), "a frontier without some nets crosses no earlier"
    moved = {key: (last[key][0] - value, analyze.interval(_finite(last[key][1] - copies))) for key, (value, copies) in first.items()}
    ends = [end for key, (_, both) in moved.items() if key.startswith("crossing") for end in both]
    assert f"later by {min(ends):.2f} to {max(ends):.2f} in the middle 95 % of copies with nets left out" in page
    slope, growth = moved["law slope"], moved["growth"]
    assert f"the law's slope {slope[0]:.1f} of {first['law slope'][0]:.0f}, with nets left out up to {slope[1][1]:+.0f};" in page
    told = f"growth a board {last['growth'][0]:.1f} in place of {first['growth'][0]:.1f}, up to {-growth[1][0]:.1f} less with nets left out"
    assert told in page
    shares = [100 * max(map(abs, both)) / first[key][0] for key, (_, both) in (("law slope", slope), ("growth", growth))]
    assert "by hardly more than {:.0f} and {:.0f} %".format(*shares) in page
    single = {size: 100 * moved[f"slope {size}"][0] / first[f"slope {size}"][0] for size in range(3, 10)}
    assert f"{single[3]:.0f} % steeper on 3x3, {-single[5]:.0f} % less steep on 5x5, within 4 % on the others" in page
    assert all(abs(share) < 4 for size, share in single.items() if size not in (3, 5))


def _finite(values):
    return values[np.isfinite(values)]

"""The harness of experiments/03_efficiency: what counts as reached, that every declared cell keeps its budget, and its page."""

import dataclasses
import math
import pathlib
import re
import statistics
import sys
import tomllib

import numpy as np
import pytest
import scipy.stats
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


def read_page():
    return " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def costs(run, summary):
    return {(cost.board, cost.arm): cost for cost in summary.cost_arms(run.read_rows(FOLDER / "results.csv"))}


def test_the_page_has_the_tables_of_the_results(run, summary, costs):
    page, rows = (FOLDER / "README.md").read_text(encoding="utf-8"), run.read_rows(FOLDER / "results.csv")
    assert summary.write_table(list(costs.values())) in page
    assert summary.compare_with_paper(rows, "fast_keep") in page
    assert f"{len({(row.board, row.arm, row.seed) for row in rows})} cells and ten hours" in page


def test_a_cost_that_may_be_lower_has_a_factor_that_is_rounded_down(summary):
    assert [summary._round_factor(636.5, down) for down in (True, False)] == ["630", "640"]
    assert [summary._round_factor(12.37, down) for down in (True, False)] == ["12", "12"]


def test_times_less_than_the_paper_are_counted_by_what_is_not_rounded(run, summary, costs):
    page, papers = read_page(), summary.read_paper_costs()
    assert ", ".join(f"{papers[size]:.2f}" for size in (3, 4, 5, 6)) + f" and {papers[7]:.2f}, not rounded further" in page
    assert all(math.isclose(summary.TARGETS[size], papers[size] - 1, abs_tol=0.051) for size in summary.TARGETS)
    winner = {size: costs[size, "fast_keep"].true for size in (3, 4, 5, 6)}
    assert all(max(true) < papers[size] - 1 for size, true in winner.items()), "less than a tenth in each seed"
    means = {size: 10 ** (papers[size] - statistics.mean(true)) for size, true in winner.items()}
    told = [summary._round_factor(means[size], size == 3) for size in (3, 4, 5, 6)]
    assert f"{', '.join(told[:3])} and {told[3]} times less suffices in true FLOPs, the first at least" in page
    again = 10 ** (papers[6] - statistics.mean(costs[6, "fast_keep_reuse8"].true))
    assert f"by a better interval {again:.0f} on 6x6 too" in page
    assert f"less than a tenth of the paper's cost, {again:.0f} times less, suffices there by either interval" in page
    pooled, free = pool_spread(costs)
    mine = statistics.stdev(winner[6]) * scipy.stats.t.ppf(0.975, 2) / math.sqrt(3)
    both = [pooled * scipy.stats.t.ppf(0.975, free) / math.sqrt(3), mine]
    ends = " by the spread of all arms, ".join(f"{means[6] / 10**half:.0f} to {means[6] * 10**half:.0f}" for half in both)
    assert f"On 6x6 the dearest seed has {10 ** (papers[6] - max(winner[6])):.0f} times less" in page
    assert f"of the mean's {means[6]:.0f} times is {ends} by its own three seeds" in page
    assert f"A tenth of the cost that is not rounded, {papers[6] - 1:.2f} on 6x6" in page


def pool_spread(costs):
    """Return the standard deviation between seeds, pooled over the arms that are through, and its degrees of freedom."""
    through = [cost.true for cost in costs.values() if cost.complete]
    return math.sqrt(statistics.mean(map(statistics.variance, through))), 2 * len(through)


def test_the_page_says_what_the_spread_of_seeds_is_worth(costs):
    page, (pooled, free) = read_page(), pool_spread(costs)
    t = scipy.stats.t.ppf(0.975, free)
    assert f"three seeds by themselves is {scipy.stats.t.ppf(0.975, 2) / math.sqrt(3):.1f} times as wide" in page
    assert f"pooled, {pooled:.3f}, it is {t * pooled / math.sqrt(3):.2f} to either side" in page
    assert f"two arms differ from {t * pooled * math.sqrt(2 / 3):.2f} on" in page
    assert f"differences of two arms below {t * pooled * math.sqrt(2 / 3):.2f} say nothing" in page


def test_the_page_tells_the_changes_of_the_arms(costs):
    def change(arm, base="base", kind="true", size=4):
        return statistics.mean(getattr(costs[size, arm], kind)) - statistics.mean(getattr(costs[size, base], kind))

    def five(arm, base="base", kind="true"):
        return change(arm, base, kind, 5)

    single = "alone {:+.2f} and {:+.2f} on 4x4, {:+.2f} and {:+.2f} on 5x5, together {:+.2f} and {:+.2f}."
    steps = "alone {:+.2f} on 4x4, and {:.2f} (4x4) and {:.2f} (5x5) less than 6e-3 on top of small batches and kept trees"
    trees = "Kept trees: {:+.2f} (4x4) and {:+.2f} (5x5) alone, {:+.2f} and {:+.2f} on top of the two."
    eight = "Each position 8 times: {:+.2f} in true FLOPs and {:+.2f} in the paper's count on 4x4, {:+.2f} and {:+.2f} on 5x5."
    more = "On top of `fast_keep` {:+.2f} and {:+.2f} on 4x4, {:+.2f} and {:+.2f} on 5x5."
    patched = "randomization {:+.2f} on 4x4 and {:+.2f} on 5x5, a net grown from half its width {:+.2f} and {:+.2f}, a net of"
    taught = "taught by each snapshot {:+.2f} and {:+.2f}. None"
    told = {
        single: [change("rate6"), change("batch256"), five("rate6"), five("batch256"), change("fast"), five("fast")],
        steps: [change("rate15"), *(each("fast_keep", "fast15_keep") for each in (change, five))],
        trees: [change("keep_tree"), five("keep_tree"), change("fast_keep", "fast"), five("fast_keep", "fast")],
        eight: [each("reuse8", kind=kind) for each in (change, five) for kind in ("true", "paper")],
        more: [each("fast_keep_reuse8", "fast_keep", kind) for each in (change, five) for kind in ("true", "paper")],
        "on 3x3 dearer than 32 of puct ({:+.2f})": [change("gumbel16", size=3)],
        "as much as 32, alone ({:+.2f}, predicted +0.20) and on top of `fast_keep` ({:+.2f})": [
            change("puct64"), change("fast_keep_64", "fast_keep"),
        ],
        "gumbel at 32 simulations, {:+.2f}, and best moves after the fourth, {:+.2f}, on 4x4": [change("gumbel32"), change("sampled4")],
        "with the right lambda: {:+.2f}, as predicted": [change("regularized")],
        "twice the width {:+.2f} on 4x4 and not through": [change("wide")],
        "in fewer layers {:+.2f}, on 5x5 two seeds": [change("shallow")],
        "twice the width costs {:+.2f} on 4x4 and {:+.2f} on 5x5": [each("fast_keep_wide", "fast_keep") for each in (change, five)],
        patched: [each(arm, "fast_keep") for arm in ("playout_cap", "grown") for each in (change, five)],
        taught: [each("distilled", "fast_keep") for each in (change, five)],
    }  # fmt: skip
    page = read_page()
    for sentence, numbers in told.items():
        assert sentence.format(*numbers) in page


def test_the_page_tells_the_costs_of_the_cheapest_arms_and_what_they_foretell(summary, costs):
    page, papers = read_page(), summary.read_paper_costs()

    def listed(size, arm, kind="true"):
        return ", ".join(f"{value:.2f}" for value in getattr(costs[size, arm], kind))

    four, five, six = ([listed(size, "fast_keep_reuse8", kind) for kind in ("true", "paper")] for size in (4, 5, 6))
    assert f"on 4x4: {four[0]} true and {four[1]} in the paper's count. On 5x5 it needs {five[0]} true and {five[1]} in the" in page
    assert f"On 6x6 it needs {six[0]} and {six[1]}: level in true FLOPs" in page
    assert listed(4, "fast15_keep_reuse8") == ", ".join(["9.72"] * 3)
    cheapest = sorted(costs[5, "fast15_keep_reuse8"].true)
    assert "9.72 three times on 4x4, {:.2f}, {:.2f} and {:.2f} on 5x5".format(*cheapest) in page
    steps, ends, told = [], [], []
    for arm in ("fast_keep", "fast_keep_reuse8"):
        means = [statistics.mean(costs[size, arm].true) for size in (4, 5, 6)]
        steps += np.diff(means).tolist()
        ends += [means[-1] + step for step in np.diff(means)]
        told.append("{:.2f}, {:.2f} and {:.2f}".format(*means))
    grown = np.diff([papers[size] for size in (3, 4, 5, 6, 7)])
    assert f"each board costs {min(steps):.1f} to {max(steps):.1f} decades more than the one before" in page
    assert f"({', or '.join(told)} with reuse 8)" in page
    assert f"where the paper's grow by {min(grown):.1f} to {max(grown):.1f}" in page
    assert f"so that 7x7 would be reached at {min(ends):.1f} to {max(ends):.1f}." in page
    seconds = [f"{costs[size, 'fast_keep'].seconds:.0f} s" for size in (3, 4, 5)]
    assert "the level in {} (3x3), {} (4x4) and {} (5x5)".format(*seconds) in page


def test_the_page_tells_the_ratings_of_6x6(run):
    page, rows = read_page(), [row for row in run.read_rows(FOLDER / "results.csv") if row.board == 6]
    last = {}
    for row in rows:
        if row.stage == "first":
            last[row.arm, row.seed] = row
    told = [f"{row.score:.3f} ({row.low:.3f} to {row.high:.3f})" for (arm, _), row in sorted(last.items()) if arm == "fast_keep"]
    assert "On 300 the same snapshots score {}, {} and {}".format(*told) in page
    assert {row.games for row in rows} == {600}
    fresh = [row.score for row in rows if (row.arm, row.stage) == ("fast_keep", "fresh")]
    assert f"and on 300 fresh ones {min(fresh):.3f} to {max(fresh):.3f}" in page
    ends = [last["fast_keep_reuse8", seed] for seed in range(3)]
    assert "ends at {:.2f} with {:.3f}, {:.3f} and {:.3f} and".format(math.log10(ends[0].train_flops), *(row.score for row in ends)) in page
    before = ["{:.3f} ({:.3f} to {:.3f})".format(*run.score_interval(100 - lost, lost)) for lost in (10, 12)]
    assert "missed it there with {} and {}".format(*before) in page


def read_suites():
    """Rows of suites.md as (board, seed, log10 true FLOPs, share kept, won against itself, against perfect play, does each hold)."""
    for line in (FOLDER / "suites.md").read_text(encoding="utf-8").splitlines()[2:]:
        board, _, seed, true, _, kept, *won = [cell.strip() for cell in line.strip("|").split("|")]
        yield int(board[0]), int(seed), float(true), float(kept), *won, *("*" in each for each in won)


def test_the_page_tells_what_the_solved_positions_say(costs):
    page, rows = read_page(), list(read_suites())
    sevens, (six,) = [row for row in rows if row[0] == 7], [row for row in rows if (row[0], row[2]) == (6, 13.0)]
    assert f"at {sevens[-1][2]:.2f} true FLOPs, keeps {sevens[-1][3]:.3f} and wins {sevens[-1][4]} against itself at 512" in page
    assert f"From {sevens[0][2]} to {sevens[1][2]} the share kept rose from {sevens[0][3]} to {sevens[1][3]}, since then it has not" in page
    assert max(row[3] for row in sevens) == sevens[1][3]
    reached = [f"{true:.2f}" for true in costs[5, "fast_keep"].true]
    kept = [row[3] for seed, true in enumerate(reached) for row in rows if row[:2] == (5, seed) and f"{row[2]:.2f}" == true]
    assert f"On 6x6 {six[3]:.3f} were kept where the level was reached, on 5x5 {min(kept):.2f} to {max(kept):.2f}" in page
    assert "On 5x5 the direct score holds from {}, {} and {} on.".format(*reached) in page
    holding = {which: [[row[2] for row in rows if row[:2] == (5, seed) and row[6 + which]] for seed in range(3)] for which in (0, 1)}
    perfect = [min(each) for each in holding[1]]
    assert "holds from {:.2f}, {:.2f} and {:.2f} on, up to".format(*perfect) in page
    assert f"up to {max(true - float(cost) for true, cost in zip(perfect, reached, strict=True)):.1f} decades later" in page
    assert holding[0][0] == []
    assert f"it holds never, from {min(holding[0][1]):.2f} and from {min(holding[0][2]):.2f} on" in page
    against = [float(each.split()[0]) for each in six[4:6]]
    assert f"of the solved positions {against[1]:.3f} are won against perfect play and {against[0]:.3f} against the stand-in" in page


def test_the_page_tells_the_scores_under_the_papers_protocol():
    page, scores = read_page(), {}
    for line in (FOLDER / "paper_protocol.md").read_text(encoding="utf-8").splitlines()[2:]:
        board, _, _, snapshot, _, recipe, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for opponent, cell in zip(("perfect", "handicapped", "last"), cells, strict=True):
            score, low, _ = map(float, re.findall(r"[\d.]+", cell))
            games = 2 * (128 if board == "5x5" else 512)
            scores.setdefault((board, snapshot, recipe, opponent), []).append((round(score * games) / games, low))

    def between(board, snapshot, opponent, recipes=("puct",)):
        found = [score for recipe in recipes for score, _ in scores[board, snapshot, recipe, opponent]]
        ends = f"{min(found):.2f}", f"{max(found):.2f}"
        return ends[0] if ends[0] == ends[1] else " to ".join(ends)

    boards = ("3x3", "4x4", "5x5")
    first, last = ([between(board, snapshot, "perfect") for board in boards] for snapshot in ("reached", "last"))
    assert "score {} (3x3), {} (4x4) and {} (5x5), the last ones {}, {} and {}.".format(*first, *last) in page
    both = [between(board, "reached", "handicapped", ("puct", "the paper's")) for board in boards]
    assert "at {} (3x3), {} (4x4) and {} (5x5) for the snapshots that reached".format(*both) in page
    assert "with puct {} (3x3), {} (4x4) and {} (5x5).".format(*(between(board, "reached", "last") for board in boards)) in page
    lows = [low for _, low in scores["4x4", "reached", "puct", "last"]]
    assert f"in none on 4x4, where it is {min(lows):.3f} to {max(lows):.3f}" in page


def test_the_page_tells_what_a_better_interval_would_change(run, summary):
    page = read_page()
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

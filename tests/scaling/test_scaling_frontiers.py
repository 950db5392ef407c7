"""Frontiers against a slow loop, against the paper's known numbers, and without the winner's curse."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_tables import play, small, tiny, tiny_with_preset

from hexlab import records
from hexlab.arena.ratings import rate
from hexlab.errors import ConfigError
from hexlab.scaling import NotEnoughDataError, Tables, compute_frontier, crossing, fit_test_curves, paper_frontier, resample_frontier
from hexlab.scaling.frontiers import draw_copies, draw_runs, incline_slope, list_preset_runs, resample_scored
from hexlab.scaling.grids import locate
from hexlab.scaling.pools import gather_halves


def slow_frontier(tables, size, budget, grid):
    """Walk every grid point, every run and every snapshot."""
    half = [{row.agent: row.elo for row in rate(list(games.pairings))} for games in gather_halves(tables.select(size))]
    answers = []
    for x in grid:
        best = None
        for run in (row for row in tables.runs if row.size == size):
            line = []
            for agent in tables.agents:
                if agent.run == run.run and agent.test_simulations == budget:
                    flops = tables.snapshot_by_key[run.run, agent.snapshot].train_flops
                    if flops > 0:
                        line.append((np.log10(flops), half[0][agent.agent], half[1][agent.agent]))
            line.sort()
            if x < line[0][0] - 1e-9:
                continue
            here = line[-1][1:]
            for left, right in itertools.pairwise(line):
                if left[0] <= x <= right[0]:
                    share = (x - left[0]) / (right[0] - left[0])
                    here = tuple(left[at] + share * (right[at] - left[at]) for at in (1, 2))
                    break
            if best is None or here[0] > best[0]:
                best = here
        answers.append(best)
    return np.array(answers).T


def test_frontier_equals_a_slow_loop():
    tables, _ = small()
    board = compute_frontier(tables, 4, test_simulations=16).board(4)
    picked, rated = slow_frontier(tables, 4, 16, board.log10_flops)
    np.testing.assert_allclose(board.picked_elo, picked, atol=1e-6)
    np.testing.assert_allclose(board.elo, rated, atol=1e-6)


def test_kept_agents_are_the_best_so_far():
    tables, _ = small()
    for board in (compute_frontier(tables, 4, test_simulations=1).board(4), paper_frontier().board(8)):
        best, expected = -np.inf, []
        for picked, rated in zip(board.picked_elo, board.elo, strict=True):
            if picked > best:
                best, kept = picked, rated
            expected.append(kept)
        np.testing.assert_allclose(board.kept_elo, expected)
        assert not np.array_equal(board.kept_elo, board.elo)


def test_scores_are_of_the_picked_agents_in_the_half_that_rates():
    tables, _ = small()
    frontier = compute_frontier(tables)
    board = frontier.board(5)
    best = int(np.argmax(board.picked_elo))
    curves, on_grid = board.curves, board.curves.on_grid
    run = curves.runs.index(board.run[best])
    scores = []
    for agent in (curves.agents[side[run, best]] for side in (on_grid.left, on_grid.right)):
        (row,) = (row for row in tables.pairings if row.half == 1 and {row.first, row.second} == {agent, "perfect-5"})
        won = row.won_both if row.first == agent else row.lost_both
        scores.append((won + (row.won_black_only + row.won_white_only) / 2) / 20)
    assert board.score[best] == pytest.approx(np.interp(on_grid.share[run, best], [0, 1], scores))
    expected = 1 / (1 + 10 ** (-board.elo / 400))
    assert np.abs(board.score - expected).mean() < 0.08
    elo, score = resample_scored(frontier, 40, 0)[5]
    np.testing.assert_array_equal(elo, resample_frontier(frontier, 40, 0)[5])
    for copies, measured in ((elo, board.elo), (score, board.score), (draw_copies(frontier, 40, 0)[5].kept_elo, board.kept_elo)):
        assert copies.shape == (40, 101)
        low, high = np.nanquantile(copies, [0.03, 0.97], axis=0)
        assert np.mean((low <= measured) & (measured <= high)) > 0.7
    assert not np.isfinite(paper_frontier().board(4).score).any()


def test_discrete_frontier_holds_the_agents_no_cheaper_one_beats():
    tables, _ = small()
    board = compute_frontier(tables, 5).board(5)
    curves = board.curves
    expected = {
        agent
        for at, agent in enumerate(curves.agents)
        if all(
            curves.picking[other] < curves.picking[at]
            for other in range(len(curves.agents))
            if other != at and curves.agent_log10_flops[other] <= curves.agent_log10_flops[at]
        )
    }
    assert {step.agent for step in board.steps} == expected
    costs = [step.log10_flops for step in board.steps]
    assert costs == sorted(costs)


def test_untrained_snapshots_have_no_place_on_a_log_axis():
    board = compute_frontier(tiny()[0], 3).board(3)
    assert not any("/0@" in agent for agent in board.curves.agents)
    assert np.isfinite(board.log10_flops).all()


def test_runs_of_presets_are_rated_beside_the_frontier_and_have_no_part_in_it():
    tables = tiny_with_preset()
    narrow, wide = sorted(tables.runs, key=lambda row: row.width)
    assert compute_frontier(tables, 3).board(3).curves.runs == (narrow.run,)
    assert {curve.run for curve in fit_test_curves(tables, 3)} == {narrow.run}
    assert list_preset_runs(tiny()[0]) == ()
    (found,) = list_preset_runs(tables, x="paper_flops", test_simulations=8)
    assert found.run == wide
    snapshots = [row for row in tables.snapshots if row.run == wide.run and row.snapshot > 0]
    np.testing.assert_array_equal(found.log10_flops, np.log10([row.paper_flops for row in snapshots]))
    ratings = [tables.rating_by_agent[f"{wide.run}/{row.snapshot}@8"] for row in snapshots]
    assert [found.elo.tolist(), found.low.tolist(), found.high.tolist()] == [
        [getattr(row, name) for row in ratings] for name in ("elo", "low", "high")
    ]


def test_picks_do_not_know_the_half_that_rates():
    tables, _ = small()
    before = compute_frontier(tables, 3).board(3)
    rating = set(gather_halves(tables.select(3))[1].pairings)
    turned = tuple(
        dataclasses.replace(row, won_both=row.lost_both, lost_both=row.won_both) if row in rating and "random" not in row.first else row
        for row in tables.pairings
    )
    after = compute_frontier(dataclasses.replace(tables, pairings=turned), 3).board(3)
    assert after.run == before.run
    assert not np.allclose(after.elo, before.elo)


@pytest.mark.parametrize(("misfit", "below", "flattery"), [(0.0, 8, 15), (120.0, 8, 50), (120.0, 4, 60)])
def test_picking_flatters_and_rating_on_the_other_half_does_not(misfit, below, flattery):
    """Forty equal agents at one price: the best of them by half 0 is luck of its games or its opponents, and half 1 says so.

    Two agents have games with perfect play in both halves: the fewer others they have met, the more of that luck is left.
    """
    runs, snapshots, agents, truth = [], [], [], {}
    for kind, elo in (("perfect", 0.0), ("random", -400.0)):
        agents.append(records.Agent(f"{kind}-3", 3, kind, "", -1, 0, 0.0))
        truth[f"{kind}-3"] = elo
    for number in range(40):
        runs.append(records.Run(f"r{number}", 3, 4, 1, number, 50, 32, "{}"))
        for step, flops in ((1, 1e9), (2, 1e10)):
            snapshots.append(records.Snapshot(f"r{number}", step, 1, 1, flops, 0.0, flops, flops / 2))
            agents.append(records.Agent(f"r{number}/{step}@8", 3, "snapshot", f"r{number}", step, 8, 100.0))
            truth[f"r{number}/{step}@8"] = -200.0
    found = []
    for seed in range(10):
        pairings = play(agents, truth, 40, np.random.default_rng(seed), misfit=misfit, below=below)
        tables = Tables(tuple(runs), tuple(snapshots), tuple(agents), tuple(pairings), tuple(rate(pairings)))
        board = compute_frontier(tables, points=5).board(3)
        average = np.mean([row.elo for row in tables.ratings if tables.agent_by_key[row.agent].kind == "snapshot"])
        found.append(np.array([board.picked_elo.mean(), board.plain_elo.mean(), board.elo.mean()]) - average)
    picked, plain, rated = np.mean(found, axis=0)
    assert picked > flattery
    assert plain > flattery
    assert abs(rated) < flattery / 2


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True), st.integers(0, 2**32 - 1))
def test_locate_interpolates_like_numpy(costs, seed):
    costs = np.sort(np.array(costs))
    elo = np.random.default_rng(seed).normal(size=len(costs))
    grid = np.linspace(-1, 11, 29)
    left, right, share = locate(grid, costs, np.arange(len(costs)))
    np.testing.assert_allclose(elo[left] * (1 - share) + elo[right] * share, np.interp(grid, costs, elo), atol=1e-6)


def test_paper_frontiers_give_the_known_slopes_and_crossings():
    # Recomputed independently from the drawn curves: slope, log10 C at -100 and at -50.
    known = {3: 85, 4: 301, 5: 582, 6: 472, 7: 496, 8: 463, 9: 510}
    frontier = paper_frontier()
    for board in frontier.boards:
        assert round(incline_slope(board.log10_flops, board.elo)) == known[board.size]
    five = frontier.board(5)
    assert crossing(five.log10_flops, five.elo, -100).value == pytest.approx(12.61, abs=0.02)
    assert crossing(five.log10_flops, five.elo, -50).value == pytest.approx(12.91, abs=0.02)
    assert crossing(five.log10_flops, five.elo, 50).value == np.inf


def test_copies_depend_on_their_seed_alone_and_hold_the_frontier_when_nothing_is_drawn():
    frontier = compute_frontier(tiny()[0])
    board = frontier.boards[0]
    first, again = (resample_frontier(frontier, 5, 3)[3] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, resample_frontier(frontier, 5, 4)[3])
    still = resample_frontier(frontier, 2, 0, sources=("seeds",))[3]  # one seed a cell: nothing to draw
    np.testing.assert_allclose(still, np.stack([board.elo] * 2))


def test_drawing_cells_and_seeds_keeps_their_bounds():
    cells = [(2, 1), (2, 1), (8, 2), (8, 2), (8, 2)]
    rng = np.random.default_rng(0)
    assert draw_runs(cells, 50, rng, ()).all()
    by_seed = draw_runs(cells, 200, rng, ("seeds",))
    assert by_seed[:, :2].any(axis=1).all()
    assert by_seed[:, 2:].any(axis=1).all()
    assert not by_seed.all()
    by_cell = draw_runs(cells, 200, rng, ("cells",))
    assert (by_cell[:, 0] == by_cell[:, 1]).all()
    assert 0.15 < (~by_cell[:, 0]).mean() < 0.35  # a cell of two is left out in a quarter of the draws


def test_a_cell_is_drawn_as_often_as_it_has_runs():
    cells = ((1, 1), (4, 1), (4, 1), (16, 1), (16, 1), (16, 1))
    left_out = (~draw_runs(cells, 4000, np.random.default_rng(0), ("seeds",))).mean(axis=0)
    np.testing.assert_allclose(left_out, [0, *[(1 / 2) ** 2] * 2, *[(2 / 3) ** 3] * 3], atol=0.03)
    left_out = (~draw_runs(cells, 4000, np.random.default_rng(0), ("cells",))).mean(axis=0)
    np.testing.assert_allclose(left_out, (2 / 3) ** 3, atol=0.03)
    drawn_once, drawn_twice = 3 * (1 / 3) * (2 / 3) ** 2, 3 * (1 / 3) ** 2 * (2 / 3)
    kept = drawn_once * (1 - 1 / 4) + drawn_twice * (1 - 1 / 4**2) + (1 / 3) ** 3 * (1 - 1 / 4**3)
    both = draw_runs(cells, 4000, np.random.default_rng(0), ("cells", "seeds")).mean(axis=0)
    np.testing.assert_allclose(both[1:3], kept, atol=0.03)


def test_what_cannot_be_asked_is_refused():
    tables, _ = tiny()
    with pytest.raises(ConfigError, match="unknown cost 'joules'"):
        compute_frontier(tables, x="joules")
    with pytest.raises(ConfigError, match="grid of 1 points"):
        compute_frontier(tables, points=1)
    with pytest.raises(NotEnoughDataError, match="two trained snapshots rated at 7 simulations"):
        compute_frontier(tables, test_simulations=7)
    one_half = dataclasses.replace(tables, pairings=tuple(row for row in tables.pairings if row.half == 0))
    with pytest.raises(NotEnoughDataError, match="both halves"):
        compute_frontier(one_half)
    with pytest.raises(ConfigError, match="openings, seeds, cells"):
        resample_frontier(compute_frontier(tables), 5, 0, sources=("weather",))

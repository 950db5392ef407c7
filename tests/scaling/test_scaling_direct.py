"""Frontiers by direct games: against perfect play, or against the best agent where nobody met it."""

import dataclasses

import numpy as np
import pytest
from planted_tables import small, tiny

from hexlab.scaling.direct import (
    compute_direct_frontier,
    fit_beside_direct_games,
    fit_by_direct_games,
    fit_direct_law,
    resample_direct_frontier,
    score_to_elo,
)
from hexlab.scaling.frontiers import compute_frontier, resample_frontier
from hexlab.scaling.laws import interval
from hexlab.scaling.tables import NotEnoughDataError


def test_elo_of_a_score_counts_one_game_more_on_each_side():
    assert score_to_elo(np.array([3, 4, 3])) == 0
    assert score_to_elo(np.array([1, 2, 6])) == pytest.approx(400 * np.log10(5 / 15))
    assert np.isfinite(score_to_elo(np.array([[0, 0, 50], [50, 0, 0]]))).all()


def test_direct_frontier_reads_the_games_against_perfect_play_half_by_half():
    tables, _ = small()
    direct = compute_direct_frontier(tables, tables.sizes)
    assert dict(direct.opponents) == {size: f"perfect-{size}" for size in (3, 4, 5)}
    board = direct.frontier.board(4)
    at = 5
    agent = board.curves.agents[at]
    for half, elo in enumerate((board.curves.picking[at], board.curves.rating[at])):
        (row,) = (row for row in tables.pairings if {row.first, row.second} == {agent, "perfect-4"} and row.half == half)
        won, lost = (row.won_both, row.lost_both) if row.first == agent else (row.lost_both, row.won_both)
        one = row.won_black_only + row.won_white_only
        assert direct.counts[4][half, at].tolist() == [won, one, lost]
        assert elo == pytest.approx(400 * np.log10((2 * won + one + 1) / (2 * lost + one + 1)))


def test_direct_frontier_lies_near_the_truth_within_its_bands():
    tables, truth = small()
    direct = compute_direct_frontier(tables, (5,))
    (board,) = direct.frontier.boards
    copies = resample_direct_frontier(direct, 50, seed=1)[5]
    assert copies.shape == (50, len(board.elo))
    assert np.array_equal(copies, resample_direct_frontier(direct, 50, seed=1)[5], equal_nan=True)
    strongest = max(truth[agent] for agent in board.curves.agents)
    low, high = interval(copies)
    assert low[-1] <= strongest <= high[-1]
    assert high[-1] - low[-1] < 300


def test_elo_and_direct_games_of_a_pool_without_quirks_rise_alike_where_both_see():
    tables, _ = small()
    rated = compute_frontier(tables)
    direct = fit_by_direct_games(tables, rated, bootstrap=30)
    beside = fit_beside_direct_games(compute_direct_frontier(tables, rated.sizes), rated, resample_frontier(rated, 30, 0))
    low, high = direct.intervals["m_flops"]
    assert low <= beside.parameters["m_flops"] <= high
    floor = compute_direct_frontier(tables, (5,)).floor(5)
    assert np.array_equal(np.isfinite(beside.residuals[5]), rated.board(5).elo > floor)
    assert beside.replicates.shape == (30, 5)


def test_the_law_knows_nothing_of_what_lies_below_the_floor():
    tables, _ = small()
    direct = compute_direct_frontier(tables, tables.sizes)
    floor = direct.floor(5)
    assert floor == pytest.approx(400 * np.log10(1 / (2 * direct.counts[5][1].sum(axis=-1).min() + 1)))
    law = fit_direct_law(direct, resample_direct_frontier(direct, 10, seed=0))
    board = direct.frontier.board(5)
    assert np.array_equal(np.isfinite(law.residuals[5]), board.elo > floor)
    assert law.intervals["m_flops"][0] < law.parameters["m_flops"] < law.intervals["m_flops"][1]
    sunk = dataclasses.replace(board, elo=np.full_like(board.elo, floor))
    with pytest.raises(NotEnoughDataError):
        fit_direct_law(dataclasses.replace(direct, frontier=dataclasses.replace(direct.frontier, boards=(sunk,))))


def test_the_frontier_tells_where_it_rests_on_agents_that_lost_every_game():
    tables, _ = small()
    direct = compute_direct_frontier(tables, (5,))
    board = direct.frontier.board(5)
    run, agents = board.curves.runs.index(board.run[0]), board.curves.agents
    first = agents.index(next(agents[at] for at in board.curves.on_grid.left[run] if board.curves.agent_run[at] == run))
    counts = direct.counts[5].copy()
    counts[1, :, 0] += 1  # now everyone won some
    winners = dataclasses.replace(direct, counts={5: counts})
    assert not winners.lost(5).any()
    counts = counts.copy()
    counts[1, first] = 0, 0, 9
    lost = dataclasses.replace(direct, counts={5: counts}).lost(5)
    assert lost[0]
    assert not lost[-1]


def test_the_best_agent_stands_in_where_nobody_met_perfect_play():
    tables, _ = tiny()
    without = dataclasses.replace(
        tables,
        agents=[row for row in tables.agents if row.kind != "perfect"],
        ratings=[row for row in tables.ratings if row.agent != "perfect-3"],
        pairings=[row for row in tables.pairings if "perfect-3" not in (row.first, row.second)],
    )
    best = max((row for row in without.ratings if row.agent != "random-3"), key=lambda row: (row.elo, row.agent)).agent
    direct = compute_direct_frontier(without, (3,))
    assert direct.opponents[3] == best
    curves = direct.frontier.board(3).curves
    if best in curves.agents:
        assert curves.plain[curves.agents.index(best)] == direct.zeros[3][0] == without.rating_by_agent[best].elo
    assert direct.zeros[3][1] > 0
    with pytest.raises(NotEnoughDataError, match="met perfect play"):
        compute_direct_frontier(dataclasses.replace(without, pairings=()), (3,))
    few = [row for row in without.pairings if best not in (row.first, row.second) or "@1" in row.first + row.second]
    with pytest.raises(NotEnoughDataError, match="met perfect play"):
        compute_direct_frontier(dataclasses.replace(without, pairings=few), (3,))

"""The figures of Jones 2021 show what their captions say, and have the paper's numbers beside ours."""

import dataclasses
import json
import math

import numpy as np
import pytest
from planted_tables import small, small_analysis

from hexlab.arena.ratings import rate
from hexlab.rules.sgf import Game
from hexlab.scaling import analyze
from hexlab.scaling.extrapolation import extrapolate, paper_extrapolations
from hexlab.scaling.figures import FIGURES, compute_numbers, draw_figure, plot_game, training_time
from hexlab.scaling.figures.kinds import plain
from hexlab.scaling.figures.style import board_color
from hexlab.scaling.frontiers import Copies
from hexlab.scaling.pools import gather_halves
from hexlab.scaling.tables import NotEnoughDataError


@pytest.fixture(scope="module")
def numbers():
    return compute_numbers(small_analysis())


def test_every_figure_of_the_paper_is_there_once():
    assert sorted(kind.figure for kind in FIGURES.values() if kind.figure) == list(range(1, 11))


def test_the_board_shows_the_last_position_of_a_game_on_the_largest_board(numbers):
    shown = numbers["game"]
    assert (shown["size"], shown["black"], shown["white"], shown["winner"]) == (3, "one", "other", "Black")
    assert shown["stones"] == [2, 1, 2, 0, 1, 0, 0, 1, 0]
    assert shown["path"] == [1, 4, 7]
    texts = [text.get_text() for text in plot_game(Game(3, "b2 a1 b1 c1 b3")).axes[0].texts]
    assert [text for text in texts if text in "12345"].count("5") == 1  # the last move; rows are numbered up to 3


def test_doubled_compute_wins_what_the_law_says(numbers):
    slope = small_analysis().laws["change_point"].parameters["m_flops"]
    assert numbers["elo_scale"]["doubled"]["elo"] == pytest.approx(slope * math.log10(2))
    assert "doubled" not in compute_numbers(analyze(dataclasses.replace(small()[0], pairings=(), ratings=()), bootstrap=0))["elo_scale"]


def test_training_time_is_that_of_the_quickest_agent_above_the_level_by_both_halves(numbers):
    tables = small_analysis().tables
    lesser = {}
    for row in (row for size in tables.sizes for half in gather_halves(tables.select(size)) for row in rate(list(half.pairings))):
        lesser[row.agent] = min(row.elo, lesser.get(row.agent, row.elo))
    spent = tables.seconds_by_key
    for board in numbers["training_time"]["boards"]:
        above = {
            agent.agent: spent[agent.run, agent.snapshot]
            for agent in tables.agents
            if agent.kind == "snapshot" and agent.size == board["size"] and agent.test_simulations == 64 and agent.snapshot > 0
            if lesser[agent.agent] > -50
        }
        assert board["agent"] == min(above, key=above.__getitem__)
        assert board["seconds"] == min(above.values())
        assert board["open"] or board["bound"] > 0
    assert numbers["training_time"]["paper"] == [{"size": 9, "seconds": 10800.0}]


def test_an_interval_of_training_time_is_open_where_copies_never_reach_the_level(monkeypatch):
    def hardly_ever(frontier, samples, seed):
        elo = np.where(np.arange(samples)[:, None] < 3, 0.0, -90.0)
        copies = {}
        for board in frontier.boards:
            one, drawn = np.ones((samples, len(board.curves.agents))), np.ones((samples, len(board.curves.runs)), bool)
            copies[board.size] = Copies(board.curves, elo * one, 0 * one, drawn)
        return copies

    monkeypatch.setattr(training_time, "draw_copies", hardly_ever)
    numbers = training_time.FIGURE.numbers(small_analysis())
    assert all(board["open"] for board in numbers["boards"])
    draw_figure("training_time", plain(numbers))


def test_the_best_agent_meets_perfect_play_on_openings_that_did_not_pick_it(numbers):
    frontier = small_analysis().frontier
    for shown in numbers["perfect_score"]["boards"]:
        curves = frontier.board(shown["size"]).curves
        best = int(np.argmax(curves.picking))
        assert shown["agent"] == curves.agents[best]
        both, one, none = curves.perfect[best]
        assert (shown["won"], shown["games"], shown["openings"]) == (2 * both + one, 2 * (both + one + none), both + one + none)
        low, middle, high = shown["quantiles"]
        assert low < middle < high < 0.5
        drawn = np.random.default_rng(0).beta(both + one + 1, none + 1, 200_000) / 2
        assert shown["quantiles"] == pytest.approx(np.quantile(drawn, [0.1, 0.5, 0.9]), abs=1e-3)


def test_the_papers_games_have_the_interval_that_an_agent_with_as_many_openings_would_have(numbers):
    """With 64 openings won of 64 the share is below x with the chance (2 x)^65."""
    low, high = numbers["perfect_score"]["paper_split"]
    assert ((2 * low) ** 65, (2 * high) ** 65) == pytest.approx((0.1, 0.9))


def test_snapshots_with_more_search_span_the_strengths_of_a_board(numbers):
    for board in numbers["test_compute"]["boards"]:
        at_play = [each["elo"][each["simulations"].index(64)] for each in board["curves"]]
        curves = small_analysis().test_curves[board["size"]]
        trained = [curve.elo[list(curve.simulations).index(64)] for curve in curves if curve.train_flops]
        span = max(trained) - min(trained)
        assert at_play == sorted(at_play)
        assert at_play[0] - min(trained) <= 0.1 * span
        assert max(trained) - at_play[-1] <= 0.1 * span
    drawn = draw_figure("test_compute", numbers["test_compute"])
    assert len({axes.get_ylim() for axes in drawn.axes}) == len(drawn.axes)  # each board on a scale of its own
    assert all(len(axes.texts) <= 6 for axes in drawn.axes)  # one curve alone is labeled


def test_agents_that_lost_every_game_are_hollow_and_the_law_ends_at_the_floor(numbers):
    shown = json.loads(json.dumps(numbers["direct_frontiers"]))
    board = shown["boards"][-1]
    board["lost"] = [True] * 10 + [False] * (len(board["elo"]) - 10)
    board["law"] = np.linspace(board["floor"] - 300, 0, len(board["elo"])).tolist()
    axes = draw_figure("direct_frontiers", shown).axes[0]
    color = board_color(board["size"])
    hollow = [line for line in axes.lines if line.get_color() == color and line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in hollow] == [4]
    (law,) = (line for line in axes.lines if line.get_color() == color and line.get_linestyle() == "--")
    assert np.nanmin(law.get_ydata()) >= board["floor"]


def test_the_paper_predicts_its_boards_as_well_as_published():
    # Recomputed by the reference from the published curves: fitted up to 4x4, 5x5, 7x7.
    theirs = {(each.seen, each.size): each.unexplained for each in paper_extrapolations()}
    for key, score in {(4, 5): 0.037, (4, 9): 0.038, (5, 6): 0.020, (6, 7): 0.005, (7, 9): 0.021, (8, 9): 0.004}.items():
        assert theirs[key] == pytest.approx(score, abs=6e-4)


def test_boards_on_a_planted_law_are_predicted_and_three_are_needed(numbers):
    ours = {(each["seen"], each["size"]): each for each in numbers["prediction_error"]["ours"]}
    assert set(ours) == {(seen, size) for seen in (4, 5) for size in (3, 4, 5)}
    assert ours[4, 5]["unexplained"] < 0.1
    assert all(each["low"] <= each["high"] for each in ours.values())
    with pytest.raises(NotEnoughDataError, match="needs three boards"):
        extrapolate(small_analysis().frontier.select((3, 4)))

"""Laws: the paper's own parameters from the paper's own curves, planted ones within their intervals."""

import dataclasses

import numpy as np
import pytest
from planted_tables import PLANTED, plant, small, small_analysis, tiny

from hexlab.errors import ConfigError
from hexlab.scaling import NotEnoughDataError, compute_frontier, fit_law, paper_frontier, predict_board
from hexlab.scaling.frontiers import Frontier, list_lines, make_board, make_curves
from hexlab.scaling.laws import MODELS, PARAMETERS, _evaluate, _fit, _gradient, _refit, evaluate_law


def test_the_papers_law_comes_out_of_the_papers_curves():
    law = fit_law(paper_frontier(), loss="linear")
    expected = {"m_plateau": -268, "c_plateau": 575, "m_flops": 506, "m_board": -430, "c_incline": -4399}
    for name, value in expected.items():
        assert law.parameters[name] == pytest.approx(value, abs=1)
    assert law.rmse == pytest.approx(58, abs=1)
    assert law.r2 == pytest.approx(0.987, abs=0.001)
    assert law.points == 7 * 101


def test_the_smooth_law_fits_the_papers_curves_better_with_as_many_parameters():
    frontier = paper_frontier()
    assert fit_law(frontier, model="smooth").rmse < fit_law(frontier).rmse


@pytest.mark.parametrize(("boards", "held_out", "score"), [((3, 4, 5), 6, 0.020), ((3, 4, 5), 9, 0.008), (range(3, 9), 9, 0.004)])
def test_predictions_of_the_papers_boards_score_as_known(boards, held_out, score):
    frontier = paper_frontier().select([*boards, held_out])
    prediction = predict_board(frontier, loss="linear")
    assert prediction.normalized == pytest.approx(score, abs=0.0015)
    assert prediction.rmse < prediction.baseline_rmse


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_the_slopes_of_the_law(model):
    size, cost, boards = np.array([3.0, 4.0, 5.0, 9.0]), np.array([10.02, 10.9, 12.55, 16.1]), np.array([3.0, 9.0])
    for at in range(len(PARAMETERS)):
        step = np.zeros(len(PARAMETERS))
        step[at] = 1e-5
        up, down = (_evaluate(model, PLANTED + sign * step, size, cost, boards) for sign in (1, -1))
        np.testing.assert_allclose(_gradient(model, PLANTED, size, cost, boards)[:, at], (up - down) / 2e-5, atol=1e-6)


def test_the_smooth_law_has_the_incline_as_its_tangent_half_way_up():
    half_up = np.array([(-PLANTED[0] * 4 - PLANTED[1]) / -2 - PLANTED[3] * 4 - PLANTED[4]]) / PLANTED[2]
    depth = PLANTED[0] * 4 + PLANTED[1]
    assert evaluate_law("smooth", PLANTED, 4, half_up)[0] == pytest.approx(depth / 2)
    slope = (evaluate_law("smooth", PLANTED, 4, half_up + 1e-4) - evaluate_law("smooth", PLANTED, 4, half_up - 1e-4)) / 2e-4
    assert slope[0] == pytest.approx(PLANTED[2], rel=1e-5)
    assert evaluate_law("smooth", PLANTED, 4, np.array([0.0, 40.0])) == pytest.approx([depth, 0.0], abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_copies_fitted_together_equal_copies_fitted_one_by_one(model):
    analysis = small_analysis()
    boards = analysis.frontier.boards
    copies = [analysis.copies[board.size][:4] for board in boards]
    start = analysis.laws[model].vector
    together = _refit(model, boards, copies, start, "linear")
    for row, fitted in enumerate(together):
        alone = _fit(model, boards, [copy[row] for copy in copies], [start, fitted], "linear")
        costs = [
            sum(np.nansum((evaluate_law(model, p, b.size, b.log10_flops) - c[row]) ** 2) for b, c in zip(boards, copies, strict=True))
            for p in (fitted, alone)
        ]
        assert costs[0] == pytest.approx(costs[1], rel=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_a_plateau_that_no_frontier_reaches_is_held_to_the_cheapest_points(model):
    """Frontiers that start half-way up the planted incline leave their plateaus open; the incline is found all the same."""
    boards = []
    for board in small_analysis().frontier.boards:
        half_up = ((PLANTED[0] * board.size + PLANTED[1]) / 2 - PLANTED[3] * board.size - PLANTED[4]) / PLANTED[2]
        grid = np.linspace(half_up, half_up + 2, len(board.log10_flops))
        boards.append(dataclasses.replace(board, log10_flops=grid, elo=evaluate_law("change_point", PLANTED, board.size, grid)))
    frontier = dataclasses.replace(small_analysis().frontier, boards=tuple(boards))
    law = fit_law(frontier, model=model)
    for board in boards:
        plateau = law.parameters["m_plateau"] * board.size + law.parameters["c_plateau"]
        assert plateau == pytest.approx(board.elo[0], abs=1 if model == "change_point" else 60)
    assert law.parameters["m_flops"] == pytest.approx(PLANTED[2], rel=0.01 if model == "change_point" else 0.3)


def coverage(model, experiments):
    """Share of intervals that hold the planted value; one net and one seed a board, so that the luck of the games is all."""
    inside = []
    for seed in range(experiments):
        nets = dict.fromkeys((3, 4, 5), ((4, 2),))
        tables, _ = plant(nets=nets, seeds=(0,), snapshots=16, budgets=(64,), span=4.0, seed_sd=0.0, greed=0.0, model=model, seed=seed)
        law = fit_law(compute_frontier(tables), model=model, bootstrap=60, seed=seed)
        for name in ("m_plateau", "m_flops", "m_board"):
            low, high = law.intervals[name]
            inside.append(low <= PLANTED[PARAMETERS.index(name)] <= high)
            assert high - low < 0.4 * abs(law.parameters[name])
    return np.mean(inside)


def test_intervals_hold_a_planted_law():
    assert coverage("change_point", 3) >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_a_planted_law_about_as_often_as_they_say(model):
    assert coverage(model, 40) >= 0.85


def exact_frontier(tables, truth):
    """The frontier of the planted strengths themselves, as if every agent had played without end."""
    boards = []
    for size in tables.sizes:
        lines = list_lines(tables.select(size), size, "train_flops", 64, truth.keys())
        boards.append(make_board(size, make_curves(lines, 101, truth, truth, truth)))
    return Frontier("train_flops", 64, tuple(boards))


@pytest.mark.slow
def test_intervals_hold_what_so_many_nets_and_seeds_give_on_average():
    """Runs differ by luck that no number of games takes away: what is held is the mean over experiments of the law of true strengths."""
    names, exact, held = ("m_plateau", "m_flops", "m_board"), [], []
    for seed in range(24):
        nets = dict.fromkeys((3, 4, 5), ((4, 2), (8, 2), (16, 2)))
        tables, truth = plant(nets=nets, seeds=(0, 1, 2), snapshots=10, budgets=(64,), span=3.0, seed_sd=30.0, greed=0.0, seed=seed)
        law = fit_law(compute_frontier(tables), bootstrap=100, seed=seed)
        exact.append([fit_law(exact_frontier(tables, truth)).parameters[name] for name in names])
        held.append([law.intervals[name] for name in names])
    mean, (low, high) = np.mean(exact, axis=0), np.moveaxis(np.array(held), -1, 0)
    assert ((low <= mean) & (mean <= high)).mean(axis=0).min() >= 0.85
    assert ((high - low).mean(axis=0) < 3 * 3.92 * np.std(exact, axis=0)).all(), "games add to the luck of runs, but not that much"


def test_a_planted_law_is_found_among_many_nets_and_seeds():
    law = small_analysis().laws["change_point"]
    # Nets are few and never quite of the right size, so the frontier lies a little below the law; its slopes are the law's.
    assert law.parameters["m_flops"] == pytest.approx(PLANTED[2], rel=0.15)
    assert law.parameters["m_plateau"] == pytest.approx(PLANTED[0], rel=0.15)
    assert law.parameters["m_board"] == pytest.approx(PLANTED[3], rel=0.15)


def test_a_single_board_has_three_parameters():
    law = fit_law(compute_frontier(tiny()[0]), bootstrap=10)
    assert law.parameters["m_plateau"] == law.parameters["m_board"] == 0
    assert law.parameters["c_plateau"] == pytest.approx(-250, abs=40)
    low, high = law.intervals["m_flops"]
    assert low <= law.parameters["m_flops"] <= high
    assert law.residuals[3].shape == (101,)


def test_fits_are_the_same_every_time():
    frontier = compute_frontier(small()[0])
    first, again = (fit_law(frontier, bootstrap=5, seed=1) for _ in range(2))
    assert first.parameters == again.parameters
    np.testing.assert_array_equal(first.replicates, again.replicates)


def test_a_held_out_board_is_predicted_with_an_error_in_elo_and_a_caveat():
    prediction = small_analysis().predictions["change_point"]
    assert (prediction.size, prediction.trained_on) == (5, (3, 4))
    errors = prediction.predicted - prediction.measured
    assert prediction.rmse == pytest.approx(np.sqrt((errors**2).mean()))
    assert prediction.rmse < 80 < prediction.baseline_rmse
    assert (prediction.low <= prediction.high).all()
    assert prediction.inside > 0.5
    assert prediction.caveat.startswith("Two boards")


def test_too_little_data_is_named():
    frontier = compute_frontier(small()[0])
    with pytest.raises(NotEnoughDataError, match="needs two smaller boards to predict 4x4 from; there are 1"):
        predict_board(frontier, 4)
    few, _ = plant(sizes=(3,), nets={3: ((2, 2),)}, seeds=(0,), snapshots=2, budgets=(8,), openings=36)
    with pytest.raises(NotEnoughDataError, match="needs 3 trained snapshots of different cost on 3x3; has 2"):
        fit_law(compute_frontier(few))
    with pytest.raises(ConfigError, match="unknown model 'cubic'"):
        fit_law(frontier, model="cubic")
    with pytest.raises(ConfigError, match="unknown loss 'huber'"):
        fit_law(frontier, loss="huber")

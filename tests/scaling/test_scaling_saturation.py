"""Search levels off: planted curves come back, and a curve that still rises at its largest budget is not given a ceiling."""

import dataclasses

import numpy as np
import pytest
from planted_tables import play, small, tiny

from hexlab import records
from hexlab.arena.ratings import rate
from hexlab.scaling import NotEnoughDataError, Tables, fit_ceilings, fit_test_curves
from hexlab.scaling.saturation import WORTH, evaluate_test_curve, fit_saturation, stops_paying

BUDGETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CURVES = (  # ceiling, gain, half, steepness
    (-300.0, 500.0, 6.0, 1.2),  # levels off far from perfect play
    (-5.0, 500.0, 6.0, 1.2),  # levels off at perfect play
    (0.0, 2000.0, 900.0, 0.7),  # rises through all budgets
)


def plant_curves(openings=400):
    """Return tables of three runs of two snapshots each; in each, Elo follows one of the planted curves."""
    runs, snapshots, agents, truth = [], [], [], {}
    for kind, elo in (("perfect", 0.0), ("random", -1500.0)):
        agents.append(records.Agent(f"{kind}-3", 3, kind, "", -1, 0, 0.0))
        truth[f"{kind}-3"] = elo
    for number, curve in enumerate(CURVES):
        runs.append(records.Run(f"run{number}", 3, 8, 2, number, 386, 32, "{}"))
        for step in (1, 2):
            flops = 10.0 ** (8 + number + 0.4 * step)
            snapshots.append(records.Snapshot(f"run{number}", step, 0, 0, 0.8 * flops, 0.2 * flops, flops, flops / 2))
            for budget in BUDGETS:
                key = f"run{number}/{step}@{budget}"
                agents.append(records.Agent(key, 3, "snapshot", f"run{number}", step, budget, 772.0 * budget))
                truth[key] = float(evaluate_test_curve(*curve, budget))
    pairings = play(agents, truth, openings, np.random.default_rng(1))
    return Tables(tuple(runs), tuple(snapshots), tuple(agents), tuple(pairings), tuple(rate(pairings)))


@pytest.mark.parametrize("curve", [(-300.0, 500.0, 6.0, 1.2), (-5.0, 80.0, 30.0, 0.7), (0.0, 500.0, 100.0, 0.5)])
def test_a_planted_curve_is_recovered(curve):
    fitted = fit_saturation(np.array(BUDGETS), evaluate_test_curve(*curve, BUDGETS))
    np.testing.assert_allclose(evaluate_test_curve(*fitted, BUDGETS), evaluate_test_curve(*curve, BUDGETS), atol=1.0)
    assert fitted[0] == pytest.approx(curve[0], abs=6)


def test_no_other_shape_fits_better():
    # The fit searches shapes and solves for ceiling and gain; here every combination of all four is tried.
    budgets = np.array([1, 4, 16, 64])
    elo = np.array([-310.0, -260.0, -120.0, -95.0])
    errors = ((evaluate_test_curve(*fit_saturation(budgets, elo), budgets) - elo) ** 2).sum()
    tried = np.meshgrid(np.linspace(-150, 0, 31), np.linspace(0, 500, 51), np.geomspace(1, 256, 25), np.geomspace(0.3, 1.5, 9))
    ceiling, gain, half, steepness = (each.ravel()[:, None] for each in tried)
    assert errors <= ((evaluate_test_curve(ceiling, gain, half, steepness, budgets) - elo) ** 2).sum(axis=1).min()


def test_nothing_beats_perfect_play():
    fitted = fit_saturation(np.array([1, 4, 16, 64]), np.array([[-20.0, 5.0, 30.0, 40.0], [30.0, 30.0, 30.0, 30.0]]))
    assert (fitted[:, 0] == 0).all()
    assert (fitted[:, 1] >= 0).all()


def test_a_zero_that_may_be_beaten_holds_no_ceiling():
    """Run 0 levels off 59 Elo above its strength at 32 simulations, which is 0 here, as far from perfect play as nobody knows."""
    tables = plant_curves()
    shift = evaluate_test_curve(*CURVES[0], 32)
    moved = {name: {field: getattr(row, field) - shift for field in ("elo", "low", "high")} for name, row in tables.rating_by_agent.items()}
    ratings = [dataclasses.replace(row, **moved[row.agent], anchor="run0/2@32", anchor_error=np.nan) for row in tables.ratings]
    tables = dataclasses.replace(tables, ratings=tuple(ratings))
    for curve in fit_test_curves(tables, 3, bootstrap=100)[:2]:
        low, high = curve.intervals["ceiling"]
        assert curve.run == "run0"
        assert low <= -300 - shift <= high
        assert curve.ceiling > 40
        assert curve.verdict == ""
    assert set(fit_ceilings(tables, 3, bootstrap=20).verdicts) == {""}


def test_too_few_budgets_and_missing_ratings_give_no_curve():
    assert np.isnan(fit_saturation(np.array([1, 8, 64]), np.array([-300.0, -200.0, -100.0]))).all()
    rows = fit_saturation(np.array([1, 4, 16, 64]), np.array([[-300.0, np.nan, -100.0, -50.0], [-300.0, -200.0, -100.0, -50.0]]))
    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1]).all()
    assert np.isnan(stops_paying(rows, [1, 64])[0])


def test_the_last_paying_doubling_is_the_one_that_a_search_over_all_finds():
    curves = np.array([(-300.0, 500.0, 6.0, 1.2), (-5.0, 80.0, 30.0, 0.7), (0.0, 2000.0, 900.0, 0.7), (0.0, 5.0, 10.0, 1.0)])
    fine = np.geomspace(1, 128, 20_001)
    for curve, enough in zip(curves, stops_paying(curves, BUDGETS), strict=True):
        paying = fine[evaluate_test_curve(*curve, 2 * fine) - evaluate_test_curve(*curve, fine) >= WORTH]
        if not len(paying):
            assert enough == 1
        elif paying[-1] == fine[-1]:
            assert np.isinf(enough)
        else:
            assert enough == pytest.approx(paying[-1], rel=0.05)


def test_intervals_tell_a_ceiling_from_a_curve_that_still_rises():
    curves = {(curve.run, curve.snapshot): curve for curve in fit_test_curves(plant_curves(), 3, bootstrap=100)}
    for step in (1, 2):
        low, high = curves["run0", step].intervals["ceiling"]
        assert low <= -300 <= high
        assert curves["run0", step].verdict == "short of perfect"
        assert curves["run1", step].verdict == "near perfect"
        assert curves["run2", step].verdict == "undetermined"
        assert np.isinf(curves["run2", step].enough)
        low, high = curves["run0", step].intervals["enough"]
        assert low <= stops_paying(np.array(CURVES[0]), BUDGETS) <= high
        assert curves["run0", step].predict(64) == pytest.approx(evaluate_test_curve(*CURVES[0], 64), abs=40)


def test_without_bootstrap_there_is_no_verdict():
    curve = fit_test_curves(plant_curves(openings=60), 3)[0]
    assert curve.verdict == ""
    assert np.isnan(curve.intervals["ceiling"]).all()


def test_ceilings_are_of_the_best_net_for_the_compute():
    tables = plant_curves()
    ceilings = fit_ceilings(tables, 3, bootstrap=50)
    assert ceilings.log10_train[0] == pytest.approx(8.4)
    assert ceilings.run[0] == "run0"  # alone so far
    assert ceilings.run[-1] == "run1"  # better at 256 simulations than the one that still rises, dearer though that is
    assert ceilings.ceiling[0] == pytest.approx(-300, abs=30)
    assert ceilings.ceiling[-1] == pytest.approx(-5, abs=20)
    assert (ceilings.ceiling_low <= ceilings.ceiling_high).all()
    assert ceilings.enough[0] < 256
    np.testing.assert_allclose(ceilings.elo[:, 0], evaluate_test_curve(*CURVES[0], BUDGETS), atol=60)


def test_budgets_that_only_some_snapshots_have_are_left_out_of_ceilings_but_not_of_curves():
    tables = plant_curves(openings=60)
    keep = tuple(row for row in tables.agents if row.test_simulations < 256 or row.snapshot == 2)
    ratings = tuple(row for row in tables.ratings if row.agent in {agent.agent for agent in keep})
    pairings = tuple(row for row in tables.pairings if {row.first, row.second} <= {agent.agent for agent in keep})
    some = dataclasses.replace(tables, agents=keep, ratings=ratings, pairings=pairings)
    assert fit_ceilings(some, 3).simulations.tolist() == list(BUDGETS[:-1])
    assert {len(curve.simulations) for curve in fit_test_curves(some, 3)} == {8, 9}


def test_curves_rise_where_search_helps_and_hold_untrained_nets():
    curves = fit_test_curves(small()[0], 5)
    assert len(curves) == 4 * 8
    strong = max(curves, key=lambda curve: curve.elo[-1] - curve.elo[0])
    assert strong.rmse < 60
    assert strong.predict(64) > strong.predict(4)
    assert sum(curve.train_flops == 0 for curve in curves) == 4


def test_ceilings_need_both_halves_of_the_openings():
    tables, _ = tiny()
    with pytest.raises(NotEnoughDataError, match="both halves"):
        fit_ceilings(dataclasses.replace(tables, pairings=tuple(row for row in tables.pairings if row.half == 0)), 3)

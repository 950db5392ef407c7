"""Boards foretold from planted ones, whose law is known."""

import dataclasses
import math

import numpy as np
import pytest
from planted_tables import PLANTED, plant

from hexlab import scaling
from hexlab.app.cli import main
from hexlab.errors import ConfigError, StoreError
from hexlab.scaling.forecasts import Estimate, Forecast, Score
from hexlab.scaling.laws import evaluate_law
from hexlab.scaling.tables import NotEnoughDataError


@pytest.fixture(scope="module")
def tables():
    return plant(sizes=(3, 4, 5), seeds=(0, 1), greed=0.0, seed_sd=5.0)[0]


@pytest.fixture(scope="module")
def forecast(tables):
    return scaling.forecast_board(tables, 6, bootstrap=60)


def planted_cost(size):
    m_flops, m_board, c_incline = PLANTED[2:]
    return (-50 - m_board * size - c_incline) / m_flops


def test_a_planted_law_foretells_its_next_board(forecast):
    assert forecast.trained_on == (3, 4, 5)
    assert forecast.cost["change_point"].value == pytest.approx(planted_cost(6), abs=0.3)
    assert forecast.cost["line"].value == pytest.approx(planted_cost(6), abs=0.4)
    for estimate in forecast.cost.values():
        assert estimate.low <= estimate.value <= estimate.high
    middle = np.array([row.value for row in forecast.frontier["change_point"]])
    wanted = evaluate_law("change_point", PLANTED, 6, np.array(forecast.log10_flops))
    assert np.abs(middle - wanted).mean() < 60


def test_the_board_itself_is_not_looked_at(tables):
    with_it = scaling.forecast_board(tables, 5, bootstrap=10)
    assert with_it.trained_on == (3, 4)
    spoiled = dataclasses.replace(
        tables, ratings=tuple(dataclasses.replace(row, elo=row.elo / 3) if row.size == 5 else row for row in tables.ratings)
    )
    assert scaling.forecast_board(spoiled, 5, bootstrap=10).to_json() == with_it.to_json()
    unplayed = dataclasses.replace(
        tables, ratings=[row for row in tables.ratings if row.size < 5], pairings=[row for row in tables.pairings if row.size < 5]
    )
    assert scaling.forecast_board(unplayed, 5, bootstrap=10).to_json() == with_it.to_json()
    assert any("two boards" in caveat for caveat in with_it.caveats)
    with pytest.raises(NotEnoughDataError, match="needs two smaller boards to foretell 4x4"):
        scaling.forecast_board(tables, 4)


def test_a_forecast_survives_its_file(forecast):
    again = Forecast.from_json(forecast.to_json())
    assert again.to_json() == forecast.to_json()
    assert (again.size, again.trained_on) == (6, (3, 4, 5))
    assert again.cost["line"].value == pytest.approx(forecast.cost["line"].value, rel=1e-5)
    with pytest.raises(StoreError, match="not a forecast"):
        Forecast.from_json("[1]")


def test_a_right_forecast_scores_well_and_a_wrong_one_badly(tables):
    forecast = scaling.forecast_board(tables, 5, bootstrap=60)
    scores = scaling.score_forecast(forecast, tables)
    bands = {score.model: score for score in scores if isinstance(score, scaling.BandScore)}
    assert bands["change_point"].rmse < 80
    costs = [score for score in scores if "FLOPs" in getattr(score, "quantity", "")]
    assert len(costs) == 3
    assert all(score.measured.value == pytest.approx(planted_cost(5), abs=0.3) for score in costs)
    assert all(score.measured.low < score.measured.value < score.measured.high for score in costs)
    moved = dataclasses.replace(forecast, cost={"line": Estimate(20.0, 19.0, 21.0)}, log10_flops=tuple(x + 3 for x in forecast.log10_flops))
    assert scores[3].measured.low <= scores[3].measured.value <= scores[3].measured.high
    wrong = scaling.score_forecast(moved, tables)
    assert wrong[0].verdict == "wrong"
    assert all(score.rmse > 200 and score.verdict == "wrong" for score in wrong if isinstance(score, scaling.BandScore))


@pytest.mark.parametrize(("inside", "verdict"), [(1.0, "right"), (0.9, "right"), (0.6, "wrong")])
def test_a_band_of_95_percent_that_holds_little_is_wrong(inside, verdict):
    assert scaling.BandScore("smooth", 100.0, 10.0, inside).verdict == verdict


def test_a_board_whose_zero_is_its_best_agent_gives_a_bound_alone(tables, forecast):
    """Perfect play is at least as strong as the best agent: 50 Elo below it costs at least what 50 below the best does."""
    unknown = tuple(dataclasses.replace(row, anchor="best", anchor_error=math.nan) if row.size == 5 else row for row in tables.ratings)
    bounded = dataclasses.replace(tables, ratings=unknown)
    foretold = scaling.forecast_board(tables, 5, bootstrap=20)
    known, scores = scaling.score_forecast(foretold, tables), scaling.score_forecast(foretold, bounded)
    assert [score.quantity for score in scores] == [f"log10 FLOPs of -50 Elo, by {way}" for way in foretold.cost]
    for score in scores:
        assert score.measured.low == known[0].measured.low
        assert math.isinf(score.measured.high)
        assert score.found == f"above {known[0].measured.low:.2f}"
        assert score.verdict in ("undecided", "wrong", "too wide")


@pytest.mark.parametrize(
    ("foretold", "measured", "verdict"),
    [
        ((10, 12), (11.2, 11.8), "right"),
        ((10, 12), (11.5, 11.5), "right"),
        ((10, 12), (11.5, 12.5), "undecided"),
        ((10, 12), (11.5, math.inf), "undecided"),
        ((10, math.inf), (11.5, math.inf), "too wide"),
        ((10, 300), (11.5, 12), "too wide"),
        ((10, math.inf), (9.0, 9.5), "wrong"),
        ((10, 12), (12.1, math.inf), "wrong"),
        ((10, 12), (9.0, 9.5), "wrong"),
        ((10, 12), (-math.inf, 9.5), "wrong"),
        ((math.nan, math.nan), (11.5, 11.5), "undecided"),
        ((-math.inf, math.inf), (11.5, 11.5), "undecided"),
    ],
)
def test_a_forecast_is_right_where_its_interval_holds_all_that_was_measured(foretold, measured, verdict):
    assert Score("cost", Estimate(11, *foretold), Estimate(11.5, *measured)).verdict == verdict


def test_the_command_writes_a_forecast_once_and_scores_it(tables, tmp_path, capsys):
    tables.to_csv(tmp_path / "tables")
    out = tmp_path / "predictions" / "5.json"
    words = ["predict", "--size", "5", "--tables", str(tmp_path / "tables"), "--bootstrap", "10"]
    assert main([*words, "--out", str(out)]) == 0
    assert "5x5 foretold from 3x3, 4x4" in capsys.readouterr().out
    assert main([*words, "--out", str(out)]) == 2
    assert "a forecast is not changed afterwards" in capsys.readouterr().err
    assert main([*words, "--score", str(out)]) == 0
    assert "frontier by the change_point law: off by" in capsys.readouterr().out
    assert main(["predict", "--size", "4", *words[3:], "--score", str(out)]) == 2
    assert "foretells 5x5, not 4x4" in capsys.readouterr().err


def test_a_forecast_without_intervals_is_refused(tables):
    with pytest.raises(ConfigError, match="a forecast needs intervals"):
        scaling.forecast_board(tables, 5, bootstrap=0)

"""From tables to frontiers, laws, figures and a report. Reads tables alone: no weights, no GPU."""

from hexlab.scaling.claims import Analysis, Claim, analyze, make_claims
from hexlab.scaling.crossings import Crossing, Growth, Reach, crossing, find_reaches, fit_growth
from hexlab.scaling.figures import (
    check_figures,
    plot_calibration,
    plot_crossings,
    plot_elo_scale,
    plot_frontier,
    plot_network_size,
    plot_prediction,
    plot_test_compute,
    plot_tradeoff,
    plot_training_curves,
    write_figures,
)
from hexlab.scaling.forecasts import BandScore, Estimate, Forecast, Score, forecast_board, score_forecast
from hexlab.scaling.frontiers import Frontier, compute_frontier, paper_frontier, resample_frontier
from hexlab.scaling.laws import Law, Prediction, fit_law, predict_board
from hexlab.scaling.report import write_report
from hexlab.scaling.saturation import CeilingCurve, TestCurve, fit_ceilings, fit_test_curves
from hexlab.scaling.tables import NotEnoughDataError, Tables, paper_curves, read
from hexlab.scaling.tradeoffs import SizeLaw, Tradeoff, fit_network_size, fit_tradeoff

__all__ = [
    "Analysis",
    "BandScore",
    "CeilingCurve",
    "Claim",
    "Crossing",
    "Estimate",
    "Forecast",
    "Frontier",
    "Growth",
    "Law",
    "NotEnoughDataError",
    "Prediction",
    "Reach",
    "Score",
    "SizeLaw",
    "Tables",
    "TestCurve",
    "Tradeoff",
    "analyze",
    "check_figures",
    "compute_frontier",
    "crossing",
    "find_reaches",
    "fit_ceilings",
    "fit_growth",
    "fit_law",
    "fit_network_size",
    "fit_test_curves",
    "fit_tradeoff",
    "forecast_board",
    "make_claims",
    "paper_curves",
    "paper_frontier",
    "plot_calibration",
    "plot_crossings",
    "plot_elo_scale",
    "plot_frontier",
    "plot_network_size",
    "plot_prediction",
    "plot_test_compute",
    "plot_tradeoff",
    "plot_training_curves",
    "predict_board",
    "read",
    "resample_frontier",
    "score_forecast",
    "write_figures",
    "write_report",
]

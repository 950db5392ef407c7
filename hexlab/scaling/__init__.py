"""From tables to frontiers, laws, figures and a report. Reads tables alone: no weights, no GPU."""

from hexlab.scaling.frontiers import Frontier, compute_frontier, paper_frontier, resample_frontier
from hexlab.scaling.laws import Law, Prediction, fit_law, predict_board
from hexlab.scaling.tables import NotEnoughDataError, Tables, paper_curves, read
from hexlab.scaling.tradeoffs import SizeLaw, TestCurve, Tradeoff, fit_network_size, fit_test_curves, fit_tradeoff

__all__ = [
    "Frontier",
    "Law",
    "NotEnoughDataError",
    "Prediction",
    "SizeLaw",
    "Tables",
    "TestCurve",
    "Tradeoff",
    "compute_frontier",
    "fit_law",
    "fit_network_size",
    "fit_test_curves",
    "fit_tradeoff",
    "paper_curves",
    "paper_frontier",
    "predict_board",
    "read",
    "resample_frontier",
]

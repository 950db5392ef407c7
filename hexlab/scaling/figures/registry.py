"""The set of figures, in the order of the report. A new figure is a module and a line here."""

from collections.abc import Mapping

from hexlab.scaling.figures import (
    calibration,
    crossings,
    elo_scale,
    frontiers,
    network_size,
    prediction,
    test_compute,
    tradeoff,
    training_curves,
)
from hexlab.scaling.figures.kinds import Kind

__all__ = ["FIGURES"]

FIGURES: Mapping[str, Kind] = {
    "training_curves": training_curves.FIGURE,
    "frontiers": frontiers.FIGURE,
    "crossings": crossings.FIGURE,
    "prediction": prediction.FIGURE,
    "test_compute": test_compute.FIGURE,
    "tradeoff": tradeoff.FIGURE,
    "network_size": network_size.FIGURE,
    "calibration": calibration.FIGURE,
    "elo_scale": elo_scale.FIGURE,
}

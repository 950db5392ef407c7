"""The set of figures, in the order of the report. A new figure is a module and a line here."""

from collections.abc import Mapping

from hexlab.scaling.figures import (
    calibration,
    ceilings,
    crossings,
    direct_frontiers,
    elo_scale,
    frontiers,
    game,
    goodness_of_fit,
    isoquants,
    lifetime,
    network_size,
    perfect_score,
    prediction,
    prediction_error,
    serving,
    test_compute,
    tradeoff,
    training_curves,
    training_time,
    wall_clock,
)
from hexlab.scaling.figures.kinds import Kind

__all__ = ["FIGURES"]

FIGURES: Mapping[str, Kind] = {
    "training_curves": training_curves.FIGURE,
    "frontiers": frontiers.FIGURE,
    "crossings": crossings.FIGURE,
    "prediction": prediction.FIGURE,
    "prediction_error": prediction_error.FIGURE,
    "test_compute": test_compute.FIGURE,
    "ceilings": ceilings.FIGURE,
    "tradeoff": tradeoff.FIGURE,
    "isoquants": isoquants.FIGURE,
    "serving": serving.FIGURE,
    "lifetime": lifetime.FIGURE,
    "network_size": network_size.FIGURE,
    "training_time": training_time.FIGURE,
    "wall_clock": wall_clock.FIGURE,
    "perfect_score": perfect_score.FIGURE,
    "direct_frontiers": direct_frontiers.FIGURE,
    "calibration": calibration.FIGURE,
    "goodness_of_fit": goodness_of_fit.FIGURE,
    "elo_scale": elo_scale.FIGURE,
    "game": game.FIGURE,
}

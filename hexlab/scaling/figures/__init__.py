"""The experiment's figures, each from tables alone, each with the numbers behind it.

Every figure is made in two steps: an analysis gives the numbers (plain lists and dicts, as they go into the JSON file beside the
figure), and the numbers give the drawing; so a figure shows exactly what its file says, and can be drawn again from that file.
"""

from hexlab.scaling.figures.calibration import plot_calibration
from hexlab.scaling.figures.ceilings import plot_ceilings
from hexlab.scaling.figures.crossings import plot_crossings
from hexlab.scaling.figures.direct_frontiers import plot_direct_frontiers
from hexlab.scaling.figures.elo_scale import plot_elo_scale
from hexlab.scaling.figures.files import (
    check_figures,
    compute_numbers,
    draw_figure,
    redraw_figures,
    render_numbers,
    render_svg,
    write_figures,
)
from hexlab.scaling.figures.frontiers import plot_frontier
from hexlab.scaling.figures.game import plot_game
from hexlab.scaling.figures.goodness_of_fit import plot_goodness_of_fit
from hexlab.scaling.figures.isoquants import plot_isoquants
from hexlab.scaling.figures.kinds import Kind
from hexlab.scaling.figures.lifetime import plot_lifetime
from hexlab.scaling.figures.network_size import plot_network_size
from hexlab.scaling.figures.perfect_score import plot_perfect_score
from hexlab.scaling.figures.prediction import plot_prediction
from hexlab.scaling.figures.prediction_error import plot_prediction_error
from hexlab.scaling.figures.registry import FIGURES
from hexlab.scaling.figures.serving import plot_serving
from hexlab.scaling.figures.test_compute import plot_test_compute
from hexlab.scaling.figures.tradeoff import plot_tradeoff
from hexlab.scaling.figures.training_curves import plot_training_curves
from hexlab.scaling.figures.training_time import plot_training_time
from hexlab.scaling.figures.wall_clock import plot_wall_clock

__all__ = [
    "FIGURES",
    "Kind",
    "check_figures",
    "compute_numbers",
    "draw_figure",
    "plot_calibration",
    "plot_ceilings",
    "plot_crossings",
    "plot_direct_frontiers",
    "plot_elo_scale",
    "plot_frontier",
    "plot_game",
    "plot_goodness_of_fit",
    "plot_isoquants",
    "plot_lifetime",
    "plot_network_size",
    "plot_perfect_score",
    "plot_prediction",
    "plot_prediction_error",
    "plot_serving",
    "plot_test_compute",
    "plot_tradeoff",
    "plot_training_curves",
    "plot_training_time",
    "plot_wall_clock",
    "redraw_figures",
    "render_numbers",
    "render_svg",
    "write_figures",
]

"""Elo of single snapshots against search at play: figure 8 of Jones 2021."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros
from hexlab.scaling.figures.style import (
    MARKERS,
    annotate,
    canvas,
    elo_axis,
    floats,
    log_axis,
    make_panels,
    make_shades,
    name_board,
    panel_size,
    perfect_line,
)
from hexlab.scaling.saturation import TestCurve, evaluate_test_curve
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_test_compute"]

_LEGEND = {"fontsize": 8.5, "title_fontsize": 8.5, "handletextpad": 0.1, "columnspacing": 0.8, "alignment": "left"}


def plot_test_compute(curves: Mapping[int, Sequence[TestCurve]]) -> "Figure":
    """Draw Elo against test-time compute: up to four snapshots for each board size."""
    return _draw(_numbers(curves))


def _numbers(curves: Mapping[int, Sequence[TestCurve]]) -> Numbers:
    if not curves:
        raise NotEnoughDataError("not enough data: needs snapshots rated at two test budgets or more")
    boards = []
    for size, members in sorted(curves.items()):
        shown = [
            {
                "run": curve.run,
                "snapshot": curve.snapshot,
                "width": curve.width,
                "depth": curve.depth,
                "train_flops": curve.train_flops,
                "simulations": curve.simulations,
                "test_flops": curve.test_flops,
                "elo": curve.elo,
                "low": curve.low,
                "high": curve.high,
                "ceiling": curve.ceiling,
                "ceiling_interval": list(curve.intervals["ceiling"]),
                "verdict": curve.verdict,
                "gain": curve.gain,
                "half": curve.half,
                "steepness": curve.steepness,
                "rmse": curve.rmse,
            }
            for curve in _choose_curves(members)
        ]
        boards.append({"size": size, "curves": shown})
    return {"boards": boards}


def _choose_curves(curves: Sequence[TestCurve]) -> list[TestCurve]:
    """Return up to four snapshots, each a quarter dearer than the last: the cheapest to reach each of four levels with most search."""
    trained = [curve for curve in curves if curve.train_flops > 0] or list(curves)
    depth = min(float(curve.elo.min()) for curve in trained)
    chosen: list[TestCurve] = []
    for level in (0.85 * depth, 0.6 * depth, 0.35 * depth, 0.12 * depth):
        least = 1.25 * chosen[-1].train_flops if chosen else 0.0
        reach = [curve for curve in trained if curve.elo[-1] >= level and curve.train_flops >= least and curve not in chosen]
        if reach:
            chosen.append(min(reach, key=lambda curve: (curve.train_flops, curve.run)))
    return chosen or [max(trained, key=lambda curve: curve.elo[-1])]


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 4.1)) as figure:
        panels = make_panels(figure, len(boards), sharey=True)
        shown = []
        for axes, board in zip(panels, boards, strict=True):
            shades = make_shades(len(board["curves"]))
            for curve, shade, marker in zip(board["curves"], shades, MARKERS, strict=False):
                x, elo = floats(curve["test_flops"]), floats(curve["elo"])
                ends = np.abs(np.array([elo - floats(curve["low"]), floats(curve["high"]) - elo]))
                label = f"10$^{{{math.log10(curve['train_flops']):.1f}}}$" if curve["train_flops"] else "untrained"
                label += f", {curve['width']}x{curve['depth']}"
                axes.errorbar(
                    x, elo, ends, ls="none", marker=marker, ms=4.8, color=shade, elinewidth=1, capsize=2, label=label, mec="white", mew=0.4
                )
                if curve["ceiling"] is not None:
                    steps = np.geomspace(curve["simulations"][0], 2 * curve["simulations"][-1], 60)
                    fitted = evaluate_test_curve(curve["ceiling"], curve["gain"], curve["half"], curve["steepness"], steps)
                    axes.plot(steps * x[0] / curve["simulations"][0], fitted, color=shade, lw=1.4)
                else:
                    axes.plot(x, elo, color=shade, lw=0.9, ls=":")
                every = 1 if len(x) <= 5 else 2
                for place, simulations in list(zip(zip(x, elo, strict=True), curve["simulations"], strict=True))[::every]:
                    annotate(axes, str(simulations), place, (4, -9), shade, fontsize=7.5)
                shown += [curve["low"], curve["high"]]
            log_axis(axes, "x")
            name_board(axes, board["size"], numbers)
            axes.legend(title="training FLOPs, net", ncols=2, loc="upper left", bbox_to_anchor=(-0.04, -0.08), **_LEGEND)
            perfect_line(axes)
        elo_axis(panels[0], shown)
        figure.supxlabel("test-time compute (FLOPs a move)", fontsize=10.5)
    return figure


FIGURE = Kind(
    "Strength against search at play",
    "Elo of single snapshots at several numbers of simulations a move, which label the points, with 95 % intervals: the cheapest "
    "snapshots to reach each of four levels, by the compute of their training. Lines are logistic curves in log compute up to a ceiling of "
    "their own; dotted where there are too few budgets for one.",
    lambda analysis: _numbers(analysis.test_curves) | note_zeros(analysis),
    _draw,
    figure=8,
)

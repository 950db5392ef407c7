"""Elo of single snapshots against search at play: figure 8 of Jones 2021."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain
from hexlab.scaling.figures.style import (
    INK,
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_test_compute"]

_LEVELS, _NEAR, _PICKED_AT = (1.0, 0.6, 0.25, 0.0), 0.1, 64
_LEGEND = {"fontsize": 8.5, "title_fontsize": 8.5, "handletextpad": 0.1, "columnspacing": 0.8, "alignment": "left"}


def plot_test_compute(curves: Mapping[int, Sequence[TestCurve]]) -> "Figure":
    """Draw Elo against test-time compute: up to four snapshots for each board size."""
    return _draw(plain(_numbers(curves)))


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
    """Return up to four snapshots from the weakest to the best: those nearest to four levels of strength at 64 simulations.

    They are trained ones, if there are any. The levels are parts of the distance from the best to the weakest, closer together at the
    top, where search stops to help. Of snapshots within a tenth of that distance of a level, those rated at most numbers of simulations
    come first.
    """
    members = {(curve.run, curve.snapshot): curve for curve in curves if curve.train_flops > 0}
    members = members or {(curve.run, curve.snapshot): curve for curve in curves}
    strength = {key: _read_strength(curve) for key, curve in members.items()}
    best = max(strength.values())
    span = best - min(strength.values())
    chosen = set()
    for part in _LEVELS:
        off = {key: abs(elo - best + part * span) for key, elo in strength.items()}
        ranks = {key: (off[key] > _NEAR * span, -len(curve.simulations), off[key], key) for key, curve in members.items()}
        chosen.add(min(ranks, key=ranks.__getitem__))
    return [members[key] for key in sorted(chosen, key=lambda key: (strength[key], key))]


def _read_strength(curve: TestCurve) -> float:
    """Return the Elo at 64 simulations, or at the number next to it."""
    return float(curve.elo[np.abs(np.log(curve.simulations / _PICKED_AT)).argmin()])


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 4.1)) as figure:
        panels = make_panels(figure, len(boards), sharey=False)
        for axes, board in zip(panels, boards, strict=True):
            shown = []
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
                shown += [curve["low"], curve["high"]]
            _label_points(axes, board["curves"][-1])
            elo_axis(axes, shown)
            axes.set_ylabel("")
            log_axis(axes, "x")
            name_board(axes, board["size"], numbers)
            axes.legend(title="training FLOPs, net", ncols=2, loc="upper left", bbox_to_anchor=(-0.04, -0.08), **_LEGEND)
            perfect_line(axes)
        figure.supxlabel("test-time compute (FLOPs a move)", fontsize=10.5)
        figure.supylabel("Elo (0 is perfect play), each board on its own scale", fontsize=10.5)
    return figure


def _label_points(axes: "Axes", curve: Numbers) -> None:
    """Write the simulations a move above the points of a curve, at every second one of many."""
    x, high = floats(curve["test_flops"]), floats(curve["high"])
    every = 1 if len(x) <= 5 else 2
    for place, simulations in list(zip(zip(x, high, strict=True), curve["simulations"], strict=True))[::every]:
        annotate(axes, str(simulations), place, (0, 2), INK, fontsize=7.5, ha="center", va="bottom")


FIGURE = Kind(
    "Strength against search at play",
    "Elo of single snapshots at several numbers of simulations a move, with 95 % intervals: of each board one of the weakest and one "
    "of the best at 64 simulations, and two between them, by the compute of their training and their net. Numbers at the points of the "
    "best are the simulations; those of the others are the same from the first point on. Lines are logistic curves in log compute up to "
    "a ceiling of their own; dotted where there are too few budgets for one. Jones 2021 takes the last snapshots of four runs on 9×9; here "
    "any snapshot may be picked, for the last ones of small boards are all near perfect play.",
    lambda analysis: _numbers(analysis.test_curves) | note_zeros(analysis),
    _draw,
    figure=8,
)

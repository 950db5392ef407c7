"""Elo against the wall-clock of training, and why it is not the same as against FLOPs: small nets make fewer of them in a second."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.figures.kinds import Kind, Numbers, plain, require_frontier
from hexlab.scaling.figures.style import (
    INK,
    board_color,
    board_marker,
    board_name,
    canvas,
    elo_axis,
    floats,
    label_curve,
    legend_band,
    legend_line,
    log_axis,
    perfect_line,
    powers,
)
from hexlab.scaling.frontiers import compute_frontiers, resample_frontier
from hexlab.scaling.laws import interval
from hexlab.scaling.tables import NotEnoughDataError, Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_wall_clock"]


def plot_wall_clock(analysis: Analysis) -> "Figure":
    """Draw the frontiers against seconds of training on one core, and every run's FLOPs a second.

    Raises:
        NotEnoughDataError: tables without timings.
    """
    return _draw(plain(_numbers(analysis)))


def _numbers(analysis: Analysis) -> Numbers:
    tables, rated = analysis.tables, require_frontier(analysis)
    frontier, missing = compute_frontiers(tables, rated.sizes, x="train_seconds", test_simulations=rated.test_simulations)
    if frontier is None:
        raise NotEnoughDataError(next(iter(missing.values())))
    copies = resample_frontier(frontier, analysis.bootstrap, analysis.seed) if analysis.bootstrap else {}
    boards = []
    for board in frontier.boards:
        curves = board.curves
        low, high = interval(copies[board.size]) if copies else (np.full(len(board.elo), np.nan),) * 2
        runs = [tables.run_by_key[run] for run in curves.runs]
        boards.append(
            {
                "size": board.size,
                "log10_seconds": board.log10_flops,
                "elo": board.elo,
                "low": low,
                "high": high,
                "runs": [
                    {
                        "run": run,
                        "log10_seconds": curves.agent_log10_flops[curves.agent_run == number],
                        "elo": curves.plain[curves.agent_run == number],
                    }
                    for number, run in enumerate(curves.runs)
                ],
                "parameters": [run.parameters for run in runs],
                "flops_a_second": [_measure_speed(tables, run.run) for run in runs],
            }
        )
    return {"test_simulations": frontier.test_simulations, "boards": boards}


def _measure_speed(tables: Tables, run: str) -> float:
    """Return the training FLOPs a second of a run up to its last snapshot that was timed."""
    last = max(row.snapshot for row in tables.snapshots if row.run == run and tables.cost(run, row.snapshot, "train_seconds") > 0)
    return tables.cost(run, last, "train_flops") / tables.cost(run, last, "train_seconds")


def _draw(numbers: Numbers) -> "Figure":
    with canvas(9.6, 4.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        for board in numbers["boards"]:
            color, marker = board_color(board["size"]), board_marker(board["size"])
            for run in board["runs"]:
                left.plot(powers(run["log10_seconds"]), floats(run["elo"]), color=color, alpha=0.28, lw=0.9, marker=marker, ms=2.4)
            x = powers(board["log10_seconds"])
            left.fill_between(x, floats(board["low"]), floats(board["high"]), color=color, alpha=0.16, lw=0)
            left.plot(x, floats(board["elo"]), color=color, lw=2.6)
            label_curve(left, board["log10_seconds"], board["elo"], board["size"])
            right.plot(board["parameters"], board["flops_a_second"], ls="none", color=color, marker=marker, label=board_name(board["size"]))
        elo_axis(left, [run["elo"] for board in numbers["boards"] for run in board["runs"]])
        perfect_line(left)
        left.margins(x=0.12)
        log_axis(left, "x")
        left.set_xlabel("training time (seconds on one core)")
        log_axis(right, "x")
        log_axis(right, "y")
        right.set_xlabel("parameters of the net")
        right.set_ylabel("training FLOPs a second on one core")
        right.legend(loc="lower right")
        handles = [
            legend_line(INK, lw=2.6, label="frontier: best Elo for the time"),
            legend_line(INK, lw=0.9, alpha=0.4, marker="o", ms=2.4, label="one training run, its snapshots"),
            legend_band(INK, "95 % bootstrap band"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


FIGURE = Kind(
    "Strength against training time",
    "The frontiers with seconds of training on one core in place of floating-point operations, without those of starting, with 95 % bands, "
    "and the FLOPs that every run made in a second: in small nets the search around them takes most of the time.",
    _numbers,
    _draw,
)

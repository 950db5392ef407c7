"""Elo against the wall-clock and the energy of training, and why that is not as against FLOPs: small nets make fewer in a second."""

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
from hexlab.scaling.frontiers import Frontier, compute_frontiers, resample_frontier
from hexlab.scaling.laws import interval
from hexlab.scaling.tables import NotEnoughDataError, Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_wall_clock"]


def plot_wall_clock(analysis: Analysis) -> "Figure":
    """Draw the frontiers against seconds of training on one core, and every run's FLOPs a second.

    Where the tables hold the energy of training, the frontiers against joules stand between them.

    Raises:
        NotEnoughDataError: tables without timings.
    """
    return _draw(plain(_numbers(analysis)))


def _numbers(analysis: Analysis) -> Numbers:
    tables, rated = analysis.tables, require_frontier(analysis)
    frontier, missing = compute_frontiers(tables, rated.sizes, x="train_seconds", test_simulations=rated.test_simulations)
    if frontier is None:
        raise NotEnoughDataError(next(iter(missing.values())))
    speeds = []
    for board in frontier.boards:
        runs = [tables.run_by_key[run] for run in board.curves.runs]
        found = [_measure_speed(tables, run.run) for run in runs]
        speeds.append({"size": board.size, "parameters": [run.parameters for run in runs], "flops_a_second": found})
    numbers: Numbers = {"test_simulations": frontier.test_simulations, "boards": _list_boards(analysis, frontier), "speeds": speeds}
    by_energy, _ = compute_frontiers(tables, rated.sizes, x="train_joules", test_simulations=rated.test_simulations)
    if by_energy is not None:
        numbers["energy"] = _list_boards(analysis, by_energy)
    return numbers


def _list_boards(analysis: Analysis, frontier: Frontier) -> list[Numbers]:
    copies = resample_frontier(frontier, analysis.bootstrap, analysis.seed) if analysis.bootstrap else {}
    boards = []
    for board in frontier.boards:
        curves = board.curves
        low, high = interval(copies[board.size]) if copies else (np.full(len(board.elo), np.nan),) * 2
        lines = [curves.agent_run == number for number in range(len(curves.runs))]
        runs = [
            {"run": run, "log10_cost": curves.agent_log10_flops[mine], "elo": curves.plain[mine]}
            for run, mine in zip(curves.runs, lines, strict=True)
        ]
        boards.append({"size": board.size, "log10_cost": board.log10_flops, "elo": board.elo, "low": low, "high": high, "runs": runs})
    return boards


def _measure_speed(tables: Tables, run: str) -> float:
    """Return the training FLOPs a second of a run up to its last snapshot that was timed."""
    last = max(row.snapshot for row in tables.snapshots if row.run == run and tables.cost(run, row.snapshot, "train_seconds") > 0)
    return tables.cost(run, last, "train_flops") / tables.cost(run, last, "train_seconds")


def _draw(numbers: Numbers) -> "Figure":
    panels = [("training time (seconds on one core)", numbers["boards"])]
    if "energy" in numbers:
        panels.append(("energy of training (joules)", numbers["energy"]))
    with canvas(5.0 + 4.6 * len(panels), 4.6) as figure:
        *left, right = figure.subplots(1, 1 + len(panels), width_ratios=(1.6,) * len(panels) + (1,))
        for axes, (label, boards) in zip(left, panels, strict=True):
            _draw_boards(axes, boards)
            axes.set_xlabel(label)
        for each in numbers["speeds"]:
            color, marker = board_color(each["size"]), board_marker(each["size"])
            right.plot(each["parameters"], each["flops_a_second"], ls="none", color=color, marker=marker, label=board_name(each["size"]))
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


def _draw_boards(axes: "Axes", boards: list[Numbers]) -> None:
    for board in boards:
        color, marker = board_color(board["size"]), board_marker(board["size"])
        for run in board["runs"]:
            axes.plot(powers(run["log10_cost"]), floats(run["elo"]), color=color, alpha=0.28, lw=0.9, marker=marker, ms=2.4)
        x = powers(board["log10_cost"])
        axes.fill_between(x, floats(board["low"]), floats(board["high"]), color=color, alpha=0.16, lw=0)
        axes.plot(x, floats(board["elo"]), color=color, lw=2.6)
        label_curve(axes, board["log10_cost"], board["elo"], board["size"])
    elo_axis(axes, [run["elo"] for board in boards for run in board["runs"]])
    perfect_line(axes)
    axes.margins(x=0.12)
    log_axis(axes, "x")


FIGURE = Kind(
    "Strength against training time",
    "The frontiers with seconds of training on one core in place of floating-point operations, without those of starting, with 95 % bands, "
    "and the FLOPs that every run made in a second: in small nets the search around them takes most of the time. Where the computer tells "
    "its energy, the frontiers against that too, each run with its share by seconds.",
    _numbers,
    _draw,
)

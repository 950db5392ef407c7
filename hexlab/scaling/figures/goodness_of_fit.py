"""Observed scores of pairs over those that their ratings predict, with the scatter that is expected."""

from typing import TYPE_CHECKING

import numpy as np

from hexlab import arena
from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import (
    GRAY,
    INK,
    board_color,
    board_name,
    canvas,
    floats,
    legend_band,
    legend_line,
    make_panels,
    panel_size,
)
from hexlab.scaling.tables import NotEnoughDataError, Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_goodness_of_fit"]

_GROUPS, _SHOWN = 10, 300


def plot_goodness_of_fit(tables: Tables) -> "Figure":
    """Draw how far the score of every pair strays from what its ratings predict, beside what is expected."""
    return _draw(plain(_numbers(tables)))


def _numbers(tables: Tables) -> Numbers:
    boards = []
    for size in tables.sizes:
        rows = [row for row in tables.pairings if row.size == size]
        if rows:
            boards.append({"size": size, **_measure(arena.measure_goodness(rows))})
    if not boards:
        raise NotEnoughDataError("not enough data: needs games")
    return {"boards": boards}


def _measure(fit: arena.Goodness) -> Numbers:
    strays = fit.observed - fit.predicted
    known = np.flatnonzero(np.isfinite(fit.scatter))
    order = known[np.argsort(fit.predicted[known].round(9), kind="stable")]  # equals by their place, on every computer
    groups = [group for group in np.array_split(order, min(_GROUPS, max(1, len(order) // 20))) if len(group)]
    shown = order[np.linspace(0, len(order) - 1, min(len(order), _SHOWN)).round().astype(int)] if len(order) else order
    return {
        "pairs": len(fit.games),
        "misfit": fit.misfit,
        "spread": fit.spread,
        "inside": fit.inside,
        "predicted": [fit.predicted[group].mean() for group in groups],
        "stray": [strays[group].mean() for group in groups],
        "stray_low": [np.quantile(strays[group], 0.025) for group in groups],
        "stray_high": [np.quantile(strays[group], 0.975) for group in groups],
        "expected": [1.96 * np.sqrt((fit.scatter[group] ** 2).mean()) for group in groups],
        "luck": [1.96 * np.sqrt((fit.chance[group] ** 2).mean()) for group in groups],
        "pair_predicted": fit.predicted[shown],
        "pair_stray": strays[shown],
    }


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 3.8)) as figure:
        panels = make_panels(figure, len(boards), sharey=True)
        for axes, board in zip(panels, boards, strict=True):
            color, at = board_color(board["size"]), 100 * floats(board["predicted"])
            stray = 100 * floats(board["stray"])
            for name, shade in (("expected", 0.16), ("luck", 0.3)):
                reach = 100 * floats(board[name])
                axes.fill_between(at, -reach, reach, color=color, alpha=shade, lw=0)
            pairs = 100 * floats(board["pair_predicted"]), 100 * floats(board["pair_stray"])
            axes.plot(*pairs, ls="none", marker=".", ms=4, color=GRAY, alpha=0.7, mew=0, label="pairs")
            low, high = 100 * floats(board["stray_low"]), 100 * floats(board["stray_high"])
            # A few upsets among sure wins pull a mean out of the bar that holds 95 % of the pairs: points and bars apart.
            axes.errorbar(at, (low + high) / 2, (high - low) / 2, fmt="none", color=INK, elinewidth=1.0, capsize=2)
            axes.plot(at, stray, ls="none", marker="o", ms=4, color=INK, label="observed, mean")
            axes.axhline(0, color=INK, lw=0.9)
            axes.set_title(board_name(board["size"]), color=color)
            if board["spread"] is not None:
                about = f"spread {board['spread']:.2f}, {100 * board['inside']:.0f} % within"
                axes.annotate(about, (0.5, 0.02), xycoords="axes fraction", ha="center", fontsize=9)
        panels[0].set_ylabel("observed less predicted, percentage points")
        handles = [
            legend_line(GRAY, ls="none", marker=".", ms=4, alpha=0.7, mew=0, label="pairs"),
            legend_line(INK, ls="none", marker="o", ms=4, label="observed, mean"),
            legend_line(INK, ls="none", marker="|", ms=11, mew=1.0, label="observed, 95 %"),
            legend_band(INK, "expected, 95 %", 0.16),
            legend_band(INK, "by luck alone", 0.4),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if len(boards) > 2 else 2)
        figure.supxlabel("predicted score of the favorite, %", fontsize=10.5)
    return figure


FIGURE = Kind(
    "Goodness of fit",
    "How far the score of every pair strays from the one that its ratings predict. Points are pairs, a sample of them; bars hold 95 % of "
    "the pairs of like prediction, bands 95 % of what is expected: by the luck of the openings alone, and with the effect that every "
    "pair has in the model. The spread of the surpluses in units of their expected scatter is 1 for a sound model, and 95 % of them are "
    "within 1.96.",
    lambda analysis: _numbers(analysis.tables),
    _draw,
)

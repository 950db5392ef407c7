"""Direct score against perfect play over fitted Elo."""

import math
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, plain
from hexlab.scaling.figures.style import INK, board_color, board_marker, board_name, canvas, floats
from hexlab.scaling.tables import NotEnoughDataError, Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_calibration"]

_BIN = 10.0  # Elo, the width of a point
_FAINT = 0.22  # how opaque one agent is


def plot_calibration(tables: Tables) -> "Figure":
    """Draw every agent's direct score against perfect play over its fitted Elo."""
    return _draw(plain(_numbers(tables)))


def _numbers(tables: Tables) -> Numbers:
    boards = []
    rated = sorted(tables.ratings, key=lambda row: row.agent)
    for size in tables.sizes:
        met = [row for row in rated if row.size == size and row.perfect_games and tables.agent_by_key[row.agent].kind != "perfect"]
        if met:
            elo, score = np.array([row.elo for row in met]), np.array([row.perfect_score for row in met])
            groups = [np.array(group) for group in np.array_split(np.argsort(elo, kind="stable"), min(12, max(1, len(met) // 4)))]
            boards.append(
                {
                    "size": size,
                    "agents": [row.agent for row in met],
                    "elo": elo,
                    "score": score,
                    "group_elo": [elo[group].mean() for group in groups],
                    "group_score": [score[group].mean() for group in groups],
                    "group_error": [1.96 * score[group].std(ddof=1) / math.sqrt(len(group)) if len(group) > 1 else 0.0 for group in groups],
                }
            )
    if not boards:
        raise NotEnoughDataError("not enough data: needs games against perfect play")
    return {"boards": boards}


def _gather_bins(elo: np.ndarray, score: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return agents of one score and of one bin of Elo as one: by their number in a bin, means of Elo over scores, float64[2, bins]."""
    cells, place, count = np.unique(np.stack([score, np.round(elo / _BIN) + 0.0]), axis=1, return_inverse=True, return_counts=True)
    means = np.bincount(place.ravel(), weights=elo) / count
    return [(int(among), np.stack([means, cells[0]])[:, count == among]) for among in np.unique(count)]


def _draw(numbers: Numbers) -> "Figure":
    with canvas(7.2, 4.4) as figure:
        axes = figure.add_subplot()
        lowest = -100.0
        for board in numbers["boards"]:
            elo, score = floats(board["elo"]), floats(board["score"])
            color, marker = board_color(board["size"]), board_marker(board["size"])
            for among, bins in _gather_bins(elo, score):
                shade = 1 - (1 - _FAINT) ** among
                axes.plot(*bins, ls="none", marker=marker, ms=2.6, color=color, alpha=shade, mew=0)
            axes.errorbar(
                floats(board["group_elo"]),
                floats(board["group_score"]),
                floats(board["group_error"]),
                ls="none",
                marker=marker,
                ms=6,
                color=color,
                elinewidth=1.2,
                capsize=2.5,
                mec="white",
                mew=0.5,
                label=board_name(board["size"]),
                zorder=4,
            )
            lowest = min(lowest, float(elo.min()))
        line = np.linspace(lowest - 20, 60, 200)
        axes.plot(line, 1 / (1 + 10 ** (-line / 400)), color=INK, lw=1.5, label="expected from Elo")
        axes.set_xlabel("fitted Elo, from all games (0 is perfect play)")
        axes.set_ylabel("share of games won against perfect play")
        axes.set_ylim(-0.02, max(0.6, 0.02 + max(max(floats(board["score"])) for board in numbers["boards"])))
        axes.legend(loc="upper left")
    return figure


FIGURE = Kind(
    "Fitted Elo against direct score",
    "Share of games won against perfect play over the Elo fitted to all games: every agent faint, those of one score within 10 Elo as one, "
    "the more of them the darker, and groups of agents of like Elo "
    "with the 95 % interval of their mean. The line is what the Elo model expects.",
    lambda analysis: _numbers(analysis.tables),
    _draw,
)

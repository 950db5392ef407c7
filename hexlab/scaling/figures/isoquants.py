"""Training and search at equal Elo on linear axes, with lines of equal bills: where each number of games is served cheapest."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.crossings import bound_interval
from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain
from hexlab.scaling.figures.style import (
    INK,
    board_color,
    board_marker,
    canvas,
    floats,
    legend_line,
    make_panels,
    make_shades,
    name_board,
    panel_size,
)
from hexlab.scaling.serving import Demand, Isoquant, Price, find_plan, typical_moves
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import Tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_isoquants"]

_FEWEST = 4  # points that make a curve
_GAMES = (1e4, 1e5, 1e6)


def plot_isoquants(isoquants: Mapping[int, Sequence[Isoquant]], tradeoffs: Mapping[int, Tradeoff] | None = None) -> "Figure":
    """Draw for each board its highest isoquant of at least four points, with lines of equal bills that touch it.

    Args:
        isoquants: by board size, what `find_isoquants` returned.
        tradeoffs: by board size, what `fit_tradeoff` returned, drawn as curves.
    """
    return _draw(plain(_numbers(isoquants, tradeoffs or {})))


def _numbers(isoquants: Mapping[int, Sequence[Isoquant]], tradeoffs: Mapping[int, Tradeoff]) -> Numbers:
    boards = []
    for size, members in sorted(isoquants.items()):
        curves = [isoquant for isoquant in members if len(isoquant.edge) >= _FEWEST]
        if curves:
            isoquant = max(curves, key=lambda each: each.level)
            edge = isoquant.edge
            law = tradeoffs.get(size)
            train = isoquant.train_flops[edge]
            low, high = _bands(isoquant, edge)
            boards.append(
                {
                    "size": size,
                    "level": isoquant.level,
                    "moves": typical_moves(size),
                    "run": [isoquant.runs[place] for place in edge],
                    "train_flops": train,
                    "test_flops": isoquant.test_flops[edge],
                    "low": low,
                    "high": high,
                    "law": None if law is None else _pass_through(law.slope, train, isoquant.test_flops[edge]),
                    "slope": None if law is None else law.slope,
                    "plans": [_describe_plan(isoquant, games) for games in _GAMES],
                }
            )
    if not boards:
        raise NotEnoughDataError(f"not enough data: needs {_FEWEST} training computes that reach one Elo with less and less search")
    return {"boards": boards}


def _bands(isoquant: Isoquant, edge: np.ndarray) -> np.ndarray:
    """Return 95 % intervals of the least compute a move at each training compute of the edge, inf where a copy does not reach the level."""
    ends = []
    for train in isoquant.train_flops[edge]:
        least = isoquant.copies[:, isoquant.train_flops <= train].min(axis=1)
        ends.append(bound_interval(least, least))
    return np.array(ends).T


def _pass_through(slope: float, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the test compute of a power law of that slope through the middle of the pairs."""
    logs = np.log10(train)
    return 10 ** (np.log10(test).mean() + slope * (logs - logs.mean()))


def _describe_plan(isoquant: Isoquant, games: float) -> dict[str, float]:
    """Return the cheapest pair for a number of games at one price a FLOP."""
    plan = find_plan(isoquant, Demand(games, typical_moves(isoquant.size)), Price())
    return {"games": games, "train_flops": plan.train_flops, "test_flops": plan.test_flops, "bill": plan.bill.total}


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 4.3)) as figure:
        panels = make_panels(figure, len(boards), sharey=False)
        for axes, board in zip(panels, boards, strict=True):
            _draw_board(axes, board)
            name_board(axes, board["size"], numbers, f", Elo {board['level']:.0f}")
        panels[0].set_ylabel("test-time compute (FLOPs a move), linear")
        figure.supxlabel("training compute (FLOPs), linear", fontsize=10.5)
        handles = [
            legend_line(INK, ls="none", marker="o", ms=5, label="pair that reaches the Elo, 95 %"),
            legend_line(INK, ls=(0, (5, 2)), lw=1.4, label="at the fitted slope"),
        ]
        plans = boards[0]["plans"]
        for plan, shade in zip(plans, make_shades(len(plans)), strict=True):
            label = f"10$^{{{math.log10(plan['games']):.0f}}}$ games: equal bills, cheapest pair"
            handles.append(legend_line(shade, lw=1.1, marker="o", ms=9, mfc="none", mew=1.6, label=label))
        figure.legend(handles=handles, loc="outside upper left", ncols=min(len(boards), 2))
    return figure


def _draw_board(axes: "Axes", board: Numbers) -> None:
    color = board_color(board["size"])
    train, test = floats(board["train_flops"]), floats(board["test_flops"])
    low, high = floats(board["low"]), floats(board["high"])
    right, top = 1.08 * train.max(), 1.4 * max(plan["test_flops"] for plan in board["plans"])
    ends = np.where(np.isnan([low, high]), 0.0, np.maximum([test - low, high - test], 0.0))
    # An interval that is open above, where copies do not reach the Elo, runs out of the picture.
    ends[1] = np.where(np.isfinite(low) & np.isnan(high), top, ends[1])
    axes.errorbar(train, test, ends, ls="none", color=color, elinewidth=1, capsize=2, alpha=0.4)
    axes.plot(train, test, ls="none", marker=board_marker(board["size"]), ms=5, color=color, zorder=3)
    if board["law"] is not None:
        axes.plot(train, floats(board["law"]), color=color, ls=(0, (5, 2)), lw=1.4)
    for plan, shade in zip(board["plans"], make_shades(len(board["plans"])), strict=True):
        a_flop = plan["games"] * board["moves"]
        x = np.array([0, right])
        axes.plot(x, (plan["bill"] - x) / a_flop, color=shade, lw=1.1)
        axes.plot([plan["train_flops"]], [plan["test_flops"]], ls="none", marker="o", ms=10, mfc="none", color=shade, mew=1.6, zorder=4)
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)


FIGURE = Kind(
    "Training traded for search, on linear axes",
    "Pairs of training and test-time compute that reach one Elo, those that no other undercuts, with 95 % intervals, and a power "
    "law of the slope of the logarithmic figure through their middle: where it misses them, one slope does not do for all Elo of a board. "
    "The Elo is the highest of -400, -200 and -50 with at least "
    f"{_FEWEST} such pairs. Straight lines join pairs of equal bills, training plus so many games at one price a FLOP; the line that "
    "touches the curve first touches it at the cheapest pair, ringed. Few games are served cheapest by little training and much search, "
    "many games the other way about. A panel is as high as the cheapest pair for the fewest games needs, pairs with more search lie "
    "above it. Pairs are picked on half of the games and charged for more by a factor from the other half.",
    lambda analysis: _numbers(analysis.isoquants, analysis.tradeoffs) | note_zeros(analysis),
    _draw,
)

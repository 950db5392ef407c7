"""Training and search at equal Elo on linear axes, with lines of equal bills: where each number of games is served cheapest."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
from hexlab.scaling.serving import Demand, Isoquant, Plan, Price, find_plan, typical_moves
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import Tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_isoquants"]

_FEWEST = 4  # points that make a curve
_LINES = 3
_GAMES = 10.0 ** np.arange(1, 13)


def plot_isoquants(isoquants: Mapping[int, Sequence[Isoquant]], tradeoffs: Mapping[int, Tradeoff] | None = None) -> "Figure":
    """Draw for each board the isoquant of most points, with lines of equal bills that touch it.

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
            isoquant = max(curves, key=lambda each: (len(each.edge), each.level))
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
                    "test_flops": isoquant.rating[edge],
                    "low": low,
                    "high": high,
                    "law": None if law is None else _pass_through(law.slope, train, isoquant.rating[edge]),
                    "slope": None if law is None else law.slope,
                    "plans": _choose_plans(isoquant),
                }
            )
    if not boards:
        raise NotEnoughDataError(f"not enough data: needs {_FEWEST} training computes that reach one Elo with less and less search")
    return {"boards": boards}


def _bands(isoquant: Isoquant, edge: np.ndarray) -> np.ndarray:
    """Return 95 % intervals of the least compute a move at each training compute of the edge, inf where a copy does not reach the level."""
    ends = []
    for train in isoquant.train_flops[edge]:
        allowed = isoquant.train_flops <= train
        picking, rating = isoquant.picking_copies[:, allowed], isoquant.rating_copies[:, allowed]
        least = rating[np.arange(len(rating)), np.argmin(picking, axis=1)]
        ends.append(bound_interval(least, least))
    return np.array(ends).T


def _pass_through(slope: float, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the test compute of a power law of that slope through the middle of the pairs."""
    logs = np.log10(train)
    return 10 ** (np.log10(test).mean() + slope * (logs - logs.mean()))


def _choose_plans(isoquant: Isoquant) -> list[dict[str, Any]]:
    """Return the best pairs for up to three numbers of games, powers of ten for which it differs, spread over the isoquant."""
    plans: list[Plan] = []
    for games in _GAMES:
        plan = find_plan(isoquant, Demand(float(games), typical_moves(isoquant.size)), Price())
        if not plans or plan.train_flops > plans[-1].train_flops:
            plans.append(plan)
    kept = sorted({round(place) for place in np.linspace(0, len(plans) - 1, _LINES)})
    return [
        {
            "games": plans[place].demand.games,
            "train_flops": plans[place].train_flops,
            "test_flops": plans[place].test_flops,
            "bill": plans[place].bill.total,
        }
        for place in kept
    ]


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
            legend_line(INK, lw=1, label="equal bills; ring: the cheapest pair"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=min(len(boards), 3))
    return figure


def _draw_board(axes: "Axes", board: Numbers) -> None:
    color = board_color(board["size"])
    train, test = floats(board["train_flops"]), floats(board["test_flops"])
    low, high = floats(board["low"]), floats(board["high"])
    right, top = 1.08 * train.max(), 1.25 * test.max()
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
        axes.plot(x, (plan["bill"] - x) / a_flop, color=shade, lw=1.1, label=f"10$^{{{math.log10(plan['games']):.0f}}}$ games")
        axes.plot([plan["train_flops"]], [plan["test_flops"]], ls="none", marker="o", ms=10, mfc="none", color=shade, mew=1.6, zorder=4)
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    axes.legend(loc="upper right", fontsize=8.5)


FIGURE = Kind(
    "Training traded for search, on linear axes",
    "Pairs of training and test-time compute that reach one Elo, those that no other undercuts, with 95 % intervals, and a power "
    "law of the slope of the logarithmic figure through their middle. Straight lines join pairs of equal bills, training plus so many "
    "games at one price a FLOP; the line that touches the curve first touches it at the cheapest pair, ringed. Few games are served "
    "cheapest by little training and much search, many games the other way about. Pairs are picked on half of the games and charged "
    "by the other half.",
    lambda analysis: _numbers(analysis.isoquants, analysis.tradeoffs) | note_zeros(analysis),
    _draw,
)

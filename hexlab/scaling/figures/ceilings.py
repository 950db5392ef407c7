"""Raw policy, search and its ceiling over training, and the search from which more of it no longer pays."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain
from hexlab.scaling.figures.style import (
    COLORS,
    INK,
    canvas,
    compute_label,
    elo_axis,
    floats,
    legend_band,
    legend_line,
    log_axis,
    make_pairs,
    name_board,
    panel_size,
    perfect_line,
    powers,
)
from hexlab.scaling.saturation import WORTH, CeilingCurve
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_ceilings"]

_RAW, _SEARCH, _CEILING = COLORS[1], COLORS[0], INK


def plot_ceilings(ceilings: Mapping[int, CeilingCurve]) -> "Figure":
    """Draw what search makes of the best nets of each training compute, a column for each board size."""
    return _draw(plain(_numbers(ceilings)))


def _numbers(ceilings: Mapping[int, CeilingCurve]) -> Numbers:
    if not ceilings:
        raise NotEnoughDataError("not enough data: needs snapshots rated at two test budgets or more")
    boards = []
    for size, curve in sorted(ceilings.items()):
        boards.append(
            {
                "size": size,
                "simulations": curve.simulations,
                "log10_train": curve.log10_train,
                "run": list(curve.run),
                "elo": curve.elo,
                "low": curve.low,
                "high": curve.high,
                "ceiling": curve.ceiling,
                "ceiling_low": curve.ceiling_low,
                "ceiling_high": curve.ceiling_high,
                "verdict": curve.verdicts,
                "enough": curve.enough,
                "enough_low": curve.enough_low,
                "enough_high": curve.enough_high,
                # None stands for what is missing, so an open end is said apart.
                "still_pays": np.isinf(curve.enough),
                "may_still_pay": np.isinf(curve.enough_high),
            }
        )
    return {"x": next(iter(ceilings.values())).x, "worth": WORTH, "boards": boards}


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with canvas(*panel_size(len(boards), 6.0)) as figure:
        pairs = make_pairs(figure, len(boards), (1.7, 1.0))
        for board, (upper, lower) in zip(boards, pairs, strict=True):
            _draw_elo(upper, board)
            _draw_enough(lower, board)
            name_board(upper, board["size"], numbers)
            log_axis(lower, "x")
        unheld = [board["ceiling_high"] for board in boards if board["size"] in numbers.get("unanchored", ())]
        elo_axis(pairs[0][0], [board["elo"][0] for board in boards] + unheld)
        pairs[0][1].set_ylabel(f"simulations a move beyond\nwhich a doubling adds\nless than {numbers['worth']:.0f} Elo")
        figure.supxlabel(compute_label(numbers["x"]), fontsize=10.5)
        most = sorted({board["simulations"][-1] for board in boards})
        handles = [
            legend_line(_RAW, ls="--", label="raw policy, 1 simulation"),
            legend_line(_SEARCH, label=f"{' or '.join(map(str, most))} simulations"),
            legend_line(_CEILING, lw=1.4, marker="o", ms=3, label="fitted ceiling, where determined"),
        ]
        if any(low is not None for board in boards for low in board["ceiling_low"]):
            handles.append(legend_band(INK, "95 % bootstrap bands"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _draw_elo(axes: "Axes", board: Numbers) -> None:
    x = powers(board["log10_train"])
    for row, color, line in ((0, _RAW, "--"), (-1, _SEARCH, "-")):
        axes.fill_between(x, floats(board["low"][row]), floats(board["high"][row]), color=color, alpha=0.16, lw=0)
        axes.plot(x, floats(board["elo"][row]), color=color, ls=line)
    axes.fill_between(x, floats(board["ceiling_low"]), floats(board["ceiling_high"]), color=_CEILING, alpha=0.12, lw=0)
    determined = np.array([verdict in ("near perfect", "short of perfect") for verdict in board["verdict"]])
    axes.plot(x, np.where(determined, floats(board["ceiling"]), np.nan), color=_CEILING, lw=1.4, marker="o", ms=3)
    perfect_line(axes)


def _draw_enough(axes: "Axes", board: Numbers) -> None:
    x, most = powers(board["log10_train"]), board["simulations"][-1]
    enough = np.where(board["still_pays"], most, floats(board["enough"]))
    high = np.where(board["may_still_pay"], most, floats(board["enough_high"]))
    low = np.where(np.isfinite(floats(board["enough_low"])), floats(board["enough_low"]), np.where(np.isfinite(high), most, np.nan))
    axes.fill_between(x, low, high, color=_SEARCH, alpha=0.16, lw=0)
    axes.plot(x, enough, color=_SEARCH, lw=1.2, marker="o", ms=3)
    open_ends = np.array(board["still_pays"], bool)
    axes.plot(x[open_ends], enough[open_ends], ls="none", color=_SEARCH, marker="^", ms=6)
    axes.set_yscale("log", base=2)
    ticks = [2**power for power in range(0, math.ceil(math.log2(most)) + 1, 2)]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylim(0.75, 1.7 * most)


FIGURE = Kind(
    "Raw policy, search and its ceiling over training",
    "Elo of the best net for each training compute, picked at the largest budget on half of the games and rated on the other half: by "
    "its raw policy, with the largest search that every snapshot was rated at, and with search without end, as fitted. The ceiling is "
    "drawn where its 95 % interval lies within 50 Elo of perfect play or wholly farther off; elsewhere the data allow all of the gray "
    "band, as on a board where 0 is not known to be perfect play and no ceiling is held at it. Below, the search beyond which a doubling "
    "adds less than 10 Elo; a triangle says that the last doubling measured still pays.",
    lambda analysis: _numbers(analysis.ceilings) | note_zeros(analysis),
    _draw,
)

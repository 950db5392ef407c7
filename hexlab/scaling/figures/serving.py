"""How the best split between training and search moves with the number of games to be served, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hexlab.scaling.figures.kinds import Kind, Numbers, note_zeros, plain
from hexlab.scaling.figures.style import (
    INK,
    canvas,
    floats,
    legend_band,
    legend_line,
    log_axis,
    make_pairs,
    make_shades,
    name_board,
    panel_size,
)
from hexlab.scaling.serving import Demand, Isoquant, Price, choose_price, find_plan, typical_moves
from hexlab.scaling.tables import NotEnoughDataError
from hexlab.scaling.tradeoffs import Tradeoff

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE", "plot_serving"]

_POINTS = 25


def plot_serving(
    isoquants: Mapping[int, Sequence[Isoquant]], tradeoffs: Mapping[int, Tradeoff] | None = None, price: Price | None = None
) -> "Figure":
    """Draw the share of training in the cheapest bill, and the bill, against the games served; a column for each board size.

    Args:
        isoquants: by board size, what `find_isoquants` returned.
        tradeoffs: by board size, what `fit_tradeoff` returned; a power law splits every bill alike.
        price: of compute; None takes one a FLOP.
    """
    return _draw(plain(_numbers(isoquants, tradeoffs or {}, price or Price())))


def _numbers(isoquants: Mapping[int, Sequence[Isoquant]], tradeoffs: Mapping[int, Tradeoff], price: Price) -> Numbers:
    if not isoquants:
        raise NotEnoughDataError("not enough data: needs snapshots at two test budgets that reach the same Elo")
    boards = []
    for size, members in sorted(isoquants.items()):
        law, moves, games = tradeoffs.get(size), typical_moves(size), _span_games(members)
        levels = []
        for isoquant in members:
            plans = [find_plan(isoquant, Demand(float(count), moves), price) for count in games]
            levels.append(
                {
                    "level": isoquant.level,
                    "run": [plan.run for plan in plans],
                    "train_flops": [plan.train_flops for plan in plans],
                    "test_flops": [plan.test_flops for plan in plans],
                    "simulations": [plan.simulations for plan in plans],
                    "share": [plan.bill.train_share for plan in plans],
                    "share_interval": [plan.share_interval for plan in plans],
                    "bill": [plan.bill.total for plan in plans],
                    "bill_interval": [plan.total_interval for plan in plans],
                }
            )
        slope = None if law is None or law.slope >= 0 else law.slope
        boards.append({"size": size, "moves": moves, "games": games, "law": slope and slope / (slope - 1), "levels": levels})
    return {"currency": price.currency, "boards": boards}


def _span_games(isoquants: Sequence[Isoquant]) -> np.ndarray:
    """Return numbers of games from where almost all of the bill is training to where almost all is serving, between powers of ten."""
    even = [each.train_flops[each.edge] / each.test_flops[each.edge] / typical_moves(each.size) for each in isoquants]
    first, last = np.floor(np.log10(0.02 * min(map(min, even)))), np.ceil(np.log10(50 * max(map(max, even))))
    return np.geomspace(max(10.0**first, 1.0), 10.0**last, _POINTS)


def _draw(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    names = sorted({level["level"] for board in boards for level in board["levels"]})
    shades = dict(zip(names, make_shades(len(names)), strict=True))
    lines = dict(zip(names, ("-", "--", "-.", ":"), strict=False))
    with canvas(*panel_size(len(boards), 6.0)) as figure:
        pairs = make_pairs(figure, len(boards), (1.0, 1.0))
        for board, (upper, lower) in zip(boards, pairs, strict=True):
            games = floats(board["games"])
            for level in board["levels"]:
                style = {"color": shades[level["level"]], "ls": lines[level["level"]]}
                for axes, name in ((upper, "share"), (lower, "bill")):
                    low, high = (floats(ends) for ends in zip(*level[f"{name}_interval"], strict=True))
                    # A bill that is open above, since copies do not reach the Elo, has its band up to the edge.
                    high = np.where(np.isfinite(low) & np.isnan(high), 1e3 * floats(level[name]), high)
                    axes.fill_between(games, low, high, color=style["color"], alpha=0.14, lw=0)
                    axes.plot(games, floats(level[name]), **style)
            if board["law"] is not None:
                upper.axhline(board["law"], color=INK, lw=1, ls=(0, (1, 2)))
            name_board(upper, board["size"], numbers)
            upper.set_ylim(0, 1.02)
            log_axis(lower, "x")
            log_axis(lower, "y")
        bills = [bill for board in boards for level in board["levels"] for bill in level["bill"]]
        pairs[0][1].set_ylim(0.4 * min(bills), 3 * max(bills))
        pairs[0][0].set_ylabel("share of training\nin the cheapest bill")
        pairs[0][1].set_ylabel(f"cheapest bill\n({numbers['currency']})")
        figure.supxlabel("games served in the agent's life", fontsize=10.5)
        handles = [
            legend_line(shades[level], ls=lines[level], label=f"Elo {level:.0f}".replace("-", "−")) for level in names
        ]
        handles += [legend_line(INK, lw=1, ls=(0, (1, 2)), label="by the fitted power law"), legend_band(INK, "95 % bootstrap bands")]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


FIGURE = Kind(
    "The best split between training and search",
    "For a number of games to be served, the pair of training and test-time compute that reaches an Elo, or more, for the smallest bill: "
    "above, the share of training in it, below, the bill, with 95 % bands. A bill grows with the games and with the Elo. The share falls "
    "while one pair serves more games, and jumps up where another takes over that was trained for longer and searches less. Where "
    "training and search exchange by a power law the share would be the dotted one whatever the number. What moves it are the ends: few "
    "games do not repay more training than the largest search needs, and at one simulation a move nothing is left to save. Bills are in "
    "USD, at the speed that each network has on one core once it runs, where runs of every board were timed, and in FLOPs elsewhere.",
    lambda analysis: _numbers(analysis.isoquants, analysis.tradeoffs, choose_price(analysis.tables)) | note_zeros(analysis),
    _draw,
)

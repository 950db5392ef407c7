"""What the paper says board by board, and what these tables do: the quantities that its claims rest on, without a verdict."""

import dataclasses
import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import find_reaches, fit_growth, format_estimate
from hexlab.scaling.frontiers import incline_slope, paper_frontier
from hexlab.scaling.laws import interval
from hexlab.scaling.paper import PAPER_LAW, PAPER_TRADEOFF
from hexlab.scaling.tables import NotEnoughDataError

__all__ = ["Measurement", "list_measurements"]

_NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One quantity as the paper has it, and as these tables do.

    Attributes:
        quantity: what is measured, with its unit.
        paper: the paper's value; nan if it has none.
        paper_note: where that value is from.
        value: ours; nan if it cannot be had.
        low: lower end of its 95 % interval, -inf if open; nan without bootstrap.
        high: upper end, inf if open.
        missing: why there is no value, "" if there is one.
        bound: "below" or "above" if `value` is a bound alone.
    """

    quantity: str
    paper: float
    paper_note: str
    value: float
    low: float
    high: float
    missing: str = ""
    bound: str = ""

    def __str__(self) -> str:
        """Return ours in words, such as "10.4 [9.8, 11.2]" or "below 7.6"."""
        return "–" if self.missing else format_estimate(self.value, self.low, self.high, self.bound)


def list_measurements(analysis: Analysis) -> tuple[Measurement, ...]:
    """Return the paper's values and ours, those over all boards first; `hexlab.scaling.answers` gives the verdicts on its claims."""
    return (
        _measure_plateau(analysis),
        _measure_incline_beside_direct(analysis),
        _measure_growth(analysis),
        *_measure_crossings(analysis),
        *_measure_slopes(analysis),
        *_measure_random_play(analysis),
        *_measure_exchange(analysis),
    )


def _measure_plateau(analysis: Analysis) -> Measurement:
    law = analysis.laws.get("change_point")
    row = partial(
        Measurement,
        "growth of the plateau below perfect play, Elo a board (law)",
        -PAPER_LAW["m_plateau"],
        "its law; its text says 500",
    )
    if law is None:
        reason = analysis.missing.get("law", analysis.missing.get("frontier", "not enough data: needs a frontier"))
        return row(_NAN, _NAN, _NAN, reason)
    if len(law.sizes) < 2:
        return row(_NAN, _NAN, _NAN, "not enough data: needs two boards")
    return row(-float(law.vector[0]), *_ends(-law.replicates[:, 0]))


def _measure_incline_beside_direct(analysis: Analysis) -> Measurement:
    law = analysis.law_beside_direct
    row = partial(Measurement, "Elo a decade where direct games see, by the law", _NAN, "")
    if law is None:
        return row(_NAN, _NAN, _NAN, analysis.missing.get("direct law", "not enough data: needs a frontier"))
    return row(float(law.vector[2]), *_ends(law.replicates[:, 2]))


def _measure_growth(analysis: Analysis) -> Measurement:
    quantity = "compute to reach -50 Elo, factor a board (measured crossings)"
    paper = paper_frontier()
    try:
        growth = fit_growth([reach for reach in analysis.reaches if reach.scale == "elo"])
    except NotEnoughDataError as error:
        return Measurement(quantity, fit_growth(find_reaches(paper)).factor, "its curves", _NAN, _NAN, _NAN, str(error))
    shared = [size for size in growth.sizes if size in paper.sizes]
    theirs = fit_growth(find_reaches(paper.select(shared))).factor if len(shared) > 1 else _NAN
    quantity += "".join(f"; {size}x{size} left out, {reason}" for size, reason in growth.left_out.items())
    return Measurement(quantity, theirs, "its curves of the same boards", growth.factor, growth.low, growth.high)


def _measure_crossings(analysis: Analysis) -> Iterator[Measurement]:
    theirs = {reach.size: reach.value for reach in find_reaches(paper_frontier())}
    reaches = {(reach.size, reach.scale): reach for reach in analysis.reaches}
    for size in analysis.paper_count.sizes if analysis.paper_count else ():
        cost = f"{size}x{size}: log10 of compute (paper's count) to"
        by_elo = partial(Measurement, f"{cost} reach -50 Elo", theirs.get(size, _NAN), "its curves; its zero is its pool's best")
        by_score = partial(Measurement, f"{cost} win 42.85 % against perfect play, the score of -50 Elo", _NAN, "")
        for scale, row in (("elo", by_elo), ("score", by_score)):
            reach = reaches.get((size, scale))
            if reach is None:
                reason = "not enough data: needs games of the agents on the frontier against perfect play"
                yield row(_NAN, _NAN, _NAN, reason)
            else:
                yield row(reach.value, reach.low, reach.high, bound=reach.bound)


def _measure_slopes(analysis: Analysis) -> Iterator[Measurement]:
    paper = paper_frontier()
    for board in analysis.paper_count.boards if analysis.paper_count else ():
        known = board.size in paper.sizes
        theirs = incline_slope(paper.board(board.size).log10_flops, paper.board(board.size).elo) if known else _NAN
        row = partial(Measurement, f"{board.size}x{board.size}: Elo a decade on the steep part of the frontier", theirs, "its curves")
        ours = incline_slope(board.log10_flops, board.elo)
        if math.isfinite(ours):
            copies = [incline_slope(board.log10_flops, copy) for copy in analysis.paper_copies.get(board.size, ())]
            yield row(ours, *_ends(np.array(copies)))
        else:
            yield row(_NAN, _NAN, _NAN, "not enough data: needs three frontier points between 85 % of its depth and -100 Elo")


def _measure_random_play(analysis: Analysis) -> Iterator[Measurement]:
    weakest = {board.size: float(min(board.curves.plain)) for board in paper_frontier().boards}
    for agent in analysis.tables.agents:
        rating = analysis.tables.rating_by_agent.get(agent.agent)
        if agent.kind == "random" and rating is not None:
            quantity, theirs = f"{agent.size}x{agent.size}: Elo of random play", weakest.get(agent.size, _NAN)
            yield Measurement(quantity, theirs, "its weakest snapshot", rating.elo, rating.low, rating.high)


def _measure_exchange(analysis: Analysis) -> Iterator[Measurement]:
    for size in analysis.tables.sizes:
        row = partial(
            Measurement,
            f"{size}x{size}: decades of test compute that a decade of training saves",
            -PAPER_TRADEOFF["slope"],
            "9x9, figure 9",
        )
        tradeoff = analysis.tradeoffs.get(size)
        if tradeoff is None:
            yield row(_NAN, _NAN, _NAN, analysis.missing.get(f"tradeoff {size}", "not enough data"))
        else:
            low, high = tradeoff.intervals["slope"]
            yield row(-tradeoff.slope, -high, -low)


def _ends(copies: np.ndarray) -> tuple[float, float]:
    if not len(copies):
        return _NAN, _NAN
    low, high = interval(copies)
    return float(low), float(high)

"""A board foretold from smaller ones before it is trained, and the score of what was foretold once it is.

Three things are foretold: the frontier, by each law of `hexlab.scaling.laws`; what -50 Elo costs, by the laws and by a line through
the crossings of the smaller boards; and the network that is best at that cost, by the size law. Every interval comes from the same
bootstrap copies, so that a forecast is a function of tables, a number of copies and a seed.
"""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hexlab.errors import ConfigError, StoreError
from hexlab.rules.cells import check_size
from hexlab.scaling.crossings import ELO, bound_interval, extend_crossings, find_reaches, fit_growth, format_estimate, format_number
from hexlab.scaling.frontiers import Frontier, compute_frontier
from hexlab.scaling.laws import MODELS, Law, fit_law, foretell
from hexlab.scaling.tables import NotEnoughDataError, Tables
from hexlab.scaling.tradeoffs import fit_network_size

__all__ = ["BandScore", "Estimate", "Forecast", "Score", "forecast_board", "read_forecast", "score_forecast"]

_STEP = 0.05  # decades between points of a foretold frontier
_BEYOND = 0.5  # decades beyond the dearest crossing foretold
_WIDEST = 3.0  # decades of an interval that can be right
_INSIDE = 0.9  # share of a frontier that a right band of 95 % holds


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, whose ends may be open (infinite).

    >>> print(Estimate(9.7, 9.62, 9.91))
    9.70 [9.62, 9.91]
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the number with its interval in words."""
        return format_estimate(self.value, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What the smaller boards say of a board.

    Attributes:
        size: the board foretold.
        trained_on: the boards it is foretold from.
        x: unit of compute: "train_flops" or "paper_flops".
        test_simulations: simulations a move of the agents.
        bootstrap: number of copies behind the intervals.
        seed: of the copies.
        log10_flops: G points of compute.
        frontier: by model G estimates of Elo; None at points where the law has none.
        cost: log10 of the compute of -50 Elo, by model, and by "line" through the crossings of the smaller boards.
        network: log10 of width**2 * depth of the network that is best at the cost by "line", or by the change-point law where there is
            no line; None where the size law could not be fitted.
        caveats: what a reader must know.
    """

    size: int
    trained_on: tuple[int, ...]
    x: str
    test_simulations: int
    bootstrap: int
    seed: int
    log10_flops: tuple[float, ...]
    frontier: Mapping[str, tuple[Estimate, ...]]
    cost: Mapping[str, Estimate]
    network: Estimate | None
    caveats: tuple[str, ...]

    def __str__(self) -> str:
        """Return the forecast in words."""
        boards = ", ".join(f"{size}x{size}" for size in self.trained_on)
        lines = [f"{self.size}x{self.size} foretold from {boards}, {self.test_simulations} simulations a move, compute as {self.x}"]
        lines += [f"log10 FLOPs of {ELO:g} Elo, by {way}: {estimate}" for way, estimate in self.cost.items()]
        if self.network is not None:
            lines.append(f"log10 width**2 * depth of the best network there: {self.network}")
        return "\n".join(lines + [f"note: {caveat}" for caveat in self.caveats])

    def to_json(self) -> str:
        """Return the forecast as JSON with sorted keys, numbers to six digits; infinite ends of intervals are null."""
        return json.dumps(_plain(dataclasses.asdict(self)), sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Forecast":
        """Read a forecast that `to_json` wrote; what is not one raises `StoreError`."""
        try:
            values = json.loads(text)
            return cls(
                **{
                    **values,
                    "trained_on": tuple(values["trained_on"]),
                    "log10_flops": tuple(values["log10_flops"]),
                    "frontier": {name: tuple(map(_estimate, rows)) for name, rows in values["frontier"].items()},
                    "cost": {name: _estimate(row) for name, row in values["cost"].items()},
                    "network": None if values["network"] is None else _estimate(values["network"]),
                    "caveats": tuple(values["caveats"]),
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise StoreError(f"not a forecast ({reason}): restore the file, or write it anew with `hexlab predict`") from None


@dataclasses.dataclass(frozen=True)
class Score:
    """One foretold number beside the measured one.

    Attributes:
        quantity: what it is, with its unit.
        foretold: the estimate.
        measured: the number with its interval; of a crossing that is not seen the bound that is known. The two ends are the number itself
            where no interval was measured. Of the best network it is the range over the interval of the crossing.
        bound: "below" or "above" where the number measured is a bound alone.
    """

    quantity: str
    foretold: Estimate
    measured: Estimate
    bound: str = ""

    def __str__(self) -> str:
        """Return the score in words."""
        return f"{self.quantity}: foretold {self.foretold}, measured {self.found}: {self.verdict}"

    @property
    def found(self) -> str:
        """What was measured, in words."""
        value, low, high = dataclasses.astuple(self.measured)
        return format_number(float(f"{value:.4g}")) if low == high else format_estimate(value, low, high, self.bound)

    @property
    def verdict(self) -> str:
        """Say "right" if the foretold interval holds the measured one, "wrong" if they are apart, else "undecided".

        A forecast without an interval, or with one that is open at both ends, is undecided. One whose interval is open or spans more than
        three decades is not right by holding what was measured, but "too wide": it would hold nearly anything.
        """
        if not (math.isfinite(self.foretold.low) or math.isfinite(self.foretold.high)):
            return "undecided"
        if self.foretold.low <= self.measured.low and self.measured.high <= self.foretold.high:
            return "right" if self.foretold.high - self.foretold.low <= _WIDEST else "too wide"
        return "undecided" if self.foretold.low <= self.measured.high and self.measured.low <= self.foretold.high else "wrong"


@dataclasses.dataclass(frozen=True)
class BandScore:
    """A foretold frontier beside the measured one.

    Attributes:
        model: the law.
        rmse: root mean squared error, in Elo.
        bias: mean of foretold minus measured, in Elo.
        inside: share of the measured points inside the interval of 95 %. They move together, so that even a right interval may hold
            far fewer or all of them.
    """

    model: str
    rmse: float
    bias: float
    inside: float

    @property
    def verdict(self) -> str:
        """Say "wrong" where less than nine tenths of the frontier are inside, else "right"."""
        return "right" if self.inside >= _INSIDE else "wrong"

    def __str__(self) -> str:
        """Return the score in words."""
        off = f"off by {self.rmse:.0f} Elo (mean {self.bias:+.0f})"
        return f"frontier by the {self.model} law: {off}, {100 * self.inside:.0f} % inside its interval"


def forecast_board(
    tables: Tables, size: int, *, bootstrap: int = 400, seed: int = 0, x: str = "train_flops", test_simulations: int = 64
) -> Forecast:
    """Foretell a board from all smaller ones that the tables hold, and from nothing else.

    Args:
        tables: an experiment; boards from `size` up are not looked at.
        size: the board to foretell.
        bootstrap: number of copies behind the intervals, from 1 up: a forecast without intervals could not be wrong.
        seed: of the copies.
        x: unit of compute.
        test_simulations: simulations a move of the agents.

    Raises:
        PositionError: no such board.
        ConfigError: no copies.
        NotEnoughDataError: fewer than two smaller boards, or too few snapshots on them.
    """
    check_size(size)
    if bootstrap < 1:
        raise ConfigError(f"bootstrap={bootstrap!r}: a forecast needs intervals, give a number of copies from 1 up")
    smaller = [each for each in tables.sizes if each < size and tables.knows_zero(each)]
    if len(smaller) < 2:
        raise NotEnoughDataError(f"not enough data: needs two smaller boards to foretell {size}x{size} from; there are {len(smaller)}")
    boards = [compute_frontier(tables, each, x=x, test_simulations=test_simulations).board(each) for each in smaller]
    frontier = Frontier(x, test_simulations, tuple(boards))
    laws = {model: fit_law(frontier, model=model, bootstrap=bootstrap, seed=seed) for model in MODELS}
    cost = {model: _cross(law, size) for model, law in laws.items()}
    caveats = []
    reaches = [reach for reach in find_reaches(frontier, bootstrap=bootstrap, seed=seed) if reach.scale == "elo"]
    try:
        growth = fit_growth(reaches)
    except NotEnoughDataError as error:
        caveats.append(str(error))
    else:
        cost["line"] = Estimate(*extend_crossings(reaches, size))
        caveats += [f"the line leaves out {board}x{board}: {reason}" for board, reason in growth.left_out.items()]
    if len(smaller) == 2:
        caveats.append("two boards fix a line exactly: its interval does not know that growth might not be even")
    best = cost.get("line", cost["change_point"])
    network = None
    try:
        size_law = fit_network_size(frontier, bootstrap=bootstrap, seed=seed)
    except NotEnoughDataError as error:
        caveats.append(str(error))
    else:
        copies = size_law.replicates @ [best.value, 1.0]
        network = Estimate(size_law.exponent * best.value + size_law.intercept, *bound_interval(copies, copies))
    seen = [value for estimate in cost.values() for value in (estimate.value,) if math.isfinite(value)]
    start = min(float(board.log10_flops[0]) for board in frontier.boards)
    grid = np.arange(start, max(seen, default=start + 3) + _BEYOND, _STEP).round(6)
    foretold = {}
    for model, law in laws.items():
        foretold[model] = tuple(Estimate(*row) for row in zip(*(part.tolist() for part in foretell(law, size, grid, seed)), strict=True))
    points = tuple(grid.tolist())
    return Forecast(size, tuple(smaller), x, test_simulations, bootstrap, seed, points, foretold, cost, network, tuple(caveats))


def read_forecast(path: str | os.PathLike[str]) -> Forecast:
    """Read a forecast that `hexlab predict` wrote; a file that holds none raises `StoreError`."""
    try:
        return Forecast.from_json(Path(path).read_text(encoding="utf-8"))
    except StoreError as error:
        raise StoreError(f"{path} is {error}") from None


def score_forecast(forecast: Forecast, tables: Tables) -> tuple[Score | BandScore, ...]:
    """Set a forecast beside what was measured on its board: the cost of -50 Elo, the best network there, and the frontier.

    Where the distance of the board's Elo 0 from perfect play is not known, 0 is the strongest agent, whom perfect play cannot be below:
    what 50 Elo less than that costs is then a lower bound of the cost of -50 Elo, and nothing else can be scored.

    Raises:
        NotEnoughDataError: the tables hold no run of the board.
    """
    if forecast.size not in tables.sizes:
        raise NotEnoughDataError(f"not enough data: no run on {forecast.size}x{forecast.size} to score its forecast with")
    frontier = compute_frontier(tables, forecast.size, x=forecast.x, test_simulations=forecast.test_simulations)
    board = frontier.boards[0]
    reach = next(reach for reach in find_reaches(frontier, bootstrap=forecast.bootstrap, seed=forecast.seed) if reach.scale == "elo")
    low, high = (reach.value if math.isnan(end) else end for end in (reach.low, reach.high))
    zeroed = tables.knows_zero(forecast.size)
    measured, bound = (Estimate(reach.value, low, high), reach.bound) if zeroed else (Estimate(low, low, math.inf), "above")
    scores: list[Score | BandScore] = [
        Score(f"log10 FLOPs of {ELO:g} Elo, by {way}", estimate, measured, bound) for way, estimate in forecast.cost.items()
    ]
    if not zeroed:
        return tuple(scores)
    if forecast.network is not None and not reach.bound:
        sizes = np.array([math.log10(width**2 * depth) for width, depth in board.cell])
        best = float(sizes[np.searchsorted(board.log10_flops, reach.value)])
        near = sizes[(board.log10_flops >= low) & (board.log10_flops <= high)]
        ends = float(near.min(initial=best)), float(near.max(initial=best))
        scores.append(Score("log10 width**2 * depth of the best network there", forecast.network, Estimate(best, *ends)))
    known = np.isfinite(board.elo) & (board.log10_flops >= forecast.log10_flops[0]) & (board.log10_flops <= forecast.log10_flops[-1])
    if known.any():
        elo, cost = board.elo[known], board.log10_flops[known]
        for model, rows in forecast.frontier.items():
            columns = zip(*map(dataclasses.astuple, rows), strict=True)
            value, low, high = (np.interp(cost, forecast.log10_flops, column) for column in columns)
            errors = value - elo
            inside = float(((elo >= low) & (elo <= high)).mean())
            scores.append(BandScore(model, float(np.sqrt((errors**2).mean())), float(errors.mean()), inside))
    return tuple(scores)


def _cross(law: Law, size: int) -> Estimate:
    """Return log10 of the compute at which a law reaches -50 Elo."""
    rows = np.vstack([law.vector, law.replicates])
    m_plateau, c_plateau, m_flops, m_board, c_incline = rows.T
    incline = np.full(len(rows), ELO)
    if law.model == "smooth":
        # -50 = depth / (1 + exp(4 (depth / 2 - incline) / depth)), solved for the incline; a plateau above -50 is below it nowhere.
        depth = np.minimum(m_plateau * size + c_plateau, ELO - 1e-6)
        incline = depth / 2 - depth / 4 * np.log(depth / ELO - 1)
    found = (incline - m_board * size - c_incline) / m_flops
    low, high = bound_interval(found[1:], found[1:])
    return Estimate(float(found[0]), low, high)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _estimate(row: Mapping[str, Any]) -> Estimate:
    low, high = row["low"], row["high"]
    return Estimate(row["value"], -math.inf if low is None else low, math.inf if high is None else high)

"""Training or search, in money: the cheapest pair of the two that reaches an Elo, for a number of games to be played.

An agent is paid for twice: once for its training, and for every move that it plays. For a demand of games the bill is

    ``price.train * train_flops + games * moves * price.serve * test_flops``

and the pairs of training and test compute that reach one Elo are an isoquant, measured at every run and training compute of the
grid. The cheapest pair is the one at which a line of equal bills touches the isoquant.

Where the exchange of training for search is a power law, ``test = k * train ** slope``, the isoquant is that of Cobb and Douglas
(1928), and training takes the share ``-slope / (1 - slope)`` of the best bill whatever the number of games. Measured isoquants end:
below one simulation a move nothing is left to save, and above the largest budget nothing is left to spend.

As for the frontiers, what is picked by one half of the games is judged by the other. The cheapest pairs by the half that picks are
those that its luck favors, and the other half says by how much: by a factor, one for each Elo, the mean over the pairs that no other
undercuts. Every pair is charged for what it needs by the half that picks, times that factor. No pair is chosen or looks cheap by its
own luck on the half that rates, and a bill, the least of many that each grow with the games, grows with the games too. Who reaches
more Elo serves less as well, so that it also grows with the Elo.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hexlab.errors import ConfigError
from hexlab.scaling import pools
from hexlab.scaling.crossings import bound_interval
from hexlab.scaling.laws import interval
from hexlab.scaling.surfaces import Surface
from hexlab.scaling.tables import NotEnoughDataError, Tables
from hexlab.scaling.tradeoffs import Tradeoff

__all__ = [
    "CORE_HOUR",
    "Bill",
    "Demand",
    "Isoquant",
    "Plan",
    "Price",
    "charge_agent",
    "choose_price",
    "find_isoquants",
    "find_plan",
    "find_plans",
    "fit_speeds",
    "price_core_hours",
    "solve_tradeoff",
    "typical_moves",
]

CORE_HOUR = 0.04
"""USD for an hour of one core, about what clouds ask."""


@dataclasses.dataclass(frozen=True)
class Price:
    """What compute costs.

    Attributes:
        train: money a FLOP of training; one number, or one for each run by its key.
        serve: money a FLOP of play, likewise.
        currency: name of the money.

    >>> Price(1e-17, 2e-17, "USD")
    Price(train=1e-17, serve=2e-17, currency='USD')
    """

    train: float | Mapping[str, float] = 1.0
    serve: float | Mapping[str, float] = 1.0
    currency: str = "FLOPs"

    def __post_init__(self) -> None:
        """Refuse prices that are not positive numbers."""
        for name in ("train", "serve"):
            price = getattr(self, name)
            for each in price.values() if isinstance(price, Mapping) else (price,):
                _require_positive(f"price {name}", each, "money a FLOP")

    def of(self, runs: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the price of training and of play for each run: float64[K] twice.

        Raises:
            ConfigError: a run without a price.
        """
        priced = []
        for price in (self.train, self.serve):
            known = price if isinstance(price, Mapping) else dict.fromkeys(runs, price)
            missing = sorted(set(runs) - set(known))
            if missing:
                raise ConfigError(f"no price for run {missing[0]!r}: give one number, or one for each of {len(set(runs))} runs")
            priced.append(np.array([known[run] for run in runs], float))
        return priced[0], priced[1]


@dataclasses.dataclass(frozen=True)
class Demand:
    """What is asked of an agent.

    Attributes:
        games: number of games it plays in its life.
        moves: number of moves that it searches in a game; `typical_moves` knows a board's.
    """

    games: float
    moves: float

    def __post_init__(self) -> None:
        """Refuse demands of nothing."""
        _require_positive("demand of games", self.games, "a number of games")
        _require_positive("demand of moves", self.moves, "moves a game")


class Bill(NamedTuple):
    """What an agent costs over its life, in the currency of the price.

    Attributes:
        selfplay: search in self-play.
        learner: gradient steps.
        serving: search in the games that it plays for others.

    >>> bill = Bill(60.0, 20.0, 20.0)
    >>> bill.total, bill.train_share
    (100.0, 0.8)
    """

    selfplay: float
    learner: float
    serving: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.selfplay + self.learner + self.serving

    @property
    def train_share(self) -> float:
        """Share of the bill that is paid before the first game."""
        return (self.selfplay + self.learner) / self.total


@dataclasses.dataclass(frozen=True, eq=False)
class Isoquant:
    """Pairs of training and test compute that reach one Elo on one board. Axis letters: P pairs, R bootstrap copies.

    Attributes:
        size: board size.
        level: Elo.
        runs: P run keys.
        train_flops: float64[P], training compute.
        test_flops: float64[P], the compute a move that each is charged for; inf unless it reaches the level by both halves of the games.
        learner_share: float64[P], share of the training compute that the learner takes.
        flops_a_simulation: float64[P].
        copies: float64[R, P], `test_flops` of bootstrap copies, inf for runs that a copy did not draw; R is 0 without bootstrap.
    """

    size: int
    level: float
    runs: tuple[str, ...]
    train_flops: np.ndarray
    test_flops: np.ndarray
    learner_share: np.ndarray
    flops_a_simulation: np.ndarray
    copies: np.ndarray

    @property
    def edge(self) -> np.ndarray:
        """Places of the pairs that no other undercuts in both computes, in order of training compute."""
        order = np.lexsort((self.test_flops, self.train_flops))
        least = np.minimum.accumulate(self.test_flops[order])
        return order[self.test_flops[order] < np.concatenate([[np.inf], least[:-1]])]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The cheapest pair at an Elo for a demand, with its bill.

    Attributes:
        size: board size.
        level: Elo that it reaches, or more.
        demand: games to be served.
        currency: of the bill.
        run: key of the run to take, or to train again.
        train_flops: training compute at which to take it.
        test_flops: compute a move.
        simulations: that compute in simulations a move, not a whole number.
        bill: self-play, learner and serving.
        train_interval: 95 % bootstrap interval of `train_flops`, over the copies that reach the level; nan without bootstrap.
        simulations_interval: the same of `simulations`.
        total_interval: 95 % bootstrap interval of the bill's total, upper end inf if open; nan without bootstrap.
        share_interval: 95 % bootstrap interval of the share of training.
    """

    size: int
    level: float
    demand: Demand
    currency: str
    run: str
    train_flops: float
    test_flops: float
    simulations: float
    bill: Bill
    train_interval: tuple[float, float]
    simulations_interval: tuple[float, float]
    total_interval: tuple[float, float]
    share_interval: tuple[float, float]


def typical_moves(size: int) -> float:
    """Return the moves that one player makes in a game: about three tenths of the cells.

    In the 1,161,024 games of experiments/01_frontier/laptop it is 3.0 on 3x3, 4.9 on 4x4 and 7.1 on 5x5, with the two moves of the
    opening.

    >>> round(typical_moves(5), 2)
    7.5
    """
    return 0.3 * size**2


def fit_speeds(tables: Tables) -> dict[str, float]:
    """Return the training FLOPs a second on one core that each run's network makes once it runs, by a fit to all runs of its board.

    A simulation takes its walk through the tree, whatever the network, and the network's FLOPs. The two times are fitted to what runs
    took after their first snapshot, since the seconds before it are for starting and compiling. A core that is shared makes a run
    slower, several times in some; therefore deviations are taken relative to what was measured, and not squared: the fit goes through
    the many runs that had their core, and networks of one size have one speed.

    Returns:
        Speeds by run key; boards without a timed run are left out.

    Raises:
        NotEnoughDataError: the tables hold no timings.
    """
    speeds: dict[str, float] = {}
    for size in tables.sizes:
        trained: dict[str, list[tuple[float, float, float]]] = {}
        for row in sorted(tables.select(size).snapshots, key=lambda row: row.snapshot):
            if row.train_flops > 0:
                seconds = tables.cost(row.run, row.snapshot, "train_seconds")
                trained.setdefault(row.run, []).append((row.simulations, row.train_flops, seconds))
        spent = np.array([np.subtract(line[-1], line[0] if len(line) > 1 else 0) for line in trained.values()]).reshape(-1, 3)
        spent = spent[spent[:, 2] > 0]
        if len(spent):
            a_simulation, a_flop = _fit_seconds(spent[:, :2] / spent[:, 2:])
            speeds |= {run: line[-1][1] / (a_simulation * line[-1][0] + a_flop * line[-1][1]) for run, line in trained.items()}
    return speeds


def price_core_hours(tables: Tables, price: float = 1.0, currency: str = "core-hours") -> Price:
    """Return what a FLOP costs each run when a core costs `price` an hour: small nets make fewer of them in a second.

    Speeds are those of `fit_speeds`, without the seconds of starting. Play is taken to run at the speed of training, most of which is
    the same search.

    Args:
        tables: an experiment with timings.
        price: money for an hour of one core.
        currency: its name.

    Raises:
        NotEnoughDataError: the tables hold no timings.
    """
    _require_positive("price of a core-hour", price, "money")
    return _price_by_speed(fit_speeds(tables), price, currency)


def _price_by_speed(speeds: Mapping[str, float], price: float, currency: str) -> Price:
    a_flop = {run: price / 3600 / speed for run, speed in speeds.items()}
    return Price(a_flop, a_flop, currency)


def choose_price(tables: Tables) -> Price:
    """Return the price of core-hours at `CORE_HOUR` where runs of every board were timed, else one FLOP a FLOP."""
    speeds = fit_speeds(tables) if tables.timings else {}
    if speeds.keys() >= {run.run for run in tables.runs}:
        return _price_by_speed(speeds, CORE_HOUR, f"USD at {CORE_HOUR:g} a core-hour")
    return Price()


def charge_agent(tables: Tables, agent: str, demand: Demand, price: Price) -> Bill:
    """Return what one agent costs over its life.

    Args:
        tables: an experiment.
        agent: key of a snapshot as a player.
        demand: games to be served.
        price: of compute.

    Raises:
        ConfigError: no such agent, or one that was not trained.
    """
    row = tables.agent_by_key.get(agent)
    if row is None or row.kind != "snapshot":
        raise ConfigError(f"agent {agent!r} is no snapshot of the tables: expected a key such as '3f9a01c2/7@64'")
    snapshot = tables.snapshot_by_key[row.run, row.snapshot]
    (train,), (serve,) = price.of((row.run,))
    serving = demand.games * demand.moves * row.test_flops * serve
    return Bill(float(snapshot.selfplay_flops * train), float(snapshot.learner_flops * train), float(serving))


def find_isoquants(
    tables: Tables, size: int, levels: Sequence[float], *, bootstrap: int = 0, seed: int = 0
) -> tuple[Isoquant, ...]:
    """Find the pairs of training and test compute that reach each of some levels.

    On a grid of training compute of a tenth of a decade, each run's Elo at each test budget is interpolated between its snapshots,
    and the compute a move at which it reaches the level is interpolated in log10 between its budgets; a run that reaches it at its
    smallest budget needs that one. A pair is charged for what it needs by the half of the games that picks, times the factor by
    which the pairs that no other undercuts there need more by the half that rates, their geometric mean; for no more than it is
    charged at a higher one of the levels, which it reaches too; and for no less than the smallest budget. Bootstrap copies draw openings,
    seeds and networks, and have factors of their own.

    Args:
        tables: an experiment.
        size: board size.
        levels: in Elo; those that no pair reaches by both halves of the games are left out.
        bootstrap: number of copies; 0 for no intervals.
        seed: of the copies.

    Returns:
        Isoquants in order of their level.

    Raises:
        NotEnoughDataError: fewer than two test budgets, no level that is reached, or games on one half of the openings only.
    """
    tables = tables.select(size)
    surface = Surface.of(tables, size, "train_flops")
    halves = pools.gather_halves(tables)
    measured = surface.interpolate_halves(*surface.measure(halves))
    copied = (np.empty((0, *measured[0].shape[1:])),) * 2
    if bootstrap:
        copied = surface.interpolate_halves(*surface.resample(halves, bootstrap, seed, size))
    runs = np.repeat(np.arange(len(surface.runs)), len(surface.grid))
    train_flops = np.tile(10**surface.grid, len(surface.runs))
    learner = np.concatenate([_learner_shares(tables, run, surface.grid) for run in surface.runs])
    a_simulation = np.nanmin(10**surface.log10_test / surface.simulations, axis=1)
    isoquants: list[Isoquant] = []
    charged = np.full((1 + bootstrap, len(runs)), np.inf)
    for level in sorted(levels, reverse=True):
        charged = np.minimum(charged, np.vstack([_charge(surface, heights, level) for heights in (measured, copied)]))
        test_flops, copies = charged[0], charged[1:]
        if np.isfinite(test_flops).any():
            kept = np.flatnonzero(np.isfinite(test_flops) | np.isfinite(copies).any(axis=0))  # the others serve nobody
            names = tuple(surface.runs[run] for run in runs[kept])
            about = train_flops[kept], test_flops[kept], learner[kept], a_simulation[runs[kept]], copies[:, kept]
            isoquants.insert(0, Isoquant(size, float(level), names, *about))
    if not isoquants:
        wanted = ", ".join(f"{level:g}" for level in levels)
        raise NotEnoughDataError(f"not enough data: needs agents on {size}x{size} that reach {wanted} Elo by both halves of the games")
    return tuple(isoquants)


def find_plan(isoquant: Isoquant, demand: Demand, price: Price) -> Plan:
    """Find the cheapest pair of training and test compute on an isoquant for a demand.

    Bills grow with the games, and with the level among isoquants that were found together; so do the ends of their intervals.

    Args:
        isoquant: one of those that `find_isoquants` returned.
        demand: games to be served.
        price: of compute.

    Raises:
        ConfigError: a run without a price.
    """
    train, serve = price.of(isoquant.runs)
    paid, a_unit = train * isoquant.train_flops, demand.games * demand.moves * serve
    place = int(np.argmin(paid + a_unit * isoquant.test_flops))
    test_flops, learner = float(isoquant.test_flops[place]), float(paid[place] * isoquant.learner_share[place])
    bills = paid + a_unit * isoquant.copies
    totals, places = bills.min(axis=1), bills.argmin(axis=1)
    searched = isoquant.copies[np.arange(len(places)), places] / isoquant.flops_a_simulation[places]

    def bound(values: np.ndarray) -> tuple[float, float]:
        if not len(values):
            return math.nan, math.nan
        low, high = interval(np.where(np.isfinite(totals), values, np.nan))
        return float(low), float(high)

    return Plan(
        isoquant.size,
        isoquant.level,
        demand,
        price.currency,
        isoquant.runs[place],
        float(isoquant.train_flops[place]),
        test_flops,
        test_flops / float(isoquant.flops_a_simulation[place]),
        Bill(float(paid[place]) - learner, learner, float(a_unit[place]) * test_flops),
        bound(isoquant.train_flops[places]),
        bound(searched),
        bound_interval(totals, totals),
        bound(paid[places] / totals),
    )


def find_plans(tables: Tables, isoquants: Mapping[int, Sequence[Isoquant]]) -> list[Plan]:
    """Return the cheapest pairs at the highest level of each board, for a thousand, a million and a billion games.

    Args:
        tables: an experiment; `choose_price` says what its compute costs.
        isoquants: by board size, what `find_isoquants` returned.
    """
    price, plans = choose_price(tables), []
    for size, members in sorted(isoquants.items()):
        hardest = max(members, key=lambda isoquant: isoquant.level)
        plans += [find_plan(hardest, Demand(games, typical_moves(size)), price) for games in (1e3, 1e6, 1e9)]
    return plans


def solve_tradeoff(tradeoff: Tradeoff, level: float, demand: Demand, price: Price) -> tuple[float, float]:
    """Return the cheapest training compute and compute a move where the exchange is the fitted power law, beyond its points too.

    Args:
        tradeoff: what `fit_tradeoff` returned.
        level: Elo.
        demand: games to be served.
        price: one number a FLOP each.

    Raises:
        NotEnoughDataError: a slope that is not negative: training and search do not replace each other.
        ConfigError: prices by run, which a law over all runs cannot take.

    >>> law = Tradeoff(9, "train_flops", *(np.empty(0),) * 3, slope=-1.0, per_elo=0.0, intercept=20.0, intervals={}, r2=1.0)
    >>> train, test = solve_tradeoff(law, -50, Demand(games=1e4, moves=25), Price())  # half of the bill for each
    >>> f"{train:.3g} for training, {1e4 * 25 * test:.3g} for serving"
    '5e+12 for training, 5e+12 for serving'
    """
    if isinstance(price.train, Mapping) or isinstance(price.serve, Mapping):
        raise ConfigError("prices by run: a fitted exchange is of all runs, give one price of training and one of play")
    if not tradeoff.slope < 0:
        name = f"{tradeoff.size}x{tradeoff.size}"
        raise NotEnoughDataError(f"not enough data: the exchange on {name} has slope {tradeoff.slope:.2f}, which is not below 0")
    # At the cheapest pair the bill's derivative along test = k * train ** slope is 0.
    log10_k = tradeoff.per_elo * level + tradeoff.intercept
    log10_train = (math.log10(-tradeoff.slope * demand.games * demand.moves * price.serve / price.train) + log10_k) / (1 - tradeoff.slope)
    return 10**log10_train, float(10 ** tradeoff.predict(level, log10_train))


def _charge(surface: Surface, heights: Sequence[np.ndarray], level: float) -> np.ndarray:
    """Return the compute a move that each pair is charged for at a level, float64[R, K * G]; inf unless both halves reach it.

    Args:
        surface: of the board.
        heights: by the half that picks and by the half that rates, float64[R, K, T, G].
        level: Elo.
    """
    picking, rating = (surface.reach(height, level)[0] for height in heights)
    picking = np.where(np.isfinite(rating), picking, np.inf)
    cheapest = np.argmin(picking, axis=1)[:, None]
    picked, rated = (np.take_along_axis(each, cheapest, axis=1)[:, 0] for each in (picking, rating))
    least = np.minimum.accumulate(picked, axis=1)
    edge = picked < np.concatenate([np.full((len(least), 1), np.inf), least[:, :-1]], axis=1)
    more = np.where(edge, rated - np.where(edge, picked, 0.0), 0.0).sum(axis=1) / np.maximum(edge.sum(axis=1), 1)
    smallest = np.nanmin(surface.log10_test, axis=1)
    charged = np.maximum(picking + more[:, None, None], smallest[:, None])
    return 10 ** charged.reshape(len(charged), charged.shape[1] * charged.shape[2])


def _fit_seconds(work: np.ndarray) -> tuple[float, float]:
    """Return the seconds a simulation and a FLOP, neither below 0, with the least sum of absolute relative deviations.

    Args:
        work: float64[N, 2], simulations and FLOPs that runs do in a second.
    """
    # The least is where two deviations vanish, or one of them and one of the times: all such places are tried.
    rows, ones = np.vstack([np.eye(2), work]), np.concatenate([np.zeros(2), np.ones(len(work))])
    one, other = np.triu_indices(len(rows), 1)
    (a, b), (c, d), (e, f) = rows[one].T, rows[other].T, (ones[one], ones[other])
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.stack([e * d - b * f, a * f - e * c], axis=1) / (a * d - b * c)[:, None]
    times = times[(np.isfinite(times) & (times >= 0)).all(axis=1)]
    a_simulation, a_flop = times[np.argmin(np.abs(times @ work.T - 1).sum(axis=1))]
    return float(a_simulation), float(a_flop)


def _learner_shares(tables: Tables, run: str, grid: np.ndarray) -> np.ndarray:
    """Return the learner's share of a run's training compute on the grid, float64[G]."""
    trained = [row for row in tables.snapshots if row.run == run and row.train_flops > 0]
    cost, share = np.array(sorted((row.train_flops, row.learner_flops / row.train_flops) for row in trained)).T
    return np.interp(grid, np.log10(cost), share)


def _require_positive(name: str, value: float, unit: str) -> None:
    if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} of {value!r}: expected {unit}, a number above 0")

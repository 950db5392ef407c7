"""Agents whose games bound their rating on one side alone, and where that bound lies.

Agents that have beaten each other, if only by a chain of others, are one group; between two groups all games went one way. An agent outside
the group of the anchor is below it if a chain of wins leads from there to the agent, and above it if one leads from the agent to there.
Then its games tell how strong it is at most, or at least, and no more. The likelihood has no maximum (Ford 1957), the prior alone holds the
agent where it is rated, and how wide the posterior is there says nothing of the bound.

The bound is that of Clopper and Pearson (1934), which is simple where all games went one way: the strength at which that would happen in
one tournament of forty. Whatever the strength of an agent is, such a bound misses it in at most 2.5 % of tournaments, as an end of the
other intervals does. (To end where the likelihood has fallen to 15 % of the largest is right around a maximum. Here that would be the
strength at which all games go one way in 15 % of tournaments, and be missed as often.) The prior has no say. What else is in doubt:

- Groups between that of the anchor and that of the agent settle where the results are likeliest, so that the bound holds wherever they
  are. Inside a group all keep their distances.
- Each pair of agents of two groups has an effect of its own, whose variance follows from the misfit of the pool and the gap at the bound
  (see `hexlab.arena.ratings`). As in the sandwich, the games of a pair that one side won all count as independent. To first order effects
  move the agent along its line, by a draw from a Gaussian, and the chance of the results is the mean over it. That errs on the careful
  side: of many effects one may let a weak agent win.
- Opponents, and the others of the agent's own group, are where other games put them. A weighted mean of their distances from the anchor
  counts, whose variance is that of the sandwich, effects included, and whose error is a draw from a Gaussian too. The bound is the
  nearest one that misses no strength in more than 2.5 %: so large is, at most, the chance of the results times that of an error which
  puts the bound short of the strength. Where opponents are known exactly, that is the bound above; where all hangs on one that is not, it
  ends at 1.96 standard deviations of that one.

Simulated with single agents, groups and chains of groups apart, with and without effects (``tests/arena/test_one_sided.py``), this end
and that of the ordinary interval of an agent which won a game after all together miss planted strengths in 2 to 4 % at the worst strength,
and in less elsewhere.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.sparse
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.special import expit, ndtr

from hexlab.arena.bradley_terry import STEPS, PairVariances, Pool, contrast_variance, effect_variances, make_graph
from hexlab.arena.information import Information
from hexlab.errors import ConfigError

__all__ = ["Ties", "find_near_ends", "find_ties"]

_CHANCE = 0.025  # to miss a strength, at most
_SURE, _HOPELESS = 0.01, 9.0  # surprise at the results, less the logarithm of their chance: it is computed from here to there
_FACTOR = 0.5  # natural logarithm of that from place to place
_PLACES = 800  # where the chance is the mean over effects
_ROUNDS = 4  # in which a bound and the doubt there are made to agree, to a fraction of an Elo
_REACH = 2.0  # nats by which a group may move in a step
_TOLERANCE = 1e-10  # of the Newton decrement, in units of log-likelihood
_ERRORS = np.linspace(-2, 9, 221)  # of what other games tell, in standard deviations; by chance alone one in forty is below -1.96
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(20)


@dataclasses.dataclass(frozen=True, eq=False)
class Ties:
    """How chains of wins tie N agents to an anchor.

    Attributes:
        groups: int64[N], the group of each agent: those whom chains of wins tie to each other in both directions.
        home: the group that stands for the anchor.
        above: bool[N], whether a chain of wins leads from the agent to that group.
        below: bool[N], whether one leads from that group to the agent.
    """

    groups: np.ndarray
    home: int
    above: np.ndarray
    below: np.ndarray

    @property
    def unbounded(self) -> np.ndarray:
        """bool[N]: whether the games leave an end of the interval open, or both."""
        return self.groups != self.home


def find_ties(pool: Pool, anchors: Sequence[int]) -> Ties:
    """Find out how chains of wins tie agents to an anchor.

    Args:
        pool: the table.
        anchors: places of the agents that are the anchor; the group of the first stands for it, and the largest group where there are none.
    """
    won, lost = pool.wins > 0, pool.wins < pool.games
    winners = np.concatenate([pool.first[won], pool.second[lost]])
    losers = np.concatenate([pool.second[won], pool.first[lost]])
    graph = make_graph(winners, losers, len(pool.agents))
    _, groups = connected_components(graph, directed=True, connection="strong")
    home = int(groups[anchors[0]] if len(anchors) else np.argmax(np.bincount(groups)))
    member = int(np.flatnonzero(groups == home)[0])
    return Ties(groups, home, _reach(graph.T.tocsr(), member), _reach(graph, member))


def find_near_ends(
    pool: Pool, theta: np.ndarray, information: Information, pairs: PairVariances, ties: Ties, zero: np.ndarray, error: float = 0.0
) -> np.ndarray:
    """Return how far from its fitted strength the interval of each agent ends that is bounded on one side alone, on that side.

    Args:
        pool: the table.
        theta: float64[N], its fit, nats.
        information: there.
        pairs: where the variance of the wins comes from.
        ties: of the agents to the anchor.
        zero: float64[N], weights of the anchor. Only those of the group that stands for it count: where the mean of a pool is 0, the bound
            is that of the distance from its largest group.
        error: variance of the anchor's own strength, nats squared.

    Returns:
        float64[N], nats, nan for all other agents; at least 0, for a strong prior may hold a strength short of its bound.
    """
    ends = np.full(len(theta), np.nan)
    sided = np.flatnonzero((ties.unbounded & (ties.above | ties.below))[: len(pool.rated)])
    if not len(sided):
        return ends
    core = np.where(ties.unbounded, 0.0, zero) if zero[~ties.unbounded].any() else 1.0 - ties.unbounded
    core /= core.sum()

    first, second = ties.groups[pool.first], ties.groups[pool.second]
    across, ahead = first != second, pool.wins > 0
    winners, losers = np.where(ahead, pool.first, pool.second)[across], np.where(ahead, pool.second, pool.first)[across]
    above, below, games = ties.groups[winners], ties.groups[losers], pool.games[across]
    down = make_graph(above, below, int(ties.groups.max()) + 1)
    up = down.T.tocsr()
    from_home, to_home = _reach(down, ties.home), _reach(up, ties.home)
    for group in np.unique(ties.groups[sided]):
        members = sided[ties.groups[sided] == group]
        is_below = bool(from_home[group])
        between = from_home & _reach(up, group) if is_below else _reach(down, group) & to_home
        used = between[above] & between[below]
        between[[ties.home, group]] = False
        table = winners[used], losers[used], games[used]
        chain = _Chain(theta, ties.groups, *table, np.flatnonzero(between), int(group), 1 if is_below else -1)
        for agent in members:
            ends[agent] = max(0.0, _push(pool, information, pairs, chain, core, int(agent), error))
    return ends


def _push(
    pool: Pool, information: Information, pairs: PairVariances, chain: "_Chain", core: np.ndarray, agent: int, error: float
) -> float:
    """Return how far an agent can be moved towards the anchor, up to its bound, nats; below 0 if it is beyond."""
    push = chain.find_push(0.0, 0.0)
    for _ in range(_ROUNDS):
        gaps, shares = chain.weigh(push)
        contrast = -chain.side * core
        contrast[agent] += chain.side
        np.add.at(contrast, chain.winners, shares)
        np.subtract.at(contrast, chain.losers, shares)
        effects = (shares**2 * effect_variances(pairs.misfit, gaps)).sum()
        push = chain.find_push(math.sqrt(effects), math.sqrt(contrast_variance(pool, information, contrast, pairs.total) + error))
    return push


class _Chain:
    """A group that is moved towards that of the anchor, those between the two, and P pairs across them, whose games all went one way.

    Attributes:
        winners: int64[P], agents.
        losers: int64[P].
        side: 1 for a group that is below the anchor and is moved up, -1 for one that is above it and is moved down.
    """

    def __init__(
        self,
        theta: np.ndarray,
        groups: np.ndarray,
        winners: np.ndarray,
        losers: np.ndarray,
        games: np.ndarray,
        between: np.ndarray,
        group: int,
        side: int,
    ):
        """Compute the chance of the results wherever the group may be; those `between` settle where it is largest."""
        self.winners, self.losers, self.side = winners, losers, side
        self._games, self._gaps = games, theta[winners] - theta[losers]
        self._widening = side * ((groups[winners] == group).astype(float) - (groups[losers] == group))  # of gaps by a push, nats each
        place = np.full(groups.max() + 1, len(between))  # the last place is that of the two groups that do not settle
        place[between] = np.arange(len(between))
        self._upper, self._lower = place[groups[winners]], place[groups[losers]]
        self._pushes, self._shifts = [0.0], [self._settle(0.0, np.zeros(len(between)))]
        self._extend(1, _HOPELESS)
        self._pushes, self._shifts = self._pushes[::-1], self._shifts[::-1]
        self._extend(-1, _SURE)
        self._pushes, self._shifts = self._pushes[::-1], self._shifts[::-1]
        surprises, slopes = np.array([self._surprise(*at) for at in zip(self._pushes, self._shifts, strict=True)]).T
        self._table = CubicHermiteSpline(self._pushes, np.log(surprises), slopes / surprises)  # nearly a straight line

    def find_push(self, stray: float, error: float) -> float:
        """Return the least push, nats, to a bound that misses no strength in more than 2.5 %.

        Args:
            stray: standard deviation of what effects make of the agent's place, nats.
            error: that of what other games make of it, nats.
        """
        start, end = self._pushes[0], self._pushes[-1]
        places = np.linspace(start - 5 * stray, end + 5 * stray, _PLACES)
        nodes = places[:, None] + stray * _NODES if stray else places[:, None]
        chances = np.exp(-np.exp(self._table(nodes.clip(start, end)))) @ (_WEIGHTS / _WEIGHTS.sum() if stray else np.ones(1))

        def excess(push: float) -> float:
            return float((np.interp(push + error * _ERRORS, places, chances) * ndtr(_ERRORS)).max()) - _CHANCE

        return float(brentq(excess, places[0] - 9 * error, places[-1] + 2 * error))

    def weigh(self, push: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the gaps of the pairs, nats, and by what shares the place of the group hangs on them: float64[P] each.

        The shares of the pairs that a group between wins are those of the pairs that it loses, and all that lead to the last group are 1.
        """
        push = min(max(push, self._pushes[0]), self._pushes[-1])
        shifts = self._settle(push, self._shifts[int(np.searchsorted(self._pushes, push))])
        missed = self._miss(push, shifts)
        return self._widen(push, shifts), missed / -(self._widening @ missed)

    def _extend(self, way: int, limit: float) -> None:
        """Go on from the last push, up or down, until the surprise has come to a limit."""
        while True:
            surprise, slope = self._surprise(self._pushes[-1], self._shifts[-1])
            if way * surprise > way * limit:
                return
            self._pushes.append(self._pushes[-1] + way * _FACTOR * surprise / slope)
            self._shifts.append(self._settle(self._pushes[-1], self._shifts[-1]))

    def _widen(self, push: float, shifts: np.ndarray) -> np.ndarray:
        """float64[P]: the gaps of the pairs, nats."""
        moved = np.append(shifts, 0.0)
        return self._gaps + push * self._widening + moved[self._upper] - moved[self._lower]

    def _miss(self, push: float, shifts: np.ndarray) -> np.ndarray:
        """float64[P]: games that the losers should have won."""
        return self._games * expit(-self._widen(push, shifts))

    def _surprise(self, push: float, shifts: np.ndarray) -> tuple[float, float]:
        """Return the surprise at the results, nats, and by how much a nat more of push makes it larger."""
        surprise = (self._games * np.logaddexp(0, -self._widen(push, shifts))).sum()
        return float(surprise), float(-(self._widening @ self._miss(push, shifts)))

    def _settle(self, push: float, shifts: np.ndarray) -> np.ndarray:
        """Move the K groups between from `shifts`, float64[K] nats, to where the results are likeliest, by Newton's method."""
        count = len(shifts)
        if not count:
            return shifts
        for _ in range(STEPS):
            missed = self._miss(push, shifts)
            gradient = (np.bincount(self._upper, missed, count + 1) - np.bincount(self._lower, missed, count + 1))[:count]
            slopes = missed * (1 - missed / self._games)
            tied = np.bincount(self._upper * (count + 1) + self._lower, slopes, (count + 1) ** 2).reshape(count + 1, count + 1)
            tied += tied.T
            step = np.linalg.solve((np.diag(tied.sum(axis=0)) - tied)[:count, :count], gradient)
            shifts = shifts + step * (_REACH / max(_REACH, np.abs(step).max()))
            if gradient @ step < _TOLERANCE:
                return shifts
        raise ConfigError(f"the bounds of the ratings did not settle in {STEPS} Newton steps: give a smaller prior")


def _reach(graph: scipy.sparse.csr_matrix, start: int) -> np.ndarray:
    reached = np.zeros(graph.shape[0], bool)
    reached[breadth_first_order(graph, start, return_predecessors=False)] = True
    return reached

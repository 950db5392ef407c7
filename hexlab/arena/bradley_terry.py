"""The Bradley-Terry fit of a pool and the variances of its errors: what `hexlab.arena.ratings` says in words, as arrays."""

import dataclasses
import functools
import math
from collections.abc import Iterable

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from hexlab.errors import ConfigError
from hexlab.records import Opening, Pairing
from hexlab.store import count_pairings

__all__ = [
    "ELO_PER_NAT",
    "PRIOR",
    "STEPS",
    "WINS",
    "PairVariances",
    "Pool",
    "Z",
    "contrast_variances",
    "effect_variances",
    "fit_pool",
    "gap_variances",
    "gather_pool",
    "make_graph",
    "name_some",
    "pair_variances",
    "precision_of",
    "sandwich_variances",
]

ELO_PER_NAT = 400 / math.log(10)
"""Elo per natural-log unit of strength."""
PRIOR = 4000.0
"""Standard deviation of the prior by default, Elo."""
WINS = np.array([2.0, 1.0, 1.0, 0.0])
"""Games that `first` wins in an opening, by the four counts of a pool."""
Z = 1.959963984540054
"""Two-sided 95 % of the Gaussian."""
STEPS = 200
"""Newton steps after which a fit is given up."""

_FEW = 50  # agents, up to which dense arrays cost less than the care that sparse ones need
_MANY = 8  # pairs an agent, from which a factor has so little left of its sparsity that trying costs more than it saves
_DECADE = math.log(10)  # nats, 400 Elo: the gap at which the variance of the effect is twice that of equals
_TOLERANCE = 1e-12  # of the Newton decrement, in units of log-likelihood


@dataclasses.dataclass(frozen=True)
class Pool:
    """P pairs of N agents; openings of a pair are counted by what `first` won: both, one as Black, one as White, none."""

    size: int
    agents: list[str]  # N, sorted
    first: np.ndarray  # int64[P]
    second: np.ndarray  # int64[P], above first
    counts: np.ndarray  # int64[P, 4]

    @property
    def games(self) -> np.ndarray:
        """float64[P]."""
        return 2.0 * self.counts.sum(axis=1)

    @property
    def wins(self) -> np.ndarray:
        """float64[P], of `first`."""
        return self.counts @ WINS

    @property
    def openings(self) -> np.ndarray:
        """int64[P]."""
        return self.counts.sum(axis=1)

    @property
    def differences(self) -> scipy.sparse.csr_matrix:
        """float64[P, N]: +1 at the first agent of each pair, -1 at the second."""
        pairs = np.arange(len(self.first))
        signs = np.repeat([1.0, -1.0], len(pairs))
        places = (np.concatenate([pairs, pairs]), np.concatenate([self.first, self.second]))
        return scipy.sparse.csr_matrix((signs, places), shape=(len(pairs), len(self.agents)))


@dataclasses.dataclass(frozen=True)
class PairVariances:
    """Where the variance of P pairs' wins comes from.

    Attributes:
        within: float64[P], the luck of their openings.
        slopes: float64[P], of their wins in the log odds; what the luck of independent games would be.
        effects: float64[P], of their effects on the log odds, nats squared.
        misfit: that of two equals whose openings decide nothing.
    """

    within: np.ndarray
    slopes: np.ndarray
    effects: np.ndarray
    misfit: float

    @property
    def total(self) -> np.ndarray:
        """float64[P], luck and effects together."""
        return self.within + self.effects * self.slopes**2


def gather_pool(games: Iterable[Pairing] | Iterable[Opening]) -> Pool:
    """Add the rows of each pair up, in whichever direction and order they come.

    Raises:
        ConfigError: no games, several board sizes, an agent against itself, or groups that never met.
    """
    rows: list = list(games)
    if rows and isinstance(rows[0], Opening):
        rows = count_pairings(rows)
    if not rows:
        raise ConfigError("there are no games to rate: play some matches first")
    sizes = sorted({row.size for row in rows})
    if len(sizes) > 1:
        raise ConfigError(f"games on boards of sizes {', '.join(map(str, sizes))}: rate one size at a time")
    agents = sorted({name for row in rows for name in (row.first, row.second)})
    place = {agent: i for i, agent in enumerate(agents)}
    counts: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        if row.first == row.second:
            raise ConfigError(f"{row!r} is a match of an agent with itself: it says nothing of strength; leave it out")
        won, lost = row.won_both, row.lost_both
        first, second = place[row.first], place[row.second]
        if first > second:
            first, second, won, lost = second, first, lost, won
        # Seen from the other side an opening won as Black alone is again one won as Black alone.
        added = (won, row.won_black_only, row.won_white_only, lost)
        if min(added) < 0:
            raise ConfigError(f"{row!r} has a negative count: counts are numbers of openings")
        counted = counts.setdefault((first, second), [0, 0, 0, 0])
        for i in range(4):
            counted[i] += added[i]
    pairs = sorted(pair for pair, counted in counts.items() if sum(counted) > 0)
    if not pairs:
        raise ConfigError("there are no games to rate: every count is 0")
    first, second = np.array(pairs, np.int64).T
    pool = Pool(sizes[0], agents, first, second, np.array([counts[pair] for pair in pairs], np.int64))
    _check_connected(pool)
    return pool


def precision_of(prior: float) -> float:
    """Return the precision, 1 / nats squared, of a prior whose standard deviation is given in Elo."""
    return (ELO_PER_NAT / prior) ** 2


def fit_pool(pool: Pool, precision: float):
    """Maximize the posterior by Newton's method with step halving.

    The gradient of the likelihood sums to 0 over the agents, so the strengths do too, and the prior is one around
    their mean.

    Returns:
        (theta float64[N] in nats, inverse of the information there float64[N, N]).
    """
    games, wins, differences, agents = pool.games, pool.wins, pool.differences, len(pool.agents)
    few = agents <= _FEW
    if few:
        differences = differences.toarray()
    ridge = precision * (np.eye(agents) if few else scipy.sparse.eye_array(agents))
    theta = np.zeros(agents)
    many = not few and len(games) >= _MANY * agents
    sparse = not few and not many

    def loss(strengths: np.ndarray) -> float:
        gap = strengths[pool.first] - strengths[pool.second]
        surprise = wins * np.logaddexp(0, -gap) + (games - wins) * np.logaddexp(0, gap)
        return surprise.sum() + precision / 2 * (strengths @ strengths)

    here = loss(theta)
    for _ in range(STEPS):
        chances = expit(theta[pool.first] - theta[pool.second])
        gradient = differences.T @ (wins - games * chances) - precision * theta
        weights = games * chances * (1 - chances)
        if few:
            solve = _factor_dense((differences.T * weights) @ differences + ridge)
        else:
            information = (differences.T @ scipy.sparse.diags_array(weights) @ differences + ridge).tocsc()
            if sparse:
                factor = _factor_sparse(information)
                solve = factor.solve
                sparse = 8 * factor.nnz < agents**2
            else:
                solve = _factor_dense(information.toarray())
        step = solve(gradient)
        if gradient @ step < _TOLERANCE:
            return theta + step, _invert_factored(solve) if many else solve(np.eye(agents))
        scale = 1.0
        while loss(theta + scale * step) > here - 1e-4 * scale * (gradient @ step) and scale > 1e-6:
            scale /= 2
        theta = theta + scale * step
        here = loss(theta)
    raise ConfigError(f"the ratings did not settle in {STEPS} Newton steps: give a smaller prior")


def contrast_variances(covariance: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """float64[N]: variances of the strengths less that of the anchor."""
    across = covariance @ zero
    return np.maximum(0, np.diag(covariance) - 2 * across + zero @ across)


def gap_variances(covariance: np.ndarray, pool: Pool) -> np.ndarray:
    """float64[P]: variances of the differences in strength of each pair."""
    first, second = pool.first, pool.second
    return covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]


def pair_variances(pool: Pool, theta: np.ndarray, bread: np.ndarray) -> PairVariances:
    """Split the variance of the pairs' wins into that of openings and that of the effects of pairs.

    To first order the surpluses of the pairs, wins less fitted wins, are the errors of their wins times I - H, where
    H = W D bread D^T is the leverage, with the slopes W of wins in the log odds and D the differences.

    Args:
        pool: the table.
        theta: float64[N], its fit.
        bread: float64[N, N], the inverse information there.
    """
    gaps = theta[pool.first] - theta[pool.second]
    chances, games = expit(gaps), pool.games
    slopes = games * chances * (1 - chances)

    # The luck of a pair's openings is seen around the share that it won, for what that share strays from the fit is no luck of single
    # openings. One independent game is put beside them: where all ended alike, the next one may not.
    shares = pool.wins / games
    squares = (pool.counts * (WINS - 2 * shares[:, None]) ** 2).sum(axis=1)
    luck = (squares + 1) / (games * shares * (1 - shares) + 1)
    within, room = luck * slopes, np.minimum(1, luck)

    if len(pool.first) < len(theta):  # a tree: every pair fits
        return PairVariances(within, slopes, np.zeros_like(within), 0.0)
    surplus = pool.wins - games * chances
    leverage = slopes * gap_variances(bread, pool)
    widening = effect_variances(1.0, gaps)
    shape = widening * (room * slopes) ** 2
    # The weight of a pair is shape over the square of its variance, as far as a first idea of the misfit tells it.
    idea = ((surplus**2 - (1 - leverage) * within) / games).sum() / ((1 - leverage) * shape / games).sum()
    weights = widening / (1 + max(0.0, idea) * widening * room * slopes) ** 2
    # Solve E[sum of weights * surplus^2] = sum of seen * (within + misfit * shape) for misfit, with seen, how much of a pair's variance is
    # left in all surpluses together, the columns' weighted sums of squares of I - H. Half a pair that does not stray, as telling as the
    # most telling one, is put beside them: lopsided pairs alone tell nothing.
    differences = pool.differences
    shared = differences.T @ scipy.sparse.diags_array(weights * slopes**2) @ differences
    seen = weights * (1 - 2 * leverage) + gap_variances(bread @ (shared @ bread), pool)
    excess = weights @ surplus**2 - seen @ within
    misfit = max(0.0, float(excess / (seen @ shape + 0.5 * (weights * shape).max())))
    return PairVariances(within, slopes, room**2 * effect_variances(misfit, gaps), misfit)


def effect_variances(misfit: float, gaps: np.ndarray) -> np.ndarray:
    """Return the variances, nats squared, of the effects of pairs so far apart in strength, whose openings decide nothing.

    Args:
        misfit: that of two equals.
        gaps: differences in strength, nats.

    >>> effect_variances(0.25, np.array([0.0, math.log(10)]))  # 400 Elo
    array([0.25, 0.5 ])
    """
    return misfit * (1 + (gaps / _DECADE) ** 2)


def sandwich_variances(pool: Pool, bread: np.ndarray, zero: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """float64[N]: variances, in nats squared, of the distances from the anchor.

    Args:
        pool: the table.
        bread: float64[N, N], the inverse information of its fit.
        zero: float64[N], weights of the anchor.
        variances: float64[P], of the wins of each pair.
    """
    differences = pool.differences
    filling = differences.T @ scipy.sparse.diags_array(variances) @ differences
    contrast = bread - (zero @ bread)[None, :]
    return np.maximum(0, np.einsum("ij,ij->i", contrast, (filling @ contrast.T).T))


def _check_connected(pool: Pool) -> None:
    groups, labels = connected_components(make_graph(pool.first, pool.second, len(pool.agents)), directed=False)
    if groups > 1:
        shown = [name_some([pool.agents[i] for i in np.flatnonzero(labels == group)]) for group in range(min(groups, 3))]
        raise ConfigError(
            f"the pool falls into {groups} groups that never met: {'; '.join(shown)}{'; ...' if groups > 3 else ''}. "
            "Play matches between them, or rate each group by itself"
        )


def _factor_sparse(information: scipy.sparse.csc_matrix):
    # A ladder with perfect and random play at its ends has little fill, and one thread solves it in milliseconds.
    options = {"SymmetricMode": True}
    return scipy.sparse.linalg.splu(information, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)


def _factor_dense(information: np.ndarray):
    factor = scipy.linalg.cho_factor(information, lower=True, overwrite_a=True, check_finite=False)
    return functools.partial(scipy.linalg.cho_solve, factor, check_finite=False)


def _invert_factored(solve: functools.partial) -> np.ndarray:
    """Return the inverse of what `_factor_dense` was given, for a third of the work of solving for every unit vector."""
    lower, _ = scipy.linalg.lapack.dpotri(*solve.args[0])
    return np.tril(lower) + np.tril(lower, -1).T


def make_graph(starts: np.ndarray, ends: np.ndarray, nodes: int) -> scipy.sparse.csr_matrix:
    """Return the adjacency matrix of a graph from its edges."""
    return scipy.sparse.csr_matrix((np.ones(len(starts)), (starts, ends)), shape=(nodes, nodes))


def name_some(names: list[str]) -> str:
    """Return up to five names as a list in words.

    >>> name_some(list("abcdefg"))
    'a, b, c, d, e and 2 more'
    """
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

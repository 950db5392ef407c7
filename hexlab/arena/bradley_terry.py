"""The Bradley-Terry fit of a pool and the variances of its errors: what `hexlab.arena.ratings` says in words, as arrays."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from hexlab.arena.information import Information
from hexlab.errors import ConfigError
from hexlab.pairings import count_pairings
from hexlab.records import Opening, Pairing

__all__ = [
    "ELO_PER_NAT",
    "PRIOR",
    "STEPS",
    "WINS",
    "PairVariances",
    "Pool",
    "Z",
    "contrast_variance",
    "contrast_variances",
    "effect_variances",
    "fit_pool",
    "fit_strengths",
    "gap_variances",
    "gather_pool",
    "inform",
    "make_graph",
    "name_some",
    "pair_variances",
    "passed_variances",
    "precision_of",
    "sandwich_variances",
    "weigh_pairs",
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

_FEW = 50  # agents, up to which a dense solution costs less than the care that a sparse one needs
_ACCURACY = 1e-12  # of a solution by conjugate gradients: its squared residual over that of zero
_DECADE = math.log(10)  # nats, 400 Elo: the gap at which the variance of the effect is twice that of equals
_TOLERANCE = 1e-12  # of the Newton decrement, in units of log-likelihood


@dataclasses.dataclass(frozen=True)
class Pool:
    """P pairs of N agents; openings of a pair are counted by what `first` won: both, one as Black, one as White, none."""

    size: int
    agents: list[str]  # N, sorted but for those that are not rated, which come last
    first: np.ndarray  # int64[P]
    second: np.ndarray  # int64[P], above first
    counts: np.ndarray  # int64[P, 4]
    unrated: int = 0  # agents

    @property
    def rated(self) -> list[str]:
        """The agents that are rated, sorted."""
        return self.agents[: len(self.agents) - self.unrated]

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
    """Return the precision, 1 / nats squared, of a prior whose standard deviation is given in Elo.

    Raises:
        ConfigError: no positive number.
    """
    if not prior > 0 or not math.isfinite(prior):
        raise ConfigError(f"prior {prior!r} is not a standard deviation in Elo: give a positive number, such as {PRIOR:g}")
    return (ELO_PER_NAT / prior) ** 2


def fit_strengths(pool: Pool, precision: float, start: np.ndarray | None = None) -> np.ndarray:
    """Maximize the posterior by Newton's method with step halving.

    The gradient of the likelihood sums to 0 over the agents, so the strengths do too, and the prior is one around
    their mean. Most pairs never meet: in a pool of many agents each step is solved by conjugate gradients.

    Args:
        pool: the table.
        precision: of the prior.
        start: float64[N], nats, near the answer; all equal if not given.

    Returns:
        float64[N], nats.
    """
    games, wins, differences = pool.games, pool.wins, pool.differences
    few = len(pool.agents) <= _FEW
    theta = np.zeros(len(pool.agents)) if start is None else start

    def loss(strengths: np.ndarray) -> float:
        gap = strengths[pool.first] - strengths[pool.second]
        surprise = wins * np.logaddexp(0, -gap) + (games - wins) * np.logaddexp(0, gap)
        return surprise.sum() + precision / 2 * (strengths @ strengths)

    here = loss(theta)
    for _ in range(STEPS):
        gradient = differences.T @ (wins - games * expit(theta[pool.first] - theta[pool.second])) - precision * theta
        information = inform(pool, theta, precision)
        step = np.linalg.solve(information.toarray(), gradient) if few else _solve_sparse(information, gradient)
        if gradient @ step < _TOLERANCE:
            return theta + step
        scale = 1.0
        while loss(theta + scale * step) > here - 1e-4 * scale * (gradient @ step) and scale > 1e-6:
            scale /= 2
        theta = theta + scale * step
        here = loss(theta)
    raise ConfigError(f"the ratings did not settle in {STEPS} Newton steps: give a smaller prior")


def inform(pool: Pool, theta: np.ndarray, precision: float) -> scipy.sparse.csr_matrix:
    """Return the information, 1 / nats squared, that games and prior hold of the strengths: float64[N, N]."""
    chances = expit(theta[pool.first] - theta[pool.second])
    return weigh_pairs(pool, pool.games * chances * (1 - chances)) + precision * scipy.sparse.eye_array(len(theta), format="csr")


def weigh_pairs(pool: Pool, weights: np.ndarray) -> scipy.sparse.csr_matrix:
    """Return D^T W D with the differences D of the pairs and their weights W: float64[N, N]."""
    differences = pool.differences
    return differences.T.tocsr() @ scipy.sparse.diags_array(weights) @ differences


def contrast_variances(information: Information, zero: np.ndarray, filling: scipy.sparse.csr_matrix | None = None) -> np.ndarray:
    """float64[N]: variances of the strengths less that of the anchor.

    Args:
        information: of the fit.
        zero: float64[N], weights of the anchor.
        filling: float64[N, N], covariance of the gradient; without one the information itself, as where the model is exact.
    """
    if filling is not None:
        variances = information.pass_to_distances(filling, zero)
    else:
        across = information.solve(zero)
        variances = information.variances[0] - 2 * across + zero @ across
    return np.where(zero == 1, 0, np.maximum(0, variances))  # an anchor alone is at 0, whatever rounding leaves of it


def fit_pool(pool: Pool, precision: float) -> tuple[np.ndarray, Information]:
    """Return the strengths float64[N], nats, and the information there, factored."""
    theta = fit_strengths(pool, precision)
    return theta, Information(inform(pool, theta, precision), pool.first, pool.second)


def gap_variances(pool: Pool, own: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """float64[P]: variances of the differences in strength of each pair, by those of the agents and the covariances of the pairs."""
    return own[pool.first] + own[pool.second] - 2 * shared


def passed_variances(pool: Pool, information: Information, variances: np.ndarray) -> np.ndarray:
    """float64[P]: variances of the fitted differences in strength of each pair, by those of the wins of all pairs, float64[P]."""
    return information.pass_to_pairs(weigh_pairs(pool, variances))


def pair_variances(pool: Pool, theta: np.ndarray, information: Information) -> PairVariances:
    """Split the variance of the pairs' wins into that of openings and that of the effects of pairs.

    To first order the surpluses of the pairs, wins less fitted wins, are the errors of their wins times I - H, where
    H = W D A^-1 D^T is the leverage, with the slopes W of wins in the log odds, D the differences and A the information.

    Args:
        pool: the table.
        theta: float64[N], its fit.
        information: there.
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
    leverage = slopes * gap_variances(pool, *information.variances)
    widening = effect_variances(1.0, gaps)
    shape = widening * (room * slopes) ** 2
    # The weight of a pair is shape over the square of its variance, as far as a first idea of the misfit tells it.
    idea = ((surplus**2 - (1 - leverage) * within) / games).sum() / ((1 - leverage) * shape / games).sum()
    weights = widening / (1 + max(0.0, idea) * widening * room * slopes) ** 2
    # Solve E[sum of weights * surplus^2] = sum of seen * (within + misfit * shape) for misfit, with seen, how much of a pair's variance is
    # left in all surpluses together, the columns' weighted sums of squares of I - H. Half a pair that does not stray, as telling as the
    # most telling one, is put beside them: lopsided pairs alone tell nothing.
    seen = weights * (1 - 2 * leverage) + passed_variances(pool, information, weights * slopes**2)
    # Sums, and no dot products: of those as long as this the last bit would hang on the number of threads.
    excess = (weights * surplus**2 - seen * within).sum()
    misfit = max(0.0, float(excess / ((seen * shape).sum() + 0.5 * (weights * shape).max())))
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


def sandwich_variances(pool: Pool, information: Information, zero: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """float64[N]: variances, in nats squared, of the distances from the anchor.

    Args:
        pool: the table.
        information: of its fit.
        zero: float64[N], weights of the anchor.
        variances: float64[P], of the wins of each pair.
    """
    return contrast_variances(information, zero, weigh_pairs(pool, variances))


def contrast_variance(pool: Pool, information: Information, contrast: np.ndarray, variances: np.ndarray) -> float:
    """Return the variance, nats squared, of a sum of fitted strengths.

    Args:
        pool: the table.
        information: of its fit.
        contrast: float64[N], weights of the strengths, 0 in all.
        variances: float64[P], of the wins of each pair.
    """
    moved = information.solve(contrast)
    return float((variances * (moved[pool.first] - moved[pool.second]) ** 2).sum())


def _check_connected(pool: Pool) -> None:
    groups, labels = connected_components(make_graph(pool.first, pool.second, len(pool.agents)), directed=False)
    if groups > 1:
        shown = [name_some([pool.agents[i] for i in np.flatnonzero(labels == group)]) for group in range(min(groups, 3))]
        raise ConfigError(
            f"the pool falls into {groups} groups that never met: {'; '.join(shown)}{'; ...' if groups > 3 else ''}. "
            "Play matches between them, or rate each group by itself"
        )


def _solve_sparse(information: scipy.sparse.csr_matrix, gradient: np.ndarray) -> np.ndarray:
    """Solve by conjugate gradients, which the diagonal conditions well: every agent is tied to perfect play or to many of its like."""
    diagonal = information.diagonal()
    step, residual = np.zeros_like(gradient), gradient
    direction = conditioned = residual / diagonal
    decrement = start = residual @ conditioned
    for _ in range(10 * len(gradient)):  # rounding may keep it from the accuracy; Newton's method bears that
        if decrement <= _ACCURACY * start:
            break
        image = information @ direction
        length = decrement / (direction @ image)
        step = step + length * direction
        residual = residual - length * image
        conditioned = residual / diagonal
        before, decrement = decrement, residual @ conditioned
        direction = conditioned + decrement / before * direction
    return step


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

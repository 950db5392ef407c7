"""Elo ratings of a pool of agents, with intervals, by the Bradley-Terry model.

An agent of strength theta (in nats) wins a game against another with probability ``1 / (1 + exp(theta_other -
theta))`` (Zermelo 1929; Bradley and Terry 1952). The strengths maximize the likelihood times a prior; Elo is ``400 /
ln 10`` times theta.

The prior: strengths are independent Gaussians around the mean of the pool, with a standard deviation of `PRIOR` Elo
by default, several times the width of a pool. It moves well-tied ratings by a few Elo at most, and keeps those of
agents that won or lost everything finite, where the maximum of the likelihood does not exist (Ford 1957). Unlike
pseudo-games it gives no point to the weaker side of a lopsided pair. See Whelan, "Prior distributions for the
Bradley-Terry model of paired comparisons" (2017, arXiv 1712.05311).

Intervals know two things that the inverse information does not:

- The two games of an opening, colors swapped, are one cluster. An opening that decides the game gives each side one
  win, so such games tell more than independent ones; games of an opening that the same side tends to win twice tell
  less. The variance within a pair is that of its openings, as they came out.
- One number an agent does not describe every pair: one style suits or does not suit another, and players without noise
  repeat themselves. Each pair therefore has an effect of its own on the log odds of its games, a draw from a Gaussian
  around 0 whose variance is one for the pool: a random effect. It is estimated by moments, as DerSimonian and Laird
  (1986) do for clinical trials that disagree: how much the squared surpluses of whole pairs, wins less expected wins,
  exceed what their openings and the fit explain. Only a pool with more pairs than a tree has can tell, and with less
  than about ten to spare it tells roughly: where pairs of so small a pool stray far, its
  intervals are too narrow. More games of a pair do not average the effect out; more opponents do.

Both add up to the variance of a pair's wins. The sandwich covariance (White 1982; Liang and Zeger 1986) carries it over
to the strengths, with the squared surpluses freed of the fit's own pull on them (the leverage; MacKinnon and White 1985).
With the squared surplus of each pair alone in its place, the plain sandwich over pairs, intervals are too narrow where
agents have few opponents; one variance for the whole pool is steadier. The bootstrap draws openings and effects anew.

The effects of two pairs are taken to be independent. The effect makes average scores a little flatter in strength than
the curve of one pair, by about 1 % at 50 Elo of standard deviation and 5 % at 100: planted strengths come back that much
closer together.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from hexlab.errors import ConfigError
from hexlab.records import Opening, Pairing, Rating
from hexlab.store import count_pairings

__all__ = ["ELO_PER_NAT", "PRIOR", "Belief", "Ratings", "believe", "bootstrap_ratings", "rate", "score_interval"]

ELO_PER_NAT = 400 / math.log(10)
"""Elo per natural-log unit of strength."""
PRIOR = 4000.0
"""Standard deviation of the prior by default, Elo."""

_WINS = np.array([2.0, 1.0, 1.0, 0.0])  # of `first` in an opening, by the four counts
_Z = 1.959963984540054  # two-sided 95 % of the Gaussian
_NEVER_MET = (math.nan, math.nan, math.nan, 0)
_FEW = 50  # agents, up to which dense arrays cost less than the care that sparse ones need
_MANY = 8  # pairs an agent, from which a factor has so little left of its sparsity that trying costs more than it saves
_STEPS = 200
_TOLERANCE = 1e-12  # of the Newton decrement, in units of log-likelihood


@dataclasses.dataclass(frozen=True)
class Ratings(Sequence[Rating]):
    """Ratings of a pool, strongest first; print it for a table, index it by place or by agent.

    Attributes:
        rows: one `Rating` an agent.
        anchor: what has Elo 0: an agent, ``"mean"`` or ``"best"``.
        prior: standard deviation of the prior, Elo.
        notes: what to know before reading an agent's Elo: that the games do not bound its distance from the anchor, so
            that it rests on the prior, or that its direct score against the anchor says the opposite.
        misfit: standard deviation of what pairs stray from one number an agent, Elo; part of the intervals.
    """

    rows: tuple[Rating, ...]
    anchor: str
    prior: float
    notes: dict[str, str]
    misfit: float

    def __len__(self) -> int:
        """Return the number of agents."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Rating]:
        """Iterate over the agents, strongest first."""
        return iter(self.rows)

    def __getitem__(self, which):
        """Return the `Rating` at a place or of an agent."""
        if not isinstance(which, str):
            return self.rows[which]
        for row in self.rows:
            if row.agent == which:
                return row
        raise ConfigError(f"no agent {which!r} in this pool: it holds {_name_some([row.agent for row in self.rows])}")

    def __str__(self) -> str:
        """Return a table to read."""
        width = max(5, *(len(row.agent) for row in self.rows))
        lines = [f"{'agent':<{width}}  {'Elo':>7}  {'95 % interval':>17}  {'games':>6}  score against perfect play"]
        for row in self.rows:
            score = (
                ""
                if row.perfect_games == 0
                else (f"{row.perfect_score:.3f} [{row.perfect_score_low:.3f}, {row.perfect_score_high:.3f}] in {row.perfect_games}")
            )
            mark = "*" if row.agent in self.notes else " "
            bounds = f"[{row.low:+.0f}, {row.high:+.0f}]"
            lines.append(f"{row.agent:<{width}}  {row.elo:>+7.0f}{mark} {bounds:>17}  {row.games:>6}  {score}".rstrip())
        zero = {"mean": "the mean of the pool is 0", "best": "the best of the pool is 0"}
        lines.append(
            f"{zero.get(self.anchor, self.anchor + ' is 0')}; prior: {self.prior:g} Elo around the mean of the pool; "
            f"pairs stray by {self.misfit:.0f} Elo from one number an agent"
        )
        lines += [f"* {agent}: {note}" for agent, note in self.notes.items()]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class _Pool:
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
        return self.counts @ _WINS

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


def rate(
    games: Iterable[Pairing] | Iterable[Opening],
    *,
    anchor: str | None = None,
    prior: float = PRIOR,
    intervals: str = "sandwich",
    samples: int = 1000,
    seed: int = 0,
) -> Ratings:
    """Rate every agent of a pool by maximum likelihood with a weak prior (see the module).

    Args:
        games: rows of `Pairing` or of `Opening`, in any order, all of one board size. Rows of one pair are added up.
        anchor: the agent whose Elo is 0, or ``"mean"`` or ``"best"``. By default perfect play where the pool holds
            it, by the name of ``"perfect"`` or ``"perfect-5"`` on 5x5, else the mean of the pool; the result says
            which.
        prior: standard deviation of the Gaussian prior, Elo.
        intervals: ``"sandwich"`` (fast) or ``"bootstrap"`` (percentiles over resampled openings and effects of pairs).
        samples: bootstrap samples.
        seed: seed of the bootstrap.

    Returns:
        The ratings, strongest first, each with a 95 % interval of its distance from the anchor and, where it met
        perfect play, its score against it. An agent that no chain of wins ties to the anchor in both directions
        (undefeated, winless, or as a group) is named in `notes`: its Elo rests on the prior, and so does its
        interval, which is then at least as wide as the posterior's. `notes` also names agents on the other side of
        the anchor than their direct score against it puts them, where that score's interval leaves out one half.

    Raises:
        ConfigError: no games, several board sizes, an unknown anchor, or a pool that falls into groups that never met.

    >>> from hexlab.records import Pairing
    >>> table = rate([Pairing(3, "perfect", "random", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)])
    >>> table["perfect"].elo, round(table["random"].elo), table["random"].perfect_score
    (0.0, -338, 0.125)
    """
    pool = _gather(games)
    if not prior > 0 or not math.isfinite(prior):
        raise ConfigError(f"prior {prior!r} is not a standard deviation in Elo: give a positive number, such as {PRIOR:g}")
    if intervals not in ("sandwich", "bootstrap"):
        raise ConfigError(f"intervals {intervals!r} are unknown: choose 'sandwich' or 'bootstrap'")
    anchor = _choose_anchor(anchor, pool)
    theta, posterior = _fit(pool, _precision(prior))
    zero = _anchor_weights(anchor, pool.agents, theta)
    elo = ELO_PER_NAT * (theta - zero @ theta)
    notes, unbounded = _find_unbounded(pool, theta, anchor)
    for agent, note in _find_contradicted(pool, elo, anchor).items():
        notes[agent] = f"{notes[agent]}; {note}" if agent in notes else note

    within, misfit = _pair_variances(pool, theta, posterior)
    if intervals == "sandwich":
        spread = _Z * ELO_PER_NAT * np.sqrt(_sandwich_variances(pool, theta, posterior, zero, within, misfit))
        low, high = elo - spread, elo + spread
    else:
        fits = _bootstrap(pool, theta, posterior, anchor, _precision(prior), misfit, samples, seed)
        low, high = np.quantile(fits, [0.025, 0.975], axis=0)
    wide = _Z * ELO_PER_NAT * np.sqrt(_contrast_variances(posterior, zero))
    low = np.where(unbounded, np.minimum(low, elo - wide), low)
    high = np.where(unbounded, np.maximum(high, elo + wide), high)

    played = np.bincount(pool.first, pool.games, len(theta)) + np.bincount(pool.second, pool.games, len(theta))
    scores = _perfect_scores(pool)
    rows = []
    for i in _rank(theta, pool.agents):
        agent = pool.agents[i]
        score = scores.get(agent, _NEVER_MET)
        rows.append(Rating(agent, pool.size, float(elo[i]), float(low[i]), float(high[i]), int(played[i]), *score))
    ordered = {row.agent: notes[row.agent] for row in rows if row.agent in notes}
    return Ratings(tuple(rows), anchor, float(prior), ordered, ELO_PER_NAT * math.sqrt(misfit))


@dataclasses.dataclass(frozen=True)
class Belief:
    """What games say of N agents, together: what decides which games to play next.

    Attributes:
        agents: N names, sorted.
        strengths: float64[N], distances from the anchor, nats.
        covariance: float64[N, N] of those, nats squared, by the information of the games and the prior.
        misfit: variance of what pairs stray from one number an agent, nats squared.
        half_widths: float64[N], half the width of the intervals that `rate` gives, Elo.
    """

    agents: tuple[str, ...]
    strengths: np.ndarray
    covariance: np.ndarray
    misfit: float
    half_widths: np.ndarray


def believe(games: Iterable[Pairing] | Iterable[Opening], *, anchor: str | None = None, prior: float = PRIOR) -> Belief:
    """Return what games say of all agents together, by the model and with the arguments of `rate`.

    >>> from hexlab.records import Pairing
    >>> belief = believe([Pairing(3, "perfect", "random", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)])
    >>> belief.agents, belief.half_widths.round()
    (('perfect', 'random'), array([  0., 108.]))
    """
    pool = _gather(games)
    anchor = _choose_anchor(anchor, pool)
    theta, posterior = _fit(pool, _precision(prior))
    zero = _anchor_weights(anchor, pool.agents, theta)
    within, misfit = _pair_variances(pool, theta, posterior)
    variances = _sandwich_variances(pool, theta, posterior, zero, within, misfit)
    _, unbounded = _find_unbounded(pool, theta, anchor)
    across = posterior @ zero
    covariance = posterior - across[:, None] - across[None, :] + zero @ across
    variances = np.where(unbounded, np.maximum(variances, _contrast_variances(posterior, zero)), variances)
    return Belief(tuple(pool.agents), theta - zero @ theta, covariance, misfit, _Z * ELO_PER_NAT * np.sqrt(variances))


def bootstrap_ratings(
    games: Iterable[Pairing] | Iterable[Opening],
    samples: int,
    seed: int,
    *,
    anchor: str | None = None,
    prior: float = PRIOR,
) -> np.ndarray:
    """Rate a pool again and again on resampled openings, with the effects of pairs drawn anew (see the module).

    In each sample every pair plays as many openings as it did, drawn with replacement from its own: the four counts
    of a pair are multinomial. Then its log odds move by a Gaussian draw, as far as pairs of this pool stray, to first
    order and at most to all or none of its games. Pairs whose games one side won all do not vary. No pair is left
    out of a sample, so the pool stays in one piece.

    Args:
        games: as for `rate`.
        samples: number of samples.
        seed: any integer; equal arguments give equal samples.
        anchor: as for `rate`.
        prior: as for `rate`.

    Returns:
        float64[samples, agents], Elo; the columns are in the order of the rows of `rate` with the same arguments.

    >>> from hexlab.records import Pairing
    >>> rows = [Pairing(3, "a", "b", 0, won_both=20, won_black_only=50, won_white_only=10, lost_both=20)]
    >>> bootstrap_ratings(rows, samples=500, seed=0).shape
    (500, 2)
    """
    pool = _gather(games)
    precision = _precision(prior)
    anchor = _choose_anchor(anchor, pool)
    theta, posterior = _fit(pool, precision)
    _, misfit = _pair_variances(pool, theta, posterior)
    return _bootstrap(pool, theta, posterior, anchor, precision, misfit, samples, seed)[:, _rank(theta, pool.agents)]


def score_interval(won_both: int, won_one: int, lost_both: int) -> tuple[float, float, float]:
    """Return the share of games won and its 95 % interval, the two games of an opening being one cluster.

    The interval is Wilson's (1927) with the number of games divided by the design effect 1 + rho, where rho is the
    correlation of the two games of an opening. Rho is shrunk to 0 by half an opening's worth, so that a few equal
    outcomes do not pass for certainty.

    Args:
        won_both: openings of which both games were won.
        won_one: openings of which one game was won.
        lost_both: openings of which both games were lost.

    Returns:
        (share, low, high), each in [0, 1].

    >>> score_interval(0, 36, 0)[0], [round(bound, 2) for bound in score_interval(0, 36, 0)[1:]]
    (0.5, [0.47, 0.53])
    """
    openings = won_both + won_one + lost_both
    share = (2 * won_both + won_one) / (2 * openings)
    together = won_both * (1 - share) ** 2 - won_one * share * (1 - share) + lost_both * share**2
    rho = together / (openings * share * (1 - share) + 0.5)
    games = 2 * openings / (1 + rho)
    center = (share + _Z**2 / (2 * games)) / (1 + _Z**2 / games)
    spread = _Z / (1 + _Z**2 / games) * math.sqrt(share * (1 - share) / games + _Z**2 / (4 * games**2))
    return share, max(0.0, center - spread), min(1.0, center + spread)


def _gather(games) -> _Pool:
    rows = list(games)
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
    pool = _Pool(sizes[0], agents, first, second, np.array([counts[pair] for pair in pairs], np.int64))
    _check_connected(pool)
    return pool


def _check_connected(pool: _Pool) -> None:
    groups, labels = connected_components(_graph(pool.first, pool.second, len(pool.agents)), directed=False)
    if groups > 1:
        shown = [_name_some([pool.agents[i] for i in np.flatnonzero(labels == group)]) for group in range(min(groups, 3))]
        raise ConfigError(
            f"the pool falls into {groups} groups that never met: {'; '.join(shown)}{'; ...' if groups > 3 else ''}. "
            "Play matches between them, or rate each group by itself"
        )


def _choose_anchor(anchor: str | None, pool: _Pool) -> str:
    if anchor is None:
        return _find_perfect(pool) or "mean"
    if anchor not in ("mean", "best") and anchor not in pool.agents:
        raise ConfigError(f"anchor {anchor!r} is not in the pool: choose 'mean', 'best' or one of {_name_some(pool.agents)}")
    return anchor


def _find_perfect(pool: _Pool) -> str | None:
    names = (f"perfect-{pool.size}", "perfect")
    return next((name for name in names if name in pool.agents), None)


def _rank(theta: np.ndarray, agents: list[str]) -> list[int]:
    """Places of the agents, strongest first; equals by name."""
    return sorted(range(len(agents)), key=lambda i: (-theta[i], agents[i]))


def _anchor_weights(anchor: str, agents: list[str], theta: np.ndarray) -> np.ndarray:
    """float64[N] that sum to 1: the strength which they weigh together is 0 Elo."""
    if anchor == "mean":
        return np.full(len(agents), 1 / len(agents))
    weights = np.zeros(len(agents))
    weights[np.argmax(theta) if anchor == "best" else agents.index(anchor)] = 1
    return weights


def _precision(prior: float) -> float:
    return (ELO_PER_NAT / prior) ** 2


def _fit(pool: _Pool, precision: float):
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
    for _ in range(_STEPS):
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
    raise ConfigError(f"the ratings did not settle in {_STEPS} Newton steps: give a smaller prior")


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


def _bootstrap(pool, theta, bread, anchor, precision, misfit, samples, seed) -> np.ndarray:
    """float64[samples, N]: Elo of resampled pools, agents in the pool's order."""
    if samples < 1:
        raise ConfigError(f"{samples!r} bootstrap samples: give a whole number of at least 1, such as 1000")
    games, openings = pool.games, pool.openings
    shares = pool.counts / openings[:, None]
    generator = np.random.Generator(np.random.PCG64(seed & 0xFFFFFFFFFFFFFFFF))
    fitted = np.empty((samples, len(theta)))
    chunk = max(1, 4_000_000 // len(openings))
    for start in range(0, samples, chunk):
        stop = min(start + chunk, samples)
        drawn = generator.multinomial(openings, shares, size=(stop - start, len(openings)))
        wins = drawn @ _WINS
        if misfit > 0:
            effects = math.sqrt(misfit) * generator.standard_normal(wins.shape)
            wins = np.clip(wins + effects * wins * (1 - wins / games), 0, games)
        fitted[start:stop] = _refit(pool, wins, theta, bread, precision)
    if anchor == "mean":
        zeros = fitted.mean(axis=1)
    elif anchor == "best":
        zeros = fitted.max(axis=1)
    else:
        zeros = fitted[:, pool.agents.index(anchor)]
    return ELO_PER_NAT * (fitted - zeros[:, None])


def _refit(pool: _Pool, wins: np.ndarray, theta: np.ndarray, bread: np.ndarray, precision: float) -> np.ndarray:
    """Fit S resampled tables at once, by Newton's method from the fit of the real one.

    Each Newton step is solved by conjugate gradients for all samples together. The inverse information of the real
    table conditions them: a pair plays as many games in a sample as in the table, so the information differs only by
    the shift of theta, and a few iterations do. No strength moves by more than 2 nats in a step.

    Args:
        pool: the real table.
        wins: float64[S, P].
        theta: float64[N], the fit of the real table.
        bread: float64[N, N], the inverse information there.
        precision: of the prior.

    Returns:
        float64[S, N].
    """
    games, differences = pool.games[:, None], pool.differences
    sums = differences.T.tocsr()
    fitted = np.repeat(theta[:, None], len(wins), axis=1)  # N x S
    wins = np.ascontiguousarray(wins.T)
    going = np.arange(fitted.shape[1])
    for _ in range(_STEPS):
        at = fitted[:, going]
        chances = expit(differences @ at)
        weights = games * chances * (1 - chances)
        gradient = sums @ (wins[:, going] - games * chances) - precision * at

        residual = gradient
        step = np.zeros_like(at)
        direction = conditioned = bread @ residual
        decrement = start = np.einsum("ns,ns->s", residual, conditioned)
        while (decrement > 1e-3 * start).any():
            image = sums @ (weights * (differences @ direction)) + precision * direction
            length = decrement / np.maximum(np.einsum("ns,ns->s", direction, image), 1e-300)
            step = step + length * direction
            residual = residual - length * image
            conditioned = bread @ residual
            before, decrement = decrement, np.einsum("ns,ns->s", residual, conditioned)
            direction = conditioned + decrement / np.maximum(before, 1e-300) * direction

        fitted[:, going] = at + step * np.minimum(1, 2 / np.maximum(np.abs(step).max(axis=0), 2))
        going = going[start > 1e-6]
        if not len(going):
            return fitted.T
    raise ConfigError(f"the bootstrap did not settle in {_STEPS} Newton steps: give a smaller prior")


def _contrast_variances(covariance: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """float64[N]: variances of the strengths less that of the anchor."""
    across = covariance @ zero
    return np.maximum(0, np.diag(covariance) - 2 * across + zero @ across)


def _gap_variances(covariance: np.ndarray, pool: _Pool) -> np.ndarray:
    """float64[P]: variances of the differences in strength of each pair."""
    first, second = pool.first, pool.second
    return covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]


def _pair_variances(pool: _Pool, theta: np.ndarray, bread: np.ndarray) -> tuple[np.ndarray, float]:
    """Split the variance of the pairs' wins into that of openings and that of the effects of pairs.

    To first order the surpluses of the pairs, wins less fitted wins, are the errors of their wins times I - H, where
    H = W D bread D^T is the leverage, with the slopes W of wins in the log odds and D the differences.

    Args:
        pool: the table.
        theta: float64[N], its fit.
        bread: float64[N, N], the inverse information there.

    Returns:
        (within float64[P]: variance of the wins of a pair by its openings,
        misfit: variance of the effects of pairs, nats squared).
    """
    chances = expit(theta[pool.first] - theta[pool.second])
    games, openings = pool.games, pool.openings
    slopes = games * chances * (1 - chances)
    leverage = slopes * _gap_variances(bread, pool)

    # Each pair gets one opening of two independent games beside its own: where all ended alike, it still is not certain.
    squares = (pool.counts * (_WINS - 2 * chances[:, None]) ** 2).sum(axis=1)
    within = squares / np.maximum(1 - leverage / openings, 0.5) + 2 * chances * (1 - chances)
    within *= openings / (openings + 1)

    if len(pool.first) < len(theta):  # a tree: every pair fits
        return within, 0.0
    # Solve E[sum of surplus^2 / games] = sum of seen * (within + misfit * slopes^2) for misfit, with seen, how much of
    # a pair's variance is left in all surpluses together, the columns' weighted sums of squares of I - H. Half a pair
    # that does not stray, as even as the most even one, is put beside them: lopsided pairs alone tell nothing.
    differences = pool.differences
    shared = differences.T @ scipy.sparse.diags_array(slopes**2 / games) @ differences
    seen = (1 - 2 * leverage) / games + _gap_variances(bread @ (shared @ bread), pool)
    surplus = pool.wins - games * chances
    excess = (surplus**2 / games).sum() - seen @ within
    return within, max(0.0, float(excess / (seen @ slopes**2 + 0.5 * (slopes**2 / games).max())))


def _sandwich_variances(pool, theta, bread, zero, within, misfit) -> np.ndarray:
    """float64[N]: variances, in nats squared, of the distances from the anchor; bread is the inverse information."""
    chances = expit(theta[pool.first] - theta[pool.second])
    variances = within + misfit * (pool.games * chances * (1 - chances)) ** 2
    differences = pool.differences
    filling = differences.T @ scipy.sparse.diags_array(variances) @ differences
    contrast = bread - (zero @ bread)[None, :]
    return np.maximum(0, np.einsum("ij,ij->i", contrast, (filling @ contrast.T).T))


def _perfect_scores(pool: _Pool) -> dict[str, tuple[float, float, float, int]]:
    """Score against perfect play, its 95 % interval and the number of games, of those who met it."""
    name = _find_perfect(pool)
    if name is None:
        return {}
    perfect = pool.agents.index(name)
    scores = {}
    for first, second, counts in zip(pool.first, pool.second, pool.counts, strict=True):
        if perfect in (first, second):
            won, as_black, as_white, lost = map(int, counts)
            if first == perfect:
                won, lost = lost, won
            agent = pool.agents[second if first == perfect else first]
            scores[agent] = (*score_interval(won, as_black + as_white, lost), 2 * int(counts.sum()))
    return scores


def _find_contradicted(pool: _Pool, elo: np.ndarray, anchor: str) -> dict[str, str]:
    """Name the agents whose Elo has the opposite sign of their direct score against the anchor, less one half."""
    if anchor == "best":
        anchor = pool.agents[int(np.argmax(elo))]
    elif anchor not in pool.agents:
        return {}
    at = pool.agents.index(anchor)
    notes = {}
    for pair in np.flatnonzero((pool.first == at) | (pool.second == at)):
        won, as_black, as_white, lost = map(int, pool.counts[pair])
        i = pool.first[pair]
        if i == at:
            i, won, lost = pool.second[pair], lost, won
        score, low, high = score_interval(won, as_black + as_white, lost)
        if (elo[i] > 0 and high < 0.5) or (elo[i] < 0 and low > 0.5):
            place = "above" if elo[i] > 0 else "below"
            games = f"{int(pool.games[pair])} games against {anchor}"
            notes[pool.agents[i]] = f"stands {place} {anchor} by its games against others; it won {score:.3f} of {games}"
    return notes


def _find_unbounded(pool: _Pool, theta: np.ndarray, anchor: str) -> tuple[dict[str, str], np.ndarray]:
    """Name the agents that are not tied to the anchor by chains of wins in both directions; see Ford (1957).

    Where the anchor is no agent, the largest group that is tied within itself stands for it.
    """
    agents, games, wins = len(pool.agents), pool.games, pool.wins
    beaten = wins > 0, wins < games
    winners = np.concatenate([pool.first[beaten[0]], pool.second[beaten[1]]])
    losers = np.concatenate([pool.second[beaten[0]], pool.first[beaten[1]]])
    graph = _graph(winners, losers, agents)
    _, labels = connected_components(graph, directed=True, connection="strong")
    if anchor in pool.agents:
        home = labels[pool.agents.index(anchor)]
    elif anchor == "best":
        home = labels[np.argmax(theta)]
    else:
        home = np.argmax(np.bincount(labels))
    unbounded = labels != home
    member = int(np.flatnonzero(labels == home)[0])
    below = _reach(graph, member)
    above = _reach(graph.T.tocsr(), member)
    won = np.bincount(pool.first, wins, agents) + np.bincount(pool.second, games - wins, agents)
    played = np.bincount(pool.first, games, agents) + np.bincount(pool.second, games, agents)
    core = anchor if anchor in pool.agents else "the core of the pool"
    notes = {}
    for i in np.flatnonzero(unbounded):
        if won[i] == 0:
            note = f"lost all its {int(played[i])} games: the games give no lower bound"
        elif won[i] == played[i]:
            note = f"won all its {int(played[i])} games: the games give no upper bound"
        elif below[i] and not above[i]:
            note = f"no chain of wins leads from it to {core}: the games give no lower bound"
        elif above[i] and not below[i]:
            note = f"no chain of wins leads from {core} to it: the games give no upper bound"
        else:
            note = f"no chain of wins ties it to {core}: the games give no bounds"
        notes[pool.agents[i]] = note
    return notes, unbounded


def _reach(graph: scipy.sparse.csr_matrix, start: int) -> np.ndarray:
    order = scipy.sparse.csgraph.breadth_first_order(graph, start, return_predecessors=False)
    reached = np.zeros(graph.shape[0], bool)
    reached[order] = True
    return reached


def _graph(starts: np.ndarray, ends: np.ndarray, nodes: int) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix((np.ones(len(starts)), (starts, ends)), shape=(nodes, nodes))


def _name_some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

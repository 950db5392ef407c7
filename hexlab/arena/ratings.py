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
  around 0: a random effect. More games of a pair do not average it out; more opponents do.

Effects are larger where agents are further apart, and smaller where the openings all but decide the games. With d the
difference in Elo, and r the variance of a pair's wins by its openings as a share of that of independent games, at most 1,
the variance of the effect is

    misfit^2 (1 + (d / 400)^2) r^2,

so that the misfit is what two equals stray whose openings decide nothing. It is one number for the pool, estimated by
moments, as DerSimonian and Laird (1986) do for clinical trials that disagree: how much the squared surpluses of whole
pairs, wins less expected wins, exceed what their openings and the fit explain. Pairs are weighed by what each is expected to
tell (DerSimonian and Kacker 2007). Only a pool with more pairs than a tree has can tell, and with less than about ten to
spare it tells roughly: where pairs of so small a pool stray far, its intervals are too narrow.

Both add up to the variance of a pair's wins. The sandwich covariance (White 1982; Liang and Zeger 1986) carries it over
to the strengths, with the squared surpluses freed of the fit's own pull on them (the leverage; MacKinnon and White 1985).
With the squared surplus of each pair alone in its place, the plain sandwich over pairs, intervals are too narrow where
agents have few opponents; one misfit for the whole pool is steadier. The bootstrap draws openings and effects anew.

Who won all games, or lost all, has a rating that rests on the prior, and an interval that the games bound on one side alone: there it ends
by the chance of such results, not by a variance (see `hexlab.arena.one_sided`).

Perfect play does not punish, and is another player to weak agents than to strong ones: its games with its strongest opponents alone tell
where it stands (see `hexlab.arena.witnesses`).

The effects of two pairs are taken to be independent. The effect makes average scores a little flatter in strength than
the curve of one pair, by about 2 % at a misfit of 50 Elo and 8 % at 100: planted strengths come back that much closer
together.
"""

import concurrent.futures
import dataclasses
import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from hexlab.arena.bradley_terry import (
    ELO_PER_NAT,
    PRIOR,
    STEPS,
    PairVariances,
    Pool,
    Z,
    contrast_variances,
    fit_pool,
    gather_pool,
    name_some,
    pair_variances,
    precision_of,
    sandwich_variances,
)
from hexlab.arena.information import Information
from hexlab.arena.one_sided import Ties, find_near_ends, find_ties
from hexlab.arena.resampling import draw_wins, refit
from hexlab.arena.witnesses import find_perfect, part_perfect_play
from hexlab.errors import ConfigError
from hexlab.records import Opening, Pairing, Rating
from hexlab.rules.draws import derive_seeds
from hexlab.system import count_cores

__all__ = [
    "ELO_PER_NAT",
    "PRIOR",
    "Anchor",
    "Belief",
    "Fit",
    "Ratings",
    "believe",
    "bootstrap_ratings",
    "fit_games",
    "perfect_score_interval",
    "rate",
    "score_interval",
    "split_anchor",
    "wilson_interval",
]

_CHUNK = 4_000_000  # pairs of bootstrap copies whose effects are drawn at once
_TASK = 50_000  # of these, that a thread draws and fits at once
_PLUS = " + "  # between the names of an anchor of several agents
_NEVER_MET = (math.nan, math.nan, math.nan, 0)


@dataclasses.dataclass(frozen=True)
class Anchor:
    """Agents whose distance from perfect play, together, is known, or estimated (see `hexlab.arena.anchors`).

    Attributes:
        agents: their names.
        kind: "perfect", or "strongest" for agents that stand in for it.
        elo: the mean of their Elo, perfect play being 0.
        error: half the width of the 95 % interval of that; nan if nothing is known of it.
    """

    agents: tuple[str, ...]
    kind: str
    elo: float = 0.0
    error: float = 0.0

    @property
    def name(self) -> str:
        """What ratings call it: the agents, joined by " + ".

        >>> Anchor(("a", "b"), "strongest").name
        'a + b'
        """
        return _PLUS.join(self.agents)


@dataclasses.dataclass(frozen=True)
class Ratings(Sequence[Rating]):
    """Ratings of a pool, strongest first; print it for a table, index it by place or by agent.

    Attributes:
        rows: one `Rating` an agent.
        anchor: what has Elo 0, or the Elo of an `Anchor`: an agent, the mean of several, joined by " + ", ``"mean"`` or ``"best"``.
        prior: standard deviation of the prior, Elo.
        notes: what to know before reading an agent's Elo: that the games do not bound its distance from the anchor, so
            that it rests on the prior, or that its direct score against the anchor says the opposite.
        misfit: standard deviation of what equals stray from one number an agent, Elo (see the module); part of the intervals.
        open_ends: of agents whose intervals the games do not bound on both sides, the end that is left open: "low", "high" or "both". In
            the rows the prior ends them there; a printed table gives the other end alone, as "below" or "above" it, or "unknown".
    """

    rows: tuple[Rating, ...]
    anchor: str
    prior: float
    notes: dict[str, str]
    misfit: float
    open_ends: dict[str, str]

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
        raise ConfigError(f"no agent {which!r} in this pool: it holds {name_some([row.agent for row in self.rows])}")

    def __str__(self) -> str:
        """Return a table to read."""
        width = max(5, *(len(row.agent) for row in self.rows))
        heads = f"{'agent':<{width}}  {'Elo':>7}  {'95 % interval':>17}  {'games':>6}"
        lines = [heads + ("  score against perfect play" if any(row.perfect_games for row in self.rows) else "")]
        for row in self.rows:
            score = (
                ""
                if row.perfect_games == 0
                else (f"{row.perfect_score:.3f} [{row.perfect_score_low:.3f}, {row.perfect_score_high:.3f}] in {row.perfect_games}")
            )
            mark = "*" if row.agent in self.notes else " "
            sided = {"low": f"below {row.high:+.0f}", "high": f"above {row.low:+.0f}", "both": "unknown"}
            bounds = sided.get(self.open_ends.get(row.agent, ""), f"[{row.low:+.0f}, {row.high:+.0f}]")
            lines.append(f"{row.agent:<{width}}  {row.elo:>+7.0f}{mark} {bounds:>17}  {row.games:>6}  {score}".rstrip())
        zero = {"mean": "the mean of the pool is 0", "best": "the best of the pool is 0"}
        lines.append(
            f"{zero.get(self.anchor) or self._tell_anchor()}; prior: {self.prior:g} Elo around the mean of the pool; "
            f"pairs stray by {self.misfit:.0f} Elo from one number an agent"
        )
        lines += [f"* {agent}: {note}" for agent, note in self.notes.items()]
        return "\n".join(lines)

    def _tell_anchor(self) -> str:
        names, error = split_anchor(self.anchor, {row.agent for row in self.rows}), self.rows[0].anchor_error
        elo = math.fsum(self[name].elo for name in names) / len(names)
        told = self.anchor if len(names) == 1 else f"the mean of {self.anchor}"
        if error == 0:
            return f"{told} is {elo:.0f}"
        if math.isnan(error):
            return f"{told} is {elo:.0f}, at an unknown distance from perfect play"
        return f"{told} is {elo:+.0f} within {error:.0f}, perfect play being 0"


def rate(
    games: Iterable[Pairing] | Iterable[Opening],
    *,
    anchor: str | Anchor | None = None,
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
            which. An `Anchor` has an Elo of its own, and all intervals hold its error too.
        prior: standard deviation of the Gaussian prior, Elo.
        intervals: ``"sandwich"`` (fast) or ``"bootstrap"`` (percentiles over resampled openings and effects of pairs).
        samples: bootstrap samples.
        seed: seed of the bootstrap.

    Returns:
        The ratings, strongest first, each with a 95 % interval of its distance from the anchor and, where it met
        perfect play, its score against it. An agent that no chain of wins ties to the anchor in both directions
        (undefeated, winless, or as a group) is named in `notes`, and in `open_ends`: its Elo rests on the prior, and so
        does the end of its interval that the games leave open, which is at least as far as the posterior's. The other
        end is where its games bound it (see `hexlab.arena.one_sided`). `notes` also names agents on the other side of
        the anchor than their direct score against it puts them, where `score_interval` of that score leaves out one half.

    Raises:
        ConfigError: no games, several board sizes, an unknown anchor, or a pool that falls into groups that never met.

    >>> from hexlab.records import Pairing
    >>> table = rate([Pairing(3, "perfect", "random", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)])
    >>> table["perfect"].elo, round(table["random"].elo), table["random"].perfect_score
    (0.0, -338, 0.125)
    """
    if intervals not in ("sandwich", "bootstrap"):
        raise ConfigError(f"intervals {intervals!r} are unknown: choose 'sandwich' or 'bootstrap'")
    fit = fit_games(games, anchor=anchor, prior=prior)
    pool, theta, pairs, anchor, known = fit.pool, fit.theta, fit.pairs, fit.anchor, fit.known
    zero, rated = _anchor_weights(anchor, pool, theta), len(pool.rated)
    elo = ELO_PER_NAT * (theta - zero @ theta)[:rated]
    ties = _find_ties(pool, theta, anchor)
    notes = _tell_unbounded(pool, ties, anchor)
    for agent, note in _find_contradicted(fit.played, elo, anchor).items():
        notes[agent] = f"{notes[agent]}; {note}" if agent in notes else note

    if intervals == "sandwich":
        spread = Z * ELO_PER_NAT * np.sqrt(sandwich_variances(pool, fit.information, zero, pairs.total))[:rated]
        low, high = elo - spread, elo + spread
    else:
        low, high = np.quantile(_bootstrap(fit, samples, seed), [0.025, 0.975], axis=0)
    wide = Z * ELO_PER_NAT * np.sqrt(contrast_variances(fit.information, zero))[:rated]
    unbounded, above, below = (each[:rated] for each in (ties.unbounded, ties.above, ties.below))
    low = np.where(unbounded, np.minimum(low, elo - wide), low)
    high = np.where(unbounded, np.maximum(high, elo + wide), high)
    error = 0.0
    if known.kind == "strongest":
        error = float(np.nan_to_num(known.error))
        low, high = known.elo + elo - np.hypot(elo - low, error), known.elo + elo + np.hypot(high - elo, error)
        elo = known.elo + elo
    near = ELO_PER_NAT * find_near_ends(pool, theta, fit.information, pairs, ties, zero, (error / (Z * ELO_PER_NAT)) ** 2)[:rated]
    low, high = np.where(unbounded & above, elo - near, low), np.where(unbounded & below, elo + near, high)

    games_of = np.sum([np.bincount(ends, fit.played.games, rated) for ends in (fit.played.first, fit.played.second)], axis=0)
    scores = _perfect_scores(fit.played)
    rows = []
    for i in _rank(theta, pool):
        agent = pool.agents[i]
        score = scores.get(agent, _NEVER_MET)
        numbers = float(elo[i]), float(low[i]), float(high[i]), int(games_of[i]), *score
        rows.append(Rating(agent, pool.size, *numbers, anchor, known.error))
    ordered = {row.agent: notes[row.agent] for row in rows if row.agent in notes}
    ends = {pool.agents[i]: "low" if below[i] else "high" if above[i] else "both" for i in np.flatnonzero(unbounded)}
    return Ratings(tuple(rows), anchor, float(prior), ordered, ELO_PER_NAT * math.sqrt(pairs.misfit), ends)


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """The fit of a pool of N agents and P pairs: what ratings and all bootstrap copies of them start from.

    Attributes:
        pool: the table, with perfect play as several players where it met many (see `hexlab.arena.witnesses`).
        played: the table as it was played.
        precision: of the prior, 1 / nats squared.
        anchor: what has Elo 0, or the Elo of `known`: an agent, the mean of several, ``"mean"`` or ``"best"``.
        known: the `Anchor` that was given; one without agents if none was.
        theta: float64[N], strengths in nats.
        information: there.
        pairs: where the variance of the wins comes from.
    """

    pool: Pool
    played: Pool
    precision: float
    anchor: str
    known: Anchor
    theta: np.ndarray
    information: Information
    pairs: PairVariances

    @property
    def agents(self) -> tuple[str, ...]:
        """N names, strongest first; equals by name."""
        return tuple(self.pool.agents[i] for i in _rank(self.theta, self.pool))

    @property
    def elo(self) -> np.ndarray:
        """float64[N], in the order of `agents`."""
        elo = ELO_PER_NAT * (self.theta - _anchor_weights(self.anchor, self.pool, self.theta) @ self.theta)
        return self.known.elo + elo[_rank(self.theta, self.pool)]

    def bootstrap(self, samples: int, seed: int) -> np.ndarray:
        """float64[samples, N]: Elo of bootstrap copies as `bootstrap_ratings` makes them, in the order of `agents`."""
        copies = _bootstrap(self, samples, seed)[:, _rank(self.theta, self.pool)]
        if self.known.kind == "strongest":
            generator = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, 1])
            copies += self.known.elo + np.nan_to_num(self.known.error) / Z * generator.standard_normal((samples, 1))
        return copies


def fit_games(games: Iterable[Pairing] | Iterable[Opening], *, anchor: str | Anchor | None = None, prior: float = PRIOR) -> Fit:
    """Fit a pool once for its ratings and for bootstrap copies of them; arguments and errors are those of `rate`.

    >>> from hexlab.records import Pairing
    >>> fit = fit_games([Pairing(3, "perfect", "random", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)])
    >>> fit.agents, fit.elo.round(), fit.bootstrap(samples=500, seed=0).shape
    (('perfect', 'random'), array([   0., -338.]), (500, 2))
    """
    played = gather_pool(games)
    known = anchor if isinstance(anchor, Anchor) else Anchor((), "")
    name, precision = _choose_anchor(anchor, played), precision_of(prior)
    pool = part_perfect_play(played, precision)
    theta, information = fit_pool(pool, precision)
    return Fit(pool, played, precision, name, known, theta, information, pair_variances(pool, theta, information))


@dataclasses.dataclass(frozen=True)
class Belief:
    """What games say of N agents, together: what decides which games to play next.

    Attributes:
        agents: N names, sorted.
        strengths: float64[N], distances from the anchor, nats.
        covariance: float64[N, N] of those, nats squared, by the information of the games and the prior.
        misfit: variance of what equals stray from one number an agent, nats squared.
        half_widths: float64[N], half the width of the intervals that `rate` gives, Elo; of one with an open end, the half up to that.
        unbounded: bool[N], whether no chain of wins ties an agent to the anchor both ways, so that its strength rests on the prior.
        aside: places of two agents, the lower first, who are perfect play and one whose games with it do not tell of the anchor (see
            `hexlab.arena.witnesses`).
    """

    agents: tuple[str, ...]
    strengths: np.ndarray
    covariance: np.ndarray
    misfit: float
    half_widths: np.ndarray
    unbounded: np.ndarray
    aside: frozenset[tuple[int, int]] = frozenset()


def believe(games: Iterable[Pairing] | Iterable[Opening], *, anchor: str | None = None, prior: float = PRIOR) -> Belief:
    """Return what games say of all agents together, by the model and with the arguments of `rate`.

    >>> from hexlab.records import Pairing
    >>> belief = believe([Pairing(3, "perfect", "random", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)])
    >>> belief.agents, belief.half_widths.round()
    (('perfect', 'random'), array([  0., 107.]))
    """
    fit = fit_games(games, anchor=anchor, prior=prior)
    pool, theta, pairs, information = fit.pool, fit.theta, fit.pairs, fit.information
    zero = _anchor_weights(fit.anchor, pool, theta)
    variances = sandwich_variances(pool, information, zero, pairs.total)
    unbounded = _find_ties(pool, theta, fit.anchor).unbounded
    posterior = information.inverse
    across = posterior @ zero
    covariance = posterior - across[:, None] - across[None, :] + zero @ across
    variances = np.where(unbounded, np.maximum(variances, contrast_variances(information, zero)), variances)
    half_widths = Z * ELO_PER_NAT * np.sqrt(variances)
    every, counted = (set(zip(each.first.tolist(), each.second.tolist(), strict=True)) for each in (fit.played, pool))
    rated = slice(len(pool.rated))
    strengths = (theta - zero @ theta)[rated]
    facts = covariance[rated, rated], pairs.misfit, half_widths[rated], unbounded[rated], frozenset(every - counted)
    return Belief(tuple(pool.rated), strengths, *facts)


def bootstrap_ratings(
    games: Iterable[Pairing] | Iterable[Opening],
    samples: int,
    seed: int,
    *,
    anchor: str | Anchor | None = None,
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
        anchor: as for `rate`; the Elo of an `Anchor` is drawn anew in every sample.
        prior: as for `rate`.

    Returns:
        float64[samples, agents], Elo; the columns are in the order of the rows of `rate` with the same arguments.

    >>> from hexlab.records import Pairing
    >>> rows = [Pairing(3, "a", "b", 0, won_both=20, won_black_only=50, won_white_only=10, lost_both=20)]
    >>> bootstrap_ratings(rows, samples=500, seed=0).shape
    (500, 2)
    """
    return fit_games(games, anchor=anchor, prior=prior).bootstrap(samples, seed)


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of the chance of independent draws, `count` of `total` of which came out; see Wilson (1927).

    Args:
        count: from 0 to `total`.
        total: 0 tells nothing.

    Returns:
        (low, high), in [0, 1].

    >>> [round(bound, 3) for bound in wilson_interval(2, 100)], wilson_interval(0, 0)
    ([0.006, 0.07], (0.0, 1.0))
    """
    if total == 0:
        return 0.0, 1.0
    share = count / total
    center = share + Z**2 / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    scale = 1 + Z**2 / total
    return 0.0 if count == 0 else (center - spread) / scale, 1.0 if count == total else (center + spread) / scale


def score_interval(won_both: int, won_one: int, lost_both: int) -> tuple[float, float, float]:
    """Return the share of games won and its 95 % interval, the two games of an opening being one cluster.

    The share is one half plus half of a difference: the chance to win both games of an opening less that to lose both. Each of the two
    has Wilson's interval, and that of the difference comes from them by square-and-add, as in Newcombe's method 10 (1998, Statistics in
    Medicine 17, 2635), with the correlation of two counts of one table. Whatever the chances are, its coverage is at least 0.89 from 20
    openings on and at least 0.92 from 40 on, 0.95 in the median; with 10 openings it falls to 0.86. Scores against perfect play have an
    interval of their own, `perfect_score_interval`.

    Args:
        won_both: openings of which both games were won.
        won_one: openings of which one game was won.
        lost_both: openings of which both games were lost.

    Returns:
        (share, low, high), each in [0, 1].

    Raises:
        ConfigError: no openings.

    >>> score_interval(0, 36, 0)[0], [round(bound, 2) for bound in score_interval(0, 36, 0)[1:]]
    (0.5, [0.45, 0.55])
    """
    openings = _count_openings(won_both, won_one, lost_both)
    won, lost = won_both / openings, lost_both / openings
    won_low, won_high = wilson_interval(won_both, openings)
    lost_low, lost_high = wilson_interval(lost_both, openings)
    correlation = -math.sqrt(won * lost / ((1 - won) * (1 - lost))) if won_both and lost_both else 0.0

    def add(first: float, second: float) -> float:
        return math.sqrt(first**2 - 2 * correlation * first * second + second**2)

    share = (2 * won_both + won_one) / (2 * openings)
    low = share - add(won - won_low, lost_high - lost) / 2
    high = share + add(won_high - won, lost - lost_low) / 2
    return share, max(0.0, low), min(1.0, high)


def perfect_score_interval(won_one: int, lost_both: int) -> tuple[float, float, float]:
    """Return the share of games won against perfect play and its 95 % interval, the two games of an opening being one cluster.

    Nobody takes both games of an opening from perfect play: an opening is split or lost. The interval is half of Wilson's of the chance
    to split one, and ends at 0.5 or below. Its coverage is 0.91 to 0.99 wherever at least one opening is expected to be lost and one to be
    split. Nearer to either end it falls to 0.83, by a bound that is off by at most 0.09 divided by the number of openings.

    Args:
        won_one: openings of which one game was won.
        lost_both: openings of which both games were lost.

    Returns:
        (share, low, high), each in [0, 0.5].

    Raises:
        ConfigError: no openings.

    >>> share, low, high = perfect_score_interval(50, 0)
    >>> share, round(low, 3), high
    (0.5, 0.464, 0.5)
    """
    openings = _count_openings(won_one, lost_both)
    low, high = wilson_interval(won_one, openings)
    return won_one / (2 * openings), low / 2, high / 2


def split_anchor(anchor: str, agents: Collection[str]) -> list[str]:
    """Return the agents of a pool whom an anchor names, none if it is none of them: one, or several joined by " + "."""
    names = [anchor] if anchor in agents else anchor.split(_PLUS)
    return names if all(name in agents for name in names) else []


def _count_openings(*counts: int) -> int:
    if min(counts) < 0 or sum(counts) == 0:
        raise ConfigError(f"{' + '.join(map(str, counts))} openings: give counts of at least one opening, none below 0")
    return sum(counts)


def _choose_anchor(anchor: str | Anchor | None, pool: Pool) -> str:
    if isinstance(anchor, Anchor):
        anchor = anchor.name
    if anchor is None:
        return find_perfect(pool) or "mean"
    if anchor not in ("mean", "best") and not split_anchor(anchor, pool.agents):
        raise ConfigError(f"anchor {anchor!r} is not in the pool: choose 'mean', 'best' or one of {name_some(pool.agents)}")
    return anchor


def _rank(theta: np.ndarray, pool: Pool) -> list[int]:
    """Places of the agents that are rated, strongest first; equals by name."""
    return sorted(range(len(pool.rated)), key=lambda i: (-theta[i], pool.agents[i]))


def _anchor_weights(anchor: str, pool: Pool, theta: np.ndarray) -> np.ndarray:
    """float64[N] that sum to 1: the strength which they weigh together is 0 Elo."""
    weights, rated = np.zeros(len(theta)), len(pool.rated)
    if anchor == "mean":
        weights[:rated] = 1 / rated
    elif anchor == "best":
        weights[np.argmax(theta[:rated])] = 1
    else:
        names = split_anchor(anchor, pool.agents)
        weights[[pool.agents.index(name) for name in names]] = 1 / len(names)
    return weights


def _bootstrap(fit: Fit, samples: int, seed: int) -> np.ndarray:
    """float64[samples, N]: Elo of resampled pools, the rated agents in the pool's order."""
    if samples < 1:
        raise ConfigError(f"{samples!r} bootstrap samples: give a whole number of at least 1, such as 1000")
    pool, information, games = fit.pool, fit.information, fit.pool.games
    ends = information.place[pool.first], information.place[pool.second]
    factored = information.starts, information.rows, information.values, information.pivots
    won, as_black, as_white, _ = pool.counts.T
    won, one = won.copy(), as_black + as_white
    states = derive_seeds(seed, count=samples)
    generator = np.random.Generator(np.random.PCG64(seed & 0xFFFFFFFFFFFFFFFF))
    reach = np.sqrt(fit.pairs.effects)
    theta, fitted = fit.theta[information.order], np.empty((samples, len(fit.theta)))

    def draw_and_fit(copies: slice, moves: np.ndarray) -> bool:
        wins = np.empty(moves.shape)
        draw_wins(won, one, pool.openings, states[copies], wins)
        wins = np.clip(wins + moves * wins * (1 - wins / games), 0, games)
        work, weights = np.empty((5, len(theta))), np.empty(len(games))
        return refit(*ends, games, fit.precision, *factored, theta, wins, STEPS, fitted[copies], work, weights)

    chunk, task = (max(1, pairs // len(games)) for pairs in (_CHUNK, _TASK))
    with concurrent.futures.ThreadPoolExecutor(count_cores(), thread_name_prefix="bootstrap") as crew:
        for start in range(0, samples, chunk):
            moves = reach * generator.standard_normal((min(chunk, samples - start), len(games)))
            tasks = [slice(at, min(at + task, len(moves))) for at in range(0, len(moves), task)]
            copies = [slice(start + each.start, start + each.stop) for each in tasks]
            if not all(crew.map(draw_and_fit, copies, [moves[each] for each in tasks])):
                raise ConfigError(f"the bootstrap did not settle in {STEPS} Newton steps: give a smaller prior")
    fitted = fitted[:, information.place][:, : len(pool.rated)]
    if fit.anchor == "mean":
        zeros = fitted.mean(axis=1)
    elif fit.anchor == "best":
        zeros = fitted.max(axis=1)
    else:
        zeros = fitted[:, [pool.agents.index(name) for name in split_anchor(fit.anchor, pool.agents)]].mean(axis=1)
    return ELO_PER_NAT * (fitted - zeros[:, None])


def _perfect_scores(pool: Pool) -> dict[str, tuple[float, float, float, int]]:
    """Score against perfect play, its 95 % interval and the number of games, of those who met it."""
    name = find_perfect(pool)
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
            one = as_black + as_white
            # Who lost both games of an opening bears the name of perfect play, and does not play so.
            score = score_interval(won, one, lost) if won else perfect_score_interval(one, lost)
            scores[agent] = (*score, 2 * int(counts.sum()))
    return scores


def _find_contradicted(pool: Pool, elo: np.ndarray, anchor: str) -> dict[str, str]:
    """Name the agents whose Elo has the opposite sign of their direct score against the anchor, less one half.

    Perfect play is an anchor like any other here: one opening lost to it is certain proof of being weaker, but says nothing against
    an Elo that is above 0 by luck.
    """
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


def _find_ties(pool: Pool, theta: np.ndarray, anchor: str) -> Ties:
    """Find out how agents are tied to an anchor; where that is the mean, the largest group that is tied within itself stands for it."""
    if anchor == "best":
        return find_ties(pool, [int(np.argmax(theta[: len(pool.rated)]))])
    return find_ties(pool, [pool.agents.index(name) for name in split_anchor(anchor, pool.agents)])


def _tell_unbounded(pool: Pool, ties: Ties, anchor: str) -> dict[str, str]:
    """Say of agents that are not tied to the anchor by chains of wins in both directions what their games do not bound."""
    agents, games, wins = len(pool.agents), pool.games, pool.wins
    won = np.bincount(pool.first, wins, agents) + np.bincount(pool.second, games - wins, agents)
    played = np.bincount(pool.first, games, agents) + np.bincount(pool.second, games, agents)
    core = anchor if split_anchor(anchor, pool.agents) else "the core of the pool"
    notes = {}
    for i in np.flatnonzero(ties.unbounded):
        if not (ties.above[i] or ties.below[i]):
            note = f"no chain of wins ties it to {core}: the games give no bounds"
        elif won[i] == 0:
            note = f"lost all its {int(played[i])} games: the games give no lower bound"
        elif won[i] == played[i]:
            note = f"won all its {int(played[i])} games: the games give no upper bound"
        elif ties.below[i]:
            note = f"no chain of wins leads from it to {core}: the games give no lower bound"
        else:
            note = f"no chain of wins leads from {core} to it: the games give no upper bound"
        notes[pool.agents[i]] = note
    return notes

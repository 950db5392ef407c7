"""How well the games of a pool bear its ratings out: goodness of fit, cycles, halves of the openings, colors, single openings.

One number an agent is a model, and these are its tests. Each sets what was seen beside what the model of `hexlab.arena.ratings` expects:
one strength an agent, an effect of every pair, and games that come as openings played with both colors. Perfect play may be several players
there (`hexlab.arena.witnesses`), which have their names here too and make no cycles with one another's opponents.

- Goodness of fit. The score of every pair, predicted and observed. The surplus is measured in its expected scatter, less what the fit
  itself takes up (the leverage): surpluses of a sound model have a spread of 1, and 95 % of them are within 1.96 of 0.
- Cycles. A beats B, B beats C and C beats A. A cycle is as sure as the least sure of its three scores. Pools drawn again from the fitted
  model have cycles too, the more the further pairs stray from one number an agent: what counts is whether the real one has more, or a
  surer one, than those have.
- Halves. Ratings by either half of the openings alone have the effects of pairs in common and differ by the luck of the openings.
- Colors. Every agent may be stronger with one color, beyond what that color is worth to all. Ratings hold both in equal parts; this tells
  how far one number describes both.
- Single openings. How far every rating moves when one opening is left out, to first order: an opening carries a rating that moves beyond
  its interval.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse
from scipy.special import expit

from hexlab.arena.bradley_terry import (
    ELO_PER_NAT,
    PRIOR,
    WINS,
    PairVariances,
    Pool,
    Z,
    contrast_variances,
    fit_pool,
    fit_strengths,
    gap_variances,
    gather_pool,
    pair_variances,
    passed_variances,
    precision_of,
    sandwich_variances,
)
from hexlab.arena.information import Information
from hexlab.arena.witnesses import find_perfect, part_perfect_play
from hexlab.errors import ConfigError
from hexlab.pairings import count_pairings
from hexlab.records import Opening, Pairing
from hexlab.rules.cells import cell_index, cell_name, rotation

__all__ = ["Agreement", "Cycle", "Cycles", "Goodness", "OpeningCheck", "RatingCheck", "check_openings", "check_ratings", "measure_goodness"]

_REFITS, _DRAWS = 5, 8  # pools that are fitted again, and drawn again from each fit
_NO_FREEDOM = 1e-6  # share of its variance that the fit leaves a pair, below which its surplus is rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Goodness:
    """Predicted and observed scores of the P pairs of a pool.

    Attributes:
        first: P names; each pair is seen from its favorite, so that no prediction is below one half.
        second: P names.
        games: int64[P].
        predicted: float64[P], share of the games that `first` should win by the ratings.
        observed: float64[P], share that it won.
        scatter: float64[P], expected standard deviation of observed less predicted; nan where the fit follows a pair exactly.
        chance: float64[P], the part of it that is luck of the openings, without the effects of pairs.
        misfit: standard deviation of the effect of equals whose openings decide nothing, Elo.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    games: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    scatter: np.ndarray
    chance: np.ndarray
    misfit: float

    @property
    def surpluses(self) -> np.ndarray:
        """float64[P], observed less predicted in units of the expected scatter; nan where there is none."""
        return (self.observed - self.predicted) / self.scatter

    @property
    def spread(self) -> float:
        """Root mean square of the surpluses, 1 for a sound model; nan if the fit follows every pair."""
        return _root_mean_square(self.surpluses)

    @property
    def spread_by_chance(self) -> float:
        """The same in units of luck alone: above 1 as far as pairs stray from one number an agent."""
        return _root_mean_square((self.observed - self.predicted) / self.chance)

    @property
    def inside(self) -> float:
        """Share of the surpluses within 1.96 of 0, 0.95 for a sound model."""
        return _share_inside(self.surpluses)


@dataclasses.dataclass(frozen=True)
class Cycle:
    """Three agents of whom each beats the next, and the last the first.

    Attributes:
        agents: their names.
        scores: share of games that each wins against the next.
        games: number of those games.
        sureness: of the least sure of the three scores, its distance from one half in standard deviations of luck.
        chance: share of pools drawn from the model that have a cycle as sure.
    """

    agents: tuple[str, str, str]
    scores: tuple[float, float, float]
    games: tuple[int, int, int]
    sureness: float
    chance: float

    def __str__(self) -> str:
        """Return the three scores in words."""
        turned = (*self.agents[1:], self.agents[0])
        return ", ".join(
            f"{one} wins {100 * score:.0f} % against {other}" for one, score, other in zip(self.agents, self.scores, turned, strict=True)
        )


@dataclasses.dataclass(frozen=True)
class Cycles:
    """Cycles of three among the agents of a pool that all met.

    Attributes:
        triples: threes of agents that all met.
        found: those that are cycles.
        expected: mean number in pools drawn from the model.
        low: lower end of the range that holds 95 % of the drawn pools.
        high: upper end.
        by_chance: mean number in pools in which pairs have no effects, by luck of the openings alone.
        worst: the surest cycles, the surest first.
    """

    triples: int
    found: int
    expected: float
    low: int
    high: int
    by_chance: float
    worst: tuple[Cycle, ...]

    @property
    def beyond(self) -> bool:
        """Whether there are more cycles, or a surer one, than in 95 % of the drawn pools."""
        return self.found > self.high or self.surer

    @property
    def surer(self) -> bool:
        """Whether the surest cycle is surer than in 95 % of the drawn pools."""
        return bool(self.worst and self.worst[0].chance < 0.05)


@dataclasses.dataclass(frozen=True, eq=False)
class Agreement:
    """Two ratings of the same N agents, less the mean difference.

    Attributes:
        agents: N names.
        differences: float64[N], Elo.
        errors: float64[N], their expected standard deviations, Elo.
    """

    agents: tuple[str, ...]
    differences: np.ndarray
    errors: np.ndarray

    @property
    def typical(self) -> float:
        """Root mean square of the differences, Elo."""
        return _root_mean_square(self.differences)

    @property
    def expected(self) -> float:
        """What that is by luck of the openings, Elo."""
        return _root_mean_square(self.errors)

    @property
    def inside(self) -> float:
        """Share of the differences within 1.96 of their expected standard deviations."""
        return _share_inside(self.differences / self.errors)


@dataclasses.dataclass(frozen=True, eq=False)
class RatingCheck:
    """What the results of pairs say of a pool's ratings.

    Attributes:
        size: board size.
        agents: number of agents.
        goodness: predicted and observed scores.
        cycles: threes that beat each other in turn.
        halves: ratings by one half of the openings less those by the other; None if a half leaves agents unconnected.
        colors: strength as Black less strength as White.
    """

    size: int
    agents: int
    goodness: Goodness
    cycles: Cycles
    halves: Agreement | None
    colors: Agreement


@dataclasses.dataclass(frozen=True)
class OpeningCheck:
    """What the single openings of a pool say of its ratings.

    Attributes:
        size: board size.
        games: games played.
        distinct: games that differ in a player's name, color or opening; players do not draw, so only these tell anything new.
        distinct_turned: the same, with an opening and its half-turn counted as one.
        openings: different openings among them.
        agent: whose rating moves furthest, as a share of half its interval, when one opening is left out.
        opening: that opening.
        shift: how far it moves, Elo.
        half_width: half of its interval, Elo.
        carried: agents that some opening moves beyond their interval.
    """

    size: int
    games: int
    distinct: int
    distinct_turned: int
    openings: int
    agent: str
    opening: str
    shift: float
    half_width: float
    carried: int


def check_ratings(games: Iterable[Pairing] | Iterable[Opening], *, samples: int = 200, seed: int = 0, prior: float = PRIOR) -> RatingCheck:
    """Set a pool's games beside what its ratings expect (see the module).

    Args:
        games: as for `hexlab.arena.rate`.
        samples: pools drawn from the model to count cycles in.
        seed: of the draws; equal arguments give equal checks.
        prior: as for `hexlab.arena.rate`.

    Raises:
        ConfigError: as for `hexlab.arena.rate`, or less than one sample.

    >>> from hexlab.records import Pairing
    >>> beats = lambda one, other: Pairing(3, one, other, 0, won_both=60, won_black_only=20, won_white_only=15, lost_both=5)
    >>> check = check_ratings([beats("paper", "rock"), beats("rock", "scissors"), beats("scissors", "paper")])
    >>> check.cycles.found, check.goodness.observed.round(3).tolist(), check.goodness.predicted.round(3).tolist()
    (1, [0.775, 0.225, 0.775], [0.5, 0.5, 0.5])
    """
    if samples < 1:
        raise ConfigError(f"{samples!r} samples: give a whole number of at least 1, such as 200")
    rows: list = list(games)
    if rows and isinstance(rows[0], Opening):
        rows = count_pairings(rows)
    pool = _gather(rows, prior)
    theta, information = fit_pool(pool, precision_of(prior))
    pairs = pair_variances(pool, theta, information)
    goodness = _measure_goodness(pool, theta, information, pairs)
    return RatingCheck(
        pool.size,
        len(pool.rated),
        goodness,
        _count_cycles(pool, theta, pairs, precision_of(prior), samples, seed),
        _compare_halves(rows, prior),
        _compare_colors(pool, theta, prior),
    )


def measure_goodness(games: Iterable[Pairing] | Iterable[Opening], *, prior: float = PRIOR) -> Goodness:
    """Set the scores of a pool's pairs beside those that its ratings predict: the `goodness` of `check_ratings` alone.

    Raises:
        ConfigError: as for `hexlab.arena.rate`.
    """
    pool = _gather(games, prior)
    theta, information = fit_pool(pool, precision_of(prior))
    return _measure_goodness(pool, theta, information, pair_variances(pool, theta, information))


def check_openings(games: Iterable[Opening], *, prior: float = PRIOR) -> OpeningCheck:
    """Count distinct games and find the opening that weighs most in a rating (see the module).

    Args:
        games: all openings of a pool.
        prior: as for `hexlab.arena.rate`.

    Raises:
        ConfigError: as for `hexlab.arena.rate`.
    """
    rows = list(games)
    pool = _gather(rows, prior)
    theta, information = fit_pool(pool, precision_of(prior))
    mean = _weigh_evenly(pool)
    half_widths = Z * ELO_PER_NAT * np.sqrt(sandwich_variances(pool, information, mean, pair_variances(pool, theta, information).total))

    openings = sorted({row.opening for row in rows})
    surplus = _surpluses_by_opening(pool, theta, rows, openings)
    bread = information.inverse
    shifts = ELO_PER_NAT * ((bread - mean @ bread) @ (pool.differences.T @ surplus).toarray())
    shares = (np.abs(shifts) / half_widths[:, None])[: len(pool.rated)]
    agent, opening = np.unravel_index(np.argmax(shares), shares.shape)

    distinct = {(row.first, row.second, row.opening) for row in rows}
    turn = {opening: min(opening, _turn_around(opening, pool.size)) for opening in openings}
    return OpeningCheck(
        pool.size,
        2 * len(rows),
        2 * len(distinct),
        2 * len({(first, second, turn[each]) for first, second, each in distinct}),
        len(openings),
        pool.agents[agent],
        openings[opening],
        float(-shifts[agent, opening]),
        float(half_widths[agent]),
        int((shares > 1).any(axis=1).sum()),
    )


def _gather(games: Iterable[Pairing] | Iterable[Opening], prior: float) -> Pool:
    return part_perfect_play(gather_pool(games), precision_of(prior))


def _weigh_evenly(pool: Pool) -> np.ndarray:
    """float64[N] that sum to 1: the mean of the agents that are rated."""
    return np.repeat([1 / len(pool.rated), 0], [len(pool.rated), pool.unrated])


def _measure_goodness(pool: Pool, theta: np.ndarray, information: Information, pairs: PairVariances) -> Goodness:
    chances, games = expit(theta[pool.first] - theta[pool.second]), pool.games
    leverage = pairs.slopes * gap_variances(pool, *information.variances)

    def scatter(variances: np.ndarray) -> np.ndarray:
        # The diagonal of (I - H) V (I - H)' for the hat matrix H of the fit and independent pairs of these variances V.
        left = variances * (1 - 2 * leverage) + pairs.slopes**2 * passed_variances(pool, information, variances)
        return np.sqrt(np.where(left > _NO_FREEDOM * variances, left, np.nan)) / games

    favorite = chances >= 0.5
    ends = [[pool.agents[at] for at in np.where(favorite, *places)] for places in ((pool.first, pool.second), (pool.second, pool.first))]
    observed = pool.wins / games
    return Goodness(
        tuple(ends[0]),
        tuple(ends[1]),
        games.astype(np.int64),
        np.where(favorite, chances, 1 - chances),
        np.where(favorite, observed, 1 - observed),
        scatter(pairs.total),
        scatter(pairs.within),
        ELO_PER_NAT * math.sqrt(pairs.misfit),
    )


def _count_cycles(
    pool: Pool, theta: np.ndarray, pairs: PairVariances, precision: float, samples: int, seed: int, shown: int = 5
) -> Cycles:
    triples = _find_triples(pool)
    if not len(triples):
        return Cycles(0, 0, 0.0, 0, 0, 0.0, ())
    lucky = dataclasses.replace(pairs, effects=np.zeros_like(pairs.effects))
    sureness = _sureness(pool, pairs, pool.wins, triples)
    generator = np.random.Generator(np.random.PCG64(seed & 0xFFFFFFFFFFFFFFFF))
    counts, surest = [], []
    for _ in range(samples):
        drawn = _sureness(pool, pairs, _draw_wins(pool, theta, pairs, generator), triples)
        counts.append(np.count_nonzero(drawn > 0))
        surest.append(drawn.max())
    by_chance = [np.count_nonzero(_sureness(pool, pairs, _draw_wins(pool, theta, lucky, generator), triples) > 0) for _ in range(samples)]
    order = np.lexsort((np.arange(len(triples)), -sureness))[:shown]
    worst = [_describe_cycle(pool, triples[at], float(sureness[at]), np.array(surest)) for at in order if sureness[at] > 0]
    more = _correct_spread(pool, theta, pairs, precision, triples, float(np.mean(counts)), generator)
    low, high = more * np.quantile(counts, [0.025, 0.975])
    found = int(np.count_nonzero(sureness > 0))
    expected = more * float(np.mean(counts))
    return Cycles(len(triples), found, expected, math.floor(low), math.ceil(high), more * float(np.mean(by_chance)), tuple(worst))


def _correct_spread(
    pool: Pool, theta: np.ndarray, pairs: PairVariances, precision: float, triples: np.ndarray, expected: float, generator
) -> float:
    """Return by what the count of cycles in drawn pools is too small.

    Fitted strengths are spread further than the true ones, by the noise of the games, and agents farther apart make fewer cycles. Pools
    drawn from strengths that are fitted to a drawn pool have fewer by the same factor once more.
    """
    counts = []
    for _ in range(_REFITS):
        wins = _draw_wins(pool, theta, pairs, generator).astype(np.int64)
        both, one = np.divmod(wins, 2)
        drawn = dataclasses.replace(pool, counts=np.stack([both, one, np.zeros_like(one), pool.openings - both - one], axis=1))
        again = fit_strengths(drawn, precision, theta)
        for _ in range(_DRAWS):
            counts.append(np.count_nonzero(_sureness(pool, pairs, _draw_wins(pool, again, pairs, generator), triples) > 0))
    return expected / float(np.mean(counts)) if expected and any(counts) else 1.0


def _find_triples(pool: Pool) -> np.ndarray:
    """int64[T, 3]: the pairs (a, b), (b, c) and (a, c) of every three agents a < b < c that all met."""
    pair_of = np.full((len(pool.agents), len(pool.agents)), -1)
    pair_of[pool.first, pool.second] = np.arange(len(pool.first))
    found = [np.empty((0, 3), np.int64)]
    for agent in range(len(pool.agents)):
        above = np.flatnonzero(pair_of[agent] >= 0)
        among = pair_of[np.ix_(above, above)]
        b, c = np.nonzero(among >= 0)
        found.append(np.stack([pair_of[agent, above[b]], among[b, c], pair_of[agent, above[c]]], axis=1))
    return np.concatenate(found)


def _sureness(pool: Pool, pairs: PairVariances, wins: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """float64[T]: how sure the least sure score of a cycle is, in standard deviations of luck; not above 0 where there is none."""
    lead = (wins - pool.games / 2) / np.sqrt(pairs.within)
    ab, bc, ac = lead[triples].T
    ca = -ac
    return np.maximum(np.minimum(np.minimum(ab, bc), ca), -np.maximum(np.maximum(ab, bc), ca))


def _draw_wins(pool: Pool, theta: np.ndarray, pairs: PairVariances, generator: np.random.Generator) -> np.ndarray:
    """float64[P]: wins in a pool drawn from the model, openings as lucky as those of the real one."""
    effects, luck = (np.sqrt(variances) * generator.standard_normal(len(variances)) for variances in (pairs.effects, pairs.within))
    expected = pool.games * expit(theta[pool.first] - theta[pool.second] + effects)
    return np.clip(np.round(expected + luck), 0, pool.games)


def _describe_cycle(pool: Pool, triple: np.ndarray, sureness: float, surest: np.ndarray) -> Cycle:
    ab, bc, ac = triple
    scores = pool.wins[triple] / pool.games[triple]
    names = pool.agents[pool.first[ab]], pool.agents[pool.second[ab]], pool.agents[pool.second[bc]]
    games = [int(pool.games[pair]) for pair in (ab, bc, ac)]
    a_b, b_c, a_c = map(float, scores)
    chance = float((surest >= sureness).mean())
    if a_b > 0.5:
        return Cycle(names, (a_b, b_c, 1 - a_c), (games[0], games[1], games[2]), sureness, chance)
    return Cycle(names[::-1], (1 - b_c, 1 - a_b, a_c), (games[1], games[0], games[2]), sureness, chance)


def _compare_halves(rows: Sequence[Pairing], prior: float) -> Agreement | None:
    fits = []
    for half in (0, 1):
        try:
            pool = _gather((row for row in rows if row.half == half), prior)
        except ConfigError:
            return None
        theta, information = fit_pool(pool, precision_of(prior))
        mean = _weigh_evenly(pool)
        variances = sandwich_variances(pool, information, mean, pair_variances(pool, theta, information).within)
        fits.append({agent: (theta[at], variances[at]) for at, agent in enumerate(pool.rated)})
    agents = sorted(fits[0].keys() & fits[1].keys())
    one, other = (np.array([fit[agent] for agent in agents]) for fit in fits)
    return _agree(agents, one[:, 0] - other[:, 0], one[:, 1] + other[:, 1])


def _compare_colors(pool: Pool, theta: np.ndarray, prior: float) -> Agreement:
    """Fit to every agent half of what it is stronger as Black than as White, to first order.

    In a pair both agents' halves, and the worth of the color to all, add to the log odds of Black's games: so openings that Black won
    twice less those that White won twice are all that tells of them.
    """
    chances = expit(theta[pool.first] - theta[pool.second])
    _, by_black, by_white, _ = pool.counts.T
    balance = (by_black - by_white).astype(float)
    # One more opening that each color won once or twice with equal chance, so that no pair passes for certain.
    luck = by_black + by_white - balance**2 / pool.openings + 0.5
    sums = abs(pool.differences)
    slopes = pool.games * chances * (1 - chances)
    prior_part = precision_of(prior) * scipy.sparse.eye_array(len(theta), format="csr")
    information = Information(sums.T.tocsr() @ scipy.sparse.diags_array(slopes) @ sums + prior_part, pool.first, pool.second)
    filling = sums.T.tocsr() @ scipy.sparse.diags_array(luck) @ sums
    mean = _weigh_evenly(pool)
    rated = slice(len(pool.rated))
    differences, variances = 2 * information.solve(sums.T @ balance), 4 * contrast_variances(information, mean, filling)
    return _agree(pool.rated, differences[rated], variances[rated])


def _agree(agents: Sequence[str], differences: np.ndarray, variances: np.ndarray) -> Agreement:
    return Agreement(tuple(agents), ELO_PER_NAT * (differences - differences.mean()), ELO_PER_NAT * np.sqrt(variances))


def _surpluses_by_opening(pool: Pool, theta: np.ndarray, rows: Sequence[Opening], openings: Sequence[str]) -> scipy.sparse.csr_matrix:
    """float64[P, O]: wins of the first of each pair in each opening, less those that the ratings expect."""
    place = {agent: at for at, agent in enumerate(pool.agents)}
    pair_of = {pair: at for at, pair in enumerate(zip(pool.first.tolist(), pool.second.tolist(), strict=True))}
    column = {opening: at for at, opening in enumerate(openings)}
    expected = WINS[0] * expit(theta[pool.first] - theta[pool.second])
    perfect = find_perfect(pool)
    others = {pool.agents[first]: second for first, second in pair_of if second >= len(pool.rated)}
    pairs, wins = [], []
    for row in rows:
        first, second, won = place[row.first], place[row.second], row.first_won_as_black + row.first_won_as_white
        if (min(first, second), max(first, second)) not in pair_of:  # perfect play, which is another player to this agent
            first, second = (others[row.second], second) if row.first == perfect else (first, others[row.first])
        pairs.append(pair_of[min(first, second), max(first, second)])
        wins.append(won if first < second else 2 - won)
    surplus = np.array(wins) - expected[pairs]
    shape = len(pool.first), len(openings)
    return scipy.sparse.csr_matrix((surplus, (pairs, [column[row.opening] for row in rows])), shape=shape)


def _turn_around(opening: str, size: int) -> str:
    turn = rotation(size)
    return " ".join(cell_name(turn[cell_index(name, size)], size) for name in opening.split())


def _root_mean_square(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt((known**2).mean())) if len(known) else math.nan


def _share_inside(surpluses: np.ndarray) -> float:
    known = surpluses[np.isfinite(surpluses)]
    return float((np.abs(known) <= Z).mean()) if len(known) else math.nan

"""Where Elo 0 lies in a pool that perfect play takes part in: the strongest of its opponents are the witnesses.

Perfect play never loses a won position and does nothing more: it does not set traps, nor does it hurry. Whoever lost to it has erred
once, and it is no sterner with those who err often. So weaker agents take more of its games than their losses to strong agents promise: on
5x5, agents 500 Elo below the best take 16 % of its games where 5 % would be their due. Taken at their word, all together, these games
put perfect play among the agents that it does not punish and the best, who punish them, above it, though nobody can take more than half
of its games. Agents next to perfect play are free of that, and their games with it say where 0 is. To weaker agents it is another player,
less strong, with a strength of its own: those games still tell how strong weaker agents are beside one another.

Next to perfect play are the agents within 100 Elo of the 64 strongest, when all games are taken at their word. Who is among them is decided
by luck too, that of its games with perfect play and that of its other games, each to the extent that it sways the rating. So both are
flattered alike, and the zero, which lies between them, is not moved. Were the agents chosen by the games among themselves, or were they
the very first alone, all others would come out too low. And the games that do not tell of 0 cannot be left out: who met whom afterwards
was decided by them.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components

from hexlab.arena.bradley_terry import ELO_PER_NAT, PRIOR, Pool, fit_strengths, gather_pool, make_graph, precision_of
from hexlab.records import Pairing

__all__ = ["NEAR", "WITNESSES", "find_perfect", "find_witnesses", "part_perfect_play"]

WITNESSES = 64
"""Strongest opponents of perfect play whose games with it count for ratings however far they are apart."""
NEAR = 100.0
"""Elo below the strongest, down to which agents are next to perfect play, as far as those are."""


def find_perfect(pool: Pool) -> str | None:
    """Return the name of perfect play, ``"perfect-5"`` on 5x5 or ``"perfect"``, where the pool holds it."""
    return next((name for name in (f"perfect-{pool.size}", "perfect") if name in pool.agents), None)


def find_witnesses(games: Iterable[Pairing], agents: Iterable[str], count: int = WITNESSES, *, prior: float = PRIOR) -> list[str]:
    """Return agents to meet perfect play where it cannot meet everyone: the strongest, or as many of those next to perfect play.

    Where more are within `NEAR` of the strongest than are wanted, they are taken evenly along their rank, for the very first are lucky.

    Args:
        games: as for `hexlab.arena.rate`.
        agents: who may be chosen.
        count: how many are wanted.
        prior: as for `hexlab.arena.rate`.

    Raises:
        ConfigError: as for `hexlab.arena.rate`.

    >>> beats = lambda one, other: Pairing(6, one, other, 0, won_both=60, won_black_only=20, won_white_only=15, lost_both=5)
    >>> find_witnesses([beats("a", "b"), beats("b", "c")], "abc", count=2)
    ['a', 'b']
    """
    eligible = set(agents)
    ranked, near = _rank(gather_pool(games), precision_of(prior), eligible)
    places = np.linspace(0, near - 1, count).round().astype(int) if near > count else range(min(count, len(ranked)))
    return [ranked[place] for place in places]


def part_perfect_play(pool: Pool, precision: float) -> Pool:
    """Let perfect play be two: itself to its strongest opponents, and another, who is not rated, to all weaker ones.

    Its strongest opponents are the first `WITNESSES` of them, those within `NEAR` of the median of these, and agents whom nothing else ties
    to them.

    Args:
        pool: the table.
        precision: of the prior, see `hexlab.arena.bradley_terry.precision_of`.
    """
    perfect = find_perfect(pool)
    met = _holds_any(pool, [perfect])
    if perfect is None or met.sum() <= WITNESSES:
        return pool
    at = pool.agents.index(perfect)
    ranked, near = _rank(pool, precision, {pool.agents[other] for other in np.union1d(pool.first[met], pool.second[met])})
    witnesses = ~met | _holds_any(pool, ranked[: max(near, WITNESSES)])
    _, groups = connected_components(make_graph(pool.first[witnesses], pool.second[witnesses], len(pool.agents)), directed=False)
    strays = groups != groups[at]
    weaker = ~(witnesses | strays[pool.first] | strays[pool.second])
    first, second, counts = (values.copy() for values in (pool.first, pool.second, pool.counts))
    if not weaker.any():
        return pool
    # The other comes last, so that it is the second of its pairs; seen from the weaker agent, games won and lost change places.
    turned = weaker & (first == at)
    first[turned] = second[turned]
    counts[turned] = counts[turned][:, [3, 1, 2, 0]]
    second[weaker] = len(pool.agents)
    agents = [*pool.agents, f"{perfect} to weaker agents"]
    return dataclasses.replace(pool, agents=agents, first=first, second=second, counts=counts, unrated=1)


def _rank(pool: Pool, precision: float, eligible: set[str]) -> tuple[list[str], int]:
    """Return eligible agents but for perfect play, the strongest first, equals by name, and how many of them are near the strongest."""
    perfect, theta = find_perfect(pool), fit_strengths(pool, precision)
    order = [at for at in np.argsort(-theta, kind="stable") if pool.agents[at] != perfect and pool.agents[at] in eligible]
    typical = np.median(theta[order[:WITNESSES]])  # one of them alone may be far ahead by luck
    return [pool.agents[at] for at in order], int(np.count_nonzero(theta[order] >= typical - NEAR / ELO_PER_NAT))


def _holds_any(pool: Pool, agents: Sequence[str | None]) -> np.ndarray:
    """bool[P]: whether one of these agents is in the pair."""
    named = np.isin(pool.agents, [agent for agent in agents if agent is not None])
    return named[pool.first] | named[pool.second]

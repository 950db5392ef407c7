"""Where Elo 0 lies in a pool that perfect play takes part in: the strongest of its opponents are the witnesses.

Perfect play never loses a won position and does nothing more: it does not set traps, nor does it hurry. Whoever lost to it has erred
once, and it is no sterner with those who err often. So weaker agents take more of its games than their losses to strong agents promise: on
5x5, agents 200 to 400 Elo below it take twice what is their due. Taken at their word, all together, these games put perfect play among the
agents that it does not punish and the best, who punish them, above it, though nobody can take more than half of its games. Its games with
agents next to it are nearly free of that, and tell where 0 is. To weaker agents it is another player, one for every hundred Elo, with a
strength of its own that is not published: those games still tell how strong agents are beside others that are about as strong.

Next to perfect play are the agents within 50 Elo of the strongest, when all games are taken at their word. Who is among them is decided
by luck too, that of its games with perfect play and that of its other games, each to the extent that it sways the rating. So both are
flattered alike, and the zero, which lies between them, is not moved. Were the agents chosen by the games among themselves, or were they
the very first alone, all others would come out too low. In pools of less than some two hundred agents the few next to perfect play would
tell the zero badly; the 32 strongest tell it there, however far they are apart, and the best may come out a little above it.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components

from hexlab.arena.bradley_terry import ELO_PER_NAT, PRIOR, Pool, fit_strengths, gather_pool, make_graph, precision_of
from hexlab.records import Pairing

__all__ = ["WITNESSES", "find_perfect", "find_witnesses", "part_perfect_play"]

WITNESSES = 64
"""Agents that meet perfect play where it cannot meet everyone."""
_LEAST = 32  # strongest opponents of perfect play, who are witnesses however far they are apart
_NEAR = 50.0  # Elo below the median of these, down to which agents are next to perfect play, as far as those are
_BAND = 100  # Elo that the opponents of one unrated player span


def find_perfect(pool: Pool) -> str | None:
    """Return the name of perfect play, ``"perfect-5"`` on 5x5 or ``"perfect"``, where the pool holds it."""
    return next((name for name in _names_of_perfect(pool.size) if name in pool.agents), None)


def find_witnesses(games: Iterable[Pairing], agents: Iterable[str], count: int = WITNESSES, *, prior: float = PRIOR) -> list[str]:
    """Return agents to meet perfect play where it cannot meet everyone: the strongest, or as many of those next to perfect play.

    Where more are within 50 Elo of the strongest than are wanted, they are taken evenly along their rank, for the very first are lucky.

    Args:
        games: as for `hexlab.arena.rate`; those of perfect play have no say, so that who is chosen does not depend on who has met it.
        agents: who may be chosen.
        count: how many are wanted.
        prior: as for `hexlab.arena.rate`.

    Raises:
        ConfigError: as for `hexlab.arena.rate`.

    >>> beats = lambda one, other: Pairing(6, one, other, 0, won_both=60, won_black_only=20, won_white_only=15, lost_both=5)
    >>> find_witnesses([beats("a", "b"), beats("b", "c")], "abc", count=2)
    ['a', 'b']
    """
    rows = [row for row in games if not {row.first, row.second}.intersection(_names_of_perfect(row.size))]
    pool = gather_pool(rows)
    ranked, near = _rank(pool, fit_strengths(pool, precision_of(prior)), set(agents))
    places = np.linspace(0, near - 1, count).round().astype(int) if near > count else range(min(count, len(ranked)))
    return [ranked[place] for place in places]


def part_perfect_play(pool: Pool, precision: float) -> Pool:
    """Let perfect play be several: itself to its strongest opponents, and others, who are not rated, to weaker ones.

    Its strongest opponents are the 32 first, those within 50 Elo of the median of these, and agents whom nothing else ties to them. All
    others meet one of the unrated players, by how far they are below: each has opponents from a hundred Elo.

    Args:
        pool: the table.
        precision: of the prior, see `hexlab.arena.bradley_terry.precision_of`.
    """
    perfect = find_perfect(pool)
    met = _holds_any(pool, [perfect])
    if perfect is None or met.sum() <= _LEAST:
        return pool
    at, theta = pool.agents.index(perfect), fit_strengths(pool, precision)
    ranked, near = _rank(pool, theta, {pool.agents[other] for other in np.union1d(pool.first[met], pool.second[met])})
    witnesses = ranked[: max(near, _LEAST)]
    tied = ~met | _holds_any(pool, witnesses)
    _, groups = connected_components(make_graph(pool.first[tied], pool.second[tied], len(pool.agents)), directed=False)
    strays = groups != groups[at]
    weaker = ~(tied | strays[pool.first] | strays[pool.second])
    if not weaker.any():
        return pool
    opponents = np.where(pool.first == at, pool.second, pool.first)[weaker]
    below = ELO_PER_NAT * (theta[opponents].max() - theta[opponents])
    hundreds, band = np.unique((below // _BAND).astype(int), return_inverse=True)
    # The others come last, so that they are the second of their pairs; seen from the weaker agent, games won and lost change places.
    first, second, counts = (values.copy() for values in (pool.first, pool.second, pool.counts))
    counts[weaker & (first == at)] = counts[weaker & (first == at)][:, [3, 1, 2, 0]]
    first[weaker], second[weaker] = opponents, len(pool.agents) + band
    agents = [*pool.agents, *(f"{perfect} to agents {_BAND * each} Elo and more below" for each in hundreds)]
    return dataclasses.replace(pool, agents=agents, first=first, second=second, counts=counts, unrated=len(hundreds))


def _names_of_perfect(size: int) -> tuple[str, str]:
    return f"perfect-{size}", "perfect"


def _rank(pool: Pool, theta: np.ndarray, eligible: set[str]) -> tuple[list[str], int]:
    """Return eligible agents but for perfect play, the strongest first, equals by name, and how many of them are near the strongest."""
    perfect = find_perfect(pool)
    order = [at for at in np.argsort(-theta, kind="stable") if pool.agents[at] != perfect and pool.agents[at] in eligible]
    if not order:
        return [], 0
    typical = np.median(theta[order[:_LEAST]])  # one of them alone may be far ahead by luck
    return [pool.agents[at] for at in order], int(np.count_nonzero(theta[order] >= typical - _NEAR / ELO_PER_NAT))


def _holds_any(pool: Pool, agents: Sequence[str | None]) -> np.ndarray:
    """bool[P]: whether one of these agents is in the pair."""
    named = np.isin(pool.agents, [agent for agent in agents if agent is not None])
    return named[pool.first] | named[pool.second]

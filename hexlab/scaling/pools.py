"""Elo of every agent of a pool, and of bootstrap copies of the pool: the one door from scaling to the arena's ratings."""

import dataclasses
import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import minimum_spanning_tree

from hexlab import csv_tables, records
from hexlab.arena.anchors import rate_boards
from hexlab.arena.ratings import Anchor, Fit, fit_games
from hexlab.errors import StoreError
from hexlab.scaling.tables import NotEnoughDataError, Tables, find_tables, read

__all__ = [
    "PoolElo",
    "PoolGames",
    "board_seed",
    "bootstrap_halves",
    "deal_halves",
    "gather_games",
    "gather_halves",
    "rate_pool",
    "rate_tables",
]

_ROUNDING = 2e-6  # published ratings are rounded to a millionth, on another computer perhaps to the next one


class PoolGames(NamedTuple):
    """What one pool is rated by.

    Attributes:
        pairings: its games.
        anchor: what stands in for perfect play; None where the pool holds perfect play itself.
    """

    pairings: tuple[records.Pairing, ...]
    anchor: Anchor | None = None

    def __hash__(self) -> int:
        """Return a hash that reads no more than one of the pairings: fits are remembered by them."""
        return hash((self.pairings[:1], len(self.pairings), self.anchor))


class PoolElo(NamedTuple):
    """Ratings of one pool.

    Attributes:
        agents: A keys.
        elo: float64[A] or, for bootstrap copies, float64[R, A]; perfect play is 0 where the pool holds it.
    """

    agents: tuple[str, ...]
    elo: np.ndarray

    def column(self, keys) -> np.ndarray:
        """Return the Elo of `keys`, nan for agents that are not in the pool: float64[..., len(keys)]."""
        place = {agent: position for position, agent in enumerate(self.agents)}
        at = np.array([place.get(key, -1) for key in keys])
        return np.where(at < 0, np.nan, self.elo[..., at])


def deal_halves(pairings: tuple[records.Pairing, ...]) -> tuple[tuple[records.Pairing, ...], tuple[records.Pairing, ...]]:
    """Return the pairings on the openings of half 0 and of half 1.

    Raises:
        NotEnoughDataError: one of them is empty.
    """
    halves = tuple(row for row in pairings if row.half == 0), tuple(row for row in pairings if row.half == 1)
    if not all(halves):
        raise NotEnoughDataError(
            "not enough data: needs games on both halves of the openings, to pick agents on one and rate them on the other"
        )
    return halves


def gather_games(tables: Tables) -> PoolGames:
    """Return the pool of the tables of one board."""
    anchor = next(iter(tables.anchors.values()), None)
    return PoolGames(tables.pairings, None if anchor is None or anchor.kind == "perfect" else anchor)


def gather_halves(tables: Tables) -> tuple[PoolGames, PoolGames]:
    """Deal the games of the tables of one board to two pools, one to pick agents by and one to rate them by.

    What two agents are worth to each other beyond their ratings shows in all their games, whatever the opening (see
    `hexlab.arena.ratings`). So that an agent picked for such luck is not rated by it too, all games of two agents go to one half: the
    one where these two have met fewer others so far. Dealt by their openings, some to either half, are the games with perfect play,
    which both halves need for their zero, and those of as few other pairs as it takes to hold all agents of a half together without
    perfect play and random play: random play, whom everyone meets and beats, holds nobody together. No result has a say in it.

    Raises:
        NotEnoughDataError: games on the openings of one half only.
    """
    kinds = {agent.agent: agent.kind for agent in tables.agents}
    games = gather_games(tables)
    names = {name for row in games.pairings for name in (row.first, row.second)}
    return _deal(games, *(frozenset(name for name in names if kinds.get(name) == kind) for kind in ("perfect", "random")))


@functools.lru_cache(maxsize=16)
def _deal(games: PoolGames, perfect: frozenset[str], random: frozenset[str]) -> tuple[PoolGames, PoolGames]:
    openings = deal_halves(games.pairings)
    pairs = sorted({(row.first, row.second) for row in games.pairings})
    met = {agent: [0, 0] for agent in itertools.chain.from_iterable(pairs)}
    dealt: dict[tuple[str, str], int] = {}
    split = {pair for pair in pairs if perfect.intersection(pair)}
    for pair in (pair for pair in pairs if pair not in split):
        one, other = (met[agent] for agent in pair)
        ahead = one[0] + other[0] - one[1] - other[1]
        dealt[pair] = half = int(ahead > 0) if ahead else hashlib.blake2b(" ".join(pair).encode(), digest_size=1).digest()[0] & 1
        one[half] += 1
        other[half] += 1
    for half in (0, 1):
        for pair in _span(sorted(dealt, key=lambda pair: (bool(random.intersection(pair)), dealt[pair] != half))):
            if dealt[pair] != half:
                split.add(pair)
    halves: tuple[list[records.Pairing], ...] = [], []
    for number, rows in enumerate(openings):
        for row in rows:
            pair = row.first, row.second
            halves[number if pair in split else dealt[pair]].append(row)
    return PoolGames(tuple(halves[0]), games.anchor), PoolGames(tuple(halves[1]), games.anchor)


def _span(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs that join agents whom no pairs before them join: the spanning tree that prefers the first."""
    if not pairs:
        return []
    place = {agent: at for at, agent in enumerate(dict.fromkeys(itertools.chain.from_iterable(pairs)))}
    first, second = ([place[agent] for agent in column] for column in zip(*pairs, strict=True))
    ranks = scipy.sparse.csr_matrix((np.arange(1, len(pairs) + 1), (first, second)), shape=(len(place), len(place)))
    return [pairs[int(rank) - 1] for rank in minimum_spanning_tree(ranks).data]


def board_seed(seed: int, size: int) -> int:
    """Return the seed of one board's copies: boards are drawn apart, and all that is made of one board rests on the same copies."""
    return seed + 7919 * size


def bootstrap_halves(
    halves: tuple[PoolGames, PoolGames], agents: Sequence[str], samples: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Elo of `agents` in bootstrap copies of each half of a board's games, drawn apart: float64[samples, len(agents)] twice."""
    first = 2 * board_seed(seed, size)
    picking, rating = (_bootstrap_pool(half, samples, first + number).column(agents) for number, half in enumerate(halves))
    return picking, rating


def rate_tables(
    folder: str | os.PathLike[str], *, check: bool = False, say: Callable[[str], None] | None = None
) -> list[str]:
    """Rate the games of an experiment's tables and write ``ratings.csv`` anew.

    Args:
        folder: as for `hexlab.scaling.read`; its ``conversions.csv`` is read too where it is there.
        check: write nothing, compare.
        say: told what is done before it is; see `hexlab.arena.rate_boards`.

    Returns:
        The file that was written; to check, one line for each rating that is not, to a millionth, that of the games.

    Raises:
        StoreError: as for `hexlab.scaling.read`, no games, or conversions that cannot be read.
        ConfigError: as for `hexlab.arena.find_anchors`.
    """
    home, tables = find_tables(folder), read(folder, rated=check)
    kept = home / csv_tables.table_file("conversions")
    if not tables.pairings:
        raise StoreError(f"{home / csv_tables.table_file('pairings')} has no games to rate: restore it, or play some")
    conversions = csv_tables.read_table(kept, records.Conversion) if kept.is_file() else ()
    rated = sorted(rate_boards(tables.pairings, tables.agents, conversions, say=say), key=lambda row: row.agent)  # as tables are written
    path = home / csv_tables.table_file("ratings")
    if not check:
        return [str(csv_tables.write_table(path, rated, records.Rating))]
    if [row.agent for row in tables.ratings] != [row.agent for row in rated]:
        return [f"{path} has other agents, or another order, than the games give: write it anew with `hexlab rate`"]
    drifted = [(one, other) for one, other in zip(tables.ratings, rated, strict=True) if not _agree(one, other)]
    return [f"{one.agent}: {one} in {path}, {other} by the games" for one, other in drifted]


def _agree(one: records.Rating, other: records.Rating) -> bool:
    return all(
        np.isclose(before, now, rtol=0, atol=_ROUNDING, equal_nan=True) if isinstance(now, float) else before == now
        for before, now in zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
    )


def rate_pool(games: PoolGames) -> PoolElo:
    """Rate one pool; its fit is remembered."""
    fit = _fit(games)
    return PoolElo(fit.agents, _round(fit.elo))


@functools.lru_cache(maxsize=64)
def _bootstrap_pool(games: PoolGames, samples: int, seed: int) -> PoolElo:
    """Rate `samples` copies of a pool whose openings, and the Elo of whose anchor, are drawn again."""
    fit = _fit(games)
    return PoolElo(fit.agents, _round(fit.bootstrap(samples, seed)))


@functools.lru_cache(maxsize=16)
def _fit(games: PoolGames) -> Fit:
    return fit_games(games.pairings, anchor=games.anchor)


def _round(elo: np.ndarray) -> np.ndarray:
    """Round to a millionth of an Elo, so that equally good laws are told apart the same way on every computer."""
    return elo.round(6)

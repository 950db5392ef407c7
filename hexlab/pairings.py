"""Results of openings: turned round, dealt into halves, counted by pair of agents, and packed a pair a row."""

import dataclasses
import functools
import hashlib
import itertools
import sys
from collections.abc import Iterable

from hexlab.errors import StoreError
from hexlab.records import Opening, Pairing, PairOpenings

__all__ = ["count_pairings", "find_half", "join_openings", "mirror", "split_openings"]


def mirror(opening: Opening) -> Opening:
    """Return the same two games with the agents' places exchanged.

    >>> mirror(Opening(3, "b", "a", "a1 b2", first_won_as_black=1, first_won_as_white=0, moves=13)).first_won_as_black
    1
    """
    return dataclasses.replace(
        opening,
        first=opening.second,
        second=opening.first,
        first_won_as_black=1 - opening.first_won_as_white,
        first_won_as_white=1 - opening.first_won_as_black,
    )


@functools.cache
def find_half(size: int, opening: str) -> int:
    """Return the half, 0 or 1, into which a stable hash deals an opening: the same one for all pairs of agents.

    >>> {find_half(5, opening) for opening in ("a1 b2", "b2 a1", "c3 d4", "d4 c3")} <= {0, 1}
    True
    """
    return hashlib.blake2b(f"half {size} {opening}".encode(), digest_size=1).digest()[0] & 1


def count_pairings(openings: Iterable[Opening]) -> list[Pairing]:
    """Count openings by pair of agents and by half.

    Returns:
        Rows sorted by size, agents and half, with the agents of each in alphabetical order.

    >>> rows = [Opening(3, "b", "a", "a1 b2", 1, 0, 13), Opening(3, "b", "a", "b2 a1", 0, 0, 13)]
    >>> sum(pairing.lost_both + pairing.won_both for pairing in count_pairings(rows))
    1
    """
    counts: dict[tuple[int, str, str, int], list[int]] = {}
    for row in openings:
        swap = row.second < row.first
        first, second = (row.second, row.first) if swap else (row.first, row.second)
        black, white = row.first_won_as_black, row.first_won_as_white
        if swap:
            black, white = 1 - white, 1 - black
        counted = counts.setdefault((row.size, first, second, find_half(row.size, row.opening)), [0, 0, 0, 0])
        counted[3 - 2 * black - white] += 1
    return [Pairing(*key, *counts[key]) for key in sorted(counts)]


def join_openings(openings: Iterable[Opening]) -> list[PairOpenings]:
    """Gather openings by pair of agents, sorted; `split_openings` undoes it.

    >>> join_openings([Opening(3, "a", "b", "c3 b2", 0, 1, 15), Opening(3, "a", "b", "a1 b2", 1, 1, 13)])[0].openings
    'a1 b2;c3 b2'
    """
    joined = []
    rows = sorted(openings, key=lambda row: (row.size, row.first, row.second, row.opening))
    for pair, some in itertools.groupby(rows, key=lambda row: (row.size, row.first, row.second)):
        names, black, white, moves = zip(
            *((row.opening, str(row.first_won_as_black), str(row.first_won_as_white), str(row.moves)) for row in some), strict=True
        )
        joined.append(PairOpenings(*pair, ";".join(names), "".join(black), "".join(white), ";".join(moves)))
    return joined


def split_openings(pairs: Iterable[PairOpenings]) -> list[Opening]:
    """Return the openings of pairs one by one.

    Raises:
        StoreError: the lists of a pair are not equally long, or hold something else than they should.
    """
    rows: list[Opening] = []
    for pair in pairs:
        names, moves = map(sys.intern, pair.openings.split(";")), map(int, pair.moves.split(";"))
        results = zip(names, map(int, pair.first_won_as_black), map(int, pair.first_won_as_white), moves, strict=True)
        try:
            rows += [Opening(pair.size, pair.first, pair.second, *result) for result in results]
        except ValueError as error:
            of = f"the openings of {pair.first!r} and {pair.second!r} on {pair.size}x{pair.size} are damaged ({error})"
            raise StoreError(f"{of}: expected lists of one length, such as 'a1 b2;c3 b2', '10', '11', '13;15'") from None
    return rows

"""Results of pairs of agents: who won what, told from either side, by half, and packed."""

import dataclasses

import pytest

from hexlab.errors import StoreError
from hexlab.pairings import count_pairings, find_half, join_openings, mirror, split_openings
from hexlab.records import Opening, Pairing

OPENINGS = ("a1 b2", "b2 a1", "c3 a1", "a2 b3", "c1 c2")


def games(first, second, opening, black=1, white=1):
    return Opening(3, first, second, opening, black, white, moves=14)


def test_pairings_count_what_first_won():
    outcomes = {"a1 b2": (1, 1), "b2 a1": (1, 0), "c3 a1": (0, 1), "a2 b3": (0, 0), "c1 c2": (1, 1)}
    rows = [games("a", "b", opening, *won) for opening, won in outcomes.items()]
    by_half = {pairing.half: pairing for pairing in count_pairings(rows)}
    for half in (0, 1):
        dealt = [won for opening, won in outcomes.items() if find_half(3, opening) == half]
        expected = [dealt.count(won) for won in ((1, 1), (1, 0), (0, 1), (0, 0))]
        assert by_half[half] == Pairing(3, "a", "b", half, *expected)
    assert count_pairings([mirror(row) for row in rows]) == count_pairings(rows)


def test_an_opening_lies_in_the_same_half_for_all_pairs_and_halves_are_even():
    every = [f"{a}{b} {c}{d}" for a in "abcde" for b in range(1, 6) for c in "abcde" for d in range(1, 6)]
    assert 0.45 < sum(find_half(5, opening) for opening in every) / len(every) < 0.55
    pairings = count_pairings(games(a, b, opening) for a, b in (("a", "b"), ("c", "d")) for opening in OPENINGS)
    assert [(row.first, row.half) for row in pairings] == [("a", 0), ("a", 1), ("c", 0), ("c", 1)]
    assert [dataclasses.replace(row, first="a", second="b") for row in pairings[2:]] == pairings[:2]


def test_openings_go_a_pair_a_row_and_come_back():
    rows = [games(*pair, opening) for pair in (("a", "b"), ("a", "c")) for opening in OPENINGS]
    pairs = join_openings(rows[::-1])
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c")]
    assert split_openings(pairs) == sorted(rows, key=dataclasses.astuple)
    assert split_openings([]) == join_openings([]) == []
    for field, damaged in (("moves", "13"), ("moves", "13;many"), ("first_won_as_black", "1"), ("openings", "")):
        with pytest.raises(StoreError, match="openings of 'a' and 'b' on 3x3 are damaged"):
            split_openings([dataclasses.replace(pairs[0], **{field: damaged})])

"""The tables that come with published ratings say what the checks measure."""

import dataclasses

import numpy as np
import pytest
from planted_tables import small

from hexlab import arena
from hexlab.arena.ratings import Anchor
from hexlab.records import Opening
from hexlab.scaling.trust import make_trust_tables


@pytest.fixture(scope="module")
def made():
    openings = [Opening(3, "a", "b", opening, 1, won, 9) for won, opening in enumerate(("a1 b2", "b2 a1"))]
    return make_trust_tables(small()[0], openings)


def test_every_board_has_its_rows(made):
    assert list(made) == ["anchors", "intervals", "goodness", "cycles", "halves and colors", "openings"]
    for name in ("anchors", "intervals", "goodness", "cycles"):
        assert [row[0] for row in made[name].rows] == ["3x3", "4x4", "5x5"]
    assert [row[:2] for row in made["halves and colors"].rows[:2]] == [("3x3", "halves of the openings"), ("3x3", "colors")]
    assert made["openings"].rows[0][:5] == ("3x3", "4", "4", "4", "2")
    assert all(len(row) == len(table.heads) for table in made.values() for row in table.rows)


def test_rows_are_those_of_the_checks(made):
    tables, _ = small()
    check = arena.check_ratings([row for row in tables.pairings if row.size == 4])
    goodness, cycles = made["goodness"].rows[1], made["cycles"].rows[1]
    assert goodness[3] == f"{check.agents * (check.agents - 1) / 2 / len(check.goodness.games):.0f}"
    assert goodness[4:7] == (f"{check.goodness.misfit:.0f}", f"{check.goodness.spread_by_chance:.2f}", f"{check.goodness.spread:.2f}")
    assert cycles[1:3] == (f"{check.cycles.triples:,}", str(check.cycles.found))
    assert cycles[-1] == "as many as expected, none surer", "the planted games have no cycles but by luck"


def test_intervals_are_those_of_the_ratings(made):
    tables, _ = small()
    budgets = {row.agent: row.test_simulations for row in tables.agents if row.size == 4 and row.kind == "snapshot"}
    halves = {row.agent: (row.high - row.low) / 2 for row in tables.ratings if row.agent in budgets}
    most = max(budgets.values())
    there = [half for agent, half in halves.items() if budgets[agent] == most]
    others = [half for agent, half in halves.items() if budgets[agent] != most]
    told = tuple(f"{np.median(part):.0f}, {max(part):.0f}" for part in (there, others))
    assert made["intervals"].rows[1] == ("4x4", *told)


def test_a_stand_in_is_named_with_what_it_adds():
    tables, _ = small()
    best = max((row for row in tables.ratings if row.size == 5 and "@" in row.agent), key=lambda row: row.elo).agent
    anchor = Anchor((best,), "strongest", -20.0, 35.0)
    rows = [row for row in tables.pairings if row.size == 5]
    others = [row for row in tables.ratings if row.size != 5]
    rated = dataclasses.replace(tables, ratings=(*others, *arena.rate(rows, anchor=anchor)))
    assert make_trust_tables(rated)["anchors"].rows[2] == ("5x5", "strongest", f"`{best}`", "−20", "35")
    unknown = dataclasses.replace(tables, ratings=(*others, *arena.rate(rows, anchor=Anchor((best,), "strongest", 0.0, float("nan")))))
    assert make_trust_tables(unknown)["anchors"].rows[2][3:] == ("0", "unknown")

"""Every table of a results page says what was fitted, a row a board."""

import dataclasses
import re

import pytest
from planted_tables import small_analysis, tiny

from hexlab.scaling import NotEnoughDataError, analyze, list_measurements
from hexlab.scaling.result_tables import (
    tabulate_crossings,
    tabulate_exchange,
    tabulate_lives,
    tabulate_plans,
    tabulate_search,
    tabulate_slopes,
)
from hexlab.scaling.serving import CORE_HOUR, Demand, choose_price, find_plan, find_plans, typical_moves


def test_every_board_has_its_row_and_every_column_its_cell():
    analysis = small_analysis()
    slopes = tabulate_slopes(analysis, list_measurements(analysis))
    made = [build(analysis) for build in (tabulate_crossings, tabulate_exchange, tabulate_search, tabulate_lives)]
    for table in (*made, slopes):
        assert {row[0] for row in table.rows} <= {"3x3", "4x4", "5x5"}
        assert table.rows[-1][0] == "5x5"
        assert {len(row) for row in table.rows} == {len(table.heads)}


def test_crossings_stand_beside_the_papers():
    analysis = small_analysis()
    found = {(f"{reach.size}x{reach.size}", reach.scale): str(reach) for reach in analysis.reaches}
    rows = tabulate_crossings(analysis).rows
    assert [row[2:] for row in rows] == [(found[row[0], "elo"], found[row[0], "score"]) for row in rows]
    assert rows[0][1].startswith("11.1")
    by_elo = tuple(reach for reach in analysis.reaches if reach.scale == "elo")
    assert {row[3] for row in tabulate_crossings(dataclasses.replace(analysis, reaches=by_elo)).rows} == {"no games"}


def test_the_table_of_plans_is_that_of_the_hardest_level_of_each_board():
    analysis = small_analysis()
    table = tabulate_plans(analysis.tables, find_plans(analysis.tables, analysis.isoquants))
    assert f"bill, USD at {CORE_HOUR} a core-hour" in table.heads
    assert [row[0] for row in table.rows] == [name for size in analysis.isoquants for name in [f"{size}x{size}"] * 3]
    assert [row[2] for row in table.rows[:3]] == ["1,000", "1,000,000", "1,000,000,000"]
    for at, (size, members) in enumerate(analysis.isoquants.items()):
        plan = find_plan(members[-1], Demand(1e3, typical_moves(size)), choose_price(analysis.tables))
        row = table.rows[3 * at]
        run = analysis.tables.run_by_key[plan.run]
        assert row[1] == f"−{-members[-1].level:.0f}"
        assert row[3] == f"{run.width}x{run.depth}"
        trained, searched = ([float(number) for number in re.findall(r"[\d.e]+", cell)] for cell in row[4:6])
        assert trained == pytest.approx([plan.train_flops, *plan.train_interval], rel=0.05)
        assert searched == pytest.approx([plan.simulations, *plan.simulations_interval], rel=0.05, abs=0.05)
        assert float(row[6].split(" [")[0].replace("−", "-")) == pytest.approx(plan.bill.total, rel=0.05)
        assert float(row[7].split()[0].strip("%")) == pytest.approx(100 * plan.bill.train_share, abs=6)

def test_without_a_frontier_there_are_no_rows_and_no_lives():
    nothing = analyze(dataclasses.replace(tiny()[0], runs=(), snapshots=(), agents=(), pairings=(), ratings=()), bootstrap=0)
    assert tabulate_crossings(nothing).rows == tabulate_slopes(nothing, ()).rows == ()
    with pytest.raises(NotEnoughDataError, match="needs a frontier"):
        tabulate_lives(nothing)

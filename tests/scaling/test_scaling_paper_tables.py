"""The paper's tables: ours beside its own, as rows, Markdown and CSV."""

import csv
import dataclasses
import io
import json
import re

import pytest
from planted_tables import small, small_analysis, tiny

from hexlab.scaling import analyze, check_figures, write_figures
from hexlab.scaling.direct import compute_direct_frontier, fit_direct_law
from hexlab.scaling.forecasts import Estimate
from hexlab.scaling.laws import fit_law
from hexlab.scaling.paper_tables import (
    PAPER_TABLES,
    PaperTable,
    list_exchange,
    list_hyperparameters,
    list_maxima,
    list_parameters,
    make_paper_tables,
)


def test_settings_that_differ_between_runs_are_all_told():
    tables = small()[0]
    rates = iter([1e-3, 6e-3] * len(tables.runs))
    config = {"boards": 64, "groups": 4, "batch": 256, "buffer": 9000, "simulations": 32, "recipe": "puct"}
    runs = [dataclasses.replace(run, config=json.dumps(config | {"learning_rate": next(rates)})) for run in tables.runs]
    rows = {row[0]: row[1:] for row in list_hyperparameters(dataclasses.replace(tables, runs=runs)).rows}
    assert rows["games of self-play at once"] == (32768, 256)
    assert rows["learning rate of Adam"] == (1e-3, "0.001, 0.006")
    assert rows["search"] == ("regularized", "puct")
    assert rows["times that a position is learned from"] == (1, None)


def test_maxima_are_those_of_the_tables_and_of_the_published_runs():
    tables = small()[0]
    table = list_maxima(tables)
    row = dict(zip(table.heads, next(row for row in table.rows if row[0] == "5x5"), strict=True))
    assert (row["runs, Jones 2021"], row["width, Jones 2021"], row["depth, Jones 2021"]) == (20, 16, 8)
    assert (row["runs, hexlab"], row["width, hexlab"], row["depth, hexlab"]) == (4, 64, 4)
    runs = {run.run for run in tables.runs if run.size == 5}
    assert row["compute, hexlab"] == max(each.paper_flops for each in tables.snapshots if each.run in runs)
    assert row["compute, Jones 2021"] == pytest.approx(10**13.5, rel=0.1)


def test_the_law_is_fitted_in_the_papers_count_and_stands_beside_its_own():
    analysis = small_analysis()
    rows = {row[0].partition(":")[0]: row[1:] for row in list_parameters(analysis).rows}
    printed, fitted, ours = rows["c_i"]
    assert (printed, round(fitted)) == (-4400, -4399)
    law = fit_law(analysis.paper_count)
    assert ours.value == pytest.approx(law.parameters["c_incline"], rel=1e-6)
    assert ours.low < ours.value < ours.high
    assert rows["RMSE, Elo"][1] == pytest.approx(58.5, abs=0.1)


def test_the_law_of_direct_games_is_that_of_their_frontier():
    analysis = small_analysis()
    direct = compute_direct_frontier(analysis.tables, (3, 4, 5), x="paper_flops")
    wanted = fit_direct_law(direct).parameters["m_flops"]
    (row,) = (row for row in PAPER_TABLES["direct_parameters"](analysis).rows if row[0].startswith("m_f"))
    assert row[1].value == pytest.approx(wanted, rel=1e-6)


def test_the_papers_exchange_is_converted_to_true_flops():
    (paper, *ours) = list_exchange(small_analysis()).rows
    # Training counts 2.09 times as much, a move 32 times less.
    level, train = -500, 16.0
    published = -1.2 * train + 0.004 * level + 29
    assert paper[1] * (train + 0.3209) + paper[3] * level + paper[4] == pytest.approx(published - 1.5051, abs=1e-3)
    assert {row[0] for row in ours} <= {"3x3", "4x4", "5x5"}


def test_a_table_is_text_for_readers_and_full_numbers_for_programs():
    rows = (("one", -1200, Estimate(10.4, 9.96, 11.24)), ("other", None, Estimate(2.0, float("nan"), float("nan"))))
    table = PaperTable("A title", ("name", "count", "value"), rows, "A note.")
    assert table.to_markdown().splitlines()[:5] == ["# A title", "", "| name | count | value |", "| --- | --: | --: |",
                                                    "| one | −1,200 | 10.4 [10.0, 11.2] |"]  # fmt: skip
    assert table.to_markdown().endswith("| other | – | 2 |\n\nA note.\n")
    assert table.to_text().rows == (("one", "−1,200", "10.4 [10.0, 11.2]"), ("other", "–", "2"))
    assert list(csv.reader(io.StringIO(table.to_csv()))) == [
        ["name", "count", "value", "value low", "value high"],
        ["one", "-1200", "10.4", "9.96", "11.24"],
        ["other", "", "2.0", "", ""],
    ]


def test_tables_without_data_say_what_they_need():
    nothing = dataclasses.replace(tiny()[0], runs=(), snapshots=(), agents=(), pairings=(), ratings=())
    made = make_paper_tables(analyze(nothing, bootstrap=0))
    assert set(made) == set(PAPER_TABLES)
    assert all(isinstance(each, str) and "not enough data: needs" in each for each in made.values())


def test_drift_of_a_table_is_found(tmp_path):
    tiny()[0].to_csv(tmp_path / "tables")
    write_figures(tiny()[0], tmp_path / "plots", bootstrap=0)
    for path in (tmp_path / "plots").glob("*.*"):
        if path.suffix in (".json", ".svg") and path.stem != "elo_scale":
            path.unlink()

    def drifts():
        return [each for each in check_figures(tmp_path / "tables", tmp_path / "plots") if re.match(r"(?!README)\w+\.(md|csv)", each)]

    assert drifts() == []
    maxima = tmp_path / "plots" / "maxima.csv"
    maxima.write_text(maxima.read_text().replace("16,", "17,", 1))
    (tmp_path / "plots" / "exchange.md").unlink()
    assert [drift.partition(":")[0] for drift in drifts()] == ["maxima.csv", "exchange.md"]

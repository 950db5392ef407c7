"""Pages quote results by name: marks are filled from tables, and what has drifted is named."""

import dataclasses
import json

import numpy as np
import pytest
from planted_tables import small, small_analysis, tiny_with_preset

from hexlab.errors import ConfigError, StoreError
from hexlab.records import Opening
from hexlab.scaling import analyze, compute_frontier, forecast_board
from hexlab.scaling.crossings import crossing
from hexlab.scaling.results import check_results, compute_results, fill_page, list_marks, write_results

PAGE = """# A page

We trained <!--= networks -->0<!--/--> networks; random play: <!--= 3x3: Elo of random play -->?<!--/-->.

<!--= crossings -->
<!--/-->

<!--= plans -->
<!--/-->

The end.
"""

RESULTS = {"networks": "12", "3x3: Elo of random play": "−270 [−280, −260]", "crossings": "| a |\n|---|", "plans": "| b |\n|---|"}


@pytest.fixture
def experiment(tmp_path):
    small()[0].to_csv(tmp_path / "tables")
    (tmp_path / "manifest.json").write_text(json.dumps({"seconds": {"train": 90.0, "rate": 30.4}}), encoding="utf-8")
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_marks_are_filled_and_the_rest_is_left_alone():
    page = fill_page(PAGE, RESULTS)
    assert list_marks(page) == list(RESULTS.items())
    assert "<!--= plans -->\n| b |\n|---|\n<!--/-->\n\nThe end.\n" in page
    assert fill_page(page, dict(list_marks(page))) == page
    assert fill_page("nothing marked", {}) == "nothing marked"


def test_marks_that_cannot_be_filled_are_refused():
    with pytest.raises(ConfigError, match=r"no result is named 'network': did you mean 'networks'\?"):
        fill_page("<!--= network -->1<!--/-->", {"networks": "12"})
    with pytest.raises(ConfigError, match=r"no result is named 'xyz': results\.json has the names of all 1"):
        fill_page("<!--= xyz -->1<!--/-->", {"networks": "12"})
    for broken in ("<!--= networks -->12", "<!--= networks -->12<!--= networks --><!--/-->", "12<!--/-->"):
        with pytest.raises(ConfigError, match="does not end"):
            fill_page(broken, {"networks": "12"})


def test_forecasts_stand_beside_what_was_measured(experiment):
    tables, _ = small()
    (experiment / "predictions").mkdir()
    for size in (5, 6):
        forecast = forecast_board(tables, size, bootstrap=20)
        (experiment / "predictions" / f"{size}.json").write_text(forecast.to_json(), encoding="utf-8")
    write_results(experiment / "tables", bootstrap=20)
    results = json.loads((experiment / "tables" / "results.json").read_text(encoding="utf-8"))["results"]
    rows = [line.strip("| ").split(" | ") for line in results["forecasts"].splitlines()[2:]]
    costs = [row for row in rows if row[1] == "log10 FLOPs of -50 Elo, by change_point"]
    assert [(row[0], row[4]) for row in costs] == [("5x5", "undecided"), ("6x6", "–")], "the intervals overlap"
    assert float(costs[0][3].split()[0]) == pytest.approx(crossing_of(tables, 5), abs=0.01)
    assert ["5x5", "frontier, smooth law", "its 95 % band"] in [row[:3] for row in rows]


def test_a_forecast_that_is_damaged_or_asks_for_what_was_not_measured_is_told(experiment):
    tables, _ = small()
    (experiment / "predictions").mkdir()
    kept = experiment / "predictions" / "5.json"
    forecast = forecast_board(tables, 5, bootstrap=5)
    kept.write_text(dataclasses.replace(forecast, test_simulations=32).to_json(), encoding="utf-8")
    write_results(experiment / "tables", bootstrap=5)
    results = json.loads((experiment / "tables" / "results.json").read_text(encoding="utf-8"))["results"]
    assert "| 5x5 | all that was foretold | – | not enough data: needs a run on 5x5" in results["forecasts"]
    kept.write_text('{"size": 5}', encoding="utf-8")
    with pytest.raises(StoreError, match=r"5\.json is not a forecast \(KeyError: .*: restore the file"):
        write_results(experiment / "tables", bootstrap=5)


def crossing_of(tables, size):
    board = compute_frontier(tables, size).board(size)
    return crossing(board.log10_flops, board.elo, -50).low


def test_results_hold_what_pages_quote():
    tables, _ = small()
    openings = [Opening(3, "a", "b", opening, 1, won, 9) for won, opening in enumerate(("a1 b2", "b2 a1"))]
    results = compute_results(small_analysis(), openings, {"train": 90.0, "rate": 30.4})
    assert results["networks"] == str(len(tables.runs))
    assert results["seconds to rate"] == "30"
    assert results["minutes in all"] == "2"
    games = sum(2 * row.openings for row in tables.pairings)
    assert results["games"] == f"{games:,}"
    assert results["4x4: Elo of random play"].startswith("−")
    assert results["the paper, 4x4: Elo of random play"] == "−665"
    assert len(results["claims"].splitlines()) == 14
    assert results["agents"] == f"{len(tables.ratings):,}"
    assert results["500 Elo a decade of training compute"] in results["claims"]
    assert results["openings"].splitlines()[2].startswith("| 3x3 | 4 | 4 | 4 | 2 |")
    trusted = ("anchors", "intervals", "goodness", "cycles", "halves and colors")
    for name in (*trusted, "crossings", "slopes", "exchange by level", "search that pays", "lives", "plans"):
        widths = {line.count("|") for line in results[name].splitlines()}
        assert len(widths) == 1, name
        assert "5x5" in results[name]
    assert results["anchors"].splitlines()[2] == "| 3x3 | perfect | `perfect-3` | 0 | 0 |"
    assert all("<!--" not in value for value in results.values())


def test_verdicts_are_counted():
    analysis = small_analysis()
    results = compute_results(analysis)
    verdicts = [line.strip("| ").split(" | ")[-1] for line in results["claims"].splitlines()[2:]]
    assert results["comparisons"] == str(len(verdicts)) == "12"
    for verdict in ("holds", "does not hold", "undecided"):
        assert results[f"comparisons: {verdict}"] == str(verdicts.count(verdict))


def test_plans_are_told_over_all_boards():
    results = compute_results(small_analysis())
    rows = [line.strip("| ").split(" | ") for line in results["plans"].splitlines()[2:]]
    for games in ("1,000", "1,000,000", "1,000,000,000"):
        budgets = [float(row[5].split(" [")[0]) for row in rows if row[2] == games]
        shares = [float(row[7].split()[0]) for row in rows if row[2] == games]
        told = [*map(float, results[f"simulations of the plans, {games} games"].split(" to "))]
        assert {min(budgets), max(budgets)} == {*told}
        told = [*map(float, results[f"share of training in the plans, {games} games"].strip(" %").split(" to "))]
        assert [told[0], told[-1]] == pytest.approx([min(shares), max(shares)], rel=0.1)
    few, many = ([float(row[4].split(" [")[0]) for row in rows if row[2] == games] for games in ("1,000", "1,000,000"))
    times = [one / other for one, other in zip(many, few, strict=True)]
    told = [*map(float, results["times the training of the plans, 1,000,000 games for 1,000"].split(" to "))]
    assert [told[0], told[-1]] == pytest.approx([min(times), max(times)], rel=0.15)


def test_growth_is_told_over_every_span_of_boards():
    results, analysis = compute_results(small_analysis()), small_analysis()
    cost = {reach.size: reach.value for reach in analysis.reaches if reach.scale == "elo"}
    steps = [10 ** (cost[4] - cost[3]), 10 ** (cost[5] - cost[4])]
    assert [float(step) for step in results["factors of compute from board to board"].split(", ")] == pytest.approx(steps, rel=0.05)
    whole = float(results["growth of compute over 3x3 to 5x5"].partition(" ")[0])
    assert whole == pytest.approx(10 ** ((cost[5] - cost[3]) / 2), rel=0.05)


def test_a_preset_is_told_by_what_the_frontier_asks_for_its_elo():
    """A preset whose agents come out half-way up the frontier costs what its last one did over what the frontier costs there."""
    tables = tiny_with_preset()
    board = compute_frontier(tables).boards[0]
    middle = float(np.nanmean([np.nanmin(board.elo), np.nanmax(board.elo)]))
    preset = next(run.run for run in tables.runs if run.preset)
    ratings = tuple(
        dataclasses.replace(row, elo=middle) if tables.agent_by_key[row.agent].run == preset else row for row in tables.ratings
    )
    results = compute_results(analyze(dataclasses.replace(tables, ratings=ratings), bootstrap=0))
    cost = max(row.train_flops for row in tables.snapshots if row.run == preset)
    wanted = cost / 10 ** crossing(board.log10_flops, board.elo, middle).value
    assert float(results["preset paper on 3x3, times as dear"]) == float(f"{wanted:.1g}")


def test_pages_are_written_and_drift_is_named(experiment):
    page, tables = experiment / "README.md", experiment / "tables"
    assert write_results(tables, [page], bootstrap=0) == [tables / "results.json", page]
    shown = dict(list_marks(page.read_text(encoding="utf-8")))
    assert shown["networks"] == "12"
    assert shown["plans"].splitlines()[0].startswith("| board | Elo | games served | net | training FLOPs | simulations a move | bill, ")
    assert [line.split(" | ")[2] for line in shown["plans"].splitlines()[2:5]] == ["1,000", "1,000,000", "1,000,000,000"]
    assert check_results(tables, [page]) == check_results(tables, [page], recompute=False) == []

    page.write_text(page.read_text(encoding="utf-8").replace("-->12<", "-->13<"), encoding="utf-8")
    assert check_results(tables, [page], recompute=False) == [f"{page}: 'networks' is '13', not '12'"]
    record = json.loads((tables / "results.json").read_text(encoding="utf-8"))
    record["results"]["agents"] = "1"
    (tables / "results.json").write_text(json.dumps(record), encoding="utf-8")
    drifts = check_results(tables, [page])
    assert [drift.partition(" is ")[0] for drift in drifts] == ["results.json: 'agents'", f"{page}: 'networks'"]


def test_a_page_that_cannot_be_filled_leaves_everything_as_it_was(experiment):
    page = experiment / "README.md"
    page.write_text("<!--= no such thing -->", encoding="utf-8")
    with pytest.raises(ConfigError, match="does not end"):
        write_results(experiment / "tables", [page], bootstrap=0)
    assert not (experiment / "tables" / "results.json").exists()


def test_a_page_that_cannot_be_read_is_told_before_anything_is_computed(tmp_path):
    page = tmp_path / "page.md"
    with pytest.raises(ConfigError, match=r"page\.md' cannot be read \(No such file or directory\): name a Markdown file"):
        write_results(tmp_path / "nowhere", [page])
    page.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"page\.md' cannot be read \(not text in UTF-8\): name a Markdown file"):
        write_results(tmp_path / "nowhere", [page])
    page.write_text("<!--= games -->", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"page\.md: a mark of the page does not end"):
        write_results(tmp_path / "nowhere", [page])


@pytest.mark.parametrize("text", ["{", "[]", '{"seconds": 3}', '{"seconds": {"train": "long"}}'])
def test_a_damaged_manifest_is_told(text, experiment):
    (experiment / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=r"manifest\.json is damaged .*: restore it"):
        write_results(experiment / "tables")
    assert not (experiment / "tables" / "results.json").exists()


def test_results_must_be_there_to_be_checked(experiment):
    with pytest.raises(StoreError, match=r"results.json cannot be read .*: write it with `hexlab results`"):
        check_results(experiment / "tables")

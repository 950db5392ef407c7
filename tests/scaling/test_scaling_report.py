"""The report is one well-formed page that fetches nothing, escapes what it is given and survives small data."""

import dataclasses
import html.parser
import math

import pytest
from planted_tables import small_analysis, tiny

from hexlab.errors import ConfigError
from hexlab.scaling import analyze, answer_claims, list_measurements, plot_elo_scale, report, write_report
from hexlab.scaling.answers import tabulate_answers
from hexlab.scaling.figures import FIGURES
from hexlab.scaling.result_tables import tabulate_crossings, tabulate_plans
from hexlab.scaling.serving import find_plans
from hexlab.scaling.text_tables import TextTable

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(html.parser.HTMLParser):
    """Checks that tags nest, and gathers ids, resources, headings and text."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.resources, self.tags, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [values["id"]] if "id" in values else []
        self.resources += [values[name] for name in ("src", "href", "xlink:href", "data", "action") if name in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def plain_drawings(monkeypatch):
    """Leave the drawings out where the test is about the text."""
    monkeypatch.setattr(report, "render_numbers", lambda name, numbers: b"<svg></svg>")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    facts = {"title": "A <b>bold</b> title & more", "How long": {"training": "9 minutes"}, "Protocol": ["no noise"], "Limits": ["<one>"]}
    return parse(write_report(small_analysis(), tmp_path_factory.mktemp("report"), facts))


def test_the_page_is_self_contained(page):
    assert page.resources
    assert all(resource.startswith("#") for resource in page.resources)
    assert {resource[1:] for resource in page.resources} <= set(page.ids)
    assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in page.tags}


def test_the_page_is_accessible(page):
    assert len(page.ids) == len(set(page.ids))
    assert all(values.get("scope") in ("col", "row") for tag, values in page.tags if tag == "th")
    drawings = [values for tag, values in page.tags if tag == "svg"]
    assert len(drawings) == len(FIGURES)
    assert all(values["role"] == "img" and values["aria-label"] for values in drawings)
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert [values["lang"] for tag, values in page.tags if tag == "html"] == ["en"]
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert tables == sum(tag == "caption" for tag, _ in page.tags) > 5


def test_facts_are_shown_and_escaped(page):
    text = "".join(page.text)
    assert "A <b>bold</b> title & more" in text
    assert "9 minutes" in text
    assert "<one>" in text
    assert "b" not in {tag for tag, _ in page.tags}


def test_what_tables_hold_is_escaped(tmp_path, plain_drawings):
    tables, _ = tiny()
    evil = "<script>alert(1)</script>"
    old = tables.runs[0].run
    odd = dataclasses.replace(
        tables,
        runs=tuple(dataclasses.replace(row, run=row.run.replace(old, evil)) for row in tables.runs),
        snapshots=tuple(dataclasses.replace(row, run=row.run.replace(old, evil)) for row in tables.snapshots),
        agents=tuple(dataclasses.replace(row, run=row.run.replace(old, evil)) for row in tables.agents),
    )
    reader = parse(write_report(odd, tmp_path, bootstrap=0))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert evil in "".join(reader.text)


def test_small_data_is_reported_not_refused(tmp_path, plain_drawings):
    few = tiny()[0]
    keep = {few.runs[0].run}
    agents = tuple(row for row in few.agents if row.kind != "snapshot" or (row.run in keep and row.snapshot < 2))
    names = {row.agent for row in agents}
    least = dataclasses.replace(
        few,
        agents=agents,
        pairings=tuple(row for row in few.pairings if {row.first, row.second} <= names),
        ratings=tuple(row for row in few.ratings if row.agent in names),
    )
    text = "".join(parse(write_report(least, tmp_path, bootstrap=5)).text)
    assert "not enough data: needs a run on 3x3 with two trained snapshots" in text
    assert "Best agents" in text
    one_board = "".join(parse(write_report(few, tmp_path, bootstrap=5)).text)
    assert "not enough data: needs two boards" in one_board
    assert "No prediction of a held-out board: not enough data: needs two smaller boards" in one_board


def test_facts_that_cannot_be_shown_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="facts 'Machine' is 4"):
        write_report(tiny()[0], tmp_path, {"Machine": 4}, bootstrap=0)
    with pytest.raises(ConfigError, match="facts 'Limits' is 'none'"):
        write_report(tiny()[0], tmp_path, {"Limits": "none"}, bootstrap=0)


def test_cells_are_set_by_their_column_and_by_what_they_say():
    rows = (("`a<b`", "4", "holds"), ("c", "no games", "not enough data: needs a run"), ("d", "–", "does not hold"))
    written = report._table(TextTable("A title", ("agent", "games", "verdict"), rows, "A <note>.", (1,)), stack=True)
    assert '<th scope="row"><code>a&lt;b</code></th><td class="number" data-name="games">4</td>' in written
    for cell in ('"agrees" data-name="verdict">holds<', '"missing number" data-name="games">no games<',
                 '"missing" data-name="verdict">not enough data', '"differs" data-name="verdict">does not hold<'):  # fmt: skip
        assert f"<td class={cell}" in written
    assert written.endswith('</table></div><p class="note">A &lt;note&gt;.</p>')


def test_the_page_shows_the_rows_of_the_results(page):
    analysis, text = small_analysis(), "|".join(page.text)
    plans = tabulate_plans(analysis.tables, find_plans(analysis.tables, analysis.isoquants))
    for table in (tabulate_answers(answer_claims(analysis)), tabulate_crossings(analysis), plans):
        assert all("|".join(row) in text for row in (table.heads, *table.rows))


def test_search_and_plans_are_tables_of_the_page(page):
    text = " ".join("".join(page.text).split())
    assert "Where more search stops paying" in text
    assert "The cheapest pair of training and search" in text
    assert "1,000,000,000" in text
    assert "nan" not in text


def test_measurements_follow_from_the_fits():
    analysis = small_analysis()
    measured = {each.quantity.split(",")[0]: each for each in list_measurements(analysis)}
    law = analysis.laws["change_point"].parameters
    plateau = measured["growth of the plateau below perfect play"].value
    assert plateau == -law["m_plateau"]
    assert measured["3x3: log10 of compute (paper's count) to reach -50 Elo"].paper == pytest.approx(11.1, abs=0.05)
    assert all(each.low <= each.high for each in measured.values() if math.isfinite(each.low))
    assert set(analysis.sources) == {"openings", "seeds", "cells"}


def test_without_bootstrap_there_are_no_intervals():
    analysis = analyze(tiny()[0], bootstrap=0)
    assert all(math.isnan(each.low) for each in list_measurements(analysis) if each.paper_note != "its weakest snapshot")
    assert plot_elo_scale().axes

"""What the results page and the README quote comes from committed data: by name, by a command, recomputed here."""

import pathlib
import re
import runpy

import pytest

from hexlab.scaling import check_results, rate_tables

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "01_frontier"
PAGES = {FOLDER: [FOLDER / "README.md", ROOT / "README.md"], FOLDER / "laptop": [FOLDER / "laptop" / "README.md"]}
SCALES = pytest.mark.parametrize("scale", PAGES, ids=["workstation", "laptop"])


@SCALES
def test_pages_show_the_committed_results(scale):
    assert check_results(scale / "tables", PAGES[scale], recompute=False) == []


@pytest.mark.slow
@SCALES
def test_the_committed_results_are_those_of_the_committed_tables(scale):
    assert check_results(scale / "tables", PAGES[scale]) == []


@pytest.mark.slow
@SCALES
def test_the_published_ratings_are_those_of_the_games(scale):
    assert rate_tables(scale / "tables", check=True) == []


@pytest.mark.slow
def test_the_control_group_is_told_as_measured(capsys):
    runpy.run_path(str(FOLDER / "control_group.py"))
    lines = capsys.readouterr().out.splitlines()
    page = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    for line in lines:
        size, pairs, share = re.match(r"(\dx\d): \d+ of (\d+) differences within their interval, ([\d.]+)%", line).groups()
        assert f"{share} % ({size}, {pairs}" in page

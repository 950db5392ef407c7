"""What the results page and the README quote comes from committed data: by name, by a command, recomputed here."""

import pathlib
import re
import runpy

import pytest

from hexlab.scaling import check_results

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "01_frontier"
PAGES = [FOLDER / "README.md", ROOT / "README.md"]


def test_pages_show_the_committed_results():
    assert check_results(FOLDER / "tables", PAGES, recompute=False) == []


@pytest.mark.slow
def test_the_committed_results_are_those_of_the_committed_tables():
    assert check_results(FOLDER / "tables", PAGES) == []


@pytest.mark.slow
def test_the_control_group_is_told_as_measured(capsys):
    runpy.run_path(str(FOLDER / "control_group.py"))
    lines = capsys.readouterr().out.splitlines()
    page = " ".join(PAGES[0].read_text(encoding="utf-8").split())
    for line in lines:
        size, pairs, share = re.match(r"(\dx\d): \d+ of (\d+) differences within their interval, ([\d.]+)%", line).groups()
        assert f"{share} % ({size}, {pairs}" in page

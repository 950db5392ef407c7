"""experiments/01_frontier/perfect_on_6x6.md says what its games and the committed tables say."""

import pathlib
import sys

import pytest
from experiment_scripts import load_script

from hexlab import scaling
from hexlab.csv_tables import read_table
from hexlab.pairings import split_openings
from hexlab.records import PairOpenings

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "01_frontier"


@pytest.fixture(scope="module")
def script():
    yield load_script(FOLDER, "perfect_on_6x6")
    del sys.modules["perfect_on_6x6"]


@pytest.fixture(scope="module")
def tables():
    return scaling.read(FOLDER)


def test_the_page_is_that_of_the_games_and_tables(script, tables):
    rows = split_openings(read_table(script.GAMES, PairOpenings))
    assert script.make_page(tables, rows) == script.PAGE.read_text(encoding="utf-8")


def test_those_play_that_are_strong_and_ship_whole(script, tables):
    best = max(row.elo for row in tables.ratings if row.size == 6)
    players = list(script.list_players(tables))
    met = {row.first for row in read_table(script.GAMES, PairOpenings)}
    assert {player.name for player in players} == met
    assert all(tables.rating_by_agent[player.name].elo > best - script.NEAR for player in players)
    assert all(pathlib.Path(player.path).stat().st_size < 200_000 for player in players), "larger files hold rounded parameters"

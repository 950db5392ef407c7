"""Tables as files: equal rows give equal bytes, and what cannot be a table is told."""

import dataclasses
import lzma

import pytest

from hexlab.csv_tables import columns, read_table, to_frame, write_table
from hexlab.errors import StoreError
from hexlab.records import Agent, Opening, Rating, Run, Snapshot

RUN = Run("3f9a", 3, 8, 2, seed=0, parameters=92, train_simulations=16, config='{"size": 3}')
SNAPSHOT = Snapshot("3f9a", 1, 4096, 65536, 1.5e9, 0.25e9, 1.75e9, 6e8)
AGENT = Agent("3f9a/1@8", 3, "snapshot", "3f9a", 1, test_simulations=8, test_flops=1472.0)


def test_tables_have_stable_bytes_and_come_back(tmp_path):
    rows = [
        Rating("b, the second", 3, 1 / 3, -1e5, 2e5 / 3, 10, float("nan"), float("nan"), float("nan"), 0),
        Rating("a", 3, -0.1, -1.0, 1.0, 10, 0.5, 0.25, 0.75, 4, "perfect-3"),
    ]
    path = write_table(tmp_path / "deep" / "ratings.csv", rows)
    assert path.read_bytes() == (
        b"agent,size,elo,low,high,games,perfect_score,perfect_score_low,perfect_score_high,perfect_games,"
        b"anchor,anchor_error\n"
        b"a,3,-0.1,-1.0,1.0,10,0.5,0.25,0.75,4,perfect-3,0.0\n"
        b'"b, the second",3,0.3333333333333333,-100000.0,66666.66666666667,10,nan,nan,nan,0,,0.0\n'
    )
    assert write_table(tmp_path / "again.csv", rows[::-1]).read_bytes() == path.read_bytes()
    first, second = read_table(path, Rating)
    assert first == rows[1]
    assert (second.elo, second.low, second.high) == (1 / 3, -1e5, 2e5 / 3)
    assert [file.name for file in path.parent.iterdir()] == ["ratings.csv"], "no partial file is left behind"
    with pytest.raises(StoreError, match=r"starts with 'agent,size,elo.*expected the columns 'run,snapshot"):
        read_table(path, Snapshot)
    path.write_text(path.read_text().replace(",10,", ",ten,"))
    with pytest.raises(StoreError, match=r"row 2 of .*ratings.csv: games is 'ten', not int as in a Rating row"):
        read_table(path, Rating)
    with pytest.raises(StoreError, match="cannot be read as a table of Rating rows"):
        read_table(tmp_path / "absent.csv", Rating)


def test_packed_tables_have_stable_bytes_and_come_back(tmp_path):
    rows = [Opening(3, "a", "b", opening, 1, 1, moves=14) for opening in ("c1 c2", "a1 b2", "b2 a1")]
    packed = write_table(tmp_path / "openings.csv.xz", rows)
    assert lzma.decompress(packed.read_bytes()) == write_table(tmp_path / "openings.csv", rows).read_bytes()
    assert write_table(tmp_path / "other.csv.xz", rows).read_bytes() == packed.read_bytes(), "neither name nor time is kept"
    assert read_table(packed, Opening) == sorted(rows, key=dataclasses.astuple)
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(StoreError, match="cannot be read as a table of Opening rows"):
        read_table(packed, Opening)


def test_an_empty_table_keeps_its_columns(tmp_path):
    path = write_table(tmp_path / "none.csv", [], Agent)
    assert path.read_text() == "agent,size,kind,run,snapshot,test_simulations,test_flops\n"
    assert read_table(path, Agent) == []
    with pytest.raises(StoreError, match="name the kind of row"):
        write_table(tmp_path / "none.csv", [])
    with pytest.raises(StoreError, match="holds rows of Agent"):
        write_table(tmp_path / "mixed.csv", [AGENT, RUN])


def test_tables_become_columns_and_frames():
    assert columns([SNAPSHOT])["simulations"] == [65536]
    assert columns([], Snapshot)["samples"] == []
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    frame = to_frame([AGENT, dataclasses.replace(AGENT, agent="other")])
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["agent"]) == ["3f9a/1@8", "other"]

"""Tables survive the way to disk and back, and say what is wrong with a file that is not one."""

import dataclasses
import math

import numpy as np
import pytest
from planted_tables import small, tiny

from hexlab.errors import StoreError
from hexlab.records import Timing
from hexlab.rules.sgf import Game
from hexlab.scaling import NotEnoughDataError, Tables, compute_frontier, paper_curves, read
from hexlab.scaling.frontiers import compute_frontiers


def test_csv_gives_back_every_row_to_the_last_digit(tmp_path):
    tables, _ = small()
    paths = tables.to_csv(tmp_path / "tables")
    assert sorted(path.name for path in paths) == ["agents.csv", "pairings.csv.xz", "ratings.csv", "runs.csv", "snapshots.csv"]
    again = read(tmp_path)  # found in its subfolder "tables"
    for name in ("runs", "snapshots", "agents", "pairings", "ratings"):
        assert sorted(map(repr, getattr(again, name))) == sorted(map(repr, getattr(tables, name)))


def test_a_second_write_leaves_the_same_bytes(tmp_path):
    tables, _ = tiny()
    first = [path.read_bytes() for path in tables.to_csv(tmp_path)]
    assert [path.read_bytes() for path in read(tmp_path).to_csv(tmp_path)] == first


def test_joined_frame_holds_a_row_for_each_rated_agent():
    pandas = pytest.importorskip("pandas")
    tables, _ = tiny()
    frames = tables.to_frames()
    assert set(frames) == {"runs", "snapshots", "agents", "pairings", "ratings", "timings", "joined"}
    joined = frames["joined"].set_index("agent")
    assert isinstance(joined, pandas.DataFrame)
    assert len(joined) == len(tables.ratings)
    agent = next(each for each in tables.agents if each.snapshot == 3)
    assert joined.loc[agent.agent, "train_flops"] == tables.snapshot_by_key[agent.run, 3].train_flops
    assert joined.loc[agent.agent, "width"] == tables.run_by_key[agent.run].width
    assert joined.loc["perfect-3", "elo"] == 0


def test_games_to_show_lie_beside_the_tables(tmp_path):
    tables, _ = small()
    games = (Game(4, "b2 c3 a1"), Game(3, "b2 a1 b1 c1 b3", black="one", white="other"))
    shown = dataclasses.replace(tables, games=games)
    assert (tmp_path / "games.sgf") in shown.to_csv(tmp_path)
    assert read(tmp_path).games == games
    assert read(tmp_path).games == games
    assert shown.select(3).games == games[1:]
    assert tables.games == ()


def test_select_keeps_one_board_alone():
    tables, _ = small()
    part = tables.select(4)
    assert {row.size for row in (*part.runs, *part.agents, *part.pairings, *part.ratings)} == {4}
    with pytest.raises(StoreError, match=r"no run on a 7x7 board: the tables hold sizes \[3, 4, 5\]"):
        tables.select(7)


def test_files_that_are_no_tables_are_refused(tmp_path):
    with pytest.raises(StoreError, match="no folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"no runs\.csv"):
        read(tmp_path)
    tiny()[0].to_csv(tmp_path)
    agents, runs = tmp_path / "agents.csv", (tmp_path / "runs.csv").read_text()
    kept = agents.read_text()

    agents.unlink()
    with pytest.raises(StoreError, match=r"agents\.csv cannot be read as a table of Agent rows"):
        read(tmp_path)
    agents.write_text(runs)
    with pytest.raises(StoreError, match=r"starts with 'run,size.*expected the columns 'agent,size,kind"):
        read(tmp_path)
    agents.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match="cannot be read as a table of Agent rows"):
        read(tmp_path)
    agents.write_text(kept[: kept.rindex(",")])
    with pytest.raises(StoreError, match="cells, not the 7 of Agent: is the file cut off"):
        read(tmp_path)
    agents.write_text(kept.replace("random-3,3,", "random-3,three,", 1))
    with pytest.raises(StoreError, match=r"row \d+ of .*agents\.csv: size is 'three', not int"):
        read(tmp_path)
    agents.write_text("\n".join(kept.splitlines()[:-1]) + "\n")
    with pytest.raises(StoreError, match="is in no other table"):
        read(tmp_path)


def test_rows_that_contradict_one_another_are_refused():
    tables, _ = tiny()
    with pytest.raises(StoreError, match="is there twice"):
        dataclasses.replace(tables, runs=tables.runs * 2)
    with pytest.raises(StoreError, match=r"snapshots\.csv: run"):
        Tables((), tables.snapshots, (), (), ())
    odd = dataclasses.replace(tables.pairings[0], half=2)
    with pytest.raises(StoreError, match=r"half 2 .* is neither 0 nor 1"):
        dataclasses.replace(tables, pairings=(odd,))
    rating, agent = tables.ratings[0], tables.agents[-1]
    with pytest.raises(StoreError, match=r"ratings\.csv: .* is rated on 4x4, and plays 3x3 by agents\.csv"):
        dataclasses.replace(tables, ratings=(dataclasses.replace(rating, size=4),))
    with pytest.raises(StoreError, match=r"agents\.csv: .* plays 4x4, and its run .* is of 3x3 by runs\.csv"):
        dataclasses.replace(tables, agents=(dataclasses.replace(agent, size=4),))


def test_paper_curves_are_complete():
    curves = paper_curves()
    assert len(curves) == 2966
    assert len({(point.size, point.width, point.depth) for point in curves}) == 195
    assert min(point.elo for point in curves if point.size == 3) == -322.1


def test_seconds_leave_out_the_start_of_a_run():
    tables, _ = tiny()
    seconds = tuple(Timing(row.run, row.snapshot, (4.0 + row.train_flops / 1e9) * (row.snapshot > 0), math.nan) for row in tables.snapshots)
    timed = dataclasses.replace(tables, timings=seconds)
    for row in tables.snapshots:
        assert timed.cost(row.run, row.snapshot, "train_seconds") == pytest.approx(row.train_flops / 1e9, abs=1e-9)
    alone = dataclasses.replace(tables, timings=tuple(row for row in seconds if row.snapshot == 1))
    assert {alone.cost(row.run, 1, "train_seconds") for row in tables.runs} == {row.seconds for row in alone.timings}


def test_a_frontier_by_the_clock_is_the_one_by_compute_where_every_run_is_as_fast():
    tables, _ = tiny()
    with pytest.raises(NotEnoughDataError, match=r"needs timings\.csv"):
        compute_frontier(tables, x="train_seconds")
    seconds = tuple(Timing(row.run, row.snapshot, row.train_flops / 1e9, row.train_flops / 1e8) for row in tables.snapshots)
    timed = dataclasses.replace(tables, timings=seconds)
    costs = ("train_seconds", "train_joules", "train_flops")
    (by_clock,), (by_energy,), (by_compute,) = (compute_frontier(timed, x=x).boards for x in costs)
    np.testing.assert_allclose(by_clock.log10_flops + 9, by_compute.log10_flops)
    np.testing.assert_allclose(by_energy.log10_flops + 8, by_compute.log10_flops)
    np.testing.assert_allclose(by_clock.elo, by_compute.elo)
    np.testing.assert_allclose(by_energy.elo, by_compute.elo)
    silent = dataclasses.replace(tables, timings=tuple(dataclasses.replace(row, joules=math.nan) for row in seconds))
    assert compute_frontiers(silent, (3,), x="train_joules")[0] is None, "the computer does not tell"
    some = dataclasses.replace(tables, timings=tuple(row for row in seconds if row.run != tables.runs[0].run))
    assert set(compute_frontier(some, x="train_seconds").boards[0].run) == {tables.runs[1].run}

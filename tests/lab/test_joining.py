"""Folders of different boards become one experiment: the same as if one folder had held all of them."""

import itertools
import json
import math
import shutil

import pytest

from hexlab import arena, scaling
from hexlab.csv_tables import read_table, table_file, write_table
from hexlab.errors import RunError, StoreError
from hexlab.lab import pipeline
from hexlab.lab.joining import join_runs
from hexlab.lab.manifests import read_manifest
from hexlab.lab.status import read_status
from hexlab.pairings import count_pairings, join_openings
from hexlab.records import Agent, Conversion, Opening, Pairing, PairOpenings, Rating, Run, Snapshot, Timing
from hexlab.rules import sgf

EXPERIMENT = """
[apart]
about = "three boards"
seeds = [0]
test_simulations = [1, 4]
openings = 10
bootstrap = 20
settings = { groups = 1, boards = 64, slice_moves = 4, simulations = 8, buffer = 9_000, snapshots = 3, batch = 128 }
"""
BOARD = """
[[apart.boards]]
size = {size}
nets = ["2x1"]
simulations = 20_000
flops = 1e12
settings = {{}}
"""


@pytest.mark.slow
def test_boards_run_apart_and_joined_are_those_of_one_run(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT + "".join(BOARD.format(size=size) for size in (3, 4, 7)))
    for name, sizes in (("whole", None), ("small", (4,)), ("large", (7, 3))):
        list(pipeline.reproduce("apart", tmp_path / name, sizes=sizes, workers=2, experiment=path))
    alone = [row for row in read_table(tmp_path / "large" / "tables" / "ratings.csv", Rating) if row.size == 7]
    assert all(math.isnan(row.anchor_error) for row in alone), "with 3x3 alone 7x7 does not know how far its strongest is from perfect play"

    written = join_runs([tmp_path / "large", tmp_path / "small"], tmp_path / "joined")
    assert {file.name for file in written} == {file.name for file in (tmp_path / "whole" / "tables").iterdir()} | {"manifest.json"}
    for file in written:
        if file.name not in ("manifest.json", "timings.csv"):
            assert file.read_bytes() == (tmp_path / "whole" / "tables" / file.name).read_bytes(), file.name
    joined, whole = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("joined", "whole"))
    assert joined.keys() == whole.keys()
    assert (joined["grid"], joined["tournaments"]) == (whole["grid"], whole["tournaments"])
    command = f"hexlab reproduce --scale apart --experiment {path}"
    assert joined["command"] == f"{command} --sizes 3 7; {command} --sizes 4"


AGENTS = {5: 0.9, 6: 0.9, 7: 0.8}
"""Share of the solved positions that the strongest agent of each board converts."""


def write_folder(folder, sizes, finished=True, **changed):
    """A folder of one strong and one weak agent on each board, with perfect play on 5x5 and 6x6."""
    runs, snapshots, agents, openings, timings, conversions = [], [], [], [], [], []
    for size in sizes:
        run = f"run{size}"
        runs.append(Run(run, size, 2, 1, 0, 10, 8, "{}"))
        snapshots.append(Snapshot(run, 0, 64, 512, 1e6, 1e6, 2e6, 1e5))
        timings.append(Timing(run, 0, 1.5, math.nan))
        names = [f"{run}/0@{budget}" for budget in (4, 1)]
        agents += [Agent(name, size, "snapshot", run, 0, budget, 1e3) for name, budget in zip(names, (4, 1), strict=True)]
        if size < 7:
            agents.append(Agent(f"perfect-{size}", size, "perfect", "", -1, 0, 0.0))
            names.insert(0, f"perfect-{size}")
        for better, worse in itertools.pairwise(names):
            openings += [Opening(size, better, worse, f"a{row} b{row}", 1, row % 2, 20) for row in range(1, 5)]
        conversions.append(Conversion(size, f"{run}/0@4", round(300 * AGENTS[size]), 300))
    pairings = count_pairings(openings)
    ratings = arena.rate_boards(pairings, agents, conversions)
    tables = {
        "runs": (runs, Run), "snapshots": (snapshots, Snapshot), "agents": (agents, Agent), "ratings": (ratings, Rating),
        "pairings": (pairings, Pairing), "openings": (join_openings(openings), PairOpenings),
        "timings": (timings, Timing), "conversions": (conversions, Conversion),
    }  # fmt: skip
    for name, (rows, kind) in tables.items():
        write_table(folder / "tables" / table_file(name), rows, kind)
    grid = {"scale": "planted", "about": "planted", "openings": 4, "cells": [{"size": size} for size in sizes], "half_widths": {run: 40.0}}
    manifest = {
        "command": f"hexlab reproduce --scale planted --sizes {' '.join(map(str, sizes))}",
        "seed": 0,
        "grid": {**grid, **changed},
        "machine": {"commit": f"of {sizes[0]}", "cores": 2},
        "later_machines": [{"commit": "later", "cores": 2}],
        "seconds": {"train": 10.0 * sizes[0], "rate": 1.0},
        "tournaments": {str(size): {"pool": "x"} for size in sizes},
        "finished": finished,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def read_anchor(folder, size):
    rows = [row for row in scaling.read(folder).ratings if row.size == size]
    assert len({(row.anchor, str(row.anchor_error)) for row in rows}) == 1
    return rows[0].anchor, rows[0].anchor_error


def test_a_board_takes_its_zero_from_the_boards_of_the_other_folder(tmp_path):
    small, large = write_folder(tmp_path / "small", (5, 6)), write_folder(tmp_path / "large", (7,))
    assert math.isnan(read_anchor(large, 7)[1])
    whole = write_folder(tmp_path / "whole", (5, 6, 7))
    said: list[str] = []
    join_runs([large, small], tmp_path / "joined", say=said.append)
    assert said[0] == "reading the tables of 2 folders"
    assert [line.partition(":")[0] for line in said[2:]] == ["rating 5x5", "rating 6x6", "rating 7x7"]
    assert read_anchor(tmp_path / "joined", 7) == read_anchor(whole, 7)
    for path in (whole / "tables").iterdir():
        assert (tmp_path / "joined" / "tables" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_manifest_tells_of_all_folders(tmp_path):
    small, large = write_folder(tmp_path / "small", (5,)), write_folder(tmp_path / "large", (6, 7))
    (tmp_path / "joined").mkdir()
    join_runs([large, small], tmp_path / "joined")
    manifest = read_manifest(tmp_path / "joined")
    assert manifest["command"] == "hexlab reproduce --scale planted --sizes 5; hexlab reproduce --scale planted --sizes 6 7"
    assert [cell["size"] for cell in manifest["grid"]["cells"]] == [5, 6, 7]
    assert manifest["grid"]["half_widths"] == {"run5": 40.0, "run7": 40.0}
    assert [machine["commit"] for machine in (manifest["machine"], *manifest["later_machines"])] == ["of 5", "later", "of 6"]
    assert manifest["seconds"] == {"rate": 2.0, "train": 110.0}
    assert sorted(manifest["tournaments"]) == ["5", "6", "7"]
    assert list(tmp_path.glob(".joined*")) == []


def test_folders_that_are_not_of_one_experiment_are_refused(tmp_path):
    five, six = write_folder(tmp_path / "five", (5,)), write_folder(tmp_path / "six", (6,))
    with pytest.raises(RunError, match=r"folders to join: .*five: give two or more"):
        join_runs([five], tmp_path / "out")
    with pytest.raises(RunError, match=r"five and .*both hold 5x5"):
        join_runs([five, six, write_folder(tmp_path / "both", (5, 6))], tmp_path / "out")
    with pytest.raises(RunError, match=r"has openings 8 and .*five has 4: join folders of one scale and protocol"):
        join_runs([five, write_folder(tmp_path / "other", (6,), openings=8)], tmp_path / "out")
    half = write_folder(tmp_path / "half", (6,), finished=False)
    with pytest.raises(RunError, match=r"half is not finished: `hexlab reproduce --scale planted --sizes 6 --out .*half` goes on with it"):
        join_runs([five, half], tmp_path / "out")
    with pytest.raises(RunError, match=r"nowhere holds no manifest\.json"):
        join_runs([five, tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(RunError, match="six is there already: name a folder to create"):
        join_runs([five, six], six)
    assert not (tmp_path / "out").exists()


def test_games_are_those_of_one_folder_in_order_of_their_boards(tmp_path):
    folders = write_folder(tmp_path / "odd", (5, 7)), write_folder(tmp_path / "even", (6,))
    for folder, sizes in zip(folders, ((5, 7), (6,)), strict=True):
        (folder / "tables" / "games.sgf").write_text("".join(sgf.write(sgf.Game(size, "b2 a1")) for size in sizes))
    join_runs(folders, tmp_path / "joined")
    assert [game.size for game in sgf.load(tmp_path / "joined" / "tables" / "games.sgf")] == [5, 6, 7]


def test_damaged_folders_are_refused_and_nothing_is_written(tmp_path):
    def spoil(what, name, change):
        shutil.rmtree(tmp_path / "six", ignore_errors=True)
        five, six = write_folder(tmp_path / "five", (5,)), write_folder(tmp_path / "six", (6,))
        change(six / name)
        with pytest.raises((RunError, StoreError), match=what):
            join_runs([five, six], tmp_path / "out")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["five", "six"]

    def without(*keys):
        def change(path):
            manifest = json.loads(path.read_text())
            place = manifest
            for key in keys[:-1]:
                place = place[key]
            del place[keys[-1]]
            path.write_text(json.dumps(manifest))

        return change

    for key in ("command", "finished", "grid", "later_machines", "machine", "seed", "tournaments"):
        spoil(f"manifest.json has no '{key}', it is damaged or of an earlier version", "manifest.json", without(key))
    spoil(r"manifest.json is damaged \(its grid names no boards: 'cells'\)", "manifest.json", without("grid", "cells"))
    spoil("manifest.json is damaged", "manifest.json", lambda path: path.write_text("{"))
    spoil("the tables of .*six: no runs.csv", "tables/runs.csv", lambda path: path.unlink())
    spoil("the tables of .*six: agents.csv: snapshot .* is in no other table", "tables/snapshots.csv", cut)
    spoil("the tables of .*six: pairings.csv.xz: agent .* is in no other table", "tables/agents.csv", cut)
    spoil(r"ratings.csv lacks 'run6/0@4', which pairings.csv.xz names", "tables/ratings.csv", cut)
    spoil("the tables of .*six: .* this is no SGF", "tables/games.sgf", lambda path: path.write_bytes(b"\xff"))
    nothing = r"pairings.csv.xz holds boards \[\], and manifest.json names \[6\]"
    spoil(nothing, "tables/pairings.csv.xz", lambda path: write_table(path, [], Pairing))


def cut(path):
    """Cut a table's last row off."""
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def test_a_folder_that_cannot_be_made_is_said_to(tmp_path):
    folders = write_folder(tmp_path / "five", (5,)), write_folder(tmp_path / "six", (6,))
    with pytest.raises(RunError, match=r"manifest\.json is a file: name a folder"):
        join_runs(folders, tmp_path / "five" / "manifest.json" / "inside")


def test_a_joined_folder_is_finished_and_no_job(tmp_path):
    join_runs([write_folder(tmp_path / "five", (5,)), write_folder(tmp_path / "six", (6,))], tmp_path / "joined")
    assert str(read_status(tmp_path / "joined")) == f"{tmp_path / 'joined'}: finished\n2 of 2 networks trained, 0 being trained, 0 failed"
    with pytest.raises(RunError, match="joined holds tables and no networks, as `hexlab join` makes them: go on in the folders"):
        pipeline.reproduce("tiny", tmp_path / "joined")

"""How experiments/01_frontier/ship.py chooses agents and writes their cards, on boards that the solver does not cover too."""

import dataclasses
import json
import math
import pathlib
import sys
import types

import numpy as np
import pytest
from experiment_scripts import load_script

from hexlab import arena, cards, network, records
from hexlab.cards import Card
from hexlab.csv_tables import read_table, write_table
from hexlab.errors import StoreError
from hexlab.scaling import Tables
from hexlab.scaling.frontiers import Step
from hexlab.training import Config
from hexlab.training.loop import Timing

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "01_frontier"
BUDGETS = (1, 64)


@pytest.fixture(scope="module")
def ship():
    yield load_script(FOLDER, "ship")
    del sys.modules["ship"]


def make_steps(*costs):
    return [Step(f"at {cost:g}", cost, 100 * cost, 100 * cost) for cost in costs]


def test_the_ladder_rises_by_all_games(ship):
    steps = make_steps(6, 7, 8, 9)
    elos = zip(steps, (-300, -100, -150, -90), strict=True)
    tables = types.SimpleNamespace(rating_by_agent={step.agent: types.SimpleNamespace(elo=elo) for step, elo in elos})
    assert ship.climb(steps, tables) == [steps[0], steps[1], steps[3]]


def test_those_leave_that_are_closest_to_others(ship):
    steps = make_steps(6, 6.1, 6.3, 7, 8, 8.85, 9)
    light = dict.fromkeys((step.agent for step in steps), 1)
    assert [step.log10_flops for step in ship.thin(steps, 7, 99, light)] == [6, 6.1, 6.3, 7, 8, 8.85, 9]
    assert [step.log10_flops for step in ship.thin(steps, 5, 99, light)] == [6, 6.3, 7, 8, 9]
    assert [step.log10_flops for step in ship.thin(steps, 2, 99, light)] == [6, 9]


def test_heavy_ones_leave_and_the_strongest_stays(ship):
    steps = make_steps(6, 7, 8, 9)
    weights = dict(zip((step.agent for step in steps), (1, 8, 5, 10), strict=True))
    assert ship.thin(steps, 8, 16, weights) == [steps[0], steps[2], steps[3]]
    assert ship.thin(steps, 8, 2, weights) == [steps[3]]


def plant_run(folder, size, width, anchor_error):
    """Write the folder of a grid whose one run on a board without perfect play gets stronger from snapshot to snapshot."""
    run = f"{size:010d}"
    architecture = network.Architecture(size=size, width=width, depth=1)
    cell = folder / "cells" / run / "snapshots"
    cell.mkdir(parents=True)
    snapshots, agents, timings, strength = [], [], [], {}
    for number in range(4):
        network.save(cell / f"{number:03d}.safetensors", architecture, network.init_params(architecture, seed=number))
        flops = 1e6 * 10.0**number if number else 0.0
        snapshots.append(records.Snapshot(run, number, 64 * number, 2048 * number, 0.9 * flops, 0.1 * flops, flops, flops / 2))
        timings.append(records.Timing(run, number, 2.5 * number, math.nan))
        for budget in BUDGETS:
            name = f"{run}/{number}@{budget}"
            agents.append(records.Agent(name, size, "snapshot", run, number, budget, 1e3 * budget))
            strength[name] = number + budget / 64
    pairings = []
    for first in sorted(strength):
        for second in sorted(strength):
            if first < second:
                wins = round(40 / (1 + math.exp(strength[second] - strength[first])))
                pairings += [records.Pairing(size, first, second, half, wins, 0, 0, 40 - wins) for half in (0, 1)]
    ratings = list(arena.rate(pairings, anchor=arena.Anchor((f"{run}/3@64",), "strongest", -20.0, anchor_error)))
    config = Config(size=size, width=width, depth=1, groups=1, boards=64, slice_moves=1)
    names = [field.name for field in dataclasses.fields(Timing) if field.name != "elapsed"]
    clock = [{"iteration": iteration, "elapsed": 3.5 * iteration} | dict.fromkeys(names, 1.0) for iteration in (1, 2, 3)]
    (cell.parent / "timings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in clock), encoding="utf-8")
    runs = [records.Run(run, size, width, 1, 0, architecture.parameters, 32, config.to_json())]
    Tables(runs, snapshots, agents, pairings, ratings, timings).to_csv(folder / "tables")
    machine = {"commit": "0" * 40, "libraries": {"jax": "0.10"}, "processor": "one"}
    manifest = {
        "command": "hexlab reproduce --scale planted", "machine": machine, "later_machines": [{"commit": "1" * 40}],
        "grid": {"scale": "planted", "openings": 32, "half_width": 100}, "tournaments": {str(size): {"half_width": 100}},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def read_facts(path):
    return network.load(path).metadata


@pytest.mark.parametrize(("size", "width", "anchor_error"), [(6, 256, 30.0), (9, 4, math.nan)])
def test_boards_beyond_the_solver_ship_too(ship, size, width, anchor_error, tmp_path, monkeypatch):
    plant_run(tmp_path / "run", size, width, anchor_error)
    package = tmp_path / "agents"
    (package / "frontier").mkdir(parents=True)
    other, stale = package / "frontier" / "3x3-1x1-s0-01.safetensors", package / "frontier" / f"{size}x{size}-1x1-s0-01.safetensors"
    for path in (other, stale):
        path.write_bytes(b"before")
    for name, value in (("PACKAGE", package), ("OUT", package / "frontier"), ("PAGE", tmp_path / "agents.md")):
        monkeypatch.setattr(ship, name, value)
    monkeypatch.setattr(sys, "argv", ["ship.py", str(tmp_path / "run")])
    ship.main()
    assert (other.exists(), stale.exists()) == (True, False)
    shipped = sorted(path for path in (package / "frontier").iterdir() if path != other)
    assert [path.stem for path in shipped] == [f"{size}x{size}-{width}x1-s0-{number:02d}" for number in (1, 2, 3)]
    assert (tmp_path / "agents.md").read_text(encoding="utf-8").startswith("# Agents of the frontier")

    facts = read_facts(shipped[-1])
    known = math.isfinite(anchor_error)
    assert facts["pool"]["anchor"] == {
        "agent": f"{size:010d}/3@64", "kind": "strongest", "elo": -20.0, "error": anchor_error if known else None
    }  # fmt: skip
    assert (facts["pool"]["agents"], facts["pool"]["games"]) == (8, 2 * 2 * 40 * 28)
    assert [row["simulations"] for row in facts["elo"]] == [1, 64]
    assert [row["against_perfect"] for row in facts["elo"]] == [None, None]
    assert facts["elo"][-1]["elo"] == -20.0
    assert [facts["cost"][name] for name in ("seconds", "core_seconds", "train_flops")] == [10.5, 7.5, 1e9]
    assert facts["origin"]["commits"] == ["0" * 40, "1" * 40]
    card = Card("", "frontier", size, width, 1, facts, shipped[-1])
    assert [*card.find_blunders(1)] == [*card.find_blunders(64)] == (["solved suite, hard", "solved suite, random"] if size == 6 else [])
    source = network.load(tmp_path / "run" / "cells" / f"{size:010d}", 3)
    kernel = np.asarray(source.params["policy"]["kernel"])
    assert facts["parameters"] == ("float16" if width == 256 else "float32")
    kept = kernel.astype(facts["parameters"]).astype(np.float32)
    np.testing.assert_array_equal(network.load(shipped[-1]).params["policy"]["kernel"], kept)

    before = [path.read_bytes() for path in shipped]
    ship.main()
    assert [path.read_bytes() for path in shipped] == before


def test_cards_tell_what_the_tables_say_now(ship, tmp_path, monkeypatch):
    """Everything else stays, to the byte where the tables do."""
    plant_run(tmp_path / "run", 6, 256, 30.0)
    package = tmp_path / "agents"
    (package / "frontier").mkdir(parents=True)
    for name, value in (("PACKAGE", package), ("OUT", package / "frontier"), ("PAGE", tmp_path / "agents.md")):
        monkeypatch.setattr(ship, name, value)
    monkeypatch.setattr(cards, "_FOLDER", package)
    words = ["ship.py", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", words)
    ship.main()
    shipped = sorted((package / "frontier").iterdir())
    before = [path.read_bytes() for path in shipped]
    monkeypatch.setattr(sys, "argv", [*words, "--again"])
    ship.main()
    assert [path.read_bytes() for path in shipped] == before

    path = tmp_path / "run" / "tables" / "ratings.csv"
    rows = [dataclasses.replace(row, elo=row.elo - 7, low=row.low - 7, high=row.high - 7) for row in read_table(path, records.Rating)]
    write_table(path, rows, records.Rating)
    old = read_facts(shipped[-1])
    ship.main()
    new = read_facts(shipped[-1])
    assert [row["elo"] for row in new["elo"]] == [pytest.approx(row["elo"] - 7) for row in old["elo"]]
    assert new["pool"]["anchor"]["elo"] == pytest.approx(old["pool"]["anchor"]["elo"] - 7)
    assert {name: new[name] for name in new.keys() - {"elo", "frontier", "pool"}} == {
        name: old[name] for name in old.keys() - {"elo", "frontier", "pool"}
    }
    assert f"{new['elo'][-1]['elo']:.0f} (" in (tmp_path / "agents.md").read_text(encoding="utf-8")

    (tmp_path / "run" / "tables" / "agents.csv").unlink()
    with pytest.raises(StoreError, match="agents"):
        ship.main()


def test_too_much_is_refused_before_anything_is_written(ship, tmp_path, monkeypatch):
    plant_run(tmp_path / "run", 6, 4, 30.0)
    package = tmp_path / "agents"
    package.mkdir()
    (package / "5x5.safetensors").write_bytes(b"0" * 10_000_000)
    monkeypatch.setattr(ship, "PACKAGE", package)
    monkeypatch.setattr(ship, "OUT", package / "frontier")
    monkeypatch.setattr(sys, "argv", ["ship.py", str(tmp_path / "run")])
    with pytest.raises(SystemExit, match=r"10\.0 MB of agents, 10 MB at most may ship: lower --megabytes or --most"):
        ship.main()
    assert [path.name for path in package.iterdir()] == ["5x5.safetensors"]

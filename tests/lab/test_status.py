"""How a job stands, by its folder: running, stopped, dead or finished."""

import json
import os

import pytest

from hexlab.errors import RunError
from hexlab.lab.heartbeats import Heartbeat
from hexlab.lab.pipeline import reproduce
from hexlab.lab.runs import claim_path
from hexlab.lab.status import read_status
from hexlab.training import Config, run_key, train

CELLS = [
    Config(size=3, width=2, depth=1, seed=seed, samples=512, simulations=2, groups=1, boards=64, slice_moves=2, batch=64, buffer=9_000)
    for seed in (0, 1, 2)
]


@pytest.fixture
def job(tmp_path):
    """One network is trained, one is at its second of four iterations, and one waits."""
    cells = tmp_path / "cells"
    cells.mkdir()
    described = {"scale": "tiny", "cells": [json.loads(cell.to_json()) for cell in CELLS]}
    manifest = {"command": "hexlab reproduce --scale tiny", "grid": described, "finished": False}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    list(train(CELLS[0], cells / run_key(CELLS[0]), threads=1))
    run = cells / run_key(CELLS[1])
    reports = train(CELLS[1], run, threads=1)
    next(reports), next(reports)
    with Heartbeat(tmp_path / "progress.json") as beat, Heartbeat(claim_path(run)):
        beat.tell(state="running", stage="train", done=0.5, eta=75.0, message="1 of 3 networks trained, 1 running", failed=["x: diverged"])
        yield tmp_path
    reports.close()


def test_a_running_job_shows_who_trains_what_and_what_failed(job):
    status = read_status(job)
    me = f"process {os.getpid()} on {status.host}"
    assert (status.state, status.networks, status.trained, status.failed) == ("running", 3, 1, ("x: diverged",))
    assert not status.well, "a network failed"
    first, stage, count, cell, failed = str(status).splitlines()
    assert first.startswith(f"{job}: running, {me}, last sign of life 0:00:0")
    assert stage == "train 50 %, 0:01:15 left: 1 of 3 networks trained, 1 running"
    assert count == "1 of 3 networks trained, 1 being trained, 1 failed"
    assert cell.startswith(f"  3x3 2x1 seed 1, run {run_key(CELLS[1])}: iteration 2 of 4, 0:00:0")
    assert cell.endswith(me)
    assert failed == "  failed: x: diverged"
    assert json.loads(json.dumps(status.to_dict()))["training"][0]["iteration"] == 2


def test_a_job_that_waits_for_its_cluster_is_not_well(job):
    with Heartbeat(job / "progress.json") as beat:
        beat.tell(state="running", stage="rate", done=0.5, eta=None, message="3x3: 1 of 2 matches, no workers", stalled="no workers")
        status = read_status(job)
        assert (status.state, status.stalled, status.failed, status.well) == ("running", "no workers", (), False)
        assert str(status).startswith(f"{job}: waiting, process {os.getpid()}")
        beat.tell(stalled="")
        assert read_status(job).well


def test_a_network_that_failed_at_its_end_is_not_counted_as_trained(job):
    with Heartbeat(job / "progress.json") as beat:
        beat.tell(state="running", failed=[f"3x3 2x1 seed 0 in {job / 'cells' / run_key(CELLS[0])}: not text"])
        assert read_status(job).trained == 0


def test_a_job_that_ended_without_a_word_is_dead(job):
    os.utime(job / "progress.json", (0, 0))
    os.utime(claim_path(job / "cells" / run_key(CELLS[1])), (0, 0))
    status = read_status(job)
    assert (status.state, status.training, status.well) == ("dead", (), False)
    assert f"ended without a word, last sign of life {int(status.age // 86400)} days" in str(status)
    assert f"`hexlab reproduce --scale tiny --out {job}` goes on where it was" in str(status)
    (job / "progress.json").unlink()
    assert read_status(job).state == "dead", "it was killed before its first sign"


def test_a_job_that_said_why_it_ended_is_stopped(job):
    with Heartbeat(job / "progress.json") as beat:
        beat.tell(state="stopped", reason="disk full", cluster="tcp://127.0.0.1:8786")
    assert "stopped (disk full), last sign" in str(read_status(job))
    assert f"`hexlab reproduce --scale tiny --out {job} --cluster tcp://127.0.0.1:8786` goes on" in str(read_status(job))
    with Heartbeat(job / "progress.json") as beat:
        beat.tell(state="finished")
    os.utime(job / "progress.json", (0, 0))
    assert (read_status(job).state, read_status(job).well) == ("finished", True)


def test_a_worker_that_waits_says_for_whom(job):
    with Heartbeat(claim_path(job / "cells" / run_key(CELLS[2]))) as claim:
        claim.tell(waiting="run is in use by process 1")
        assert f"3x3 2x1 seed 2, run {run_key(CELLS[2])}: waiting: run is in use by process 1, process" in str(read_status(job))


def test_a_folder_without_a_job_is_told(tmp_path):
    with pytest.raises(RunError, match=r"holds no manifest\.json .*: give a folder of `hexlab reproduce`"):
        read_status(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name.*"),
        ("[]", r"it is \[\]"),
        ("{}", "it has no command"),
        ('{"command": "hexlab reproduce"}', "it has no grid"),
        ('{"grid": 3}', "grid is 3"),
        ('{"command": 7, "grid": {}}', "command is 7"),
        ('{"command": "hexlab reproduce", "grid": {"cells": [3]}}', r"cells of its grid is \[3\]"),
        ('{"command": "hexlab reproduce", "grid": {"cells": []}, "seconds": {"train": "long"}}', r'seconds is \{"train": "long"\}'),
    ],
)
def test_a_damaged_manifest_is_told(text, said, tmp_path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunError, match=rf"manifest\.json is damaged \({said}\): restore it, or choose another folder"):
        read_status(tmp_path)
    with pytest.raises(RunError, match=r"manifest\.json is damaged \(.*\): restore it, or choose another folder"):
        reproduce("tiny", tmp_path, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_manifest_of_other_settings_is_told(job):
    manifest = json.loads((job / "manifest.json").read_text())
    manifest["grid"]["cells"][0]["width"] = -3
    (job / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match=r"manifest\.json is damaged or of another version \(width=-3.*\): restore it"):
        read_status(job)

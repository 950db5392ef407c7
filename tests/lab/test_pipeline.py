"""The main job at a scale of seconds: whole, repeated, and stopped in the middle."""

import os
import signal
import subprocess
import sys

import pytest

from hexlab.errors import ConfigError, RunError
from hexlab.lab import pipeline, runner
from hexlab.records import Opening
from hexlab.store import Store
from hexlab.system import lock_folder

EXPERIMENT = """
[minute]
about = "3x3, two networks"
seeds = [0]
test_simulations = [1, 4]
openings = 10
bootstrap = 20
settings = { groups = 1, boards = 64, slice_moves = 4, simulations = 8, buffer = 9_000, snapshots = 3, batch = 128 }

[[minute.boards]]
size = 3
nets = ["2x1", "8x1"]
simulations = 60_000
flops = 1e12
settings = {}
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT)
    return path


JOB = """
import pathlib, sys
from hexlab.lab import pipeline

if __name__ == "__main__":
    for step in pipeline.reproduce("minute", sys.argv[2], workers=2, experiment=pathlib.Path(sys.argv[1])):
        print(step.stage, step.message, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("stage", "steps"), [("train", 3), ("rate", 20)])
def test_a_killed_job_loses_the_matches_being_played_and_goes_on(tmp_path, experiment, stage, steps):
    (tmp_path / "job.py").write_text(JOB)
    out = tmp_path / "killed"
    with subprocess.Popen([sys.executable, tmp_path / "job.py", experiment, out], stdout=subprocess.PIPE, text=True) as child:
        told = []
        while len(told) < steps:
            line = child.stdout.readline()
            assert line, "the job ended before it was killed"
            told += [line] if line.startswith(stage) else []
        with pytest.raises(RunError, match=f"in use by process {child.pid}"):
            pipeline.reproduce("minute", out, experiment=experiment)
        child.send_signal(signal.SIGKILL)
    if stage == "rate":
        done = int(told[-1].split(": ")[1].split()[0])
        with Store(out / "results.sqlite", read_only=True) as store:
            assert len({(row.first, row.second) for row in store.read(Opening)}) >= done > 0, "every match that was told is kept"
    list(pipeline.reproduce("minute", out, workers=1, experiment=experiment))
    list(pipeline.reproduce("minute", tmp_path / "whole", workers=2, experiment=experiment))
    for table in ("runs", "snapshots", "agents", "pairings", "ratings"):
        name = f"tables/{table}.csv"
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), table


@pytest.mark.slow
def test_a_job_stopped_and_started_again_ends_in_the_same_tables(tmp_path, experiment):
    steps = list(pipeline.reproduce("minute", tmp_path / "whole", workers=2, experiment=experiment))
    assert steps[-1].done == 1
    assert (tmp_path / "whole" / "report.html").stat().st_size > 10_000
    for stop in ("train", "rate"):
        out = tmp_path / stop
        job = pipeline.reproduce("minute", out, workers=1, experiment=experiment)
        for step in job:
            if step.stage == stop and step.done > 0:
                break
        job.close()
        list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
        for table in ("runs.csv", "snapshots.csv", "agents.csv", "openings.csv.gz", "pairings.csv", "ratings.csv"):
            name = f"tables/{table}"
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), (stop, table)


def test_a_folder_that_holds_something_else_is_refused(tmp_path, experiment):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty and holds no reproduction"):
        pipeline.reproduce("minute", tmp_path, experiment=experiment)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_wrong_arguments_are_refused_before_anything_is_made(tmp_path, experiment):
    with pytest.raises(ConfigError, match="workers=0"):
        pipeline.reproduce("minute", tmp_path / "job", workers=0, experiment=experiment)
    with pytest.raises(ConfigError, match="unknown scale 'hour'"):
        pipeline.reproduce("hour", tmp_path / "job", experiment=experiment)
    assert not (tmp_path / "job").exists()


def test_one_process_at_a_time_is_at_work_on_a_job(tmp_path, experiment):
    out = tmp_path / "job"
    out.mkdir()
    with lock_folder(out), pytest.raises(RunError, match=rf"job is in use by process {os.getpid()}"):
        pipeline.reproduce("minute", out, experiment=experiment)
    assert list(out.iterdir()) == []
    (out / "lock").write_text("1\n")  # what a killed process leaves
    job = pipeline.reproduce("minute", out, experiment=experiment)
    with pytest.raises(RunError, match="in use"):
        pipeline.reproduce("minute", out, experiment=experiment)
    job.close()
    del job
    pipeline.reproduce("minute", out, experiment=experiment)


def test_more_workers_than_the_memory_holds_are_refused(tmp_path, experiment, monkeypatch):
    monkeypatch.setattr(runner, "memory_bytes", lambda: 700_000_000)
    with pytest.raises(ConfigError, match=r"2 workers need about 1\.0 GB, and there are 0\.7 GB: give at most 1 \(--workers 1\)"):
        pipeline.reproduce("minute", tmp_path / "job", workers=9, experiment=experiment)
    assert not (tmp_path / "job").exists()
    pipeline.reproduce("minute", tmp_path / "job", workers=1, experiment=experiment)

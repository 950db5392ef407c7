"""The main job at a scale of seconds: whole, repeated, and stopped in the middle."""

import dataclasses
import json
import math
import multiprocessing
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import types

import pytest
from cluster_processes import Processes

from hexlab import arena
from hexlab.csv_tables import read_table
from hexlab.errors import ClusterError, ConfigError, RunError
from hexlab.lab import manifests, pipeline, runner
from hexlab.lab.cluster import ClusterExecutor
from hexlab.lab.heartbeats import read_sign
from hexlab.lab.runs import claim_path, count_iterations
from hexlab.lab.status import read_status
from hexlab.pairings import count_pairings
from hexlab.records import Agent, Conversion, Opening, Rating, Run, Timing
from hexlab.store import Store
from hexlab.system import lock_folder
from hexlab.training import Config, run_key, train

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
    where = {"cluster": sys.argv[3]} if sys.argv[3:] else {"workers": 2}
    for step in pipeline.reproduce("minute", sys.argv[2], experiment=pathlib.Path(sys.argv[1]), **where):
        print(step.stage, step.message, flush=True)
"""
TABLES = ("runs.csv", "snapshots.csv", "agents.csv", "openings.csv.xz", "pairings.csv.xz", "ratings.csv", "games.sgf")


def read_tables(out):
    return {name: (out / "tables" / name).read_bytes() for name in TABLES}


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
    assert read_tables(out) == read_tables(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_job_outlives_its_processes_and_the_tables_are_the_same(tmp_path, experiment):
    """One is killed while it trains, as when memory runs out, and one while it plays."""
    list(pipeline.reproduce("minute", tmp_path / "whole", workers=2, experiment=experiment))
    out = tmp_path / "job"
    left = ["train", "rate"]
    for step in pipeline.reproduce("minute", out, workers=2, experiment=experiment):
        if left and step.stage == left[0] and 0 < step.done < 1:
            claims = [read_sign(claim).process for claim in sorted(out.glob("cells/*.claim"))]
            if left[0] == "rate" or claims:
                left.pop(0)
                os.kill(claims[0] if claims else multiprocessing.active_children()[0].pid, signal.SIGKILL)
        if step.stage == "rate" and step.done == 1:
            assert re.search(r", (1 worker process was|2 worker processes were) killed and replaced$", step.message)
    assert left == []
    assert read_tables(out) == read_tables(tmp_path / "whole")


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
        assert read_tables(out) == read_tables(tmp_path / "whole"), stop


def test_every_second_of_training_has_an_equal_share_of_its_energy(tmp_path, monkeypatch):
    cells = [dataclasses.replace(LONG_CELL, seed=seed) for seed in (1, 2)]
    seconds = {run_key(cells[0]): 1.0, run_key(cells[1]): 3.0}
    parts = dict.fromkeys(("learner_seconds", "other_seconds"), 0.0)
    a_run = [{"iteration": number, **parts} for number in (1, 2)]
    snapshots = [types.SimpleNamespace(snapshot=number, samples=number * LONG_CELL.samples_an_iteration) for number in (0, 1, 2)]
    monkeypatch.setattr(pipeline.training, "read_timings", lambda run, _: [{**row, "selfplay_seconds": seconds[run.name]} for row in a_run])
    monkeypatch.setattr(pipeline.training, "read_snapshots", lambda _: snapshots)
    for joules in (80.0, math.nan):
        pipeline._write_timings(tmp_path, cells, joules)
        rows = {(row.run, row.snapshot): row for row in read_table(tmp_path / "tables" / "timings.csv", Timing)}
        for run, spent in seconds.items():
            assert [rows[run, number].seconds for number in (0, 1, 2)] == [0, spent, 2 * spent]
            shares = [joules * part for part in (0, spent / 8, spent / 4)]
            assert [rows[run, number].joules for number in (0, 1, 2)] == pytest.approx(shares, nan_ok=True)


def test_the_manifest_names_every_computer_and_version_that_had_a_part(tmp_path, experiment, monkeypatch):
    for commit in ("a", "b", "b", "a", "c"):
        monkeypatch.setattr(manifests, "machine_facts", lambda commit=commit: {"commit": commit, "cores": 2})
        pipeline.reproduce("minute", tmp_path / "job", workers=1, experiment=experiment).close()
    manifest = json.loads((tmp_path / "job" / "manifest.json").read_text())
    assert [facts["commit"] for facts in (manifest["machine"], *manifest["later_machines"])] == ["a", "b", "c"]


def test_a_stage_keeps_its_energy_over_all_sittings_where_the_computer_tells(tmp_path, monkeypatch):
    steps = [runner.Progress("train", done, "", 0.0, None) for done in (0.5, 1.0)]
    readings = iter([{"intel-rapl:0": (microjoules, 10**9)} for microjoules in (0, 7_000_000, 100_000_000, 102_000_000)])
    monkeypatch.setattr(pipeline, "read_energy", lambda: next(readings))
    manifest = {"seconds": {}}
    for _ in range(2):
        list(pipeline._timed("train", iter(steps), tmp_path, manifest))
    assert manifest["joules"] == {"train": 9.0}
    monkeypatch.setattr(pipeline, "read_energy", lambda: None)
    silent = {"seconds": {}}
    list(pipeline._timed("train", iter(steps), tmp_path, silent))
    assert "joules" not in silent


def declare_boards(experiment, *sizes):
    board = EXPERIMENT[EXPERIMENT.index("[[minute.boards]]") :].replace("60_000", "20_000")
    experiment.write_text(EXPERIMENT.partition("[[")[0] + "".join(board.replace("size = 3", f"size = {size}") for size in sizes))


@pytest.mark.slow
def test_a_pool_without_perfect_play_gets_its_zero_from_solved_positions(tmp_path, experiment):
    declare_boards(experiment, 3, 4, 7)
    out = tmp_path / "job"
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    conversions = read_table(out / "tables" / "conversions.csv", Conversion)
    assert {row.size for row in conversions} == {3, 4, 7}
    assert all(0 <= row.converted <= row.positions for row in conversions)
    ratings = read_table(out / "tables" / "ratings.csv", Rating)
    assert {(row.size, row.anchor.startswith("perfect")) for row in ratings} == {(3, True), (4, True), (7, False)}
    errors = {row.anchor_error for row in ratings if row.size == 7}
    assert len(errors) == 1
    assert errors.pop() > 0
    before = {name: (out / "tables" / name).read_bytes() for name in ("conversions.csv", "ratings.csv")}
    (out / "tables" / "ratings.csv").unlink()
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    assert {name: (out / "tables" / name).read_bytes() for name in before} == before


@pytest.mark.slow
def test_on_6x6_perfect_play_meets_the_strongest(tmp_path, experiment, monkeypatch):
    monkeypatch.setattr(arena, "WITNESSES", 3)
    declare_boards(experiment, 6)
    experiment.write_text(experiment.read_text().replace("openings = 10", "openings = 3"))
    out = tmp_path / "job"
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    with Store(out / "results.sqlite", read_only=True) as store:
        rows = store.read(Opening, size=6)
    met = [row for row in rows if "perfect-6" in (row.first, row.second)]
    witnesses = {row.first for row in met}
    assert len(met) == 3 * 3
    agents = [agent.agent for agent in read_table(out / "tables" / "agents.csv", Agent) if agent.kind == "snapshot"]
    assert set(arena.find_witnesses(count_pairings(row for row in rows if row not in met), agents, 3)) == witnesses
    ratings = read_table(out / "tables" / "ratings.csv", Rating)
    assert {(row.anchor, row.anchor_error) for row in ratings} == {("perfect-6", 0.0)}
    told = "On 6x6 perfect play meets, afterwards, 3 of the strongest."
    assert told in (out / "report.html").read_text(encoding="utf-8")

    before = (out / "tables" / "ratings.csv").read_bytes()
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["tournaments"]["6"]["witnesses"]  # as a version left it in which perfect play met nobody on 6x6
    (out / "manifest.json").write_text(json.dumps(manifest))
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    assert (out / "tables" / "ratings.csv").read_bytes() == before
    assert json.loads((out / "manifest.json").read_text())["tournaments"]["6"]["witnesses"] == 3


@pytest.mark.slow
def test_a_scale_may_grow_and_keeps_what_it_has(tmp_path, experiment):
    out = tmp_path / "job"
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    before = read_tables(out)
    seconds = {row.run: row.seconds for row in read_table(out / "tables" / "timings.csv", Timing)}
    manifest = json.loads((out / "manifest.json").read_text())
    for cell in manifest["grid"]["cells"]:
        del cell["paper_scale"]  # as a version wrote it that did not have the setting
    (out / "manifest.json").write_text(json.dumps(manifest))
    grown = EXPERIMENT.replace("openings = 10\n", "openings = 10\nfrontier_seeds = [1]\nfrontier_simulations = [8]\n")
    experiment.write_text(grown.replace('"8x1"]', '"8x1", "4x1"]') + 'frontier = ["8x1"]\n')
    list(pipeline.reproduce("minute", out, workers=2, experiment=experiment))
    runs = read_table(out / "tables" / "runs.csv", Run)
    assert sorted((row.width, row.seed) for row in runs) == [(2, 0), (4, 0), (8, 0), (8, 1)]
    budgets = {(row.width, row.seed): set() for row in runs}
    shapes = {row.run: (row.width, row.seed) for row in runs}
    for agent in read_table(out / "tables" / "agents.csv", Agent):
        if agent.run:
            budgets[shapes[agent.run]].add(agent.test_simulations)
    assert budgets == {(2, 0): {1, 4}, (4, 0): {1, 4}, (8, 0): {1, 4, 8}, (8, 1): {1, 4}}
    kept = read_tables(out)["snapshots.csv"].splitlines()
    assert set(before["snapshots.csv"].splitlines()) < set(kept)
    later = {row.run: row.seconds for row in read_table(out / "tables" / "timings.csv", Timing)}
    assert all(later[run] == value for run, value in seconds.items()), "what was trained is not trained again"
    experiment.write_text(EXPERIMENT)
    with pytest.raises(RunError, match="holds scale 'minute' with other settings"):
        pipeline.reproduce("minute", out, experiment=experiment)


@pytest.mark.slow
def test_a_scale_may_state_how_well_its_snapshots_are_to_be_known(tmp_path, experiment, monkeypatch):
    def known_to(half_width, closer=70, least=3):
        stated = f"openings = 10\nhalf_width = {half_width}\nfrontier_half_width = {closer}\nleast_opponents = {least}\n"
        experiment.write_text(EXPERIMENT.replace("openings = 10\n", stated) + 'frontier = ["8x1"]\n')
        list(pipeline.reproduce("minute", tmp_path / "job", workers=2, experiment=experiment))
        return read_tables(tmp_path / "job")

    before = known_to(120)
    tables = tmp_path / "job" / "tables"
    wide = {row.run for row in read_table(tables / "runs.csv", Run) if row.width == 8}
    compared = {row.agent for row in read_table(tables / "agents.csv", Agent) if row.run in wide and row.test_simulations == 4}
    known = {row.agent: (row.high - row.low) / 2 for row in read_table(tables / "ratings.csv", Rating) if "/" in row.agent}
    assert max(known.values()) <= 120
    assert max(known[agent] for agent in compared) <= 70
    assert max(half_width for agent, half_width in known.items() if agent not in compared) > 70
    report = (tmp_path / "job" / "report.html").read_text(encoding="utf-8")
    assert "with the aim of 120 Elo on either side, of 70 for nets of the frontier at 4 simulations, and at least 3 others." in report

    asked, play = [], arena.play_to_interval
    monkeypatch.setattr(arena, "play_to_interval", lambda *pool, **options: asked.append(options["half_width"]) or play(*pool, **options))
    assert known_to(130, 80, 2) == before
    assert asked == [], "they are known better than that"
    assert len(known_to(60)["pairings.csv.xz"]) > len(before["pairings.csv.xz"])
    assert asked == [60]


def start_workers(processes, count):
    return [processes.start_worker() for _ in range(count)]


LONG_CELL = Config(
    size=3, width=16, depth=2, seed=0, snapshots=4, samples=20_000, simulations=8, groups=1, boards=64, slice_moves=4, batch=64,
    buffer=9_000,
)


def assert_undisturbed(run, tmp_path):
    list(train(LONG_CELL, tmp_path / "whole", threads=1))
    for name in ("metrics.jsonl", "snapshots.jsonl", "snapshots/004.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_run_whose_worker_is_killed_goes_on_elsewhere_from_its_checkpoint(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.02)
    run = tmp_path / "cells" / run_key(LONG_CELL)
    killed, kept = None, b""
    with Processes(tmp_path) as processes:
        processes.start_scheduler()
        workers = {worker.pid: worker for worker in start_workers(processes, 2)}
        with ClusterExecutor(processes.address, tmp_path) as pool:
            for _ in runner.train_cells([LONG_CELL], run.parent, pool, checkpoint_seconds=0):
                if killed is None and count_iterations(run) > 20:
                    killed = read_sign(claim_path(run)).process
                    workers[killed].kill()
                    workers[killed].wait()
                    kept = (run / "timings.jsonl").read_bytes()
    assert killed is not None, "the run ended before its worker was killed"
    assert runner.is_finished(LONG_CELL, run.parent)
    done = kept.splitlines()[:-1]  # the checkpoint of the last iteration may not have been written
    assert len(done) > 10
    assert (run / "timings.jsonl").read_bytes().splitlines()[: len(done)] == done, "nothing before the checkpoint was done again"
    assert_undisturbed(run, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_run_whose_process_is_killed_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.02)
    run = tmp_path / "cells" / run_key(LONG_CELL)
    killed = set()
    with runner.make_pool(2) as pool:
        for _ in runner.train_cells([LONG_CELL], run.parent, pool, checkpoint_seconds=0):
            done, sign = count_iterations(run), read_sign(claim_path(run))
            if sign is not None and sign.process not in killed and done > 10 * (1 + len(killed)) and len(killed) < 5:
                killed.add(sign.process)
                os.kill(sign.process, signal.SIGKILL)
        assert pool.deaths == len(killed) == 5, "it got on, so that it was tried again after the fourth"
    assert runner.is_finished(LONG_CELL, run.parent)
    assert_undisturbed(run, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_worker_that_is_believed_dead_and_wakes_lets_go_of_its_run(tmp_path, monkeypatch):
    """While it sleeps the next worker waits for the folder, which the system keeps locked for it."""
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.02)
    run = tmp_path / "cells" / run_key(LONG_CELL)
    asleep = woken = None
    with Processes(tmp_path) as processes:
        processes.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="5s")
        start_workers(processes, 2)
        with ClusterExecutor(processes.address, tmp_path) as pool:
            for _ in runner.train_cells([LONG_CELL], run.parent, pool, checkpoint_seconds=0):
                sign = read_sign(claim_path(run))
                if asleep is None and count_iterations(run) > 20:
                    asleep = sign.process
                    os.kill(asleep, signal.SIGSTOP)
                if asleep and not woken and sign and sign.process != asleep and f"process {asleep}" in sign.facts.get("waiting", ""):
                    os.kill(asleep, signal.SIGCONT)
                    woken = True
    assert woken, "the run ended before its worker was put to sleep"
    assert runner.is_finished(LONG_CELL, run.parent)
    assert_undisturbed(run, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_on_a_cluster_the_tables_are_those_of_this_computer_whoever_dies(tmp_path, experiment):
    """In each stage a worker, then the scheduler with all workers; and in each stage the driver."""
    pytest.importorskip("distributed", reason="needs the extra cluster")
    list(pipeline.reproduce("minute", tmp_path / "whole", workers=2, experiment=experiment))
    (tmp_path / "job.py").write_text(JOB)
    with Processes(tmp_path) as processes:
        scheduler = processes.start_scheduler()
        workers = start_workers(processes, 2)
        out = tmp_path / "bereft"
        deaths = [(who, stage) for stage in ("train", "rate") for who in ("worker", "scheduler")]
        for step in pipeline.reproduce("minute", out, cluster=processes.address, experiment=experiment):
            if deaths and step.stage == deaths[0][1] and 0 < step.done < 1:
                if deaths.pop(0)[0] == "scheduler":
                    for child in (scheduler, *workers):
                        child.kill()
                        child.wait()
                    scheduler = processes.start_scheduler()
                    workers = start_workers(processes, 2)
                else:
                    workers[0].kill()
                    workers = [workers[1], *start_workers(processes, 1)]
        assert deaths == []
        assert read_tables(out) == read_tables(tmp_path / "whole")

        out = tmp_path / "killed"
        for stage, steps in (("train", 3), ("rate", 20)):
            command = [sys.executable, tmp_path / "job.py", experiment, out, processes.address]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
                while steps:
                    line = driver.stdout.readline()
                    assert line, "the job ended before it was killed"
                    steps -= line.startswith(stage)
                driver.kill()
        list(pipeline.reproduce("minute", out, cluster=processes.address, experiment=experiment))
        assert read_tables(out) == read_tables(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_job_whose_cluster_is_gone_says_so_in_every_stage(tmp_path, experiment, monkeypatch):
    """Once without workers and once without a scheduler, which both come back."""
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr(arena.tournaments, "_QUIET_SECONDS", 0.2)
    list(pipeline.reproduce("minute", tmp_path / "whole", workers=2, experiment=experiment))
    out = tmp_path / "job"

    def kill(children):
        for child in children:
            child.kill()
            child.wait()

    with Processes(tmp_path) as processes:
        scheduler = processes.start_scheduler()
        workers, awaited, told = [], ("train", "no workers"), []
        for step in pipeline.reproduce("minute", out, cluster=processes.address, experiment=experiment):
            status = None if not step.stalled or (step.stage, step.stalled) in told else read_status(out)
            if status is not None and status.stalled == step.stalled:
                told.append((step.stage, step.stalled))
                assert (status.state, status.well) == ("running", False)
                assert step.stalled in str(status)
                assert "left" not in str(status).splitlines()[1]
            if awaited and step.stage == "rate" and 0 < step.done < 1 and awaited[0] == "train":
                kill(workers)
                workers, awaited = [], ("rate", "no workers")
            elif awaited and any(stage == awaited[0] and awaited[1] in stalled for stage, stalled in told):
                if awaited == ("rate", "no workers"):
                    kill([scheduler])
                    awaited = ("rate", "is gone")
                else:
                    if awaited == ("rate", "is gone"):
                        scheduler, awaited = processes.start_scheduler(), None
                    workers = workers or start_workers(processes, 2)
    assert [(stage, stalled.partition(":")[0].partition(" at ")[0]) for stage, stalled in told] == [
        ("train", "no workers"), ("rate", "no workers"), ("rate", "the scheduler"),
    ]  # fmt: skip
    assert read_status(out).well
    assert read_tables(out) == read_tables(tmp_path / "whole")


def test_a_job_has_workers_of_its_own_or_a_cluster(tmp_path, experiment):
    with pytest.raises(ConfigError, match=r"workers=2 and cluster='tcp://.*': give one of them"):
        pipeline.reproduce("minute", tmp_path / "job", workers=2, cluster="tcp://127.0.0.1:8786", experiment=experiment)
    with pytest.raises(ConfigError, match="cluster 'nowhere' is not the address"):
        pipeline.reproduce("minute", tmp_path / "job", cluster="nowhere", experiment=experiment)
    assert not (tmp_path / "job").exists()


def test_a_cluster_that_does_not_answer_leaves_no_folder(tmp_path, experiment):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClusterError, match=f"no scheduler answers at tcp://127.0.0.1:{port}"):
        pipeline.reproduce("minute", tmp_path / "job", cluster=f"tcp://127.0.0.1:{port}", experiment=experiment)
    assert not (tmp_path / "job").exists()


def test_workers_that_come_and_go_are_counted_and_kept_in_the_manifest(tmp_path, experiment, monkeypatch):
    class Pool(ClusterExecutor):
        machines = [{"commit": "of a worker"}, {"commit": "of another"}]  # noqa: RUF012
        most_workers, _counts = 0, iter([1, 3, 2])

        def __init__(self, address, folder):
            """Connect to nothing."""

        def shutdown(self, wait=True, *, cancel_futures=False):
            """Leave nothing."""

        @property
        def workers(self):
            found = next(self._counts, 0)
            type(self).most_workers = max(self.most_workers, found)
            return found

    def train_nothing(*_, **__):
        for done in (0.1, 0.5, 0.9, 1.0):
            yield runner.Progress("train", done, "", 0.0, None)

    told = []
    monkeypatch.setattr(pipeline, "check_scheduler", told.append)
    monkeypatch.setattr(pipeline, "ClusterExecutor", Pool)
    monkeypatch.setattr(pipeline, "train_cells", train_nothing)
    monkeypatch.setattr(pipeline, "_rate", lambda *_: iter(()))
    for name in ("_register", "_write_tables", "_write_timings", "_write_games"):
        monkeypatch.setattr(pipeline, name, lambda *_: {})
    for name in ("read", "analyze", "write_figures", "write_report"):
        monkeypatch.setattr(pipeline.scaling, name, lambda *_, **__: None)
    monkeypatch.setattr(pipeline, "_facts", lambda _, __, processes: told.append(processes))
    steps = list(pipeline.reproduce("minute", tmp_path / "job", cluster="tcp://127.0.0.1:8786", experiment=experiment))
    assert steps[0].message == "connecting to tcp://127.0.0.1:8786"
    assert told == ["tcp://127.0.0.1:8786", 3], "none was there at the end"
    manifest = json.loads((tmp_path / "job" / "manifest.json").read_text())
    assert [facts["commit"] for facts in manifest["later_machines"]] == ["of a worker", "of another"]


def test_a_folder_of_another_scale_is_told_as_one(tmp_path, experiment):
    experiment.write_text(EXPERIMENT + EXPERIMENT.replace("minute", "hour"))
    pipeline.reproduce("minute", tmp_path / "job", workers=1, experiment=experiment).close()
    told = f"job holds scale 'minute', not 'hour': choose another folder, or go on with `{read_status(tmp_path / 'job').command}`"
    with pytest.raises(RunError, match=f"{re.escape(told)}$"):
        pipeline.reproduce("hour", tmp_path / "job", workers=1, experiment=experiment)


def test_the_command_that_goes_on_with_a_job_names_its_experiment_file_from_wherever_it_is_given(tmp_path, experiment, monkeypatch):
    (tmp_path / "my grids").mkdir()
    mine = experiment.rename(tmp_path / "my grids" / "mine.toml")
    monkeypatch.chdir(mine.parent)
    pipeline.reproduce("minute", tmp_path / "job", workers=1, sizes=[3], experiment="mine.toml").close()
    command = read_status(tmp_path / "job").command
    assert shlex.split(command) == [
        "hexlab", "reproduce", "--scale", "minute", "--experiment", mine.as_posix(), "--sizes", "3", "--out", str(tmp_path / "job"),
    ]  # fmt: skip


def test_a_folder_that_holds_something_else_is_refused(tmp_path, experiment):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty and holds no reproduction"):
        pipeline.reproduce("minute", tmp_path, experiment=experiment)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_folder_of_a_job_killed_before_it_had_a_manifest_is_begun_anew(tmp_path, experiment):
    out = tmp_path / "job"
    out.mkdir()
    for name in ("lock", "manifest.json.1a2b3c4d.partial"):
        (out / name).write_text("{")
    pipeline.reproduce("minute", out, workers=1, experiment=experiment).close()
    assert {path.name for path in out.iterdir()} <= {"manifest.json", "lock"}


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
    for workers, needed in ((2, "1.0"), (9, "4.5"), (10**9, "500000000.0")):
        told = f"{workers} workers need about {needed} GB, and there are 0.7 GB: give at most 1 (--workers 1)"
        with pytest.raises(ConfigError, match=re.escape(told)):
            pipeline.reproduce("minute", tmp_path / "job", workers=workers, experiment=experiment)
    assert not (tmp_path / "job").exists()
    pipeline.reproduce("minute", tmp_path / "job", workers=1, experiment=experiment)

"""A run is its config: threads, kills and resumes change nothing but the clock."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import types

import numpy as np
import pytest

from hexlab import network, training
from hexlab.errors import CheckpointError, ConfigError, RunError
from hexlab.system import lock_folder
from hexlab.training import loop, memory

TINY = training.Config(
    size=3,
    width=8,
    depth=1,
    samples=64 * 2 * 2 * 10,
    simulations=8,
    groups=2,
    boards=64,
    slice_moves=2,
    batch=64,
    buffer=20_000,
    snapshots=4,
)


def fingerprint(folder):
    """Hashes of all that a run must repeat: everything in its folder but the clock readings."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timings.jsonl"
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    reports = list(training.train(TINY, out, threads=1))
    return out, reports


def test_a_run_reports_every_iteration_and_leaves_its_files(finished):
    out, reports = finished
    assert [report.iteration for report in reports] == list(range(1, 11))
    assert reports[-1].samples == TINY.samples
    assert reports[-1].simulations == TINY.samples * 8
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in lines] == [report.samples for report in reports]
    assert lines[-1]["policy_loss"] == reports[-1].policy_loss
    assert not any("second" in key or "elapsed" in key for line in lines for key in line)
    assert len((out / "timings.jsonl").read_text().splitlines()) == 10
    rows = [json.loads(line) for line in (out / "snapshots.jsonl").read_text().splitlines()]
    assert [row["snapshot"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["train_flops"] == 0
    assert rows[-1]["samples"] == TINY.samples
    assert sorted(path.name for path in (out / "snapshots").iterdir()) == [f"{index:03d}.safetensors" for index in range(5)]


def test_snapshots_follow_the_untrained_net_from_the_first_that_has_learned(finished):
    out, reports = finished
    learned = [report.iteration for report in reports if report.policy_loss is not None]
    kept = [report.iteration for report in reports if report.snapshot is not None]
    assert learned[0] > 2, "no game ends within two iterations: marks that began with the run would repeat the untrained net"
    assert kept[0] == learned[0]
    assert kept[-1] == TINY.iterations
    seen = [network.load(out, number).params["intake"]["kernel"] for number in range(5)]
    assert all(not np.array_equal(seen[number], seen[number + 1]) for number in range(4))


def test_a_run_that_never_learns_keeps_its_last_net(tmp_path):
    short = dataclasses.replace(TINY, samples=256)
    list(training.train(short, tmp_path / "run", threads=1))
    rows = [json.loads(line) for line in (tmp_path / "run" / "snapshots.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [0, 256]


@pytest.mark.parametrize("snapshots", [1, 2])
def test_as_many_snapshots_are_kept_as_asked_for(tmp_path, snapshots):
    list(training.train(dataclasses.replace(TINY, snapshots=snapshots), tmp_path / "run", threads=1))
    rows = [json.loads(line) for line in (tmp_path / "run" / "snapshots.jsonl").read_text().splitlines()]
    assert [row["snapshot"] for row in rows] == list(range(1 + snapshots))
    assert rows[-1]["samples"] == TINY.samples


@pytest.mark.parametrize(("rate", "reuse"), [(1e30, 4.0), (1e30, 0.01), (1e38, 0.01)])
def test_learning_that_diverged_says_so(tmp_path, rate, reuse):
    wild = dataclasses.replace(TINY, learning_rate=rate, reuse=reuse)
    with pytest.raises(RunError, match=r"learning diverged in iteration \d+, .* lower --learning-rate than 1e\+3"):
        list(training.train(wild, tmp_path / "run", threads=1))


def test_sampled_games_are_legal_and_finished(finished):
    from hexlab.rules import Board, sgf

    out, _ = finished
    games = [game for path in sorted((out / "games").glob("*.sgf")) for game in sgf.read(path.read_text())]
    assert games
    for game in games:
        board = Board(3)
        for move in game.moves:
            board.push(move)
        assert board.outcome is not None


def test_threads_do_not_change_a_byte(finished, tmp_path):
    out, _ = finished
    list(training.train(TINY, tmp_path / "threads", threads=3))
    assert fingerprint(tmp_path / "threads") == fingerprint(out)


@pytest.mark.parametrize("stop", [1, 6])
def test_a_run_stopped_anywhere_resumes_to_the_same_bytes(finished, tmp_path, stop):
    out, _ = finished
    reports = training.train(TINY, tmp_path / "run", threads=1, checkpoint_seconds=0.0 if stop == 6 else 1e9)
    for report in reports:
        if report.iteration == stop:
            break
    reports.close()
    list(training.resume(tmp_path / "run", threads=2))
    assert fingerprint(tmp_path / "run") == fingerprint(out)


def test_every_group_comes_back_in_its_place(tmp_path):
    """More than a thousand of them: by their names as text, 1000 stands before 101."""
    many = dataclasses.replace(TINY, size=2, width=2, groups=1002, slice_moves=1, buffer=10**6)
    state = loop._fresh_state(many)
    loop._write_checkpoint(tmp_path, many, state)
    (tmp_path / "timings.jsonl").touch()
    found = loop._read_checkpoint(tmp_path, many)
    assert len(found.groups) == 1002
    assert all(np.array_equal(one.cells, other.cells) for one, other in zip(state.groups, found.groups, strict=True))
    assert not np.array_equal(state.groups[101].cells, state.groups[1000].cells)


def test_a_buffer_that_the_run_never_fills_takes_no_more_room_and_changes_nothing(finished, tmp_path):
    out, _ = finished
    endless = dataclasses.replace(TINY, buffer=10**12)
    assert loop._fresh_state(endless).replay.capacity == TINY.samples
    reports = training.train(endless, tmp_path / "run", threads=1, checkpoint_seconds=0.0)
    for _ in range(6):
        next(reports)
    reports.close()
    list(training.resume(tmp_path / "run", threads=1))
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (out / "metrics.jsonl").read_bytes()


def test_a_checkpoint_is_read_into_the_buffer_without_a_second_one(tmp_path):
    wide = dataclasses.replace(TINY, size=11, width=2, samples=10**6, buffer=50_000)
    state = loop._fresh_state(wide)
    state.replay.positions.policy[:] = np.arange(50_000, dtype=np.uint16)[:, None]
    state.replay.total = 70_000
    loop._write_checkpoint(tmp_path, wide, state)
    (tmp_path / "timings.jsonl").touch()
    held = sum(array.nbytes for array in state.replay.positions) + sum(array.nbytes for group in state.groups for array in group)
    del state
    tracemalloc.start()
    found = loop._read_checkpoint(tmp_path, wide)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.replay.total, len(found.replay)) == (70_000, 50_000)
    assert (found.replay.positions.policy[:, 60] == np.arange(50_000)).all()
    assert peak < 1.4 * held


def test_a_run_of_a_hex_net_repeats_and_resumes_to_the_same_bytes(tmp_path):
    config = dataclasses.replace(TINY, net="hex", samples=64 * 2 * 2 * 4)
    list(training.train(config, tmp_path / "whole", threads=2))
    reports = training.train(config, tmp_path / "stopped", threads=1, checkpoint_seconds=0.0)
    for _ in range(2):
        next(reports)
    reports.close()
    list(training.resume(tmp_path / "stopped", threads=1))
    assert fingerprint(tmp_path / "stopped") == fingerprint(tmp_path / "whole")
    assert str(network.load(tmp_path / "stopped").architecture) == "3x3 hex 8x1"


def test_a_finished_run_resumes_to_nothing(finished):
    out, _ = finished
    before = fingerprint(out)
    assert list(training.resume(out)) == []
    assert fingerprint(out) == before


def test_one_process_at_a_time_is_at_work_on_a_run(finished, tmp_path):
    out, _ = finished
    run = tmp_path / "run"
    reports = training.train(TINY, run, threads=1, checkpoint_seconds=0.0)
    next(reports)
    with pytest.raises(RunError, match=rf"run is in use by process {os.getpid()}: wait until it ends, or stop it"):
        training.resume(run)
    reports.close()
    unused = training.resume(run, threads=1)
    with pytest.raises(RunError, match="in use"):
        training.resume(run)
    del unused
    (run / "lock").write_text("1\n")  # what a killed process leaves
    list(training.resume(run, threads=1))
    assert fingerprint(run) == fingerprint(out)


def test_two_processes_that_start_a_run_do_not_mix(tmp_path):
    (tmp_path / "run.new").mkdir()
    with lock_folder(tmp_path / "run.new"), pytest.raises(RunError, match=r"run\.new is in use"):
        training.train(TINY, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_a_killed_start_left_is_taken_over(finished, tmp_path):
    out, _ = finished
    (tmp_path / "run.new" / "snapshots").mkdir(parents=True)
    (tmp_path / "run.new" / "snapshots" / "000.safetensors").write_bytes(b"half")
    (tmp_path / "run.new" / "lock").write_text("1\n")
    (tmp_path / "run.new" / "snapshots.jsonl").write_text("{}\n")
    list(training.train(TINY, tmp_path / "run", threads=1))
    assert fingerprint(tmp_path / "run") == fingerprint(out)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_half_written_files_of_a_killed_process_are_removed(finished, tmp_path):
    out, _ = finished
    run = tmp_path / "run"
    shutil.copytree(out, run)
    for name in (".checkpoint.safetensors.77.partial", "metrics.jsonl.partial", "snapshots/.002.safetensors.77.partial", ".tmpAb1"):
        (run / name).write_bytes(b"half")
    assert list(training.resume(run)) == []
    assert fingerprint(run) == fingerprint(out)


def test_a_start_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, "_write_checkpoint", fail)
    with pytest.raises(OSError, match="No space left"):
        training.train(TINY, tmp_path / "run")
    with pytest.raises(ConfigError, match="threads=0"):
        training.train(TINY, tmp_path / "run", threads=0)
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**8)
    with pytest.raises(ConfigError, match=r"this run needs about 0\.5 GB .* and there are 0\.1 GB: lower "):
        training.train(TINY, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_clock_counts_checkpoints_and_the_callers_time(tmp_path, monkeypatch):
    real = loop._write_checkpoint

    def write_slowly(*arguments):
        time.sleep(0.2)
        real(*arguments)

    reports = training.train(TINY, tmp_path / "run", threads=1, checkpoint_seconds=0.0)
    monkeypatch.setattr(loop, "_write_checkpoint", write_slowly)
    first = next(reports).timing
    time.sleep(0.1)
    second = next(reports).timing
    reports.close()
    assert second.other_seconds >= 0.2
    assert second.caller_seconds >= 0.1
    assert 0 < second.selfplay_seconds + second.learner_seconds <= second.seconds - second.other_seconds, "one thread does one at a time"
    assert second.elapsed == pytest.approx(first.elapsed + second.seconds + second.caller_seconds)
    third = next(training.resume(tmp_path / "run", threads=1)).timing
    assert third.elapsed == pytest.approx(second.elapsed + third.seconds + third.caller_seconds)


def test_python_ends_in_peace_where_a_run_is_left_unfinished(tmp_path):
    code = f"""
from hexlab import training
reports = training.train(training.Config(size=3, width=8, depth=1, samples=100_000), {str(tmp_path / "run")!r}, threads=1)
next(reports)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert not (tmp_path / "run" / "lock").exists()


def test_lost_readings_of_the_clock_cost_no_run(finished, tmp_path):
    out, _ = finished
    run = tmp_path / "run"
    for _ in zip(range(4), reports := training.train(TINY, run, threads=1, checkpoint_seconds=0.0), strict=False):
        pass
    reports.close()
    lines = (run / "timings.jsonl").read_text().splitlines(keepends=True)
    damaged = '5\n{}\n{"iteration": 1}\n{"iteration": 2, "elapsed": null}\n{"iteration": 2, "elapsed": NaN}\n'
    (run / "timings.jsonl").write_bytes(("".join(lines[:2]) + damaged).encode() + b"\xff\n" + lines[2][:20].encode())
    list(training.resume(run, threads=1))
    assert fingerprint(run) == fingerprint(out)
    assert (run / "timings.jsonl").read_text().startswith("".join(lines[:2]))
    assert [json.loads(line)["iteration"] for line in (run / "timings.jsonl").read_text().splitlines()] == [1, 2, *range(5, 11)]


def test_a_clock_that_ticks_slowly_stops_no_run(finished, tmp_path, monkeypatch):
    """`time.monotonic` of Windows tells 15.6 ms, in which an iteration may end; here it stands still."""
    out, _ = finished
    monkeypatch.setattr(loop, "time", types.SimpleNamespace(monotonic=lambda: 0.0, perf_counter=time.perf_counter))
    reports = list(training.train(TINY, tmp_path / "run", threads=1))
    assert all(report.timing.seconds > 0 for report in reports)
    assert fingerprint(tmp_path / "run") == fingerprint(out)


def test_a_run_that_another_thread_is_at_work_on_keeps_no_other_from_being_closed(monkeypatch):
    entered, leave, closed = threading.Event(), threading.Event(), []

    def work():
        entered.set()
        leave.wait(60)
        yield

    def rest():
        try:
            yield
        finally:
            closed.append("rest")

    busy, idle = work(), rest()
    next(idle)
    thread = threading.Thread(target=next, args=(busy,))
    thread.start()
    entered.wait(60)
    monkeypatch.setattr(loop, "_BEGUN", [busy, idle])
    loop._close_begun()
    assert closed == ["rest"]
    leave.set()
    thread.join()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.0])
def test_kill_9_at_any_moment(finished, tmp_path, seconds):
    out, _ = finished
    code = (
        "import pathlib, sys\n"
        "from hexlab import training\n"
        "config = training.Config.from_json(pathlib.Path(sys.argv[1]).read_text())\n"
        "for report in training.train(config, sys.argv[2], checkpoint_seconds=0.1): print(report, flush=True)\n"
    )
    run = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", code, out / "config.json", run], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
    list(training.resume(run))
    assert fingerprint(run) == fingerprint(out)


def test_an_existing_folder_is_refused_with_the_two_ways_on(tmp_path):
    training.train(TINY, tmp_path / "run").close()
    with pytest.raises(RunError, match=r"exists already: go on with `hexlab resume .*`, or choose another folder"):
        training.train(TINY, tmp_path / "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    for name in ("empty", "file"):
        with pytest.raises(RunError, match=f"{name} exists already and holds no run: choose another folder, or remove it"):
            training.train(TINY, tmp_path / name)


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        training.resume(tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("config.json", ConfigError, r"config\.json is not text"), ("metrics.jsonl", RunError, r"metrics\.jsonl is damaged")],
)
def test_files_that_are_not_text_are_named(finished, tmp_path, name, error, message):
    out, _ = finished
    shutil.copytree(out, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"\xff" + (out / name).read_bytes())
    with pytest.raises(error, match=message):
        training.resume(tmp_path / "run")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run stopped after six of ten iterations."""
    out = tmp_path_factory.mktemp("runs") / "stopped"
    reports = training.train(TINY, out, threads=1, checkpoint_seconds=0.0)
    for _ in range(6):
        next(reports)
    reports.close()
    return out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("metrics.jsonl", r"metrics\.jsonl is missing, and the checkpoint needs 6 lines of it: put it back, or start a new run"),
        ("snapshots.jsonl", r"snapshots\.jsonl is missing, and the checkpoint needs 3 lines of it"),
        ("checkpoint.safetensors", r"checkpoint\.safetensors is missing, from which the run would go on: put it back, or start"),
        ("config.json", r"holds no run \(no config\.json\)"),
    ],
)
def test_a_run_without_a_file_it_needs_says_which(stopped, tmp_path, name, message):
    shutil.copytree(stopped, tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    with pytest.raises(RunError, match=message):
        training.resume(tmp_path / "run")
    assert not (tmp_path / "run" / "lock").exists()


def test_a_damaged_checkpoint_is_told(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    os.truncate(tmp_path / "run" / "checkpoint.safetensors", 5000)
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors is truncated"):
        training.resume(tmp_path / "run")


@pytest.mark.parametrize("name", ["snapshots", "games", "timings.jsonl"])
def test_a_run_goes_on_without_what_it_does_not_need(finished, stopped, tmp_path, name):
    out, _ = finished
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    before = set(fingerprint(run))
    shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    list(training.resume(run, threads=1))
    lost = {path for path in before if path.startswith(f"{name}/")}
    assert fingerprint(run) == {path: wanted for path, wanted in fingerprint(out).items() if path not in lost}


def test_snapshots_of_no_run_are_told(tmp_path):
    with pytest.raises(RunError, match=r"snapshots\.jsonl is missing: name the folder of a training run"):
        training.read_snapshots(tmp_path)


def test_a_checkpoint_of_other_settings_is_refused(finished, tmp_path):
    out, _ = finished
    shutil.copytree(out, tmp_path / "run")
    other = dataclasses.replace(TINY, seed=TINY.seed + 1)
    (tmp_path / "run" / "config.json").write_text(other.to_json())
    with pytest.raises(RunError, match=r"checkpoint of other settings than its config\.json"):
        training.resume(tmp_path / "run")


def test_learning_makes_the_network_agree_with_the_search(finished):
    _, reports = finished
    known = [report.search_kl for report in reports if report.search_kl is not None]
    assert known[-1] < known[0]


def test_the_run_key_names_the_settings():
    assert training.run_key(TINY) == training.run_key(training.Config.from_json(TINY.to_json()))
    assert len(training.run_key(TINY)) == 10
    assert pathlib.PurePath(training.run_key(TINY)).name == training.run_key(TINY)

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
import time

import pytest

from hexlab import training
from hexlab.errors import RunError

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


def test_a_finished_run_resumes_to_nothing(finished):
    out, _ = finished
    before = fingerprint(out)
    assert list(training.resume(out)) == []
    assert fingerprint(out) == before


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
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match=r"exists already: go on with `hexlab resume .*`, or choose another folder"):
        training.train(TINY, tmp_path / "run")


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        training.resume(tmp_path)


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

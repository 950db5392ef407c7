"""Cells of a grid: what is finished is counted, what fails is told, and at most one attempt is at work on a cell."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import time

import pytest

from hexlab.errors import ClusterError, ConfigError, WorkerError
from hexlab.lab import runner
from hexlab.lab.cluster import ClusterExecutor, Share
from hexlab.lab.heartbeats import Heartbeat, revoke
from hexlab.lab.runs import claim_path
from hexlab.system import lock_folder
from hexlab.training import Config, estimate_bytes, run_key, train

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

CELLS = [
    Config(size=3, width=2, depth=1, seed=seed, samples=256, simulations=2, groups=1, boards=64, slice_moves=2, batch=64, buffer=9_000)
    for seed in (0, 1)
]


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def runs(tmp_path):
    return [tmp_path / run_key(cell) for cell in CELLS]


@pytest.fixture
def attempts(monkeypatch):
    """The runs that were begun; give it errors by the name of a run, raised one by one before an attempt may succeed."""
    begun, threads_of, errors = [], [], {}
    real = runner._train_cell

    def attempt(config, out, seconds, threads):
        begun.append(out)
        threads_of.append(threads)
        waiting = errors.get(run_key(Config.from_json(config)), [])
        if waiting and (error := waiting.pop(0)):
            raise error
        return real(config, out, seconds, threads)

    monkeypatch.setattr(runner, "_train_cell", attempt)
    attempt.begun, attempt.threads, attempt.errors = begun, threads_of, errors
    return attempt


@pytest.fixture
def claims(monkeypatch):
    """The claims of all attempts, in the order in which they were made."""
    made = []

    class Kept(Heartbeat):
        def __init__(self, path):
            super().__init__(path)
            made.append(self)

    monkeypatch.setattr(runner, "Heartbeat", Kept)
    return made


def die():
    """Die as a process does whose memory the system wants back."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(gravestone):
    """Die for the first time only."""
    if not gravestone.exists():
        gravestone.touch()
        die()
    return "alive"


@needs_kill
def test_a_call_whose_process_is_killed_is_run_again_and_no_other_is(tmp_path):
    with runner.make_pool(2) as workers:
        untouched = workers.submit(time.sleep, 1)
        assert workers.submit(die_once, tmp_path / "died").result() == "alive"
        assert untouched.result() is None
        assert workers.deaths == 1


@needs_kill
@pytest.mark.parametrize(
    ("work", "told"),
    [
        ((die,), "were killed at the same work, most often for want of memory"),
        ((os._exit, 3), "died at the same work, with exit codes 3, 3, 3, 3"),
    ],
    ids=["killed", "ended by itself"],
)
def test_work_that_ends_every_process_is_told_and_the_pool_goes_on(work, told):
    with runner.make_pool(1) as workers:
        deadly, harmless = workers.submit(*work), workers.submit(os.getpid)
        with pytest.raises(WorkerError, match=f"4 worker processes, one after the other, {told}"):
            deadly.result()
        assert harmless.result() != os.getpid()
        with pytest.raises(ZeroDivisionError):
            workers.submit(divmod, 1, 0).result()


def test_who_leaves_a_pool_early_waits_for_no_process():
    given = []

    def leave():
        with runner.make_pool(1) as workers:
            given.extend(workers.submit(time.sleep, 600) for _ in range(2))
            while not given[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert given[1].cancelled()
    with pytest.raises(RuntimeError, match="the workers were ended"):
        given[0].result()


def test_finished_cells_are_counted_and_not_started_again(tmp_path, pool, runs, attempts):
    list(train(CELLS[0], runs[0], threads=1))
    steps = list(runner.train_cells(CELLS, tmp_path, pool))
    assert attempts.begun == [str(runs[1])]
    assert [step.done == 1 for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].message == "2 of 2 networks trained"
    (step,) = runner.train_cells(CELLS, tmp_path, pool)
    assert (step.done, step.message) == (1, "2 of 2 networks trained")
    assert len(attempts.begun) == 1
    assert sorted(tmp_path.iterdir()) == sorted(runs), "no claim is left"


def test_a_cell_that_fails_stops_no_other_and_says_why(tmp_path, pool, runs):
    list(train(CELLS[0], runs[0], threads=1))
    (runs[0] / "config.json").write_bytes(b"\xff")
    *_, last = runner.train_cells(CELLS, tmp_path, pool)
    assert last.message == "1 of 2 networks trained, 1 failed"
    (failed,) = last.failed
    assert failed.startswith(f"3x3 2x1 seed 0 in {runs[0]}: ")
    assert "not text" in failed
    assert runner.is_finished(CELLS[1], tmp_path)
    assert not runner.is_finished(CELLS[0], tmp_path)


def test_an_unforeseen_error_leaves_its_traceback(tmp_path, pool, runs, attempts):
    attempts.errors[runs[1].name] = [ZeroDivisionError("by zero")]
    *_, last = runner.train_cells(CELLS, tmp_path, pool)
    written = tmp_path / f"{runs[1].name}.traceback"
    assert last.failed == (f"3x3 2x1 seed 1 in {runs[1]}: ZeroDivisionError: by zero (traceback in {written})",)
    assert "raise error" in written.read_text()


def test_a_cluster_that_cannot_do_the_work_ends_the_grid(tmp_path, pool, runs, attempts):
    attempts.errors[runs[0].name] = [ClusterError("other versions")]
    with pytest.raises(ClusterError, match="other versions"):
        list(runner.train_cells(CELLS, tmp_path, pool))


def test_a_cell_whose_workers_die_is_tried_again_as_long_as_it_gets_on(tmp_path, pool, monkeypatch):
    cell = dataclasses.replace(CELLS[0], samples=512)
    lives = iter([1, 2, 0])  # iterations until the workers of an attempt are dead

    def attempt(config, out, seconds, threads):
        with contextlib.closing(runner._open_run(Config.from_json(config), pathlib.Path(out), 0, threads)) as reports:
            for _ in range(next(lives)):
                next(reports)
        raise WorkerError("four workers died")

    monkeypatch.setattr(runner, "_train_cell", attempt)
    *_, last = runner.train_cells([cell], tmp_path, pool)
    assert next(lives, None) is None, "there were three attempts"
    assert last.failed == (f"3x3 2x1 seed 0 in {tmp_path / run_key(cell)}: four workers died",)


def test_an_attempt_ends_when_a_later_one_claims_the_cell_and_that_one_goes_on(tmp_path, pool, runs, claims, monkeypatch):
    """The first is what a worker believed dead is: alive, and still at it."""
    cell, run = CELLS[0], runs[0]
    monkeypatch.setattr("hexlab.lab.heartbeats._BEAT_SECONDS", 0.01)
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.01)
    paused, told = concurrent.futures.Future(), concurrent.futures.Future()
    real = runner._open_run

    def open_run(*arguments):
        reports = real(*arguments)
        if paused.done():
            return reports

        def slowly():
            report = next(reports)
            paused.set_result(None)
            told.result()
            yield report
            yield from reports

        return slowly()

    monkeypatch.setattr(runner, "_open_run", open_run)
    first = pool.submit(runner._train_cell, cell.to_json(), str(run), 0, 1)
    paused.result()
    second = pool.submit(runner._train_cell, cell.to_json(), str(run), 0, 1)
    waits = tmp_path / f"{run.name}.claim"
    while not (claims[0].lost and f"{run.name} is in use by process" in waits.read_text()):
        time.sleep(0.01)
    assert not second.done()
    told.set_result(None)
    assert (first.result(), second.result()) == (False, True)
    list(train(cell, tmp_path / "whole", threads=1))
    for name in ("metrics.jsonl", "snapshots.jsonl"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not waits.exists()


@pytest.mark.parametrize("take", [Heartbeat, revoke], ids=["claimed by another", "revoked"])
def test_an_attempt_that_waits_for_the_folder_ends_when_the_cell_is_no_longer_its_own(tmp_path, pool, runs, monkeypatch, take):
    monkeypatch.setattr("hexlab.lab.heartbeats._BEAT_SECONDS", 600)  # it tells more often than it looks
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.01)
    list(train(CELLS[0], runs[0], threads=1))
    claim = claim_path(runs[0])
    with lock_folder(runs[0]):
        attempt = pool.submit(runner._train_cell, CELLS[0].to_json(), str(runs[0]), 20, 1)
        while not (claim.exists() and "in use" in claim.read_text()):
            time.sleep(0.01)
        take(claim)
        taken = claim.read_bytes()
        assert attempt.result(30) is False
    assert claim.read_bytes() == taken


def test_the_last_cells_share_the_cores_that_are_left(tmp_path, pool, runs, attempts, claims, monkeypatch):
    """The long one is taken over when the short one has ended, and comes out as if one thread had trained it all along."""
    monkeypatch.setattr("hexlab.lab.heartbeats._BEAT_SECONDS", 0.01)
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(runner, "_LONG_SECONDS", 0)
    long = dataclasses.replace(CELLS[1], samples=8 * CELLS[1].samples_an_iteration)
    run, real = tmp_path / run_key(long), runner._open_run

    def open_run(config, out, seconds, threads):
        reports = real(config, out, seconds, threads)
        if (config, threads) != (long, 1):
            return reports

        def slowly():
            yield next(reports)
            first = next(claim for claim in claims if claim.path == claim_path(run))
            while not first.lost:
                time.sleep(0.01)
            yield from reports

        return slowly()

    monkeypatch.setattr(runner, "_open_run", open_run)
    *_, last = runner.train_cells([CELLS[0], long], tmp_path, pool, cores=2, checkpoint_seconds=0)
    assert last.message == "2 of 2 networks trained"
    assert list(zip(attempts.begun, attempts.threads, strict=True)) == [(str(run), 1), (str(runs[0]), 1), (str(run), 2)]
    list(train(long, tmp_path / "whole", threads=1))
    for name in ("metrics.jsonl", "snapshots.jsonl"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_cell_alone_has_a_thread_for_each_group_and_one_to_learn(tmp_path, pool, attempts):
    list(runner.train_cells(CELLS[:1], tmp_path, pool, cores=8))
    assert attempts.threads == [2]


def test_no_cell_has_more_threads_than_the_memory_holds(tmp_path, pool, attempts, monkeypatch):
    cell = dataclasses.replace(CELLS[0], groups=3)
    monkeypatch.setattr(runner, "memory_bytes", lambda: sum(estimate_bytes(cell, threads=2).values()))
    list(runner.train_cells([cell], tmp_path, pool, cores=8))
    assert attempts.threads == [2]


def test_on_a_cluster_a_cell_has_the_cores_of_its_worker(tmp_path, pool, attempts, monkeypatch):
    class Workers(ClusterExecutor):
        def __init__(self, share):
            """Connect to nothing."""
            self.share = share

        def submit(self, work, /, *arguments, **keywords):
            return pool.submit(work, *arguments, **keywords)

    cells = [dataclasses.replace(CELLS[0], groups=3, seed=seed) for seed in (7, 8, 9)]
    memory = sum(estimate_bytes(cells[0], threads=2).values())
    for cell, share in zip(cells, (Share(8, None), Share(2, None), Share(8, memory)), strict=True):
        list(runner.train_cells([cell], tmp_path, Workers(share)))
    assert attempts.threads == [4, 2, 2]


def test_a_call_that_ends_early_revokes_what_it_gave_out(tmp_path, runs):
    class Workers(concurrent.futures.Executor):
        """They begin a cell and are never heard of again."""

        def submit(self, work, config, out, seconds, threads):
            self.claim = Heartbeat(claim_path(tmp_path / run_key(Config.from_json(config))))
            return concurrent.futures.Future()

    workers = Workers()
    steps = runner.train_cells(CELLS[:1], tmp_path, workers)
    assert next(steps).message == "0 of 1 networks trained, 1 running"
    steps.close()
    assert json.loads(workers.claim.path.read_text()) == {"token": ""}


def test_a_cell_is_trained_when_its_run_says_so_though_its_worker_is_not_heard_of(tmp_path, runs):
    class Unheard(concurrent.futures.Executor):
        """What its workers did never arrives, as when a scheduler dies."""

        def submit(self, work, *arguments):
            if arguments[1] == str(runs[0]):
                work(*arguments)
            return concurrent.futures.Future()

    steps = runner.train_cells(CELLS, tmp_path, Unheard())
    assert next(steps).message == "1 of 2 networks trained"
    steps.close()


def test_the_folder_of_a_run_is_waited_for_while_it_is_being_made(tmp_path, pool, runs, monkeypatch):
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.01)
    (tmp_path / f"{runs[0].name}.new").mkdir()
    with lock_folder(tmp_path / f"{runs[0].name}.new"):
        attempt = pool.submit(runner._train_cell, CELLS[0].to_json(), str(runs[0]), 20, 1)
        claim = claim_path(runs[0])
        while not (claim.exists() and "in use" in claim.read_text()):
            time.sleep(0.01)
    assert attempt.result()


def test_settings_of_another_run_are_no_reason_to_wait(tmp_path, runs):
    list(train(CELLS[0], runs[1], threads=1))
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        runner._train_cell(CELLS[1].to_json(), str(runs[1]), 20, 1)

"""Cells of a grid, trained side by side by the workers of an executor; started again, they go on from checkpoints.

Each has one thread as long as there are as many cells as cores. The last ones share the cores that are left, which decides how long they
take and nothing else.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hexlab.errors import ClusterError, ConfigError, HexlabError, InUseError, RunError, WorkerError
from hexlab.lab.cluster import ClusterExecutor, Share
from hexlab.lab.heartbeats import Heartbeat, read_sign, revoke
from hexlab.lab.runs import claim_path, count_iterations
from hexlab.system import memory_bytes, write_whole
from hexlab.training import PROGRAM_BYTES, Config, Report, estimate_bytes, read_config, resume, run_key, train

__all__ = [
    "Progress",
    "WorkerPool",
    "check_workers_memory",
    "count_fitting_workers",
    "is_finished",
    "make_pool",
    "predict_seconds",
    "train_cells",
]

_POLL_SECONDS = 0.5
_MOST_DEATHS = 4  # of workers at one call
_KILLED = -9  # exit code of a process that the system killed
_LAST_WORDS_SECONDS = 5.0  # for which a worker that died is waited for, to learn its exit code
_LONG_SECONDS = 120.0  # of one core that a cell is predicted to have left if it is to be taken over with more threads


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: "train", "rate", "fit" or "report".
        done: share of the stage's work that is done, 0 to 1.
        message: what is going on, in a few words.
        elapsed: seconds since the stage began in this sitting.
        eta: seconds that the stage still takes at the pace so far; None before there is a pace.
        failed: cells that failed so far, each with its reason.
        stalled: what keeps the work from going on, which the message says too; empty while it goes on.
    """

    stage: str
    done: float
    message: str
    elapsed: float
    eta: float | None
    failed: tuple[str, ...] = ()
    stalled: str = ""


class WorkerPool(concurrent.futures.Executor):
    """Spawned worker processes, each of which is replaced when it is killed, as the system does when memory runs out.

    A call whose worker dies is run again, so it must not mind; others are not disturbed. Every worker has a pool of its own, since one
    of Python's that loses a process gives up all of its calls. A call at which four workers die, as many as dask grants it on a cluster,
    raises `WorkerError`.

    Args:
        workers: how many; they start when there is work for them.

    Attributes:
        deaths: workers that died so far.
    """

    def __init__(self, workers: int):
        """Start nothing yet."""
        self.deaths = 0
        self._closed = False
        self._lock = threading.Lock()
        self._pools = {_make_process() for _ in range(workers)}
        self._idle: queue.LifoQueue[concurrent.futures.ProcessPoolExecutor] = queue.LifoQueue()  # who worked last has compiled most
        for pool in self._pools:
            self._idle.put(pool)
        self._threads = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="worker")  # each waits for one worker's answer

    def submit(self, work: Callable, /, *arguments: Any, **keywords: Any) -> concurrent.futures.Future:
        """Run ``work(*arguments, **keywords)`` in a worker; all three travel as pickles."""
        return self._threads.submit(self._run, functools.partial(work, *arguments, **keywords))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers, when all calls are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for pool in list(self._pools):
            pool.shutdown(wait)

    def kill(self) -> None:
        """End the workers at once, whatever they are at."""
        with self._lock:
            self._closed = True
            self._threads.shutdown(wait=False, cancel_futures=True)
            for pool in self._pools:
                for process in list((getattr(pool, "_processes", None) or {}).values()):
                    process.kill()  # they hold nothing that is not on disk, and one that ignores a gentler signal would be waited for
            for pool in self._pools:  # waited for: Python, as it exits, would wake a thread that is closing what it is woken by
                pool.shutdown(cancel_futures=True)

    def _run(self, call: Callable[[], Any]) -> Any:
        pool = self._idle.get()
        codes: list[int | None] = []
        try:
            for _ in range(_MOST_DEATHS):
                processes: list[Any] = []
                try:
                    with self._lock:
                        if self._closed:
                            raise RuntimeError("the workers were ended")
                        answer = pool.submit(call)
                        processes = list((getattr(pool, "_processes", None) or {}).values())
                    return answer.result()
                except BrokenProcessPool:
                    pool = self._replace(pool)
                    codes += map(_wait_for_exit_code, processes)
        finally:
            self._idle.put(pool)
        if set(codes) <= {None, _KILLED}:
            why = "were killed at the same work, most often for want of memory: use fewer workers (--workers), or more memory"
        else:
            why = f"died at the same work, with exit codes {', '.join(map(str, codes))}: see what they wrote to the terminal"
        raise WorkerError(f"{_MOST_DEATHS} worker processes, one after the other, {why}")

    def _replace(self, broken: concurrent.futures.ProcessPoolExecutor) -> concurrent.futures.ProcessPoolExecutor:
        with self._lock:
            self.deaths += not self._closed
            broken.shutdown(wait=False)
            self._pools.remove(broken)
            self._pools.add(pool := _make_process())
        return pool


def _wait_for_exit_code(process: Any) -> int | None:
    """Return how a process ended; the thread of its pool, which waits for it too, may know before this one."""
    deadline = time.monotonic() + _LAST_WORDS_SECONDS
    process.join(_LAST_WORDS_SECONDS)
    while process.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process.exitcode


@contextlib.contextmanager
def make_pool(workers: int) -> Iterator[WorkerPool]:
    """Yield spawned worker processes that end with this one, however it ends."""
    pool = WorkerPool(workers)
    try:
        yield pool
    except BaseException:
        pool.kill()
        raise
    else:
        pool.shutdown()


def _make_process() -> concurrent.futures.ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end_with(process: multiprocessing.process.BaseProcess) -> None:
        process.join()
        os._exit(1)

    threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def count_fitting_workers(cells: Sequence[Config], workers: int) -> int:
    """Return how many of so many workers the memory holds if those cells that take most of it are trained side by side."""
    available, training = memory_bytes(), _list_needs(cells, workers)
    if available is None:
        return workers
    fit = sum(total <= available for total in itertools.accumulate(training))
    if fit < len(training):
        return fit
    return min(workers, fit + (available - sum(training)) // PROGRAM_BYTES)


def check_workers_memory(cells: Sequence[Config], workers: int) -> None:
    """Refuse more workers than the memory holds.

    Raises:
        ConfigError: it says how many workers fit.
    """
    fit, available, training = count_fitting_workers(cells, workers), memory_bytes(), _list_needs(cells, workers)
    if available is None or fit == workers:
        return
    needed = sum(training) + (workers - len(training)) * PROGRAM_BYTES
    dial = f"give at most {fit} (--workers {fit})" if fit else "choose a smaller scale"
    raise ConfigError(f"{workers} workers need about {needed / 1e9:.1f} GB, and there are {available / 1e9:.1f} GB: {dial}")


def _list_needs(cells: Sequence[Config], workers: int) -> list[int]:
    """Return the bytes of the workers that train, the largest first; the others take a program's."""
    return sorted((sum(estimate_bytes(cell, threads=1).values()) for cell in cells), reverse=True)[:workers]


def predict_seconds(config: Config) -> float:
    """Return a rough prediction of a cell's seconds on one core, to order cells and to weigh progress.

    A simulation costs about a microsecond of search and dispatch, and its forward pass at 20 GFLOP/s; learning likewise.
    """
    from hexlab import network

    samples = config.iterations * config.samples_an_iteration
    simulations = samples * config.simulations
    forward = network.flops.count_forward(config.architecture)
    learned = config.iterations * config.updates_an_iteration * config.batch
    return simulations * (1e-6 + forward / 20e9) + learned * (2e-6 + 3 * forward / 20e9) + 5.0


def train_cells(
    cells: Sequence[Config],
    folder: pathlib.Path,
    pool: concurrent.futures.Executor,
    *,
    cores: int = 1,
    checkpoint_seconds: float = 20.0,
) -> Iterator[Progress]:
    """Train every cell in ``folder/<its key>``, longest first, and yield progress about twice a second.

    Finished cells are skipped and begun ones go on, so that repeating an interrupted call finishes its work. A cell that fails does
    not stop the others: the last step names all that did, and why.

    A cell may be begun by one worker and ended by another, at most one of them at work on it: an attempt writes ``<key>.claim`` when
    it starts, waits until the folder is free, and ends when a later attempt has claimed the cell, or when this call ends early.

    Args:
        cells: what to train.
        folder: of their runs, which workers on other computers see at the same path.
        pool: trains them; see `make_pool` and `hexlab.lab.cluster`.
        cores: how many of this computer the cells at work share. Where there are fewer cells than that, each is trained by several
            threads, one for each of its groups and one to learn at most, and as many as the memory holds; a long one is taken over for
            that from its checkpoint. On a cluster a cell has the cores of its worker's share instead.
        checkpoint_seconds: wall-clock between checkpoints: how much work is repeated for a worker that dies.

    Raises:
        ClusterError: the cluster cannot do the work.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    work = _Work(cells, folder)
    unfinished = [cell for cell in cells if not is_finished(cell, folder)]
    running: dict[concurrent.futures.Future, tuple[Config, int]] = {}

    available = memory_bytes()

    def count_threads(cell: Config, at_work: int) -> int:
        memory = None if available is None else available // at_work
        share = pool.share if isinstance(pool, ClusterExecutor) else Share(cores // at_work, memory)
        threads = max(1, min(share.cores, cell.groups + 1))
        while threads > 1 and share.memory is not None and sum(estimate_bytes(cell, threads).values()) > share.memory:
            threads -= 1
        return threads

    def submit(cell: Config, threads: int) -> None:
        out = folder / run_key(cell)
        work.at_submission[run_key(cell)] = count_iterations(out)
        running[pool.submit(_train_cell, cell.to_json(), str(out), checkpoint_seconds, threads)] = cell, threads

    try:
        for cell in sorted(unfinished, key=lambda cell: (-work.costs[run_key(cell)], run_key(cell))):
            submit(cell, count_threads(cell, len(unfinished)))
        if not running:
            yield Progress("train", 1.0, work.describe(0), 0.0, 0.0)
        while running:
            done, _ = concurrent.futures.wait(running, timeout=_POLL_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                cell, threads = running.pop(future)
                if work.settle(cell, future):
                    submit(cell, threads)
            for future, (cell, threads) in list(running.items()):
                if (more := count_threads(cell, len(running))) > threads and work.seconds_left(cell) > _LONG_SECONDS:
                    del running[future]  # this attempt ends when it sees that the next one has claimed the cell
                    submit(cell, more)
            at_work = work.update([run_key(cell) for cell, _ in running.values()])
            stalled = pool.remark() if running and not at_work and isinstance(pool, ClusterExecutor) else ""
            elapsed = time.monotonic() - started
            eta = None if stalled else work.eta(elapsed)
            share = min(work.share, 0.99) if running else 1.0  # a last line of metrics comes before the end of its process
            yield Progress("train", share, work.describe(at_work, stalled), elapsed, eta, tuple(work.failed.values()), stalled)
    finally:
        for cell, _ in running.values():
            if (claim := claim_path(folder / run_key(cell))).exists():
                revoke(claim)


class _Work:
    """What is done of a grid, and what failed."""

    def __init__(self, cells: Sequence[Config], folder: pathlib.Path) -> None:
        self.cells = {run_key(cell): cell for cell in cells}
        self.costs = {key: predict_seconds(cell) for key, cell in self.cells.items()}
        self.folder = folder
        self.failed: dict[str, str] = {}
        self.at_submission: dict[str, int] = {}
        self._iterations = {key: count_iterations(folder / key) for key in self.cells}
        self._at_start = self._seconds

    @property
    def _seconds(self) -> float:
        return sum(self.costs[key] * self._iterations[key] / cell.iterations for key, cell in self.cells.items())

    @property
    def share(self) -> float:
        return self._seconds / sum(self.costs.values())

    def seconds_left(self, cell: Config) -> float:
        """Return what a cell is predicted to take yet on one core."""
        key = run_key(cell)
        return self.costs[key] * (1 - self._iterations[key] / cell.iterations)

    def eta(self, elapsed: float) -> float | None:
        gained = self._seconds - self._at_start
        return (sum(self.costs.values()) - self._seconds) * elapsed / gained if gained > 0 else None

    def settle(self, cell: Config, future: concurrent.futures.Future) -> bool:
        """Count a cell whose attempt ended; return whether it is to be tried again."""
        key = run_key(cell)
        self._iterations[key] = count_iterations(self.folder / key)
        error = future.exception()
        if error is None:
            return not future.result()  # another attempt took over, which nobody listens to any more
        if isinstance(error, WorkerError) and self._iterations[key] > self.at_submission[key]:
            return True
        if isinstance(error, ClusterError | concurrent.futures.BrokenExecutor) or not isinstance(error, Exception):
            raise error
        reason = str(error)
        if not isinstance(error, HexlabError):
            written = self.folder / f"{key}.traceback"
            write_whole(written, "".join(traceback.format_exception(error)))
            reason = f"{type(error).__name__}: {error} (traceback in {written})"
        self.failed[key] = f"{cell.architecture} seed {cell.seed} in {self.folder / key}: {reason}"
        return False

    def update(self, unfinished: Sequence[str]) -> int:
        """Read how far the cells are, and return how many are being trained now."""
        at_work = 0
        for key in unfinished:
            sign = read_sign(claim_path(self.folder / key))
            at_work += sign is not None and sign.alive
            self._iterations[key] = count_iterations(self.folder / key)  # one that ended may not be heard of, as when a scheduler dies
        return at_work

    def describe(self, at_work: int, stalled: str = "") -> str:
        trained = sum(self._iterations[key] >= cell.iterations for key, cell in self.cells.items() if key not in self.failed)
        parts = [f"{trained} of {len(self.cells)} networks trained"]
        if at_work:
            parts.append(f"{at_work} running")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        if stalled:
            parts.append(stalled)
        return ", ".join(parts)


def is_finished(cell: Config, folder: pathlib.Path) -> bool:
    """Tell whether nothing is left to do for a cell in ``folder/<its key>``; what is damaged is not finished."""
    from hexlab import network

    run = folder / run_key(cell)
    if count_iterations(run) < cell.iterations:
        return False
    try:
        _, facts = network.load_tree(run / "checkpoint.safetensors")
        return read_config(run) == cell and (facts.get("run"), facts.get("iteration")) == (run_key(cell), cell.iterations)
    except HexlabError:
        return False


def _train_cell(config_json: str, out: str, checkpoint_seconds: float, threads: int) -> bool:
    """Train a cell from its checkpoint on and return True, or False as soon as another attempt has claimed it."""
    config, run = Config.from_json(config_json), pathlib.Path(out)
    with Heartbeat(claim_path(run)) as claim:
        try:
            while not claim.lost:
                begun = run.exists()
                try:
                    reports = _open_run(config, run, checkpoint_seconds, threads)
                except InUseError as error:  # the attempt before this one, which ends at its next report
                    claim.tell(waiting=str(error))
                    time.sleep(_POLL_SECONDS)
                    continue
                except RunError:
                    if begun or not run.exists():
                        raise
                    continue  # it has just made the folder
                claim.tell(waiting="")
                return all(not claim.lost for _ in reports)
            return False
        finally:
            claim.remove()


def _open_run(config: Config, run: pathlib.Path, checkpoint_seconds: float, threads: int) -> Iterator[Report]:
    if not run.exists():
        return train(config, run, threads=threads, checkpoint_seconds=checkpoint_seconds)
    if read_config(run) != config:
        raise ConfigError(f"{run} holds a run with other settings: choose another folder")
    return resume(run, threads=threads, checkpoint_seconds=checkpoint_seconds)

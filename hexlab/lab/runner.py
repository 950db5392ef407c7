"""Cells of a grid, trained side by side in spawned processes, one thread each; started again, it goes on from the checkpoints."""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Sequence

from hexlab.errors import ConfigError, HexlabError, RunError
from hexlab.system import memory_bytes
from hexlab.training import Config, estimate_bytes, read_config, resume, run_key, train

__all__ = ["Progress", "check_workers_memory", "make_pool", "predict_seconds", "train_cells"]

_POLL_SECONDS = 0.5
_CHECKPOINT_SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: "train", "rate", "fit" or "report".
        done: share of the stage's work that is done, 0 to 1.
        message: what is going on, in a few words.
        elapsed: seconds since the stage began in this sitting.
        eta: seconds that the stage still takes at the pace so far; None before there is a pace.
    """

    stage: str
    done: float
    message: str
    elapsed: float
    eta: float | None


@contextlib.contextmanager
def make_pool(workers: int) -> Iterator[concurrent.futures.Executor]:
    """Yield spawned worker processes that end with this one, however it ends."""
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)
    try:
        yield pool
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end_with(process: multiprocessing.process.BaseProcess) -> None:
        process.join()
        os._exit(1)

    threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def check_workers_memory(cells: Sequence[Config], workers: int) -> None:
    """Refuse more workers than the memory holds if those cells that take most of it are trained side by side.

    Raises:
        ConfigError: it says how many workers fit.
    """
    available = memory_bytes()
    needed = sorted((sum(estimate_bytes(cell, threads=1).values()) for cell in cells), reverse=True)[:workers]
    if available is None or sum(needed) <= available:
        return
    fit = sum(total <= available for total in itertools.accumulate(needed))
    dial = f"give at most {fit} (--workers {fit})" if fit else "choose a smaller scale"
    raise ConfigError(f"{len(needed)} workers need about {sum(needed) / 1e9:.1f} GB, and there are {available / 1e9:.1f} GB: {dial}")


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


def train_cells(cells: Sequence[Config], folder: pathlib.Path, pool: concurrent.futures.Executor) -> Iterator[Progress]:
    """Train every cell in ``folder/<its key>``, longest first, and yield progress about twice a second.

    Finished cells are skipped and begun ones go on, so that repeating an interrupted call finishes its work.

    Raises:
        RunError: a cell failed; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    costs = {run_key(cell): predict_seconds(cell) for cell in cells}
    at_start = _work_done(cells, folder, costs)
    order = sorted(cells, key=lambda cell: (-costs[run_key(cell)], run_key(cell)))
    left = [cell for cell in order if not _is_finished(cell, folder / run_key(cell))]
    running = {pool.submit(_train_cell, cell.to_json(), str(folder / run_key(cell))): cell for cell in left}
    total = sum(costs.values())
    finished = len(cells) - len(left)
    if not running:
        yield Progress("train", 1.0, f"{finished} of {len(cells)} networks trained", 0.0, 0.0)
    while running:
        done, _ = concurrent.futures.wait(running, timeout=_POLL_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            cell = running.pop(future)
            error = future.exception()
            if error is not None and not isinstance(error, HexlabError):
                raise error
            if error is not None:
                name = f"{cell.architecture} seed {cell.seed}"
                raise RunError(f"training {name} in {folder / run_key(cell)} failed: {error}") from error
            finished += 1
        work = _work_done(cells, folder, costs)
        elapsed = time.monotonic() - started
        gained = work - at_start
        eta = (total - work) * elapsed / gained if gained > 0 else None
        share = min(work / total, 0.99) if running else 1.0  # a last line of metrics comes before the end of its process
        yield Progress("train", share, f"{finished} of {len(cells)} networks trained", elapsed, eta)


def _work_done(cells, folder, costs) -> float:
    return sum(costs[run_key(cell)] * _iterations_done(folder / run_key(cell)) / cell.iterations for cell in cells)


def _is_finished(cell, run) -> bool:
    """Tell whether nothing is left to do for a cell; what is damaged is left to `_train_cell`, which says so."""
    from hexlab import network

    if _iterations_done(run) < cell.iterations:
        return False
    try:
        _, facts = network.load_tree(run / "checkpoint.safetensors")
        return read_config(run) == cell and (facts.get("run"), facts.get("iteration")) == (run_key(cell), cell.iterations)
    except HexlabError:
        return False


def _iterations_done(run) -> int:
    """Read how far a run is from the last whole line of its metrics, without reading the file."""
    path = run / "metrics.jsonl"
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().split(b"\n")
    except OSError:
        return 0
    for line in reversed(lines[:-1]):
        with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):
            return int(json.loads(line)["iteration"])
    return 0


def _train_cell(config_json: str, out: str) -> None:
    config = Config.from_json(config_json)
    if pathlib.Path(out).exists():
        if read_config(out) != config:
            raise ConfigError(f"{out} holds a run with other settings: choose another folder")
        reports = resume(out, threads=1, checkpoint_seconds=_CHECKPOINT_SECONDS)
    else:
        reports = train(config, out, threads=1, checkpoint_seconds=_CHECKPOINT_SECONDS)
    for _ in reports:
        pass

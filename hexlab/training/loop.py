"""Expert iteration: self-play and learning in turn, as a generator of reports; the caller owns the loop.

In iteration i every group plays a slice with the parameters of iteration i - 1 while the learner, beside it, takes iteration i's
gradient steps on what was finished by then. Slices are consumed in group order. So threads, cores and time decide nothing but speed,
and a run that is killed and resumed ends in the same bytes.
"""

import atexit
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import math
import os
import pathlib
import queue
import shutil
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np

from hexlab import mcts, network
from hexlab.errors import ConfigError, RunError
from hexlab.mcts.ahead import start_compiling
from hexlab.records import Snapshot
from hexlab.rules import Boards, sgf
from hexlab.system import Lock, count_cores, lock_folder, make_folder, remove_drafts, write_whole
from hexlab.training.config import Config
from hexlab.training.learner import Learner, Losses, is_finite, learn, make_learner
from hexlab.training.memory import check_memory
from hexlab.training.replay import Replay
from hexlab.training.selfplay import CALIBRATION_BINS, Group, Slice, make_group, make_recipe, play_slice

__all__ = ["Report", "read_config", "read_snapshots", "read_timings", "resume", "run_key", "train"]

_SAMPLED_GAMES = 4
_FOLDERS = ("snapshots", "games")


@dataclasses.dataclass(frozen=True)
class Report:
    """What an iteration did; everything but `Timing` goes to ``metrics.jsonl`` and is the same in every repetition.

    Losses are in nats, values in [-1, 1]. Fields that have no value yet (before the first game ends) are None.
    """

    iteration: int
    iterations: int
    samples: int
    games: int
    simulations: int
    train_flops: float
    paper_flops: float
    policy_loss: float | None
    value_loss: float | None
    policy_entropy: float | None
    target_entropy: float | None
    search_kl: float | None
    """KL divergence from the search's policy to the network's, on replayed positions."""
    value_explained: float | None
    """1 - squared error / variance of the value targets."""
    calibration_error: float | None
    """Mean over this iteration's positions of the distance between mean value and mean outcome, within ten bins of the network's value."""
    game_length: float | None
    """Mean number of stones on final boards of this iteration."""
    black_wins: float | None
    """Share of this iteration's games that Black won."""
    snapshot: str | None
    """Path, within the run folder, of the snapshot that this iteration left."""
    timing: "Timing"

    def __str__(self) -> str:
        """One line for a log."""
        parts = [f"{self.iteration}/{self.iterations}", f"{self.samples / 1e6:.2f}M positions", f"{self.games} games"]
        if self.policy_loss is not None:
            parts.append(f"policy {self.policy_loss:.3f} (KL {self.search_kl:.3f}) value {self.value_loss:.3f}")
        if self.game_length is not None:
            parts.append(f"length {self.game_length:.1f}")
        parts.append(f"{self.timing.simulations_per_second / 1e6:.2f}M simulations/s, {self.timing.eta:.0f} s left")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds and rates of an iteration, written to ``timings.jsonl``: they differ from run to run."""

    seconds: float
    """Wall-clock of this iteration, its writing included."""
    elapsed: float
    """Wall-clock of the run so far, all its sittings together, the caller's time between reports included."""
    games_per_second: float
    simulations_per_second: float
    selfplay_seconds: float
    """Time that threads spent in self-play, added up."""
    learner_seconds: float
    """Time that a thread spent in the learner, beside self-play."""
    other_seconds: float
    """Wall-clock in which neither self-play nor the learner ran: records, snapshots, checkpoints."""
    caller_seconds: float
    """Wall-clock for which the caller kept the run waiting before this iteration."""
    eta: float
    """Seconds left at the pace so far."""


@dataclasses.dataclass
class _State:
    """A run between two iterations."""

    learner: Learner
    replay: Replay
    groups: list[Group]
    iteration: int = 0
    games: int = 0
    elapsed: float = 0.0


def train(config: Config, out: str | os.PathLike, *, threads: int | None = None, checkpoint_seconds: float = 60.0) -> Iterator[Report]:
    """Start a run in a new folder and yield a report after every iteration.

    Args:
        config: the run's settings.
        out: folder to create; it holds config.json, metrics.jsonl, timings.jsonl, snapshots.jsonl, snapshots/, games/ and the
            checkpoint from which `resume` goes on.
        threads: threads to use; by default as many as there are cores for this process. It decides speed, never results.
        checkpoint_seconds: wall-clock between checkpoints: how much work a killed run repeats.

    Raises:
        RunError: the folder exists, or another process is making it.
        ConfigError: fewer than one thread, or a run that does not fit into this machine's memory; no folder is made.
    """
    folder = pathlib.Path(out)
    if folder.exists():
        raise _exists(folder)
    threads = _count_threads(threads)
    check_memory(config, threads)
    compiling = _start_compiling(config, threads)
    state = _fresh_state(config)
    workspaces = _allocate_workspaces(config, state, threads)
    lock = _make_folder(folder, config, state)
    _finish_compiling(compiling, workspaces)
    return _begin(_iterate(folder, config, state, workspaces, lock, threads, checkpoint_seconds))


def resume(out: str | os.PathLike, *, threads: int | None = None, checkpoint_seconds: float = 60.0) -> Iterator[Report]:
    """Go on with a run from its last checkpoint; the finished run equals an uninterrupted one byte for byte.

    The folder is locked from this call until the reports end or the iterator is closed or given up.

    Args:
        out: the run's folder. A finished run yields no report.
        threads: as for `train`.
        checkpoint_seconds: as for `train`.

    Raises:
        RunError: there is no run in the folder, parts of it are missing, or another process is at work on it.
        CheckpointError: the run's checkpoint is damaged.
        ConfigError: fewer than one thread, or a run that does not fit into this machine's memory.
    """
    folder = pathlib.Path(out)
    config = read_config(folder)
    threads = _count_threads(threads)
    check_memory(config, threads, begun=True)
    lock = lock_folder(folder)
    try:
        for part in _FOLDERS:
            make_folder(folder / part)
        (folder / "timings.jsonl").touch()
        remove_drafts(folder, *(folder / part for part in _FOLDERS))
        state = _read_checkpoint(folder, config)
        _keep_lines(folder / "metrics.jsonl", state.iteration)
        done = sum(1 for mark in _snapshot_marks(config, state) if mark <= state.iteration)
        _keep_lines(folder / "snapshots.jsonl", 1 + done)
        workspaces = _allocate_workspaces(config, state, threads)
        if state.iteration < config.iterations:
            _finish_compiling(_start_compiling(config, threads), workspaces)
    except BaseException:
        lock.release()
        raise
    return _begin(_iterate(folder, config, state, workspaces, lock, threads, checkpoint_seconds))


def read_snapshots(folder: str | os.PathLike) -> list[Snapshot]:
    """Return what a run tells of its snapshots, the untrained one first.

    Raises:
        RunError: there are no snapshots, or a damaged line.
    """
    path = pathlib.Path(folder) / "snapshots.jsonl"
    if not path.is_file():
        raise RunError(f"{path} is missing: name the folder of a training run")
    kept = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            kept.append(Snapshot(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path} is damaged in line {number} ({error}): restore the file, or train the run anew") from None
    return kept


def read_timings(folder: str | os.PathLike, iteration: int) -> list[dict[str, Any]]:
    """Return what a run tells of the time that its iterations took, up to one of them: rows of `Timing` with their "iteration".

    A line that is cut off, damaged or missing is left out, and its time with it.

    Raises:
        RunError: there are no timings.
    """
    path = pathlib.Path(folder) / "timings.jsonl"
    if not path.is_file():
        raise RunError(f"{path} is missing: name the folder of a training run")
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return [row for row in rows if _is_timing(row) and row["iteration"] <= iteration]


def read_config(out: str | os.PathLike) -> Config:
    """Return the settings of the run in a folder, or raise `RunError` where there is none, `ConfigError` where they are damaged."""
    path = pathlib.Path(out) / "config.json"
    if not path.is_file():
        raise RunError(f"{out} holds no run (no config.json): name a folder that `hexlab train` made")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text ({error.reason} at byte {error.start}): restore the file or start a new run") from None
    return Config.from_json(text)


def run_key(config: Config) -> str:
    """Return the run's short stable name: the hash of its settings.

    >>> run_key(Config(size=3)) == run_key(Config(size=3))
    True
    """
    return hashlib.sha256(config.to_json().encode()).hexdigest()[:10]


def _count_threads(threads: int | None) -> int:
    if threads is None:
        return count_cores()
    if threads < 1:
        raise ConfigError(f"threads={threads}: give a whole number from 1 up")
    return threads


def _exists(folder: pathlib.Path) -> RunError:
    if not (folder / "config.json").is_file():
        return RunError(f"{folder} exists already and holds no run: choose another folder, or remove it")
    return RunError(f"{folder} exists already: go on with `hexlab resume {folder}`, or choose another folder")


def _make_folder(folder: pathlib.Path, config: Config, state: _State) -> Lock:
    """Make the run's folder, whole or not at all, and return its lock."""
    building = folder.with_name(folder.name + ".new")
    make_folder(building)
    lock = lock_folder(building)
    try:
        for left in building.iterdir():  # by a process that was killed while making it
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock.path:
                left.unlink()
        for part in _FOLDERS:
            (building / part).mkdir()
        for name in ("metrics.jsonl", "timings.jsonl", "snapshots.jsonl"):
            write_whole(building / name, "")
        _keep_snapshot(building, config, state, 0)
        _write_checkpoint(building, config, state)
        write_whole(building / "config.json", config.to_json() + "\n")
        if folder.exists():
            raise _exists(folder)
        lock.move_folder(folder)
    except BaseException:
        lock.release()
        shutil.rmtree(building, ignore_errors=True)
        raise
    return lock


def _allocate_workspaces(config: Config, state: _State, threads: int) -> queue.SimpleQueue:
    architecture = config.architecture
    workspaces: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(min(threads, config.groups)):
        tree = mcts.allocate_tree(config.boards, config.tree_capacity, config.size)
        workspaces.put((network.NetworkEvaluator(architecture, state.learner.average, batch=config.boards), tree))
    return workspaces


def _start_compiling(config: Config, threads: int) -> list[threading.Thread]:
    """Let other processes compile the search, unless the run is to keep to one thread."""
    return start_compiling(make_recipe(config), config.noise_fraction > 0, config.keep_tree) if threads > 1 else []


def _finish_compiling(compiling: Sequence[threading.Thread], workspaces: queue.SimpleQueue) -> None:
    """Compile the network's call meanwhile, then wait until the search is compiled too."""
    evaluator, tree = workspaces.get()
    evaluator(Boards.empty(tree.size, 1))
    workspaces.put((evaluator, tree))
    for thread in compiling:
        thread.join()


_BEGUN: weakref.WeakSet[Generator[Report]] = weakref.WeakSet()


def _begin(reports: Generator[Report]) -> Iterator[Report]:
    """See that a run that its owner leaves unfinished is closed while Python can still do it."""
    _BEGUN.add(reports)
    return reports


@atexit.register
def _close_begun() -> None:
    for reports in list(_BEGUN):
        with contextlib.suppress(ValueError):  # it is running, in a thread that ends with Python
            reports.close()


def _iterate(
    folder: pathlib.Path,
    config: Config,
    state: _State,
    workspaces: queue.SimpleQueue,
    lock: Lock,
    threads: int,
    checkpoint_seconds: float,
) -> Generator[Report]:
    _keep_timings(folder, state.iteration)
    written = ended = time.perf_counter()  # a finer clock than `monotonic` where that ticks 64 times a second
    with (
        lock,
        concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="hexlab") as pool,
        (folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n") as metrics,
        (folder / "timings.jsonl").open("a", encoding="utf-8", newline="\n") as timings,
    ):
        while state.iteration < config.iterations:
            started = time.perf_counter()
            iteration = state.iteration + 1
            learning = pool.submit(_learn, state, config, iteration) if len(state.replay) else None
            playing = [
                pool.submit(_play, workspaces, state.learner.average, state.groups[number], config, iteration, number)
                for number in range(config.groups)
            ]
            losses, learner_seconds = None, 0.0
            if learning is not None:  # first, for it can tell why no answer of a network is finite any more
                state.learner, losses, learner_seconds = learning.result()
            slices, played_seconds = zip(*(future.result() for future in playing), strict=True)
            worked = time.perf_counter() - started
            for part in slices:
                state.replay.append(part.positions)
                state.games += part.games
            state.iteration = iteration
            snapshot = None
            marks = _snapshot_marks(config, state)
            if iteration in marks:
                snapshot = _keep_snapshot(folder, config, state, 1 + marks.index(iteration))
                _write_games(folder, config, slices, 1 + marks.index(iteration))
            facts = _describe(config, state, slices, losses, snapshot)
            print(json.dumps(facts), file=metrics, flush=True)
            if iteration == config.iterations or time.perf_counter() - written > checkpoint_seconds:
                os.fsync(metrics.fileno())  # what the checkpoint counts on lasts as long as it does
                _write_checkpoint(folder, config, state)
                written = time.perf_counter()
            now = time.perf_counter()
            seconds = now - started
            state.elapsed += now - ended
            timing = Timing(
                seconds=seconds,
                elapsed=state.elapsed,
                games_per_second=sum(part.games for part in slices) / seconds,
                simulations_per_second=config.samples_an_iteration * config.simulations / seconds,
                selfplay_seconds=sum(played_seconds),
                learner_seconds=learner_seconds,
                other_seconds=seconds - worked,
                caller_seconds=started - ended,
                eta=state.elapsed / iteration * (config.iterations - iteration),
            )
            ended = now
            print(json.dumps({"iteration": iteration, **dataclasses.asdict(timing)}), file=timings, flush=True)
            yield Report(**facts, timing=timing)


def _learn(state, config, iteration):
    started = time.perf_counter()
    learner, losses = learn(state.learner, state.replay, config, iteration)
    if not is_finite(learner, losses):
        raise RunError(
            f"learning diverged in iteration {iteration}, the parameters are not finite: start a new run with a lower"
            f" --learning-rate than {config.learning_rate:g}"
        )
    return learner, losses, time.perf_counter() - started


def _play(workspaces, params, group, config, iteration, number):
    evaluator, tree = workspaces.get()
    started = time.perf_counter()
    try:
        return play_slice(group, evaluator.with_params(params), config, iteration, number, tree), time.perf_counter() - started
    finally:
        workspaces.put((evaluator, tree))


def _fresh_state(config) -> _State:
    groups = [make_group(config, number) for number in range(config.groups)]
    return _State(make_learner(config), Replay(config.size, config.replay_capacity), groups)


def _snapshot_marks(config: Config, state: _State) -> list[int]:
    """Iterations that leave a snapshot: log-spaced from the first that learns to the last; the last alone if one is kept.

    Cost is proportional to the iteration.
    """
    if state.learner.steps == 0 or config.snapshots == 1:
        return [config.iterations]
    first = state.iteration - state.learner.steps // config.updates_an_iteration + 1
    marks = np.geomspace(first, config.iterations, config.snapshots).round().astype(int)
    return sorted({int(mark) for mark in marks} | {config.iterations})


def _costs(config, state) -> dict[str, Any]:
    architecture = config.architecture
    samples = state.iteration * config.samples_an_iteration
    simulations = samples * config.simulations
    selfplay = network.flops.count_selfplay(architecture, simulations)
    learner = network.flops.count_learning(architecture, state.learner.steps * config.batch, config.batch)
    return {
        "samples": samples,
        "simulations": simulations,
        "selfplay_flops": selfplay,
        "learner_flops": learner,
        "train_flops": selfplay + learner,
        "paper_flops": network.flops.count_paper_training(architecture, simulations),
    }


def _describe(config, state, slices: Sequence[Slice], losses: Losses | None, snapshot) -> dict[str, Any]:
    """Return the fields of `Report` that are the same in every repetition."""
    costs = _costs(config, state)
    games = sum(part.games for part in slices)
    count, values, outcomes = np.sum([part.calibration for part in slices], axis=0).reshape(3, CALIBRATION_BINS)
    calibration = float(np.abs(values - outcomes).sum() / count.sum()) if count.sum() else None
    return {
        "iteration": state.iteration,
        "iterations": config.iterations,
        "samples": costs["samples"],
        "games": state.games,
        "simulations": costs["simulations"],
        "train_flops": costs["train_flops"],
        "paper_flops": costs["paper_flops"],
        "policy_loss": losses.policy if losses else None,
        "value_loss": losses.value if losses else None,
        "policy_entropy": losses.policy_entropy if losses else None,
        "target_entropy": losses.target_entropy if losses else None,
        "search_kl": losses.policy - losses.target_entropy if losses else None,
        "value_explained": 1 - losses.value / losses.value_variance if losses and losses.value_variance else None,
        "calibration_error": calibration,
        "game_length": sum(part.moves for part in slices) / games if games else None,
        "black_wins": sum(part.black_wins for part in slices) / games if games else None,
        "snapshot": snapshot,
    }


def _keep_snapshot(folder, config, state, index) -> str:
    name = f"snapshots/{index:03d}.safetensors"
    row = Snapshot(run=run_key(config), snapshot=index, **_costs(config, state))
    architecture = config.architecture
    network.save(folder / name, architecture, state.learner.average, dataclasses.asdict(row))
    with (folder / "snapshots.jsonl").open("a", encoding="utf-8", newline="\n") as lines:
        print(json.dumps(dataclasses.asdict(row)), file=lines, flush=True)
        os.fsync(lines.fileno())
    return name


def _write_games(folder, config, slices: Sequence[Slice], index) -> None:
    records = np.concatenate([part.records for part in slices])[:_SAMPLED_GAMES]
    if len(records):
        games = [sgf.Game(config.size, tuple(int(cell) for cell in record if cell >= 0)) for record in records]
        write_whole(folder / "games" / f"{index:03d}.sgf", "".join(sgf.write(game) for game in games))


def _write_checkpoint(folder, config, state) -> None:
    """Write all that `resume` needs, atomically; of a finished run only what was learned."""
    learner = state.learner
    tree: dict[str, Any] = {
        "params": learner.params,
        "average": learner.average,
        "optimizer": dict(learner.optimizer._asdict()),
    }
    if state.iteration < config.iterations:
        held = len(state.replay)
        tree["replay"] = {name: array[:held] for name, array in state.replay.positions._asdict().items()}
        tree["groups"] = {f"{number:03d}": dict(group._asdict()) for number, group in enumerate(state.groups)}
    facts = {
        "iteration": state.iteration,
        "games": state.games,
        "steps": learner.steps,
        "replayed": state.replay.total,
        "run": run_key(config),
    }
    network.save_tree(folder / "checkpoint.safetensors", tree, facts)


def _read_checkpoint(folder, config) -> _State:
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        raise RunError(f"{path} is missing, from which the run would go on: put it back, or start a new run")
    replay = Replay(config.size, config.replay_capacity)
    room = {f"replay.{name}": array for name, array in replay.positions._asdict().items()}
    tree, facts = network.load_tree(path, into=room)
    if facts.get("run") != run_key(config):
        raise RunError(f"{folder} holds a checkpoint of other settings than its config.json: restore the file, or start a new run")
    fresh = make_learner(config)
    optimizer = type(fresh.optimizer)(**tree["optimizer"])
    replay.total = facts["replayed"]
    groups = []
    if facts["iteration"] < config.iterations:
        stored = tree["groups"]
        groups = [Group(**{name: np.array(array) for name, array in stored.pop(key).items()}) for key in sorted(stored, key=int)]
    learner = Learner(tree["params"], tree["average"], optimizer, facts["steps"])
    return _State(learner, replay, groups, facts["iteration"], facts["games"], _elapsed(folder, facts["iteration"]))


def _elapsed(folder, iteration) -> float:
    rows = read_timings(folder, iteration)
    return rows[-1]["elapsed"] if rows else 0.0


def _is_timing(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("iteration"), int):
        return False
    numbers = [row.get(field.name) for field in dataclasses.fields(Timing)]
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)


def _keep_timings(folder, iteration) -> None:
    rows = read_timings(folder, iteration)
    write_whole(folder / "timings.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _keep_lines(path, count) -> None:
    if not path.is_file():
        raise RunError(f"{path} is missing, and the checkpoint needs {count} lines of it: put it back, or start a new run")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    if "\ufffd" in "".join(lines[:count]):
        raise RunError(f"{path} is damaged, it holds bytes that are not text: restore the file or start a new run")
    if len(lines) < count:
        raise RunError(f"{path} has {len(lines)} lines, the checkpoint needs {count}: the run folder was changed, start a new run")
    write_whole(path, "".join(lines[:count]))

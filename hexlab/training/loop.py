"""Expert iteration: self-play and learning in turn, as a generator of reports; the caller owns the loop.

In iteration i every group plays a slice with the parameters of iteration i - 1 while the learner, beside it, takes iteration i's
gradient steps on what was finished by then. Slices are consumed in group order. So threads, cores and time decide nothing but speed,
and a run that is killed and resumed ends in the same bytes.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import queue
import shutil
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from hexlab import mcts, network
from hexlab.errors import RunError
from hexlab.records import Snapshot
from hexlab.rules import sgf
from hexlab.system import count_cores
from hexlab.training.config import Config
from hexlab.training.learner import Learner, Losses, learn, make_learner
from hexlab.training.replay import Positions, Replay
from hexlab.training.selfplay import CALIBRATION_BINS, Group, Slice, make_group, play_slice

__all__ = ["Report", "read_config", "resume", "run_key", "train"]

_SAMPLED_GAMES = 4


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
    """Mean over this iteration's positions of |mean value - mean outcome| within ten bins of the network's value."""
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
    """Wall-clock of this iteration."""
    elapsed: float
    """Wall-clock of the run so far, all its sittings together."""
    games_per_second: float
    simulations_per_second: float
    learner_seconds: float
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
        RunError: the folder exists.
    """
    folder = pathlib.Path(out)
    if folder.exists():
        raise RunError(f"{folder} exists already: go on with `hexlab resume {folder}`, or choose another folder")
    state = _fresh_state(config)
    building = folder.with_name(folder.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    for part in ("snapshots", "games"):
        (building / part).mkdir(parents=True)
    _write_text(building / "config.json", config.to_json() + "\n")
    for part in ("metrics.jsonl", "timings.jsonl", "snapshots.jsonl"):
        _write_text(building / part, "")
    _keep_snapshot(building, config, state, 0)
    _write_checkpoint(building, config, state)
    building.replace(folder)
    return _iterate(folder, config, state, threads, checkpoint_seconds)


def resume(out: str | os.PathLike, *, threads: int | None = None, checkpoint_seconds: float = 60.0) -> Iterator[Report]:
    """Go on with a run from its last checkpoint; the finished run equals an uninterrupted one byte for byte.

    Args:
        out: the run's folder. A finished run yields no report.
        threads: as for `train`.
        checkpoint_seconds: as for `train`.

    Raises:
        RunError: there is no run in the folder, or parts of it are missing.
    """
    folder = pathlib.Path(out)
    config = read_config(folder)
    state = _read_checkpoint(folder, config)
    for name in ("metrics.jsonl", "timings.jsonl"):
        _keep_lines(folder / name, state.iteration)
    done = sum(1 for mark in _snapshot_marks(config) if mark <= state.iteration)
    _keep_lines(folder / "snapshots.jsonl", 1 + done)
    return _iterate(folder, config, state, threads, checkpoint_seconds)


def read_config(out: str | os.PathLike) -> Config:
    """Return the settings of the run in a folder, or raise `RunError`."""
    path = pathlib.Path(out) / "config.json"
    if not path.is_file():
        raise RunError(f"{out} holds no run (no config.json): name a folder that `hexlab train` made")
    return Config.from_json(path.read_text(encoding="utf-8"))


def run_key(config: Config) -> str:
    """Return the run's short stable name: the hash of its settings.

    >>> run_key(Config(size=3)) == run_key(Config(size=3))
    True
    """
    return hashlib.sha256(config.to_json().encode()).hexdigest()[:10]


def _iterate(folder, config, state, threads, checkpoint_seconds):
    threads = threads or count_cores()
    architecture = network.Architecture(config.size, config.width, config.depth)
    workspaces: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(min(threads, config.groups)):
        tree = mcts.allocate_tree(config.boards, config.simulations, config.size)
        workspaces.put((network.NetworkEvaluator(architecture, state.learner.average, batch=config.boards), tree))
    marks = _snapshot_marks(config)
    written = time.monotonic()
    with (
        concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="hexlab") as pool,
        (folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n") as metrics,
        (folder / "timings.jsonl").open("a", encoding="utf-8", newline="\n") as timings,
    ):
        while state.iteration < config.iterations:
            started = time.monotonic()
            iteration = state.iteration + 1
            learning = pool.submit(_learn, state, config, iteration) if len(state.replay) else None
            playing = [
                pool.submit(_play, workspaces, state.learner.average, state.groups[number], config, iteration, number)
                for number in range(config.groups)
            ]
            slices = [future.result() for future in playing]
            losses, learner_seconds = None, 0.0
            if learning is not None:
                state.learner, losses, learner_seconds = learning.result()
            for part in slices:
                state.replay.append(part.positions)
                state.games += part.games
            state.iteration = iteration
            snapshot = None
            if iteration in marks:
                snapshot = _keep_snapshot(folder, config, state, 1 + marks.index(iteration))
                _write_games(folder, config, slices, 1 + marks.index(iteration))
            seconds = time.monotonic() - started
            state.elapsed += seconds
            report = _report(config, state, slices, losses, snapshot, seconds, learner_seconds)
            facts = dataclasses.asdict(report)
            timing = facts.pop("timing")
            print(json.dumps(facts), file=metrics, flush=True)
            print(json.dumps({"iteration": iteration, **timing}), file=timings, flush=True)
            finished = iteration == config.iterations
            if finished or time.monotonic() - written > checkpoint_seconds:
                _write_checkpoint(folder, config, state)
                written = time.monotonic()
            yield report


def _learn(state, config, iteration):
    started = time.monotonic()
    learner, losses = learn(state.learner, state.replay, config, iteration)
    return learner, losses, time.monotonic() - started


def _play(workspaces, params, group, config, iteration, number):
    evaluator, tree = workspaces.get()
    try:
        return play_slice(group, evaluator.with_params(params), config, iteration, number, tree)
    finally:
        workspaces.put((evaluator, tree))


def _fresh_state(config) -> _State:
    groups = [make_group(config, number) for number in range(config.groups)]
    return _State(make_learner(config), Replay(config.size, config.buffer), groups)


def _snapshot_marks(config) -> list[int]:
    """Iterations that leave a snapshot: log-spaced up to the last one; cost is proportional to the iteration."""
    marks = np.geomspace(1, config.iterations, config.snapshots).round().astype(int)
    return sorted({int(mark) for mark in marks} | {config.iterations})


def _costs(config, state) -> dict[str, Any]:
    architecture = network.Architecture(config.size, config.width, config.depth)
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


def _report(config, state, slices: list[Slice], losses: Losses | None, snapshot, seconds, learner_seconds) -> Report:
    costs = _costs(config, state)
    games = sum(part.games for part in slices)
    count, values, outcomes = np.sum([part.calibration for part in slices], axis=0).reshape(3, CALIBRATION_BINS)
    calibration = float(np.abs(values - outcomes).sum() / count.sum()) if count.sum() else None
    timing = Timing(
        seconds=seconds,
        elapsed=state.elapsed,
        games_per_second=games / seconds,
        simulations_per_second=config.samples_an_iteration * config.simulations / seconds,
        learner_seconds=learner_seconds,
        eta=state.elapsed / state.iteration * (config.iterations - state.iteration),
    )
    return Report(
        iteration=state.iteration,
        iterations=config.iterations,
        samples=costs["samples"],
        games=state.games,
        simulations=costs["simulations"],
        train_flops=costs["train_flops"],
        paper_flops=costs["paper_flops"],
        policy_loss=losses.policy if losses else None,
        value_loss=losses.value if losses else None,
        policy_entropy=losses.policy_entropy if losses else None,
        target_entropy=losses.target_entropy if losses else None,
        search_kl=losses.policy - losses.target_entropy if losses else None,
        value_explained=1 - losses.value / losses.value_variance if losses and losses.value_variance else None,
        calibration_error=calibration,
        game_length=sum(part.moves for part in slices) / games if games else None,
        black_wins=sum(part.black_wins for part in slices) / games if games else None,
        snapshot=snapshot,
        timing=timing,
    )


def _keep_snapshot(folder, config, state, index) -> str:
    name = f"snapshots/{index:03d}.safetensors"
    row = Snapshot(run=run_key(config), snapshot=index, **_costs(config, state))
    architecture = network.Architecture(config.size, config.width, config.depth)
    network.save(folder / name, architecture, state.learner.average, dataclasses.asdict(row))
    with (folder / "snapshots.jsonl").open("a", encoding="utf-8", newline="\n") as lines:
        print(json.dumps(dataclasses.asdict(row)), file=lines)
    return name


def _write_games(folder, config, slices: list[Slice], index) -> None:
    records = np.concatenate([part.records for part in slices])[:_SAMPLED_GAMES]
    if len(records):
        games = [sgf.Game(config.size, tuple(int(cell) for cell in record if cell >= 0)) for record in records]
        _write_text(folder / "games" / f"{index:03d}.sgf", "".join(sgf.write(game) for game in games))


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
    tree, facts = network.load_tree(folder / "checkpoint.safetensors")
    if facts.get("run") != run_key(config):
        raise RunError(f"{folder} holds a checkpoint of other settings than its config.json: restore the file, or start a new run")
    fresh = make_learner(config)
    optimizer = type(fresh.optimizer)(**tree["optimizer"])
    replay = Replay(config.size, config.buffer)
    replay.total = facts["replayed"]
    groups = []
    if facts["iteration"] < config.iterations:
        for kept, array in zip(replay.positions, Positions(**tree["replay"]), strict=True):
            kept[: len(array)] = array
        groups = [Group(**{name: np.array(array) for name, array in tree["groups"][key].items()}) for key in sorted(tree["groups"])]
    learner = Learner(tree["params"], tree["average"], optimizer, facts["steps"])
    return _State(learner, replay, groups, facts["iteration"], facts["games"], _elapsed(folder, facts["iteration"]))


def _elapsed(folder, iteration) -> float:
    lines = (folder / "timings.jsonl").read_text(encoding="utf-8").splitlines()[:iteration]
    try:
        return json.loads(lines[-1])["elapsed"] if lines else 0.0
    except (json.JSONDecodeError, KeyError):
        raise RunError(f"{folder / 'timings.jsonl'} is damaged at line {len(lines)}: the run folder was changed, start a new run") from None


def _keep_lines(path, count) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if len(lines) < count:
        raise RunError(f"{path} has {len(lines)} lines, the checkpoint needs {count}: the run folder was changed, start a new run")
    _write_text(path, "".join(lines[:count]))


def _write_text(path, text) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)

"""The main job from end to end: train a grid of networks, rate their snapshots, fit the laws, write tables, figures and one report.

Every stage keeps what it has done: started again after an interruption at any moment, the job goes on where it was.
"""

import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import functools
import hashlib
import itertools
import json
import math
import os
import pathlib
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hexlab import arena, network, scaling, training
from hexlab.csv_tables import read_table, write_table
from hexlab.errors import ConfigError, RunError
from hexlab.lab.cluster import ClusterExecutor, check_scheduler
from hexlab.lab.grids import Grid, describe_opponents, read_grid
from hexlab.lab.heartbeats import Heartbeat
from hexlab.lab.manifests import note_machines, open_manifest, write_manifest
from hexlab.lab.runner import Progress, WorkerPool, check_workers_memory, count_fitting_workers, is_finished, make_pool, train_cells
from hexlab.records import Agent, Conversion, Opening, Pairing, Rating, Run, Timing
from hexlab.rules import sgf
from hexlab.rules.batch import Boards
from hexlab.rules.solver import MAX_SIZE
from hexlab.store import Store
from hexlab.system import Lock, count_cores, joules_between, lock_folder, make_folder, read_energy, remove_drafts, write_whole

__all__ = ["SnapshotPlayer", "reproduce"]

_SEED = 0
_ROUNDS, _NEIGHBORS = 2, 1
_CHEAP = 1e4  # FLOPs of a forward pass up to which 256 rows take hardly longer than 64
_LEAST_AT_WORK = 16  # workers of a cluster for whom matches are held ready: more may come


class SnapshotPlayer:
    """A snapshot of a run at a number of simulations, best move and no noise; it travels to other processes as a path.

    Attributes:
        path: file of parameters, loaded when the first move is asked for.
        simulations: network evaluations a move.
        name: key of the agent.
    """

    def __init__(self, path: str | os.PathLike, simulations: int, name: str):
        """Name the player; nothing is loaded yet."""
        self.path, self.simulations, self.name = str(path), simulations, name

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games; see `hexlab.protocols.Player`."""
        return _load_player(self.path, self.simulations).choose_moves(boards, seeds)


@functools.lru_cache(maxsize=512)
def _load_evaluator(path: str) -> network.NetworkEvaluator:
    evaluator = network.load(path, batch=64)
    if network.flops.count_forward(evaluator.architecture) > _CHEAP:
        return evaluator
    return network.NetworkEvaluator(evaluator.architecture, evaluator.params, batch=256)


def _load_player(path: str, simulations: int) -> arena.SearchPlayer:
    return arena.SearchPlayer(_load_evaluator(path), simulations)


def reproduce(
    scale: str = "laptop",
    out: str | os.PathLike = "runs/reproduce",
    *,
    sizes: Sequence[int] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    experiment: str | os.PathLike | None = None,
) -> Iterator[Progress]:
    """Run a scale of the frontier experiment into a folder, yielding progress.

    The folder holds ``manifest.json``, ``cells/`` (one training run each), ``results.sqlite``, ``tables/``, ``figures/``,
    ``report.html``, and ``progress.json``, which `hexlab.lab.status` reads. A network that fails to train stops no other: the
    tournament and the report go without it.

    Args:
        scale: "tiny", "laptop" or another one that the experiment file declares.
        out: folder; one that holds an interrupted job of the same scale goes on.
        sizes: boards to run, by default all of the scale. Folders of different boards, from different machines say, are joined by
            `hexlab.lab.joining.join_runs`.
        workers: processes on this computer, as many as cores to use; by default as many as there are cores, or as the memory holds. It
            does not change results.
        cluster: address of a dask scheduler, such as ``tcp://127.0.0.1:8786``, whose workers do the work instead. They must see the
            folder at the same path; this process alone opens the store.
        experiment: another experiment file than the one that ships with the package; `hexlab.lab.grids.read_grid` says what one holds.

    Raises:
        ConfigError: an unknown scale, boards that it does not declare, a malformed experiment file or address, or more workers than the
            memory holds.
        ClusterError: a scheduler that does not answer; while it runs, also workers that do not agree with this process.
        RunError: the folder holds something else, another process is at work on it, or, at the end, networks failed to train.
    """
    grid = read_grid(scale, experiment, sizes)
    command = _write_command(scale, sizes, experiment)
    if cluster is not None:
        if workers is not None:
            raise ConfigError(f"workers={workers} and cluster={cluster!r}: give one of them, for a cluster has the workers that it has")
    else:
        workers = max(count_fitting_workers(grid.cells, count_cores()), 1) if workers is None else workers
        if workers < 1:
            raise ConfigError(f"workers={workers}: give a whole number from 1 up")
        check_workers_memory(grid.cells, workers)
    folder = pathlib.Path(out)
    _check_folder(folder)
    if cluster is not None:
        check_scheduler(cluster)  # before there is a folder, which would be held to this scale
    make_folder(folder)
    lock = lock_folder(folder)
    try:
        remove_drafts(folder, *(folder / part for part in ("tables", "cells", "figures")))
        manifest = open_manifest(folder, grid, command, _SEED)
    except BaseException:
        lock.release()
        raise
    return _reproduce(grid, folder, workers, cluster, manifest, lock)


def _write_command(scale: str, sizes: Sequence[int] | None, experiment: str | os.PathLike | None) -> str:
    """Return the command that goes on with a job from any folder, but for its own folder and cluster."""
    command = f"hexlab reproduce --scale {shlex.quote(scale)}"
    if experiment is not None:
        command += f" --experiment {shlex.quote(pathlib.Path(experiment).resolve().as_posix())}"
    return command if sizes is None else f"{command} --sizes {' '.join(map(str, sorted(set(sizes))))}"


def _reproduce(
    grid: Grid, folder: pathlib.Path, workers: int | None, cluster: str | None, manifest: dict, lock: Lock
) -> Iterator[Progress]:
    with lock, Heartbeat(folder / "progress.json") as beat:
        beat.tell(state="running", cluster=cluster)
        told = -math.inf
        try:
            for step in _run_stages(grid, folder, workers, cluster, manifest):
                if step.done >= 1 or time.monotonic() - told > 1:
                    facts = dataclasses.asdict(step)
                    if step.stage != "train":
                        del facts["failed"]  # what training told stays
                    beat.tell(**facts)
                    told = time.monotonic()
                yield step
        except BaseException as error:
            beat.tell(state="stopped", reason="" if isinstance(error, GeneratorExit) else str(error) or type(error).__name__)
            raise
        beat.tell(state="finished")


def _run_stages(grid: Grid, folder: pathlib.Path, workers: int | None, cluster: str | None, manifest: dict) -> Iterator[Progress]:
    failed: tuple[str, ...] = ()
    if cluster is not None:
        yield Progress("train", 0.0, f"connecting to {cluster}", 0.0, None)
    with Store(folder / "results.sqlite", network=cluster is not None) as store, _open_pool(folder, workers, cluster) as pool:
        if isinstance(pool, ClusterExecutor):
            note_machines(folder, manifest, pool.machines)
        training_steps = _tell_deaths(train_cells(grid.cells, folder / "cells", pool, cores=workers or 1), pool)
        for step in _timed("train", training_steps, folder, manifest):
            failed = step.failed
            at_work = _count_workers(pool, workers)
            yield step
        cells = [cell for cell in grid.cells if not failed or is_finished(cell, folder / "cells")]
        if not cells:
            raise _describe_failures(failed, grid)
        agents = _register(cells, grid, folder, store)
        ready = max(_LEAST_AT_WORK, at_work) if isinstance(pool, ClusterExecutor) else at_work
        yield from _timed("rate", _tell_deaths(_rate(grid, ready, agents, store, pool, manifest), pool), folder, manifest)
        at_work = _count_workers(pool, workers)
        started = time.monotonic()
        yield Progress("fit", 0.0, "writing tables", 0.0, None)
        ratings = _write_tables(folder / "tables", agents, store)
        joules = math.nan if cluster is not None else manifest.get("joules", {}).get("train", math.nan)  # of this computer alone
        _write_timings(folder, cells, joules)
        _write_games(folder, cells, ratings)
    yield Progress("fit", 0.2, "fitting laws", time.monotonic() - started, None)
    tables = scaling.read(folder / "tables")
    analysis = scaling.analyze(tables, bootstrap=grid.bootstrap, seed=_SEED)
    yield Progress("fit", 0.7, "drawing figures", time.monotonic() - started, None)
    scaling.write_figures(analysis, folder / "figures")
    manifest["seconds"]["fit"] = manifest["seconds"].get("fit", 0.0) + time.monotonic() - started
    manifest["finished"] = not failed
    write_manifest(folder, manifest)
    scaling.write_report(analysis, folder, _facts(grid, manifest, at_work))
    yield Progress("fit", 1.0, f"report written to {folder / 'report.html'}", time.monotonic() - started, 0.0)
    if failed:
        raise _describe_failures(failed, grid)


def _open_pool(
    folder: pathlib.Path, workers: int | None, cluster: str | None
) -> contextlib.AbstractContextManager[concurrent.futures.Executor]:
    return make_pool(workers or 1) if cluster is None else ClusterExecutor(cluster, folder)


def _count_workers(pool: concurrent.futures.Executor, workers: int | None) -> int:
    """Return how many worked at once in this sitting; on a cluster, where they come and go, the most that were seen."""
    if not isinstance(pool, ClusterExecutor):
        return workers or 1
    return max(pool.workers, pool.most_workers)


def _tell_deaths(steps: Iterator[Progress], pool: concurrent.futures.Executor) -> Iterator[Progress]:
    """Pass a stage's progress on, with the number of workers of this computer that were killed, if any: more memory may be wanted."""
    for step in steps:
        if isinstance(pool, WorkerPool) and pool.deaths:
            killed = "1 worker process was" if pool.deaths == 1 else f"{pool.deaths} worker processes were"
            step = dataclasses.replace(step, message=f"{step.message}, {killed} killed and replaced")
        yield step


def _describe_failures(failed: tuple[str, ...], grid: Grid) -> RunError:
    return RunError(
        f"{len(failed)} of {len(grid.cells)} networks failed to train: {'; '.join(failed)}. The same command tries them again and goes"
        " on where it was"
    )


def _timed(stage: str, steps: Iterator[Progress], folder: pathlib.Path, manifest: dict) -> Iterator[Progress]:
    """Pass a stage's progress on and keep its seconds over all sittings in the manifest, and its joules where the computer tells."""
    before = manifest["seconds"].get(stage, 0.0)
    kept = started = time.monotonic()
    energy = read_energy()
    for step in steps:
        now = time.monotonic()
        if now - kept > 2 or step.done >= 1:
            kept = now
            manifest["seconds"][stage] = before + now - started
            if energy and (reading := read_energy()):
                joules = manifest.setdefault("joules", {})
                joules[stage] = joules.get(stage, 0.0) + joules_between(energy, reading)
                energy = reading
            write_manifest(folder, manifest)
        yield step


def _check_folder(folder: pathlib.Path) -> None:
    """Refuse a folder of something else; one that a killed job had only just made holds its lock at most, and drafts of its manifest."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: choose another folder")
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    begun = {"lock", *fnmatch.filter(found, "manifest.json.*.partial")}
    if found - begun and "manifest.json" not in found:
        raise RunError(f"{folder} is not empty and holds no reproduction: choose another folder")
    if "tables" in found and not found & {"cells", "results.sqlite"}:
        raise RunError(f"{folder} holds tables and no networks, as `hexlab join` makes them: go on in the folders that were joined")


def _register(cells: Sequence[training.Config], grid: Grid, folder: pathlib.Path, store: Store) -> dict[int, list[SnapshotPlayer]]:
    """Append runs, snapshots and agents to the store and return the players of each board size."""
    players: dict[int, list[SnapshotPlayer]] = {}
    for config in cells:
        key = training.run_key(config)
        architecture = config.architecture
        described = json.dumps(json.loads(config.to_json()), sort_keys=True)
        shape = config.width, config.depth, config.seed, architecture.parameters, config.simulations
        run = Run(key, config.size, *shape, described, grid.presets.get(key, ""))
        store.append([run])
        for snapshot in training.read_snapshots(folder / "cells" / key):
            agents = []
            for simulations in grid.budgets(key):
                name = f"{key}/{snapshot.snapshot}@{simulations}"
                flops = network.flops.count_move(architecture, simulations)
                agents.append(Agent(name, config.size, "snapshot", key, snapshot.snapshot, simulations, flops))
                path = folder.resolve() / "cells" / key / "snapshots" / f"{snapshot.snapshot:03d}.safetensors"
                players.setdefault(config.size, []).append(SnapshotPlayer(path, simulations, name))
            store.append([snapshot, *agents])
    for size in players:
        for kind in ("perfect", "random"):
            store.append([Agent(f"{kind}-{size}", size, kind, "", -1, 0, 0.0)])
    return players


def _rate(
    grid: Grid,
    workers: int,
    players: dict[int, list[SnapshotPlayer]],
    store: Store,
    pool: concurrent.futures.Executor,
    manifest: dict,
) -> Iterator[Progress]:
    """Rate the snapshots of every board, the largest first, so that what is left at the end is short.

    The manifest tells which tournaments are over: when a board joins the grid nobody on the others plays again, nor when the ratings need
    not be known as well as they were.
    """
    started = time.monotonic()
    weights = {size: len(players[size]) * size**4 for size in players}
    total, before = sum(weights.values()), 0
    first = None
    over = manifest.setdefault("tournaments", {})
    for size in sorted(players, reverse=True):
        key, aims = _hash_pool(grid, players[size]), _find_aims(grid, size, players[size])
        if not _is_over(over.get(str(size), {}), key, store.count(Opening, size=size), aims):
            for step, stalled in _play_tournament(grid, size, players[size], store, pool, workers):
                done = (before + weights[size] * step.done / max(1, step.total)) / total
                first = done if first is None else first
                elapsed = time.monotonic() - started
                eta = (1 - done) * elapsed / (done - first) if done > first and not stalled else None
                yield Progress("rate", done, _describe_step(size, step, stalled), elapsed, eta, stalled=stalled)
            for step, stalled in _play_witnesses(grid, size, players[size], store, pool, workers, aims["witnesses"]):
                done, elapsed = (before + weights[size]) / total, time.monotonic() - started
                yield Progress("rate", done, _describe_step(size, step, stalled), elapsed, None, stalled=stalled)
            over[str(size)] = {"pool": key, "openings": store.count(Opening, size=size), **aims}
        before += weights[size]
    yield Progress("rate", 1.0, "all matches played", time.monotonic() - started, 0.0)


def _play_tournament(
    grid: Grid, size: int, players: Sequence[SnapshotPlayer], store: Store, pool: concurrent.futures.Executor, workers: int
) -> Iterator[tuple[arena.Progress, str]]:
    """Let the snapshots of a board meet, and random play, and perfect play where it is quick: by a ladder, or until they are known."""
    if grid.half_width is None:
        ladder = arena.play_ladder(
            players, size, store, openings_per_pair=grid.openings, rounds=_ROUNDS, neighbors=_NEIGHBORS, seed=_SEED, threads=workers,
            executor=pool,
        )  # fmt: skip
        return _watch(ladder, pool)
    runs = {player.name: player.name.partition("/")[0] for player in players if player.simulations == max(grid.test_simulations)}
    closer = {name: grid.half_widths[run] for name, run in runs.items() if run in grid.half_widths}
    matches = arena.play_to_interval(
        players, size, store, openings_per_match=grid.openings, half_width=grid.half_width, half_widths=closer,
        least_opponents=grid.least_opponents, anchor=None if size <= arena.SOLVED_SIZE else "best", seed=_SEED, threads=workers,
        executor=pool,
    )  # fmt: skip
    return _watch(matches, pool)


def _play_witnesses(
    grid: Grid, size: int, players: Sequence[SnapshotPlayer], store: Store, pool: concurrent.futures.Executor, workers: int, count: int
) -> Iterator[tuple[arena.Progress, str]]:
    """Let the strongest meet perfect play where that has no part in the tournament: on 6x6 its first moves take seconds."""
    if not count:
        return
    named = {player.name: player for player in players}
    strongest = [named[name] for name in arena.find_witnesses(store.pairings(size), named, count)]
    matches = arena.play_ladder(
        strongest, size, store, openings_per_pair=grid.openings, rounds=0, references=[arena.SolverPlayer(size)], seed=_SEED,
        threads=workers, executor=pool,
    )  # fmt: skip
    for step, stalled in _watch(matches, pool):
        yield dataclasses.replace(step, stage="perfect play against the strongest"), stalled


def _watch(steps: Iterator[arena.Progress], pool: concurrent.futures.Executor) -> Iterator[tuple[arena.Progress, str]]:
    """Pass a tournament's steps on, those since which no match ended with what keeps it from going on, if anything does."""
    games = -1
    for step in steps:
        yield step, pool.remark() if step.played == games and isinstance(pool, ClusterExecutor) else ""
        games = step.played


def _describe_step(size: int, step: arena.Progress, stalled: str) -> str:
    message = f"{size}x{size}, {step.stage}: {step.done} of {step.total} matches"
    return f"{message}, {stalled}" if stalled else message


def _find_aims(grid: Grid, size: int, players: Iterable[SnapshotPlayer]) -> dict[str, Any]:
    """Return how well the agents of a board are to be known, the half widths of runs of that board alone."""
    runs = {player.name.partition("/")[0] for player in players}
    closer = {run: width for run, width in grid.half_widths.items() if run in runs}
    witnesses = arena.WITNESSES if arena.SOLVED_SIZE < size <= MAX_SIZE else 0
    return {"half_width": grid.half_width, "half_widths": closer, "least_opponents": grid.least_opponents, "witnesses": witnesses}


def _describe_witnesses(tournaments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tell in words on which boards perfect play met few, from the tournaments of a manifest."""
    return [
        f"On {size}x{size} perfect play meets, afterwards, {over['witnesses']} of the strongest"
        for size, over in sorted(tournaments.items())
        if over.get("witnesses")
    ]


def _is_over(played: Mapping[str, Any], pool: str, openings: int, aims: Mapping[str, Any]) -> bool:
    """Tell whether a board's tournament has been played by this pool and asked for as much; earlier versions knew nothing of some aims."""
    if played.get("pool") != pool or played["openings"] != openings or played.get("witnesses", 0) < aims["witnesses"]:
        return False
    if aims["half_width"] is None:
        return True
    held = played.get("half_widths", {})
    closer = all(held.get(run, played["half_width"]) <= width for run, width in aims["half_widths"].items())
    return closer and played["half_width"] <= aims["half_width"] and played.get("least_opponents", 1) >= aims["least_opponents"]


def _hash_pool(grid: Grid, players: Sequence[SnapshotPlayer]) -> str:
    """Return the key of a tournament: who takes part and by which protocol."""
    facts = [grid.openings, grid.half_width is None, sorted(player.name for player in players)]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()


def _write_tables(folder: pathlib.Path, players: dict[int, list[SnapshotPlayer]], store: Store) -> list[Rating]:
    store.export(folder)
    agents = store.read(Agent)
    pools = {size: store.pairings(size) for size in sorted(players)}
    conversions = _convert(folder / "conversions.csv", players, pools, agents)
    ratings = arena.rate_boards(itertools.chain.from_iterable(pools.values()), agents, conversions)
    write_table(folder / "ratings.csv", ratings, Rating)
    return ratings


def _convert(
    path: pathlib.Path, players: dict[int, list[SnapshotPlayer]], pools: dict[int, list[Pairing]], agents: list[Agent]
) -> list[Conversion]:
    """Let the strongest of every pool convert solved positions: a pool without perfect play, here or in another folder, needs that."""
    done = {row.agent: row for row in read_table(path, Conversion)} if path.exists() else {}
    wanted = []
    for size, pairings in pools.items():
        if size in arena.SUITE_SIZES:
            named = {player.name: player for player in players[size]}
            for name in arena.find_strongest(pairings, agents):
                if name not in done:
                    done[name] = arena.measure_conversion(named[name], size)
                    write_table(path, done.values(), Conversion)
                wanted.append(done[name])
    write_table(path, wanted, Conversion)  # without those that were the strongest before the pool grew
    return wanted


def _write_timings(folder: pathlib.Path, cells: Sequence[training.Config], joules: float) -> None:
    """Write what no other table may hold, since it differs between two runs of the same command: how long each snapshot had trained.

    `joules` is the energy of all training, nan where it is not known; every second of a core has an equal share.
    """
    seconds: dict[tuple[str, int], float] = {}
    whole = 0.0
    for config in cells:
        run = training.run_key(config)
        timings = training.read_timings(folder / "cells" / run, config.iterations)
        for snapshot in training.read_snapshots(folder / "cells" / run):
            last = snapshot.samples // config.samples_an_iteration
            before = [row for row in timings if row["iteration"] <= last]
            spent = sum(row[part] for row in before for part in ("selfplay_seconds", "learner_seconds", "other_seconds"))
            seconds[run, snapshot.snapshot] = spent
        whole += spent
    a_second = joules / whole if whole else math.nan
    rows = [Timing(run, snapshot, round(spent, 3), round(a_second * spent, 3)) for (run, snapshot), spent in seconds.items()]
    write_table(folder / "tables" / "timings.csv", rows, Timing)


def _write_games(folder: pathlib.Path, cells: Sequence[training.Config], ratings: Sequence[Rating]) -> None:
    """Keep one game of each board to show: the longest of self-play at the end of the run whose agent is rated best."""
    elo = {row.agent: row.elo for row in ratings}
    shown = []
    for size in sorted({config.size for config in cells}):
        runs = {training.run_key(config): config for config in cells if config.size == size}
        best = max((agent for agent in elo if agent.partition("/")[0] in runs), key=elo.__getitem__).partition("/")[0]
        files = sorted((folder / "cells" / best / "games").glob("*.sgf"))
        if files:
            name = f"{runs[best].width}x{runs[best].depth} in self-play"
            game = max(sgf.load(files[-1]), key=lambda game: len(game.moves))
            shown.append(dataclasses.replace(game, black=name, white=name, comment=best))
    write_whole(folder / "tables" / "games.sgf", "".join(map(sgf.write, shown)))


def _facts(grid: Grid, manifest: dict, workers: int) -> dict:
    machine, later = manifest["machine"], manifest["later_machines"]
    seconds = manifest["seconds"]
    sizes = ", ".join(f"{size}x{size}" for size in sorted({cell.size for cell in grid.cells}))
    return {
        "title": "Train longer or think longer: Hex from nothing to perfect play",
        "summary": (
            f"{len(grid.cells)} networks taught themselves Hex on {sizes} boards. Their snapshots played a tournament at"
            f" {', '.join(map(str, grid.test_simulations))} simulations a move against perfect play, random play and one another."
        ),
        "What was run": {
            "command": manifest["command"],
            "scale": f"{grid.scale}: {grid.about}",
            "networks": len(grid.cells),
            "self-play simulations": f"{grid.simulations:,}",
            "seed": manifest["seed"],
            **{f"seconds to {stage}": round(value) for stage, value in seconds.items()},
            **{f"kilojoules to {stage}, whatever ran": round(value / 1e3) for stage, value in manifest.get("joules", {}).items()},
        },
        "Machine": {
            "processor": machine["processor"],
            "cores": machine["cores"],
            "processes": workers,
            "memory, GB": machine["memory_gb"],
            "system": machine["system"],
            "Python": machine["python"],
            "libraries": ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if version),
            "commit": ", ".join(dict.fromkeys(facts["commit"] or "not in a git checkout" for facts in (machine, *later))),
        },
        "Protocol": [
            f"A match: up to {grid.openings} uniform legal two-move openings without repetition, each played with both colors, no noise.",
            f"Every agent meets {describe_opponents(manifest['grid'])}.",
            *(f"{told}." for told in _describe_witnesses(manifest["tournaments"])),
            "Elo: Bradley-Terry maximum likelihood with a weak prior, perfect play at 0; the two games of an opening count as one draw.",
            "Agents play puct with exact wins and losses backed up; 1 simulation is the raw policy.",
        ],
    }

"""How fast this machine plays, searches and learns, and how near search comes to the network alone.

Measurements alternate: each repetition takes every kind of work once, so that a machine which slows down for a while slows all of
them, and a ratio of two rates is taken within a repetition. Compilation is timed apart and never counted in a rate.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hexlab import mcts
from hexlab.errors import ConfigError
from hexlab.lab.machine import machine_facts
from hexlab.rules import Boards
from hexlab.rules.cells import check_size
from hexlab.rules.draws import derive_seeds

if TYPE_CHECKING:
    from hexlab import network

__all__ = ["Change", "Measure", "Stored", "compare", "measure_all", "parse_net", "read_run", "to_json"]

SIMULATIONS = 64
"""Simulations of every search."""
TOLERANCE = 0.10
"""A rate that fell by more than this share is flagged."""

_GAMES = 1000
_LEARNED_FROM = 4096
_SHARPNESS = 25.0  # a test holds it against the shipped 5x5 agent
_NET = re.compile(r"(\d+):(?:(hex) ?)?(\d+)x(\d+)")


@dataclasses.dataclass(frozen=True)
class Measure:
    """The rate of one kind of work, or the ratio of two rates, over several repetitions.

    Attributes:
        name: what was done.
        unit: what the rate counts; ``"ratio"`` for a ratio of two rates.
        median: of the repetitions, in units a second, all threads together; or of the ratio within a repetition.
        least: slowest repetition.
        most: fastest repetition.
        repeats: how many repetitions there were.
        first_seconds: the first call, with compilation or the loading of compiled code; in no rate.
    """

    name: str
    unit: str
    median: float
    least: float
    most: float
    repeats: int
    first_seconds: float

    def __str__(self) -> str:
        """One line for the terminal."""
        if self.unit == "ratio":
            return f"{self.name:<58} {self.median:>13.3f} ({self.least:.3f} to {self.most:.3f} in {self.repeats})"
        spread = f"{self.least:,.0f} to {self.most:,.0f} in {self.repeats}"
        return f"{self.name:<58} {self.median:>13,.0f} {self.unit} a second ({spread}; first call {self.first_seconds:.1f} s)"


@dataclasses.dataclass(frozen=True)
class Change:
    """A measure beside the same of an earlier run.

    Attributes:
        name: what was done.
        ratio: median now through median then; above 1 is faster.
        fell: whether it fell by more than a tenth.
    """

    name: str
    ratio: float
    fell: bool

    def __str__(self) -> str:
        """One line for the terminal."""
        return f"{self.name:<58} {self.ratio:>8.3f} times the stored rate{'  FELL BY MORE THAN A TENTH' if self.fell else ''}"


class Stored(NamedTuple):
    """A run that was stored: its file, the median of each measure by name, facts about its machine, and its settings."""

    path: pathlib.Path
    medians: dict[str, float]
    machine: dict[str, Any]
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Work:
    """A kind of work: one callable for each thread, which returns how many units it did; `over`: the work to divide by."""

    name: str
    unit: str
    pieces: Sequence[Callable[[], int]]
    over: str | None = None


def measure_all(
    size: int = 9,
    nets: Sequence[str] = ("5:64x4",),
    seconds: float = 1.0,
    repeats: int = 5,
    threads: int = 1,
    boards: int = 256,
) -> Iterator[Measure]:
    """Measure all kinds of work in turns: first those without a network, then those of each network.

    Self-play counts the simulations that its searches may use, 64 a move; a search that has proved its root ends before. Search with
    a network counts those that were run, from scattered positions: once with the untrained network, whose trees are wide and flat,
    once with its logits times 25, whose priors are about as sharp as a trained network's and its trees as deep. The ratios divide
    search and self-play by evaluation, the network alone at the same batch on the same threads.

    Args:
        size: board size of random play and of search with a free evaluator.
        nets: networks as `parse_net` reads them.
        seconds: wall-clock of one repetition of one kind of work.
        repeats: repetitions.
        threads: threads that work side by side, each on its own group of boards; the learner uses one.
        boards: boards of a group: the batch of a network call.

    Yields:
        Measures, those of one kind of network together.

    Raises:
        ConfigError: a setting out of its range.
    """
    size = check_size(size)
    architectures = [parse_net(net) for net in nets]
    if not seconds > 0:
        raise ConfigError(f"seconds={seconds}: give a number above 0")
    for name, value in (("repeats", repeats), ("threads", threads)):
        if value < 1:
            raise ConfigError(f"{name}={value}: give a number from 1 up")
    if boards < 64 or boards & (boards - 1):
        raise ConfigError(f"boards={boards}: give a power of two from 64 up, such as 256")
    return _measure(size, architectures, seconds, repeats, threads, boards)


def parse_net(text: str) -> "network.Architecture":
    """Read board size, kind, width and depth: ``5:64x4`` is fully connected, ``5:hex32x4`` convolves.

    >>> parse_net("5:64x4")
    Architecture(size=5, width=64, depth=4, kind='dense')
    """
    from hexlab import network

    match = _NET.fullmatch(text)
    if match is None:
        raise ConfigError(f"net {text!r}: write board size, width and depth, such as 5:64x4 or 5:hex32x4")
    return network.Architecture(int(match[1]), int(match[3]), int(match[4]), match[2] or "dense")


def to_json(measures: Sequence[Measure], **settings: Any) -> str:
    """Return measures, the settings they were taken with and machine facts as JSON."""
    rows = [dataclasses.asdict(measure) for measure in measures]
    return json.dumps({"machine": machine_facts(), "settings": settings, "measures": rows}, indent=1)


def compare(measures: Sequence[Measure], stored: Stored, **settings: Any) -> tuple[list[Change], list[str]]:
    """Set measures beside those of a stored run.

    Args:
        measures: of this run.
        stored: an earlier run, from `read_run`.
        settings: of this run, as given to `to_json`.

    Returns:
        (changes, one for each measure that both runs have; remarks on what differs between the runs besides).

    Raises:
        ConfigError: the runs share no measure.
    """
    changes = []
    for measure in measures:
        if stored.medians.get(measure.name, 0) > 0:
            ratio = measure.median / stored.medians[measure.name]
            changes.append(Change(measure.name, ratio, ratio < 1 - TOLERANCE))
    if not changes:
        raise ConfigError(f"{str(stored.path)!r} shares no measure with this run: it has {', '.join(stored.medians) or 'none'}")
    now = machine_facts()
    remarks = [
        f"{what}: {old.get(what)!r} then, {new.get(what)!r} now; the ratios do not tell the code's part from it"
        for old, new, names in ((stored.machine, now, ("processor", "cores")), (stored.settings, settings, sorted(settings)))
        for what in names
        if json.dumps(old.get(what)) != json.dumps(new.get(what))
    ]
    return changes, remarks


def read_run(path: pathlib.Path) -> Stored:
    """Read what `to_json` wrote.

    Raises:
        ConfigError: a file that is not there or holds something else.
    """
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        medians = {row["name"]: float(row["median"]) for row in run["measures"]}
        return Stored(path, medians, dict(run["machine"]), dict(run["settings"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{str(path)!r} holds no run of hexlab bench ({error}): write one with `hexlab bench --json`") from None


def _measure(size, architectures, seconds, repeats, threads, boards):
    board = f"{size}x{size}"
    workers = range(threads)
    yield from _take_turns(
        [
            _Work(f"random play, {board}", "moves", [_random_play(size, worker) for worker in workers]),
            _Work(
                f"search, {board}, free evaluator",
                "simulations",
                [_search(size, mcts.uniform(), boards, worker) for worker in workers],
            ),
        ],
        seconds,
        repeats,
    )
    for architecture in architectures:
        yield from _take_turns(_network_works(architecture, threads, boards), seconds, repeats)


def _take_turns(works: Sequence[_Work], seconds: float, repeats: int) -> Iterator[Measure]:
    """Repeat each kind of work, each piece of it on a thread of its own, in turns."""

    def work_until(piece, end):
        done = piece()
        while time.perf_counter() < end:
            done += piece()
        return done

    first: dict[str, float] = {}
    for work in works:
        start = time.perf_counter()
        for piece in work.pieces:
            piece()
        first[work.name] = time.perf_counter() - start
    rates: dict[str, list[float]] = {work.name: [] for work in works}
    with concurrent.futures.ThreadPoolExecutor(max(len(work.pieces) for work in works)) as pool:
        for _ in range(repeats):
            for work in works:
                start = time.perf_counter()
                done = sum(pool.map(work_until, work.pieces, [start + seconds] * len(work.pieces)))
                rates[work.name].append(done / (time.perf_counter() - start))
    for work in works:
        yield _summarize(work.name, work.unit, rates[work.name], first[work.name])
    for work in works:
        if work.over:
            ratios = [rate / other for rate, other in zip(rates[work.name], rates[work.over], strict=True)]
            kind, net = work.name.split(", ", 1)
            yield _summarize(f"{kind} / evaluation, {net}", "ratio", ratios, 0.0)


def _summarize(name, unit, rates, first):
    return Measure(name, unit, statistics.median(rates), min(rates), max(rates), len(rates), first)


def _random_play(size, worker):
    boards = Boards.empty(size, 1)
    seeds = derive_seeds(0, worker, count=_GAMES)[None, :]
    return lambda: int(boards.play_out(seeds)[1].sum())


def _search(size, evaluator, count, worker):
    tree = mcts.allocate_tree(count, SIMULATIONS, size)
    boards = _scattered_boards(size, count, worker)
    seeds = derive_seeds(1, worker, count=len(boards))

    def work():
        found = mcts.run_search(boards, evaluator, SIMULATIONS, recipe=mcts.puct(), seeds=seeds, tree=tree)
        return int(found.visits.sum()) + len(boards)

    return work


def _scattered_boards(size, count, worker):
    """Return unfinished positions as they occur in games: after a random number of random moves, up to half a board full."""
    generator = np.random.default_rng(worker)
    boards = Boards.empty(size, 2 * count)
    plies = generator.integers(0, size * size // 2 + 1, 2 * count)
    for ply in range(int(plies.max())):
        scores = np.where(boards.legal, generator.random(boards.cells.shape), -1)
        boards = boards.play(np.where((ply < plies) & ~boards.finished, scores.argmax(axis=1), -1))
    return boards[np.flatnonzero(~boards.finished)[:count]]


def _network_works(architecture, threads, boards):
    """Return evaluation, search, self-play and the learner, which learns from what a first self-play finished."""
    from hexlab import network
    from hexlab.training import Config
    from hexlab.training.learner import learn, make_learner
    from hexlab.training.replay import Replay
    from hexlab.training.selfplay import make_group, play_slice

    size = architecture.size
    buffer = max(10**6, threads * boards * (8 + size**2))
    config = Config(
        size=size,
        net=architecture.kind,
        width=architecture.width,
        depth=architecture.depth,
        groups=threads,
        boards=boards,
        simulations=SIMULATIONS,
        slice_moves=1,
        buffer=buffer,
    )
    learner = make_learner(config)
    evaluator = network.NetworkEvaluator(architecture, learner.params, batch=boards)
    sharp = evaluator.with_params(_sharpen(learner.params))

    def evaluate(worker):
        positions = _scattered_boards(size, boards, worker)

        def work():
            evaluator(positions)
            return len(positions)

        return work

    def play(worker):
        group = make_group(config, worker)
        tree = mcts.allocate_tree(boards, SIMULATIONS, size)
        iteration = 0

        def work():
            nonlocal iteration
            iteration += 1
            play_slice(group, evaluator, config, iteration, worker, tree)
            return boards * config.slice_moves * SIMULATIONS

        return work

    def fill_replay():
        # Enough for a batch; their policies are those of a one-simulation search, which costs the learner the same.
        quick = dataclasses.replace(config, simulations=1)
        group, replay, iteration = make_group(quick, 0), Replay(size, config.buffer), 0
        tree = mcts.allocate_tree(boards, 1, size)
        while len(replay) < _LEARNED_FROM:
            iteration += 1
            replay.append(play_slice(group, evaluator, quick, iteration, 0, tree).positions)
        return replay

    replay = fill_replay()

    def learn_once():
        learn(learner, replay, config, 1)
        return config.updates_an_iteration * config.batch

    net, workers = str(architecture), range(threads)
    alone = f"evaluation, {net}"
    return [
        _Work(alone, "positions", [evaluate(worker) for worker in workers]),
        _Work(f"search, {net}", "simulations", [_search(size, evaluator, boards, worker) for worker in workers], alone),
        _Work(f"deep search, {net}", "simulations", [_search(size, sharp, boards, worker) for worker in workers], alone),
        _Work(f"self-play, {net}", "simulations", [play(worker) for worker in workers], alone),
        _Work(f"learner, {net}", "samples", [learn_once]),
    ]


def _sharpen(params):
    policy = {name: array * np.float32(_SHARPNESS) for name, array in params["policy"].items()}
    return {**params, "policy": policy}

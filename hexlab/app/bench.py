"""How fast this machine plays, searches and learns. Compilation is timed apart and never counted in a rate."""

import concurrent.futures
import dataclasses
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hexlab import mcts
from hexlab.errors import ConfigError
from hexlab.lab.machine import machine_facts
from hexlab.rules import Boards
from hexlab.rules.cells import check_size
from hexlab.rules.draws import derive_seeds

__all__ = ["Measure", "measure_all", "parse_net", "to_json"]

_BOARDS = 256
_SIMULATIONS = 64
_GAMES = 1000
_LEARNED_FROM = 4096
_NET = re.compile(r"(\d+):(\d+)x(\d+)")


@dataclasses.dataclass(frozen=True)
class Measure:
    """The rate of one kind of work, over several repetitions.

    Attributes:
        name: what was done.
        unit: what the rate counts.
        median: of the repetitions, in units a second, all threads together.
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
        spread = f"{self.least:,.0f} to {self.most:,.0f} in {self.repeats}"
        return f"{self.name:<44} {self.median:>13,.0f} {self.unit} a second ({spread}; first call {self.first_seconds:.1f} s)"


def measure_all(size: int = 9, net: str = "5:64x4", seconds: float = 1.0, repeats: int = 5, threads: int = 1) -> Iterator[Measure]:
    """Measure one kind of work after another and yield each rate.

    Self-play counts the simulations that its searches may use, 64 a move; a search that has proved its root ends before.

    Args:
        size: board size of random play and of search with a free evaluator.
        net: board size, width and depth of the network, as ``5:64x4``, for self-play, evaluation and learning.
        seconds: wall-clock of one repetition.
        repeats: repetitions of each measurement.
        threads: threads that work side by side, each on its own group of 256 boards; the learner uses one.

    Raises:
        ConfigError: a setting out of its range.
    """
    size = check_size(size)
    architecture = parse_net(net)
    if not seconds > 0:
        raise ConfigError(f"seconds={seconds}: give a number above 0")
    for name, value in (("repeats", repeats), ("threads", threads)):
        if value < 1:
            raise ConfigError(f"{name}={value}: give a number from 1 up")
    return _measure(size, architecture, seconds, repeats, threads)


def parse_net(text: str) -> tuple[int, int, int]:
    """Read board size, width and depth.

    >>> parse_net("5:64x4")
    (5, 64, 4)
    """
    match = _NET.fullmatch(text)
    if match is None:
        raise ConfigError(f"net {text!r}: write board size, width and depth, such as 5:64x4")
    return int(match[1]), int(match[2]), int(match[3])


def to_json(measures: Sequence[Measure]) -> str:
    """Return measures and machine facts as JSON."""
    return json.dumps({"machine": machine_facts(), "measures": [dataclasses.asdict(measure) for measure in measures]}, indent=1)


def _measure(size, architecture, seconds, repeats, threads):
    board = f"{size}x{size}"
    yield _time(f"random play, {board}", "moves", [_random_play(size, worker) for worker in range(threads)], seconds, repeats)
    name = f"search, {board}, free evaluator, {_SIMULATIONS}"
    yield _time(name, "simulations", [_free_search(size, worker) for worker in range(threads)], seconds, repeats)

    net_size, width, depth = architecture
    net = f"{net_size}x{net_size}, {width}x{depth} network"
    works, learner = _train_works(net_size, width, depth, threads)
    yield _time(f"self-play, {net}, {_SIMULATIONS}", "simulations", works, seconds, repeats)
    works = [_evaluation(net_size, width, depth, worker) for worker in range(threads)]
    yield _time(f"evaluation, {net}", "positions", works, seconds, repeats)
    yield _time(f"learner, {net}", "samples", [learner], seconds, repeats)


def _time(name: str, unit: str, works: Sequence[Callable[[], int]], seconds: float, repeats: int) -> Measure:
    """Repeat each piece of work on a thread of its own; a call of a piece returns how many units it did."""

    def work_until(work, end):
        done = work()
        while time.perf_counter() < end:
            done += work()
        return done

    start = time.perf_counter()
    for work in works:
        work()
    first = time.perf_counter() - start
    rates = []
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            done = sum(pool.map(work_until, works, [start + seconds] * len(works)))
            rates.append(done / (time.perf_counter() - start))
    return Measure(name, unit, statistics.median(rates), min(rates), max(rates), repeats, first)


def _random_play(size, worker):
    boards = Boards.empty(size, 1)
    seeds = derive_seeds(0, worker, count=_GAMES)[None, :]
    return lambda: int(boards.play_out(seeds)[1].sum())


def _free_search(size, worker):
    tree = mcts.allocate_tree(_BOARDS, _SIMULATIONS, size)
    boards = _scattered_boards(size, worker)
    seeds = derive_seeds(1, worker, count=len(boards))
    evaluator = mcts.uniform()

    def work():
        found = mcts.run_search(boards, evaluator, _SIMULATIONS, recipe=mcts.puct(), seeds=seeds, tree=tree)
        return int(found.visits.sum()) + len(boards)

    return work


def _scattered_boards(size, worker):
    """Return positions as they occur in games: after a random number of random moves, up to half a board full."""
    generator = np.random.default_rng(worker)
    boards = Boards.empty(size, _BOARDS)
    plies = generator.integers(0, size * size // 2 + 1, _BOARDS)
    for ply in range(int(plies.max())):
        scores = np.where(boards.legal, generator.random(boards.cells.shape), -1)
        boards = boards.play(np.where((ply < plies) & ~boards.finished, scores.argmax(axis=1), -1))
    return boards[np.flatnonzero(~boards.finished)]


def _train_works(size, width, depth, threads):
    """Return self-play for each thread and the learner, which learns from what a first self-play finished."""
    from hexlab import network
    from hexlab.training import Config
    from hexlab.training.learner import learn, make_learner
    from hexlab.training.replay import Replay
    from hexlab.training.selfplay import make_group, play_slice

    config = Config(size=size, width=width, depth=depth, groups=threads, boards=_BOARDS, simulations=_SIMULATIONS, buffer=10**6)
    learner = make_learner(config)
    architecture = network.Architecture(size, width, depth)

    def make_selfplay(worker):
        group = make_group(config, worker)
        evaluator = network.NetworkEvaluator(architecture, learner.params, batch=_BOARDS)
        tree = mcts.allocate_tree(_BOARDS, _SIMULATIONS, size)
        iteration = 0

        def work():
            nonlocal iteration
            iteration += 1
            play_slice(group, evaluator, config, iteration, worker, tree)
            return config.boards * config.slice_moves * config.simulations

        return work

    def fill_replay():
        # Enough for a batch; their policies are those of a one-simulation search, which costs the learner the same.
        quick = dataclasses.replace(config, simulations=1)
        group, replay, iteration = make_group(quick, 0), Replay(size, config.buffer), 0
        evaluator = network.NetworkEvaluator(architecture, learner.params, batch=_BOARDS)
        tree = mcts.allocate_tree(_BOARDS, 1, size)
        while len(replay) < _LEARNED_FROM:
            iteration += 1
            replay.append(play_slice(group, evaluator, quick, iteration, 0, tree).positions)
        return replay

    replay = fill_replay()

    def learn_once():
        learn(learner, replay, config, 1)
        return config.updates_an_iteration * config.batch

    return [make_selfplay(worker) for worker in range(threads)], learn_once


def _evaluation(size, width, depth, worker):
    from hexlab import network

    architecture = network.Architecture(size, width, depth)
    evaluator = network.NetworkEvaluator(architecture, network.init_params(architecture, seed=0), batch=_BOARDS)
    boards = _scattered_boards(size, worker)

    def work():
        evaluator(boards)
        return len(boards)

    return work

"""What both sides share: the same positions, the same network, and how a side is driven from outside."""

import concurrent.futures
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Job", "draw_boards", "draw_moves", "make_params", "parse_net", "serve"]


@dataclasses.dataclass(frozen=True)
class Job:
    """One kind of work of one side.

    Attributes:
        works: one callable a lane, run side by side, each on a thread of its own; a call returns the units it did.
        facts: what is to be told of the work, such as the mean depth of its trees; asked for after the first calls.
    """

    works: list[Callable[[], int]]
    facts: Callable[[], dict[str, Any]] = dict


def parse_net(net: str) -> tuple[int, int]:
    """Return width and depth of a net such as 64x2."""
    width, depth = net.split("x")
    return int(width), int(depth)


def draw_moves(size: int, count: int, seed: int) -> np.ndarray:
    """Return openings as they occur in games: int64[count, plies], random moves up to half a board, -1 for none; no game is over."""
    from hexlab.rules import Boards

    generator = np.random.default_rng(seed)
    tries = 2 * count
    plies = generator.integers(0, size * size // 2 + 1, tries)
    boards, columns = Boards.empty(size, tries), []
    for ply in range(size * size // 2):
        scores = np.where(boards.legal, generator.random(boards.cells.shape), -1)
        columns.append(np.where((ply < plies) & ~boards.finished, scores.argmax(axis=1), -1))
        boards = boards.play(columns[-1])
    return np.stack(columns, axis=1)[~boards.finished][:count]


def draw_boards(size: int, count: int, seed: int) -> Any:
    """Return the positions of `draw_moves` as `hexlab.rules.Boards`."""
    from hexlab.rules import Boards

    moves = draw_moves(size, count, seed)
    boards = Boards.empty(size, len(moves))
    for column in moves.T:
        boards = boards.play(column)
    return boards


def make_params(size: int, net: str, sharpness: float) -> tuple[Any, Any]:
    """Return (architecture, parameters) of the network both sides run: hexlab's ReZero net, seed 0.

    `sharpness` multiplies the policy head, so that the priors are as peaked as a trained net's; 1 leaves the fresh net.
    """
    from hexlab import network

    width, depth = parse_net(net)
    architecture = network.Architecture(size, width, depth)
    params = network.init_params(architecture, seed=0)
    for name in ("kernel", "bias"):
        params["policy"][name] = np.float32(sharpness) * params["policy"][name]
    return architecture, params


def serve(build: Callable[[dict], Job]) -> None:
    """Do what the process that started this one asks for, line by line; the first answer comes once everything is compiled.

    The work is described by JSON in the first argument. A line on stdin asks for so many seconds of it; the answer is a line with the
    units done and the seconds taken.
    """
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to stderr
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, spec["cores"])
    start = time.perf_counter()
    job = build(spec)
    with concurrent.futures.ThreadPoolExecutor(len(job.works)) as pool:
        list(pool.map(lambda work: work(), job.works))
        first = time.perf_counter() - start
        print(json.dumps({"first_seconds": first, **job.facts()}), file=answers)
        for line in sys.stdin:
            start = time.perf_counter()
            end = start + float(line)
            units = sum(pool.map(_work_until, job.works, [end] * len(job.works)))
            print(json.dumps({"units": units, "seconds": time.perf_counter() - start}), file=answers)


def _work_until(work, end):
    units = work()
    while time.perf_counter() < end:
        units += work()
    return units

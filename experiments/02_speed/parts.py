"""Where the time of a search goes: network, tree, features, transfer, dispatch, interpreter and idle threads.

    python experiments/02_speed/parts.py --size 9 --nets 64x2 256x4 512x4 --threads 2 --out parts.json

The parts of a call are timed where they happen, with the CPU clock of the thread that runs them; idle is what is left of the wall-clock
of all threads. Dispatch and the way of the planes to the device are measured apart, by a compiled function that is given the same arguments
and does nothing.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import pathlib
import threading
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
from common import draw_boards, make_params

from hexlab import mcts, network
from hexlab.mcts import kernels
from hexlab.network import evaluator as judging
from hexlab.rules.draws import derive_seeds
from hexlab.system import write_whole

__all__ = ["PARTS", "Profile", "main", "take_profile"]

PARTS = ("network", "tree", "features", "transfer", "dispatch", "interpreter", "idle")
SIMULATIONS = 64


@dataclasses.dataclass(frozen=True)
class Profile:
    """Shares of the wall-clock of all threads, by part.

    Attributes:
        network: the compiled network, without its dispatch.
        tree: the tree kernels: walk down, expand, back up, read out.
        features: positions to planes, and the answers back into the board's frame.
        transfer: planes to the device and answers from it; on a CPU these are copies.
        dispatch: what JAX does around a compiled call.
        interpreter: the rest of the CPU time: Python and NumPy between the calls.
        idle: no work or no core: threads that wait for one another, for the interpreter or for another program.
    """

    size: int
    net: str
    threads: int
    boards: int
    sharpness: float
    simulations_per_second: float
    network: float
    tree: float
    features: float
    transfer: float
    dispatch: float
    interpreter: float
    idle: float


class _Clocks(threading.local):
    """CPU seconds of this thread by part."""

    def __init__(self):
        self.parts = dict.fromkeys((*PARTS, "call"), 0.0)


def take_profile(size: int, net: str, threads: int, boards: int, sharpness: float, seconds: float) -> Profile:
    """Search on every thread for a while, with all parts timed."""
    architecture, params = make_params(size, net, sharpness)
    evaluator = network.NetworkEvaluator(architecture, params, batch=boards)
    clocks = _Clocks()
    dispatch, sending = _time_calls(evaluator)

    def search(worker: int, until: Callable[[], bool]) -> tuple[int, float, dict[str, float]]:
        positions = draw_boards(size, boards, worker)
        tree = mcts.allocate_tree(boards, SIMULATIONS, size)
        seeds = derive_seeds(1, worker, count=len(positions))
        simulations = 0
        clocks.parts.update(dict.fromkeys(clocks.parts, 0.0))
        begun = time.thread_time()
        while True:
            found = mcts.run_search(positions, evaluator, SIMULATIONS, recipe=mcts.puct(), seeds=seeds, tree=tree)
            simulations += int(found.visits.sum()) + len(positions)
            if until():
                return simulations, time.thread_time() - begun, dict(clocks.parts)

    with _timed_parts(clocks), concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda worker: search(worker, lambda: True), range(threads)))  # compiles
        begun = time.perf_counter()
        end = begun + seconds
        done = list(pool.map(lambda worker: search(worker, lambda: time.perf_counter() > end), range(threads)))
        wall = time.perf_counter() - begun
    spent = {part: sum(parts[part] for _, _, parts in done) for part in clocks.parts}
    calls = spent.pop("call")
    spent["dispatch"] = calls * dispatch
    spent["transfer"] += calls * sending
    spent["network"] -= calls * (dispatch + sending)
    busy = sum(cpu for _, cpu, _ in done)
    spent["interpreter"] = busy - sum(spent[part] for part in PARTS[:5])
    spent["idle"] = threads * wall - busy
    rate = sum(simulations for simulations, _, _ in done) / wall
    return Profile(size, net, threads, boards, sharpness, rate, **{part: spent[part] / (threads * wall) for part in PARTS})


class _timed_parts:
    """While it lasts, the functions of a search add their time to the clocks."""

    def __init__(self, clocks: _Clocks):
        self._clocks = clocks
        self._kept: list[tuple[object, str, object]] = []

    def _time(self, owner, name: str, part: str) -> None:
        function = getattr(owner, name)
        self._kept.append((owner, name, function))

        def timed(*arguments):
            begun = time.thread_time()
            try:
                return function(*arguments)
            finally:
                self._clocks.parts[part] += time.thread_time() - begun

        setattr(owner, name, timed)

    def __enter__(self):
        for name in ("plant", "walk_down", "back_up", "read"):
            self._time(kernels, name, "tree")
        for name in ("write_planes", "read_judgments"):
            self._time(judging, name, "features")
        judge = judging._judge
        self._kept.append((judging, "_judge", judge))

        def judge_in_parts(*arguments):
            parts = self._clocks.parts
            start = time.thread_time()
            answer = jax.block_until_ready(judge(*arguments))
            judged = time.thread_time()
            fetched = np.asarray(answer)
            parts["network"] += judged - start
            parts["transfer"] += time.thread_time() - judged
            parts["call"] += 1
            return fetched

        judging._judge = judge_in_parts  # type: ignore[assignment]
        return self

    def __exit__(self, *_):
        for owner, name, function in self._kept:
            setattr(owner, name, function)


def _time_calls(evaluator: network.NetworkEvaluator) -> tuple[float, float]:
    """Return the seconds of a call that takes the network's arguments and does nothing, and how many more it takes to hand planes over."""
    planes = np.zeros((evaluator.batch, 2 * evaluator.architecture.cells), np.uint8)
    nothing = jax.jit(lambda params, planes: planes[:1, :1], keep_unused=True)
    sent = jax.device_put(planes)
    calls, rounds = 200, []
    for _ in range(7):
        row = []
        for given in (sent, planes):
            begun = time.thread_time()
            for _ in range(calls):
                jax.block_until_ready(nothing(evaluator.params, given))
            row.append((time.thread_time() - begun) / calls)
        rounds.append(row)
    there, here = np.min(rounds, axis=0)
    return float(there), max(0.0, float(here - there))


def write_table(profiles: Sequence[Profile]) -> str:
    """Return the profiles as a Markdown table in percent."""
    lines = ["| board, net | priors | " + " | ".join(PARTS) + " | simulations/s |", "|---|---|" + "---|" * (len(PARTS) + 1)]
    for one in profiles:
        shares = " | ".join(f"{getattr(one, part):.1%}" for part in PARTS)
        priors = "fresh" if one.sharpness == 1 else "trained"
        lines.append(f"| {one.size}x{one.size} {one.net} | {priors} | {shares} | {one.simulations_per_second:,.0f} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Profile each net with fresh and with peaked priors and write the table and its data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=9)
    parser.add_argument("--nets", nargs="+", default=["64x2", "256x4", "512x4"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--boards", type=int, default=256, help="boards of a thread and rows of a network call")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each profile")
    parser.add_argument("--sharpness", type=float, nargs="+", default=[1.0, 48.0], help="1: a fresh net's priors, 48: a trained one's")
    parser.add_argument("--out", type=pathlib.Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    profiles = [
        take_profile(options.size, net, options.threads, options.boards, sharpness, options.seconds)
        for net in options.nets
        for sharpness in options.sharpness
    ]
    if options.out is not None:
        write_whole(options.out, json.dumps([dataclasses.asdict(one) for one in profiles], indent=1) + "\n")
    print(write_table(profiles), end="")


if __name__ == "__main__":
    main()

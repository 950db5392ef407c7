"""What is left of a training run's speed when it does not have its cores for itself.

    python experiments/02_speed/shared.py --cores 2 --out experiments/02_speed/shared-2.json

A training run goes on for the whole comparison, pinned to its cores. In turn it runs alone, beside a program that keeps one of its cores
busy, and beside a second training run on the same cores; the others are stopped meanwhile (SIGSTOP), so that all turns see the same
machine. POSIX only.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

from hexlab.lab.machine import machine_facts
from hexlab.system import write_whole

__all__ = ["Kept", "Meter", "main", "measure"]

_TRAIN = """
import os, sys, time
os.sched_setaffinity(0, {cores})
from hexlab import training
config = training.Config(**{{**training.preset({size}), "samples": 10**9, "seed": {seed}}})
for report in training.train(config, {out!r}, checkpoint_seconds=1e9):
    print(time.monotonic(), report.samples, flush=True)
"""
_BUSY = """
import os
os.sched_setaffinity(0, [{core}])
while True:
    pass
"""


@dataclasses.dataclass(frozen=True)
class Kept:
    """Share of the undisturbed speed that a run keeps.

    Attributes:
        beside: "a busy core" or "a second run".
        cores: of the run.
        alone: samples a second undisturbed, median of the rounds.
        kept: share of that, median; `low` and `high` are the extremes of the rounds.
        together: of two runs, their speeds together as a share of that of one alone, median; None beside a busy core.
        aim: least share to be kept.
    """

    beside: str
    cores: int
    alone: float
    kept: float
    low: float
    high: float
    together: float | None
    aim: float


class Meter:
    """A training run in a process of its own, stopped and set going at will, with a count of what it has done by when."""

    def __init__(self, program: str):
        """Start it."""
        self.times: list[tuple[float, int]] = []
        quiet = {**os.environ, "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=quiet)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            when, samples = line.split()
            self.times.append((float(when), int(samples)))

    def wait_for(self, iterations: int) -> None:
        """Return once so many iterations are done: everything is compiled by then."""
        while len(self.times) < iterations:
            if self.process.poll() is not None:
                raise RuntimeError(f"the training run ended with {self.process.returncode}: see its message above")
            time.sleep(0.1)

    def rate(self, start: float, end: float) -> float:
        """Return samples a second between two moments, from the first iteration that ended in between to the last."""
        inside = [(when, samples) for when, samples in list(self.times) if start <= when <= end]
        if len(inside) < 3:
            raise RuntimeError(f"{len(inside)} iterations ended in {end - start:.0f} s: give longer turns (--seconds)")
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def measure(cores: Sequence[int], size: int, seconds: float, rounds: int) -> list[Kept]:
    """Take turns: alone, beside a busy core, alone, beside a second run."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = [_TRAIN.format(cores=list(cores), size=size, seed=seed, out=str(folder / f"run{seed}")) for seed in (0, 1)]
        run, twin = (stack.enter_context(_kept_alive(Meter(program))) for program in programs)
        busy = subprocess.Popen([sys.executable, "-c", _BUSY.format(core=cores[-1])])
        stack.callback(busy.wait)
        stack.callback(busy.kill)
        for meter in (run, twin):
            meter.wait_for(4)
        for other in (twin.process, busy):
            other.send_signal(signal.SIGSTOP)
        rates: dict[str, list[tuple[float, float, float | None]]] = {"a busy core": [], "a second run": []}
        for _ in range(rounds):
            for beside, other in (("a busy core", busy), ("a second run", twin.process)):
                alone = run.rate(*_turn(seconds))
                other.send_signal(signal.SIGCONT)
                start, end = _turn(seconds)
                other.send_signal(signal.SIGSTOP)
                second = twin.rate(start, end) if other is twin.process else None
                rates[beside].append((alone, run.rate(start, end), second))
    return [_summarize(beside, len(cores), rows) for beside, rows in rates.items()]


def _turn(seconds: float) -> tuple[float, float]:
    start = time.monotonic()
    time.sleep(seconds)
    return start, time.monotonic()


def _summarize(beside, cores, rows) -> Kept:
    kept = [disturbed / alone for alone, disturbed, _ in rows]
    together = [(disturbed + second) / alone for alone, disturbed, second in rows if second is not None]
    return Kept(
        beside,
        cores,
        statistics.median(alone for alone, _, _ in rows),
        statistics.median(kept),
        min(kept),
        max(kept),
        statistics.median(together) if together else None,
        0.5 if beside == "a busy core" else 0.45,
    )


@contextlib.contextmanager
def _kept_alive(meter: Meter) -> Iterator[Meter]:
    try:
        yield meter
    finally:
        meter.process.send_signal(signal.SIGCONT)
        meter.process.kill()
        meter.process.wait()


def write_table(rows: Sequence[Kept]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| beside | cores | alone, samples/s | kept | low | high | both together | aim |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        together = "" if row.together is None else f"{row.together:.2f}"
        figures = f"{row.kept:.2f} | {row.low:.2f} | {row.high:.2f} | {together} | {row.aim}"
        lines.append(f"| {row.beside} | {row.cores} | {row.alone:,.0f} | {figures} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write the data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2, help="cores of the run, the first ones of this process")
    parser.add_argument("--size", type=int, default=5, help="board whose preset is trained")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    if len(cores) < options.cores:
        parser.error(f"--cores {options.cores}: this process may use {len(cores)}")
    rows = measure(cores, options.size, options.seconds, options.rounds)
    if options.out is not None:
        settings = {"size": options.size, "seconds": options.seconds, "rounds": options.rounds}
        facts = {"machine": machine_facts(), "settings": settings, "rows": [dataclasses.asdict(row) for row in rows]}
        write_whole(options.out, json.dumps(facts, indent=1) + "\n")
    print(write_table(rows), end="")


if __name__ == "__main__":
    main()

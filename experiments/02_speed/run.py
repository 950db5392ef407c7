"""hexlab and its rivals side by side: the same cores, the same network, the same number of simulations, in turn.

python experiments/02_speed/run.py --cores 2 --out experiments/02_speed/results.json

Started again it goes on after the last finished row. Beside the results it leaves a table (.md) and a figure (.svg).
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hexlab.system import write_whole

HERE = Path(__file__).resolve().parent
MEASURES = ("random", "search", "selfplay", "learner", "strength")
SIMULATIONS = 64
SHARPNESS = 48.0  # priors a little sharper than those of a trained net: see README.md
_COLUMNS = ("measure", "peer", "size", "net", "batch", "ours", "theirs", "ratio", "low", "high", "aim")
_RIVALS = ("mctx", "pgx", "open_spiel", "optax", "chex")


@dataclasses.dataclass(frozen=True)
class Case:
    """One row to be: what is measured against whom, and the settings among which each side may choose its best.

    Attributes:
        name: of the measure.
        peer: whom hexlab is compared with.
        size: board size.
        net: width x depth, or None.
        spec: what both sides are told.
        ours: settings of hexlab to choose from.
        theirs: settings of the rival to choose from.
        aim: least ratio wanted, or None.
        depth: "equal" stops the rival's trees at the mean depth of hexlab's; "own" lets them grow.
        cores: how many the sides get; None for as many as were asked for.
    """

    name: str
    peer: str
    size: int
    net: str | None
    spec: dict
    ours: list[dict]
    theirs: list[dict]
    unit: str
    aim: float | None = None
    depth: str = "own"
    cores: int | None = None


class Side:
    """A process that does one kind of work on request, pinned to the cores of the comparison."""

    def __init__(self, script: str, spec: dict):
        """Start it and wait until everything is compiled."""
        # NPROC is the number of XLA's threads, where the cores alone do not say it
        quiet = {"NPROC": str(spec["threads"]), "JAX_PLATFORMS": "cpu", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.script = script
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **quiet},
        )
        try:
            self.facts = self._read()
        except BaseException:
            self.__exit__()
            raise

    def measure(self, seconds: float) -> float:
        """Return units a second over at least so many seconds."""
        print(seconds, file=self._process.stdin, flush=True)
        answer = self._read()
        return answer["units"] / answer["seconds"]

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            raise RuntimeError(f"{self.script} stopped:\n{self._log.read()[-3000:]}")
        return json.loads(line)

    def __enter__(self) -> "Side":
        """Return the side."""
        return self

    def __exit__(self, *_) -> None:
        """End the process."""
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


class Results:
    """The file of results: rows and tuning sweeps, written after each."""

    def __init__(self, path: Path, protocol: dict):
        """Open or create it; results of another protocol are not mixed in."""
        self.path = path
        self.data = {"protocol": protocol, "machine": _machine(), "tuning": [], "runs": [], "rows": []}
        if path.exists():
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["protocol"] != protocol:
                raise SystemExit(f"{path} was made with {held['protocol']}, asked for is {protocol}: choose another --out")
            if held["machine"] != self.data["machine"]:
                changed = [key for key, value in self.data["machine"].items() if held["machine"].get(key) != value]
                raise SystemExit(f"{path} was made on another machine or installation ({', '.join(changed)} differ): choose another --out")
            self.data = held

    def find(self, kind: str, **key) -> dict | None:
        """Return the entry of `rows`, `tuning` or `runs` with these values."""
        return next((row for row in self.data[kind] if all(row[name] == value for name, value in key.items())), None)

    def add(self, kind: str, row: dict) -> None:
        """Append to `rows`, `tuning` or `runs`, and write all: results, table and figure."""
        self.data[kind].append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(self.data, indent=1) + "\n")
        if kind == "rows":
            write_whole(self.path.with_suffix(".md"), to_table(self.data["rows"]))
            write_whole(self.path.with_suffix(".svg"), draw(self.data["rows"]))


def list_cases(cores: int, quick: bool, recipe: str) -> Iterator[tuple[str, Case]]:
    """Yield (measure, case) of every row, the larger board first: its tuning serves the smaller one too."""
    sizes = (5,) if quick else (11, 9)
    alone = {"lanes": 1, "threads": cores}  # one caller, XLA uses all cores
    lanes = {"lanes": cores, "threads": 1}  # a caller a core
    ways = (alone,) if quick or cores == 1 else (alone, lanes)
    searching = [{"batch": batch, **way} for batch in ((64,) if quick else (64, 256)) for way in ways]
    searching += [] if quick else [{"batch": 1024, **alone}]
    for size in sizes:
        options = [{"way": "drawn", "batch": batch, **way} for batch in ((256,) if quick else (64, 256, 1024, 4096)) for way in ways]
        if not quick:
            options += [{"way": "drawn again", "batch": 1024, **way} for way in ways]
            options += [{"way": "sampled", "batch": 1024, **way} for way in ways]
            options += [{"way": "published", "batch": 1024, **way} for way in ways if size == 11]
        yield "random", Case("random play", "pgx", size, None, {"work": "random"}, [{**lanes, "batch": 1}], options, "moves", aim=12)
        one = {"lanes": 1, "threads": 1, "batch": 1}
        yield "random", Case("random play", "openspiel", size, None, {"work": "random"}, [one], [one], "moves", aim=5, cores=1)

    aims = {("muzero", "64x2"): 50, ("gumbel", "64x2"): 15, ("muzero", "512x4"): 15, ("gumbel", "512x4"): 3}
    ours = [{**lanes, "batch": batch} for batch in ((64,) if quick else (128, 256, 512))]
    kinds = [("search, equal depth", 1.0, "equal"), ("search, trained depth", SHARPNESS, "equal"), ("search, own depth", SHARPNESS, "own")]
    for size in sizes:
        for name, sharpness, depth in kinds:
            for net in ("64x2",) if quick else (None, "64x2", "256x4", "512x4"):
                if (net is None and sharpness != 1.0) or (net == "256x4" and depth == "own"):
                    continue
                for policy in ("muzero", "gumbel"):
                    spec = {"work": "search", "recipe": recipe, "sharpness": sharpness, "simulations": SIMULATIONS}
                    spec["policy"] = "muzero_policy" if policy == "muzero" else "gumbel_muzero_policy"
                    aim = aims.get((policy, net)) if depth == "equal" else None
                    yield "search", Case(name, f"mctx {policy}", size, net, spec, ours, searching, "simulations", aim, depth)

    simulations = 8 if quick else 32
    for size in sizes:
        for net in ("64x2",) if quick else ("64x2", "256x4"):
            spec = {"work": "selfplay", "recipe": recipe, "sharpness": 1.0, "policy": "gumbel_muzero_policy", "simulations": simulations}
            name = f"self-play, {simulations} simulations"
            ours = [{**lanes, "batch": batch} for batch in ((64,) if quick else (256, 512))]
            yield "selfplay", Case(name, "pgx + mctx gumbel", size, net, spec, ours, searching, "moves", aim=10)

    for net in ("64x2",) if quick else ("64x2", "256x4", "512x4"):
        for batch in (1024,) if quick else (1024, 4096):
            spec = {"work": "learner", "recipe": "puct", "batch": batch}
            one = {"lanes": 1, "threads": 1}
            options = [one] if cores == 1 else [one, alone]
            yield "learner", Case(f"learner, batch {batch}", "optax", sizes[-1], net, spec, [one], options, "samples")


def compare(case: Case, results: Results, cores: list[int], seconds: float, rounds: int) -> dict:
    """Choose each side's best setting, let them work in turn, and return the row."""
    cores = cores[: case.cores]
    base = {"peer": case.peer.split()[0], "size": case.size, "net": case.net, "cores": cores, "cap": None, **case.spec}
    mine = _tune(case, results, "ours", base, cores, seconds)
    with Side("ours.py", {**base, **mine}) as ours:
        cap = max(1, round(ours.facts["depth"])) if case.depth == "equal" else None
        base["cap"] = cap
        best = _tune(case, results, "theirs", base, cores, seconds)
        with Side("theirs.py", {**base, **best}) as theirs:
            pairs = []
            for turn in range(rounds):
                sides = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
                rates = {side.script: side.measure(seconds) for side in sides}
                pairs.append((rates["ours.py"], rates["theirs.py"]))
            facts = {"ours": ours.facts, "theirs": theirs.facts}
    ratios = [mine / other for mine, other in pairs]
    return {
        "measure": case.name,
        "peer": case.peer,
        "size": case.size,
        "net": case.net,
        "batch": [mine.get("batch", base.get("batch")), best.get("batch", base.get("batch"))],
        "ours": statistics.median(pair[0] for pair in pairs),
        "theirs": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "aim": case.aim,
        "unit": f"{case.unit}/s",
        "cores": len(cores),
        "settings": {"ours": mine, "theirs": {**best, "depth cap": cap}},
        "facts": facts,
        "rounds": pairs,
    }


def _tune(case, results, side, base, cores, seconds) -> dict:
    """Return the fastest of a side's settings; a sweep at one size serves the others."""
    options = case.ours if side == "ours" else case.theirs
    if len(options) == 1:
        return options[0]
    key = {"measure": case.name, "peer": case.peer, "net": case.net, "side": side}
    held = results.find("tuning", **key)
    if held is None:
        rates = []
        for option in options:
            with Side(f"{side}.py", {**base, **option}) as process:
                rates.append(process.measure(seconds))
        held = {**key, "size": case.size, "unit": f"{case.unit}/s", "options": options, "rates": rates}
        results.add("tuning", held)
    kept = [
        (rate, option)
        for rate, option in zip(held["rates"], held["options"], strict=True)
        if option.get("way") != "published" or case.size == 11
    ]
    return max(kept, key=lambda pair: pair[0])[1]


def race(size: int, results: Results, cores: list[int], quick: bool, seeds: int, limit: float) -> list[dict]:
    """Train from nothing on both sides until every won opening is won; return one row for seconds and one for FLOPs."""
    ends: dict[str, list[dict]] = {"ours": [], "theirs": []}
    for seed in range(seeds):
        allowed = None
        for side in ("ours", "theirs"):
            spec = {"side": side, "size": size, "seed": seed, "cores": cores, "quick": quick, "limit": allowed}
            spec["threads"] = len(cores) if side == "theirs" else 1  # of XLA; hexlab brings its own
            held = results.find("runs", side=side, size=size, seed=seed)
            if held is None:
                with Side("strength.py", {**spec, "started": time.time()}) as process:
                    held = {"side": side, "size": size, "seed": seed, **process.facts}
                results.add("runs", held)
            ends[side].append(held)
            allowed = limit * held["seconds"]
    rows = []
    for measure, unit in (("seconds", "s"), ("flops", "FLOPs")):
        ratios = [other[measure] / mine[measure] for mine, other in zip(ends["ours"], ends["theirs"], strict=True)]
        reached = {side: sum(end["reached"] for end in held) for side, held in ends.items()}
        rows.append(
            {
                "measure": f"{measure} from nothing to strength",
                "peer": "pgx + mctx gumbel + optax",
                "size": size,
                "net": ends["ours"][0]["net"],
                "batch": None,
                "ours": statistics.median(end[measure] for end in ends["ours"]),
                "theirs": statistics.median(end[measure] for end in ends["theirs"]),
                "ratio": statistics.median(ratios),
                "low": min(ratios),
                "high": max(ratios),
                "aim": None,
                "unit": unit,
                "cores": len(cores),
                "reached": {side: f"{number} of {seeds}" for side, number in reached.items()},
                "limit": limit,
            }
        )
    return rows


def to_table(rows: list[dict]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join((*_COLUMNS, "depth", "unit")) + " |", "|" + "---|" * (len(_COLUMNS) + 2)]
    for row in rows:
        batch = "" if row["batch"] is None else " / ".join(map(str, row["batch"]))
        depths = [row.get("facts", {}).get(side, {}).get("depth") for side in ("ours", "theirs")]
        depth = "" if None in depths else " / ".join(f"{depth:.1f}" for depth in depths)
        unit = row["unit"]
        theirs = f"{row['theirs']:.3g}"
        if "reached" in row:
            unit += f", reached {row['reached']['ours']} / {row['reached']['theirs']}"
        numbers = [f"{row['ours']:.3g}", theirs, *(f"{row[name]:.1f}" for name in ("ratio", "low", "high"))]
        aim = "" if row["aim"] is None else f"{row['aim']:g}"
        cells = [row["measure"], row["peer"], f"{row['size']}x{row['size']}", row["net"] or "", batch, *numbers, aim, depth, unit]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(rows: list[dict]) -> bytes:
    """Draw every row's ratio with its range, and its aim, as SVG; an arrow where the rival was stopped and it is a bound."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from hexlab.scaling.figures import render_svg

    blue = "#0072B2"
    limits = sorted({row["limit"] for row in rows if _is_bound(row)})

    def build():
        figure = Figure(figsize=(8, 1.5 + 0.24 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(rows):
            if _is_bound(row):
                axes.plot([row["low"], 1.6 * row["low"]], [place, place], color=blue, linewidth=1.2)
                axes.plot(row["low"], place, "|", color=blue, markersize=7)
                axes.plot(1.6 * row["low"], place, ">", color=blue, markersize=5)
            else:
                axes.plot([row["low"], row["high"]], [place, place], color=blue, linewidth=2)
                axes.plot(row["ratio"], place, "o", color=blue, markersize=5)
            if row["aim"] is not None:
                axes.plot(row["aim"], place, "|", color="#D55E00", markersize=10, markeredgewidth=2)
        labels = [f"{row['measure']}: {row['peer']}, {row['size']}x{row['size']} {row['net'] or ''}".rstrip() for row in rows]
        axes.set_yticks(range(len(rows)), labels, fontsize=7)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.grid(axis="x", alpha=0.3)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("times the rival", fontsize=8)
        handles = [
            Line2D([], [], color=blue, marker="o", markersize=5, linewidth=2, label="median and range"),
            Line2D([], [], color="#D55E00", marker="|", markersize=10, markeredgewidth=2, linestyle="none", label="aim"),
        ]
        for limit in limits:
            text = f"at least: the rival was stopped before it was there, after {limit:g} times the time"
            handles.append(Line2D([], [], color=blue, marker=">", markersize=5, linewidth=1.2, label=text))
        figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=7.5, frameon=False)
        axes.tick_params(axis="x", labelsize=8)
        return figure

    return render_svg(build(), "speed")


def _is_bound(row: dict) -> bool:
    """Whether some run of the rival was stopped at the limit, so that its ratio could be larger."""
    return "reached" in row and len(set(row["reached"]["theirs"].split(" of "))) > 1


def _machine() -> dict:
    from hexlab.lab.machine import machine_facts

    facts = machine_facts()
    facts.pop("commit")  # rows of one file may come from several; each row keeps its own
    for name in _RIVALS:
        try:
            facts["libraries"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise SystemExit(f"{name} is not installed: pip install -e '.[peers]'") from None
    return facts


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for and not yet in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2, help="cores that each side gets (default 2)")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="file of results")
    parser.add_argument("--only", choices=MEASURES, action="append", help="measure this; may be repeated (default: all but strength)")
    parser.add_argument("--sizes", type=int, nargs="+", help="boards of these sizes only")
    parser.add_argument("--quick", action="store_true", help="small boards and few settings: does it all run?")
    parser.add_argument("--seconds", type=float, help="of one side's turn (default 3, quick 0.3)")
    parser.add_argument("--rounds", type=int, help="turns of each side (default 7, quick 2)")
    parser.add_argument("--recipe", default="puct", help="hexlab's search recipe (default puct)")
    parser.add_argument("--seeds", type=int, help="training runs of each side for strength (default 3, quick 1)")
    parser.add_argument("--limit", type=float, help="the rival may train this many times as long as hexlab (default 10, quick 2)")
    asked = parser.parse_args(arguments)
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    if not 1 <= asked.cores <= len(available):
        raise SystemExit(f"--cores {asked.cores}: this process may use {len(available)}")
    cores = available[: asked.cores]
    seconds, rounds = asked.seconds or (0.3 if asked.quick else 3.0), asked.rounds or (2 if asked.quick else 7)
    seeds, limit = asked.seeds or (1 if asked.quick else 3), asked.limit or (2.0 if asked.quick else 10.0)
    protocol = {"cores": asked.cores, "seconds": seconds, "rounds": rounds, "recipe": asked.recipe, "quick": asked.quick}
    protocol["pinned"] = hasattr(os, "sched_setaffinity")
    results = Results(asked.out, protocol)
    wanted = asked.only or MEASURES[:-1]

    def say(row):
        results.add("rows", {**row, "commit": _commit()})
        print(to_table([row]).splitlines()[-1], flush=True)

    for measure, case in list_cases(asked.cores, asked.quick, asked.recipe):
        if measure not in wanted or (asked.sizes and case.size not in asked.sizes):
            continue
        if case.size < 9:
            case = dataclasses.replace(case, aim=None)  # aims are for 9x9 and 11x11
        if results.find("rows", measure=case.name, peer=case.peer, size=case.size, net=case.net) is None:
            say(compare(case, results, cores, seconds, rounds))
    if "strength" in wanted:
        for size in (3,) if asked.quick else (3, 4, 5):
            done = results.find("rows", measure="flops from nothing to strength", size=size)
            if done is None and (not asked.sizes or size in asked.sizes):
                for row in race(size, results, cores, asked.quick, seeds, limit):
                    say(row)


def _commit() -> str | None:
    from hexlab.lab.machine import machine_facts

    return machine_facts()["commit"]


if __name__ == "__main__":
    main()

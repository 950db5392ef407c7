"""What runs and tournaments left in a folder, as the page shows it: read from files alone, without JAX.

A run may be going on in another process, any line of its files may be half written, and a folder may be closed to us or hold anything:
what cannot be read yet is left out, and nothing beside it.
"""

import collections
import contextlib
import dataclasses
import functools
import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hexlab.app.web.safety import Refusal
from hexlab.errors import HexlabError

__all__ = ["CURVES", "Run", "Runs", "read_curves", "read_games"]

CURVES = ("policy_loss", "value_loss", "search_kl", "policy_entropy", "value_explained", "calibration_error", "game_length", "black_wins")
"""Fields of ``metrics.jsonl`` that are drawn over the positions played."""

_DEPTH = 4  # folders that a run may lie below the one that is searched
_MOST_FOLDERS = 5000
_MOST_POINTS = 400
_FRESH_SECONDS = 2.0  # how long a listing of the folders is good for
_LIVE_SECONDS = 60.0  # a run that wrote this recently goes on,
_LIVE_ITERATIONS = 3  # and so does one that wrote within so many of its iterations


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        name: path below the folder that was searched, with slashes.
        path: its folder.
        key: hash of its settings, its name in tables; "" if it has no snapshot yet.
        size: board size.
        network: kind and measures, such as "dense 64×4".
        recipe: search recipe of self-play.
        simulations: of a self-play move.
        seed: of the run.
        iteration: iterations that are done.
        iterations: iterations of the whole run.
        samples: positions played.
        games: games finished.
        snapshots: numbers of its snapshots, increasing.
        live: whether it is not done and wrote something lately, for the length of its iterations.
    """

    name: str
    path: Path
    key: str
    size: int
    network: str
    recipe: str
    simulations: int
    seed: int
    iteration: int
    iterations: int
    samples: int
    games: int
    snapshots: tuple[int, ...]
    live: bool

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "path"}


class Runs:
    """The runs and tournaments in a folder and below it; asked by any thread.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path):
        """Remember the folder; nothing is read yet."""
        self.folder = folder
        self._lock = threading.Lock()
        self._listed = -math.inf
        self._runs: list[Run] = []
        self._tables: dict[str, Path] = {}

    def list_runs(self) -> list[Run]:
        """Return the runs in the order of their names, as of at most two seconds ago."""
        self._look()
        return self._runs

    def find(self, name: str) -> Run:
        """Return a run by its name, or raise `Refusal`."""
        run = next((run for run in self.list_runs() if run.name == name), None)
        if run is None:
            raise Refusal(404, f"there is no run {name[:100]!r} in {self.folder}")
        return run

    def list_tournaments(self) -> dict[str, Path]:
        """Return the folders that hold the tables of a tournament, by their names."""
        self._look()
        return self._tables

    def read_tournament(self, name: str) -> dict[str, Any]:
        """Return a tournament's table and frontiers; takes seconds the first time.

        Returns:
            boards: for each board size its ``size``, ``rows`` (every rated agent, best first, with its rating, interval and training
            compute) and ``frontier`` (log10_flops and elo of the line; none where there are too few snapshots).

        Raises:
            Refusal: no such tournament.
            StoreError: tables that cannot be read.
        """
        path = self.list_tournaments().get(name)
        if path is None:
            raise Refusal(404, f"there is no tournament {name[:100]!r} in {self.folder}")
        return _read_tables(path, (path / "ratings.csv").stat().st_mtime_ns)

    def _look(self) -> None:
        with self._lock:
            if time.monotonic() - self._listed < _FRESH_SECONDS:
                return
            runs, tables = [], {}
            for path in _walk(self.folder):
                name = path.relative_to(self.folder).as_posix() if path != self.folder else path.resolve().name
                if os.path.isfile(path / "ratings.csv"):
                    tables[name] = path
                elif (run := _read_run(name, path)) is not None:
                    runs.append(run)
            self._runs, self._tables = sorted(runs, key=lambda run: run.name), tables
            self._listed = time.monotonic()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs and of tables, nearest first; neither has others within."""
    waiting = collections.deque([(folder, 0)])
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            return
        path, depth = waiting.popleft()
        if os.path.isfile(path / "config.json") or os.path.isfile(path / "ratings.csv"):  # False too where a folder may not be entered
            yield path
        elif depth < _DEPTH:
            with contextlib.suppress(OSError), os.scandir(path) as entries:
                below = [entry.path for entry in entries if _is_folder(entry)]
                waiting.extend((Path(each), depth + 1) for each in sorted(below))


def _is_folder(entry: os.DirEntry) -> bool:
    """Tell whether an entry is a folder to look into: one that is not hidden, by a name that can be told."""
    try:
        entry.name.encode()
        return not entry.name.startswith(".") and entry.is_dir()
    except (OSError, UnicodeEncodeError):  # as of a link to itself
        return False


def _read_run(name: str, path: Path) -> Run | None:
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        last = _last_row(path / "metrics.jsonl")
        snapshots = tuple(sorted(int(file.stem) for file in (path / "snapshots").glob("*.safetensors") if file.stem.isdecimal()))
        first = next(_read_rows(path / "snapshots.jsonl"), {})
        iteration, iterations = int(last.get("iteration", 0)), int(last.get("iterations", 0))
        run = Run(
            name=name,
            path=path,
            key=str(first.get("run", "")),
            size=int(config["size"]),
            network=f"{config.get('net', 'dense')} {int(config['width'])}×{int(config['depth'])}",
            recipe=str(config.get("recipe", "puct")),
            simulations=int(config["simulations"]),
            seed=int(config["seed"]),
            iteration=iteration,
            iterations=iterations,
            samples=int(last.get("samples", 0)),
            games=int(last.get("games", 0)),
            snapshots=snapshots,
            live=(iteration < iterations or not last) and _wrote_lately(path),
        )
        json.dumps(run.to_json(), ensure_ascii=False).encode()  # as it will be told: JSON can hold half a character
        return run
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None  # no run, or one that is being made or damaged


def _wrote_lately(path: Path) -> bool:
    written = max(file.stat().st_mtime for file in (path / "config.json", path / "metrics.jsonl") if file.is_file())
    took = _last_row(path / "timings.jsonl").get("seconds", 0.0)
    return time.time() - written < max(_LIVE_SECONDS, _LIVE_ITERATIONS * took)


def _last_row(path: Path) -> dict[str, Any]:
    """Return the last whole row of a file of JSON lines, without reading all of it; none of one that is not there yet."""
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        lines = file.read().splitlines()
    return next(filter(None, map(_read_row, reversed(lines))), {})


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        yield from filter(None, map(_read_row, lines))


def _read_row(line: str | bytes) -> dict[str, Any] | None:
    """Return what a line holds, or None of one that is no row."""
    with contextlib.suppress(ValueError, RecursionError):
        row = json.loads(line)
        if isinstance(row, dict):
            return row
    return None


def read_curves(run: Run) -> dict[str, Any]:
    """Return what is drawn of a run.

    Returns:
        samples: positions played, by point; curves: numbers or None by the names of `CURVES`; blunders: points (samples, share of won
        positions that the snapshot gives away), where health was watched.
    """
    rows = [row for row in _read_rows(run.path / "metrics.jsonl") if _is_number(row.get("samples"))]
    every = max(1, -(-len(rows) // _MOST_POINTS))
    kept = rows[every - 1 :: every] if every > 1 else rows
    at = {str(row.get("snapshot")): row.get("samples") for row in _read_rows(run.path / "snapshots.jsonl")}
    blunders = []
    for row in _read_rows(run.path / "health.jsonl"):
        samples, share = at.get(str(row.get("snapshot"))), _find_share(row.get("blunders"))
        if _is_number(samples) and share is not None:
            blunders.append([samples, share])
    return {
        "samples": [row["samples"] for row in kept],
        "curves": {name: [_rounded(row.get(name)) for row in kept] for name in CURVES},
        "blunders": blunders,
    }


def _find_share(counted: Any) -> float | None:
    """Return the share of what was counted, or None where that was nothing."""
    count, total = (counted.get("count"), counted.get("total")) if isinstance(counted, dict) else (None, None)
    return round(count / total, 4) if _is_number(count) and _is_number(total) and total else None


def _is_number(value: Any) -> bool:
    """Tell whether a value is a number that can be drawn; whole ones of JSON may be too large for that."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _rounded(value: Any) -> float | None:
    return float(f"{value:.4g}") if _is_number(value) else None


def read_games(run: Run, snapshot: int | None = None) -> dict[str, Any]:
    """Return the games that a run sampled when it kept a snapshot, the newest such by default.

    Returns:
        snapshots: numbers of the snapshots with games; snapshot: the one shown, or None; games: moves and winner of each.

    Raises:
        Refusal: no games of that snapshot.
        PositionError: a damaged record.
    """
    from hexlab.rules import cell_name, sgf

    files = {int(file.stem): file for file in (run.path / "games").glob("*.sgf") if file.stem.isdecimal()}
    if not files and snapshot is None:
        return {"snapshots": [], "snapshot": None, "games": []}
    chosen = max(files) if snapshot is None else snapshot
    if chosen not in files:
        raise Refusal(404, f"run {run.name} keeps no games of snapshot {chosen}: it does of {', '.join(map(str, sorted(files))) or 'none'}")
    games = sgf.read(files[chosen].read_text(encoding="utf-8"))
    return {
        "snapshots": sorted(files),
        "snapshot": chosen,
        "games": [
            {
                "moves": [cell_name(int(cell), game.size) for cell in game.moves],
                "winner": None if game.winner is None else game.winner.name.lower(),
            }
            for game in games
        ],
    }


@functools.lru_cache(maxsize=8)
def _read_tables(path: Path, changed: int) -> dict[str, Any]:
    from hexlab.scaling.frontiers import compute_frontier
    from hexlab.scaling.tables import read

    tables = read(path)
    boards = []
    for size in tables.sizes:
        chosen = tables.select(size)
        rows = [
            {
                "agent": row["agent"],
                "kind": row["kind"],
                "run": row["run"],
                "snapshot": row["snapshot"],
                "simulations": row["test_simulations"],
                "network": f"{row['width']}×{row['depth']}" if row["kind"] == "snapshot" else "",
                "flops": row["train_flops"],
                "elo": round(row["elo"], 1),
                "low": round(row["low"], 1),
                "high": round(row["high"], 1),
                "games": row["games"],
                "score": None if math.isnan(row["perfect_score"]) else round(row["perfect_score"], 3),
            }
            for row in sorted(chosen.join(), key=lambda row: -row["elo"])
        ]
        frontier: dict[str, Any] = {"simulations": None, "log10_flops": [], "elo": []}
        with contextlib.suppress(HexlabError):  # too few snapshots for a line: the points are shown alone
            found = compute_frontier(tables, size)
            line = found.board(size)
            frontier = {
                "simulations": found.test_simulations,
                "log10_flops": [round(value, 3) for value in line.log10_flops.tolist()],
                "elo": [None if math.isnan(value) else round(value, 1) for value in line.elo.tolist()],
            }
        boards.append({"size": size, "rows": rows, "frontier": frontier})
    return {"boards": boards}

"""The lab's tables as CSV files: read, checked, joined, written. All that scaling knows of an experiment.

A folder of tables holds ``runs.csv``, ``snapshots.csv``, ``agents.csv``, ``pairings.csv.xz`` and ``ratings.csv``, each with exactly
the fields of the row of that name in `hexlab.records`, floats as `repr` writes them so that nothing is lost. ``timings.csv`` may lie
beside them: what no table that two machines should agree on may hold. ``games.sgf`` may hold games of the experiment's agents.
"""

import csv
import dataclasses
import functools
import importlib.resources
import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hexlab import csv_tables, records
from hexlab.arena.ratings import Anchor, split_anchor
from hexlab.errors import HexlabError, StoreError
from hexlab.rules import sgf
from hexlab.system import write_whole

__all__ = ["NotEnoughDataError", "PaperPoint", "Tables", "paper_curves", "read"]

_ROWS: Mapping[str, type] = {
    "runs": records.Run,
    "snapshots": records.Snapshot,
    "agents": records.Agent,
    "pairings": records.Pairing,
    "ratings": records.Rating,
    "timings": records.Timing,
}
_OPTIONAL = ("timings",)
_GAMES = "games.sgf"


class NotEnoughDataError(HexlabError):
    """Tables that are sound but too small for what was asked; the message says what it needs."""


@dataclasses.dataclass(frozen=True)
class Tables:
    """Everything measured in one experiment, as rows of `hexlab.records`.

    Attributes:
        runs: training runs, one for each network and seed of the grid, and those of presets.
        snapshots: what every kept set of parameters had cost.
        agents: players of the tournaments: snapshots at a number of test simulations, perfect play, random play.
        pairings: results of every pair of agents, in two halves of the openings.
        ratings: Elo of every agent from all its games.
        timings: how long each snapshot had trained; empty where that was not kept.
        games: games to show, of the agents or from their self-play; empty where none were kept.
    """

    runs: tuple[records.Run, ...]
    snapshots: tuple[records.Snapshot, ...]
    agents: tuple[records.Agent, ...]
    pairings: tuple[records.Pairing, ...]
    ratings: tuple[records.Rating, ...]
    timings: tuple[records.Timing, ...] = ()
    games: tuple[sgf.Game, ...] = ()

    def __post_init__(self) -> None:
        """Check that keys are unique and that every row points at rows that are there."""
        for name in _ROWS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "games", tuple(self.games))
        runs = _unique("runs", [row.run for row in self.runs])
        snapshots = _unique("snapshots", [(row.run, row.snapshot) for row in self.snapshots])
        agents = _unique("agents", [row.agent for row in self.agents])
        _unique("ratings", [row.agent for row in self.ratings])
        for snapshot in self.snapshots:
            _require("snapshots", "run", snapshot.run, runs)
        sizes = {run.run: run.size for run in self.runs}
        for agent in self.agents:
            if agent.kind == "snapshot":
                _require("agents", "snapshot", (agent.run, agent.snapshot), snapshots)
                if sizes[agent.run] != agent.size:
                    told = f"its run {agent.run!r} is of {sizes[agent.run]}x{sizes[agent.run]} by runs.csv"
                    raise StoreError(f"{csv_tables.table_file('agents')}: {agent.agent!r} plays {agent.size}x{agent.size}, and {told}")
        boards = {agent.agent: agent.size for agent in self.agents}
        for pairing in self.pairings:
            for name in (pairing.first, pairing.second):
                _require("pairings", "agent", name, agents)
                if boards[name] != pairing.size:
                    told = f"{name!r} plays {boards[name]}x{boards[name]} by agents.csv"
                    raise StoreError(f"{csv_tables.table_file('pairings')}: a game on {pairing.size}x{pairing.size}, and {told}")
            if pairing.half not in (0, 1):
                raise StoreError(f"{csv_tables.table_file('pairings')}: half {pairing.half!r} of {pairing.first!r} is neither 0 nor 1")
        for rating in self.ratings:
            _require("ratings", "agent", rating.agent, agents)
            if boards[rating.agent] != rating.size:
                told = f"plays {boards[rating.agent]}x{boards[rating.agent]} by agents.csv"
                raise StoreError(f"ratings.csv: {rating.agent!r} is rated on {rating.size}x{rating.size}, and {told}")
        _unique("timings", [(row.run, row.snapshot) for row in self.timings])
        for timing in self.timings:
            _require("timings", "snapshot", (timing.run, timing.snapshot), snapshots)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Board sizes with at least one run, increasing."""
        return tuple(sorted({row.size for row in self.runs}))

    @functools.cached_property
    def run_by_key(self) -> dict[str, records.Run]:
        """Runs by their key."""
        return {row.run: row for row in self.runs}

    @functools.cached_property
    def snapshot_by_key(self) -> dict[tuple[str, int], records.Snapshot]:
        """Snapshots by run and number."""
        return {(row.run, row.snapshot): row for row in self.snapshots}

    @functools.cached_property
    def seconds_by_key(self) -> dict[tuple[str, int], float]:
        """Seconds of one core that each snapshot had trained, by run and number, less those of starting and compiling.

        These are what a run's first trained snapshot took beyond the pace of the run; none are taken off a run of one.
        """
        lines: dict[str, list[tuple[int, float, float]]] = {}
        for row in sorted(self.timings, key=lambda row: row.snapshot):
            lines.setdefault(row.run, []).append((row.snapshot, self.snapshot_by_key[row.run, row.snapshot].train_flops, row.seconds))
        seconds: dict[tuple[str, int], float] = {}
        for run, line in lines.items():
            trained = [(flops, spent) for _, flops, spent in line if flops > 0]
            start = 0.0
            if len(trained) > 1:
                (first, begun), (last, ended) = trained[0], trained[-1]
                if last > first:
                    start = max(begun - first * (ended - begun) / (last - first), 0.0)
            seconds |= {(run, snapshot): max(spent - start, 0.0) for snapshot, _, spent in line}
        return seconds

    def cost(self, run: str, snapshot: int, x: str) -> float:
        """Return what a snapshot had cost to train.

        Args:
            run: run key.
            snapshot: its number.
            x: unit: "train_flops", "paper_flops", "train_seconds", seconds of one core without those of starting, or "train_joules",
                the energy of these; nan if that was not kept.

        Raises:
            NotEnoughDataError: seconds of tables that hold no timings.
        """
        if x not in ("train_seconds", "train_joules"):
            return float(getattr(self.snapshot_by_key[run, snapshot], x))
        if not self.timings:
            raise NotEnoughDataError("not enough data: needs timings.csv, how long each snapshot had trained")
        seconds = self.seconds_by_key.get((run, snapshot), float("nan"))
        return seconds if x == "train_seconds" else seconds * self._power_by_key.get((run, snapshot), float("nan"))

    @functools.cached_property
    def _power_by_key(self) -> dict[tuple[str, int], float]:
        """Joules a second of one core by run and number, those without a second left out."""
        return {(row.run, row.snapshot): row.joules / row.seconds for row in self.timings if row.seconds}

    @functools.cached_property
    def agent_by_key(self) -> dict[str, records.Agent]:
        """Agents by their key."""
        return {row.agent: row for row in self.agents}

    @functools.cached_property
    def rating_by_agent(self) -> dict[str, records.Rating]:
        """Ratings by agent key."""
        return {row.agent: row for row in self.ratings}

    @functools.cached_property
    def grid_agents(self) -> tuple[records.Agent, ...]:
        """Snapshots of the grid's runs as players, without those of presets: what frontiers, laws and trade-offs are made of."""
        return tuple(row for row in self.agents if row.kind == "snapshot" and not self.run_by_key[row.run].preset)

    @functools.cached_property
    def anchors(self) -> dict[int, Anchor]:
        """What has a known Elo by board size: perfect play, or agents that stand in for it; boards rated without one are left out."""
        found = {}
        for size in sorted({row.size for row in self.ratings}):
            row = next(row for row in self.ratings if row.size == size)
            names = split_anchor(row.anchor, self.agent_by_key)
            if names:
                kind = "perfect" if self.agent_by_key[names[0]].kind == "perfect" else "strongest"
                elo = math.fsum(self.rating_by_agent[name].elo for name in names) / len(names)
                found[size] = Anchor(tuple(names), kind, elo, row.anchor_error)
        return found

    def knows_zero(self, size: int) -> bool:
        """Whether it is known, if only within an interval, how far Elo 0 of a board is from perfect play."""
        return all(
            row.anchor not in ("mean", "best") and not math.isnan(row.anchor_error) for row in self.ratings if row.size == size
        )

    def select(self, size: int) -> "Tables":
        """Return the tables of one board size alone.

        Raises:
            StoreError: no run of that size.
        """
        if size not in self._boards:
            self._boards[size] = self._select(size)
        return self._boards[size]

    @functools.cached_property
    def _boards(self) -> dict[int, "Tables"]:
        """What `select` returned by board size."""
        return {}

    def _select(self, size: int) -> "Tables":
        if size not in self.sizes:
            raise StoreError(f"no run on a {size}x{size} board: the tables hold sizes {list(self.sizes)}")
        runs = tuple(row for row in self.runs if row.size == size)
        keys = {row.run for row in runs}
        return Tables(
            runs,
            tuple(row for row in self.snapshots if row.run in keys),
            tuple(row for row in self.agents if row.size == size),
            tuple(row for row in self.pairings if row.size == size),
            tuple(row for row in self.ratings if row.size == size),
            tuple(row for row in self.timings if row.run in keys),
            tuple(game for game in self.games if game.size == size),
        )

    def join(self) -> list[dict[str, Any]]:
        """Return one flat row for each rated agent: its rating, what it is, and what it had cost to train.

        Fields of runs and snapshots are None for perfect and random play. Rows are in the order of `ratings`.
        """
        rows = []
        for rating in self.ratings:
            agent = self.agent_by_key[rating.agent]
            row: dict[str, Any] = {**dataclasses.asdict(agent), **dataclasses.asdict(rating)}
            of_snapshot = agent.kind == "snapshot"
            run = self.run_by_key[agent.run] if of_snapshot else None
            snapshot = self.snapshot_by_key[agent.run, agent.snapshot] if of_snapshot else None
            for source, template in ((run, records.Run), (snapshot, records.Snapshot)):
                for field in dataclasses.fields(template):
                    if field.name not in row:
                        row[field.name] = None if source is None else getattr(source, field.name)
            rows.append(row)
        return rows

    def to_csv(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write the files into `folder` as `hexlab.csv_tables.write_table` does, rows sorted; returns their paths."""
        wanted = [name for name in _ROWS if name not in _OPTIONAL or getattr(self, name)]
        paths = [csv_tables.write_table(Path(folder) / csv_tables.table_file(name), getattr(self, name), _ROWS[name]) for name in wanted]
        if self.games:
            write_whole(Path(folder) / _GAMES, "".join(map(sgf.write, self.games)))
            paths.append(Path(folder) / _GAMES)
        return paths

    def to_frames(self) -> dict[str, Any]:
        """Return pandas data frames by table name, and the join of all as ``"joined"``.

        Raises:
            StoreError: pandas is not installed.
        """
        frames = {name: csv_tables.to_frame(getattr(self, name), row_type) for name, row_type in _ROWS.items()}
        joined = self.join()
        frames["joined"] = type(frames["runs"])(joined)
        return frames


def read(folder: str | os.PathLike[str], *, rated: bool = True) -> Tables:
    """Read an experiment's tables.

    Args:
        folder: holds the CSV files, itself or in its subfolder ``tables`` or ``results``.
        rated: whether to read ``ratings.csv`` too.

    Raises:
        StoreError: no such folder, a missing file, a file that is not the table it is named after, or rows that point nowhere.
    """
    home = find_tables(folder)
    wanted = [name for name in _ROWS if name not in _OPTIONAL or (home / csv_tables.table_file(name)).is_file()]
    if not rated:
        wanted.remove("ratings")
    rows: dict[str, Any] = {name: csv_tables.read_table(home / csv_tables.table_file(name), _ROWS[name]) for name in wanted}
    games = sgf.load(home / _GAMES) if (home / _GAMES).is_file() else ()
    return Tables(**{"ratings": ()} | rows, games=tuple(games))


def find_tables(folder: str | os.PathLike[str]) -> Path:
    """Return the folder that holds the CSV files: the one given, or its subfolder ``tables`` or ``results``.

    Raises:
        StoreError: no such folder, or none with tables.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StoreError(f"no folder {str(folder)!r}: give the folder that holds runs.csv and the other tables")
    candidates = [folder, folder / "tables", folder / "results"]
    home = next((place for place in candidates if (place / "runs.csv").is_file()), None)
    if home is None:
        raise StoreError(f"no runs.csv in {str(folder)!r} or in its 'tables' or 'results': is this the folder of an experiment?")
    return home


class PaperPoint(NamedTuple):
    """One snapshot of Jones 2021.

    Attributes:
        size: board size.
        width: units a layer.
        depth: residual layers.
        log10_flops: log10 of training compute in the paper's count.
        samples: self-play positions so far.
        elo: 0 is the best agent of that board's pool, which plays with noise.
    """

    size: int
    width: int
    depth: int
    log10_flops: float
    samples: int
    elo: float


@functools.cache
def paper_curves() -> tuple[PaperPoint, ...]:
    """Return the 2,966 snapshots of the paper's 195 runs, in order of size, width, depth and cost.

    Source: hexlab/data/README.md.

    >>> len(paper_curves()), sorted({point.size for point in paper_curves()})
    (2966, [3, 4, 5, 6, 7, 8, 9])
    """
    text = importlib.resources.files("hexlab").joinpath("data", "jones2021_curves.csv").read_text(encoding="utf-8")
    names = {"boardsize": int, "width": int, "depth": int, "log10_train_flops": float, "samples": int, "elo": float}
    return tuple(PaperPoint(*(kind(row[name]) for name, kind in names.items())) for row in csv.DictReader(io.StringIO(text)))


def _unique(table: str, keys: list) -> set:
    seen: set = set()
    for key in keys:
        if key in seen:
            raise StoreError(f"{csv_tables.table_file(table)}: key {key!r} is there twice")
        seen.add(key)
    return seen


def _require(table: str, what: str, key: Any, known: set) -> None:
    if key not in known:
        raise StoreError(f"{csv_tables.table_file(table)}: {what} {key!r} is in no other table; were the files written by one experiment?")

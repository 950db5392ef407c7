"""Train and rate the arms of the ablation: how little compute reaches 50 Elo below perfect play.

A cell is one arm on one board with one seed. Its snapshots play perfect play directly, and the first of them that holds the bound
plays fresh games. Every cell leaves one table; those that have one are skipped, and begun runs go on from their checkpoints.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import math
import pathlib
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence

from hexlab import arena
from hexlab.arena.bradley_terry import Z
from hexlab.errors import ConfigError
from hexlab.lab.runner import make_pool
from hexlab.protocols import Player
from hexlab.rules import cell_index
from hexlab.rules.batch import Boards
from hexlab.rules.solver import MAX_SIZE, Solver
from hexlab.system import write_whole
from hexlab.training import Config

__all__ = ["LEVEL", "Cell", "Row", "find_reached", "main", "read_cells", "run_cell", "score_interval"]

LEVEL = 1 / (1 + 10 ** (50 / 400))
"""Score of an agent that is 50 Elo weaker than perfect play: 0.4285."""

_HERE = pathlib.Path(__file__).parent
_TEST_SIMULATIONS = 64
_OPENINGS_SEED, _FIRST, _FRESH = 3, 30, 31  # seeds: which openings, and the moves of perfect play in first and in fresh games


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run of an arm and how it is rated."""

    arm: str
    config: Config
    rated: float  # decades of cost below the last snapshot from which snapshots are rated
    openings: tuple[int, int]  # of the first games and of the fresh ones
    predicted: float  # change of log10 true FLOPs against the base, or against the target where no base is run

    @property
    def name(self) -> str:
        """Key of the cell: names its folder and its table."""
        return f"{self.config.size}-{self.arm}-{self.config.seed}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One snapshot's games against perfect play."""

    arm: str
    board: int
    seed: int
    run: str  # key of the run's settings
    snapshot: int
    samples: int
    simulations: int  # in self-play
    paper_flops: float
    train_flops: float  # true FLOPs of self-play and learner
    learner_flops: float
    stage: str  # "first" games, or "fresh" ones
    score: float
    low: float  # the protocol's interval, see `score_interval`
    high: float
    games: int
    seconds: float  # of training on one core, to this snapshot

    @property
    def holds(self) -> bool:
        """Whether the lower bound reaches the level."""
        return self.low >= LEVEL


def read_cells(path: pathlib.Path = _HERE / "arms.toml") -> list[Cell]:
    """Read the table of arms: seed by seed, so that an early stop has seen every arm."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    cells = []
    for seed in table["seeds"]:
        for name, arm in table["arms"].items():
            for size in arm["boards"]:
                cells.append(_make_cell(name, arm, size, seed, table))
    return cells


def _make_cell(name, arm, size, seed, table):
    board = table["boards"][str(size)]
    by_size = {f"{key}_{n}" for key in ("change", "spend", "predicted") for n in arm["boards"]}
    unknown = set(arm) - {"boards", "change", "spend", "predicted", "why"} - by_size
    if unknown:
        raise ConfigError(f"arm {name!r} has the unknown key {sorted(unknown)[0]!r}")
    changes = {**arm.get("change", {}), **arm.get(f"change_{size}", {})}
    settings = {**table["settings"], **board.get("settings", {}), "net": board["net"], **changes}
    kind, _, shape = settings["net"].rpartition(" ")
    width, depth = shape.split("x")
    config = Config(**{**settings, "size": size, "seed": seed, "width": int(width), "depth": int(depth), "net": kind or "dense"})
    budget = arm.get(f"spend_{size}", arm.get("spend", 1.0)) * 10 ** board["cap"]
    samples = max(config.samples_an_iteration, int(budget / count_sample(config)))
    config = dataclasses.replace(config, samples=samples // config.samples_an_iteration * config.samples_an_iteration)
    return Cell(name, config, board["rated"], tuple(board["openings"]), arm.get(f"predicted_{size}", arm["predicted"]))


def count_sample(config: Config) -> float:
    """Return the true FLOPs of a self-play position: its search and its share of learning."""
    from hexlab.network import flops

    net = config.architecture
    return flops.count_selfplay(net, config.simulations) + flops.count_learning(net, config.reuse, config.batch)


def find_reached(rows: Sequence[Row]) -> Row | None:
    """Return the first snapshot of one cell from which the bound holds: in its own first and fresh games, and in the first games of all
    later snapshots. None where there is none."""
    first = sorted((row for row in rows if row.stage == "first"), key=lambda row: row.snapshot)
    confirmed = {row.snapshot for row in rows if row.stage == "fresh" and row.holds}
    last_miss = max((i for i, row in enumerate(first) if not row.holds), default=-1)
    return next((row for row in first[last_miss + 1 :] if row.snapshot in confirmed), None)


def score_interval(won_one: int, lost_both: int) -> tuple[float, float, float]:
    """Return the share of games won against perfect play, and the interval by which this experiment decides.

    It is kept as it was when the cells ran, for which snapshots were rated, and which played fresh games, hung on it: Wilson's with the
    number of games divided by 1 + rho, the correlation of the two games of an opening, shrunk to 0 by half an opening's worth. It holds
    the share less often than 95 % near one half; `arena.perfect_score_interval` does not. What that changes is among the README's limits.

    Args:
        won_one: openings of which one game was won.
        lost_both: openings of which both games were lost.

    Returns:
        (share, low, high), each in [0, 1].
    """
    openings = won_one + lost_both
    share = won_one / (2 * openings)
    together = lost_both * share**2 - won_one * share * (1 - share)
    rho = together / (openings * share * (1 - share) + 0.5)
    games = 2 * openings / (1 + rho)
    center = (share + Z**2 / (2 * games)) / (1 + Z**2 / games)
    spread = Z / (1 + Z**2 / games) * math.sqrt(share * (1 - share) / games + Z**2 / (4 * games**2))
    return share, max(0.0, center - spread), min(1.0, center + spread)


def run_cell(cell: Cell, out: pathlib.Path, pause: pathlib.Path | None = None) -> list[Row]:
    """Train a cell, or go on with it, rate it, and write its table ``out/tables/<name>.csv``.

    Args:
        cell: the cell.
        out: folder of the experiment's runs.
        pause: while this file exists the cell stands still between two iterations, and between the games of two snapshots.
    """
    from hexlab import training

    folder = out / "cells" / cell.name
    if folder.exists() and training.read_config(folder) != cell.config:
        shutil.rmtree(folder)  # of an arm that was declared otherwise
    reports = training.resume(folder, threads=1) if folder.exists() else training.train(cell.config, folder, threads=1)
    for _ in reports:
        _wait(pause)
    rows = list(_rate(cell, folder, pause))
    _write_rows(out / "tables" / f"{cell.name}.csv", rows)
    return rows


def _rate(cell: Cell, folder: pathlib.Path, pause: pathlib.Path | None) -> Iterator[Row]:
    """Rate snapshots from the last back to one that misses the bound, then those after it on fresh games until one holds it there."""
    from hexlab import network, training

    first_count, fresh_count = cell.openings
    size = cell.config.size
    total = len(arena.all_openings(size))
    drawn = arena.openings(size, min(total, first_count + fresh_count), seed=_OPENINGS_SEED)
    first = arena.Openings(size, drawn[:first_count])
    fresh = arena.Openings(size, drawn[-fresh_count:])
    timings = training.read_timings(folder, cell.config.iterations)
    snapshots = training.read_snapshots(folder)
    wanted = [snap for snap in snapshots if snap.train_flops >= snapshots[-1].train_flops / 10**cell.rated]

    def play(snapshot, openings, stage, seed):
        _wait(pause)
        net = network.load(folder / "snapshots" / f"{snapshot.snapshot:03d}.safetensors", batch=64)
        player = arena.SearchPlayer(net, _TEST_SIMULATIONS, name=f"{snapshot.run}/{snapshot.snapshot}")
        won = _meet_perfect_play(player, openings, seed)
        score, low, high = score_interval(won.count(1), won.count(0))
        costs = {name: getattr(snapshot, name) for name in ("samples", "simulations", "paper_flops", "train_flops", "learner_flops")}
        last = snapshot.samples // cell.config.samples_an_iteration
        spent = sum(row["seconds"] for row in timings if row["iteration"] <= last)
        return Row(
            cell.arm, size, cell.config.seed, snapshot.run, snapshot.snapshot, **costs,
            stage=stage, score=score, low=low, high=high, games=2 * len(won), seconds=round(spent, 2),
        )  # fmt: skip

    rows = []
    for snapshot in reversed(wanted):
        rows.append(play(snapshot, first, "first", _FIRST))
        if not rows[-1].holds:
            break
    yield from reversed(rows)
    held = sum(row.holds for row in rows)
    for snapshot in wanted[len(wanted) - held :]:
        row = play(snapshot, fresh, "fresh", _FRESH)
        yield row
        if row.holds:
            break


def _meet_perfect_play(player: Player, openings: arena.Openings, seed: int) -> list[int]:
    """Return how many games of each opening, played with both colors, the player wins against perfect play.

    On 6x6, where the solver takes long to find all its winning moves, the games that theory gives to perfect play are not played:
    they are lost.
    """
    size = openings.size
    perfect = arena.SolverPlayer(size)
    if size < MAX_SIZE:
        games = arena.play_pairing(player, perfect, openings, seed)
        return [game.first_won_as_black + game.first_won_as_white for game in games]
    boards = Boards.empty(size, len(openings))
    for moves in zip(*(name.split() for name in openings), strict=True):
        boards = boards.play([cell_index(name, size) for name in moves])
    return arena.convert_positions(player, perfect, boards, Solver(size).winners(boards), seed).astype(int).tolist()


def _wait(pause: pathlib.Path | None) -> None:
    while pause is not None and pause.exists():
        time.sleep(2)


def _write_rows(path: pathlib.Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in dataclasses.fields(Row)]
    lines = [",".join(names)] + [",".join(_text(getattr(row, name)) for name in names) for row in rows]
    write_whole(path, "\n".join(lines) + "\n")


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_rows(path: pathlib.Path) -> list[Row]:
    """Read a table of rows."""
    kinds = {field.name: field.type for field in dataclasses.fields(Row)}
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(**{name: kinds[name](value) for name, value in line.items()}) for line in csv.DictReader(file)]


def gather(out: pathlib.Path) -> list[Row]:
    """Write ``out/results.csv`` anew from the tables of all finished cells, and return its rows."""
    rows = [row for path in sorted((out / "tables").glob("*.csv")) for row in read_rows(path)]
    _write_rows(out / "results.csv", rows)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are wanted and not finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", type=int, help="this board alone")
    parser.add_argument("--arm", action="append", help="this arm alone; may be repeated")
    parser.add_argument("--seed", type=int, action="append", help="this seed alone; may be repeated")
    parser.add_argument("--workers", type=int, default=1, help="processes, one core each")
    parser.add_argument("--pause", type=pathlib.Path, help="stand still while this file exists")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of runs and results")
    options = parser.parse_args(arguments)
    cells = [
        cell
        for cell in read_cells()
        if options.board in (None, cell.config.size)
        and (options.arm is None or cell.arm in options.arm)
        and (options.seed is None or cell.config.seed in options.seed)
    ]
    if not cells:
        parser.error("no cell is declared for these choices: see arms.toml")
    cells = [cell for cell in cells if not _finished(cell, options.out)]
    print(f"{len(cells)} cells to run", flush=True)
    with make_pool(options.workers) as pool:
        running = {pool.submit(run_cell, cell, options.out, options.pause): cell for cell in cells}
        for future in concurrent.futures.as_completed(running):
            print(f"{running[future].name}: {_tell(future.result())}", flush=True)
            gather(options.out)


def _finished(cell: Cell, out: pathlib.Path) -> bool:
    from hexlab.training import run_key

    path = out / "tables" / f"{cell.name}.csv"
    return path.exists() and read_rows(path)[0].run == run_key(cell.config)


def _tell(rows: Sequence[Row]) -> str:
    reached, last = find_reached(rows), [row for row in rows if row.stage == "first"][-1]
    end = f"ends with {last.score:.3f} [{last.low:.3f}, {last.high:.3f}] at {math.log10(last.train_flops):.2f}, {last.seconds:.0f} s"
    if reached is None:
        return f"not reached; {end}"
    return f"reached at {math.log10(reached.paper_flops):.2f} paper, {math.log10(reached.train_flops):.2f} true; {end}"


if __name__ == "__main__":
    sys.exit(main())

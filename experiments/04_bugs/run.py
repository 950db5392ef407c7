"""Train the cells of the experiment and play their games: against perfect play, and in pools under four protocols.

Every cell and every batch of matches leaves one table in the output folder; those that are there are skipped, and begun runs go on from
their checkpoints. When all is done the tables are gathered into the folder that the analysis reads.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import pathlib
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence

import numpy as np

from hexlab import arena, csv_tables, mcts, records
from hexlab.lab.runner import make_pool
from hexlab.protocols import Evaluator, Player
from hexlab.rules import cell_index
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds
from hexlab.training import Config

__all__ = ["MEETINGS", "PROTOCOLS", "Cell", "Direct", "Meeting", "Protocol", "SamplingPlayer", "draw_matches", "main", "play", "read_cells"]

MEETINGS = "meetings.csv.xz"
"""File of the pools' games among the tables."""

_HERE = pathlib.Path(__file__).parent
_SIMULATIONS = 64
_SWEPT_SIZE = 4  # board of the sweeps, whose snapshots meet perfect play alone
_RATED = 0.8  # decades below the last snapshot from which snapshots meet perfect play
_OPENINGS = 32  # of a match in a pool
_PERFECT_OPENINGS = 120  # of a match with perfect play alone
_STEPS = (1, 2, 3, 5, 8, 13, 21, 34)  # an agent of a pool meets those so far from it in a shuffled circle
_BATCH = 12  # agents whose matches make one task
_DIRECT_SEED, _SHUFFLE_SEED, _OPENINGS_SEED, _GAMES_SEED = 40, 41, 42, 43


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run."""

    arm: str  # the set, with the value that varies in it
    config: Config
    pool: bool

    @property
    def name(self) -> str:
        """Key of the cell: names its folder and its table."""
        net = self.config
        return f"{net.size}-{self.arm}-{net.width}x{net.depth}-{net.seed}"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run and the arm it belongs to."""

    run: str
    arm: str
    pool: int  # 1 if its snapshots play in the pool of its board


@dataclasses.dataclass(frozen=True)
class Direct:
    """A snapshot's games against perfect play: openings of which it won both games, one, none."""

    run: str
    snapshot: int
    won_both: int
    won_one: int
    lost_both: int


@dataclasses.dataclass(frozen=True)
class Meeting:
    """A pairing of a pool under a protocol; fields as in `records.Pairing`. Without openings, two games of swapped colors are a pair."""

    protocol: str
    size: int
    first: str
    second: str
    half: int
    won_both: int
    won_black_only: int
    won_white_only: int
    lost_both: int


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How the agents of a pool play.

    Attributes:
        own_search: search as in their training; otherwise the lab's puct.
        sampled: noise at the root, and moves sampled from the search policy; otherwise the best move.
        openings: games begin after two drawn moves; otherwise on the empty board.
    """

    own_search: bool
    sampled: bool
    openings: bool


PROTOCOLS = {
    "lab": Protocol(own_search=False, sampled=False, openings=True),
    "best": Protocol(own_search=True, sampled=False, openings=True),
    "published": Protocol(own_search=True, sampled=True, openings=False),
    "sampled": Protocol(own_search=True, sampled=True, openings=True),
}


class SamplingPlayer:
    """Searches with noise at the root and samples its move from what the search says."""

    def __init__(self, evaluator: Evaluator, recipe: mcts.Recipe, name: str):
        """Set the player up."""
        self.name, self._evaluator, self._recipe = name, evaluator, recipe

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games."""
        noise = mcts.RootNoise()
        found = mcts.run_search(boards, self._evaluator, _SIMULATIONS, recipe=self._recipe, seeds=seeds, noise=noise)
        return mcts.pick_moves(found.policy, 1.0, seeds ^ np.uint64(0x9E3779B97F4A7C15))


def read_cells(path: pathlib.Path = _HERE / "cells.toml") -> list[Cell]:
    """Read the table of cells: seed by seed, so that an early stop has seen every arm."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    cells = []
    for name, chosen in table["sets"].items():
        base = table["bases"][chosen["base"]]
        ((key, values),) = chosen.get("vary", {"seed": [None]}).items()
        for size, value, seed in itertools.product(map(int, chosen["nets"]), values, chosen.get("seeds", table["seeds"])):
            for net in chosen["nets"][str(size)]:
                arm = name if value is None else f"{name}={value:g}"
                changes = chosen.get("change", {}) | ({} if value is None else {key: value})
                width, depth = map(int, net.split("x"))
                shape = {"width": width, "depth": depth, "seed": seed}
                config = Config(**{**base, **changes, **shape, "size": size})
                cells.append(Cell(arm, _set_length(config, chosen, str(size)), chosen.get("pool", False)))
    return sorted(cells, key=lambda cell: cell.config.seed)


def _set_length(config, chosen, size):
    from hexlab.network import flops

    if "positions" in chosen:
        return dataclasses.replace(config, samples=chosen["positions"][size])
    net = config.architecture
    one = flops.count_selfplay(net, config.simulations) + flops.count_learning(net, config.reuse, config.batch)
    return dataclasses.replace(config, samples=int(10 ** chosen["flops"][size] / one))


def train_cell(cell: Cell, out: pathlib.Path) -> None:
    """Train a cell, or go on with it, let its snapshots meet perfect play, and write its table."""
    from hexlab import training

    folder = out / "cells" / cell.name
    if folder.exists() and training.read_config(folder) != cell.config:
        shutil.rmtree(folder)  # of a cell that was declared otherwise
    reports = training.resume(folder, threads=1) if folder.exists() else training.train(cell.config, folder, threads=1)
    for _ in reports:
        pass
    snapshots = training.read_snapshots(folder)
    size = cell.config.size
    perfect = arena.SolverPlayer(size)
    openings = arena.openings(size, _PERFECT_OPENINGS, seed=_DIRECT_SEED)
    rows = []
    for snapshot in snapshots:
        if size == _SWEPT_SIZE and snapshot.train_flops >= snapshots[-1].train_flops / 10**_RATED:
            player = _make_player(folder, snapshot.snapshot, PROTOCOLS["lab"])
            games = arena.play_pairing(player, perfect, openings, _DIRECT_SEED)
            won = [game.first_won_as_black + game.first_won_as_white for game in games]
            rows.append(Direct(snapshot.run, snapshot.snapshot, won.count(2), won.count(1), won.count(0)))
    csv_tables.write_table(out / "direct" / f"{cell.name}.csv", rows, Direct)


def _make_player(folder: pathlib.Path, snapshot: int, protocol: Protocol) -> Player:
    from hexlab import network, training
    from hexlab.training.selfplay import make_recipe

    config = training.read_config(folder)
    net = network.load(folder / "snapshots" / f"{snapshot:03d}.safetensors", batch=256)
    recipe = make_recipe(config) if protocol.own_search else mcts.puct(prove=True)
    name = f"{training.run_key(config)}/{snapshot}"
    return SamplingPlayer(net, recipe, name) if protocol.sampled else arena.SearchPlayer(net, _SIMULATIONS, recipe, name)


def draw_matches(agents: int) -> list[tuple[int, int]]:
    """Return who meets whom: neighbors in a shuffled circle, and each agent perfect play, -1, and random play, -2."""
    circle = np.argsort(derive_seeds(_SHUFFLE_SEED, count=agents), kind="stable").tolist()
    met = [(circle[i], circle[(i + step) % agents]) for i in range(agents) for step in _STEPS]
    return met + [(agent, other) for agent in range(agents) for other in (-1, -2)]


def play_batch(cells: Sequence[Cell], name: str, number: int, out: pathlib.Path) -> None:
    """Play the matches of one batch of a pool and write their table."""
    from hexlab import training

    protocol, size = PROTOCOLS[name], cells[0].config.size
    agents = [(out / "cells" / cell.name, row.snapshot) for cell in cells for row in training.read_snapshots(out / "cells" / cell.name)[1:]]
    matches = [
        (at, match) for at, match in enumerate(draw_matches(len(agents))) if number * _BATCH <= match[0] < (number + 1) * _BATCH
    ]
    wanted = {agent for _, match in matches for agent in match if agent >= 0}
    players = {agent: _make_player(*agents[agent], protocol) for agent in wanted}
    players |= {-1: arena.SolverPlayer(size, name="perfect"), -2: arena.RandomPlayer()}
    won = play([(players[first], players[second]) for _, (first, second) in matches], [at for at, _ in matches], size, protocol.openings)
    rows = []
    for (_, (first, second)), (black, white) in zip(matches, won, strict=True):
        for half in (0, 1):
            b, w = black[half::2], white[half::2]
            counts = [int(each.sum()) for each in (b & w, b & ~w, ~b & w, ~b & ~w)]
            rows.append(Meeting(name, size, players[first].name, players[second].name, half, *counts))
    csv_tables.write_table(out / "meetings" / f"{name}-{size}-{number:03d}.csv", rows, Meeting)


def play(matches: Sequence[tuple[Player, Player]], numbers: Sequence[int], size: int, with_openings: bool) -> np.ndarray:
    """Play matches, all games at once, each opening or pair of seeds with both colors.

    Args:
        matches: M pairs of players.
        numbers: M numbers, one a match, which seed its openings and moves.
        size: board size.
        with_openings: whether games begin after two drawn moves, else on the empty board.

    Returns:
        bool[M, 2, K]: whether the first player won as Black, as White, in each of K pairs of games.
    """
    shape = (len(matches), 2, _OPENINGS)
    boards = Boards.empty(size, int(np.prod(shape)))
    if with_openings:
        drawn = [arena.openings(size, _OPENINGS, seed=_OPENINGS_SEED + number) for number in numbers]
        cells = np.array([[[cell_index(move, size) for move in text.split()] for text in names] for names in drawn])
        for ply in (0, 1):
            boards = boards.play(np.broadcast_to(cells[:, None, :, ply], shape).reshape(-1))
    start = 2 if with_openings else 0
    players = list({player.name: player for match in matches for player in match}.values())
    place = {player.name: at for at, player in enumerate(players)}
    black = np.array([[place[first.name], place[second.name]] for first, second in matches])
    movers = np.stack([np.repeat(black, _OPENINGS), np.repeat(black[:, ::-1], _OPENINGS)])
    for ply in range(start, size * size):
        if boards.finished.all():
            break
        moves = np.full(len(boards), -1)
        seeds = np.concatenate([derive_seeds(_GAMES_SEED, number, ply, count=2 * _OPENINGS) for number in numbers])
        for at, player in enumerate(players):
            rows = np.flatnonzero(~boards.finished & (movers[ply % 2] == at))
            if len(rows):
                moves[rows] = player.choose_moves(boards[rows], seeds[rows])
        boards = boards.play(moves)
    winner = boards.winner.reshape(shape)
    return winner == np.array([0, 1])[None, :, None]


def _plan_batches(cells: Sequence[Cell], out: pathlib.Path) -> Iterator[tuple[list[Cell], str, int]]:
    from hexlab import training

    for name, size in itertools.product(PROTOCOLS, sorted({cell.config.size for cell in cells})):
        pool = [cell for cell in cells if cell.pool and cell.config.size == size]
        agents = sum(len(training.read_snapshots(out / "cells" / cell.name)) - 1 for cell in pool)
        for number in range(-(-agents // _BATCH)):
            if not (out / "meetings" / f"{name}-{size}-{number:03d}.csv").exists():
                yield pool, name, number


def gather(cells: Sequence[Cell], out: pathlib.Path, tables: pathlib.Path) -> None:
    """Write the tables that the analysis reads."""
    from hexlab import training

    runs, snapshots, trained = [], [], []
    for cell in cells:
        config, key = cell.config, training.run_key(cell.config)
        net, settings = config.architecture, json.dumps(json.loads(config.to_json()), sort_keys=True)
        runs.append(records.Run(key, net.size, net.width, net.depth, config.seed, net.parameters, config.simulations, settings))
        snapshots += training.read_snapshots(out / "cells" / cell.name)
        trained.append(Trained(key, cell.arm, int(cell.pool)))
    csv_tables.write_table(tables / "runs.csv", runs, records.Run)
    csv_tables.write_table(tables / "snapshots.csv", snapshots, records.Snapshot)
    csv_tables.write_table(tables / "arms.csv", trained, Trained)
    for name, kind, file in (("direct", Direct, "direct.csv"), ("meetings", Meeting, MEETINGS)):
        rows = [row for path in sorted((out / name).glob("*.csv")) for row in csv_tables.read_table(path, kind)]
        csv_tables.write_table(tables / file, rows, kind)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is wanted and not finished, then gather the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1, help="processes, one core each")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of runs and games")
    parser.add_argument("--tables", type=pathlib.Path, default=_HERE / "tables", help="folder to gather the tables in")
    options = parser.parse_args(arguments)
    cells = read_cells()
    waiting = [cell for cell in cells if not (options.out / "direct" / f"{cell.name}.csv").exists()]
    print(f"{len(waiting)} cells to train", flush=True)
    with make_pool(options.workers) as pool:
        _follow(pool, {pool.submit(train_cell, cell, options.out): cell.name for cell in waiting})
        batches = list(_plan_batches(cells, options.out))
        print(f"{len(batches)} batches of matches to play", flush=True)
        running = {pool.submit(play_batch, group, name, number, options.out): f"{name} {number}" for group, name, number in batches}
        _follow(pool, running)
    gather(cells, options.out, options.tables)


def _follow(pool, running):
    for future in concurrent.futures.as_completed(running):
        future.result()
        print(running[future], flush=True)


if __name__ == "__main__":
    sys.exit(main())

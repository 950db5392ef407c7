"""How well an agent plays by the standard of perfect play: blunders and openings given away, measured from outside of training."""

import concurrent.futures
import contextlib
import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np

from hexlab import arena, network, training
from hexlab.errors import PositionError
from hexlab.protocols import Player
from hexlab.rules import sgf
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds
from hexlab.rules.solver import Solver
from hexlab.system import write_whole

__all__ = [
    "SOLVED_SIZES",
    "Health",
    "Share",
    "Suite",
    "WonOpenings",
    "convert_openings",
    "count_blunders",
    "random_suite",
    "selfplay_suite",
    "solved_suites",
    "watch",
]

SOLVED_SIZES = (2, 3, 4, 5)
"""Boards that the solver covers whole."""
_POSITIONS, _GAMES = 101, 102
_WATCHED_OPENINGS, _WATCHED_POSITIONS = 32, 300


@dataclasses.dataclass(frozen=True)
class Share:
    """A count out of a total, with its 95 % Wilson interval.

    >>> print(Share(2, 100))
    2 of 100: 2.0 % (95 %: 0.6 to 7.0)
    """

    count: int
    total: int

    @property
    def share(self) -> float:
        """The observed share, nan when nothing was counted."""
        return self.count / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson 1927) of the share, for independent draws."""
        return arena.wilson_interval(self.count, self.total)

    def __str__(self) -> str:
        """Count, total, percentage and interval."""
        low, high = self.interval
        return f"{self.count} of {self.total}: {100 * self.share:.1f} % (95 %: {100 * low:.1f} to {100 * high:.1f})"


@dataclasses.dataclass(frozen=True)
class Suite:
    """Positions that the side to move wins by theory, with all its winning moves.

    Attributes:
        name: what they are.
        boards: B positions.
        winning: bool[B, A], the moves that keep the win.
    """

    name: str
    boards: Boards
    winning: np.ndarray


def count_blunders(player: Player, suite: Suite, seed: int) -> Share:
    """Return how often the player's move gives a theoretically won position away: the blunder rate."""
    if not len(suite.boards):
        return Share(0, 0)
    moves = player.choose_moves(suite.boards, derive_seeds(seed, _POSITIONS, count=len(suite.boards)))
    kept = suite.winning[np.arange(len(moves)), moves]
    return Share(int(np.count_nonzero(~kept)), len(moves))


def random_suite(size: int, count: int, seed: int, solver: Solver | None = None) -> Suite:
    """Draw `count` distinct won positions: a uniform number of uniformly random moves, kept where the mover wins in a live game.

    Args:
        size: 2 to 5, where the solver decides every position.
        count: positions wanted; small boards may have fewer.
        seed: of the draw.
        solver: one to use, so that its table is shared.
    """
    _check_solved(size)
    solver = solver or Solver(size)
    generator = np.random.default_rng(np.random.SeedSequence([seed % 2**64, size, _POSITIONS]))
    seen: set[bytes] = set()
    found: list[Boards] = []
    masks = []
    for _ in range(200):
        boards = Boards.empty(size, 4 * count)
        plies = generator.integers(0, size * size, len(boards))
        for ply in range(int(plies.max())):
            scores = generator.random(boards.cells.shape)
            moves = np.where(boards.legal, scores, -1).argmax(axis=1)
            boards = boards.play(np.where((ply < plies) & ~boards.finished, moves, -1))
        boards = boards[np.flatnonzero(~boards.finished & (boards.move_count == plies))]
        winning = solver.winning_moves(boards)
        for row in np.flatnonzero(winning.any(axis=1)):
            key = boards.stones[row].tobytes()
            if key not in seen and len(found) < count:
                seen.add(key)
                found.append(boards[[int(row)]])
                masks.append(winning[row])
        if len(found) == count:
            break
    return Suite("random positions", _join(size, found), np.array(masks).reshape(len(masks), size * size))


def selfplay_suite(out: str | pathlib.Path, size: int, solver: Solver | None = None) -> Suite:
    """Return the distinct won positions of the games that a run has kept."""
    _check_solved(size)
    solver = solver or Solver(size)
    seen: set[bytes] = set()
    found = []
    for path in sorted((pathlib.Path(out) / "games").glob("*.sgf")):
        for game in sgf.read(path.read_text(encoding="utf-8")):
            boards = Boards.empty(size, 1)
            for cell in game.moves:
                key = boards.stones.tobytes()
                if key not in seen:
                    seen.add(key)
                    found.append(boards)
                boards = boards.play([cell])
    boards = _join(size, found)
    winning = solver.winning_moves(boards)
    rows = np.flatnonzero(winning.any(axis=1))
    return Suite("its own games", boards[rows], winning[rows])


def solved_suites(size: int) -> list[Suite]:
    """Return the shipped suites of a size, 4 to 7: random positions and hard ones (at most two winning moves); none elsewhere."""
    if size not in arena.SUITE_SIZES:
        return []
    solved, suites = arena.read_solved(size), []
    for name in ("hard", "random"):
        rows = np.flatnonzero((solved.suite == name) & solved.winning.any(axis=1))
        if len(rows):
            suites.append(Suite(f"solved suite, {name}", solved.boards[rows], solved.winning[rows]))
    return suites


@dataclasses.dataclass(frozen=True)
class WonOpenings:
    """Openings that theory gives the agent, each played out against the strongest resistance.

    Attributes:
        openings: openings of which every game was won, out of all.
        lost: the openings of which a game was lost.
    """

    openings: Share
    lost: tuple[str, ...]


def convert_openings(
    player: Player, size: int, moves: int, seed: int, repeats: int = 3, solver_player: Player | None = None
) -> WonOpenings:
    """Let the player play, against perfect play, the winning side of every opening of `moves` moves.

    Perfect play loses these games unless the player errs; it plays, seeded, one of the moves that leave the fewest winning replies.

    Args:
        player: the agent.
        size: 2 to 5.
        moves: 1 or 2.
        seed: of the resistance.
        repeats: games an opening, with different seeds.
        solver_player: one to use, so that its table is shared.
    """
    _check_solved(size)
    openings = arena.all_openings(size, moves)
    boards = Boards.empty(size, len(openings))
    for ply in range(moves):
        boards = boards.play([opening[ply] for opening in openings])
    winner = np.tile(Solver(size).winners(boards), repeats)
    boards = boards[np.tile(np.arange(len(openings)), repeats)]

    def draw(stones: int) -> np.ndarray:
        return derive_seeds(seed, _GAMES, moves, stones - moves, count=len(boards))

    won = arena.convert_positions(player, solver_player or arena.SolverPlayer(size), boards, winner, draw)
    whole = won.reshape(repeats, len(openings)).all(axis=0)
    lost = tuple(arena.opening_name(openings[index], size) for index in np.flatnonzero(~whole))
    return WonOpenings(Share(int(whole.sum()), len(openings)), lost)


@dataclasses.dataclass(frozen=True)
class Health:
    """Strength of a snapshot, measured while the run goes on.

    Attributes:
        snapshot: its number.
        simulations: network evaluations a move.
        random: games won against random play.
        blunders: random won positions given away; None on boards that the solver does not cover.
    """

    snapshot: int
    simulations: int
    random: Share
    blunders: Share | None

    def __str__(self) -> str:
        """A few words for a log."""
        text = f"snapshot {self.snapshot} at {self.simulations} simulations: wins {100 * self.random.share:.0f} % against random play"
        return text if self.blunders is None else f"{text}, gives away {100 * self.blunders.share:.1f} % of won positions"


def watch(
    reports: Iterable[training.Report], out: str | os.PathLike, simulations: int = 64, seed: int = 0
) -> Iterator[tuple[training.Report, Health | None]]:
    """Follow a run and measure every snapshot that it leaves, in a thread beside it; training itself stays as it is.

    Each measurement is also a line of ``health.jsonl`` in the run's folder; one that is there already is not repeated, and one that a
    killed process owes for a snapshot is made before the run goes on.

    Args:
        reports: what `training.train` or `training.resume` returns.
        out: the run's folder.
        simulations: network evaluations a move.
        seed: of the positions and openings.

    Yields:
        Each report with the newest measurement, None before the first; the last report with that of the last snapshot.
    """
    monitor = _Monitor(pathlib.Path(out), simulations, seed)
    aside = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="health")
    try:
        measured = [aside.submit(monitor.measure, snapshot) for snapshot in monitor.list_kept()]
        for report in reports:
            if report.snapshot is not None:
                measured.append(aside.submit(monitor.measure, int(pathlib.PurePosixPath(report.snapshot).stem)))
            if report.iteration == report.iterations:
                concurrent.futures.wait(measured)
            done = [future for future in measured if future.done()]
            yield report, done[-1].result() if done else None
        for future in measured:
            future.result()
    finally:
        aside.shutdown(cancel_futures=True)


class _Monitor:
    """Measures the snapshots of a run, each once."""

    def __init__(self, folder: pathlib.Path, simulations: int, seed: int) -> None:
        self._folder, self._simulations, self._seed = folder, simulations, seed
        self._path = folder / "health.jsonl"
        self._suite: Suite | None = None
        rows = []
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # cut by a kill, or damaged: measured again
                    rows.append(_read_health(json.loads(line)))
            write_whole(self._path, "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows))
        self._known = {row.snapshot: row for row in rows}

    def list_kept(self) -> list[int]:
        """Return the snapshots that the run has left so far, but for the untrained net."""
        lines = (self._folder / "snapshots.jsonl").read_text(encoding="utf-8").splitlines()
        return [number for number in (json.loads(line)["snapshot"] for line in lines) if number > 0]

    def measure(self, snapshot: int) -> Health:
        """Return the measurement of a snapshot, made now if it has not been made before."""
        if snapshot not in self._known:
            net = network.load(self._folder, snapshot)
            size = net.architecture.size
            if size in SOLVED_SIZES and self._suite is None:
                self._suite = random_suite(size, _WATCHED_POSITIONS, self._seed)
            health = _measure(net, snapshot, self._simulations, self._suite, self._seed)
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                print(json.dumps(dataclasses.asdict(health)), file=file)
            self._known[snapshot] = health
        return self._known[snapshot]


def _read_health(row: dict) -> Health:
    blunders = None if row["blunders"] is None else Share(**row["blunders"])
    return Health(row["snapshot"], row["simulations"], Share(**row["random"]), blunders)


def _measure(net, number: int, simulations: int, suite: Suite | None, seed: int) -> Health:
    size = net.architecture.size
    agent = arena.SearchPlayer(net, simulations)
    rows = arena.play_pairing(agent, arena.RandomPlayer(), arena.openings(size, _WATCHED_OPENINGS, seed), seed)
    won = sum(row.first_won_as_black + row.first_won_as_white for row in rows)
    blunders = None if suite is None else count_blunders(agent, suite, seed)
    return Health(number, simulations, Share(won, 2 * len(rows)), blunders)


def _check_solved(size):
    if size not in SOLVED_SIZES:
        low, high = SOLVED_SIZES[0], SOLVED_SIZES[-1]
        raise PositionError(f"size {size}: the solver decides whole games on {low}x{low} to {high}x{high} boards only")


def _join(size: int, parts: list[Boards]) -> Boards:
    if not parts:
        return Boards.empty(size, 0)
    return Boards(
        size,
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.turn for part in parts]),
        np.concatenate([part.winner for part in parts]),
    )

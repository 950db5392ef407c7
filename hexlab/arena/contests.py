"""A tournament of a class: everyone's file against everyone else's, kept match by match in a folder.

A folder holds one tournament:

- ``tournament.json``: its rules and who takes part;
- ``players/``: the files as they were when the tournament began, which are those that play;
- ``matches.jsonl``: a line for each match that is over, with every game.

Interrupted and started again, a tournament plays the matches that are missing, and those of players whose files have changed since.
Each pair has openings of its own, drawn from the seed, and plays each with both colors: players who do not draw still play different
games. Every game starts its players anew, so no result hangs on the order of the games: same seed, same table, as long as nobody
forfeits on time or memory and players draw only from the generator that they are given.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence

from hexlab.arena.matches import Stopped, play_game
from hexlab.arena.players import Forfeited
from hexlab.arena.ratings import Ratings, rate
from hexlab.arena.submissions import SubmissionPlayer
from hexlab.arena.tournaments import draw_openings
from hexlab.errors import ConfigError, RunError
from hexlab.protocols import Player
from hexlab.records import Opening
from hexlab.rules.board import Color
from hexlab.rules.cells import check_size
from hexlab.system import lock_folder, make_folder, remove_drafts, write_whole

__all__ = ["Contest", "ContestGame", "ContestMatch", "Entry", "Rules", "play_contest", "read_contest"]

_PRIOR = 1000.0  # Elo, the standard deviation of a class
_WAITING = 12  # processes kept for their next matches, of some 170 MB each


@dataclasses.dataclass(frozen=True)
class Rules:
    """What holds for everyone in a tournament.

    Args:
        size: board size.
        games: games of each pair, an even number: half as many openings, each with both colors; fewer where the board has no more openings.
        seed: of openings and of the players' generators.
        seconds: wall-clock time for a move.
        megabytes: resident memory of a player.
        swap: whether White may answer Black's first move by ``swap-pieces``; openings have one move then, not two.

    Raises:
        ConfigError: a number out of its range.
        PositionError: a size that is not supported.
    """

    size: int = 7
    games: int = 4
    seed: int = 0
    seconds: float = 2.0
    megabytes: int = 1024
    swap: bool = False

    @property
    def opening_moves(self) -> int:
        """Moves that are made for the players."""
        return 1 if self.swap else 2

    def __post_init__(self):
        """Check the numbers."""
        check_size(self.size)
        if self.size < 2:
            raise ConfigError("on 1x1 the first move wins: choose a larger board")
        if isinstance(self.games, bool) or self.games < 2 or self.games % 2:
            raise ConfigError(f"{self.games!r} games per pair: give an even number from 2 up, as every opening is played with both colors")
        for name in ("seconds", "megabytes"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)!r}: give a number above 0")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A player of a tournament.

    Attributes:
        name: the file's name without its ending, or the name of a reference player.
        digest: of the file; empty for a reference player.
        absent: why it does not take part, if its file cannot be loaded; empty otherwise.
    """

    name: str
    digest: str = ""
    absent: str = ""


@dataclasses.dataclass(frozen=True)
class ContestGame:
    """One game.

    Attributes:
        black: name of the player.
        white: name of the player.
        opening: moves that were made for the players, such as "c3 b2".
        moves: all moves, the opening's included.
        winner: "black" or "white".
        forfeit: what the loser did, if the game ended by that: words that follow its name, lines after the first show where.
    """

    black: str
    white: str
    opening: str
    moves: str
    winner: str
    forfeit: str = ""

    @property
    def winning(self) -> str:
        """The winner's name."""
        return self.black if self.winner == "black" else self.white

    @property
    def losing(self) -> str:
        """The loser's name."""
        return self.white if self.winner == "black" else self.black


@dataclasses.dataclass(frozen=True)
class ContestMatch:
    """All games of a pair: two an opening, first with `first` as Black, then with `second` as Black."""

    first: str
    second: str
    digests: tuple[str, str]
    games: tuple[ContestGame, ...]

    @property
    def score(self) -> tuple[int, int]:
        """Games won by the first and by the second."""
        won = sum(game.winning == self.first for game in self.games)
        return won, len(self.games) - won


@dataclasses.dataclass(frozen=True)
class Contest:
    """A tournament as far as it has been played.

    Attributes:
        rules: what holds for everyone.
        entries: the players, in the order of their names.
        matches: those that are over, in the order of their players' names.
    """

    rules: Rules
    entries: tuple[Entry, ...]
    matches: tuple[ContestMatch, ...]

    @property
    def total(self) -> int:
        """Matches of the whole tournament."""
        present = sum(not entry.absent for entry in self.entries)
        return present * (present - 1) // 2

    @property
    def games(self) -> list[ContestGame]:
        """All games, in the order of the matches."""
        return [game for match in self.matches for game in match.games]

    def rate(self) -> Ratings | None:
        """Return the ratings, with random play at 0 where it takes part, else the mean; None before the first match is over.

        Random and perfect play are the reference players of these names. Whatever a file is called, it is rated as any other.

        A forfeit counts as a loss. The prior is narrower than that of `hexlab.arena.rate` by default: a class plays few games, and
        many of its players win or lose all of theirs.
        """
        if not self.matches:
            return None
        # `rate` knows perfect play, and what it can be told to set to 0, by names that a file may have too, such as perfect.py or mean.py.
        files = {entry.name: f"players/{entry.name}.py" for entry in self.entries if entry.digest}
        rows = _largest_group([
            Opening(
                self.rules.size, files.get(match.first, match.first), files.get(match.second, match.second), one.opening,
                int(one.winner == "black"), int(other.winner == "white"), len(one.moves.split()) + len(other.moves.split()),
            )
            for match in self.matches
            for one, other in zip(match.games[::2], match.games[1::2], strict=True)
        ])  # fmt: skip
        rated = {name for row in rows for name in (row.first, row.second)}
        ratings = rate(rows, anchor="random" if "random" in rated else "mean", prior=_PRIOR)
        names = {agent: agent for agent in rated} | {file: name for name, file in files.items()}
        renamed = tuple(dataclasses.replace(row, agent=names[row.agent]) for row in ratings)
        notes, ends = ({names[agent]: what for agent, what in of.items()} for of in (ratings.notes, ratings.open_ends))
        return dataclasses.replace(ratings, rows=renamed, notes=notes, open_ends=ends)

    def count_forfeits(self) -> collections.Counter[str]:
        """Return the number of games that each player forfeited."""
        return collections.Counter(game.losing for game in self.games if game.forfeit)


def play_contest(
    files: Sequence[str | os.PathLike],
    folder: str | os.PathLike,
    rules: Rules,
    references: Sequence[Player] = (),
    workers: int = 1,
) -> Iterator[Contest]:
    """Play a tournament, or go on with one that was interrupted.

    Args:
        files: the players' files; their names without the ending are the players' names.
        folder: where the tournament is kept; made if need be.
        rules: what holds for everyone.
        references: players of the package that take part. Threads share them.
        workers: matches at once. More are faster, and take time from each other's players when cores are short.

    Yields:
        The tournament so far: at the start, and after every match.

    Raises:
        ConfigError: fewer than two players, two of one name, or a folder that holds a tournament by other rules.
        InUseError: another process is at work in the folder.
        HexlabError: no process can be started here.
    """
    paths = [pathlib.Path(path) for path in files]
    names = [*(path.stem for path in paths), *(player.name for player in references)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two players are named {twice!r}: rename a file, as a player is named after it")
    if len(names) < 2:
        raise ConfigError(f"{len(names)} players make no tournament: give at least two files, or let a reference player join")
    if isinstance(workers, bool) or workers < 1:
        raise ConfigError(f"workers={workers!r}: give a number from 1 up")
    folder = pathlib.Path(folder)
    make_folder(folder)
    players = folder / "players"
    bench = _Bench(players, rules, references)
    with lock_folder(folder), contextlib.closing(bench):
        remove_drafts(folder)
        if (folder / "tournament.json").exists():
            _check_rules(folder, rules)
        players.mkdir(exist_ok=True)
        for path in players.glob("*.py"):
            if path.stem not in names:
                path.unlink()
        entries = [_enter(path, players, bench) for path in paths] + [Entry(player.name) for player in references]
        entries.sort(key=lambda entry: entry.name)
        kept = {(match.first, match.second): match for match in _read_matches(folder) if _is_current(match, entries)}
        described = {"rules": dataclasses.asdict(rules), "entries": [dataclasses.asdict(entry) for entry in entries]}
        write_whole(folder / "tournament.json", json.dumps(described, indent=1) + "\n")
        write_whole(folder / "matches.jsonl", "".join(_to_line(match) for match in kept.values()))

        yield _gather(rules, entries, kept.values())
        missing = [pair for pair in _list_pairs(entries) if (pair[0].name, pair[1].name) not in kept]
        for match in _play_matches(missing, bench, rules, workers):
            with (folder / "matches.jsonl").open("a", encoding="utf-8", newline="\n") as file:
                file.write(_to_line(match))
                file.flush()
                os.fsync(file.fileno())
            kept[match.first, match.second] = match
            yield _gather(rules, entries, kept.values())


def read_contest(folder: str | os.PathLike) -> Contest:
    """Read a tournament, finished or not.

    Raises:
        RunError: the folder holds none.
    """
    folder = pathlib.Path(folder)
    try:
        described = json.loads((folder / "tournament.json").read_text(encoding="utf-8"))
        rules, entries = Rules(**described["rules"]), [Entry(**entry) for entry in described["entries"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{folder} holds no tournament that can be read: {error}") from None
    return _gather(rules, entries, [match for match in _read_matches(folder) if _is_current(match, entries)])


def _gather(rules: Rules, entries: Sequence[Entry], matches: Iterable[ContestMatch]) -> Contest:
    return Contest(rules, tuple(entries), tuple(sorted(matches, key=lambda match: (match.first, match.second))))


def _check_rules(folder: pathlib.Path, rules: Rules) -> None:
    for name, value in dataclasses.asdict(read_contest(folder).rules).items():
        if value != getattr(rules, name):
            ours = getattr(rules, name)
            raise ConfigError(f"{folder} holds a tournament with {name}={value!r}, not {ours!r}: give its rules, or another folder")


class _Bench:
    """The players that wait for their next match, in processes that run already; the ones longest unused go first."""

    def __init__(self, folder: pathlib.Path, rules: Rules, references: Sequence[Player]):
        self.stop = threading.Event()
        self._folder, self._rules = folder, rules
        self._references = {player.name: player for player in references}
        self._waiting: list[SubmissionPlayer] = []
        self._lock = threading.Lock()

    def take(self, name: str) -> Player:
        if name in self._references:
            return self._references[name]
        with self._lock:
            for player in self._waiting:
                if player.name == name:
                    self._waiting.remove(player)
                    return player
        return SubmissionPlayer(self._folder / f"{name}.py", self._rules.seconds, self._rules.megabytes, stop=self.stop)

    def give_back(self, player: Player) -> None:
        if isinstance(player, SubmissionPlayer):
            with self._lock:
                self._waiting.append(player)
                leaving = self._waiting.pop(0) if len(self._waiting) > _WAITING else None
            if leaving is not None:
                leaving.close()

    def close(self) -> None:
        self.stop.set()
        while self._waiting:
            self._waiting.pop().close()


def _enter(path: pathlib.Path, folder: pathlib.Path, bench: _Bench) -> Entry:
    """Copy a file to where it plays from and see whether it can be loaded."""
    with contextlib.suppress(shutil.SameFileError):
        shutil.copyfile(path, folder / path.name)
    digest = hashlib.blake2b((folder / path.name).read_bytes(), digest_size=8).hexdigest()
    player = bench.take(path.stem)
    assert isinstance(player, SubmissionPlayer)
    try:
        player.load()
    except Forfeited as error:
        player.close()
        return Entry(path.stem, digest, absent=str(error))
    bench.give_back(player)
    return Entry(path.stem, digest)


def _list_pairs(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Return all pairs of those who are present, in blocks whose players fit on the bench together."""
    present = [entry for entry in entries if not entry.absent]
    block = _WAITING // 2
    places = itertools.combinations(range(len(present)), 2)
    ordered = sorted(places, key=lambda pair: (pair[0] // block, pair[1] // block, *pair))
    return [(present[i], present[j]) for i, j in ordered]


def _play_matches(pairs: Sequence[tuple[Entry, Entry]], bench: _Bench, rules: Rules, workers: int) -> Iterator[ContestMatch]:
    """Yield the matches of the pairs as they end; left before the end, it stops the games."""

    def play(pair: tuple[Entry, Entry]) -> ContestMatch:
        players = [bench.take(entry.name) for entry in pair]
        try:
            return _play_match(pair, players[0], players[1], rules, bench.stop)
        finally:
            for player in players:
                bench.give_back(player)

    pool = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="contest")
    try:
        waiting = {pool.submit(play, pair) for pair in pairs}
        while waiting:
            # An endless wait would not hear Ctrl-C on Windows.
            ready, waiting = concurrent.futures.wait(waiting, timeout=0.5, return_when=concurrent.futures.FIRST_COMPLETED)
            for match in ready:
                yield match.result()
    finally:
        bench.stop.set()
        pool.shutdown(cancel_futures=True)


def _play_match(pair: tuple[Entry, Entry], first: Player, second: Player, rules: Rules, stop: threading.Event) -> ContestMatch:
    games = []
    for opening in draw_openings(rules.size, first.name, second.name, rules.games // 2, rules.seed, rules.opening_moves):
        for black, white in ((first, second), (second, first)):
            if stop.is_set():
                raise Stopped
            game = play_game(black, white, rules.size, opening, rules.seed, rules.swap)
            winner = "black" if game.winner is Color.BLACK else "white"
            games.append(ContestGame(black.name, white.name, opening, " ".join(game.board.moves), winner, game.forfeit))
    return ContestMatch(first.name, second.name, (pair[0].digest, pair[1].digest), tuple(games))


def _read_matches(folder: pathlib.Path) -> Iterator[ContestMatch]:
    """Yield the matches of a folder; a line that a kill has cut off is left out."""
    try:
        lines = (folder / "matches.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            games = tuple(ContestGame(**game) for game in row["games"])
            yield ContestMatch(row["first"], row["second"], (row["digests"][0], row["digests"][1]), games)


def _is_current(match: ContestMatch, entries: Sequence[Entry]) -> bool:
    digests = {entry.name: entry.digest for entry in entries if not entry.absent}
    return (digests.get(match.first), digests.get(match.second)) == match.digests


def _to_line(match: ContestMatch) -> str:
    return json.dumps(dataclasses.asdict(match), ensure_ascii=False) + "\n"


def _largest_group(rows: list[Opening]) -> list[Opening]:
    """Return the rows of the largest group of players that have met, as an unfinished tournament may fall into several."""
    groups: list[set[str]] = []
    for row in rows:
        joined = {row.first, row.second}.union(*(group for group in groups if group & {row.first, row.second}))
        groups = [group for group in groups if not group & joined] + [joined]
    largest = max(groups, key=len)
    return [row for row in rows if row.first in largest]

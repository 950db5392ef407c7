"""Players from other people's files: one file, with a function or a class, that plays in a process of its own.

The file defines ``choose_move(board, generator, seconds)``, or a class whose objects have such a method; an object plays one game. It
returns a cell, by name or by number, or ``swap-pieces`` where ``board.can_swap``. What it gets:

- board: a `hexlab.Board`, a copy to try moves on;
- generator: a `random.Random`, the only source of chance if games are to repeat themselves;
- seconds: wall-clock time for the move.

The file is run anew for every game, so that no game hangs on those before it. Time is limited, resident memory is watched, and
whatever goes wrong loses the game with a reason (`Forfeited`) whose first line follows the name of the player. The process is ended
with all that it has started.

This is no sandbox. A player's code may do whatever the user may do who runs it: read and delete files, use the network. Run
strangers' code on an account or a machine that holds nothing of value.
"""

import dataclasses
import importlib.resources
import itertools
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NoReturn

import numpy as np

from hexlab.arena.matches import Game, Stopped, play_game
from hexlab.arena.players import Forfeited, RandomPlayer
from hexlab.arena.processes import Process
from hexlab.errors import ConfigError, HexlabError, IllegalMoveError
from hexlab.rules import render
from hexlab.rules.batch import Boards
from hexlab.rules.board import SWAP_PIECES, Board, Color
from hexlab.system import resident_bytes

__all__ = ["Finding", "SubmissionPlayer", "check_submission", "find_submissions", "read_template"]

_GUEST = pathlib.Path(__file__).with_name("guest.py")
_START_SECONDS = 120.0  # for Python and the rules to start, on a slow disk; not the player's fault
_LOAD_SECONDS = 10.0  # for the player's file to run
_PRINTED = 1_000_000  # characters a game; whoever prints without end keeps the tournament busy
_LOOK = 0.1  # seconds between looks at the memory: where there is no /proc, each starts a process
_SHOWN_REMARKS = 5  # lines that a crashed process wrote last


class SubmissionPlayer:
    """Plays the moves that somebody's file chooses, in a process of its own.

    The process starts with the first question. Threads must not share a player.

    Args:
        path: the file.
        seconds: wall-clock time for a move.
        megabytes: resident memory that the process and those it starts may take, Python and the rules (about 170) included.
        name: key of the agent; by default the name of the file without its ending.
        stop: set it from another thread to end a question with `hexlab.arena.matches.Stopped`.

    Attributes:
        slowest: seconds of the longest move so far.
        touched: whether the player has ever changed the board it was given.
        printed: characters that it has printed in one game, at most.

    Raises:
        ConfigError: there is no such file, or a number out of its range.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        seconds: float = 2.0,
        megabytes: int = 1024,
        name: str | None = None,
        stop: threading.Event | None = None,
    ):
        """Set the player up; nothing is started yet."""
        self.path = pathlib.Path(path).resolve()
        if not self.path.is_file():
            raise ConfigError(f"no file {str(path)!r}: give a player's Python file")
        for what, number in (("seconds", seconds), ("megabytes", megabytes)):
            if not number > 0:
                raise ConfigError(f"{what}={number!r}: give a number above 0")
        self.seconds, self.megabytes = float(seconds), int(megabytes)
        self.name = self.path.stem if name is None else name
        self.slowest, self.touched, self.printed = 0.0, False, 0
        self._stop = stop
        self._process: Process | None = None
        self._watched = 0  # number of the process that runs the file
        self._folder: tempfile.TemporaryDirectory | None = None  # where the process may leave files
        self._expected: Board | None = None  # the position after this player's last move: a reply to it goes on with the game
        self._looked = 0.0
        self._remarked = 0  # characters printed before this game

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"SubmissionPlayer({str(self.path)!r}, {self.seconds}, {self.megabytes}, name={self.name!r})"

    def __enter__(self) -> "SubmissionPlayer":
        """Return the player."""
        return self

    def __exit__(self, *_) -> None:
        """Close the player."""
        self.close()

    def close(self) -> None:
        """End the process; the next question starts another one."""
        process, self._process, self._expected = self._process, None, None
        folder, self._folder = self._folder, None
        if process is not None:
            process.end()
        if folder is not None:
            folder.cleanup()

    def load(self) -> str:
        """Run the file for a new game, and return what plays, such as "the function choose_move".

        Raises:
            Forfeited: the file fails, or holds no player.
            HexlabError: no process can be started here.
        """
        if self._process is not None and (resident_bytes(self._watched) or 0) > self.megabytes * 500_000:
            self.close()  # what earlier games have left takes half the memory
        if self._process is None:
            self._start()
        assert self._process is not None
        self._remarked = self._process.remarked
        return self._demand({"path": str(self.path)}, _LOAD_SECONDS, "to load", {"found"})["found"]

    def ask(self, board: Board, seed: int = 0) -> int | str:
        """Ask for a move.

        Args:
            board: an unfinished game. One that does not go on from this player's last move is a new game.
            seed: of the generator that the player is given.

        Returns:
            A legal cell, or ``swap-pieces`` where that is allowed.

        Raises:
            Forfeited: the player fails.
            HexlabError: no process can be started here.
        """
        if self._process is None or not _goes_on(self._expected, board):
            self.load()
        start = board.copy()
        for _ in board.moves:
            start.pop()
        set_up = [render.to_line(start.stones.ravel()), int(start.turn)] if start.stones.any() or start.turn is Color.WHITE else None
        request = {"size": board.size, "swap": board.swap, "start": set_up, "moves": board.moves, "seed": seed}
        asked = time.monotonic()
        answer = self._demand(request | {"seconds": self.seconds}, self.seconds, "for a move", {"move", "touched"})
        self.slowest = max(self.slowest, time.monotonic() - asked)
        self.touched |= bool(answer["touched"])
        after = board.copy()
        try:
            after.push(answer["move"])
        except IllegalMoveError as error:
            hint = "(it had changed the board it was given: moves that are tried must be taken back, or tried on board.copy())\n"
            self._expected = None
            raise Forfeited(f"played {str(answer['move'])[:40]!r}: {error}\n{hint * bool(answer['touched'])}{board}") from None
        self._expected = after
        return SWAP_PIECES if after.moves[-1] == SWAP_PIECES else board.to_cell(after.moves[-1])

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Ask for one move on each of B unfinished boards, each a game of its own; see `hexlab.protocols.Player`.

        Raises:
            Forfeited: the player fails.
        """
        return np.array([self.ask(boards.board(row), int(seed)) for row, seed in enumerate(seeds)], np.int64)

    def _start(self) -> None:
        root = str(pathlib.Path(__file__).resolve().parents[2])  # the guest imports the package that runs it
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        settings = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}  # sets keep their order
        settings |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._folder = tempfile.TemporaryDirectory(prefix="hexlab-", ignore_cleanup_errors=True)
        self._process = Process([sys.executable, "-P", str(_GUEST)], cwd=self._folder.name, env=os.environ | settings)
        try:
            ready = self._process.read(time.monotonic() + _START_SECONDS)
        except TimeoutError:
            ready = None
        if ready is None:
            said = " ".join(self._process.remarks[-1:])
            self.close()
            raise HexlabError(f"a process for players cannot be started here: {said or 'it does not answer'}")
        self._watched = json.loads(ready)["process"]

    def _demand(self, request: dict[str, Any], seconds: float, purpose: str, keys: set[str]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        process.write(json.dumps(request))
        try:
            line = process.read(time.monotonic() + seconds, self._watch)
        except TimeoutError:
            self._end(f"took longer than the {seconds:g} s it has {purpose}")
        if line is None:
            process.end()
            last = "".join(f"\n  {remark[:200]}" for remark in process.remarks[-_SHOWN_REMARKS:])
            self._end(f"crashed: its process ended (exit code {process.returncode}){last}")
        self._watch()
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and answer.keys() == {"fault"}:
            self._expected = None
            raise Forfeited(_clean(answer["fault"]))
        if not isinstance(answer, dict) or answer.keys() != keys:
            self._end("disturbed the talk between its process and the tournament")
        return answer

    def _watch(self) -> None:
        """Look at what the process prints, and every now and then at its memory."""
        assert self._process is not None
        if self._stop is not None and self._stop.is_set():
            raise Stopped
        printed = self._process.remarked - self._remarked
        self.printed = max(self.printed, printed)
        if printed > _PRINTED:
            self._end(f"printed more than {_PRINTED:,} characters in one game")
        if time.monotonic() > self._looked + _LOOK:
            self._looked = time.monotonic()
            taken = (resident_bytes(self._watched) or 0) / 1e6
            if taken > self.megabytes:
                self._end(f"took {taken:,.0f} MB of memory, of the {self.megabytes:,} MB it has")

    def _end(self, reason: str) -> NoReturn:
        """Forfeit with a process that can answer no more."""
        self.close()
        raise Forfeited(_clean(reason))


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that `check_submission` has to say.

    Attributes:
        kind: "good"; "note", worth mending; or "bad", which loses games.
        text: what it is; lines after the first show where.
    """

    kind: Literal["good", "note", "bad"]
    text: str

    def __str__(self) -> str:
        """Return the text with its mark before it, further lines indented."""
        mark = {"good": "ok  ", "note": "note", "bad": "BAD "}[self.kind]
        return f"{mark}  {self.text}".replace("\n", "\n      ")


def check_submission(
    path: str | os.PathLike,
    sizes: Sequence[int] = (3, 5, 7),
    seconds: float = 2.0,
    megabytes: int = 1024,
    seed: int = 0,
    swap: bool = False,
) -> Iterator[Finding]:
    """Try a player in real games against random play, both colors on several sizes, and say in plain words what is wrong.

    Args:
        path: the player's file.
        sizes: board sizes.
        seconds: wall-clock time for a move.
        megabytes: resident memory.
        seed: of the games.
        swap: whether to play by the swap rule.

    Yields:
        What is found, as it is found; the player passes if nothing is "bad".

    Raises:
        ConfigError: there is no such file, or a number out of its range.
    """
    with SubmissionPlayer(path, seconds, megabytes) as player:
        try:
            yield Finding("good", f"found {player.load()}")
        except Forfeited as error:
            yield Finding("bad", f"{player.path.name} {error}")
            return
        told: set[str] = set()
        won = played = 0
        for size in sizes:
            games = list(_play_both_colors(player, size, seed, swap))
            again = [] if any(game.forfeit for game in games) else list(_play_both_colors(player, size, seed, swap))
            won += sum(game.winner is color for game, color in zip(games, Color, strict=True))
            played += len(games)
            for game, color in zip(games + again, itertools.cycle(Color), strict=False):
                kind = re.sub("[0-9]+", "", game.forfeit.partition("\n")[0])
                if game.forfeit and kind not in told:
                    told.add(kind)
                    at = f"\n(as {color} on {size}x{size}, after: {' '.join(game.board.moves) or 'no move'})"
                    yield Finding("bad", f"{player.path.name} {game.forfeit}{at}")
            if not any(game.forfeit for game in games + again):
                yield Finding("good", f"{size}x{size}: two games to their ends, every move legal")
                yield from _compare(games, again)
        if player.printed:
            yield Finding("note", f"it prints, up to {player.printed:,} characters in a game; nobody reads them in a tournament")
        if told:
            return
        if player.touched:
            yield Finding("note", "it changes the board it is given; that is a copy, but take care to choose for the position as it was")
        close = player.slowest > 0.8 * player.seconds
        yield Finding("note" if close else "good", f"slowest move: {player.slowest:.2f} s, of the {player.seconds:g} s it has")
        yield Finding("good", f"won {won} of {played} games against random play")


def find_submissions(folder: str | os.PathLike) -> list[pathlib.Path]:
    """Return the players' files of a folder in the order of their names: all Python files but those that begin with ``_`` or ``.``.

    Raises:
        ConfigError: no such folder, or no player in it.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"no folder {str(folder)!r}: give the folder of the players' files")
    found = sorted(path for path in folder.glob("*.py") if path.name[0] not in "._")
    if not found:
        raise ConfigError(f"no players in {str(folder)!r}: put one Python file there for each (`hexlab check-player --template`)")
    for path in found:
        if not path.name.isprintable():
            raise ConfigError(f"the file {path.name!r} has a name that cannot be printed: rename it, as a player is named after it")
    return found


def read_template() -> str:
    """Return the file that students start from; it plays."""
    return (importlib.resources.files("hexlab") / "data" / "player_template.txt").read_text(encoding="utf-8")


def _clean(text: Any) -> str:
    """Return a text that any file and any terminal can take: what cannot be printed gives way to question marks."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in str(text))


def _goes_on(expected: Board | None, board: Board) -> bool:
    if expected is None or board.size != expected.size or not board.moves:
        return False
    before = board.copy()
    before.pop()
    return before == expected and before.moves == expected.moves


def _play_both_colors(player: SubmissionPlayer, size: int, seed: int, swap: bool) -> Iterator[Game]:
    rival = RandomPlayer("random play")
    for black, white in ((player, rival), (rival, player)):
        yield play_game(black, white, size, seed=seed, swap=swap)


def _compare(games: Sequence[Game], again: Sequence[Game]) -> Iterator[Finding]:
    for one, other in zip(games, again, strict=True):
        moves, others = one.board.moves, other.board.moves
        if moves != others:
            ply = next(ply for ply, pair in enumerate(zip(moves, others, strict=False)) if pair[0] != pair[1])
            yield Finding(
                "note",
                f"the same game with the same generator went otherwise: after {' '.join(moves[:ply]) or 'no move'} it played"
                f" {moves[ply]} once and {others[ply]} the other time\n"
                "(draw from the generator alone; a player that thinks until its time is up cannot help it)",
            )
            return

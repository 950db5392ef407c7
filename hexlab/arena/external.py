"""Hex programs of other authors as players: each is a process that speaks GTP.

A program that crashes, keeps silent past its time, plays an illegal move or answers nonsense loses the game, and the reason goes with
it (`Forfeited`); the next game starts it afresh. When a player is closed, or Python ends, its process goes, and with it every process
that it has started; see `hexlab.arena.processes`.

The conventions are those that HexGui and Benzene share: a whole position is sent as stones in any order, and a swap by sending the
position after it, as programs mean different things by the word.
"""

import shlex
import sys
import threading
import time
from typing import NoReturn

import numpy as np

from hexlab.arena.players import Forfeited, Resigned
from hexlab.arena.processes import KEPT_LINES, Process
from hexlab.errors import ConfigError, IllegalMoveError
from hexlab.rules.batch import Boards
from hexlab.rules.board import SWAP_PIECES, Board, Color
from hexlab.rules.cells import cell_name

__all__ = ["GtpPlayer"]

_SWAPS = (SWAP_PIECES, "swap-sides", "swap")
_PICTURE = "gogui-gfx:"


class GtpPlayer:
    """Plays by asking a program over GTP.

    The process starts with the first question. In `play_game`, `play_pairing` and whatever is built on them a program may resign, and
    its failures cost it the game. Threads wait for one another's questions. Whether it repeats itself is its affair.

    Args:
        command: the program and its arguments, as typed in a shell.
        seconds: wall-clock time for a move. The program is not told, as the ways differ: set its time by its own options.
        name: key of the agent; by default ``gtp:`` and the command.
        setup_seconds: wall-clock time for any other answer; the first one includes the start.

    Raises:
        ConfigError: a command that makes no sense; when it is asked, a program that cannot be started or does not play the board size.

    >>> import sys
    >>> program = "import sys\\nfor line in sys.stdin: print('= b1' if 'genmove' in line else '=', end='\\\\n\\\\n', flush=True)"
    >>> with GtpPlayer(f'"{sys.executable}" -c "{program}"', name="always b1") as player:
    ...     player.ask(Board.from_moves("a1", size=2))
    1
    """

    def __init__(self, command: str, seconds: float = 60.0, name: str | None = None, setup_seconds: float = 60.0):
        """Set the player up; nothing is started yet."""
        if not _read_command(command):
            raise ConfigError("a GTP player without a command: name a program, such as 'mohex --use-logfile=0'")
        for what, number in (("seconds", seconds), ("setup_seconds", setup_seconds)):
            if not number > 0:
                raise ConfigError(f"{what}={number!r}: give a number of seconds above 0")
        self.command = command
        self.seconds, self.setup_seconds = float(seconds), float(setup_seconds)
        self.name = f"gtp:{command}" if name is None else name
        self._program: _Program | None = None
        self._size = 0
        self._told: list[str] | None = None  # stones as the program knows them, None where that is open
        self._asked = threading.Lock()

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"GtpPlayer({self.command!r}, {self.seconds}, name={self.name!r}, setup_seconds={self.setup_seconds})"

    def __reduce__(self):
        """Travel to another process as a player that has started nothing."""
        return GtpPlayer, (self.command, self.seconds, self.name, self.setup_seconds)

    def __enter__(self) -> "GtpPlayer":
        """Return the player."""
        return self

    def __exit__(self, *_) -> None:
        """Close the player."""
        self.close()

    def close(self) -> None:
        """End the process; the next question starts another one."""
        program, self._program, self._told, self._size = self._program, None, None, 0
        if program is not None:
            program.close()

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Ask for one move on each of B unfinished boards, one after the other; the seeds are not used.

        Raises:
            Resigned: the program resigns.
            Forfeited: the program fails.
        """
        return np.array([self.ask(boards.board(row)) for row in range(len(boards))], np.int64)

    def ask(self, board: Board, seed: int = 0) -> int | str:
        """Ask for a move; the program is told what it does not know of the game yet.

        Returns:
            A legal cell, or ``swap-pieces`` where that is allowed.

        Raises:
            Resigned: the program resigns.
            Forfeited: the program crashes, hangs, plays an illegal move or answers nonsense; it is ended then.
            ConfigError: the program cannot be started or does not play the board size.
        """
        with self._asked:
            return self._ask(board)

    def _ask(self, board: Board) -> int | str:
        if self._program is None:
            self._program = _Program(self.command)
            self._send("name", self.setup_seconds)
        self._tell_position(board)
        answer = self._demand(f"genmove {_COLORS[board.turn]}", self.seconds).strip().lower()
        if answer == "resign":
            raise Resigned(f"{board.turn} resigns")
        move: int | str = SWAP_PIECES if answer in _SWAPS else answer
        try:
            board.copy().push(move)
        except IllegalMoveError as error:
            self._forfeit(f"answered genmove by {answer[:40]!r}: {error}")
        if move == SWAP_PIECES:
            self._told = None
            return move
        if self._told is not None:
            self._told.append(f"{_COLORS[board.turn]} {answer}")
        return board.to_cell(move)

    def _tell_position(self, board: Board) -> None:
        if self._size != board.size:
            if not self._send(f"boardsize {board.size}", self.setup_seconds)[0]:
                self.close()
                raise ConfigError(f"{self.name} does not play {board.size}x{board.size}: it refuses boardsize {board.size}")
            self._size, self._told = board.size, None
        stones = _list_stones(board)
        if self._told is None or stones[: len(self._told)] != self._told:
            self._demand("clear_board", self.setup_seconds)
            self._told = []
            self._send(f"param_game allow_swap {int(board.swap)}", self.setup_seconds)  # Benzene's; others may refuse it
        for stone in stones[len(self._told) :]:
            self._demand(f"play {stone}", self.setup_seconds)
            self._told.append(stone)

    def _send(self, line: str, seconds: float) -> tuple[bool, str]:
        assert self._program is not None
        try:
            return self._program.ask(line, seconds)
        except Forfeited:
            self._program.end()
            self.close()
            raise

    def _demand(self, line: str, seconds: float) -> str:
        granted, answer = self._send(line, seconds)
        if not granted:
            self._forfeit(f"refused {line!r}: {answer.strip()[:80]}")
        return answer

    def _forfeit(self, reason: str) -> NoReturn:
        self.close()
        raise Forfeited(reason)


_COLORS = ("black", "white")


def _list_stones(board: Board) -> list[str]:
    """Return the stones of a position as arguments of ``play``: the moves of the game where they tell, in their order."""
    size, moves = board.size, board.moves
    before = board.copy()
    for _ in moves:
        before.pop()
    set_up = [f"{_COLORS[stone - 1]} {cell_name(cell, size)}" for cell, stone in enumerate(before.stones.ravel().tolist()) if stone]
    color = before.turn
    if SWAP_PIECES in moves:
        swapped = Board.from_moves(moves[:2], size, swap=True)
        set_up, moves, color = [f"white {cell_name(swapped.last_cell or 0, size)}"], moves[2:], Color.BLACK
    return set_up + [f"{_COLORS[(color + ply) % 2]} {move}" for ply, move in enumerate(moves)]


class _Program:
    """A process that answers GTP commands one at a time."""

    def __init__(self, command: str):
        self._process = Process(_read_command(command))

    def ask(self, line: str, seconds: float) -> tuple[bool, str]:
        """Send a command and return whether the program grants it, with its answer; pictures of its search before that are skipped.

        Raises:
            Forfeited: it is dead, dies, keeps silent or answers nonsense.
        """
        self._process.write(line)
        answer: list[str] = []
        deadline = time.monotonic() + seconds
        drawing = False
        while True:
            text = self._next_line(deadline, line)
            drawing = bool(text) and (drawing or (not answer and text.startswith(_PICTURE)))
            if drawing:
                continue
            if text or answer:
                answer.append(text)
            if answer and answer[0][:1] not in ("=", "?"):
                raise Forfeited(f"answered {line!r} by {answer[0][:80]!r}")
            if answer and not text:
                return answer[0][0] == "=", "\n".join(answer)[1:].lstrip("0123456789")
            if len(answer) == KEPT_LINES:
                raise Forfeited(f"answered {line!r} without an end")

    def close(self) -> None:
        """Ask the process to quit, and end it and its children if it does not."""
        self._process.write("quit")
        self._process.close()

    def end(self) -> None:
        """End the process and its children at once."""
        self._process.end()

    def _next_line(self, deadline: float, line: str) -> str:
        try:
            text = self._process.read(deadline)
        except TimeoutError:
            raise Forfeited(f"did not answer {line!r} in time") from None
        if text is not None:
            return text.replace("\t", " ")
        self._process.end()
        last = "".join(f": {remark.strip()[:200]}" for remark in self._process.remarks[-1:])
        raise Forfeited(f"crashed at {line!r} (exit code {self._process.returncode}){last}")


def _read_command(command: str) -> str | list[str]:
    """Return the words of a command line as a POSIX shell reads it; on Windows the line, which its programs take apart by themselves."""
    if sys.platform == "win32":
        return command.strip()
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"the command {command!r} makes no sense: {error}") from None

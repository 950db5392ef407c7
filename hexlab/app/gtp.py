"""A Hex engine for other programs: GTP 2 with the commands that HexGui and Benzene's programs and scripts share.

A reply is ``=`` or ``?``, the id of the command if it had one, a blank, text, and an empty line. Blank lines and comments are skipped;
the comment ``# interrupt`` ends a search that goes on.

Two commands follow Benzene where GTP 2 has it otherwise: ``loadsgf FILE n`` plays n moves (in GTP 2 it ends before move n), and ``undo``
on an empty board answers ``=`` (in GTP 2 it fails, "cannot undo").

Time: without a clock a move takes a fixed number of simulations from an empty tree, so that the same position gets the same move, the
one that `arena.SearchPlayer` plays. With seconds a move, or a clock (``time_left``, ``time_settings``), search deepens until the time
is up and goes on from the tree of the move before. A clock is shared out over a quarter of the empty cells and two more, in Canadian
byo-yomi over the moves of the period.

``perfect`` knows no clock: a proof takes the time it takes, milliseconds up to 5x5, on 6x6 many seconds for the first moves.

By the swap rule, an engine opens with the move that leaves the game most even, and swaps where its search gives it less than an even
chance. ``swap-pieces`` means what HexGui from 0.10 on means by it: Black's stone leaves and White's comes to its mirror image. Older
programs, Benzene's scripts among them, mean that the players trade sides; play without the rule there.

``dfpn-solve-state`` is refused on purpose, also where the exact solver reaches: HexGui then asks for ``gogui-gfx-analyze`` and draws
the search as it goes on. The truth is behind ``hexlab-solve`` and ``hexlab-winning-moves``, in its menu of analyze commands.

Sources: the GTP 2 draft, the page GTP of HexWiki, and the sources of HexGui and Benzene.
"""

import contextlib
import os
import queue
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import hexlab
from hexlab import arena, mcts
from hexlab.app.agents import Agent
from hexlab.errors import ConfigError, HexlabError, IllegalMoveError
from hexlab.mcts.tree import count_bytes
from hexlab.rules import sgf, solver
from hexlab.rules.batch import Boards
from hexlab.rules.board import SWAP_PIECES, Board, Color
from hexlab.rules.cells import cell_index, cell_name, neighbor_table, transposition
from hexlab.rules.draws import derive_seeds
from hexlab.rules.kernels import EMPTY, STONE, place
from hexlab.system import read_lines

__all__ = ["Engine", "answer_all", "answer_process"]

_STEP = 16  # simulations between looks at the clock
_TREE_BYTES = 1 << 29  # where only time ends a search
_LAG = 0.9  # the part of a move's time that is spent; the rest covers the way to the clock
_PICTURE_SECONDS = 0.1  # between two pictures of a search that goes on
_LETTERS = "BW"
_WORD = re.compile(r'"([^"]*)"|([^\s"#]+)|(#)')
_WHOLE = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,9})?")
_MOST = 2**31 - 1  # of GTP's numbers

_ANALYZE_COMMANDS = """\
none/Watch the Search/gogui-gfx-analyze %m
pspairs/Policy of the Network/hexlab-policy %m
pspairs/Visits of the Search/hexlab-visits %m
pspairs/Win Rates of the Search/hexlab-win-rates %m
var/Principal Variation/hexlab-variation %m
string/Value/hexlab-value %m
string/Winner by Perfect Play/hexlab-solve %m
plist/Winning Moves by Perfect Play/hexlab-winning-moves %m
varc/Move without Playing/reg_genmove %c
plist/All Legal Moves/all_legal_moves %c
string/Final Score/final_score
string/Show Board/showboard
param/Search/param_search
param/Game/param_game"""


class _Clock(NamedTuple):
    """Seconds left, for so many moves, or for the rest of the game if that is 0; then every move has extra seconds beside them."""

    seconds: float
    moves: int = 0
    extra: float = 0.0


class Engine:
    """Answers GTP commands, one at a time.

    Args:
        agent: who plays.
        size: board size to begin with; by default the agent's usual one.
        simulations: evaluations a move where the agent's words do not tell; by default its own, with a clock as many as time allows.
        seconds_per_move: wall-clock seconds that a move may take.
        swap: whether games begin with the swap rule; ``param_game allow_swap`` changes it.
        seed: of the agent's draws.

    Attributes:
        emit: what pictures of a search that goes on are given to, block by block; by default nobody looks.
        interrupted: asked during a search whether to end it.
        finished: whether ``quit`` was given.

    >>> from hexlab.app.agents import find_agent
    >>> engine = Engine(find_agent("perfect", 64), size=3)
    >>> engine.answer("7 genmove black")
    '=7 b2\\n\\n'
    >>> engine.answer("play white b2")
    '? illegal move: white b2 (occupied)\\n\\n'
    """

    def __init__(
        self,
        agent: Agent,
        size: int | None = None,
        simulations: int | None = None,
        seconds_per_move: float | None = None,
        swap: bool = False,
        seed: int = 0,
    ):
        """Load the agent and set the board up."""
        self.emit: Callable[[str], object] = lambda block: None
        self.interrupted: Callable[[], bool] = lambda: False
        self.finished = False
        self._agent = agent
        self._simulations = simulations if agent.simulations is None else agent.simulations
        self._seconds = seconds_per_move
        self._analyze_seconds = 10.0
        self._swap = swap
        self._seed = seed
        self._full_clock: _Clock | None = None  # what each color begins a game with
        self._clocks: dict[Color, _Clock] = {}
        self._executing = False
        self._size = 0
        self._start_game(agent.usual_size if size is None else size)

    def answer(self, line: str) -> str | None:
        """Answer one line of input; None for a blank line or a comment."""
        number, words = _parse(line)
        if not words and not number:
            return None
        try:
            granted, text = True, self._run(words)
        except (HexlabError, OSError) as error:
            granted, text = False, " ".join(str(error).split())
        except Exception:
            traceback.print_exc()
            granted, text = False, f"{words[0]} failed: see the messages on stderr"
        body = re.sub(r"\n(?=\n|$)", "\n ", text.rstrip())  # an empty line would end the reply
        return f"{'=' if granted else '?'}{number} {body}\n\n"

    def _run(self, words: list[str]) -> str:
        name, *given = words or [""]
        if name not in _COMMANDS:
            raise ConfigError("unknown command")
        command = _COMMANDS[name]
        if not command.least <= len(given) <= command.most:
            raise ConfigError(f"{name} takes {command.arguments or 'no arguments'}")
        return command.run(self, *given) or ""

    # What GTP asks of every engine.

    def _protocol_version(self) -> str:
        return "2"

    def _name(self) -> str:
        return "hexlab"

    def _version(self) -> str:
        name, limit = self._player.name, self._find_limit()
        if isinstance(self._player, arena.SearchPlayer):
            name = name.removesuffix(f"@{self._player.simulations}") + (f"@{limit}" if limit else "")
        return f"{hexlab.__version__} {name}"

    def _list_commands(self) -> str:
        return "\n".join(_COMMANDS)

    def _known_command(self, name: str) -> str:
        return str(name in _COMMANDS).lower()

    def _quit(self) -> None:
        self.finished = True

    # The board.

    def _boardsize(self, width: str, height: str = "") -> None:
        size = _read_whole(width)
        if height and _read_whole(height) != size:
            raise ConfigError(f"unacceptable size: boards are square, not {width}x{height}")
        try:
            self._start_game(size)
        except ConfigError as error:
            raise ConfigError(f"unacceptable size: {error}") from None

    def _clear_board(self) -> None:
        self._start_game(self._size)

    def _start_game(self, size: int) -> None:
        if self._size != size:
            self._player = self._agent.player(size)
            self._size = size
            if isinstance(self._player, arena.SearchPlayer) and size > 1:
                self._search(Board(size), 2, None)  # what must be compiled is compiled here, and not on the clock
        self._position = _Position(size, self._swap)
        self._tree: mcts.Tree | None = None
        self._set_clocks(self._full_clock)

    def _play(self, color: str, move: str) -> None:
        self._position.play(_read_color(color), move.lower())

    def _play_game(self, *moves: str) -> None:
        self._clear_board()
        for move in moves:
            self._position.play(self._position.turn, move.lower())

    def _undo(self) -> None:
        self._position.undo()

    def _showboard(self) -> str:
        return f"\n{self._position.picture()}"

    def _final_score(self) -> str:
        winner = self._position.winner
        return "cannot score" if winner is None else f"{_LETTERS[winner]}+"

    def _all_legal_moves(self, color: str = "") -> str:
        mover = _read_color(color) if color else self._position.turn
        return " ".join(self._position.legal_moves(mover))

    def _loadsgf(self, path: str, moves: str = "") -> str:
        count = _read_whole(moves) if moves else None
        game = sgf.load(path)[0]
        self._boardsize(str(game.size))
        position = _Position(game.size, swap=True)
        start = [] if game.start is None else game.start.stones.ravel().tolist()
        stones = [(Color(stone - 1), cell_name(cell, game.size)) for cell, stone in enumerate(start) if stone]
        turn = Color.BLACK if game.start is None else game.start.turn
        played = [(Color((turn + ply) % 2), move) for ply, move in enumerate(game.board().moves)]
        for color, move in stones + played[:count]:
            position.play(color, move)
        position.swap = self._swap
        self._position = position
        return "; ".join(game.notes)

    # Moves.

    def _genmove(self, color: str) -> str:
        mover = _read_color(color)
        if self._position.winner is not None:
            return "resign"
        started = time.monotonic()
        move = self._choose(mover)
        if mover in self._clocks and not self._clocks[mover].moves:
            left = self._clocks[mover].seconds - (time.monotonic() - started)
            self._clocks[mover] = self._clocks[mover]._replace(seconds=max(0.0, left))
        self._position.play(mover, move)
        return move

    def _reg_genmove(self, color: str) -> str:
        return "resign" if self._position.winner is not None else self._choose(_read_color(color))

    def _choose(self, mover: Color) -> str:
        """Return a move by the agent, which may be a swap."""
        board, player = self._position.board(mover), self._player
        if isinstance(player, arena.SearchPlayer):
            if board.swap and not board.moves:
                return self._choose_opening()
            found = self._think(board, mover)
            return SWAP_PIECES if board.can_swap and found.value < 0 else found.best
        seed = int(derive_seeds(self._seed, self._position.count, count=1)[0])
        move = arena.choose_move(player, board, seed)
        return move if isinstance(move, str) else cell_name(move, self._size)

    def _choose_opening(self) -> str:
        """Return the move that leaves the game most even; with a clock, search doubles its simulations while there is time."""
        seconds, player = self._share_time(Color.BLACK), self._searcher()
        most = self._count_simulations(seconds)
        simulations = most if seconds is None else min(most, self._size**2)
        started = time.monotonic()
        while True:
            opener = arena.SearchPlayer(player.evaluator, simulations, player.recipe)
            cell = opener.choose_opening(self._size, self._seed)
            spent = time.monotonic() - started  # the next search takes as long again, or somewhat longer
            if simulations == most or self.interrupted() or (seconds is not None and 3 * spent > seconds):
                return cell_name(cell, self._size)
            simulations = min(most, 2 * simulations)

    def _think(self, board: Board, mover: Color) -> mcts.Found:
        """Search within the limits of a move; with a clock, on from what is known."""
        seconds = self._share_time(mover)
        if seconds is None:
            return self._search(board, self._count_simulations(seconds), None)
        found = self._search(board, self._count_simulations(seconds), seconds, self._tree)
        self._tree = found.tree
        return found

    def _count_simulations(self, seconds: float | None) -> int:
        """Return the evaluations that a move may take at most; with a clock and nothing said, what memory holds."""
        if self._simulations is not None:
            return self._simulations
        return self._searcher().simulations if seconds is None else _TREE_BYTES // count_bytes(1, 1, self._size)

    def _find_limit(self) -> int:
        """Return the evaluations of a move that are set or usual, 0 where time alone limits them or nothing is searched."""
        if self._simulations is not None:
            return self._simulations
        usual = self._player.simulations if isinstance(self._player, arena.SearchPlayer) else 0
        return 0 if self._seconds is not None or self._clocks else usual

    def _search(
        self,
        board: Board,
        simulations: int,
        seconds: float | None,
        tree: mcts.Tree | None = None,
        show: Callable[[mcts.Found], object] = lambda found: None,
    ) -> mcts.Found:
        """Search until the simulations or the time are used up, the root is proven, or someone interrupts."""
        player = self._searcher()
        now = started = time.monotonic()
        found = None
        for found in mcts.deepen(board, player.evaluator, simulations, step=_STEP, recipe=player.recipe, tree=tree):
            before, now = now, time.monotonic()
            end = now + (now - before)  # of the next step, if it takes as long as the last one
            if self.interrupted() or (seconds is not None and end - started > seconds):
                break
            show(found)
        assert found is not None
        return found

    def _searcher(self) -> arena.SearchPlayer:
        if not isinstance(self._player, arena.SearchPlayer):
            raise ConfigError(f"{self._player.name} does not search")
        return self._player

    # Time.

    def _share_time(self, mover: Color) -> float | None:
        """Return the seconds that the next move may take, None without a clock."""
        limits = [] if self._seconds is None else [self._seconds]
        if mover in self._clocks:
            left, moves, extra = self._clocks[mover]
            limits.append(_LAG * (left / (moves or 2 + self._position.empty // 4) + extra))
        return min(limits, default=None)

    def _time_left(self, color: str = "", seconds: str = "", moves: str = "0") -> str:
        if not color:
            return ", ".join(f"{color}: {self._describe_clock(color)}" for color in Color)
        if not seconds:
            return self._describe_clock(_read_color(color))
        left, count = _read_seconds(seconds), _read_whole(moves)
        extra = 0.0 if count or self._full_clock is None else self._full_clock.extra  # with a number of moves, left is all they have
        self._clocks[_read_color(color)] = _Clock(left, count, extra)
        return ""

    def _time_settings(self, main: str, period: str, moves: str) -> None:
        seconds, extra, count = _read_seconds(main), _read_seconds(period), _read_whole(moves)
        limited = count or (seconds and not extra)  # a period without moves is how GTP says that there is no limit
        self._set_clocks(_Clock(seconds, extra=extra / count if count else 0.0) if limited else None)

    def _set_clocks(self, full: _Clock | None) -> None:
        self._full_clock = full
        self._clocks = {} if full is None else dict.fromkeys(Color, full)

    def _describe_clock(self, color: Color) -> str:
        return f"{self._clocks[color].seconds:.1f}" if color in self._clocks else "no limit"

    # Settings.

    def _param_game(self, key: str = "", value: str = "") -> str:
        if not key:
            seconds = 0 if self._full_clock is None else self._full_clock.seconds
            return f"\n[bool] allow_swap {int(self._swap)}\n[string] game_time {seconds:g}"
        if key == "allow_swap":
            self._swap = self._position.swap = _read_whole(value) != 0
        elif key == "game_time":
            seconds = _read_seconds(value)
            self._set_clocks(_Clock(seconds) if seconds else None)
        else:
            raise ConfigError(f"unknown parameter {key!r}: there are allow_swap and game_time")
        return ""

    def _param_search(self, key: str = "", value: str = "") -> str:
        if not key:
            return (
                f"\n[string] simulations {self._find_limit()}\n[string] seconds_per_move {self._seconds or 0:g}"
                f"\n[string] analyze_seconds {self._analyze_seconds:g}"
            )
        if key == "simulations":
            self._simulations = _read_whole(value) or None
        elif key == "seconds_per_move":
            self._seconds = _read_seconds(value) or None
        elif key == "analyze_seconds":
            self._analyze_seconds = _read_seconds(value)
        else:
            raise ConfigError(f"unknown parameter {key!r}: there are simulations, seconds_per_move and analyze_seconds")
        return ""

    def _set_random_seed(self, seed: str) -> None:
        self._seed = _read_whole(seed)

    def _get_random_seed(self) -> str:
        return str(self._seed)

    # Analysis.

    def _analyze_commands(self) -> str:
        return _ANALYZE_COMMANDS

    def _gfx_analyze(self, color: str = "") -> None:
        """Show the search of a position as it goes on, until it is interrupted, has a proof or used up its time."""
        shown = time.monotonic()

        def show(found: mcts.Found) -> None:
            nonlocal shown
            if time.monotonic() - shown >= _PICTURE_SECONDS:
                shown = time.monotonic()
                self.emit(_draw(found))

        board = self._open_board(color)
        room = _TREE_BYTES // count_bytes(1, 1, board.size)
        self.emit(_draw(self._search(board, room, self._analyze_seconds, show=show)))

    def _policy(self, color: str = "") -> str:
        board = self._open_board(color)
        logits = self._searcher().evaluator(Boards.from_board(board)).logits[0].astype(np.float64)
        cells = board.legal_moves.cells
        shares = np.exp(logits[list(cells)] - logits[list(cells)].max())
        return _pair({cell_name(cell, board.size): f"{share:.3f}" for cell, share in zip(cells, shares / shares.sum(), strict=True)})

    def _visits(self, color: str = "") -> str:
        return _pair({move: str(visits) for move, visits in self._study(color).visits.items()})

    def _win_rates(self, color: str = "") -> str:
        return _pair({child.move: f"{_win_rate(child.value):.3f}" for child in self._study(color).tree.children()})

    def _variation(self, color: str = "") -> str:
        tree, node, moves = self._study(color).tree, 0, []
        while children := tree.children(node=node):
            moves.append(children[0].move)
            node = children[0].node
        return " ".join(moves)

    def _value(self, color: str = "") -> str:
        found = self._study(color)
        return f"{found.value:+.3f}, win rate {_win_rate(found.value):.3f}"

    def _solve(self, color: str = "") -> str:
        return str(solver.solve(self._open_board(color)).winner)

    def _winning_moves(self, color: str = "") -> str:
        return " ".join(solver.solve(self._open_board(color)).names)

    def _study(self, color: str) -> mcts.Found:
        board = self._open_board(color)
        return self._think(board, board.turn)

    def _open_board(self, color: str) -> Board:
        if self._position.winner is not None:
            raise ConfigError("the game is over")
        return self._position.board(_read_color(color) if color else self._position.turn)

    # Files of commands.

    def _exec(self, path: str) -> None:
        if self._executing:
            raise ConfigError("a file of commands cannot execute another one")
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        self._executing = True
        try:
            for line in lines:
                reply = self.answer(line)
                if reply is not None and reply.startswith("?"):
                    raise ConfigError(f"{path}: {line.strip()[:80]!r}: {reply[1:].strip()}")
        finally:
            self._executing = False


class _Command(NamedTuple):
    run: Callable[..., str | None]
    least: int = 0
    most: int = 0
    arguments: str = ""


_COLOR = (0, 1, "at most a color")
_COMMANDS = {
    "protocol_version": _Command(Engine._protocol_version),
    "name": _Command(Engine._name),
    "version": _Command(Engine._version),
    "list_commands": _Command(Engine._list_commands),
    "known_command": _Command(Engine._known_command, 1, 1, "the name of a command"),
    "quit": _Command(Engine._quit),
    "boardsize": _Command(Engine._boardsize, 1, 2, "one number, or two that are alike"),
    "clear_board": _Command(Engine._clear_board),
    "play": _Command(Engine._play, 2, 2, "a color and a move"),
    "play-game": _Command(Engine._play_game, 0, 19 * 19 + 1, "moves"),
    "genmove": _Command(Engine._genmove, 1, 1, "a color"),
    "reg_genmove": _Command(Engine._reg_genmove, 1, 1, "a color"),
    "undo": _Command(Engine._undo),
    "showboard": _Command(Engine._showboard),
    "final_score": _Command(Engine._final_score),
    "all_legal_moves": _Command(Engine._all_legal_moves, *_COLOR),
    "loadsgf": _Command(Engine._loadsgf, 1, 2, "a file and perhaps a number of moves"),
    "time_left": _Command(Engine._time_left, 0, 3, "a color, seconds, and perhaps a number of moves"),
    "time_settings": _Command(Engine._time_settings, 3, 3, "main seconds, seconds of a period, and its moves"),
    "set_random_seed": _Command(Engine._set_random_seed, 1, 1, "a number"),
    "get_random_seed": _Command(Engine._get_random_seed),
    "param_game": _Command(Engine._param_game, 0, 2, "a parameter and its value"),
    "param_search": _Command(Engine._param_search, 0, 2, "a parameter and its value"),
    "exec": _Command(Engine._exec, 1, 1, "a file"),
    "gogui-interrupt": _Command(lambda engine: None),
    "gogui-gfx-analyze": _Command(Engine._gfx_analyze, *_COLOR),
    "hexgui-analyze_commands": _Command(Engine._analyze_commands),
    "hexlab-policy": _Command(Engine._policy, *_COLOR),
    "hexlab-visits": _Command(Engine._visits, *_COLOR),
    "hexlab-win-rates": _Command(Engine._win_rates, *_COLOR),
    "hexlab-variation": _Command(Engine._variation, *_COLOR),
    "hexlab-value": _Command(Engine._value, *_COLOR),
    "hexlab-solve": _Command(Engine._solve, *_COLOR),
    "hexlab-winning-moves": _Command(Engine._winning_moves, *_COLOR),
}


class _Move(NamedTuple):
    """A move with what was before it."""

    color: Color
    move: str
    cells: np.ndarray
    joined: Color | None
    resigned: Color | None


class _Position:
    """Stones as clients place them: any color at any time, also after the end, as HexGui sets positions up."""

    def __init__(self, size: int, swap: bool):
        self.size, self.swap = size, swap
        self._cells = np.zeros(size * size, np.uint8)
        self._joined: Color | None = None  # who has joined its edges
        self._resigned: Color | None = None
        self._past: list[_Move] = []

    @property
    def winner(self) -> Color | None:
        """Who has joined its edges, or whose opponent has resigned."""
        return self._resigned.other if self._joined is None and self._resigned is not None else self._joined

    @property
    def count(self) -> int:
        """Moves so far."""
        return len(self._past)

    @property
    def empty(self) -> int:
        """Empty cells."""
        return int(np.count_nonzero(self._cells == EMPTY))

    @property
    def turn(self) -> Color:
        """Who moves next if the colors alternate."""
        return self._past[-1].color.other if self._past else Color.BLACK

    def play(self, color: Color, move: str) -> None:
        """Play a move, swap or resign."""
        cells, joined, resigned = self._cells.copy(), self._joined, self._resigned
        if move == "resign":
            resigned = color
        elif move == SWAP_PIECES:
            if not self._can_swap(color):
                raise _illegal(color, move, "not now" if self.swap else "the swap rule is off")
            cells[:] = EMPTY
            self._place(cells, int(transposition(self.size)[cell_index(self._past[0].move, self.size)]), color)
        else:
            try:
                cell = cell_index(move, self.size)
            except IllegalMoveError as error:
                raise _illegal(color, move, str(error)) from None
            if cells[cell] != EMPTY:
                raise _illegal(color, move, "occupied")
            joined = color if self._place(cells, cell, color) else joined
        self._past.append(_Move(color, move, self._cells, self._joined, self._resigned))
        self._cells, self._joined, self._resigned = cells, joined, resigned

    def undo(self) -> None:
        """Take the last move back, if there is one."""
        if self._past:
            _, _, self._cells, self._joined, self._resigned = self._past.pop()

    def legal_moves(self, color: Color) -> list[str]:
        """Return the names of the empty cells, and ``swap-pieces`` where it is allowed."""
        names = [cell_name(int(cell), self.size) for cell in np.flatnonzero(self._cells == EMPTY)]
        return names + [SWAP_PIECES] * self._can_swap(color)

    def board(self, mover: Color) -> Board:
        """Return the position with a side to move; with the swap rule, a game of at most one move as that game."""
        if self.swap and not self._past and mover is Color.BLACK:
            return Board(self.size, swap=True)
        if self._can_swap(mover):
            return Board.from_moves([self._past[0].move], self.size, swap=True)
        return Board.from_stones(self._cells & STONE, mover)

    def picture(self) -> str:
        """Draw the stones, the last one in brackets."""
        last = self._past[-1] if self._past else None
        if last is not None and last.joined is None and last.move not in ("resign", SWAP_PIECES):
            return str(Board.from_stones(last.cells & STONE, last.color, [last.move]))
        return str(Board.from_stones(self._cells & STONE, self.turn if self._joined is None else self._joined.other))

    def _can_swap(self, color: Color) -> bool:
        opened = len(self._past) == 1 and self._past[0].color is Color.BLACK
        return self.swap and opened and color is Color.WHITE and self.winner is None

    def _place(self, cells: np.ndarray, cell: int, color: Color) -> bool:
        return bool(place(cells, cell, int(color), self.size, neighbor_table(self.size), np.empty(len(cells), np.int16)))


def _illegal(color: Color, move: str, why: str) -> IllegalMoveError:
    return IllegalMoveError(f"illegal move: {str(color).lower()} {move[:40]} ({why})")


def answer_all(engine: Engine, lines: Iterable[str], write: Callable[[str], object]) -> None:
    """Answer lines of input until ``quit`` or their end.

    A thread of its own reads ahead, so that ``# interrupt`` reaches the search that goes on.

    Args:
        engine: answers.
        lines: may block while there is nothing to read.
        write: is given every reply, and every picture of a search.
    """
    waiting: queue.Queue[tuple[int, str] | None] = queue.Queue()
    interrupted = 0  # number of the last command that is to end

    def read_ahead() -> None:
        nonlocal interrupted
        number = 0
        try:
            for line in lines:
                if line.strip().lower() == "# interrupt":
                    interrupted = number
                    continue
                number += 1
                waiting.put((number, line))
                if _parse(line)[1] == ["quit"]:
                    break
        finally:
            waiting.put(None)

    threading.Thread(target=read_ahead, daemon=True).start()
    engine.emit = write
    while not engine.finished and (item := waiting.get()) is not None:
        number, line = item
        engine.interrupted = lambda number=number: interrupted >= number  # type: ignore[misc]
        reply = engine.answer(line)
        if reply is not None:
            write(reply)


def answer_process(make: Callable[[], Engine], log: Path | None = None) -> None:
    """Answer on the standard streams of this process; what anything else writes to stdout goes to stderr.

    Args:
        make: makes the engine, after stdout has been turned aside.
        log: a file for the conversation.
    """
    with contextlib.ExitStack() as stack:
        replies = stack.enter_context(os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n"))
        sys.stdout.flush()
        os.dup2(2, 1)
        stack.callback(os.dup2, replies.fileno(), 1)
        record = None if log is None else stack.enter_context(log.open("w", encoding="utf-8"))

        def tell(text: str) -> None:
            if record is not None:
                record.write(text)
                record.flush()

        def read() -> Iterable[str]:
            for line in read_lines(0):
                tell(f"> {line}\n")
                yield line

        def write(text: str) -> None:
            tell(text)
            replies.write(text)
            replies.flush()

        answer_all(make(), read(), write)


def _parse(line: str) -> tuple[str, list[str]]:
    """Return the id of a command, as text, and its words; words in quotes may hold blanks.

    >>> _parse('12 loadsgf "my games/1.sgf" 5 # the fifth move')
    ('12', ['loadsgf', 'my games/1.sgf', '5'])
    """
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line.replace("\t", " ")).replace("\n", " ")
    words = []
    for quoted, plain, comment in _WORD.findall(clean):
        if comment:
            break
        words.append(quoted or plain)
    if words and _WHOLE.fullmatch(words[0]):
        return words[0], words[1:]
    return "", words


def _read_color(word: str) -> Color:
    names = {"b": Color.BLACK, "black": Color.BLACK, "w": Color.WHITE, "white": Color.WHITE}
    if word.lower() not in names:
        raise ConfigError(f"{word[:40]!r} is no color: expected black or white, b or w")
    return names[word.lower()]


def _read_whole(word: str) -> int:
    if not _WHOLE.fullmatch(word) or int(word) > _MOST:
        raise ConfigError(f"{word[:40]!r}: expected a whole number from 0 to {_MOST}")
    return int(word)


def _read_seconds(word: str) -> float:
    if not _NUMBER.fullmatch(word) or float(word) > _MOST:
        raise ConfigError(f"{word[:40]!r}: expected seconds, from 0 to {_MOST}")
    return float(word)


def _win_rate(value: float) -> float:
    return (1.0 + value) / 2.0


def _pair(values: dict[str, str]) -> str:
    return " ".join(f"{move} {value}" for move, value in values.items())


def _draw(found: mcts.Found) -> str:
    """Return a search as HexGui draws it: what KataHex writes."""
    best = sorted(found.tree.children(), key=lambda child: child.move != found.best)
    moves = [
        f"info move {child.move} visits {child.visits} winrate {_win_rate(child.value):.4f} scoreLead 0 order {order}"
        for order, child in enumerate(best)
    ]
    return f"gogui-gfx: kata {' '.join(moves)}\n\n"

"""Agents as the arena meets them: random, searching, perfect and human players, and the tests that every player should pass."""

import dataclasses
import re
import sys
import threading
from typing import TextIO

import numba
import numpy as np

from hexlab import mcts
from hexlab.errors import ConfigError, HexlabError, IllegalMoveError
from hexlab.mcts.evaluators import hash_positions
from hexlab.protocols import Asked, Evaluator, Player, Swapper
from hexlab.rules.batch import Boards
from hexlab.rules.board import SWAP_PIECES, Board
from hexlab.rules.cells import check_size
from hexlab.rules.draws import bounded, derive_seeds
from hexlab.rules.solver import Solver

__all__ = [
    "Forfeited",
    "HumanPlayer",
    "RandomPlayer",
    "Resigned",
    "SearchPlayer",
    "SolverPlayer",
    "TakenBack",
    "check_player",
    "choose_move",
]

_TREE_BYTES = 1 << 26  # memory of one search: more boards are searched in turn


class RandomPlayer:
    """Plays every legal move with the same chance.

    Args:
        name: key of the agent, unique in a pool.

    >>> RandomPlayer().choose_moves(Boards.empty(size=3, count=2), np.array([7, 7], np.uint64)).tolist()
    [3, 3]
    """

    def __init__(self, name: str = "random"):
        """Name the player."""
        self.name = name

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"RandomPlayer(name={self.name!r})"

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games; see `hexlab.protocols.Player`."""
        return _choose_among(boards.legal, np.asarray(seeds, np.uint64))

    def choose_opening(self, size: int, seed: int) -> int:
        """Choose any cell; see `hexlab.protocols.Swapper`."""
        return _draw(size * size, seed)

    def wants_swap(self, board: Board, seed: int) -> bool:
        """Swap as often as play on any one cell; see `hexlab.protocols.Swapper`."""
        return _draw(board.size**2, int(derive_seeds(seed, count=1)[0])) == 0


class SearchPlayer:
    """Searches and plays the best move found: `SearchResult.best`.

    There is no noise, that of `gumbel` is switched off, and the seeds of a game are not used: where a recipe draws, its seed
    comes from the position.
    The same position gets the same move in every game, so two such players repeat one game from the same opening.
    Equal positions of a batch are searched once.

    Args:
        evaluator: judges positions; one that is shared by threads must allow that.
        simulations: evaluations a move, the root's included; 1 plays the raw policy.
        recipe: by default `mcts.puct(prove=True)`, which backs up exact wins and losses; or another one of `mcts`.
        name: key of the agent, unique in a pool. Give one where a pool holds several evaluators.

    Raises:
        ConfigError: simulations that are no whole number from 1 up.

    >>> player = SearchPlayer(mcts.rollouts(games=8), simulations=32)
    >>> player.name, player.choose_moves(Boards.empty(size=2, count=1), np.zeros(1, np.uint64)).tolist()
    ('search@32', [1])
    """

    def __init__(self, evaluator: Evaluator, simulations: int, recipe: mcts.Recipe | None = None, name: str | None = None):
        """Set the player up."""
        if isinstance(simulations, bool) or not isinstance(simulations, (int, np.integer)) or simulations < 1:
            raise ConfigError(f"simulations={simulations!r}: give a whole number from 1 up; 1 is the raw policy")
        self.evaluator = evaluator
        self.simulations = int(simulations)
        self.recipe = mcts.puct(prove=True) if recipe is None else recipe
        if self.recipe.name == "gumbel":
            self.recipe = dataclasses.replace(self.recipe, gumbel_scale=0.0)
        self.name = f"search@{simulations}" if name is None else name

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"SearchPlayer({self.evaluator!r}, {self.simulations}, recipe={self.recipe!r}, name={self.name!r})"

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games; see `hexlab.protocols.Player`."""
        distinct, places = _find_distinct(boards)
        chosen = np.empty(len(distinct), np.int64)
        together = max(1, _TREE_BYTES // (self.simulations * (64 + 5 * boards.size**2)))
        for start in range(0, len(distinct), together):
            rows = slice(start, start + together)
            positions = distinct[rows]
            draws = hash_positions(positions)
            found = mcts.run_search(positions, self.evaluator, self.simulations, recipe=self.recipe, seeds=draws)
            chosen[rows] = found.best
        return chosen[places]

    def choose_opening(self, size: int, seed: int) -> int:
        """Choose the first move whose position is worth the nearest to 0, as White takes the better side of it.

        The simulations are shared out among the cells, with at least one for each.
        """
        boards = Boards.empty(size, size * size).play(np.arange(size * size))
        if boards.finished.any():  # the only cell of the smallest board
            return 0
        each = max(1, self.simulations // len(boards))
        found = mcts.run_search(boards, self.evaluator, each, recipe=self.recipe, seeds=hash_positions(boards))
        return int(np.abs(found.values).argmin())

    def wants_swap(self, board: Board, seed: int) -> bool:
        """Swap where the search gives the side to move less than an even chance.

        A swap mirrors the board and exchanges the colors: the position after it is worth to the opponent what this one is worth now.
        """
        boards = Boards.from_board(board)
        found = mcts.run_search(boards, self.evaluator, self.simulations, recipe=self.recipe, seeds=hash_positions(boards))
        return bool(found.values[0] < 0)


class SolverPlayer:
    """Plays perfectly.

    Where the side to move wins, it plays a winning move, all of them with the same chance. Where it loses, it
    resists: it plays one of the moves that leave the winner the fewest winning replies, again with the same chance.

    Each thread keeps one solver of a size for all its players, and that remembers what it has solved: the first games
    take longer than later ones.

    Args:
        size: board size, 1 to 6; up to 5 every position takes milliseconds, on 6x6 the first moves of a game take seconds.
        name: key of the agent; by default ``perfect-5`` on 5x5.

    Raises:
        PositionError: a size that the solver does not cover.

    >>> SolverPlayer(size=2).choose_moves(Boards.empty(size=2, count=5), np.arange(5, dtype=np.uint64)).tolist()
    [2, 2, 2, 1, 1]
    """

    def __init__(self, size: int, name: str | None = None):
        """Set the player up."""
        _solver(size)
        self.size = int(size)
        self.name = f"perfect-{size}" if name is None else name

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"SolverPlayer({self.size}, name={self.name!r})"

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games; see `hexlab.protocols.Player`.

        Raises:
            PositionError: boards of another size.
        """
        solver = _solver(self.size)
        distinct, places = _find_distinct(boards)
        good = solver.winning_moves(distinct)
        lost = ~good.any(axis=1)
        if lost.any():
            good[lost] = solver.stubborn_moves(distinct[lost])
        return _choose_among(good[places], np.asarray(seeds, np.uint64))

    def choose_opening(self, size: int, seed: int) -> int:
        """Choose any cell: White wins from all of them."""
        return _draw(size * size, seed)

    def wants_swap(self, board: Board, seed: int) -> bool:
        """Swap where the side to move loses."""
        return not _solver(self.size).winning_moves(Boards.from_board(board)).any()


_KEPT = threading.local()


def _solver(size: int) -> Solver:
    """Return this thread's solver of a size: a player that is sent to a worker process again and again finds it warm."""
    if not hasattr(_KEPT, "solvers"):
        _KEPT.solvers = {}
    if size not in _KEPT.solvers:
        _KEPT.solvers[size] = Solver(size)
    return _KEPT.solvers[size]


class TakenBack(Exception):
    """A human asks for the last move to be taken back."""


class Resigned(Exception):
    """A human or a program gives the game up."""


class Forfeited(Exception):
    """A program cannot go on with the game, or breaks its rules: what it did, in words that follow its name."""


class HumanPlayer:
    """Asks a person at a terminal.

    Words understood beside the names of cells: help, moves, undo, resign (or quit), and swap where the rules allow it. Illegal
    input is explained and asked again; the end of the input resigns. Unlike other players it is not bound to answer the same
    position alike.

    Args:
        name: shown to the person, and key of the agent.
        reader: text stream that is read by lines; by default the standard input.
        writer: text stream; by default the standard output.

    >>> import io
    >>> screen = io.StringIO()
    >>> player = HumanPlayer(reader=io.StringIO("b9\\na2\\n"), writer=screen)
    >>> player.ask(Board.from_moves("b1", size=2))
    2
    >>> "cell 'b9' is off the board" in screen.getvalue()
    True
    """

    _HELP = (
        "Name a cell by its column letter and its row number, such as b2.\n"
        "Other words: moves (what is legal), undo (take back your last move and the reply), resign, help,\n"
        "and swap where White may take Black's first stone over, mirrored.\n"
    )

    def __init__(self, name: str = "human", reader: TextIO | None = None, writer: TextIO | None = None):
        """Connect the player to a terminal."""
        self.name = name
        self._reader, self._writer = reader, writer

    def __repr__(self) -> str:
        """Return the expression that makes this player."""
        return f"HumanPlayer(name={self.name!r})"

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Ask for one legal move for each of B unfinished games, one after the other."""
        return np.array([self.ask(boards.board(row)) for row in range(len(boards))], np.int64)

    def ask(self, board: Board, seed: int = 0) -> int | str:
        """Show a board and ask until a legal move comes back.

        Returns:
            The cell, or ``swap-pieces``.

        Raises:
            TakenBack: the person asks to undo.
            Resigned: the person resigns, or the input ends.
        """
        self.tell(f"\n{board}\n")
        while True:
            self.tell(f"{board.turn} to move (help for help): ")
            line = (self._reader or sys.stdin).readline()
            word = line.strip().lower()
            if not line or word in ("resign", "quit", "exit"):
                raise Resigned(f"{board.turn} resigns")
            if word == "undo":
                raise TakenBack(f"{board.turn} takes back")
            if word in ("help", "h", "?"):
                self.tell(self._HELP)
            elif word == "moves":
                self.tell(" ".join([*board.legal_moves, *[SWAP_PIECES] * board.can_swap]) + "\n")
            elif word:
                move = SWAP_PIECES if word == "swap" else word
                try:
                    board.copy().push(move)
                except IllegalMoveError as error:
                    self.tell(f"{error}\n")
                else:
                    return move if move == SWAP_PIECES else board.to_cell(move)

    def tell(self, text: str) -> None:
        """Show text."""
        writer = self._writer or sys.stdout
        writer.write(text)
        writer.flush()


def choose_move(player: Player, board: Board, seed: int) -> int | str:
    """Return a player's move in one game, by the swap rule where the board has it.

    A player that is `hexlab.protocols.Asked` sees the game, any other the position.

    Args:
        player: any player; one that is no `hexlab.protocols.Swapper` plays as without the rule.
        board: an unfinished game.
        seed: of this move.

    Returns:
        The cell, or ``swap-pieces``.

    >>> choose_move(SolverPlayer(3), Board.from_moves("b2", size=3, swap=True), seed=0)
    'swap-pieces'
    """
    if isinstance(player, Asked):
        return player.ask(board, seed)
    if isinstance(player, Swapper) and board.swap:
        if board.can_swap and player.wants_swap(board, seed):
            return SWAP_PIECES
        if not board.moves:
            return player.choose_opening(board.size, seed)
    return int(player.choose_moves(Boards.from_board(board), np.array([seed], np.uint64))[0])


def check_player(player: Player, size: int, seed: int = 0) -> None:
    """Check that a player keeps the promises of `hexlab.protocols.Player`; raise `HexlabError` on the first it breaks.

    It moves on positions of random games, alone and in batches, twice and in several orders.

    Args:
        player: the player to try.
        size: a board size that it plays.
        seed: of the random games.

    Raises:
        HexlabError: naming the broken promise.

    >>> check_player(RandomPlayer(), size=5)
    """
    check_size(size)
    name = getattr(player, "name", None)
    if not isinstance(player, Player) or not isinstance(name, str):
        raise HexlabError(f"{player!r} is no player: it needs a name and choose_moves(boards, seeds)")
    if not name or re.search(r"[\x00-\x1f]", name):
        raise HexlabError(f"the name {name!r} is no key: give some printable text")
    boards = Boards.empty(size, 2 * size * size)
    for ply in range(size * size):
        rows = np.flatnonzero(~boards.finished & (np.arange(len(boards)) >= ply))
        if len(rows) == 0:
            break
        positions, seeds = boards[rows], derive_seeds(seed, size, ply, count=len(boards))[rows]
        moves = _checked_moves(player, positions, seeds)
        order = derive_seeds(seed, ply, count=len(rows)).argsort()
        for what, some in (("again", np.arange(len(rows))), ("in another order", order), ("alone", order[:1])):
            if not np.array_equal(_checked_moves(player, positions[some], seeds[some]), moves[some]):
                raise HexlabError(f"{name} chose other moves when it was asked {what}: a move may hang on position and seed alone")
        half = np.arange(len(rows)) % 2 == 0  # some games of its own, some random ones
        played = np.full(len(boards), -1)
        played[rows] = np.where(half, moves, _choose_among(positions.legal, seeds))
        boards = boards.play(played)
    none = player.choose_moves(boards[:0], np.zeros(0, np.uint64))
    if np.shape(none) != (0,):
        raise HexlabError(f"{name} answered {none!r} for no boards: expected an empty array")


def _checked_moves(player: Player, boards: Boards, seeds: np.ndarray) -> np.ndarray:
    given, given_seeds = boards.copy(), seeds.copy()
    moves = player.choose_moves(given, given_seeds)
    parts = ("cells", "turn", "winner")
    if not all(np.array_equal(getattr(given, part), getattr(boards, part)) for part in parts):
        raise HexlabError(f"{player.name} changed the boards it was asked about")
    if not np.array_equal(given_seeds, seeds):
        raise HexlabError(f"{player.name} changed the seeds it was given")
    if not isinstance(moves, np.ndarray) or moves.dtype != np.int64 or moves.shape != (len(boards),):
        raise HexlabError(f"{player.name} answered {moves!r} for {len(boards)} boards: expected int64[{len(boards)}]")
    inside = (moves >= 0) & (moves < boards.size**2)
    legal = inside & boards.legal[np.arange(len(boards)), np.where(inside, moves, 0)]
    if not legal.all():
        row = int(np.flatnonzero(~legal)[0])
        raise HexlabError(f"{player.name} chose the illegal cell {moves[row]} in this position:\n{boards.board(row)}")
    return moves


def _find_distinct(boards: Boards) -> tuple[Boards, np.ndarray]:
    """Return the distinct positions of a batch, and for each board the place of its own among them."""
    if len(boards) == 0:
        return boards, np.zeros(0, np.int64)
    keys = np.ascontiguousarray(np.column_stack([boards.stones, boards.turn.astype(np.uint8)]))
    keys = keys.view(np.dtype((np.void, keys.shape[1]))).ravel()
    _, rows, places = np.unique(keys, return_index=True, return_inverse=True)
    return boards[rows], places


def _draw(count: int, seed: int) -> int:
    return int(_choose_among(np.ones((1, count), bool), np.array([seed], np.uint64))[0])


def _choose_among(allowed: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return int64[B]: for each board one of its allowed cells, bool[B, A], all with the same chance."""
    moves = np.empty(len(allowed), np.int64)
    _choose_all(np.ascontiguousarray(allowed), seeds.copy(), moves)
    return moves


@numba.njit(cache=True, nogil=True)
def _choose_all(allowed, states, moves):
    for board in range(len(moves)):
        count = 0
        for cell in range(allowed.shape[1]):
            count += allowed[board, cell]
        rank = bounded(states, board, count)
        for cell in range(allowed.shape[1]):
            if allowed[board, cell]:
                if rank == 0:
                    moves[board] = cell
                    break
                rank -= 1

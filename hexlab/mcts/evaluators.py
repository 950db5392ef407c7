"""Evaluators that need no network, and the tests that every evaluator should pass."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hexlab.errors import ConfigError, HexlabError, PositionError
from hexlab.protocols import Evaluation, Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board
from hexlab.rules.cells import cell_index, check_size
from hexlab.rules.draws import derive_seeds
from hexlab.rules.solver import Solver

__all__ = ["Answer", "ablated", "check_evaluator", "hash_positions", "rollouts", "solved", "tabulated", "uniform"]

Answer = tuple[Sequence[float] | np.ndarray | Mapping[str, float], float]
"""Logits (A numbers, or a mapping from cell names, 0 for the rest) and the value in [-1, 1], for the side to move."""

_LOSING_LOGIT = -20.0


def uniform() -> Evaluator:
    """Return an evaluator that knows nothing: every move alike, every position worth 0.

    >>> uniform()(Boards.empty(size=2, count=1)).logits.tolist()
    [[0.0, 0.0, 0.0, 0.0]]
    """
    return _Uniform()


class _Uniform:
    """Keeps its last answer, read-only, to give it again for a batch of the same shape."""

    def __init__(self) -> None:
        self._answer = _zeros((0, 0))

    def __call__(self, boards: Boards) -> Evaluation:
        answer = self._answer
        if answer.logits.shape != boards.cells.shape:
            self._answer = answer = _zeros(boards.cells.shape)
        return answer

    def __repr__(self) -> str:
        return "uniform()"


def _zeros(shape: tuple[int, ...]) -> Evaluation:
    answer = Evaluation(np.zeros(shape, np.float32), np.zeros(shape[0], np.float32))
    for array in answer:
        array.flags.writeable = False
    return answer


def rollouts(games: int = 32, seed: int = 0) -> Evaluator:
    """Return an evaluator that plays random games: every move alike, the value is the mean outcome.

    The seeds of the games come from the position itself: asked again, the evaluator answers the same.

    Args:
        games: random games a position, from 1 up.
        seed: any integer; another seed, other games.

    Raises:
        ConfigError: fewer than one game.

    >>> evaluator = rollouts(games=64, seed=0)
    >>> bool(evaluator(Boards.empty(size=3, count=1)).values[0] > 0)
    True
    """
    if isinstance(games, bool) or not isinstance(games, (int, np.integer)) or games < 1:
        raise ConfigError(f"games={games!r} a position: give a whole number from 1 up")
    return _Rollouts(int(games), int(seed))


class _Rollouts:
    def __init__(self, games: int, seed: int) -> None:
        self._games, self._seed = games, seed
        self._offsets = derive_seeds(seed, 0, count=games)

    def __call__(self, boards: Boards) -> Evaluation:
        winners, _ = boards.play_out(hash_positions(boards, self._seed)[:, None] ^ self._offsets)
        won = (winners == boards.turn[:, None]).mean(axis=1)
        return Evaluation(np.zeros(boards.cells.shape, np.float32), (2 * won - 1).astype(np.float32))

    def __repr__(self) -> str:
        return f"rollouts(games={self._games}, seed={self._seed})"


def hash_positions(boards: Boards, seed: int = 0) -> np.ndarray:
    """Return uint64[B], a number for each position: equal stones and turn give equal numbers, others differ by all odds.

    Source: Zobrist, "A new hashing method with application for game playing", 1970.

    >>> boards = Boards.empty(size=3, count=2)
    >>> before, after = hash_positions(boards), hash_positions(boards.play([0, -1]))
    >>> bool(before[0] == before[1] == after[1]), bool(after[0] == after[1])
    (True, False)
    """
    keys = _zobrist_keys(boards.size, seed)
    stones = np.where(boards.turn == 1, keys[0, 0], np.uint64(0))
    return stones ^ np.bitwise_xor.reduce(np.take_along_axis(keys[1:].T, boards.stones.astype(np.int64).T, axis=1), axis=0)


@functools.lru_cache(maxsize=64)
def _zobrist_keys(size: int, seed: int) -> np.ndarray:
    """Return uint64[4, A]: row 0 for the turn, rows 1 to 3 for empty cells (no bits), black stones and white ones."""
    keys = derive_seeds(seed, 1, count=4 * size * size).reshape(4, size * size)
    keys[1] = 0
    return keys


def tabulated(answers: Mapping[Board, Answer] | Callable[[Board], Answer]) -> Evaluator:
    """Return an evaluator with planted answers, to see what search makes of them.

    Args:
        answers: logits and value for a position: a mapping from boards, or a function of a board. Positions that a mapping lacks
            are worth 0, with every move alike.

    >>> board = Board(size=2)
    >>> evaluator = tabulated({board: ({"b1": 3.0}, 0.5)})
    >>> evaluator(Boards.from_board(board)).logits.tolist()
    [[0.0, 3.0, 0.0, 0.0]]
    """
    return _Tabulated(answers)


class _Tabulated:
    def __init__(self, answers: Mapping[Board, Answer] | Callable[[Board], Answer]) -> None:
        self._answers = answers

    def __call__(self, boards: Boards) -> Evaluation:
        logits, values = np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32)
        for row in np.flatnonzero(~boards.finished):
            answer = self._look_up(boards.board(int(row)))
            if answer is None:
                continue
            planted, values[row] = answer
            if isinstance(planted, Mapping):
                for name, logit in planted.items():
                    logits[row, cell_index(name, boards.size)] = logit
            else:
                logits[row] = planted
        return Evaluation(logits, values)

    def _look_up(self, board: Board) -> Answer | None:
        return self._answers.get(board) if isinstance(self._answers, Mapping) else self._answers(board)


def solved(size: int) -> Evaluator:
    """Return the evaluator that knows theory: value 1 or -1, logit 0 on winning moves and -20 on others; all alike when lost.

    Args:
        size: board size, of those that `rules.solver` covers. One thread at a time uses it; others wait.

    Raises:
        PositionError: a size that the solver does not cover.

    >>> solved(size=2)(Boards.empty(size=2, count=1))
    Evaluation(logits=array([[-20.,   0.,   0., -20.]], dtype=float32), values=array([1.], dtype=float32))
    """
    return _Solved(size)


class _Solved:
    def __init__(self, size: int) -> None:
        self._solver = Solver(size)

    def __call__(self, boards: Boards) -> Evaluation:
        winning = self._solver.winning_moves(boards)
        lost = np.count_nonzero(winning, axis=1) == 0
        logits = np.where(winning | lost[:, None], np.float32(0.0), np.float32(_LOSING_LOGIT))
        return Evaluation(logits, np.where(lost, np.float32(-1.0), np.float32(1.0)))

    def __repr__(self) -> str:
        return f"solved(size={self._solver.size})"


def ablated(evaluator: Evaluator, keep: str) -> Evaluator:
    """Return an evaluator with one of its two answers taken away, to see what the other is worth by itself.

    Args:
        evaluator: the evaluator to ask.
        keep: "policy" makes every position worth 0, "value" makes every move alike.

    Raises:
        ConfigError: another word.

    >>> ablated(solved(size=2), keep="value")(Boards.empty(size=2, count=1))
    Evaluation(logits=array([[0., 0., 0., 0.]], dtype=float32), values=array([1.], dtype=float32))
    """
    if keep not in ("policy", "value"):
        raise ConfigError(f"keep={keep!r}: choose 'policy' or 'value'")
    return _Ablated(evaluator, keep)


class _Ablated:
    def __init__(self, evaluator: Evaluator, keep: str) -> None:
        self._evaluator, self._keep = evaluator, keep

    def __call__(self, boards: Boards) -> Evaluation:
        logits, values = self._evaluator(boards)
        if self._keep == "policy":
            return Evaluation(logits, np.zeros_like(values))
        return Evaluation(np.zeros_like(logits), values)

    def __repr__(self) -> str:
        return f"ablated({self._evaluator!r}, keep={self._keep!r})"


def check_evaluator(evaluator: Evaluator, size: int, seed: int = 0, tolerance: float = 0.0) -> None:
    """Check that an evaluator keeps the promises of `hexlab.protocols.Evaluator`; raise `HexlabError` on the first it breaks.

    Args:
        evaluator: the evaluator to try.
        size: a board size that it covers.
        seed: for the random positions it is tried on.
        tolerance: how far the answer for a row may differ between batches; 0 asks for the same bits.

    Raises:
        HexlabError: naming the broken promise.

    >>> check_evaluator(uniform(), size=5)
    """
    boards = random_positions(check_size(size), 12, seed)
    before = boards.copy()
    logits, values = (np.array(answer) for answer in evaluator(boards))
    for part in ("cells", "turn", "winner"):
        if not np.array_equal(getattr(before, part), getattr(boards, part)):
            raise HexlabError(f"{evaluator!r} changed the {part} of the boards it was asked about")
    if logits.shape != boards.cells.shape or values.shape != boards.turn.shape:
        raise HexlabError(
            f"{evaluator!r} answered logits of shape {logits.shape} and values of shape {values.shape}:"
            f" expected {boards.cells.shape} and {boards.turn.shape}"
        )
    if logits.dtype != np.float32 or values.dtype != np.float32:
        raise HexlabError(f"{evaluator!r} answered {logits.dtype} logits and {values.dtype} values: expected float32")
    open_rows = ~boards.finished
    if not np.isfinite(logits[open_rows][boards.legal[open_rows]]).all():
        raise HexlabError(f"{evaluator!r} answered logits of legal moves that are not finite")
    if not (np.abs(values[open_rows]) <= 1).all():
        raise HexlabError(f"{evaluator!r} answered values outside [-1, 1]: {values[open_rows]}")
    order = np.arange(len(boards))[::-1]
    for what, rows in (("again", np.arange(len(boards))), ("in another order", order), ("without the others", order[:5])):
        again = evaluator(boards[rows])
        counted = {"logits": boards.legal[rows], "values": open_rows[rows]}  # what stands elsewhere means nothing
        for name, one, other in (("logits", logits[rows], again.logits), ("values", values[rows], again.values)):
            alike, kept = one.shape == np.shape(other), counted[name]
            if not alike or not (np.abs(one[kept] - np.asarray(other)[kept]) <= tolerance).all():
                raise HexlabError(f"{evaluator!r} answered other {name} when it was asked {what}")


def random_positions(size: int, count: int, seed: int = 0) -> Boards:
    """Return `count` positions after random moves: 0, 1, 2, ... of them, as far as the board goes; some may be finished.

    >>> random_positions(size=3, count=4).move_count.tolist()
    [0, 1, 2, 3]
    """
    if count < 1:
        raise PositionError(f"{count!r} positions: give a whole number from 1 up")
    boards = Boards.empty(size, count)
    generator = np.random.default_rng([seed, size])
    for ply in range(min(count - 1, size * size)):
        moves = np.full(count, -1)
        for row in range(ply + 1, count):
            legal = np.flatnonzero(boards.legal[row])
            if len(legal):
                moves[row] = generator.choice(legal)
        boards = boards.play(moves)
    return boards

"""Search over many boards at once: simulate, evaluate, back up."""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from hexlab.errors import ConfigError, HexlabError, PositionError
from hexlab.mcts import halving, kernels, regularizing
from hexlab.mcts.policies import Recipe, RootNoise, check_noise, checked_budgets, checked_seeds, puct
from hexlab.mcts.reuse import find_position, move_subtrees, plant_rest
from hexlab.mcts.tree import Tree, allocate_tree
from hexlab.protocols import Evaluation, Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board
from hexlab.rules.cells import cell_name, neighbor_table
from hexlab.rules.draws import derive_seeds

__all__ = ["Found", "SearchResult", "deepen", "run_search", "search"]


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        policy: float32[B, A], the improved policy, to learn: shares of the visits for `puct`, pi-bar for `regularized`, pi' for
            `gumbel`; the prior after one simulation. Sums to 1, 0 for illegal moves.
        best: int64[B], the move to play: the move that is left after sequential halving for `gumbel`, noise and all; the largest
            share of the policy for the others. Ties by the lowest cell.
        visits: int32[B, A], visits of the root's children. They add up to simulations - 1, less where a proof ended the search; with
            a tree that was kept, to simulations and the visits that the root's children had before.
        values: float32[B] in [-1, 1], the root's value after the search, for the side to move: the mean over its visits, which for
            `gumbel` would count moves that had to be tried as much as good ones; there it is the value of the policy pi'.
        raw_values: float32[B] in [-1, 1], the evaluator's own answer for the root.
        tree: the trees, in the memory that was handed in; the next search there overwrites them.
    """

    policy: np.ndarray
    best: np.ndarray
    visits: np.ndarray
    values: np.ndarray
    raw_values: np.ndarray
    tree: Tree


def run_search(
    boards: Boards,
    evaluator: Evaluator,
    simulations: int | np.ndarray,
    *,
    recipe: Recipe | None = None,
    seeds: np.ndarray,
    noise: RootNoise | None = None,
    tree: Tree | None = None,
    reuse: bool = False,
) -> SearchResult:
    """Search B positions of one size side by side.

    Every step adds one simulation to each tree, and asks the evaluator once for all of them. A board's result depends on its
    position, its budget and its seed alone. Runs on the caller's thread and lets other threads run: search several groups of
    boards from several threads, each with a tree of its own.

    Args:
        boards: B positions, none finished.
        evaluator: judges the leaves. It gets the same B rows in every step; rows of boards that idle, or whose leaf ends the game,
            hold an old or a finished position, and what is answered for them is ignored.
        simulations: evaluations a search, the root's included, from 1 up: one number, or int[B]. 1 gives the raw policy.
        recipe: `puct` (the default), `regularized` or `gumbel`.
        seeds: uint64[B], the only source of randomness: for root noise, for the draws of `regularized`, for the noise of `gumbel`.
        noise: noise on the root's prior; not with `gumbel`, which has its own.
        tree: memory from `allocate_tree` to use again, for at least B boards and the largest number of simulations.
        reuse: go on from what `tree` holds of a position already, after `advance` by the moves that were played. A budget counts new
            evaluations alone. A board whose tree has another root, or no room for the budget beside what it holds, starts
            afresh; so give the tree room for two or three budgets. Noise is mixed into the prior of a kept root too. Use one recipe
            throughout. Not with `gumbel`, whose halving shares out a root's first visits.

    Raises:
        PositionError: a finished game among the boards, or no board.
        ConfigError: simulations, seeds or a tree that do not fit, noise or reuse with `gumbel`, reuse without a tree.
        HexlabError: an evaluator that answers in a wrong shape, or with numbers that are not finite or out of range.

    >>> from hexlab import mcts
    >>> from hexlab.rules.draws import derive_seeds
    >>> found = mcts.run_search(Boards.empty(size=3, count=2), mcts.uniform(), 16, seeds=derive_seeds(0, count=2))
    >>> found.visits.sum(axis=1).tolist()
    [15, 15]
    """
    recipe = puct() if recipe is None else recipe
    count, size = len(boards), boards.size
    if count == 0:
        raise PositionError("no boards to search: give at least one")
    if boards.finished.any():
        board = int(np.flatnonzero(boards.finished)[0])
        raise PositionError(f"the game on board {board} is over: search takes unfinished games only")
    budgets = checked_budgets(simulations, count)
    draws = checked_seeds(seeds, count)
    steps = int(budgets.max())
    check_noise(recipe, noise)
    if recipe.name == "gumbel" and reuse:
        raise ConfigError("gumbel halves its moves from a root without visits: search without reuse, or by puct or regularized")
    if reuse and tree is None:
        raise ConfigError("reuse without a tree: give the tree of the search before")
    tree = allocate_tree(count, steps, size) if tree is None else _fitting(tree, count, steps, size)

    method = METHODS[recipe.name](recipe, count, size)
    leaves = boards.copy()
    scratch = kernels.allocate_scratch(size)
    where = budgets, leaves.cells, leaves.turn, leaves.winner, size, neighbor_table(size), scratch
    evaluation = Evaluation(np.zeros(leaves.cells.shape, np.float32), np.zeros(count, np.float32))
    fresh = np.ones(count, bool)
    if reuse:
        fresh = ~plant_rest(tree, leaves, budgets, draws, recipe.prove)
        _mix_noise(tree, scratch, ~fresh, noise)
    else:
        kernels.plant(tree, leaves.cells, leaves.turn, draws)
    for step in range(steps):
        wanted = method.walk_down(tree, step, *where)
        if wanted:
            evaluation = _checked_evaluation(evaluator(leaves), leaves)
        wrong = kernels.back_up(tree, *evaluation, recipe.prove)
        if wrong >= 0:
            raise HexlabError(_describe(wrong, *evaluation))
        if step == 0:
            method.start(tree)
            _mix_noise(tree, scratch, fresh, noise)

    policy = np.empty((count, size * size), np.float32)
    visits = np.empty((count, size * size), np.int32)
    searched = np.empty(count, np.float32)
    best = method.read(tree, scratch, policy, visits, searched)
    return SearchResult(policy, best, visits, searched, tree.nodes["raw"][:, 0].copy(), tree)


def _mix_noise(tree: Tree, scratch, chosen: np.ndarray, noise: RootNoise | None) -> None:
    if noise is not None:
        kernels.mix_noise(tree, scratch, chosen, float(noise.fraction), float(noise.concentration))


class _Method(Protocol):
    """The kernels of a recipe, with its constants."""

    def __init__(self, recipe: Recipe, count: int, size: int): ...

    def start(self, tree: Tree) -> None:
        """Come between the roots' evaluation and the second simulation."""

    def walk_down(self, tree: Tree, step: int, *where) -> int:
        """Lead every board to a leaf and return how many of them need the evaluator."""

    def read(self, tree: Tree, scratch, policy, visits, values) -> np.ndarray:
        """Write what was found and return the moves to play."""


class _Puct:
    def __init__(self, recipe: Recipe, count: int, size: int):
        self.constants = float(recipe.c), float(recipe.fpu_reduction), recipe.prove

    def start(self, tree: Tree) -> None:
        pass

    def walk_down(self, tree: Tree, step: int, *where) -> int:
        return kernels.walk_down(tree, step, *where, *self.constants)

    def read(self, tree: Tree, scratch, policy, visits, values) -> np.ndarray:
        kernels.read(tree, scratch, self.constants[-1], policy, visits, values)
        return policy.argmax(axis=1)


class _Regularized:
    def __init__(self, recipe: Recipe, count: int, size: int):
        self.constants = float(recipe.c), recipe.paper_lambda, recipe.prove
        self.rescale = recipe.rescale

    def start(self, tree: Tree) -> None:
        pass

    def walk_down(self, tree: Tree, step: int, *where) -> int:
        if step == 0 and not self.rescale:
            tree.span[:] = -1.0, 1.0  # for good: no evaluation lies beyond
        return regularizing.walk_down(tree, step, *where, *self.constants)

    def read(self, tree: Tree, scratch, policy, visits, values) -> np.ndarray:
        regularizing.read(tree, scratch, *self.constants, policy, visits, values)
        return policy.argmax(axis=1)


class _Gumbel:
    def __init__(self, recipe: Recipe, count: int, size: int):
        self.scale, self.considered = float(recipe.gumbel_scale), int(recipe.max_considered)
        self.constants = float(recipe.c_visit), float(recipe.c), recipe.rescale, recipe.prove
        self.scores = np.empty((count, size * size))

    def start(self, tree: Tree) -> None:
        halving.draw_scores(tree, self.scale, self.scores)

    def walk_down(self, tree: Tree, step: int, *where) -> int:
        return halving.walk_down(tree, step, *where, self.scores, self.considered, *self.constants)

    def read(self, tree: Tree, scratch, policy, visits, values) -> np.ndarray:
        best = np.empty(len(values), np.int64)
        halving.read(tree, scratch, self.scores, *self.constants, policy, visits, values, best)
        return best


METHODS: dict[str, type[_Method]] = {"puct": _Puct, "regularized": _Regularized, "gumbel": _Gumbel}


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search of one board found.

    Attributes:
        best: name of the move to play, as in `SearchResult`.
        value: the position's value after the search, in [-1, 1] for the side to move.
        visits: visits of each move that was tried, by name, most visited first.
        policy: share of each legal move in the improved policy, by name, in the order of cells.
        tree: the tree; ``print(found.tree.to_text(depth=2))`` shows it.
    """

    best: str
    value: float
    visits: dict[str, int]
    policy: dict[str, float]
    tree: Tree


def search(
    board: Board,
    evaluator: Evaluator,
    simulations: int = 400,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    tree: Tree | None = None,
) -> Found:
    """Search one position.

    Args:
        board: an unfinished game.
        evaluator: judges the positions of the tree: a network, `rollouts`, `uniform`.
        simulations: evaluations, the root's included.
        recipe: `puct` (the default), `regularized` or `gumbel`.
        seed: any integer; `regularized` draws its moves from it, `gumbel` its noise.
        tree: `Found.tree` of a search before. What it knows of this position, wherever it met it, is kept, and the simulations come
            on top; the tree itself stays as it is. Not with `gumbel`.

    Raises:
        PositionError: a finished game, or a tree of another board size.
        ConfigError: fewer than one simulation, or a tree for `gumbel`.

    >>> from hexlab import mcts
    >>> found = mcts.search(Board.from_moves("b2 a1", size=3), mcts.rollouts(games=32), simulations=200)
    >>> found.value > 0.5
    True
    """
    boards, seeds = Boards.from_board(board), derive_seeds(seed, count=1)
    memory = None if tree is None else _copy_known(tree, boards, int(checked_budgets(simulations, 1)[0]))
    result = run_search(boards, evaluator, simulations, recipe=recipe, seeds=seeds, tree=memory, reuse=memory is not None)
    return _find(board, result)


def deepen(
    board: Board,
    evaluator: Evaluator,
    simulations: int,
    *,
    step: int = 16,
    recipe: Recipe | None = None,
    seed: int = 0,
    tree: Tree | None = None,
) -> Iterator[Found]:
    """Search one position little by little: the caller stops when its time is up or it has seen enough.

    With `puct`, what is found after so many simulations is what `search` finds with them.

    Args:
        board: an unfinished game.
        evaluator: judges the positions of the tree.
        simulations: evaluations at most, the root's included; a proof of the root ends the search before.
        step: simulations between one result and the next.
        recipe: `puct` (the default) or `regularized`.
        seed: any integer; `regularized` draws its moves from it.
        tree: as for `search`; it stays as it is.

    Yields:
        What was found so far. The trees of all results share their memory: each is that of the latest.

    Raises:
        PositionError: as for `search`.
        ConfigError: fewer than one simulation or step, or `gumbel`.

    >>> from hexlab import mcts
    >>> [sum(found.visits.values()) for found in deepen(Board(3), mcts.uniform(), 20, step=8)]
    [7, 15, 19]
    """
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or step < 1:
        raise ConfigError(f"step={step!r}: give a whole number from 1 up")
    boards, left = Boards.from_board(board), int(checked_budgets(simulations, 1)[0])
    memory = allocate_tree(1, min(step, left), board.size) if tree is None else _copy_known(tree, boards, min(step, left))
    while left > 0:
        count = min(step, left)
        used = int(memory.used[0, 0])
        if used + count > memory.capacity:
            memory = _copy_known(memory, boards, used + count)
        seeds = derive_seeds(seed, left, count=1)
        yield _find(board, run_search(boards, evaluator, count, recipe=recipe, seeds=seeds, tree=memory, reuse=True))
        left = 0 if memory.nodes[0, 0]["status"] else left - count


def _find(board: Board, result: SearchResult) -> Found:
    """Return what the search of one board found, by names."""
    policy = result.policy[0]
    names = {cell: cell_name(cell, board.size) for cell in board.legal_moves.cells}
    return Found(
        best=names[int(result.best[0])],
        value=float(result.values[0]),
        visits={child.move: child.visits for child in result.tree.children()},
        policy={name: float(policy[cell]) for cell, name in names.items()},
        tree=result.tree,
    )


def _copy_known(tree: Tree, boards: Boards, simulations: int) -> Tree:
    """Return what a tree knows of a position in memory of its own, with room for more simulations."""
    if tree.size != boards.size:
        raise PositionError(f"a tree of size {tree.size} for a board of size {boards.size}: give the tree of a search of this game")
    node = find_position(tree, boards)
    memory = allocate_tree(1, int(tree.used[0, 0]) + simulations, boards.size)
    move_subtrees(tree.rows(0, 1), np.array([node]), memory)
    return memory


def _fitting(tree: Tree, count: int, steps: int, size: int) -> Tree:
    if tree.size != size or tree.boards < count or tree.capacity < steps:
        raise ConfigError(
            f"a tree for {tree.boards} boards of size {tree.size} and {tree.capacity} simulations does not hold {count} boards of"
            f" size {size} and {steps} simulations: allocate_tree({count}, {steps}, {size}) does"
        )
    return tree if tree.boards == count else tree.rows(0, count)


def _checked_evaluation(evaluation: Evaluation, leaves: Boards) -> Evaluation:
    """Return the answers as contiguous float32 arrays."""
    logits = np.ascontiguousarray(evaluation.logits, np.float32)
    values = np.ascontiguousarray(evaluation.values, np.float32)
    if logits.shape != leaves.cells.shape or values.shape != leaves.turn.shape:
        raise HexlabError(
            f"the evaluator answered logits of shape {logits.shape} and values of shape {values.shape} for {len(leaves)} boards:"
            f" expected {leaves.cells.shape} and {leaves.turn.shape}"
        )
    return Evaluation(logits, values)


def _describe(board: int, logits: np.ndarray, values: np.ndarray) -> str:
    return (
        f"the evaluator answered value {values[board]} and logits from {logits[board].min()} to {logits[board].max()} for board"
        f" {board}: expected finite logits and a value from -1 to 1"
    )

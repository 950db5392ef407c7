"""Search over many boards at once: simulate, evaluate, back up."""

import dataclasses

import numpy as np

from hexlab.errors import ConfigError, HexlabError, PositionError
from hexlab.mcts import kernels
from hexlab.mcts.policies import Recipe, RootNoise, checked_seeds, puct
from hexlab.mcts.tree import Tree, allocate_tree
from hexlab.protocols import Evaluation, Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board
from hexlab.rules.cells import cell_name, neighbor_table
from hexlab.rules.draws import derive_seeds

__all__ = ["Found", "SearchResult", "run_search", "search"]


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        policy: float32[B, A], the improved policy: shares of the visits for `puct`, pi-bar for `regularized`; the prior after one
            simulation. Sums to 1, 0 for illegal moves.
        visits: int32[B, A], visits of the root's children. They add up to simulations - 1, less where a proof ended the search.
        values: float32[B] in [-1, 1], the root's value after the search, for the side to move.
        raw_values: float32[B] in [-1, 1], the evaluator's own answer for the root.
        tree: the trees, in the memory that was handed in; the next search there overwrites them.
    """

    policy: np.ndarray
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
        recipe: `puct` (the default) or `regularized`.
        seeds: uint64[B], the only source of randomness: for root noise, and for the draws of `regularized`.
        noise: noise on the root's prior.
        tree: memory from `allocate_tree` to use again, for at least B boards and the largest number of simulations.

    Raises:
        PositionError: a finished game among the boards, or no board.
        ConfigError: simulations, seeds or a tree that do not fit.
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
    budgets = _checked_budgets(simulations, count)
    draws = checked_seeds(seeds, count)
    steps = int(budgets.max())
    tree = allocate_tree(count, steps, size) if tree is None else _fitting(tree, count, steps, size)

    rule = kernels.PUCT if recipe.name == "puct" else kernels.REGULARIZED
    c, reduction = float(recipe.c), float(recipe.fpu_reduction)
    leaves = boards.copy()
    neighbors = neighbor_table(size)
    kernels.plant(tree, leaves.cells, leaves.turn, draws)
    for step in range(steps):
        wanted = kernels.walk_down(
            tree, step, budgets, leaves.cells, leaves.turn, leaves.winner, size, neighbors, rule, c, reduction, recipe.paper_lambda,
            recipe.prove,
        )  # fmt: skip
        if wanted:
            evaluation = _checked_evaluation(evaluator(leaves), leaves)
        wrong = kernels.back_up(tree, *evaluation, recipe.prove)
        if wrong >= 0:
            raise HexlabError(_describe(wrong, *evaluation))
        if step == 0 and noise is not None:
            kernels.add_noise(tree, float(noise.fraction), float(noise.concentration))

    policy = np.empty((count, size * size), np.float32)
    visits = np.empty((count, size * size), np.int32)
    searched = np.empty(count, np.float32)
    kernels.read(tree, rule, c, recipe.paper_lambda, recipe.prove, policy, visits, searched)
    return SearchResult(policy, visits, searched, tree.raw.copy(), tree)


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search of one board found.

    Attributes:
        best: name of the move with the largest share of the policy, ties by the lowest cell.
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
) -> Found:
    """Search one position.

    Args:
        board: an unfinished game.
        evaluator: judges the positions of the tree: a network, `rollouts`, `uniform`.
        simulations: evaluations, the root's included.
        recipe: `puct` (the default) or `regularized`.
        seed: any integer; `regularized` draws its moves from it.

    Raises:
        PositionError: a finished game.
        ConfigError: fewer than one simulation.

    >>> from hexlab import mcts
    >>> found = mcts.search(Board.from_moves("b2 a1", size=3), mcts.rollouts(games=32), simulations=200)
    >>> found.value > 0.5
    True
    """
    result = run_search(Boards.from_board(board), evaluator, simulations, recipe=recipe, seeds=derive_seeds(seed, count=1))
    policy = result.policy[0]
    names = {cell: cell_name(cell, board.size) for cell in board.legal_moves.cells}
    return Found(
        best=names[int(policy.argmax())],
        value=float(result.values[0]),
        visits={child.move: child.visits for child in result.tree.children()},
        policy={name: float(policy[cell]) for cell, name in names.items()},
        tree=result.tree,
    )


def _checked_budgets(simulations, count: int) -> np.ndarray:
    budgets = np.asarray(simulations)
    if budgets.dtype.kind not in "iu" or budgets.shape not in ((), (count,)) or budgets.min() < 1:
        raise ConfigError(f"simulations={simulations!r} for {count} boards: give a whole number from 1 up, or one for each board")
    return np.ascontiguousarray(np.broadcast_to(budgets, count), np.int64)


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

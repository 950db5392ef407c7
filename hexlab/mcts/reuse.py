"""Going on from an earlier search: the subtree under the move that was played becomes the next tree.

A search spends its whole budget on new evaluations; what is kept comes on top. So N simulations a move cost the same with and without
what was kept, and search with it sees a tree that is larger by the visits of the kept root.
"""

import numpy as np

from hexlab.errors import ConfigError, IllegalMoveError
from hexlab.mcts import kernels
from hexlab.mcts.tree import EDGE, Tree
from hexlab.rules.batch import Boards
from hexlab.rules.kernels import compiled

__all__ = ["advance", "find_position", "move_subtrees", "plant_rest"]


def advance(tree: Tree, moves: np.ndarray) -> np.ndarray:
    """Make the subtree under the move that was played on each board that board's tree, in place.

    Then ``run_search(boards, ..., tree=tree, reuse=True)`` goes on from there. Advance by the opponent's reply in the same way.

    Args:
        tree: trees of searches, such as `SearchResult.tree`.
        moves: int[B], the cell that was played on each board; -1 leaves a board's tree as it is.

    Returns:
        int32[B], visits that the new roots have from the searches before; 0 where the move was never tried, and the board's tree is
        empty now.

    Raises:
        IllegalMoveError: a cell off the board.
        ConfigError: moves that are not one whole number a board.

    >>> from hexlab import mcts
    >>> from hexlab.rules.draws import derive_seeds
    >>> boards, seeds = Boards.empty(size=3, count=2), derive_seeds(0, count=2)
    >>> tree = mcts.allocate_tree(boards=2, simulations=128, size=3)
    >>> found = mcts.run_search(boards, mcts.uniform(), 64, seeds=seeds, tree=tree)
    >>> kept = mcts.advance(tree, found.best)
    >>> boards = boards.play(found.best)
    >>> again = mcts.run_search(boards, mcts.uniform(), 64, seeds=seeds, tree=tree, reuse=True)
    >>> bool((again.visits.sum(axis=1) == kept - 1 + 64).all())
    True
    """
    moves = np.asarray(moves)
    if moves.shape != (tree.boards,) or moves.dtype.kind not in "iu":
        raise ConfigError(f"moves of type {moves.dtype} and shape {moves.shape} for {tree.boards} trees: give one cell for each, or -1")
    off = (moves < -1) | (moves >= tree.size**2)
    if off.any():
        board = int(np.flatnonzero(off)[0])
        raise IllegalMoveError(f"move {moves[board]} on board {board} is off a board of size {tree.size}: give a cell, or -1")
    nodes = np.empty(tree.boards, np.int64)
    _find_children(tree, moves.astype(np.int64), nodes)
    move_subtrees(tree, nodes, tree)
    return np.where(tree.used[:, 0] > 0, tree.nodes["visits"][:, 0], 0).astype(np.int32)


def move_subtrees(source: Tree, nodes: np.ndarray, target: Tree) -> None:
    """Make the subtree under one node of each tree the tree of the same board in `target`, which may be `source` itself.

    Args:
        source: B trees.
        nodes: int64[B]; a node below 0 gives an empty tree.
        target: B trees with room for it.
    """
    places, edges = np.empty(source.capacity, np.int64), np.empty(4 * source.capacity, EDGE)
    _move_subtrees(source, nodes, target, places, edges)


def find_position(tree: Tree, boards: Boards) -> int:
    """Return the most visited node of the first tree with the first position of `boards`, ties by the oldest; -1 if there is none."""
    used = int(tree.used[0, 0])
    nodes = tree.nodes[0, :used]
    same = (nodes["turn"] == boards.turn[0]) & (tree.cells[0, :used] == boards.cells[0]).all(axis=1)
    return int(np.where(same, nodes["visits"], -1).argmax()) if same.any() else -1


def plant_rest(tree: Tree, boards: Boards, budgets: np.ndarray, draws: np.ndarray, prove: bool) -> np.ndarray:
    """Keep each tree whose root is its board's position, evaluated, and that has room for the budget; plant the others afresh.

    Returns:
        bool[B], which ones are kept.

    Raises:
        ConfigError: trees with proofs for a search without.
    """
    used, roots, span = tree.used.copy(), tree.nodes[:, 0].copy(), tree.span.copy()
    kept = (used[:, 0] > 0) & (used[:, 0] + budgets <= tree.capacity)
    kept &= (roots["turn"] == boards.turn) & (tree.cells[:, 0] == boards.cells).all(axis=1)
    kept &= roots["visits"] > 0  # an evaluator that failed leaves a root without
    if not prove:
        for board in np.flatnonzero(kept):
            if (tree.nodes["status"][board, : used[board, 0]] == kernels.WON).any():
                raise ConfigError(f"the tree of board {board} holds proofs: go on with a recipe that proves, or search without reuse")
    kernels.plant(tree, boards.cells, boards.turn, draws)
    tree.used[kept], tree.nodes[kept, 0], tree.span[kept] = used[kept], roots[kept], span[kept]
    return kept


@compiled
def _find_children(tree, moves, nodes):
    """Write the node that each board's move leads to: the root itself for -1, and -1 where nothing is known."""
    for board in range(len(moves)):
        nodes[board] = 0 if moves[board] < 0 and tree.used[board, 0] > 0 else -1
        if moves[board] < 0 or tree.used[board, 0] == 0:
            continue
        first = np.int64(tree.nodes[board, 0]["first"])
        for slot in range(first, first + tree.nodes[board, 0]["count"]):
            if tree.edges[board, slot]["move"] == moves[board]:
                nodes[board] = tree.edges[board, slot]["node"]


@compiled
def _move_subtrees(source, roots, target, places, edges):
    """Copy subtrees node by node in their old order: a node lies behind its parent, so none is overwritten before it is read.

    Args:
        source: see `hexlab.mcts.tree`.
        roots: int64[B], nodes of `source`, -1 for none.
        target: see `hexlab.mcts.tree`; may be `source`.
        places: int64[N], scratch: new index of each node, -1 for dropped ones.
        edges: EDGE[4 N], scratch: the kept edges, as edges may not be moved in place.
    """
    area = source.cells.shape[2]
    for board in range(len(roots)):
        root = roots[board]
        count = slots = np.int64(0)
        last = np.int64(source.used[board, 0]) if root >= 0 else np.int64(0)
        low, high = np.inf, -np.inf
        for old in range(root if root >= 0 else 0, last):
            parent = np.int64(source.nodes[board, old]["parent"])
            if old != root and (parent < root or places[parent] < 0):
                places[old] = -1
                continue
            places[old] = count
            target.nodes[board, count] = source.nodes[board, old]
            for cell in range(area):
                target.cells[board, count, cell] = source.cells[board, old, cell]
                target.untried[board, count, cell] = source.untried[board, old, cell]
            node = target.nodes[board, count]
            node["parent"] = places[parent] if old != root else -1
            node["slot"] = node["slot"] if old != root else -1
            black_value = np.float64(node["raw"]) if node["turn"] == 0 else -np.float64(node["raw"])
            low, high = min(low, black_value), max(high, black_value)
            first, room = np.int64(node["first"]), np.int64(0)
            node["first"] = slots
            for slot in range(np.int64(node["count"])):
                edges[slots + slot] = source.edges[board, first + slot]
                room = max(np.int64(2), 2 * room) if slot >= room else room
            slots += room
            count += 1
        for index in range(count):
            first = np.int64(target.nodes[board, index]["first"])
            for slot in range(first, first + target.nodes[board, index]["count"]):
                target.edges[board, slot] = edges[slot]
                target.edges[board, slot]["node"] = places[edges[slot]["node"]]
        target.used[board, 0], target.used[board, 1] = count, slots
        target.leaf[board] = -1
        target.span[board, 0], target.span[board, 1] = low, high

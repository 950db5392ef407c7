"""Compiled search by the regularized policy: what `regularized` does otherwise than PUCT in `hexlab.mcts.kernels`.

Bare arrays in, no checks. The arrays of `tree` are described in `hexlab.mcts.tree`, the formulas in `hexlab.mcts.policies`.
Arithmetic on values is in float64, in the order in which `hexlab.mcts.reference` does it, so that visits agree exactly.
"""

import math

import numpy as np

from hexlab.mcts.kernels import (
    NOT_EXPANDED,
    OPEN,
    SCANNED,
    VISITED,
    WON,
    add_child,
    expand,
    is_done,
    lay_out,
    normalize,
    read_visits,
    share_among_wins,
    sum_open,
)
from hexlab.rules.draws import uniform
from hexlab.rules.kernels import compiled, inner

__all__ = ["read", "walk_down"]

_NEWTON_STEPS = 200
_NEWTON_TOLERANCE = 1e-9


@compiled
def walk_down(tree, step, budgets, leaf_cells, leaf_turn, leaf_winner, size, neighbors, scratch, c, paper, prove):
    """Lead each board from its root to a leaf, as `hexlab.mcts.kernels.walk_down` does; `paper`: whether lambda is the paper's."""
    nodes = tree.nodes
    wanted = 0
    for board in range(nodes.shape[0]):
        if is_done(nodes, board, step, budgets, prove):
            tree.leaf[board] = -1
            continue
        index = np.int64(0)
        while nodes[board, index]["visits"] > 0 and nodes[board, index]["status"] == OPEN:
            if nodes[board, index]["open_move"] == NOT_EXPANDED:
                expand(tree, board, index, scratch)
            child, move = _draw_move(tree, board, index, c, paper, prove)
            tree.work[board, VISITED] += 1
            index = child if child >= 0 else add_child(tree, board, index, move, size, neighbors, scratch)
        wanted += lay_out(tree, board, index, leaf_cells, leaf_turn, leaf_winner)
    return wanted


@inner
def _draw_move(tree, board, index, c, paper, prove):
    """Draw (child, move) from the regularized policy: edges newest first, then untried moves by cell."""
    edges, untried, span, node = tree.edges, tree.untried, tree.span, tree.nodes[board, index]
    weight, top, offset = _regularize(tree, board, index, c, paper, prove)
    rest = uniform(tree.draws, board)
    last_child, last_move = np.int64(-1), np.int64(-1)
    first, count = np.int64(node["first"]), np.int64(node["count"])
    tree.work[board, SCANNED] += count
    for back in range(1, count + 1):
        edge = edges[board, first + count - back]
        if not (prove and edge["status"] == WON):
            last_child, last_move = np.int64(edge["node"]), np.int64(edge["move"])
            rest -= weight * edge["prior"] / (offset + (top - _scaled(-edge["value"], node["turn"], span, board)))
            if rest < 0.0:
                return last_child, last_move
    share = weight / (offset + (top - _scaled(node["value"], node["turn"], span, board)))
    tree.work[board, SCANNED] += untried.shape[2]
    for cell in range(untried.shape[2]):
        if untried[board, index, cell] >= 0.0:
            last_child, last_move = np.int64(-1), np.int64(cell)
            rest -= share * untried[board, index, cell]
            if rest < 0.0:
                break
    return last_child, last_move


@compiled
def _regularize(tree, board, index, c, paper, prove):
    """Solve the regularized policy of a node: pi_bar(a) = lambda * P(a) / (offset + (top - q(a))).

    `top` is the largest q, so that ``alpha = top + offset`` keeps its precision however small the prior of the best move is. The
    sum of pi_bar is convex and falls in the offset: Newton's method starts from the left, where the sum is at least 1, and never
    passes the root. Untried moves share one q and enter as one term. At worst the offset doubles some 140 times.

    Returns:
        (lambda, top, offset); the prior itself where no child has been visited.
    """
    edges, span, node = tree.edges, tree.span, tree.nodes[board, index]
    child_visits = node["visits"] - 1
    if child_visits == 0:
        return 1.0, _scaled(node["value"], node["turn"], span, board), 1.0
    open_mass = sum_open(tree, board, index)
    turn = node["turn"]
    growth = float(child_visits) if paper else math.sqrt(float(child_visits))
    weight = c * growth / (child_visits + node["legal"])
    open_q = _scaled(node["value"], turn, span, board)
    top = open_q if open_mass > 0.0 else 0.0
    first, count = np.int64(node["first"]), np.int64(node["count"])
    for back in range(1, count + 1):
        edge = edges[board, first + count - back]
        if not (prove and edge["status"] == WON):
            top = max(top, _scaled(-edge["value"], turn, span, board))
    offset = weight * open_mass - (top - open_q) if open_mass > 0.0 else 0.0
    for back in range(1, count + 1):
        edge = edges[board, first + count - back]
        if not (prove and edge["status"] == WON):
            offset = max(offset, weight * edge["prior"] - (top - _scaled(-edge["value"], turn, span, board)))
    tree.work[board, SCANNED] += 2 * count
    for _ in range(_NEWTON_STEPS):
        tree.work[board, SCANNED] += count
        total, slope = 0.0, 0.0
        if open_mass > 0.0:
            gap = offset + (top - open_q)
            total = weight * open_mass / gap
            slope = total / gap
        for back in range(1, count + 1):
            edge = edges[board, first + count - back]
            if not (prove and edge["status"] == WON):
                gap = offset + (top - _scaled(-edge["value"], turn, span, board))
                term = weight * edge["prior"] / gap
                total += term
                slope += term / gap
        if total - 1.0 <= _NEWTON_TOLERANCE:
            break
        offset += (total - 1.0) / slope
    return weight, top, offset


@inner
def _scaled(value, turn, span, board):
    """Scale a value, seen by `turn`, to [0, 1] by the range of its tree."""
    low, high = span[board, 0], span[board, 1]
    if high <= low:
        return 0.0
    return (value - low) / (high - low) if turn == 0 else (value + high) / (high - low)


@compiled
def read(tree, scratch, c, paper, prove, policy, visits, values):
    """Write what each search found, as `hexlab.mcts.kernels.read` does."""
    nodes, edges, untried, span = tree.nodes, tree.edges, tree.untried, tree.span
    for board in range(nodes.shape[0]):
        root = nodes[board, 0]
        if root["open_move"] == NOT_EXPANDED:
            expand(tree, board, 0, scratch)
        values[board] = root["value"]
        avoid = prove and root["status"] == OPEN  # moves proven to lose; in a lost root all moves count
        tried = read_visits(nodes, edges, board, avoid, visits)
        if prove and root["status"] == WON:
            share_among_wins(nodes, edges, board, policy)
        else:
            weight, top, offset = 1.0, 0.0, 0.0
            if tried > 0:
                weight, top, offset = _regularize(tree, board, 0, c, paper, avoid)
            _share_by_weight(nodes, edges, untried, span, board, avoid, weight, top, offset, policy)
        normalize(policy, board)


@inner
def _share_by_weight(nodes, edges, untried, span, board, avoid, weight, top, offset, policy):
    """Write weight * P / (offset + (top - q)); an offset of 0 stands for the prior itself."""
    root = nodes[board, 0]
    gap = offset + (top - _scaled(root["value"], root["turn"], span, board)) if offset > 0.0 else 1.0
    for cell in range(policy.shape[1]):
        policy[board, cell] = weight * untried[board, 0, cell] / gap if untried[board, 0, cell] >= 0.0 else 0.0
    first = np.int64(root["first"])
    for slot in range(first, first + root["count"]):
        edge = edges[board, slot]
        gap = offset + (top - _scaled(-edge["value"], root["turn"], span, board)) if offset > 0.0 else 1.0
        policy[board, edge["move"]] = 0.0 if avoid and edge["status"] == WON else weight * edge["prior"] / gap

"""Compiled search by Gumbel noise and sequential halving: what `gumbel` does otherwise than PUCT in `hexlab.mcts.kernels`.

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
    look_up,
    normalize,
    read_visits,
    share_among_wins,
    sum_open,
)
from hexlab.rules.draws import uniform
from hexlab.rules.kernels import compiled, inner

__all__ = ["draw_scores", "read", "scheduled_visits", "walk_down"]

_SMALLEST_RANGE = 1e-8


@compiled
def draw_scores(tree, scale, scores):
    """Write logit + scale * Gumbel noise for the moves of every root, -inf for occupied cells.

    To be called between the roots' evaluation and their first child. A scale of 0 draws nothing.

    Args:
        tree: see `hexlab.mcts.tree`.
        scale: `gumbel_scale`.
        scores: float64[B, A], written.
    """
    for board in range(scores.shape[0]):
        for cell in range(scores.shape[1]):
            logit = np.float64(tree.untried[board, 0, cell])
            if scale > 0.0 and logit > -np.inf:
                logit += scale * _draw_gumbel(tree.draws, board)
            scores[board, cell] = logit


@compiled
def _draw_gumbel(draws, board):
    """Draw from the standard Gumbel distribution: -log(-log(u))."""
    u = 0.0
    while u == 0.0:
        u = uniform(draws, board)
    return -math.log(-math.log(u))


@compiled
def scheduled_visits(considered, visits, index):
    """Return how many visits a move must have to get the next one: the schedule of sequential halving.

    In a round the moves still considered get the same number of visits, in turns; then the better half of them goes on, and at
    least two do. Source: Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013.

    Args:
        considered: moves that enter the first round.
        visits: visits of the root's children that there are to give.
        index: how many of them are given already.
    """
    if considered < 2:
        return index
    rounds = 0
    while 1 << rounds < considered:
        rounds += 1
    width, before = considered, 0
    while True:
        extra = max(1, visits // (rounds * width))
        if index < extra * width:
            return before + index // width
        index -= extra * width
        before += extra
        width = max(2, width // 2)


@compiled
def walk_down(
    tree, step, budgets, leaf_cells, leaf_turn, leaf_winner, size, neighbors, scratch, scores, considered, c_visit, c_scale, rescale, prove
):
    """Lead each board from its root to a leaf, as `hexlab.mcts.kernels.walk_down` does.

    Args beside those of that walk:
        scores: float64[B, A] of `draw_scores`; read from step 1 on.
        considered: `max_considered`.
        c_visit: constant of sigma.
        c_scale: constant of sigma.
        rescale: whether a node's values are scaled to [0, 1].
    """
    nodes, edges, bits = tree.nodes, tree.edges, tree.untried.view(np.int32)
    wanted = 0
    for board in range(nodes.shape[0]):
        if is_done(nodes, board, step, budgets, prove):
            tree.leaf[board] = -1
            continue
        index = np.int64(0)
        while nodes[board, index]["visits"] > 0 and nodes[board, index]["status"] == OPEN:
            if nodes[board, index]["open_move"] == NOT_EXPANDED:
                expand(tree, board, index, scratch)
            look_up(tree, bits, board, index)
            tree.work[board, VISITED] += 1
            tree.work[board, SCANNED] += 3 * nodes[board, index]["count"]  # to weigh, to share and to choose
            _, mixed, highest, weight = _weigh(nodes, edges, board, index, c_visit, c_scale, rescale, prove)
            if index == 0:
                visits = budgets[board] - 1
                child, move = _pick_by_halving(tree, board, scores, visits, considered, highest, weight, prove)
            else:
                child, move = _pick_most_missed(tree, board, index, mixed, highest, weight, scratch[2], prove)
            index = child if child >= 0 else add_child(tree, board, index, move, size, neighbors, scratch)
        wanted += lay_out(tree, board, index, leaf_cells, leaf_turn, leaf_winner)
    return wanted


@inner
def _weigh(nodes, edges, board, index, c_visit, c_scale, rescale, avoid):
    """Complete the values of a node whose `open_move` is looked up; moves to be avoided count as occupied cells.

    Returns:
        (most, mixed, highest, weight): the largest number of visits of a child, v_mix, the highest completed value, and the factor
        that turns differences of values into differences of sigma.
    """
    node = nodes[board, index]
    most, visits = np.int64(0), np.int64(0)
    raw, mass, weighted = np.float64(node["raw"]), 0.0, 0.0
    lowest, highest = np.inf, -np.inf
    first = np.int64(node["first"])
    for slot in range(first, first + node["count"]):
        edge = edges[board, slot]
        if not (avoid and edge["status"] == WON):
            q = -edge["value"]
            most = max(most, np.int64(edge["visits"]))
            visits += edge["visits"]
            mass += edge["prior"]
            weighted += edge["prior"] * q
            lowest, highest = min(lowest, q), max(highest, q)
    mixed = (raw + visits * (weighted / mass)) / (visits + 1) if visits > 0 else raw
    if node["open_move"] >= 0:
        lowest, highest = min(lowest, mixed), max(highest, mixed)
    weight = (c_visit + most) * c_scale
    if rescale:
        weight /= max(highest - lowest, _SMALLEST_RANGE)
    return most, mixed, highest, weight


@inner
def _pick_by_halving(tree, board, scores, visits, considered, highest, weight, prove):
    """Return (child, move) of the root: the largest score among the moves with as many visits as the schedule says.

    The first visits go to the untried moves with the largest scores: draws from the prior without replacement. Where no move has
    as many visits, as the others are proven to lose, the next best of those dropped before comes back.
    """
    edges, root = tree.edges, tree.nodes[board, 0]
    scheduled = scheduled_visits(min(considered, np.int64(root["legal"])), visits, np.int64(root["visits"]) - 1)
    below, above = np.int64(0 if root["open_move"] >= 0 else -1), np.int64(2**31)
    first = np.int64(root["first"])
    for slot in range(first, first + root["count"]):
        edge = edges[board, slot]
        if not (prove and edge["status"] == WON):
            if edge["visits"] <= scheduled:
                below = max(below, np.int64(edge["visits"]))
            else:
                above = min(above, np.int64(edge["visits"]))
    return _find_best(tree, board, scores, below if below >= 0 else above, highest, weight, prove)


@inner
def _find_best(tree, board, scores, visits, highest, weight, avoid):
    """Return (child, move) with the largest score plus sigma among the root's moves with this many visits, ties by the lowest cell."""
    nodes, edges, untried = tree.nodes, tree.edges, tree.untried
    best_child, best_move, best_score = np.int64(-1), np.int64(-1), -np.inf
    if visits == 0:
        tree.work[board, SCANNED] += untried.shape[2]
        for cell in range(untried.shape[2]):
            if untried[board, 0, cell] >= 0.0 and (best_move < 0 or scores[board, cell] > best_score):
                best_move, best_score = np.int64(cell), scores[board, cell]
        return best_child, best_move
    first = np.int64(nodes[board, 0]["first"])
    for slot in range(first, first + nodes[board, 0]["count"]):
        edge = edges[board, slot]
        if edge["visits"] == visits and not (avoid and edge["status"] == WON):
            move = np.int64(edge["move"])
            score = scores[board, move] + weight * (-edge["value"] - highest)
            if best_move < 0 or score > best_score or (score == best_score and move < best_move):
                best_child, best_move, best_score = np.int64(edge["node"]), move, score
    return best_child, best_move


@inner
def _pick_most_missed(tree, board, index, mixed, highest, weight, terms, prove):
    """Return (child, move) whose share of the visits is farthest below its share of pi', ties by the lowest cell."""
    edges, node = tree.edges, tree.nodes[board, index]
    total, visits = 0.0, np.int64(0)
    best_child, best_move, best_score = np.int64(-1), np.int64(node["open_move"]), -np.inf
    factor = 0.0
    if best_move >= 0:
        factor = math.exp(weight * (mixed - highest))
        total = factor * sum_open(tree, board, index)
    first = np.int64(node["first"])
    for slot in range(first, first + node["count"]):
        edge = edges[board, slot]
        if not (prove and edge["status"] == WON):
            terms[slot - first] = edge["prior"] * math.exp(weight * (-edge["value"] - highest))
            total += terms[slot - first]
            visits += edge["visits"]
    if best_move >= 0:
        best_score = factor * node["open_prior"] / total
    for slot in range(first, first + node["count"]):
        edge = edges[board, slot]
        if not (prove and edge["status"] == WON):
            score = terms[slot - first] / total - edge["visits"] / (1 + visits)
            move = np.int64(edge["move"])
            if score > best_score or (score == best_score and move < best_move):
                best_child, best_move, best_score = np.int64(edge["node"]), move, score
    return best_child, best_move


@compiled
def read(tree, scratch, scores, c_visit, c_scale, rescale, prove, policy, visits, values, best):
    """Write what each search found.

    Args:
        tree: see `hexlab.mcts.tree`.
        scratch: from `hexlab.mcts.kernels.allocate_scratch`.
        scores: float64[B, A] of `draw_scores`.
        c_visit: constant of sigma.
        c_scale: constant of sigma.
        rescale: whether a node's values are scaled to [0, 1].
        prove: whether wins and losses are exact.
        policy: float32[B, A], written.
        visits: int32[B, A], written: visits of the root's children.
        values: float32[B], written: mean of the root's completed values under pi', for the side to move.
        best: int64[B], written: the move that is left after the last round; of a won root the first winning move.
    """
    nodes, edges, untried, bits = tree.nodes, tree.edges, tree.untried, tree.untried.view(np.int32)
    for board in range(nodes.shape[0]):
        root = nodes[board, 0]
        if root["open_move"] == NOT_EXPANDED:
            expand(tree, board, 0, scratch)
        look_up(tree, bits, board, 0)
        avoid = prove and root["status"] == OPEN  # moves proven to lose; in a lost root all moves count
        read_visits(nodes, edges, board, avoid, visits)
        most, mixed, highest, weight = _weigh(nodes, edges, board, 0, c_visit, c_scale, rescale, avoid)
        best[board] = _find_best(tree, board, scores, most, highest, weight, avoid)[1]
        if prove and root["status"] == WON:
            share_among_wins(nodes, edges, board, policy)
            best[board] = np.argmax(policy[board])
        else:
            _share_improved(nodes, edges, untried, board, mixed, highest, weight, avoid, policy)
        normalize(policy, board)
        decided = prove and root["status"] != OPEN
        values[board] = root["value"] if decided else _average(nodes, edges, board, mixed, avoid, policy)


@inner
def _average(nodes, edges, board, mixed, avoid, policy):
    """Return the mean of the root's completed values under pi'."""
    mean = mixed
    first = np.int64(nodes[board, 0]["first"])
    for slot in range(first, first + nodes[board, 0]["count"]):
        edge = edges[board, slot]
        if not (avoid and edge["status"] == WON):
            mean += policy[board, edge["move"]] * (-edge["value"] - mixed)
    return min(1.0, max(-1.0, mean))  # the policy sums to 1 but for rounding


@inner
def _share_improved(nodes, edges, untried, board, mixed, highest, weight, avoid, policy):
    """Write pi' of the root up to a factor: prior * exp(sigma - the largest sigma)."""
    factor = math.exp(weight * (mixed - highest)) if nodes[board, 0]["open_move"] >= 0 else 0.0
    for cell in range(policy.shape[1]):
        policy[board, cell] = factor * untried[board, 0, cell] if untried[board, 0, cell] >= 0.0 else 0.0
    first = np.int64(nodes[board, 0]["first"])
    for slot in range(first, first + nodes[board, 0]["count"]):
        edge = edges[board, slot]
        shut = avoid and edge["status"] == WON
        policy[board, edge["move"]] = 0.0 if shut else edge["prior"] * math.exp(weight * (-edge["value"] - highest))

"""Compiled search: plant the roots, walk down, back up, read the result. Serial over one group of boards; threads belong to the caller.

Bare arrays in, no checks. The arrays of `tree` are described in `hexlab.mcts.tree`, the formulas in `hexlab.mcts.policies`.
Arithmetic on values is in float64, in the order in which `hexlab.mcts.reference` does it, so that visits agree exactly.
"""

import math

import numba
import numpy as np

from hexlab.rules.draws import uniform
from hexlab.rules.kernels import EMPTY, place

__all__ = ["PADDING", "PUCT", "REGULARIZED", "add_noise", "back_up", "draw_dirichlet", "plant", "read", "softmax", "walk_down"]

PUCT = 0
REGULARIZED = 1
PADDING = 32
WON, OPEN, LOST = 1, 0, -1

_NOT_LOOKED_UP = -2
_NOT_EXPANDED = -3
_NEWTON_STEPS = 200
_NEWTON_TOLERANCE = 1e-9
_SMALLEST_PRIOR = np.float32(1e-38)
_LOWEST_KEY = np.int32(-(2**31))
_MANTISSA = np.int32(0x7FFFFFFF)
# exp(x) = 2^k exp(r): ln 2 in two parts (Cody and Waite, 1980), then the Taylor series of exp(r) for |r| < 0.35, good to 1.2e-7.
_LOG2_E = np.float32(1.0 / math.log(2.0))
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(math.log(2.0) - 0.693359375)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_NOTHING = np.float32(-np.inf)
_FLOOR = np.float32(-80.0)  # exp(-80) over at most 361 moves is no subnormal number: those are slow
_E2, _E3, _E4, _E5, _E6 = (np.float32(1.0 / math.factorial(k)) for k in range(2, 7))

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def plant(tree, root_cells, root_turn, draws):
    """Make each board's position the root of its tree, unvisited."""
    area = root_cells.shape[1]
    for board in range(root_cells.shape[0]):
        legal = 0
        for cell in range(area):
            tree.cells[board, 0, cell] = root_cells[board, cell]
            legal += root_cells[board, cell] == EMPTY
        _clear(tree.nodes[board, 0], -1, -1, np.float32(1.0), legal, root_turn[board], OPEN)
        tree.used[board] = 1
        tree.leaf[board] = -1
        tree.span[board, 0] = np.inf
        tree.span[board, 1] = -np.inf
        tree.draws[board] = draws[board]


@_compiled
def _clear(node, parent, action, prior, legal, turn, status):
    """Set up a node that has not been visited."""
    node["total"] = 0.0
    node["value"] = 0.0
    node["tried"] = 0.0
    node["prior"] = prior
    node["visits"] = 0
    node["parent"] = parent
    node["child"] = -1
    node["sibling"] = -1
    node["action"] = action
    node["open_mass"] = _NOT_LOOKED_UP
    node["open_move"] = _NOT_EXPANDED
    node["legal"] = legal
    node["refuted"] = 0
    node["turn"] = turn
    node["status"] = status


@_compiled
def walk_down(tree, step, budgets, leaf_cells, leaf_turn, leaf_winner, size, neighbors, rule, c, reduction, paper, prove):
    """Lead each board from its root to a leaf, adding one node, and lay the leaf out for the evaluator.

    A board idles (leaf -1) once `step` has reached its budget, or once its root is proven. At step 0 the leaf is the root.

    Args:
        tree: see `hexlab.mcts.tree`.
        step: simulations already run.
        budgets: int64[B].
        leaf_cells: uint8[B, A], written.
        leaf_turn: int8[B], written.
        leaf_winner: int8[B], written: -1, or the color that has won the leaf.
        size: board size n.
        neighbors: int16[A, 6].
        rule: PUCT or REGULARIZED.
        c: weight of the prior.
        reduction: PUCT: `fpu_reduction`.
        paper: REGULARIZED: whether lambda is the paper's.
        prove: whether wins and losses are exact.

    Returns:
        Number of leaves that need the evaluator.
    """
    nodes, cells, untried, bits = tree.nodes, tree.cells, tree.untried, tree.untried.view(np.int32)
    used, leaf, span, draws = tree.used, tree.leaf, tree.span, tree.draws
    stack = np.empty(size * size, np.int16)
    scratch = _allocate_scratch(size * size)
    wanted = 0
    for board in range(nodes.shape[0]):
        if step >= budgets[board] or (prove and nodes[board, 0]["status"] != OPEN):
            leaf[board] = -1
            continue
        index = 0
        while nodes[board, index]["visits"] > 0 and nodes[board, index]["status"] == OPEN:
            if nodes[board, index]["open_move"] == _NOT_EXPANDED:
                _expand(nodes, untried, board, index, scratch)
            if rule == PUCT:
                child, move = _pick_largest(nodes, untried, bits, board, index, c, reduction, prove)
            else:
                child, move = _draw_move(nodes, untried, span, draws, board, index, c, paper, prove)
            if child < 0:
                child = np.int64(used[board])
                used[board] += 1
                _add_child(nodes, cells, untried, board, index, move, child, size, neighbors, stack)
            index = child
        node = nodes[board, index]
        for cell in range(cells.shape[2]):
            leaf_cells[board, cell] = cells[board, index, cell]
        leaf_turn[board] = node["turn"]
        leaf_winner[board] = 1 - node["turn"] if node["status"] == LOST else -1
        leaf[board] = index
        wanted += node["status"] == OPEN
    return wanted


@_compiled
def _allocate_scratch(area):
    """Return the scratch of `softmax`."""
    padded = (area + PADDING - 1) // PADDING * PADDING
    terms, scales = np.empty(padded, np.float32), np.empty(padded, np.float32)
    return terms, terms.view(np.int32), scales, scales.view(np.int32)


@_compiled
def _expand(nodes, untried, board, index, scratch):
    """Turn the logits of a node into priors."""
    softmax(untried[board, index], *scratch)
    nodes[board, index]["open_move"] = _NOT_LOOKED_UP


@_compiled
def _add_child(nodes, cells, untried, board, parent, move, child, size, neighbors, stack):
    """Play `move` at a node: fill in node `child`, not yet visited."""
    for cell in range(cells.shape[2]):
        cells[board, child, cell] = cells[board, parent, cell]
    above = nodes[board, parent]
    won = place(cells[board, child], move, above["turn"], size, neighbors, stack)
    prior = untried[board, parent, move]
    node = nodes[board, child]
    _clear(node, parent, move, prior, above["legal"] - 1, 1 - above["turn"], LOST if won else OPEN)
    node["sibling"] = above["child"]
    above["child"] = child
    above["tried"] += prior
    above["open_move"] = _NOT_LOOKED_UP
    above["open_mass"] = _NOT_LOOKED_UP
    untried[board, parent, move] = -1.0


@_compiled
def _pick_largest(nodes, untried, bits, board, index, c, reduction, prove):
    """Return (child, move) with the largest Q + U; child is -1 where the move is untried."""
    node = nodes[board, index]
    if node["open_move"] == _NOT_LOOKED_UP:
        node["open_move"] = _find_largest(bits, board, index)
    scale = c * math.sqrt(float(node["visits"]))
    best_child, best_move = np.int64(-1), np.int64(node["open_move"])
    best_score, best_prior = -np.inf, np.float32(-1.0)
    if best_move >= 0:
        best_prior = untried[board, index, best_move]
        best_score = node["value"] - reduction * math.sqrt(node["tried"]) + scale * best_prior
    child = np.int64(node["child"])
    while child >= 0:
        other = nodes[board, child]
        if not (prove and other["status"] == WON):
            prior = other["prior"]
            score = -other["value"] + scale * prior / (1 + other["visits"])
            if score >= best_score:
                move = np.int64(other["action"])
                if score > best_score or prior > best_prior or (prior == best_prior and move < best_move):
                    best_child, best_move, best_score, best_prior = child, move, score, prior
        child = np.int64(other["sibling"])
    return best_child, best_move


@_compiled
def _find_largest(bits, board, index):
    """Return the untried move with the largest prior, ties by the lowest cell; -1 for none.

    Priors are not negative, so they order like their bits: a maximum over integers is one that LLVM turns into vector code.
    """
    area = bits.shape[2]
    largest = np.int32(-1)
    for cell in range(area):
        largest = max(largest, bits[board, index, cell])
    if largest < 0:
        return -1
    move = np.int32(area)
    for cell in range(area):
        move = min(move, np.int32(cell) if bits[board, index, cell] == largest else np.int32(area))
    return move


@_compiled
def _draw_move(nodes, untried, span, draws, board, index, c, paper, prove):
    """Draw (child, move) from the regularized policy: children newest first, then untried moves by cell."""
    node = nodes[board, index]
    weight, top, offset = _regularize(nodes, untried, span, board, index, c, paper, prove)
    rest = uniform(draws, board)
    last_child, last_move = np.int64(-1), np.int64(-1)
    child = np.int64(node["child"])
    while child >= 0:
        other = nodes[board, child]
        if not (prove and other["status"] == WON):
            last_child, last_move = child, np.int64(other["action"])
            rest -= weight * other["prior"] / (offset + (top - _scaled(-other["value"], node["turn"], span, board)))
            if rest < 0.0:
                return last_child, last_move
        child = np.int64(other["sibling"])
    share = weight / (offset + (top - _scaled(node["value"], node["turn"], span, board)))
    for cell in range(untried.shape[2]):
        if untried[board, index, cell] >= 0.0:
            last_child, last_move = np.int64(-1), np.int64(cell)
            rest -= share * untried[board, index, cell]
            if rest < 0.0:
                break
    return last_child, last_move


@_compiled
def _regularize(nodes, untried, span, board, index, c, paper, prove):
    """Solve the regularized policy of a node: pi_bar(a) = lambda * P(a) / (offset + (top - q(a))).

    `top` is the largest q, so that ``alpha = top + offset`` keeps its precision however small the prior of the best move is. The
    sum of pi_bar is convex and falls in the offset: Newton's method starts from the left, where the sum is at least 1, and never
    passes the root. Untried moves share one q and enter as one term. At worst the offset doubles some 140 times.

    Returns:
        (lambda, top, offset); the prior itself where no child has been visited.
    """
    node = nodes[board, index]
    child_visits = node["visits"] - 1
    if child_visits == 0:
        return 1.0, _scaled(node["value"], node["turn"], span, board), 1.0
    if node["open_mass"] == _NOT_LOOKED_UP:
        open_mass = 0.0
        for cell in range(untried.shape[2]):
            if untried[board, index, cell] >= 0.0:
                open_mass += untried[board, index, cell]
        node["open_mass"] = open_mass
    open_mass = node["open_mass"]
    turn = node["turn"]
    growth = float(child_visits) if paper else math.sqrt(float(child_visits))
    weight = c * growth / (child_visits + node["legal"])
    open_q = _scaled(node["value"], turn, span, board)
    top = open_q if open_mass > 0.0 else 0.0
    child = np.int64(node["child"])
    while child >= 0:
        other = nodes[board, child]
        if not (prove and other["status"] == WON):
            top = max(top, _scaled(-other["value"], turn, span, board))
        child = np.int64(other["sibling"])
    offset = weight * open_mass - (top - open_q) if open_mass > 0.0 else 0.0
    child = np.int64(node["child"])
    while child >= 0:
        other = nodes[board, child]
        if not (prove and other["status"] == WON):
            offset = max(offset, weight * other["prior"] - (top - _scaled(-other["value"], turn, span, board)))
        child = np.int64(other["sibling"])
    for _ in range(_NEWTON_STEPS):
        total, slope = 0.0, 0.0
        if open_mass > 0.0:
            gap = offset + (top - open_q)
            total = weight * open_mass / gap
            slope = total / gap
        child = np.int64(node["child"])
        while child >= 0:
            other = nodes[board, child]
            if not (prove and other["status"] == WON):
                gap = offset + (top - _scaled(-other["value"], turn, span, board))
                term = weight * other["prior"] / gap
                total += term
                slope += term / gap
            child = np.int64(other["sibling"])
        if total - 1.0 <= _NEWTON_TOLERANCE:
            break
        offset += (total - 1.0) / slope
    return weight, top, offset


@_compiled
def _scaled(value, turn, span, board):
    """Scale a value, seen by `turn`, to [0, 1] by the range of its tree."""
    low, high = span[board, 0], span[board, 1]
    if high <= low:
        return 0.0
    return (value - low) / (high - low) if turn == 0 else (value + high) / (high - low)


@_compiled
def softmax(row, terms, term_bits, scales, scale_bits):
    """Turn logits into probabilities in place; -inf, the mark of an occupied cell, becomes -1.

    Written as loops that LLVM turns into vector code, over padded scratch so that no remainder runs cell by cell, and with a sum
    that folds in a fixed order: the same bits on every processor.

    Args:
        row: float32[A], at least one of them finite.
        terms: float32[P], scratch, with P the next multiple of `PADDING` from A up.
        term_bits: int32[P], the same memory as `terms`.
        scales: float32[P], scratch.
        scale_bits: int32[P], the same memory as `scales`.
    """
    area, padded = len(row), len(terms)
    for cell in range(area):
        terms[cell] = row[cell]
    for cell in range(area, padded):
        terms[cell] = _NOTHING
    # The largest logit; floats order like their bits once those of negative ones are flipped.
    key = _LOWEST_KEY
    for cell in range(padded):
        key = max(key, np.int32(term_bits[cell] ^ (np.int32(term_bits[cell] >> np.int32(31)) & _MANTISSA)))
    scale_bits[0] = key ^ ((key >> np.int32(31)) & _MANTISSA)
    largest = scales[0]
    for cell in range(padded):
        x = terms[cell] - largest
        x = _FLOOR if x < _FLOOR else x
        k = np.int32(x * _LOG2_E - _HALF)
        shift = np.float32(k)
        r = x - shift * _LN2_HIGH - shift * _LN2_LOW
        scale_bits[cell] = np.int32(k + np.int32(127)) << np.int32(23)
        square = r * r
        low = (_ONE + r) + square * (_E2 + r * _E3)
        terms[cell] = low + square * square * ((_E4 + r * _E5) + square * _E6)
    for cell in range(padded):
        terms[cell] *= scales[cell]
    for lane in range(PADDING):
        scales[lane] = terms[lane]
    for start in range(PADDING, padded, PADDING):
        for lane in range(PADDING):
            scales[lane] += terms[start + lane]
    for lane in range(16):
        scales[lane] += scales[lane + 16]
    for lane in range(8):
        scales[lane] += scales[lane + 8]
    for lane in range(4):
        scales[lane] += scales[lane + 4]
    total = (scales[0] + scales[1]) + (scales[2] + scales[3])
    share = _ONE / total
    for cell in range(area):
        row[cell] = terms[cell] * share if row[cell] > _NOTHING else -_ONE


@_compiled
def back_up(tree, logits, values, prove):
    """Give each board's leaf its evaluation and carry its value up to the root.

    The leaf keeps the logits, -inf on occupied cells. They become priors when the first move is chosen there, which is never for
    about half of the nodes.

    Returns:
        -1, or the first board whose evaluation makes no sense: a logit that is not finite, or a value outside [-1, 1].
    """
    nodes, cells, untried, span = tree.nodes, tree.cells, tree.untried, tree.span
    for board in range(nodes.shape[0]):
        leaf = np.int64(tree.leaf[board])
        if leaf < 0:
            continue
        node = nodes[board, leaf]
        if node["status"] == LOST:
            value = -1.0
        else:
            value = np.float64(values[board])
            wrong = np.int32(0)
            for cell in range(cells.shape[2]):
                logit = logits[board, cell]
                empty = cells[board, leaf, cell] == EMPTY
                wrong |= np.int32(empty and not abs(logit) < np.inf)
                untried[board, leaf, cell] = logit if empty else _NOTHING
            if wrong != 0 or not -1.0 <= value <= 1.0:
                return board
            if leaf == 0:
                tree.raw[board] = values[board]
        black_value = value if node["turn"] == 0 else -value
        span[board, 0] = min(span[board, 0], black_value)
        span[board, 1] = max(span[board, 1], black_value)
        _carry_up(nodes, board, leaf, value, prove)
    return -1


@_compiled
def _carry_up(nodes, board, index, value, prove):
    """Add a value, seen by the side to move at a leaf, to every node from there to the root."""
    proven = np.int64(nodes[board, index]["status"]) if prove else np.int64(OPEN)
    while index >= 0:
        node = nodes[board, index]
        node["visits"] += 1
        node["total"] += value
        node["value"] = node["total"] / node["visits"]
        if proven != OPEN:
            node["value"] = float(proven)
            node["status"] = proven
        index = np.int64(node["parent"])
        value = -value
        if index >= 0 and proven != OPEN:
            above = nodes[board, index]
            if proven == LOST:
                proven = np.int64(WON)
            else:
                above["refuted"] += 1
                proven = np.int64(LOST if above["refuted"] == above["legal"] else OPEN)
            if proven != OPEN:
                value = float(proven)


@_compiled
def add_noise(tree, fraction, concentration):
    """Mix Dirichlet noise into the priors of every root; to be called between the roots' evaluation and their first child."""
    scratch = _allocate_scratch(tree.cells.shape[2])
    for board in range(tree.nodes.shape[0]):
        _expand(tree.nodes, tree.untried, board, 0, scratch)
        untried = tree.untried[board, 0]
        legal = np.int64(tree.nodes[board, 0]["legal"])
        noise = draw_dirichlet(tree.draws, board, concentration / legal, legal)
        slot = 0
        for cell in range(len(untried)):
            if untried[cell] >= 0.0:
                mixed = (1.0 - fraction) * untried[cell] + fraction * noise[slot]
                untried[cell] = max(_SMALLEST_PRIOR, np.float32(mixed))
                slot += 1


@_compiled
def draw_dirichlet(draws, board, shape, count):
    """Draw float64[count] from the symmetric Dirichlet distribution with parameter `shape`."""
    noise = np.empty(count)
    total = 0.0
    for slot in range(count):
        noise[slot] = _draw_gamma(draws, board, shape)
        total += noise[slot]
    for slot in range(count):
        noise[slot] /= total
    return noise


@_compiled
def _draw_gamma(draws, board, shape):
    """Draw from the gamma distribution: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(draws, board)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        radius = math.sqrt(-2.0 * math.log(1.0 - uniform(draws, board)))
        normal = radius * math.cos(2.0 * math.pi * uniform(draws, board))
        v = (1.0 + c * normal) ** 3
        if v > 0.0:
            u = 1.0 - uniform(draws, board)
            if math.log(u) < 0.5 * normal * normal + d - d * v + d * math.log(v):
                return boost * d * v


@_compiled
def read(tree, rule, c, paper, prove, policy, visits, values):
    """Write what each search found.

    Args:
        tree: see `hexlab.mcts.tree`.
        rule: PUCT or REGULARIZED.
        c: weight of the prior.
        paper: REGULARIZED: whether lambda is the paper's.
        prove: whether wins and losses are exact.
        policy: float32[B, A], written.
        visits: int32[B, A], written: visits of the root's children.
        values: float32[B], written: value of the root for the side to move.
    """
    nodes, untried, span = tree.nodes, tree.untried, tree.span
    scratch = _allocate_scratch(tree.cells.shape[2])
    for board in range(nodes.shape[0]):
        root = nodes[board, 0]
        if root["open_move"] == _NOT_EXPANDED:
            _expand(nodes, untried, board, 0, scratch)
        values[board] = root["value"]
        avoid = prove and root["status"] == OPEN  # moves proven to lose; in a lost root all moves count
        tried_visits = _read_visits(nodes, board, avoid, visits)
        if prove and root["status"] == WON:
            _share_among_wins(nodes, board, policy)
        elif tried_visits == 0:
            _share_by_weight(nodes, untried, span, board, avoid, 1.0, 0.0, 0.0, policy)
        elif rule == PUCT:
            _share_by_visits(nodes, board, avoid, policy)
        else:
            weight, top, offset = _regularize(nodes, untried, span, board, 0, c, paper, avoid)
            _share_by_weight(nodes, untried, span, board, avoid, weight, top, offset, policy)
        total = 0.0
        for cell in range(policy.shape[1]):
            total += policy[board, cell]
        for cell in range(policy.shape[1]):
            policy[board, cell] /= total


@_compiled
def _read_visits(nodes, board, avoid, visits):
    """Write the visits of the root's children and return their sum, without moves to be avoided."""
    visits[board] = 0
    total = 0
    child = np.int64(nodes[board, 0]["child"])
    while child >= 0:
        other = nodes[board, child]
        visits[board, other["action"]] = other["visits"]
        total += 0 if avoid and other["status"] == WON else other["visits"]
        child = np.int64(other["sibling"])
    return total


@_compiled
def _share_among_wins(nodes, board, policy):
    policy[board] = 0.0
    child = np.int64(nodes[board, 0]["child"])
    while child >= 0:
        other = nodes[board, child]
        policy[board, other["action"]] = 1.0 if other["status"] == LOST else 0.0
        child = np.int64(other["sibling"])


@_compiled
def _share_by_visits(nodes, board, avoid, policy):
    policy[board] = 0.0
    child = np.int64(nodes[board, 0]["child"])
    while child >= 0:
        other = nodes[board, child]
        policy[board, other["action"]] = 0.0 if avoid and other["status"] == WON else other["visits"]
        child = np.int64(other["sibling"])


@_compiled
def _share_by_weight(nodes, untried, span, board, avoid, weight, top, offset, policy):
    """Write weight * P / (offset + (top - q)); an offset of 0 stands for the prior itself."""
    root = nodes[board, 0]
    gap = offset + (top - _scaled(root["value"], root["turn"], span, board)) if offset > 0.0 else 1.0
    for cell in range(policy.shape[1]):
        policy[board, cell] = weight * untried[board, 0, cell] / gap if untried[board, 0, cell] >= 0.0 else 0.0
    child = np.int64(root["child"])
    while child >= 0:
        other = nodes[board, child]
        gap = offset + (top - _scaled(-other["value"], root["turn"], span, board)) if offset > 0.0 else 1.0
        policy[board, other["action"]] = 0.0 if avoid and other["status"] == WON else weight * other["prior"] / gap
        child = np.int64(other["sibling"])

"""Compiled search: plant the roots, walk down, back up, read the result. Serial over one group of boards; threads belong to the caller.

Bare arrays in, no checks. The arrays of `tree` are described in `hexlab.mcts.tree`, the formulas in `hexlab.mcts.policies`.
Arithmetic on values is in float64, in the order in which `hexlab.mcts.reference` does it, so that visits agree exactly.
"""

import math

import numpy as np

from hexlab.mcts.tree import EDGE
from hexlab.rules.draws import uniform
from hexlab.rules.kernels import EMPTY, allocating, compiled, inner, place

__all__ = [
    "COPIED",
    "LOST",
    "NOT_EXPANDED",
    "NOT_LOOKED_UP",
    "OPEN",
    "PADDING",
    "SCANNED",
    "SMALLEST_PRIOR",
    "VISITED",
    "WON",
    "add_child",
    "allocate_scratch",
    "back_up",
    "draw_dirichlet",
    "expand",
    "is_done",
    "lay_out",
    "look_up",
    "mix_noise",
    "normalize",
    "plant",
    "read",
    "read_visits",
    "share_among_wins",
    "softmax",
    "sum_open",
    "walk_down",
]

PADDING = 32
WON, OPEN, LOST = 1, 0, -1
VISITED, SCANNED, COPIED = 0, 1, 2  # columns of `work`
NOT_LOOKED_UP = -2
NOT_EXPANDED = -3
_EDGE_BYTES = EDGE.itemsize
SMALLEST_PRIOR = np.float32(1e-38)
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


@compiled
def plant(tree, root_cells, root_turn, draws):
    """Make each board's position the root of its tree, unvisited."""
    area = root_cells.shape[1]
    for board in range(root_cells.shape[0]):
        legal = 0
        for cell in range(area):
            tree.cells[board, 0, cell] = root_cells[board, cell]
            legal += root_cells[board, cell] == EMPTY
        _clear(tree.nodes[board, 0], -1, -1, legal, root_turn[board], OPEN)
        tree.used[board, 0] = 1
        tree.used[board, 1] = 0
        tree.leaf[board] = -1
        tree.span[board, 0] = np.inf
        tree.span[board, 1] = -np.inf
        tree.draws[board] = draws[board]
        tree.work[board, VISITED] = tree.work[board, SCANNED] = tree.work[board, COPIED] = 0


@inner
def _clear(node, parent, slot, legal, turn, status):
    """Set up a node that has not been visited."""
    node["total"] = 0.0
    node["value"] = 0.0
    node["tried"] = 0.0
    node["visits"] = 0
    node["parent"] = parent
    node["slot"] = slot
    node["count"] = 0
    node["open_mass"] = NOT_LOOKED_UP
    node["open_move"] = NOT_EXPANDED
    node["legal"] = legal
    node["refuted"] = 0
    node["turn"] = turn
    node["status"] = status


def allocate_scratch(size):
    """Return scratch: (int16[A] for `place`, (float32[P], int32[P], float32[P], int32[P]) for `softmax`, float64[A])."""
    padded = (size * size + PADDING - 1) // PADDING * PADDING
    terms, scales = np.empty(padded, np.float32), np.empty(padded, np.float32)
    return np.empty(size * size, np.int16), (terms, terms.view(np.int32), scales, scales.view(np.int32)), np.empty(size * size)


@compiled
def walk_down(tree, step, budgets, leaf_cells, leaf_turn, leaf_winner, size, neighbors, scratch, c, reduction, prove):
    """Lead each board from its root to a leaf by PUCT, adding one node, and lay the leaf out for the evaluator.

    A board idles (leaf -1) once `step` has reached its budget, or once its root is proven. The leaf of a root without a visit is the
    root itself.

    Args:
        tree: see `hexlab.mcts.tree`.
        step: simulations already run.
        budgets: int64[B].
        leaf_cells: uint8[B, A], written.
        leaf_turn: int8[B], written.
        leaf_winner: int8[B], written: -1, or the color that has won the leaf.
        size: board size n.
        neighbors: int16[A, 6].
        scratch: from `allocate_scratch`.
        c: weight of the prior.
        reduction: `fpu_reduction`.
        prove: whether wins and losses are exact.

    Returns:
        Number of leaves that need the evaluator.
    """
    nodes, bits = tree.nodes, tree.untried.view(np.int32)
    wanted = 0
    for board in range(nodes.shape[0]):
        if is_done(nodes, board, step, budgets, prove):
            tree.leaf[board] = -1
            continue
        index = np.int64(0)
        while nodes[board, index]["visits"] > 0 and nodes[board, index]["status"] == OPEN:
            if nodes[board, index]["open_move"] == NOT_EXPANDED:
                expand(tree, board, index, scratch)
            child, move = _pick_largest(tree, bits, board, index, c, reduction, prove)
            tree.work[board, VISITED] += 1
            index = child if child >= 0 else add_child(tree, board, index, move, size, neighbors, scratch)
        wanted += lay_out(tree, board, index, leaf_cells, leaf_turn, leaf_winner)
    return wanted


@inner
def is_done(nodes, board, step, budgets, prove):
    """Tell whether a board idles: its budget is spent, or its root proven."""
    return step >= budgets[board] or (prove and nodes[board, 0]["status"] != OPEN)


@inner
def lay_out(tree, board, index, leaf_cells, leaf_turn, leaf_winner):
    """Make a node the leaf of its board, copy its position out, and return 1 where it needs the evaluator, else 0."""
    node = tree.nodes[board, index]
    for cell in range(leaf_cells.shape[1]):
        leaf_cells[board, cell] = tree.cells[board, index, cell]
    leaf_turn[board] = node["turn"]
    leaf_winner[board] = 1 - node["turn"] if node["status"] == LOST else -1
    tree.leaf[board] = index
    tree.work[board, COPIED] += leaf_cells.shape[1]
    return 1 if node["status"] == OPEN else 0


@inner
def expand(tree, board, index, scratch):
    """Turn the logits of a node into priors."""
    softmax(tree.untried[board, index], *scratch[1])
    tree.nodes[board, index]["open_move"] = NOT_LOOKED_UP
    tree.work[board, SCANNED] += tree.untried.shape[2]


@inner
def add_child(tree, board, parent, move, size, neighbors, scratch):
    """Play `move` at a node and return its new child, not yet visited."""
    nodes, cells, untried = tree.nodes, tree.cells, tree.untried
    child = np.int64(tree.used[board, 0])
    tree.used[board, 0] += 1
    for cell in range(cells.shape[2]):
        cells[board, child, cell] = cells[board, parent, cell]
    above = nodes[board, parent]
    won = place(cells[board, child], move, above["turn"], size, neighbors, scratch[0])
    status = LOST if won else OPEN
    _clear(nodes[board, child], parent, above["count"], above["legal"] - 1, 1 - above["turn"], status)
    prior = untried[board, parent, move]
    edge = tree.edges[board, _add_slot(tree, board, parent)]
    edge["value"] = 0.0
    edge["prior"] = prior
    edge["visits"] = 0
    edge["node"] = child
    edge["move"] = move
    edge["status"] = status
    above["tried"] += prior
    above["open_move"] = NOT_LOOKED_UP
    above["open_mass"] = NOT_LOOKED_UP
    untried[board, parent, move] = -1.0
    tree.work[board, COPIED] += cells.shape[2]
    return child


@inner
def _add_slot(tree, board, index):
    """Return the slot of a node's next edge. Its block is full where it holds 2, 4, 8, ...: then it moves to one twice as large."""
    edges, node = tree.edges, tree.nodes[board, index]
    count = np.int64(node["count"])
    if count == 0 or (count > 1 and count & (count - 1) == 0):
        start = np.int64(tree.used[board, 1])
        tree.used[board, 1] += max(2, 2 * count)
        first = np.int64(node["first"])
        for slot in range(count):
            edges[board, start + slot] = edges[board, first + slot]
        node["first"] = start
        tree.work[board, COPIED] += _EDGE_BYTES * count
    node["count"] = count + 1
    return np.int64(node["first"]) + count


@inner
def look_up(tree, bits, board, index):
    """Find the untried move with the largest prior, unless it is known; `bits` is `untried` seen as int32."""
    node = tree.nodes[board, index]
    if node["open_move"] == NOT_LOOKED_UP:
        largest = _find_largest(bits, board, index)
        node["open_move"] = largest
        node["open_prior"] = tree.untried[board, index, max(largest, 0)]
        tree.work[board, SCANNED] += bits.shape[2]


@inner
def _pick_largest(tree, bits, board, index, c, reduction, prove):
    """Return (child, move) with the largest Q + U; child is -1 where the move is untried."""
    look_up(tree, bits, board, index)
    edges, node = tree.edges, tree.nodes[board, index]
    scale = c * math.sqrt(float(node["visits"]))
    best_child, best_move = np.int64(-1), np.int64(node["open_move"])
    best_score, best_prior = -np.inf, np.float32(-1.0)
    if best_move >= 0:
        best_prior = node["open_prior"]
        best_score = node["value"] - reduction * math.sqrt(node["tried"]) + scale * best_prior
    first = np.int64(node["first"])
    for slot in range(first, first + node["count"]):
        edge = edges[board, slot]
        if not (prove and edge["status"] == WON):
            prior = edge["prior"]
            score = -edge["value"] + scale * prior / (1 + edge["visits"])
            if score >= best_score:
                move = np.int64(edge["move"])
                if score > best_score or prior > best_prior or (prior == best_prior and move < best_move):
                    best_child, best_move, best_score, best_prior = np.int64(edge["node"]), move, score, prior
    tree.work[board, SCANNED] += node["count"]
    return best_child, best_move


@inner
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


@inner
def sum_open(tree, board, index):
    """Return the sum of the priors of the untried moves."""
    untried, node = tree.untried, tree.nodes[board, index]
    if node["open_mass"] == NOT_LOOKED_UP:
        open_mass = 0.0
        tree.work[board, SCANNED] += untried.shape[2]
        for cell in range(untried.shape[2]):
            if untried[board, index, cell] >= 0.0:
                open_mass += untried[board, index, cell]
        node["open_mass"] = open_mass
    return node["open_mass"]


@compiled
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


@compiled
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
            tree.work[board, COPIED] += 4 * cells.shape[2]
        node["raw"] = value
        black_value = value if node["turn"] == 0 else -value
        span[board, 0] = min(span[board, 0], black_value)
        span[board, 1] = max(span[board, 1], black_value)
        _carry_up(tree, board, leaf, value, prove)
    return -1


@inner
def _carry_up(tree, board, index, value, prove):
    """Add a value, seen by the side to move at a leaf, to every node from there to the root."""
    nodes, edges = tree.nodes, tree.edges
    proven = np.int64(nodes[board, index]["status"]) if prove else np.int64(OPEN)
    while True:
        node = nodes[board, index]
        tree.work[board, VISITED] += 1
        node["visits"] += 1
        node["total"] += value
        node["value"] = node["total"] / node["visits"]
        if proven != OPEN:
            node["value"] = float(proven)
            node["status"] = proven
        index = np.int64(node["parent"])
        if index < 0:
            break
        above = nodes[board, index]
        edge = edges[board, above["first"] + node["slot"]]
        edge["value"] = node["value"]
        edge["visits"] = node["visits"]
        edge["status"] = node["status"]
        value = -value
        if proven != OPEN:
            if proven == LOST:
                proven = np.int64(WON)
            else:
                above["refuted"] += 1
                proven = np.int64(LOST if above["refuted"] == above["legal"] else OPEN)
            if proven != OPEN:
                value = float(proven)


@allocating
def mix_noise(tree, scratch, chosen, fraction, concentration):
    """Mix Dirichlet noise into the priors of some roots, of moves that have been tried too.

    Args:
        tree: see `hexlab.mcts.tree`.
        scratch: from `allocate_scratch`.
        chosen: bool[B], which roots; they have been evaluated.
        fraction: weight of the noise.
        concentration: sum of the Dirichlet parameters.
    """
    area = tree.cells.shape[2]
    slots = np.empty(area, np.int64)
    for board in range(len(chosen)):
        if not chosen[board]:
            continue
        root, untried = tree.nodes[board, 0], tree.untried[board, 0]
        if root["open_move"] == NOT_EXPANDED:
            expand(tree, board, 0, scratch)
        for cell in range(area):
            slots[cell] = -1
        first = np.int64(root["first"])
        for slot in range(first, first + root["count"]):
            slots[tree.edges[board, slot]["move"]] = slot
        legal = np.int64(root["legal"])
        noise = draw_dirichlet(tree.draws, board, concentration / legal, legal)
        tried, number = np.float64(0.0), 0
        for cell in range(area):
            edge = tree.edges[board, max(slots[cell], 0)]
            prior = edge["prior"] if slots[cell] >= 0 else untried[cell]
            if prior < 0.0:
                continue
            mixed = max(SMALLEST_PRIOR, np.float32((1.0 - fraction) * prior + fraction * noise[number]))
            number += 1
            if slots[cell] >= 0:
                edge["prior"] = mixed
                tried += mixed
            else:
                untried[cell] = mixed
        root["tried"] = tried
        root["open_move"] = NOT_LOOKED_UP
        root["open_mass"] = NOT_LOOKED_UP


@allocating
def draw_dirichlet(draws, board, shape, count):
    """Draw float64[count] from the symmetric Dirichlet distribution with parameter `shape`.

    It is the share of each of `count` gamma variables in their sum. Where `shape` is so small that all of them come out as 0, the
    same draws are taken once more and their logarithms, times `shape`, are compared in their place.
    """
    noise = np.empty(count)
    state, total = draws[board], 0.0
    for slot in range(count):
        base, d, v = _draw_gamma(draws, board, shape)
        noise[slot] = base ** (1.0 / shape) * d * v
        total += noise[slot]
    if total == 0.0:
        draws[board] = state
        largest = -np.inf
        for slot in range(count):
            base, d, v = _draw_gamma(draws, board, shape)
            noise[slot] = math.log(base) + shape * math.log(d * v)
            largest = max(largest, noise[slot])
        for slot in range(count):
            noise[slot] = math.exp((noise[slot] - largest) / shape) if noise[slot] < largest else 1.0
            total += noise[slot]
    for slot in range(count):
        noise[slot] /= total
    return noise


@inner
def _draw_gamma(draws, board, shape):
    """Return (base, d, v), of which base ** (1 / shape) * d * v is a draw from the gamma distribution.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
    """
    base = 1.0
    if shape < 1.0:
        base = 1.0 - uniform(draws, board)
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
                return base, d, v


@compiled
def read(tree, scratch, prove, policy, visits, values):
    """Write what each search by PUCT found.

    Args:
        tree: see `hexlab.mcts.tree`.
        scratch: from `allocate_scratch`.
        prove: whether wins and losses are exact.
        policy: float32[B, A], written.
        visits: int32[B, A], written: visits of the root's children.
        values: float32[B], written: value of the root for the side to move.
    """
    nodes, edges, untried = tree.nodes, tree.edges, tree.untried
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
            first = np.int64(root["first"])
            for cell in range(policy.shape[1]):
                policy[board, cell] = 0.0 if tried > 0 else max(untried[board, 0, cell], np.float32(0.0))
            for slot in range(first, first + root["count"]):
                edge = edges[board, slot]
                weight = np.float64(edge["visits"]) if tried > 0 else np.float64(edge["prior"])
                policy[board, edge["move"]] = 0.0 if avoid and edge["status"] == WON else weight
        normalize(policy, board)


@inner
def read_visits(nodes, edges, board, avoid, visits):
    """Write the visits of the root's children and return their sum, without moves to be avoided."""
    for cell in range(visits.shape[1]):
        visits[board, cell] = 0
    total = np.int64(0)
    first = np.int64(nodes[board, 0]["first"])
    for slot in range(first, first + nodes[board, 0]["count"]):
        edge = edges[board, slot]
        visits[board, edge["move"]] = edge["visits"]
        total += 0 if avoid and edge["status"] == WON else edge["visits"]
    return total


@inner
def share_among_wins(nodes, edges, board, policy):
    """Write 1 for the root's moves that are proven to win, 0 for the rest."""
    for cell in range(policy.shape[1]):
        policy[board, cell] = 0.0
    first = np.int64(nodes[board, 0]["first"])
    for slot in range(first, first + nodes[board, 0]["count"]):
        edge = edges[board, slot]
        policy[board, edge["move"]] = 1.0 if edge["status"] == LOST else 0.0


@inner
def normalize(policy, board):
    """Make a board's policy sum to 1."""
    total = 0.0
    for cell in range(policy.shape[1]):
        total += policy[board, cell]
    for cell in range(policy.shape[1]):
        policy[board, cell] /= total

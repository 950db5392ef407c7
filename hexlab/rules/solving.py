"""Compiled exact solving: bare arrays in, no checks. The friendly twin is `hexlab.rules.solver`.

Bitboards. A set of cells is one int64. The cell in row r and column c is bit ``(r + 1) * step + c`` with ``step = size + 1``: one
spare bit between rows keeps neighbors by shift from wrapping around, and the rows -1 and n and the spare column hold the edges as
stones of their owners. That fits 63 bits up to size 6.

Carriers. A proof that a color wins comes with its carrier, the empty cells its strategy needs: the color wins even if every other empty
cell were the opponent's. Carriers make the search small. If after a move m of ours the opponent wins with a carrier, every other
move of ours outside that carrier loses to the same strategy, so only moves inside it are left: the must-play region, the
intersection of all carriers found so far. When it is empty the opponent wins, and the union of these carriers is the new one.

Sources: must-play, dead and captured cells from Hayward, Björnsson, Johanson, Kan, Po and van Rijswijck, "Solving 7x7 Hex with
domination, fill-in, and virtual connections", Theoretical Computer Science 349 (2005); two-distance from van Rijswijck, "Search and
evaluation in Hex" (2002).
"""

import functools
import itertools
from typing import NamedTuple

import numba
import numpy as np

__all__ = [
    "MAX_SIZE",
    "MOVES",
    "STUBBORN",
    "WINNERS",
    "Geometry",
    "Memory",
    "allocate_memory",
    "answer_rows",
    "cell_bits",
    "geometry",
    "prove",
    "ring_table",
]

MAX_SIZE = 6
WINNERS, MOVES, STUBBORN = 0, 1, 2  # what `answer_rows` is asked for
_LOOKAHEAD_CELLS = 16  # order moves by the opponent's must-play region from this many empty cells on: measured best of 12 to 24
_ENTRY_BYTES = 32
_BLACK, _WHITE, _MUST_PLAY, _CARRIER, _MOVE, _CAPTURED, _SLOT, _BEFORE = 0, 1, 2, 3, 4, 5, 7, 8  # columns of `Memory.frames`


class Geometry(NamedTuple):
    """One board size as bit sets.

    Attributes:
        size: board size n, 1 to 6.
        step: n + 1, the distance in bits between rows.
        board: all cells.
        top, bottom: the cells along Black's edges.
        left, right: the cells along White's edges.
        black_border, white_border: the bits beyond the board that act as stones of the edges.
        rings: int64[4096], see `ring_table`.
        mirrored: int64[2**n], the cells of a row from right to left.
    """

    size: int
    step: int
    board: int
    top: int
    bottom: int
    left: int
    right: int
    black_border: int
    white_border: int
    rings: np.ndarray
    mirrored: np.ndarray


class Memory(NamedTuple):
    """What a search works in.

    Attributes:
        entries: int64[slots, 4], the transposition table, slots a power of two. Columns: black stones; white stones * 4 + side to
            move * 2 + 1; carrier * 2 + whether the side to move wins; positions searched for it. All zero: free.
        searched: int64[1], positions searched so far.
        groups: int64[A + 2, 2], scratch of `join`: the free cells beside each group and the carrier that holds it together.
        layers: int64[4, A + 2], scratch of `choose`: the cells at each two-distance from the four edges.
        frames: int64[A + 2, 9], the stack of `prove`, one row a position: its stones filled in, its must-play region, the union of the
            carriers behind that, the move tried, the cells captured by Black and by White, its slot, and the count before it.
    """

    entries: np.ndarray
    searched: np.ndarray
    groups: np.ndarray
    layers: np.ndarray
    frames: np.ndarray


def allocate_memory(size: int, mebibytes: int) -> Memory:
    """Return the memory of a search; its table takes the largest power of two of entries within `mebibytes`, touched as it fills."""
    slots = 1 << ((mebibytes << 20) // _ENTRY_BYTES).bit_length() - 1
    cells = size * size
    return Memory(
        np.zeros((slots, 4), np.int64),
        np.zeros(1, np.int64),
        np.zeros((cells + 2, 2), np.int64),
        np.zeros((4, cells + 2), np.int64),
        np.zeros((cells + 2, 9), np.int64),
    )


@functools.cache
def geometry(size: int) -> Geometry:
    """Return the bit sets of one board size, 1 to 6."""
    step = size + 1
    top = ((1 << size) - 1) << step
    bottom = top << step * (size - 1)
    left = sum(1 << (row + 1) * step for row in range(size))
    return Geometry(
        size=size,
        step=step,
        board=sum(top << step * row for row in range(size)),
        top=top,
        bottom=bottom,
        left=left,
        right=left << size - 1,
        black_border=top >> step | bottom << step,
        white_border=sum(1 << row * step + size for row in range(size + 1)),
        rings=ring_table(),
        mirrored=np.array([sum(1 << size - 1 - k for k in range(size) if row >> k & 1) for row in range(1 << size)], np.int64),
    )


@functools.cache
def cell_bits(size: int) -> np.ndarray:
    """Return int64[A]: the set that holds just one cell, for each cell."""
    bits = np.array([1 << (row + 1) * (size + 1) + column for row in range(size) for column in range(size)], np.int64)
    bits.flags.writeable = False
    return bits


@functools.cache
def ring_table() -> np.ndarray:
    """Return what the six neighbors of an empty cell say about it.

    A cell is dead when no way to fill the board makes its color matter. Its neighbors in circular order show it: they hold two separate
    black arcs in some filling, or the cell is dead.

    Returns:
        int64[4096], indexed by the set of black neighbors + 64 * the set of white ones, neighbors numbered as by `_beside`.
        Bit 0: the cell is dead. Bit 1 + k: a black stone on the empty neighbor k would make it dead; bit 7 + k: a white one would.
    """
    dead = {ring: _is_dead(ring) for ring in itertools.product((0, 1, 2), repeat=6)}
    table = np.zeros(4096, np.int64)
    for ring, is_dead in dead.items():
        index = sum(1 << k for k in range(6) if ring[k] == 1) | sum(64 << k for k in range(6) if ring[k] == 2)
        table[index] = is_dead
        for k, stone in itertools.product(range(6), (1, 2)):
            if not is_dead and ring[k] == 0 and dead[(*ring[:k], stone, *ring[k + 1 :])]:
                table[index] |= 1 << 1 + k + 6 * (stone - 1)
    table.flags.writeable = False
    return table


def _is_dead(ring: tuple[int, ...]) -> bool:
    """Tell whether a cell with these neighbors (0 empty, 1 Black, 2 White, in circular order) is dead."""
    if all(stone == 1 for stone in ring):
        return True
    start = next(k for k in range(6) if ring[k] != 1)
    arcs: list[set[int]] = []  # of black stones
    for k in range(start, start + 6):
        if ring[k % 6] == 1:
            if ring[(k - 1) % 6] != 1:
                arcs.append(set())
            arcs[-1].add(k % 6)
    touched = [{a for a, arc in enumerate(arcs) if arc & {k, (k + 1) % 6, (k - 1) % 6}} for k in range(6)]
    return not any(
        ring[i] != 2 and ring[j] != 2 and (j - i) % 6 not in (1, 5) and not touched[i] & touched[j]
        for i, j in itertools.combinations(range(6), 2)
    )


@numba.njit(cache=True, nogil=True)
def _neighbors(cells, step):
    return (cells << 1) | (cells >> 1) | (cells << step) | (cells >> step) | (cells << (step - 1)) | (cells >> (step - 1))


@numba.njit(cache=True, nogil=True)
def _spread(cells, through, step):
    """Return `cells` with all that is joined to them inside the set `through`."""
    while True:
        wider = (_neighbors(cells, step) & through) | cells
        if wider == cells:
            return cells
        cells = wider


@numba.njit(cache=True, nogil=True)
def _count(cells):
    count = 0
    while cells:
        cells &= cells - 1
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _bit(cell):
    """Return the number of the only bit in `cell`."""
    bit = 0
    for half in (32, 16, 8, 4, 2, 1):
        if cell >> half:
            cell >>= half
            bit += half
    return bit


@numba.njit(cache=True, nogil=True)
def _beside(bit, k, step):
    """Return the k-th neighbor of a bit in circular order; neighbor k + 3 lies opposite."""
    if k == 0:
        return bit - step
    if k == 1:
        return bit - step + 1
    if k == 2:
        return bit + 1
    if k == 3:
        return bit + step
    if k == 4:
        return bit + step - 1
    return bit - 1


@numba.njit(cache=True, nogil=True)
def _ring(stones, bit, step):
    """Return the neighbors of a bit that are in `stones`, numbered as by `_beside`."""
    near = stones >> (bit - step)
    return (
        (near & 3)
        | ((near >> (step + 1)) & 1) << 2
        | ((near >> (2 * step)) & 1) << 3
        | ((near >> (2 * step - 1)) & 1) << 4
        | ((near >> (step - 1)) & 1) << 5
    )


@numba.njit(cache=True, nogil=True)
def fill_in(black, white, fresh, shape):
    """Fill dead and captured cells, which changes neither the winner nor any carrier's claim.

    Dead cells become black: nobody needs them. Two neighboring cells are captured by a color when its stone on either makes the
    other dead: it answers an intrusion into one by the other. They become its stones, and its carriers need them.

    Args:
        black, white: stones.
        fresh: cells whose neighborhood changed since the position was last filled.
        shape: Geometry.

    Returns:
        (black, white, cells captured by Black, cells captured by White)
    """
    step, rings = shape.step, shape.rings
    captured_black, captured_white = 0, 0
    empty = shape.board & ~(black | white)
    fresh &= empty
    while fresh:
        cell = fresh & -fresh
        fresh ^= cell
        bit = _bit(cell)
        kills = rings[_ring(black | shape.black_border, bit, step) | _ring(white | shape.white_border, bit, step) << 6]
        if kills == 0:
            continue
        filled = 0
        if kills & 1:
            filled = cell
            black |= cell
        else:
            for k in range(6):
                partner = _beside(bit, k, step)
                if not (kills >> (1 + k) | kills >> (7 + k)) & 1 or not (empty >> partner) & 1:
                    continue
                back = rings[_ring(black | shape.black_border, partner, step) | _ring(white | shape.white_border, partner, step) << 6]
                both = (kills >> (1 + k)) & (back >> (1 + (k + 3) % 6)) | ((kills >> (7 + k)) & (back >> (7 + (k + 3) % 6)) & 1) << 6
                if both & 1:
                    filled = cell | 1 << partner
                    black |= filled
                    captured_black |= filled
                    break
                if both & 64:
                    filled = cell | 1 << partner
                    white |= filled
                    captured_white |= filled
                    break
        if filled:
            empty &= ~filled
            fresh = (fresh | _neighbors(filled, step)) & empty
    return black, white, captured_black, captured_white


@numba.njit(cache=True, nogil=True)
def join(stones, empty, first, second, step, groups):
    """Join a color's edges by its stones and by bridges, the opponent to move.

    Groups that share two empty cells are as good as joined: an intrusion into one is answered by the other. Edges are groups too.
    Bridges that share no cell hold at once, and a joined group offers the free cells of both its parts.

    Args:
        stones: the color's stones.
        empty: empty cells.
        first, second: the cells along its two edges.
        step: bits between rows.
        groups: int64[A + 2, 2], scratch.

    Returns:
        The carrier, or -1 when this does not join the edges.
    """
    near_first = _spread(stones & first, stones, step)
    if near_first & second:
        return 0
    near_second = _spread(stones & second, stones, step)
    groups[0, 0] = (_neighbors(near_first, step) | first) & empty
    groups[1, 0] = (_neighbors(near_second, step) | second) & empty
    groups[0, 1] = groups[1, 1] = 0
    shared = groups[0, 0] & groups[1, 0]
    if shared & (shared - 1):
        one = shared & -shared
        shared ^= one
        return one | (shared & -shared)
    count = 2
    rest = stones & ~(near_first | near_second)
    while rest:
        group = _spread(rest & -rest, stones, step)
        rest &= ~group
        groups[count, 0] = _neighbors(group, step) & empty
        groups[count, 1] = 0
        count += 1
    used = 0
    i = 0
    while i < count:
        joined = False
        for j in range(count):
            shared = groups[i, 0] & groups[j, 0] & ~used
            if j == i or shared & (shared - 1) == 0:
                continue
            one = shared & -shared
            shared ^= one
            bridge = one | (shared & -shared)
            used |= bridge
            keep, drop = min(i, j), max(i, j)
            groups[keep, 0] |= groups[drop, 0]
            groups[keep, 1] |= groups[drop, 1] | bridge
            if drop == 1:
                return groups[0, 1]
            count -= 1
            groups[drop, 0] = groups[count, 0]
            groups[drop, 1] = groups[count, 1]
            joined = True
            break
        i = 0 if joined else i + 1
    return -1


@numba.njit(cache=True, nogil=True)
def _reached_twice(cells, step):
    """Return the bits that have at least two neighbors in `cells`."""
    once = cells << 1
    more = cells >> 1
    twice = once & more
    once |= more
    for shift in (step, step - 1):
        more = cells << shift
        twice |= once & more
        once |= more
        more = cells >> shift
        twice |= once & more
        once |= more
    return twice


@numba.njit(cache=True, nogil=True)
def _measure(stones, empty, edge, step, layers):
    """Write the empty cells at each two-distance from an edge to `layers`, with an empty set after the last.

    A cell is one step beyond the cells reached so far when two of its neighbors are among them: the opponent can take but one.
    """
    reached = (_neighbors(_spread(stones & edge, stones, step), step) | edge) & empty
    layers[0] = reached
    count = 1
    while True:
        twice = _reached_twice(reached, step)
        group = _spread(twice & stones, stones, step)
        beyond = (twice | _reached_twice(reached | group, step) | _neighbors(group, step)) & empty & ~reached
        layers[count] = beyond
        if beyond == 0:
            return
        reached |= beyond
        count += 1


@numba.njit(cache=True, nogil=True)
def find_threats(stones, empty, first, second, step, groups, stop):
    """Find how a color that has the move, or does not even need it, joins its edges by bridges.

    Args:
        stones, empty, first, second, step, groups: as in `join`.
        stop: whether one way is enough.

    Returns:
        (region, carrier): the cells that all ways found have in common, 0 when one way is found and was enough, all bits set when none
        is found; and the carrier of the ways that cut the region down.
    """
    carrier = join(stones, empty, first, second, step, groups)
    if carrier >= 0:
        return 0, carrier
    region, carrier = -1, 0
    moves = empty
    while moves and region:
        move = moves & -moves
        moves ^= move
        chain = join(stones | move, empty ^ move, first, second, step, groups)
        if chain >= 0:
            chain |= move
            if stop:
                return 0, chain
            if region & ~chain:
                region &= chain
                carrier |= chain
    return region, carrier


@numba.njit(cache=True, nogil=True)
def choose(candidates, black, white, turn, shape, memory):
    """Return the most promising of the candidate moves (a set with one cell).

    Few cells left: the move nearest to all four edges by two-distance. Many: the move after which the opponent's must-play region
    is smallest, as far as bridges show, then by two-distance.
    """
    if candidates & (candidates - 1) == 0:
        return candidates
    step, layers = shape.step, memory.layers
    empty = shape.board & ~(black | white)
    own, first, second = (black, shape.top, shape.bottom) if turn == 0 else (white, shape.left, shape.right)
    other, other_first, other_second = (white, shape.left, shape.right) if turn == 0 else (black, shape.top, shape.bottom)
    for edge in range(4):
        side = own if edge < 2 else other
        line = first if edge == 0 else second if edge == 1 else other_first if edge == 2 else other_second
        _measure(side, empty, line, step, layers[edge])
    looks_ahead = _count(empty) >= _LOOKAHEAD_CELLS
    best, best_cost = candidates & -candidates, 1 << 30
    while candidates:
        move = candidates & -candidates
        candidates ^= move
        cost = 0
        if looks_ahead:
            # a plain False is a type of its own to Numba, and would have it compile this function twice
            region, _ = find_threats(own | move, empty ^ move, first, second, step, memory.groups, not looks_ahead)
            if region == 0:
                return move
            cost = _count(region & empty) << 16
        for edge in range(4):
            distance = 0
            while layers[edge, distance] & move == 0 and layers[edge, distance] != 0:
                distance += 1
            cost += distance if layers[edge, distance] else distance + 2
        if cost < best_cost:
            best, best_cost = move, cost
    return best


@numba.njit(cache=True, nogil=True)
def prove(black, white, turn, shape, memory):
    """Find who wins a position, and the winner's carrier.

    Args:
        black, white: stones.
        turn: color to move, 0 or 1.
        shape: Geometry.
        memory: Memory.

    Returns:
        (whether the color to move wins, carrier of the winner)
    """
    frames = memory.frames
    depth = 0
    frames[0, _BLACK], frames[0, _WHITE] = black, white
    settled, wins, carrier = _open(frames[0], turn, shape.board, shape, memory)
    while depth or not settled:
        if settled:
            depth -= 1
            turn = 1 - turn
            settled, wins, carrier = _learn(frames[depth], turn, wins, carrier, shape, memory)
        else:
            frame, after = frames[depth], frames[depth + 1]
            move = choose(frame[_MUST_PLAY], frame[_BLACK], frame[_WHITE], turn, shape, memory)
            frame[_MOVE] = move
            after[_BLACK] = frame[_BLACK] | (move if turn == 0 else 0)
            after[_WHITE] = frame[_WHITE] | (move if turn == 1 else 0)
            depth += 1
            turn = 1 - turn
            settled, wins, carrier = _open(after, turn, _neighbors(move, shape.step), shape, memory)
    return wins, carrier


@numba.njit(cache=True, nogil=True)
def _open(frame, turn, fresh, shape, memory):
    """Meet a position: fill it in, look it up, see what bridges settle; else leave its must-play region in the frame."""
    black, white, captured_black, captured_white = fill_in(frame[_BLACK], frame[_WHITE], fresh, shape)
    frame[_BLACK], frame[_WHITE] = black, white
    frame[_CAPTURED], frame[_CAPTURED + 1] = captured_black, captured_white
    first, second, turned = _name(black, white, turn, shape)
    slot = _find(first, second, memory.entries)
    frame[_SLOT] = slot
    if memory.entries[slot, 0] == first and memory.entries[slot, 1] == second:
        wins = memory.entries[slot, 2] & 1 == 1
        carrier = memory.entries[slot, 2] >> 1
        if turned:
            carrier = _turn(carrier, shape)
        return True, wins, carrier | frame[_CAPTURED + (turn if wins else 1 - turn)]
    frame[_BEFORE] = memory.searched[0]
    memory.searched[0] += 1
    empty = shape.board & ~(black | white)
    region, carrier = 0, 0
    for side in range(2):
        color = turn if side == 0 else 1 - turn
        stones = black if color == 0 else white
        first = shape.top if color == 0 else shape.left
        second = shape.bottom if color == 0 else shape.right
        region, carrier = find_threats(stones, empty, first, second, shape.step, memory.groups, side == 0)
        if region == 0:
            wins = side == 0
            return True, wins, _settle(frame, turn, wins, carrier, shape, memory)
    frame[_MUST_PLAY], frame[_CARRIER] = region & empty, carrier
    return False, False, 0


@numba.njit(cache=True, nogil=True)
def _learn(frame, turn, refuted, proof, shape, memory):
    """Take in what the last move led to: it is refuted, or it wins; in both cases the proof's carrier tells which cells matter."""
    wins = not refuted
    if wins:
        return True, wins, _settle(frame, turn, wins, proof | frame[_MOVE], shape, memory)
    frame[_MUST_PLAY] &= proof & ~frame[_MOVE]
    frame[_CARRIER] |= proof
    if frame[_MUST_PLAY] == 0:
        return True, wins, _settle(frame, turn, wins, frame[_CARRIER], shape, memory)
    return False, wins, 0


@numba.njit(cache=True, nogil=True)
def _settle(frame, turn, wins, carrier, shape, memory):
    """Store who wins a position, and return the winner's carrier with the captured cells it rests on.

    Of the two slots a position may take, the first keeps what cost most to search and the second what is newest.
    """
    entries, slot = memory.entries, frame[_SLOT]
    work = memory.searched[0] - frame[_BEFORE]
    slot = (slot & ~1) | (entries[slot & ~1, 3] > work)
    first, second, turned = _name(frame[_BLACK], frame[_WHITE], turn, shape)
    entries[slot, 0], entries[slot, 1] = first, second
    entries[slot, 2] = (_turn(carrier, shape) if turned else carrier) << 1 | wins
    entries[slot, 3] = work
    return carrier | frame[_CAPTURED + (turn if wins else 1 - turn)]


@numba.njit(cache=True, nogil=True)
def _turn(cells, shape):
    """Return cells turned by 180 degrees, which keeps the game the same."""
    turned = 0
    for row in range(shape.size):
        line = cells >> (row + 1) * shape.step & (1 << shape.size) - 1
        turned |= shape.mirrored[line] << (shape.size - row) * shape.step
    return turned


@numba.njit(cache=True, nogil=True)
def _name(black, white, turn, shape):
    """Return the two words that name a position in the table, and whether they are those of the position turned by 180 degrees."""
    turned_black, turned_white = _turn(black, shape), _turn(white, shape)
    turned = turned_black < black or (turned_black == black and turned_white < white)
    if turned:
        black, white = turned_black, turned_white
    return black, white << 2 | turn << 1 | 1, turned


@numba.njit(cache=True, nogil=True)
def _find(black, word, entries):
    """Return the slot that holds a position, or else the first of its two slots."""
    low = (black ^ (word >> 31) ^ (word << 7)) & 0x7FFFFFFF
    high = (word ^ (black >> 23)) & 0x7FFFFFFF
    bits = (low * 0x5851F42D) ^ (high * 0x4C957F2D)
    slot = (bits ^ (bits >> 29)) & (len(entries) - 1) & ~1
    if entries[slot + 1, 0] == black and entries[slot + 1, 1] == word:
        return slot + 1
    return slot


@numba.njit(cache=True, nogil=True, inline="always")
def _find_winning_moves(black, white, turn, shape, memory):
    """Return all winning moves of a color that has one."""
    winning = 0
    tries = shape.board & ~(black | white)
    while tries:
        move = tries & -tries
        tries ^= move
        refuted, carrier = prove(black | (move if turn == 0 else 0), white | (move if turn == 1 else 0), 1 - turn, shape, memory)
        if refuted:
            tries &= carrier
        else:
            winning |= move
    return winning


@numba.njit(cache=True, nogil=True, inline="always")
def _find_stubborn_moves(black, white, turn, shape, memory, settled):
    """Return the moves of the losing color to move that leave the winner the fewest winning replies.

    One proof settles many pairs of a move and a reply. A reply that wins with a carrier wins against all moves outside it; a move
    that refutes a reply with a carrier refutes all replies outside it. The move with the fewest winning replies so far is looked at next,
    and moves that have more of them than some other move has in all are dropped.

    Args:
        black, white, turn, shape, memory: as in `prove`.
        settled: int64[64, 2], scratch; for the bit of each move the replies that win against it and the replies it refutes.
    """
    empty = shape.board & ~(black | white)
    settled[:] = 0
    alive, fewest = empty, 64
    while True:
        chosen, chosen_count, chosen_open = 0, 64, 0
        moves = alive
        while moves:
            move = moves & -moves
            moves ^= move
            bit = _bit(move)
            count = _count(settled[bit, 0])
            unsettled = empty & ~(move | settled[bit, 0] | settled[bit, 1])
            if count > fewest:
                alive ^= move
            elif unsettled == 0:
                fewest = count
            elif count < chosen_count:
                chosen, chosen_count, chosen_open = move, count, unsettled
        if chosen == 0:
            break
        reply = chosen_open & -chosen_open
        refutes, carrier = prove(
            black | (chosen if turn == 0 else reply), white | (chosen if turn == 1 else reply), turn, shape, memory
        )
        if refutes:
            settled[_bit(chosen), 1] |= chosen_open & ~carrier
            continue
        moves = (alive & ~(carrier | reply)) | chosen
        while moves:
            move = moves & -moves
            moves ^= move
            settled[_bit(move), 0] |= reply
    stubborn = 0
    while alive:
        move = alive & -alive
        alive ^= move
        if _count(settled[_bit(move), 0]) == fewest:
            stubborn |= move
    return stubborn


@numba.njit(cache=True, nogil=True)
def answer_rows(black, white, turn, what, shape, memory, winner, moves):
    """Answer one question about each of B positions, finished ones included.

    Args:
        black, white: int64[B], stones.
        turn: int64[B], color to move.
        what: WINNERS, MOVES (all winning moves) or STUBBORN (the lost side's moves that leave the fewest winning replies).
        shape: Geometry.
        memory: Memory.
        winner: int64[B], written.
        moves: int64[B], written: sets of cells, none for WINNERS.
    """
    settled = np.zeros((64, 2), np.int64)
    for row in range(len(turn)):
        moves[row] = 0
        if _spread(black[row] & shape.top, black[row], shape.step) & shape.bottom:
            winner[row] = 0
            continue
        if _spread(white[row] & shape.left, white[row], shape.step) & shape.right:
            winner[row] = 1
            continue
        wins, _ = prove(black[row], white[row], turn[row], shape, memory)
        winner[row] = turn[row] if wins else 1 - turn[row]
        if wins and what == MOVES:
            moves[row] = _find_winning_moves(black[row], white[row], turn[row], shape, memory)
        elif not wins and what == STUBBORN:
            moves[row] = _find_stubborn_moves(black[row], white[row], turn[row], shape, memory, settled)

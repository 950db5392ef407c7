"""The exact solver against plain exhaustive search, published opening tables and solved positions."""

import functools
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from hexlab.errors import HexlabError, PositionError
from hexlab.rules import Board, Boards, Color, solver, solving
from hexlab.rules.cells import rotation, transposition

SOLVED = pathlib.Path(__file__).parents[3] / "shared" / "reference" / "solved"

OPENINGS = {
    1: "B",
    2: ". B / B .",
    3: ". . B / B B B / B . .",
    4: ". . . B / . . B . / . B . . / B . . .",
    5: ". . . . B / . B B B B / . B B B . / B B B B . / B . . . .",
    6: ". . . . . B / . B B B B B / B B B B B B / B B B B B B / B B B B B . / B . . . . .",
}


# A plain solver that knows the rules and nothing else.


def connects(size, own, color):
    """Flood fill over a set of (row, column) cells."""
    edge = [cell for cell in own if cell[color] == 0]
    seen = set(edge)
    for row, column in edge:
        if (row, column)[color] == size - 1:
            return True
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)):
            near = (row + down, column + right)
            if near in own and near not in seen:
                seen.add(near)
                edge.append(near)
    return False


@functools.cache
def plain_winner(size, stones, turn):
    """Winner of a position given as a tuple of 0 empty, 1 Black, 2 White; any stones, either side to move."""
    for color in (0, 1):
        if connects(size, {divmod(cell, size) for cell, stone in enumerate(stones) if stone == color + 1}, color):
            return color
    wins = any(
        plain_winner(size, (*stones[:cell], turn + 1, *stones[cell + 1 :]), 1 - turn) == turn
        for cell, stone in enumerate(stones)
        if stone == 0
    )
    return turn if wins else 1 - turn


def plain_moves(size, stones, turn):
    """The winning moves of an unfinished position, and of the others' replies to each move how many win."""
    after = {cell: (*stones[:cell], turn + 1, *stones[cell + 1 :]) for cell, stone in enumerate(stones) if stone == 0}
    return {cell for cell, child in after.items() if plain_winner(size, child, 1 - turn) == turn}, after


@numba.njit(nogil=True)
def solve_backward(size):
    """Winner of every position of a board, indexed by its stones as base-3 digits.

    int8[3**A]: the winning color, 2 more in finished games, -1 where stones do not alternate.

    A move makes the index larger, so one sweep from the last index down has every successor at hand.
    """
    cells = size * size
    powers = 3 ** np.arange(cells)
    winner = np.full(3**cells, -1, np.int8)
    stones = np.full(cells, 2, np.int8)
    stack = np.zeros(cells, np.int64)
    ahead = -cells  # black stones less white ones
    for index in range(3**cells - 1, -1, -1):
        if index < 3**cells - 1:
            cell = 0
            while stones[cell] == 0:
                stones[cell] = 2
                ahead -= 1
                cell += 1
            stones[cell] -= 1
            ahead += 2 if stones[cell] == 1 else -1
        if ahead < 0 or ahead > 1:
            continue
        for color in range(2):
            top = 0
            seen = 0
            for k in range(size):
                cell = k if color == 0 else k * size
                if stones[cell] == color + 1:
                    stack[top] = cell
                    seen |= 1 << cell
                    top += 1
            while top > 0:
                top -= 1
                row, column = stack[top] // size, stack[top] % size
                if (row if color == 0 else column) == size - 1:
                    winner[index] = color + 2
                for down in range(-1, 2):
                    for right in range(-1, 2):
                        y, x = row + down, column + right
                        if down != right and 0 <= y < size and 0 <= x < size:
                            cell = y * size + x
                            if stones[cell] == color + 1 and not seen >> cell & 1:
                                seen |= 1 << cell
                                stack[top] = cell
                                top += 1
        if winner[index] < 0:
            winner[index] = 1 - ahead
            for cell in range(cells):
                if stones[cell] == 0 and winner[index + powers[cell] * (ahead + 1)] & 1 == ahead:
                    winner[index] = ahead
                    break
    return winner


def positions_of(size, indices):
    """Boards of base-3 indices, winners of finished ones not filled in."""
    stones = (indices[:, None] // 3 ** np.arange(size * size) % 3).astype(np.uint8)
    turn = (np.count_nonzero(stones == 1, axis=1) - np.count_nonzero(stones == 2, axis=1)).astype(np.int8)
    return Boards(size, stones, turn, np.full(len(indices), -1, np.int8))


@pytest.fixture(scope="module")
def truth():
    """What `solve_backward` says of every 4x4 position."""
    return solve_backward(4)


def check_4x4(truth, solver_4, indices):
    boards = positions_of(4, indices)
    assert np.array_equal(solver_4.winners(boards), truth[indices] & 1)
    found = solver_4.winning_moves(boards)
    children = indices[:, None] + 3 ** np.arange(16) * (boards.turn[:, None] + 1)
    empty = boards.cells == 0
    wins = empty & (truth[np.where(empty, children, 0)] & 1 == boards.turn[:, None])
    going_on = truth[indices] < 2
    assert np.array_equal(found, wins & going_on[:, None])


def connects_any(stones, size):
    return any(
        connects(size, {divmod(int(cell), size) for cell in np.flatnonzero(stones == color + 1)}, color) for color in (0, 1)
    )


def random_boards(size, moves, count, seed):
    """Boards after random legal moves, none finished."""
    draw = np.random.default_rng(seed)
    boards = Boards.empty(size, count)
    for _ in range(moves):
        legal = boards.legal
        boards = boards.play(np.where(legal, draw.random(legal.shape), -1).argmax(axis=1))
        boards = boards[~boards.finished]
    return boards


# Truth


def test_every_3x3_position_has_the_winner_moves_and_stubborn_moves_of_plain_search():
    indices = np.arange(3**9)
    boards = positions_of(3, indices)
    boards = boards[(boards.turn >= 0) & (boards.turn <= 1)]
    engine = solver.Solver(3)
    winners, moves, stubborn = engine.winners(boards), engine.winning_moves(boards), engine.stubborn_moves(boards)
    assert len(boards) == 6046
    for row in range(len(boards)):
        stones, turn = tuple(boards.cells[row].tolist()), int(boards.turn[row])
        assert winners[row] == plain_winner(3, stones, turn)
        if connects_any(boards.cells[row], 3):
            assert not moves[row].any()
            assert not stubborn[row].any()
            continue
        winning, after = plain_moves(3, stones, turn)
        assert set(np.flatnonzero(moves[row])) == winning
        replies = {move: len(plain_moves(3, child, 1 - turn)[0]) for move, child in after.items()}
        fewest = {move for move, count in replies.items() if count == min(replies.values())}
        assert set(np.flatnonzero(stubborn[row])) == (set() if winning else fewest)


def test_thousands_of_4x4_positions_have_the_winner_and_moves_of_backward_induction(truth):
    indices = np.random.default_rng(0).permutation(np.flatnonzero(truth >= 0))[:5000]
    check_4x4(truth, solver.Solver(4), indices)


@pytest.mark.slow
def test_every_4x4_position_has_the_winner_and_moves_of_backward_induction(truth):
    engine = solver.Solver(4)
    for indices in np.array_split(np.flatnonzero(truth >= 0), 200):
        check_4x4(truth, engine, indices)


def test_stubborn_moves_of_4x4_leave_the_fewest_winning_replies():
    engine = solver.Solver(4)
    boards = random_boards(4, 3, 150, seed=1)
    stubborn = engine.stubborn_moves(boards)
    lost = engine.winners(boards) != boards.turn
    assert 30 < lost.sum() < len(boards)
    assert not stubborn[~lost].any()
    for row in np.flatnonzero(lost):
        legal = np.flatnonzero(boards.legal[row])
        children = boards[np.full(len(legal), row)].play(legal)
        replies = engine.winning_moves(children).sum(axis=1)
        assert np.array_equal(np.flatnonzero(stubborn[row]), legal[replies == replies.min()])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, pytest.param(6, marks=pytest.mark.slow)])
def test_the_openings_that_win_are_the_published_ones(size):
    published = Board.from_text(OPENINGS[size], turn=Color.WHITE).stones.ravel() == 1
    engine = solver.Solver(size)
    assert np.array_equal(engine.winning_moves(Boards.empty(size, 1))[0], published)
    first_moves = Boards.empty(size, size * size).play(np.arange(size * size))
    assert np.array_equal(engine.winners(first_moves) == Color.BLACK, published)


@pytest.mark.parametrize(
    ("size", "at_least"), [(4, 0), (5, 0), (6, 12), pytest.param(6, 0, marks=pytest.mark.slow)], ids=["4", "5", "6-late", "6-all"]
)
def test_the_solved_positions_come_out_right(size, at_least):
    files = [SOLVED / f"positions_{size}{kind}.jsonl" for kind in ("", "_hard")]
    if not all(file.exists() for file in files):
        pytest.skip(f"the solved positions of size {size} are not beside this checkout")
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    rows = [row for row in rows if len(row["moves"]) >= at_least]
    engine = solver.Solver(size)
    for row in rows:
        board = Board.from_moves(row["moves"], size)
        solution = engine.solve(board)
        assert board.turn.name.lower() == row["to_move"]
        assert (solution.winner.name.lower(), set(solution.names)) == (row["winner"], set(row["winning_moves"]))
    assert len(rows) > 150


def test_results_do_not_depend_on_the_table():
    boards = random_boards(5, 3, 60, seed=2)
    small, large = solver.Solver(5, memory=1), solver.Solver(5)
    for _ in range(2):
        for ask in ("winners", "winning_moves", "stubborn_moves"):
            alone = np.concatenate([getattr(solver.Solver(5), ask)(boards[row]) for row in range(0, 60, 10)])
            assert np.array_equal(getattr(small, ask)(boards), getattr(large, ask)(boards))
            assert np.array_equal(getattr(small, ask)(boards)[::10], alone)
    assert np.count_nonzero(large._work.entries[:, 1]) > len(small._work.entries), "the small table had room for all"


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_symmetries_keep_the_result(size):
    boards = random_boards(size, min(4, size), 100, seed=size)
    engine = solver.Solver(size)
    winners, moves = engine.winners(boards), engine.winning_moves(boards)
    turned = Boards(size, boards.stones[:, rotation(size)], boards.turn, boards.winner)
    assert np.array_equal(engine.winners(turned), winners)
    assert np.array_equal(engine.winning_moves(turned), moves[:, rotation(size)])
    exchange = np.array([0, 2, 1], np.uint8)
    swapped = Boards(size, exchange[boards.stones][:, transposition(size)], 1 - boards.turn, boards.winner)
    assert np.array_equal(engine.winners(swapped), 1 - winners)
    assert np.array_equal(engine.winning_moves(swapped), moves[:, transposition(size)])


# What the proofs rest on


def test_a_carrier_is_all_that_the_winner_needs():
    shape, memory, bits = solving.geometry(3), solving.allocate_memory(3, 1), solving.cell_bits(3)
    for stones in itertools.product((0, 1, 2), repeat=9):
        black, white = (int(bits[np.array(stones) == stone].sum()) for stone in (1, 2))
        for turn in (0, 1):
            if abs(stones.count(1) - stones.count(2)) > 1 or connects_any(np.array(stones), 3):
                continue
            wins, carrier = solving.prove(black, white, turn, shape, memory)
            winner = turn if wins else 1 - turn
            needed = [bool(carrier & bit) for bit in bits.tolist()]
            worst = tuple(stone if stone or needed[cell] else 2 - winner for cell, stone in enumerate(stones))
            assert plain_winner(3, worst, turn) == winner


def test_a_cell_is_dead_when_no_filling_of_its_ring_parts_two_black_arcs():
    table = solving.ring_table()

    def is_dead(ring):
        empty = [k for k in range(6) if ring[k] == 0]
        for filling in itertools.product((1, 2), repeat=len(empty)):
            full = list(ring)
            for k, stone in zip(empty, filling, strict=True):
                full[k] = stone
            if sum(full[k] == 1 and full[k - 1] == 2 for k in range(6)) > 1:
                return False
        return True

    def index(ring):
        return sum(1 << k for k in range(6) if ring[k] == 1) + sum(64 << k for k in range(6) if ring[k] == 2)

    for ring in itertools.product((0, 1, 2), repeat=6):
        entry = int(table[index(ring)])
        assert entry & 1 == is_dead(ring)
        for k, stone in itertools.product(range(6), (1, 2)):
            kills = ring[k] == 0 and not is_dead(ring) and is_dead((*ring[:k], stone, *ring[k + 1 :]))
            assert entry >> (1 + k + 6 * (stone - 1)) & 1 == kills


def test_a_bridge_to_each_edge_settles_the_position_at_once():
    board = Board.from_text("""
        . . . .
         W . B .
          . B W .
           . . . .
        """, turn=Color.WHITE)
    engine = solver.Solver(4)
    assert engine.solve(board) == solver.Solution(4, Color.BLACK, ())
    assert engine._work.searched[0] == 1


# The friendly side


def test_a_finished_game_has_its_winner_and_no_moves():
    board = Board.from_moves("b1 a1 b2 a2 b3", size=3)
    assert solver.solve(board) == solver.Solution(3, Color.BLACK, ())
    assert solver.describe(board) == {
        "size": 3,
        "moves": ["b1", "a1", "b2", "a2", "b3"],
        "to_move": "white",
        "winner": "black",
        "winning_moves": [],
    }
    batch = Boards.empty(1, 2).play([0, -1])
    assert solver.Solver(1).winners(batch).tolist() == [0, 0]
    assert solver.winning_moves(batch).tolist() == [[False], [True]]
    assert solver.Solver(1).stubborn_moves(batch).tolist() == [[False], [False]]


def test_boards_and_batches_of_one_have_the_same_solution():
    board = Board.from_moves("c3 b2 d4", size=5)
    batch = Boards.empty(5, 1).play([12]).play([6]).play([18])
    solution = solver.solve(board)
    assert solver.solve(batch) == solution
    assert solution.names == tuple(board.legal_moves[board.legal_moves.cells.index(cell)] for cell in solution.winning_moves)


def test_an_empty_batch_is_answered():
    engine = solver.Solver(3)
    assert engine.winners(Boards.empty(3, 0)).shape == (0,)
    assert engine.stubborn_moves(Boards.empty(3, 0)).shape == (0, 9)


@pytest.mark.parametrize("size", [0, 7, 11, True, 5.0, "5"])
def test_sizes_beyond_the_solver_are_refused(size):
    with pytest.raises(PositionError, match=r"does not cover board size .*sizes 1 to 6"):
        solver.Solver(size)


def test_wrong_input_is_explained():
    engine = solver.Solver(4)
    with pytest.raises(PositionError, match="solver of size 4 cannot take boards of size 5"):
        engine.winners(Boards.empty(5, 1))
    with pytest.raises(PositionError, match="cannot take boards of size 3"):
        engine.solve(Board(size=3))
    with pytest.raises(PositionError, match="a batch of 2 boards is not one position"):
        engine.solve(Boards.empty(4, 2))
    with pytest.raises(PositionError, match=r"memory of 0 MiB.*from 1 to 65536"):
        solver.Solver(4, memory=0)
    assert issubclass(PositionError, HexlabError)


def test_a_solver_shows_how_it_was_made():
    assert repr(solver.Solver(4, memory=2)) == "Solver(size=4, memory=2)"
    assert solver.Solver(4, memory=3)._work.entries.nbytes == 2 << 20
    assert (repr(solver.Solver(5)), repr(solver.Solver(6))) == ("Solver(size=5, memory=32)", "Solver(size=6, memory=1024)")


def test_threads_that_share_a_solver_get_right_answers():
    boards = random_boards(5, 6, 80, seed=3)
    engine, expected, found = solver.Solver(5), solver.Solver(5).winning_moves(boards), {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: engine.winning_moves(boards[k::4])})) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[k], expected[k::4]) for k in range(4))


def test_5x5_positions_after_four_moves_take_about_a_hundred_positions_of_search():
    """What the solver costs, by its own count, which a busy machine does not change."""
    boards, searched = random_boards(5, 4, 200, seed=4), []
    for row in range(len(boards)):
        engine = solver.Solver(5)
        engine.winning_moves(boards[row])
        searched.append(int(engine._work.searched[0]))
    assert statistics.median(searched) <= 113
    assert max(searched) <= 3637


def test_the_kernels_give_the_same_answers_without_the_compiler():
    probe = """
import numpy as np
from hexlab.rules import Boards, solver
assert not hasattr(solver.solving.prove, "signatures"), "compiled after all"
engine = solver.Solver(4)
boards = Boards.empty(4, 6).play([0, 3, 5, 6, 10, 15]).play([9, 9, 9, 9, 9, 9])
for answer in (engine.winners(boards), engine.winning_moves(boards), engine.stubborn_moves(boards[:1].play([5]))):
    print(np.asarray(answer, int).tolist())
"""
    command = [sys.executable, "-W", "error", "-c", probe]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert plain.returncode == 0, plain.stderr
    engine = solver.Solver(4)
    boards = Boards.empty(4, 6).play([0, 3, 5, 6, 10, 15]).play([9, 9, 9, 9, 9, 9])
    answers = engine.winners(boards), engine.winning_moves(boards), engine.stubborn_moves(boards[:1].play([5]))
    assert plain.stdout.splitlines() == [str(np.asarray(answer, int).tolist()) for answer in answers]

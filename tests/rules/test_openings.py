"""The shipped table of openings against the solver."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from hexlab.errors import PositionError
from hexlab.rules import Board, Color, cell_name, openings, solver


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_table_of_small_boards_is_what_the_solver_says(size):
    assert dict(openings.read_openings(size)) == dict(openings.solve_openings(size))


def test_a_sample_of_the_5x5_table_is_what_the_solver_says():
    table = openings.read_openings(5)
    names = [cell_name(cell, 5) for cell in range(25)]
    assert list(table) == [moves for count in range(3) for moves in itertools.permutations(names, count)]
    engine = solver.Solver(5)
    for row in np.random.default_rng(0).permutation(len(table))[:150]:
        moves = list(table)[row]
        assert engine.solve(Board.from_moves(moves, 5)) == table[moves]


def test_the_table_agrees_with_itself():
    for size in openings.SIZES:
        table = openings.read_openings(size)
        for moves, solution in table.items():
            mover = Color(len(moves) % 2)
            assert (solution.winner == mover) == bool(solution.winning_moves) or size == 1
            if len(moves) < 2 and size > 1:
                assert {name for name in solution.names} == {
                    after[-1] for after in table if after[:-1] == moves and len(after) == len(moves) + 1 and table[after].winner == mover
                }


@pytest.mark.slow
def test_the_command_rebuilds_the_table_byte_for_byte(tmp_path):
    out = tmp_path / "openings.csv"
    subprocess.run([sys.executable, "-m", "hexlab.rules.openings", "--out", str(out)], check=True)
    assert out.read_bytes() == openings._TABLE.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["openings.csv"]


@pytest.mark.parametrize("size", [0, 6, "5"])
def test_sizes_beyond_the_table_are_refused(size):
    with pytest.raises(PositionError, match=r"does not hold size .*sizes 1 to 5"):
        openings.read_openings(size)

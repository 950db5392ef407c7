import numpy as np
import pytest

from hexlab.errors import IllegalMoveError, PositionError
from hexlab.rules import cell_index, cell_name
from hexlab.rules.cells import check_size, neighbor_table, rotation, transposition
from hexlab.rules.draws import derive_seeds


@pytest.mark.parametrize("size", [1, 2, 9, 19])
def test_names_and_numbers_are_each_others_inverse(size):
    names = [cell_name(cell, size) for cell in range(size * size)]
    assert [cell_index(name, size) for name in names] == list(range(size * size))
    assert len(set(names)) == size * size


def test_the_letter_is_the_column_and_the_number_the_row():
    assert [cell_name(cell, 3) for cell in range(9)] == ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]
    assert cell_index(" C2\n", 3) == 5


@pytest.mark.parametrize("name", ["", "1a", "a", "a01", "aa1", "t1", "a1b1", None, 3])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(IllegalMoveError, match="is not a cell: write a column letter and a row number, such as 'c3'"):
        cell_index(name, 19)


def test_cells_off_the_board_are_refused():
    with pytest.raises(IllegalMoveError, match="cell 'd1' is off the board: a 3x3 board runs from a1 to c3"):
        cell_index("d1", 3)
    with pytest.raises(IllegalMoveError, match="cell 9 is off the board: a 3x3 board has cells 0 to 8"):
        cell_name(9, 3)
    with pytest.raises(PositionError, match="board size 20 is not supported"):
        check_size(20)


def test_the_middle_of_the_board_has_six_neighbors():
    near = [cell_name(cell, 3) for cell in neighbor_table(3)[cell_index("b2", 3)]]
    assert near == ["b1", "c1", "a2", "c2", "a3", "b3"]


def test_symmetries_are_their_own_inverse_and_read_only():
    for where in (rotation(5), transposition(5)):
        assert where[where].tolist() == list(range(25))
        with pytest.raises(ValueError, match="read-only"):
            where[0] = 1
    assert cell_name(transposition(5)[cell_index("a4", 5)], 5) == "d1"
    assert cell_name(rotation(5)[cell_index("a4", 5)], 5) == "e2"


def test_seeds_differ_by_every_key_and_do_not_depend_on_their_number():
    keys = [(0,), (1,), (0, 0), (0, 1), (1, 0), (-1,), (2**63,), (0, 0, 0)]
    seeds = np.concatenate([derive_seeds(*key, count=50) for key in keys])
    assert len(set(seeds.tolist())) == len(seeds)
    assert derive_seeds(4, 2, count=9)[:5].tolist() == derive_seeds(4, 2, count=5).tolist()

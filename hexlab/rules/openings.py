"""The openings of up to two moves, solved: a table that ships with the package.

``python -m hexlab.rules.openings`` rebuilds it, in about a second after the solver is compiled.
"""

import argparse
import csv
import functools
import io
import itertools
import pathlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hexlab.errors import PositionError
from hexlab.rules.board import Board, Color
from hexlab.rules.cells import cell_index, cell_name
from hexlab.rules.solver import Solution, Solver
from hexlab.system import write_whole

__all__ = ["SIZES", "build_table", "read_openings", "solve_openings"]

SIZES = range(1, 6)
_TABLE = pathlib.Path(__file__).parents[1] / "data" / "openings.csv"
_COLUMNS = ("size", "moves", "winner", "winning_moves")


@functools.cache
def read_openings(size: int) -> Mapping[tuple[str, ...], Solution]:
    """Return the solved openings of one size from the table that ships with the package.

    Args:
        size: board size, 1 to 5.

    Returns:
        The solution of each opening by the names of its moves: the empty board, all one-move and all two-move openings, in the order of
        cells.

    Raises:
        PositionError: a size that the table does not hold.

    >>> openings = read_openings(5)
    >>> len(openings), openings[()].winner, openings["a1",].winner
    (626, <Color.BLACK: 0>, <Color.WHITE: 1>)
    """
    if size not in SIZES:
        raise PositionError(f"the table of openings does not hold size {size!r}: it covers sizes {SIZES[0]} to {SIZES[-1]}")
    openings = {}
    with _TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if int(row["size"]) == size:
                moves = tuple(cell_index(name, size) for name in row["winning_moves"].split())
                openings[tuple(row["moves"].split())] = Solution(size, Color[row["winner"].upper()], moves)
    return MappingProxyType(openings)


def solve_openings(size: int) -> Iterator[tuple[tuple[str, ...], Solution]]:
    """Solve the openings of up to two moves.

    Args:
        size: board size, 1 to 6.

    Yields:
        The names of the moves and the solution, in the order of cells.

    Raises:
        PositionError: a size that the solver does not cover.
    """
    solver = Solver(size)
    names = [cell_name(cell, size) for cell in range(size * size)]
    for count in range(3):
        for moves in itertools.permutations(names, count):
            yield moves, solver.solve(Board.from_moves(moves, size))


def build_table() -> str:
    """Solve the openings of all sizes of the table and return it as CSV text."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for size in SIZES:
        for moves, solution in solve_openings(size):
            rows.writerow((size, " ".join(moves), solution.winner.name.lower(), " ".join(solution.names)))
    return text.getvalue()


def main() -> None:
    """Write the table of openings."""
    parser = argparse.ArgumentParser(description="Solve all openings of up to two moves on boards 1x1 to 5x5 and write the table.")
    parser.add_argument("--out", type=pathlib.Path, default=_TABLE, help="file to write (default: the table of the package)")
    out = parser.parse_args().out
    write_whole(out, build_table())
    print(f"wrote {out}")


if __name__ == "__main__":
    main()

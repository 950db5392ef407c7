"""Tables of rows as CSV files: written whole and alike on every machine, and read with every value checked."""

import csv
import dataclasses
import io
import itertools
import lzma
import math
import os
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from hexlab.errors import StoreError
from hexlab.ranges import find_fault
from hexlab.system import write_whole

__all__ = ["columns", "read_table", "table_file", "to_frame", "write_table"]

_PACKED = {"openings", "pairings"}
_ROWS_AT_ONCE = 2_000

Row = TypeVar("Row")


def write_table(path: str | os.PathLike, rows: Iterable, kind: type | None = None) -> pathlib.Path:
    """Write rows of one kind as a CSV file, atomically.

    Rows are sorted by their fields in order, lines end in a line feed, and floats are written by `repr`, so that nothing
    is lost: equal rows give equal bytes on every machine. A file whose name ends in ``.xz`` holds them
    packed.

    Args:
        path: the file; its folder is created.
        rows: instances of one dataclass, such as `Rating`.
        kind: the dataclass; needed where there are no rows.

    Returns:
        The path.
    """
    path = pathlib.Path(path)
    rows = list(rows)
    kind = kind or (type(rows[0]) if rows else None)
    if kind is None:
        raise StoreError(f"{path.name} would have no rows and no known columns: name the kind of row")
    if any(type(row) is not kind for row in rows):
        raise StoreError(f"{path.name} holds rows of {kind.__name__}: write another table for other rows")
    lines = sorted(([getattr(row, name) for name in _field_names(kind)] for row in rows), key=_sort_key)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_field_names(kind))
    writer.writerows([repr(value) if isinstance(value, float) else value for value in line] for line in lines)
    data = text.getvalue().encode()
    if path.suffix == ".xz":
        data = lzma.compress(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}; check the folder and its permissions") from error
    return path


def _sort_key(values: list) -> list:
    # nan has no order of its own: it comes first
    return [-math.inf if value != value else value for value in values]


def table_file(name: str) -> str:
    """Return the name of a table's file. The games of an experiment are megabytes of text, and a tenth of that packed.

    >>> table_file("runs"), table_file("pairings")
    ('runs.csv', 'pairings.csv.xz')
    """
    return f"{name}.csv.xz" if name in _PACKED else f"{name}.csv"


def read_table(path: str | os.PathLike, kind: type[Row]) -> list[Row]:
    """Read a CSV file that `write_table` wrote; one whose name ends in ``.xz`` is unpacked.

    Raises:
        StoreError: the file is missing, its columns are not those of `kind`, or a value cannot be read or cannot be (`hexlab.ranges`).
    """
    path = pathlib.Path(path)
    names = list(_field_names(kind))
    opened = lzma.open if path.suffix == ".xz" else open
    rows: list[Row] = []
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if header != names:
                found = ",".join(header)[:200] or "nothing"
                raise StoreError(f"{path} starts with {found!r}: expected the columns {','.join(names)!r} of {kind.__name__}")
            while some := list(itertools.islice(lines, _ROWS_AT_ONCE)):
                rows += _read_rows(some, kind, path, len(rows) + 2)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read as a table of {kind.__name__} rows: {error}") from error
    return rows


def _read_rows(lines: list[list[str]], kind: type[Row], path: pathlib.Path, first: int) -> Iterable[Row]:
    """Convert cells column by column, in half the time that it takes row by row; `first` is the number of the first row."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    for number, line in enumerate(lines, first):
        if len(line) != len(fields):
            found = f"{len(line)} cells, not the {len(fields)} of {kind.__name__}"
            raise StoreError(f"row {number} of {path} has {found}: is the file cut off?")
    values: dict[str, list] = {}
    for field, cells in zip(fields, zip(*lines, strict=True), strict=True):
        convert = sys.intern if field.type is str else field.type
        done: list = []
        try:
            done += map(convert, cells)  # type: ignore[arg-type]
        except ValueError:
            at, expected = len(done), getattr(field.type, "__name__", field.type)
            message = f"row {first + at} of {path}: {field.name} is {cells[at]!r}, not {expected} as in a {kind.__name__} row"
            raise StoreError(message) from None
        values[field.name] = done
    if fault := find_fault(kind, values):
        value = repr(values[fault.field][fault.place])
        held = value if len(value) <= 80 else f"{value[:80]}..."
        raise StoreError(f"row {first + fault.place} of {path}: {fault.field} is {held}: expected {fault.expected}; restore the file")
    return map(kind, *values.values())


def columns(rows: Sequence, kind: type | None = None) -> dict[str, list]:
    """Return rows as one list for each field, ready for numpy, pandas or polars.

    >>> from hexlab.records import Opening
    >>> columns([Opening(3, "a", "b", "a1 b2", 1, 1, 13)])["opening"]
    ['a1 b2']
    """
    kind = kind or (type(rows[0]) if rows else None)
    if kind is None:
        raise StoreError("no rows and no known columns: name the kind of row")
    return {name: [getattr(row, name) for row in rows] for name in _field_names(kind)}


def to_frame(rows: Sequence, kind: type | None = None):
    """Return rows as a pandas data frame; needs pandas, which hexlab does not install by itself."""
    try:
        import pandas
    except ImportError as error:
        raise StoreError("pandas is not installed: install it, or use columns() for plain lists") from error
    return pandas.DataFrame(columns(rows, kind))


def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))

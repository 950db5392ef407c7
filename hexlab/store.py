"""The result store: one SQLite file of games, agents, runs and snapshots.

Each table holds one kind of row of `hexlab.records` and has a key. A row that is there already is skipped, so a rerun
may append what it likes; a row with an old key and new contents is refused, so that two experiments never mix. Every
`append` is one transaction, kept whole or not at all: who appends each match as it ends loses, when killed, only the
matches that were still being played. Many processes may read; only one writes.

The file is in SQLite's WAL mode (https://sqlite.org/wal.html): two more files, ``-wal`` and ``-shm``, lie beside it
while it is open, and a ``.writer`` file holds the lock of the one writer. WAL does not work on network file systems: for
a file there say so, and only one computer may open it.
"""

import contextlib
import dataclasses
import math
import os
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from hexlab.csv_tables import table_file, write_table
from hexlab.errors import StoreError
from hexlab.pairings import count_pairings, join_openings, mirror
from hexlab.records import Agent, Opening, Pairing, PairOpenings, Run, Snapshot
from hexlab.system import Lock, find_holder

__all__ = ["Store"]

APPLICATION_ID = 0x6865786C  # "hexl", in the header of every store
SCHEMA_VERSION = 2

_KEYS: dict[type, tuple[str, ...]] = {
    Run: ("run",),
    Snapshot: ("run", "snapshot"),
    Agent: ("size", "agent"),
    Opening: ("size", "first", "second", "opening"),
}
_TABLES = {Run: "runs", Snapshot: "snapshots", Agent: "agents", Opening: "openings"}
_SQL_TYPES: dict[Any, str] = {int: "INTEGER", float: "REAL", str: "TEXT"}
_MOST = 2**63 - 1  # the largest INTEGER

Row = TypeVar("Row")


class Store:
    """A file of results. Use it in a ``with`` block, or call `close`.

    Args:
        path: the file; it is created, with its folder, unless `read_only`.
        read_only: open for reading alone, beside whoever writes.
        network: the file lies on a disk that computers share; it keeps a rollback journal in place of WAL.

    Raises:
        StoreError: another process writes to the store, or the file is missing, foreign, damaged or of another version.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store(pathlib.Path(folder.name) / "results.sqlite") as store:
    ...     store.append([Opening(3, "perfect", "random", "a1 b2", 1, 1, 13)])
    ...     store.append([Opening(3, "perfect", "random", "a1 b2", 1, 1, 13)])
    ...     store.read(Opening)[0].opening
    1
    0
    'a1 b2'
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike, *, read_only: bool = False, network: bool = False) -> None:
        """Open or create the store."""
        self.path = pathlib.Path(path)
        self.read_only = read_only
        self.network = network
        self._lock: Lock | None = None
        self._connection: sqlite3.Connection | None = None
        if self.path.is_dir():
            raise StoreError(
                f"{self.path} is a folder: give the path of a result store, such as {self.path / 'results.sqlite'}"
            )
        if read_only and not self.path.exists():
            raise StoreError(f"{self.path} does not exist: there is no result store to read; play some matches first")
        try:
            if not read_only:
                with self._explained():
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = self._lock_out_writers()
            with self._explained():
                self._connection = self._connect()
                self._check_or_create()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Store":
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def __repr__(self) -> str:
        """Return how to open it again."""
        return f"Store({str(self.path)!r}, read_only={self.read_only}, network={self.network})"

    def close(self) -> None:
        """Close the file and let another process write; closing twice does nothing."""
        if self._connection is not None:
            self._connection.close()
        if self._lock is not None:
            self._lock.release()
        self._connection = self._lock = None

    def append(self, rows: Iterable[Run | Snapshot | Agent | Opening]) -> int:
        """Append rows in one transaction: all of them are kept, or none.

        The two agents of an `Opening` are kept in alphabetical order (see `mirror`), so that no pair is counted twice.

        Args:
            rows: rows of `Run`, `Snapshot`, `Agent` and `Opening`, mixed as you like.

        Returns:
            How many rows were new; a row that is there already is skipped.

        Raises:
            StoreError: a row differs from the row already kept under its key, or the store is open for reading only.
        """
        if self.read_only:
            raise StoreError(f"{self.path} is open for reading only: open it without read_only to append")
        fresh = 0
        with self._explained(), self._open as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            for row in rows:
                fresh += _append_row(transaction, row, self.path)
        return fresh

    def read(self, kind: type[Row], **equal: object) -> list[Row]:
        """Return the rows of one kind, sorted by key.

        Args:
            kind: `Run`, `Snapshot`, `Agent` or `Opening`.
            equal: fields and the values they must have, such as ``size=5``.

        Raises:
            StoreError: a kind without a table, a field that it does not have, or a value that its field cannot have.
        """
        rows, values = _describe_rows(kind, equal)
        query = f"SELECT {', '.join(_field_names(kind))} {rows} ORDER BY {', '.join(_KEYS[kind])}"
        with self._explained():
            return [kind(*row) for row in self._open.execute(query, values)]

    def count(self, kind: type, **equal: object) -> int:
        """Return how many rows `read` would return."""
        rows, values = _describe_rows(kind, equal)
        with self._explained():
            return self._open.execute(f"SELECT count(*) {rows}", values).fetchone()[0]

    def pairings(self, size: int | None = None) -> list[Pairing]:
        """Return the openings counted by pair of agents and by half, sorted.

        Args:
            size: board size, or None for all.
        """
        return count_pairings(self.read(Opening) if size is None else self.read(Opening, size=size))

    def export(self, folder: str | os.PathLike) -> list[pathlib.Path]:
        """Write every table and the pairings as CSV files; equal contents give equal bytes.

        Openings are written a pair a row (see `join_openings`), in half the space of an opening a row.

        Returns:
            The files: ``runs.csv``, ``snapshots.csv``, ``agents.csv``, ``openings.csv.xz``, ``pairings.csv.xz``.
        """
        folder = pathlib.Path(folder)
        openings = self.read(Opening)
        tables: list[tuple[str, type, list]] = [(name, kind, self.read(kind)) for kind, name in _TABLES.items() if kind is not Opening]
        tables += [("openings", PairOpenings, join_openings(openings)), ("pairings", Pairing, count_pairings(openings))]
        return [write_table(folder / table_file(name), rows, kind) for name, kind, rows in tables]

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path} is closed: open the store again")
        return self._connection

    def _lock_out_writers(self) -> Lock:
        path = self.path.with_name(self.path.name + ".writer")
        try:
            return Lock(path)
        except BlockingIOError:
            raise StoreError(
                f"{self.path} is being written by {find_holder(path)}, and only one may write: "
                "wait until it ends, or open the store with read_only=True"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error}; check the folder and its permissions") from error

    def _connect(self) -> sqlite3.Connection:
        if self.read_only:
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            return sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None)
        return sqlite3.connect(self.path, timeout=60, isolation_level=None)

    def _check_or_create(self) -> None:
        (application,) = self._open.execute("PRAGMA application_id").fetchone()
        (version,) = self._open.execute("PRAGMA user_version").fetchone()
        (tables,) = self._open.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application == 0 and tables == 0 and not self.read_only:
            self._create()
        elif application != APPLICATION_ID:
            raise StoreError(f"{self.path} is not a result store of hexlab: give another path, or move that file away")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} is a result store of version {version}, and this hexlab reads version {SCHEMA_VERSION}: "
                "use the hexlab that wrote it, or start a new store"
            )
        if not self.read_only:
            self._open.execute(f"PRAGMA journal_mode = {'DELETE' if self.network else 'WAL'}")
            self._open.execute("PRAGMA synchronous = NORMAL")

    def _create(self) -> None:
        with self._open as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            for kind, name in _TABLES.items():
                declared = ", ".join(
                    f"{field.name} {_SQL_TYPES[field.type]} NOT NULL" for field in dataclasses.fields(kind)
                )
                transaction.execute(
                    f"CREATE TABLE {name} ({declared}, PRIMARY KEY ({', '.join(_KEYS[kind])})) WITHOUT ROWID"
                )
            transaction.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            transaction.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if "not a database" in text:
                raise StoreError(
                    f"{self.path} is not a result store: give another path, or move that file away"
                ) from error
            if "malformed" in text or "corrupt" in text:
                raise StoreError(
                    f"{self.path} is damaged ({text}): move it away and start anew, or rescue it by sqlite3's .recover"
                ) from error
            raise StoreError(
                f"{self.path} failed: {text}; check free space, permissions, and that the disk is local"
            ) from error
        except OSError as error:
            raise StoreError(f"{self.path} cannot be used: {error}; check the folder and its permissions") from error


def _describe_rows(kind: type, equal: Mapping[str, object]) -> tuple[str, list]:
    """Return the end of a query for the rows of a kind whose fields have some values, and these as SQLite takes them."""
    if kind not in _TABLES:
        raise StoreError(f"{kind!r} has no table: ask for one of {', '.join(each.__name__ for each in _TABLES)}")
    names = _field_names(kind)
    if unknown := sorted(set(equal) - set(names)):
        raise StoreError(f"{kind.__name__} has no field {unknown[0]!r}: its fields are {', '.join(names)}")
    values = [_convert(field, equal[field.name], kind) for field in dataclasses.fields(kind) if field.name in equal]
    return f"FROM {_TABLES[kind]} WHERE {' AND '.join(f'{name} = ?' for name in names if name in equal) or '1'}", values


def _append_row(transaction: sqlite3.Connection, row: Any, path: pathlib.Path) -> int:
    kind = type(row)
    if kind not in _TABLES:
        raise StoreError(f"{row!r} has no table: append rows of {', '.join(each.__name__ for each in _TABLES)}")
    if kind is Opening:
        if row.first == row.second:
            raise StoreError(f"{row!r} is a match of an agent with itself: give two agents with different names")
        row = min(row, mirror(row), key=lambda each: each.first)
    names = _field_names(kind)
    values = [_convert(field, getattr(row, field.name), kind) for field in dataclasses.fields(kind)]
    marks = ", ".join("?" * len(values))
    if transaction.execute(f"INSERT OR IGNORE INTO {_TABLES[kind]} VALUES ({marks})", values).rowcount:
        return 1
    key = _KEYS[kind]
    where = " AND ".join(f"{name} = ?" for name in key)
    query = f"SELECT {', '.join(names)} FROM {_TABLES[kind]} WHERE {where}"
    kept = kind(*transaction.execute(query, [values[names.index(name)] for name in key]).fetchone())
    if kept != row:
        raise StoreError(f"{path} already holds {kept}, not {row}: use a new store, or the settings of the old results")
    return 0


def _convert(field: dataclasses.Field, value: Any, kind: type) -> Any:
    """Return a value as the type of its field, which SQLite knows: it would take a number of numpy for bytes."""
    try:
        exact = field.type(value)  # type: ignore[operator]
        good = exact == value and not (field.type is float and not math.isfinite(exact))
        good = good and not (field.type is int and abs(exact) > _MOST)
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        expected = {int: "a whole number of at most 64 bits", float: "a finite number", str: "a string"}[field.type]  # type: ignore[index]
        raise StoreError(f"{kind.__name__}.{field.name} is {value!r}: expected {expected}")
    return exact


def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))

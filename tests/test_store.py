"""The result store: what is appended comes back, once, whole, whatever happens to the process."""

import dataclasses
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexlab.errors import StoreError
from hexlab.pairings import count_pairings, find_half, mirror
from hexlab.records import Agent, Opening, Pairing, Run, Snapshot
from hexlab.store import Store

NAMES = ("perfect", "random", "3f9a/0@1", "3f9a/1@8")
OPENINGS = ("a1 b2", "b2 a1", "c3 a1", "a2 b3", "c1 c2")

RUN = Run("3f9a", 3, 8, 2, seed=0, parameters=92, train_simulations=16, config='{"size": 3}')
SNAPSHOT = Snapshot("3f9a", 1, 4096, 65536, 1.5e9, 0.25e9, 1.75e9, 6e8)
AGENT = Agent("3f9a/1@8", 3, "snapshot", "3f9a", 1, test_simulations=8, test_flops=1472.0)


def games(first="perfect", second="random", opening="a1 b2", black=1, white=1, moves=14):
    return Opening(3, first, second, opening, black, white, moves)


@st.composite
def matches(draw):
    """Openings between different agents, each with one outcome, however often it is drawn."""
    first, second = draw(st.permutations(NAMES))[:2]
    opening = draw(st.sampled_from(OPENINGS))
    low, high = sorted((first, second))
    decided = find_half(3, low + opening), find_half(3, high + opening)  # any fixed function of the key
    row = Opening(3, low, high, opening, *decided, moves=14)
    return row if first == low else mirror(row)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.sqlite"


def test_every_kind_of_row_comes_back_as_it_was(path):
    rows = [RUN, SNAPSHOT, AGENT, games()]
    with Store(path) as store:
        assert store.append(rows) == 4
    with Store(path, read_only=True) as store:
        assert [row for kind in (Run, Snapshot, Agent, Opening) for row in store.read(kind)] == rows


def test_a_rerun_adds_nothing(path):
    with Store(path) as store:
        assert store.append([games(), AGENT]) == 2
        assert store.append([games(), AGENT, games(opening="b2 a1")]) == 1
        assert {row.opening for row in store.read(Opening, size=3)} == {"a1 b2", "b2 a1"}
        assert (store.count(Opening, size=3), store.count(Opening, size=4), store.count(Agent)) == (2, 0, 1)


def test_rows_of_numpy_numbers_are_those_of_plain_ones(path):
    with Store(path) as store:
        row = dataclasses.replace(games(), size=np.int64(3), moves=np.int32(14))
        assert (store.append([row]), store.append([row, games()])) == (1, 0)
        assert store.read(Opening) == [games()]
        with pytest.raises(StoreError, match="already holds Opening"):
            store.append([dataclasses.replace(row, moves=np.int64(15))])


def test_a_match_told_from_the_other_side_is_the_same_match(path):
    told = games("random", "perfect", black=0, white=1)
    with Store(path) as store:
        assert store.append([told]) == 1
        assert store.append([mirror(told)]) == 0
        assert store.read(Opening) == [games("perfect", "random", black=0, white=1)]


def test_other_results_under_an_old_key_are_refused_and_nothing_of_that_append_is_kept(path):
    with Store(path) as store:
        store.append([games()])
        with pytest.raises(StoreError, match=r"already holds Opening\(.*first_won_as_white=1.*first_won_as_white=0"):
            store.append([games(opening="b2 a1"), games(white=0)])
        assert store.read(Opening) == [games()]


def test_rows_are_read_by_any_field(path):
    with Store(path) as store:
        store.append([games(opening=opening) for opening in OPENINGS])
        assert [row.opening for row in store.read(Opening, size=3, opening="c1 c2")] == ["c1 c2"]
        with pytest.raises(StoreError, match="Opening has no field 'colour'"):
            store.read(Opening, colour=1)
        with pytest.raises(StoreError, match="has no table: ask for one of Run, Snapshot, Agent, Opening"):
            store.read(Pairing)


@pytest.mark.parametrize("size", [3, 3.0, np.int64(3), np.uint8(3), np.float32(3)])
def test_rows_are_read_by_numbers_of_any_type(path, size):
    with Store(path) as store:
        store.append([games(), AGENT])
        assert store.read(Opening, opening=np.str_("a1 b2"), size=size) == [games()]
        assert store.count(Opening, size=size) == 1
        assert store.count(Agent, test_flops=np.float64(1472)) == 1


@pytest.mark.parametrize("size", ["3", 3.5, None, b"3", float("inf"), 10**30])
def test_values_that_no_row_can_have_are_refused(path, size):
    with Store(path) as store:
        for ask in (store.read, store.count):
            with pytest.raises(StoreError, match=re.escape(f"Opening.size is {size!r}: expected a whole number")):
                ask(Opening, size=size)
        with pytest.raises(StoreError, match=r"Agent\.test_flops is nan: expected a finite number"):
            store.read(Agent, test_flops=float("nan"))
        with pytest.raises(StoreError, match=r"Run\.run is 7: expected a string"):
            store.count(Run, run=7)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (games(second="perfect"), "match of an agent with itself"),
        (games(moves="many"), "Opening.moves is 'many': expected a whole number"),
        (games(moves=2**63), "Opening.moves is 9223372036854775808: expected a whole number of at most 64 bits"),
        (games(moves=float("inf")), "Opening.moves is inf: expected a whole number"),
        (dataclasses.replace(AGENT, test_flops=float("nan")), "Agent.test_flops is nan: expected a finite number"),
        (Pairing(3, "a", "b", 0, 1, 0, 0, 0), "has no table"),
    ],
)
def test_bad_rows_are_refused(path, row, message):
    with Store(path) as store:
        with pytest.raises(StoreError, match=message):
            store.append([row])
        assert store.read(Opening) == store.read(Agent) == []


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(matches(), max_size=6), max_size=5))
def test_any_order_of_appends_leaves_the_same_table(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("store")
    with Store(folder / "batched.sqlite") as batched, Store(folder / "single.sqlite") as single:
        for batch in batches:
            batched.append(batch)
        for row in sorted((row for batch in batches for row in batch), key=repr, reverse=True):
            single.append([mirror(row)])
        assert batched.read(Opening) == single.read(Opening)
        assert batched.pairings() == single.pairings() == count_pairings(batched.read(Opening))
        counted = sum(pairing.openings for pairing in batched.pairings())
        assert counted == len(batched.read(Opening))
        exported = [file.read_bytes() for file in batched.export(folder / "one")]
        assert exported == [file.read_bytes() for file in single.export(folder / "two")]


def test_only_one_writes_and_all_may_read(path):
    with Store(path) as writer:
        writer.append([games()])
        with pytest.raises(StoreError, match=rf"being written by process {os.getpid()}, and only one may write"):
            Store(path)
        with Store(path, read_only=True) as reader:
            assert reader.read(Opening) == [games()]
            with pytest.raises(StoreError, match="open for reading only"):
                reader.append([games(opening="b2 a1")])
            writer.append([games(opening="b2 a1")])
            assert len(reader.read(Opening)) == 2
    with Store(path) as writer:
        assert writer.append([games()]) == 0


def test_on_a_network_disk_no_wal_is_kept(path):
    """WAL's shared memory works within one computer only; a store that was local becomes one of the network and back."""
    for network in (False, True, False):
        with Store(path, network=network) as store:
            store.append([games()])
            names = {file.name.removeprefix(path.name) for file in path.parent.iterdir()}
            assert names == ({"", ".writer"} if network else {"", ".writer", "-wal", "-shm"})
            with Store(path, read_only=True) as reader:
                assert reader.read(Opening) == [games()]


def test_a_closed_store_says_so(path):
    store = Store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed: open the store again"):
        store.read(Opening)


WRITER = """
    import sys
    from hexlab.records import Opening
    from hexlab.store import Store

    openings = [f"{a}{b} {c}{d}" for a in "abcde" for b in range(1, 6) for c in "abcde" for d in range(1, 6)]
    with Store(sys.argv[1]) as store:
        for number in range(100_000):
            store.append([Opening(5, "a", f"b{number:06}", opening, 1, 0, 30) for opening in openings])
            print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_writer_loses_at_most_the_match_in_flight(path):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), os.fspath(path)]
    for round_number in range(2):
        path_now = path.with_name(f"{round_number}.sqlite")
        command[-1] = os.fspath(path_now)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            told = [int(child.stdout.readline()) for _ in range(5 + 3 * round_number)]
            with pytest.raises(StoreError, match=f"being written by process {child.pid}"):
                Store(path_now)
            child.send_signal(signal.SIGKILL)
            told += [int(line) for line in child.stdout]
        with Store(path_now) as store:  # the lock died with its holder
            counts = {}
            for row in store.read(Opening):
                counts[row.second] = counts.get(row.second, 0) + 1
            assert set(counts.values()) == {625}, "a match is whole or absent"
            assert len(counts) in (len(told), len(told) + 1), "only the match that was not yet told may be in doubt"
            assert store.append([Opening(5, "a", "b000000", "a1 a1", 1, 0, 30)]) == 0


def test_foreign_damaged_and_newer_files_are_told_apart(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match=r"notes.txt is not a result store: give another path"):
        Store(text)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match="is not a result store of hexlab"):
            Store(foreign, read_only=read_only)
    newer = tmp_path / "newer.sqlite"
    Store(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreError, match="of version 7, and this hexlab reads version 2"):
        Store(newer)
    with pytest.raises(StoreError, match="does not exist: there is no result store to read"):
        Store(tmp_path / "absent.sqlite", read_only=True)
    with pytest.raises(StoreError, match="is a folder"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(text / "below" / "a-file.sqlite")


def test_a_damaged_store_says_what_to_do(path):
    with Store(path) as store:
        store.append([games("a", f"b{number}", opening) for number in range(500) for opening in OPENINGS])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged .* move it away"), Store(path) as store:
        store.read(Opening)

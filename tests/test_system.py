"""Locks end with their process and name their holder; files are whole or absent; processes know whom they have started."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import pytest

from hexlab import system
from hexlab.errors import RunError

HOLDER = """
import pathlib, sys, time
from hexlab.system import Lock
held = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def hold(path):
    """Start a process that holds a lock."""
    child = subprocess.Popen([sys.executable, "-c", HOLDER, os.fspath(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    return child


def test_one_at_a_time_holds_a_folder_and_leaves_nothing_behind(tmp_path):
    with system.lock_folder(tmp_path), pytest.raises(RunError, match=rf"in use by process {os.getpid()}: wait until it ends, or stop it"):
        system.lock_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
    again = system.lock_folder(tmp_path)
    again.release()
    again.release()
    assert list(tmp_path.iterdir()) == []


def test_the_holder_is_named_and_its_death_frees_the_folder(tmp_path):
    with hold(tmp_path / "lock") as child:
        try:
            with pytest.raises(RunError, match=f"in use by process {child.pid}"):
                system.lock_folder(tmp_path)
        finally:
            child.kill()
    assert (tmp_path / "lock").exists(), "a killed process cannot tidy up"
    with system.lock_folder(tmp_path):
        assert system.find_holder(tmp_path / "lock") == f"process {os.getpid()}"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_nobody_refers_to_is_free(tmp_path):
    held = system.Lock(tmp_path / "lock")
    del held
    system.Lock(tmp_path / "lock").release()


def test_a_lock_removed_by_its_last_holder_is_not_mistaken_for_the_new_one(tmp_path, monkeypatch):
    """Someone opens the file, and before locking it the holder lets go and another one takes a new file of that name."""
    path = tmp_path / "lock"
    first = system.Lock(path)
    real, others = system._lock, []

    def lock_late(handle):
        if not others:
            monkeypatch.setattr(system, "_lock", real)
            first.release()
            others.append(system.Lock(path))
        real(handle)

    monkeypatch.setattr(system, "_lock", lock_late)
    with pytest.raises(BlockingIOError):
        system.Lock(path)
    assert path.exists()


def test_a_folder_is_renamed_under_its_lock(tmp_path):
    (tmp_path / "draft").mkdir()
    held = system.lock_folder(tmp_path / "draft")
    held.move_folder(tmp_path / "run")
    with pytest.raises(RunError, match="in use"):
        system.lock_folder(tmp_path / "run")
    held.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_cannot_be_locked_says_so(tmp_path):
    with pytest.raises(RunError, match="cannot be locked"):
        system.lock_folder(tmp_path / "absent")


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "facts.json"
    system.write_whole(path, "one\n")

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(system.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        system.write_whole(path, "two\n")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"one\n"
    assert list(tmp_path.iterdir()) == [path], "a full disk is not filled with drafts"


def test_a_file_that_cannot_be_written_is_named_and_not_its_draft(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    for path in (tmp_path / "absent" / "facts.json", tmp_path / "folder"):  # the second fails when the draft takes its name
        with pytest.raises(OSError, match=re.escape(repr(str(path)))) as caught:
            system.write_whole(path, "one\n")
        assert (caught.value.filename, caught.value.filename2) == (str(path), None)
        assert "partial" not in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "file"]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that somebody reads cannot be replaced there")
def test_a_file_that_several_write_at_once_is_always_one_of_theirs(tmp_path):
    path = tmp_path / "facts.json"
    contents = [letter * length for letter, length in (("a", 1), ("b", 200_000), ("c", 100))]
    system.write_whole(path, contents[0])
    with concurrent.futures.ThreadPoolExecutor(len(contents)) as crew:

        def write(content):
            for _ in range(100):
                system.write_whole(path, content)

        writers = [crew.submit(write, content) for content in contents]
        while not all(writer.done() for writer in writers):
            assert path.read_text() in contents
        assert [writer.exception() for writer in writers] == [None] * 3
    assert list(tmp_path.iterdir()) == [path]


def test_who_loses_his_draft_as_a_dead_writers_writes_it_again(tmp_path, monkeypatch):
    """One tidies the folder up just when another's draft is whole and has not its name yet."""
    path, real = tmp_path / "facts.json", os.fsync

    def tidy_up(handle):
        real(handle)
        monkeypatch.setattr(system.os, "fsync", real)
        assert len(list(tmp_path.glob("*.partial"))) == 1
        system.remove_drafts(tmp_path)

    monkeypatch.setattr(system.os, "fsync", tidy_up)
    system.write_whole(path, "one\n")
    assert path.read_bytes() == b"one\n"
    assert list(tmp_path.iterdir()) == [path]


def test_drafts_of_the_killed_are_removed(tmp_path):
    for name in ("facts.json.1a2b3c4d.partial", ".tmpAb1", "facts.json"):
        (tmp_path / name).touch()
    system.remove_drafts(tmp_path, tmp_path / "absent")
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]


def test_a_folder_is_tried_before_work_and_left_as_it_was(tmp_path):
    system.check_writable(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    system.check_writable(tmp_path / "there")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
    (tmp_path / "file").write_text("mine")
    for use in (system.check_writable, system.make_folder):
        for folder in (tmp_path / "file", tmp_path / "file" / "deep" / "er"):
            with pytest.raises(RunError, match="file is a file: name a folder"):
                use(folder)
    system.make_folder(tmp_path / "new" / "deep")
    assert (tmp_path / "new" / "deep").is_dir()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a folder that even the superuser cannot write to")
def test_a_folder_that_cannot_be_made_is_told():
    with pytest.raises(RunError, match=r"nope cannot be written to \(.+\): name a folder where you may write"):
        system.check_writable(system.pathlib.Path("/proc/nope"))


def test_the_machine_is_counted():
    assert 1 <= system.count_cores() <= 4096
    assert system.memory_bytes() is None or 2**27 < system.memory_bytes() < 2**50


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
def test_energy_is_that_of_processors_and_memory_through_a_restart_of_the_counters(tmp_path):
    def write(zone, name, energy):
        folder = tmp_path / zone
        folder.mkdir(exist_ok=True)
        for file, text in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", 100_000_000)):
            (folder / file).write_text(f"{text}\n")

    assert system.read_energy(tmp_path) is None
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "dram"), ("intel-rapl:1", "psys")):
        write(zone, name, 90_000_000)
    before = system.read_energy(tmp_path)
    assert set(before) == {"intel-rapl:0", "intel-rapl:0:1"}
    write("intel-rapl:0", "package-0", 5_000_000)  # past its end and on from 0
    write("intel-rapl:0:1", "dram", 92_000_000)
    assert system.joules_between(before, system.read_energy(tmp_path)) == 15 + 2
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()  # as to a user who may not read it
    assert set(system.read_energy(tmp_path)) == {"intel-rapl:0:1"}


def test_lines_of_a_pipe_come_whole_however_they_were_written():
    source, target = os.pipe()
    for part in (b"one\ntw", "o ü\n\n".encode(), b"x" * 25, b"\nlast"):
        os.write(target, part)
    os.close(target)
    assert "".join(f"{line}|" for line in system.read_lines(source)) == f"one|two ü||{'x' * 25}|last|"
    os.close(source)
    assert list(system.read_lines(source)) == []


def test_a_line_without_an_end_comes_in_pieces():
    source, target = os.pipe()
    os.write(target, b"x" * 50 + b"\ny\n")
    os.close(target)
    lines = list(system.read_lines(source, longest=20))
    os.close(source)
    assert "".join(lines) == "x" * 50 + "y"
    assert max(map(len, lines)) <= 40


@pytest.mark.skipif(shutil.which("ps") is None, reason="asks ps")
def test_asking_who_started_whom_adds_nobody():
    code = "import os; from hexlab import system; print([row[0] == os.getpid() for row in system._list_family(os.getpid())])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[True]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who started whom")
def test_a_family_and_its_memory_are_found():
    sleep = "import time; held = b'x' * 50_000_000; print('here', flush=True); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}], start_new_session=True)"
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout.readline() == b"here\n"
            (child,) = system.list_descendants(parent.pid)
            assert system.resident_bytes(child) > 50_000_000
            assert system.resident_bytes(parent.pid) > system.resident_bytes(child)
            if shutil.which("ps"):  # how systems without /proc are asked
                rows = system._list_family(parent.pid)
                assert [row[:2] for row in rows] == [(parent.pid, os.getpid()), (child, parent.pid)]
                assert rows[1][2] > 50_000
        finally:
            os.kill(child, 9)
    assert system.list_descendants(parent.pid) == []
    assert system.resident_bytes(parent.pid) is None

"""Signs of life: who is at work, whether he lives, and how a later owner makes an earlier one stop."""

import os

import pytest

from hexlab.lab import heartbeats
from hexlab.lab.heartbeats import Heartbeat, read_sign, revoke


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(heartbeats, "_BEAT_SECONDS", 0.01)


def test_a_sign_tells_who_is_at_work_and_on_what(tmp_path):
    with Heartbeat(tmp_path / "sign") as beat:
        beat.tell(stage="train", done=0.5)
        beat.tell(done=0.75)
        sign = read_sign(tmp_path / "sign")
    assert (sign.process, sign.facts) == (os.getpid(), {"stage": "train", "done": 0.75})
    assert sign.alive


def test_a_sign_that_is_not_touched_any_more_is_that_of_the_dead(tmp_path):
    path = tmp_path / "sign"
    with Heartbeat(path) as beat:
        os.utime(path, (0, 0))
        while not read_sign(path).alive:  # the thread touches it
            beat._ended.wait(0.001)
    os.utime(path, (0, 0))
    assert not read_sign(path).alive


def test_the_last_to_write_owns_the_file_and_the_one_before_learns_it(tmp_path):
    path = tmp_path / "sign"
    with Heartbeat(path) as old, Heartbeat(path) as new:
        assert old._lost.wait(10)
        old.tell(stage="old")
        old.remove()
        assert read_sign(path).facts == {}, "the loser changes nothing"
        assert not new.lost
        revoke(path)
        assert new._lost.wait(10)
    assert read_sign(path) is None


@pytest.mark.parametrize("take", [Heartbeat, revoke], ids=["another's", "revoked"])
def test_a_file_that_was_taken_is_not_taken_back_by_telling(tmp_path, monkeypatch, take):
    """As it goes within the two seconds in which the thread has not looked yet."""
    monkeypatch.setattr(heartbeats, "_BEAT_SECONDS", 600)
    path = tmp_path / "sign"
    with Heartbeat(path) as old:
        new = take(path)
        taken = path.read_bytes()
        assert not old.lost
        old.tell(waiting="the folder is in use")
        assert old.lost
        assert path.read_bytes() == taken
        if new:
            new.tell(stage="train")
            assert not new.lost


def test_what_was_told_before_is_not_written_again(tmp_path, monkeypatch):
    written = []

    def write(path, text):
        written.append(text)
        path.write_text(text)

    monkeypatch.setattr(heartbeats, "write_whole", write)
    beat = Heartbeat(tmp_path / "sign")
    for waiting in ("for a folder", "for a folder", ""):
        beat.tell(waiting=waiting)
    assert len(written) == 3, "the claim itself, and what is new"
    (tmp_path / "sign").unlink()
    beat.tell(waiting="")
    assert len(written) == 4, "a file that vanished is made again"


def test_its_owner_removes_it(tmp_path):
    with Heartbeat(tmp_path / "sign") as beat:
        beat.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": "1"}', "\x00"])
def test_what_is_no_sign_is_none(tmp_path, content):
    (tmp_path / "sign").write_text(content)
    assert read_sign(tmp_path / "sign") is None
    assert read_sign(tmp_path / "absent") is None


def test_a_disk_that_is_gone_stops_nobody(tmp_path):
    with Heartbeat(tmp_path / "gone" / "sign") as beat:
        beat.tell(stage="train")
        assert not beat.lost

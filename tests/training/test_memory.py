"""What a run takes is told before it starts, and refused with the dial to turn."""

import dataclasses

import pytest

from hexlab import mcts, training
from hexlab.errors import ConfigError
from hexlab.training import memory
from hexlab.training.replay import Replay
from hexlab.training.selfplay import make_group

CONFIG = training.Config(size=7, width=16, depth=2, samples=10**7, simulations=50, groups=3, boards=64, slice_moves=1, buffer=50_000)


def count(arrays):
    return sum(array.nbytes for array in arrays)


def test_what_is_told_is_what_is_set_aside():
    parts = training.estimate_bytes(CONFIG, threads=2)
    assert parts["search trees"] == pytest.approx(2 * count(mcts.allocate_tree(64, 50, 7)), rel=0.1)
    assert parts["games in play"] == pytest.approx(sum(count(make_group(CONFIG, number)) for number in range(3)), rel=0.1)
    assert parts["replay buffer"] == pytest.approx(count(Replay(7, 50_000).positions), rel=0.1)


def test_a_hex_net_holds_its_channels_on_every_cell():
    """Float32 inputs and outputs of 2 layers and the intake, for each cell of 2 batches of the learner and of 2 players' boards."""
    parts = training.estimate_bytes(dataclasses.replace(CONFIG, net="hex"), threads=2)
    channels = 49 * 16 * 2 * 3 * 4 * (2 * CONFIG.batch + 2 * CONFIG.boards)
    assert channels < parts["network"] < 1.2 * channels


def test_a_buffer_that_a_short_run_never_fills_is_not_counted():
    short = dataclasses.replace(CONFIG, samples=1_000)
    assert training.estimate_bytes(short, threads=1)["replay buffer"] < 1_200 * (3 * 49 + 5)


@pytest.mark.parametrize(
    ("changes", "dial"),
    [
        ({"simulations": 20_000, "boards": 256}, "boards, simulations or threads"),
        ({"size": 19, "simulations": 1, "boards": 1024, "buffer": 3_000_000}, "buffer"),
        ({"size": 13, "simulations": 1, "groups": 64, "boards": 512, "buffer": 6_000_000, "samples": 1}, "boards or groups"),
        ({"width": 9_000, "depth": 8}, "width, depth or batch"),
    ],
)
def test_a_run_that_does_not_fit_names_the_dial_to_turn(monkeypatch, changes, dial):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**9)
    known = {field.name for field in dataclasses.fields(training.Config)} | {"threads"}
    assert set(dial.replace(",", " ").replace(" or ", " ").split()) <= known
    with pytest.raises(ConfigError, match=rf"there are 1\.0 GB: lower {dial}$"):
        memory.check_memory(dataclasses.replace(CONFIG, **changes), threads=3)


def test_of_a_run_that_has_begun_only_the_threads_can_be_changed(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**9)
    deep = dataclasses.replace(CONFIG, simulations=20_000)
    with pytest.raises(ConfigError, match=r"give fewer threads$"):
        memory.check_memory(deep, threads=3, begun=True)
    wide = dataclasses.replace(CONFIG, width=9_000, depth=8)
    with pytest.raises(ConfigError, match=r"on a machine with more memory$"):
        memory.check_memory(wide, threads=3, begun=True)


@pytest.mark.parametrize("available", [None, 10**12])
def test_what_fits_or_cannot_be_told_is_let_through(monkeypatch, available):
    monkeypatch.setattr(memory, "memory_bytes", lambda: available)
    memory.check_memory(CONFIG, threads=2)

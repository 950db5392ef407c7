"""Cells of a grid: what is finished is counted, not trained again."""

import concurrent.futures

import pytest

from hexlab.errors import RunError
from hexlab.lab import runner
from hexlab.training import Config, run_key, train

CELLS = [
    Config(size=3, width=2, depth=1, seed=seed, samples=256, simulations=2, groups=1, boards=64, slice_moves=2, batch=64, buffer=9_000)
    for seed in (0, 1)
]


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool


def test_finished_cells_are_counted_and_not_started_again(tmp_path, pool, monkeypatch):
    list(train(CELLS[0], tmp_path / run_key(CELLS[0]), threads=1))
    started = []
    real = runner._train_cell
    monkeypatch.setattr(runner, "_train_cell", lambda config, out: started.append(out) or real(config, out))
    steps = list(runner.train_cells(CELLS, tmp_path, pool))
    assert started == [str(tmp_path / run_key(CELLS[1]))]
    assert [step.done == 1 for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].message == "2 of 2 networks trained"
    (step,) = runner.train_cells(CELLS, tmp_path, pool)
    assert (step.done, step.message) == (1, "2 of 2 networks trained")
    assert len(started) == 1


def test_a_finished_cell_that_is_damaged_is_not_taken_for_finished(tmp_path, pool):
    run = tmp_path / run_key(CELLS[0])
    list(train(CELLS[0], run, threads=1))
    (run / "config.json").write_bytes(b"\xff")
    with pytest.raises(RunError, match=f"seed 0 in .*{run.name} failed: .*not text"):
        list(runner.train_cells(CELLS[:1], tmp_path, pool))

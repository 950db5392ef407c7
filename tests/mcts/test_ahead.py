"""Compiling a search in processes of their own: what it leaves in the cache is what a search asks for."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from hexlab import mcts
from hexlab.mcts import ahead, kernels
from hexlab.rules import Board

SEARCH = """
import numba, gc
import numpy as np
from hexlab import mcts
from hexlab.mcts import ahead
from hexlab.protocols import Evaluation
from hexlab.rules import Boards
from hexlab.rules.draws import derive_seeds

if __name__ == "__main__":
    recipe = mcts.puct(1.5, prove=True)
    started = ahead.start_compiling(recipe, noise=True, reuse=True)
    for thread in started:
        thread.join()
    evaluate = lambda boards: Evaluation(np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32))
    boards, seeds, tree = Boards.empty(3, 4), derive_seeds(0, count=4), mcts.allocate_tree(4, 24, 3)
    for reuse in (False, True):
        found = mcts.run_search(boards, evaluate, 8, recipe=recipe, seeds=seeds, noise=mcts.RootNoise(), tree=tree, reuse=reuse)
        moves = mcts.pick_moves(found.policy, np.ones(4, np.float32), seeds)
        mcts.advance(tree, moves)
        boards = boards.play(moves)
    kernels = [thing for thing in gc.get_objects() if isinstance(thing, numba.core.dispatcher.Dispatcher)]
    ours = [kernel for kernel in kernels if kernel.__module__.startswith("hexlab.mcts")]
    print(len(started), sum(len(kernel.stats.cache_hits) for kernel in ours) > 5, [k.__name__ for k in ours if k.stats.cache_misses])
"""


@pytest.mark.slow
def test_on_a_cold_cache_a_search_finds_all_its_kernels_compiled(tmp_path):
    program = tmp_path / "search.py"
    program.write_text(SEARCH)
    cold = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, str(program)], env=cold, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=2) == ["3", "True", "[]\n"], done.stdout + done.stderr
    again = subprocess.run([sys.executable, str(program)], env=cold, capture_output=True, text=True, check=True)
    assert again.stdout.split(maxsplit=2) == ["0", "True", "[]\n"]


def test_nothing_is_started_on_one_core_nor_for_compiled_kernels(monkeypatch, tmp_path):
    class Cached:
        __name__, __module__ = "walk_down", "hexlab.mcts.kernels"

        class stats:
            cache_path = str(tmp_path)

    monkeypatch.setitem(ahead._WALKS, "puct", Cached())
    monkeypatch.setattr(ahead, "_run", lambda part, settings: None)
    monkeypatch.setattr(ahead, "count_cores", lambda: 4)
    assert len(ahead.start_compiling(mcts.puct(), noise=True, reuse=True)) == 3
    assert len(ahead.start_compiling(mcts.puct(), noise=True, reuse=False)) == 2
    monkeypatch.setattr(ahead, "count_cores", lambda: 1)
    assert ahead.start_compiling(mcts.puct(), noise=True, reuse=True) == []
    monkeypatch.setattr(ahead, "count_cores", lambda: 4)
    (tmp_path / "kernels.walk_down-110.py311.nbi").touch()
    assert ahead.start_compiling(mcts.puct(), noise=True, reuse=True) == []


def test_a_process_that_cannot_start_is_no_loss(monkeypatch):
    monkeypatch.setattr(sys, "executable", str(pathlib.Path("no", "such", "python")))
    ahead._run("walk", json.dumps({"recipe": {}, "noise": False}))


def test_numba_names_its_cache_as_expected():
    """What tells a cold cache is the name of numba's index files."""
    mcts.search(Board(size=2), mcts.uniform(), 4)
    assert ahead._is_cached(kernels.walk_down)

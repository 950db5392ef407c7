"""Compiling a search before it is needed: on a cold cache that is most of the time until a first game.

Numba compiles one kernel at a time in a process. So processes of their own compile a search, each a part of it, while the caller
starts JAX and compiles what else it needs; the cache of compiled code brings the results together.
"""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import threading

import numpy as np

from hexlab.mcts import batched, halving, kernels, regularizing
from hexlab.mcts.batched import run_search
from hexlab.mcts.policies import Recipe, RootNoise, pick_moves
from hexlab.mcts.reuse import advance
from hexlab.mcts.tree import allocate_tree
from hexlab.protocols import Evaluation
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds
from hexlab.system import count_cores

__all__ = ["compile_part", "start_compiling"]

_WALKS = {"puct": kernels.walk_down, "regularized": regularizing.walk_down, "gumbel": halving.walk_down}
_PROGRAM = "import sys; from hexlab.mcts.ahead import compile_part; compile_part(*sys.argv[1:])"
_PATIENCE = 300  # seconds, after which a caller compiles for itself


def start_compiling(recipe: Recipe, noise: bool, reuse: bool) -> list[threading.Thread]:
    """Begin to compile a search unless that has been done; join the threads before the first search.

    Nothing depends on it: what could not be compiled aside, the caller compiles when it is needed.

    Args:
        recipe: of the search.
        noise: whether it has `RootNoise`.
        reuse: whether it goes on from kept trees.

    Returns:
        Threads that end with the compiling processes; none where the search is compiled, or where there is one core only.
    """
    if count_cores() < 2 or not sys.executable or _is_cached(_WALKS[recipe.name]):
        return []
    settings = json.dumps({"recipe": dataclasses.asdict(recipe), "noise": noise})
    parts = ("walk", "rest", "reuse") if reuse else ("walk", "rest")
    threads = [threading.Thread(target=_run, args=(part, settings), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    return threads


def _run(part: str, settings: str) -> None:
    command, none = [sys.executable, "-c", _PROGRAM, part, settings], subprocess.DEVNULL
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, timeout=_PATIENCE, check=False, stdin=none, stdout=none, stderr=none)


def _is_cached(kernel) -> bool:
    """Tell whether compiled code of a kernel lies in the cache; of a function that is not to be compiled, True."""
    if not hasattr(kernel, "stats"):
        return True
    module = kernel.__module__.rpartition(".")[2]
    return any(pathlib.Path(kernel.stats.cache_path).glob(f"{module}.{kernel.__name__}-*.nbi"))


def compile_part(part: str, settings: str) -> None:
    """Compile a part of a search into the cache, by searching two empty boards of size 2; for a process of its own.

    Args:
        part: "walk", the way down the tree; "reuse", what keeps trees; or "rest", all the other kernels.
        settings: recipe and noise, as JSON.
    """
    wanted = json.loads(settings)
    recipe, noise = Recipe(**wanted["recipe"]), RootNoise() if wanted["noise"] else None
    boards, seeds, tree = Boards.empty(2, 2), derive_seeds(0, count=2), allocate_tree(2, 2, 2)
    if part == "reuse":
        tree.used[:] = 0
        advance(tree, np.array([-1, -1]))
    elif part == "walk":
        with contextlib.suppress(_EnoughError):
            run_search(boards, _refuse, 1, recipe=recipe, seeds=seeds, tree=tree)
    else:  # the roots are the leaves of a first simulation, so that the rest can be reached without the way down
        batched.METHODS[recipe.name].walk_down = _stay_at_root  # type: ignore[assignment, method-assign]
        found = run_search(boards, _judge_all_even, 1, recipe=recipe, seeds=seeds, noise=noise, tree=tree)
        pick_moves(found.policy, np.ones(2, np.float32), seeds)


class _EnoughError(Exception):
    """The search has come to its first evaluation."""


def _refuse(boards: Boards):
    raise _EnoughError


def _judge_all_even(boards: Boards) -> Evaluation:
    return Evaluation(np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32))


def _stay_at_root(method, tree, step, *where) -> int:
    tree.leaf[:] = 0
    return len(tree.leaf)

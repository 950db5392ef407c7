"""What an import loads is tested by names; how long it takes depends on the machine."""

import subprocess
import sys

import pytest

import hexlab

HEAVY = ("jax", "flax", "optax", "matplotlib", "scipy", "numba", "numpy", "pandas")


def loaded_after(code):
    probe = f"import sys\n{code}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_import_loads_nothing_heavy():
    assert loaded_after("import hexlab") == []


def test_help_loads_nothing_heavy():
    assert (
        loaded_after("from hexlab.app.cli import main\ntry: main(['--help'])\nexcept SystemExit as leaving: assert not leaving.code") == []
    )


def test_cards_of_agents_load_nothing_heavy():
    assert loaded_after("from hexlab.app.cli import main\nmain(['agents'])\nmain(['agents', '4x4'])") == []


def test_rules_search_and_arena_load_neither_jax_nor_matplotlib():
    code = """
import hexlab
board = hexlab.Board(size=3)
hexlab.solve(board)
hexlab.search(board, hexlab.uniform(), 8, seed=0)
hexlab.arena.RandomPlayer()
"""
    assert not {"jax", "flax", "optax", "matplotlib"} & set(loaded_after(code))


def test_scaling_loads_no_jax():
    assert "jax" not in loaded_after("import hexlab.scaling")


def test_modules_of_status_and_manifests_load_no_jax():
    assert loaded_after("import hexlab.lab.status") == []
    assert "jax" not in loaded_after("import hexlab.lab.joining")


def test_every_public_name_is_there():
    for name in hexlab.__all__:
        assert getattr(hexlab, name) is getattr(hexlab, name)
    assert set(hexlab.__all__) <= set(dir(hexlab))


def test_names_are_those_of_their_rooms():
    assert hexlab.search is hexlab.mcts.search
    assert hexlab.Board is hexlab.rules.Board
    assert hexlab.__version__.count(".") == 2


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'hexlab' has no attribute 'checkers'"):
        hexlab.checkers  # noqa: B018

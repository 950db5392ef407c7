"""The examples in every docstring of the package run, compiled functions included."""

import doctest
import importlib
import pathlib

import pytest

import hexlab

ROOT = pathlib.Path(hexlab.__file__).parent
MODULES = sorted(
    ".".join(("hexlab", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"  # importing it runs the program
)


def examples(module):
    """Return the doctests of a module; those of compiled functions are found at the Python functions inside them."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module)
    for name, value in vars(module).items():
        compiled = getattr(value, "py_func", None)
        if compiled is not None and compiled.__module__ == module.__name__:
            found += finder.find(compiled, f"{module.__name__}.{name}", module=module, globs=dict(vars(module)))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in examples(importlib.import_module(name)):
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_examples_are_found_in_classes_functions_and_compiled_functions():
    found = {test.name for name in ("board", "cells", "draws") for test in examples(importlib.import_module(f"hexlab.rules.{name}"))}
    assert {"hexlab.rules.board.Board", "hexlab.rules.cells.neighbor_table", "hexlab.rules.draws.mix"} <= found

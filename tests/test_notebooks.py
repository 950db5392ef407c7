"""Notebooks narrate: they run from top to bottom, are committed with their output, and hold no logic of their own."""

import ast
import pathlib

import pytest

NOTEBOOKS = sorted((pathlib.Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))

nbformat = pytest.importorskip("nbformat", reason="notebooks need the dev extra")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_there_is_one():
    assert NOTEBOOKS


def test_notebook_is_committed_as_it_ran(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert all(output.output_type != "error" for output in cell.outputs)
        assert cell.outputs, f"this cell shows nothing:\n{cell.source}"


def test_notebook_computes_nothing_itself(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.While, ast.Try}, cell.source
            assert len(cell.source.splitlines()) <= 15, cell.source


@pytest.mark.slow
def test_notebook_runs(notebook, tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="notebooks need the dev extra")
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()

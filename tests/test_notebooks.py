"""Notebooks narrate: they run from top to bottom, are committed with their output, and hold no logic of their own."""

import ast
import pathlib
import re

import pytest

from hexlab.app import lessons

NOTEBOOKS = sorted((pathlib.Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
TRAINING = {"4_expert_iteration", "quickstart"}

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


def slow_where_it_trains(path):
    return pytest.param(path, marks=pytest.mark.slow if path.stem in TRAINING else (), id=path.stem)


RIGHT = {"check_number": "float(expected)", "check_words": "expected if isinstance(expected, str) else ' '.join(expected)"}


def answer_rightly(source):
    """Return a cell whose checks are given the answers that they expect."""
    lines = []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) in RIGHT:
            _, expected, *more = statement.value.args
            lines.append(f"expected = {ast.unparse(expected)}")
            right = ast.parse(RIGHT[ast.unparse(statement.value.func)], mode="eval").body
            statement.value.args = [right, ast.Name("expected"), *more]
        lines.append(ast.unparse(statement))
    return "\n".join(lines)


@pytest.mark.parametrize("path", [slow_where_it_trains(path) for path in NOTEBOOKS])
def test_notebook_runs(path, tmp_path, monkeypatch):
    """As a notebook server runs it, by the short way, with every exercise answered; what trains leaves its run elsewhere."""
    nbclient = pytest.importorskip("nbclient", reason="notebooks need the dev extra")
    monkeypatch.setenv(lessons.SHORT, "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    folder = tmp_path if path.stem in TRAINING else path.parent
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = answer_rightly(cell.source)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code" and re.search(r"^check_", cell.source, re.MULTILINE):
            said = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            assert said.count("Right") == 1, cell.source


def test_lessons_come_in_order_with_goals_exercises_and_a_teachers_note():
    assert [path.stem[:2] for path in LESSONS] == [f"{number}_" for number in range(1, 8)]
    for path in LESSONS:
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
        assert text.startswith(f"# Lesson {path.stem[0]}: ")
        assert "**Goals.**" in text
        assert sum(map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))) == 45
        assert text.count("**Exercise") >= 4
        assert "## For the teacher" in text


def test_no_exercise_is_answered():
    for path in LESSONS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and re.search(r"^check_", cell.source, re.MULTILINE):
                said = "".join(output.text for output in cell.outputs if output.output_type == "stream")
                assert said.count("No answer yet") == 1, cell.source

"""The house keeps its own rules: who imports whom, what is public, what is documented, what must not be written."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hexlab"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in (
        *("hexlab/**/*.py", "tests/**/*.py", "notebooks/**/*.py", "experiments/**/*.md", "notebooks/**/*.md", "hexlab/**/*.toml"),
        *("*.md", "*.toml", "*.cff", ".ci/*"),
    )
    for path in ROOT.glob(pattern)
)


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def run(*command):
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_point_down():
    pytest.importorskip("importlinter", reason="import contracts need the dev extra")
    done = run("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr


def test_style():
    pytest.importorskip("ruff", reason="style checks need the dev extra")
    done = run("-m", "ruff", "check", "--no-cache", "hexlab", "tests", "conftest.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_module_says_what_it_is_and_what_it_offers(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    if path.name == "__init__.py" and len(tree.body) == 1:
        return  # a room that offers its modules, not names
    offered = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and any(isinstance(name, ast.Name) and name.id == "__all__" for name in getattr(node, "targets", [getattr(node, "target", None)]))
    ]
    assert len(offered) == 1, f"{path.name} has no __all__"
    names = ast.literal_eval(offered[0].value)
    assert len(names) == len(set(names))
    if "__getattr__" not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
        defined = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                defined |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
        assert set(names) <= defined, f"{path.name} offers what it does not define: {set(names) - defined}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_public_function_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module_name(path)}.{node.name} has no docstring"


def test_every_module_is_in_one_layer():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    declared = {part.strip() for layer in layers for part in layer.split("|")}
    parts = {module_name(path) for path in PACKAGE.glob("*.py")} | {module_name(path) for path in PACKAGE.glob("*/__init__.py")}
    assert parts - {"hexlab", "hexlab.__main__", "hexlab.data"} == declared


def test_nothing_is_tied_to_one_machine():
    places = re.compile(r"/(?:home|root|Users|work|opt|mnt)/\w|[A-Z]:\\\\|pypi\.org/simple|index-url")
    for path in TEXTS:
        if path == pathlib.Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not places.search(line), f"{path.relative_to(ROOT)}:{number} names a place of one machine: {line.strip()}"


def test_starred_imports_and_forked_processes_are_absent():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"fork", "forkpty"}, path
            if isinstance(node, ast.keyword) and node.arg == "parallel":
                pytest.fail(f"{path}: kernels are serial, threads belong to the caller")


def test_test_files_have_distinct_names():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), "pytest imports test files by base name"

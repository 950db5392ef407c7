"""The README keeps its word: its examples run, its commands parse, its file tree is true."""

import dataclasses
import pathlib
import re

import pytest
from written_examples import read_blocks, read_commands, run_page

from hexlab.app import cli

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


COMMANDS = [words for kind, block in read_blocks(README) if kind == "console" for words in read_commands(block)]


def test_python_examples_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sum(kind == "python" for kind, _ in read_blocks(README)) >= 6
    run_page(README, skip=set(cli.COMMANDS))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_parse(words, monkeypatch):
    asked = []
    for command in cli.COMMANDS.values():
        monkeypatch.setattr(command, "run", lambda self: asked.append(self))
    assert cli.main(words) == 0
    assert isinstance(asked[0], cli.COMMANDS[words[0]])
    assert dataclasses.is_dataclass(asked[0])


def test_every_command_is_shown():
    assert {words[0] for words in COMMANDS} == set(cli.COMMANDS)


def test_file_tree_is_true():
    tree = next(block for kind, block in read_blocks(README) if not kind and block.startswith("hexlab/\n"))
    shown = set()
    for line in tree.splitlines():
        path = (ROOT / "hexlab" if line.startswith("  ") else ROOT) / line.split()[0]
        assert path.exists(), f"{line.split()[0]} is shown but not there"
        shown.add(path)
    there = {path for path in (ROOT / "hexlab").iterdir() if not path.name.startswith("_") and path.name != "py.typed"}
    assert there <= shown, f"not shown: {sorted(path.name for path in there - shown)}"
    assert ROOT / "tests" in shown


def test_links_lead_to_files():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), f"{target} is linked but not there"

"""The README keeps its word: its examples run, its commands parse, its file tree is true."""

import dataclasses
import pathlib
import re
import shlex

import pytest

from hexlab.app import cli

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def blocks(kind):
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for name, text in fences if name == kind]


def commands(text):
    """Return the words of every hexlab command in a block; comments, what comes before && and the file behind > are left out."""
    found = []
    for line in text.splitlines():
        for command in line.split("&&"):
            words = shlex.split(command.split(" > ")[0], comments=True)
            if words[:1] == ["hexlab"]:
                found.append(words[1:])
    return found


COMMANDS = [words for block in blocks("console") for words in commands(block)]


def test_python_examples_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks("python")
    assert len(found) >= 6
    namespace = {}
    for number, block in enumerate(found):
        exec(compile(block, f"README.md, example {number}", "exec"), namespace)


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
    tree = next(block for block in blocks("") if block.startswith("hexlab/\n"))
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

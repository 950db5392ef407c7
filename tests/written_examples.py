"""Examples in pages of Markdown: what they are, and how they run."""

import contextlib
import doctest
import io
import re
import shlex

from hexlab.app import cli


def read_blocks(path):
    """Return (kind, text) of every fenced block of a page, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def read_commands(text, program="hexlab"):
    """Return the words behind a program's name wherever a block calls it; comments, assignments and the file behind > are left out."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for command in line.split("&&"):
            words = shlex.split(command.split(" > ")[0], comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words[:1] == [program]:
                found.append(words[1:])
    return found


def run_page(path, skip=()):
    """Run the Python blocks of a page in order, and its hexlab commands but those named in `skip`; check what is said to be printed.

    A block of text stands for what the block before it prints; dots stand for anything.
    """
    namespace = {"__name__": "page"}
    printed = ""
    for number, (kind, text) in enumerate(read_blocks(path)):
        where = f"{path.name}, block {number}"
        screen = io.StringIO()
        if kind == "text":
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(text, printed, flags), f"{where} prints\n{printed}"
        elif kind == "python":
            with contextlib.redirect_stdout(screen):
                exec(compile(text, where, "exec"), namespace)
        elif kind == "console":
            with contextlib.redirect_stdout(screen):
                for words in read_commands(text):
                    assert words[0] in skip or cli.main(words) == 0, f"{where}: hexlab {' '.join(words)}"
        printed = screen.getvalue()

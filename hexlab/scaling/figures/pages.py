"""The page of a folder of figures: every figure with its caption, and the paper's tables by link."""

from collections.abc import Collection, Mapping

from hexlab.scaling.figures.kinds import Kind
from hexlab.scaling.figures.registry import FIGURES

__all__ = ["MARK", "write_page"]

MARK = "<!-- Written by `hexlab figures`: what is changed here by hand is lost. -->"
_ABOUT = "Drawn by `hexlab figures` from the tables of an experiment, each with the numbers behind it in a file beside it."


def write_page(figures: Collection[str], tables: Mapping[str, str]) -> str:
    """Return the page in Markdown: the paper's figures in its order, then the others, then its tables.

    Args:
        figures: names of the figures that there are.
        tables: titles of the paper's tables that there are, by name.

    >>> print("\\n".join(write_page(["game"], {"maxima": "The largest networks"}).splitlines()[2:8]))
    # Figures
    <BLANKLINE>
    Drawn by `hexlab figures` from the tables of an experiment, each with the numbers behind it in a file beside it.
    <BLANKLINE>
    ## Figures of Jones 2021, made again
    <BLANKLINE>
    """
    shown = {name: kind for name, kind in FIGURES.items() if name in figures}
    redone = sorted((name for name in shown if shown[name].figure), key=lambda name: shown[name].figure)
    parts = {
        f"{MARK}\n\n# Figures": [_ABOUT],
        "## Figures of Jones 2021, made again": [_write_figure(name, shown[name]) for name in redone],
        "## More figures": [_write_figure(name, kind) for name, kind in shown.items() if not kind.figure],
        "## Tables of Jones 2021, ours beside its own": ["\n".join(_write_link(*each) for each in tables.items())] if tables else [],
    }
    return "\n\n".join("\n\n".join([heading, *texts]) for heading, texts in parts.items() if texts) + "\n"


def _write_figure(name: str, kind: Kind) -> str:
    number = f"Figure {kind.figure}: " if kind.figure else ""
    return f"### {number}{kind.title}\n\n![{kind.title}]({name}.svg)\n\n{kind.caption} ([Numbers]({name}.json))"


def _write_link(name: str, title: str) -> str:
    return f"- [{title}]({name}.md) ([numbers]({name}.csv))"

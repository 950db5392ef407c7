"""A table of texts for readers: pages show it in Markdown, the report in HTML."""

import dataclasses
from collections.abc import Collection

__all__ = ["TextTable"]


@dataclasses.dataclass(frozen=True)
class TextTable:
    """A table as a reader sees it.

    Attributes:
        title: what it says.
        heads: one text a column.
        rows: one text a cell, the first of a row its name; code stands between backticks.
        note: what the reader must know, "" if nothing.
        numbers: places of the columns of numbers, which the report sets to the right.

    >>> print(TextTable("Games", ("board", "games"), (("3x3", "4"), ("4x4", "1,024"))).to_markdown())
    | board | games |
    | --- | --- |
    | 3x3 | 4 |
    | 4x4 | 1,024 |
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numbers: Collection[int] = ()

    def to_markdown(self, rule: str = "") -> str:
        """Return heads and rows in Markdown, without title and note.

        Args:
            rule: the line below the heads, which may align columns; "" for one that does not.
        """
        heads, *rows = ("| " + " | ".join(line) + " |" for line in (self.heads, *self.rows))
        return "\n".join([heads, rule or "| --- " * len(self.heads) + "|", *rows])

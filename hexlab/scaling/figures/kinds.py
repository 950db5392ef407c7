"""What a figure of the set is: numbers from an analysis, and a drawing from the numbers."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.frontiers import Frontier
from hexlab.scaling.tables import NotEnoughDataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Kind", "Numbers", "note_zeros", "plain", "require_frontier"]

Numbers = dict[str, Any]


class Kind(NamedTuple):
    """One figure of the set.

    Attributes:
        title: a heading.
        caption: what is seen and how it was made.
        numbers: analysis -> numbers behind the figure; raises `NotEnoughDataError`.
        draw: numbers -> figure.
        figure: number of the figure of Jones 2021 that it redoes, 0 if the paper has none.
    """

    title: str
    caption: str
    numbers: Callable[[Analysis], Numbers]
    draw: Callable[[Numbers], "Figure"]
    figure: int = 0


def require_frontier(analysis: Analysis) -> Frontier:
    """Return the frontiers of an analysis; raises `NotEnoughDataError` if there are none."""
    if analysis.frontier is None:
        raise NotEnoughDataError(analysis.missing.get("frontier", "not enough data: needs a frontier"))
    return analysis.frontier


def note_zeros(analysis: Analysis) -> Numbers:
    """Return under "unanchored" the boards whose zero is not known, nothing if there are none."""
    sizes = [size for size in analysis.tables.sizes if not analysis.tables.knows_zero(size)]
    return {"unanchored": sizes} if sizes else {}


def plain(value: Any) -> Any:
    """Return arrays as lists and nan as None, so that JSON can hold them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value

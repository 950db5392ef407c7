"""What all drawings share: colors, axes, curves and their labels. Nothing here touches pyplot or its global state."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLORS",
    "GRAY",
    "INK",
    "MARKERS",
    "MODEL_LINES",
    "MODEL_NAMES",
    "PAPERS_ZERO",
    "STYLE",
    "annotate",
    "board_color",
    "board_marker",
    "board_name",
    "canvas",
    "compute_axis",
    "compute_label",
    "elo_axis",
    "floats",
    "label_curve",
    "legend_band",
    "legend_line",
    "log_axis",
    "make_pairs",
    "make_panels",
    "make_shades",
    "name_board",
    "name_zero",
    "panel_size",
    "perfect_line",
    "powers",
]

# Okabe and Ito's palette, told apart under every common color blindness; yellow left out, too faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "os^DvPX"
MODEL_LINES = {"change_point": (0, (5, 2)), "smooth": "-"}
MODEL_NAMES = {"change_point": "change-point law", "smooth": "smooth law"}
PAPERS_ZERO = "the best of its pool"
INK, GRAY, _GRID = "#222222", "#767676", "#E3E3E3"
STYLE: Any = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10.5,
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that text is the same shapes everywhere
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "mathtext.default": "regular",
    "svg.fonttype": "path",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextlib.contextmanager
def canvas(width: float, height: float) -> "Iterator[Figure]":
    """Yield an empty figure of `width` by `height` inches, under the style of the set."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def panel_size(count: int, height: float) -> tuple[float, float]:
    """Return the width and height in inches that suit `count` panels, each `height` high."""
    columns = _count_columns(count)
    return (5.0 if count == 1 else 3.0 * columns + 0.6), height * -(-count // columns)


def make_panels(figure: "Figure", count: int, *, sharey: bool) -> list["Axes"]:
    """Return `count` axes, in a row if they are few, else in two or three."""
    columns = _count_columns(count)
    panels = list(figure.subplots(-(-count // columns), columns, squeeze=False, sharey=sharey).flat)
    for spare in panels[count:]:
        spare.remove()
    return panels[:count]


def make_pairs(figure: "Figure", count: int, height_ratios: tuple[float, float]) -> list[tuple["Axes", "Axes"]]:
    """Return `count` pairs of axes, one above the other over the same x, in places as `make_panels` has them; all share their y."""
    columns = _count_columns(count)
    rows = -(-count // columns)
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=height_ratios * rows)
    pairs = [(grid[2 * row, column], grid[2 * row + 1, column]) for row in range(rows) for column in range(columns)]
    for number, (upper, lower) in enumerate(pairs):
        if number >= count:
            upper.remove()
            lower.remove()
            continue
        upper.sharex(lower)
        upper.tick_params(labelbottom=False)
        if number:
            upper.sharey(pairs[0][0])
            lower.sharey(pairs[0][1])
        if number % columns:
            upper.tick_params(labelleft=False)
            lower.tick_params(labelleft=False)
    return pairs[:count]


def _count_columns(count: int) -> int:
    return count if count <= 3 else 3 if count > 4 else 2


def board_color(size: int) -> str:
    """Return the color of a board size, the same in every figure."""
    return COLORS[(size - 3) % len(COLORS)]


def board_marker(size: int) -> str:
    """Return the marker of a board size, so that color is never the only sign."""
    return MARKERS[(size - 3) % len(MARKERS)]


def board_name(size: int) -> str:
    """Return a board size as it is written in figures."""
    return f"{size}×{size}"


def name_zero(size: int, numbers: dict[str, Any]) -> str:
    """Return what stands after the name of a board whose Elo 0 is not tied to perfect play, nothing for others."""
    return ", 0: best agent" if size in numbers.get("unanchored", ()) else ""


def name_board(axes: "Axes", size: int, numbers: dict[str, Any], about: str = "") -> None:
    """Title a panel with its board, and say where Elo 0 is not tied to perfect play."""
    text = board_name(size) + about + name_zero(size, numbers)
    axes.set_title(text.replace("-", "−"), color=board_color(size))


def make_shades(count: int) -> list[Any]:
    """Return `count` colors from dark to light that also differ in gray."""
    import matplotlib

    # The bright end of the map is left out: it vanishes on white.
    return [matplotlib.colormaps["viridis"](0.85 * at / max(count - 1, 1)) for at in range(count)]


def legend_line(color: str, **style: Any) -> Any:
    """Return an entry of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, **style)


def legend_band(color: str, label: str, alpha: float = 0.16) -> Any:
    """Return an entry of a legend for a band."""
    from matplotlib.patches import Patch

    return Patch(color=color, alpha=alpha, lw=0, label=label)


def compute_label(x: str) -> str:
    """Return the name of an axis of training compute."""
    return "training compute (FLOPs)" if x == "train_flops" else "training compute (FLOPs in the paper's count)"


def log_axis(axes: "Axes", which: str) -> None:
    """Make an axis logarithmic, with ticks at powers of ten or, where it holds less than two of them, at 1, 2 and 5 times such."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    axis.set_major_formatter(FuncFormatter(lambda value, _: _write_power(value)))
    low, high = np.log10(getattr(axes, f"get_{which}lim")())
    if math.floor(high) <= math.ceil(low):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
    elif high - low >= 2:
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_minor_formatter("")


def _write_power(value: float) -> str:
    """Return a power of ten, or one of its first multiples, as plain text: formulas cost a third of the time of drawing.

    >>> _write_power(1e-3), _write_power(2e5)
    ('10⁻³', '2×10⁵')
    """
    exponent = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10**exponent)
    return ("" if digit == 1 else f"{digit}×") + "10" + str(exponent).translate(_SUPERSCRIPTS)


def compute_axis(axes: "Axes", x: str) -> None:
    """Make the axis along the bottom one of training compute, logarithmic, in the unit `x` of a frontier."""
    log_axis(axes, "x")
    axes.set_xlabel(compute_label(x))


def elo_axis(axes: "Axes", values: Sequence[Any], zero: str = "perfect play") -> None:
    """Make the axis along the left one of Elo that holds all `values`, and a little above 0, which is named."""
    known = [floats(each) for each in values if np.isfinite(floats(each)).any()]
    lowest = min((float(np.nanmin(each)) for each in known), default=-100.0)
    highest = max((float(np.nanmax(each)) for each in known), default=0.0)
    axes.set_ylabel(f"Elo (0 is {zero})")
    axes.set_ylim(1.12 * min(lowest, -50.0), max(0.09 * max(-lowest, 50.0), 1.12 * highest))


def perfect_line(axes: "Axes") -> None:
    """Draw Elo 0, which is perfect play where that is known."""
    axes.axhline(0, color=INK, lw=0.9)


def label_curve(axes: "Axes", log10_flops: Any, elo: Any, size: int, about: str = "") -> None:
    """Write a board size, and what is said of it, beside its curve, so far up its way to 0 that names of neighboring boards keep apart.

    Where that is at the curve's start, beside the axis, the name stands below its middle.
    """
    x, y = floats(log10_flops), floats(elo)
    known = np.isfinite(y)
    if not known.any():
        return
    x, y = x[known], y[known]
    at = int(np.argmax(y >= (0.38 if size % 2 else 0.62) * y.min()))
    offset, aligned = ((8.0, 0.0), {"ha": "left"}) if about else ((-6.0, 5.0), {"ha": "right"})
    if at < len(x) / 16:
        at, offset, aligned = 2 * len(x) // 5, (0.0, -12.0), {"ha": "center", "va": "top"}
    annotate(axes, board_name(size) + about, (10 ** x[at], y[at]), offset, board_color(size), fontsize=11, fontweight="bold", **aligned)


def annotate(axes: "Axes", text: str, place: Any, offset: tuple[float, float], color: Any, **style: Any) -> None:
    """Write `text` with a white rim, `offset` points from a place in data coordinates."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2.5, foreground="white")]
    axes.annotate(text, place, offset, textcoords="offset points", color=color, path_effects=rim, **style)


def powers(log10: Any) -> np.ndarray:
    """Return 10 to the power of numbers in which None stands for nan."""
    return 10 ** floats(log10)


def floats(values: Any) -> np.ndarray:
    """Numbers from a list in which None stands for nan."""
    return np.array([np.nan if value is None else value for value in values], float)

"""The experiment's figures, each from tables alone, each with the numbers behind it.

Every figure is made in two steps: an analysis gives the numbers (plain lists and dicts, as they go into the JSON file beside the
figure), and the numbers give the drawing; so a figure shows exactly what its file says, and can be drawn again from that file.
Nothing here touches pyplot or its global state.
"""

import contextlib
import functools
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hexlab.errors import StoreError
from hexlab.scaling.claims import Analysis, analyze
from hexlab.scaling.crossings import Reach, find_reaches
from hexlab.scaling.frontiers import Frontier, PresetRun, paper_frontier
from hexlab.scaling.laws import Law, Prediction, interval
from hexlab.scaling.tables import NotEnoughDataError, Tables, read
from hexlab.scaling.tradeoffs import SizeLaw, TestCurve, Tradeoff, evaluate_test_curve
from hexlab.system import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "PAPER_TO_TRUE_FLOPS",
    "Kind",
    "check_figures",
    "compute_numbers",
    "draw_figure",
    "plot_calibration",
    "plot_crossings",
    "plot_elo_scale",
    "plot_frontier",
    "plot_network_size",
    "plot_prediction",
    "plot_test_compute",
    "plot_tradeoff",
    "plot_training_curves",
    "render_numbers",
    "render_svg",
    "write_figures",
]

# The paper counts a multiply-add once and the 64 forward passes of a self-play move alone; a true count takes it twice and adds
# the learner's forward and backward pass, three forward passes' worth for each move.
PAPER_TO_TRUE_FLOPS = 2 * (64 + 3) / 64

_TOLERANCE = 1e-6
# Okabe and Ito's palette, told apart under every common color blindness; yellow left out, too faint on white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "os^DvPX"
_MODEL_LINES = {"change_point": (0, (5, 2)), "smooth": "-"}
_MODEL_NAMES = {"change_point": "change-point law", "smooth": "smooth law"}
_PRESET_LINES: dict[str, Any] = {
    "default": {"marker": "*", "ms": 7, "lw": 1.2, "mec": "white", "mew": 0.5},
    "paper": {"marker": "o", "ms": 4, "lw": 1.2, "ls": ":", "mfc": "white"},
}
_OTHER_PRESET: Any = {"marker": "d", "ms": 4.5, "lw": 1.2, "ls": "-."}
_INK, _GRAY, _GRID = "#222222", "#767676", "#E3E3E3"
_STYLE: Any = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
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
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
}

Numbers = dict[str, Any]


class Kind(NamedTuple):
    """One figure of the set.

    Attributes:
        title: a heading.
        caption: what is seen and how it was made.
        numbers: analysis -> numbers behind the figure; raises `NotEnoughDataError`.
        draw: numbers -> figure.
    """

    title: str
    caption: str
    numbers: Callable[[Analysis], Numbers]
    draw: Callable[[Numbers], "Figure"]


def plot_training_curves(frontier: Frontier, presets: Sequence[PresetRun] = ()) -> "Figure":
    """Draw every run's Elo against training compute with the frontier of each board and the paper's.

    Args:
        frontier: what `compute_frontier` returned.
        presets: runs of presets, drawn beside the grid's.
    """
    return _draw_training_curves(_plain(_training_numbers(frontier, presets)))


def plot_frontier(frontier: Frontier, law: Law | Sequence[Law] = (), copies: Mapping[int, np.ndarray] | None = None) -> "Figure":
    """Draw the frontiers with fitted laws.

    Args:
        frontier: what `compute_frontier` returned.
        law: one law or several, as `fit_law` returned them.
        copies: bootstrap copies of the frontiers, for their bands.
    """
    laws = (law,) if isinstance(law, Law) else tuple(law)
    return _draw_frontier(_frontier_numbers(frontier, laws, copies or {}))


def plot_crossings(reaches: Sequence[Reach]) -> "Figure":
    """Draw the compute at which each board's frontier reaches -50 Elo, by Elo and by direct score, beside the paper's.

    Args:
        reaches: what `find_reaches` returned for frontiers in the paper's count.
    """
    return _draw_crossings(_plain(_crossing_numbers(reaches)))


def plot_prediction(frontier: Frontier, prediction: Prediction | Sequence[Prediction]) -> "Figure":
    """Draw a held-out board's frontier against what smaller boards predict."""
    predictions = (prediction,) if isinstance(prediction, Prediction) else tuple(prediction)
    return _draw_prediction(_prediction_numbers(frontier, predictions))


def plot_test_compute(curves: Mapping[int, Sequence[TestCurve]]) -> "Figure":
    """Draw Elo against test-time compute: up to four snapshots for each board size."""
    return _draw_test_compute(_test_numbers(curves))


def plot_tradeoff(tradeoffs: Mapping[int, Tradeoff]) -> "Figure":
    """Draw test against training compute at equal Elo, a panel for each board size."""
    return _draw_tradeoff(_tradeoff_numbers(tradeoffs))


def plot_network_size(law: SizeLaw) -> "Figure":
    """Draw the size of the nets on the frontiers against training compute."""
    return _draw_network_size(_size_numbers(law))


def plot_calibration(tables: Tables) -> "Figure":
    """Draw every agent's direct score against perfect play over its fitted Elo."""
    return _draw_calibration(_calibration_numbers(tables))


def plot_elo_scale() -> "Figure":
    """Draw what a difference in Elo means as a share of games won."""
    return _draw_elo_scale(_elo_scale_numbers())


def compute_numbers(analysis: Analysis) -> dict[str, Numbers | str]:
    """Return the numbers behind each figure by its name, or why there is not enough data for it."""
    answers: dict[str, Numbers | str] = {}
    for name, kind in FIGURES.items():
        try:
            answers[name] = _plain(kind.numbers(analysis))
        except NotEnoughDataError as error:
            answers[name] = str(error)
    return answers


def draw_figure(name: str, numbers: Numbers) -> "Figure":
    """Draw a figure from its numbers, as its JSON file holds them."""
    if name not in FIGURES:
        raise StoreError(f"unknown figure {name!r}: expected one of {', '.join(FIGURES)}")
    return FIGURES[name].draw(numbers)


def render_svg(figure: "Figure", name: str) -> bytes:
    """Return a figure as SVG; the same bytes every time under one version of matplotlib.

    Text is drawn as shapes, so that it looks the same everywhere. `name` salts the ids within.
    """
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": f"hexlab {name}"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def render_numbers(name: str, numbers: Numbers) -> bytes:
    """Return a figure as SVG from its numbers; recent ones are remembered, since files and report show the same."""
    return _render_text(name, json.dumps(numbers, sort_keys=True))


@functools.lru_cache(maxsize=16)
def _render_text(name: str, text: str) -> bytes:
    return render_svg(draw_figure(name, json.loads(text)), name)


def write_figures(tables: Tables | Analysis, folder: str | os.PathLike[str], *, bootstrap: int = 400, seed: int = 0) -> list[Path]:
    """Write every figure that the tables allow: NAME.svg, and NAME.json with the numbers behind it.

    Figures of an earlier time for which there is no longer enough data are removed.

    Args:
        tables: an experiment, or its analysis.
        folder: made if need be.
        bootstrap: number of bootstrap copies; an analysis brings its own.
        seed: of the copies; an analysis brings its own.

    Returns:
        The paths written, SVG and JSON in turn.
    """
    import matplotlib

    analysis = tables if isinstance(tables, Analysis) else analyze(tables, bootstrap=bootstrap, seed=seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, numbers in compute_numbers(analysis).items():
        drawing, data = folder / f"{name}.svg", folder / f"{name}.json"
        if isinstance(numbers, str):
            drawing.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            continue
        svg = render_numbers(name, numbers)
        record = {
            "figure": name,
            "bootstrap": analysis.bootstrap,
            "seed": analysis.seed,
            "matplotlib": matplotlib.__version__,
            "svg_sha256": hashlib.sha256(svg).hexdigest(),
            "numbers": numbers,
        }
        write_whole(drawing, svg)
        write_whole(data, (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
        paths += [drawing, data]
    return paths


def check_figures(tables_folder: str | os.PathLike[str], figures_folder: str | os.PathLike[str]) -> list[str]:
    """Draw committed figures again from committed tables and say what has drifted.

    Numbers are compared within a relative tolerance of 1e-6. The SVG must be there and be the one whose hash its JSON file names;
    what it shows is compared byte by byte where the same version of matplotlib is installed.

    Returns:
        One line for each drift, none if all is as committed.

    Raises:
        StoreError: tables that cannot be read, or a folder without figures.
    """
    import matplotlib

    tables = read(tables_folder)
    folder = Path(figures_folder)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    committed = {path.stem: path for path in files if path.stem in FIGURES}
    if not committed:
        raise StoreError(f"no figures in {str(folder)!r}: expected files such as training_curves.json and training_curves.svg")
    drifts: list[str] = []
    records: dict[str, Any] = {}
    for name, path in committed.items():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            records[name] = {key: record[key] for key in ("bootstrap", "seed", "matplotlib", "svg_sha256", "numbers")}
        except (ValueError, KeyError, TypeError) as error:
            drifts.append(f"{path.name}: not the numbers of a figure ({error})")
    redrawn: dict[tuple[int, int], dict[str, Numbers | str]] = {}
    for name, record in records.items():
        settings = (record["bootstrap"], record["seed"])
        if settings not in redrawn:
            redrawn[settings] = compute_numbers(analyze(tables, bootstrap=settings[0], seed=settings[1]))
        numbers = redrawn[settings][name]
        if isinstance(numbers, str):
            drifts.append(f"{name}: committed, but the tables no longer allow it: {numbers}")
            continue
        drifts += [f"{name}: {drift}" for drift in _differences(record["numbers"], numbers)]
        drawing = folder / f"{name}.svg"
        if not drawing.is_file():
            drifts.append(f"{name}: {drawing.name} is missing")
            continue
        svg = drawing.read_bytes()
        if hashlib.sha256(svg).hexdigest() != record["svg_sha256"]:
            drifts.append(f"{name}: {drawing.name} is not the drawing that {name}.json was written with")
        elif record["matplotlib"] == matplotlib.__version__ and render_numbers(name, record["numbers"]) != svg:
            drifts.append(f"{name}: {drawing.name} is drawn differently now")
    for numbers_by_name in redrawn.values():
        missing = [name for name, numbers in numbers_by_name.items() if not isinstance(numbers, str) and name not in committed]
        drifts += [f"{name}: the tables allow it, but it is not committed" for name in missing]
        break
    return drifts


# Numbers behind each figure


def _training_numbers(frontier: Frontier, presets: Sequence[PresetRun]) -> Numbers:
    paper = {board.size: board for board in paper_frontier().boards}
    # In true FLOPs the paper's curves shift by a constant; in the paper's count they stay.
    shift = math.log10(PAPER_TO_TRUE_FLOPS) if frontier.x == "train_flops" else 0.0
    boards = []
    for board in frontier.boards:
        curves, runs = board.curves, []
        for number, (run, cell) in enumerate(zip(curves.runs, curves.cells, strict=True)):
            mine = curves.agent_run == number
            runs.append(
                {
                    "run": run,
                    "width": cell[0],
                    "depth": cell[1],
                    "log10_flops": curves.agent_log10_flops[mine],
                    "elo": curves.plain[mine],
                }
            )
        theirs = paper.get(board.size)
        boards.append(
            {
                "size": board.size,
                "log10_flops": board.log10_flops,
                "elo": board.elo,
                "runs": runs,
                "presets": [
                    {
                        "preset": each.run.preset,
                        "run": each.run.run,
                        "width": each.run.width,
                        "depth": each.run.depth,
                        "log10_flops": each.log10_flops,
                        "elo": each.elo,
                        "low": each.low,
                        "high": each.high,
                    }
                    for each in presets
                    if each.run.size == board.size
                ],
                "paper_log10_flops": [] if theirs is None else theirs.log10_flops + shift,
                "paper_elo": [] if theirs is None else theirs.elo,
            }
        )
    return {"x": frontier.x, "test_simulations": frontier.test_simulations, "boards": boards}


def _frontier_numbers(frontier: Frontier, laws: Sequence[Law], copies: Mapping[int, np.ndarray]) -> Numbers:
    boards = []
    for board in frontier.boards:
        entry: Numbers = {"size": board.size, "log10_flops": board.log10_flops, "elo": board.elo}
        if board.size in copies:
            entry["low"], entry["high"] = interval(copies[board.size])
        entry["steps"] = [{"agent": step.agent, "log10_flops": step.log10_flops, "elo": step.elo} for step in board.steps]
        entry["laws"] = {law.model: law.predict(board.size, board.log10_flops) for law in laws if board.size in law.sizes}
        boards.append(entry)
    described = {
        law.model: {
            "parameters": dict(law.parameters),
            "intervals": {name: list(ends) for name, ends in law.intervals.items()},
            "rmse": law.rmse,
            "r2": law.r2,
            "points": law.points,
        }
        for law in laws
    }
    return {"x": frontier.x, "test_simulations": frontier.test_simulations, "boards": boards, "laws": described}


def _crossing_numbers(reaches: Sequence[Reach]) -> Numbers:
    if not reaches:
        raise NotEnoughDataError("not enough data: needs a frontier")
    paper = {reach.size: reach.value for reach in find_reaches(paper_frontier())}
    rows = [
        {
            "size": reach.size,
            "scale": reach.scale,
            "level": reach.level,
            "log10_flops": reach.value,
            "bound": reach.bound,
            "low": reach.low,
            "high": reach.high,
            "text": str(reach),
            "paper": paper.get(reach.size, math.nan) if reach.scale == "elo" else math.nan,
        }
        for reach in reaches
    ]
    return {"x": "paper_flops", "rows": rows}


def _prediction_numbers(frontier: Frontier, predictions: Sequence[Prediction]) -> Numbers:
    if not predictions:
        raise NotEnoughDataError("not enough data: needs a board and two smaller ones to predict it from")
    first = predictions[0]
    smaller = [frontier.board(size) for size in first.trained_on]
    return {
        "x": frontier.x,
        "size": first.size,
        "log10_flops": first.log10_flops,
        "measured": first.measured,
        "caveat": first.caveat,
        "baseline_rmse": first.baseline_rmse,
        "smaller": [{"size": board.size, "log10_flops": board.log10_flops, "elo": board.elo} for board in smaller],
        "models": {
            each.model: {
                "predicted": each.predicted,
                "low": each.low,
                "high": each.high,
                "rmse": each.rmse,
                "bias": each.bias,
                "worst": each.worst,
                "inside": each.inside,
                "normalized": each.normalized,
            }
            for each in predictions
        },
    }


def _test_numbers(curves: Mapping[int, Sequence[TestCurve]]) -> Numbers:
    if not curves:
        raise NotEnoughDataError("not enough data: needs snapshots rated at two test budgets or more")
    boards = []
    for size, members in sorted(curves.items()):
        shown = [
            {
                "run": curve.run,
                "snapshot": curve.snapshot,
                "width": curve.width,
                "depth": curve.depth,
                "train_flops": curve.train_flops,
                "simulations": curve.simulations,
                "test_flops": curve.test_flops,
                "elo": curve.elo,
                "low": curve.low,
                "high": curve.high,
                "deficit": curve.deficit,
                "half": curve.half,
                "steepness": curve.steepness,
                "rmse": curve.rmse,
            }
            for curve in _choose_curves(members)
        ]
        boards.append({"size": size, "curves": shown})
    return {"boards": boards}


def _choose_curves(curves: Sequence[TestCurve]) -> list[TestCurve]:
    """Return up to four snapshots: the cheapest to reach each of four levels at its largest budget."""
    trained = [curve for curve in curves if curve.train_flops > 0] or list(curves)
    depth = min(float(curve.elo.min()) for curve in trained)
    chosen: list[TestCurve] = []
    for level in (0.85 * depth, 0.6 * depth, 0.35 * depth, 0.12 * depth):
        reach = [curve for curve in trained if curve.elo[-1] >= level and curve not in chosen]
        if reach:
            chosen.append(min(reach, key=lambda curve: (curve.train_flops, curve.run)))
    chosen = chosen or [max(trained, key=lambda curve: curve.elo[-1])]
    return sorted(chosen, key=lambda curve: curve.train_flops)


def _tradeoff_numbers(tradeoffs: Mapping[int, Tradeoff]) -> Numbers:
    if not tradeoffs:
        raise NotEnoughDataError("not enough data: needs snapshots at two test budgets that reach the same Elo")
    boards = []
    for size, tradeoff in sorted(tradeoffs.items()):
        boards.append(
            {
                "size": size,
                "levels": tradeoff.levels,
                "log10_train": tradeoff.log10_train,
                "log10_test": tradeoff.log10_test,
                "slope": tradeoff.slope,
                "per_elo": tradeoff.per_elo,
                "intercept": tradeoff.intercept,
                "intervals": {name: list(ends) for name, ends in tradeoff.intervals.items()},
                "r2": tradeoff.r2,
            }
        )
    return {"x": next(iter(tradeoffs.values())).x, "boards": boards}


def _size_numbers(law: SizeLaw | None) -> Numbers:
    if law is None:
        raise NotEnoughDataError("not enough data: needs two sizes of net on the rising part of the frontiers")
    return {
        "x": law.x,
        "boards": law.boards,
        "log10_flops": law.log10_flops,
        "log10_weights": law.log10_weights,
        "exponent": law.exponent,
        "intercept": law.intercept,
        "low": law.low,
        "high": law.high,
        "r2": law.r2,
    }


def _calibration_numbers(tables: Tables) -> Numbers:
    boards = []
    rated = sorted(tables.ratings, key=lambda row: row.agent)
    for size in tables.sizes:
        met = [row for row in rated if row.size == size and row.perfect_games and tables.agent_by_key[row.agent].kind != "perfect"]
        if met:
            elo, score = np.array([row.elo for row in met]), np.array([row.perfect_score for row in met])
            groups = [np.array(group) for group in np.array_split(np.argsort(elo, kind="stable"), min(12, max(1, len(met) // 4)))]
            boards.append(
                {
                    "size": size,
                    "agents": [row.agent for row in met],
                    "elo": elo,
                    "score": score,
                    "group_elo": [elo[group].mean() for group in groups],
                    "group_score": [score[group].mean() for group in groups],
                    "group_error": [1.96 * score[group].std(ddof=1) / math.sqrt(len(group)) if len(group) > 1 else 0.0 for group in groups],
                }
            )
    if not boards:
        raise NotEnoughDataError("not enough data: needs games against perfect play")
    return {"boards": boards}


def _elo_scale_numbers() -> Numbers:
    elo = np.linspace(-800, 800, 161)
    return {"elo": elo, "win_rate": 1 / (1 + 10 ** (-elo / 400))}


def _require_frontier(analysis: Analysis) -> Frontier:
    if analysis.frontier is None:
        raise NotEnoughDataError(analysis.missing.get("frontier", "not enough data: needs a frontier"))
    return analysis.frontier


# Drawings


def _draw_training_curves(numbers: Numbers) -> "Figure":
    with _canvas(7.6, 4.9) as figure:
        axes = figure.add_subplot()
        overlaid = False
        for board in numbers["boards"]:
            color, marker = _color(board["size"]), _marker(board["size"])
            for run in board["runs"]:
                axes.plot(_powers(run["log10_flops"]), _floats(run["elo"]), color=color, alpha=0.28, lw=0.9, marker=marker, ms=2.4)
            for run in board["presets"]:
                style = _PRESET_LINES.get(run["preset"], _OTHER_PRESET)
                axes.plot(_powers(run["log10_flops"]), _floats(run["elo"]), color=color, **style)
            if len(board["paper_elo"]):
                overlaid = True
                axes.plot(_powers(board["paper_log10_flops"]), _floats(board["paper_elo"]), color=color, lw=1.4, ls=(0, (4, 2)))
        for board in numbers["boards"]:
            axes.plot(_powers(board["log10_flops"]), _floats(board["elo"]), color=_color(board["size"]), lw=2.6)
            _label_curve(axes, board["log10_flops"], board["elo"], _name(board["size"]), _color(board["size"]))
        handles = [
            _line(_INK, lw=2.6, label="frontier: best Elo for the compute"),
            _line(_INK, lw=0.9, alpha=0.4, marker="o", ms=2.4, label="one training run, its snapshots"),
        ]
        if overlaid:
            handles.append(_line(_INK, lw=1.4, ls=(0, (4, 2)), label="frontier of Jones 2021 (its zero: best of its noisy pool)"))
        for name in sorted({run["preset"] for board in numbers["boards"] for run in board["presets"]}):
            handles.append(_line(_INK, **_PRESET_LINES.get(name, _OTHER_PRESET), label=f"preset {name!r}, its snapshots"))
        shown = [run["elo"] for board in numbers["boards"] for run in board["runs"] + board["presets"]]
        _elo_axis(axes, shown + [board["paper_elo"] for board in numbers["boards"]])
        _compute_axis(axes, numbers["x"])
        _perfect_line(axes)
        figure.legend(handles=handles, loc="outside upper left", ncols=1 if len(handles) < 3 else 2)
    return figure


def _draw_frontier(numbers: Numbers) -> "Figure":
    laws = numbers["laws"]
    with _canvas(7.6, 5.8 if laws else 4.6) as figure:
        if laws:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        else:
            upper, lower = figure.add_subplot(), None
        for board in numbers["boards"]:
            color, x = _color(board["size"]), _powers(board["log10_flops"])
            elo = _floats(board["elo"])
            if "low" in board:
                upper.fill_between(x, _floats(board["low"]), _floats(board["high"]), color=color, alpha=0.16, lw=0)
            upper.plot(x[::3], elo[::3], ls="none", marker=_marker(board["size"]), ms=3.6, color=color, mec="white", mew=0.3)
            for model, fitted in board["laws"].items():
                upper.plot(x, _floats(fitted), color=color, ls=_MODEL_LINES[model], lw=1.6)
                lower.plot(x, elo - _floats(fitted), color=color, ls=_MODEL_LINES[model], lw=1.2)
            _label_curve(upper, board["log10_flops"], board["elo"], _name(board["size"]), color)
        handles = [_line(_INK, ls="none", marker="o", ms=4, label="frontier")]
        if any("low" in board for board in numbers["boards"]):
            from matplotlib.patches import Patch

            handles.append(Patch(color=_INK, alpha=0.16, lw=0, label="its 95 % bootstrap band"))
        for model, law in laws.items():
            text = f"{_MODEL_NAMES[model]}, RMSE {law['rmse']:.0f} Elo"
            handles.append(_line(_INK, ls=_MODEL_LINES[model], lw=1.6, label=text))
        _elo_axis(upper, [board["elo"] for board in numbers["boards"]])
        _perfect_line(upper)
        if lower is not None:
            lower.axhline(0, color=_GRAY, lw=0.8)
            lower.set_ylabel("measured\nminus law")
        _compute_axis(lower if lower is not None else upper, numbers["x"])
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _draw_crossings(numbers: Numbers) -> "Figure":
    rows = numbers["rows"]
    known = [row[key] for row in rows for key in ("log10_flops", "low", "high", "paper") if row[key] is not None]
    left, right = min(known) - 0.4, max(known) + 0.4
    with _canvas(7.2, 1.5 + 0.42 * len(rows)) as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            color, y = _color(row["size"]), -place
            low, high = row["low"], row["high"]
            # An end that is open runs to the edge as an arrow; without bootstrap both are missing and a bound alone is open.
            open_low = row["bound"] == "below" or (low is None and high is not None)
            open_high = row["bound"] == "above" or (high is None and low is not None)
            start, end = (row["log10_flops"] if edge is None else edge for edge in (low, high))
            axes.plot(_powers([start, end]), [y, y], color=color, lw=2.2, solid_capstyle="butt")
            for opened, tip, origin in ((open_low, left, start), (open_high, right, end)):
                if opened:
                    axes.annotate("", (10**tip, y), (10**origin, y), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6})
            if not row["bound"]:
                filled = color if row["scale"] == "elo" else "white"
                axes.plot(_powers([row["log10_flops"]]), [y], ls="none", marker=_marker(row["size"]), ms=7, color=color, mfc=filled)
            if row["paper"] is not None:
                axes.plot(_powers([row["paper"]]), [y], ls="none", marker="x", ms=7, color=_INK, mew=1.6)
            axes.annotate(row["text"], (1.01, y), xycoords=axes.get_yaxis_transform(), va="center", fontsize=9)
        axes.set_yticks([-place for place in range(len(rows))])
        axes.set_yticklabels([f"{_name(row['size'])}, by {'Elo' if row['scale'] == 'elo' else 'direct score'}" for row in rows])
        axes.set_ylim(-len(rows) + 0.5, 0.5)
        _compute_axis(axes, numbers["x"])
        axes.set_xlim(10**left, 10**right)
        axes.annotate("log10 [95 %]", (1.01, 1.01), xycoords="axes fraction", va="bottom", fontsize=9)
        handles = [
            _line(_INK, ls="none", marker="o", label="−50 Elo"),
            _line(_INK, ls="none", marker="o", mfc="white", label="its score, 42.85 %, against perfect play"),
            _line(_INK, ls="none", marker="x", ms=7, mew=1.6, label="−50 Elo, Jones 2021"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def _draw_prediction(numbers: Numbers) -> "Figure":
    with _canvas(7.6, 4.7) as figure:
        axes = figure.add_subplot()
        color = _color(numbers["size"])
        x = _powers(numbers["log10_flops"])
        for board in numbers["smaller"]:
            axes.plot(_powers(board["log10_flops"]), _floats(board["elo"]), color=_color(board["size"]), lw=1.4, alpha=0.75)
            _label_curve(axes, board["log10_flops"], board["elo"], _name(board["size"]), _color(board["size"]))
        handles = [_line(color, ls="none", marker=_marker(numbers["size"]), ms=4, label=f"{_name(numbers['size'])}, measured")]
        for model, each in numbers["models"].items():
            first = model == "change_point"
            low, high = _floats(each["low"]), _floats(each["high"])
            if np.isfinite(low).any():
                if first:
                    axes.fill_between(x, low, high, color=_GRAY, alpha=0.22, lw=0)
                else:
                    for edge in (low, high):
                        axes.plot(x, edge, color=_INK, lw=0.8, ls=":")
            axes.plot(x, _floats(each["predicted"]), color=_INK, ls=_MODEL_LINES[model], lw=1.6)
            band = "shaded" if first else "dotted"
            text = f"{_MODEL_NAMES[model]}: RMSE {each['rmse']:.0f}, bias {each['bias']:+.0f} Elo"
            if each["inside"] is not None:
                text += f", {100 * each['inside']:.0f} % inside its 95 % band ({band})"
            handles.append(_line(_INK, ls=_MODEL_LINES[model], lw=1.6, label=text))
        axes.plot(
            x[::3], _floats(numbers["measured"])[::3], ls="none", marker=_marker(numbers["size"]), ms=4, color=color, mec="white", mew=0.3
        )
        _label_curve(axes, numbers["log10_flops"], numbers["measured"], _name(numbers["size"]), color)
        _elo_axis(axes, [numbers["measured"], *(board["elo"] for board in numbers["smaller"])])
        _perfect_line(axes)
        _compute_axis(axes, numbers["x"])
        figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


def _draw_test_compute(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with _canvas(*_panel_size(len(boards), 4.1)) as figure:
        panels = _panels(figure, len(boards), sharey=True)
        lowest = []
        for axes, board in zip(panels, boards, strict=True):
            shades = _shades(len(board["curves"]))
            for curve, shade, marker in zip(board["curves"], shades, _MARKERS, strict=False):
                x, elo = _floats(curve["test_flops"]), _floats(curve["elo"])
                ends = np.abs(np.array([elo - _floats(curve["low"]), _floats(curve["high"]) - elo]))
                label = f"10$^{{{math.log10(curve['train_flops']):.1f}}}$" if curve["train_flops"] else "untrained"
                axes.errorbar(
                    x, elo, ends, ls="none", marker=marker, ms=4.8, color=shade, elinewidth=1, capsize=2, label=label, mec="white", mew=0.4
                )
                if curve["deficit"] is not None:
                    steps = np.geomspace(curve["simulations"][0], 2 * curve["simulations"][-1], 60)
                    fitted = evaluate_test_curve(curve["deficit"], curve["half"], curve["steepness"], steps)
                    axes.plot(steps * x[0] / curve["simulations"][0], fitted, color=shade, lw=1.4)
                else:
                    axes.plot(x, elo, color=shade, lw=0.9, ls=":")
                lowest.append(_floats(curve["low"]))
            _log_axis(axes, "x")
            axes.set_title(_name(board["size"]), color=_color(board["size"]))
            axes.legend(title="training FLOPs", loc="lower right", fontsize=8.5, title_fontsize=8.5, handletextpad=0.2)
            _perfect_line(axes)
        _elo_axis(panels[0], lowest)
        figure.supxlabel("test-time compute (FLOPs a move)", fontsize=10.5)
    return figure


def _draw_tradeoff(numbers: Numbers) -> "Figure":
    boards = numbers["boards"]
    with _canvas(*_panel_size(len(boards), 4.0)) as figure:
        panels = _panels(figure, len(boards), sharey=False)
        for axes, board in zip(panels, boards, strict=True):
            levels = sorted(set(_floats(board["levels"]).tolist()))
            for level, shade, marker in zip(levels, _shades(len(levels)), _MARKERS, strict=False):
                mine = _floats(board["levels"]) == level
                cost = _floats(board["log10_train"])[mine]
                test = _floats(board["log10_test"])[mine]
                axes.plot(_powers(cost), _powers(test), ls="none", marker=marker, ms=4.8, color=shade, mec="white", mew=0.4)
                ends = np.array([cost.min(), cost.max()])
                line = board["slope"] * ends + board["per_elo"] * level + board["intercept"]
                axes.plot(_powers(ends), _powers(line), color=shade, ls=(0, (5, 2)), lw=1.3)
                name = f"Elo {level:.0f}" if level == levels[-1] else f"{level:.0f}"
                place = (10.0 ** ends[1], 10.0 ** line[1])
                _annotate(axes, name.replace("-", "−"), place, (4, 0), shade, va="center", fontsize=8.5)
            low, high = board["intervals"]["slope"]
            about = f"slope {board['slope']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")
            axes.annotate(about.replace("-", "−"), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=9)
            axes.set_title(f"{_name(board['size'])}\n", color=_color(board["size"]))
            _log_axis(axes, "x")
            _log_axis(axes, "y")
            axes.margins(x=0.14)
        panels[0].set_ylabel("test-time compute (FLOPs a move)")
        figure.supxlabel(_compute_label(numbers["x"]), fontsize=10.5)
    return figure


def _draw_network_size(numbers: Numbers) -> "Figure":
    with _canvas(7.2, 4.2) as figure:
        axes = figure.add_subplot()
        boards, cost = np.array(numbers["boards"]), _floats(numbers["log10_flops"])
        weights = _floats(numbers["log10_weights"])
        for size in sorted(set(boards.tolist())):
            mine = boards == size
            axes.plot(
                _powers(cost[mine]),
                _powers(weights[mine]),
                ls="none",
                marker=_marker(size),
                ms=5.5,
                color=_color(size),
                label=_name(size),
                mec="white",
                mew=0.4,
            )
        ends = np.array([cost.min(), cost.max()])
        text = f"exponent {numbers['exponent']:.2f}"
        if numbers["low"] is not None:
            text += f" [{numbers['low']:.2f}, {numbers['high']:.2f}]"
        axes.plot(_powers(ends), _powers(numbers["exponent"] * ends + numbers["intercept"]), color=_INK, ls=(0, (5, 2)), lw=1.5, label=text)
        theirs = math.log10(PAPER_TO_TRUE_FLOPS) if numbers["x"] == "train_flops" else 0.0
        axes.plot(_powers(ends), _powers(0.93 * (ends - theirs) - 9.27), color=_GRAY, ls=":", lw=1.8, label="Jones 2021, refitted: 0.93")
        _log_axis(axes, "y")
        axes.set_ylabel("width² × depth of the net on the frontier")
        _compute_axis(axes, numbers["x"])
        axes.legend(loc="best")
    return figure


def _draw_calibration(numbers: Numbers) -> "Figure":
    with _canvas(7.2, 4.4) as figure:
        axes = figure.add_subplot()
        lowest = -100.0
        for board in numbers["boards"]:
            elo, score = _floats(board["elo"]), _floats(board["score"])
            color, marker = _color(board["size"]), _marker(board["size"])
            axes.plot(elo, score, ls="none", marker=marker, ms=2.6, color=color, alpha=0.22, mew=0)
            axes.errorbar(
                _floats(board["group_elo"]),
                _floats(board["group_score"]),
                _floats(board["group_error"]),
                ls="none",
                marker=marker,
                ms=6,
                color=color,
                elinewidth=1.2,
                capsize=2.5,
                mec="white",
                mew=0.5,
                label=_name(board["size"]),
                zorder=4,
            )
            lowest = min(lowest, float(elo.min()))
        line = np.linspace(lowest - 20, 60, 200)
        axes.plot(line, 1 / (1 + 10 ** (-line / 400)), color=_INK, lw=1.5, label="expected from Elo")
        axes.set_xlabel("fitted Elo, from all games (0 is perfect play)")
        axes.set_ylabel("share of games won against perfect play")
        axes.set_ylim(-0.02, max(0.6, 0.02 + max(max(_floats(board["score"])) for board in numbers["boards"])))
        axes.legend(loc="upper left")
    return figure


def _draw_elo_scale(numbers: Numbers) -> "Figure":
    with _canvas(6.4, 3.8) as figure:
        axes = figure.add_subplot()
        axes.plot(_floats(numbers["elo"]), _floats(numbers["win_rate"]), color=_COLORS[0], lw=2.4)
        for gap in (0, 100, 200, 400):
            share = 1 / (1 + 10 ** (-gap / 400))
            axes.plot([gap], [share], marker="o", ms=6, color=_COLORS[0], mec="white")
            text = f"{gap:+d} Elo wins {100 * share:.0f} %" if gap else "equal: 50 %"
            axes.annotate(text, (gap, share), (10, -10), textcoords="offset points")
        axes.set_xlabel("difference in Elo")
        axes.set_ylabel("expected share of games won")
        axes.set_ylim(0, 1.02)
        axes.set_xlim(-820, 920)
    return figure


# Parts of drawings


@contextlib.contextmanager
def _canvas(width: float, height: float) -> "Iterator[Figure]":
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _panel_size(count: int, height: float) -> tuple[float, float]:
    return (5.0 if count == 1 else 3.0 * count + 0.6), height


def _panels(figure: "Figure", count: int, *, sharey: bool) -> list["Axes"]:
    return list(figure.subplots(1, count, squeeze=False, sharey=sharey)[0])


def _color(size: int) -> str:
    return _COLORS[(size - 3) % len(_COLORS)]


def _marker(size: int) -> str:
    return _MARKERS[(size - 3) % len(_MARKERS)]


def _name(size: int) -> str:
    return f"{size}×{size}"


def _shades(count: int) -> list[Any]:
    import matplotlib

    # The bright end of the map is left out: it vanishes on white.
    return [matplotlib.colormaps["viridis"](0.85 * at / max(count - 1, 1)) for at in range(count)]


def _line(color: str, **style: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, **style)


def _compute_label(x: str) -> str:
    return "training compute (FLOPs)" if x == "train_flops" else "training compute (FLOPs in the paper's count)"


def _log_axis(axes: "Axes", which: str) -> None:
    """Make an axis logarithmic; over two decades and more it needs no ticks between the powers of ten."""
    from matplotlib.ticker import NullLocator

    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    low, high = getattr(axes, f"get_{which}lim")()
    if high >= 100 * low:
        axis.set_minor_locator(NullLocator())


def _compute_axis(axes: "Axes", x: str) -> None:
    _log_axis(axes, "x")
    axes.set_xlabel(_compute_label(x))


def _elo_axis(axes: "Axes", values: Sequence[Any]) -> None:
    lowest = min((float(np.nanmin(_floats(each))) for each in values if np.isfinite(_floats(each)).any()), default=-100.0)
    axes.set_ylabel("Elo (0 is perfect play)")
    axes.set_ylim(1.12 * min(lowest, -50.0), 0.09 * max(-lowest, 50.0))


def _perfect_line(axes: "Axes") -> None:
    axes.axhline(0, color=_INK, lw=0.9)


def _label_curve(axes: "Axes", log10_flops: Any, elo: Any, text: str, color: str) -> None:
    """Write `text` beside a curve where it has climbed half of its way to 0."""
    x, y = _floats(log10_flops), _floats(elo)
    known = np.isfinite(y)
    if not known.any():
        return
    x, y = x[known], y[known]
    at = int(np.argmax(y >= 0.5 * y.min()))
    _annotate(axes, text, (10 ** x[at], y[at]), (-6, 5), color, ha="right", fontsize=11, fontweight="bold")


def _annotate(axes: "Axes", text: str, place: Any, offset: tuple[float, float], color: Any, **style: Any) -> None:
    """Write `text` with a white rim, `offset` points from a place in data coordinates."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2.5, foreground="white")]
    axes.annotate(text, place, offset, textcoords="offset points", color=color, path_effects=rim, **style)


def _powers(log10: Any) -> np.ndarray:
    return 10 ** _floats(log10)


def _floats(values: Any) -> np.ndarray:
    """Numbers from a list in which None stands for nan."""
    return np.array([np.nan if value is None else value for value in values], float)


# Files


def _plain(value: Any) -> Any:
    """Return arrays as lists and nan as None, so that JSON can hold them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Return one line for the first difference in each part of two nested structures."""
    here = where or "numbers"
    if isinstance(old, dict) and isinstance(new, dict):
        if set(old) != set(new):
            return [f"{here}: fields {sorted(set(old) ^ set(new))} are in one alone"]
        return [line for key in sorted(old) for line in _differences(old[key], new[key], f"{where}.{key}" if where else key)]
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return [f"{here}: {len(old)} entries committed, {len(new)} now"]
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            lines = _differences(one, other, f"{here}[{at}]")
            if lines:
                return lines
        return []
    numeric = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (old, new))
    if (math.isclose(old, new, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)) if numeric else old == new:
        return []
    return [f"{here}: {old!r} committed, {new!r} now"]


FIGURES: Mapping[str, Kind] = {
    "training_curves": Kind(
        "Strength against training compute",
        "Every run's Elo against the compute of its training, at equal search in play, and the frontier of each board: the best Elo "
        "for the compute, picked on half of the openings and rated on the other half. Runs of presets were rated in the same pools and "
        "have no part in the frontiers. Dashes are the frontiers of Jones 2021 on "
        "the same boards, their compute converted to true FLOPs; their zero is the best agent of a pool that plays with noise, not "
        "perfect play, so slopes and positions compare, levels near zero do not.",
        lambda analysis: _training_numbers(_require_frontier(analysis), analysis.presets),
        _draw_training_curves,
    ),
    "frontiers": Kind(
        "Frontiers and fitted laws",
        "The frontiers with 95 % bands from drawing openings, seeds and networks again, and the laws fitted to all boards at once: the "
        "paper's change-point model and a smooth one with the same five parameters. Below, what the laws leave over.",
        lambda analysis: _frontier_numbers(_require_frontier(analysis), tuple(analysis.laws.values()), analysis.copies),
        _draw_frontier,
    ),
    "crossings": Kind(
        "What near-perfect play costs",
        "Training compute at which each board's frontier reaches −50 Elo, with 95 % intervals; the same agents by their direct score "
        "against perfect play; and the frontiers of Jones 2021, whose zero is the best agent of its pool. Below and above say that a "
        "frontier starts above the level or never reaches it: the compute is known as a bound alone.",
        lambda analysis: _crossing_numbers(analysis.reaches),
        _draw_crossings,
    ),
    "prediction": Kind(
        "The largest board, predicted from the smaller ones",
        "Laws fitted without the largest board, drawn over its measured frontier. Bands hold the uncertainty of the fit and the scatter "
        "of its residuals.",
        lambda analysis: _prediction_numbers(_require_frontier(analysis), tuple(analysis.predictions.values())),
        _draw_prediction,
    ),
    "test_compute": Kind(
        "Strength against search at play",
        "Elo of single snapshots at several numbers of simulations a move, with 95 % intervals, labeled by the compute of their "
        "training. Lines are logistic curves in log compute that end at perfect play; dotted where the data do not determine one.",
        lambda analysis: _test_numbers(analysis.test_curves),
        _draw_test_compute,
    ),
    "tradeoff": Kind(
        "Training traded for search",
        "The least compute a move that reaches an Elo, against the training compute allowed: runs are picked on half of the openings "
        "and rated on the other half. Dashed: one plane for each board, "
        "log10 test = slope · log10 train + e · Elo + c, with the 95 % interval of its slope.",
        lambda analysis: _tradeoff_numbers(analysis.tradeoffs),
        _draw_tradeoff,
    ),
    "network_size": Kind(
        "Which size of net to train",
        "Size of the net on the frontier where it rises, against training compute.",
        lambda analysis: _size_numbers(analysis.network_size),
        _draw_network_size,
    ),
    "calibration": Kind(
        "Fitted Elo against direct score",
        "Share of games won against perfect play over the Elo fitted to all games: every agent faint, and groups of agents of like Elo "
        "with the 95 % interval of their mean. The line is what the Elo model expects.",
        lambda analysis: _calibration_numbers(analysis.tables),
        _draw_calibration,
    ),
    "elo_scale": Kind(
        "How to read Elo",
        "The share of games the stronger side of a difference in Elo is expected to win.",
        lambda analysis: _elo_scale_numbers(),
        _draw_elo_scale,
    ),
}

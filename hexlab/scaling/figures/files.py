"""Figures and the paper's tables as files: drawn, written beside the numbers behind them, shown on a page, and checked."""

import csv
import functools
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hexlab.errors import StoreError
from hexlab.scaling.analysis import Analysis, analyze
from hexlab.scaling.figures.kinds import Numbers, plain
from hexlab.scaling.figures.pages import MARK, write_page
from hexlab.scaling.figures.registry import FIGURES
from hexlab.scaling.figures.style import STYLE
from hexlab.scaling.paper_tables import PAPER_TABLES, make_paper_tables
from hexlab.scaling.tables import NotEnoughDataError, Tables, read
from hexlab.system import check_writable, make_folder, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_figures", "compute_numbers", "draw_figure", "redraw_figures", "render_numbers", "render_svg", "write_figures"]

_TOLERANCE = 1e-6
_PAGE = "README.md"


@functools.lru_cache(maxsize=1)
def compute_numbers(analysis: Analysis) -> dict[str, Numbers | str]:
    """Return the numbers behind each figure by its name, or why there is not enough data for it; those of the last are remembered."""
    answers: dict[str, Numbers | str] = {}
    for name, kind in FIGURES.items():
        try:
            answers[name] = plain(kind.numbers(analysis))
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

    Text is drawn as shapes, so that it looks the same everywhere. `name` salts the ids within. The figure is laid out for good.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"hexlab {name}"}):
        layout = figure.get_layout_engine()
        if layout is not None:  # laid out here, for the canvas would draw everything once more for that
            FigureCanvasSVG(figure)
            figure.set_dpi(72)
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def render_numbers(name: str, numbers: Numbers) -> bytes:
    """Return a figure as SVG from its numbers; recent ones are remembered, since files and report show the same."""
    return _render_text(name, json.dumps(numbers, sort_keys=True))


@functools.lru_cache(maxsize=64)
def _render_text(name: str, text: str) -> bytes:
    return render_svg(draw_figure(name, json.loads(text)), name)


def write_figures(
    tables: Tables | Analysis,
    folder: str | os.PathLike[str],
    *,
    bootstrap: int = 400,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write every figure that the tables allow, NAME.svg, and NAME.json with the numbers behind it, and the paper's tables.

    A table of the paper, ours beside its own, is NAME.md for readers and NAME.csv with its numbers in full. Figures and tables of an
    earlier time for which there is no longer enough data are removed. README.md shows all that there are, with their captions.

    Args:
        tables: an experiment, or its analysis.
        folder: made if need be. Nothing in it changes before everything is drawn.
        bootstrap: number of bootstrap copies; an analysis brings its own.
        seed: of the copies; an analysis brings its own.
        say: told of each figure and table that there is not enough data for, why, and which files of it are removed.

    Returns:
        The paths written: SVG and JSON in turn, then Markdown and CSV in turn, then README.md.

    Raises:
        RunError: a folder that cannot be written to.
        StoreError: a folder with a README.md of another hand; nothing is written then.
    """
    folder = Path(folder)
    check_writable(folder)
    _check_hand(folder)
    analysis = tables if isinstance(tables, Analysis) else analyze(tables, bootstrap=bootstrap, seed=seed)
    files: dict[Path, bytes | str] = {}
    gone: list[Path] = []

    def leave_out(name: str, reason: str, paths: Sequence[Path]) -> None:
        found = [path for path in paths if path.exists()]
        gone.extend(found)
        if say:
            removed = f"; removed {', '.join(path.name for path in found)}" if found else ""
            say(f"not drawn: {name}: {reason}{removed}")

    for name, numbers in compute_numbers(analysis).items():
        if isinstance(numbers, str):
            leave_out(name, numbers, _name_files(folder, name))
        else:
            files |= _render_figure(folder, name, analysis.bootstrap, analysis.seed, numbers)
    for name, table in make_paper_tables(analysis).items():
        text, data = folder / f"{name}.md", folder / f"{name}.csv"
        if isinstance(table, str):
            leave_out(name, table, (text, data))
        else:
            files |= {text: table.to_markdown(), data: table.to_csv()}
    return _write_files(folder, files, gone)


def redraw_figures(folder: str | os.PathLike[str]) -> list[Path]:
    """Draw the figures of a folder again from the numbers that lie beside them: after a change of how they look, not of what they show.

    Args:
        folder: as `write_figures` left it.

    Returns:
        The paths written: SVG and JSON in turn, then README.md.

    Raises:
        StoreError: a folder without figures or with a README.md of another hand, or a file that does not hold the numbers of a figure;
            nothing is written then.

    >>> redraw_figures("nowhere")
    Traceback (most recent call last):
    ...
    hexlab.errors.StoreError: no figures in 'nowhere': expected files such as training_curves.json and training_curves.svg
    """
    folder = Path(folder)
    _check_hand(folder)
    records = {name: _read_record(path) for name, path in _list_numbers(folder).items()}
    files: dict[Path, bytes | str] = {}
    for name, record in records.items():
        try:
            files |= _render_figure(folder, name, record["bootstrap"], record["seed"], record["numbers"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise StoreError(f"{name}.json: not the numbers of this figure ({error!r}): write it anew with `hexlab figures`") from None
    return _write_files(folder, files)


def _name_files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.svg", folder / f"{name}.json"


def _render_figure(folder: Path, name: str, bootstrap: int, seed: int, numbers: Numbers) -> dict[Path, bytes | str]:
    """Return the contents of a figure's files."""
    import matplotlib

    drawing, data = _name_files(folder, name)
    svg = render_numbers(name, numbers)
    record = {
        "figure": name,
        "bootstrap": bootstrap,
        "seed": seed,
        "matplotlib": matplotlib.__version__,
        "svg_sha256": hashlib.sha256(svg).hexdigest(),
        "numbers": numbers,
    }
    return {drawing: svg, data: json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n"}


def _write_files(folder: Path, files: Mapping[Path, bytes | str], gone: Sequence[Path] = ()) -> list[Path]:
    """Write files and then the page of all that is there, without those that are gone."""
    make_folder(folder)
    for path, content in files.items():
        write_whole(path, content)
    for path in gone:
        path.unlink()
    page = folder / _PAGE
    write_whole(page, _make_page(folder))
    return [*files, page]


def _make_page(folder: Path) -> str:
    """Return the page of the figures and tables that lie in a folder."""
    files = {name: folder / f"{name}.md" for name in PAPER_TABLES}
    titles = {name: path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for name, path in files.items() if path.is_file()}
    return write_page([name for name in FIGURES if (folder / f"{name}.json").is_file()], titles)


def _check_hand(folder: Path) -> None:
    """Refuse to overwrite a page that somebody wrote."""
    page = folder / _PAGE
    if page.is_file() and not page.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise StoreError(f"{str(page)!r} was not written by `hexlab figures`: give a folder for figures alone, or move that file")


def _list_numbers(folder: Path) -> dict[str, Path]:
    """Return the files with the numbers behind figures by the figure's name."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = {path.stem: path for path in files if path.stem in FIGURES}
    if not found:
        raise StoreError(f"no figures in {str(folder)!r}: expected files such as training_curves.json and training_curves.svg")
    return found


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {key: record[key] for key in ("bootstrap", "seed", "matplotlib", "svg_sha256", "numbers")}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path.name}: not the numbers of a figure ({error})") from None


def check_figures(tables_folder: str | os.PathLike[str], figures_folder: str | os.PathLike[str]) -> list[str]:
    """Draw committed figures again from committed tables and say what has drifted.

    Numbers are compared within a relative tolerance of 1e-6. The SVG must be there and be the one whose hash its JSON file names;
    what it shows is compared byte by byte where the same version of matplotlib is installed. Of the paper's tables the text is compared,
    and the numbers within the tolerance. README.md must show the figures and tables that are committed.

    Returns:
        One line for each drift, none if all is as committed.

    Raises:
        StoreError: tables that cannot be read, or a folder without figures.
    """
    import matplotlib

    tables = read(tables_folder)
    folder = Path(figures_folder)
    committed = _list_numbers(folder)
    drifts: list[str] = []
    records: dict[str, Any] = {}
    for name, path in committed.items():
        try:
            records[name] = _read_record(path)
        except StoreError as error:
            drifts.append(str(error))
    analyses: dict[tuple[int, int], Analysis] = {}
    redrawn: dict[tuple[int, int], dict[str, Numbers | str]] = {}
    for name, record in records.items():
        settings = (record["bootstrap"], record["seed"])
        if settings not in redrawn:
            analyses[settings] = analyze(tables, bootstrap=settings[0], seed=settings[1])
            redrawn[settings] = compute_numbers(analyses[settings])
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
    for settings, numbers_by_name in redrawn.items():
        missing = [name for name, numbers in numbers_by_name.items() if not isinstance(numbers, str) and name not in committed]
        drifts += [f"{name}: the tables allow it, but it is not committed" for name in missing]
        drifts += _check_paper_tables(analyses[settings], folder)
        break
    return drifts + _check_page(folder)


def _check_page(folder: Path) -> list[str]:
    page = folder / _PAGE
    if not page.is_file():
        return [f"{_PAGE}: the page that shows the figures is missing"]
    return [] if page.read_text(encoding="utf-8") == _make_page(folder) else [f"{_PAGE}: not the page of the figures and tables beside it"]


def _check_paper_tables(analysis: Analysis, folder: Path) -> list[str]:
    drifts = []
    for name, table in make_paper_tables(analysis).items():
        for path in (folder / f"{name}.md", folder / f"{name}.csv"):
            if isinstance(table, str):
                drifts += [f"{path.name}: committed, but the tables no longer allow it: {table}"] if path.is_file() else []
            elif not path.is_file():
                drifts.append(f"{path.name}: the tables allow it, but it is not committed")
            else:
                committed, now = path.read_text(encoding="utf-8"), table.to_csv() if path.suffix == ".csv" else table.to_markdown()
                drifts += [f"{path.name}: {drift}" for drift in _differences(_read_cells(committed), _read_cells(now), "line")]
    return drifts


def _read_cells(text: str) -> list[list[str | float]]:
    """Return the lines of a table, what can be read as numbers as such."""
    lines: list[list[str | float]] = []
    for row in csv.reader(io.StringIO(text)):
        lines.append([])
        for cell in row:
            try:
                lines[-1].append(float(cell))
            except ValueError:
                lines[-1].append(cell)
    return lines


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

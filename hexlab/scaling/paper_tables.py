"""The tables of Jones 2021, ours beside the paper's: hyperparameters, what was trained, the laws, and the exchange of figure 9."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import format_number
from hexlab.scaling.direct import fit_by_direct_games
from hexlab.scaling.forecasts import Estimate
from hexlab.scaling.laws import PARAMETER_TEXTS, PARAMETERS, Law, fit_law, paper_law
from hexlab.scaling.paper import PAPER_HYPERPARAMETERS, PAPER_LAW, PAPER_TRADEOFF, paper_shift
from hexlab.scaling.tables import NotEnoughDataError, Tables, paper_curves
from hexlab.scaling.text_tables import TextTable

__all__ = [
    "PAPER_TABLES",
    "PaperTable",
    "list_direct_parameters",
    "list_exchange",
    "list_hyperparameters",
    "list_maxima",
    "list_parameters",
    "make_paper_tables",
]

_HYPERPARAMETERS = {
    "boards": "games of self-play at once",
    "batch": "positions a gradient step",
    "buffer": "positions kept to learn from",
    "reuse": "times that a position is learned from",
    "learning_rate": "learning rate of Adam",
    "simulations": "simulations a move in self-play",
    "recipe": "search",
    "exploration": "exploration constant of the search",
    "noise_fraction": "share of noise at the root",
}
_SYMBOLS = {"m_plateau": "m_p", "c_plateau": "c_p", "m_flops": "m_f", "m_board": "m_i", "c_incline": "c_i"}
_PAPER_MOVE_SHIFT = math.log10(64 / 2)  # log10 of test compute in the paper's count, less that in true FLOPs


Cell = str | int | float | Estimate | None


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """A table of numbers, with the ways to write it.

    Attributes:
        title: what it holds.
        heads: one text a column.
        rows: cells, None where there is nothing to tell.
        note: what the reader must know.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str

    def to_text(self) -> TextTable:
        """Return the table as a reader sees it, estimates with their intervals."""
        rows = tuple(tuple(map(_write_cell, row)) for row in self.rows)
        return TextTable(self.title, self.heads, rows, self.note, range(1, len(self.heads)))

    def to_markdown(self) -> str:
        """Return the table in Markdown, between its title and its note."""
        rule = "| --- |" + " --: |" * (len(self.heads) - 1)
        return f"# {self.title}\n\n{self.to_text().to_markdown(rule)}\n\n{self.note}\n"

    def to_csv(self) -> str:
        """Return the table as CSV, numbers in full; an estimate takes three columns."""
        wide = [any(isinstance(row[at], Estimate) for row in self.rows) for at in range(len(self.heads))]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([name for head, triple in zip(self.heads, wide, strict=True) for name in _spread_head(head, triple)])
        for row in self.rows:
            writer.writerow([each for cell, triple in zip(row, wide, strict=True) for each in _spread_cell(cell, triple)])
        return buffer.getvalue()


def list_hyperparameters(tables: Tables) -> PaperTable:
    """Return the settings of self-play and learning; where the grid's runs differ, all values.

    Raises:
        NotEnoughDataError: no runs.
    """
    configs = [json.loads(run.config) for run in tables.runs if not run.preset]
    if not configs:
        raise NotEnoughDataError("not enough data: needs a run")
    rows: list[tuple[Cell, ...]] = []
    for name, text in _HYPERPARAMETERS.items():
        values = {config["boards"] * config.get("groups", 1) if name == "boards" else config[name] for config in configs if name in config}
        ours: Cell = ", ".join(map(_write_cell, sorted(values))) or None if len(values) != 1 else values.pop()
        rows.append((text, PAPER_HYPERPARAMETERS[name], ours))
    note = "Every network of the paper shares its settings. It keeps noise and sampling in evaluation; here neither is there."
    return PaperTable("Settings of self-play and learning", ("setting", "Jones 2021", "hexlab"), tuple(rows), note)


def list_maxima(tables: Tables) -> PaperTable:
    """Return the largest networks and the longest runs of each board, beside the paper's, whose boards stand there all.

    Raises:
        NotEnoughDataError: no runs.
    """
    if not tables.sizes:
        raise NotEnoughDataError("not enough data: needs a run")
    runs = {row.run: row for row in tables.runs if not row.preset}
    rows: list[tuple[Cell, ...]] = []
    for size in sorted({row.size for row in runs.values()} | {point.size for point in paper_curves()}):
        mine = [row for row in runs.values() if row.size == size]
        kept = [row for row in tables.snapshots if row.run in runs and runs[row.run].size == size]
        theirs = [point for point in paper_curves() if point.size == size]
        widest, deepest = (max(each, default=None) for each in ([row.width for row in mine], [row.depth for row in mine]))
        spent = (max((row.samples for row in kept), default=None), max((row.paper_flops for row in kept), default=None))
        paper: tuple[Cell, ...] = (None,) * 5
        if theirs:
            nets = {(point.width, point.depth) for point in theirs}
            cost = 10 ** max(point.log10_flops for point in theirs)
            paper = (len(nets), max(nets)[0], max(depth for _, depth in nets), max(point.samples for point in theirs), cost)
        together = zip(paper, (len(mine) or None, widest, deepest, *spent), strict=True)
        rows.append((f"{size}x{size}", *(cell for pair in together for cell in pair)))
    names = ("runs", "width", "depth", "positions", "compute")
    heads = ("board", *(f"{name}, {who}" for name in names for who in ("Jones 2021", "hexlab")))
    note = "Compute is in the paper's count: a multiply-add is one, forward passes of self-play only. Runs of presets are left out."
    return PaperTable("The largest networks and the longest runs of each board", heads, tuple(rows), note)


def list_parameters(analysis: Analysis) -> PaperTable:
    """Return the change-point law fitted to the frontiers in the paper's count of compute.

    Raises:
        NotEnoughDataError: too little to fit a law.
    """
    if analysis.paper_count is None:
        raise NotEnoughDataError(analysis.missing.get("frontier", "not enough data: needs a frontier"))
    law = fit_law(analysis.paper_count, bootstrap=analysis.paper_copies, seed=analysis.seed)
    return _list_law("The change-point law of the frontiers", law, PAPER_LAW)


def list_direct_parameters(analysis: Analysis) -> PaperTable:
    """Return the change-point law fitted to the frontiers by direct games, in the paper's count of compute.

    Raises:
        NotEnoughDataError: too little to fit a law, or no games against perfect play or the best agent.
    """
    if analysis.paper_count is None:
        raise NotEnoughDataError(analysis.missing.get("frontier", "not enough data: needs a frontier"))
    law = fit_by_direct_games(analysis.tables, analysis.paper_count, bootstrap=analysis.bootstrap, seed=analysis.seed)
    return _list_law("The change-point law of the frontiers by direct games", law, None)


def list_exchange(analysis: Analysis) -> PaperTable:
    """Return the planes of figure 9 in true FLOPs, and the paper's converted to them.

    Raises:
        NotEnoughDataError: no board where training and search could be traded.
    """
    if not analysis.tradeoffs:
        raise NotEnoughDataError("not enough data: needs snapshots at two test budgets that reach the same Elo")
    slope = PAPER_TRADEOFF["slope"]
    intercept = PAPER_TRADEOFF["intercept"] - slope * paper_shift("train_flops") - _PAPER_MOVE_SHIFT
    rows: list[tuple[Cell, ...]] = [("9x9, Jones 2021", slope, None, PAPER_TRADEOFF["per_elo"], intercept, None)]
    for size, plane in sorted(analysis.tradeoffs.items()):
        shared, *others = (Estimate(getattr(plane, name), *plane.intervals[name]) for name in ("slope", "per_elo", "intercept"))
        steeper = Estimate(plane.steepening, *plane.steepening_interval) if math.isfinite(plane.steepening) else None
        board = f"{size}x{size}" + (", one network" if plane.networks == 1 else "")
        rows.append((board, shared, steeper, *others, plane.r2))
    note = (
        "log10 of test compute = slope · log10 of training compute + e · Elo + c, in true FLOPs. Our slope and R² are of parallel lines, "
        "one for each Elo, e and c of a straight line through their heights. Beside it is by how much the slope differs between the "
        "stronger half of the levels and the weaker: where its interval leaves out 0, one slope does not do. The paper's 29 in its own "
        "count is converted: its test compute is 64 times too large, since it counts the simulations of training once more."
    )
    heads = ("board", "slope", "stronger levels, by", "e", "c", "R²")
    return PaperTable("Test compute for training compute at equal Elo", heads, tuple(rows), note)


PAPER_TABLES: Mapping[str, Callable[[Analysis], PaperTable]] = {
    "hyperparameters": lambda analysis: list_hyperparameters(analysis.tables),
    "maxima": lambda analysis: list_maxima(analysis.tables),
    "parameters": list_parameters,
    "direct_parameters": list_direct_parameters,
    "exchange": list_exchange,
}
"""The tables by name, each made from an analysis; raises `NotEnoughDataError` where there is too little."""


def make_paper_tables(analysis: Analysis) -> dict[str, PaperTable | str]:
    """Return the paper's tables by name, or why there is not enough data for one."""
    made: dict[str, PaperTable | str] = {}
    for name, build in PAPER_TABLES.items():
        try:
            made[name] = build(analysis)
        except NotEnoughDataError as error:
            made[name] = str(error)
    return made


def _list_law(title: str, law: Law, printed: Mapping[str, float] | None) -> PaperTable:
    theirs = paper_law()
    rows: list[tuple[Cell, ...]] = []
    for name in PARAMETERS:
        alone = len(law.sizes) < 2 and name in ("m_plateau", "m_board")
        ours = None if alone else Estimate(law.parameters[name], *law.intervals[name])
        rows.append((f"{_SYMBOLS[name]}: {PARAMETER_TEXTS[name]}", *((printed[name], theirs.parameters[name]) if printed else ()), ours))
    for name, text in (("rmse", "RMSE, Elo"), ("r2", "R²")):
        rows.append((text, *((None, getattr(theirs, name)) if printed else ()), getattr(law, name)))
    note = (
        "Elo = min(0, max(m_p·b + c_p, m_f·log10 C + m_i·b + c_i)) with board size b and compute C in the paper's count. Ours is fitted "
        "robustly, with 95 % intervals from drawing openings, seeds and networks again; the paper's curves are fitted as it does, by plain "
        "least squares. A plateau that no frontier starts on is not determined."
    )
    heads = ("parameter", *(("Jones 2021, printed", "Jones 2021, fitted to its curves") if printed else ()), "hexlab")
    if not printed:
        note += " Its own values for the top agents are not known."
    return PaperTable(title, heads, tuple(rows), note)


def _write_cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Estimate):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}".replace("-", "−")
    return f"{cell:.1e}".replace("e+", "e") if abs(cell) >= 1e6 else format_number(cell)


def _spread_head(head: str, triple: bool) -> Sequence[str]:
    return (head, f"{head} low", f"{head} high") if triple else (head,)


def _spread_cell(cell: Cell, triple: bool) -> Sequence[str | int | float]:
    if isinstance(cell, Estimate):
        return tuple("" if math.isnan(each) else each for each in (cell.value, cell.low, cell.high))
    value = "" if cell is None else cell
    return (value, "", "") if triple else (value,)

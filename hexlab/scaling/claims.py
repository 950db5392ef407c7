"""Everything that can be fitted to an experiment, and what it says board by board beside the paper."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hexlab.scaling.crossings import Reach, find_reaches, fit_growth, format_estimate
from hexlab.scaling.frontiers import (
    SOURCES,
    Frontier,
    PresetRun,
    compute_frontier,
    incline_slope,
    list_preset_runs,
    paper_frontier,
    resample_frontier,
)
from hexlab.scaling.laws import MODELS, Law, Prediction, derive_growth, derive_takeoff, fit_law, interval, predict_board
from hexlab.scaling.saturation import CeilingCurve, TestCurve, fit_ceilings, fit_test_curves
from hexlab.scaling.serving import Isoquant, find_isoquants
from hexlab.scaling.tables import NotEnoughDataError, Tables
from hexlab.scaling.tradeoffs import SizeLaw, Tradeoff, fit_network_size, fit_tradeoff

__all__ = ["Analysis", "Claim", "analyze", "make_claims"]

_NAN = float("nan")
_ISOQUANTS = (-400.0, -200.0, -50.0)


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement of the paper beside ours.

    Attributes:
        text: what is measured, with its unit.
        paper: the paper's value; nan if it has none.
        paper_note: where that value is from.
        value: ours; nan if it cannot be had.
        low: lower end of its 95 % interval, -inf if open; nan without bootstrap.
        high: upper end, inf if open.
        missing: why there is no value, "" if there is one.
        bound: "below" or "above" if `value` is a bound alone.
    """

    text: str
    paper: float
    paper_note: str
    value: float
    low: float
    high: float
    missing: str = ""
    bound: str = ""

    def __str__(self) -> str:
        """Return ours in words, such as "10.4 [9.8, 11.2]" or "below 7.6"."""
        return "–" if self.missing else format_estimate(self.value, self.low, self.high, self.bound)

    @property
    def verdict(self) -> str:
        """How ours compares: by whether the interval, however wide, holds the paper's value."""
        if self.missing:
            return self.missing
        if not math.isfinite(self.paper):
            return "no value in the paper"
        if math.isnan(self.low) or math.isnan(self.high):
            return "no interval"
        if math.isinf(self.low) and math.isinf(self.high):
            return "no bounds"
        if self.low <= self.paper <= self.high:
            return "compatible"
        return "above the paper" if self.low > self.paper else "below the paper"


@dataclasses.dataclass(frozen=True, eq=False)
class Analysis:
    """All fits of one experiment. Where something could not be fitted, `missing` says why under the same name.

    Attributes:
        tables: what was analyzed.
        bootstrap: number of bootstrap copies behind the intervals.
        seed: of the copies.
        frontier: frontiers in true FLOPs of the boards whose zero is known; None if there is none.
        presets: runs of presets at the frontier's test budget.
        copies: bootstrap copies of the frontiers, float64[R, G] by board size.
        paper_count: the same frontiers against the paper's count of compute.
        paper_copies: bootstrap copies of those.
        reaches: what -50 Elo costs on each board, in the paper's count, by Elo and by the direct score against perfect play.
        laws: by model.
        predictions: by model, of the largest board.
        test_curves: by board size.
        ceilings: by board size.
        tradeoffs: by board size.
        isoquants: pairs of training and search that reach -400, -200 and -50 Elo, by board size.
        network_size: size of the nets on the frontiers; None if not to be had.
        sources: by source of the bootstrap alone, the 95 % interval of the change-point law's m_flops.
        missing: reasons, by "frontier", "law", "prediction", "tradeoff 5", "test curves 5", "ceilings 5",
            "isoquants 5", "network size".
    """

    tables: Tables
    bootstrap: int
    seed: int
    frontier: Frontier | None
    presets: tuple[PresetRun, ...]
    copies: Mapping[int, np.ndarray]
    paper_count: Frontier | None
    paper_copies: Mapping[int, np.ndarray]
    reaches: tuple[Reach, ...]
    laws: Mapping[str, Law]
    predictions: Mapping[str, Prediction]
    test_curves: Mapping[int, tuple[TestCurve, ...]]
    ceilings: Mapping[int, CeilingCurve]
    tradeoffs: Mapping[int, Tradeoff]
    isoquants: Mapping[int, tuple[Isoquant, ...]]
    network_size: SizeLaw | None
    sources: Mapping[str, tuple[float, float]]
    missing: Mapping[str, str]


def analyze(tables: Tables, *, bootstrap: int = 400, seed: int = 0) -> Analysis:
    """Fit everything that the tables allow.

    Args:
        tables: an experiment; however small, what cannot be fitted is named in `Analysis.missing`.
        bootstrap: number of bootstrap copies; 0 for no intervals.
        seed: of the copies.
    """
    missing: dict[str, str] = {}

    def attempt(name: str, build: Callable[[], Any]) -> Any:
        try:
            return build()
        except NotEnoughDataError as error:
            missing[name] = str(error)
            return None

    frontier = paper_count = None
    presets: tuple[PresetRun, ...] = ()
    def attempt_frontier(size: int) -> Frontier:
        if not tables.knows_zero(size):
            raise NotEnoughDataError(f"not enough data: how far Elo 0 on {size}x{size} is from perfect play is not known")
        return compute_frontier(tables, size)

    parts = [attempt("frontier", partial(attempt_frontier, size)) for size in tables.sizes]
    parts = [part for part in parts if part is not None and part.test_simulations == _common_budget(parts)]
    copies: Mapping[int, np.ndarray] = {}
    paper_copies: Mapping[int, np.ndarray] = {}
    reaches: tuple[Reach, ...] = ()
    sources: dict[str, tuple[float, float]] = {}
    laws: dict[str, Law] = {}
    predictions: dict[str, Prediction] = {}
    network_size = None
    if parts:
        frontier = dataclasses.replace(parts[0], boards=tuple(board for part in parts for board in part.boards))
        budget = frontier.test_simulations
        presets = list_preset_runs(tables, test_simulations=budget)
        counted = [compute_frontier(tables, size, x="paper_flops", test_simulations=budget) for size in frontier.sizes]
        paper_count = dataclasses.replace(counted[0], boards=tuple(board for part in counted for board in part.boards))
        if bootstrap:
            copies = resample_frontier(frontier, bootstrap, seed)
            paper_copies = resample_frontier(paper_count, bootstrap, seed)
        reaches = find_reaches(paper_count, bootstrap=bootstrap, seed=seed)
        front: Frontier = frontier
        for model in MODELS:
            law = attempt("law", partial(fit_law, front, model=model, bootstrap=copies, seed=seed))
            prediction = attempt("prediction", partial(predict_board, front, model=model, bootstrap=copies, seed=seed))
            laws.update({model: law} if law else {})
            predictions.update({model: prediction} if prediction else {})
        if bootstrap and "change_point" in laws:
            for source in SOURCES:
                alone = resample_frontier(front, bootstrap, seed, sources=(source,))  # the draws of openings are remembered
                sources[source] = fit_law(front, bootstrap=alone, seed=seed).intervals["m_flops"]
        network_size = attempt("network size", partial(fit_network_size, front, bootstrap=bootstrap, seed=seed))

    def attempt_boards(name: str, fit: Callable[..., Any]) -> dict[int, Any]:
        fits = {size: attempt(f"{name} {size}", partial(fit, tables, size, bootstrap=bootstrap, seed=seed)) for size in tables.sizes}
        return {size: fitted for size, fitted in fits.items() if fitted}

    return Analysis(
        tables,
        bootstrap,
        seed,
        frontier,
        presets,
        copies,
        paper_count,
        paper_copies,
        reaches,
        laws,
        predictions,
        attempt_boards("test curves", fit_test_curves),
        attempt_boards("ceilings", fit_ceilings),
        attempt_boards("tradeoff", fit_tradeoff),
        attempt_boards("isoquants", partial(find_isoquants, levels=_ISOQUANTS)),
        network_size,
        sources,
        missing,
    )


def make_claims(analysis: Analysis) -> tuple[Claim, ...]:
    """Return the paper's values and ours in detail, those on the law first; `hexlab.scaling.answers` answers its claims."""
    return (*_law_claims(analysis), *_board_claims(analysis), *_search_claims(analysis))


def _common_budget(parts: list[Frontier | None]) -> int:
    budgets = [part.test_simulations for part in parts if part is not None]
    return max(budgets, key=lambda budget: (budgets.count(budget), budget), default=0)


def _law_claims(analysis: Analysis) -> list[Claim]:
    law = analysis.laws.get("change_point")
    paper = paper_frontier()
    two_boards = "not enough data: needs two boards"
    rows: list[tuple[str, float, str, Callable[[np.ndarray], Any]]] = [
        (
            "compute for the same Elo below perfect, factor a board (law)",
            7,
            "text and its law",
            derive_growth,
        ),
        (
            "compute at take-off, factor a board (law)",
            4,
            "text; its own law gives 2.1",
            derive_takeoff,
        ),
        ("growth of the plateau below perfect play, Elo a board (law)", 268, "its law; its text says 500", lambda p: -p[..., 0]),
    ]
    claims = []
    for text, value, note, derive in rows:
        if law is None:
            reason = analysis.missing.get("law", analysis.missing.get("frontier", "not enough data: needs a frontier"))
            claims.append(Claim(text, value, note, _NAN, _NAN, _NAN, reason))
        elif len(law.sizes) < 2:
            claims.append(Claim(text, value, note, _NAN, _NAN, _NAN, two_boards))
        else:
            claims.append(Claim(text, value, note, float(derive(law.vector)), *_ends(derive(law.replicates))))
    text = "compute to reach -50 Elo, factor a board (measured crossings)"
    try:
        growth = fit_growth([reach for reach in analysis.reaches if reach.scale == "elo"])
    except NotEnoughDataError as error:
        claims.append(Claim(text, fit_growth(find_reaches(paper)).factor, "its curves", _NAN, _NAN, _NAN, str(error)))
    else:
        shared = [size for size in growth.sizes if size in paper.sizes]
        theirs = fit_growth(find_reaches(paper.select(shared))).factor if len(shared) > 1 else _NAN
        text += "".join(f"; {size}x{size} left out, {reason}" for size, reason in growth.left_out.items())
        claims.append(Claim(text, theirs, "its curves of the same boards", growth.factor, growth.low, growth.high))
    return claims


def _board_claims(analysis: Analysis) -> list[Claim]:
    claims: list[Claim] = []
    front = analysis.paper_count
    if front is None:
        return claims
    paper = paper_frontier()

    def add(text: str, note: str, size: int, derive: Callable[[np.ndarray, np.ndarray], float], reason: str) -> None:
        theirs = derive(paper.board(size).log10_flops, paper.board(size).elo) if size in paper.sizes else _NAN
        board = front.board(size)
        ours = derive(board.log10_flops, board.elo)
        if not math.isfinite(ours):
            claims.append(Claim(text, theirs, note, _NAN, _NAN, _NAN, reason))
            return
        copies = np.array([derive(board.log10_flops, row) for row in analysis.paper_copies.get(size, ())])
        claims.append(Claim(text, theirs, note, ours, *_ends(copies)))

    theirs_by_size = {reach.size: reach.value for reach in find_reaches(paper)}
    for size in front.sizes:
        for scale, goal, note in (
            ("elo", "reach -50 Elo", "its curves; its zero is its pool's best"),
            ("score", "win 42.85 % against perfect play, the score of -50 Elo", ""),
        ):
            text = f"{size}x{size}: log10 of compute (paper's count) to {goal}"
            theirs = theirs_by_size.get(size, _NAN) if scale == "elo" else _NAN
            reach = next((each for each in analysis.reaches if (each.size, each.scale) == (size, scale)), None)
            if reach is None:
                reason = "not enough data: needs games of the agents on the frontier against perfect play"
                claims.append(Claim(text, theirs, note, _NAN, _NAN, _NAN, reason))
            else:
                claims.append(Claim(text, theirs, note, reach.value, reach.low, reach.high, bound=reach.bound))
    for size in front.sizes:
        name = f"{size}x{size}"
        add(
            f"{name}: Elo a decade on the steep part of the frontier",
            "its curves",
            size,
            incline_slope,
            "not enough data: needs three frontier points between 85 % of its depth and -100 Elo",
        )
    weakest = {size: min(board.curves.plain) for size, board in zip(paper.sizes, paper.boards, strict=True)}
    for agent in analysis.tables.agents:
        rating = analysis.tables.rating_by_agent.get(agent.agent)
        if agent.kind == "random" and rating is not None:
            claims.append(
                Claim(
                    f"{agent.size}x{agent.size}: Elo of random play",
                    float(weakest.get(agent.size, _NAN)),
                    "its weakest snapshot",
                    rating.elo,
                    rating.low,
                    rating.high,
                )
            )
    return claims


def _search_claims(analysis: Analysis) -> list[Claim]:
    claims = []
    for size in analysis.tables.sizes:
        text = f"{size}x{size}: decades of test compute that a decade of training saves"
        tradeoff = analysis.tradeoffs.get(size)
        if tradeoff is None:
            reason = analysis.missing.get(f"tradeoff {size}", "not enough data")
            claims.append(Claim(text, 1.2, "9x9, figure 9", _NAN, _NAN, _NAN, reason))
        else:
            low, high = tradeoff.intervals["slope"]
            claims.append(Claim(text, 1.2, "9x9, figure 9", -tradeoff.slope, -high, -low))
    return claims


def _ends(copies: np.ndarray) -> tuple[float, float]:
    if not len(copies):
        return _NAN, _NAN
    low, high = interval(copies)
    return float(low), float(high)

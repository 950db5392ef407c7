"""Everything that can be fitted to an experiment, at once."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hexlab.scaling.crossings import Reach, find_reaches
from hexlab.scaling.direct import (
    DirectFrontier,
    compute_direct_frontier,
    fit_beside_direct_games,
    fit_direct_law,
    resample_direct_frontier,
)
from hexlab.scaling.frontiers import (
    SOURCES,
    Frontier,
    PresetRun,
    compute_frontiers,
    list_preset_runs,
    resample_frontier,
)
from hexlab.scaling.laws import MODELS, Law, Prediction, fit_law, predict_board
from hexlab.scaling.saturation import CeilingCurve, TestCurve, fit_ceilings, fit_test_curves
from hexlab.scaling.serving import Isoquant, find_isoquants
from hexlab.scaling.tables import NotEnoughDataError, Tables
from hexlab.scaling.tradeoffs import SizeLaw, Tradeoff, fit_network_size, fit_tradeoff

__all__ = ["Analysis", "analyze"]

_ISOQUANTS = (-400.0, -200.0, -50.0)


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
        direct: the frontiers by direct games; None if there is none.
        direct_copies: bootstrap copies of those, float64[R, G] by board size.
        direct_law: the change-point law fitted to them; None if it could not be fitted.
        law_beside_direct: the same fitted to the frontiers by Elo, on the boards and above the floors of those.
        predictions: by model, of the largest board.
        test_curves: by board size.
        ceilings: by board size.
        tradeoffs: by board size.
        isoquants: pairs of training and search that reach -400, -200 and -50 Elo, by board size.
        network_size: size of the nets on the frontiers; None if not to be had.
        sources: by source of the bootstrap alone, the 95 % interval of the change-point law's m_flops.
        missing: reasons, by "frontier" if no board has one, "frontier 5" for a board without, "law", "direct law", "prediction",
            "tradeoff 5", "test curves 5", "ceilings 5", "isoquants 5", "network size".
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
    direct: DirectFrontier | None
    direct_copies: Mapping[int, np.ndarray]
    direct_law: Law | None
    law_beside_direct: Law | None
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

    frontier, reasons = compute_frontiers(tables, tables.sizes)
    missing.update({f"frontier {size}": reason for size, reason in reasons.items()})
    paper_count = None
    presets: tuple[PresetRun, ...] = ()
    copies: Mapping[int, np.ndarray] = {}
    paper_copies: Mapping[int, np.ndarray] = {}
    reaches: tuple[Reach, ...] = ()
    sources: dict[str, tuple[float, float]] = {}
    laws: dict[str, Law] = {}
    direct = direct_law = law_beside_direct = None
    direct_copies: Mapping[int, np.ndarray] = {}
    predictions: dict[str, Prediction] = {}
    network_size = None
    if frontier is None:
        missing["frontier"] = next(iter(reasons.values()), "not enough data: needs a frontier")
    else:
        budget = frontier.test_simulations
        presets = list_preset_runs(tables, test_simulations=budget)
        paper_count, _ = compute_frontiers(tables, frontier.sizes, x="paper_flops", test_simulations=budget)
        assert paper_count is not None  # the same agents by another count
        if bootstrap:
            copies = resample_frontier(frontier, bootstrap, seed)
            paper_copies = resample_frontier(paper_count, bootstrap, seed)
        reaches = find_reaches(paper_count, bootstrap=bootstrap, seed=seed)
        for model in MODELS:
            law = attempt("law", partial(fit_law, frontier, model=model, bootstrap=copies, seed=seed))
            prediction = attempt("prediction", partial(predict_board, frontier, model=model, bootstrap=copies, seed=seed))
            laws.update({model: law} if law else {})
            predictions.update({model: prediction} if prediction else {})
        direct = attempt("direct law", partial(compute_direct_frontier, tables, frontier.sizes, x=frontier.x, test_simulations=budget))
        if direct is not None:
            direct_copies = resample_direct_frontier(direct, bootstrap, seed) if bootstrap else {}
            direct_law = attempt("direct law", partial(fit_direct_law, direct, direct_copies, seed=seed))
            law_beside_direct = attempt("direct law", partial(fit_beside_direct_games, direct, frontier, copies, seed=seed))
        if bootstrap and "change_point" in laws:
            for source in SOURCES:
                alone = resample_frontier(frontier, bootstrap, seed, sources=(source,))  # the draws of openings are remembered
                sources[source] = fit_law(frontier, bootstrap=alone, seed=seed).intervals["m_flops"]
        network_size = attempt("network size", partial(fit_network_size, frontier, bootstrap=bootstrap, seed=seed))

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
        direct,
        direct_copies,
        direct_law,
        law_beside_direct,
        predictions,
        attempt_boards("test curves", fit_test_curves),
        attempt_boards("ceilings", fit_ceilings),
        attempt_boards("tradeoff", fit_tradeoff),
        attempt_boards("isoquants", partial(find_isoquants, levels=_ISOQUANTS)),
        network_size,
        sources,
        missing,
    )

"""How well laws fitted to small boards say what larger ones do: figure 7 of Jones 2021."""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hexlab.scaling.frontiers import Frontier, paper_frontier
from hexlab.scaling.laws import evaluate_law, fit_law
from hexlab.scaling.tables import NotEnoughDataError

__all__ = ["Extrapolation", "extrapolate", "paper_extrapolations"]


class Extrapolation(NamedTuple):
    """What a law fitted to some boards leaves unexplained on one.

    Attributes:
        size: the board that is told.
        seen: the largest board fitted, with every smaller one.
        unexplained: mean squared error over mean squared Elo, the paper's score.
        low: lower end of an interval that holds the true value in at least 95 % of cases, see `extrapolate`; nan without bootstrap.
        high: upper end.
    """

    size: int
    seen: int
    unexplained: float
    low: float
    high: float


def extrapolate(
    frontier: Frontier,
    copies: Mapping[int, np.ndarray] | None = None,
    *,
    model: str = "change_point",
    loss: str = "soft_l1",
    seed: int = 0,
) -> tuple[Extrapolation, ...]:
    """Fit a law to the two smallest boards, then to three and so on, and ask each for every board.

    Both the law and the frontier that it is held against are measured, so that even a true law misses, by their noise alone, and a copy,
    with noise of its own on top, misses by more: quantiles of the copies' errors would lie above the true error. What does hold is the
    triangle inequality. The root mean squared error of the true law differs from the measured one by no more than the root mean square
    of the noise, of whose size the copies tell: by how much their misses stray from the measured ones, in 95 % of them at most. So the
    interval holds the true error in at least 95 % of cases, and reaches down to 0 wherever noise alone could make what was measured.

    Args:
        frontier: what `compute_frontier` returned.
        copies: bootstrap copies as `resample_frontier` returns them, for intervals.
        model: one of `hexlab.scaling.laws.MODELS`.
        loss: as for `fit_law`.
        seed: as for `fit_law`.

    Raises:
        NotEnoughDataError: fewer than three boards.
    """
    sizes = frontier.sizes
    if len(sizes) < 3:
        raise NotEnoughDataError(f"not enough data: needs three boards, to fit two and predict one; there are {len(sizes)}")
    answers = []
    for count in range(2, len(sizes) + 1):
        law = fit_law(frontier.select(sizes[:count]), model=model, bootstrap=copies or 0, seed=seed, loss=loss)
        for board in frontier.boards:
            missed = law.predict(board.size, board.log10_flops) - board.elo
            known = np.isfinite(missed)
            elo = float(_root_mean_square(board.elo[known]))
            if not elo > 0:
                answers.append(Extrapolation(board.size, sizes[count - 1], math.nan, math.nan, math.nan))
                continue
            error, low, high = float(_root_mean_square(missed[known])), math.nan, math.nan
            if copies and len(law.replicates):
                again = [evaluate_law(model, row, board.size, board.log10_flops) for row in law.replicates] - copies[board.size]
                strays = _root_mean_square((again - missed)[:, known])
                reach = float(np.quantile(strays[np.isfinite(strays)], 0.95)) if np.isfinite(strays).any() else math.inf
                low, high = (max(0.0, error - reach) / elo) ** 2, ((error + reach) / elo) ** 2
            answers.append(Extrapolation(board.size, sizes[count - 1], (error / elo) ** 2, low, high))
    return tuple(answers)


@functools.cache
def paper_extrapolations() -> tuple[Extrapolation, ...]:
    """Return the same for the frontiers of Jones 2021, by plain least squares as there."""
    return extrapolate(paper_frontier(), loss="linear")


def _root_mean_square(values: np.ndarray) -> np.ndarray:
    """Return it along the last axis, over what is known; nan where nothing is."""
    known = np.isfinite(values)
    squares = np.where(known, values, 0.0) ** 2
    return np.sqrt(squares.sum(axis=-1) / np.where(known.any(axis=-1), known.sum(axis=-1), math.nan))

"""How well laws fitted to small boards say what larger ones do: figure 7 of Jones 2021."""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hexlab.scaling.frontiers import BoardFrontier, Frontier, paper_frontier
from hexlab.scaling.laws import evaluate_law, fit_law, interval
from hexlab.scaling.tables import NotEnoughDataError

__all__ = ["Extrapolation", "extrapolate", "paper_extrapolations"]


class Extrapolation(NamedTuple):
    """What a law fitted to some boards leaves unexplained on one.

    Attributes:
        size: the board that is told.
        seen: the largest board fitted, with every smaller one.
        unexplained: mean squared error over mean squared Elo, the paper's score.
        low: lower end of its 95 % bootstrap interval; nan without bootstrap.
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
            score = _unexplained(law.predict(board.size, board.log10_flops), board.elo)
            low = high = math.nan
            if copies and len(law.replicates):
                low, high = map(float, interval(_copied_scores(model, law.replicates, board, copies[board.size])))
            answers.append(Extrapolation(board.size, sizes[count - 1], score, low, high))
    return tuple(answers)


@functools.cache
def paper_extrapolations() -> tuple[Extrapolation, ...]:
    """Return the same for the frontiers of Jones 2021, by plain least squares as there."""
    return extrapolate(paper_frontier(), loss="linear")


def _copied_scores(model: str, replicates: np.ndarray, board: BoardFrontier, copies: np.ndarray) -> np.ndarray:
    predicted = [evaluate_law(model, row, board.size, board.log10_flops) for row in replicates]
    return np.array([_unexplained(*pair) for pair in zip(predicted, copies, strict=True)])


def _unexplained(predicted: np.ndarray, elo: np.ndarray) -> float:
    known = np.isfinite(elo)
    square = float((elo[known] ** 2).mean()) if known.any() else 0.0
    return float(((predicted - elo)[known] ** 2).mean()) / square if square > 0 else math.nan

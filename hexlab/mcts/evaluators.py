"""Evaluators that need no network."""

import numpy as np

from hexlab.protocols import Evaluation, Evaluator
from hexlab.rules.batch import Boards

__all__ = ["uniform"]


class _Uniform:
    """Zero logits and zero values. The arrays are kept from call to call, and read-only."""

    def __init__(self) -> None:
        self._answer = Evaluation(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))

    def __call__(self, boards: Boards) -> Evaluation:
        answer = self._answer
        if answer.logits.shape != boards.cells.shape:
            answer = Evaluation(np.zeros(boards.cells.shape, np.float32), np.zeros(len(boards), np.float32))
            self._answer = answer
        return answer


def uniform() -> Evaluator:
    """Return an evaluator that knows nothing: every move alike, every position worth 0."""
    return _Uniform()

"""Runs on a common grid of training compute: Elo between snapshots, linear in log10 of compute."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["RunGrid", "locate"]


class RunGrid(NamedTuple):
    """What interpolates runs at every grid point. Axis letters: K runs, or K runs and T test budgets; G grid points; A agents.

    Attributes:
        left: int64[K, G] or int64[K, T, G], the agent at or before each grid point of a run (its first one before that).
        right: the agent at or after it (its last one after that), of the same shape.
        share: float64 of the same shape, in [0, 1]: how far the grid point is from left to right in log10 of compute.
        known: bool of the same shape, whether the run had its first snapshot.
    """

    left: np.ndarray
    right: np.ndarray
    share: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, grid: np.ndarray, lines: Sequence[tuple[Sequence[float], Sequence[int]]]) -> "RunGrid":
        """Lay K lines on a grid.

        Args:
            grid: float64[G], log10 of compute.
            lines: of each, log10 of what its agents had cost, increasing, and the agents' places; a line may be empty.
        """
        left = np.zeros((len(lines), len(grid)), np.int64)
        right, share, known = left.copy(), left.astype(float), left.astype(bool)
        for number, (costs, places) in enumerate(lines):
            if costs:
                left[number], right[number], share[number] = locate(grid, np.array(costs), np.array(places))
                # A hair of slack, so that rounding cannot hide the first snapshot from the grid's first point.
                known[number] = grid >= costs[0] - 1e-9
        return cls(left, right, share, known)

    def interpolate(self, elo: np.ndarray) -> np.ndarray:
        """Return the Elo of every run at every grid point from the agents' Elo float64[..., A]: float64[..., K, G], nan where not known."""
        values = elo[..., self.left] * (1 - self.share) + elo[..., self.right] * self.share
        return np.where(self.known, values, np.nan)


def locate(grid: np.ndarray, costs: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what interpolates a run linearly at every grid point: columns before, columns after, and the share of the latter.

    >>> left, right, share = locate(np.array([0.0, 1.5, 9.0]), np.array([1.0, 2.0]), np.array([7, 8]))
    >>> left.tolist(), right.tolist(), share.tolist()
    ([7, 7, 8], [7, 8, 8], [0.0, 0.5, 0.0])
    """
    position = np.interp(grid, costs, np.arange(len(costs)))
    before = np.floor(position).astype(np.int64)
    return columns[before], columns[np.ceil(position).astype(np.int64)], position - before

"""Starting weights of linear layers and convolutions, drawn by NumPy: a seed gives the same numbers on every device.

Source of the orthogonal weights: Saxe et al. 2014, arXiv 1312.6120.
"""

import math

import numba
import numpy as np

__all__ = ["draw_orthogonal", "draw_uniform"]


def draw_uniform(shape: tuple[int, ...], inputs: int, random: np.random.Generator) -> np.ndarray:
    """Return float32 numbers from +-1 / sqrt(inputs), PyTorch's default for linear layers."""
    bound = 1 / math.sqrt(inputs)
    return random.uniform(-bound, bound, shape).astype(np.float32)


def draw_orthogonal(inputs: int, outputs: int, gain: float, random: np.random.Generator) -> np.ndarray:
    """Return `gain` times a matrix with orthonormal columns, uniform over all such: float32[inputs, outputs], inputs >= outputs.

    The Q of a Gaussian matrix by Gram-Schmidt. Libraries that factor matrices bring a pool of threads of their own, which on
    busy cores takes seconds where this takes a fraction of one.
    """
    columns = random.standard_normal((inputs, outputs))
    for _ in range(2):  # the second pass removes what rounding left of the first
        _make_orthonormal(columns)
    return (gain * columns).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _make_orthonormal(columns):
    """Gram-Schmidt, in place: each column in turn is scaled to length 1 and taken out of those to its right."""
    height, width = columns.shape
    overlap = np.empty(width)
    for done in range(width):
        overlap[:] = 0.0
        for row in range(height):
            here = columns[row, done]
            for column in range(done, width):
                overlap[column] += here * columns[row, column]
        length = math.sqrt(overlap[done])
        for column in range(done, width):
            overlap[column] /= length
        for row in range(height):
            columns[row, done] /= length
            here = columns[row, done]
            for column in range(done + 1, width):
                columns[row, column] -= here * overlap[column]

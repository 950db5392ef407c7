"""The information that games hold of strengths, factored: what is asked of its inverse, without the inverse.

Where nearly all agents meet a few others near them and the same anchors, the factor of the information is hardly larger than the list of
pairs. Where they meet whomever it happens to be, the factor fills up and is dealt with as the dense matrix that it is, by LAPACK.

- The factor is L D L^T, by the algorithm of Davis (2005, LDL), in an order by minimum degree.
- The entries of the inverse at the pairs and on the diagonal follow from it by the recursion of Takahashi, Fagan and Chen (1973), which
  needs no others than those at the entries of L.
- With A the information and F of the same pattern, A^-1 F A^-1 is less the derivative of (A + t F)^-1 at t = 0. The derivative is taken
  by a complex step (Squire and Trapp 1998): the recursion runs on A + i h F, and h is so small that nothing of it is lost to rounding.
- Only the prior tells where all strengths lie together, and next to nothing, so that A is nearly singular. With G the inverse where the
  last agent is held fast, A^-1 is G + (1 + m)(1 + m)^T / d, d the last pivot. In differences of strengths the 1 cancels. It is left out
  beforehand, for under a weak prior its rounding would exceed the differences.
"""

import functools

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.sparse.linalg import splu

from hexlab.rules.kernels import compiled, inner

__all__ = ["Information", "solve_factored"]

_STEP = 1e-30  # h of the complex step
_FAST = 1e200  # last pivot where the last agent is held fast
_FULL = 0.25  # share of the places below the diagonal from which on a factor is dense
_BLOCK = 256  # rows that are mirrored at once


class Information:
    """A symmetric positive definite matrix A, float64[N, N], whose entries off the diagonal are at P pairs of agents or zero.

    Attributes:
        matrix: A.
        order: int64[N], the agent at each place of the factor.
        place: int64[N], the place of each agent.
        starts: int64[N + 1], where each column of L starts in `rows` and `values`.
        rows: int64[F], places below the diagonal, increasing in each column.
        values: float64[F], L there; on its diagonal are ones.
        pivots: float64[N], D.
    """

    def __init__(self, matrix: scipy.sparse.csr_matrix, first: np.ndarray, second: np.ndarray):
        """Factor A; `first` and `second` are int64[P] each."""
        self.matrix = matrix
        self._first, self._second = first, second
        symmetric = {"SymmetricMode": True}
        self.order = np.argsort(splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=symmetric).perm_c)
        agents = len(self.order)
        ordered = matrix[self.order][:, self.order]
        self._parents, counts, self._seen = np.full(agents, -1), np.zeros(agents, np.int64), np.full(agents, -1)
        _grow_tree(ordered.indptr.astype(np.int64), ordered.indices.astype(np.int64), self._parents, counts, self._seen)
        self._dense = counts.sum() > _FULL * agents * (agents - 1) / 2
        if self._dense:
            self.order, counts = np.arange(agents), np.arange(agents)[::-1]
        self.place = np.argsort(self.order)
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        if self._dense:
            columns, self.rows = np.triu_indices(agents, 1)
            lower = self._factor_dense()
            self.values, self.pivots = lower[self.rows, columns] / lower.diagonal()[columns], lower.diagonal() ** 2
        else:
            self.rows, values, pivots = self._factor(matrix)
            self.values, self.pivots = values.real.copy(), pivots.real.copy()

    @functools.cached_property
    def inverse(self) -> np.ndarray:
        """The whole inverse, float64[N, N]."""
        inverse, _ = scipy.linalg.lapack.dpotri(self._factor_dense(), lower=1, overwrite_c=1)
        for start in range(0, len(inverse), _BLOCK):  # LAPACK fills the lower triangle alone
            stop = start + _BLOCK
            own = np.tril(inverse[start:stop, start:stop])
            inverse[start:stop, start:stop] = own + np.tril(own, -1).T
            inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        return inverse.T

    def solve(self, sides: np.ndarray) -> np.ndarray:
        """Return A^-1 b for `sides` b, float64[N]."""
        solution = sides[self.order]
        _solve(self.starts, self.rows, self.values, self.pivots, solution)
        return solution[self.place]

    @functools.cached_property
    def variances(self) -> tuple[np.ndarray, np.ndarray]:
        """The inverse on the diagonal, float64[N], and at the pairs, float64[P]."""
        if self._dense:
            return self.inverse.diagonal(), self.inverse[self._first, self._second]
        own, shared = self._invert(self.matrix)
        return own.real, shared.real

    def pass_to_pairs(self, filling: scipy.sparse.csr_matrix) -> np.ndarray:
        """Return the variances by A^-1 F A^-1 of the differences of the pairs, float64[P], for a `filling` F, zero wherever A is."""
        own, shared = self._pass_held(filling)
        gaps = self._lag[self._first] - self._lag[self._second]
        along, both = self._pass_lag(filling)
        held = own[self._first] + own[self._second] - 2 * shared
        return held + 2 * (along[self._first] - along[self._second]) * gaps + both * gaps**2

    def pass_to_distances(self, filling: scipy.sparse.csr_matrix, zero: np.ndarray) -> np.ndarray:
        """Return the variances by A^-1 F A^-1 of the distances from an anchor, float64[N], whose weights `zero` sum to 1."""
        across = self._solve_held(filling @ self._solve_held(zero))
        gaps = self._lag - zero @ self._lag
        along, both = self._pass_lag(filling)
        held = self._pass_held(filling)[0] - 2 * across + zero @ across
        return held + 2 * (along - zero @ along) * gaps + both * gaps**2

    @functools.cached_property
    def _lag(self) -> np.ndarray:
        """m, float64[N]: by how much more than the last agent the others move when that one is moved."""
        column = self.solve(np.eye(1, len(self.order), self.order[-1])[0])
        return column / column[self.order[-1]] - 1

    def _pass_lag(self, filling: scipy.sparse.csr_matrix) -> tuple[np.ndarray, float]:
        """Return G F (1 + m) / d, float64[N], and (1 + m)^T F (1 + m) / d^2."""
        column = (1 + self._lag) / self.pivots[-1]
        pushed = filling @ column
        return self._solve_held(pushed), float(column @ pushed)

    def _solve_held(self, sides: np.ndarray) -> np.ndarray:
        """Return G b."""
        solution = sides[self.order]
        _solve(self.starts, self.rows, self.values, np.append(self.pivots[:-1], _FAST), solution)
        return solution[self.place]

    def _pass_held(self, filling: scipy.sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        """Return the diagonal of G F G, float64[N], and what is at the pairs, float64[P]."""
        if not self._dense:
            own, shared = self._invert(self.matrix + 1j * _STEP * filling, held=True)
            return -own.imag / _STEP, -shared.imag / _STEP
        own, shared = np.empty(len(self.order)), np.empty(len(self._first))
        held = self.inverse - np.outer(self.inverse[:, -1], 1 + self._lag)
        order = np.argsort(self._first, kind="stable")
        bounds = np.searchsorted(self._first[order], np.arange(len(own) + 1))
        for agent, row in enumerate(held):  # a row at a time: the whole product would cost far more than what is read of it
            passed = filling @ row
            pairs = order[bounds[agent] : bounds[agent + 1]]
            own[agent], shared[pairs] = row @ passed, held[self._second[pairs]] @ passed
        return own, shared

    def _factor_dense(self) -> np.ndarray:
        """Return the lower factor of Cholesky in the lower triangle of float64[N, N], column by column; what is above has no meaning."""
        return scipy.linalg.cho_factor(self.matrix.toarray(order="F"), lower=True, overwrite_a=True, check_finite=False)[0]

    def _factor(self, matrix: scipy.sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows and values of L and D, for a matrix of the pattern of A: int64[F], complex128[F], complex128[N]."""
        ordered = matrix[self.order][:, self.order]
        agents, entries = len(self.order), self.starts[-1]
        rows, values, pivots = np.empty(entries, np.int64), np.empty(entries, complex), np.empty(agents, complex)
        path, ends, row = np.empty(agents, np.int64), self.starts[:-1].copy(), np.zeros(agents, complex)
        table = ordered.indptr.astype(np.int64), ordered.indices.astype(np.int64), ordered.data.astype(complex)
        _factor(*table, self._parents, self.starts, rows, values, pivots, self._seen.copy(), path, ends, row)
        return rows, values, pivots

    def _invert(self, matrix: scipy.sparse.csr_matrix, held: bool = False) -> tuple[np.ndarray, np.ndarray]:
        rows, values, pivots = self._factor(matrix)
        if held:
            pivots[-1] = _FAST
        own, shared = np.empty_like(pivots), np.zeros_like(values)
        _invert(self.starts, rows, values, pivots, own, shared, np.full(len(own), -1))
        ends = np.sort([self.place[self._first], self.place[self._second]], axis=0)
        columns = np.repeat(np.arange(len(own)), np.diff(self.starts))
        at = np.searchsorted(columns * len(own) + rows, ends[0] * len(own) + ends[1])
        return own[self.place], shared[at]


@inner
def solve_factored(starts, rows, values, pivots, sides):
    """Replace ``sides`` b, float64[N], by (L D L^T)^-1 b."""
    for column in range(len(pivots)):
        known = sides[column]
        for at in range(starts[column], starts[column + 1]):
            sides[rows[at]] -= values[at] * known
    for column in range(len(pivots) - 1, -1, -1):
        known = sides[column] / pivots[column]
        for at in range(starts[column], starts[column + 1]):
            known -= values[at] * sides[rows[at]]
        sides[column] = known


@compiled
def _solve(starts, rows, values, pivots, sides):
    solve_factored(starts, rows, values, pivots, sides)


@compiled
def _grow_tree(starts, columns, parents, counts, seen):
    """Find the parent of each column in the tree of elimination, -1 for none, and how many entries it has in L.

    Args:
        starts: int64[N + 1], where each row of A starts in `columns`.
        columns: int64[E].
        parents: int64[N], -1 each, filled in.
        counts: int64[N], 0 each, filled in.
        seen: int64[N], -1 each; in each place is left the last row that has it.
    """
    for row in range(len(parents)):
        for at in range(starts[row], starts[row + 1]):
            column = columns[at]
            while column < row and seen[column] != row:
                if parents[column] < 0:
                    parents[column] = row
                counts[column] += 1
                seen[column] = row
                column = parents[column]


@compiled
def _factor(starts, columns, entries, parents, below, rows, values, pivots, seen, path, ends, left):
    """Factor A = L D L^T, a row of L at a time: it solves a triangular system, whose pattern the tree of elimination gives.

    Args:
        starts: int64[N + 1], where each row of A starts in `columns` and `entries`.
        columns: int64[E].
        entries: complex128[E].
        parents: int64[N], the tree.
        below: int64[N + 1], where each column of L starts in `rows` and `values`.
        rows: int64[F], filled in.
        values: complex128[F], filled in.
        pivots: complex128[N], D, filled in.
        seen: int64[N], as `_grow_tree` leaves it.
        path: int64[N], for work.
        ends: int64[N], where the known part of each column ends: a copy of its starts.
        left: complex128[N], what is left of a row of A, 0 each.
    """
    agents = len(pivots)
    for row in range(agents):
        top = agents
        for at in range(starts[row], starts[row + 1]):
            column, length = columns[at], 0
            if column > row:
                continue
            left[column] = entries[at]
            while column < row and seen[column] != agents + row:
                path[length] = column
                length += 1
                seen[column] = agents + row
                column = parents[column]
            while length > 0:  # each column before its parent
                length -= 1
                top -= 1
                path[top] = path[length]
        pivot = left[row]
        left[row] = 0
        for place in range(top, agents):
            column = path[place]
            known = left[column]
            left[column] = 0
            for at in range(below[column], ends[column]):
                left[rows[at]] -= values[at] * known
            value = known / pivots[column]
            pivot -= value * known
            rows[ends[column]] = row
            values[ends[column]] = value
            ends[column] += 1
        pivots[row] = pivot


@compiled
def _invert(starts, rows, values, pivots, own, shared, position):
    """Compute the inverse of L D L^T on the diagonal and at the entries of L, column by column from the last.

    Args:
        starts: int64[N + 1], where each column of L starts in `rows`, `values` and `shared`.
        rows: int64[F].
        values: complex128[F].
        pivots: complex128[N].
        own: complex128[N], the diagonal, filled in.
        shared: complex128[F], 0 each, filled in.
        position: int64[N], -1 each, for work: where a row is in the column at hand.
    """
    for column in range(len(pivots) - 1, -1, -1):
        for at in range(starts[column], starts[column + 1]):
            position[rows[at]] = at
        for at in range(starts[column], starts[column + 1]):
            row = rows[at]
            shared[at] -= values[at] * own[row]
            for other in range(starts[row], starts[row + 1]):
                below = position[rows[other]]
                if below >= 0:
                    shared[below] -= values[at] * shared[other]
                    shared[at] -= values[below] * shared[other]
        known = 1 / pivots[column]
        for at in range(starts[column], starts[column + 1]):
            known -= values[at] * shared[at]
            position[rows[at]] = -1
        own[column] = known

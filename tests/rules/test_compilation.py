"""How kernels are compiled."""

import numba
import numpy as np

from hexlab.rules.kernels import _OPTIONS


def test_kernels_count_no_references():
    """An array that is kept over a loop costs an atomic count each time round, unless the kernel is compiled as ours are."""

    def follow(table):
        row = table[0]
        for _ in range(int(row[0])):
            row = table[int(row[1])]
        return row[2]

    table = np.array([[3.0, 1.0, 7.0], [0.0, 2.0, 8.0], [0.0, 1.0, 9.0]])
    ours, ordinary = numba.njit(**{**_OPTIONS, "cache": False})(follow), numba.njit(follow)
    assert ours(table) == ordinary(table) == 8.0
    assert ["NRT_incref(" in code for kernel in (ours, ordinary) for code in kernel.inspect_llvm().values()] == [False, True]

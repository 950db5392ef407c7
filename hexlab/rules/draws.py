"""Random numbers for kernels: one SplitMix64 state per board, so that no board's draws depend on another's.

Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

import numba
import numpy as np

__all__ = ["GOLDEN", "bounded", "derive_seeds", "mix", "next_bits", "uniform"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / (1 << 53)


@numba.njit(cache=True, nogil=True, forceinline=True)
def mix(bits):
    """Scramble a uint64 into another one; a bijection.

    >>> hex(mix(GOLDEN))
    '0xe220a8397b1dcdaf'
    """
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@numba.njit(cache=True, nogil=True, forceinline=True)
def next_bits(states, board):
    """Advance ``states[board]`` (uint64[B]) and return 64 fresh bits."""
    states[board] += GOLDEN
    return mix(states[board])


@numba.njit(cache=True, nogil=True, forceinline=True)
def uniform(states, board):
    """Advance ``states[board]`` and return a float64 in [0, 1)."""
    return float(next_bits(states, board) >> np.uint64(11)) * _TO_UNIT


@numba.njit(cache=True, nogil=True, forceinline=True)
def bounded(states, board, bound):
    """Advance ``states[board]`` and return an int64 in [0, bound), for bounds below 2**31."""
    high = next_bits(states, board) >> np.uint64(32)
    return np.int64((high * np.uint64(bound)) >> np.uint64(32))


def derive_seeds(seed: int, *keys: int, count: int) -> np.ndarray:
    """Return `count` unrelated states from a seed and any number of keys.

    Args:
        seed: any integer.
        keys: integers that tell one use of the seed from another (an iteration, a group, a ply).
        count: how many states.

    Returns:
        uint64[count]; equal arguments give equal states, and state i does not depend on `count`.

    >>> derive_seeds(0, 7, count=2).tolist() == derive_seeds(0, 7, count=5)[:2].tolist()
    True
    """
    with np.errstate(over="ignore"):
        state = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        for key in (*keys, len(keys)):
            state = _mix_array(state + GOLDEN * np.uint64((key + 1) & 0xFFFFFFFFFFFFFFFF))
        return _mix_array(state + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))


def _mix_array(bits):
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))

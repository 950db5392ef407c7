"""Finished self-play positions, the newest first to be learned from, turned at random by the board's symmetry."""

from typing import NamedTuple

import numba
import numpy as np

from hexlab.rules.draws import bounded

__all__ = ["Batch", "Positions", "Replay"]


class Positions(NamedTuple):
    """P positions of finished games, each in its mover's own frame (the mover joins top and bottom).

    Attributes:
        stones: uint8[P, A]: 0 empty, 1 the mover's, 2 the opponent's.
        policy: uint16[P, A]: the search's policy in units of 1 / 65535.
        outcome: int8[P]: 1 if the mover won the game, else -1.
        value: float32[P]: the search's value for the mover.
    """

    stones: np.ndarray
    policy: np.ndarray
    outcome: np.ndarray
    value: np.ndarray


class Batch(NamedTuple):
    """Inputs and targets of one gradient step.

    Attributes:
        planes: float32[P, 2A]: own stones, then the opponent's.
        policy: float32[P, A]: sums to 1 over empty cells.
        value: float32[P] in [-1, 1], for the mover.
    """

    planes: np.ndarray
    policy: np.ndarray
    value: np.ndarray


class Replay:
    """A ring of the newest positions.

    Attributes:
        positions: arrays of `capacity` rows.
        total: positions ever appended; row ``i % capacity`` holds the i-th.
    """

    def __init__(self, size: int, capacity: int):
        """Set memory aside for `capacity` positions on boards of `size`."""
        cells = size * size
        self.positions = Positions(
            np.zeros((capacity, cells), np.uint8),
            np.zeros((capacity, cells), np.uint16),
            np.zeros(capacity, np.int8),
            np.zeros(capacity, np.float32),
        )
        self.total = 0

    @property
    def capacity(self) -> int:
        """Rows of the ring."""
        return len(self.positions.outcome)

    def __len__(self) -> int:
        """Return how many positions are held."""
        return min(self.total, self.capacity)

    def append(self, new: Positions) -> None:
        """Add positions, over the oldest ones where the ring is full."""
        rows = np.arange(self.total, self.total + len(new.outcome)) % self.capacity
        for kept, fresh in zip(self.positions, new, strict=True):
            kept[rows] = fresh
        self.total += len(new.outcome)

    def sample(self, count: int, newest: int, value_mix: float, states: np.ndarray, turn: bool = True) -> Batch:
        """Draw positions uniformly, with replacement, from the `newest` ones.

        Args:
            count: rows to draw.
            newest: how many of the newest positions to draw from; all that are held, if that is fewer.
            value_mix: 0 for outcomes as value targets, 1 for search values.
            states: uint64[1], a generator state, advanced.
            turn: turn each by 180 degrees half of the time.
        """
        size_of_policy = self.positions.policy.shape[1]
        batch = Batch(
            np.zeros((count, 2 * size_of_policy), np.float32),
            np.empty((count, size_of_policy), np.float32),
            np.empty(count, np.float32),
        )
        _gather(self.positions, self.total, min(newest, len(self)), np.float32(value_mix), turn, states, batch)
        return batch


@numba.njit(cache=True, nogil=True)
def _gather(positions, total, newest, value_mix, turn, states, batch):
    capacity, cells = positions.stones.shape
    for row in range(len(batch.value)):
        source = (total - 1 - bounded(states, 0, newest)) % capacity
        turned = bounded(states, 0, 2) == 1 and turn
        scale = np.float32(0.0)
        for cell in range(cells):
            to = cells - 1 - cell if turned else cell
            stone = positions.stones[source, cell]
            if stone != 0:
                batch.planes[row, to + (stone - 1) * cells] = 1.0
            weight = np.float32(positions.policy[source, cell])
            batch.policy[row, to] = weight
            scale += weight
        for cell in range(cells):
            batch.policy[row, cell] /= scale
        outcome = np.float32(positions.outcome[source])
        batch.value[row] = outcome + value_mix * (positions.value[source] - outcome)

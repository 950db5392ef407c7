"""A network as an `Evaluator`: positions in, policy logits and values out, on the board's own frame.

Every call runs at one pinned batch shape: fewer positions are padded with empty rows, more are cut into chunks. XLA picks its matrix
kernels by shape. From 64 rows on, a row's answer on a CPU does not depend on where it stands in the batch or on what stands beside
it. The shapes 128, 256 and 512 give the same bits, and so does 64 from width 8 on; shapes below 64 and odd ones do not. That is why
the shape is pinned; besides, every new shape would cost a compilation.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hexlab.errors import ConfigError, PositionError
from hexlab.network.features import read_judgments, write_planes
from hexlab.network.model import Architecture, apply, describe_mismatch
from hexlab.protocols import Evaluation
from hexlab.rules import Boards

__all__ = ["LEAST_BATCH", "NetworkEvaluator"]

LEAST_BATCH = 64
"""Smallest batch shape: from here on a row does not depend on its batch mates (XLA on a CPU)."""


class NetworkEvaluator:
    """Judges positions with a network; an `Evaluator`.

    It keeps nothing between calls, so threads may share one. All evaluators of one architecture and batch share one
    compiled function, so a change of weights (`with_params`) compiles nothing.

    Attributes:
        architecture: board, width and depth.
        params: nested dict of float32 arrays on the device; a private copy.
        batch: rows of the pinned batch shape, a power of two of at least 64.
        metadata: what the file says of a network that was loaded; empty otherwise.
        half: whether answers leave the device in half precision.

    >>> from hexlab.network.model import init_params
    >>> architecture = Architecture(size=3, width=8, depth=1)
    >>> judge = NetworkEvaluator(architecture, init_params(architecture, seed=0))
    >>> logits, values = judge(Boards.empty(size=3, count=5))
    >>> logits.shape, values.shape
    ((5, 9), (5,))
    """

    def __init__(
        self,
        architecture: Architecture,
        params: dict[str, Any],
        batch: int = 256,
        metadata: dict[str, Any] | None = None,
        half: bool | None = None,
    ):
        """Put a network on the device.

        Args:
            architecture: board, width, depth and kind.
            params: a tree as `init_params` returns it.
            batch: rows of the pinned batch shape.
            metadata: kept as it is.
            half: whether answers leave the device in half precision, half the bytes to wait for and good to three digits. By default
                on an accelerator, where the way back to the host is the narrow one, and not on a CPU, where nothing travels.

        Raises:
            ConfigError: a batch that is no power of two of at least 64, or parameters of another shape.
        """
        if isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < LEAST_BATCH or batch & (batch - 1):
            raise ConfigError(f"batch {batch!r} is not supported: give a power of two of at least {LEAST_BATCH}, such as 256")
        if mismatch := describe_mismatch(architecture, params):
            raise ConfigError(f"these are not the parameters of a {architecture} network: {mismatch}")
        self.architecture = architecture
        self.params = _put_on_device(params)
        self.batch = int(batch)
        self.half = jax.default_backend() != "cpu" if half is None else bool(half)
        self.metadata = dict(metadata or {})

    def with_params(self, params: dict[str, Any]) -> "NetworkEvaluator":
        """Return an evaluator with other weights; nothing is compiled anew."""
        return NetworkEvaluator(self.architecture, params, self.batch, half=self.half)

    def __call__(self, boards: Boards) -> Evaluation:
        """Judge B positions.

        Returns:
            `Evaluation`: logits float32[B, A] by cell index of the board (numbers on occupied cells mean nothing),
            values float32[B] in [-1, 1] for the side to move.

        Raises:
            PositionError: boards of another size.
        """
        size = self.architecture.size
        if boards.size != size:
            raise PositionError(
                f"a network for {size}x{size} boards cannot judge a {boards.size}x{boards.size} board: "
                f"give boards of size {size}, or a network trained for size {boards.size}"
            )
        count = len(boards)
        logits = np.empty((count, size * size), np.float32)
        values = np.empty(count, np.float32)
        for start in range(0, count, self.batch):
            rows = slice(start, start + self.batch)
            turn = boards.turn[rows]
            planes = np.zeros((self.batch, 2 * size * size), np.uint8)
            write_planes(boards.cells[rows], turn, size, planes)
            answer = np.asarray(_judge(self.params, planes, self.half)).astype(np.float32, copy=False)
            read_judgments(answer, turn, size, logits[rows], values[rows])
        return Evaluation(logits, values)

    def __repr__(self) -> str:
        """Return what it is, without the weights."""
        return f"NetworkEvaluator({self.architecture!r}, batch={self.batch})"


@functools.partial(jax.jit, static_argnums=2)
def _judge(params, planes, half):
    """float32[B, A + 1], or float16: logits, then the value. Bytes in and one array out spare the host some copying."""
    logits, values = apply(params, planes)
    answer = jnp.concatenate([logits, values[:, None]], axis=1)
    return answer.astype(jnp.float16) if half else answer


def _put_on_device(params):
    """Copy first: on a CPU the device would share the caller's memory, which the caller may change."""
    return jax.device_put(jax.tree.map(np.array, params))

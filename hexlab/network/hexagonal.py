"""The residual net of hexagonal convolutions: every cell looks at itself and its 6 neighbors, one ring further with each layer.

It sees what the fully connected net sees, in the same frame (`hexlab.network.features`): the mover joins top and bottom.

Borders. A ring of stones is laid around the board before the intake: the rows above and below belong to the mover, the columns left
and right to the opponent, the four corners to both. So an edge looks to the net like what it is, a chain that is already there.
Further in, the residual layers see zeros beyond the border.

Heads. A cell's logit is one linear function of its own channels, the same for all cells. The value is a linear function of the mean
and the maximum of every channel over the board, through tanh.

No array has the board's size in its shape, so parameters that were trained on one board fit every other.

The convolution is XLA's own, with a 3x3 kernel whose two corners that are no neighbors hold zeros; on a CPU it is faster than gathering
the 7 shifted boards for one matrix product, and than the layer as one matrix over all cells, which is mostly zeros. A row's answer does
not depend on where it stands in a batch of at least 64 nor on what stands beside it; from width 8 on the batch shapes 64, 128, 256 and
512 give the same bits.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hexlab.network.weights import draw_orthogonal, draw_uniform
from hexlab.rules.cells import NEIGHBOR_OFFSETS

__all__ = ["TAPS", "apply_hexagonal", "convolve", "draw_hexagonal", "hexagonal_shapes", "lay_edges"]

TAPS = ((0, 0), *NEIGHBOR_OFFSETS)
"""Where the 7 weights of a kernel look, as (rows down, columns right): the cell itself, then its neighbors."""


def draw_hexagonal(width: int, depth: int, random: np.random.Generator) -> dict[str, Any]:
    """Return untrained parameters: those of the fully connected net, its matrices replaced by kernels.

    Residual kernels have orthogonal columns of gain sqrt(2), seen as matrices [7 W, W], and a scale of 0; all else is uniform in
    +-1 / sqrt(inputs).
    """
    taps = len(TAPS)

    def linear(shape, inputs):
        return {"kernel": draw_uniform(shape, inputs, random), "bias": draw_uniform(shape[-1:], inputs, random)}

    def block():
        kernel = draw_orthogonal(taps * width, width, math.sqrt(2), random).reshape(taps, width, width)
        return {"kernel": kernel, "bias": draw_uniform((width,), taps * width, random), "scale": np.zeros((), np.float32)}

    return {
        "intake": linear((taps, 2, width), taps * 2),
        "blocks": {str(index): block() for index in range(depth)},
        "policy": linear((width, 1), width),
        "value": linear((2 * width, 1), 2 * width),
    }


def hexagonal_shapes(width: int, depth: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by its path in the tree, joined with dots."""
    taps = len(TAPS)
    shapes: dict[str, tuple[int, ...]] = {"intake.kernel": (taps, 2, width), "intake.bias": (width,)}
    for index in range(depth):
        shapes |= {f"blocks.{index}.kernel": (taps, width, width), f"blocks.{index}.bias": (width,), f"blocks.{index}.scale": ()}
    return shapes | {"policy.kernel": (width, 1), "policy.bias": (1,), "value.kernel": (2 * width, 1), "value.bias": (1,)}


def apply_hexagonal(params: dict[str, Any], planes) -> tuple[jax.Array, jax.Array]:
    """Judge positions, as `hexlab.network.apply` does: number[B, 2A] -> (logits float32[B, A], values float32[B])."""
    size = math.isqrt(planes.shape[1] // 2)
    stream = convolve(params["intake"], lay_edges(jnp.asarray(planes, jnp.float32), size), "VALID")
    for index in range(len(params["blocks"])):
        block = params["blocks"][str(index)]
        stream = stream + block["scale"] * convolve(block, jax.nn.relu(stream), "SAME")
    cells = stream.reshape(len(planes), size * size, -1)
    logits = cells @ params["policy"]["kernel"] + params["policy"]["bias"][None, None, :]
    pooled = jnp.concatenate([jnp.mean(cells, axis=1), jnp.max(cells, axis=1)], axis=1)
    values = pooled @ params["value"]["kernel"] + params["value"]["bias"][None, :]
    return logits[:, :, 0], jnp.tanh(values)[:, 0]


def lay_edges(planes, size: int):
    """Return the board inside its ring of edge stones: float32[B, 2A] -> float32[B, n + 2, n + 2, 2].

    >>> ringed = lay_edges(np.zeros((1, 8), np.float32), size=2)
    >>> print(np.asarray(ringed[0, :, :, 0], int))          # the mover's stones
    [[1 1 1 1]
     [0 0 0 0]
     [0 0 0 0]
     [1 1 1 1]]
    """
    boards = jnp.pad(planes.reshape(-1, 2, size, size).transpose(0, 2, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    ring = np.zeros((1, size + 2, size + 2, 2), np.float32)
    ring[0, [0, -1], :, 0] = ring[0, :, [0, -1], 1] = 1
    return boards + jnp.broadcast_to(ring, boards.shape)


def convolve(layer: dict[str, Any], boards, padding: str):
    """Sum over the 7 taps of a layer's kernel, and add its bias.

    Args:
        layer: ``kernel`` float32[7, inputs, outputs], ordered as `TAPS`, and ``bias`` float32[outputs].
        boards: float32[B, rows, columns, inputs].
        padding: ``"SAME"`` for zeros beyond the border, ``"VALID"`` to leave the outermost ring out of the answer.

    Returns:
        float32[B, rows, columns, outputs], less the ring where padding is ``"VALID"``.
    """
    taps = dict(zip(TAPS, layer["kernel"], strict=True))
    nothing = jnp.zeros_like(taps[0, 0])
    square = jnp.stack([jnp.stack([taps.get((down, right), nothing) for right in (-1, 0, 1)]) for down in (-1, 0, 1)])
    summed = jax.lax.conv_general_dilated(boards, square, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return summed + layer["bias"][None, None, None, :]

"""The policy-value networks in the mover's own frame (`hexlab.network.features`): what an architecture is, and how it judges.

There are two kinds, both residual nets: the fully connected one of the paper, here, and that of hexagonal convolutions, in
`hexlab.network.hexagonal`. Both share one interface: `init_params` draws a plain tree of arrays, and all that trains or plays calls
the pure function `apply` on it. The tree itself tells the kind: kernels of matrices have 2 axes, those of convolutions 3.

`ReZeroNet` says what the fully connected network is; it is built once, by `init_params`, and taken apart.

Sources: Jones 2021, "Scaling Scaling Laws with Board Games", arXiv 2104.03113; Bachlechner et al. 2020, "ReZero is all
you need", arXiv 2003.04887.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from hexlab.errors import ConfigError
from hexlab.network.hexagonal import apply_hexagonal, draw_hexagonal, hexagonal_shapes
from hexlab.network.weights import draw_orthogonal, draw_uniform
from hexlab.rules.cells import MAX_SIZE

__all__ = ["KINDS", "Architecture", "ReZeroNet", "apply", "describe_mismatch", "init_params", "parameter_shapes"]

KINDS = ("dense", "hex")
"""Kinds of networks: fully connected, and of hexagonal convolutions."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Board, width, depth and kind: all that tells one network's shape from another's.

    Attributes:
        size: board size n, 1 to 19; A = n * n cells.
        width: units of the residual stream, W; of a hex net, channels of each cell.
        depth: residual layers, D.
        kind: "dense", fully connected, or "hex", of hexagonal convolutions.

    >>> Architecture(size=9, width=512, depth=4).parameters
    1176146
    >>> print(Architecture(size=9, width=32, depth=4, kind="hex"))
    9x9 hex 32x4
    """

    size: int
    width: int
    depth: int
    kind: str = "dense"

    def __post_init__(self):
        """Check the ranges."""
        for name, least, most in (("size", 1, MAX_SIZE), ("width", 1, None), ("depth", 1, None)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least or (most and value > most):
                allowed = f"from {least} to {most}" if most else f"of at least {least}"
                raise ConfigError(f"{name} {value!r} of a network is not supported: give a whole number {allowed}")
            object.__setattr__(self, name, int(value))
        if self.kind not in KINDS:
            raise ConfigError(f"kind {self.kind!r} of a network is unknown: choose one of {', '.join(KINDS)}")

    @property
    def cells(self) -> int:
        """Cells of the board, A = n * n."""
        return self.size**2

    @property
    def parameters(self) -> int:
        """Weights and biases, the D ReZero scalars not counted.

        Dense: 2AW + W + D(W^2 + W) + WA + A + W + 1. Hex: 14W + W + D(7W^2 + W) + W + 1 + 2W + 1, whatever the board.
        """
        return sum(math.prod(shape) for name, shape in parameter_shapes(self).items() if not name.endswith(".scale"))

    def __str__(self) -> str:
        """Return for example ``5x5 64x4``, or ``5x5 hex 32x4``: board, kind unless it is dense, width x depth."""
        kind = "" if self.kind == "dense" else f"{self.kind} "
        return f"{self.size}x{self.size} {kind}{self.width}x{self.depth}"


class _Linear(nnx.Module):
    """inputs @ kernel + bias, by default both drawn as PyTorch does."""

    def __init__(self, inputs: int, outputs: int, random: np.random.Generator, kernel: np.ndarray | None = None):
        self.kernel = nnx.Param(draw_uniform((inputs, outputs), inputs, random) if kernel is None else kernel)
        self.bias = nnx.Param(draw_uniform((outputs,), inputs, random))

    def __call__(self, inputs):
        return inputs @ self.kernel[...] + self.bias[None, :]


class _ReZeroLayer(_Linear):
    """x + scale * Linear(ReLU(x)), with orthogonal weights of gain sqrt(2) and a scale that starts at 0."""

    def __init__(self, width: int, random: np.random.Generator):
        super().__init__(width, width, random, draw_orthogonal(width, width, math.sqrt(2), random))
        self.scale = nnx.Param(np.zeros((), np.float32))

    def __call__(self, stream):
        return stream + self.scale[...] * super().__call__(jax.nn.relu(stream))


class ReZeroNet(nnx.Module):
    """The fully connected network as a module: an intake, D residual layers, and two heads on the raw residual stream."""

    def __init__(self, architecture: Architecture, random: np.random.Generator):
        """Draw the network's parameters from `random`."""
        cells, width = architecture.cells, architecture.width
        self.intake = _Linear(2 * cells, width, random)
        self.blocks = nnx.List([_ReZeroLayer(width, random) for _ in range(architecture.depth)])
        self.policy = _Linear(width, cells, random)
        self.value = _Linear(width, 1, random)

    def __call__(self, planes):
        """Judge positions, as `apply` does: number[B, 2A] -> (logits float32[B, A], values float32[B])."""
        stream = self.intake(jnp.asarray(planes, jnp.float32))
        for block in self.blocks:
            stream = block(stream)
        return self.policy(stream), jnp.tanh(self.value(stream))[:, 0]


def init_params(architecture: Architecture, seed: int) -> dict[str, Any]:
    """Return the untrained network's parameters.

    NumPy draws them, without JAX: a seed gives the same numbers on every device and number of cores, and there is nothing to compile.

    Returns:
        Nested dict of float32 NumPy arrays: ``intake``, ``policy`` and ``value`` hold ``kernel`` [inputs, outputs] and ``bias``
        [outputs]; ``blocks`` holds, under ``"0"``, ``"1"``, ..., the residual layers, each with a ``scale`` [] besides. The
        kernels of convolutions, a hex net's intake and residual layers, are [7, inputs, outputs].

    >>> params = init_params(Architecture(size=3, width=2, depth=4), seed=0)
    >>> sorted(params), params["intake"]["kernel"].shape, float(params["blocks"]["3"]["scale"])
    (['blocks', 'intake', 'policy', 'value'], (18, 2), 0.0)
    """
    random = np.random.default_rng(int(seed) & 0xFFFFFFFFFFFFFFFF)
    if architecture.kind == "hex":
        return draw_hexagonal(architecture.width, architecture.depth, random)
    module = ReZeroNet(architecture, random)
    return _name_keys(nnx.to_pure_dict(nnx.state(module, nnx.Param)))


def _name_keys(tree):
    return {str(key): _name_keys(branch) for key, branch in tree.items()} if isinstance(tree, dict) else tree


def apply(params: dict[str, Any], planes) -> tuple[jax.Array, jax.Array]:
    """Judge positions with a tree of parameters; pure, to be compiled by the caller.

    Args:
        params: a tree as `init_params` returns it.
        planes: number[B, 2A], 0 or 1, in the mover's own frame; bytes will do, they are converted where the network
            runs.

    Returns:
        (logits float32[B, A] in the mover's own frame, occupied cells not masked; values float32[B] in [-1, 1], for the
        mover).

    >>> params = init_params(Architecture(size=3, width=8, depth=1), seed=0)
    >>> logits, values = apply(params, np.zeros((2, 18), np.float32))
    >>> logits.shape, values.shape
    ((2, 9), (2,))
    """
    if params["intake"]["kernel"].ndim == 3:
        return apply_hexagonal(params, planes)
    stream = _linear(params["intake"], jnp.asarray(planes, jnp.float32))
    for index in range(len(params["blocks"])):
        block = params["blocks"][str(index)]
        stream = stream + block["scale"] * _linear(block, jax.nn.relu(stream))
    return _linear(params["policy"], stream), jnp.tanh(_linear(params["value"], stream))[:, 0]


def _linear(layer, inputs):
    return inputs @ layer["kernel"] + layer["bias"][None, :]


@functools.cache
def parameter_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a network by its path in the tree, joined with dots.

    >>> parameter_shapes(Architecture(size=3, width=2, depth=1))["blocks.0.kernel"]
    (2, 2)
    """
    if architecture.kind == "hex":
        return hexagonal_shapes(architecture.width, architecture.depth)
    cells, width = architecture.cells, architecture.width
    shapes: dict[str, tuple[int, ...]] = {"intake.kernel": (2 * cells, width), "intake.bias": (width,)}
    for index in range(architecture.depth):
        shapes |= {
            f"blocks.{index}.kernel": (width, width),
            f"blocks.{index}.bias": (width,),
            f"blocks.{index}.scale": (),
        }
    return shapes | {
        "policy.kernel": (width, cells),
        "policy.bias": (cells,),
        "value.kernel": (width, 1),
        "value.bias": (1,),
    }


def describe_mismatch(architecture: Architecture, params: dict[str, Any]) -> str | None:
    """Say in words how a tree differs from what an architecture needs, or return None where it fits."""
    expected = parameter_shapes(architecture)
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    found = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    for name, shape in expected.items():
        if name not in found:
            return f"{name} is missing"
        if np.shape(found[name]) != shape:
            return f"{name} has shape {list(np.shape(found[name]))} where a {architecture} network has {list(shape)}"
        held = getattr(found[name], "dtype", type(found[name]).__name__)  # a number of Python's own has none
        if held != np.float32:
            return f"{name} holds {held} where float32 is expected"
    extra = sorted(found.keys() - expected.keys())
    return f"{extra[0]} is not part of a {architecture} network" if extra else None

"""The policy-value network: a fully connected residual net in the mover's own frame (`hexlab.network.features`).

`ReZeroNet` says what the network is; it is built once, by `init_params`, and taken apart into a plain tree of arrays.
All that trains or plays calls the pure function `apply` on such a tree, which JAX compiles without a module around it.

Sources: Jones 2021, "Scaling Scaling Laws with Board Games", arXiv 2104.03113; Bachlechner et al. 2020, "ReZero is all
you need", arXiv 2003.04887; Saxe et al. 2014, arXiv 1312.6120, for orthogonal weights.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
from flax import nnx

from hexlab.errors import ConfigError
from hexlab.rules.cells import MAX_SIZE

__all__ = ["Architecture", "ReZeroNet", "apply", "describe_mismatch", "draw_orthogonal", "draw_uniform", "init_params", "parameter_shapes"]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Board, width and depth: all that tells one network's shape from another's.

    Attributes:
        size: board size n, 1 to 19; A = n * n cells.
        width: units of the residual stream, W.
        depth: residual layers, D.

    >>> Architecture(size=9, width=512, depth=4).parameters
    1176146
    """

    size: int
    width: int
    depth: int

    def __post_init__(self):
        """Check the ranges."""
        for name, least, most in (("size", 1, MAX_SIZE), ("width", 1, None), ("depth", 1, None)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least or (most and value > most):
                allowed = f"from {least} to {most}" if most else f"of at least {least}"
                raise ConfigError(f"{name} {value!r} of a network is not supported: give a whole number {allowed}")
            object.__setattr__(self, name, int(value))

    @property
    def cells(self) -> int:
        """Cells of the board, A = n * n."""
        return self.size**2

    @property
    def parameters(self) -> int:
        """Weights and biases: 2AW + W + D(W^2 + W) + WA + A + W + 1, the D ReZero scalars not counted."""
        return sum(math.prod(shape) for name, shape in parameter_shapes(self).items() if not name.endswith(".scale"))

    def __str__(self) -> str:
        """Return for example ``5x5 64x4``: board, then width x depth."""
        return f"{self.size}x{self.size} {self.width}x{self.depth}"


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
        super().__init__(width, width, random, draw_orthogonal(width, math.sqrt(2), random))
        self.scale = nnx.Param(np.zeros((), np.float32))

    def __call__(self, stream):
        return stream + self.scale[...] * super().__call__(jax.nn.relu(stream))


class ReZeroNet(nnx.Module):
    """The network as a module: an intake, D residual layers, and two heads on the raw residual stream."""

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
        [outputs]; ``blocks`` holds, under ``"0"``, ``"1"``, ..., the residual layers, each with a ``scale`` [] besides.

    >>> params = init_params(Architecture(size=3, width=2, depth=4), seed=0)
    >>> sorted(params), params["intake"]["kernel"].shape, float(params["blocks"]["3"]["scale"])
    (['blocks', 'intake', 'policy', 'value'], (18, 2), 0.0)
    """
    module = ReZeroNet(architecture, np.random.default_rng(int(seed) & 0xFFFFFFFFFFFFFFFF))
    return _name_keys(nnx.to_pure_dict(nnx.state(module, nnx.Param)))


def draw_uniform(shape: tuple[int, ...], inputs: int, random: np.random.Generator) -> np.ndarray:
    """Return float32 numbers from +-1 / sqrt(inputs), PyTorch's default for linear layers."""
    bound = 1 / math.sqrt(inputs)
    return random.uniform(-bound, bound, shape).astype(np.float32)


def draw_orthogonal(width: int, gain: float, random: np.random.Generator) -> np.ndarray:
    """Return `gain` times an orthogonal matrix, uniform over the orthogonal group: float32[width, width].

    The Q of a Gaussian matrix by Gram-Schmidt. Libraries that factor matrices bring a pool of threads of their own, which on
    busy cores takes seconds where this takes a fraction of one.
    """
    columns = random.standard_normal((width, width))
    for _ in range(2):  # the second pass removes what rounding left of the first
        _make_orthonormal(columns)
    return (gain * columns).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _make_orthonormal(columns):
    """Gram-Schmidt, in place: each column in turn is scaled to length 1 and taken out of those to its right."""
    width = len(columns)
    overlap = np.empty(width)
    for done in range(width):
        overlap[:] = 0.0
        for row in range(width):
            here = columns[row, done]
            for column in range(done, width):
                overlap[column] += here * columns[row, column]
        length = math.sqrt(overlap[done])
        for column in range(done, width):
            overlap[column] /= length
        for row in range(width):
            columns[row, done] /= length
            here = columns[row, done]
            for column in range(done + 1, width):
                columns[row, column] -= here * overlap[column]


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
        if found[name].dtype != np.float32:
            return f"{name} holds {found[name].dtype} where float32 is expected"
    extra = sorted(found.keys() - expected.keys())
    return f"{extra[0]} is not part of a {architecture} network" if extra else None

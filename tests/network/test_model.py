"""The paper's network: parameter counts, starting weights, and the pure function against the module."""

import csv
import importlib.resources

import jax
import numpy as np
import pytest

from hexlab.errors import ConfigError, HexlabError
from hexlab.network.model import Architecture, ReZeroNet, apply, describe_mismatch, init_params, parameter_shapes
from hexlab.network.weights import draw_orthogonal


def scaled(params, random):
    """Give the residual layers a voice: a fresh network multiplies them by 0."""
    blocks = {key: block | {"scale": np.float32(random.uniform(0.3, 1))} for key, block in params["blocks"].items()}
    return params | {"blocks": blocks}


@pytest.mark.parametrize(
    ("size", "width", "depth", "parameters"),
    [(3, 1, 1, 41), (3, 2, 4, 92), (9, 512, 4, 1_176_146), (9, 1024, 4, 4_449_362)],
)
def test_parameter_counts_of_the_paper(size, width, depth, parameters):
    assert Architecture(size, width, depth).parameters == parameters


def test_parameter_counts_of_every_published_network():
    path = importlib.resources.files("hexlab") / "data" / "jones2021_curves.csv"
    if not path.is_file():
        pytest.skip("the paper's curves are not in the package")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        published = {tuple(int(row[key]) for key in ("boardsize", "width", "depth", "params")) for row in rows}
    assert len(published) == 195
    for size, width, depth, parameters in published:
        assert Architecture(size, width, depth).parameters == parameters


def test_the_tree_holds_what_the_shape_table_says_and_the_count_leaves_the_scales_out():
    architecture = Architecture(4, 8, 12)
    params = init_params(architecture, seed=0)
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    found = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    assert {name: leaf.shape for name, leaf in found.items()} == parameter_shapes(architecture)
    assert {leaf.dtype for leaf in found.values()} == {np.dtype(np.float32)}
    assert sum(leaf.size for leaf in found.values()) == architecture.parameters + architecture.depth
    assert describe_mismatch(architecture, params) is None


def test_starting_weights_are_drawn_as_published():
    params = init_params(Architecture(7, 64, 3), seed=1)
    for block in params["blocks"].values():
        assert block["scale"] == 0
        kernel = block["kernel"].astype(np.float64)
        np.testing.assert_allclose(kernel @ kernel.T, 2 * np.eye(64), atol=1e-5)  # gain sqrt(2)
        assert np.abs(block["bias"]).max() <= 1 / 8
    for name, fan_in in (("intake", 98), ("policy", 64), ("value", 64)):
        for array in params[name].values():
            assert np.abs(array).max() <= 1 / np.sqrt(fan_in)
        assert np.abs(params[name]["kernel"]).max() > 0.9 / np.sqrt(fan_in)
    assert not np.array_equal(params["blocks"]["0"]["kernel"], params["blocks"]["1"]["kernel"])


def test_orthogonal_matrices_are_the_q_of_a_gaussian_matrix():
    gaussian = np.random.default_rng(3).standard_normal((40, 40))
    q, r = np.linalg.qr(gaussian)
    expected = q * np.sign(np.diag(r))
    np.testing.assert_allclose(draw_orthogonal(40, 40, 1.0, np.random.default_rng(3)), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "hex"])
def test_seeds_repeat_and_differ(kind):
    architecture = Architecture(3, 8, 2, kind)
    first, again, other = (init_params(architecture, seed) for seed in (5, 5, 6))
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, first, again)))
    assert not np.array_equal(first["intake"]["kernel"], other["intake"]["kernel"])
    assert np.isfinite(init_params(architecture, -1)["intake"]["kernel"]).all()


@pytest.mark.parametrize("architecture", [Architecture(3, 2, 4), Architecture(5, 64, 11)])
def test_the_pure_function_equals_the_module(architecture):
    random = np.random.default_rng(0)
    module = ReZeroNet(architecture, np.random.default_rng(7))
    params = init_params(architecture, seed=7)
    planes = (random.random((64, 2 * architecture.cells)) < 0.3).astype(np.float32)
    for block, fresh in zip(module.blocks, scaled(params, np.random.default_rng(1))["blocks"].values(), strict=True):
        block.scale[...] = fresh["scale"]
    logits, values = apply(scaled(params, np.random.default_rng(1)), planes)
    expected_logits, expected_values = module(planes)
    np.testing.assert_array_equal(logits, expected_logits)
    np.testing.assert_array_equal(values, expected_values)


def test_the_pure_function_equals_plain_numpy():
    architecture = Architecture(5, 16, 3)
    random = np.random.default_rng(0)
    params = scaled(init_params(architecture, seed=2), random)
    planes = (random.random((10, 50)) < 0.3).astype(np.float32)
    stream = planes @ params["intake"]["kernel"] + params["intake"]["bias"]
    for index in range(3):
        block = params["blocks"][str(index)]
        stream = stream + block["scale"] * (np.maximum(stream, 0) @ block["kernel"] + block["bias"])
    logits, values = jax.jit(apply)(params, planes)
    np.testing.assert_allclose(logits, stream @ params["policy"]["kernel"] + params["policy"]["bias"], rtol=1e-4, atol=1e-5)
    expected = np.tanh(stream @ params["value"]["kernel"] + params["value"]["bias"])[:, 0]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_bytes_and_floats_are_judged_alike():
    params = scaled(init_params(Architecture(3, 64, 2), seed=0), np.random.default_rng(0))
    planes = (np.random.default_rng(1).random((64, 18)) < 0.4).astype(np.uint8)
    for left, right in zip(jax.jit(apply)(params, planes), jax.jit(apply)(params, planes.astype(np.float32)), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 8, 1), "size 0"),
        ((20, 8, 1), "from 1 to 19"),
        ((5, 0, 1), "width 0"),
        ((5, 8, 0), "depth 0"),
        ((5, 8.0, 1), "width 8.0"),
        ((5, True, 1), "width True"),
        ((5, 8, 1, "conv"), "kind 'conv' of a network is unknown: choose one of dense, hex"),
    ],
)
def test_impossible_architectures_are_refused(shape, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Architecture(*shape)
    assert isinstance(caught.value, HexlabError)


def test_mismatches_are_told_in_words():
    architecture = Architecture(3, 4, 1)
    params = init_params(architecture, seed=0)
    assert "policy.kernel has shape [4, 9] where a 4x4 4x1 network has [4, 16]" in describe_mismatch(
        Architecture(4, 4, 1), params | {"intake": init_params(Architecture(4, 4, 1), 0)["intake"]}
    )
    assert describe_mismatch(architecture, {key: params[key] for key in ("intake", "blocks", "policy")}) == "value.kernel is missing"
    assert "blocks.1.bias is not part" in describe_mismatch(architecture, init_params(Architecture(3, 4, 2), 0))
    assert "float64 where float32" in describe_mismatch(architecture, jax.tree.map(np.float64, params))

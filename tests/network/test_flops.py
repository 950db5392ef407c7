"""Counted compute against XLA's own analysis, and against numbers done by hand."""

import jax
import jax.numpy as jnp
import optax
import pytest

from hexlab.network import flops
from hexlab.network.model import Architecture, apply, parameter_shapes
from hexlab.rules.cells import neighbor_table

NETWORKS = [(3, 64, 1), (5, 64, 4), (9, 256, 1), (5, 8, 1, "hex"), (9, 32, 2, "hex")]


def shaped_params(architecture):
    """A tree of shapes without numbers: lowering needs no more."""
    tree: dict = {}
    for name, shape in parameter_shapes(architecture).items():
        *branches, leaf = name.split(".")
        branch = tree
        for key in branches:
            branch = branch.setdefault(key, {})
        branch[leaf] = jax.ShapeDtypeStruct(shape, jnp.float32)
    return tree


def count_by_xla(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().cost_analysis()["flops"]


def loss(params, planes, policy, value):
    logits, values = apply(params, planes)
    return jnp.mean(jnp.square(values - value)) - jnp.mean(jnp.sum(policy * jax.nn.log_softmax(logits), axis=1))


def update(params, average, optimizer, planes, policy, value, rate):
    """A gradient step as training takes it: Adam, a rate, a moving average of the weights."""
    gradients = jax.grad(loss)(params, planes, policy, value)
    steps, optimizer = optax.scale_by_adam().update(gradients, optimizer, params)
    params = jax.tree.map(lambda param, step: param - rate * step, params, steps)
    return params, jax.tree.map(lambda old, new: rate * old + (1 - rate) * new, average, params), optimizer


def test_the_taps_of_a_residual_layer_are_those_of_the_text():
    """On 5x5, for one channel: 9 taps a cell, less those beyond the border; and what a cell sees of itself and its neighbors."""
    counted = flops.count_forward(Architecture(5, 1, 2, "hex")) - flops.count_forward(Architecture(5, 1, 1, "hex"))
    assert counted == 2 * 169 + (1 + 3) * 25
    seen = 25 + int((neighbor_table(5) >= 0).sum())
    assert f"169 on 5x5, against the {seen} that have a neighbor to look at" in flops.__doc__


@pytest.mark.parametrize("shape", NETWORKS)
def test_forward_is_within_5_percent_of_xla(shape):
    architecture = Architecture(*shape)
    planes = jax.ShapeDtypeStruct((256, 2 * architecture.cells), jnp.float32)
    counted = count_by_xla(apply, shaped_params(architecture), planes)
    assert flops.count_forward(architecture) * 256 == pytest.approx(counted, rel=0.05)


@pytest.mark.parametrize("shape", NETWORKS)
def test_learning_is_within_5_percent_of_xla(shape):
    architecture = Architecture(*shape)
    params = shaped_params(architecture)
    batch = 256
    targets = [
        jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((batch, 2 * architecture.cells), (batch, architecture.cells), (batch,))
    ]
    optimizer = jax.eval_shape(optax.scale_by_adam().init, params)
    rate = jax.ShapeDtypeStruct((), jnp.float32)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        counted = count_by_xla(update, params, params, optimizer, *targets, rate)
    assert flops.count_learning(architecture, batch, batch=batch) == pytest.approx(counted, rel=0.05)


def test_forward_by_hand():
    # 3x3 2x1: products 2 * (18*2 + 2*2 + 2*9 + 2) = 120, biases 2 + 2 + 9 + 1 = 14, residual layer 3 * 2 = 6
    assert flops.count_forward(Architecture(3, 2, 1)) == 140


def test_forward_of_a_hex_net_by_hand():
    # 2x2, 3 channels, 1 layer. Intake 4 cells * 9 taps * 2 planes * 3 = 216; layer: the board holds 4 taps of each cell's square, so
    # 16 * 3 * 3 = 144; policy 4 * 3, value 6. Biases 12 + 12 + 4 + 1; ReLU, scaling and addition 3 * 12; mean and maximum 2 * 12.
    architecture = Architecture(2, 3, 1, "hex")
    assert flops.count_forward(architecture) == 2 * (216 + 144 + 12 + 6) + 29 + 36 + 24
    assert flops.count_paper_training(architecture, 10) == 10 * (216 + 144 + 12 + 6 + 29)


@pytest.mark.parametrize("kind", ["dense", "hex"])
def test_costs_add_up(kind):
    architecture = Architecture(5, 64, 4, kind)
    forward = flops.count_forward(architecture)
    assert flops.count_selfplay(architecture, 1000) == flops.count_move(architecture, 1000) == 1000 * forward
    assert flops.count_move(architecture, 1) == forward
    assert flops.count_learning(architecture, 7) == pytest.approx(7 * flops.count_learning(architecture, 1))
    assert flops.count_learning(architecture, 1, batch=64) > flops.count_learning(architecture, 1, batch=1024)
    assert 2.5 * forward < flops.count_learning(architecture, 1) < 3.5 * forward


def test_the_papers_own_count():
    """The strongest 9x9 network: 3.5e8 samples at 64 simulations were 1e17 of the paper's FLOPs."""
    architecture = Architecture(9, 1024, 4)
    samples = 10_717 * 32_768
    assert flops.count_paper_training(architecture, 64 * samples) == pytest.approx(1e17, rel=0.01)
    assert flops.count_selfplay(architecture, 64 * samples) == pytest.approx(2e17, rel=0.02)
    assert flops.count_paper_move(architecture, 1) == 64 * architecture.parameters
    assert flops.count_paper_move(architecture, 64) == 64 * 64 * architecture.parameters

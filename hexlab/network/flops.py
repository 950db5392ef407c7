"""Counted compute: floating-point operations as they are, and the paper's own count beside them.

The true count takes 2 for a multiply-add and 1 for any other operation on one number (addition, comparison, scaling);
exponentials and the like are not counted, which is what XLA's cost analysis does too. Functions named ``paper`` count
as Jones 2021 did: 1 for a multiply-add, the forward passes of self-play only. Letters: n board size, A cells, W width,
D depth, P parameters.

A hex net's convolutions run as 3x3 kernels whose two corners that are no neighbors hold zeros; those products are made, and
counted. Products with what lies beyond the border are not, as in XLA's analysis, so that of the 9A taps of a residual layer
(3n - 2)^2 count: 169 on 5x5, against the 137 that have a neighbor to look at.
"""

from hexlab.network.model import Architecture

__all__ = [
    "OPTIMIZER_FLOPS",
    "PAPER_SIMULATIONS",
    "count_forward",
    "count_gradient",
    "count_learning",
    "count_move",
    "count_paper_move",
    "count_paper_training",
    "count_selfplay",
]

OPTIMIZER_FLOPS = 16
"""FLOPs of a gradient step for each parameter: Adam 11, the weight's own change 2, its moving average 3."""

PAPER_SIMULATIONS = 64
"""Simulations of every self-play move in the paper, which its count of test-time compute contains once too often."""


def count_forward(architecture: Architecture) -> float:
    """Return the FLOPs of judging one position.

    Dense: matrix products 2 (2AW + D W^2 + WA + W), biases W + D W + A + 1, and in each residual layer the ReLU, the scaling
    and the addition, 3 D W.

    Hex: products 2 (18 A W + D (3n - 2)^2 W^2 + AW + 2W), biases A W + D A W + A + 1, in each residual layer 3 A W, and the mean
    and the maximum of the value head 2 A W.

    >>> count_forward(Architecture(size=3, width=2, depth=4))
    188.0
    >>> count_forward(Architecture(size=3, width=2, depth=4, kind="hex"))
    2612.0
    """
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
    if architecture.kind == "hex":
        biases = cells * width + depth * cells * width + cells + 1
        return float(2 * _count_hex_products(architecture) + biases + 3 * depth * cells * width + 2 * cells * width)
    products = 2 * (2 * cells * width + depth * width**2 + width * cells + width)
    biases = width + depth * width + cells + 1
    return float(products + biases + 3 * depth * width)


def count_gradient(architecture: Architecture) -> float:
    """Return the FLOPs of the loss and its gradient for one position: forward and backward pass.

    The backward pass costs the matrix products of the forward pass twice, once for the weights and once for the inputs,
    less those for the inputs of the intake: 2 (2AW) + 4 (D W^2 + WA + W). For one number of the residual stream a layer
    adds up the gradients of its bias (1) and of its scale (2), scales (1), cuts off with the ReLU (1) and adds to the
    stream (1): 6 D W; the intake's and the heads' biases add W + A + 1, and the loss (softmax cross-entropy and squared
    error) about 12 A.

    Hex: products twice less those for the inputs of the intake, 2 (18 A W). Elementwise work as XLA compiles it, which repeats
    some of it rather than store it: about 10 D A W in the residual layers, 26 A W in the intake and the value head's maximum.
    """
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
    if architecture.kind == "hex":
        products = 4 * _count_hex_products(architecture) - 36 * cells * width
        return count_forward(architecture) + products + 10 * depth * cells * width + 26 * cells * width + 13 * cells + 1
    products = 2 * (2 * cells * width) + 4 * (depth * width**2 + width * cells + width)
    elementwise = 6 * depth * width + width + cells + 1 + 12 * cells
    return count_forward(architecture) + products + elementwise


def count_learning(architecture: Architecture, samples: float, batch: int = 1024) -> float:
    """Return the FLOPs of learning from so many samples: forward, backward and optimizer.

    samples * (`count_gradient` + `OPTIMIZER_FLOPS` * P / batch).

    Args:
        architecture: the network.
        samples: positions learned from, each time counted.
        batch: positions of one gradient step.
    """
    return samples * (count_gradient(architecture) + OPTIMIZER_FLOPS * architecture.parameters / batch)


def count_selfplay(architecture: Architecture, simulations: float) -> float:
    """Return the FLOPs of so many simulations in self-play, each one forward pass: simulations * `count_forward`.

    The tree search itself does no matrix arithmetic and is not counted.
    """
    return simulations * count_forward(architecture)


def count_move(architecture: Architecture, simulations: int) -> float:
    """Return the test-time FLOPs of a move: simulations (1 is the raw policy) * `count_forward`."""
    return simulations * count_forward(architecture)


def count_paper_training(architecture: Architecture, simulations: float) -> float:
    """Return the paper's training compute after so many simulations in self-play: simulations * P.

    With the paper's 64 simulations a sample that is 64 * P * samples (Jones 2021, ``storage.flops_per_sample``): a
    multiply-add is 1, the learner is left out. About half of `count_selfplay`. The paper trained no convolutions; in place of P
    they count their multiply-adds and biases, which for a fully connected net are P.

    >>> count_paper_training(Architecture(size=3, width=2, depth=4), simulations=64)
    5888.0
    """
    return float(simulations * _count_paper_forward(architecture))


def count_paper_move(architecture: Architecture, simulations: int) -> float:
    """Return the paper's test-time compute of one move: simulations * 64 * P.

    The paper multiplies the test simulations by the training compute of a sample, which holds the 64 training
    simulations already, so that its test-time axis is 64 times that of one forward pass a simulation (Jones 2021,
    figures 8 and 9).
    """
    return float(simulations * PAPER_SIMULATIONS * _count_paper_forward(architecture))


def _count_paper_forward(architecture):
    """Multiply-adds and biases of one forward pass: P of a fully connected net, where every weight is used once."""
    if architecture.kind == "dense":
        return architecture.parameters
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
    return _count_hex_products(architecture) + (1 + depth) * cells * width + cells + 1


def _count_hex_products(architecture):
    """Multiply-adds of a hex net's forward pass: the intake sees its ring and 2 planes, a residual layer nothing beyond the border."""
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
    return 9 * cells * 2 * width + depth * (3 * architecture.size - 2) ** 2 * width**2 + cells * width + 2 * width

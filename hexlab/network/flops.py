"""Counted compute: floating-point operations as they are, and the paper's own count beside them.

The true count takes 2 for a multiply-add and 1 for any other operation on one number (addition, comparison, scaling);
exponentials and the like are not counted, which is what XLA's cost analysis does too. Functions named ``paper`` count
as Jones 2021 did: 1 for a multiply-add, the forward passes of self-play only. Letters: A cells, W width, D depth, P
parameters.
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

    Matrix products 2 (2AW + D W^2 + WA + W), biases W + D W + A + 1, and in each residual layer the ReLU, the scaling
    and the addition, 3 D W.

    >>> count_forward(Architecture(size=3, width=2, depth=4))
    188.0
    """
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
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
    """
    cells, width, depth = architecture.cells, architecture.width, architecture.depth
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
    multiply-add is 1, the learner is left out. About half of `count_selfplay`.

    >>> count_paper_training(Architecture(size=3, width=2, depth=4), simulations=64)
    5888.0
    """
    return float(simulations * architecture.parameters)


def count_paper_move(architecture: Architecture, simulations: int) -> float:
    """Return the paper's test-time compute of one move: simulations * 64 * P.

    The paper multiplies the test simulations by the training compute of a sample, which holds the 64 training
    simulations already, so that its test-time axis is 64 times that of one forward pass a simulation (Jones 2021,
    figures 8 and 9).
    """
    return float(simulations * PAPER_SIMULATIONS * architecture.parameters)

"""What Jones 2021 publishes, to be set beside what is measured.

Source: https://arxiv.org/abs/2104.03113, its code https://github.com/andyljones/boardlaw, and, where it says so, fits to its curves
(hexlab/data/README.md).
"""

import math
from collections.abc import Mapping

__all__ = [
    "PAPER_DOUBLING_SCORE",
    "PAPER_HYPERPARAMETERS",
    "PAPER_LAW",
    "PAPER_NETWORK_SIZE",
    "PAPER_TOP_GAMES",
    "PAPER_TO_TRUE_FLOPS",
    "PAPER_TRADEOFF",
    "PAPER_TRAINING_SECONDS",
    "paper_shift",
]

PAPER_TO_TRUE_FLOPS = 2 * (64 + 3) / 64
"""From the paper's count of compute to true FLOPs. It counts a multiply-add once and the 64 forward passes of a self-play move alone; a
true count takes it twice and adds the learner's forward and backward pass, three forward passes' worth for each move."""

PAPER_LAW: Mapping[str, float] = {"m_plateau": -270, "c_plateau": 570, "m_flops": 510, "m_board": -430, "c_incline": -4400}
"""Table III: the change-point law, compute in the paper's count."""

PAPER_DOUBLING_SCORE = 2 / 3
"""Share of games that twice the training compute wins, as its text says."""

PAPER_TRADEOFF: Mapping[str, float] = {"slope": -1.2, "per_elo": 0.004, "intercept": 29}
"""Figure 9, on 9x9, both costs in the paper's count: log10 test = slope * log10 train + per_elo * Elo + intercept."""

PAPER_NETWORK_SIZE: Mapping[str, float] = {"exponent": 0.93, "intercept": -9.27}
"""log10(width^2 * depth) of the nets on its frontiers over log10 of compute in its count, fitted to its curves."""

PAPER_TRAINING_SECONDS: Mapping[int, float] = {9: 3 * 3600.0}
"""By board size: about 3 hours of one GPU to perfect play on 9x9 by a net of two layers of 512 units."""

PAPER_TOP_GAMES = 128
"""Games that each of its agents plays against MoHex, which stands for perfect play."""

PAPER_HYPERPARAMETERS: Mapping[str, float | str] = {
    "boards": 32_768,
    "batch": 32_768,
    "buffer": 2_097_152,
    "learning_rate": 1e-3,
    "simulations": 64,
    "exploration": 1 / 16,
    "noise_fraction": 1 / 4,
    "reuse": 1,
    "recipe": "regularized",
}
"""Its table of hyperparameters, and what else its code fixes, by the names of `hexlab.training.Config`."""


def paper_shift(x: str) -> float:
    """Return what takes log10 of compute in the paper's count to the unit `x` of a frontier, "train_flops" or "paper_flops"."""
    return math.log10(PAPER_TO_TRUE_FLOPS) if x == "train_flops" else 0.0

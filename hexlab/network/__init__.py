"""The policy-value networks in JAX: features, models, evaluator, checkpoints and the count of its arithmetic.

Importing it asks JAX for one thread a caller on a CPU (`hexlab.network.backend`) and starts nothing.
"""

from hexlab.network.backend import prepare_backend

prepare_backend()

import hexlab.network.flops as flops  # noqa: E402
from hexlab.network.checkpoints import find_snapshot, load, load_tree, save, save_tree  # noqa: E402
from hexlab.network.evaluator import NetworkEvaluator  # noqa: E402
from hexlab.network.features import swap_frame, to_planes, write_planes  # noqa: E402
from hexlab.network.model import Architecture, ReZeroNet, apply, init_params  # noqa: E402
from hexlab.network.shipped import pretrained  # noqa: E402

__all__ = [
    "Architecture",
    "NetworkEvaluator",
    "ReZeroNet",
    "apply",
    "find_snapshot",
    "flops",
    "init_params",
    "load",
    "load_tree",
    "pretrained",
    "save",
    "save_tree",
    "swap_frame",
    "to_planes",
    "write_planes",
]

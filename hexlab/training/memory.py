"""How much memory a run takes, told before it starts."""

from hexlab.errors import ConfigError
from hexlab.mcts.tree import count_bytes
from hexlab.system import memory_bytes
from hexlab.training.config import Config
from hexlab.training.learner import count_together

__all__ = ["PROGRAM_BYTES", "check_memory", "estimate_bytes"]

PROGRAM_BYTES = 500_000_000
"""What Python, the libraries and their compiled code take in a process; measured."""
_DIALS = {
    "search trees": "boards, simulations or threads",
    "games in play": "boards or groups",
    "replay buffer": "buffer",
    "network": "width, depth or batch",
}


def estimate_bytes(config: Config, threads: int) -> dict[str, int]:
    """Return about how many bytes each part of a run takes at most, without setting them aside.

    Args:
        config: the run's settings.
        threads: threads that play; each has a search tree of its own.

    >>> parts = estimate_bytes(Config(size=9, boards=512, simulations=800, samples=10**7, buffer=10**6), threads=4)
    >>> max(parts, key=parts.get)
    'search trees'
    """
    cells = config.size**2
    players = min(threads, config.groups)
    position = 3 * cells + 5  # a row of `Positions`
    game = cells * (3 * cells + 8) + 3 * cells + 5  # a row of `Group`
    stream = config.width * (cells if config.net == "hex" else 1)
    activations = 2 * cells + (config.depth + 1) * 2 * stream + cells  # floats a row of a batch
    batches = count_together(config) * config.batch * (3 * cells + 1)  # floats that one call of the learner is given
    return {
        "search trees": players * count_bytes(config.boards, config.tree_capacity, config.size),
        "games in play": config.groups * config.boards * game + 2 * config.samples_an_iteration * position,
        "replay buffer": config.replay_capacity * position,
        "network": 4 * (8 * config.architecture.parameters + (2 * config.batch + players * config.boards) * activations + batches),
        "program": PROGRAM_BYTES,
    }


def check_memory(config: Config, threads: int, *, begun: bool = False) -> None:
    """Refuse a run that does not fit into this machine's memory, or this container's.

    Args:
        config: the run's settings.
        threads: threads that play.
        begun: the run's settings are fixed, for it has begun: only the threads can be changed.

    Raises:
        ConfigError: it names the largest part and the dial to turn.
    """
    parts = estimate_bytes(config, threads)
    available = memory_bytes()
    needed = sum(parts.values())
    if available is None or needed <= available:
        return
    largest = max(_DIALS, key=lambda part: parts[part])
    dial = f"lower {_DIALS[largest]}"
    if begun:
        dial = "give fewer threads" if largest == "search trees" and threads > 1 else "go on with it on a machine with more memory"
    described = ", ".join(f"{part} {parts[part] / 1e9:.1f}" for part in parts)
    raise ConfigError(f"this run needs about {needed / 1e9:.1f} GB ({described}), and there are {available / 1e9:.1f} GB: {dial}")

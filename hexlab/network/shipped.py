"""Agents that come with the package: trained by self-play alone by the default presets, with a card that says how and how strong."""

import importlib.resources

from hexlab.errors import ConfigError
from hexlab.network.checkpoints import load
from hexlab.network.evaluator import NetworkEvaluator

__all__ = ["pretrained", "pretrained_sizes"]

_FOLDER = importlib.resources.files("hexlab").joinpath("data", "agents")


def pretrained_sizes() -> list[int]:
    """Return the board sizes that an agent is shipped for.

    >>> pretrained_sizes()
    [3, 4, 5]
    """
    names = [entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".safetensors")]
    return sorted(int(name.partition("x")[0]) for name in names)


def pretrained(size: int = 5, batch: int = 256) -> NetworkEvaluator:
    """Return the network that ships for a board size, an `Evaluator`.

    Args:
        size: board size.
        batch: rows of the evaluator's pinned batch shape.

    Returns:
        The evaluator. Its ``metadata`` is the agent's card: ``origin`` (command, seed, commit), ``cost`` (FLOPs, positions, seconds)
        and ``strength`` (openings won against perfect play, blunder rates with their 95 % intervals).

    Raises:
        ConfigError: a size that no agent is shipped for.

    >>> import hexlab
    >>> agent = hexlab.pretrained(3)
    >>> agent.metadata["strength"]["openings of 1 move"]["won"]
    9
    >>> hexlab.search(hexlab.Board(size=3), agent, 64).best
    'b2'
    """
    sizes = pretrained_sizes()
    if size not in sizes:
        raise ConfigError(
            f"no agent is shipped for size {size!r}, only for {', '.join(map(str, sizes))}: train one with `hexlab train --size N`"
        )
    with importlib.resources.as_file(_FOLDER.joinpath(f"{size}x{size}.safetensors")) as path:
        return load(path, batch=batch)

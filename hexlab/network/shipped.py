"""Agents that come with the package: trained by self-play alone, each with a card that says how and how strong (`hexlab.cards`)."""

import importlib.resources

from hexlab.cards import find_card
from hexlab.network.checkpoints import load
from hexlab.network.evaluator import NetworkEvaluator

__all__ = ["pretrained"]


def pretrained(agent: int | str = 5, batch: int = 256) -> NetworkEvaluator:
    """Return the network of an agent that ships, an `Evaluator`.

    Args:
        agent: board size, for the agent of its preset (of the frontier's strongest where it has none); or the name of an agent, as
            `hexlab.cards.list_cards` and ``hexlab agents`` list them.
        batch: rows of the evaluator's pinned batch shape.

    Returns:
        The evaluator. Its ``metadata`` is the agent's card: ``origin`` (command, seed, commit), ``cost`` (FLOPs, positions, seconds),
        ``strength`` (blunder rates with their 95 % intervals) and more, see `hexlab.cards`.

    Raises:
        ConfigError: no such agent, or a size that none is shipped for.

    >>> import hexlab
    >>> agent = hexlab.pretrained(3)
    >>> agent.metadata["strength"]["openings of 1 move"]["won"]
    9
    >>> hexlab.search(hexlab.Board(size=3), agent, 64).best
    'b2'
    >>> strongest = hexlab.cards.list_cards(4)[-1]
    >>> hexlab.pretrained(strongest.name).architecture.size
    4
    """
    with importlib.resources.as_file(find_card(agent).file) as path:
        return load(path, batch=batch)

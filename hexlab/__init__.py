"""hexlab: agents that teach themselves Hex, a tournament anchored to perfect play, and the scaling laws of both.

The names here are those a newcomer needs; each is loaded when it is first used, so that ``import hexlab`` takes no time and loads
neither JAX nor matplotlib. Everything else lives in the rooms: `rules`, `mcts`, `network`, `training`, `arena` and `scaling`. `cards`
tells which trained agents ship.

>>> import hexlab
>>> board = hexlab.Board(size=3)
>>> board.push("b2")
>>> hexlab.solve(board).winner.name
'BLACK'
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hexlab import arena as arena
    from hexlab import cards as cards
    from hexlab import mcts as mcts
    from hexlab import network as network
    from hexlab import rules as rules
    from hexlab import scaling as scaling
    from hexlab import training as training
    from hexlab.mcts import gumbel, puct, regularized, rollouts, search, uniform
    from hexlab.network.shipped import pretrained
    from hexlab.rules.batch import Boards
    from hexlab.rules.board import Board, Color
    from hexlab.rules.solver import solve

    __version__: str

__all__ = [
    "Board",
    "Boards",
    "Color",
    "__version__",
    "arena",
    "cards",
    "gumbel",
    "mcts",
    "network",
    "pretrained",
    "puct",
    "regularized",
    "rollouts",
    "rules",
    "scaling",
    "search",
    "solve",
    "training",
    "uniform",
]

_HOMES = {
    "Board": "hexlab.rules.board",
    "Boards": "hexlab.rules.batch",
    "Color": "hexlab.rules.board",
    "gumbel": "hexlab.mcts",
    "pretrained": "hexlab.network",
    "puct": "hexlab.mcts",
    "regularized": "hexlab.mcts",
    "rollouts": "hexlab.mcts",
    "search": "hexlab.mcts",
    "solve": "hexlab.rules.solver",
    "uniform": "hexlab.mcts",
}
_ROOMS = ("arena", "cards", "mcts", "network", "rules", "scaling", "training")


def __getattr__(name: str) -> Any:
    """Load a name when it is first used (PEP 562)."""
    value: Any
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        return importlib.import_module(f"hexlab.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("hexlab")
    else:
        raise AttributeError(f"module 'hexlab' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})

"""The agents in the page's menu: those of the package, those of the runs in a folder, and some that need no network.

What they judge positions by is found where the words of the command line are (`hexlab.app.agents`). The page calls runs by their names in
its folder, and has two agents of its own: perfect play as a judge for searches, up to boards that are solved at once, and that of lesson 2.
"""

import contextlib
import dataclasses
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

from hexlab import mcts
from hexlab.app.agents import SHIPPED, find_judge, list_sizes
from hexlab.app.lessons import fixed_judge
from hexlab.app.web.learning import Runs
from hexlab.app.web.safety import Refusal
from hexlab.cards import Card, list_cards
from hexlab.errors import ConfigError
from hexlab.protocols import Evaluator
from hexlab.rules import MAX_SIZE

__all__ = ["Agent", "Agents"]

_KEPT = 16  # evaluators in memory
_USUAL_SIMULATIONS = 64  # of a new game; the Elo of the frontier's agents is that of this search
_RUN = "run:"
_SOLVED_SIZES = tuple(range(2, 6))  # 6x6 takes the solver seconds a position


@dataclasses.dataclass(frozen=True)
class Agent:
    """An agent that can be chosen.

    Attributes:
        key: what the page calls it: "pretrained:5", "pretrained:" and an agent's name, "run:" and the run's name, "rollouts", "perfect",
            "lesson-2".
        title: a few words for a menu.
        sizes: board sizes that it plays.
        snapshots: numbers of a run's snapshots, increasing; none for others.
    """

    key: str
    title: str
    sizes: tuple[int, ...]
    snapshots: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return dataclasses.asdict(self)


class _Parameters(NamedTuple):
    """A file of parameters, as it was when it was looked for."""

    file: Path
    changed: int  # nanoseconds
    length: int  # bytes


class Agents:
    """Finds and loads agents; asked by any thread.

    Args:
        runs: the runs to offer.
    """

    def __init__(self, runs: Runs):
        """Remember where runs are; nothing is loaded yet."""
        self.runs = runs
        self._shipped = [_describe_shipped(card) for card in list_cards()]
        self._evaluators: OrderedDict[tuple[str, int, _Parameters | None], Evaluator] = OrderedDict()
        self._lock = threading.Lock()

    def list_agents(self) -> list[Agent]:
        """Return all agents, those of the package first: of each board the preset's, then the frontier's by their Elo."""
        runs = [
            Agent(f"{_RUN}{run.name}", f"Run {run.name} ({run.size}×{run.size})", (run.size,), run.snapshots)
            for run in self.runs.list_runs()
            if run.snapshots
        ]
        return [
            *self._shipped,
            *runs,
            Agent("rollouts", "Random playouts, no network", tuple(range(2, MAX_SIZE + 1))),
            Agent("perfect", "Perfect play (solver)", _SOLVED_SIZES),
            Agent("lesson-2", "The judge of lesson 2", (2,)),
        ]

    def find(self, key: str, size: int, snapshot: int | None = None) -> Agent:
        """Return an agent by its key.

        Raises:
            Refusal: no such agent.
            ConfigError: a board that it does not play, or a snapshot that it does not have.
        """
        agent = next((agent for agent in self.list_agents() if agent.key == key), None)
        if agent is None:
            raise Refusal(404, f"there is no agent {key[:100]!r}: choose one of the list")
        if size not in agent.sizes:
            raise ConfigError(f"{agent.title} does not play {size}×{size}: it plays {list_sizes(agent.sizes, by='×')}")
        if snapshot is not None and snapshot not in agent.snapshots:
            raise ConfigError(f"{agent.title} has no snapshot {snapshot}: it has {', '.join(map(str, agent.snapshots)) or 'none'}")
        return agent

    def load(self, key: str, size: int, snapshot: int | None = None) -> Evaluator:
        """Return an agent's evaluator, the same one whenever it is asked for while it is in use; may take seconds.

        A run that is trained anew under its old name is another agent.

        Raises:
            HexlabError: no such agent, or a file that cannot be read.
        """
        with self._lock:
            name = (key, size, self._find_parameters(key, snapshot))
            if name not in self._evaluators:
                self._evaluators[name] = self._make(*name)
                while len(self._evaluators) > _KEPT:
                    self._evaluators.popitem(last=False)
            self._evaluators.move_to_end(name)
            return self._evaluators[name]

    def _find_parameters(self, key: str, snapshot: int | None) -> _Parameters | None:
        """Return what a run's snapshot is known by; None for other agents, which stay as they are."""
        if not key.startswith(_RUN):
            return None
        from hexlab import network

        file = network.find_snapshot(self.runs.find(key.removeprefix(_RUN)).path, snapshot)
        with contextlib.suppress(OSError):  # who loads it is told why
            state = file.stat()
            return _Parameters(file, state.st_mtime_ns, state.st_size)
        return _Parameters(file, 0, 0)

    def _make(self, key: str, size: int, parameters: _Parameters | None) -> Evaluator:
        if key == "perfect":
            return mcts.solved(size)
        if key == "lesson-2":
            return fixed_judge()
        return find_judge(key if parameters is None else str(parameters.file)).load(size)


def _describe_shipped(card: Card) -> Agent:
    """Return what the menu says of an agent of the package; the frontier's are told by their Elo where the page searches by default."""
    if card.kind == "preset":
        return Agent(f"{SHIPPED}{card.size}", f"Shipped {card.size}×{card.size} network", (card.size,))
    rating = card.find_elo(_USUAL_SIMULATIONS)
    elo = f"{round(rating['elo']):+d}".replace("-", "−") if rating else "unknown"
    zero = "" if card.knows_zero else " from the best"
    return Agent(f"{SHIPPED}{card.name}", f"Elo {elo}{zero} at {_USUAL_SIMULATIONS}, {card.width}×{card.depth} network", (card.size,))

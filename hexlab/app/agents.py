"""Agents by the words that name them on the command line: the one place where words become players, and what judges for them.

| words | agent |
|---|---|
| ``random`` | plays every legal move with the same chance, on any size |
| ``perfect`` | the exact solver, up to 6x6 |
| ``rollouts`` | search with random games instead of a network, on any size |
| ``pretrained`` | the agents that ship, each on its own size; ``pretrained:5`` is that of 5x5 |
| ``pretrained:NAME`` | an agent that ships, by its name in ``hexlab agents`` |
| a path | the folder of a run, or a file of parameters |
| ``PLAYER.py`` | a player's file (`hexlab.arena.SubmissionPlayer`), on any size |
| ``gtp:COMMAND`` | any program that speaks GTP, on the sizes that it accepts |

A search may say its simulations a move behind ``@``, as in ``pretrained:5@64``. The last two play in processes of their own. The page
searches by the same judges, and has a menu in place of words (`hexlab.app.web.agents`).
"""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from hexlab import arena, mcts
from hexlab.cards import find_card, list_cards
from hexlab.errors import ConfigError, RunError
from hexlab.protocols import Evaluator, Player
from hexlab.rules import solver
from hexlab.rules.cells import MAX_SIZE

__all__ = ["BATCH", "SHIPPED", "Agent", "Judge", "find_agent", "find_judge", "list_sizes"]

BATCH = 64
"""Rows of a network call: the least that is pinned, as one game is played at a time, or some dozens on the page."""
SHIPPED = "pretrained:"
"""What stands before the name, or the board, of an agent that ships."""

_PROGRAM = "gtp:"
_FILE = ".py"
_EVERY_SIZE = tuple(range(1, MAX_SIZE + 1))


@dataclasses.dataclass(frozen=True)
class Judge:
    """What judges positions for a search, on each board size that it knows.

    Attributes:
        name: what it is called in the name of a player.
        sizes: board sizes, in increasing order.
        load: returns the evaluator of a size.
    """

    name: str
    sizes: tuple[int, ...]
    load: Callable[[int], Evaluator]


@dataclasses.dataclass(frozen=True)
class Agent:
    """A player for each board size that it plays.

    Attributes:
        name: as the command line has it.
        sizes: board sizes, in increasing order.
        make: makes the player of a size.
        simulations: evaluations a move that its words tell, None where they do not.
    """

    name: str
    sizes: tuple[int, ...]
    make: Callable[[int], Player]
    simulations: int | None = None

    @property
    def usual_size(self) -> int:
        """The size to play on where none is asked for."""
        return 5 if 5 in self.sizes else self.sizes[-1]

    def player(self, size: int) -> Player:
        """Return the player of a size.

        Raises:
            ConfigError: a size that the agent does not play.
        """
        if size not in self.sizes:
            raise ConfigError(f"{self.name} plays {list_sizes(self.sizes)}, not {size}x{size}")
        return self.make(size)

    @contextlib.contextmanager
    def open(self, size: int) -> Iterator[Player]:
        """Lend the player of a size; a process of its own ends with the loan.

        Raises:
            ConfigError: a size that the agent does not play.
        """
        player = self.player(size)
        with player if isinstance(player, contextlib.AbstractContextManager) else contextlib.nullcontext():
            yield player


def find_agent(words: str, simulations: int, seconds: float | None = None) -> Agent:
    """Return the agent that some words name.

    Args:
        words: see the table above.
        simulations: evaluations a move where the words do not tell.
        seconds: time that a program or a player's file may take for a move; without it they are not accepted.

    Raises:
        RunError: no such agent.
        ConfigError: a size or name that no agent is shipped for, simulations that are none or that nobody uses, or a program where none
            may be.
        CheckpointError: a file that holds no network.

    >>> find_agent("perfect", 64).sizes
    (1, 2, 3, 4, 5, 6)
    >>> find_agent("rollouts@8", 64).player(3).name
    'rollouts@8'
    """
    if words.startswith(_PROGRAM) or words.endswith(_FILE):
        if seconds is None:
            places = "`hexlab match`, `hexlab play` and `hexlab tournament`"
            raise ConfigError(f"{words!r} plays in a process of its own, which it can in {places}, but not here")
        limit = seconds
        if words.startswith(_PROGRAM):
            return Agent(words, _EVERY_SIZE, lambda size: arena.GtpPlayer(words.removeprefix(_PROGRAM), limit))
        return Agent(words, _EVERY_SIZE, lambda size: arena.SubmissionPlayer(words, limit))
    match = None if Path(words).exists() else re.fullmatch(r"(.+)@([0-9]{1,9})", words)
    kind, told = (words, None) if match is None else (match[1], int(match[2]))
    budget = simulations if told is None else told
    if match is not None and (kind in ("random", "perfect") or kind.endswith(_FILE)):
        raise ConfigError(f"{words!r}: {kind} takes no number of simulations, leave out '@{match[2]}'")
    if budget < 1:
        raise ConfigError(f"{budget} simulations for {kind}: give a whole number from 1 up; 1 is the raw policy")
    if kind == "random":
        return Agent(kind, _EVERY_SIZE, lambda size: arena.RandomPlayer())
    if kind == "perfect":
        return Agent(kind, _EVERY_SIZE[: solver.MAX_SIZE], arena.SolverPlayer)
    if kind not in ("rollouts", "pretrained") and not kind.startswith(SHIPPED) and not Path(kind).exists():
        known = "'pretrained', 'pretrained:5', 'random', 'perfect' or 'rollouts'"
        known = known if seconds is None else f"{known}, a player's file (.py), or 'gtp:' and a command"
        raise RunError(f"no agent at {kind!r}: name a run folder, a parameter file, {known}")
    judge = find_judge(kind)
    return Agent(kind, judge.sizes, lambda size: arena.SearchPlayer(judge.load(size), budget, name=f"{judge.name}@{budget}"), told)


def find_judge(words: str) -> Judge:
    """Return what judges positions for the search that some words name.

    Args:
        words: ``rollouts``, those of an agent that ships, or a path, as in the table above.

    Raises:
        ConfigError: a size or name that no agent is shipped for.
        CheckpointError: a path where there is no network.

    >>> find_judge("pretrained:5").sizes
    (5,)
    """
    if words == "rollouts":
        return Judge(words, _EVERY_SIZE, lambda size: mcts.rollouts(games=16))
    from hexlab import network

    if words == "pretrained":
        sizes = sorted({card.size for card in list_cards()})
        return Judge(words, tuple(sizes), lambda size: network.pretrained(size, batch=BATCH))
    if words.startswith(SHIPPED):
        card = find_card(words.removeprefix(SHIPPED))
        name = "pretrained" if card.kind == "preset" else card.name
        return Judge(name, (card.size,), lambda size: network.pretrained(card.name, batch=BATCH))
    net = network.load(words, batch=BATCH)
    return Judge(Path(words).name, (net.architecture.size,), lambda size: net)


def list_sizes(sizes: tuple[int, ...], by: str = "x") -> str:
    """Return board sizes as a sentence has them, with the sign that stands between the sides.

    >>> list_sizes((3, 5)), list_sizes((2, 3, 4, 5), by="×")
    ('3x3 and 5x5', '2×2 to 5×5')
    """
    names = [f"{size}{by}{size}" for size in sizes]
    if len(sizes) > 3 and sizes == tuple(range(sizes[0], sizes[-1] + 1)):
        return f"{names[0]} to {names[-1]}"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

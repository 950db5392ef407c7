"""What `hexlab verify` measures of a trained agent: blunder rates on several kinds of positions, and openings won or given away."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from hexlab import arena, network
from hexlab.errors import ConfigError, RunError
from hexlab.lab.health import SOLVED_SIZES, Share, convert_openings, count_blunders, random_suite, selfplay_suite, solved_suites
from hexlab.rules.solver import Solver

__all__ = ["Finding", "verify"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One measured share.

    Attributes:
        what: "blunders", positions in which the move gave a won game away, or "openings", won openings of which every game was won.
        where: which positions or openings.
        simulations: network evaluations a move.
        share: the count out of the total, with its 95 % interval.
        lost: the won openings of which a game was lost, such as "b2 a1".
    """

    what: str
    where: str
    simulations: int
    share: Share
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for the terminal."""
        noun = "blunders" if self.what == "blunders" else "openings won"
        lost = f"; lost: {', '.join(self.lost)}" if self.lost else ""
        return f"{noun:>12} at {self.simulations:>4} simulations, {self.where}: {self.share}{lost}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values: shares in [0, 1], the ends of the 95 % interval beside them; None out of nothing."""
        low, high = self.share.interval
        return {
            "what": self.what,
            "where": self.where,
            "simulations": self.simulations,
            "count": self.share.count,
            "total": self.share.total,
            "share": self.share.share if self.share.total else None,
            "low": low,
            "high": high,
            "lost": list(self.lost),
        }


def verify(
    agent: str | os.PathLike, simulations: Sequence[int], positions: int = 1000, seed: int = 0, games_at: int | None = 64
) -> Iterator[Finding]:
    """Measure an agent by the standard of perfect play and yield each finding as it comes.

    Random positions, the games of a run and whole openings are judged on the boards that the solver covers; up to 7x7 there are
    shipped suites of solved positions.

    Args:
        agent: folder of a run, or a file of parameters.
        simulations: budgets, in network evaluations a move.
        positions: random won positions to ask about, at least 1.
        seed: of the positions, the search and the games.
        games_at: budget at which won openings of one and two moves are played out, 3 games each; None plays none.

    Raises:
        RunError: a board on which nothing is known.
        ConfigError: a number out of its range.
    """
    for name, value in (*(("simulations", number) for number in simulations), ("positions", positions), ("simulations", games_at or 1)):
        if value < 1:
            raise ConfigError(f"{name}={value}: give a number from 1 up")
    net = network.load(agent)
    size = net.architecture.size
    folder = pathlib.Path(agent)
    suites = []
    if size in SOLVED_SIZES:
        solver = Solver(size)
        suites.append(random_suite(size, positions, seed, solver))
        if (folder / "games").is_dir():
            suites.append(selfplay_suite(folder, size, solver))
    suites += solved_suites(size)
    if not suites:
        raise RunError(f"{agent} plays {size}x{size}: perfect play is known from {SOLVED_SIZES[0]}x{SOLVED_SIZES[0]} to 7x7 only")
    for suite in suites:
        for number in simulations:
            share = count_blunders(arena.SearchPlayer(net, number), suite, seed)
            yield Finding("blunders", suite.name, number, share)
    if games_at is not None and size in SOLVED_SIZES:
        for moves in (1, 2):
            won = convert_openings(arena.SearchPlayer(net, games_at), size, moves, seed)
            yield Finding("openings", f"of {moves} move{'s' * (moves > 1)}", games_at, won.openings, won.lost)

"""Where Elo 0 lies in a pool that perfect play does not take part in.

Elo 0 is perfect play. Where the solver plays whole games it meets the pool, and that is all there is to say. On larger boards the anchor
is the strongest agent at the largest budget of search, and its own distance from perfect play is estimated:

1. The anchor plays the winning side of the shipped solved positions against itself. Were the openings such positions and the opponent
   perfect play, a share c of converted wins would be a score of c / 2, for perfect play converts all of its own: Elo
   ``E(c) = 400 log10((c / 2) / (1 - c / 2))``.
2. They are not, and neither is it. On boards where perfect play is in the pool too, the agent that would have been the anchor converts
   the solved positions of its board in the same way, and its true Elo is known: the differences ``d = Elo - E(c)`` of these boards tell
   how far the stand-in misleads.
3. The anchor's Elo is E(c) plus the mean of d. Its interval holds the luck of the positions and, by Student's t, what d differs by from
   board to board: a prediction interval for one board more. It is wide where there are few boards to learn from, as it should be.

On boards without solved positions nothing is known but that the anchor is at 0 itself: its uncertainty is not a number.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import t as student

from hexlab.arena.bradley_terry import ELO_PER_NAT, Z
from hexlab.arena.ratings import Anchor, rate
from hexlab.arena.suites import convert_positions, read_solved
from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.records import Agent, Conversion, Pairing

__all__ = ["calibrate_anchor", "find_anchors", "find_strongest", "measure_conversion"]

_SEED = 5


def find_strongest(pairings: Iterable[Pairing], agents: Iterable[Agent]) -> str:
    """Return the agent of a pool to stand in for perfect play: the strongest of those that search most.

    Raises:
        ConfigError: no snapshot took part.
    """
    budgets = {agent.agent: agent.test_simulations for agent in agents if agent.kind == "snapshot"}
    rated = [row.agent for row in rate(pairings, anchor="best") if row.agent in budgets]
    if not rated:
        raise ConfigError("no snapshot took part in these games: an anchor is one of them")
    most = max(budgets[agent] for agent in rated)
    return next(agent for agent in rated if budgets[agent] == most)


def measure_conversion(player: Player, size: int) -> Conversion:
    """Let a player convert the solved positions of a board against itself.

    Raises:
        ConfigError: a board without solved positions.
    """
    solved = read_solved(size)
    won = convert_positions(player, player, solved.boards, solved.winner, _SEED)
    return Conversion(size, player.name, int(won.sum()), len(won))


def calibrate_anchor(measured: Conversion, references: Sequence[tuple[Conversion, float]]) -> Anchor:
    """Estimate the Elo of a pool's strongest agent from the solved positions that it converts (see the module).

    Args:
        measured: of the agent.
        references: agents of pools in which perfect play is 0, with their Elo there.

    Raises:
        ConfigError: references of fewer than two boards.

    >>> near = Conversion(5, "a", converted=270, positions=300), Conversion(6, "b", converted=276, positions=300)
    >>> anchor = calibrate_anchor(Conversion(7, "c", 273, 300), [(near[0], -20.0), (near[1], -10.0)])
    >>> anchor.kind, round(anchor.elo)
    ('strongest', -15)
    """
    boards = sorted({reference.size for reference, _ in references})
    if len(boards) < 2:
        raise ConfigError(
            f"the anchor of {measured.size}x{measured.size} is calibrated on boards {boards}: give references of at least two, for how much"
            " boards differ is part of its interval"
        )
    gaps = [np.mean([elo - _stand_in_elo(each)[0] for each, elo in references if each.size == size]) for size in boards]
    level, luck = _stand_in_elo(measured)
    between = float(np.std(gaps, ddof=1)) * math.sqrt(1 + 1 / len(boards))
    reach = float(student.ppf(0.975, len(boards) - 1))
    return Anchor(measured.agent, "strongest", level + float(np.mean(gaps)), math.hypot(Z * luck, reach * between))


def find_anchors(pairings: Iterable[Pairing], agents: Iterable[Agent], conversions: Iterable[Conversion] = ()) -> dict[int, Anchor]:
    """Return what has a known distance from perfect play in the pool of each board.

    Perfect play itself where the pool holds it; else the agent whose conversion was measured, calibrated on the boards where perfect play
    is in the pool and a conversion was measured too; else the strongest at 0, with an error that is not a number.

    Args:
        pairings: of all boards.
        agents: of all boards.
        conversions: one for each board at most, of the agent that `find_strongest` names.

    Raises:
        ConfigError: two conversions of one board, one of an agent that is not in the pool, or too few to calibrate another.
    """
    pools: dict[int, list[Pairing]] = {}
    for row in pairings:
        pools.setdefault(row.size, []).append(row)
    kinds = {agent.agent: agent for agent in agents}
    measured: dict[int, Conversion] = {}
    for conversion in conversions:
        if conversion.size in measured:
            raise ConfigError(f"two conversions on {conversion.size}x{conversion.size}: give that of the anchor alone")
        measured[conversion.size] = conversion

    anchors, references = {}, []
    for size, rows in sorted(pools.items()):
        names = {name for row in rows for name in (row.first, row.second)}
        perfect = next((name for name in sorted(names) if kinds[name].kind == "perfect"), None)
        if size in measured and measured[size].agent not in names:
            raise ConfigError(f"{measured[size].agent!r} converted positions on {size}x{size} and is not in the pool there")
        if perfect is not None:
            anchors[size] = Anchor(perfect, "perfect")
            if size in measured:
                references.append((measured[size], rate(rows, anchor=perfect)[measured[size].agent].elo))
    for size, rows in sorted(pools.items()):
        if size not in anchors:
            if size in measured:
                anchors[size] = calibrate_anchor(measured[size], references)
            else:
                anchors[size] = Anchor(find_strongest(rows, kinds.values()), "strongest", 0.0, math.nan)
    return dict(sorted(anchors.items()))


def _stand_in_elo(conversion: Conversion) -> tuple[float, float]:
    """Return E(c) and its standard deviation by luck of the positions, Elo; half a position more each way keeps both finite."""
    share = (conversion.converted + 0.5) / (conversion.positions + 1)
    score = share / 2
    by_share = ELO_PER_NAT / (2 * score * (1 - score))
    return ELO_PER_NAT * math.log(score / (1 - score)), by_share * math.sqrt(share * (1 - share) / conversion.positions)

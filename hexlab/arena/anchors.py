"""Where Elo 0 lies in a pool that perfect play does not take part in.

Elo 0 is perfect play. Where the solver plays whole games it meets the pool, and that is all there is to say. On larger boards the anchor
is the strongest agent at the largest budget of search, and its own distance from perfect play is estimated:

1. The strongest agents play the winning side of the shipped solved positions against themselves. Were the openings such positions and the
   opponent perfect play, a share c of converted wins would be a score of c / 2, for perfect play converts all of its own: Elo
   ``E(c) = 400 log10((c / 2) / (1 - c / 2))``.
2. They are not, and neither is it. On boards where perfect play is in the pool too, the agents that would have been asked convert the
   solved positions of their board in the same way, and their true Elo is known: the mean difference ``d = Elo - E(c)`` of each board tells
   how far the stand-in misleads. Several agents are asked, for each of their Elos is lucky or unlucky by the games of its pairs.
3. The anchor's Elo is E(c), its distance from each agent asked taken off, plus the mean of d. Its interval holds the luck of the positions
   and, by Student's t, what d differs by from board to board: a prediction interval for one board more. It is wide where there are few
   boards to learn from, as it should be.

On boards without solved positions, or with perfect play on fewer than two boards to learn from, nothing is known but that the anchor is at
0 itself: its uncertainty is not a number.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import stdtrit

from hexlab.arena.bradley_terry import ELO_PER_NAT, Z
from hexlab.arena.ratings import Anchor, rate
from hexlab.arena.suites import convert_positions, read_solved
from hexlab.arena.witnesses import NEAR
from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.records import Agent, Conversion, Pairing, Rating

__all__ = ["calibrate_anchor", "find_anchors", "find_strongest", "measure_conversion", "rate_boards"]

_SEED = 5


def find_strongest(pairings: Iterable[Pairing], agents: Iterable[Agent], count: int = 5) -> list[str]:
    """Return the agents of a pool to stand in for perfect play, the strongest first: of those that search most, and within 100 Elo.

    Raises:
        ConfigError: no snapshot took part.
    """
    budgets = {agent.agent: agent.test_simulations for agent in agents if agent.kind == "snapshot"}
    rated = [row for row in rate(pairings, anchor="best") if row.agent in budgets]
    if not rated:
        raise ConfigError("no snapshot took part in these games: an anchor is one of them")
    most = max(budgets[row.agent] for row in rated)
    rated = [row for row in rated if budgets[row.agent] == most]
    return [row.agent for row in rated if row.elo >= rated[0].elo - NEAR][:count]


def measure_conversion(player: Player, size: int) -> Conversion:
    """Let a player convert the solved positions of a board against itself.

    Raises:
        ConfigError: a board without solved positions.
    """
    solved = read_solved(size)
    won = convert_positions(player, player, solved.boards, solved.winner, _SEED)
    return Conversion(size, player.name, int(won.sum()), len(won))


def calibrate_anchor(agent: str, measured: Sequence[tuple[Conversion, float]], references: Sequence[tuple[Conversion, float]]) -> Anchor:
    """Estimate the Elo of a pool's strongest agent from the solved positions that it and its likes convert (see the module).

    Args:
        agent: the anchor.
        measured: agents of its pool, with their Elo if the anchor's were 0.
        references: agents of pools in which perfect play is 0, with their Elo there.

    Raises:
        ConfigError: nothing measured, or references of fewer than two boards.

    >>> near = [(Conversion(5, "a", 270, 300), -20.0), (Conversion(6, "b", 276, 300), -10.0)]
    >>> anchor = calibrate_anchor("c", [(Conversion(7, "c", 273, 300), 0.0), (Conversion(7, "d", 267, 300), -9.0)], near)
    >>> anchor.kind, round(anchor.elo)
    ('strongest', -14)
    """
    boards = sorted({reference.size for reference, _ in references})
    if not measured or len(boards) < 2:
        raise ConfigError(
            f"the anchor {agent!r} has {len(measured)} conversions of its pool and references on boards {boards}: give one at least, and"
            " references of two boards, for how much boards differ is part of its interval"
        )
    gaps = [np.mean([elo - _stand_in_elo(each)[0] for each, elo in references if each.size == size]) for size in boards]
    levels = [_stand_in_elo(each)[0] - elo for each, elo in measured]
    # All convert the same positions, so their luck is one and is not averaged out.
    luck = float(np.mean([_stand_in_elo(each)[1] for each, _ in measured]))
    between = float(np.std(gaps, ddof=1)) * math.sqrt(1 + 1 / len(boards))
    reach = float(stdtrit(len(boards) - 1, 0.975))
    return Anchor(agent, "strongest", float(np.mean(levels)) + float(np.mean(gaps)), math.hypot(Z * luck, reach * between))


def find_anchors(pairings: Iterable[Pairing], agents: Iterable[Agent], conversions: Iterable[Conversion] = ()) -> dict[int, Anchor]:
    """Return what has a known distance from perfect play in the pool of each board.

    Perfect play itself where the pool holds it; else the strongest agent, calibrated if conversions of its pool were measured and those
    of two pools with perfect play, the references; else the strongest at 0, with an error that is not a number.

    Args:
        pairings: of all boards.
        agents: of all boards.
        conversions: of the agents that `find_strongest` names on each board; those of weaker ones are passed over.

    Raises:
        ConfigError: a conversion by an agent that is not in the pool of its board.
    """
    pools: dict[int, list[Pairing]] = {}
    for row in pairings:
        pools.setdefault(row.size, []).append(row)
    kinds = {agent.agent: agent for agent in agents}
    measured: dict[int, list[Conversion]] = {}
    for conversion in conversions:
        measured.setdefault(conversion.size, []).append(conversion)

    anchors: dict[int, Anchor] = {}
    to_calibrate: dict[int, list[tuple[Conversion, float]]] = {}
    references: list[tuple[Conversion, float]] = []
    for size, rows in sorted(pools.items()):
        names = {name for row in rows for name in (row.first, row.second)}
        perfect = next((name for name in sorted(names) if kinds[name].kind == "perfect"), None)
        anchor = Anchor(perfect, "perfect") if perfect else Anchor(find_strongest(rows, kinds.values())[0], "strongest", 0.0, math.nan)
        anchors[size] = anchor
        if strange := [each.agent for each in measured.get(size, ()) if each.agent not in names]:
            raise ConfigError(f"{strange[0]!r} converted positions on {size}x{size} and is not in the pool there")
        if size in measured:
            converted = {each.agent: each for each in measured[size]}
            # The strongest first, in whatever order they come: sums of floats differ by order in their last bits.
            asked = [row for row in rate(rows, anchor=anchor.agent) if row.agent in converted]
            known = [(converted[row.agent], row.elo) for row in asked if row.elo >= asked[0].elo - NEAR]
            if perfect:
                references += known
            else:
                to_calibrate[size] = known
    if len({each.size for each, _ in references}) < 2:
        return anchors
    return anchors | {size: calibrate_anchor(anchors[size].agent, known, references) for size, known in to_calibrate.items()}


def rate_boards(pairings: Iterable[Pairing], agents: Iterable[Agent], conversions: Iterable[Conversion] = ()) -> list[Rating]:
    """Rate the pools of all boards, each by what has a known distance from perfect play there; arguments and errors of `find_anchors`.

    >>> games = [Pairing(3, "perfect-3", "random-3", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)]
    >>> agents = [Agent(f"{kind}-3", 3, kind, "", -1, 0, 0.0) for kind in ("perfect", "random")]
    >>> [(row.agent, round(row.elo)) for row in rate_boards(games, agents)]
    [('perfect-3', 0), ('random-3', -338)]
    """
    rows = list(pairings)
    anchors = find_anchors(rows, agents, conversions)
    return [row for size, anchor in anchors.items() for row in rate((row for row in rows if row.size == size), anchor=anchor)]


def _stand_in_elo(conversion: Conversion) -> tuple[float, float]:
    """Return E(c) and its standard deviation by luck of the positions, Elo; half a position more each way keeps both finite."""
    share = (conversion.converted + 0.5) / (conversion.positions + 1)
    score = share / 2
    by_share = ELO_PER_NAT / (2 * score * (1 - score))
    return ELO_PER_NAT * math.log(score / (1 - score)), by_share * math.sqrt(share * (1 - share) / conversion.positions)

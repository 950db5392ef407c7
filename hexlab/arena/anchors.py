"""Where Elo 0 lies in a pool that perfect play does not take part in.

Elo 0 is perfect play. Where the solver plays whole games it meets the pool, and that is all there is to say. On larger boards the anchor
are the strongest agents at the largest budget of search, and their own distance from perfect play, taken together, is estimated:

1. They play the winning side of the shipped solved positions against themselves. Were the openings such positions and the opponent
   perfect play, a share c of converted wins would be a score of c / 2, for perfect play converts all of its own: Elo
   ``E(c) = 400 log10((c / 2) / (1 - c / 2))``.
2. They are not, and neither is it. On boards where perfect play is in the pool too, the agents that would have been asked convert the
   solved positions of their board in the same way, and their true Elo is known: the mean difference ``d = Elo - E(c)`` of each board tells
   how far the stand-in misleads. Several agents are asked, for each of their Elos is lucky or unlucky by the games of its pairs; only such
   as are about as strong as the first, for weaker ones convert more than their Elo promises, for the reason in `hexlab.arena.witnesses`.
3. The mean Elo of those asked is the mean of E(c) plus the mean of d. Its interval holds the luck of the positions and, by Student's t,
   what d differs by from board to board: a prediction interval for one board more. It is wide where there are few boards to learn from,
   as it should be.

On boards without solved positions, or with perfect play on fewer than two boards to learn from, nothing is known but that the strongest is
at 0 itself: its uncertainty is not a number.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.special import stdtrit

from hexlab.arena.bradley_terry import ELO_PER_NAT, Z
from hexlab.arena.ratings import Anchor, rate
from hexlab.arena.suites import convert_positions, read_solved
from hexlab.errors import ConfigError
from hexlab.protocols import Player
from hexlab.records import Agent, Conversion, Pairing, Rating

__all__ = ["calibrate_anchor", "find_anchors", "find_strongest", "measure_conversion", "rate_boards"]

_SEED = 5
_NEAR = 100  # Elo below the first, down to which agents stand in for perfect play
_DIGITS = 6
_ROUNDED = ("elo", "low", "high", "perfect_score", "perfect_score_low", "perfect_score_high", "anchor_error")


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
    return [row.agent for row in rated if row.elo >= rated[0].elo - _NEAR][:count]


def measure_conversion(player: Player, size: int) -> Conversion:
    """Let a player convert the solved positions of a board against itself.

    Raises:
        ConfigError: a board without solved positions.
    """
    solved = read_solved(size)
    won = convert_positions(player, player, solved.boards, solved.winner, _SEED)
    return Conversion(size, player.name, int(won.sum()), len(won))


def calibrate_anchor(measured: Sequence[Conversion], references: Sequence[tuple[Conversion, float]]) -> Anchor:
    """Estimate the mean Elo of a pool's strongest agents from the solved positions that they and their likes convert (see the module).

    Args:
        measured: conversions of its strongest agents.
        references: those of agents of pools in which perfect play is 0, with their Elo there.

    Raises:
        ConfigError: nothing measured, or references of fewer than two boards.

    >>> near = [(Conversion(5, "a", 270, 300), -20.0), (Conversion(6, "b", 276, 300), -10.0)]
    >>> anchor = calibrate_anchor([Conversion(7, "c", 273, 300), Conversion(7, "d", 267, 300)], near)
    >>> anchor.name, anchor.kind, round(anchor.elo)
    ('c + d', 'strongest', -18)
    """
    boards = sorted({reference.size for reference, _ in references})
    agents = tuple(each.agent for each in measured)
    if not measured or len(boards) < 2:
        raise ConfigError(
            f"the anchor {agents} has references on boards {boards}: give one conversion of its pool at least, and references of two"
            " boards, for how much boards differ is part of its interval"
        )
    gaps = [np.mean([elo - _stand_in_elo(each)[0] for each, elo in references if each.size == size]) for size in boards]
    stand_ins = np.array([_stand_in_elo(each) for each in measured])
    # All convert the same positions, so their luck is one and is not averaged out.
    level, luck = stand_ins.mean(axis=0)
    between = float(np.std(gaps, ddof=1)) * math.sqrt(1 + 1 / len(boards))
    reach = float(stdtrit(len(boards) - 1, 0.975))
    return Anchor(agents, "strongest", float(level) + float(np.mean(gaps)), math.hypot(Z * float(luck), reach * between))


def find_anchors(pairings: Iterable[Pairing], agents: Iterable[Agent], conversions: Iterable[Conversion] = ()) -> dict[int, Anchor]:
    """Return what has a known distance from perfect play in the pool of each board.

    Perfect play itself where the pool holds it; else the strongest agents, calibrated if conversions of theirs were measured and those
    of two pools with perfect play, the references; else the very strongest at 0, with an error that is not a number.

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
        if not 0 <= conversion.converted <= conversion.positions or conversion.positions < 1:
            raise ConfigError(f"{conversion!r} has not converted from none to all of its positions: measure it again")
        measured.setdefault(conversion.size, []).append(conversion)

    anchors: dict[int, Anchor] = {}
    to_calibrate: dict[int, list[Conversion]] = {}
    references: list[tuple[Conversion, float]] = []
    for size, rows in sorted(pools.items()):
        names = {name for row in rows for name in (row.first, row.second)}
        perfect = next((name for name in sorted(names) if kinds[name].kind == "perfect"), None)
        if perfect:
            anchors[size] = Anchor((perfect,), "perfect")
        else:
            anchors[size] = Anchor(tuple(find_strongest(rows, kinds.values(), 1)), "strongest", 0.0, math.nan)
        if strange := [each.agent for each in measured.get(size, ()) if each.agent not in names]:
            raise ConfigError(f"{strange[0]!r} converted positions on {size}x{size} and is not in the pool there")
        if size in measured:
            converted = {each.agent: each for each in measured[size]}
            # The strongest first, in whatever order they come: sums of floats differ by order in their last bits.
            asked = [row for row in rate(rows, anchor=perfect or "best") if row.agent in converted]
            known = [(converted[row.agent], row.elo) for row in asked if row.elo >= asked[0].elo - _NEAR]
            if perfect:
                references += known
            else:
                to_calibrate[size] = [conversion for conversion, _ in known]
    if len({each.size for each, _ in references}) < 2:
        return anchors
    return anchors | {size: calibrate_anchor(known, references) for size, known in to_calibrate.items()}


def rate_boards(
    pairings: Iterable[Pairing],
    agents: Iterable[Agent],
    conversions: Iterable[Conversion] = (),
    *,
    say: Callable[[str], None] | None = None,
) -> list[Rating]:
    """Rate the pools of all boards, each by what has a known distance from perfect play there, to a millionth of an Elo.

    Arguments and errors are those of `find_anchors`; `say` is told what is done before it is, for thousands of agents take minutes.

    >>> games = [Pairing(3, "perfect-3", "random-3", 0, won_both=30, won_black_only=9, won_white_only=1, lost_both=0)]
    >>> agents = [Agent(f"{kind}-3", 3, kind, "", -1, 0, 0.0) for kind in ("perfect", "random")]
    >>> [(row.agent, round(row.elo)) for row in rate_boards(games, agents)]
    [('perfect-3', 0), ('random-3', -338)]
    """
    rows, say = list(pairings), say or (lambda text: None)
    say("looking for what has a known distance from perfect play")
    anchors = find_anchors(rows, agents, conversions)
    rated: list[Rating] = []
    for size, anchor in anchors.items():
        mine = [row for row in rows if row.size == size]
        say(f"rating {size}x{size}: {len(mine):,} rows of games")
        rated += rate(mine, anchor=anchor)
    return [dataclasses.replace(row, **{name: round(getattr(row, name), _DIGITS) for name in _ROUNDED}) for row in rated]


def _stand_in_elo(conversion: Conversion) -> tuple[float, float]:
    """Return E(c) and its standard deviation by luck of the positions, Elo; half a position more each way keeps both finite."""
    share = (conversion.converted + 0.5) / (conversion.positions + 1)
    score = share / 2
    by_share = ELO_PER_NAT / (2 * score * (1 - score))
    return ELO_PER_NAT * math.log(score / (1 - score)), by_share * math.sqrt(share * (1 - share) / conversion.positions)

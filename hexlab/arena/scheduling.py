"""Which matches tell most: the choice behind `hexlab.arena.play_to_interval`.

An agent's distance from the anchor is a linear function c of all strengths. Games between i and j add information k along d, the
difference of their strengths. By the Sherman-Morrison formula the variance c' S c, with S the covariance of the strengths, falls by

    (c' S d)^2 k / (1 + k d' S d).

Each agent that is not yet known well enough takes the opponents with whom this fall is largest for its own distance. That weighs all
there is: how even the games will be, how well the opponent is known, and how much of what is uncertain both have in common, which
games between them cannot tell. It is the criterion of c-optimal designs of experiments (Elfving 1952), one step ahead for each agent;
activelo, with which Jones (2021) picks matches while training, takes the one pair with the largest p (1 - p) d' S d.

The information of n games is n p (1 - p), and no more than one pair's games can tell: k = 1 / (1 / (n p (1 - p)) + m), with m the
variance of what pairs so far apart stray from one number an agent (see `hexlab.arena.ratings`). So many opponents count for more than
many games, and only the gain over what a pair has played counts. Where that is next to nothing with every opponent, as in a small pool
whose pairs stray far, an agent is as well known as its pool can tell, and is left at that. While strengths are uncertain, p (1 - p) is
averaged over what they may be, in MacKay's approximation (1992): the slope of the logistic function, flattened by
kappa = 1 / sqrt(1 + pi v / 8).

An agent that is known well enough may have to meet some whom it has not met all the same: it takes those who tell most of them.

Choosing by results leaves a trace: who looks weaker than he is, by chance, meets weak opponents from then on, and is corrected less
than who looks stronger. So strengths are held for twice as uncertain as they are where evenness is judged, which costs a twentieth
more games. Distances still come out too long: by 2 to 3 % in simulations of the protocol of ``experiments/01_frontier`` with a perfect play
that is as lenient as that of 5x5, and intervals hold 90 to 94 % of the strengths; by 4 to 6 % if it punished, for `hexlab.arena.witnesses`
would then part its games in vain. In small pools whose agents meet no more than they have to intervals hold fewer: let them meet eight.
"""

import math

import numpy as np
from scipy.special import expit

from hexlab.arena.bradley_terry import effect_variances
from hexlab.arena.ratings import Belief

__all__ = ["choose_opponents"]

_LEAST = 0.005 / 64  # of the variance of an agent's distance, a game: a match that takes less from it is not worth its games
_DOUBT = 2.0  # times the standard deviation of a gap, where evenness is judged
_DIGITS = 6  # of log gains; what rounding makes equal goes by name, so that last bits of a sum decide nothing


def choose_opponents(
    belief: Belief,
    unsettled: np.ndarray,
    wanted: np.ndarray,
    played: np.ndarray,
    left: np.ndarray,
    strangers: np.ndarray | None = None,
) -> list[tuple[int, int]]:
    """Return for each agent that is to play on the opponents that tell most about it.

    Args:
        belief: what the games so far say of N agents.
        unsettled: int64[U], places in `belief.agents` of the agents that are to play on.
        wanted: int64[U], how many each of them wants, of those who tell enough to be worth the games.
        played: [N, N], games that each pair has played.
        left: [N, N], games that each pair may play in its next match; 0 for pairs that have no new game left.
        strangers: int64[U], with how many whom it has not met each of them is to play, those who tell most, however little; None for 0.

    Returns:
        Places of the two of each pair, the lower first, no pair twice; the pairs of an agent that wants opponents stand together. An
        agent of whom no match tells anything worth its games has none.

    >>> belief = Belief(("a", "b", "c"), np.array([0.0, -0.1, -9.0]), np.diag([0.0, 1.0, 1.0]), 0.0, np.zeros(3), np.zeros(3, bool))
    >>> choose_opponents(belief, np.array([1]), np.array([1]), np.zeros((3, 3)), np.full((3, 3), 20))
    [(0, 1)]
    """
    covariance, strengths = belief.covariance, belief.strengths
    variances = np.diag(covariance)
    chosen: dict[tuple[int, int], None] = {}
    strangers = np.zeros_like(wanted) if strangers is None else strangers
    for agent, count, more in zip(unsettled, wanted, strangers, strict=True):
        spread = np.maximum(variances[agent] + variances - 2 * covariance[agent], 0)
        gaps = strengths[agent] - strengths
        evenness, misfits = _expect_evenness(gaps, _DOUBT**2 * spread), effect_variances(belief.misfit, gaps)
        before, after = (_information(games, evenness, misfits) for games in (played[agent], played[agent] + left[agent]))
        gained = after - before
        falls = (variances[agent] - covariance[agent]) ** 2 * gained / (1 + gained * spread)
        falls[agent] = 0
        with np.errstate(divide="ignore"):
            ranked = (-np.log(falls).round(_DIGITS)).argsort(kind="stable")
        telling = ranked[:count][(falls > _LEAST * left[agent] * variances[agent])[ranked[:count]]]
        unmet = ranked[((played[agent] == 0) & (left[agent] > 0))[ranked] & (ranked != agent)][:more]
        for opponent in (*telling, *unmet):
            chosen[min(agent, opponent), max(agent, opponent)] = None
    return [(int(first), int(second)) for first, second in chosen]


def _expect_evenness(gap: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the mean of p (1 - p) over Gaussian gaps in strength."""
    kappa = 1 / np.sqrt(1 + math.pi / 8 * variance)
    chances = expit(kappa * gap)
    return kappa * chances * (1 - chances)


def _information(games: np.ndarray, evenness: np.ndarray, misfits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 / (games * evenness) + misfits), 0 without games."""
    told = games * evenness
    return told / (1 + misfits * told)

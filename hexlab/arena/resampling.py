"""Bootstrap copies of a pool, compiled: openings drawn again, and the strengths that fit what was drawn."""

import math

from hexlab.arena.information import solve_factored
from hexlab.rules.draws import bounded
from hexlab.rules.kernels import compiled

__all__ = ["draw_wins", "refit"]

_EXACT = 1e-2  # of a Newton step, by conjugate gradients: its squared residual over that of zero
_SETTLED = 1e-8  # Newton decrement before the last step of a fit, in units of log-likelihood
_REACH = 2.0  # nats by which a strength may move in a step


@compiled
def draw_wins(won, one, openings, states, wins):
    """Let every pair play as many openings as it did, drawn with replacement from its own.

    Args:
        won: int64[P], openings of which the first of the pair won both games.
        one: int64[P], openings of which it won one.
        openings: int64[P], below 2**31.
        states: uint64[S], one for each copy.
        wins: float64[S, P], filled in: games that the first wins.
    """
    for copy in range(len(states)):
        for pair in range(len(openings)):
            some, total = won[pair] + one[pair], 0
            for _ in range(openings[pair]):
                at = bounded(states, copy, openings[pair])
                total += (at < won[pair]) + (at < some)
            wins[copy, pair] = total


@compiled
def refit(first, second, games, precision, starts, rows, values, pivots, theta, wins, steps, fitted, work, weights):
    """Fit every copy of a pool by Newton's method, from the fit of the pool itself.

    Each step is solved by conjugate gradients. The factored information of the pool conditions them: a pair plays as many games in a copy
    as in the pool, so that the information differs only by the shift of the strengths, and a few iterations do; in the first step it is
    the same. Copies come within a few hundredths of an Elo of a fit of their own.

    Args:
        first: int64[P], places of agents in the order of the factor.
        second: int64[P].
        games: float64[P].
        precision: of the prior.
        starts, rows, values, pivots: the information of the pool, factored; see `hexlab.arena.information.Information`.
        theta: float64[N], strengths of the pool, nats.
        wins: float64[S, P] of the copies.
        steps: Newton steps after which it gives up.
        fitted: float64[S, N], filled in.
        work: float64[5, N].
        weights: float64[P], for work.

    Returns:
        Whether all copies settled.
    """
    residual, conditioned, direction, image, step = work
    agents = len(theta)
    for copy in range(len(wins)):
        at = fitted[copy]
        for agent in range(agents):
            at[agent] = theta[agent]
        start = math.inf
        for turn in range(steps):
            for agent in range(agents):
                image[agent] = math.exp(at[agent])
                residual[agent] = -precision * at[agent]
                step[agent] = direction[agent] = 0.0
            for pair in range(len(games)):
                one, other = first[pair], second[pair]
                chance = image[one] / (image[one] + image[other])
                weights[pair] = games[pair] * chance * (1 - chance)
                surplus = wins[copy, pair] - games[pair] * chance
                residual[one] += surplus
                residual[other] -= surplus

            before = math.inf
            for iteration in range(agents + 1):
                for agent in range(agents):
                    conditioned[agent] = residual[agent]
                solve_factored(starts, rows, values, pivots, conditioned)
                decrement = 0.0
                for agent in range(agents):
                    decrement += residual[agent] * conditioned[agent]
                if iteration == 0:
                    start = decrement
                if turn == 0 or start <= _SETTLED or not decrement > _EXACT * start:
                    break
                for agent in range(agents):
                    direction[agent] = conditioned[agent] + decrement / before * direction[agent]
                    image[agent] = precision * direction[agent]
                for pair in range(len(games)):
                    one, other = first[pair], second[pair]
                    push = weights[pair] * (direction[one] - direction[other])
                    image[one] += push
                    image[other] -= push
                curve = 0.0
                for agent in range(agents):
                    curve += direction[agent] * image[agent]
                for agent in range(agents):
                    step[agent] += decrement / curve * direction[agent]
                    residual[agent] -= decrement / curve * image[agent]
                before = decrement

            furthest = _REACH
            for agent in range(agents):
                step[agent] += conditioned[agent]
                furthest = max(furthest, abs(step[agent]))
            for agent in range(agents):
                at[agent] += _REACH / furthest * step[agent]
            if start <= _SETTLED:
                break
        if not start <= _SETTLED:  # nan where strengths are beyond the range of exp
            return False
    return True

"""Recipes: how a search picks moves inside the tree, with the constants of the publications.

Both work on a node with visits `N` (its own evaluation included), prior `P(a)` and children with visits `n(a)` and mean value
`Q(a)`, seen by the side to move at the node.

`puct`, AlphaZero (Silver et al., "A general reinforcement learning algorithm that masters chess, shogi, and Go through self-play",
Science 2018): descend to the move with the largest

    Q(a) + c_puct * P(a) * sqrt(N) / (1 + n(a)),

ties to the larger prior, then to the lowest cell. A move without a visit takes `Q = V - fpu_reduction * sqrt(M)`, `V` the node's own
value and `M` the sum of the priors of the moves tried there, as in KataGo (Wu, "Accelerating self-play learning in Go", 2019).
KataGo reduces by 0.2; the default here is 0, an untried move is worth what its node is. On won positions of 4x4 and 5x5, with
64 simulations and evaluators that are often wrong, 0 gave away as many wins or fewer (4x4: 17 % against 20 % with noisy theory, 27 %
against 42 % with four random games a position; 5x5: no difference beyond chance).

`regularized` (Grill et al., "Monte-Carlo tree search as regularized policy optimization", ICML 2020): at every node the policy is

    pi_bar(a) = lambda * P(a) / (alpha - q(a)),    lambda = c * sqrt(n) / (n + A),    alpha such that pi_bar sums to 1,

with n the visits of all children and A the number of legal moves. Descent samples from pi_bar, and pi_bar at the root is the
result: the paper's "ALL". q is Q scaled to [0, 1] by the lowest and the highest value that any node of this tree got at its first
visit. A move without a visit takes the node's own value for Q. Before the first visit of a child pi_bar is the prior.
"""

import dataclasses
import math

import numba
import numpy as np

from hexlab.errors import ConfigError
from hexlab.rules.draws import uniform as draw_uniform

__all__ = ["Recipe", "RootNoise", "pick_moves", "puct", "regularized"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to search. Made by `puct` and `regularized`.

    Attributes:
        name: "puct" or "regularized".
        c: weight of the prior against the values.
        fpu_reduction: puct: how far below its node an untried move starts, times the root of the prior mass tried there.
        paper_lambda: regularized: take lambda = c * n / (n + A), as the code of Jones (2021) has it, in place of Grill's.
        prove: back up exact wins and losses.
    """

    name: str
    c: float
    fpu_reduction: float = 0.0
    paper_lambda: bool = False
    prove: bool = False

    def __post_init__(self):
        """Check the ranges."""
        if self.name not in ("puct", "regularized"):
            raise ConfigError(f"unknown recipe {self.name!r}: there are 'puct' and 'regularized'")
        if not (isinstance(self.c, (int, float)) and math.isfinite(self.c) and self.c > 0):
            raise ConfigError(f"recipe {self.name}: the weight of the prior is {self.c!r}: give a number above 0")
        if not (isinstance(self.fpu_reduction, (int, float)) and math.isfinite(self.fpu_reduction) and self.fpu_reduction >= 0):
            raise ConfigError(f"recipe {self.name}: fpu_reduction is {self.fpu_reduction!r}: give a number from 0 up")


def puct(c_puct: float = 1.25, *, fpu_reduction: float = 0.0, prove: bool = False) -> Recipe:
    """Return AlphaZero's search.

    Args:
        c_puct: weight of the prior; AlphaZero published 1.25 for small searches.
        fpu_reduction: how far below its node's value an untried move starts, times the root of the prior mass tried there.
        prove: back up exact wins and losses (Winands, Bjornsson and Saito, "Monte-Carlo tree search solver", 2008). A node with a
            move to a lost position is won, one whose moves all lead to won positions is lost; moves proven to lose are not entered
            and get no weight in the result unless the root is lost; a board whose root is proven idles for the rest of its budget.

    Raises:
        ConfigError: a number out of its range.
    """
    return Recipe("puct", c_puct, fpu_reduction=fpu_reduction, prove=prove)


def regularized(c: float = 1.0, *, paper_lambda: bool = False, prove: bool = False) -> Recipe:
    """Return the search of Grill et al. (2020), in which act, learn and search use the same policy.

    Args:
        c: weight of the prior.
        paper_lambda: take lambda = c * n / (n + A) instead, which Jones's published code uses (there with c = 1/16). It does not
            fall as n grows, so that more simulations do not sharpen the policy.
        prove: as in `puct`.

    Raises:
        ConfigError: a number out of its range.
    """
    return Recipe("regularized", c, paper_lambda=paper_lambda, prove=prove)


@dataclasses.dataclass(frozen=True)
class RootNoise:
    """Noise on the root's prior: (1 - fraction) * prior + fraction * Dirichlet(concentration / A) over the A legal moves.

    Attributes:
        fraction: weight of the noise in [0, 1]; AlphaZero published 0.25.
        concentration: sum of the Dirichlet parameters; AlphaZero's values come to about 10.
    """

    fraction: float = 0.25
    concentration: float = 10.0

    def __post_init__(self):
        """Check the ranges."""
        if not (isinstance(self.fraction, (int, float)) and 0 <= self.fraction <= 1):
            raise ConfigError(f"noise fraction {self.fraction!r} is out of range: give a number from 0 to 1")
        if not (isinstance(self.concentration, (int, float)) and 0 < self.concentration < math.inf):
            raise ConfigError(f"noise concentration {self.concentration!r} is out of range: give a number above 0")


def pick_moves(policy: np.ndarray, temperature: float | np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Pick one move a board with probability proportional to policy ** (1 / temperature).

    Args:
        policy: float[B, A], nonnegative, 0 for illegal moves.
        temperature: one number or float[B], from 0 up; 0 picks the largest, ties by the lowest cell.
        seeds: uint64[B].

    Returns:
        int64[B], cell indices.

    Raises:
        ConfigError: a negative temperature, shapes that do not fit, or a board without a move.

    >>> pick_moves(np.array([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0]]), 0.0, np.zeros(2, np.uint64)).tolist()
    [1, 2]
    """
    policy = np.ascontiguousarray(policy, np.float32)
    if policy.ndim != 2:
        raise ConfigError(f"a policy of shape {policy.shape}: give one row a board, [B, A]")
    boards = len(policy)
    try:
        temperatures = np.ascontiguousarray(np.broadcast_to(np.asarray(temperature, np.float64), boards))
    except ValueError:
        raise ConfigError(f"temperature {temperature!r} for {boards} boards: give one number, or one for each board") from None
    bad = ~((temperatures >= 0) & np.isfinite(temperatures))
    if bad.any():
        raise ConfigError(f"temperature {temperatures[bad][0]} is out of range: give a number from 0 up")
    moves = np.empty(boards, np.int64)
    wrong = _pick_all(policy, temperatures, checked_seeds(seeds, boards), moves)
    if wrong >= 0:
        raise ConfigError(f"the policy of board {wrong} is {policy[wrong].tolist()}: give numbers from 0 up, one of them above 0")
    return moves


def checked_seeds(seeds: np.ndarray, boards: int) -> np.ndarray:
    """Return a fresh copy of uint64[B] seeds, or raise `ConfigError`."""
    seeds = np.asarray(seeds)
    if seeds.shape != (boards,) or seeds.dtype != np.uint64:
        raise ConfigError(
            f"seeds of type {seeds.dtype} and shape {seeds.shape} for {boards} boards: give uint64[{boards}],"
            " such as rules.draws.derive_seeds(seed, count=...)"
        )
    return seeds.copy()


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pick_all(policy, temperatures, seeds, moves):
    """Fill `moves`; return -1, or the first board whose policy makes no sense."""
    weights = np.empty(policy.shape[1])
    for board in range(policy.shape[0]):
        best = 0
        for cell in range(policy.shape[1]):
            if not 0.0 <= policy[board, cell] < np.inf:
                return board
            if policy[board, cell] > policy[board, best]:
                best = cell
        largest = np.float64(policy[board, best])
        if largest == 0.0:
            return board
        moves[board] = best
        if temperatures[board] > 0.0:
            total = 0.0
            for cell in range(policy.shape[1]):
                weights[cell] = (policy[board, cell] / largest) ** (1.0 / temperatures[board])
                total += weights[cell]
            rest = draw_uniform(seeds, board) * total
            for cell in range(policy.shape[1]):
                if weights[cell] > 0.0:
                    moves[board] = cell
                    rest -= weights[cell]
                    if rest < 0.0:
                        break
    return -1

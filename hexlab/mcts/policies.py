"""Recipes: how a search picks moves inside the tree, with the constants of the publications.

They work on a node with visits `N` (its own evaluation included), prior `P(a)` and children with visits `n(a)` and mean value
`Q(a)`, seen by the side to move at the node.

`puct`, AlphaZero (Silver et al., "A general reinforcement learning algorithm that masters chess, shogi, and Go through self-play",
Science 2018): descend to the move with the largest

    Q(a) + c_puct * P(a) * sqrt(N) / (1 + n(a)),

ties to the larger prior, then to the lowest cell. A move without a visit takes `Q = V - fpu_reduction * sqrt(M)`, `V` the node's own
value and `M` the sum of the priors of the moves tried there, as in KataGo (Wu, "Accelerating self-play learning in Go", 2019).
KataGo reduces by 0.2; the default here is 0, an untried move is worth what its node is.

`regularized` (Grill et al., "Monte-Carlo tree search as regularized policy optimization", ICML 2020): at every node the policy is

    pi_bar(a) = lambda * P(a) / (alpha - q(a)),    lambda = c * sqrt(n) / (n + A),    alpha such that pi_bar sums to 1,

with n the visits of all children and A the number of legal moves. Descent samples from pi_bar, and pi_bar at the root is the
result: the paper's "ALL". q is Q scaled to [0, 1] by the lowest and the highest value that any node of this tree got at its first
visit, or from [-1, 1]. A move without a visit takes the node's own value for Q. Before the first visit of a child pi_bar is the prior.

`gumbel` (Danihelka et al., "Policy improvement by planning with Gumbel", ICLR 2022): at every node Q is completed, a move without a
visit takes

    v_mix = (V + n * sum P(b) Q(b) / sum P(b)) / (1 + n),    sums over the moves b with visits, n all their visits,

V the evaluator's value of the node, and

    sigma(q) = (c_visit + max n(b)) * c_scale * q,    pi'(a) proportional to P(a) * exp(sigma(Q(a))).

Q enters sigma scaled to [0, 1] by the lowest and the highest completed value of the node, as in the library mctx (its range is taken
to be at least 1e-8), or as it is, in [-1, 1]. Below the root descent takes the move with the largest pi'(a) - n(a) / (1 + n), ties to
the lowest cell; no draw. At the root every move gets Gumbel noise g(a); the `max_considered` moves with the largest g(a) + log P(a)
are a draw from the prior without replacement, and share the visits by sequential halving: all get some, the half with the largest
g(a) + log P(a) + sigma(Q(a)) gets more, and so on down to two. The best of the most visited moves is the one to play, and pi' at the
root, an improvement of the policy in expectation whatever the number of simulations, is the one to learn.
"""

import dataclasses
import math

import numba
import numpy as np

from hexlab.errors import ConfigError
from hexlab.rules.draws import uniform as draw_uniform

__all__ = ["Recipe", "RootNoise", "gumbel", "pick_moves", "puct", "regularized"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to search. Made by `puct`, `regularized` and `gumbel`.

    Attributes:
        name: "puct", "regularized" or "gumbel".
        c: puct, regularized: weight of the prior against the values; gumbel: `c_scale`, weight of the values against the prior.
        fpu_reduction: puct: how far below its node an untried move starts, times the root of the prior mass tried there.
        paper_lambda: regularized: take lambda = c * n / (n + A), as the code of Jones (2021) has it, in place of Grill's.
        prove: back up exact wins and losses.
        c_visit: gumbel: visits that are added to those of the most visited move.
        max_considered: gumbel: moves that enter the first round at the root.
        gumbel_scale: gumbel: factor of the noise at the root; 0 plays without.
        rescale: regularized: scale values by the range of their tree, not from [-1, 1]; gumbel: scale the values of a node to [0, 1].
    """

    name: str
    c: float
    fpu_reduction: float = 0.0
    paper_lambda: bool = False
    prove: bool = False
    c_visit: float = 50.0
    max_considered: int = 16
    gumbel_scale: float = 1.0
    rescale: bool = True

    def __post_init__(self):
        """Check the ranges."""
        if self.name not in ("puct", "regularized", "gumbel"):
            raise ConfigError(f"unknown recipe {self.name!r}: there are 'puct', 'regularized' and 'gumbel'")
        if not (isinstance(self.c, (int, float)) and math.isfinite(self.c) and self.c > 0):
            weight = "c_scale" if self.name == "gumbel" else "the weight of the prior"
            raise ConfigError(f"recipe {self.name}: {weight} is {self.c!r}: give a number above 0")
        if not (isinstance(self.fpu_reduction, (int, float)) and math.isfinite(self.fpu_reduction) and self.fpu_reduction >= 0):
            raise ConfigError(f"recipe {self.name}: fpu_reduction is {self.fpu_reduction!r}: give a number from 0 up")
        for name, number in (("c_visit", self.c_visit), ("gumbel_scale", self.gumbel_scale)):
            if isinstance(number, bool) or not (isinstance(number, (int, float)) and math.isfinite(number) and number >= 0):
                raise ConfigError(f"recipe {self.name}: {name} is {number!r}: give a number from 0 up")
        if isinstance(self.max_considered, bool) or not isinstance(self.max_considered, int) or self.max_considered < 1:
            raise ConfigError(f"recipe {self.name}: max_considered is {self.max_considered!r}: give a whole number from 1 up")


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


def regularized(c: float = 1.0, *, paper_lambda: bool = False, rescale: bool = True, prove: bool = False) -> Recipe:
    """Return the search of Grill et al. (2020), in which act, learn and search use the same policy.

    Args:
        c: weight of the prior.
        paper_lambda: take lambda = c * n / (n + A) instead, which Jones's published code uses (there with c = 1/16). It does not
            fall as n grows, so that more simulations do not sharpen the policy.
        rescale: scale values to [0, 1] by the range of their own tree. Without, [-1, 1] is scaled to [0, 1], which is what the range of
            Jones's whole batch of trees comes to once a game in any of them ends.
        prove: as in `puct`.

    Raises:
        ConfigError: a number out of its range.
    """
    return Recipe("regularized", c, paper_lambda=paper_lambda, rescale=rescale, prove=prove)


def gumbel(
    *,
    max_considered: int = 16,
    gumbel_scale: float = 1.0,
    c_visit: float = 50.0,
    c_scale: float = 0.1,
    rescale: bool = True,
    prove: bool = False,
) -> Recipe:
    """Return the search of Danihelka et al. (2022), which improves on the prior with few simulations.

    Play `SearchResult.best`, learn `SearchResult.policy`. The noise takes the place of `RootNoise`, and comes from the seeds.

    Args:
        max_considered: moves that enter the first round at the root, drawn from the prior without replacement.
        gumbel_scale: factor of the noise at the root. With 0 nothing is drawn and the search plays its strongest, as for evaluation.
        c_visit: constant of sigma; the paper's is 50.
        c_scale: weight of the values in sigma; 0.1 is mctx's, for rescaled values. With 1 and `rescale` off the policy comes out
            sharper.
        rescale: scale the values of a node to [0, 1] by their own range. Differences grow large where all moves are worth about the
            same; without, values count as they are, in [-1, 1].
        prove: as in `puct`. A move that is proven to lose leaves the halving, and the best of those dropped before takes its place.

    Raises:
        ConfigError: a number out of its range.

    >>> gumbel(gumbel_scale=0).name
    'gumbel'
    """
    return Recipe(
        "gumbel",
        c_scale,
        prove=prove,
        c_visit=c_visit,
        max_considered=max_considered,
        gumbel_scale=gumbel_scale,
        rescale=rescale,
    )


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


def checked_budgets(simulations: int | np.ndarray, boards: int) -> np.ndarray:
    """Return int64[B], the simulations of each board, or raise `ConfigError`."""
    budgets = np.asarray(simulations)
    if budgets.dtype.kind not in "iu" or budgets.shape not in ((), (boards,)) or budgets.min() < 1:
        raise ConfigError(f"simulations={simulations!r} for {boards} boards: give a whole number from 1 up, or one for each board")
    return np.ascontiguousarray(np.broadcast_to(budgets, boards), np.int64)


def check_noise(recipe: Recipe, noise: RootNoise | None) -> None:
    """Raise `ConfigError` for root noise with a recipe that has noise of its own."""
    if recipe.name == "gumbel" and noise is not None:
        raise ConfigError("gumbel explores by its own noise, set by gumbel_scale: leave out root noise")


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

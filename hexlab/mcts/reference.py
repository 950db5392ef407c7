"""The same search for one board in plain Python: the oracle of the tests, and the text to read first.

Nothing here is fast. A node looks at all moves, untried ones too, a board is a `Board`, and `trace` tells every step. Given the
same evaluator and seed it visits the same nodes in the same order as `hexlab.mcts.run_search`.

>>> from hexlab.mcts import uniform
>>> steps = trace(Board(size=2), uniform(), simulations=3)
>>> print("\\n".join(str(step) for step in steps))
simulation 0: select (root), evaluate +0.000, back up root +0.000
simulation 1: select a1, expand, evaluate +0.000, back up a1 +0.000, root +0.000
simulation 2: select b1, expand, evaluate +0.000, back up b1 +0.000, root +0.000
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np

from hexlab.errors import ConfigError, PositionError
from hexlab.mcts.kernels import draw_dirichlet
from hexlab.mcts.policies import Recipe, RootNoise, check_noise, checked_budgets, puct
from hexlab.protocols import Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.board import Board
from hexlab.rules.cells import cell_name
from hexlab.rules.draws import uniform as draw_uniform

__all__ = ["Node", "Search", "Step", "search_slowly", "trace"]


@dataclasses.dataclass
class Node:
    """A position in the tree.

    Attributes:
        board: the position.
        prior: probability of the move that leads here.
        priors: probabilities of the moves from here, by cell; filled at the first visit.
        children: nodes by cell, in the order of their first visits.
        visits: visits, the node's own evaluation included.
        total: sum of the values of the visits, for the side to move here.
        raw: value of the first visit, for the side to move here: the evaluator's, or -1 in a finished game.
        status: for the side to move: 1 proven won, -1 proven lost, 0 open.
    """

    board: Board
    prior: float = 1.0
    priors: dict[int, float] = dataclasses.field(default_factory=dict)
    children: dict[int, "Node"] = dataclasses.field(default_factory=dict)
    visits: int = 0
    total: float = 0.0
    raw: float = 0.0
    status: int = 0


@dataclasses.dataclass(frozen=True)
class Step:
    """One simulation.

    Attributes:
        simulation: its number, from 0.
        path: names of the moves from the root to the leaf.
        expanded: whether the leaf is a new node.
        value: the leaf's value, for the side to move there.
        backed_up: (name of the move or "root", the node's value after the simulation for the side to move there), leaf first.
    """

    simulation: int
    path: tuple[str, ...]
    expanded: bool
    value: float
    backed_up: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        """Tell the steps in a line."""
        path = " ".join(self.path) or "(root)"
        expand = ", expand" if self.expanded and self.path else ""
        values = ", ".join(f"{name} {value:+.3f}" for name, value in self.backed_up)
        return f"simulation {self.simulation}: select {path}{expand}, evaluate {self.value:+.3f}, back up {values}"


def trace(
    board: Board,
    evaluator: Evaluator,
    simulations: int,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    noise: RootNoise | None = None,
) -> Iterator[Step]:
    """Search one position and yield every simulation as it happens.

    Args:
        board: an unfinished game.
        evaluator: judges positions.
        simulations: evaluations, the root's included.
        recipe: `puct` (the default), `regularized` or `gumbel`.
        seed: state of the random generator, below 2**64: the same number in `seeds` of `run_search` gives the same search.
        noise: noise on the root's prior; not with `gumbel`, which has its own.

    Raises:
        PositionError: a finished game.
        ConfigError: fewer than one simulation, a seed out of its range, or noise with `gumbel`.
    """
    search = Search(board, evaluator, recipe, seed, noise, simulations)
    steps = iter(search.simulate, None)  # None once the root is proven
    return itertools.islice(steps, search.budget)


def search_slowly(board: Board, evaluator: Evaluator, simulations: int, **options) -> "Search":
    """Run a whole search as `trace` does, with the same arguments, and return it for its results."""
    search = Search(board, evaluator, budget=simulations, **options)
    for _ in range(search.budget):
        search.simulate()
    return search


class Search:
    """A search of one position, a simulation at a time."""

    def __init__(
        self,
        board: Board,
        evaluator: Evaluator,
        recipe: Recipe | None = None,
        seed: int = 0,
        noise: RootNoise | None = None,
        budget: int = 1,
    ):
        """Make the position the root; `gumbel` shares out a budget of this many simulations."""
        if board.winner is not None:
            raise PositionError(f"the game on {board!r} is over: search takes unfinished games only")
        self.root = Node(board.copy())
        self.evaluator = evaluator
        self.recipe = puct() if recipe is None else recipe
        self.draws = _start_draws(seed)
        check_noise(self.recipe, noise)
        self.noise = noise
        # Range of the values at first visits, seen by Black; the widest there is where values are not scaled by their own.
        self.low, self.high = (math.inf, -math.inf) if self.recipe.rescale else (-1.0, 1.0)
        self.simulations = 0
        self.budget = int(checked_budgets(budget, 1)[0])
        self.scores: dict[int, float] = {}  # gumbel: logit and noise of the root's moves

    def advance(self, move: int, seed: int = 0) -> None:
        """Make the subtree under a move of the root the tree, and forget the rest. The move must have been tried."""
        self.root = self.root.children[move]
        self.draws = _start_draws(seed)
        values = [node.raw if node.board.turn == 0 else -node.raw for node in _walk(self.root)]
        self.low, self.high = (min(values), max(values)) if self.recipe.rescale else (-1.0, 1.0)
        if self.noise is not None:
            self.add_noise(self.noise)

    def simulate(self) -> Step | None:
        """Run one simulation; None once the root is proven."""
        if self.recipe.prove and self.root.status != 0:
            return None
        path = self.select()
        leaf = path[-1]
        expanded = leaf.visits == 0
        value = self.evaluate(leaf)
        if len(path) == 1 and self.noise is not None:
            self.add_noise(self.noise)
        self.back_up(path, value)
        moves = [cell_name(_move_between(above, below), leaf.board.size) for above, below in itertools.pairwise(path)]
        backed_up = tuple((name, self.value(node)) for name, node in zip(["root", *moves], path, strict=True))
        self.simulations += 1
        return Step(self.simulations - 1, tuple(moves), expanded, value, backed_up[::-1])

    def select(self) -> list[Node]:
        """Walk down from the root to a node without a visit, or to the end of a game."""
        path = [self.root]
        while path[-1].visits > 0 and path[-1].board.winner is None:
            node = path[-1]
            move = self.choose(node)
            if move not in node.children:
                board = node.board.copy()
                board.push(move)
                node.children[move] = Node(board, node.priors[move])
            path.append(node.children[move])
        return path

    def choose(self, node: Node) -> int:
        """Return the move that the recipe descends to."""
        if self.recipe.name == "puct":
            return self.pick_largest(node)
        if self.recipe.name == "regularized":
            return self.draw(node)
        return self.pick_by_halving() if node is self.root else self.pick_most_missed(node)

    def evaluate(self, leaf: Node) -> float:
        """Return the value of a leaf for the side to move, and fill in its priors at the first visit."""
        if leaf.board.winner is not None:
            value = -1.0
        else:
            logits, values = self.evaluator(Boards.from_board(leaf.board))
            value = float(values[0])
            moves = {cell: float(logits[0, cell]) for cell in leaf.board.legal_moves.cells}
            leaf.priors = softmax(moves)
            if leaf is self.root and self.recipe.name == "gumbel":
                self.scores = {cell: logit + self.draw_gumbel() for cell, logit in moves.items()}
        leaf.raw = value
        black_value = value if leaf.board.turn == 0 else -value
        self.low, self.high = min(self.low, black_value), max(self.high, black_value)
        return value

    def back_up(self, path: list[Node], value: float) -> None:
        """Add a leaf's value to every node on its path, from the leaf to the root, and work out what it proves."""
        proven = self.recipe.prove and path[-1].board.winner is not None
        path[-1].status = -1 if proven else 0
        for depth in range(len(path) - 1, -1, -1):
            node = path[depth]
            if depth < len(path) - 1:
                value = -value
                if proven:
                    node.status = self.status(node)
                    proven = node.status != 0
                    value = float(node.status) if proven else value
            node.visits += 1
            node.total += value

    def status(self, node: Node) -> int:
        """Return 1 if a move leads to a lost position, -1 if every move leads to a won one, else 0."""
        statuses = [node.children[move].status if move in node.children else 0 for move in node.priors]
        return 1 if -1 in statuses else -1 if all(status == 1 for status in statuses) else 0

    def value(self, node: Node) -> float:
        """Return the value of a visited node for the side to move there."""
        return float(node.status) if node.status != 0 else node.total / node.visits

    def candidates(self, node: Node) -> list[int]:
        """Return the moves worth a visit: all but those that are proven to lose."""
        return [move for move in node.priors if not (move in node.children and node.children[move].status == 1)]

    def pick_largest(self, node: Node) -> int:
        """Return the move with the largest Q + U, ties to the larger prior, then to the lowest cell."""
        tried = sum(child.prior for child in node.children.values())
        untried_q = self.value(node) - self.recipe.fpu_reduction * math.sqrt(tried)

        def score(move: int) -> float:
            child = node.children.get(move)
            q, n = (-self.value(child), child.visits) if child else (untried_q, 0)
            return q + self.recipe.c * math.sqrt(node.visits) * node.priors[move] / (1 + n)

        return max(self.candidates(node), key=lambda move: (score(move), node.priors[move], -move))

    def draw(self, node: Node) -> int:
        """Draw a move from the regularized policy; children come newest first, then untried moves by cell."""
        policy = self.regularized_policy(node, self.candidates(node))
        rest = draw_uniform(self.draws, 0)
        tried = [move for move in reversed(node.children) if move in policy]
        order = tried + [move for move in policy if move not in node.children]
        for move in order:
            rest -= policy[move]
            if rest < 0:
                break
        return move

    def regularized_policy(self, node: Node, moves: list[int]) -> dict[int, float]:
        """Return pi_bar over some moves by bisection: lambda * P / (alpha - q), with alpha such that it sums to 1."""
        n = sum(child.visits for child in node.children.values())
        if n == 0:
            return {move: node.priors[move] for move in moves}
        weight = self.recipe.c * (n if self.recipe.paper_lambda else math.sqrt(n)) / (n + len(node.priors))
        q = {move: self.scale(-self.value(node.children[move]) if move in node.children else self.value(node), node) for move in moves}
        top = max(q.values())
        terms = [(weight * node.priors[move], top - q[move]) for move in moves]
        low, high = 0.0, sum(share for share, _ in terms)  # bounds of alpha - top: at `high` the sum is 1 or less
        while low < (middle := (low + high) / 2) < high:
            low, high = (middle, high) if sum(share / (middle + gap) for share, gap in terms) > 1 else (low, middle)
        return {move: share / (high + gap) for move, (share, gap) in zip(moves, terms, strict=True)}

    def draw_gumbel(self) -> float:
        """Draw Gumbel noise for a move of the root."""
        if self.recipe.gumbel_scale == 0:
            return 0.0
        return self.recipe.gumbel_scale * -math.log(-math.log(draw_uniform(self.draws, 0)))

    def complete(self, node: Node, moves: list[int]) -> dict[int, float]:
        """Return Q of some moves of a node; a move without a visit takes v_mix."""
        tried = {move: child for move, child in node.children.items() if move in moves}
        visits = sum(child.visits for child in tried.values())
        q = {move: -self.value(child) for move, child in tried.items()}
        mixed = node.raw
        if visits > 0:
            mean = sum(child.prior * q[move] for move, child in tried.items()) / sum(child.prior for child in tried.values())
            mixed = (node.raw + visits * mean) / (visits + 1)
        return {move: q.get(move, mixed) for move in moves}

    def sigma(self, node: Node, moves: list[int]) -> dict[int, float]:
        """Return sigma(Q) of some moves of a node, 0 for the best."""
        completed = self.complete(node, moves)
        lowest, highest = min(completed.values()), max(completed.values())
        most = max((node.children[move].visits for move in moves if move in node.children), default=0)
        weight = (self.recipe.c_visit + most) * self.recipe.c
        if self.recipe.rescale:
            weight /= max(highest - lowest, 1e-8)
        return {move: weight * (value - highest) for move, value in completed.items()}

    def pick_by_halving(self) -> int:
        """Return the move of the root that is next in sequential halving."""
        schedule = halving_schedule(min(self.recipe.max_considered, len(self.root.priors)), self.budget - 1)
        scheduled = schedule[self.root.visits - 1]
        counts = {move: self.root.children[move].visits if move in self.root.children else 0 for move in self.candidates(self.root)}
        below = [count for count in counts.values() if count <= scheduled]
        wanted = max(below) if below else min(counts.values())
        return self.find_best([move for move, count in counts.items() if count == wanted], list(counts))

    def find_best(self, among: list[int], candidates: list[int]) -> int:
        """Return the move of the root with the largest logit + noise + sigma among some, ties to the lowest cell."""
        sigma = self.sigma(self.root, candidates)
        return max(among, key=lambda move: (self.scores[move] + sigma[move], -move))

    def improved_policy(self, node: Node, moves: list[int]) -> dict[int, float]:
        """Return pi' over some moves of a node: the prior times exp(sigma(Q))."""
        weights = {move: node.priors[move] * math.exp(sigma) for move, sigma in self.sigma(node, moves).items()}
        total = sum(weights.values())
        return {move: weight / total for move, weight in weights.items()}

    def pick_most_missed(self, node: Node) -> int:
        """Return the move whose share of the visits is farthest below its share of pi', ties to the lowest cell."""
        policy = self.improved_policy(node, self.candidates(node))
        visits = {move: node.children[move].visits if move in node.children else 0 for move in policy}
        total = sum(visits.values())
        return max(policy, key=lambda move: (policy[move] - visits[move] / (1 + total), -move))

    def scale(self, value: float, node: Node) -> float:
        """Scale a value, seen by the side to move at a node, to [0, 1] by the range of the tree."""
        if self.high <= self.low:
            return 0.0
        return (value - self.low if node.board.turn == 0 else value + self.high) / (self.high - self.low)

    def add_noise(self, noise: RootNoise) -> None:
        """Mix Dirichlet noise into the root's priors, of moves that were tried too."""
        priors = self.root.priors
        drawn = draw_dirichlet(self.draws, 0, noise.concentration / len(priors), len(priors))
        for move, extra in zip(priors, drawn, strict=True):
            mixed = np.float32((1.0 - noise.fraction) * priors[move] + noise.fraction * extra)
            priors[move] = float(max(mixed, np.float32(1e-38)))
        for move, child in self.root.children.items():
            child.prior = priors[move]

    def policy(self) -> np.ndarray:
        """Return float64[A], the improved policy."""
        root = self.root
        found = np.zeros(root.board.size**2)
        wins = [move for move, child in root.children.items() if child.status == -1]
        moves = self.candidates(root) if root.status == 0 else list(root.priors)
        visits = {move: root.children[move].visits for move in moves if move in root.children}
        if self.recipe.prove and wins:
            weights = dict.fromkeys(wins, 1.0)
        elif self.recipe.name == "gumbel":
            weights = self.improved_policy(root, moves)
        elif not visits:
            weights = {move: root.priors[move] for move in moves}
        elif self.recipe.name == "puct":
            weights = {move: float(count) for move, count in visits.items()}
        else:
            weights = self.regularized_policy(root, moves)
        for move, weight in weights.items():
            found[move] = weight
        return found / found.sum()

    def best(self) -> int:
        """Return the move to play: for `gumbel` the one that halving leaves, else the largest of the policy, ties to the lowest cell."""
        if self.recipe.name != "gumbel" or self.root.status == 1:
            return int(self.policy().argmax())
        moves = self.candidates(self.root) if self.root.status == 0 else list(self.root.priors)
        counts = {move: self.root.children[move].visits if move in self.root.children else 0 for move in moves}
        most = max(counts.values())
        return self.find_best([move for move, count in counts.items() if count == most], moves)

    def root_value(self) -> float:
        """Return the root's value for the side to move: the mean over its visits; for `gumbel` the value of the improved policy."""
        root = self.root
        if self.recipe.name != "gumbel" or root.status != 0:
            return self.value(root)
        moves = self.candidates(root)
        policy, completed = self.improved_policy(root, moves), self.complete(root, moves)
        return sum(policy[move] * completed[move] for move in moves)

    def visits(self) -> np.ndarray:
        """Return int64[A], the visits of the root's children."""
        counts = np.zeros(self.root.board.size**2, np.int64)
        for move, child in self.root.children.items():
            counts[move] = child.visits
        return counts


def _start_draws(seed: int) -> np.ndarray:
    """Return uint64[1], the state of a random generator."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise ConfigError(f"seed={seed!r}: give a whole number from 0 to 2**64 - 1")
    return np.array([seed], np.uint64)


def softmax(logits: dict[int, float]) -> dict[int, float]:
    """Return probabilities proportional to exp(logit), to the precision of float32."""
    largest = max(logits.values())
    terms = {cell: math.exp(logit - largest) for cell, logit in logits.items()}
    total = sum(terms.values())
    return {cell: float(np.float32(term / total)) for cell, term in terms.items()}


def halving_schedule(considered: int, visits: int) -> list[int]:
    """Return, for each visit that sequential halving has to give, how many visits the move that gets it must have.

    >>> halving_schedule(considered=4, visits=12)
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    if considered == 1:
        return list(range(visits))
    rounds = math.ceil(math.log2(considered))
    schedule: list[int] = []
    width, before = considered, 0
    while len(schedule) < visits:
        for _ in range(max(1, visits // (rounds * width))):
            schedule += [before] * width
            before += 1
        width = max(2, width // 2)
    return schedule[:visits]


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children.values():
        yield from _walk(child)


def _move_between(above: Node, below: Node) -> int:
    return next(move for move, child in above.children.items() if child is below)

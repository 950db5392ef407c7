"""Monte-Carlo tree search over many boards at once, for any `Evaluator`.

`hexlab.mcts.reference` is the same search for one board in plain Python, step by step.
"""

from hexlab.mcts.batched import Found, SearchResult, deepen, run_search, search
from hexlab.mcts.evaluators import ablated, check_evaluator, rollouts, solved, tabulated, uniform
from hexlab.mcts.policies import Recipe, RootNoise, gumbel, pick_moves, puct, regularized
from hexlab.mcts.reference import trace
from hexlab.mcts.reuse import advance
from hexlab.mcts.tree import Child, Tree, allocate_tree

__all__ = [
    "Child",
    "Found",
    "Recipe",
    "RootNoise",
    "SearchResult",
    "Tree",
    "ablated",
    "advance",
    "allocate_tree",
    "check_evaluator",
    "deepen",
    "gumbel",
    "pick_moves",
    "puct",
    "regularized",
    "rollouts",
    "run_search",
    "search",
    "solved",
    "tabulated",
    "trace",
    "uniform",
]

"""Monte-Carlo tree search over many boards at once, for any `Evaluator`."""

from hexlab.mcts.batched import SearchResult, run_search
from hexlab.mcts.evaluators import uniform
from hexlab.mcts.policies import Recipe, RootNoise, pick_moves, puct, regularized
from hexlab.mcts.tree import Child, Tree, allocate_tree

__all__ = [
    "Child",
    "Recipe",
    "RootNoise",
    "SearchResult",
    "Tree",
    "allocate_tree",
    "pick_moves",
    "puct",
    "regularized",
    "run_search",
    "uniform",
]

"""One walk through every kernel of the search; `test_search_without_jit` takes it with and without compilation."""

import json

import numpy as np
from planted_answers import Planted

from hexlab import mcts
from hexlab.rules import Boards
from hexlab.rules.draws import derive_seeds

RECIPES = [make(prove=prove) for make in (mcts.puct, mcts.regularized, mcts.gumbel) for prove in (False, True)]


def probe():
    """Return what searches find, as plain lists."""
    found = {}
    with np.errstate(over="ignore"):  # uint64 wraps around on purpose
        boards, seeds = Boards.empty(3, 3).play([-1, 4, 0]), derive_seeds(0, count=3)
        for recipe in RECIPES:
            for noise in (None,) if recipe.name == "gumbel" else (None, mcts.RootNoise()):
                result = mcts.run_search(boards, Planted(0), np.array([1, 12, 30]), recipe=recipe, seeds=seeds, noise=noise)
                moves = mcts.pick_moves(result.policy, [0.0, 1.0, 1.0], seeds)
                values = [] if recipe.name == "gumbel" else result.values.tolist()
                found[f"{recipe} {noise}"] = {
                    "exact": [result.visits.tolist(), result.best.tolist(), values, moves.tolist()],
                    "close": [*result.policy.ravel().tolist(), *result.values.tolist()],
                }
    return found


if __name__ == "__main__":
    print(json.dumps(probe()))

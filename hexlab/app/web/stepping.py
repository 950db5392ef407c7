"""A search taken apart: every simulation in its four phases, with the numbers behind each choice.

It is `hexlab.mcts.reference.Search`, driven phase by phase, with the recipe that the agents play by. So the tree that is drawn is the
one that the agent had in mind when it chose its move with as many simulations.
"""

import itertools
import math
from typing import Any

from hexlab.app.web.searching import RECIPE
from hexlab.mcts.reference import Node, Search
from hexlab.protocols import Evaluator
from hexlab.rules import Board, cell_name

__all__ = ["MOST_STEPS", "trace_phases"]

MOST_STEPS = 128
"""Largest number of simulations that can be stepped through."""
_CHOICES = 8  # candidates told of at each node


def trace_phases(board: Board, evaluator: Evaluator, simulations: int) -> list[dict[str, Any]]:
    """Search a position and tell each simulation.

    Args:
        board: an unfinished game.
        evaluator: judges positions.
        simulations: evaluations; fewer are run where the position is proven before.

    Returns:
        For each simulation: ``path``, names of the moves from the root; ``choices``, for each of them the best candidates at that
        node, with the move's Q and U for the side that plays it, its visits and its prior; ``expanded``, whether the leaf is new;
        ``over``, the color that has won there, or None; ``priors``, the leaf's likeliest moves; ``value`` of the leaf for the side to
        move there; ``backed_up``, from the leaf to the root each node's visits, value for the side to move there, and status after
        the simulation: 1 proven won, -1 proven lost, 0 open.
    """
    search = Search(board, evaluator, RECIPE)
    told = []
    for _ in range(simulations):
        if search.root.status != 0:
            break
        path = search.select()
        leaf = path[-1]
        expanded = leaf.visits == 0
        moves = [_find_move(above, below) for above, below in itertools.pairwise(path)]
        choices = [_weigh(search, node, move) for node, move in zip(path[:-1], moves, strict=True)]
        value = search.evaluate(leaf)
        search.back_up(path, value)
        told.append(
            {
                "path": [cell_name(move, board.size) for move in moves],
                "choices": choices,
                "expanded": expanded,
                "over": None if leaf.board.winner is None else leaf.board.winner.name.lower(),
                "priors": _list_priors(leaf),
                "value": round(value, 4),
                "backed_up": [
                    {"visits": node.visits, "value": round(search.value(node), 4), "status": node.status} for node in reversed(path)
                ],
            }
        )
    return told


def _find_move(above: Node, below: Node) -> int:
    return next(move for move, child in above.children.items() if child is below)


def _weigh(search: Search, node: Node, chosen: int) -> list[dict[str, Any]]:
    """Return the candidates of a node with the largest Q + U, the chosen one first."""
    rows: list[dict[str, Any]] = []
    for move in search.candidates(node):
        child = node.children.get(move)
        visits = child.visits if child else 0
        q = -search.value(child) if child and visits else search.value(node)
        u = RECIPE.c * math.sqrt(node.visits) * node.priors[move] / (1 + visits)
        name = cell_name(move, node.board.size)
        rows.append({"move": name, "q": round(q, 4), "u": round(u, 4), "visits": visits, "prior": round(node.priors[move], 4)})
    first = cell_name(chosen, node.board.size)
    return sorted(rows, key=lambda row: (row["move"] != first, -(row["q"] + row["u"])))[:_CHOICES]


def _list_priors(leaf: Node) -> list[dict[str, Any]]:
    likeliest = sorted(leaf.priors.items(), key=lambda item: -item[1])[:_CHOICES]
    return [{"move": cell_name(move, leaf.board.size), "prior": round(prior, 4)} for move, prior in likeliest]

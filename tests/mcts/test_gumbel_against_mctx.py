"""`gumbel` and mctx's `gumbel_muzero_policy` grow the same trees. Needs mctx, which nothing else does.

One difference is known: mctx, which knows of illegal moves at the root alone, takes v_mix into the range of a node's values whenever
some cell is occupied, this package only where a legal move is untried. So the positions here have more moves than get visits.
"""

import warnings

import numpy as np
import pytest
from planted_answers import Planted

from hexlab import mcts
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mctx = pytest.importorskip("mctx", reason="mctx is not installed: pip install mctx")
    jax = pytest.importorskip("jax", reason="mctx needs JAX")

import jax.numpy as jnp

POSITIONS = {3: ["", "b2", "a1 c3"], 4: ["", "b2 c3", "a1 d4 b2"], 5: ["c3 c4 b1"]}
OFF = np.float32(-1e30)  # logit of an occupied cell


def search_by_mctx(boards, evaluator, simulations, recipe):
    """Run mctx with the rules and the evaluator behind callbacks into numpy."""
    size, count = boards.size, len(boards)
    shapes = (
        jax.ShapeDtypeStruct((count, size * size), np.uint8),
        jax.ShapeDtypeStruct((count,), np.int8),
        jax.ShapeDtypeStruct((count,), np.int8),
        jax.ShapeDtypeStruct((count, size * size), np.float32),
        jax.ShapeDtypeStruct((count,), np.float32),
    )

    def play(cells, turn, winner, moves):
        before = Boards(size, *(np.array(part) for part in (cells, turn, winner)))
        after = before.play(np.where(before.finished, -1, np.asarray(moves)))
        logits, values = evaluator(after)
        return after.cells, after.turn, after.winner, np.where(after.legal, logits, OFF), np.where(after.finished, 0, values)

    def recurrent_fn(params, key, moves, state):
        finished_before = state[2] >= 0
        *after, logits, values = jax.pure_callback(play, shapes, *state, moves)
        finished = after[2] >= 0
        return mctx.RecurrentFnOutput(
            reward=jnp.where(finished & ~finished_before, 1.0, 0.0),
            discount=jnp.where(finished, 0.0, -1.0),
            prior_logits=logits,
            value=values,
        ), tuple(after)

    logits, values = evaluator(boards)
    root = mctx.RootFnOutput(
        prior_logits=jnp.asarray(np.where(boards.legal, logits, OFF)),
        value=jnp.asarray(values),
        embedding=tuple(jnp.asarray(part) for part in (boards.cells, boards.turn, boards.winner)),
    )
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return mctx.gumbel_muzero_policy(
            params=(),
            rng_key=jax.random.PRNGKey(0),
            root=root,
            recurrent_fn=recurrent_fn,
            num_simulations=simulations - 1,
            invalid_actions=jnp.asarray(~boards.legal),
            max_num_considered_actions=recipe.max_considered,
            gumbel_scale=0.0,
        )


def visits_by_path(parents, moves, visits):
    """Return the visits of every node by the moves that lead to it."""
    paths = [()]
    for parent, move in zip(parents[1:], moves[1:], strict=True):
        paths.append((*paths[parent], int(move)))
    return dict(zip(paths, (int(count) for count in visits), strict=True))


def our_visits(tree, row):
    used = tree.used[row, 0]
    moves = np.full(used, -1)
    for node in range(used):
        edges = tree.list_edges(row, node)
        moves[edges["node"]] = edges["move"]
    nodes = tree.nodes[row, :used]
    return visits_by_path(nodes["parent"], moves, nodes["visits"])


@pytest.mark.parametrize(("considered", "simulations"), [(4, 33), (16, 17)])
@pytest.mark.parametrize("size", POSITIONS)
def test_trees_of_both_agree(size, considered, simulations):
    recipe = mcts.gumbel(max_considered=considered, gumbel_scale=0)
    boards = Boards.from_boards([Board.from_moves(moves, size) if moves else Board(size) for moves in POSITIONS[size]])
    evaluator = Planted(size, spread=2.0)
    theirs = search_by_mctx(boards, evaluator, simulations, recipe)
    ours = mcts.run_search(boards, evaluator, simulations, recipe=recipe, seeds=derive_seeds(0, count=len(boards)))
    assert np.asarray(theirs.search_tree.summary().visit_counts).astype(int).tolist() == ours.visits.tolist()
    assert np.asarray(theirs.action).tolist() == ours.best.tolist()
    np.testing.assert_allclose(np.asarray(theirs.action_weights), ours.policy, atol=2e-5)
    for row in range(len(boards)):
        tree = jax.tree.map(lambda part, row=row: np.asarray(part[row]), theirs.search_tree)
        all_of_theirs = visits_by_path(tree.parents, tree.action_from_parent, tree.node_visits)
        for path, visits in our_visits(ours.tree, row).items():  # mctx goes on below ends of games
            assert all_of_theirs[path] == visits

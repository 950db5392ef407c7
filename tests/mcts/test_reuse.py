"""Going on from the subtree under the move that was played."""

import numpy as np
import pytest
from planted_answers import Planted, unfinished_positions

from hexlab import mcts
from hexlab.errors import ConfigError, IllegalMoveError, PositionError
from hexlab.mcts.reference import search_slowly
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds

RECIPES = {
    "puct": mcts.puct(),
    "puct, proofs": mcts.puct(prove=True),
    "regularized": mcts.regularized(),
    "regularized, proofs": mcts.regularized(prove=True),
    "regularized, plain values": mcts.regularized(0.3, rescale=False),
}
recipes = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def search_and_advance(boards, seeds, recipe, simulations, capacity):
    """Search, play each board's best move, and return the boards and trees of the games that go on, with the moves."""
    tree = mcts.allocate_tree(len(boards), capacity, boards.size)
    found = mcts.run_search(boards, Planted(1), simulations, recipe=recipe, seeds=seeds, tree=tree)
    kept = mcts.advance(tree, found.best)
    after = boards.play(found.best)
    going = np.flatnonzero(~after.finished)
    return after[going], mcts.Tree(*(part[going] for part in tree)), found.best[going], kept[going], going


def nodes_by_path(tree, row, start=0):
    """Return what a tree knows of each position below a node, by the moves that lead there."""
    found, waiting = {}, [((), start)]
    while waiting:
        path, index = waiting.pop()
        node, edges = tree.nodes[row, index], tree.list_edges(row, index)
        scalars = ("total", "value", "visits", "raw", "legal", "refuted", "turn", "status")
        position = tree.cells[row, index].tobytes(), tree.untried[row, index].tobytes() if node["status"] == 0 else b""
        found[path] = (*(node[name].item() for name in scalars), *position, edges[["prior", "move", "visits", "value", "status"]].tolist())
        waiting += [((*path, int(edge["move"])), int(edge["node"])) for edge in edges]
    return found


@recipes
@pytest.mark.parametrize("noise", [None, mcts.RootNoise(0.4)], ids=["", "noise"])
def test_going_on_agrees_with_the_slow_search(recipe, noise):
    boards = unfinished_positions(4, 10)
    boards = boards[np.arange(40) % len(boards)]
    first, second = derive_seeds(1, count=len(boards)), derive_seeds(2, count=len(boards))
    after, tree, moves, kept, going = search_and_advance(boards, first, recipe, 50, capacity=100)
    found = mcts.run_search(after, Planted(1), 40, recipe=recipe, seeds=second[going], noise=noise, tree=tree, reuse=True)
    for row, board in enumerate(going):
        slow = search_slowly(boards.board(board), Planted(1), 50, recipe=recipe, seed=int(first[board]))
        slow.noise = noise
        slow.advance(int(moves[row]), seed=int(second[board]))
        assert slow.root.visits == kept[row]
        for _ in range(40):
            slow.simulate()
        assert found.visits[row].tolist() == slow.visits().tolist()
        np.testing.assert_allclose(found.policy[row], slow.policy(), atol=2e-6)
        np.testing.assert_allclose(found.values[row], slow.root_value(), atol=1e-6)
        assert found.raw_values[row] == np.float32(slow.root.raw)


@recipes
def test_the_subtree_is_kept_bit_for_bit(recipe):
    boards, seeds = unfinished_positions(5, 12), derive_seeds(0, count=len(unfinished_positions(5, 12)))
    tree = mcts.allocate_tree(len(boards), 90, 5)
    found = mcts.run_search(boards, Planted(0), 90, recipe=recipe, seeds=seeds, tree=tree)
    wanted = []
    for row in range(len(boards)):
        edge = next(edge for edge in tree.list_edges(row, 0) if edge["move"] == found.best[row])
        wanted.append(nodes_by_path(tree, row, int(edge["node"])))
    kept = mcts.advance(tree, found.best)
    for row in range(len(boards)):
        assert nodes_by_path(tree, row) == wanted[row]
        assert tree.used[row, 0] == len(wanted[row])
        root = tree.nodes[row, 0]
        assert (root["parent"], root["slot"], root["visits"]) == (-1, -1, kept[row])
        nodes = tree.nodes[row, : tree.used[row, 0]]
        black = np.where(nodes["turn"] == 0, nodes["raw"], -nodes["raw"])
        assert tree.span[row].tolist() == [black.min(), black.max()]
        for index, node in enumerate(nodes[1:], start=1):  # parents and edges point at one another
            assert tree.edges[row, nodes[node["parent"]]["first"] + node["slot"]]["node"] == index
            assert node["parent"] < index
        ends = nodes["first"] + 2 ** np.ceil(np.log2(np.maximum(nodes["count"], 2))).astype(int)
        assert tree.used[row, 1] == max(ends[nodes["count"] > 0], default=0)


@recipes
def test_batch_mates_do_not_matter(recipe):
    boards = unfinished_positions(5, 12)
    seeds = derive_seeds(4, count=len(boards))

    def play_two_moves(rows):
        after, tree, _, _, going = search_and_advance(boards[rows], seeds[rows], recipe, 60, capacity=150)
        again = mcts.run_search(after, Planted(1), 60, recipe=recipe, seeds=seeds[rows][going], noise=None, tree=tree, reuse=True)
        parts = (again.policy, again.best, again.visits, again.values, again.raw_values)
        return {rows[place]: [part[row].tobytes() for part in parts] for row, place in enumerate(going)}

    together = play_two_moves(list(range(len(boards))))
    shuffled = play_two_moves(list(range(len(boards)))[::-1])
    alone = {}
    for row in range(len(boards)):
        alone |= play_two_moves([row])
    assert together == shuffled == alone


def test_a_whole_game_keeps_the_budget():
    """Each move costs its budget of new evaluations; what was kept comes on top."""
    boards, tree, asked = Boards.empty(4, 3), mcts.allocate_tree(3, 120, 4), []

    def evaluator(boards):
        asked.append(boards)
        return Planted(3)(boards)

    kept = np.zeros(3, int)
    for ply in range(4):
        asked.clear()
        seeds = derive_seeds(ply, count=3)
        found = mcts.run_search(boards, evaluator, 40, seeds=seeds, noise=mcts.RootNoise(), tree=tree, reuse=True)
        assert len(asked) <= 40
        assert found.visits.sum(axis=1).tolist() == np.where(kept > 0, kept - 1 + 40, 39).tolist()
        kept = mcts.advance(tree, found.best)
        assert (kept == found.visits[np.arange(3), found.best]).all()
        boards = boards.play(found.best)
    assert (kept > 0).all()


def test_what_does_not_fit_starts_afresh():
    """Another position, no room, or a move that was never tried: the same as without reuse."""
    boards, seeds = Boards.from_boards([Board.from_moves(moves, 5) for moves in ("b2 a1", "a1", "b1 c3")]), derive_seeds(0, count=3)
    fresh = mcts.run_search(boards, Planted(0), 20, seeds=seeds, noise=mcts.RootNoise())
    tree = mcts.allocate_tree(3, 50, 5)
    mcts.run_search(Boards.empty(5, 3), Planted(0), 30, seeds=seeds, tree=tree)
    tree.used[2, 0] = 0  # what `advance` leaves where the move was never tried
    mcts.run_search(boards[:1], Planted(0), 45, seeds=seeds[:1], tree=tree.rows(0, 1))  # room for 5 more
    again = mcts.run_search(boards, Planted(0), 20, seeds=seeds, noise=mcts.RootNoise(), tree=tree, reuse=True)
    for part in ("policy", "best", "visits", "values", "raw_values"):
        assert getattr(fresh, part).tobytes() == getattr(again, part).tobytes()


@recipes
def test_a_root_that_was_never_evaluated_starts_afresh(recipe):
    """The evaluator gives up at the roots: their trees hold positions that no search knows anything of."""

    def give_up(boards):
        raise TimeoutError

    noise = mcts.RootNoise()
    boards, seeds, tree = Boards.empty(4, 2), derive_seeds(0, count=2), mcts.allocate_tree(2, 60, 4)
    fresh = mcts.run_search(boards, Planted(0), 20, recipe=recipe, seeds=seeds, noise=noise)
    with pytest.raises(TimeoutError):
        mcts.run_search(boards, give_up, 20, recipe=recipe, seeds=seeds, noise=noise, tree=tree)
    again = mcts.run_search(boards, Planted(0), 20, recipe=recipe, seeds=seeds, noise=noise, tree=tree, reuse=True)
    for part in ("policy", "best", "visits", "values", "raw_values"):
        assert getattr(fresh, part).tobytes() == getattr(again, part).tobytes()


def test_advance_tells_what_it_keeps():
    boards, tree = Boards.empty(3, 3), mcts.allocate_tree(3, 5, 3)
    found = mcts.run_search(boards, mcts.uniform(), 5, seeds=derive_seeds(0, count=3), tree=tree)
    before = nodes_by_path(tree, 2)
    untried = int(np.flatnonzero(found.visits[1] == 0)[0])
    assert mcts.advance(tree, np.array([0, untried, -1])).tolist() == [found.visits[0, 0], 0, 5]
    assert tree.used[:, 0].tolist() == [found.visits[0, 0], 0, 5]
    assert nodes_by_path(tree, 2) == before
    assert mcts.advance(tree, np.array([-1, -1, -1])).tolist() == [found.visits[0, 0], 0, 5]


def test_found_trees_are_taken_up_again():
    """`search` finds its position two moves into the tree, and leaves that tree as it is."""
    board = Board(3)
    found = mcts.search(board, mcts.rollouts(games=4), 300)
    board.push(found.best)
    board.push(found.tree.children(node=found.tree.children()[0].node)[0].move)
    text = found.tree.to_text(depth=4)
    known = found.tree.children(node=found.tree.children()[0].node)[0].visits
    again = mcts.search(board, mcts.rollouts(games=4), 100, tree=found.tree)
    assert sum(again.visits.values()) == known - 1 + 100
    assert found.tree.to_text(depth=4) == text
    elsewhere = mcts.search(Board.from_moves("a1 a2 a3 b1 b2", 3), mcts.uniform(), 50, tree=mcts.search(board, mcts.uniform(), 20).tree)
    assert sum(elsewhere.visits.values()) == 49


def test_what_cannot_be_reused_is_refused():
    boards, seeds, tree = Boards.empty(3, 2), derive_seeds(0, count=2), mcts.allocate_tree(2, 400, 3)
    with pytest.raises(ConfigError, match="reuse without a tree: give the tree of the search before"):
        mcts.run_search(boards, mcts.uniform(), 8, seeds=seeds, reuse=True)
    with pytest.raises(ConfigError, match="gumbel halves its moves from a root without visits: search without reuse"):
        mcts.run_search(boards, mcts.uniform(), 8, recipe=mcts.gumbel(), seeds=seeds, tree=tree, reuse=True)
    with pytest.raises(ConfigError, match="gumbel halves its moves"):
        mcts.search(Board(3), mcts.uniform(), 8, recipe=mcts.gumbel(), tree=tree)
    with pytest.raises(PositionError, match="a tree of size 3 for a board of size 4"):
        mcts.search(Board(4), mcts.uniform(), 8, tree=tree)
    late = Boards.from_board(Board.from_moves("a1 c1 a2 c2", 3), 2)
    mcts.run_search(late, mcts.uniform(), 50, recipe=mcts.puct(prove=True), seeds=seeds, tree=tree)
    with pytest.raises(ConfigError, match="the tree of board 0 holds proofs: go on with a recipe that proves, or search without reuse"):
        mcts.run_search(late, mcts.uniform(), 50, recipe=mcts.puct(), seeds=seeds, tree=tree, reuse=True)
    with pytest.raises(IllegalMoveError, match="move 9 on board 1 is off a board of size 3"):
        mcts.advance(tree, np.array([0, 9]))
    with pytest.raises(ConfigError, match=r"moves of type float64 and shape \(2,\) for 2 trees"):
        mcts.advance(tree, np.array([0.0, 1.0]))

"""The memory of a search, and how people look at it."""

import numpy as np
import pytest

from hexlab import mcts
from hexlab.errors import ConfigError, PositionError
from hexlab.mcts.tree import NODE, count_bytes
from hexlab.rules import Board, Boards
from hexlab.rules.draws import derive_seeds


@pytest.mark.parametrize(("size", "node_bytes"), [(5, 285), (9, 565), (11, 765)])
def test_a_node_takes_what_the_table_says(size, node_bytes):
    assert NODE.itemsize == 64
    one, more = mcts.allocate_tree(7, 1, size), mcts.allocate_tree(7, 101, size)
    assert (more.bytes - one.bytes) / 700 == node_bytes
    assert one.bytes / 7 - node_bytes == 60  # what a board takes besides


@pytest.mark.parametrize(("boards", "simulations", "size"), [(1, 1, 2), (64, 7, 3), (256, 64, 5), (17, 800, 9), (512, 33, 19)])
def test_bytes_are_told_without_setting_them_aside(boards, simulations, size):
    tree = mcts.allocate_tree(boards, simulations, size)
    assert count_bytes(boards, simulations, size) == pytest.approx(sum(array.nbytes for array in tree), rel=0.1)


def test_the_tree_is_whole():
    """Visits add up from the leaves to the root, and the priors of a node to 1."""
    boards, simulations = Boards.empty(4, 3), 80
    tree = mcts.run_search(boards, mcts.rollouts(games=4), simulations, seeds=derive_seeds(0, count=3)).tree
    for board in range(3):
        nodes = tree.nodes[board, : tree.used[board, 0]]
        inner = set(nodes["parent"][1:].tolist())
        for index, node in enumerate(nodes):
            below = nodes[nodes["parent"] == index]
            assert sorted(below["visits"].tolist()) == sorted(child.visits for child in tree.children(board, index))
            if node["status"] == 0:
                assert node["visits"] == 1 + below["visits"].sum()
                untried = tree.untried[board, index]
                if index in inner:
                    np.testing.assert_allclose(untried[untried >= 0].sum() + tree.list_edges(board, index)["prior"].sum(), 1.0, rtol=1e-5)
                assert node["legal"] == len(below) + np.count_nonzero(untried >= 0)
        assert nodes["visits"][0] == simulations


def test_children_come_by_visits_then_by_cell():
    found = mcts.search(Board(3), mcts.uniform(), 40)
    children = found.tree.children()
    assert [child.move for child in children] == list(found.visits)
    assert [child.visits for child in children] == sorted((child.visits for child in children), reverse=True)
    assert sum(child.visits for child in children) == 39


def test_text_shows_the_most_visited_moves():
    board = Board.from_moves("a1 c1 a2 c2", 3)
    found = mcts.search(board, mcts.uniform(), 30, recipe=mcts.puct(prove=True))
    assert found.tree.to_text(depth=1, width=2) == "\n".join(
        [
            "Black to move: 4 simulations, value +1.000, proven won",
            "  B b1: 1 visits, value +0.000, prior 0.200",
            "  B b2: 1 visits, value +0.000, prior 0.200",
            "  ... 1 more with 1 visits",
        ]
    )
    assert "B a3: 1 visits, value +1.000, prior 0.200, proven won" in found.tree.to_text(depth=1)
    assert found.tree.to_text(depth=0) == "Black to move: 4 simulations, value +1.000, proven won"


def test_text_goes_as_deep_as_asked():
    text = mcts.search(Board(3), mcts.rollouts(games=8), 60).tree.to_text(depth=2, width=1)
    lines = text.splitlines()
    assert [line[: len(line) - len(line.lstrip())] for line in lines][:3] == ["", "  ", "    "]
    assert lines[1].lstrip().startswith("B ")
    assert lines[2].lstrip().startswith("W ")


def test_looking_beyond_the_tree_is_refused():
    tree = mcts.search(Board(3), mcts.uniform(), 5).tree
    with pytest.raises(PositionError, match="no board 1 in a tree of 1 boards: give a row from 0 to 0"):
        tree.to_text(board=1)
    with pytest.raises(PositionError, match="no node 5 in the tree of board 0: it has nodes 0 to 4"):
        tree.children(node=5)


def test_a_tree_that_knows_nothing_says_so():
    found = mcts.search(Board(3), mcts.uniform(), 3)
    untried = next(move for move in Board(3).legal_moves if move not in found.visits)
    mcts.advance(found.tree, np.array([Board(3).to_cell(untried)]))
    for look in (found.tree.to_text, found.tree.children, mcts.allocate_tree(1, 9, 3).to_text):
        with pytest.raises(PositionError, match="the tree of board 0 is empty, for no search has been in its position: search first"):
            look()


def test_a_tree_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="boards=0 makes no tree: give a whole number from 1 up"):
        mcts.allocate_tree(0, 5, 3)
    with pytest.raises(ConfigError, match=r"simulations=2\.5 makes no tree"):
        mcts.allocate_tree(1, 2.5, 3)
    with pytest.raises(PositionError, match="board size 20"):
        mcts.allocate_tree(1, 2, 20)

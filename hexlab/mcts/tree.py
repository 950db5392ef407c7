"""The memory of a search: B trees of up to N nodes in a handful of arrays.

Node 0 is the root. A node's first visit is its evaluation, so a tree holds at most as many nodes as it ran simulations. A node
carries its board, and the prior of the moves that nobody has tried there; the prior of a move that was tried moves into its edge.
So descent looks at the edges alone, and at one move more: the untried one with the largest prior.

The edges of a node lie side by side, oldest first, with all that a choice among them needs, so that descent reads memory in
order. They start in a block of two; a full block moves to one twice as large at the end of the pool. All blocks that k edges ever
had hold fewer than 4 k, and a tree has fewer edges than nodes, so 4 N slots suffice.

=========  ================  ======================================================================================================
array      type              meaning
=========  ================  ======================================================================================================
`nodes`    NODE[B, N]        scalars of a node, 64 bytes, one cache line: the table below
`edges`    EDGE[B, 4 N]      moves that were tried, 24 bytes each: the second table below
`cells`    uint8[B, N, A]    board at the node, codes as in `hexlab.rules.kernels`
`untried`  float32[B, N, A]  prior of each legal move without a child, else -1; logits (-inf: occupied) until a move is chosen here
`used`     int32[B, 2]       nodes and slots for edges in use
`leaf`     int32[B]          node that the current simulation reached; -1 where the board idles
`span`     float64[B, 2]     lowest and highest value that any node of the tree was given at its first visit, seen by Black
`draws`    uint64[B]         generator states, `hexlab.rules.draws`
`work`     int64[B, 3]       what the search has done so far: the columns below
=========  ================  ======================================================================================================

`work` counts, since the search began, nodes visited (on the way down and on the way up), actions scanned (edges, and cells wherever
a node's row of moves is read through) and bytes copied (boards, logits, edges that move). It does not depend on the machine, so a
test can pin it where a clock cannot.

===============  =======  ==================================================================================================
field of a node  type     meaning
===============  =======  ==================================================================================================
`total`          float64  sum of the values of its visits, for the side to move here
`value`          float64  `total` / `visits`; exactly -1 or 1 once `status` says so and the recipe asks for proofs
`tried`          float64  sum of the priors of the moves that have a child
`open_mass`      float64  sum of the priors of the untried moves; -2 for not looked up
`open_prior`     float32  prior of `open_move`; not set where that is below 0
`raw`            float32  value at the first visit, for the side to move here: the evaluator's, or -1 in a finished game
`visits`         int32    visits, the node's own evaluation included
`parent`         int32    -1 at the root
`first`          int32    slot of the oldest edge; not set where there is none
`slot`           int16    number of the edge that leads here among the parent's, from 0; -1 at the root
`count`          int16    edges
`open_move`      int16    untried move with the largest prior, ties by the lowest cell; -1 none, -2 not looked up, -3 logits
`legal`          int16    legal moves here
`refuted`        int16    moves here that are proven to lose
`turn`           int8     color to move: 0 Black, 1 White
`status`         int8     for the side to move: 1 proven won, -1 proven lost (a finished game is), 0 open
===============  =======  ==================================================================================================

================  =======  ======================================
field of an edge  type     meaning
================  =======  ======================================
`value`           float64  `value` of the node it leads to
`prior`           float32  prior of the move, root noise included
`visits`          int32    `visits` of the node it leads to
`node`            int32    index of that node
`move`            int16    cell of the move
`status`          int8     `status` of that node
================  =======  ======================================

A node takes 160 + 5 A bytes, its share of the edges included: 285 at 5x5, 565 at 9x9, 765 at 11x11; a board 60 bytes more.
"""

from typing import NamedTuple

import numpy as np

from hexlab.errors import ConfigError, PositionError
from hexlab.rules.cells import cell_name, check_size

__all__ = ["EDGE", "NODE", "Child", "Tree", "allocate_tree", "count_bytes"]

NODE = np.dtype(
    [
        ("total", np.float64),
        ("value", np.float64),
        ("tried", np.float64),
        ("open_mass", np.float64),
        ("open_prior", np.float32),
        ("raw", np.float32),
        ("visits", np.int32),
        ("parent", np.int32),
        ("first", np.int32),
        ("slot", np.int16),
        ("count", np.int16),
        ("open_move", np.int16),
        ("legal", np.int16),
        ("refuted", np.int16),
        ("turn", np.int8),
        ("status", np.int8),
    ],
    align=True,
)
EDGE = np.dtype(
    [
        ("value", np.float64),
        ("prior", np.float32),
        ("visits", np.int32),
        ("node", np.int32),
        ("move", np.int16),
        ("status", np.int8),
    ],
    align=True,
)
_STATUS = {1: ", proven won", -1: ", proven lost"}


class Child(NamedTuple):
    """A move that a search has tried.

    Attributes:
        node: index of the node it leads to.
        move: name of the cell.
        visits: visits of that node.
        value: what the move is worth to the side that plays it, in [-1, 1].
        prior: probability that the evaluator gave it, root noise included.
        status: 1 proven to win, -1 proven to lose, 0 open; for the side that plays it.
    """

    node: int
    move: str
    visits: int
    value: float
    prior: float
    status: int


class Tree(NamedTuple):
    """The trees of B boards. The arrays are described in `hexlab.mcts.tree`; the methods are for people."""

    nodes: np.ndarray
    edges: np.ndarray
    cells: np.ndarray
    untried: np.ndarray
    used: np.ndarray
    leaf: np.ndarray
    span: np.ndarray
    draws: np.ndarray
    work: np.ndarray

    @property
    def boards(self) -> int:
        """B, the number of boards."""
        return self.nodes.shape[0]

    @property
    def capacity(self) -> int:
        """N, the largest number of simulations there is room for."""
        return self.nodes.shape[1]

    @property
    def size(self) -> int:
        """Board size n."""
        return round(self.cells.shape[2] ** 0.5)

    @property
    def bytes(self) -> int:
        """Memory of all arrays."""
        return sum(array.nbytes for array in self)

    def rows(self, start: int, stop: int) -> "Tree":
        """Return the trees of the boards from `start` to `stop` - 1, without copying."""
        return Tree(*(array[start:stop] for array in self))

    def children(self, board: int = 0, node: int = 0) -> list[Child]:
        """Return the moves tried at a node, most visited first, then by lowest cell.

        Args:
            board: row of the batch.
            node: index of the node, 0 for the root.

        Raises:
            PositionError: no such board or node, or an empty tree.
        """
        self._check(board, node)
        edges = self.list_edges(board, node)
        order = np.lexsort((edges["move"], -edges["visits"]))
        return [self._child(edge) for edge in edges[order]]

    def list_edges(self, board: int, node: int) -> np.ndarray:
        """Return the edges of a node, EDGE[count], oldest first; a view.

        Args:
            board: row of the batch.
            node: index of the node, 0 for the root.
        """
        first, count = int(self.nodes[board, node]["first"]), int(self.nodes[board, node]["count"])
        return self.edges[board, first : first + count] if count else self.edges[board, :0]

    def to_text(self, depth: int = 2, width: int = 5, board: int = 0) -> str:
        """Draw the most visited part of a tree.

        Args:
            depth: how many moves deep.
            width: how many moves to show at a node, most visited first.
            board: row of the batch.

        Returns:
            One line a node: the move, its visits, its value for the side that plays it, its prior. The root's value is for the
            side to move.

        Raises:
            PositionError: no such board, or an empty tree.
        """
        self._check(board, 0)
        root = self.nodes[board, 0]
        color = "Black" if root["turn"] == 0 else "White"
        status = _STATUS.get(int(root["status"]), "")
        lines = [f"{color} to move: {int(root['visits'])} simulations, value {root['value']:+.3f}{status}"]
        self._add_lines(lines, board, 0, depth, width, "")
        return "\n".join(lines)

    def _add_lines(self, lines: list[str], board: int, node: int, depth: int, width: int, indent: str) -> None:
        children = self.children(board, node)
        if depth <= 0 or not children:
            return
        color = "BW"[int(self.nodes[board, node]["turn"])]
        for child in children[:width]:
            status = _STATUS.get(child.status, "")
            lines.append(
                f"{indent}  {color} {child.move}: {child.visits} visits, value {child.value:+.3f}, prior {child.prior:.3f}{status}"
            )
            self._add_lines(lines, board, child.node, depth - 1, width, indent + "  ")
        if len(children) > width:
            rest = children[width:]
            lines.append(f"{indent}  ... {len(rest)} more with {sum(child.visits for child in rest)} visits")

    def _child(self, edge: np.void) -> Child:
        name = cell_name(int(edge["move"]), self.size)
        return Child(
            int(edge["node"]), name, int(edge["visits"]), 0.0 - float(edge["value"]), float(edge["prior"]), -int(edge["status"])
        )

    def _check(self, board: int, node: int) -> None:
        if not 0 <= board < self.boards:
            raise PositionError(f"no board {board!r} in a tree of {self.boards} boards: give a row from 0 to {self.boards - 1}")
        if self.used[board, 0] == 0:
            raise PositionError(f"the tree of board {board} is empty, for no search has been in its position: search first")
        if not 0 <= node < self.used[board, 0]:
            raise PositionError(f"no node {node!r} in the tree of board {board}: it has nodes 0 to {self.used[board, 0] - 1}")


def allocate_tree(boards: int, simulations: int, size: int) -> Tree:
    """Set memory aside for searches, to use again and again.

    Args:
        boards: B, how many boards are searched at once.
        simulations: N, the largest number of simulations of any of them.
        size: board size n.

    Returns:
        An unused tree of B * (N * (160 + 5 * n * n) + 60) bytes.

    Raises:
        ConfigError: fewer than one board or simulation.
        PositionError: a size that is not supported.

    >>> tree = allocate_tree(boards=256, simulations=64, size=9)
    >>> round(tree.bytes / 2**20, 1)
    8.8
    """
    area = check_size(size) ** 2
    for name, number in (("boards", boards), ("simulations", simulations)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            raise ConfigError(f"{name}={number!r} makes no tree: give a whole number from 1 up")
    shape = (int(boards), int(simulations))
    return Tree(
        nodes=np.empty(shape, NODE),
        edges=np.empty((shape[0], 4 * shape[1]), EDGE),
        cells=np.empty((*shape, area), np.uint8),
        untried=np.empty((*shape, area), np.float32),
        used=np.zeros((boards, 2), np.int32),
        leaf=np.full(boards, -1, np.int32),
        span=np.empty((boards, 2), np.float64),
        draws=np.empty(boards, np.uint64),
        work=np.zeros((boards, 3), np.int64),
    )


def count_bytes(boards: int, simulations: int, size: int) -> int:
    """Return the bytes of a tree that `allocate_tree` would make, and allocate next to nothing.

    What a board and a node take is read off the smallest trees.

    Args:
        boards: B, how many boards are searched at once.
        simulations: N, the largest number of simulations of any of them.
        size: board size n.

    >>> count_bytes(boards=256, simulations=64, size=9) == allocate_tree(boards=256, simulations=64, size=9).bytes
    True
    """
    one, two = (allocate_tree(1, nodes, size).bytes for nodes in (1, 2))
    return boards * (one + (simulations - 1) * (two - one))

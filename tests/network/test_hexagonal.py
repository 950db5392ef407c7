"""Hexagonal convolutions: 7 taps, one ring further a layer, edges that look like stones, and the promises of every network."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hexlab.network import NetworkEvaluator, load, save
from hexlab.network.hexagonal import TAPS, convolve, lay_edges
from hexlab.network.model import Architecture, apply, describe_mismatch, init_params, parameter_shapes
from hexlab.rules import Boards
from hexlab.rules.cells import neighbor_table, rotation, transposition

SIZE = 5


def random_params(architecture, seed=0):
    """Weights as after some training: the residual layers speak."""
    random = np.random.default_rng(seed)
    params = init_params(architecture, seed)
    for block in params["blocks"].values():
        block["scale"] = np.array(random.uniform(0.3, 1.0), np.float32)
    return params


def random_planes(size, count=64, seed=0):
    """Planes of random stones, at most one on a cell."""
    stones = np.random.default_rng(seed).integers(0, 3, (count, size * size))
    return np.concatenate([stones == 1, stones == 2], axis=1).astype(np.float32)


def random_boards(size, count, seed=0):
    """Positions after 0 to A / 2 random moves."""
    random = np.random.default_rng(seed)
    boards = Boards.empty(size, count)
    plies = random.integers(0, size * size // 2, count)
    for ply in range(plies.max()):
        scores = np.where(boards.legal, random.random(boards.legal.shape), -1)
        boards = boards.play(np.where((ply < plies) & ~boards.finished, scores.argmax(axis=1), -1))
    return boards


def convolve_slowly(kernel, bias, board):
    """Cell by cell, tap by tap, zeros beyond the border: float[n, n, inputs] -> float[n, n, outputs]."""
    size = len(board)
    answer = np.zeros((size, size, len(bias)))
    for row in range(size):
        for column in range(size):
            answer[row, column] = bias
            for weights, (down, right) in zip(kernel, TAPS, strict=True):
                if 0 <= row + down < size and 0 <= column + right < size:
                    answer[row, column] += board[row + down, column + right] @ weights
    return answer


def judge_slowly(params, planes, size):
    """The whole network for one position, in double precision."""
    ringed = np.zeros((size + 2, size + 2, 2))
    ringed[[0, -1], :, 0] = 1  # the mover's rows above and below
    ringed[:, [0, -1], 1] = 1  # the opponent's columns left and right
    ringed[1:-1, 1:-1] = planes.reshape(2, size, size).transpose(1, 2, 0)
    stream = convolve_slowly(params["intake"]["kernel"], params["intake"]["bias"], ringed)[1:-1, 1:-1]
    for block in params["blocks"].values():
        stream = stream + block["scale"] * convolve_slowly(block["kernel"], block["bias"], np.maximum(stream, 0))
    cells = stream.reshape(size * size, -1)
    logits = cells @ params["policy"]["kernel"] + params["policy"]["bias"]
    pooled = np.concatenate([cells.mean(axis=0), cells.max(axis=0)])
    return logits[:, 0], np.tanh(pooled @ params["value"]["kernel"] + params["value"]["bias"])[0]


def test_the_taps_are_a_cell_and_its_neighbors():
    """A kernel of ones spreads one planted number over exactly the cell and those that the rules call its neighbors."""
    layer = {"kernel": np.ones((7, 1, 1), np.float32), "bias": np.zeros(1, np.float32)}
    for cell, neighbors in enumerate(neighbor_table(SIZE)):
        planted = np.zeros((1, SIZE, SIZE, 1), np.float32)
        planted[0, cell // SIZE, cell % SIZE] = 1
        reached = np.flatnonzero(np.asarray(convolve(layer, planted, "SAME")))
        assert set(reached) == {cell, *neighbors[neighbors >= 0]}


def test_each_tap_looks_where_it_says():
    planted = np.zeros((1, SIZE, SIZE, 1), np.float32)
    planted[0, 2, 2] = 1
    kernel = np.arange(1, 8, dtype=np.float32).reshape(7, 1, 1)
    answer = np.asarray(convolve({"kernel": kernel, "bias": np.zeros(1, np.float32)}, planted, "SAME"))[0, :, :, 0]
    # a tap that looks down and right finds the number from above and left of it
    assert answer.astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 7, 6, 0],
        [0, 5, 1, 4, 0],
        [0, 3, 2, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_convolution_equals_plain_loops():
    random = np.random.default_rng(0)
    layer = {"kernel": random.standard_normal((7, 3, 4)).astype(np.float32), "bias": random.standard_normal(4).astype(np.float32)}
    boards = random.standard_normal((6, SIZE, SIZE, 3)).astype(np.float32)
    expected = np.array([convolve_slowly(layer["kernel"], layer["bias"], board) for board in boards])
    np.testing.assert_allclose(convolve(layer, boards, "SAME"), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(convolve(layer, boards, "VALID"), expected[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-5)


def test_edges_are_stones_around_the_board():
    board = """
      x o .
      . x .
      o . .
    """
    stones = np.array(board.split()).reshape(1, 9)
    planes = np.concatenate([stones == "x", stones == "o"], axis=1).astype(np.float32)
    ringed = np.asarray(lay_edges(planes, 3))[0].astype(int)
    assert ringed[:, :, 0].tolist() == [[1, 1, 1, 1, 1], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    assert ringed[:, :, 1].tolist() == [[1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1]]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_the_network_equals_plain_loops(size):
    params = random_params(Architecture(size, 6, 3, "hex"))
    planes = random_planes(size, count=4)
    logits, values = jax.jit(apply)(params, planes)
    for board, row in enumerate(planes):
        expected_logits, expected_value = judge_slowly(params, row, size)
        np.testing.assert_allclose(logits[board], expected_logits, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(values[board], expected_value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_cell_sees_one_ring_further_with_each_layer(depth):
    """Which inputs a logit's gradient reaches: hexagonal distance at most 1 for the intake, and 1 more for each layer."""
    size = 9
    params = random_params(Architecture(size, 8, depth, "hex"))
    row, column = 4, 3
    planes = jnp.asarray(random_planes(size, count=8))
    seen = jax.jit(jax.grad(lambda inputs: apply(params, inputs)[0][:, row * size + column].sum()))(planes)
    rows, columns = np.divmod(np.arange(size * size), size)
    down, right = rows - row, columns - column
    distance = np.maximum.reduce([np.abs(down), np.abs(right), np.abs(down + right)])
    reached = np.abs(np.asarray(seen)).reshape(8, 2, -1).sum(axis=(0, 1)) > 0
    np.testing.assert_array_equal(reached, distance <= depth + 1)


def test_turning_the_board_and_the_kernels_turns_the_answer():
    """The 180-degree turn keeps Hex the same; the net may learn it, since turned kernels (opposite taps traded) follow a turned board."""
    params = random_params(Architecture(SIZE, 8, 2, "hex"))
    opposite = [TAPS.index((-down, -right)) for down, right in TAPS]

    def turn(layer):
        return layer | {"kernel": layer["kernel"][opposite]}

    turned_params = params | {"intake": turn(params["intake"]), "blocks": {key: turn(block) for key, block in params["blocks"].items()}}
    planes = random_planes(SIZE)
    turned = planes.reshape(-1, 2, SIZE * SIZE)[:, :, rotation(SIZE)].reshape(planes.shape)
    logits, values = apply(params, planes)
    turned_logits, turned_values = apply(turned_params, turned)
    np.testing.assert_allclose(turned_logits[:, rotation(SIZE)], logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(turned_values, values, rtol=1e-4, atol=1e-5)


def test_color_exchange_and_transposition_mirror_the_logits_exactly():
    boards = random_boards(SIZE, 100)
    mirror = transposition(SIZE)
    stones = boards.stones[:, mirror]
    traded = Boards(SIZE, np.where(stones > 0, 3 - stones, 0).astype(np.uint8), (1 - boards.turn).astype(np.int8), boards.winner)
    architecture = Architecture(SIZE, 16, 2, "hex")
    judge = NetworkEvaluator(architecture, random_params(architecture))
    logits, values = judge(boards)
    traded_logits, traded_values = judge(traded)
    np.testing.assert_array_equal(traded_logits[:, mirror], logits)
    np.testing.assert_array_equal(traded_values, values)
    assert logits.std() > 0.1
    assert values.std() > 0.01


@pytest.mark.parametrize(("size", "width"), [(3, 1), (5, 2), (9, 16)])
def test_a_row_does_not_depend_on_its_batch_mates_or_its_place(size, width):
    architecture = Architecture(size, width, 2, "hex")
    judge = NetworkEvaluator(architecture, random_params(architecture))
    boards = random_boards(size, 512)
    order = np.random.default_rng(1).permutation(512)
    logits, values = judge(boards)
    shuffled = judge(boards[order][:300])
    np.testing.assert_array_equal(shuffled.logits, logits[order][:300])
    np.testing.assert_array_equal(shuffled.values, values[order][:300])


@pytest.mark.parametrize(("size", "width"), [(3, 8), (5, 32)])
def test_batch_shapes_give_the_same_bits(size, width):
    """From width 8 on, and on a CPU."""
    if jax.default_backend() != "cpu":
        pytest.skip("a promise about XLA on a CPU")
    architecture = Architecture(size, width, 2, "hex")
    params = random_params(architecture)
    boards = random_boards(size, 512)
    first, *others = (NetworkEvaluator(architecture, params, batch)(boards) for batch in (64, 128, 256, 512))
    for other in others:
        np.testing.assert_array_equal(other.logits, first.logits)
        np.testing.assert_array_equal(other.values, first.values)


def test_parameters_are_counted_and_drawn_as_declared():
    architecture = Architecture(7, 8, 12, "hex")
    params = init_params(architecture, seed=0)
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    found = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    assert {name: leaf.shape for name, leaf in found.items()} == parameter_shapes(architecture)
    assert {leaf.dtype for leaf in found.values()} == {np.dtype(np.float32)}
    assert architecture.parameters == (7 * 2 * 8 + 8) + 12 * (7 * 8 * 8 + 8) + (8 + 1) + (16 + 1)
    assert sum(leaf.size for leaf in found.values()) == architecture.parameters + 12
    assert describe_mismatch(architecture, params) is None
    assert "intake.kernel has shape [98, 8] where a 7x7 hex 8x12 network has [7, 2, 8]" in describe_mismatch(
        architecture, init_params(Architecture(7, 8, 12), 0)
    )
    for block in params["blocks"].values():
        assert block["scale"] == 0
        columns = block["kernel"].reshape(56, 8).astype(np.float64)
        np.testing.assert_allclose(columns.T @ columns, 2 * np.eye(8), atol=1e-5)  # gain sqrt(2)


def test_bytes_and_floats_are_judged_alike():
    params = random_params(Architecture(3, 16, 2, "hex"))
    planes = random_planes(3)
    for left, right in zip(jax.jit(apply)(params, planes), jax.jit(apply)(params, planes.astype(np.uint8)), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_file_keeps_the_kind_and_a_dense_file_does_not_name_it(tmp_path):
    architecture = Architecture(3, 4, 2, "hex")
    params = random_params(architecture)
    save(tmp_path / "hex", architecture, params, {"run": "abc"})
    net = load(tmp_path / "hex")
    assert net.architecture == architecture
    jax.tree.map(np.testing.assert_array_equal, net.params, params)
    save(tmp_path / "dense", Architecture(3, 4, 2), init_params(Architecture(3, 4, 2), 0))
    assert b"kind\\\": \\\"hex" in (tmp_path / "hex").read_bytes()
    assert b"dense" not in (tmp_path / "dense").read_bytes()


def test_parameters_of_one_board_fit_another():
    small, large = (Architecture(size, 8, 2, "hex") for size in (3, 7))
    judge = NetworkEvaluator(large, random_params(small))
    assert judge(random_boards(7, 5)).logits.shape == (5, 49)


def test_gradients_teach_it_who_has_joined_top_and_bottom():
    """A toy task that local looks alone cannot solve: full 3x3 boards, the value is who won; a logit is the number of own neighbors."""
    own = np.zeros((126, 9), bool)
    for board, cells in enumerate(itertools.combinations(range(9), 5)):
        own[board, cells] = True
    planes = np.concatenate([own, ~own], axis=1).astype(np.float32)
    outcome = np.array([1.0 if joins_top_and_bottom(row) else -1.0 for row in own], np.float32)
    counts = np.pad(own, ((0, 0), (0, 1)))[:, neighbor_table(3)].sum(axis=2).astype(np.float32)

    def loss(params):
        logits, values = apply(params, planes)
        return jnp.mean(jnp.square(values - outcome)) + jnp.mean(jnp.square(logits - counts))

    @jax.jit
    def step(params, momentum):
        gradients = jax.grad(loss)(params)
        momentum = jax.tree.map(lambda old, new: 0.9 * old + new, momentum, gradients)
        return jax.tree.map(lambda param, change: param - 0.02 * change, params, momentum), momentum

    params = init_params(Architecture(3, 16, 3, "hex"), seed=0)
    momentum = jax.tree.map(np.zeros_like, params)
    for _ in range(300):
        params, momentum = step(params, momentum)
    logits, values = apply(params, planes)
    assert np.mean(np.sign(values) == outcome) > 0.97
    assert np.sqrt(np.mean(np.square(logits - counts))) < 0.3


def joins_top_and_bottom(own):
    """Flood from the top row of a 3x3 board."""
    reached = {cell for cell in range(3) if own[cell]}
    frontier = list(reached)
    while frontier:
        for neighbor in neighbor_table(3)[frontier.pop()]:
            if neighbor >= 0 and own[neighbor] and neighbor not in reached:
                reached.add(neighbor)
                frontier.append(neighbor)
    return any(cell >= 6 for cell in reached)

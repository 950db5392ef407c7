"""The network as an evaluator: one pinned batch shape, and rows that do not know one another."""

import threading

import jax
import numpy as np
import pytest

from hexlab.errors import ConfigError, PositionError
from hexlab.network.evaluator import NetworkEvaluator, _judge
from hexlab.network.features import to_planes
from hexlab.network.model import Architecture, apply, init_params
from hexlab.protocols import Evaluator
from hexlab.rules import Boards
from hexlab.rules.cells import transposition

SIZE = 5


def random_params(architecture, seed):
    """Weights as after some training: the residual layers speak."""
    random = np.random.default_rng(seed)
    params = init_params(architecture, seed)
    for block in params["blocks"].values():
        block["scale"] = np.array(random.uniform(0.3, 1.0), np.float32)
    return params


def random_boards(count, seed, size=SIZE):
    """Unfinished and finished positions after different numbers of random moves."""
    random = np.random.default_rng(seed)
    boards = Boards.empty(size, count)
    stop = random.integers(0, size * size, count)
    for ply in range(size * size):
        legal = boards.legal
        moves = [random.choice(np.flatnonzero(row)) if row.any() and ply < stop[board] else -1 for board, row in enumerate(legal)]
        boards = boards.play(moves)
    return boards


@pytest.fixture(scope="module")
def architecture():
    return Architecture(SIZE, 64, 2)


@pytest.fixture(scope="module")
def judge(architecture):
    return NetworkEvaluator(architecture, random_params(architecture, 0))


@pytest.fixture(scope="module")
def boards():
    return random_boards(300, seed=0)


def same(left, right):
    np.testing.assert_array_equal(left.logits, right.logits)
    np.testing.assert_array_equal(left.values, right.values)


def test_it_is_an_evaluator_and_says_what_it_is(judge, boards):
    assert isinstance(judge, Evaluator)
    assert repr(judge) == "NetworkEvaluator(Architecture(size=5, width=64, depth=2, kind='dense'), batch=256)"
    logits, values = judge(boards)
    assert logits.shape == (300, 25)
    assert values.shape == (300,)
    assert logits.dtype == values.dtype == np.float32
    assert np.isfinite(logits).all()
    assert (np.abs(values) <= 1).all()
    assert logits.std() > 0.1
    assert values.std() > 0.01


def test_it_agrees_with_the_pure_function_in_the_movers_frame(judge, boards):
    logits, values = judge(boards)
    in_frame, expected_values = (np.asarray(part) for part in jax.jit(apply)(judge.params, to_planes(boards)))
    white = boards.turn == 1
    np.testing.assert_allclose(logits[~white], in_frame[~white], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(logits[white], in_frame[white][:, transposition(SIZE)], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(values, expected_values, rtol=1e-5, atol=1e-5)


def test_color_exchange_and_transposition_mirror_the_logits_exactly(judge, boards):
    mirror = transposition(SIZE)
    stones = boards.stones[:, mirror]
    traded = Boards(SIZE, np.where(stones > 0, 3 - stones, 0).astype(np.uint8), (1 - boards.turn).astype(np.int8), boards.winner)
    logits, values = judge(boards)
    traded_logits, traded_values = judge(traded)
    np.testing.assert_array_equal(traded_logits[:, mirror], logits)
    np.testing.assert_array_equal(traded_values, values)


def test_a_row_does_not_depend_on_its_batch_mates_or_its_place(judge, boards):
    order = np.random.default_rng(1).permutation(len(boards))
    logits, values = judge(boards)
    shuffled = judge(boards[order])
    np.testing.assert_array_equal(shuffled.logits, logits[order])
    np.testing.assert_array_equal(shuffled.values, values[order])


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 255, 256, 257, 300])
def test_padding_and_chunks_change_nothing(judge, boards, count):
    logits, values = judge(boards)
    some = judge(boards[:count])
    np.testing.assert_array_equal(some.logits, logits[:count])
    np.testing.assert_array_equal(some.values, values[:count])


@pytest.mark.parametrize(("width", "depth", "shapes"), [(2, 4, (128, 256, 512)), (64, 4, (64, 128, 256, 512)), (100, 1, (64, 256))])
def test_batch_shapes_give_the_same_bits(width, depth, shapes):
    """What the docstring promises; on a CPU only, an accelerator may choose its kernels otherwise."""
    if jax.default_backend() != "cpu":
        pytest.skip("a promise about XLA on a CPU")
    architecture = Architecture(SIZE, width, depth)
    params = random_params(architecture, 3)
    boards = random_boards(512, seed=3)
    first, *others = (NetworkEvaluator(architecture, params, batch)(boards) for batch in shapes)
    for other in others:
        same(first, other)


def test_boards_are_neither_kept_nor_changed(judge, boards):
    before = boards.copy()
    first = judge(boards)
    kept = first.logits.copy()
    np.testing.assert_array_equal(boards.cells, before.cells)
    np.testing.assert_array_equal(boards.turn, before.turn)
    judge(boards[::-1])
    np.testing.assert_array_equal(first.logits, kept)
    first.logits[:] = 0  # the caller's own memory
    np.testing.assert_array_equal(judge(boards).logits, kept)


def test_edge_bits_do_not_show(judge, boards):
    same(judge(Boards(SIZE, boards.stones, boards.turn, boards.winner)), judge(boards))


def test_new_weights_change_the_answers_and_compile_nothing(judge, boards, architecture):
    judge(boards)
    compiled = _judge._cache_size()
    other = judge.with_params(random_params(architecture, 1))
    assert (other.architecture, other.batch) == (judge.architecture, judge.batch)
    assert not np.array_equal(other(boards).logits, judge(boards).logits)
    NetworkEvaluator(architecture, random_params(architecture, 2))(boards[:5])
    other.with_params(judge.params)(boards[:7])
    assert _judge._cache_size() == compiled


def test_weights_are_a_private_copy(architecture, boards):
    params = random_params(architecture, 4)
    judge = NetworkEvaluator(architecture, params)
    before = judge(boards)
    for leaf in jax.tree.leaves(params):
        leaf[...] = 0
    same(judge(boards), before)


def test_threads_may_share_one_evaluator(judge, boards):
    expected = judge(boards)
    answers: dict[int, list] = {}

    def ask(number):
        order = np.random.default_rng(number).permutation(len(boards))
        answers[number] = [(order, judge(boards[order])) for _ in range(10)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers.values():
        for order, (logits, values) in answer:
            np.testing.assert_array_equal(logits, expected.logits[order])
            np.testing.assert_array_equal(values, expected.values[order])
    assert len(answers) == 4


@pytest.mark.parametrize("batch", [0, 1, 32, 96, 100, 255, -64, 64.0, True, "256"])
def test_batches_that_would_change_the_bits_are_refused(architecture, batch):
    with pytest.raises(ConfigError, match=rf"batch '?{batch}.*power of two of at least 64"):
        NetworkEvaluator(architecture, init_params(architecture, 0), batch)


def test_boards_of_another_size_are_refused(judge):
    with pytest.raises(PositionError, match="a network for 5x5 boards cannot judge a 4x4 board"):
        judge(Boards.empty(4, 1))


def test_parameters_of_another_network_are_refused(architecture):
    with pytest.raises(ConfigError, match=r"not the parameters of a 5x5 64x2 network: intake.kernel has shape \[50, 32\]"):
        NetworkEvaluator(architecture, init_params(Architecture(SIZE, 32, 2), 0))


@pytest.mark.parametrize("size", [1, 2, 3, 9, 11, 13, 19])
def test_every_board_size_works(size):
    architecture = Architecture(size, 4, 1)
    judge = NetworkEvaluator(architecture, init_params(architecture, 0), batch=64)
    logits, values = judge(random_boards(3, seed=0, size=size))
    assert logits.shape == (3, size * size)
    assert np.isfinite(logits).all()
    assert (np.abs(values) < 1).all()


def test_half_precision_answers_are_close_and_in_range():
    """What an accelerator does by default; on a CPU it must be asked for."""
    architecture = Architecture(size=5, width=16, depth=2)
    full = NetworkEvaluator(architecture, init_params(architecture, seed=0), batch=64)
    half = NetworkEvaluator(architecture, init_params(architecture, seed=0), batch=64, half=True)
    assert not full.half
    assert half.with_params(half.params).half
    boards = Boards.empty(5, 3).play([3, 4, -1])
    for exact, rough in zip(full(boards), half(boards), strict=True):
        assert rough.dtype == np.float32
        np.testing.assert_allclose(rough, exact, atol=2e-3)
        assert not np.array_equal(rough, exact), "nothing was rounded"
    assert np.abs(half(boards).values).max() <= 1

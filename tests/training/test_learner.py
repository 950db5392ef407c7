"""The loss by hand, the schedule at its corners, and learning on planted positions."""

import dataclasses
import itertools

import jax
import numpy as np

from hexlab import network
from hexlab.training import learner as learner_module
from hexlab.training.config import Config
from hexlab.training.learner import compute_loss, learn, make_learner, schedule
from hexlab.training.replay import Batch, Positions, Replay

CONFIG = Config(
    size=2, width=8, depth=1, samples=64 * 4 * 50, groups=1, boards=64, slice_moves=4, batch=64, buffer=4_000, learning_rate=0.01, reuse=2
)


def planted(count=256):
    """The mover's stone on a1, the opponent's on b2: it plays b1 and wins."""
    stones = np.tile(np.array([1, 0, 0, 2], np.uint8), (count, 1))
    policy = np.tile(np.array([0, 65535, 0, 0], np.uint16), (count, 1))
    return Positions(stones, policy, np.ones(count, np.int8), np.ones(count, np.float32))


def test_the_loss_by_hand():
    params = network.init_params(network.Architecture(2, 8, 1), seed=0)
    planes = np.array([[1, 0, 0, 0, 0, 0, 0, 1]], np.float32)
    batch = Batch(planes, np.array([[0, 0.75, 0.25, 0]], np.float32), np.array([0.5], np.float32))
    logits, values = (np.asarray(answer) for answer in network.apply(params, planes))
    free = logits[0, [1, 2]].astype(float)
    log_policy = free - np.log(np.exp(free).sum())
    cross_entropy = -(0.75 * log_policy[0] + 0.25 * log_policy[1])
    loss, measured = compute_loss(params, batch)
    np.testing.assert_allclose(measured[0], cross_entropy, rtol=1e-5)
    np.testing.assert_allclose(measured[1], (float(values[0]) - 0.5) ** 2, rtol=1e-5)
    np.testing.assert_allclose(measured[2], -(np.exp(log_policy) * log_policy).sum(), rtol=1e-5)
    np.testing.assert_allclose(measured[3], -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), rtol=1e-5)
    np.testing.assert_allclose(float(loss), float(measured[0]) + float(measured[1]), rtol=1e-6)


def test_the_schedule_warms_up_stays_and_falls():
    rates = [schedule(step, 1000, 1.0) for step in range(1001)]
    assert rates[0] == 0.05
    assert rates[19:600] == [1.0] * 581
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[601:]))
    assert abs(rates[1000] - 0.1) < 1e-9


def test_the_last_step_stays_above_the_tenth_by_what_was_not_learned():
    """50 iterations of which the first two have no finished game: 48 take steps, of a schedule for 50."""
    steps = CONFIG.iterations * CONFIG.updates_an_iteration
    last = (CONFIG.iterations - 2) * CONFIG.updates_an_iteration - 1
    assert 0.105 < schedule(last, steps, 1.0) < 0.15
    assert schedule(steps - 1, steps, 1.0) < 0.101


def test_a_constant_schedule_takes_the_whole_step_from_the_first_on():
    """Adam's first step moves a parameter by the step size, whatever its gradient; the warm-up would hold it back."""
    replay = Replay(2, CONFIG.buffer)
    replay.append(planted())
    moved = {}
    for name in ("constant", "cosine"):
        config = dataclasses.replace(CONFIG, schedule=name, batch=1024, reuse=1, samples=64 * 4 * 200)
        assert config.updates_an_iteration == 1
        before = make_learner(config)
        after, _ = learn(before, replay, config, 1)
        moved[name] = np.abs(after.params["value"]["bias"] - before.params["value"]["bias"]).max()
    np.testing.assert_allclose(moved["constant"], config.learning_rate, rtol=1e-3)
    assert moved["cosine"] < 0.5 * config.learning_rate


def test_learning_finds_the_planted_answer_and_the_average_follows():
    replay = Replay(2, CONFIG.buffer)
    replay.append(planted())
    learner = make_learner(CONFIG)
    first = last = None
    for iteration in range(1, 31):
        learner, last = learn(learner, replay, CONFIG, iteration)
        first = first or last
    assert learner.steps == 30 * CONFIG.updates_an_iteration
    assert last.policy < 0.1 < first.policy
    assert last.value < 0.1 < first.value
    planes = np.array([[1, 0, 0, 0, 0, 0, 0, 1]], np.float32)
    logits, values = network.apply(learner.average, planes)
    assert int(np.argmax(np.asarray(logits)[0, [1, 2]])) == 0
    assert float(values[0]) > 0.5


def test_equal_arguments_learn_equal_bytes():
    replay = Replay(2, CONFIG.buffer)
    replay.append(planted())
    once, _ = learn(make_learner(CONFIG), replay, CONFIG, 1)
    again, _ = learn(make_learner(CONFIG), replay, CONFIG, 1)
    other, _ = learn(make_learner(CONFIG), replay, CONFIG, 2)
    assert once.params["policy"]["kernel"].tobytes() == again.params["policy"]["kernel"].tobytes()
    assert once.params["policy"]["kernel"].tobytes() != other.params["policy"]["kernel"].tobytes()


def test_a_large_batch_is_a_call_of_its_own():
    config = Config(boards=512, groups=1, slice_moves=4, buffer=100_000)
    counts = [learner_module.count_together(dataclasses.replace(config, batch=batch)) for batch in (256, 512, 1024)]
    assert counts == [16, 16, 1]


def test_steps_of_one_call_are_the_steps_of_many(monkeypatch):
    """Batches, rates and averages come in the same order, however many steps a compiled call takes."""
    replay = Replay(2, CONFIG.buffer)
    replay.append(planted())
    assert learner_module.count_together(CONFIG) == 8
    together, losses = learn(make_learner(CONFIG), replay, CONFIG, 1)
    monkeypatch.setattr(learner_module, "_TOGETHER", 3)
    assert learner_module.count_together(CONFIG) == 2
    apart, measured = learn(make_learner(CONFIG), replay, CONFIG, 1)
    assert together.steps == apart.steps == 8
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6), together.average, apart.average)
    np.testing.assert_allclose(losses, measured, rtol=1e-5)

import numpy as np

from hexlab.rules.draws import derive_seeds
from hexlab.training.replay import Positions, Replay


def make_positions(values, size=2):
    """Positions told apart by their values: own stone on a1, the opponent's on b1, all policy on a2."""
    count = len(values)
    stones = np.tile(np.array([1, 2, 0, 0], np.uint8), (count, 1))
    policy = np.tile(np.array([0, 0, 65535, 0], np.uint16), (count, 1))
    return Positions(stones, policy, np.ones(count, np.int8), np.array(values, np.float32))


def test_the_ring_keeps_the_newest():
    replay = Replay(size=2, capacity=5)
    replay.append(make_positions([0.0, 0.1, 0.2]))
    assert len(replay) == 3
    replay.append(make_positions([0.3, 0.4, 0.5, 0.6]))
    assert len(replay) == 5
    np.testing.assert_allclose(np.sort(replay.positions.value), [0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-6)


def test_the_learner_draws_from_the_newest_only():
    replay = Replay(size=2, capacity=10)
    replay.append(make_positions([0.0] * 6 + [0.5, 0.7]))
    batch = replay.sample(200, newest=2, value_mix=1.0, states=derive_seeds(0, count=1))
    assert {round(float(value), 3) for value in batch.value} == {0.5, 0.7}


def test_half_of_the_positions_are_turned_by_180_degrees():
    replay = Replay(size=2, capacity=4)
    replay.append(make_positions([0.0]))
    batch = replay.sample(1000, newest=1, value_mix=0.0, states=derive_seeds(1, count=1))
    as_it_was = np.array([1, 0, 0, 0, 0, 1, 0, 0], np.float32)
    turned = np.array([0, 0, 0, 1, 0, 0, 1, 0], np.float32)
    straight = (batch.planes == as_it_was).all(axis=1)
    assert np.array_equal(~straight, (batch.planes == turned).all(axis=1))
    assert 400 < straight.sum() < 600
    assert (batch.policy[straight] == [0, 0, 1, 0]).all()
    assert (batch.policy[~straight] == [0, 1, 0, 0]).all()


def test_positions_stay_as_they_are_where_none_is_to_be_turned():
    replay = Replay(size=2, capacity=4)
    replay.append(make_positions([0.0]))
    batch = replay.sample(100, newest=1, value_mix=0.0, states=derive_seeds(1, count=1), turn=False)
    assert (batch.planes == [1, 0, 0, 0, 0, 1, 0, 0]).all()
    assert (batch.policy == [0, 0, 1, 0]).all()


def test_value_targets_mix_outcome_and_search():
    replay = Replay(size=2, capacity=4)
    replay.append(make_positions([-0.5]))
    for mix, expected in ((0.0, 1.0), (1.0, -0.5), (0.5, 0.25)):
        batch = replay.sample(4, newest=1, value_mix=mix, states=derive_seeds(0, count=1))
        np.testing.assert_allclose(batch.value, expected)

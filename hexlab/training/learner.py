"""The loss and its gradient step: pure functions over a tree of arrays."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from hexlab import network
from hexlab.rules.draws import derive_seeds
from hexlab.training.config import Config
from hexlab.training.replay import Batch, Replay

__all__ = ["Learner", "Losses", "count_together", "is_finite", "learn", "make_learner", "schedule"]

_WARM_UP, _FALL, _FLOOR = 0.02, 0.4, 0.1
_BATCHES = 4  # tells this module's seeds from those of `selfplay`
_TOGETHER = 16  # gradient steps of one compiled call at most: with small networks a call costs as much as the step itself
_LARGE = 1024  # positions of a step from which a call costs nothing beside it, and XLA's loop on a CPU takes half as long again as calls
_ADAM = optax.scale_by_adam()


class Learner(NamedTuple):
    """What a gradient step changes.

    Attributes:
        params: the parameters that are learned.
        average: their exponential moving average: what plays and is kept.
        optimizer: Adam's moments.
        steps: gradient steps so far.
    """

    params: Any
    average: Any
    optimizer: Any
    steps: int


class Losses(NamedTuple):
    """Means over the positions of some gradient steps, in nats where not said otherwise.

    Attributes:
        policy: cross-entropy of the network's policy against the search's.
        value: squared error of the value.
        policy_entropy: of the network's policy.
        target_entropy: of the search's policy; `policy` minus this is the KL divergence between search and network.
        value_variance: of the value targets; 1 - value / value_variance is the share explained.
    """

    policy: float
    value: float
    policy_entropy: float
    target_entropy: float
    value_variance: float


def make_learner(config: Config) -> Learner:
    """Return the untrained network of a config and a fresh optimizer."""
    params = jax.tree.map(np.asarray, network.init_params(config.architecture, config.seed))
    optimizer = jax.tree.map(np.asarray, _ADAM.init(params))
    return Learner(params, params, optimizer, 0)


def schedule(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step: linear warm-up over 2 % of the run, then `peak`, then a cosine fall over the last 40 %.

    Args:
        step: gradient steps taken before.
        steps: those of a run that learns from its first iteration on. A run waits for games to end, and takes fewer: its last step
            lies before the end of the fall, above a tenth of `peak`.
        peak: the rate between warm-up and fall.

    >>> schedule(500, steps=1000, peak=0.001)
    0.001
    >>> schedule(1000, steps=1000, peak=0.001) < 0.00011
    True
    """
    warm = min(1.0, (step + 1) / max(1.0, _WARM_UP * steps))
    fallen = max(0.0, step / steps - (1 - _FALL)) / _FALL
    return peak * warm * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * fallen)))


def learn(learner: Learner, replay: Replay, config: Config, iteration: int) -> tuple[Learner, Losses]:
    """Take one iteration's gradient steps; the result depends on the arguments alone, not on the number of cores."""
    params, average, optimizer, steps = learner
    total = config.iterations * config.updates_an_iteration
    newest = max(config.samples_an_iteration, int(config.window * replay.total))
    states = derive_seeds(config.seed, _BATCHES, iteration, count=1)
    together = count_together(config)
    measured = []
    for first in range(steps, steps + config.updates_an_iteration, together):
        drawn = replay.sample(together * config.batch, newest, config.value_mix, states, config.turn)
        batches = Batch(*(part.reshape(together, config.batch, *part.shape[1:]) for part in drawn))
        numbers = range(first, first + together)
        peak = config.learning_rate
        rates = np.array([schedule(step, total, peak) if config.schedule == "cosine" else peak for step in numbers], np.float32)
        decays = np.array([min(config.averaging, (step + 1) / (step + 10)) for step in numbers], np.float32)
        params, average, optimizer, losses = _update(params, average, optimizer, batches, rates, decays)
        measured.append(losses)
    steps += config.updates_an_iteration
    means = np.concatenate(jax.device_get(measured)).mean(axis=0, dtype=np.float64)
    params, average, optimizer = jax.tree.map(np.asarray, (params, average, optimizer))
    return Learner(params, average, optimizer, steps), Losses(*(float(mean) for mean in means))


def is_finite(learner: Learner, losses: Losses) -> bool:
    """Return whether learning has gone well so far: no loss and no parameter is infinite or nan."""
    leaves = jax.tree.leaves((learner.params, learner.average, tuple(losses)))
    return all(bool(np.isfinite(leaf).all()) for leaf in leaves)


def compute_loss(params, batch):
    """Return (policy cross-entropy + squared value error, `Losses` as an array); weights 1:1 as in the paper."""
    logits, values = network.apply(params, batch.planes)
    cells = batch.policy.shape[1]
    occupied = (batch.planes[:, :cells] + batch.planes[:, cells:]) > 0
    log_policy = jax.nn.log_softmax(jnp.where(occupied, jnp.float32(-1e9), logits))
    log_policy = jnp.where(occupied, jnp.float32(0), log_policy)
    cross_entropy = -jnp.mean(jnp.sum(batch.policy * log_policy, axis=1))
    squared_error = jnp.mean(jnp.square(values - batch.value))
    policy = jnp.where(occupied, jnp.float32(0), jnp.exp(log_policy))
    entropy = -jnp.mean(jnp.sum(policy * log_policy, axis=1))
    target_entropy = -jnp.mean(jnp.sum(jax.scipy.special.xlogy(batch.policy, batch.policy), axis=1))
    losses = jnp.stack([cross_entropy, squared_error, entropy, target_entropy, jnp.var(batch.value)])
    return cross_entropy + squared_error, losses


def count_together(config: Config) -> int:
    """Return the gradient steps of one compiled call: the most that divide an iteration evenly, up to 16, or one of a large batch.

    >>> count_together(Config(boards=512, groups=1, slice_moves=4, batch=256, reuse=3))
    12
    """
    most = _TOGETHER if config.batch < _LARGE else 1
    return max(count for count in range(1, most + 1) if config.updates_an_iteration % count == 0)


@jax.jit
def _update(params, average, optimizer, batches, rates, decays):
    """Take one gradient step after another, a row of `batches`, `rates` and `decays` each."""

    def step_once(learned, step):
        params, average, optimizer = learned
        batch, rate, decay = step
        gradients, losses = jax.grad(compute_loss, has_aux=True)(params, batch)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            steps, optimizer = _ADAM.update(gradients, optimizer, params)
        params = jax.tree.map(lambda param, step: param - rate * step, params, steps)
        average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, params)
        return (params, average, optimizer), losses

    (params, average, optimizer), losses = jax.lax.scan(step_once, (params, average, optimizer), (batches, rates, decays))
    return params, average, optimizer, losses

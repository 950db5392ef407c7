"""From nothing to perfect openings: hexlab's preset against an AlphaZero of pgx, mctx and optax. Started by run.py.

Either side trains in turns; between them the clock stands still and the newest network is judged: it has to win against the solver every
opening of one and of two moves that theory gives it, as `hexlab verify` counts it, at 64 simulations. The rival's network is
judged twice, in mctx's own search and in hexlab's, and the better counts. The clock starts before the interpreter does.
"""

import dataclasses
import itertools
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import Job, serve

_SIMULATIONS = 64
_PATIENCE = 1.05  # judged again after 5 % more training time
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network and what it cost.

    Attributes:
        params: its parameters, in hexlab's layout.
        flops: true FLOPs of self-play and learner so far, counted by `hexlab.network.flops` for both sides.
        samples: self-play positions so far.
    """

    params: Any
    flops: float
    samples: int


@dataclasses.dataclass(frozen=True)
class AlphaZero:
    """The dials of pgx's AlphaZero example, with its values where not said otherwise."""

    boards: int = 1024
    simulations: int = 32
    batch: int = 4096
    learning_rate: float = 1e-3
    steps_a_cell: int = 4  # the example plays 256 moves on each board between two updates, which on small boards is many games

    def steps(self, size: int) -> int:
        """Moves on each board between two updates: several games, so that few positions lack an outcome."""
        return self.steps_a_cell * size * size


def build(spec: dict) -> Job:
    """Train until the openings are won or the time is up; all is told in the facts."""
    import jax

    if spec["side"] == "theirs":
        jax.devices()  # XLA with all threads: hexlab asks for one only if it comes first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        import hexlab.network  # noqa: F401
    from hexlab import training

    settings = training.preset(spec["size"])
    if spec["quick"]:
        settings |= {"width": 8, "depth": 1, "samples": 40_000, "boards": 64}
    train = _train_ours if spec["side"] == "ours" else _train_theirs
    facts = _race(train(spec, settings), spec, settings)
    return Job([lambda: 0], lambda: facts)


def _race(checkpoints: Iterator[Checkpoint], spec, settings) -> dict:
    from hexlab import arena, network
    from hexlab.lab.health import convert_openings

    architecture = network.Architecture(spec["size"], settings["width"], settings["depth"])
    perfect = arena.SolverPlayer(spec["size"])
    searcher = None
    history: list[dict] = []
    seconds, resumed, judged = 0.0, spec["started"], 0.0

    def judge(params):
        nonlocal searcher
        net = network.NetworkEvaluator(architecture, params, batch=_BATCH)
        players = {"hexlab": arena.SearchPlayer(net, _SIMULATIONS)}
        if spec["side"] == "theirs":
            searcher = searcher or MctxPlayer(spec["size"], f"{settings['width']}x{settings['depth']}")
            players["mctx"] = searcher.with_params(params)
        found = {}
        for name, player in players.items():
            shares = [convert_openings(player, spec["size"], moves, 0, solver_player=perfect).openings for moves in (1, 2)]
            found[name] = [[share.count, share.total] for share in shares]
        return found

    def won(found):
        return any(all(count == total for count, total in shares) for shares in found.values())

    for checkpoint in itertools.chain(checkpoints, [None]):
        now = time.time()
        seconds += now - resumed
        newest = newest if checkpoint is None else checkpoint  # noqa: F821, the first is no end
        over = checkpoint is None or (spec["limit"] is not None and seconds >= spec["limit"])
        if over or seconds >= _PATIENCE * judged:
            judged = seconds
            found = judge(newest.params)
            history.append({"seconds": seconds, "flops": newest.flops, "samples": newest.samples, "won": found})
            if won(found) or over:
                break
        resumed = time.time()
    reached = won(history[-1]["won"])
    net = f"{settings['width']}x{settings['depth']}"
    return {"reached": reached, "seconds": history[-1]["seconds"], "flops": history[-1]["flops"], "net": net, "history": history}


def _train_ours(spec, settings) -> Iterator[Checkpoint]:
    """`hexlab train --size N` with a network kept after every few percent of the run."""
    from hexlab import network, training

    config = training.Config(**{**settings, "seed": spec["seed"], "snapshots": 200})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        for report in training.train(config, folder, threads=len(spec["cores"])):
            if report.snapshot:
                yield Checkpoint(network.load(folder / report.snapshot).params, report.train_flops, report.samples)


def _train_theirs(spec, settings) -> Iterator[Checkpoint]:
    """Self-play and learning in turn, as pgx's AlphaZero example does them, on hexlab's network."""
    import jax
    import jax.numpy as jnp
    from pgx.experimental import auto_reset
    from theirs import begin, make_searcher, make_update

    from hexlab import network
    from hexlab.network import flops

    size = spec["size"]
    dials = AlphaZero(boards=64, batch=256, simulations=8) if spec["quick"] else AlphaZero()
    steps, boards = dials.steps(size), dials.boards
    architecture = network.Architecture(size, settings["width"], settings["depth"])
    net = f"{settings['width']}x{settings['depth']}"
    env, _, _, search = make_searcher(size, "gumbel_muzero_policy", net, 1.0, dials.simulations)
    again = jax.vmap(auto_reset(env.step, env.init))
    own_frame = jax.vmap(env.own_frame)  # to the mover's frame and back: the same way
    optimizer, update = make_update(dials.learning_rate)

    @jax.jit
    def play(params, key):
        def turn(state, key):
            searching, resetting = jax.random.split(key)
            output = search(params, searching, state)
            after = again(state, output.action, jax.random.split(resetting, boards))
            reward = after.rewards[jnp.arange(boards), state.current_player]
            return begin(after), (state.observation, own_frame(state, output.action_weights), reward, after.terminated)

        def look_back(carry, step):
            value, known = carry
            reward, terminated = step
            value = reward + jnp.where(terminated, 0.0, -value)
            known = known | terminated
            return (value, known), (value, known)

        starting, playing = jax.random.split(key)
        start = jax.vmap(env.init)(jax.random.split(starting, boards))
        _, (planes, policy, reward, terminated) = jax.lax.scan(turn, start, jax.random.split(playing, steps))
        first = (jnp.zeros(boards), jnp.zeros(boards, bool))
        _, (value, known) = jax.lax.scan(look_back, first, (reward, terminated), reverse=True)
        # games that do not end within the scan teach the policy alone
        return jax.tree.map(lambda array: array.reshape(boards * steps, *array.shape[2:]), (planes, policy, value, known))

    params = jax.device_put(network.init_params(architecture, seed=spec["seed"]))
    state = optimizer.init(params)
    key = jax.random.key(spec["seed"])
    generator = np.random.default_rng(spec["seed"])
    updates = boards * steps // dials.batch
    for iteration in itertools.count(1):
        key, used = jax.random.split(key)
        data = jax.device_get(play(params, used))
        order = generator.permutation(boards * steps)
        for number in range(updates):
            rows = order[number * dials.batch : (number + 1) * dials.batch]
            params, state, _ = update(params, state, *(array[rows] for array in data))
        samples = iteration * boards * steps
        cost = flops.count_selfplay(architecture, samples * (dials.simulations + 1))
        cost += flops.count_learning(architecture, iteration * updates * dials.batch, dials.batch)
        yield Checkpoint(jax.device_get(params), cost, samples)


class MctxPlayer:
    """A `hexlab.protocols.Player` that searches with mctx's gumbel policy without noise."""

    def __init__(self, size: int, net: str):
        """Compile nothing yet."""
        import jax
        from theirs import make_searcher

        self.name = f"mctx@{_SIMULATIONS}"
        self._env, self._params, _, search = make_searcher(size, "gumbel_muzero_policy", net, 1.0, _SIMULATIONS, gumbel_scale=0.0)
        self._search = jax.jit(lambda params, state: search(params, jax.random.key(0), state).action)
        self._observe = jax.jit(jax.vmap(self._env.observe))
        self._init = jax.jit(lambda: jax.vmap(self._env.init)(jax.random.split(jax.random.key(0), _BATCH)))

    def with_params(self, params) -> "MctxPlayer":
        """Set the network to play with."""
        self._params = params
        return self

    def choose_moves(self, boards, seeds) -> np.ndarray:
        """Choose a legal move on each board."""
        moves = []
        for start in range(0, len(boards), _BATCH):
            part = boards[start : start + _BATCH]
            moves.append(np.asarray(self._search(self._params, self._state(part)))[: len(part)])
        return np.concatenate(moves).astype(np.int64)

    def _state(self, boards):
        """Return pgx's state: stones of a chain share a number, positive for the mover's."""
        import jax.numpy as jnp
        from scipy.ndimage import label

        size, held = boards.size, np.zeros((_BATCH, boards.size**2), np.int32)
        touching = [[0, 1, 1], [1, 1, 1], [1, 1, 0]]
        for row, stones in enumerate(boards.stones):
            grid = stones.reshape(size, size)
            for color in (0, 1):
                chains = label(grid == color + 1, touching)[0].reshape(-1)
                # a chain bears the number of one of its cells, from 1, as pgx gives it the last one played
                for chain in range(1, chains.max() + 1):
                    cells = np.flatnonzero(chains == chain)
                    held[row, cells] = (cells[0] + 1) * (1 if boards.turn[row] == color else -1)
        state = self._init()
        turn = np.zeros(_BATCH, np.int32)
        turn[: len(boards)] = boards.turn
        order = state._player_order
        return state.replace(
            current_player=order[jnp.arange(_BATCH), turn],
            legal_action_mask=jnp.asarray(held == 0),
            _x=state._x._replace(step_count=jnp.asarray(turn), board=jnp.asarray(held)),
        )
        return state.replace(observation=self._observe(state))


if __name__ == "__main__":
    serve(build)

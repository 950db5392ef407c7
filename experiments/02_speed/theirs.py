"""The rivals' side: pgx, mctx on pgx, and OpenSpiel, as their documentation uses them. Started by run.py.

One lane lets XLA use as many threads as there are cores; as many lanes as cores, each with a thread of XLA's, is how hexlab works and
is offered to the rivals too.
"""

import warnings

import numpy as np
from common import Job, draw_moves, make_params, serve

_TURNS = 4  # self-play moves of a call


def build(spec: dict) -> Job:
    """Return the work that a spec asks for."""
    if spec["peer"] == "openspiel":
        return _roll_out(spec)
    import jax

    # XLA's threads are counted when the backend starts, from NPROC, which run.py sets; hexlab asks for one thread only if it comes first
    jax.config.update("jax_cpu_enable_async_dispatch", spec["lanes"] == 1)
    jax.devices()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        import hexlab.network  # noqa: F401
    return {"random": _play_randomly, "search": _search, "selfplay": _play_itself, "learner": _learn}[spec["work"]](spec)


def _roll_out(spec):
    """OpenSpiel's C++ evaluator, reached through its C++ search with one simulation of a thousand rollouts."""
    import pyspiel

    from hexlab.rules import Boards
    from hexlab.rules.draws import derive_seeds

    game = pyspiel.load_game(f"hex(board_size={spec['size']})")
    rollouts = 1000
    bot = pyspiel.MCTSBot(game, pyspiel.RandomRolloutEvaluator(rollouts, 1), 1.0, 1, 1000, False, 1, False)
    empty = game.new_initial_state()
    # the same game and the same uniform moves, so that games are equally long on average
    length = float(Boards.empty(spec["size"], 1).play_out(derive_seeds(0, count=100_000)[None, :])[1].mean())

    def work():
        bot.mcts_search(empty)
        return round(rollouts * length)

    return Job([work], lambda: {"mean_length": length})


def _play_randomly(spec):
    """pgx in one of its ways: moves sampled in the loop, or drawn beforehand; finished boards start again or wait for the last."""
    import jax
    import jax.numpy as jnp
    import pgx
    from pgx.experimental import auto_reset
    from pgx_hex import SizedHex

    size, batch, way = spec["size"], spec["batch"], spec["way"]
    cells = size * size
    env = pgx.make("hex") if way == "published" else SizedHex(size=size)
    init, step, again = jax.vmap(env.init), jax.vmap(env.step), jax.vmap(auto_reset(env.step, env.init))

    def sample(state, key):
        drawing, resetting = jax.random.split(key)
        legal = state.legal_action_mask.at[:, cells:].set(False)  # never the swap move, where there is one
        action = jax.random.categorical(drawing, jnp.where(legal, 0.0, -jnp.inf), axis=1)
        return again(state, action, jax.random.split(resetting, batch)), None

    @jax.jit
    def play_sampled(state, key, orders):
        keys = jax.random.split(key, cells)
        return jax.lax.scan(sample, state, keys)[0], batch * cells

    @jax.jit
    def play_drawn(state, key, orders):
        def go_on(carry):
            return ~carry[0].terminated.all()

        def move(carry):
            state, ply = carry
            return step(state, orders[0, :, ply]), ply + 1

        end, _ = jax.lax.while_loop(go_on, move, (init(jax.random.split(key, batch)), 0))
        return state, end._step_count.sum()

    @jax.jit
    def play_drawn_again(state, key, orders):
        def move(carry, key):
            state, game, ply = carry
            action = orders[game % len(orders), jnp.arange(batch), ply]
            state = again(state, action, jax.random.split(key, batch))
            return (state, game + state.terminated, jnp.where(state.terminated, 0, ply + 1)), None

        start = (init(jax.random.split(key, batch)), jnp.zeros(batch, jnp.int32), jnp.zeros(batch, jnp.int32))
        jax_end, _ = jax.lax.scan(move, start, jax.random.split(key, 2 * cells))
        return jax_end[0], 2 * batch * cells

    play = {"sampled": play_sampled, "published": play_sampled, "drawn": play_drawn, "drawn again": play_drawn_again}[way]

    def make(lane):
        generator = np.random.default_rng(lane)
        orders = jnp.asarray(generator.permuted(np.tile(np.arange(cells), (4, batch, 1)), axis=2), jnp.int32)
        key = jax.random.key(lane)
        state = jax.jit(init)(jax.random.split(key, batch))

        def work():
            nonlocal key, state
            key, used = jax.random.split(key)
            state, units = jax.block_until_ready(play(state, used, orders))
            return int(units)

        return work

    return Job([make(lane) for lane in range(spec["lanes"])])


def make_searcher(size, policy, net, sharpness, simulations, cap=None, **settings):
    """Return (env, params, judge, search): mctx's policy on pgx's game with the shared network, as pgx's AlphaZero example joins them."""
    import jax
    import jax.numpy as jnp
    import mctx
    from pgx_hex import SizedHex

    from hexlab import network

    env = SizedHex(size=size)
    params = make_params(size, net, sharpness)[1] if net else {}
    step = jax.vmap(env.step)

    def judge(params, state):
        if not net:
            return jnp.zeros(state.legal_action_mask.shape), jnp.zeros(state.terminated.shape)
        logits, values = network.apply(params, state.observation)
        return jax.vmap(env.own_frame)(state, logits), values

    def recurrent(params, key, action, state):
        mover = state.current_player
        state = step(state, action)
        logits, values = judge(params, state)
        logits = jnp.where(state.legal_action_mask, logits - logits.max(axis=1, keepdims=True), jnp.finfo(logits.dtype).min)
        answer = mctx.RecurrentFnOutput(
            reward=state.rewards[jnp.arange(len(mover)), mover],
            discount=jnp.where(state.terminated, 0.0, -1.0),
            prior_logits=logits,
            value=jnp.where(state.terminated, 0.0, values),
        )
        return answer, state

    def search(params, key, state):
        logits, values = judge(params, state)
        root = mctx.RootFnOutput(prior_logits=logits, value=values, embedding=state)
        return getattr(mctx, policy)(
            params, key, root, recurrent, simulations, invalid_actions=~state.legal_action_mask, max_depth=cap, **settings
        )

    return env, jax.device_put(params), judge, search


def _search(spec):
    import jax
    from pgx_hex import to_states

    size, batch, simulations = spec["size"], spec["batch"], spec["simulations"]
    env, params, _, search = make_searcher(size, spec["policy"], spec["net"], spec["sharpness"], simulations, spec["cap"])
    depths = []

    @jax.jit
    def run(params, key, state):
        output = search(params, key, state)
        walked = output.search_tree.node_visits[:, 1:].sum()  # a simulation adds one visit to each node below the root that it passes
        return output.action, output.action_weights, walked / (batch * simulations)

    def make(lane):
        state = to_states(env, draw_moves(size, batch, lane))
        key = jax.random.key(lane)

        def work():
            nonlocal key
            key, used = jax.random.split(key)
            depth = jax.block_until_ready(run(params, used, state))[2]
            depths.append(float(depth))
            return batch * simulations

        return work

    return Job([make(lane) for lane in range(spec["lanes"])], lambda: {"depth": float(np.mean(depths))})


def _play_itself(spec):
    import jax
    from pgx.experimental import auto_reset

    size, batch = spec["size"], spec["batch"]
    env, params, _, search = make_searcher(size, spec["policy"], spec["net"], spec["sharpness"], spec["simulations"])
    again = jax.vmap(auto_reset(env.step, env.init))

    def turn(params, state, key):
        searching, resetting = jax.random.split(key)
        output = search(params, searching, state)
        after = again(state, output.action, jax.random.split(resetting, batch))
        return begin(after), (state.observation, output.action_weights, after.rewards, after.terminated)

    @jax.jit
    def run(params, state, key):
        return jax.lax.scan(lambda state, key: turn(params, state, key), state, jax.random.split(key, _TURNS))

    @jax.jit
    def run_early(state, key):
        def move(state, key):
            drawing, resetting = jax.random.split(key)
            action = jax.random.categorical(drawing, jax.numpy.where(state.legal_action_mask, 0.0, -jax.numpy.inf), axis=1)
            return again(state, action, jax.random.split(resetting, batch)), None

        return jax.lax.scan(move, state, jax.random.split(key, 2 * size * size))[0]

    def make(lane):
        key = jax.random.key(lane)
        state = run_early(jax.jit(jax.vmap(env.init))(jax.random.split(key, batch)), key)  # games of all lengths on the boards

        def work():
            nonlocal key, state
            key, used = jax.random.split(key)
            state, _ = jax.block_until_ready(run(params, state, used))
            return batch * _TURNS

        return work

    return Job([make(lane) for lane in range(spec["lanes"])])


def begin(state):
    """Clear what a fresh game still bears of the one before it.

    pgx's auto_reset leaves the last game's end marked on the fresh board until the next step, and pgx's AlphaZero example searches
    that state: every step from it stands still, so that the first move of a game is never searched. This mends it.
    """
    return state.replace(terminated=state.terminated & False, truncated=state.truncated & False, rewards=state.rewards * 0)


def make_update(rate: float = 1e-3):
    """Return (optimizer, update): the gradient step of pgx's AlphaZero example on the shared network."""
    import jax
    import jax.numpy as jnp
    import optax

    from hexlab import network

    optimizer = optax.adam(rate)

    def loss(params, planes, policy, value, mask):
        logits, values = network.apply(params, planes)
        return jnp.mean(optax.softmax_cross_entropy(logits, policy)) + jnp.mean(optax.l2_loss(values, value) * mask)

    @jax.jit
    def update(params, state, planes, policy, value, mask):
        error, gradients = jax.value_and_grad(loss)(params, planes, policy, value, mask)
        changes, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, changes), state, error

    return optimizer, update


def _learn(spec):
    import jax
    import jax.numpy as jnp

    size, batch = spec["size"], spec["batch"]
    cells = size * size
    optimizer, update = make_update()
    params = jax.device_put(make_params(size, spec["net"], 1.0)[1])
    state = optimizer.init(params)
    generator = np.random.default_rng(0)
    stones = generator.integers(0, 3, (batch, cells))
    planes = jnp.asarray(np.concatenate([stones == 1, stones == 2], axis=1))
    policy = jnp.asarray(generator.dirichlet(np.ones(cells), batch), jnp.float32)
    value = jnp.asarray(generator.choice([-1.0, 1.0], batch), jnp.float32)

    def work():
        nonlocal params, state
        for _ in range(4):
            params, state, _ = update(params, state, planes, policy, value, jnp.ones(batch))
        jax.block_until_ready(params)
        return 4 * batch

    return Job([work])


if __name__ == "__main__":
    serve(build)

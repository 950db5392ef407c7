"""pgx's Hex at every size, without the swap move, seen by the network of this experiment.

pgx publishes Hex for 11x11 with the swap move; at any other size it fails, because the shapes of its fresh states are fixed. Its rules
do not depend on the size, so this subclass gives them states of the right shape and leaves the stepping to them. Two changes favor pgx:
the swap move and its branch are gone, and an observation holds the two planes that the network reads instead of four. `check_rules`
plays random games against hexlab's rules.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pgx.hex
from pgx._src.games import hex as pgx_rules

from hexlab.rules import Boards

__all__ = ["SizedHex", "check_rules", "to_states"]


class SizedHex(pgx.hex.Hex):
    """Hex of `size` x `size`; action = cell = row * size + column. Black, color 0, moves first and joins top and bottom."""

    def _init(self, key):
        cells = self.size**2
        order = jnp.int32([[0, 1], [1, 0]])[jax.random.bernoulli(key).astype(jnp.int32)]
        return pgx.hex.State(
            current_player=order[0],
            observation=jnp.zeros(2 * cells, jnp.bool_),
            legal_action_mask=jnp.ones(cells, jnp.bool_),
            _player_order=order,
            _x=pgx_rules.GameState(board=jnp.zeros(cells, jnp.int32)),
        )

    def _step(self, state, action, key):
        game = pgx_rules._step(state._x, action, self.size)
        return state.replace(
            current_player=state._player_order[game.color],
            legal_action_mask=game.board == 0,
            terminated=game.terminated,
            rewards=self._game.rewards(game)[state._player_order],
            _x=game,
        )

    def _observe(self, state, player_id):
        """bool[2A]: the mover's stones, the opponent's, in the frame where the mover joins top and bottom."""
        board = state._x.board.reshape(self.size, self.size)
        board = jnp.where(state._x.color == 0, board, board.T).reshape(-1)
        return jnp.concatenate([board > 0, board < 0])

    def own_frame(self, state, logits):
        """Carry logits [A] from the mover's frame to the board's."""
        board = logits.reshape(self.size, self.size)
        return jnp.where(state._x.color == 0, board, board.T).reshape(-1)


def to_states(env: SizedHex, moves: np.ndarray):
    """Return the states after playing rows of moves, int[B, plies], -1 for none."""
    step, init = jax.vmap(env.step), jax.vmap(env.init)

    def play(state, column):
        after = step(state, jnp.maximum(column, 0))
        return jax.tree.map(lambda new, old: jnp.where(column.reshape(-1, *[1] * (new.ndim - 1)) >= 0, new, old), after, state), None

    @jax.jit
    def run(columns):
        return jax.lax.scan(play, init(jax.random.split(jax.random.key(0), columns.shape[1])), columns)[0]

    return run(jnp.asarray(moves.T, jnp.int32))


def check_rules(size: int, games: int = 64, seed: int = 0) -> int:
    """Play random games in both implementations, compare everything after every move, and return the moves compared.

    Raises:
        AssertionError: they differ.
    """
    env = SizedHex(size=size)
    step = jax.jit(jax.vmap(env.step))
    state = jax.jit(jax.vmap(env.init))(jax.random.split(jax.random.key(seed), games))
    boards = Boards.empty(size, games)
    generator = np.random.default_rng(seed)
    compared = 0
    while not boards.finished.all():
        going = ~boards.finished
        scores = np.where(boards.legal, generator.random(boards.cells.shape), -1)
        moves = np.where(going, scores.argmax(axis=1), -1)
        boards = boards.play(moves)
        state = step(state, jnp.asarray(np.maximum(moves, 0)))
        stones = np.sign(np.asarray(state._x.board)) * np.where(boards.turn == 0, 1, -1)[:, None]
        assert (np.where(stones < 0, 2, stones) == boards.stones).all(), f"stones differ on {size}x{size}"
        assert (np.asarray(state.terminated) == boards.finished).all(), f"ends differ on {size}x{size}"
        legal = np.asarray(state.legal_action_mask)[~boards.finished]
        assert (legal == boards.legal[~boards.finished]).all(), f"legal moves differ on {size}x{size}"
        ended = going & boards.finished
        order = np.asarray(state._player_order)
        rewards = np.asarray(state.rewards)[np.arange(games), order[np.arange(games), np.maximum(boards.winner, 0)]]
        assert (rewards[ended] == 1).all(), f"winners differ on {size}x{size}"
        compared += int(going.sum())
    return compared

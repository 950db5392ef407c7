"""The snapshots that reached the level, under the paper's protocol of games: the empty board, noise at the root, sampled moves.

The paper played agents like that against each other; here they meet perfect play, which neither errs nor samples. From the empty
board theory gives Black the win, so that an agent loses every game as White and the score is half its share of wins as Black; 0.4285
asks for 85.7 % of them. An agent that always knows the winning moves still loses when it samples another one.
"""

import argparse
import math
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from run import find_reached, read_rows

from hexlab import arena, mcts, network
from hexlab.protocols import Evaluator
from hexlab.rules.batch import Boards
from hexlab.rules.draws import derive_seeds

__all__ = ["PaperPlayer", "main", "win_as_black"]

RECIPES = {"puct": mcts.puct(prove=True), "the paper's": mcts.regularized(1 / 16, paper_lambda=True)}


class PaperPlayer:
    """Searches with noise at the root and samples its move from what the search says."""

    def __init__(self, evaluator: Evaluator, recipe: mcts.Recipe, simulations: int = 64):
        """Set the player up."""
        self.name, self._evaluator, self._recipe, self._simulations = "paper", evaluator, recipe, simulations

    def choose_moves(self, boards: Boards, seeds: np.ndarray) -> np.ndarray:
        """Choose one legal move for each of B unfinished games."""
        noise = mcts.RootNoise()
        found = mcts.run_search(boards, self._evaluator, self._simulations, recipe=self._recipe, seeds=seeds, noise=noise)
        return mcts.pick_moves(found.policy, 1.0, seeds ^ np.uint64(0x9E3779B97F4A7C15))


def win_as_black(player, size: int, games: int, seed: int) -> float:
    """Return the share of games that a player wins as Black against perfect play, from the empty board."""
    boards = Boards.empty(size, games)
    perfect = arena.SolverPlayer(size)
    for ply in range(size * size):
        rows = np.flatnonzero(~boards.finished)
        if len(rows) == 0:
            break
        seeds = derive_seeds(seed, size, ply, count=games)[rows]
        moves = np.full(games, -1)
        moves[rows] = (player if ply % 2 == 0 else perfect).choose_moves(boards[rows], seeds)
        boards = boards.play(moves)
    return float(np.mean(boards.winner == 0))


def measure(out: pathlib.Path, arms: Sequence[str], games: int) -> Iterator[str]:
    """Yield the lines of a Markdown table: each cell of these arms, at the snapshot that reached the level and at the last one."""
    yield "| board | arm | seed | snapshot | log10 true FLOPs | recipe | score | 95 % interval |"
    yield "|---|---|---|---|---|---|---|---|"
    for path in sorted((out / "tables").glob("*.csv")):
        rows = read_rows(path)
        reached = find_reached(rows)
        if rows[0].arm not in arms or reached is None:
            continue
        for what, row in (("reached", reached), ("last", [row for row in rows if row.stage == "first"][-1])):
            file = out / "cells" / f"{row.board}-{row.arm}-{row.seed}" / "snapshots" / f"{row.snapshot:03d}.safetensors"
            net = network.load(file, batch=64)
            for name, recipe in RECIPES.items():
                won = win_as_black(PaperPlayer(net, recipe), row.board, games, seed=row.seed)
                spread = 0.5 * 1.96 * math.sqrt(max(won * (1 - won), 0.25 / games) / games)
                interval = f"{won / 2 - spread:.3f} to {won / 2 + spread:.3f}"
                cost = f"{math.log10(row.train_flops):.2f}"
                yield f"| {row.board}x{row.board} | {row.arm} | {row.seed} | {what} | {cost} | {name} | {won / 2:.3f} | {interval} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="folder of runs and results")
    parser.add_argument("--arm", action="append", required=True, help="an arm; may be repeated")
    parser.add_argument("--games", type=int, default=512)
    options = parser.parse_args()
    for line in measure(options.out, options.arm, options.games):
        print(line, flush=True)


if __name__ == "__main__":
    main()

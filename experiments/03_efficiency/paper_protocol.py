"""The snapshots that reached the level, under the paper's protocol of games: the empty board, noise at the root, sampled moves.

The paper played agents like that against each other. Here they meet perfect play twice: once without these handicaps, when it neither
errs nor samples, and once with them, as a search whose evaluator knows theory.

From the empty board theory gives Black the win. Without handicaps perfect play wins every game as Black, so that an agent's score is half
its share of wins as Black, and 0.4285 asks for 85.7 % of them: an agent that always knows the winning moves still loses when it samples
another one. With them perfect play loses games to itself, and scores 0.5 against itself as in the paper's ratings.
"""

import argparse
import math
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from run import find_reached, read_rows

from hexlab import arena, mcts, network
from hexlab.protocols import Evaluator, Player
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


def win_as_black(black: Player, white: Player, size: int, games: int, seed: int) -> float:
    """Return the share of games from the empty board that Black's player wins."""
    boards = Boards.empty(size, games)
    for ply in range(size * size):
        rows = np.flatnonzero(~boards.finished)
        if len(rows) == 0:
            break
        seeds = derive_seeds(seed, size, ply, count=games)[rows]
        moves = np.full(games, -1)
        moves[rows] = (white if ply % 2 else black).choose_moves(boards[rows], seeds)
        boards = boards.play(moves)
    return float(np.mean(boards.winner == 0))


def measure(out: pathlib.Path, arms: Sequence[str], sizes: Sequence[int], games: int) -> Iterator[str]:
    """Yield the lines of a Markdown table: scores of each cell of these arms, at the snapshot that reached the level and at the last one.

    Args:
        out: folder of runs and results.
        arms: names of arms.
        sizes: board sizes.
        games: games with each color.
    """
    yield "| board | arm | seed | snapshot | log10 true FLOPs | recipe | perfect play | perfect play, same handicaps |"
    yield "|---|---|---|---|---|---|---|---|"
    for path in sorted((out / "tables").glob("*.csv")):
        rows = read_rows(path)
        reached = find_reached(rows)
        size, seed = rows[0].board, rows[0].seed
        if rows[0].arm not in arms or size not in sizes or reached is None:
            continue
        for what, row in (("reached", reached), ("last", [row for row in rows if row.stage == "first"][-1])):
            file = out / "cells" / f"{size}-{row.arm}-{seed}" / "snapshots" / f"{row.snapshot:03d}.safetensors"
            net = network.load(file, batch=64)
            for name, recipe in RECIPES.items():
                player, handicapped = PaperPlayer(net, recipe), PaperPlayer(mcts.solved(size), recipe)
                alone = [win_as_black(player, arena.SolverPlayer(size), size, games, seed), 0.0]
                paired = [win_as_black(player, handicapped, size, games, seed), 1 - win_as_black(handicapped, player, size, games, seed)]
                cost = f"{math.log10(row.train_flops):.2f}"
                yield f"| {size}x{size} | {row.arm} | {seed} | {what} | {cost} | {name} | {_tell(alone, games)} | {_tell(paired, games)} |"


def _tell(shares, games):
    """Score and 95 % interval from the shares of games won with the two colors."""
    spread = 1.96 * math.sqrt(sum(max(share * (1 - share), 0.25 / games) / games for share in shares if share)) / 2
    score = sum(shares) / 2
    return f"{score:.3f} ({score - spread:.3f} to {score + spread:.3f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="folder of runs and results")
    parser.add_argument("--arm", action="append", required=True, help="an arm; may be repeated")
    parser.add_argument("--board", type=int, nargs="+", default=[3, 4, 5], help="board sizes")
    parser.add_argument("--games", type=int, default=512, help="games with each color")
    options = parser.parse_args()
    for line in measure(options.out, options.arm, options.board, options.games):
        print(line, flush=True)


if __name__ == "__main__":
    main()

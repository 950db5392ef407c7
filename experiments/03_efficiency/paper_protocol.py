"""The snapshots that reached the level, under the paper's protocol of games: the empty board, noise at the root, sampled moves.

The paper rated agents like that against each other. Here they meet three opponents. Perfect play without these handicaps neither errs nor
samples: from the empty board theory gives it every game as Black, so that an agent's score is half its share of wins as Black and 0.4285
asks for 85.7 % of them, though an agent that always knows the winning moves loses when it samples another one. Perfect play with the same
handicaps is a search whose evaluator knows who wins, but to which all winning moves are alike. And the last snapshot of their run, with
the same handicaps, stands for the best of a pool, the paper's zero.
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
    yield "| board | arm | seed | snapshot | log10 true FLOPs | recipe | perfect play | the same, handicapped | the last snapshot |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for path in sorted((out / "tables").glob("*.csv")):
        rows = read_rows(path)
        reached = find_reached(rows)
        size, seed = rows[0].board, rows[0].seed
        if rows[0].arm not in arms or size not in sizes or reached is None:
            continue
        last = [row for row in rows if row.stage == "first"][-1]
        for what, row in (("reached", reached), ("last", last)):
            for name, recipe in RECIPES.items():
                player, strongest = (_load(out, one, recipe) for one in (row, last))
                theory = PaperPlayer(mcts.solved(size), recipe)
                scores = [_tell([win_as_black(player, arena.SolverPlayer(size), size, games, seed), 0.0], games)]
                for opponent in (theory, strongest):
                    black, white = win_as_black(player, opponent, size, games, seed), win_as_black(opponent, player, size, games, seed)
                    scores.append(_tell([black, 1 - white], games))
                yield f"| {size}x{size} | {row.arm} | {seed} | {what} | {math.log10(row.train_flops):.2f} | {name} | {' | '.join(scores)} |"


def _load(out, row, recipe):
    file = out / "cells" / f"{row.board}-{row.arm}-{row.seed}" / "snapshots" / f"{row.snapshot:03d}.safetensors"
    return PaperPlayer(network.load(file, batch=64), recipe)


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

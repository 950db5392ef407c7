"""Snapshots on solved positions: an anchor for boards on which no solver plays whole games.

The shipped suites give positions with their winner and all winning moves. `kept` is how often a snapshot's move keeps a position
won. In `converted` it plays the side that wins by theory to the end, against the last snapshot of its run at 512 simulations; half
of that is what the direct score would be if the openings were these positions and the opponent perfect play. On boards that the
solver covers, the same games against perfect play tell how far the stand-in can be trusted.
"""

import argparse
import math
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from run import LEVEL, read_cells

from hexlab import arena, network, training
from hexlab.lab.health import Share
from hexlab.protocols import Player
from hexlab.rules.draws import derive_seeds
from hexlab.rules.solver import MAX_SIZE

__all__ = ["keep", "main", "measure"]

SIMULATIONS, STRONG = 64, 512
_SEED = 5


def keep(player: Player, solved: arena.Solved) -> Share:
    """Return how often the player's move keeps a position won that is won for the side to move."""
    rows = np.flatnonzero(solved.winning.any(axis=1))
    moves = player.choose_moves(solved.boards[rows], derive_seeds(_SEED, count=len(rows)))
    return Share(int(solved.winning[rows, moves].sum()), len(rows))


def measure(out: pathlib.Path, arm: str, size: int) -> Iterator[str]:
    """Yield the lines of a Markdown table: the rated snapshots of every finished seed of an arm.

    Args:
        out: folder of runs.
        arm: name of the arm.
        size: board size, 4 to 7.
    """
    yield f"| board | arm | seed | log10 true FLOPs | paper's count | kept | converted against itself at {STRONG} | against perfect play |"
    yield "|---|---|---|---|---|---|---|---|"
    solved = arena.read_solved(size)
    for cell in read_cells():
        folder = out / "cells" / cell.name
        if (cell.arm, cell.config.size) != (arm, size) or not (folder / "snapshots.jsonl").is_file():
            continue
        snapshots = training.read_snapshots(folder)
        if snapshots[-1].samples < cell.config.samples:
            continue

        def load(snapshot, folder=folder):
            return network.load(folder / "snapshots" / f"{snapshot.snapshot:03d}.safetensors", batch=64)

        strong = arena.SearchPlayer(load(snapshots[-1]), STRONG)
        for snapshot in snapshots:
            if snapshot.train_flops < snapshots[-1].train_flops / 10**cell.rated:
                continue
            player = arena.SearchPlayer(load(snapshot), SIMULATIONS)
            perfect = _tell_conversion(player, arena.SolverPlayer(size), solved) if size <= MAX_SIZE else ""
            costs = f"{math.log10(snapshot.train_flops):.2f} | {math.log10(snapshot.paper_flops):.2f}"
            converted = _tell_conversion(player, strong, solved)
            yield f"| {size}x{size} | {arm} | {cell.config.seed} | {costs} | {keep(player, solved).share:.3f} | {converted} | {perfect} |"


def _tell_conversion(player, opponent, solved):
    won = arena.convert_positions(player, opponent, solved.boards, solved.winner, _SEED)
    share = Share(int(won.sum()), len(won))
    low, high = share.interval
    mark = " *" if low >= 2 * LEVEL else ""
    return f"{share.share:.3f} ({low:.3f} to {high:.3f}){mark}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; a star marks conversions whose lower bound reaches twice the level."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="folder of runs")
    parser.add_argument("--arm", required=True)
    parser.add_argument("--board", type=int, required=True, help="board size, 4 to 7")
    options = parser.parse_args(arguments)
    for line in measure(options.out, options.arm, options.board):
        print(line, flush=True)


if __name__ == "__main__":
    main()

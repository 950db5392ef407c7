"""The tournament of progressive policies: snapshots of one run against each other, to see whether training made the agent stronger."""

import dataclasses
import itertools
import json
import os
import pathlib
from typing import TYPE_CHECKING

from hexlab import arena, network, training
from hexlab.errors import ConfigError, RunError
from hexlab.scaling.figures import render_svg
from hexlab.system import make_folder, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Topp", "play_topp", "plot_topp", "write_topp"]


_BEYOND = 300.0  # Elo: how far an interval widens the scale beyond its snapshot, at most


@dataclasses.dataclass(frozen=True)
class Topp:
    """Results, snapshots in the order of their training.

    Attributes:
        size: board size.
        simulations: network evaluations a move.
        snapshots: numbers of the snapshots.
        samples: self-play positions that each had seen.
        table: results of all pairs; the agents are named ``snapshot 3``.
        ratings: Elo with intervals, the mean at 0.
    """

    size: int
    simulations: int
    snapshots: tuple[int, ...]
    samples: tuple[int, ...]
    table: arena.Table
    ratings: arena.Ratings

    @property
    def names(self) -> list[str]:
        """Names of the agents."""
        return [f"snapshot {number}" for number in self.snapshots]

    def score(self, first: str, second: str) -> tuple[int, int]:
        """Return the games that the first won against the second, and those they played."""
        won = played = 0
        for row in self.table:
            if {row.first, row.second} == {first, second}:
                wins = row.first_won_as_black + row.first_won_as_white
                won += wins if row.first == first else 2 - wins
                played += 2
        return won, played

    def count_later_wins(self) -> tuple[int, int, int]:
        """Return in how many pairs the later snapshot won more games than the earlier one, in how many as many, and how many there are."""
        scores = [self.score(later, earlier) for earlier, later in itertools.combinations(self.names, 2)]
        return sum(2 * won > played for won, played in scores), sum(2 * won == played for won, played in scores), len(scores)

    def __str__(self) -> str:
        """Return the tables of scores and of ratings, and how often the later snapshot won."""
        more, even, pairs = self.count_later_wins()
        verdict = f"the later snapshot won more games in {more} of {pairs} pairs" + (f", as many in {even}" if even else "")
        return f"{self.table}\n\n{self.ratings}\n\n{verdict}"


def play_topp(run: str | os.PathLike, count: int = 8, simulations: int = 1, games: int = 40, seed: int = 0) -> Topp:
    """Let snapshots of a run meet, each pair on openings of its own with both colors.

    Args:
        run: folder of the run, finished or not.
        count: snapshots to take, spread evenly over the run, first and last included; all of them where there are fewer.
        simulations: network evaluations a move; 1 plays the raw policy, as the tournament's name has it.
        games: games a pair, an even number; fewer where the board has not as many openings.
        seed: of the openings.

    Raises:
        RunError: no run, a damaged one, or one that has left fewer than two snapshots.
        ConfigError: a number out of its range.
    """
    if isinstance(count, bool) or count < 2:
        raise ConfigError(f"{count!r} snapshots: give a number from 2 up")
    folder = pathlib.Path(run)
    size = training.read_config(folder).size
    kept = training.read_snapshots(folder)
    if len(kept) < 2:
        raise RunError(f"{run} holds {len(kept)} snapshot: a tournament needs two; train longer, or with more --snapshots")
    last = min(count, len(kept)) - 1
    rows = [kept[round(place * (len(kept) - 1) / last)] for place in range(last + 1)]
    nets = [network.load(folder, row.snapshot) for row in rows]
    players = [arena.SearchPlayer(net, simulations, name=f"snapshot {row.snapshot}") for net, row in zip(nets, rows, strict=True)]
    table = arena.round_robin(players, size, games, seed)
    ratings = arena.rate(table, anchor="mean")
    snapshots, samples = tuple(row.snapshot for row in rows), tuple(row.samples for row in rows)
    return Topp(size, simulations, snapshots, samples, table, ratings)


def plot_topp(topp: Topp) -> "Figure":
    """Draw Elo against the positions seen, and beside it the share of games that each won against each.

    Intervals of 95 % that the games do not bound are cut off at the frame.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    curve, matrix = figure.subplots(1, 2)
    rows = [topp.ratings[name] for name in topp.names]
    below, above = [row.elo - row.low for row in rows], [row.high - row.elo for row in rows]
    low, high = min(max(row.low, row.elo - _BEYOND) for row in rows), max(min(row.high, row.elo + _BEYOND) for row in rows)
    curve.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    curve.errorbar(topp.samples, [row.elo for row in rows], yerr=[below, above], marker="o", capsize=3, color="#0b5cab")
    thinking = "raw policy" if topp.simulations == 1 else f"{topp.simulations} simulations"
    curve.set(xlabel="self-play positions seen", ylabel="Elo, mean of the snapshots = 0", title=f"{topp.size}×{topp.size}, {thinking}")
    curve.xaxis.set_major_formatter(EngFormatter(sep=""))
    curve.grid(alpha=0.3)

    count = len(topp.names)
    shares = [[float("nan")] * count for _ in range(count)]
    for i, j in itertools.permutations(range(count), 2):
        won, played = topp.score(topp.names[i], topp.names[j])
        shares[i][j] = won / played
        color = "black" if 0.2 < won / played < 0.8 else "white"
        matrix.text(j, i, f"{100 * won / played:.0f}", ha="center", va="center", color=color, fontsize=9)
    matrix.imshow(shares, cmap="PuOr_r", vmin=0, vmax=1)
    matrix.set(xticks=range(count), yticks=range(count), xticklabels=topp.snapshots, yticklabels=topp.snapshots)
    matrix.set(xlabel="against snapshot", ylabel="snapshot", title="games won, %")
    return figure


def write_topp(topp: Topp, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Write ``topp.svg`` and the numbers behind it, ``topp.json``; return their paths."""
    folder = pathlib.Path(folder)
    make_folder(folder)
    more, even, pairs = topp.count_later_wins()
    numbers = {
        "size": topp.size,
        "simulations": topp.simulations,
        "snapshots": [
            {"snapshot": number, "samples": samples, "elo": row.elo, "low": row.low, "high": row.high, "games": row.games}
            | {"open end": topp.ratings.open_ends.get(row.agent)}
            for number, samples, row in zip(topp.snapshots, topp.samples, (topp.ratings[name] for name in topp.names), strict=True)
        ],
        "won": [[topp.score(one, other)[0] for other in topp.names] for one in topp.names],
        "pairs": {"all": pairs, "later won more": more, "even": even},
    }
    figure, table = folder / "topp.svg", folder / "topp.json"
    write_whole(figure, render_svg(plot_topp(topp), "topp"))
    write_whole(table, json.dumps(numbers, indent=1) + "\n")
    return [figure, table]

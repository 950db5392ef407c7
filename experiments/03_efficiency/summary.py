"""Costs of the arms from the table of rated snapshots, and their figure."""

import argparse
import dataclasses
import itertools
import math
import pathlib
import statistics
import tomllib
from collections.abc import Sequence

from run import LEVEL, Row, find_reached, read_cells, read_rows

from hexlab import arena, scaling

__all__ = [
    "TARGETS",
    "Cost",
    "compare_with_paper",
    "cost_arms",
    "decide_again",
    "draw",
    "read_paper_costs",
    "read_predictions",
    "write_table",
]

_ARMS = tomllib.loads((pathlib.Path(__file__).parent / "arms.toml").read_text(encoding="utf-8"))
TARGETS = {int(size): board["target"] for size, board in _ARMS["boards"].items()}
"""log10 FLOPs to stay within on each board, true and in the paper's count: a tenth of the paper's cost, rounded to one decimal."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """What an arm needed on a board, in log10 FLOPs."""

    board: int
    arm: str
    runs: int  # seeds that were run
    paper: tuple[float, ...]  # one number a seed that reached the level
    true: tuple[float, ...]
    missed: tuple[float, ...]  # true FLOPs that the other seeds spent in vain
    learner: float  # share of the learner in true FLOPs
    seconds: float  # of training to the level on one core, mean
    predicted: float  # change of `true` against the base, or against the target where no base is run

    @property
    def complete(self) -> bool:
        """Whether every seed that was run reached the level."""
        return len(self.true) == self.runs


def cost_arms(rows: Sequence[Row]) -> list[Cost]:
    """Return the cost of every arm: by board, complete ones first, the cheapest on top."""
    predicted = read_predictions()
    cells: dict[tuple[int, str], dict[int, list[Row]]] = {}
    for row in rows:
        cells.setdefault((row.board, row.arm), {}).setdefault(row.seed, []).append(row)
    costs = []
    for (board, arm), seeds in cells.items():
        reached = [row for row in map(find_reached, seeds.values()) if row is not None]
        missed = [max(row.train_flops for row in seed) for seed in seeds.values() if find_reached(seed) is None]
        costs.append(
            Cost(
                board,
                arm,
                len(seeds),
                tuple(math.log10(row.paper_flops) for row in reached),
                tuple(math.log10(row.train_flops) for row in reached),
                tuple(math.log10(spent) for spent in missed),
                statistics.mean([row.learner_flops / row.train_flops for row in reached] or [math.nan]),
                statistics.mean([row.seconds for row in reached] or [math.nan]),
                predicted[arm, board],
            )
        )
    return sorted(costs, key=lambda cost: (cost.board, not cost.complete, statistics.mean(cost.true or [99])))


def read_predictions() -> dict[tuple[str, int], float]:
    """Return what was predicted of every arm on each of its boards, those that were tried by a patch among them."""
    tried = _ARMS["tried"].items()
    patched = {(name, size): arm[f"predicted_{size}"] for name, arm in tried for size in TARGETS if f"predicted_{size}" in arm}
    return {(cell.arm, cell.config.size): cell.predicted for cell in read_cells()} | patched


def decide_again(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Decide by `arena.perfect_score_interval` when each cell that reached the level did so.

    Returns:
        Cells by what is known of them, with the decades that true FLOPs rise by: "known", "never" (without end), or "not known" with those
        of the first snapshot that holds and has no fresh games, as these were played up to the snapshot that the other interval confirmed.
    """
    cells: dict[str, list[Row]] = {}
    for row in rows:
        cells.setdefault(f"{row.board}x{row.board} {row.arm} seed {row.seed}", []).append(row)
    decided: dict[str, dict[str, float]] = {"known": {}, "never": {}, "not known": {}}
    for cell, before in cells.items():
        reached = find_reached(before)
        if reached is None:
            continue
        after = [_judge_again(row) for row in before]
        first = sorted((row for row in after if row.stage == "first"), key=lambda row: row.snapshot)
        fresh = {row.snapshot: row.holds for row in after if row.stage == "fresh"}
        held = list(itertools.takewhile(lambda row: row.holds, reversed(first)))[::-1]
        now = next((row for row in held if fresh.get(row.snapshot, True)), None)
        if now is None:
            decided["never"][cell] = math.inf
        else:
            decided["known" if now.snapshot in fresh else "not known"][cell] = math.log10(now.train_flops / reached.train_flops)
    return decided


def _judge_again(row: Row) -> Row:
    openings = row.games // 2
    lost = round(openings * (1 - 2 * row.score))
    score, low, high = arena.perfect_score_interval(openings - lost, lost)
    return dataclasses.replace(row, score=score, low=low, high=high)


def write_table(costs: Sequence[Cost]) -> str:
    """Return the costs as a Markdown table; spreads are standard deviations over seeds, changes are against the base or, where there
    is none, against the target."""
    lines = [
        "| board | arm | seeds through | log10 true FLOPs, mean ± standard deviation | paper's count, likewise | change, true | predicted"
        " | paper's | learner | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    bases = {cost.board: cost for cost in costs if cost.arm == "base" and cost.true}
    for cost in costs:
        base, target = bases.get(cost.board), (TARGETS[cost.board],)
        shift = [_shift(getattr(cost, kind), getattr(base, kind, target)) if cost.true else "" for kind in ("true", "paper")]
        lines.append(
            f"| {cost.board}x{cost.board} | {cost.arm} | {len(cost.true)} of {cost.runs} | {_spread(cost.true)} | {_spread(cost.paper)}"
            f" | {shift[0]} | {cost.predicted:+.2f} | {shift[1]} | {_percent(cost.learner)} | {_whole(cost.seconds)} |"
        )
    return "\n".join(lines) + "\n"


def _shift(values, base):
    return f"{statistics.mean(values) - statistics.mean(base):+.2f}"


def _spread(values):
    if not values:
        return ""
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def _percent(share):
    return "" if math.isnan(share) else f"{share:.0%}"


def _whole(seconds):
    return "" if math.isnan(seconds) else f"{seconds:.0f}"


def read_paper_costs() -> dict[int, float]:
    """Return log10 of the compute at which the paper's frontier crosses 50 Elo below its best on each board, in its count, not rounded."""
    reached = {board.size: scaling.crossing(board.log10_flops, board.elo, -50) for board in scaling.paper_frontier().boards}
    return {size: each.low for size, each in reached.items() if each.seen}


def compare_with_paper(rows: Sequence[Row], arm: str) -> str:
    """Return as a Markdown table what each seed of an arm needed, and how many times less than the paper their mean is.

    A cell whose first rated snapshot holds may have held before: its cost is an upper bound.
    """
    nets = {cell.config.size: f"{cell.config.width}x{cell.config.depth}" for cell in read_cells() if cell.arm == arm}
    papers = read_paper_costs()
    listed = ", ".join(map(str, sorted({row.seed for row in rows})))
    lines = [
        f"| board | net | log10 true FLOPs, seeds {listed} | paper's count | target, both | the paper's cost"
        " | times less, true and paper's count |",
        "|---|---|---|---|---|---|---|",
    ]
    for cost in cost_arms([row for row in rows if row.arm == arm]):
        cells = [[row for row in rows if (row.board, row.arm, row.seed) == (cost.board, arm, seed)] for seed in range(cost.runs)]
        held = [find_reached(cell) for cell in cells]
        bound = all(row is not None and row.snapshot == min(one.snapshot for one in cell) for row, cell in zip(held, cells, strict=True))
        true, counted = (", ".join(f"{value:.2f}" for value in values) for values in (cost.true, cost.paper))
        less = [_round_factor(10 ** (papers[cost.board] - statistics.mean(values)), bound) for values in (cost.true, cost.paper)]
        lines.append(
            f"| {cost.board}x{cost.board} | {nets[cost.board]} | {true}{' (at most)' if bound else ''} | {counted} | {TARGETS[cost.board]}"
            f" | {papers[cost.board]:.2f} | {'at least ' if bound else ''}{less[0]} and {less[1]} |"
        )
    return "\n".join(lines) + "\n"


def _round_factor(factor, down):
    """Round to two digits."""
    step = 10 ** (math.floor(math.log10(factor)) - 1)
    return f"{(math.floor if down else round)(factor / step) * step:,.0f}"


def draw(costs: Sequence[Cost], path: pathlib.Path) -> None:
    """Draw for each board the arms' costs, one mark a seed, in both counts, with the targets; a seed that missed is a gray triangle."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from hexlab.scaling.figures import render_svg

    boards = sorted({cost.board for cost in costs})
    counts = [sum(cost.board == board for cost in costs) for board in boards]
    figure = Figure(figsize=(8, 0.9 + 0.8 * len(boards) + 0.24 * sum(counts)), layout="constrained")
    heights = [count + 1 for count in counts]
    for axes, board in zip(figure.subplots(len(boards), height_ratios=heights, squeeze=False)[:, 0], boards, strict=True):
        shown = [cost for cost in costs if cost.board == board][::-1]
        for place, cost in enumerate(shown):
            for values, color, marker in ((cost.true, "#1f5fa8", "o"), (cost.paper, "#c05a1c", "s")):
                axes.plot(values, [place] * len(values), marker, color=color, markersize=4, alpha=0.5, linestyle="none")
                if values and cost.complete:
                    axes.plot(statistics.mean(values), place, "|", color=color, markersize=13, markeredgewidth=2)
            axes.plot(cost.missed, [place] * len(cost.missed), ">", color="#999999", markersize=5, linestyle="none")
        axes.axvline(TARGETS[board], color="#444444", linestyle="--", linewidth=1)
        names = [cost.arm if cost.complete else f"{cost.arm} ({len(cost.true)} of {cost.runs})" for cost in shown]
        axes.set_yticks(range(len(shown)), names, fontsize=8)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.set_title(f"{board}x{board}", fontsize=10, fontweight="bold", loc="left")
        axes.set_xlabel(f"log10 FLOPs to hold {LEVEL:.4f} on {board}x{board}", fontsize=9)
        axes.grid(axis="x", alpha=0.3)
    marks = {
        "true FLOPs with the learner, a seed": {"marker": "o", "color": "#1f5fa8", "markersize": 4, "alpha": 0.5},
        "the paper's count, a seed": {"marker": "s", "color": "#c05a1c", "markersize": 4, "alpha": 0.5},
        "mean, where every seed gets there": {"marker": "|", "color": "#444444", "markersize": 13, "markeredgewidth": 2},
        "true FLOPs spent in vain, a seed": {"marker": ">", "color": "#999999", "markersize": 5},
    }
    handles = [Line2D([], [], linestyle="none", label=label, **style) for label, style in marks.items()]
    handles.append(Line2D([], [], color="#444444", linestyle="--", linewidth=1, label="a tenth of the paper's"))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8.5, frameon=False)
    path.write_bytes(render_svg(figure, "efficiency"))


def main() -> None:
    """Print the table and draw the figure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path, help="results.csv")
    parser.add_argument("--figure", type=pathlib.Path, help="file to draw the figure to")
    parser.add_argument("--against-paper", metavar="ARM", help="tell instead how many times less than the paper this arm needed")
    parser.add_argument("--again", action="store_true", help="tell instead what would change by an interval that covers as it should")
    options = parser.parse_args()
    rows = read_rows(options.results)
    if options.again:
        for what, cells in decide_again(rows).items():
            print(f"{what}: {len(cells)} cells")
            print("".join(f"  {cell} {rise:+.2f}\n" for cell, rise in cells.items() if rise), end="")
        return
    if options.against_paper:
        print(compare_with_paper(rows, options.against_paper), end="")
        return
    costs = cost_arms(rows)
    print(write_table(costs), end="")
    if options.figure:
        draw(costs, options.figure)


if __name__ == "__main__":
    main()

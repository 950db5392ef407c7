"""Let perfect play meet the agents of 6x6 that ship, and write down what that says of the zero of the boards.

python experiments/01_frontier/perfect_on_6x6.py [--workers 4] [--out runs/perfect_on_6x6]

On 6x6 the first moves of a game take the solver seconds, too long to meet everyone; the tournament of `tables/` was played without it, and
its zero is told by solved positions. The strong agents among those that ship meet it here by the tournament's protocol: a match of
two-move openings each, both colors, no noise. Those whose parameters ship in half precision are not the rated ones to the last digit and
stay out. Results are kept in `perfect_on_6x6.csv`, and games that it holds are not played again; the page is `perfect_on_6x6.md`.

The page also tells what agents of 3x3 to 5x5, where perfect play met everyone, took from it beside what their Elo promises: the reason why
its strongest opponents alone tell where Elo 0 is (`hexlab.arena.witnesses`). Equal tables and agents give equal files.
"""

import argparse
import collections
import itertools
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from hexlab import arena, scaling
from hexlab.cards import list_cards
from hexlab.csv_tables import read_table, write_table
from hexlab.lab.manifests import read_manifest
from hexlab.lab.pipeline import SnapshotPlayer
from hexlab.lab.runner import make_pool
from hexlab.pairings import join_openings, mirror, split_openings
from hexlab.records import Opening, PairOpenings
from hexlab.store import Store
from hexlab.system import count_cores, write_whole

FOLDER = pathlib.Path(__file__).parent
GAMES, PAGE = FOLDER / "perfect_on_6x6.csv", FOLDER / "perfect_on_6x6.md"
SIZE, SMALLER = 6, (3, 4, 5)
NEAR = 500  # Elo below the strongest: who is further away loses whatever perfect play does
BANDS = (math.inf, 0, -50, -100, -200, -400, -800, -1600)  # Elo
PERFECT = f"perfect-{SIZE}"


def list_players(tables: scaling.Tables) -> list[SnapshotPlayer]:
    """Return the strong agents whose parameters ship whole, at every budget at which they are rated."""
    elo = {row.agent: row.elo for row in tables.ratings if row.size == SIZE}
    near = max(elo.values()) - NEAR
    players = []
    for card in list_cards(SIZE):
        if card.kind == "frontier" and card.facts["parameters"] == "float32":
            key = card.facts["origin"]["run"], card.facts["origin"]["snapshot"]
            rated = [row for row in tables.grid_agents if (row.run, row.snapshot) == key and elo[row.agent] > near]
            players += [SnapshotPlayer(str(card.file), row.test_simulations, row.agent) for row in rated]
    return players


def describe_games(tables: scaling.Tables, rows: Sequence[Opening]) -> list[str]:
    """Return a table of what the agents' Elo promises against perfect play, and of what they took."""
    lines = [
        "| network | simulations | its Elo, 95 % interval | share it promises | share won, 95 % interval | Elo of that share |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    agents = {row.first if row.second == PERFECT else row.second for row in rows}
    for agent in sorted((tables.agent_by_key[name] for name in agents), key=lambda row: (row.run, row.test_simulations)):
        mine = [row if row.first == agent.agent else mirror(row) for row in rows if agent.agent in (row.first, row.second)]
        won = collections.Counter(row.first_won_as_black + row.first_won_as_white for row in mine)
        score, low, high = arena.perfect_score_interval(won[1], won[0])
        run, rated = tables.run_by_key[agent.run], tables.rating_by_agent[agent.agent]
        promised = 1 / (1 + 10 ** (-rated.elo / 400))
        lines.append(
            f"| {run.width}x{run.depth} | {agent.test_simulations} | {rated.elo:.0f} [{rated.low:.0f}, {rated.high:.0f}]"
            f" | {100 * promised:.0f} % | {100 * score:.0f} [{100 * low:.0f}, {100 * high:.0f}] %"
            f" | {400 * np.log10(score / (1 - score)):.0f} |"
        )
    return lines


def describe_bands(tables: scaling.Tables, size: int) -> list[str]:
    """Return lines of a table: agents of a board by Elo, the share of the games with perfect play that it promises them, what they took."""
    scored = [row for row in tables.select(size).ratings if row.perfect_games and row.agent != f"random-{size}"]
    lines = []
    for high, low in itertools.pairwise(BANDS):
        band = [row for row in scored if low <= row.elo < high]
        if band:
            promised = np.mean([1 / (1 + 10 ** (-row.elo / 400)) for row in band])
            taken = np.mean([row.perfect_score for row in band])
            shares = f"{len(band)} | {100 * promised:.1f} % | {100 * taken:.1f} %"
            where = f"{high} to {low}" if math.isfinite(high) else f"{low} and above"
            lines.append(f"| {size}x{size} | {where} | {shares} |".replace("-", "−"))
    return lines


def make_page(tables: scaling.Tables, rows: Sequence[Opening]) -> str:
    """Return the page."""
    lines = [
        "# Perfect play on 6x6",
        "",
        "`python experiments/01_frontier/perfect_on_6x6.py` plays the games and writes this page; the games are in `perfect_on_6x6.csv`.",
        "Elo and intervals are those of `tables/`, where perfect play has no part on 6x6 and the zero is told by solved positions.",
        "",
        *describe_games(tables, rows),
        "",
        "On the smaller boards, where perfect play met everyone, what agents took from it:",
        "",
        "| board | Elo | agents | share it promises | share taken |",
        "| --- | --- | --- | --- | --- |",
        *itertools.chain.from_iterable(describe_bands(tables, size) for size in SMALLER),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Play what is missing, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=count_cores(), help="processes")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/perfect_on_6x6"), help="folder of the store of the games")
    wanted = parser.parse_args()
    tables = scaling.read(FOLDER)
    openings = read_manifest(FOLDER)["grid"]["openings"]
    with Store(wanted.out / "results.sqlite") as store, make_pool(wanted.workers) as pool:
        if GAMES.exists():
            store.append(split_openings(read_table(GAMES, PairOpenings)))
        protocol = {"openings_per_pair": openings, "rounds": 0, "seed": 0, "references": [arena.SolverPlayer(SIZE)]}
        for step in arena.play_ladder(list_players(tables), SIZE, store, **protocol, threads=wanted.workers, executor=pool):
            print(f"{step.done} of {step.total} matches", flush=True)
        rows = store.read(Opening)
    print(write_table(GAMES, join_openings(rows), PairOpenings))
    write_whole(PAGE, make_page(tables, rows))
    print(PAGE)


if __name__ == "__main__":
    main()

"""Write the agents of the frontier into the package, each with its card, and the page of the cards.

python experiments/01_frontier/ship.py RUN_FOLDER [--sizes 3 4] [--most 8] [--megabytes 1.5]
python experiments/01_frontier/ship.py experiments/01_frontier --again

RUN_FOLDER is the folder of `hexlab reproduce` with its tables; nothing is written there. With `--again` tables and manifest are enough:
the agents that ship stay as they are, and their cards tell what the tables now say of them. Which agents of a board ship:

1. Those at the corners of the discrete frontier, whom no cheaper agent of the grid beats (`BoardFrontier.steps`), by the half of the
   games that picks. Of these, those with a higher Elo by all games than every cheaper one, so that the ladder rises.
2. While they are more than `--most`, the one leaves whose distances from its two neighbors in log compute have the smallest product, so
   that the others are spread most evenly; the cheapest and the strongest stay.
3. While their files together are larger than `--megabytes`, the largest leaves; the strongest always ships.

Files of more than 200 kB keep their parameters in half precision, three digits. A board's agents take the place of those shipped before.
Blunders are measured here, of what ships; Elo is that of the tables. Equal folders give equal files.
"""

import argparse
import functools
import itertools
import json
import math
import pathlib
import sys
import tempfile
from collections.abc import Sequence

import jax

import hexlab
from hexlab import network, scaling
from hexlab.app.catalog import make_page
from hexlab.cards import list_cards
from hexlab.lab.grids import describe_opponents
from hexlab.lab.health import SOLVED_SIZES
from hexlab.lab.manifests import read_manifest
from hexlab.lab.verification import verify
from hexlab.records import Agent
from hexlab.scaling import pools
from hexlab.scaling.frontiers import Step
from hexlab.system import write_whole
from hexlab.training import Config, read_timings

PACKAGE = pathlib.Path(hexlab.__file__).parent / "data" / "agents"
OUT = PACKAGE / "frontier"
PAGE = pathlib.Path(__file__).with_name("agents.md")
BUDGETS = (1, 64)
JUDGED = (*SOLVED_SIZES, 6, 7)  # by the solver, or by the solved suites
MOST_BYTES = 10e6
CARD_BYTES = 6000
HALVED_BYTES = 200_000


def climb(steps: Sequence[Step], tables: scaling.Tables) -> list[Step]:
    """Return the corners of a frontier with a higher Elo by all games than every cheaper one."""
    rungs: list[Step] = []
    for step in steps:
        if not rungs or tables.rating_by_agent[step.agent].elo > tables.rating_by_agent[rungs[-1].agent].elo:
            rungs.append(step)
    return rungs


def thin(rungs: list[Step], most: int, most_bytes: float, weights: dict[str, int]) -> list[Step]:
    """Return the rungs that are left by rules 2 and 3, `weights` being the bytes of each agent's file."""
    kept = list(rungs)
    while len(kept) > max(most, 2):
        gaps = [after.log10_flops - before.log10_flops for before, after in itertools.pairwise(kept)]
        products = [before * after for before, after in itertools.pairwise(gaps)]
        del kept[1 + products.index(min(products))]
    while len(kept) > 1 and sum(weights[rung.agent] for rung in kept) > most_bytes:
        kept.remove(max(kept[:-1], key=lambda rung: weights[rung.agent]))
    return kept


def find_snapshot(folder: pathlib.Path, agent: Agent) -> pathlib.Path:
    """Return the parameters of a snapshot of the grid."""
    return folder / "cells" / agent.run / "snapshots" / f"{agent.snapshot:03d}.safetensors"


def list_ratings(tables: scaling.Tables, run: str, snapshot: int) -> list[dict]:
    """Return the Elo of a snapshot at every budget at which it was rated."""
    rows = []
    for agent in sorted(tables.grid_agents, key=lambda agent: agent.test_simulations):
        rating = tables.rating_by_agent.get(agent.agent)
        if (agent.run, agent.snapshot) == (run, snapshot) and rating is not None:
            met = {
                "share": round(rating.perfect_score, 5),
                "interval": [round(rating.perfect_score_low, 5), round(rating.perfect_score_high, 5)],
                "games": rating.perfect_games,
            }
            rows.append(
                {
                    "simulations": agent.test_simulations,
                    "elo": round(rating.elo, 1),
                    "interval": [round(rating.low, 1), round(rating.high, 1)],
                    "games": rating.games,
                    "against_perfect": met if rating.perfect_games else None,
                    "flops": agent.test_flops,
                }
            )
    return rows


def weigh(path: pathlib.Path) -> int:
    """Return the bytes that a snapshot will take with its card."""
    size = path.stat().st_size
    return (size // 2 if size > HALVED_BYTES else size) + CARD_BYTES


def measure_blunders(path: pathlib.Path, size: int) -> dict:
    """Return blunder rates on random positions and the solved suites, as far as the board is known."""
    if size not in JUDGED:
        return {}
    return {
        f"blunders, {finding.where}, {finding.simulations} simulations": {
            "share": round(finding.share.share, 5),
            "interval": [round(end, 5) for end in finding.share.interval],
            "of": finding.share.total,
        }
        for finding in verify(path, BUDGETS, seed=0, games_at=None)
    }


def describe_pool(tables: scaling.Tables, manifest: dict, size: int) -> dict:
    """Return who took part in a board's tournament, how it was played, and what anchors it."""
    openings = sum(row.won_both + row.won_black_only + row.won_white_only + row.lost_both for row in tables.pairings)
    anchor = tables.anchors[size]
    return {
        "agents": len(tables.ratings),
        "games": 2 * openings,
        "protocol": (
            f"matches of up to {manifest['grid']['openings']} openings of two moves, each with both colors, without noise, the best move of"
            f" the search; every agent meets {describe_opponents(manifest['grid'])}"
        ),
        "anchor": {
            "agent": anchor.name,
            "kind": anchor.kind,
            "elo": round(anchor.elo, 1),
            "error": None if math.isnan(anchor.error) else round(anchor.error, 1),
        },
    }


def read_clock(cell: pathlib.Path, config: Config, samples: int) -> float:
    """Return the seconds by the clock that a cell took for so many samples."""
    return read_timings(cell, samples // config.samples_an_iteration)[-1]["elapsed"]


def describe_rating(tables: scaling.Tables, manifest: dict, agent: Agent, simulations: int, elo: float) -> dict:
    """Return what the tables of a board say of an agent; `elo` is that at `simulations` by the half of the games that rates."""
    return {
        "elo": list_ratings(tables, agent.run, agent.snapshot),
        "frontier": {"simulations": simulations, "elo": round(elo, 1)},
        "pool": describe_pool(tables, manifest, agent.size),
    }


def make_card(tables: scaling.Tables, manifest: dict, step: Step, simulations: int, folder: pathlib.Path) -> dict:
    """Return the card of an agent of the frontier, but for its blunders; `folder` is that of the grid."""
    agent = tables.agent_by_key[step.agent]
    run, snapshot = tables.run_by_key[agent.run], tables.snapshot_by_key[agent.run, agent.snapshot]
    counted = ("samples", "simulations", "selfplay_flops", "learner_flops", "train_flops", "paper_flops")
    machine = manifest["machine"]
    return {
        "origin": {
            "command": manifest["command"],
            "scale": manifest["grid"]["scale"],
            "run": run.run,
            "snapshot": snapshot.snapshot,
            "seed": run.seed,
            "commits": list(dict.fromkeys(each["commit"] for each in (machine, *manifest["later_machines"]))),
            "libraries": machine["libraries"],
            "config": json.loads(run.config),
        },
        "cost": {
            **{name: getattr(snapshot, name) for name in counted},
            "seconds": round(read_clock(folder / "cells" / run.run, Config.from_json(run.config), snapshot.samples), 1),
            "core_seconds": round(next(row.seconds for row in tables.timings if (row.run, row.snapshot) == (agent.run, agent.snapshot)), 1),
            "machine": machine["processor"],
        },
        **describe_rating(tables, manifest, agent, simulations, step.elo),
    }


def write_cards_again(everything: scaling.Tables, manifest: dict, sizes: Sequence[int]) -> None:
    """Write the Elo of the tables into the cards of the agents that ship."""
    for size in sizes:
        tables = everything.select(size)
        by_snapshot = {(agent.run, agent.snapshot, agent.test_simulations): agent for agent in tables.grid_agents}
        _, rating = pools.gather_halves(tables)
        elo = pools.rate_pool(rating)
        for card in (card for card in list_cards(size) if card.kind == "frontier"):
            run, snapshot = card.facts["origin"]["run"], card.facts["origin"]["snapshot"]
            simulations = card.facts["frontier"]["simulations"]
            if (run, snapshot, simulations) not in by_snapshot:
                sys.exit(f"{card.name} is snapshot {snapshot} of {run} at {simulations} simulations: not in these tables")
            agent = by_snapshot[run, snapshot, simulations]
            mine = float(elo.column([agent.agent])[0])
            facts = {**card.facts, **describe_rating(tables, manifest, agent, simulations, mine)}
            held = network.load(str(card.file))
            params, half = jax.device_get(held.params), card.facts["parameters"] == "float16"
            network.save(str(card.file), held.architecture, params, metadata=facts, half=half)
            print(f"{card.name}: Elo {mine:.0f} by the games that did not pick it", flush=True)


def main() -> None:
    """Choose, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="folder of `hexlab reproduce`")
    parser.add_argument("--sizes", type=int, nargs="+", help="boards; default: all that are rated")
    parser.add_argument("--again", action="store_true", help="change nothing but what the cards say of Elo")
    parser.add_argument("--most", type=int, default=8, help="agents of a board")
    parser.add_argument("--megabytes", type=float, default=1.5, help="of a board's files together")
    wanted = parser.parse_args()
    manifest = read_manifest(wanted.folder)
    everything = scaling.read(wanted.folder)

    sizes = wanted.sizes or everything.sizes
    if wanted.again:
        write_cards_again(everything, manifest, sizes)
        write_whole(PAGE, make_page(list_cards()))
        return
    chosen: dict[pathlib.Path, tuple[pathlib.Path, Step, int]] = {}
    for size in sizes:
        tables = everything.select(size)
        frontier = scaling.compute_frontier(tables, size)
        rungs = climb(frontier.board(size).steps, tables)
        files = {rung.agent: find_snapshot(wanted.folder, tables.agent_by_key[rung.agent]) for rung in rungs}
        weights = {agent: weigh(path) for agent, path in files.items()}
        for step in thin(rungs, wanted.most, 1e6 * wanted.megabytes, weights):
            agent = tables.agent_by_key[step.agent]
            run = tables.run_by_key[agent.run]
            name = f"{size}x{size}-{run.width}x{run.depth}-s{run.seed}-{agent.snapshot:02d}.safetensors"
            chosen[OUT / name] = files[step.agent], step, frontier.test_simulations

    replaced = {path for size in sizes for path in OUT.glob(f"{size}x{size}-*.safetensors")}
    staying = [path for path in PACKAGE.rglob("*.safetensors") if path not in replaced]
    total = sum(path.stat().st_size for path in staying) + sum(weigh(source) for source, _, _ in chosen.values())
    if total > MOST_BYTES:
        sys.exit(f"{total / 1e6:.1f} MB of agents, {MOST_BYTES / 1e6:.0f} MB at most may ship: lower --megabytes or --most")

    OUT.mkdir(exist_ok=True)
    for path, (source, step, simulations) in chosen.items():
        agent = network.load(source)
        card = make_card(everything.select(agent.architecture.size), manifest, step, simulations, wanted.folder)
        card["parameters"] = "float16" if source.stat().st_size > HALVED_BYTES else "float32"
        save = functools.partial(network.save, architecture=agent.architecture, params=jax.device_get(agent.params))
        with tempfile.TemporaryDirectory() as scratch:
            trial = pathlib.Path(scratch) / path.name
            save(trial, half=card["parameters"] == "float16")
            card["strength"] = measure_blunders(trial, agent.architecture.size)
        save(path, metadata=card, half=card["parameters"] == "float16")
        print(f"{path.stem}: {path.stat().st_size:,} bytes, Elo {step.elo:.0f} by the games that did not pick it", flush=True)
    for path in replaced - chosen.keys():
        path.unlink()
    write_whole(PAGE, make_page(list_cards()))
    print(f"{PAGE.name}: {len(list_cards())} agents in the package")


if __name__ == "__main__":
    main()

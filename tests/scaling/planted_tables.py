"""Tables of experiments that never took place: runs on a planted law, played out with logistic matches."""

import dataclasses
import functools
import json

import numpy as np

from hexlab import records
from hexlab.arena.ratings import rate
from hexlab.rules.sgf import Game
from hexlab.scaling import Tables, analyze
from hexlab.scaling.laws import evaluate_law

# Elo = min(0, max(-200 b + 350, 320 log10 C - 420 b - 2100)): the incline passes half-way up at log10 C = 10.2, 11.2, 12.2.
PLANTED = np.array([-200.0, 350.0, 320.0, -420.0, -2100.0])
NETS = {
    3: ((2, 1), (4, 2), (8, 2), (16, 2), (32, 2)),
    4: ((4, 2), (8, 2), (16, 2), (32, 4), (64, 4)),
    5: ((8, 2), (16, 2), (32, 4), (64, 4), (128, 4)),
}


def plant(
    sizes=(3, 4, 5),
    nets=None,
    seeds=(0, 1),
    snapshots=9,
    budgets=(1, 4, 16, 64),
    openings=60,
    span=2.6,
    seed_sd=15.0,
    greed=0.12,
    model="change_point",
    search_worth=0.9,
    parameters=PLANTED,
    seed=0,
):
    """Return (tables, truth): truth maps agent keys to their planted Elo.

    A run's Elo at the largest budget is the law's at its own compute, less a penalty `greed` per squared decade of mismatch
    between net and compute, and a draw of `seed_sd` Elo for each run; a budget ten times smaller is worth `search_worth`
    decades of training.
    """
    rng = np.random.default_rng(seed)
    runs, snaps, agents, truth = [], [], [], {}
    for size in sizes:
        at = {"random": -1, "perfect": -1}
        half_up = -parameters[0] * size - parameters[1], parameters[3] * size + parameters[4]
        center = (-half_up[0] / 2 - half_up[1]) / parameters[2]
        cells = (nets or NETS)[size]
        for kind in at:
            key = f"{kind}-{size}"
            agents.append(records.Agent(key, size, kind, "", -1, 0, 0.0))
            truth[key] = 0.0 if kind == "perfect" else -half_up[0] - 20.0
        for position, (width, depth) in enumerate(cells):
            weights = 3 * size**2 * width + width + depth * (width**2 + width) + size**2 + width + 1
            best_at = center + 2.0 * (position - (len(cells) - 1) / 2) / max(len(cells) - 1, 1)
            for number in seeds:
                run = f"{size}{width:03d}{depth}{number:x}"
                config = json.dumps({"note": 'nets, "quoted"', "seed": number}, sort_keys=True)
                runs.append(records.Run(run, size, width, depth, number, weights, 32, config))
                luck = seed_sd * rng.standard_normal()
                costs = np.linspace(best_at - span / 2, best_at + span / 2, snapshots)
                snaps.append(records.Snapshot(run, 0, 0, 0, 0.0, 0.0, 0.0, 0.0))
                for step, cost in enumerate([None, *costs]):
                    if cost is not None:
                        flops = float(10.0**cost)
                        samples = int(flops / (134 * weights))
                        snaps.append(records.Snapshot(run, step, samples, 32 * samples, 0.95 * flops, 0.05 * flops, flops, flops / 2.1))
                    for budget in budgets:
                        key = f"{run}/{step}@{budget}"
                        agents.append(records.Agent(key, size, "snapshot", run, step, budget, 2.0 * weights * budget))
                        worth = (center - 2.5 if cost is None else cost) + search_worth * np.log10(budget / max(budgets))
                        mismatch = 0.0 if cost is None else greed * (cost - best_at) ** 2
                        elo = evaluate_law(model, parameters, size, worth - mismatch)
                        truth[key] = float(min(elo + luck * (elo < -30), -1.0))
    pairings = play(agents, truth, openings, rng)
    rated = [row for size in sizes for row in rate([each for each in pairings if each.size == size])]
    return Tables(tuple(runs), tuple(snaps), tuple(agents), tuple(pairings), tuple(rated)), truth


def play(agents, truth, openings, rng, *, misfit=0.0, below=8):
    """Return pairings: everyone meets perfect play and random play, and so many agents next below it in strength.

    A pair strays from the truth by a draw of `misfit` Elo, in all its games.
    """
    pairings = []
    for size in sorted({agent.size for agent in agents}):
        pool = sorted((agent.agent for agent in agents if agent.size == size), key=truth.__getitem__)
        references = [f"perfect-{size}", f"random-{size}"]
        meets = {tuple(sorted(pair)) for at, one in enumerate(pool) for pair in ((one, other) for other in pool[at + 1 : at + 1 + below])}
        meets |= {tuple(sorted((one, other))) for one in pool for other in references if one != other}
        for first, second in sorted(meets):
            stray = misfit * rng.standard_normal() if misfit else 0.0
            gap = (truth[first] - truth[second] + stray) * np.log(10) / 400
            for half in (0, 1):
                edge = 0.3 * rng.standard_normal(openings // 2)  # how much an opening favors Black
                black = rng.random(openings // 2) < 1 / (1 + np.exp(-gap - edge))
                white = rng.random(openings // 2) < 1 / (1 + np.exp(-gap + edge))
                counts = (black & white).sum(), (black & ~white).sum(), (~black & white).sum(), (~black & ~white).sum()
                pairings.append(records.Pairing(size, first, second, half, *map(int, counts)))
    return pairings


@functools.cache
def laptop():
    """The default plant, about the size of the laptop experiment."""
    return plant()


@functools.cache
def tiny():
    """One 3x3 board, two nets, one seed, few snapshots."""
    return plant(sizes=(3,), nets={3: ((2, 2), (16, 2))}, seeds=(0,), snapshots=6, budgets=(1, 8, 64), openings=36)


@functools.cache
def tiny_with_preset():
    """The tiny plant, whose wider net is the run of a preset."""
    tables, _ = tiny()
    runs = [dataclasses.replace(run, preset="paper" if run.width == 16 else "") for run in tables.runs]
    return dataclasses.replace(tables, runs=runs)


def with_extras(tables):
    """Add what tables may lack: timings, here a nanosecond a weight and position at 20 W, and a game to show."""
    runs = {row.run: row for row in tables.runs}
    seconds = {(row.run, row.snapshot): 1e-9 * runs[row.run].parameters * row.samples for row in tables.snapshots}
    timings = [records.Timing(*key, spent, 20 * spent) for key, spent in seconds.items()]
    return dataclasses.replace(tables, timings=timings, games=[Game(3, "b2 a1 b1 c1 b3", black="one", white="other")])


@functools.cache
def uneven():
    """Two boards, widths and depths of a large grid, a second seed and larger budgets for one net of each, no timings and no game."""
    nets = {3: ((1, 1), (16, 4)), 4: ((1, 2), (64, 8))}
    tables, truth = plant(sizes=(3, 4), nets=nets, snapshots=5, budgets=(1, 2, 4, 16, 64, 256), openings=24, span=3.0)
    wide = {row.run for row in tables.runs if row.width > 1}
    runs = {row.run for row in tables.runs if row.seed == 0} | wide
    played = [row for row in tables.agents if row.run in wide or (row.run in runs and row.test_simulations <= 64)]
    agents = [*played, *(row for row in tables.agents if row.kind != "snapshot")]
    kept = {row.agent for row in agents}
    pairings = [row for row in tables.pairings if {row.first, row.second} <= kept]
    return Tables(
        [row for row in tables.runs if row.run in runs],
        [row for row in tables.snapshots if row.run in runs],
        agents,
        pairings,
        [row for size in (3, 4) for row in rate([each for each in pairings if each.size == size])],
    ), truth


@functools.cache
def small():
    """Three boards, two nets, two seeds: enough for every fit, and quick."""
    nets = {3: ((2, 1), (16, 2)), 4: ((4, 2), (32, 2)), 5: ((8, 2), (64, 4))}
    return plant(nets=nets, snapshots=7, budgets=(1, 4, 16, 64), openings=40)


@functools.cache
def small_analysis():
    """Everything fitted to the small plant, with a few bootstrap copies."""
    return analyze(with_extras(small()[0]), bootstrap=20, seed=0)

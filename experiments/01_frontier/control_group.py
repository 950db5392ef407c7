"""Coverage of the rating intervals on a control group: one network under several names.

python experiments/01_frontier/control_group.py

The tables in `control_group/` are those of an earlier run of `laptop` (commit 804d6c7), whose snapshots began before the first gradient
step. Such snapshots hold the same parameters, so their ratings should differ within the 95 % interval of the difference in 95 % of cases.
"""

import itertools
import pathlib

import numpy as np

from hexlab import arena, csv_tables
from hexlab.records import Agent, Pairing, Snapshot

folder = pathlib.Path(__file__).parent / "control_group"
untrained = {(row.run, row.snapshot) for row in csv_tables.read_table(folder / "snapshots.csv.xz", Snapshot) if row.learner_flops == 0}
agents = csv_tables.read_table(folder / "agents.csv.xz", Agent)
pairings = csv_tables.read_table(folder / "pairings.csv.xz", Pairing)
for size in sorted({row.size for row in pairings}):
    groups: dict[tuple, list[str]] = {}
    for row in agents:
        if row.size == size and (row.run, row.snapshot) in untrained:
            groups.setdefault((row.run, row.test_simulations), []).append(row.agent)
    pairs = [pair for group in groups.values() for pair in itertools.combinations(group, 2)]
    rows = [row for row in pairings if row.size == size]
    place = {row.agent: column for column, row in enumerate(arena.rate(rows))}
    copies = arena.bootstrap_ratings(rows, samples=400, seed=1)
    differences = np.array([copies[:, place[one]] - copies[:, place[other]] for one, other in pairs])
    low, high = np.quantile(differences, [0.025, 0.975], axis=1)
    held = (low <= 0) & (high >= 0)
    width = np.median(high - low)
    print(f"{size}x{size}: {held.sum()} of {len(pairs)} differences within their interval, {held.mean():.1%}; median width {width:.0f} Elo")

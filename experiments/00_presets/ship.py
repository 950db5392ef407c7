"""Write a preset's agent into the package, with its card.

python experiments/00_presets/ship.py RUN FINDINGS: RUN is the folder of a finished run, FINDINGS what `hexlab verify RUN --json` printed.
Its cost in seconds of one core is taken from seconds.csv beside FINDINGS.
"""

import csv
import json
import pathlib
import sys

import jax

from hexlab import network
from hexlab.lab.machine import machine_facts
from hexlab.training import preset, read_config

run, findings = map(pathlib.Path, sys.argv[1:])
config = read_config(run)
assert {name: getattr(config, name) for name in preset(config.size)} == preset(config.size), "this is not a run of the preset"
agent = network.load(run)
last = [json.loads(line) for line in (run / "snapshots.jsonl").read_text().splitlines()][-1]
with (findings.parent / "seconds.csv").open(encoding="utf-8", newline="") as file:
    (cost,) = (row for row in csv.DictReader(file) if (row["size"], row["seed"]) == (str(config.size), str(config.seed)))
facts = machine_facts()
strength = {}
for line in findings.read_text().splitlines():
    row = json.loads(line)
    if row["what"] == "openings":
        strength[f"openings {row['where']}"] = {"won": row["count"], "of": row["total"], "simulations": row["simulations"]}
    else:
        name = f"blunders, {row['where']}, {row['simulations']} simulations"
        strength[name] = {"share": round(row["share"], 5), "interval": [round(row["low"], 5), round(row["high"], 5)], "of": row["total"]}
card = {
    "origin": {
        "command": f"hexlab train --size {config.size} --seed {config.seed}",
        "commit": facts["commit"],
        "libraries": facts["libraries"],
        "config": json.loads(config.to_json()),
    },
    "cost": {
        **{name: last[name] for name in ("samples", "simulations", "selfplay_flops", "learner_flops", "train_flops", "paper_flops")},
        "core_seconds": float(cost["cpu_seconds"]),
        "machine": facts["processor"],
    },
    "strength": strength,
}
out = pathlib.Path(network.__file__).parents[1] / "data" / "agents"
out.mkdir(exist_ok=True)
network.save(out / f"{config.size}x{config.size}.safetensors", agent.architecture, jax.device_get(agent.params), card)
print(json.dumps(card, indent=1))

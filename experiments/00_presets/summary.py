"""Print the table of README.md from what `hexlab verify` printed of each agent, and from seconds.csv.

python experiments/00_presets/summary.py
"""

import csv
import json
import pathlib

folder = pathlib.Path(__file__).parent
heads = "board, seed, true FLOPs, seconds of one core, openings of 1 move won, of 2 moves, blunders at 1 simulation, at 64, at 512"
print("|", " | ".join(heads.split(", ")), "|")
print("|" + "---|" * 9)
with (folder / "seconds.csv").open(encoding="utf-8", newline="") as file:
    runs = list(csv.DictReader(file))
for run in runs:
    size, seed = run["size"], run["seed"]
    rows = [json.loads(line) for line in (folder / f"size{size}-seed{seed}.jsonl").read_text(encoding="utf-8").splitlines()]
    openings = [f"{row['count']} of {row['total']}" for row in rows if row["what"] == "openings"]
    blunders = [f"{100 * row['share']:.1f} %" for row in rows if row["where"] == "random positions"]
    print("|", " | ".join([f"{size}x{size}", seed, f"{float(run['train_flops']):.1e}", run["cpu_seconds"], *openings, *blunders]), "|")

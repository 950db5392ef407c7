"""The page of experiments/00_presets has the numbers of its committed files, and of the runs of the paper's preset at the laptop scale."""

import csv
import json
import pathlib
import re
import runpy

from hexlab import scaling, training
from hexlab.network import flops

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "00_presets"
LAPTOP = FOLDER.parent / "01_frontier" / "laptop"


def read_page():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_of_the_runs(capsys):
    runpy.run_path(str(FOLDER / "summary.py"))
    assert capsys.readouterr().out in read_page()


def test_the_runs_are_those_of_the_presets():
    with (FOLDER / "seconds.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        config = training.Config(**training.preset(int(row["size"])))
        assert int(row["samples"]) == -(-config.samples // config.samples_an_iteration) * config.samples_an_iteration
        assert float(row["selfplay_flops"]) + float(row["learner_flops"]) == float(row["train_flops"])


def test_the_settings_cost_what_the_page_says():
    rows = re.findall(r"^\| (\d)x\d \| \**(\d+)x(\d)\** \| \**[36]e-3\** \| \**([\d,]+)\** \| ([\d.e]+) \|", read_page(), re.MULTILINE)
    assert len(rows) == 7
    for size, width, depth, positions, told in rows:
        config = training.Config(**{**training.preset(int(size)), "width": int(width), "depth": int(depth)})
        net = config.architecture
        each = flops.count_selfplay(net, config.simulations) + flops.count_learning(net, config.reuse, config.batch)
        whole = each * int(positions.replace(",", ""))
        assert 0.97 * whole < float(told) < 1.04 * whole, "runs end with a whole iteration"


def test_a_thousand_positions_without_a_blunder_bound_its_rate():
    rows = [json.loads(line) for path in FOLDER.glob("size*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    bounds = {row["high"] for row in rows if row["what"] == "blunders" and (row["count"], row["total"]) == (0, 1000)}
    (bound,) = {f"{100 * high:.1f} %" for high in bounds}
    assert f"1,000 positions without a blunder bound the rate at {bound}" in read_page()


def test_the_page_tells_what_the_papers_preset_wins():
    page, tables, won = " ".join(read_page().split()), scaling.read(LAPTOP), {}
    for run in tables.runs:
        if run.preset == "paper":
            agents = [agent for agent in tables.agents if agent.run == run.run and agent.snapshot > 0 and agent.test_simulations == 64]
            ratings = {tables.snapshot_by_key[run.run, agent.snapshot].train_flops: tables.rating_by_agent[agent.agent] for agent in agents}
            won[run.size] = [(cost, 200 * ratings[cost].perfect_score) for cost in sorted(ratings)]
            assert {rating.perfect_games for rating in ratings.values()} <= {64, 128}
    late = [share for _, share in won[3][-5:]]
    ends = {size: f"{shares[-1][1]:.0f} % on {size}x{size}" for size, shares in won.items()}
    costs = {size: f"{shares[-1][0]:.1e}".replace("e+0", "e").replace("e+", "e") for size, shares in won.items()}
    since = f"{won[3][-5][0]:.1e}".replace("e+0", "e")
    told = f"at its end {ends[3]} (for {costs[3]} FLOPs, and {min(late):.0f} to {max(late):.0f} % from {since} on), {ends[4]} ({costs[4]})"
    assert f"{told} and {ends[5]} ({costs[5]}), more than at any snapshot before" in page
    assert all(shares[-1][1] > max(share for _, share in shares[:-1]) for size, shares in won.items() if size > 3)


def test_the_papers_preset_takes_as_many_steps_as_the_page_says():
    least, most = (training.Config(**training.preset(size, "paper")) for size in (3, 9))
    steps = [-(-config.samples // config.batch) for config in (least, most)]
    assert f"{steps[0]:,} on 3x3 to {steps[1]:,} on 9x9" in read_page()

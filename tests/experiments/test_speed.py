"""The harness of experiments/02_speed: choosing settings, ratios, going on, its page; slow: the rivals' rules, and all of it once."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import ClassVar

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "02_speed"
STRICT = ("JAX_NUMPY_DTYPE_PROMOTION", "JAX_NUMPY_RANK_PROMOTION")  # the rivals do not hold to them


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("speed_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class PlantedSide:
    """A side whose rate is its batch, times ten for hexlab, halved in the second turn; trees of depth 2.6."""

    started: ClassVar[list] = []

    def __init__(self, script, spec):
        self.script, self.spec, self.turns = script, spec, 0
        self.facts = {"depth": 2.6}
        self.started.append((script, spec))

    def measure(self, seconds):
        self.turns += 1
        rate = self.spec["batch"] * (10 if self.script == "ours.py" else 1)
        return rate / 2 if self.turns == 2 and self.script == "ours.py" else rate

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def planted(run, monkeypatch, tmp_path):
    monkeypatch.setattr(run, "Side", PlantedSide)
    monkeypatch.setattr(run, "_machine", lambda: {"processor": "planted"})
    monkeypatch.setattr(PlantedSide, "started", [])
    return run.Results(tmp_path / "results.json", {"cores": 2})


def make_case(run, **changes):
    options = [{"batch": batch, "lanes": 1, "threads": 1} for batch in (64, 256)]
    settings = {"name": "search", "peer": "mctx muzero", "size": 9, "net": "64x2", "spec": {}, "ours": options[:1], "theirs": options}
    return run.Case(**{**settings, "unit": "simulations", "aim": 5, "depth": "equal", **changes})


def test_a_row_takes_the_rivals_best_setting_and_the_median_of_the_rounds(run, planted):
    row = run.compare(make_case(run), planted, [0, 1], seconds=1, rounds=3)
    assert row["batch"] == [64, 256]
    assert [pair[0] / pair[1] for pair in row["rounds"]] == [2.5, 1.25, 2.5]
    assert (row["ratio"], row["low"], row["high"]) == (2.5, 1.25, 2.5)
    assert [sweep["rates"] for sweep in planted.data["tuning"]] == [[64, 256]]


def test_the_rivals_trees_stop_at_the_mean_depth_of_ours(run, planted):
    run.compare(make_case(run), planted, [0], seconds=1, rounds=1)
    assert {spec["cap"] for script, spec in PlantedSide.started if script == "theirs.py"} == {3}
    PlantedSide.started.clear()
    run.compare(make_case(run, name="own", depth="own"), planted, [0], seconds=1, rounds=1)
    assert {spec["cap"] for script, spec in PlantedSide.started} == {None}


def test_a_sweep_serves_the_other_size_and_published_hex_is_11x11_alone(run, planted):
    options = [{"way": "drawn", "batch": 1}, {"way": "published", "batch": 9}]
    big = run.compare(make_case(run, size=11, theirs=options), planted, [0], seconds=1, rounds=1)
    small = run.compare(make_case(run, size=9, theirs=options), planted, [0], seconds=1, rounds=1)
    assert (big["settings"]["theirs"]["way"], small["settings"]["theirs"]["way"]) == ("published", "drawn")
    assert len(planted.data["tuning"]) == 1


def test_results_go_on_and_refuse_another_protocol(run, planted):
    row = {**run.compare(make_case(run), planted, [0], seconds=1, rounds=1), "commit": None}
    planted.add("rows", row)
    again = run.Results(planted.path, {"cores": 2})
    assert again.find("rows", measure="search", size=9) == json.loads(json.dumps(row))
    assert again.find("rows", measure="search", size=11) is None
    table = planted.path.with_suffix(".md").read_text()
    assert "| search | mctx muzero | 9x9 | 64x2 | 64 / 256 | 640 | 256 | 2.5 | 2.5 | 2.5 | 5 |" in table
    assert b"<svg" in planted.path.with_suffix(".svg").read_bytes()
    with pytest.raises(SystemExit, match="choose another --out"):
        run.Results(planted.path, {"cores": 4})


def test_a_ratio_is_a_bound_where_the_rival_was_stopped(run):
    reached = {"ours": "3 of 3", "theirs": "3 of 3"}
    assert not run._is_bound({"ratio": 2.0})
    assert not run._is_bound({"reached": reached})
    assert run._is_bound({"reached": {**reached, "theirs": "2 of 3"}})


def read_page():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results():
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(results):
    return {(row["measure"], row["peer"], row["size"], row["net"]): row for row in results["rows"]}


def read_bench(name):
    return {row["name"]: row["median"] for row in json.loads((FOLDER / name).read_text(encoding="utf-8"))["measures"]}


def test_the_list_of_rows_is_that_of_the_results(run, results):
    assert (FOLDER / "results.md").read_text(encoding="utf-8") == run.to_table(results["rows"])


SEARCHES = {"search, equal depth": "equal depth", "search, trained depth": "deep trees", "search, own depth": None}
POLICIES = {"muzero": "`muzero_policy`", "gumbel": "`gumbel_muzero_policy`"}


def test_the_page_has_the_ratios_of_the_results(rows):
    def tell(measure, peer, net=None):
        found = [rows[measure, peer, size, net] for size in (11, 9)]
        (aim,) = {row["aim"] for row in found}
        cells = [f"{row['ratio']:.1f}" if row["ratio"] < 100 else f"{row['ratio']:.0f}" for row in found]
        cells = [f"**{cell}**" if aim and row["ratio"] >= aim else cell for cell, row in zip(cells, found, strict=True)]
        return " | ".join(cells) + (f" | {aim:g} |" if aim else " | |")

    lines = [f"| random play / pgx | | {tell('random play', 'pgx')}"]
    lines.append(f"| random play / OpenSpiel, core for core | | {tell('random play', 'openspiel')}")
    for net in ("64x2", "512x4"):
        for policy, name in POLICIES.items():
            firsts = [f"search / {name}, equal depth", "the same, trees as deep as trained nets make them", "the same, without a stop"]
            if (net, policy) == ("64x2", "muzero"):
                firsts[2] += ", as the documented call does it"
            for first, measure in zip(firsts, SEARCHES, strict=True):
                lines.append(f"| {first} | {net} | {tell(measure, f'mctx {policy}', net)}")
    for first, net in (("self-play / pgx's AlphaZero example", "64x2"), ("the same", "256x4")):
        lines.append(f"| {first} | {net} | {tell('self-play, 32 simulations', 'pgx + mctx gumbel', net)}")
    learners = [row["ratio"] for (measure, *_), row in rows.items() if measure.startswith("learner")]
    lines.append(f"| learner / optax | 64x2 to 512x4 | | {min(learners):.1f} to {max(learners):.1f} | about 1 |")
    assert "\n".join(lines) in read_page()


def test_the_page_tells_whom_unequal_depths_favor(rows):
    lines = []
    for measure, name in SEARCHES.items():
        for net in ("64x2", "512x4") if name else ():
            for policy in POLICIES:
                cells = []
                for size in (11, 9):
                    ours, theirs = (rows[measure, f"mctx {policy}", size, net]["facts"][side]["depth"] for side in ("ours", "theirs"))
                    favored = "neither" if abs(ours - theirs) <= 0.1 else "the rival" if theirs < ours else "hexlab"
                    cells += [f"{ours:.1f} / {theirs:.1f}", favored]
                lines.append(f"| {POLICIES[policy]}, {name} | {net} | {' | '.join(cells)} |")
    assert "\n".join(lines) in read_page()
    free = [row for key, row in rows.items() if key[:2] == ("search, own depth", "mctx muzero")]
    assert {round(row["facts"]["theirs"]["depth"]) for row in free} == {9}
    assert "it walks 9 moves down" in read_page()


def test_the_page_has_the_races_of_the_results_and_bounds_where_the_rival_was_stopped(run, results, rows):
    lines, peer = [], "pgx + mctx gumbel + optax"
    for size, net in ((3, "32x2"), (4, "64x4"), (5, "128x4")):
        seconds, flops = (rows[f"{what} from nothing to strength", peer, size, net] for what in ("seconds", "flops"))
        assert all(run._is_bound(row) and row["limit"] == 10 for row in (seconds, flops))
        ours = f"{seconds['ours']:.0f} s, {flops['ours']:.1e} FLOPs | {seconds['reached']['ours']}"
        theirs = f"stopped at {seconds['theirs']:,.0f} s, {flops['theirs']:.1e} FLOPs | {seconds['reached']['theirs']}"
        lines.append(f"| {size}x{size} | {net} | {ours} | {theirs} | {seconds['low']:.1f} | {flops['low']:.1f} |")
    page = read_page()
    assert re.sub(r"e\+0?", "e", "\n".join(lines)) in page
    spent = rows["flops from nothing to strength", peer, 3, "32x2"]
    assert f"On 3x3 its seeds spent {spent['low']:.1f} to {spent['high']:.0f} times the FLOPs by then" in page
    ends = {(one["size"], one["seed"]): one["history"][-1]["won"].values() for one in results["runs"] if one["side"] == "theirs"}
    won = {key: [max(shares[place][0] for shares in both) for place in (0, 1)] for key, both in ends.items()}
    ones, twos = ({size: sorted(won[key][place] for key in won if key[0] == size) for size in (3, 4, 5)} for place in (0, 1))
    told = f"{twos[3][0]} to {twos[3][-1]} of 72 and {ones[3][0]} of 9 openings on 3x3, {twos[4][0]} to {twos[4][-1]} of 240"
    assert f"{told} and at most {ones[4][-1]} of 16 on 4x4, {twos[5][0]} of 600 and {ones[5][0]} of 25 on 5x5" in page
    assert ones[3][0] == ones[3][-1]


def test_the_page_has_how_near_search_comes_to_the_network(rows):
    page, benches = read_page(), [read_bench(f"limit-{cores}.json") for cores in (1, 2, 4)]
    lines = []
    for net, aim in (("64x2", 0.4), ("256x4", 0.8), ("512x4", 0.85)):
        names = (f"{name} / evaluation, 9x9 {net}" for name in ("search", "deep search"))
        near, deep = (", ".join(f"{bench[name]:.2f}" for bench in benches) for name in names)
        grown = benches[2][f"search, 9x9 {net}"] / benches[0][f"search, 9x9 {net}"]
        lines.append(f"| {net} | {near} | {deep} | {aim} | {grown:.1f}x | 3.4x |")
    assert "\n".join(lines) in page
    flat = " ".join(page.split())
    grown = [benches[2][name] / benches[0][name] for name in ("evaluation, 9x9 64x2", "search, 9x9 64x2")]
    assert f"With 64x2 it grows {grown[0]:.1f}x itself from 1 to 4 cores, where search grows {grown[1]:.1f}x" in flat
    near = {net: benches[1][f"search / evaluation, 9x9 {net}"] for net in ("64x2", "256x4", "512x4")}
    free = rows["search, equal depth", "mctx muzero", 9, "64x2"]["ratio"] / near["64x2"]
    assert f"search reaches {near['64x2']:.2f} of what the network alone does on two cores" in flat
    assert f"it would have been {free:.0f} times as fast as the rival was, where 50 was the aim" in flat
    assert f"With 512x4 it reaches {near['512x4']:.2f} there" in flat
    assert f"on 9x9 hexlab's search runs at {near['256x4']:.2f} of the network alone" in flat
    small, large = (read_bench(name) for name in ("bench.json", "bench-1024.json"))
    assert f"{small['random play, 9x9'] / 1e6:.0f} million random moves a second on 9x9" in flat
    assert f"{small['search, 9x9, free evaluator'] / 1e6:.2f} million simulations with a free evaluator on 9x9" in flat
    selfplay = [bench["self-play, 5x5 64x4"] / 1e6 for bench in (small, large)]
    assert f"with a 64x4 network {selfplay[0]:.2f} (256 boards) and {selfplay[1]:.2f} million (1024 boards)" in flat


def test_the_page_has_the_parts_of_a_search_and_what_shared_cores_leave(parts):
    page = read_page()
    lines = []
    for one in json.loads((FOLDER / "parts.json").read_text(encoding="utf-8")):
        shares = " | ".join(f"{100 * one[part]:.1f}" for part in parts.PARTS)
        priors = "fresh" if one["sharpness"] == 1 else "trained"
        lines.append(f"| {one['net']} | {priors} | {shares} | {one['simulations_per_second']:,.0f} |")
    assert "\n".join(lines) in page
    busy, second = json.loads((FOLDER / "shared-2.json").read_text(encoding="utf-8"))["rows"]
    kept = [f"{row['kept']:.2f} | {row['low']:.2f} to {row['high']:.2f}" for row in (busy, second)]
    assert f"| a busy core | {kept[0]} | {busy['aim']} | |" in page
    assert f"| a second run | {kept[1]} | its half | {second['together']:.2f} |" in page


def run_with_rivals(*words, **more):
    for name in ("mctx", "pgx", "pyspiel"):
        pytest.importorskip(name, reason="needs the extra: pip install -e '.[peers]'")
    environment = {key: value for key, value in os.environ.items() if key not in STRICT}
    return subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True, text=True, **more).stdout


RIVALS_GAME = """
import warnings
import jax
jax.devices()
warnings.simplefilter("ignore")
import numpy as np
from hexlab import network
from hexlab.rules import Boards
from common import draw_moves
from pgx_hex import SizedHex, check_rules, to_states
from strength import MctxPlayer
for size in (2, 3, 5, 9, 11):
    print(check_rules(size, games=32))
moves = draw_moves(5, 64, 0)
boards = Boards.empty(5, 64)
for column in moves.T:
    boards = boards.play(column)
env = SizedHex(size=5)
state = to_states(env, moves)
assert (np.asarray(state.observation) == network.to_planes(boards)).all(), "the network sees other planes"
player = MctxPlayer(5, "8x1")
set_up = player._state(boards)
for action in range(25):  # a position that is set up goes on as one that was played
    free = np.asarray(state.legal_action_mask)[:, action]
    played, laid = (jax.vmap(env.step)(each, np.full(len(each.terminated), action)) for each in (state, set_up))
    assert (np.asarray(played.terminated)[free] == np.asarray(laid.terminated)[:64][free]).all()
    assert (np.asarray(played.observation)[free] == np.asarray(laid.observation)[:64][free]).all()
judge = network.NetworkEvaluator(*__import__("common").make_params(5, "8x1", 1.0))
from theirs import make_searcher
_, params, theirs, _ = make_searcher(5, "muzero_policy", "8x1", 1.0, 2)
for mine, other in zip(judge(boards), theirs(params, state)):
    np.testing.assert_allclose(mine, other, atol=1e-5)
"""


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("speed_parts", FOLDER / "parts.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("common", None)


def test_the_parts_of_a_search_make_up_its_time_and_are_taken_apart_for_that_time_alone(parts):
    before = parts.judging._judge, parts.kernels.walk_down
    profile = parts.take_profile(3, "8x1", threads=2, boards=64, sharpness=1.0, seconds=0.2)
    shares = {part: getattr(profile, part) for part in parts.PARTS}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    assert all(shares[part] > 0 for part in ("tree", "features", "interpreter"))
    assert (parts.judging._judge, parts.kernels.walk_down) == before
    assert "| 3x3 8x1 | fresh |" in parts.write_table([profile])


@pytest.mark.slow
def test_the_rivals_play_the_same_game_with_the_same_network():
    assert [int(line) for line in run_with_rivals("-c", RIVALS_GAME, cwd=FOLDER).split()][-1] > 1000


@pytest.mark.slow
def test_a_quick_run_fills_every_row_and_adds_nothing_when_started_again(tmp_path):
    out = tmp_path / "results.json"
    words = (str(FOLDER / "run.py"), "--cores", "1", "--quick", "--rounds", "1", "--seconds", "0.1", "--out", str(out))
    printed = run_with_rivals(*words)
    rows = json.loads(out.read_text())["rows"]
    assert len(printed.splitlines()) == len(rows) == 10
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["low"] <= row["ratio"] <= row["high"] for row in rows)
    assert run_with_rivals(*words) == ""

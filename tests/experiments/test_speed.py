"""The harness of experiments/02_speed: choosing settings, ratios, going on; slow: the rivals' rules, and all of it once."""

import importlib.util
import json
import os
import pathlib
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

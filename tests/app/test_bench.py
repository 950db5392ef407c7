import itertools
import json
import threading
import time

import numpy as np
import pytest

from hexlab import mcts, network
from hexlab.app import bench, cli
from hexlab.errors import ConfigError, PositionError
from hexlab.rules.draws import derive_seeds


def test_rates_count_all_threads_and_leave_the_first_call_out():
    calls = []

    def work():
        first = threading.current_thread() is threading.main_thread()
        calls.append(first)
        time.sleep(0.1 if first else 0.01)
        return 10

    (measure,) = bench._take_turns([bench._Work("naps", "naps", [work, work])], seconds=0.05, repeats=3)
    assert calls.count(True) == 2, "each piece of work is called once before the clock starts"
    assert measure.first_seconds >= 0.2
    assert measure.repeats == 3
    assert 0 < measure.least <= measure.median <= measure.most <= 2 * 10 / 0.01, "two threads, ten naps in 10 ms at best"


def test_works_take_turns_and_ratios_are_taken_within_a_turn(monkeypatch):
    """By a clock that ticks once whenever it is read, a machine that gets faster from turn to turn."""
    order, ticks, paces = [], itertools.count(), iter([1, 1, 2, 4])

    def alone():
        order.append("alone")
        alone.pace = next(paces)
        return 10 * alone.pace

    def search():
        order.append("search")
        return 5 * alone.pace

    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(ticks))
    works = [bench._Work("evaluation, 3x3", "positions", [alone]), bench._Work("search, 3x3", "simulations", [search], "evaluation, 3x3")]
    measures = list(bench._take_turns(works, seconds=0.5, repeats=3))
    assert order == ["alone", "search"] * 4
    assert [measure.name for measure in measures] == ["evaluation, 3x3", "search, 3x3", "search / evaluation, 3x3"]
    assert measures[0].most == 4 * measures[0].least
    assert measures[2].unit == "ratio"
    assert measures[2].least == measures[2].median == measures[2].most == 0.5


def test_every_kind_of_work_is_measured_and_can_be_compared(capsys, tmp_path):
    nets = ["3:4x1"]
    words = ["bench", "--size", "3", "--net", *nets, "--seconds", "0.01", "--repeats", "2", "--threads", "2", "--boards", "64"]
    assert cli.main([*words, "--json"]) == 0
    text = capsys.readouterr().out
    answer = json.loads(text)
    assert answer["machine"]["cores"] >= 1
    assert answer["settings"]["nets"] == nets
    kinds = ["evaluation", "search", "deep search", "self-play", "learner"]
    ratios = [f"{kind} / evaluation" for kind in kinds[1:4]]
    assert [measure["name"] for measure in answer["measures"]] == [
        "random play, 3x3",
        "search, 3x3, free evaluator",
        *(f"{kind}, 3x3 4x1" for kind in kinds + ratios),
    ]
    for measure in answer["measures"]:
        assert 0 < measure["least"] <= measure["median"] <= measure["most"]
        assert measure["repeats"] == 2

    for measure in answer["measures"]:
        measure["median"] *= 1e9 if measure["name"].startswith("learner") else 1e-9  # no machine is so busy
    (tmp_path / "run.json").write_text(json.dumps(answer))
    with pytest.raises(SystemExit) as leaving:
        cli.main([*words, "--compare", str(tmp_path / "run.json")])
    assert leaving.value.code == 1
    flagged = [line for line in capsys.readouterr().out.splitlines() if "FELL" in line]
    assert [line.split("  ")[0] for line in flagged] == ["learner, 3x3 4x1"]


def test_what_differs_between_two_runs_is_said(tmp_path):
    measures = [bench.Measure("naps", "naps", 95.0, 90.0, 99.0, 3, 0.1)]
    stored = json.loads(bench.to_json([bench.Measure("naps", "naps", 100.0, 90.0, 110.0, 3, 0.1)], threads=1))
    stored["machine"]["processor"] = "abacus"
    (tmp_path / "run.json").write_text(json.dumps(stored))
    changes, remarks = bench.compare(measures, bench.read_run(tmp_path / "run.json"), threads=2)
    assert [(change.ratio, change.fell) for change in changes] == [(0.95, False)]
    assert len(remarks) == 2
    assert remarks[0].startswith("processor: 'abacus' then")
    assert remarks[1].startswith("threads: 1 then, 2 now")
    with pytest.raises(ConfigError, match="shares no measure with this run: it has naps"):
        bench.compare([bench.Measure("walks", "walks", 1.0, 1.0, 1.0, 1, 0.0)], bench.read_run(tmp_path / "run.json"))


def test_a_run_that_cannot_be_compared_is_printed_first(tmp_path, capsys, monkeypatch):
    measures = [bench.Measure("naps", "naps", 95.0, 90.0, 99.0, 3, 0.1)]
    monkeypatch.setattr(bench, "measure_all", lambda **settings: iter(measures))
    (tmp_path / "run.json").write_text(bench.to_json([bench.Measure("walks", "walks", 1.0, 1.0, 1.0, 1, 0.0)]))
    assert cli.main(["bench", "--json", "--compare", str(tmp_path / "run.json")]) == 2
    heard = capsys.readouterr()
    assert [measure["name"] for measure in json.loads(heard.out)["measures"]] == ["naps"]
    assert "shares no measure with this run: it has walks" in heard.err


@pytest.mark.parametrize("text", [None, "", "[]", '{"machine": {}, "settings": {}}'])
def test_a_file_that_holds_no_run_is_refused_before_anything_runs(text, tmp_path, capsys):
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    assert cli.main(["bench", "--seconds", "1000", "--compare", str(path)]) == 2
    assert "holds no run of hexlab bench" in capsys.readouterr().err


def test_random_play_counts_moves():
    moves = bench._random_play(3, 0)()
    assert bench._GAMES * 5 <= moves <= bench._GAMES * 9, "a game on 3x3 takes 5 to 9 moves"


def test_scattered_positions_are_unfinished_and_of_many_lengths():
    boards = bench._scattered_boards(5, 256, 0)
    assert not boards.finished.any()
    assert len(boards) == 256
    assert len(set(boards.move_count.tolist())) > 8


def test_sharpened_priors_are_about_as_sharp_as_a_trained_networks():
    """By the mean entropy of the prior on scattered 5x5 positions, beside the agent that ships."""
    positions = bench._scattered_boards(5, 256, 0)

    def entropy(evaluator):
        prior = mcts.run_search(positions, evaluator, 1, seeds=derive_seeds(0, count=len(positions))).policy
        return -np.where(prior > 0, prior * np.log(np.maximum(prior, 1e-30)), 0).sum(axis=1).mean()

    fresh = network.NetworkEvaluator(architecture := network.Architecture(5, 64, 4), network.init_params(architecture, seed=0))
    trained, sharp = entropy(network.pretrained(5)), entropy(fresh.with_params(bench._sharpen(fresh.params)))
    assert sharp == pytest.approx(trained, rel=0.2)
    assert entropy(fresh) > 2 * trained


def test_nets_are_read_with_their_kind():
    assert [str(bench.parse_net(net)) for net in ("5:64x4", "9:hex32x6")] == ["5x5 64x4", "9x9 hex 32x6"]


@pytest.mark.parametrize("net", ["", "5", "5:64", "64x4", "5:64x4x2", "five:64x4"])
def test_nets_that_are_not_understood_are_quoted(net):
    with pytest.raises(ConfigError, match=f"net '{net}': write board size, width and depth"):
        bench.parse_net(net)


def test_sizes_are_checked_before_anything_runs():
    with pytest.raises(PositionError, match="board size 40"):
        bench.measure_all(size=40)

import json
import threading
import time

import pytest

from hexlab.app import bench, cli
from hexlab.errors import ConfigError, PositionError


def test_rates_count_all_threads_and_leave_the_first_call_out():
    calls = []

    def work():
        first = threading.current_thread() is threading.main_thread()
        calls.append(first)
        time.sleep(0.1 if first else 0.01)
        return 10

    measure = bench._time("naps", "naps", [work, work], seconds=0.05, repeats=3)
    assert calls.count(True) == 2, "each piece of work is called once before the clock starts"
    assert measure.first_seconds >= 0.2
    assert measure.repeats == 3
    assert 0 < measure.least <= measure.median <= measure.most <= 2 * 10 / 0.01, "two threads, ten naps in 10 ms at best"


def test_every_kind_of_work_is_measured(capsys):
    words = ["bench", "--size", "3", "--net", "3:4x1", "--seconds", "0.01", "--repeats", "2", "--threads", "2", "--json"]
    assert cli.main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["machine"]["cores"] >= 1
    assert [(measure["name"].split(",")[0], measure["unit"]) for measure in answer["measures"]] == [
        ("random play", "moves"),
        ("search", "simulations"),
        ("self-play", "simulations"),
        ("evaluation", "positions"),
        ("learner", "samples"),
    ]
    for measure in answer["measures"]:
        assert 0 < measure["least"] <= measure["median"] <= measure["most"]
        assert measure["repeats"] == 2


def test_random_play_counts_moves():
    moves = bench._random_play(3, 0)()
    assert bench._GAMES * 5 <= moves <= bench._GAMES * 9, "a game on 3x3 takes 5 to 9 moves"


def test_scattered_positions_are_unfinished_and_of_many_lengths():
    boards = bench._scattered_boards(5, 0)
    assert not boards.finished.any()
    assert len(boards) > 200
    assert len(set(boards.move_count.tolist())) > 8


@pytest.mark.parametrize("net", ["", "5", "5:64", "64x4", "5:64x4x2", "five:64x4"])
def test_nets_that_are_not_understood_are_quoted(net):
    with pytest.raises(ConfigError, match=f"net '{net}': write board size, width and depth"):
        bench.parse_net(net)


def test_sizes_are_checked_before_anything_runs():
    with pytest.raises(PositionError, match="board size 40"):
        bench.measure_all(size=40)

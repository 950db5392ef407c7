"""The tournament of progressive policies, on snapshots that were planted and on a run that was trained."""

import json

import pytest

from hexlab import arena, training
from hexlab.errors import ConfigError, RunError
from hexlab.lab.topp import Topp, play_topp, plot_topp, write_topp
from hexlab.records import Opening


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "3x3"
    settings = {"size": 3, "width": 16, "depth": 2, "simulations": 8, "samples": 8_000, "groups": 2, "boards": 64, "buffer": 8_000}
    for _ in training.train(training.Config(**settings, snapshots=5, seed=0), folder):
        pass
    return folder


def plant(scores, openings=10):
    """Return a table in which the later of two snapshots wins `score` of 10 openings twice, and loses the others twice."""
    rows = [
        Opening(3, one, other, f"opening {number}", int(number >= score), int(number >= score), 10)
        for (one, other), score in scores.items()
        for number in range(openings)
    ]
    table = arena.Table(3, tuple(rows))
    return Topp(3, 1, (0, 2, 5), (0, 200, 500), table, arena.rate(table, anchor="mean"))


def test_it_tells_how_often_the_later_one_won():
    topp = plant({("snapshot 0", "snapshot 2"): 9, ("snapshot 0", "snapshot 5"): 5, ("snapshot 2", "snapshot 5"): 2})
    assert topp.score("snapshot 2", "snapshot 0") == (18, 20)
    assert topp.score("snapshot 0", "snapshot 2") == (2, 20)
    assert topp.count_later_wins() == (1, 1, 3)
    assert str(topp).endswith("the later snapshot won more games in 1 of 3 pairs, as many in 1")
    assert "perfect play" not in str(topp)


def test_the_figure_shows_who_won_and_is_not_stretched_by_intervals_without_a_bound():
    topp = plant({("snapshot 0", "snapshot 2"): 10, ("snapshot 0", "snapshot 5"): 10, ("snapshot 2", "snapshot 5"): 7})
    curve, matrix = plot_topp(topp).axes
    elo = [topp.ratings[name].elo for name in topp.names]
    assert topp.ratings["snapshot 0"].low < elo[0] - 1000, "it lost all its games"
    low, high = curve.get_ylim()
    assert elo[0] - 500 < low < elo[0]
    assert elo[2] < high < elo[2] + 500
    assert curve.lines[0].get_xdata().tolist() == [0, 200, 500]
    assert curve.lines[0].get_ydata().tolist() == elo
    assert [text.get_text() for text in matrix.texts] == ["0", "0", "100", "30", "100", "70"]


def test_an_end_that_the_games_leave_open_is_told_in_the_numbers(tmp_path):
    topp = plant({("snapshot 0", "snapshot 2"): 10, ("snapshot 0", "snapshot 5"): 10, ("snapshot 2", "snapshot 5"): 7})
    _, numbers = write_topp(topp, tmp_path)
    first, *others = json.loads(numbers.read_text())["snapshots"]
    assert first["open end"] == "low"
    assert first["elo"] < first["high"] < min(row["elo"] for row in others)
    assert {row["open end"] for row in others} == {None}


def test_training_makes_the_agent_stronger(run, tmp_path):
    topp = play_topp(run, count=3, games=40)
    kept = [json.loads(line)["snapshot"] for line in (run / "snapshots.jsonl").read_text().splitlines()]
    assert (topp.snapshots[0], topp.snapshots[-1], len(topp.snapshots)) == (kept[0], kept[-1], 3)
    assert topp.samples[0] == 0 < topp.samples[1] < topp.samples[2]
    assert topp.ratings[topp.names[-1]].low > topp.ratings[topp.names[0]].high
    assert play_topp(run, count=3, games=40).table == topp.table

    figure, numbers = write_topp(topp, tmp_path / "out")
    assert figure.read_bytes().startswith(b"<?xml")
    held = json.loads(numbers.read_text())
    assert [row["snapshot"] for row in held["snapshots"]] == list(topp.snapshots)
    assert all(held["won"][i][j] + held["won"][j][i] == 40 for i, j in ((0, 1), (0, 2), (1, 2)))


def test_few_snapshots_all_take_part(run):
    kept = (run / "snapshots.jsonl").read_text().splitlines()
    assert len(play_topp(run, count=100, games=2).snapshots) == len(kept)


def test_mistakes_are_refused(run, tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        play_topp(tmp_path)
    with pytest.raises(ConfigError, match="1 snapshots: give a number from 2 up"):
        play_topp(run, count=1)
    with pytest.raises(ConfigError, match="give an even number"):
        play_topp(run, count=2, games=3)
    lines = (run / "snapshots.jsonl").read_text().splitlines(keepends=True)
    for damaged in ("{}\n", "not JSON\n", lines[1][:30]):
        (tmp_path / "config.json").write_text((run / "config.json").read_text())
        (tmp_path / "snapshots.jsonl").write_text(lines[0] + damaged)
        with pytest.raises(RunError, match="is damaged in line 2"):
            play_topp(tmp_path)
    for name in ("config.json", "snapshots.jsonl"):
        (tmp_path / name).write_text((run / name).read_text().splitlines(keepends=True)[0] if name[0] == "s" else (run / name).read_text())
    with pytest.raises(RunError, match="holds 1 snapshot: a tournament needs two"):
        play_topp(tmp_path)

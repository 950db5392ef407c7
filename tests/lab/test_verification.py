import json

import pytest

from hexlab import network
from hexlab.app import cli
from hexlab.errors import CheckpointError, ConfigError, RunError
from hexlab.lab.verification import verify


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A file for each board size, of a network that knows nothing."""

    def save(size):
        path = tmp_path_factory.mktemp("nets") / f"{size}.safetensors"
        architecture = network.Architecture(size, 4, 1)
        network.save(path, architecture, network.init_params(architecture, seed=0), {})
        return path

    return {size: save(size) for size in (3, 7, 9)}


def test_search_mends_what_an_untrained_network_gives_away(untrained):
    raw, searched = verify(untrained[3], [1, 4096], positions=50, games_at=None)
    assert (raw.what, raw.where, raw.simulations, searched.simulations) == ("blunders", "random positions", 1, 4096)
    assert raw.share.total == searched.share.total == 50
    assert raw.share.count > 10
    assert searched.share.count == 0, "4096 simulations settle any position of 3x3"


def test_lost_openings_are_named(untrained):
    *_, ones, twos = verify(untrained[3], [1], positions=10, games_at=1)
    assert (ones.what, ones.where, ones.share.total) == ("openings", "of 1 move", 9)
    assert (twos.what, twos.where, twos.share.total) == ("openings", "of 2 moves", 72)
    assert ones.share.total - ones.share.count == len(ones.lost) > 0
    assert ones.lost[0] in str(ones)
    assert ones.to_dict()["lost"] == list(ones.lost)


def test_larger_boards_have_the_solved_suites(untrained):
    findings = list(verify(untrained[7], [1]))
    assert [finding.where for finding in findings] == ["solved suite, hard", "solved suite, random"]
    for finding in findings:
        low, high = finding.share.interval
        assert 0 <= low <= finding.share.share <= high <= 1
        assert finding.share.total > 50


def test_seeds_repeat(untrained):
    first, again = (list(verify(untrained[3], [1], positions=50, seed=5, games_at=None)) for _ in range(2))
    assert first == again


def test_refusals(untrained, tmp_path):
    with pytest.raises(RunError, match="plays 9x9: perfect play is known"):
        list(verify(untrained[9], [1]))
    with pytest.raises(ConfigError, match="simulations=0"):
        list(verify(untrained[3], [0]))
    with pytest.raises(ConfigError, match="positions=0"):
        list(verify(untrained[3], [1], positions=0))
    with pytest.raises(CheckpointError, match="nothing"):
        list(verify(tmp_path / "nothing", [1]))


@pytest.mark.parametrize(("size", "lines"), [(3, 0), (7, 1)])
def test_the_command_says_what_it_leaves_out(untrained, capsys, size, lines):
    assert cli.main(["verify", str(untrained[size]), "--simulations", "1", "--simulations", "2", "--positions", "20", "--skip-games"]) == 0
    heard = capsys.readouterr()
    assert heard.err.count("hexlab: no solver covers this board") == heard.err.count("\n") == lines
    assert "--positions" not in heard.out


def test_the_command_prints_json_lines(untrained, capsys):
    assert cli.main(["verify", str(untrained[3]), "--simulations", "1", "--positions", "20", "--skip-games", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    facts = json.loads(line)
    assert facts["total"] == 20
    assert facts["low"] <= facts["share"] <= facts["high"]

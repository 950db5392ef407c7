"""Agents by the words of the command line."""

import numpy as np
import pytest

from hexlab import cards, network
from hexlab.app.agents import find_agent, find_judge
from hexlab.arena import GtpPlayer, RandomPlayer, SolverPlayer, SubmissionPlayer
from hexlab.errors import ConfigError, RunError
from hexlab.rules import Boards


def test_words_name_players_with_their_simulations():
    player = find_agent("pretrained:3@5", 64).player(3)
    assert (player.name, player.simulations, player.evaluator.batch) == ("pretrained@5", 5, 64)
    assert find_agent("pretrained:3", 64).player(3).simulations == 64
    assert find_agent("rollouts@7", 64).player(9).name == "rollouts@7"
    assert [find_agent(words, 64).simulations for words in ("pretrained:3@5", "rollouts@7", "rollouts", "random")] == [5, 7, None, None]
    assert isinstance(find_agent("random", 64).player(19), RandomPlayer)
    assert isinstance(find_agent("perfect", 64).player(2), SolverPlayer)


def test_an_agent_that_ships_is_named_by_its_card():
    rung = next(card for card in cards.list_cards(3) if card.kind == "frontier")
    agent = find_agent(f"pretrained:{rung.name}@5", 64)
    assert (agent.sizes, agent.usual_size) == ((3,), 3)
    player = agent.player(3)
    assert (player.name, player.simulations) == (f"{rung.name}@5", 5)
    assert player.evaluator.metadata == rung.facts
    assert find_agent("pretrained:3x3", 64).player(3).name == "pretrained@64"


@pytest.mark.parametrize("words", ["rollouts", "pretrained:3", "pretrained:3x3"])
def test_players_judge_by_what_is_found_for_their_words(words):
    judge = find_judge(words)
    assert 3 in judge.sizes
    player = find_agent(words, 1).player(3)
    assert player.name == f"{judge.name}@1"
    asked = Boards.empty(3, 1)
    assert np.array_equal(player.evaluator(asked).values, judge.load(3)(asked).values)


def test_agents_know_their_sizes():
    assert find_agent("pretrained", 1).sizes == tuple(sorted({card.size for card in cards.list_cards()}))
    assert [find_agent(words, 1).usual_size for words in ("pretrained", "pretrained:4", "perfect", "random")] == [5, 4, 5, 5]


def test_a_file_or_a_folder_is_an_agent_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    architecture = network.Architecture(size=4, width=8, depth=1)
    network.save("net@9", architecture, network.init_params(architecture, seed=0), {})
    assert find_agent("net@9", 3).player(4).name == "net@9@3"
    assert find_agent("net@9@5", 3).player(4).name == "net@9@5"
    with pytest.raises(ConfigError, match="net@9 plays 4x4, not 5x5"):
        find_agent("net@9", 3).player(5)


def test_files_of_players_and_programs_have_processes_that_end_with_the_loan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada.py").write_text("def choose_move(board, generator, seconds): return 'a1'", encoding="utf-8")
    for words, kind, seconds in (("ada.py", SubmissionPlayer, 7.0), ("gtp:mohex --x=1", GtpPlayer, 7.0)):
        closed = []
        monkeypatch.setattr(kind, "close", lambda player, closed=closed: closed.append(player))
        with find_agent(words, 64, seconds).open(9) as player:
            assert (type(player), player.seconds, closed) == (kind, 7.0, [])
        assert closed == [player]
    with find_agent("random", 64).open(9) as player:
        assert isinstance(player, RandomPlayer)


@pytest.mark.parametrize("words", ["ada.py", "gtp:mohex"])
def test_where_a_move_has_no_limit_there_are_no_processes_of_their_own(words):
    known = "`hexlab match`, `hexlab play` and `hexlab tournament`, but not here"
    with pytest.raises(ConfigError, match=f"'{words}' plays in a process of its own, which it can in {known}"):
        find_agent(words, 64)


@pytest.mark.parametrize(
    ("words", "size", "error", "message"),
    [
        ("nowhere", 5, RunError, "no agent at 'nowhere': name a run folder"),
        ("nowhere@8", 5, RunError, "no agent at 'nowhere'"),
        ("rollouts@0", 5, ConfigError, "0 simulations for rollouts"),
        ("random@5", 5, ConfigError, "'random@5': random takes no number of simulations, leave out '@5'"),
        ("perfect@64", 5, ConfigError, "'perfect@64': perfect takes no number of simulations"),
        ("ada.py@64", 5, ConfigError, "'ada.py@64': ada.py takes no number of simulations"),
        ("pretrained:17", 17, ConfigError, "no agent is shipped for size 17"),
        ("pretrained:", 5, ConfigError, "no agent '' is shipped: there are 3x3, 4x4"),
        ("pretrained:4x4-9x9-s0-99@8", 4, ConfigError, "no agent '4x4-9x9-s0-99' is shipped: there are 4x4, 4x4-"),
        ("pretrained:3", 4, ConfigError, "pretrained:3 plays 3x3, not 4x4"),
        ("pretrained", 19, ConfigError, "pretrained plays .* and .*, not 19x19|pretrained plays .* to .*, not 19x19"),
        ("perfect", 7, ConfigError, "perfect plays 1x1 to 6x6, not 7x7"),
        ("random", 20, ConfigError, "random plays 1x1 to 19x19, not 20x20"),
    ],
)
def test_words_that_name_nobody_are_refused(words, size, error, message):
    with pytest.raises(error, match=message):
        find_agent(words, 64).player(size)

"""The agents in the package are what their cards say."""

import importlib.resources
import json
import math
import re

import numpy as np
import pytest

import hexlab
from hexlab import arena, cards
from hexlab.app import catalog, cli
from hexlab.errors import ConfigError
from hexlab.lab.verification import verify

CARDS = cards.list_cards()
PRESETS = [card for card in CARDS if card.kind == "preset"]
LADDER = [card for card in CARDS if card.kind == "frontier"]
BOARDS = sorted({card.size for card in LADDER})


def name_of(card):
    return card.name


def test_small_boards_have_agents_and_little_is_shipped():
    assert [card.name for card in PRESETS] == ["3x3", "4x4", "5x5"]
    assert {3, 4} <= set(BOARDS)
    assert sum(len(card.file.read_bytes()) for card in CARDS) < 10e6


@pytest.mark.parametrize("card", PRESETS, ids=name_of)
def test_a_card_tells_origin_cost_and_strength(card):
    agent = hexlab.pretrained(card.size)
    assert (agent.architecture.size, agent.metadata) == (card.size, card.facts)
    assert card.facts["origin"]["command"] == f"hexlab train --size {card.size} --seed 0"
    assert len(card.facts["origin"]["commit"]) == 40, "trained on changed files"
    assert card.facts["origin"]["config"]["size"] == card.size
    assert 0 < card.facts["cost"]["selfplay_flops"] < card.train_flops
    assert card.find_blunders(64)["random positions"]["of"] == 1000


@pytest.mark.parametrize("card", LADDER, ids=name_of)
def test_a_card_of_the_frontier_is_complete(card):
    origin, cost, pool = (card.facts[part] for part in ("origin", "cost", "pool"))
    shape = origin["config"]["size"], origin["config"]["width"], origin["config"]["depth"]
    assert shape == (card.size, card.width, card.depth)
    assert card.name == f"{card.size}x{card.size}-{card.width}x{card.depth}-s{origin['seed']}-{origin['snapshot']:02d}"
    whole = f"hexlab reproduce --scale {origin['scale']}"
    assert origin["command"] in (whole, f"{whole} --sizes {card.size}"), "boards may be run apart"
    assert all(re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit) for commit in origin["commits"])
    assert {"jax", "numpy"} < origin["libraries"].keys()
    assert cost["selfplay_flops"] + cost["learner_flops"] == cost["train_flops"] > cost["paper_flops"] > 0
    assert min(cost[name] for name in ("samples", "simulations", "seconds", "core_seconds")) > 0
    bytes_a_parameter = {"float32": 4, "float16": 2}[card.facts["parameters"]]
    whole = 4 * len(card.file.read_bytes()) / bytes_a_parameter  # had its parameters been kept in full
    assert bytes_a_parameter == (4 if whole < 200_000 else 2)
    budgets = [row["simulations"] for row in card.facts["elo"]]
    assert budgets == sorted(set(budgets))
    assert {1, 64, card.facts["frontier"]["simulations"]} <= set(budgets)
    for row in card.facts["elo"]:
        assert row["games"] > 0 < row["flops"]
        assert row["interval"][0] <= row["elo"] <= row["interval"][1]
    assert math.isfinite(card.facts["frontier"]["elo"])
    assert pool["agents"] > 10
    assert pool["games"] > 1000
    assert "openings" in pool["protocol"]
    for simulations in (1, 64):
        blunders = card.find_blunders(simulations)
        assert ("random positions" in blunders) == (card.size <= 5)
        assert ("solved suite, hard" in blunders) == (4 <= card.size <= 7)
        for row in blunders.values():
            assert row["interval"][0] <= row["share"] <= row["interval"][1]
            assert row["of"] > 50


@pytest.mark.parametrize("size", BOARDS)
def test_who_costs_more_is_stronger(size):
    ladder = [card for card in LADDER if card.size == size]
    assert len(ladder) <= 8
    assert np.all(np.diff([card.train_flops for card in ladder]) > 0)
    simulations = ladder[0].facts["frontier"]["simulations"]
    assert np.all(np.diff([card.find_elo(simulations)["elo"] for card in ladder]) > 0)


@pytest.mark.parametrize("card", PRESETS, ids=name_of)
def test_the_strength_on_the_card_can_be_measured_again(card):
    """Blunders on 1,000 random won positions, and on 3x3 every opening of one and of two moves, as `hexlab verify` plays them."""
    said = card.facts["strength"]
    with importlib.resources.as_file(card.file) as path:
        findings = list(verify(path, (64,), seed=0, games_at=64 if card.size == 3 else None))
    for finding in findings:
        if finding.what == "openings":
            won = said[f"openings {finding.where}"]
            assert (finding.share.count, finding.share.total) == (won["won"], won["of"])
        elif finding.where == "random positions":
            share = said[f"blunders, {finding.where}, 64 simulations"]["share"]
            assert abs(finding.share.share - share) <= 0.003, "another processor may round another way"
    assert len(findings) >= 2 if card.size == 3 else len(findings) >= 1


@pytest.mark.parametrize("card", [card for card in LADDER if card.size <= 4][::4], ids=name_of)
def test_blunders_of_the_frontier_can_be_measured_again(card):
    with importlib.resources.as_file(card.file) as path:
        findings = list(verify(path, (1, 64), seed=0, games_at=None))
    for finding in findings:
        said = card.find_blunders(finding.simulations)[finding.where]
        assert finding.share.total == said["of"]
        assert abs(finding.share.count - said["share"] * said["of"]) <= 3, "another processor may round another way"


def test_the_ladder_is_one_on_the_board_too():
    """The top of the 4x4 ladder beats its foot; an Elo distance of 600 is 31 games of 32."""
    foot, *_, top = [card for card in LADDER if card.size == 4]
    players = [arena.SearchPlayer(hexlab.pretrained(card.name), 16, name=card.name) for card in (top, foot)]
    rows = arena.play_pairing(*players, arena.openings(4, 16, seed=0), 0)
    assert sum(row.first_won_as_black + row.first_won_as_white for row in rows) >= 26


def test_a_size_without_an_agent_is_refused():
    with pytest.raises(ConfigError, match=r"no agent is shipped for size 17, only for 3, 4, 5.*: train one"):
        hexlab.pretrained(17)


def test_a_name_that_nobody_has_is_refused_with_those_of_its_board():
    names = ", ".join(card.name for card in CARDS if card.size == 3)
    with pytest.raises(ConfigError, match=f"no agent '3x3-1x1' is shipped: there are {names} "):
        hexlab.pretrained("3x3-1x1")
    with pytest.raises(ConfigError, match=r"no agent 'ada' is shipped: there are 3x3, 4x4, 5x5.* and others of these boards"):
        cards.find_card("ada")


def test_a_board_without_a_preset_is_that_of_its_strongest(monkeypatch):
    without = [card for card in CARDS if card.name != "4x4"]
    monkeypatch.setattr(cards, "list_cards", lambda: without)
    assert cards.find_card(4) == cards.find_card("4") == [card for card in without if card.size == 4][-1]


def test_tables_say_where_zero_is_the_best_agent_of_a_board():
    assert {card.size for card in CARDS if not card.knows_zero} == {size for size in BOARDS if size > 7}
    for card in LADDER:
        elo = catalog.make_table([card]).splitlines()[2].split("|")[4]
        assert elo.endswith(" from the board's best ") is not card.knows_zero


def test_the_page_of_cards_says_what_the_files_say():
    page = importlib.resources.files("hexlab").joinpath("..", "experiments", "01_frontier", "agents.md")
    if not page.is_file():
        pytest.skip("the page is in the source tree alone")
    assert page.read_text(encoding="utf-8") == catalog.make_page(CARDS), "run the last lines of experiments/01_frontier/ship.py"


def test_agents_that_the_readme_names_are_there():
    readme = importlib.resources.files("hexlab").joinpath("..", "README.md")
    if not readme.is_file():
        pytest.skip("the README is in the source tree alone")
    named = re.findall(r"\d+x\d+-\d+x\d+-s\d+-\d+", readme.read_text(encoding="utf-8"))
    assert named
    assert set(named) <= {card.name for card in CARDS}


def test_the_command_lists_agents_and_prints_cards(capsys):
    assert cli.main(["agents", "--size", "4"]) == 0
    table = capsys.readouterr().out
    assert table == catalog.make_table(cards.list_cards(4)) + "\n"
    assert [line.split()[1] for line in table.splitlines()[2:]] == [card.name for card in CARDS if card.size == 4]
    top = next(card for card in reversed(LADDER) if card.size == 4)
    assert cli.main(["agents", top.name]) == 0
    told = capsys.readouterr().out
    low, high = top.find_elo(64)["interval"]
    elo = f"| {top.find_elo(64)['elo']:.0f} ({low:.0f} to {high:.0f}) "
    for said in (f"# {top.name}\n", elo, top.facts["origin"]["run"], "perfect-4 at 0"):
        assert said in told
    assert cli.main(["agents", f"pretrained:{top.name}", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row == {"name": top.name, "kind": "frontier", "size": 4, "width": top.width, "depth": top.depth, **top.facts}
    assert cli.main(["agents", "--json"]) == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == [card.name for card in CARDS]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ada"], "no agent 'ada' is shipped: there are 3x3, 4x4"),
        (["--size", "17"], "no agent is shipped for size 17"),
        (["4x4", "--size", "4"], "4x4 and --size 4: give the name of an agent, or a board size"),
    ],
)
def test_the_command_says_what_is_wrong(words, message, capsys):
    assert cli.main(["agents", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_board_on_which_nothing_is_known_has_a_card_all_the_same():
    """As those of 9x9 will be: no blunders, a zero that is a guess."""
    known = LADDER[-1]
    rating = {**known.find_elo(64), "against_perfect": None}
    anchor = {"agent": "abc/1@64", "kind": "strongest", "elo": -12.0, "error": None}
    facts = {**known.facts, "strength": {}, "elo": [rating], "pool": {**known.facts["pool"], "anchor": anchor}}
    card = cards.Card("9x9-512x4-s0-12", "frontier", 9, 512, 4, facts, known.file)
    assert catalog.make_table([card]).splitlines()[2].endswith("| –              |")
    assert "Anchor of Elo: abc/1@64 at -12; how far it is from perfect play is not known" in catalog.describe_card(card)
    assert "blunders" not in catalog.describe_card(card)

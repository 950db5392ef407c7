"""The agents in the package are what their cards say."""

import importlib.resources

import pytest

import hexlab
from hexlab import network
from hexlab.errors import ConfigError
from hexlab.lab.verification import verify

FOLDER = importlib.resources.files("hexlab").joinpath("data", "agents")


def test_small_boards_have_an_agent_and_little_is_shipped():
    assert network.pretrained_sizes() == [3, 4, 5]
    assert sum(len(entry.read_bytes()) for entry in FOLDER.iterdir()) < 10e6


@pytest.mark.parametrize("size", network.pretrained_sizes())
def test_a_card_tells_origin_cost_and_strength(size):
    agent = hexlab.pretrained(size)
    assert agent.architecture.size == size
    card = agent.metadata
    assert card["origin"]["command"] == f"hexlab train --size {size} --seed 0"
    assert len(card["origin"]["commit"]) == 40, "trained on changed files"
    assert card["origin"]["config"]["size"] == size
    assert 0 < card["cost"]["selfplay_flops"] < card["cost"]["train_flops"]
    assert any(name.startswith("blunders, random positions, 64") for name in card["strength"])


@pytest.mark.parametrize("size", network.pretrained_sizes())
def test_the_strength_on_the_card_can_be_measured_again(size):
    """Blunders on 1,000 random won positions, and on 3x3 every opening of one and of two moves, as `hexlab verify` plays them."""
    card = hexlab.pretrained(size).metadata["strength"]
    with importlib.resources.as_file(FOLDER.joinpath(f"{size}x{size}.safetensors")) as path:
        findings = list(verify(path, (64,), seed=0, games_at=64 if size == 3 else None))
    for finding in findings:
        if finding.what == "openings":
            said = card[f"openings {finding.where}"]
            assert (finding.share.count, finding.share.total) == (said["won"], said["of"])
        elif finding.where == "random positions":
            said = card[f"blunders, {finding.where}, 64 simulations"]
            assert abs(finding.share.share - said["share"]) <= 0.003, "another processor may round another way"
    assert len(findings) >= 2 if size == 3 else len(findings) >= 1


def test_a_size_without_an_agent_is_refused():
    with pytest.raises(ConfigError, match="no agent is shipped for size 8, only for 3, 4, 5"):
        hexlab.pretrained(8)

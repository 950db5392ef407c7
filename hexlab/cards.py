"""The agents that come with the package and their cards, read without loading a network.

Agents of the presets are named by their board, ``5x5``; those of the frontier, a ladder for each board, by board, network, seed and
snapshot, ``4x4-64x1-s0-09``. A card is what the file of parameters says in its metadata, the last four parts for the frontier alone:

- ``origin``: the command, seed, config, commit and libraries of the run that it comes from.
- ``cost``: self-play samples, FLOPs and seconds of training.
- ``strength``: blunder rates, and for presets won openings, each with its 95 % interval.
- ``parameters``: the type in which the file keeps them; Elo is that of float32.
- ``elo``: Elo, perfect play at 0, with its 95 % interval at every budget of simulations at which the agent was rated.
- ``frontier``: the budget at which it was picked for the ladder, and its Elo there by the games that did not pick it.
- ``pool``: who took part in the tournament, how it was played, and what anchors its zero, with the error of that, None if it is not known.
"""

import dataclasses
import importlib.resources
import json
import struct
from importlib.resources.abc import Traversable
from typing import Any

from hexlab.errors import ConfigError

__all__ = ["Card", "find_card", "list_cards"]

_FOLDER = importlib.resources.files("hexlab").joinpath("data", "agents")
_ENDING = ".safetensors"


@dataclasses.dataclass(frozen=True)
class Card:
    """An agent that ships.

    Attributes:
        name: what it is called.
        kind: "preset" or "frontier".
        size: board size.
        width: units a layer.
        depth: residual layers.
        facts: the card, see the module.
        file: its parameters.
    """

    name: str
    kind: str
    size: int
    width: int
    depth: int
    facts: dict[str, Any] = dataclasses.field(repr=False)
    file: Traversable = dataclasses.field(repr=False)

    @property
    def train_flops(self) -> float:
        """FLOPs of self-play and learning, 2 a multiply-add."""
        return float(self.facts["cost"]["train_flops"])

    @property
    def knows_zero(self) -> bool:
        """Whether it is known, if only within an interval, how far Elo 0 of its board is from perfect play; else 0 is the board's best."""
        anchor = self.facts["pool"]["anchor"] if "pool" in self.facts else {"kind": "perfect"}
        return anchor["kind"] == "perfect" or anchor["error"] is not None

    def find_elo(self, simulations: int) -> dict[str, Any] | None:
        """Return its rating at a budget, with "elo", "interval" and more; None if it has none."""
        return next((row for row in self.facts.get("elo", ()) if row["simulations"] == simulations), None)

    def find_blunders(self, simulations: int) -> dict[str, dict[str, Any]]:
        """Return its blunder rates at a budget by the positions asked about: "share" of "of" positions and "interval"."""
        ending = f", {simulations} simulations"
        found = {name: row for name, row in self.facts["strength"].items() if name.startswith("blunders, ") and name.endswith(ending)}
        return {name.removeprefix("blunders, ").removesuffix(ending): row for name, row in sorted(found.items())}

    def to_dict(self) -> dict[str, Any]:
        """Return the card with the agent's name, kind, board and network, as plain values."""
        shape = {"width": self.width, "depth": self.depth}
        return {"name": self.name, "kind": self.kind, "size": self.size, **shape, **self.facts}


def list_cards(size: int | None = None) -> list[Card]:
    """Return the agents that ship for a board, or for all: by board, that of the preset first, then the frontier's by their cost.

    >>> [card.name for card in list_cards(5) if card.kind == "preset"]
    ['5x5']
    >>> ladder = [card.find_elo(64)["elo"] for card in list_cards(4) if card.kind == "frontier"]
    >>> ladder == sorted(ladder)
    True
    """
    found = []
    for kind, folder in (("preset", _FOLDER), ("frontier", _FOLDER.joinpath("frontier"))):
        found += [_read(entry, kind) for entry in folder.iterdir() if entry.name.endswith(_ENDING)]
    found.sort(key=lambda card: (card.size, card.kind != "preset", card.train_flops))
    return [card for card in found if size in (None, card.size)]


def find_card(agent: int | str) -> Card:
    """Return an agent by its name, or that of a board by its size: the preset's, or the strongest of the frontier where there is none.

    Raises:
        ConfigError: no such agent.

    >>> find_card("4x4").name, find_card(4).name
    ('4x4', '4x4')
    """
    cards = list_cards()
    sizes = sorted({card.size for card in cards})
    if str(agent).isdecimal():
        fitting = [card for card in cards if str(card.size) == str(agent)]
        if not fitting:
            known = ", ".join(map(str, sizes))
            raise ConfigError(f"no agent is shipped for size {agent}, only for {known}: train one with `hexlab train --size N`")
        return fitting[0] if fitting[0].kind == "preset" else fitting[-1]
    named = next((card for card in cards if card.name == agent), None)
    if named is None:
        board = str(agent).partition("-")[0]
        near = [card.name for card in cards if f"{card.size}x{card.size}" == board]
        known = ", ".join(near) if near else f"{', '.join(f'{size}x{size}' for size in sizes)} and others of these boards"
        raise ConfigError(f"no agent {agent!r} is shipped: there are {known} (`hexlab agents` tells what they are)")
    return named


def _read(file: Traversable, kind: str) -> Card:
    """Read the head of a safetensors file: its length as eight bytes, and JSON."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        said = json.loads(json.loads(stream.read(length))["__metadata__"]["hexlab"])
    shape = said["architecture"]
    return Card(file.name.removesuffix(_ENDING), kind, shape["size"], shape["width"], shape["depth"], said["metadata"], file)

"""What `hexlab agents` prints of the agents that ship, and the page that holds their cards: Markdown that reads well as text too."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hexlab.cards import Card

__all__ = ["describe_card", "make_page", "make_table"]

_SIMULATIONS = 64  # budget of the table
_SUITES = ("random positions", "solved suite, random")  # where blunders are told from, the best known first
_NOTHING = "–"


def make_table(cards: Iterable[Card]) -> str:
    """Return one line for each agent: board, network, Elo, FLOPs and blunder rate."""
    header = ("agent", "board", "net", f"Elo at {_SIMULATIONS} simulations", "train FLOPs", f"blunders at {_SIMULATIONS}")
    rows = []
    for card in cards:
        rating, blunders = card.find_elo(_SIMULATIONS), card.find_blunders(_SIMULATIONS)
        told = next((blunders[suite] for suite in _SUITES if suite in blunders), None)
        rows.append(
            (
                card.name,
                f"{card.size}x{card.size}",
                f"{card.width}x{card.depth}",
                _rating(rating) + ("" if card.knows_zero else " from the board's best") if rating else _NOTHING,
                _power(card.train_flops),
                _percent(told) if told else _NOTHING,
            )
        )
    return _table(header, rows)


def describe_card(card: Card) -> str:
    """Return a whole card."""
    return f"# {card.name}\n\n{_describe_own(card)}\n{_describe_shared(card)}\n"


def make_page(cards: Iterable[Card]) -> str:
    """Return the page of the frontier's agents: for each board a table, and every card."""
    ladder = [card for card in cards if card.kind == "frontier"]
    parts = [
        "# Agents of the frontier",
        "These agents are in the package. When they were chosen, no cheaper agent of the grid had a higher Elo at 64 simulations, so\n"
        "they are a ladder of opponents. Next to perfect play read their score against it too. `hexlab agents` lists them,\n"
        f"`hexlab agents NAME` prints a card. An agent plays as `pretrained:NAME`, for example `hexlab play --agent\n"
        f"pretrained:{ladder[0].name}`, and loads as `hexlab.pretrained(NAME)`.",
        "Elo has its 95 % interval, with perfect play at 0 where the solver plays whole games, and solved positions telling where it\n"
        "is on 6x6 and 7x7. Nobody takes more than half of the\n"
        "games from perfect play: an Elo above 0 is an error, by luck or because one number does not hold every pair. Blunders are\n"
        "won positions given away: random ones where the solver judges them, else random ones of the shipped solved suites. Seconds\n"
        "include the compilation of kernels and are those of a machine with other work. Networks are written as width x depth.",
        "`python experiments/01_frontier/ship.py RUN_FOLDER` chooses the agents, says how, and makes this page from their files.",
    ]
    for size in sorted({card.size for card in ladder}):
        of_board = [card for card in ladder if card.size == size]
        parts += [f"## {size}x{size}", make_table(of_board), _describe_shared(of_board[-1])]
        parts += [f"### {card.name}\n\n{_describe_own(card)}" for card in of_board]
    return "\n\n".join(parts) + "\n"


def _describe_own(card: Card) -> str:
    """Return what holds for one agent alone."""
    facts, cost, origin = card.facts, card.facts["cost"], card.facts["origin"]
    parts = []
    if ratings := facts.get("elo"):
        header = ("simulations", "Elo", "games", "won against perfect play", "FLOPs a move")
        parts.append(_table(header, [_describe_rating(row) for row in ratings]))
    if measured := _describe_strength(card):
        parts.append(_table(("asked about", "simulations", "share", "of"), measured))
    lines = [
        f"- Network: {card.width}x{card.depth}, for {card.size}x{card.size}; parameters kept as {facts.get('parameters', 'float32')}.",
        f"- Cost of training: {_power(cost['train_flops'])} FLOPs ({_power(cost['selfplay_flops'])} of self-play,"
        f" {_power(cost['learner_flops'])} of learning), {_power(cost['paper_flops'])} in the paper's count;"
        f" {cost['samples']:,} positions of self-play, {cost['simulations']:,} simulations.",
        f"- Time of training: {_describe_time(cost)} of {cost['machine']}.",
    ]
    if frontier := facts.get("frontier"):
        lines.append(f"- Elo at {frontier['simulations']} simulations by the games that did not pick it: {frontier['elo']:.0f}.")
    if "run" in origin:
        lines.append(f"- Origin: snapshot {origin['snapshot']} of run {origin['run']}, seed {origin['seed']}, of `{origin['command']}`.")
    else:
        lines.append(f"- Origin: `{origin['command']}`.")
    lines.append(f"- Settings of the run: `{json.dumps(origin['config'], sort_keys=True)}`")
    parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _describe_shared(card: Card) -> str:
    """Return what holds for all agents of a board that were shipped together."""
    origin, pool = card.facts["origin"], card.facts.get("pool")
    lines = []
    if pool:
        anchor = pool["anchor"]
        if anchor["kind"] == "perfect":
            at = "0"
        elif not card.knows_zero:
            at = f"{anchor['elo']:.0f}; how far it is from perfect play is not known and no part of the intervals"
        else:
            at = f"{anchor['elo']:.0f}, known to {anchor['error']:.0f} Elo on either side, which is part of the intervals"
        lines.append(f"- Rated among {pool['agents']:,} agents in {pool['games']:,} games: {pool['protocol']}.")
        mean = "the mean of " if " + " in anchor["agent"] else ""
        lines.append(f"- Anchor of Elo: {mean}{anchor['agent']} at {at}.")
    commits = origin.get("commits", [origin.get("commit")])
    lines.append(f"- Versions of the code that had a part: {', '.join(each[:10] for each in commits)}.")
    lines.append(f"- Libraries: {', '.join(f'{name} {version}' for name, version in origin['libraries'].items())}.")
    return "\n".join(lines)


def _describe_rating(row: dict[str, Any]) -> tuple[str, ...]:
    met = row["against_perfect"]
    won = f"{_percent(met)} of {met['games']}" if met else _NOTHING
    return str(row["simulations"]), _rating(row), f"{row['games']:,}", won, _power(row["flops"])


def _describe_strength(card: Card) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    measured = card.facts["strength"]
    for simulations in sorted({int(name.split()[-2]) for name in measured if name.startswith("blunders, ")}):
        for where, row in card.find_blunders(simulations).items():
            rows.append((f"blunders, {where}", str(simulations), _percent(row), str(row["of"])))
    for name, row in sorted(measured.items()):
        if "won" in row:
            rows.append((f"{name}, won", str(row["simulations"]), f"{100 * row['won'] / row['of']:.1f} %", str(row["of"])))
    return rows


def _describe_time(cost: dict[str, Any]) -> str:
    of_core = f"{cost['core_seconds']:,.0f} s of one core"
    return f"{cost['seconds']:,.0f} s by the clock, {of_core}" if "seconds" in cost else of_core


def _rating(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['elo']:.0f} ({low:.0f} to {high:.0f})"


def _percent(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{100 * row['share']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _power(number: float) -> str:
    """Return a count to three digits.

    >>> _power(1.4849e6), _power(286.0)
    ('1.48e6', '2.86e2')
    """
    digits, exponent = f"{number:.2e}".split("e")
    return f"{digits}e{int(exponent)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines)

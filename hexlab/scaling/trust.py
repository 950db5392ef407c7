"""What a published table of Elo comes with: where its zero is, how well it fits the games, cycles, halves, colors and openings."""

import math
import statistics
from collections.abc import Iterable

from hexlab import arena
from hexlab.records import Opening
from hexlab.scaling.frontiers import common_budget
from hexlab.scaling.tables import Tables
from hexlab.scaling.text_tables import TextTable

__all__ = ["make_trust_tables"]


def make_trust_tables(tables: Tables, openings: Iterable[Opening] = (), *, seed: int = 0) -> dict[str, TextTable]:
    """Return the checks of an experiment's ratings by name: "anchors", "intervals", "goodness", "cycles", "halves and colors", "openings".

    Args:
        tables: the experiment.
        openings: its raw results; without them there is no table of openings.
        seed: of the pools that are drawn to count cycles in.
    """
    checks = []
    for size in tables.sizes:
        rows = [row for row in tables.pairings if row.size == size]
        if rows:
            checks.append(arena.check_ratings(rows, seed=seed))
    made = {
        "anchors": _tabulate_anchors(tables),
        "intervals": _tabulate_intervals(tables),
        "goodness": _tabulate_goodness(checks),
        "cycles": _tabulate_cycles(checks),
        "halves and colors": _tabulate_parts(checks),
    }
    played = list(openings)
    return made | {"openings": _tabulate_openings(played)} if played else made


def _tabulate_anchors(tables: Tables) -> TextTable:
    rows = []
    for size, anchor in tables.anchors.items():
        error = "unknown" if math.isnan(anchor.error) else f"{anchor.error:.0f}"
        agents = ", ".join(f"`{agent}`" for agent in anchor.agents)
        rows.append((_board(size), anchor.kind, agents, f"{anchor.elo:.0f}".replace("-", "−"), error))
    heads = ("board", "anchor", "agents", "their mean Elo", "half of its 95 % interval, in every interval of the board")
    return TextTable("What has a known Elo in each pool", heads, tuple(rows))


def _tabulate_intervals(tables: Tables) -> TextTable:
    rows = []
    budget = common_budget(tables) if tables.grid_agents else 0
    for size in tables.sizes:
        agents = [agent for agent in tables.agents if agent.size == size and agent.agent in tables.rating_by_agent]
        ratings = {agent: tables.rating_by_agent[agent.agent] for agent in agents if agent.kind == "snapshot"}
        halves = {agent: (rating.high - rating.low) / 2 for agent, rating in ratings.items()}
        parts = [[half for agent, half in halves.items() if (agent.test_simulations == budget) is there] for there in (True, False)]
        if halves:
            rows.append((_board(size), *(f"{statistics.median(part):.0f}, {max(part):.0f}" if part else "none" for part in parts)))
    heads = ("board", f"at {budget} simulations: the middle, the largest", "at all other numbers of simulations")
    return TextTable("Half the 95 % interval of an agent, Elo", heads, tuple(rows))


def _tabulate_goodness(checks: list[arena.RatingCheck]) -> TextTable:
    rows = []
    for check in checks:
        fit = check.goodness
        spreads = f"{fit.spread_by_chance:.2f}", f"{fit.spread:.2f}", f"{100 * fit.inside:.1f} %"
        apart = f"{check.agents * (check.agents - 1) / 2 / len(fit.games):.0f}"
        rows.append((_board(check.size), f"{check.agents}", f"{len(fit.games):,}", apart, f"{fit.misfit:.0f}", *spreads))
    pairs = "board", "agents", "pairs", "of a round-robin's one in", "effect of a pair, Elo"
    heads = (*pairs, "spread by luck alone", "spread, sound: 1", "within 1.96, sound: 95 %")
    return TextTable("Surpluses of pairs over their predicted scores, in units of their expected scatter", heads, tuple(rows))


def _tabulate_cycles(checks: list[arena.RatingCheck]) -> TextTable:
    rows = []
    for check in checks:
        ring = check.cycles
        surest = "none"
        if ring.worst:
            worst = ring.worst[0]
            surest = f"{worst}: {worst.sureness:.1f}, as sure in {100 * worst.chance:.0f} %"
        counts = f"{ring.triples:,}", f"{ring.found}", f"{ring.expected:.1f} [{ring.low}, {ring.high}]", f"{ring.by_chance:.1f}"
        verdict = "too many" if ring.found > ring.high else "too few" if ring.found < ring.low else "as many as expected"
        if ring.worst:
            verdict += ", the surest surer than that" if ring.surer else ", none surer"
        rows.append((_board(check.size), *counts, surest, verdict))
    surest = "the surest, in standard errors; drawn pools with one as sure"
    heads = ("board", "triples that met", "cycles", "expected [95 %]", "by luck alone", surest, "verdict")
    return TextTable("Cycles: A beats B, B beats C, C beats A", heads, tuple(rows))


def _tabulate_parts(checks: list[arena.RatingCheck]) -> TextTable:
    rows = []
    for check in checks:
        for name, agreement in (("halves of the openings", check.halves), ("colors", check.colors)):
            if agreement is not None:
                numbers = f"{agreement.typical:.0f}", f"{agreement.expected:.0f}", f"{100 * agreement.inside:.1f} %"
                rows.append((_board(check.size), name, *numbers))
    heads = ("board", "ratings by", "differ by, Elo", "expected by luck", "within 1.96 of it")
    return TextTable("Ratings by either half of the openings, and by either color", heads, tuple(rows))


def _tabulate_openings(openings: list[Opening]) -> TextTable:
    rows = []
    for size in sorted({row.size for row in openings}):
        check = arena.check_openings(row for row in openings if row.size == size)
        heaviest = f"{check.opening} moves `{check.agent}` by {abs(check.shift):.1f} Elo, half its interval is {check.half_width:.1f}"
        counts = (f"{each:,}" for each in (check.games, check.distinct, check.distinct_turned, check.openings))
        rows.append((_board(size), *counts, heaviest, f"{check.carried}"))
    heads = ("board", "games", "distinct", "with half-turns as one", "openings", "the heaviest opening", "ratings that one opening carries")
    return TextTable("Distinct games, and the opening that weighs most in a rating", heads, tuple(rows))


def _board(size: int) -> str:
    return f"{size}x{size}"

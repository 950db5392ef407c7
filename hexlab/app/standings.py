"""The page of a class's tournament: standings, cross table, forfeits and every game to step through, in one file that fetches nothing."""

import collections
import html
import importlib.resources
import json
import os
import pathlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from hexlab.arena import Contest, ContestGame, ContestMatch, Ratings, all_openings
from hexlab.records import Rating
from hexlab.rules.board import Board
from hexlab.system import write_whole

__all__ = ["show", "write_page"]

_SCRIPTS = ("dom.js", "board.js", "standings.js")  # in the order of their imports
_BEYOND = 300.0  # Elo: how far an interval widens the scale beyond its player, at most; wider ones are cut off at the ends
_PAGE_SECONDS = 10.0  # between pages while a tournament goes on


def show(sittings: Iterator[Contest], folder: pathlib.Path) -> None:
    """Run a tournament to its end, print its matches as they end and then the table, and keep its page up to date.

    Args:
        sittings: what `hexlab.arena.play_contest` returns.
        folder: of the tournament, where the page goes as ``index.html``.
    """
    contest = next(sittings)
    for entry in contest.entries:
        if entry.absent:
            print(f"{entry.name} is absent: it {entry.absent.splitlines()[0]}", flush=True)
    if contest.matches:
        print(f"{len(contest.matches)} of {contest.total} matches were played before", flush=True)
    known = set(contest.matches)
    written = time.monotonic()
    try:
        for contest in sittings:
            for match in set(contest.matches) - known:
                print(f"{len(contest.matches):>4} of {contest.total}  {_describe(match)}", flush=True)
            known = set(contest.matches)
            if time.monotonic() > written + _PAGE_SECONDS:
                write_page(contest, folder / "index.html")
                written = time.monotonic()
    finally:
        write_page(contest, folder / "index.html")
    print(contest.rate() or "nobody played")
    print(f"page: {folder / 'index.html'}")


def _describe(match: ContestMatch) -> str:
    won, lost = match.score
    forfeits = sum(bool(game.forfeit) for game in match.games)
    return f"{match.first} {won} : {lost} {match.second}" + (f" ({forfeits} by forfeit)" if forfeits else "")


def write_page(contest: Contest, path: str | os.PathLike[str]) -> None:
    """Write the page of a tournament, finished or not."""
    write_whole(pathlib.Path(path), _page(contest))


def _page(contest: Contest) -> str:
    rules = contest.rules
    title = f"Hex tournament, {rules.size}x{rules.size}"
    ratings = contest.rate()
    order = [row.agent for row in ratings or ()]
    order += [entry.name for entry in contest.entries if entry.name not in order]
    absent = sum(bool(entry.absent) for entry in contest.entries)
    state = f"{len(contest.matches)} of {contest.total} matches" if len(contest.matches) < contest.total else f"{contest.total} matches"
    summary = f"{len(contest.entries)} players{f', {absent} of them absent' * bool(absent)}, {state}, {len(contest.games):,} games."
    sections = [("standings", "Standings", _standings(contest, ratings, order))]
    if contest.matches:
        sections += [("cross", "Who beat whom", _cross_table(contest, order)), ("games", "Games", _read("standings.html"))]
    sections += [("forfeits", "Forfeits", _forfeits(contest)), ("rules", "How it was played", _rules(contest, ratings))]
    body = "".join(
        f'<section id="{key}" class="card" aria-labelledby="{key}-title"><h2 id="{key}-title">{name}</h2>{content}</section>'
        for key, name, content in sections
    )
    links = "".join(f'<a href="#{key}">{name}</a>' for key, name, _ in sections)
    data = json.dumps(_collect(contest), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="icon" href="data:,">'
        f"<style>{_read('style.css')}{_read('standings.css')}</style></head>\n"
        f'<body><main><header class="head"><h1>{title}</h1><p>{_text(summary)}</p><nav aria-label="On this page">{links}</nav></header>'
        f'{body}</main>\n<script type="application/json" id="data">{data}</script>\n'
        f'<script type="module">{_bundle()}</script></body></html>\n'
    )


def _standings(contest: Contest, ratings: Ratings | None, order: Sequence[str]) -> str:
    rows = {row.agent: row for row in ratings or ()}
    notes = ratings.notes if ratings else {}
    low = min((max(row.low, row.elo - _BEYOND) for row in rows.values()), default=0.0)
    high = max((min(row.high, row.elo + _BEYOND) for row in rows.values()), default=0.0)
    forfeits = contest.count_forfeits()
    absent = {entry.name for entry in contest.entries if entry.absent}
    lines = []
    for place, name in enumerate(order, 1):
        won = sum(game.winning == name for game in contest.games)
        played = sum(name in (game.black, game.white) for game in contest.games)
        row = rows.get(name)
        elo = "<td>–</td><td>–</td>"
        bar = ""
        if row is not None:
            mark = "*" if name in notes else ""
            end = ratings.open_ends.get(name, "") if ratings else ""
            elo = f"<td>{_signed(row.elo)}{mark}</td><td>{_tell_interval(row, end)}</td>"
            bar = _draw_interval(row, end, low, high)
        score = "absent" if name in absent else f"{won} of {played}"
        lost = f'<a href="#forfeits">{forfeits[name]}</a>' if forfeits[name] else "0"
        rank = "–" if name in absent else place
        cells = f'{elo}<td class="bar">{bar}</td><td>{score}</td><td>{lost}</td>'
        lines.append(f'<tr><td>{rank}</td><th scope="row">{_text(name)}</th>{cells}</tr>')
    heads = '<th scope="col">Place</th><th scope="col">Player</th><th scope="col">Elo</th><th scope="col">95 % interval</th>'
    heads += '<td class="bar"></td><th scope="col">Games won</th><th scope="col">Forfeits</th>'
    note = "Where intervals overlap, the order may be luck." if rows else "Ratings come with the first match."
    said = "".join(f"<li>* {_text(name)}: {_text(text)}</li>" for name, text in notes.items())
    zero = "Random play has Elo 0." if ratings and ratings.anchor == "random" else "The mean of all has Elo 0."
    return (
        f'<p class="about">{zero} {note} A forfeit counts as a loss.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="standings-title">'
        f'<table class="standings"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        + (f'<details><summary>* What the games do not settle</summary><ul>{said}</ul></details>' if said else "")
    )


def _tell_interval(row: Rating, open_end: str) -> str:
    sided = {"low": f"below {_signed(row.high)}", "high": f"above {_signed(row.low)}", "both": "unknown"}
    return sided.get(open_end, f"{_signed(row.low)} to {_signed(row.high)}")


def _draw_interval(row: Rating, open_end: str, low: float, high: float) -> str:
    """Draw an interval between the ends of the scale; an open end reaches that of the picture."""

    def place(elo: float) -> float:
        return 4 + 112 * (min(max(elo, low), high) - low) / ((high - low) or 1)

    start = 0 if open_end in ("low", "both") else place(row.low)
    end = 120 if open_end in ("high", "both") else place(row.high)
    return (
        '<svg viewBox="0 0 120 14" width="120" height="14" aria-hidden="true">'
        f'<line x1="{start:.1f}" x2="{end:.1f}" y1="7" y2="7"/>'
        f'<circle cx="{place(row.elo):.1f}" cy="7" r="3.6"/></svg>'
    )


def _cross_table(contest: Contest, order: Sequence[str]) -> str:
    absent = {entry.name for entry in contest.entries if entry.absent}
    present = [name for name in order if name not in absent]
    cells: dict[tuple[str, str], tuple[int, int, int]] = {}
    number = 0
    for match in contest.matches:
        first, second = match.score
        cells[match.first, match.second], cells[match.second, match.first] = (number, first, second), (number, second, first)
        number += len(match.games)
    lines = []
    for place, name in enumerate(present, 1):
        line = ""
        for other in present:
            game, won, lost = cells.get((name, other), (-1, 0, 0))
            kind = "won" if won > lost else "lost" if won < lost else "even"
            label = f"{_text(name)} {won}, {_text(other)} {lost}: show the games"
            link = f'<a class="{kind}" href="#game-{game}" aria-label="{label}">{won}</a>'
            line += "<td>·</td>" if name == other else f"<td>{link}</td>" if game >= 0 else "<td></td>"
        lines.append(f'<tr><th scope="row">{place}. {_text(name)}</th>{line}</tr>')
    heads = "".join(f'<th scope="col"><abbr title="{_text(name)}">{place}</abbr></th>' for place, name in enumerate(present, 1))
    return (
        '<p class="about">Games that the player on the left won against the player above, by place; a number opens the games.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="cross-title"><table class="cross">'
        f'<thead><tr><td></td>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _forfeits(contest: Contest) -> str:
    parts = []
    for entry in contest.entries:
        if entry.absent:
            parts.append(f"<h3>{_text(entry.name)}</h3><ul><li>Absent: it {_reason(entry.absent)}</li></ul>")
    found: dict[str, dict[str, list[tuple[int, ContestGame]]]] = {}
    for number, game in enumerate(contest.games):
        if game.forfeit:
            kind = re.sub("[0-9]+", "", game.forfeit.partition("\n")[0])
            found.setdefault(game.losing, {}).setdefault(kind, []).append((number, game))
    for name, kinds in sorted(found.items()):
        lines = []
        for games in kinds.values():
            times = collections.Counter(game.winning for _, game in games)
            first = {game.winning: number for number, game in reversed(games)}
            links = ", ".join(f'<a href="#game-{first[rival]}">{_text(rival)}</a> ({times[rival]})' for rival in times)
            lines.append(f"<li>It {_reason(games[0][1].forfeit)}<p>Against {links}</p></li>")
        parts.append(f"<h3>{_text(name)}</h3><ul>{''.join(lines)}</ul>")
    return "".join(parts) or '<p class="about">None: every game was played to its end.</p>'


def _reason(forfeit: str) -> str:
    first, _, rest = forfeit.partition("\n")
    return _text(first) + (f"<details><summary>Details</summary><pre>{_text(rest)}</pre></details>" if rest else "")


def _rules(contest: Contest, ratings: Ratings | None) -> str:
    rules = contest.rules
    openings = min(rules.games // 2, len(all_openings(rules.size, rules.opening_moves)))
    lines = [
        f"Each pair plays {2 * openings} games on {rules.size}x{rules.size}: {openings} openings of"
        f" {'one random move, which White may take over by the swap rule' if rules.swap else 'two random moves'}, other ones for each pair,"
        " each with both colors.",
        f"A move may take {rules.seconds:g} seconds and a player {rules.megabytes:,} MB of memory. Whoever takes more, crashes, or answers"
        " anything but a legal move loses the game.",
        f"Seed {rules.seed}: played again, the table is the same as long as nobody runs out of time or memory and players draw only from"
        " the generator they are given.",
        "The intervals know that a pair's games hang together, and that one number does not describe how every pair fares."
        + (f" They suppose that players differ by some {ratings.prior:,.0f} Elo before any game is seen." if ratings else ""),
    ]
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _collect(contest: Contest) -> dict[str, Any]:
    """Return what the script needs: matches as (first, second, score, games)."""
    matches = []
    for match in contest.matches:
        games = []
        for game in match.games:
            outcome = Board.from_moves(game.moves, contest.rules.size, contest.rules.swap).outcome
            row = {"black": game.black, "white": game.white, "moves": game.moves.split(), "given": len(game.opening.split())}
            forfeit = game.forfeit.partition("\n")[0]
            games.append(row | {"winner": game.winner, "path": outcome.path if outcome else (), "forfeit": forfeit})
        matches.append({"first": match.first, "second": match.second, "score": match.score, "games": games})
    return {"size": contest.rules.size, "matches": matches}


def _bundle() -> str:
    """Return the modules as one: nothing can be imported by a page that is opened as a file."""
    source = "\n".join(_read(name) for name in _SCRIPTS)
    return re.sub(r"^import .*;\n", "", re.sub(r"^export ", "", source, flags=re.MULTILINE), flags=re.MULTILINE)


def _read(name: str) -> str:
    return (importlib.resources.files("hexlab") / "app" / "static" / name).read_text(encoding="utf-8")


def _signed(elo: float) -> str:
    """Return a whole number with its sign.

    >>> _signed(12.3), _signed(-0.4), _signed(-12.3)
    ('+12', '0', '−12')
    """
    return f"{round(elo):+d}".replace("-", "−") if round(elo) else "0"


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)

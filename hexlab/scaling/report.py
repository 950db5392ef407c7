"""One self-contained HTML page about an experiment: claims, figures, tables, what was run and its limits."""

import html
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hexlab.errors import ConfigError
from hexlab.scaling.analysis import Analysis, analyze
from hexlab.scaling.answers import answer_claims, tabulate_answers
from hexlab.scaling.crossings import format_estimate, format_number
from hexlab.scaling.figures import FIGURES, compute_numbers, render_numbers
from hexlab.scaling.figures.style import MODEL_NAMES
from hexlab.scaling.laws import PARAMETER_TEXTS, Law, Prediction
from hexlab.scaling.measurements import list_measurements
from hexlab.scaling.paper_tables import make_paper_tables
from hexlab.scaling.result_tables import tabulate_crossings, tabulate_plans
from hexlab.scaling.saturation import CeilingCurve
from hexlab.scaling.serving import find_plans
from hexlab.scaling.tables import Tables
from hexlab.scaling.text_tables import TextTable
from hexlab.scaling.trust import make_trust_tables
from hexlab.system import write_whole

__all__ = ["write_report"]

_SOURCE_TITLES = {"openings": "openings of the games", "seeds": "training seeds", "cells": "networks"}
_KINDS = {"holds": "agrees", "does not hold": "differs", **dict.fromkeys(("undecided", "no games", "needs two boards"), "missing")}

_LIMITS = (
    "The frontier is the best of the networks that were trained. A better choice of network would raise it.",
    "Intervals come from drawing openings, seeds and networks again. They do not know of settings that were never varied.",
    "The paper's zero is the best agent of a pool that plays with noise; here it is perfect play, where that is known. Levels near zero "
    "do not compare.",
    "Against perfect play nobody wins more than half of color-paired games. An Elo a little above 0 is an error, by luck or because "
    "one number does not hold every pair.",
    "The bootstrap over few networks or seeds is coarse; with one seed a network it tells nothing of the luck of training.",
)

_CSS = """
:root{color-scheme:light dark;--ink:#1d1f21;--soft:#5a6068;--page:#fbfbfa;--card:#ffffff;--line:#dcdfe3;--accent:#0b5cab;
--good:#0a6b3d;--off:#9a3b00}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e6;--soft:#a9b0b8;--page:#16181b;--card:#1f2226;--line:#3a3f46;
--accent:#8cc1ff;--good:#6fd6a3;--off:#ffb184}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",
Arial,sans-serif;overflow-wrap:break-word}
main{max-width:60rem;margin:0 auto;padding:1.25rem clamp(.9rem,4vw,2rem) 4rem}
h1{font-size:clamp(1.6rem,5vw,2.3rem);line-height:1.15;margin:.6rem 0 .4rem}
h2{font-size:1.35rem;margin:2.8rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1.08rem;margin:1.8rem 0 .4rem}
p{max-width:44rem}
.lead{font-size:1.08rem;color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;list-style:none}
a{color:var(--accent)}
a:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
figure{margin:1.2rem 0 2rem}
.plate{background:#fff;border:1px solid var(--line);border-radius:8px;padding:.6rem;overflow-x:auto}
.plate svg{display:block;width:100%;height:auto;min-width:30rem;max-width:54rem;margin:0 auto}
figcaption{color:var(--soft);font-size:.93rem;margin-top:.55rem;max-width:46rem}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--card);margin:.8rem 0 1.4rem}
table{border-collapse:collapse;width:100%;font-size:.91rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.65rem .65rem .3rem;color:var(--soft);font-size:.93rem}
th,td{padding:.42rem .65rem;border-top:1px solid var(--line);text-align:left;vertical-align:top}
thead th{border-top:0;font-weight:600;vertical-align:bottom}
tbody th{font-weight:400}
td.number,th.number{text-align:right}
td.number{white-space:nowrap}
td.agrees{color:var(--good);font-weight:600}
td.differs{color:var(--off);font-weight:600}
td.missing,.note{color:var(--soft)}
small{color:var(--soft)}
code{font-size:.92em}
@media(max-width:40rem){
.stack{border:0;background:none}
.stack table,.stack tbody,.stack tr,.stack td,.stack th,.stack caption{display:block;width:100%}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack caption{padding:0 0 .5rem}
.stack tr{border:1px solid var(--line);border-radius:8px;background:var(--card);margin:0 0 .7rem;padding:.35rem 0}
.stack td,.stack th{border:0;padding:.14rem .65rem;text-align:left!important;white-space:normal!important}
.stack tbody th{font-weight:600}
.stack td::before{content:attr(data-name) ": ";color:var(--soft);font-weight:400}
}
@media print{body{background:#fff;color:#000}nav{display:none}figure,tr{break-inside:avoid}}
"""


def write_report(
    tables: Tables | Analysis,
    folder: str | os.PathLike[str],
    facts: Mapping[str, Any] | None = None,
    *,
    bootstrap: int = 400,
    seed: int = 0,
) -> Path:
    """Write ``report.html`` about an experiment: one page that fetches nothing and runs no script.

    Args:
        tables: an experiment, or its analysis. However small, the page says what there is not enough data for.
        folder: made if need be.
        facts: what tables do not know. "title" and "summary" are texts; every other key is the heading of a section, in order,
            and its value a mapping of names to values (shown as a table), a list of texts (as bullets) or a text. Such sections
            say what was run, how long, on what machine, with which versions, by which protocol. A list under "Limits" is added to
            the limits that every report names.
        bootstrap: number of bootstrap copies; an analysis brings its own.
        seed: of the copies; an analysis brings its own.

    Returns:
        The path of the page.

    Raises:
        ConfigError: facts of a kind that cannot be shown.
    """
    _check_facts(facts or {})
    analysis = tables if isinstance(tables, Analysis) else analyze(tables, bootstrap=bootstrap, seed=seed)
    folder = Path(folder)
    page = _page(analysis, dict(facts or {}))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    write_whole(path, page)
    return path


def _page(analysis: Analysis, facts: dict[str, Any]) -> str:
    title = str(facts.pop("title", "Scaling laws of Hex agents"))
    summary = str(facts.pop("summary", "")) or _summary(analysis)
    limits = facts.pop("Limits", [])
    numbers = compute_numbers(analysis)
    order = list(FIGURES)
    sections = [
        ("claims", "Claims", _claims_section(analysis)),
        ("figures", "Figures", "".join(_figure(name, numbers[name]) for name in order[1:])),
        ("crossings", "Compute for a level", _crossings_section(analysis)),
        ("laws", "Fitted laws", _laws_section(analysis)),
        ("search", "Search and what it costs", _search_section(analysis)),
        ("paper-tables", "The paper's tables, ours beside its own", _paper_tables_section(analysis)),
        ("agents", "Best agents", _agents_section(analysis)),
        ("trust", "How far the ratings can be trusted", _trust_section(analysis)),
        ("costs", "What the runs cost", _costs_section(analysis)),
    ]
    sections += [(f"facts-{at}", name, _fact(name, value)) for at, (name, value) in enumerate(facts.items())]
    sections.append(("limits", "Limits", _bullets([*_LIMITS, *map(str, limits)])))
    links = "".join(f'<li><a href="#{key}">{_text(name)}</a></li>' for key, name, _ in sections)
    body = "".join(f'<section id="{key}"><h2>{_text(name)}</h2>{content}</section>' for key, name, content in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_CSS}</style></head>\n<body><main>"
        f'<header><h1>{_text(title)}</h1><p class="lead">{_text(summary)}</p>'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav></header>'
        f"{_figure(order[0], numbers[order[0]], heading=False)}{body}</main></body></html>\n"
    )


def _check_facts(facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if name == "Limits" and not isinstance(value, (list, tuple)):
            raise ConfigError(f"facts 'Limits' is {value!r}: expected a list of texts")
        if not isinstance(value, (str, list, tuple, Mapping)):
            raise ConfigError(f"facts {name!r} is {value!r}: expected a text, a list of texts or a mapping of names to values")


def _summary(analysis: Analysis) -> str:
    tables = analysis.tables
    boards = ", ".join(f"{size}x{size}" for size in tables.sizes) or "none"
    games = sum(2 * row.openings for row in tables.pairings)
    flops = sum(max((each.train_flops for each in tables.snapshots if each.run == run.run), default=0.0) for run in tables.runs)
    unknown = [f"{size}x{size}" for size in tables.sizes if not tables.knows_zero(size)]
    zero = "perfect play" + (f", but for {', '.join(unknown)}, where its distance from that is not known" if unknown else "")
    return (
        f"{len(tables.runs)} training runs on boards {boards}, {len(tables.snapshots)} snapshots, {len(tables.agents)} rated agents, "
        f"{games:,} tournament games, {flops:.2g} floating-point operations of training. Elo 0 is {zero}."
    )


def _claims_section(analysis: Analysis) -> str:
    drawn = f"<p>Intervals come from drawing openings, seeds and networks again ({analysis.bootstrap} copies).</p>"
    note = (
        "<p>What the claims rest on, board by board. A frontier that starts above a level or never reaches it gives a bound, said as "
        "below or above; so do the copies, and an interval may be open on one side.</p>"
    )
    rows = tuple(
        (each.quantity, format_number(each.paper), each.paper_note if math.isfinite(each.paper) else "–", each.missing or str(each))
        for each in list_measurements(analysis)
    )
    detail = TextTable("In detail", ("quantity", "paper", "where that is from", "ours [95 %]"), rows, numbers=(1, 3))
    return drawn + _table(tabulate_answers(answer_claims(analysis)), stack=True) + note + _table(detail, stack=True)


def _crossings_section(analysis: Analysis) -> str:
    if not analysis.reaches:
        return f'<p class="note">No crossings: {_text(analysis.missing.get("frontier", "not enough data: needs a frontier"))}.</p>'
    return _table(tabulate_crossings(analysis), stack=True)


def _search_section(analysis: Analysis) -> str:
    parts = [_table(_tabulate_ceilings(analysis.ceilings), stack=True)] if analysis.ceilings else []
    if analysis.isoquants:
        plans = find_plans(analysis.tables, analysis.isoquants)
        parts.append(_table(tabulate_plans(analysis.tables, plans), stack=True))
    return "".join(parts) or '<p class="note">Not enough data: needs snapshots rated at two test budgets.</p>'


def _tabulate_ceilings(ceilings: Mapping[int, CeilingCurve]) -> TextTable:
    note = (
        "What search makes of the best net of each training compute: its raw policy, the largest search at which every snapshot was "
        "rated, the fitted ceiling, and the simulations a move beyond which a doubling adds less than 10 Elo. Where the interval of a "
        "ceiling holds perfect play and also what is 50 Elo worse, its lower end alone is known. On a board where 0 is not known to be "
        "perfect play no ceiling is held at it."
    )
    heads = ("board", "training FLOPs", "raw policy, Elo", "largest search, Elo", "ceiling, Elo", "stops paying at")
    rows = tuple(row for _, curve in sorted(ceilings.items()) for row in _list_ceilings(curve))
    return TextTable("Where more search stops paying, with 95 % intervals", heads, rows, note, range(1, 6))


def _list_ceilings(curve: CeilingCurve) -> list[tuple[str, ...]]:
    """Return a row for each whole decade of training compute."""
    rows: list[tuple[str, ...]] = []
    most = int(curve.simulations[-1])
    verdicts = curve.verdicts
    for at in np.flatnonzero(np.round(10 * curve.log10_train) % 10 == 0):
        low, high = curve.ceiling_low[at], curve.ceiling_high[at]
        undetermined = verdicts[at] == "undetermined"
        ceiling = f"above {low:.0f}".replace("-", "−") if undetermined else format_estimate(curve.ceiling[at], low, high)
        raw, searched = (format_estimate(curve.elo[row, at], curve.low[row, at], curve.high[row, at]) for row in (0, -1))
        first, last = curve.enough_low[at], curve.enough_high[at]
        if math.isinf(first):
            stops = f"above {most}"
        elif math.isinf(curve.enough[at]):
            stops = format_estimate(most, first, last, "above")
        else:
            stops = format_estimate(curve.enough[at], first, last)
        rows.append((f"{curve.size}x{curve.size}", f"1e{curve.log10_train[at]:.0f}", raw, searched, ceiling, stops))
    return rows


def _laws_section(analysis: Analysis) -> str:
    if not analysis.laws:
        reason = analysis.missing.get("law", analysis.missing.get("frontier", "not enough data"))
        return f'<p class="note">No law: {_text(reason)}.</p>'
    parts = [
        "<p>With board size b and training compute C, plateau = m_plateau·b + c_plateau and incline = m_flops·log10 C + m_board·b + "
        "c_incline. Change-point law: Elo = min(0, max(plateau, incline)). Smooth law: Elo = plateau / (1 + exp(4·(plateau/2 − "
        "incline)/plateau)), whose tangent half-way up is the incline.</p>"
    ]
    parts.append(_table(_tabulate_laws(analysis.laws), stack=True))
    if analysis.predictions:
        parts.append(_table(_tabulate_predictions(analysis.predictions), stack=True))
    elif "prediction" in analysis.missing:
        parts.append(f'<p class="note">No prediction of a held-out board: {_text(analysis.missing["prediction"])}.</p>')
    if analysis.sources:
        ends = {source: (format_number(low), format_number(high)) for source, (low, high) in analysis.sources.items()}
        rows = tuple((_SOURCE_TITLES[source], f"[{low}, {high}]") for source, (low, high) in ends.items())
        title = "Where the interval of m_flops comes from: one source drawn again alone"
        parts.append(_table(TextTable(title, ("source", "95 %"), rows, numbers=(1,)), stack=True))
    return "".join(parts)


def _tabulate_laws(laws: Mapping[str, Law]) -> TextTable:
    rows = []
    for name, text in PARAMETER_TEXTS.items():
        single = any(len(law.sizes) < 2 for law in laws.values()) and name in ("m_plateau", "m_board")
        found = (format_estimate(law.parameters[name], *law.intervals[name]) for law in laws.values())
        rows.append((f"`{name}`: {text}", *(["needs two boards"] * len(laws) if single else found)))
    rows.append(("RMSE, Elo", *(format_number(law.rmse) for law in laws.values())))
    rows.append(("R²", *(f"{law.r2:.3f}" for law in laws.values())))
    heads = ("parameter", *(f"{MODEL_NAMES[model]} [95 %]" for model in laws))
    title = "Parameters of the laws over all boards, compute in true FLOPs"
    return TextTable(title, heads, tuple(rows), numbers=range(1, len(heads)))


def _tabulate_predictions(predictions: Mapping[str, Prediction]) -> TextTable:
    first = next(iter(predictions.values()))
    rows: list[tuple[str, ...]] = []
    for model, each in predictions.items():
        inside = "–" if math.isnan(each.inside) else f"{100 * each.inside:.0f} %"
        errors = format_number(each.rmse), f"{each.bias:+.0f}".replace("-", "−"), format_number(each.worst)
        rows.append((MODEL_NAMES[model], *errors, inside, f"{each.normalized:.3f}"))
    rows.append(("next smaller board, unchanged", format_number(first.baseline_rmse), *["–"] * 4))
    heads = ("model", "RMSE, Elo", "bias, Elo", "worst, Elo", "inside 95 %", "MSE / mean Elo²")
    smaller = ", ".join(f"{size}x{size}" for size in first.trained_on)
    return TextTable(f"Prediction of {first.size}x{first.size} from {smaller}", heads, tuple(rows), first.caveat, range(1, 6))


def _paper_tables_section(analysis: Analysis) -> str:
    made = make_paper_tables(analysis).values()
    return "".join(f'<p class="note">No table: {_text(each)}.</p>' if isinstance(each, str) else _table(each.to_text()) for each in made)


def _agents_section(analysis: Analysis) -> str:
    return "".join(f"<h3>{size}x{size}</h3>{_table(_tabulate_agents(analysis.tables, size), stack=True)}" for size in analysis.tables.sizes)


def _tabulate_agents(tables: Tables, size: int) -> TextTable:
    pool = [row for row in tables.ratings if row.size == size]
    snapshots = [row for row in pool if tables.agent_by_key[row.agent].kind == "snapshot"]
    best = sorted(snapshots, key=lambda row: (-row.elo, row.agent))[:5]
    others = [row for row in pool if tables.agent_by_key[row.agent].kind != "snapshot"]
    rows = []
    for row in [*best, *sorted(others, key=lambda row: -row.elo)]:
        agent = tables.agent_by_key[row.agent]
        run = tables.run_by_key.get(agent.run)
        net, simulations = (f"{run.width}x{run.depth}, seed {run.seed}", f"{agent.test_simulations}") if run else (agent.kind, "–")
        score = "–"
        if row.perfect_games:
            score = f"{100 * row.perfect_score:.0f} % [{100 * row.perfect_score_low:.0f}, {100 * row.perfect_score_high:.0f}]"
        rows.append((f"`{row.agent}`", net, simulations, format_estimate(row.elo, row.low, row.high), score, f"{row.games:,}"))
    heads = ("agent", "net", "simulations", "Elo [95 %]", "score against perfect", "games")
    title = f"{size}x{size}: the five best of {len(snapshots)} agents, and the references"
    return TextTable(title, heads, tuple(rows), numbers=range(2, 6))


def _trust_section(analysis: Analysis) -> str:
    note = (
        "<p>The figure of the goodness of fit is among the others above. Pools drawn from the fitted model have cycles too; what counts is "
        "whether the real ones have more, or surer ones. Every pair plays every opening with both colors.</p>"
    )
    return note + "".join(_table(table, stack=True) for table in make_trust_tables(analysis.tables, seed=analysis.seed).values())


def _costs_section(analysis: Analysis) -> str:
    tables = analysis.tables
    rows = []
    for run in sorted(tables.runs, key=lambda row: (row.size, row.parameters, row.seed, row.run)):
        last = max((each for each in tables.snapshots if each.run == run.run), key=lambda each: each.train_flops, default=None)
        cost = ["–"] * 5
        if last is not None:
            share = f"{100 * last.selfplay_flops / last.train_flops:.0f} %" if last.train_flops else "–"
            cost = [f"{last.samples:,}", f"{last.simulations:,}", f"{last.train_flops:.3g}", f"{last.paper_flops:.3g}", share]
        net = f"{run.width}x{run.depth}" + (f", preset {run.preset}" if run.preset else "")
        rows.append((f"`{run.run}`", f"{run.size}x{run.size}", net, f"{run.seed}", f"{run.parameters:,}", *cost))
    heads = ("run", "board", "net", "seed", "parameters", "positions", "simulations", "FLOPs", "FLOPs, paper's count", "self-play share")
    return _table(TextTable("Every training run at its last snapshot", heads, tuple(rows), numbers=range(1, 10)))


def _figure(name: str, numbers: Any, heading: bool = True) -> str:
    kind = FIGURES[name]
    redone = f" <small>figure {kind.figure} of Jones 2021</small>" if kind.figure else ""
    head = f"<h3>{_text(kind.title)}{redone}</h3>" if heading else ""
    if isinstance(numbers, str):
        return f'{head}<p class="note">{_text(kind.title)}: {_text(numbers)}.</p>'
    svg = render_numbers(name, numbers).decode()
    svg = svg[svg.index("<svg") :]
    # Two figures on one page must not share ids, and drawings need neither metadata nor namespaces of editors.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace('xlink:href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    svg = svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace(' xmlns="http://www.w3.org/2000/svg"', "")
    label = f"{kind.title}. {kind.caption}"
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{_text(label)}" ', 1)
    return (
        f'<figure>{head}<div class="plate" tabindex="0" role="group" aria-label="{_text(kind.title)}">{svg}</div>'
        f"<figcaption>{_text(kind.caption)}</figcaption></figure>"
    )


def _fact(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"<p>{_text(value)}</p>"
    if isinstance(value, Mapping):
        return _table(TextTable(name, ("", ""), tuple((str(key), str(each)) for key, each in value.items())))
    return _bullets([str(each) for each in value])


def _bullets(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>"


def _table(table: TextTable, *, stack: bool = False) -> str:
    """Return a table with its note; `stack` shows rows as cards on a phone."""
    head = ""
    if any(table.heads):
        named = ((name, "number" if at in table.numbers else "words") for at, name in enumerate(table.heads))
        head = "".join(f'<th scope="col" class="{kind}">{_text(name)}</th>' for name, kind in named)
        head = f"<thead><tr>{head}</tr></thead>"
    body = []
    for first, *others in table.rows:
        cells = f'<th scope="row">{_code(first)}</th>'
        for at, (name, cell) in enumerate(zip(table.heads[1:], others, strict=True), 1):
            kind = _choose_kind(cell, at in table.numbers)
            attribute = f' class="{kind}"' if kind else ""
            label = f' data-name="{_text(name)}"' if stack else ""
            cells += f"<td{attribute}{label}>{_code(cell)}</td>"
        body.append(f"<tr>{cells}</tr>")
    kind = "scroll stack" if stack else "scroll"
    title, note = _text(table.title), f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{title}"><table><caption>{title}</caption>'
        f"{head}<tbody>{''.join(body)}</tbody></table></div>{note}"
    )


def _choose_kind(cell: str, number: bool) -> str:
    """Return the class of a cell: what it says decides over the column that it is in."""
    if cell.startswith("not enough data"):
        return "missing"
    return f"{_KINDS.get(cell, '')} {'number' if number else ''}".strip()


def _code(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", _text(text))


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)

"""The numbers of a results page: computed from an experiment's tables, kept as JSON, filled into marked places of Markdown pages.

A page marks what is not written by hand:

    The tournament had <!--= games -->911,712<!--/--> games.

    <!--= claims -->
    | claim | ... |
    <!--/-->

Between the two comments stands the result of that name. `write_results` computes all results and fills the pages; `check_results` says
which pages and results have drifted from the tables. Names are those of `compute_results`.
"""

import difflib
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hexlab import csv_tables, pairings
from hexlab.errors import ConfigError, StoreError
from hexlab.records import Opening, PairOpenings
from hexlab.scaling.analysis import Analysis, analyze
from hexlab.scaling.answers import RULE, answer_claims, tabulate_answers
from hexlab.scaling.crossings import ELO, crossing, find_reaches, fit_growth, format_factor, format_number
from hexlab.scaling.forecasts import Forecast, read_forecast
from hexlab.scaling.frontiers import paper_frontier
from hexlab.scaling.measurements import list_measurements
from hexlab.scaling.result_tables import (
    format_simulations,
    tabulate_crossings,
    tabulate_exchange,
    tabulate_forecasts,
    tabulate_lives,
    tabulate_plans,
    tabulate_search,
    tabulate_slopes,
)
from hexlab.scaling.serving import Plan, find_plans
from hexlab.scaling.tables import NotEnoughDataError, Tables, read
from hexlab.scaling.trust import make_trust_tables
from hexlab.system import write_whole

__all__ = ["check_results", "compute_results", "fill_page", "list_marks", "write_results"]

_RESULTS = "results.json"
_MARK = re.compile(r"<!--= (?P<name>[^<>]+?) -->(?P<text>.*?)<!--/-->", re.DOTALL)


def compute_results(
    analysis: Analysis,
    openings: Iterable[Opening] = (),
    seconds: Mapping[str, float] | None = None,
    forecasts: Sequence[Forecast] = (),
) -> dict[str, str]:
    """Return every result that a page may show, as text by name.

    - Counts: "networks", "snapshots", "agents", "games", "self-play simulations"; "seconds to train" and so on, "minutes in all".
    - Tables: "claims", "crossings", "slopes", "exchange by level", "search that pays", "lives", "plans", "forecasts", "anchors",
      "intervals", "goodness", "cycles", "halves and colors", "openings".
    - "rule", that of the verdicts; "comparisons", how many there are, and of these "comparisons: holds", "comparisons: does not hold",
      "comparisons: undecided".
    - Over the boards of the table of plans that reach -50 Elo: "simulations of the plans, 1,000 games" and "share of training in the
      plans, 1,000 games", with 1,000,000 and 1,000,000,000 too; "times the training of the plans, 1,000,000 games for 1,000".
    - Single numbers with their intervals: each of `answer_claims` by its claim, each of `list_measurements` by its quantity, and the
      paper's value as "the paper, " and the quantity.
    - By board, such as 5x5: "best five on 5x5, Elo", "best five on 5x5, score", "score of the frontier on 5x5" (of its agents
      above -50 Elo), "width of intervals on 5x5", "cheaper than the paper on 5x5" (at the dear end of the interval).
    - Of the compute of -50 Elo: "growth of compute over 3x3 to 5x5", a board, for each such span of boards, and "factors of compute from
      board to board".
    - "preset paper on 5x5, times as dear": what the preset's last agent cost over what the frontier asks for its Elo.
    - "frontier nets of one seed": nets on the frontiers of which the experiment has no second seed.
    - Counts are of what is rated: "agents" are those with an Elo.
    - Of the prediction of the largest board, by model: "prediction by change_point, RMSE", "..., share inside"; "prediction by the
      smaller board unchanged, RMSE".

    Args:
        analysis: of the experiment.
        openings: the raw results, for the table of openings.
        seconds: by stage, from the manifest of the run.
        forecasts: of boards, from smaller ones, each made before its board was trained.
    """
    tables, answers, measured = analysis.tables, answer_claims(analysis), list_measurements(analysis)
    plans = find_plans(tables, analysis.isoquants)
    results = {
        "networks": f"{len(tables.runs)}",
        "snapshots": f"{len(tables.snapshots)}",
        "agents": f"{len(tables.rating_by_agent):,}",
        "games": f"{sum(2 * row.openings for row in tables.pairings):,}",
        "self-play simulations": _format_large(_count_simulations(tables)),
        "rule": RULE,
        "claims": tabulate_answers(answers).to_markdown(),
        "crossings": tabulate_crossings(analysis).to_markdown(),
        "slopes": tabulate_slopes(analysis, measured).to_markdown(),
        "exchange by level": tabulate_exchange(analysis).to_markdown(),
        "search that pays": tabulate_search(analysis).to_markdown(),
        "lives": _describe_lives(analysis),
        "forecasts": tabulate_forecasts(tables, forecasts).to_markdown(),
        "plans": tabulate_plans(tables, plans).to_markdown(),
        **{name: table.to_markdown() for name, table in make_trust_tables(tables, openings, seed=analysis.seed).items()},
    }
    results |= {f"seconds to {stage}": f"{spent:,.0f}" for stage, spent in (seconds or {}).items()}
    if seconds:
        results["minutes in all"] = f"{sum(seconds.values()) / 60:.0f}"
    results |= {answer.claim: str(answer) for answer in answers}
    for each in measured:
        name = each.quantity.partition(";")[0]
        results |= {name: str(each), f"the paper, {name}": format_number(each.paper)}
    verdicts = [answer.verdict for answer in answers]
    results |= {"comparisons": f"{len(verdicts)}"}
    results |= {f"comparisons: {verdict}": f"{verdicts.count(verdict)}" for verdict in ("holds", "does not hold", "undecided")}
    results |= _describe_plans([plan for plan in plans if tables.knows_zero(plan.size)])
    results |= _describe_growth(analysis)
    results |= _describe_presets(analysis)
    results |= _describe_seeds(analysis)
    for size in tables.sizes:
        results |= _describe_board(analysis, size)
    for model, prediction in analysis.predictions.items():
        results[f"prediction by {model}, RMSE"] = f"{prediction.rmse:.0f}"
        results[f"prediction by {model}, share inside"] = f"{100 * prediction.inside:.0f} %"
        results["prediction by the smaller board unchanged, RMSE"] = f"{prediction.baseline_rmse:.0f}"
    return results


def fill_page(text: str, results: Mapping[str, str]) -> str:
    """Return a page with the marked places filled.

    Raises:
        ConfigError: a mark that names no result, or one that does not end.

    >>> fill_page("We played <!--= games -->3<!--/--> games.", {"games": "1,024"})
    'We played <!--= games -->1,024<!--/--> games.'
    """
    _check_marks(text)

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in results:
            near = difflib.get_close_matches(name, results, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"results.json has the names of all {len(results)}"
            raise ConfigError(f"no result is named {name!r}: {hint}")
        value = f"\n{results[name]}\n" if "\n" in results[name] else results[name]
        return f"<!--= {name} -->{value}<!--/-->"

    return _MARK.sub(replace, text)


def _check_marks(text: str) -> None:
    if text.count("<!--= ") != len(_MARK.findall(text)) or text.count("<!--= ") != text.count("<!--/-->"):
        raise ConfigError("a mark of the page does not end: write <!--= NAME -->text<!--/-->, and none within another")


def list_marks(text: str) -> list[tuple[str, str]]:
    """Return what a page shows by its marks: (name, text) in order.

    >>> list_marks("We played <!--= games -->3<!--/--> games.")
    [('games', '3')]
    """
    return [(match["name"], match["text"].strip("\n")) for match in _MARK.finditer(text)]


def write_results(
    tables_folder: str | os.PathLike[str], pages: Sequence[str | os.PathLike[str]] = (), *, bootstrap: int = 400, seed: int = 0
) -> list[Path]:
    """Compute an experiment's results, keep them in ``results.json`` beside its tables, and fill pages with them.

    Args:
        tables_folder: holds the tables; ``openings.csv.xz`` there, ``manifest.json`` there or above, and the forecasts in
            ``predictions`` above are read too.
        pages: Markdown files with marks.
        bootstrap: number of copies behind each interval.
        seed: of the copies.

    Returns:
        The paths written.

    Raises:
        StoreError: tables that cannot be read.
        ConfigError: a page that cannot be read, or with marks that cannot be filled; nothing is written then.
    """
    home = Path(tables_folder)
    texts = _read_pages(pages)
    results = _compute(home, bootstrap, seed)
    filled = {page: fill_page(text, results) for page, text in texts.items()}
    record = {"bootstrap": bootstrap, "seed": seed, "results": results}
    write_whole(home / _RESULTS, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    for page, text in filled.items():
        write_whole(page, text)
    return [home / _RESULTS, *filled]


def check_results(
    tables_folder: str | os.PathLike[str], pages: Sequence[str | os.PathLike[str]] = (), *, recompute: bool = True
) -> list[str]:
    """Say which results and marks of pages are not those of the tables.

    Args:
        tables_folder: holds the tables and ``results.json``.
        pages: Markdown files with marks.
        recompute: compute the results anew; False compares the pages with ``results.json`` alone, in no time.

    Returns:
        One line for each drift, none if all is as committed.

    Raises:
        StoreError: results or tables that cannot be read.
        ConfigError: a page that cannot be read, or with marks that cannot be filled.
    """
    home = Path(tables_folder)
    try:
        record = json.loads((home / _RESULTS).read_text(encoding="utf-8"))
        kept, bootstrap, seed = dict(record["results"]), int(record["bootstrap"]), int(record["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{home / _RESULTS} cannot be read ({error}): write it with `hexlab results`") from None
    drifts, texts = [], _read_pages(pages)
    if recompute:
        now = _compute(home, bootstrap, seed)
        drifts = [f"{_RESULTS}: {name!r} is {kept.get(name)!r}, the tables give {now.get(name)!r}" for name in _differing(kept, now)]
    for page, text in texts.items():
        shown, due = list_marks(text), list_marks(fill_page(text, kept))
        pairs = zip(shown, due, strict=True)
        drifts += [f"{page}: {name!r} is {one!r}, not {other!r}" for (name, one), (_, other) in pairs if one != other]
    return drifts


def _read_pages(pages: Sequence[str | os.PathLike[str]]) -> dict[Path, str]:
    """Return the texts of pages: what is wrong with one is said before the results are computed, which takes minutes."""
    texts = {}
    for page in map(Path, pages):
        try:
            texts[page] = page.read_text(encoding="utf-8")
            _check_marks(texts[page])
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            raise ConfigError(f"the page {str(page)!r} cannot be read ({reason}): name a Markdown file") from None
        except ConfigError as error:
            raise ConfigError(f"{page}: {error}") from None
    return texts


def _read_seconds(home: Path) -> dict[str, float]:
    """Return what the manifest of a run, with its tables or above them, says that each stage took; nothing where there is none."""
    path = next((path for path in (home / "manifest.json", home.parent / "manifest.json") if path.is_file()), None)
    if path is None:
        return {}
    try:
        return {str(stage): float(spent) for stage, spent in json.loads(path.read_text(encoding="utf-8")).get("seconds", {}).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it") from None


def _compute(home: Path, bootstrap: int, seed: int) -> dict[str, str]:
    seconds, tables = _read_seconds(home), read(home)
    packed = home / csv_tables.table_file("openings")
    openings = pairings.split_openings(csv_tables.read_table(packed, PairOpenings)) if packed.is_file() else []
    forecasts = [read_forecast(path) for path in sorted(home.parent.joinpath("predictions").glob("*.json"))]
    return compute_results(analyze(tables, bootstrap=bootstrap, seed=seed), openings, seconds, forecasts)


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]


def _count_simulations(tables: Tables) -> int:
    return sum(max((each.simulations for each in tables.snapshots if each.run == run.run), default=0) for run in tables.runs)


def _describe_lives(analysis: Analysis) -> str:
    try:
        return tabulate_lives(analysis).to_markdown()
    except NotEnoughDataError as error:
        return str(error)


def _describe_plans(plans: Sequence[Plan]) -> dict[str, str]:
    plans = [plan for plan in plans if plan.level == ELO]
    found, by_games = {}, {games: [plan for plan in plans if plan.demand.games == games] for games in (1e3, 1e6, 1e9)}
    for games, alike in by_games.items():
        if alike:
            shares = _span([100 * plan.bill.train_share for plan in alike], _format_two_digits)
            found[f"simulations of the plans, {games:,.0f} games"] = _span([plan.simulations for plan in alike], format_simulations)
            found[f"share of training in the plans, {games:,.0f} games"] = f"{shares} %"
    if plans:
        times = [many.train_flops / few.train_flops for few, many in zip(by_games[1e3], by_games[1e6], strict=True)]
        found["times the training of the plans, 1,000,000 games for 1,000"] = _span(times, _format_two_digits)
    return found


def _describe_growth(analysis: Analysis) -> dict[str, str]:
    reaches = [reach for reach in analysis.reaches if reach.scale == "elo" and reach.crossing.seen]
    if len(reaches) < 2:
        return {}
    found = {}
    for last in range(2, len(reaches) + 1):
        growth = fit_growth(reaches[:last])
        boards = f"{reaches[0].size}x{reaches[0].size} to {reaches[last - 1].size}x{reaches[last - 1].size}"
        found[f"growth of compute over {boards}"] = format_factor(growth.factor, growth.low, growth.high)
    steps = [10 ** (one.value - other.value) for other, one in itertools.pairwise(reaches)]
    found["factors of compute from board to board"] = ", ".join(map(_format_two_digits, steps))
    return found


def _describe_presets(analysis: Analysis) -> dict[str, str]:
    found = {}
    frontier = analysis.frontier
    for line in analysis.presets:
        if frontier is not None and line.run.size in frontier.sizes:
            board = frontier.board(line.run.size)
            asked = crossing(board.log10_flops, board.elo, line.elo[-1])
            if asked.seen:
                times = 10 ** (line.log10_flops[-1] - asked.value)
                found[f"preset {line.run.preset} on {board.size}x{board.size}, times as dear"] = f"{float(f'{times:.1g}'):g}"
    return found


def _describe_seeds(analysis: Analysis) -> dict[str, str]:
    if analysis.frontier is None:
        return {}
    told = []
    for board in analysis.frontier.boards:
        seeds: dict[tuple[int, int], int] = {}
        for run in analysis.tables.runs:
            if run.size == board.size and not run.preset:
                seeds[run.width, run.depth] = seeds.get((run.width, run.depth), 0) + 1
        single = sorted({cell for cell in board.cell if seeds.get(cell) == 1})
        if single:
            told.append(f"{', '.join(f'{width}x{depth}' for width, depth in single)} on {board.size}x{board.size}")
    return {"frontier nets of one seed": "; ".join(told) or "none"}


def _describe_board(analysis: Analysis, size: int) -> dict[str, str]:
    tables, board = analysis.tables, f"{size}x{size}"
    rated = [row for row in tables.ratings if row.size == size and tables.agent_by_key[row.agent].kind == "snapshot"]
    if not rated:
        return {}
    best = sorted(rated, key=lambda row: (-row.elo, row.agent))[:5]
    found = {
        f"best five on {board}, Elo": _span([row.elo for row in best], "{:+.0f}".format),
        f"width of intervals on {board}": f"{np.median([row.high - row.low for row in rated]):.0f}",
    }
    scores = [100 * row.perfect_score for row in best if row.perfect_games]
    if scores:
        found[f"best five on {board}, score"] = f"{_span(scores)} %"
    if analysis.paper_count and size in analysis.paper_count.sizes:
        front = analysis.paper_count.board(size)
        strong = 100 * front.score[(front.elo >= ELO) & np.isfinite(front.score)]
        found |= {f"score of the frontier on {board}": f"{_span(strong.tolist())} %"} if len(strong) else {}
    theirs = {reach.size: reach.value for reach in find_reaches(paper_frontier())}
    for reach in analysis.reaches:
        if reach.size == size and reach.scale == "elo" and size in theirs and math.isfinite(reach.high):
            times = 10 ** (theirs[size] - reach.high)
            if times < 1:
                continue
            unit = 10 ** math.floor(math.log10(times))
            found[f"cheaper than the paper on {board}"] = f"{unit * math.floor(times / unit):,.0f}"  # at least
    return found


def _span(values: Sequence[float], write: Callable[[float], str] = "{:.0f}".format) -> str:
    """Return the least and the largest value in words, or the one where both read alike."""
    ends = map(write, (min(values), max(values)))
    return " to ".join(dict.fromkeys(ends)).replace("-", "−")


def _format_two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def _format_large(count: float) -> str:
    digits, _, power = f"{count:.1e}".partition("e")
    return f"{digits}e{int(power)}"

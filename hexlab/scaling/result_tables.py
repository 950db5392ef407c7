"""The tables of a results page, from an analysis: costs, slopes, the exchange of training for search, plans and forecasts.

The claims are tabulated in `hexlab.scaling.answers`, the checks of the ratings in `hexlab.scaling.trust`.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from hexlab.scaling.analysis import Analysis
from hexlab.scaling.crossings import ELO, find_reaches, format_estimate, format_number
from hexlab.scaling.figures.registry import FIGURES
from hexlab.scaling.forecasts import Forecast, Score, score_forecast
from hexlab.scaling.frontiers import paper_frontier
from hexlab.scaling.measurements import Measurement
from hexlab.scaling.serving import Plan
from hexlab.scaling.tables import NotEnoughDataError, Tables
from hexlab.scaling.text_tables import TextTable

__all__ = [
    "format_simulations",
    "tabulate_crossings",
    "tabulate_exchange",
    "tabulate_forecasts",
    "tabulate_lives",
    "tabulate_plans",
    "tabulate_search",
    "tabulate_slopes",
]


def tabulate_crossings(analysis: Analysis) -> TextTable:
    """Tell for each board what -50 Elo costs in the paper's count, by Elo and by the direct score against perfect play."""
    paper = {reach.size: str(reach) for reach in find_reaches(paper_frontier())}
    found = {(reach.size, reach.scale): str(reach) for reach in analysis.reaches}
    rows = tuple(
        (f"{size}x{size}", paper.get(size, "–"), *(found.get((size, scale), "no games") for scale in ("elo", "score")))
        for size in sorted({reach.size for reach in analysis.reaches})
    )
    note = (
        "−50 Elo stands for 42.85 % of games won against perfect play. Elo has one number an agent from all its games; an agent that "
        "punishes weaker ones harder than perfect play does may rate above what it scores against perfect play itself. Both of our "
        "columns are of the same agents, picked by Elo on one half of the games and rated on the other; they have 95 % intervals."
    )
    title = "log10 of training compute, paper's count, at which the frontier reaches −50 Elo"
    return TextTable(title, ("board", "the paper, by Elo", "by Elo", "by direct score"), rows, note, range(1, 4))


def tabulate_slopes(analysis: Analysis, measured: Iterable[Measurement]) -> TextTable:
    """Tell for each board how steep its frontier is.

    Args:
        analysis: of the experiment.
        measured: what `list_measurements` returned for it.
    """
    by_quantity = {each.quantity: each for each in measured}
    rows = []
    for size in analysis.frontier.sizes if analysis.frontier else ():
        slope = by_quantity[f"{size}x{size}: Elo a decade on the steep part of the frontier"]
        rows.append((f"{size}x{size}", format_number(slope.paper), "too few points" if slope.missing else str(slope)))
    heads = ("board", "the paper, Elo a decade", "ours, 95 % interval")
    return TextTable("Elo a decade of compute on the steep part of the frontier", heads, tuple(rows))


def tabulate_exchange(analysis: Analysis) -> TextTable:
    """Tell for each board how training and search are exchanged, over all levels of Elo and at each."""
    rows = []
    for size, tradeoff in sorted(analysis.tradeoffs.items()):
        steeper = format_estimate(tradeoff.steepening, *tradeoff.steepening_interval)
        levels = ", ".join(f"{each.slope:.1f} at {each.level:.0f} ({each.decades:.1f})" for each in tradeoff.by_level)
        shared = format_estimate(tradeoff.slope, *tradeoff.intervals["slope"])
        wide = "–" if math.isnan(tradeoff.steepening_99[0]) else "{:.1f} to {:.1f}".format(*tradeoff.steepening_99).replace("-", "−")
        board = f"{size}x{size}" + (", one network" if tradeoff.networks == 1 else "")
        rows.append((board, shared, levels.replace("-", "−"), steeper, wide))
    by_level = "at each Elo (decades of training that its points span)"
    heads = ("board", "one slope for all", by_level, "stronger half less weaker half", "its interval of 99 %")
    return TextTable("Decades of test compute for a decade of training compute at equal Elo", heads, tuple(rows))


def tabulate_search(analysis: Analysis) -> TextTable:
    """Tell for each board at which budget doublings stop paying, by the snapshots that were rated at the largest budget of the board."""
    rows = []
    for size, curves in sorted(analysis.test_curves.items()):
        fitted = [curve for curve in curves if math.isfinite(curve.ceiling)]
        if not fitted:
            continue
        largest = int(max(curve.simulations[-1] for curve in fitted))
        searched = [curve for curve in fitted if curve.simulations[-1] == largest]
        paying = sum(math.isinf(curve.enough) for curve in searched)
        told = sum(curve.verdict in ("near perfect", "short of perfect") for curve in searched)
        known = f"{told}" if analysis.tables.knows_zero(size) else "–"
        best = max(searched, key=lambda curve: (curve.elo[-1], curve.run, curve.snapshot))
        first, last = best.intervals["enough"]
        if math.isinf(best.enough):
            enough = f"not by then [above {first:.0f}]" if math.isfinite(first) else "not by then"
        else:
            enough = format_estimate(best.enough, first, last)
        ceiling = format_estimate(best.ceiling, *best.intervals["ceiling"])
        net = f"{best.width}x{best.depth}, {best.elo[0]:+.0f} at 1, {best.elo[-1]:+.0f} at {largest:,}"
        counts = f"{len(searched)}", f"{paying}", known
        rows.append((f"{size}x{size}", f"{largest:,}", *counts, net.replace("-", "−"), enough, ceiling))
    heads = (
        "board", "largest budget", "snapshots rated at it", "the last doubling still pays", "with a ceiling told",
        "the best of them, Elo by simulations", "it stops paying at", "its ceiling, Elo",
    )  # fmt: skip
    return TextTable("Where doublings of the search stop paying, in simulations a move", heads, tuple(rows))


def tabulate_lives(analysis: Analysis) -> TextTable:
    """Tell for each board how an agent's compute divides, and how long the quickest agent trains, as their two figures have it.

    Raises:
        NotEnoughDataError: no frontier.
    """
    lives = FIGURES["lifetime"].numbers(analysis)["boards"]
    try:
        quickest = {each["size"]: each for each in FIGURES["training_time"].numbers(analysis)["boards"]}
    except NotEnoughDataError:  # tables without timings
        quickest = {}
    rows = []
    for life in lives:
        search = life["selfplay"][0] / (life["selfplay"][0] + life["learner"][0])
        time = "not reached by both halves"
        if life["size"] in quickest:
            found = quickest[life["size"]]
            seconds, most = (f"{float(f'{found[name]:.2g}'):,g} s" for name in ("seconds", "bound"))
            bound = ", without a bound" if found["open"] else "" if math.isnan(found["bound"]) else f", at most {most}"
            time = f"{found['width']}x{found['depth']}, {seconds}{bound}"
        net = f"{life['width']}x{life['depth']}, {life['elo']:.0f} Elo".replace("-", "−")
        games = (f"{float(f'{life[name]:.2g}'):,.0f}" for name in ("even", "even_raw"))
        rows.append((f"{life['size']}x{life['size']}", net, f"{life['train_flops']:.1e}", f"{100 * search:.0f} %", *games, time))
    heads = (
        "board", "cheapest agent within 50 Elo of perfect play", "FLOPs to train it", "of that self-play",
        "games that cost as much", "of the raw policy", "the quickest such agent, one core, with a bound of 95 %",
    )  # fmt: skip
    return TextTable("How an agent's compute divides over its life", heads, tuple(rows))


def tabulate_plans(tables: Tables, plans: Sequence[Plan]) -> TextTable:
    """Tell for each plan which net to train how far, and what it costs.

    Args:
        tables: the experiment.
        plans: what `find_plans` returned.
    """
    currency = f", {plans[0].currency}" if plans else ""
    heads = ("board", "Elo", "games served", "net", "training FLOPs", "simulations a move", f"bill{currency}", "share of training")
    rows = []
    for plan in plans:
        run = tables.run_by_key[plan.run]
        bill = _format_with_ends(plan.bill.total, plan.total_interval, _format_digits)
        first, last = plan.share_interval
        share = format_estimate(100 * plan.bill.train_share, 100 * first, 100 * last)
        trained = _format_with_ends(plan.train_flops, plan.train_interval, _format_digits)
        pair = f"{run.width}x{run.depth}", trained, _format_with_ends(plan.simulations, plan.simulations_interval, format_simulations)
        board, level = f"{plan.size}x{plan.size}", f"{plan.level:.0f}".replace("-", "−")
        rows.append((board, level, f"{plan.demand.games:,.0f}", *pair, bill, f"{share} %"))
    title = "The cheapest pair of training and search, with 95 % intervals"
    return TextTable(title, heads, tuple(rows), numbers=range(1, len(heads)))


def tabulate_forecasts(tables: Tables, forecasts: Iterable[Forecast]) -> TextTable:
    """Tell for each forecast of a board what was foretold, what was measured, and whether the forecast was right."""
    rows: list[tuple[str, ...]] = []
    for forecast in sorted(forecasts, key=lambda each: each.size):
        board = f"{forecast.size}x{forecast.size}"
        if forecast.size not in tables.sizes:
            foretold = [(f"log10 FLOPs of {ELO:g} Elo, by {way}", str(each)) for way, each in forecast.cost.items()]
            if forecast.network is not None:
                foretold.append(("log10 width**2 * depth of the best network there", str(forecast.network)))
            foretold += [(f"frontier, {model} law", "its 95 % band") for model in forecast.frontier]
            rows += [(board, *each, "not yet", "–") for each in foretold]
            continue
        try:
            scores = score_forecast(forecast, tables)
        except NotEnoughDataError as error:
            rows.append((board, "all that was foretold", "–", str(error), "undecided"))
            continue
        for score in scores:
            if isinstance(score, Score):
                rows.append((board, score.quantity, str(score.foretold), score.found, score.verdict))
            else:
                what = board, f"frontier, {score.model} law", "its 95 % band"
                rows.append((*what, f"off by {score.rmse:.0f} Elo, {100 * score.inside:.0f} % inside", score.verdict))
    heads = ("board", "quantity", "foretold, 95 % interval", "measured", "verdict")
    return TextTable("Boards foretold from smaller ones before they were trained", heads, tuple(rows))


def format_simulations(simulations: float) -> str:
    """Return simulations a move, which need not be a whole number, as text.

    >>> format_simulations(1.23), format_simulations(38.4)
    ('1.2', '38')
    """
    return f"{simulations:.{0 if simulations >= 10 else 1}f}"


def _format_with_ends(value: float, ends: tuple[float, float], write: Callable[[float], str]) -> str:
    """Return a number and its interval, the upper end open where it is infinite, as each number is written."""
    low, high = ends
    if math.isnan(low):
        return write(value)
    return f"{write(value)} [{write(low)}, {write(high)}]" if math.isfinite(high) else f"{write(value)} [above {write(low)}]"


def _format_digits(value: float) -> str:
    """Return a number with two digits.

    >>> _format_digits(0.0017), _format_digits(6.4e-6), _format_digits(3.25e11)
    ('0.0017', '6.4e−6', '3.2e11')
    """
    digits, _, power = f"{value:.2g}".partition("e")
    return f"{digits}e{int(power)}".replace("-", "−") if power else digits

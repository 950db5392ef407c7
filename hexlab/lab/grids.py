"""Experiment files: a scale names a grid of networks, and presets to set beside it; every cell of both becomes a training config."""

import dataclasses
import importlib.resources
import itertools
import math
import os
import pathlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hexlab.errors import ConfigError
from hexlab.training import Config, preset, run_key

__all__ = ["Grid", "describe_opponents", "list_scales", "read_grid"]

_KEYS = {"about", "seeds", "test_simulations", "openings", "bootstrap", "settings", "boards"}
_OPTIONAL_KEYS = {"half_width", "by_width", "frontier_half_width", "frontier_seeds", "frontier_simulations", "least_opponents"}
_BOARD_KEYS = {"size", "nets", "simulations", "flops", "settings"}
_OPTIONAL_BOARD_KEYS = {"presets", "frontier", "frontier_seeds", "frontier_simulations"}


def _is_whole(value: Any, least: int = 1) -> bool:
    return type(value) is int and value >= least


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


def _is_list(value: Any, fits: Callable[[Any], bool], least: int = 1) -> bool:
    return isinstance(value, list) and len(value) >= least and all(map(fits, value))


def _is_table(value: Any, fits: Callable[[Any], bool] = lambda value: True) -> bool:
    return isinstance(value, dict) and all(map(fits, value.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "about": (_is_text, "a sentence"),
    "seeds": (lambda value: _is_list(value, lambda seed: _is_whole(seed, 0)), "whole numbers from 0 up, such as [0, 1]"),
    "frontier_seeds": (lambda value: _is_list(value, lambda seed: _is_whole(seed, 0), 0), "whole numbers from 0 up, such as [1, 2]"),
    "test_simulations": (lambda value: _is_list(value, _is_whole), "whole numbers from 1 up, such as [1, 8, 64]"),
    "frontier_simulations": (lambda value: _is_list(value, _is_whole, 0), "whole numbers from 1 up, such as [128, 256]"),
    "openings": (_is_whole, "a whole number from 1 up"),
    "bootstrap": (_is_whole, "a whole number from 1 up"),
    "least_opponents": (_is_whole, "a whole number from 1 up"),
    "half_width": (_is_amount, "a number of Elo above 0, such as 25"),
    "frontier_half_width": (_is_amount, "a number of Elo above 0, such as 25"),
    "settings": (_is_table, "a table of training settings, such as { batch = 256 }"),
    "by_width": (lambda value: _is_table(value, _is_table), "a table by width, such as { 256 = { learning_rate = 3e-3 } }"),
    "boards": (lambda value: _is_list(value, _is_table), "tables, each under [[SCALE.boards]]"),
    "size": (_is_whole, "a whole number, such as 5"),
    "nets": (lambda value: _is_list(value, _is_text), "networks, such as ['4x1', '16x2']"),
    "frontier": (lambda value: _is_list(value, _is_text, 0), "some of the nets, such as ['16x2']"),
    "simulations": (_is_amount, "a number above 0, such as 1e6"),
    "flops": (_is_amount, "a number above 0, such as 1e12"),
    "presets": (lambda value: _is_table(value, _is_whole), "a table of self-play simulations, such as { default = 1_000_000 }"),
}
"""What stands under each key: a test, and what to give."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """What one scale of an experiment trains and how it is rated.

    Attributes:
        scale: its name in the experiment file.
        about: one sentence.
        cells: training configs, one for each board size, network and seed, and one for each board size and preset.
        presets: the names of the presets by the keys of their runs; all other cells are the grid's own.
        test_simulations: search budgets at which every snapshot is rated.
        more_simulations: further budgets for the snapshots of some runs, by the keys of the runs.
        openings: openings a pairing, each played with both colors.
        bootstrap: resamples behind each interval.
        half_width: half the width of the 95 % interval to which every snapshot is rated, Elo, each match having so many openings;
            None for a ladder of two rounds.
        half_widths: the same for the snapshots of some runs at the largest of `test_simulations`, by the keys of the runs.
        least_opponents: others whom every snapshot meets at least, where intervals are asked for.
    """

    scale: str
    about: str
    cells: tuple[Config, ...]
    presets: dict[str, str]
    test_simulations: tuple[int, ...]
    openings: int
    bootstrap: int
    half_width: float | None = None
    more_simulations: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    half_widths: dict[str, float] = dataclasses.field(default_factory=dict)
    least_opponents: int = 1

    @property
    def simulations(self) -> int:
        """Self-play simulations of all cells together."""
        return sum(cell.iterations * cell.samples_an_iteration * cell.simulations for cell in self.cells)

    def budgets(self, run: str) -> tuple[int, ...]:
        """Return the search budgets at which the snapshots of a run are rated."""
        return self.test_simulations + self.more_simulations.get(run, ())


def describe_opponents(grid: Mapping[str, Any]) -> str:
    """Tell in words whom every agent meets and what that is to tell, from a grid as manifests hold it."""
    if grid["half_width"] is None:
        return "perfect play and random play, then, twice, the next one below it on the ladder that it has not met"
    told = f"whoever narrows its interval most, with the aim of {grid['half_width']:g} Elo on either side"
    for closer in sorted(set(grid.get("half_widths", {}).values())):
        told += f", of {closer:g} for nets of the frontier at {max(grid['test_simulations'])} simulations"
    least = grid.get("least_opponents", 1)
    return f"{told}, and at least {least} others" if least > 1 else told


def list_scales(path: str | os.PathLike | None = None) -> list[str]:
    """Return the names of the scales that an experiment file declares.

    >>> "tiny" in list_scales()
    True
    """
    return list(_read(path))


def read_grid(scale: str, path: str | os.PathLike | None = None, sizes: Sequence[int] | None = None) -> Grid:
    """Read a scale of an experiment file, by default of the frontier experiment that ships with the package, or some of its boards.

    A net is written as width x depth, "16x2", or "hex 32x2" for hexagonal convolutions.

    Settings are those of `hexlab.training.Config` but for board, network, seed and length. A scale's hold for all its cells, a board's for
    the board's, and those under `by_width` for nets of that width.

    A cell is capped in simulations and in FLOPs of self-play, whichever binds first: small nets are bound by search, wide ones by
    arithmetic. A board's presets are trained once each, with the scale's first seed and number of snapshots, and end after as many
    self-play simulations as the file allows them. The nets that a board names under `frontier`, those that its frontier passes through,
    are trained with `frontier_seeds` too, the snapshots of their first seed are rated at `frontier_simulations` too, and those of all
    their seeds are known to `frontier_half_width` at the largest of `test_simulations`, at which frontiers are compared. A board may have
    `frontier_seeds` and `frontier_simulations` of its own.

    Args:
        scale: its name in the file.
        path: the experiment file; None for the one of the package.
        sizes: boards of the scale to keep; None for all.

    Raises:
        ConfigError: unknown scales, sizes and keys, missing keys, values out of range, networks or budgets that are named twice.

    >>> read_grid("tiny").cells[0].size
    3
    """
    scales = _read(path)
    if scale not in scales:
        where = "" if path is None else f", which {path} does not declare"
        declared = f"choose one of {', '.join(scales)}" if scales else "write one, it declares none"
        raise ConfigError(f"unknown scale {scale!r}{where}: {declared}")
    table = scales[scale]
    _check_table(f"scale {scale!r}", table, _KEYS, _OPTIONAL_KEYS)
    half_width, closer = table.get("half_width"), table.get("frontier_half_width")
    for name in ("frontier_half_width", "least_opponents"):
        if half_width is None and name in table:
            raise ConfigError(f"{name} = {table[name]!r} of scale {scale!r}, which rates by a ladder: give it a half_width too")
    least_opponents = table.get("least_opponents", 1)
    _check_budgets(scale, table["test_simulations"], table.get("frontier_simulations", []))
    cells = []
    presets = {}
    more_simulations = {}
    half_widths: dict[str, float] = {}
    for board in _select_boards(scale, table["boards"], sizes):
        settings = {**table["settings"], **board["settings"]}
        by_width = table.get("by_width", {})
        shapes = [net.rpartition(" ")[2] for net in board["nets"]]
        if twice := [shape for shape in shapes if shapes.count(shape) > 1]:
            raise ConfigError(f"two nets of a board of scale {scale!r} are {twice[0]}: tables tell nets apart by width and depth")
        frontier = board.get("frontier", [])
        if strange := [net for net in frontier if net not in board["nets"]]:
            nets = ", ".join(board["nets"])
            raise ConfigError(f"frontier net {strange[0]!r} of a board of scale {scale!r} is not one of its nets: {nets}")
        frontier_seeds = board.get("frontier_seeds", table.get("frontier_seeds", []))
        further_simulations = board.get("frontier_simulations", table.get("frontier_simulations", []))
        _check_budgets(scale, table["test_simulations"], further_simulations)
        further = itertools.product(frontier, frontier_seeds)
        for net, seed in itertools.chain(itertools.product(board["nets"], table["seeds"]), further):
            cells.append(_make_cell(board, net, seed, settings, by_width))
            if net in frontier and seed == table["seeds"][0] and further_simulations:
                more_simulations[run_key(cells[-1])] = tuple(further_simulations)
            if net in frontier and closer is not None:
                half_widths[run_key(cells[-1])] = closer
        for name, limit in board.get("presets", {}).items():
            cells.append(_make_preset_cell(board, name, limit, table["seeds"][0], settings))
            presets[run_key(cells[-1])] = name
        keys = [run_key(cell) for cell in cells]
        if twice := [cell for cell, key in zip(cells, keys, strict=True) if keys.count(key) > 1]:
            named = f"seeds = {table['seeds']}, frontier_seeds = {frontier_seeds} and frontier = {frontier}"
            which = f"{twice[0].architecture} seed {twice[0].seed}"
            raise ConfigError(f"scale {scale!r} trains {which} twice, by {named} of a board: name each net and seed once")
    return Grid(
        scale,
        table["about"],
        tuple(cells),
        presets,
        tuple(table["test_simulations"]),
        table["openings"],
        table["bootstrap"],
        half_width,
        more_simulations,
        half_widths,
        least_opponents,
    )


def _select_boards(scale: str, boards: list[dict[str, Any]], sizes: Sequence[int] | None) -> list[dict[str, Any]]:
    for board in boards:
        _check_table(f"a board of scale {scale!r}", board, _BOARD_KEYS, _OPTIONAL_BOARD_KEYS)
    declared = sorted({board["size"] for board in boards})
    wanted = set(declared if sizes is None else sizes)
    if strange := sorted(wanted - set(declared)):
        raise ConfigError(f"sizes: scale {scale!r} declares no {strange[0]}x{strange[0]}, give some of {', '.join(map(str, declared))}")
    if not wanted:
        raise ConfigError(f"sizes: none given, give some of {', '.join(map(str, declared))}, or leave them out for all")
    return [board for board in boards if board["size"] in wanted]


def _make_cell(board: dict[str, Any], net: str, seed: int, settings: dict[str, Any], by_width: dict[str, dict[str, Any]]) -> Config:
    from hexlab import network

    kind, _, shape = net.rpartition(" ")
    width, _, depth = shape.partition("x")
    if kind not in ("", "hex") or not (shape.isascii() and width.isdigit() and depth.isdigit()):
        raise ConfigError(f"net {net!r}: write width x depth, such as '16x2', or 'hex 32x2' for hexagonal convolutions")
    settings = settings | by_width.get(width, {})
    chosen = {"size": board["size"], "width": int(width), "depth": int(depth), "net": kind or "dense", "seed": seed}
    known = {field.name for field in dataclasses.fields(Config)} - {*chosen, "samples"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(f"unknown training setting {unknown[0]!r}: the settings are {', '.join(sorted(known))}")
    config = Config(**{**settings, **chosen})
    forward = network.flops.count_forward(config.architecture)
    simulations = min(float(board["simulations"]), float(board["flops"]) / forward)
    return dataclasses.replace(config, samples=max(config.samples_an_iteration, int(simulations // config.simulations)))


def _make_preset_cell(board: dict[str, Any], name: str, limit: int, seed: int, settings: dict[str, Any]) -> Config:
    config = Config(**preset(board["size"], name), seed=seed)
    samples = min(config.samples, int(limit) // config.simulations)
    return dataclasses.replace(config, samples=samples, snapshots=settings.get("snapshots", config.snapshots))


def _check_budgets(scale: str, test: Sequence[int], frontier: Sequence[int]) -> None:
    budgets = [*test, *frontier]
    if twice := [budget for budget in budgets if budgets.count(budget) > 1]:
        named = f"test_simulations = {list(test)}" + (f" and frontier_simulations = {list(frontier)}" if frontier else "")
        raise ConfigError(f"{named} of scale {scale!r} name {twice[0]} twice: name each number of simulations once")


def _check_table(what: str, table: Any, needed: set[str], optional: set[str]) -> None:
    """Refuse a table of the file whose keys are not those that it should have, or one of which holds something of another kind."""
    if not isinstance(table, dict):
        raise ConfigError(f"{what} is {_quote(table)}: give a table with {', '.join(sorted(needed))}")
    if wrong := sorted((table.keys() ^ needed) - (table.keys() & optional)):
        raise ConfigError(f"{what} has keys {', '.join(sorted(table))}: {wrong[0]!r} is {'unknown' if wrong[0] in table else 'missing'}")
    for name, value in table.items():
        fits, wanted = _VALUES[name]
        if not fits(value):
            raise ConfigError(f"{name} = {_quote(value)} of {what}: give {wanted}")


def _quote(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _read(path: str | os.PathLike | None) -> dict[str, Any]:
    source = importlib.resources.files("hexlab.data") / "frontier.toml" if path is None else pathlib.Path(path)
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: name an experiment file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): name an experiment file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text ({error.reason} at byte {error.start}): name an experiment file") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML ({error}): mend the file") from None

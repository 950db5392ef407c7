"""One experiment of folders that ran different boards of one scale, on different machines or at different times."""

import dataclasses
import json
import os
import pathlib
import tempfile
from collections.abc import Callable, Sequence

from hexlab import arena, scaling
from hexlab.csv_tables import read_table, table_file, write_table
from hexlab.errors import HexlabError, RunError, StoreError
from hexlab.lab.manifests import read_manifest
from hexlab.records import Conversion, PairOpenings
from hexlab.system import check_writable, write_whole

__all__ = ["join_runs"]

_MANIFEST = {"command", "finished", "grid", "later_machines", "machine", "seed", "tournaments"}
_JOINED = {"cells", "presets", "more_simulations", "half_widths", "about"}  # all else in a grid is the protocol


def join_runs(
    folders: Sequence[str | os.PathLike], out: str | os.PathLike, *, say: Callable[[str], None] | None = None
) -> list[pathlib.Path]:
    """Join the tables and manifests of finished folders of `hexlab.lab.pipeline.reproduce`.

    The tables are those that one folder with all boards would have had. All boards are rated anew, for a board without perfect play takes
    its zero from boards that have it (`hexlab.arena.find_anchors`).

    Args:
        folders: two at least, each with ``manifest.json`` and ``tables/``, of one scale and with no board in common.
        out: folder to create; it appears whole or not at all.
        say: told what is done before it is; see `hexlab.arena.rate_boards`.

    Returns:
        The files, in ``out``.

    Raises:
        RunError: a folder that is not there, not finished, of another scale or protocol, with a board that another one has too, or
            whose tables and manifest tell of different boards; or `out` is there and not empty, or cannot be made.
        StoreError: a table that cannot be read, or whose rows point nowhere.
    """
    homes, out = [pathlib.Path(folder) for folder in folders], pathlib.Path(out)
    if len(homes) < 2:
        raise RunError(f"folders to join: {', '.join(map(str, homes)) or 'none'}: give two or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is there already: name a folder to create")
    check_writable(out.parent)
    manifests = [_read_manifest(home) for home in homes]
    _check_protocols(homes, manifests)
    order = sorted(range(len(homes)), key=lambda index: _list_sizes(manifests[index]))
    homes, manifests = [homes[index] for index in order], [manifests[index] for index in order]
    if say:
        say(f"reading the tables of {len(homes)} folders")
    parts = [_read_tables(home, _list_sizes(manifest)) for home, manifest in zip(homes, manifests, strict=True)]
    openings = [row for home in homes for row in read_table(home / "tables" / table_file("openings"), PairOpenings)]
    conversions = [row for home in homes for row in read_table(home / "tables" / table_file("conversions"), Conversion)]
    names = [field.name for field in dataclasses.fields(scaling.Tables)]
    tables = scaling.Tables(*(tuple(row for part in parts for row in getattr(part, name)) for name in names))
    games = tuple(sorted(tables.games, key=lambda game: game.size))
    ratings = arena.rate_boards(tables.pairings, tables.agents, conversions, say=say)
    tables = dataclasses.replace(tables, ratings=tuple(ratings), games=games)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True) as draft:
            whole = pathlib.Path(draft) / "whole"
            tables.to_csv(whole / "tables")
            write_table(whole / "tables" / table_file("openings"), openings, PairOpenings)
            write_table(whole / "tables" / table_file("conversions"), conversions, Conversion)
            write_whole(whole / "manifest.json", json.dumps(_join_manifests(manifests), indent=1, sort_keys=True) + "\n")
            if out.exists():
                out.rmdir()
            whole.rename(out)
    except OSError as error:
        raise RunError(f"{out} cannot be made ({error}): name a folder to create, where you may write") from error
    return sorted(path for path in out.rglob("*") if path.is_file())


def _read_manifest(home: pathlib.Path) -> dict:
    manifest = read_manifest(home)
    if missing := sorted(_MANIFEST - manifest.keys()):
        again = "run its `hexlab reproduce` once more with this version, or restore the file"
        raise RunError(f"{home / 'manifest.json'} has no {missing[0]!r}, it is damaged or of an earlier version: {again}")
    try:
        _list_sizes(manifest)
    except (KeyError, TypeError) as error:
        raise RunError(f"{home / 'manifest.json'} is damaged (its grid names no boards: {error}): restore it") from None
    return manifest


def _read_tables(home: pathlib.Path, sizes: list[int]) -> scaling.Tables:
    try:
        tables = scaling.read(home / "tables")
    except HexlabError as error:
        raise StoreError(f"the tables of {home}: {error}") from None
    for name in ("runs", "agents", "pairings"):
        held = sorted({row.size for row in getattr(tables, name)})
        if held != sizes:
            raise RunError(f"{home / 'tables' / table_file(name)} holds boards {held}, and manifest.json names {sizes}: restore the folder")
    unrated = {name for row in tables.pairings for name in (row.first, row.second)} - tables.rating_by_agent.keys()
    if unrated:
        raise RunError(f"{home / 'tables' / 'ratings.csv'} lacks {min(unrated)!r}, which pairings.csv.xz names: restore the folder")
    return tables


def _list_sizes(manifest: dict) -> list[int]:
    return sorted({cell["size"] for cell in manifest["grid"]["cells"]})


def _check_protocols(homes: Sequence[pathlib.Path], manifests: Sequence[dict]) -> None:
    held: dict[int, pathlib.Path] = {}
    for home, manifest in zip(homes, manifests, strict=True):
        if not manifest["finished"]:
            raise RunError(f"{home} is not finished: `{manifest['command']} --out {home}` goes on with it")
        mine, first = ({**each["grid"], "seed": each["seed"]} for each in (manifest, manifests[0]))
        for name in sorted((mine.keys() | first.keys()) - _JOINED, key=lambda name: (name != "scale", name)):
            if mine.get(name) != first.get(name):
                raise RunError(
                    f"{home} has {name} {mine.get(name)!r} and {homes[0]} has {first.get(name)!r}: join folders of one scale and protocol"
                )
        for size in _list_sizes(manifest):
            if size in held:
                raise RunError(f"{held[size]} and {home} both hold {size}x{size}: join folders with different boards")
            held[size] = home


def _join_manifests(manifests: Sequence[dict]) -> dict:
    """Return the manifest of all; the first one's machine is the first that had a part."""
    first = manifests[0]
    grid = dict(first["grid"])
    for name in ("presets", "more_simulations", "half_widths"):
        grid[name] = {key: value for manifest in manifests for key, value in manifest["grid"].get(name, {}).items()}
    grid["cells"] = sorted((cell for manifest in manifests for cell in manifest["grid"]["cells"]), key=lambda cell: cell["size"])
    machines: list[dict] = []
    for machine in (machine for manifest in manifests for machine in (manifest["machine"], *manifest["later_machines"])):
        if machine not in machines:
            machines.append(machine)
    joined = {
        **first,
        "command": "; ".join(dict.fromkeys(manifest["command"] for manifest in manifests)),
        "grid": grid,
        "machine": machines[0],
        "later_machines": machines[1:],
        "tournaments": {size: over for manifest in manifests for size, over in manifest["tournaments"].items()},
    }
    for name in ("seconds", "joules"):
        if any(name in manifest for manifest in manifests):
            stages = sorted({stage for manifest in manifests for stage in manifest.get(name, {})})
            joined[name] = {stage: sum(manifest.get(name, {}).get(stage, 0.0) for manifest in manifests) for stage in stages}
    return joined

"""What a job's folder says of it: ``manifest.json``, with the grid, the machines that had a part and what is done.

Whoever only reads one loads no JAX.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hexlab.errors import ConfigError, RunError
from hexlab.lab.machine import machine_facts
from hexlab.system import write_whole

if TYPE_CHECKING:
    from hexlab.lab.grids import Grid

__all__ = ["note_machines", "open_manifest", "read_manifest", "write_manifest"]

_NUMBER = (int, float)
_MANIFEST: dict[str, Any] = {
    "command": str, "finished": bool, "grid": dict, "machine": dict, "later_machines": [dict], "seconds": {str: _NUMBER},
    "joules": {str: _NUMBER}, "seed": int, "tournaments": {str: dict},
}  # fmt: skip
_GRID: dict[str, Any] = {"cells": [dict], "presets": {str: str}, "more_simulations": {str: [int]}, "half_widths": {str: _NUMBER}}


def read_manifest(folder: pathlib.Path, needs: Sequence[str] = ()) -> dict:
    """Return the manifest of a folder of `hexlab.lab.pipeline.reproduce` or `hexlab.lab.joining.join_runs`.

    Args:
        folder: holds ``manifest.json``.
        needs: what must not be missing in it.

    Raises:
        RunError: it is not there, or damaged: not JSON, or something in it is of another kind than `open_manifest` writes.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        damage = _find_damage(manifest, needs)
    except OSError as error:
        raise RunError(f"{folder} holds no manifest.json ({error}): give a folder of `hexlab reproduce`") from None
    except ValueError as error:
        damage = str(error)
    if damage:
        raise RunError(f"{path} is damaged ({damage}): restore it, or choose another folder")
    return manifest


def _find_damage(manifest: Any, needs: Sequence[str]) -> str:
    """Tell what in a manifest is not what it should be; "" if nothing is."""
    if not isinstance(manifest, dict):
        return f"it is {_quote(manifest)}"
    grid = manifest.get("grid", {})
    for held, kinds, where in ((manifest, _MANIFEST, ""), (grid, _GRID, " of its grid")):
        for name, kind in kinds.items():
            if name in held and not _is_of(kind, held[name]):
                return f"{name}{where} is {_quote(held[name])}"
    return next((f"it has no {name}" for name in needs if name not in manifest), "")


def _is_of(kind: Any, value: Any) -> bool:
    """Tell whether a value of JSON is of a kind: a type, [a kind] for a list of such, or {str: a kind} for names of such."""
    if isinstance(kind, list):
        return isinstance(value, list) and all(_is_of(kind[0], each) for each in value)
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(_is_of(kind[str], each) for each in value.values())
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _quote(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def open_manifest(folder: pathlib.Path, grid: "Grid", command: str, seed: int) -> dict:
    """Return the manifest of an interrupted job, or start a new one.

    Args:
        folder: of the job, whose lock the caller holds.
        grid: what is asked for now; it may go beyond what the folder holds.
        command: that goes on with the job.
        seed: of the tournaments and the analysis.

    Raises:
        RunError: the folder holds another scale or other settings, or the manifest is damaged.
    """
    machine = machine_facts()
    described = json.loads(json.dumps(dataclasses.asdict(grid)))
    if (folder / "manifest.json").exists():
        manifest = read_manifest(folder, ("command", "finished", "grid", "machine", "seconds", "seed"))
        held = manifest["grid"]
        if held != described and not _may_grow(held, described):
            name = held.get("scale")
            if name is not None and name != grid.scale:
                goes_on = f"go on with `{manifest['command']} --out {folder}`"
                raise RunError(f"{folder} holds scale {name!r}, not {grid.scale!r}: choose another folder, or {goes_on}")
            other = f"scale {name!r} with other settings than this version's or this file's, or boards that are not asked for"
            raise RunError(f"{folder} holds {other}: choose another folder")
        if (held, manifest["command"]) != (described, command):
            manifest |= {"grid": described, "finished": False, "command": command}
            write_manifest(folder, manifest)
        note_machines(folder, manifest, [machine])
        return manifest
    manifest = {
        "command": command,
        "seed": seed,
        "grid": described,
        "machine": machine,
        "later_machines": [],
        "seconds": {},
        "finished": False,
    }
    write_manifest(folder, manifest)
    return manifest


def note_machines(folder: pathlib.Path, manifest: dict, machines: Iterable[dict[str, Any]]) -> None:
    """Keep what had a part and is not in the manifest yet: another computer, or another version of the code."""
    later = manifest.setdefault("later_machines", [])
    for machine in machines:
        if machine not in [manifest["machine"], *later]:
            later.append(machine)
            write_manifest(folder, manifest)


def _may_grow(held: dict, wanted: dict) -> bool:
    """Tell whether a grid is the one that a folder holds with further cells, further budgets for some of them, or known otherwise."""
    from hexlab import training

    growing = ("cells", "presets", "more_simulations", "half_width", "half_widths", "least_opponents")
    if any(held.get(name) != wanted[name] for name in wanted.keys() - {*growing, "about"}):
        return False
    if (held.get("half_width") is None) != (wanted["half_width"] is None):
        return False
    try:
        trained, asked = ({training.run_key(training.Config(**cell)) for cell in grid.get("cells", ())} for grid in (held, wanted))
    except (TypeError, ConfigError):  # a setting that this version does not know, or not with that value
        return False
    if not trained <= asked:
        return False
    if any(wanted["presets"].get(run) != name for run, name in held.get("presets", {}).items()):
        return False
    budgets = held.get("more_simulations", {})
    return all(set(budgets[run]) <= set(wanted["more_simulations"].get(run, ())) for run in budgets)


def write_manifest(folder: pathlib.Path, manifest: dict) -> None:
    """Write the manifest of a folder."""
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")

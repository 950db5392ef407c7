"""What a run's files tell whoever looks on while it is trained, without JAX: how far it is, and where its worker shows that he lives."""

import contextlib
import json
import os
import pathlib
from typing import Any

__all__ = ["claim_path", "count_iterations", "read_last"]


def count_iterations(run: pathlib.Path) -> int:
    """Return how many iterations a run has done, by the last line of its metrics; 0 where there is none."""
    return int(read_last(run / "metrics.jsonl").get("iteration", 0))


def read_last(path: pathlib.Path) -> dict[str, Any]:
    """Return the last whole row of a file of JSON lines, without reading the others; an empty one where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines[:-1]):
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                return row
    return {}


def claim_path(run: pathlib.Path) -> pathlib.Path:
    """Return the file in which the attempt that is at work on a run shows that it lives."""
    return run.with_name(run.name + ".claim")

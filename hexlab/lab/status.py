"""How a job stands, read from its folder alone: nothing here disturbs it, and it may be dead."""

import dataclasses
import datetime
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hexlab.errors import ConfigError, RunError
from hexlab.lab.heartbeats import read_sign
from hexlab.lab.manifests import read_manifest
from hexlab.lab.runs import claim_path, count_iterations, read_last

if TYPE_CHECKING:
    from hexlab.training import Config

__all__ = ["CellStatus", "Status", "read_status"]


@dataclasses.dataclass(frozen=True)
class CellStatus:
    """A network that is being trained.

    Attributes:
        cell: board, network, seed and key of the run: the cells of a grid may differ in other settings alone.
        iteration: iterations done.
        iterations: iterations of the whole run.
        eta: seconds left at the pace so far; None before there is a pace.
        host: computer of the worker.
        process: number of the worker's process there.
        waiting: what the worker waits for; empty while it trains.
    """

    cell: str
    iteration: int
    iterations: int
    eta: float | None
    host: str
    process: int
    waiting: str


@dataclasses.dataclass(frozen=True)
class Status:
    """How a job stands; print it for a few lines to read.

    Attributes:
        folder: of the job.
        command: goes on with the job.
        state: "running"; "stopped", when it said that it ended early; "dead", when it ended without a word; or "finished".
        reason: why it stopped, as far as it said.
        host: computer of the job's process, "" if not known.
        process: number of that process; 0 if not known.
        age: seconds since its last sign of life; None if it never gave one.
        stage: "train", "rate" or "fit", "" before the first.
        done: share of the stage that is done, 0 to 1.
        eta: seconds that the stage still takes; None if not known.
        message: what went on, in a few words.
        stalled: what keeps the work from going on, such as a cluster without workers; empty while it goes on.
        networks: networks of the job.
        trained: those that are trained.
        training: those that are being trained.
        failed: those that failed, each with its reason.
    """

    folder: str
    command: str
    state: str
    reason: str
    host: str
    process: int
    age: float | None
    stage: str
    done: float
    eta: float | None
    message: str
    stalled: str
    networks: int
    trained: int
    training: tuple[CellStatus, ...]
    failed: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nobody has to do anything: the job gets on or is finished, and nothing failed."""
        return (self.state == "finished" or (self.state == "running" and not self.stalled)) and not self.failed

    def __str__(self) -> str:
        """Return a few lines to read."""
        who = f"process {self.process} on {self.host}" if self.process else "its process"
        ago = f", last sign of life {_clock(self.age)} ago" if self.age is not None else ""
        goes_on = f"`{self.command}` goes on where it was"
        reason = f" ({self.reason})" if self.reason else ""
        lines = [
            {
                "running": f"{self.folder}: {'waiting' if self.stalled else 'running'}, {who}{ago}",
                "stopped": f"{self.folder}: stopped{reason}{ago}; {goes_on}",
                "dead": f"{self.folder}: dead, {who} ended without a word{ago}; {goes_on}",
                "finished": f"{self.folder}: finished",
            }[self.state]
        ]
        if self.stage and self.state != "finished":
            left = f", {_clock(self.eta)} left" if self.eta is not None and self.state == "running" else ""
            lines.append(f"{self.stage} {100 * self.done:.0f} %{left}: {self.message}")
        lines.append(f"{self.trained} of {self.networks} networks trained, {len(self.training)} being trained, {len(self.failed)} failed")
        for cell in self.training:
            left = f", {_clock(cell.eta)} left" if cell.eta is not None else ""
            doing = f"waiting: {cell.waiting}" if cell.waiting else f"iteration {cell.iteration} of {cell.iterations}{left}"
            lines.append(f"  {cell.cell}: {doing}, process {cell.process} on {cell.host}")
        lines += [f"  failed: {each}" for each in self.failed]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)


def read_status(folder: str | os.PathLike) -> Status:
    """Read how the job in a folder stands.

    Args:
        folder: what `hexlab.lab.pipeline.reproduce` writes to, seen from this computer or another one.

    Raises:
        RunError: there is no job in the folder, or its manifest is damaged.
    """
    path = pathlib.Path(folder)
    manifest = read_manifest(path, ("command", "grid"))
    from hexlab import training

    try:
        configs = [training.Config.from_json(json.dumps(cell)) for cell in manifest["grid"].get("cells", ())]
    except ConfigError as error:
        raise RunError(f"{path / 'manifest.json'} is damaged or of another version ({error}): restore it") from None
    cells = {training.run_key(config): config for config in configs}
    command = f"{manifest['command']} --out {path}"
    sign = read_sign(path / "progress.json")
    facts = sign.facts if sign else {}
    state = facts.get("state", "finished" if manifest.get("finished") else "dead")
    if state == "running" and not (sign and sign.alive):
        state = "dead"
    failed = tuple(facts.get("failed", ()))
    if facts.get("cluster"):
        command += f" --cluster {facts['cluster']}"
    return Status(
        folder=str(path),
        command=command,
        state=state,
        reason=facts.get("reason", ""),
        host=sign.host if sign else "",
        process=sign.process if sign else 0,
        age=sign.age if sign else None,
        stage=facts.get("stage", ""),
        done=facts.get("done", 0.0),
        eta=facts.get("eta"),
        message=facts.get("message", ""),
        stalled=facts.get("stalled", ""),
        networks=len(cells),
        trained=len(cells) if manifest.get("finished") else _count_trained(path / "cells", cells, failed),
        training=tuple(cell for run, config in cells.items() if (cell := _read_cell(path / "cells" / run, config))),
        failed=failed,
    )


def _count_trained(folder: pathlib.Path, cells: Mapping[str, "Config"], failed: Iterable[str]) -> int:
    """Count the cells that are through, without those that failed for all that: the reason of each names its folder."""
    left = {run: cell for run, cell in cells.items() if not any(run in each for each in failed)}
    return sum(count_iterations(folder / run) >= cell.iterations for run, cell in left.items())


def _read_cell(run: pathlib.Path, config: "Config") -> CellStatus | None:
    sign = read_sign(claim_path(run))
    if sign is None or not sign.alive:
        return None
    return CellStatus(
        cell=f"{config.architecture} seed {config.seed}, run {run.name}",
        iteration=count_iterations(run),
        iterations=config.iterations,
        eta=read_last(run / "timings.jsonl").get("eta"),
        host=sign.host,
        process=sign.process,
        waiting=sign.facts.get("waiting", ""),
    )


def _clock(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))

"""Progress on the terminal: a live bar where there is one, plain lines a few seconds apart where there is none."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hexlab.lab.health import Health
    from hexlab.lab.runner import Progress
    from hexlab.training import Report

__all__ = ["show_progress", "show_reports"]

_LINE_SECONDS = 10.0


def show_reports(reports: "Iterable[tuple[Report, Health | None]]") -> int:
    """Run training to its end while showing how it goes and how well its snapshots play.

    Args:
        reports: what `lab.health.watch` returns.

    Returns:
        How many reports there were; 0 for a run that was finished already.
    """
    count = 0
    with _open_display() as show:
        for report, health in reports:
            count += 1
            message = f"{report}; {health}" if health else str(report)
            show("train", report.iteration / report.iterations, message, report.timing.eta)
    return count


def show_progress(steps: "Iterable[Progress]") -> None:
    """Run a pipeline to its end while showing how it goes: one bar, or one series of lines, for each of its stages.

    A cell that fails is told at once, with its reason.
    """
    told = 0
    with _open_display() as show:
        for step in steps:
            for failure in step.failed[told:]:
                print(f"failed: {failure}", flush=True)  # above the bars, where there are any
            told = max(told, len(step.failed))
            show(step.stage, step.done, step.message, step.eta)


@contextlib.contextmanager
def _open_display() -> Iterator[Callable[[str, float, str, float | None], None]]:
    """Yield a function of a stage, the share of it that is done, a message, and the seconds left."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[stage]:>6}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: float, message: str, eta: float | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0, stage=stage, left="", message="")
            bars.update(tasks[stage], completed=done, left=_describe_left(eta, done), message=message)

        yield show


class _Lines:
    """Prints the first step, the last step and one every few seconds of each stage, no line twice in a row."""

    def __init__(self) -> None:
        self.stage = ""
        self.line = ""
        self.printed = 0.0

    def __call__(self, stage: str, done: float, message: str, eta: float | None) -> None:
        now = time.monotonic()
        if stage == self.stage and done < 1 and now - self.printed < _LINE_SECONDS:
            return
        left = _describe_left(eta, done)
        line = f"{stage} {100 * done:3.0f} %{', ' + left if left else ''}: {message}"
        if line != self.line:
            print(line, flush=True)
        self.stage, self.line, self.printed = stage, line, now


def _describe_left(eta: float | None, done: float) -> str:
    """Say how long a stage still takes.

    >>> _describe_left(75.2, 0.5)
    '1:15 left'
    >>> _describe_left(7384.0, 0.5)
    '2:03:04 left'
    """
    if eta is None or done >= 1:
        return ""
    minutes, seconds = divmod(round(eta), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d} left" if hours else f"{minutes}:{seconds:02d} left"

"""Programs of other people in processes of their own, spoken to by lines.

A process is ended together with those that it has started, also when nobody refers to it any more and when Python ends: on POSIX
systems all of its process group and all whose chain of parents leads to it, on Windows all that ``taskkill`` finds below it.
"""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import IO, Any, cast

from hexlab.errors import ConfigError
from hexlab.system import end_tree, list_descendants, read_lines

__all__ = ["KEPT_LINES", "Process"]

KEPT_LINES = 10_000
"""Unread lines that are kept of what a process writes; the oldest go first."""
_KEPT_REMARKS = 40  # last lines on stderr
_GLANCE = 0.05  # seconds between looks at whether it still lives, which its children can hide by holding its pipes
_FAREWELL = 1.0  # seconds that a process may take to end by itself, and its pipes to close


class Process:
    """A running program: its standard output is read by lines, of its standard error the last lines are kept.

    Args:
        command: the program and its arguments; on Windows it may also be one text, which programs there take apart by themselves.
        settings: of `subprocess.Popen`, such as ``cwd`` and ``env``.

    Attributes:
        end: call it to end the process and those it has started; a second call does nothing.

    Raises:
        ConfigError: the program cannot be started.
    """

    def __init__(self, command: str | Sequence[str], **settings: Any):
        """Start the program."""
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, **apart, **settings)
        except (OSError, ValueError) as error:
            words = command if isinstance(command, str) else " ".join(command)
            raise ConfigError(f"cannot start {words!r}: {getattr(error, 'strerror', None) or error}") from None
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._mail = _Mailbox()
        sources = ((self._mail.collect_lines, self._process.stdout), (self._mail.collect_remarks, self._process.stderr))
        readers = [threading.Thread(target=work, args=(cast(IO[bytes], pipe).fileno(),), daemon=True) for work, pipe in sources]
        for reader in readers:
            reader.start()
        self.end = weakref.finalize(self, _end_family, self._process, readers)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; None while the process runs."""
        return self._process.poll()

    @property
    def remarks(self) -> list[str]:
        """The last lines on standard error that say something."""
        return list(self._mail.remarks)

    @property
    def remarked(self) -> int:
        """Characters written on standard error so far."""
        return self._mail.remarked

    def write(self, line: str) -> None:
        """Send a line; to a process that has ended, nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._stdin.write(f"{line}\n".encode())

    def read(self, deadline: float, watch: Callable[[], None] | None = None) -> str | None:
        """Return the next line of its output, or None if the process has ended or closed it.

        Args:
            deadline: when to give up, by `time.monotonic`.
            watch: called every now and then while there is nothing to read; what it raises is raised.

        Raises:
            TimeoutError: there is no line in time.
        """
        mail = self._mail
        ended = False
        while True:
            with mail.changed:
                if not mail.lines and not mail.over and not ended:
                    mail.changed.wait(_GLANCE)
                if mail.lines:
                    return mail.lines.popleft()
                if mail.over or ended:
                    break
            ended = self.returncode is not None  # what it wrote last may still be on its way
            if time.monotonic() > deadline:
                raise TimeoutError
            if watch is not None:
                watch()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GLANCE)  # for its last words and its exit code, where it closed its output first
        return None

    def close(self) -> None:
        """Close its input, and end it if it does not end by itself."""
        if self.end.alive:
            with contextlib.suppress(OSError):
                self._stdin.close()
            deadline = time.monotonic() + _FAREWELL
            while self.returncode is None and time.monotonic() < deadline:
                time.sleep(_GLANCE)
            self.end()


class _Mailbox:
    """What a process has written and nobody has read yet."""

    def __init__(self) -> None:
        self.lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self.remarks: collections.deque[str] = collections.deque(maxlen=_KEPT_REMARKS)
        self.remarked = 0
        self.over = False
        self.changed = threading.Condition()

    def collect_lines(self, handle: int) -> None:
        for text in read_lines(handle):
            with self.changed:
                self.lines.append(text.rstrip("\r"))
                self.changed.notify_all()
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def collect_remarks(self, handle: int) -> None:
        for text in read_lines(handle):
            self.remarked += len(text) + 1
            if text.strip():
                self.remarks.append(text.rstrip())


def _end_family(process: subprocess.Popen, readers: list[threading.Thread]) -> None:
    """End a process and those it has started."""
    if sys.platform == "win32":
        end_tree(process.pid)
    else:
        strays = list_descendants(process.pid)  # those that left the group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for stray in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stray, signal.SIGKILL)
    process.kill()
    process.wait()
    for reader in readers:  # they end with the last process that holds the pipe
        reader.join(_FAREWELL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None and not any(reader.is_alive() for reader in readers):
            with contextlib.suppress(OSError):
                stream.close()

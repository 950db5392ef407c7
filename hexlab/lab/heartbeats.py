"""Files that name who is at work and show that he lives: `hexlab status` reads them, and later attempts take work over by them."""

import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import threading
import time
import uuid
from types import TracebackType
from typing import Any

from hexlab.system import write_whole

__all__ = ["Heartbeat", "Sign", "read_sign", "revoke"]

_BEAT_SECONDS = 2.0
_DEAD_SECONDS = 20.0  # clocks of a cluster's computers may differ by some seconds


@dataclasses.dataclass(frozen=True)
class Sign:
    """What a heartbeat's file says.

    Attributes:
        facts: what its owner told.
        host: the owner's computer.
        process: number of the owner's process there.
        age: seconds since the last sign of life.
    """

    facts: dict[str, Any]
    host: str
    process: int
    age: float

    @property
    def alive(self) -> bool:
        """Whether the owner has shown life of late."""
        return self.age < _DEAD_SECONDS


class Heartbeat:
    """A file that names this process and is touched every two seconds, by a thread, until the ``with`` block ends.

    Whoever makes a heartbeat of the file last owns it. An earlier owner that still lives finds out within two seconds, or when it has
    something to tell, writes nothing from then on and shows it in `lost`: it should stop then. That is how work goes on elsewhere while
    its first worker, believed dead, is not.

    A file that cannot be written, for want of space or of the disk itself, is no reason to stop work: only others see less.

    Args:
        path: the file; its folder must exist.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "sign.json"
    ...     with Heartbeat(path) as beat:
    ...         beat.tell(stage="train")
    ...         read_sign(path).facts["stage"], read_sign(path).alive
    ('train', True)
    """

    def __init__(self, path: pathlib.Path):
        """Write the file; the beat begins with the ``with`` block."""
        self.path = path
        self._token = uuid.uuid4().hex
        self._facts: dict[str, Any] = {}
        self._said = ""
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._write()

    @property
    def lost(self) -> bool:
        """Whether another has taken the file, or somebody has revoked it, as was seen within the last two seconds."""
        return self._lost.is_set()

    def tell(self, **facts: Any) -> None:
        """Add facts, plain values, to what the file says; if another has taken it, they go nowhere."""
        self._facts.update(facts)
        self._look()
        if not self.lost:
            self._write()

    def remove(self) -> None:
        """Remove the file unless another has taken it."""
        if _read_token(self.path) == self._token:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def __enter__(self) -> "Heartbeat":
        """Start beating."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop beating; the file stays."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        if _read_token(self.path) not in (self._token, None):
            self._lost.set()

    def _write(self) -> None:
        owner = {"token": self._token, "host": socket.gethostname(), "process": os.getpid()}
        text = json.dumps({**owner, **self._facts}) + "\n"
        if text == self._said and self.path.exists():
            # One who waits says the same again and again: the fewer writings, the fewer that another's may cross.
            return
        with contextlib.suppress(OSError):
            write_whole(self.path, text)
            self._said = text

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            self._look()
            if self.lost:
                return
            with contextlib.suppress(OSError):
                os.utime(self.path)


def read_sign(path: pathlib.Path) -> Sign | None:
    """Return what a heartbeat's file says, or None where there is none, or none that can be read."""
    try:
        with path.open(encoding="utf-8") as file:  # on a network disk an opened file is up to date, a path's facts may not be
            written = os.fstat(file.fileno()).st_mtime
            facts = json.load(file)
        host, process = facts.pop("host"), facts.pop("process")
        facts.pop("token")
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None
    return Sign(facts, host, process, max(0.0, time.time() - written))


def revoke(path: pathlib.Path) -> None:
    """Take a heartbeat's file from its owner, so that he stops."""
    with contextlib.suppress(OSError):
        write_whole(path, json.dumps({"token": ""}) + "\n")


def _read_token(path: pathlib.Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["token"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

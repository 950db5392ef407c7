"""The workers of a dask scheduler as a `concurrent.futures.Executor`: the code that spawns processes on one machine runs on many.

`distributed.Client.get_executor` is such an executor too, but its futures end as cancelled when the connection to the scheduler breaks.
Here they stay open: the work is sent again when the scheduler is back. So work may run more than once, and must not mind.

https://distributed.dask.org
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import re
import socket
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

from hexlab.errors import ClusterError, ConfigError, WorkerError
from hexlab.system import write_whole

__all__ = ["ClusterExecutor", "check_address"]

_CONNECT_SECONDS = 10.0
_SHARED_SECONDS = 10.0  # until a new file shows on a network disk
_ALIKE = ("hexlab", "numpy", "numba", "jax", "jaxlib")  # what decides the bits of results


class _Ticket(NamedTuple):
    """What a worker must agree with before it does the driver's work."""

    versions: tuple[tuple[str, str], ...]
    file: str
    token: str
    seconds: float  # for which a file may stay unseen


class ClusterExecutor(concurrent.futures.Executor):
    """Runs calls on the workers of a dask scheduler.

    Every worker is checked before its first call: it runs the driver's versions of hexlab and of the libraries that decide results,
    and sees the folder that both share. Calls whose worker dies are run again on another one, by dask; calls that a lost scheduler
    knew of are sent again.

    Args:
        address: of the scheduler, such as ``tcp://127.0.0.1:8786`` or ``tls://...``; for TLS, dask's settings name the certificates.
        folder: of the job; driver and workers see it at the same path.
        patience: seconds to wait for a scheduler that went away.

    Raises:
        ConfigError: an address that makes no sense, or the extra ``cluster`` is not installed.
        ClusterError: no scheduler answers, or a worker does not agree with the driver. Calls raise it too, for workers that came later
            and for a scheduler that did not come back; the calls of one whose workers died again and again raise `WorkerError`.
    """

    def __init__(self, address: str, folder: str | os.PathLike, *, patience: float = 300.0):
        """Connect, and check the workers that are there."""
        host, port = check_address(address)
        import distributed

        self.address, self._patience = address, patience
        self._closed = False
        self._client: Any = None
        self._calls: dict[concurrent.futures.Future, Any] = {}  # those under way, each with dask's own future
        try:
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise ClusterError(
                f"no scheduler answers at {address} ({error}): start one with `dask scheduler --host {host} --port {port}`"
            ) from None
        self._file = pathlib.Path(folder).resolve() / "cluster.token"
        token = uuid.uuid4().hex
        write_whole(self._file, token)
        self._ticket = _Ticket(_versions(), str(self._file), token, _SHARED_SECONDS)
        try:
            self._client = distributed.Client(address, timeout=patience, set_as_default=False)
            self._client.run(_check, self._ticket)
        except OSError as error:
            self.shutdown(wait=False)
            raise ClusterError(f"what answers at {address} is no scheduler of dask that this process may talk to ({error})") from error
        except Exception as error:
            self.shutdown(wait=False)
            raise _translate(error) from error

    @property
    def workers(self) -> int:
        """The number of threads that work now; 0 while there is no scheduler."""
        if self._client.status != "running":
            return 0
        with contextlib.suppress(OSError):
            return sum(self._client.nthreads().values())
        return 0

    def remark(self) -> str:
        """Say what keeps the work from going on, or nothing."""
        if self._client.status != "running":
            return f"the scheduler at {self.address} is gone: waiting until it is started again"
        return "" if self.workers else f"no workers: start some with `dask worker {self.address} --nthreads 1 --host HOST`"

    def submit(self, work: Callable, /, *arguments: Any, **keywords: Any) -> concurrent.futures.Future:
        """Run ``work(*arguments, **keywords)`` on a worker; all three travel as pickles."""
        if self._closed:
            raise RuntimeError("the executor is shut down")
        future: concurrent.futures.Future = concurrent.futures.Future()
        self._send(future, functools.partial(work, *arguments, **keywords))
        future.add_done_callback(self._forget)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; with `wait`, when all calls are done. What a worker has begun it ends, unheard."""
        if wait and not cancel_futures:
            concurrent.futures.wait(list(self._calls))
        self._closed = True
        for future in list(self._calls):
            future.cancel()
        if self._client is not None:
            self._client.close(timeout=_CONNECT_SECONDS)
        with contextlib.suppress(OSError):
            self._file.unlink()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Shut down; after an error, at once."""
        self.shutdown(wait=kind is None)

    def _send(self, future: concurrent.futures.Future, call: Callable[[], Any]) -> None:
        if self._client.status in ("closing", "closed"):  # which dask's client does when the scheduler stays away
            if future.set_running_or_notify_cancel():
                future.set_exception(self._describe_loss())
            return
        self._calls[future] = sent = self._client.submit(_run, self._ticket, call, pure=False)
        self._client.loop.add_callback(self._follow, sent, future, call)

    async def _follow(self, sent: Any, future: concurrent.futures.Future, call: Callable[[], Any]) -> None:
        try:
            outcome = await sent.result()  # within the client's loop, where this runs, it is awaited
        except (concurrent.futures.CancelledError, asyncio.CancelledError):
            if not (self._closed or future.cancelled()):  # the scheduler went away, and with it what it knew
                self._send(future, call)
        except Exception as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(_translate(error))
        else:
            if future.set_running_or_notify_cancel():
                future.set_result(outcome)

    def _describe_loss(self) -> ClusterError:
        return ClusterError(
            f"the scheduler at {self.address} was gone for {self._patience:.0f} s: start it and its workers, and repeat the command, which"
            " goes on where it was"
        )

    def _forget(self, future: concurrent.futures.Future) -> None:
        sent = self._calls.pop(future, None)
        if sent is not None:
            sent.release()


def check_address(address: str) -> tuple[str, int]:
    """Return host and port of a scheduler's address, without asking whether anybody answers there.

    Raises:
        ConfigError: it is no such address, or the extra ``cluster`` is not installed.

    >>> check_address("tcp://127.0.0.1:8786")
    ('127.0.0.1', 8786)
    """
    found = re.fullmatch(r"(?:tcp|tls)://(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>\d{1,5})", address)
    if not found or not 0 < int(found["port"]) < 2**16:
        raise ConfigError(f"cluster {address!r} is not the address of a scheduler: write it as tcp://HOST:PORT, or tls://HOST:PORT")
    if importlib.util.find_spec("distributed") is None:
        raise ConfigError("a cluster needs dask.distributed, which is not installed: `pip install 'hexlab[cluster]'`")
    return found["six"] or found["host"], int(found["port"])


def _versions() -> tuple[tuple[str, str], ...]:
    return ("python", ".".join(platform.python_version_tuple()[:2])), *((name, importlib.metadata.version(name)) for name in _ALIKE)


def _run(ticket: _Ticket, call: Callable[[], Any]) -> Any:
    _check(ticket)
    return call()


@functools.lru_cache(maxsize=4)
def _check(ticket: _Ticket) -> None:
    """Raise `ClusterError` unless this process may work for the driver who wrote the ticket."""
    worker = f"the worker on {socket.gethostname()} (process {os.getpid()})"
    for (name, ours), (_, theirs) in zip(_versions(), ticket.versions, strict=True):
        if ours != theirs:
            raise ClusterError(f"{worker} runs {name} {ours}, the driver {theirs}: install the same version on both")
    path = pathlib.Path(ticket.file)
    deadline = time.monotonic() + ticket.seconds
    while not _holds(path, ticket.token):
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{worker} does not see {path.parent} of the driver: put the folder (--out) on a disk that driver and workers share, at"
                " the same path"
            )
        time.sleep(0.1)


def _holds(path: pathlib.Path, token: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == token
    except OSError:
        return False


def _translate(error: Exception) -> Exception:
    """Return what a caller can act on in place of dask's errors, and anything else as it is."""
    import distributed

    if isinstance(error, distributed.KilledWorker):
        return WorkerError(
            f"{error.allowed_failures + 1} workers died at it, the last at {error.last_worker.address}, most often for want of memory:"
            " see the logs of the workers, and give them more"
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "hexlab":
        return ClusterError(f"a worker has no {error.name}: install hexlab {importlib.metadata.version('hexlab')} on all computers")
    return error

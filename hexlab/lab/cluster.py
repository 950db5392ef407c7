"""The workers of a dask scheduler as a `concurrent.futures.Executor`: the code that spawns processes on one machine runs on many.

`distributed.Client.get_executor` is such an executor too, but its futures end as cancelled when the connection to the scheduler breaks.
Here they stay open: the work is sent again when the scheduler is back. So work may run more than once, and must not mind.

https://distributed.dask.org
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import re
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from hexlab.errors import ClusterError, ConfigError, WorkerError
from hexlab.lab.machine import machine_facts
from hexlab.system import write_whole

__all__ = ["ClusterExecutor", "Share", "check_address", "check_scheduler"]

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 20.0  # for which one who accepts connections may say nothing
_MOST_LOSSES = 4  # of one call's outcome while it is fetched
_SHARED_SECONDS = 10.0  # until a new file shows on a network disk
_ALIKE = ("hexlab", "numpy", "numba", "scipy", "jax", "jaxlib", "flax", "optax")  # what decides the bits of results
_TLS_WORDS = " --tls-ca-file cert.pem --tls-cert cert.pem --tls-key key.pem"
_TLS_SETTINGS = {"ca_file": "ca-file", "cert": "client.cert", "key": "client.key"}  # below distributed.comm.tls


class _Ticket(NamedTuple):
    """What a worker must agree with before it does the driver's work."""

    versions: tuple[tuple[str, str], ...]
    file: str
    token: str
    seconds: float  # for which a file may stay unseen


class Share(NamedTuple):
    """What a worker has of its computer where all workers there have as much.

    Attributes:
        cores: at least 1.
        memory: bytes; None where unknown.
    """

    cores: int = 1
    memory: int | None = None


class ClusterExecutor(concurrent.futures.Executor):
    """Runs calls on the workers of a dask scheduler.

    Every worker is checked before its first call: it runs the driver's code and its versions of the libraries that decide results,
    and sees the folder that both share. Calls whose worker dies are run again on another one, by dask; calls that a lost scheduler
    knew of are sent again.

    Args:
        address: of the scheduler, such as ``tcp://127.0.0.1:8786`` or ``tls://...``; for TLS, dask's settings name the certificates.
        folder: of the job; driver and workers see it at the same path.
        patience: seconds to wait for a scheduler that went away.

    Attributes:
        address: of the scheduler.
        machines: what `hexlab.lab.machine.machine_facts` tells of the workers that were there at the start, each only once.
        share: what each worker that was there at the start has of its computer, by the smallest; one core where none was there.
        most_workers: the largest number that `workers` has told so far.

    Raises:
        ConfigError: an address that makes no sense, certificates that are missing, or the extra ``cluster`` is not installed.
        ClusterError: no scheduler answers, or a worker does not agree with the driver. Calls raise it too, for workers that came later
            and for a scheduler that did not come back; the calls of one whose workers died again and again raise `WorkerError`.
    """

    def __init__(self, address: str, folder: str | os.PathLike, *, patience: float = 300.0):
        """Connect, and check the workers that are there."""
        check_scheduler(address)
        import distributed

        self.address, self._patience = address, patience
        self.most_workers = 0
        self._closed = False
        self._calls: dict[concurrent.futures.Future, Any] = {}  # those under way, each with dask's own future
        self._file = pathlib.Path(folder).resolve() / "cluster.token"
        token = uuid.uuid4().hex
        write_whole(self._file, token)
        self._ticket = _Ticket(_versions(), str(self._file), token, _SHARED_SECONDS)
        self._client: Any = distributed.Client.__new__(distributed.Client)  # known before it connects, so that it is closed if it cannot
        try:
            distributed.Client.__init__(self._client, address, timeout=patience, set_as_default=False)
            introduced = self._client.run(_introduce, self._ticket)
            threads = self._client.nthreads()
        except BaseException as error:
            self.shutdown(wait=False)
            if isinstance(error, OSError):
                raise ClusterError(
                    f"the scheduler at {address}, or one of its workers, went away ({error}): see their logs, and repeat the command"
                ) from error
            if isinstance(error, Exception):
                raise _translate(error) from error
            raise
        found = [facts for _, facts in introduced.values()]
        self.machines: list[dict[str, Any]] = [facts for number, facts in enumerate(found) if facts not in found[:number]]
        self.share = _divide([(host, facts, threads.get(address, 1)) for address, (host, facts) in introduced.items()])

    @property
    def workers(self) -> int:
        """The number of threads that work now; 0 while there is no scheduler."""
        if self._client.status != "running":
            return 0
        with contextlib.suppress(OSError):
            found = sum(self._client.nthreads().values())
            self.most_workers = max(self.most_workers, found)
            return found
        return 0

    def remark(self) -> str:
        """Say what keeps the work from going on, or nothing."""
        if self._client.status != "running":
            return f"the scheduler at {self.address} is gone: waiting until it is started again"
        return "" if self.workers else f"no workers: start some with `{_worker_command(self.address)}`"

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
        with contextlib.suppress(TimeoutError):
            self._client.close(timeout=_CONNECT_SECONDS)
        with contextlib.suppress(OSError):
            self._file.unlink()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Shut down; after an error, at once."""
        self.shutdown(wait=kind is None)

    def _send(self, future: concurrent.futures.Future, call: Callable[[], Any], losses: int = 0) -> None:
        if self._client.status in ("closing", "closed"):  # which dask's client does when the scheduler stays away
            if future.set_running_or_notify_cancel():
                future.set_exception(self._describe_loss())
            return
        self._calls[future] = sent = self._client.submit(_run, self._ticket, call, pure=False)
        self._client.loop.add_callback(self._follow, sent, future, call, losses)

    async def _follow(self, sent: Any, future: concurrent.futures.Future, call: Callable[[], Any], losses: int) -> None:
        from distributed.comm import CommClosedError

        try:
            outcome = await sent.result()  # within the client's loop, where this runs, it is awaited
        except (concurrent.futures.CancelledError, asyncio.CancelledError):
            if not (self._closed or future.cancelled()):  # the scheduler went away, and with it what it knew
                self._send(future, call, losses)
        except CommClosedError as error:  # it went away while an outcome was fetched
            if losses < _MOST_LOSSES and not (self._closed or future.cancelled()):
                self._send(future, call, losses + 1)
            elif future.set_running_or_notify_cancel():
                future.set_exception(_translate(error))
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
        ConfigError: it is no such address, it begins with ``tls://`` and dask's settings name no certificates that can be used, or the
            extra ``cluster`` is not installed.

    >>> check_address("tcp://127.0.0.1:8786")
    ('127.0.0.1', 8786)
    """
    host, port = _split_address(address)
    if importlib.util.find_spec("distributed") is None:
        raise ConfigError(
            "a cluster needs dask.distributed, which is not installed: install hexlab with its extra cluster, as you installed hexlab:"
            ' python -m pip install -e ".[cluster]"'
        )
    if address.startswith("tls"):
        _check_certificates(address)
    return host, port


def _split_address(address: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:tcp|tls)://(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>\d{1,5})", address)
    if not found or not 0 < int(found["port"]) < 2**16:
        raise ConfigError(f"cluster {address!r} is not the address of a scheduler: write it as tcp://HOST:PORT, or tls://HOST:PORT")
    return found["six"] or found["host"], int(found["port"])


def _check_certificates(address: str) -> None:
    import distributed

    security = distributed.Security()
    for name, told in security.get_tls_config_for_role("client").items():
        if name not in _TLS_SETTINGS:
            continue
        setting = f"distributed.comm.tls.{_TLS_SETTINGS[name]}"
        variable = f"DASK_{setting.upper().replace('.', '__').replace('-', '_')}"
        if not told and name != "key":  # which the file of the certificate may hold
            raise ConfigError(f"cluster {address!r} needs certificates, and dask's setting {setting} names none: set {variable} to a file")
        if told and "\n" not in told and not pathlib.Path(told).is_file():  # a setting may hold the certificate itself
            raise ConfigError(
                f"cluster {address!r} needs certificates, and {told!r} of dask's setting {setting} is no file: set {variable} to the"
                " path of one"
            )
    try:
        security.get_connection_args("client")
    except OSError as error:
        raise ConfigError(
            f"cluster {address!r} needs certificates, and those of dask's settings distributed.comm.tls cannot be used ({error}): name"
            " a key and its certificate, both in PEM"
        ) from None


def check_scheduler(address: str) -> None:
    """Ask who answers at an address, and return if it is a scheduler of dask.

    Raises:
        ConfigError: see `check_address`.
        ClusterError: nobody answers there, or somebody else, or nothing comes back within 20 s.
    """
    host, port = check_address(address)
    import distributed
    from distributed.utils import LoopRunner, sync

    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except socket.gaierror as error:
        raise ClusterError(f"no scheduler answers at {address}, for {host!r} has no address ({error}): check the host name") from None
    except OSError as error:
        raise ClusterError(f"no scheduler answers at {address} ({error}): start one with `{_scheduler_command(address)}`") from None

    async def ask() -> str:
        async with distributed.rpc(address, connection_args=distributed.Security().get_connection_args("client")) as other:
            return (await other.identity())["type"]

    runner = LoopRunner()  # a thread, for this one may have a loop of its own
    runner.start()
    try:
        kind = sync(runner.loop, ask, callback_timeout=_ANSWER_SECONDS)
    except Exception as error:
        reason = f"nothing came back within {_ANSWER_SECONDS:.0f} s" if isinstance(error, TimeoutError) else error
        raise ClusterError(
            f"what answers at {address} is no scheduler of dask that this process may talk to ({reason}): check host and port, whether"
            " it is tcp:// or tls://, and the certificates"
        ) from None
    finally:
        runner.stop()
    if kind != "Scheduler":
        raise ClusterError(f"what answers at {address} is no scheduler of dask but a {kind}: give the address that `dask scheduler` prints")


def _scheduler_command(address: str) -> str:
    """Return the command of the page on clusters; nothing of it listens where nobody asked it to."""
    host, port = _split_address(address)
    tls = address.startswith("tls")
    where = f"--host {host} --port {port} --dashboard-address 127.0.0.1:8787"
    return f"dask scheduler {'--protocol tls ' if tls else ''}{where}{_TLS_WORDS if tls else ''}"


def _worker_command(address: str) -> str:
    host, _ = _split_address(address)
    own = host if host in ("localhost", "::1") or host.startswith("127.") else "HOST"
    where = f"--host {own} --dashboard-address 127.0.0.1:0"
    return f"dask worker {address} {where} --nthreads 1 --nworkers 4{_TLS_WORDS if address.startswith('tls') else ''}"


def _versions() -> tuple[tuple[str, str], ...]:
    libraries = ((name, importlib.metadata.version(name)) for name in _ALIKE)
    return ("python", ".".join(platform.python_version_tuple()[:2])), *libraries, ("code", _hash_code())


@functools.lru_cache(maxsize=1)
def _hash_code() -> str:
    """Return the hash of the package's modules, ends of lines apart, as they are when this process first asks."""
    package = pathlib.Path(__file__).parents[1]
    modules = {path.relative_to(package).as_posix(): path.read_bytes().replace(b"\r\n", b"\n") for path in package.rglob("*.py")}
    return hashlib.blake2b(repr(sorted(modules.items())).encode(), digest_size=6).hexdigest()


def _introduce(ticket: _Ticket) -> tuple[str, dict[str, Any]]:
    _check(ticket)
    return socket.gethostname(), machine_facts()


def _divide(workers: Sequence[tuple[str, Mapping[str, Any], int]]) -> Share:
    """Return what each thread of the workers has, given the host of each, what `machine_facts` tells there, and its threads."""
    if not workers:
        return Share()
    on_host: dict[str, int] = {}
    for host, _, threads in workers:
        on_host[host] = on_host.get(host, 0) + threads
    cores = min(facts["cores"] // on_host[host] for host, facts, _ in workers)
    memory = [int(facts["memory_gb"] * 1e9) // on_host[host] for host, facts, _ in workers if facts["memory_gb"] is not None]
    return Share(max(1, cores), min(memory, default=None))


def _run(ticket: _Ticket, call: Callable[[], Any]) -> Any:
    _check(ticket)
    return call()


@functools.lru_cache(maxsize=4)
def _check(ticket: _Ticket) -> None:
    """Raise `ClusterError` unless this process may work for the driver who wrote the ticket."""
    worker = f"the worker on {socket.gethostname()} (process {os.getpid()})"
    drivers = dict(ticket.versions)
    for name, ours in _versions():
        theirs = drivers.get(name)
        if ours != theirs and name == "code":
            raise ClusterError(
                f"{worker} runs other modules of hexlab than the driver, though of the same version (hash {ours}, the driver's {theirs}):"
                " bring both to the same state, and start the workers again"
            )
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

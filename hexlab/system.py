"""What hexlab asks of the operating system: cores, memory, files that are whole or absent, and locks that end with their process."""

import contextlib
import ctypes
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from types import TracebackType

from hexlab.errors import InUseError, RunError

__all__ = [
    "Lock",
    "check_writable",
    "count_cores",
    "end_tree",
    "find_holder",
    "joules_between",
    "list_descendants",
    "lock_folder",
    "make_folder",
    "memory_bytes",
    "read_energy",
    "read_lines",
    "remove_drafts",
    "resident_bytes",
    "write_whole",
]

_LOCKED_BYTE = 2**30  # far behind the holder's number, which others may read while Windows keeps the locked byte from them


def count_cores() -> int:
    """Return the cores that this process may use.

    >>> count_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return the main memory in bytes, or the container's limit where that is lower; None where the system does not tell."""
    found = []
    if sys.platform == "win32":
        found.append(_windows_memory_bytes())
    else:
        with contextlib.suppress(ValueError, OSError):
            found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # "max" when there is no limit
                found.append(int(pathlib.Path(limit).read_text(encoding="ascii")))
    return min((number for number in found if number > 0), default=None)


def _windows_memory_bytes() -> int:
    class Status(ctypes.Structure):  # MEMORYSTATUSEX of the Windows API
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("others", ctypes.c_ulonglong * 6),
        )

    status = Status()
    status.length = ctypes.sizeof(Status)
    known = getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # noqa: B009, absent elsewhere
    return int(status.total) if known else 0


def read_energy(zones: pathlib.Path = pathlib.Path("/sys/class/powercap")) -> dict[str, tuple[int, int]] | None:
    """Return the counters of energy that Linux keeps of its processors and their memory, whatever runs on them (RAPL).

    Source: https://docs.kernel.org/power/powercap/powercap.html. Kernels since 5.10 show the counters to the superuser alone.

    Args:
        zones: folder of the counters.

    Returns:
        By zone the microjoules so far and those after which the counter starts again at 0; None where the system does not tell.

    >>> before, after = {"intel-rapl:0": (9_000_000, 10_000_000)}, {"intel-rapl:0": (1_000_000, 10_000_000)}
    >>> joules_between(before, after)
    2.0
    """
    counters = {}
    for zone in sorted(zones.glob("intel-rapl:*")):  # AMD's go by the same name
        with contextlib.suppress(OSError, ValueError):
            name = (zone / "name").read_text(encoding="ascii")
            # A package holds its cores and graphics; its memory is counted beside it, and "psys" would count all of it again.
            if name.startswith(("package", "dram")):
                energy, span = (int((zone / file).read_text(encoding="ascii")) for file in ("energy_uj", "max_energy_range_uj"))
                counters[zone.name] = energy, span
    return counters or None


def joules_between(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float:
    """Return the energy taken between two readings of `read_energy`, in joules.

    A counter may have started again once in between: take a reading every ten minutes, and add up.
    """
    return sum((after[zone][0] - energy) % span for zone, (energy, span) in before.items() if zone in after) / 1e6


def list_descendants(pid: int) -> list[int]:
    """Return the processes that a process has started and those that they have started, as far as the system tells: Windows does not.

    One whose parent has ended is nobody's descendant.

    >>> os.getpid() in list_descendants(os.getpid())
    False
    """
    if pathlib.Path("/proc/self/task").exists():
        found = [pid]
        for parent in found:
            with contextlib.suppress(OSError):
                for thread in pathlib.Path(f"/proc/{parent}/task").iterdir():
                    found += map(int, (thread / "children").read_text(encoding="ascii").split())
        return found[1:]
    return [row[0] for row in _list_family(pid)[1:]]


def end_tree(pid: int) -> None:
    """End a process on Windows with those that it has started and those that they have started, as far as their parents live."""
    quiet = subprocess.DEVNULL
    with contextlib.suppress(OSError):
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], stdout=quiet, stderr=quiet, check=False)


def resident_bytes(pid: int) -> int | None:
    """Return the main memory that a process and its descendants take; on Windows that of the process alone, None where nobody tells.

    >>> resident_bytes(os.getpid()) > 10**6
    True
    """
    if sys.platform == "win32":
        return _windows_resident_bytes(pid)
    if pathlib.Path("/proc/self/statm").exists():
        pages = 0
        for each in (pid, *list_descendants(pid)):
            with contextlib.suppress(OSError):  # it has ended
                pages += int(pathlib.Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") or None
    return 1024 * sum(row[2] for row in _list_family(pid)) or None


def _list_family(pid: int) -> list[tuple[int, int, int]]:
    """Return (process, its parent, its kilobytes in main memory) of a process and its descendants where there is no /proc."""
    columns = [word for name in ("pid", "ppid", "rss") for word in ("-o", f"{name}=")]
    try:
        with subprocess.Popen(["ps", "-A", *columns], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="ascii") as ps:
            told = ps.communicate()[0]
    except OSError:
        return []
    if ps.returncode:
        return []
    rows = [(int(own), int(parent), int(kilobytes)) for own, parent, kilobytes in map(str.split, told.splitlines())]
    rows = [row for row in rows if row[0] != ps.pid]  # it is this process's child
    family = [row for row in rows if row[0] == pid]
    for member in family:
        family += [row for row in rows if row[1] == member[0]]
    return family


def _windows_resident_bytes(pid: int) -> int | None:
    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of the Windows API
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("faults", ctypes.c_ulong),
            ("peak", ctypes.c_size_t),
            ("resident", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 6),
        )

    counters = Counters()
    counters.length = ctypes.sizeof(Counters)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009, absent elsewhere
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel.OpenProcess(0x1000, False, pid))  # PROCESS_QUERY_LIMITED_INFORMATION
    known = kernel.K32GetProcessMemoryInfo(handle, ctypes.byref(counters), counters.length)
    kernel.CloseHandle(handle)
    return int(counters.resident) if known else None


def write_whole(path: pathlib.Path, content: str | bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, whole, whenever a process ends; text in UTF-8 with line feeds.

    Of several who write it at once, the last one's stays.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")  # its writer's own; an ending that `remove_drafts` knows
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            draft.replace(path)
        except FileNotFoundError:  # `remove_drafts` took it for that of a process that was killed
            write_whole(path, data)
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError) and error.errno is not None:  # it names the draft, of which nobody knows, or nothing
            error.filename, error.filename2 = os.fspath(path), None
        raise


def check_writable(folder: pathlib.Path) -> None:
    """Raise unless files can be written into a folder; one that is missing is made for that, and removed again.

    Ask before work that takes long, so that its results have a place to go.

    Raises:
        RunError: it is a file, or cannot be made or written to.
    """
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refuse(folder, error) from None
    finally:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()


def make_folder(folder: pathlib.Path) -> None:
    """Make a folder, and those that it lies in, where they are missing.

    Raises:
        RunError: it is a file, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refuse(folder, error) from None


def _refuse(folder: pathlib.Path, error: OSError) -> RunError:
    file = next((place for place in (folder, *folder.parents) if place.is_file()), None)
    if file is not None:
        return RunError(f"{file} is a file: name a folder")
    return RunError(f"{folder} cannot be written to ({error.strerror}): name a folder where you may write")


def remove_drafts(*folders: pathlib.Path) -> None:
    """Remove the half-written files of processes that were killed.

    The caller holds the lock of the folder that they lie in. Some write there without it, such as figures drawn anew: whoever loses his
    draft by that writes it again, see `write_whole`.

    Args:
        folders: whose files are looked at, not those of folders within.
    """
    for folder in folders:
        for pattern in ("*.partial", ".tmp*"):  # the second are drafts that safetensors makes of its own accord
            for path in folder.glob(pattern):
                with contextlib.suppress(FileNotFoundError, PermissionError):  # renamed by now, or open, which Windows protects
                    path.unlink()


def read_lines(handle: int, longest: int = 100_000) -> Iterator[str]:
    """Yield the lines of a pipe as they come, without their ends, until it closes; a line that is too long comes in pieces.

    Unlike a file object it holds no lock while it waits, so that Python can end while a thread reads.

    Args:
        handle: file descriptor.
        longest: bytes of a line, and of a read.
    """
    rest = b""
    while True:
        try:
            chunk = os.read(handle, longest)
        except OSError:  # it was closed at our end
            chunk = b""
        *lines, rest = (rest + chunk).split(b"\n") if chunk else [rest, b""]
        if len(rest) > longest:
            lines, rest = [*lines, rest], b""
        for line in lines:
            if chunk or line:
                yield line.decode("utf-8", "replace")
        if not chunk:
            return


class Lock:
    """An exclusive hold on a file that the operating system ends with its process, however that ends.

    The file holds the number of the process and is removed on release; one that a killed process left is taken over.

    Args:
        path: the file; its folder must exist.

    Raises:
        BlockingIOError: someone holds it, in this process or another one; `find_holder` tells who.
        OSError: the file cannot be made, or its disk knows no locks.
    """

    def __init__(self, path: pathlib.Path):
        """Take the lock or raise."""
        self.path = path
        self._handle: int | None = None
        while self._handle is None:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                _lock(handle)
                if _is_at(handle, path):  # its last holder may have removed it in the meantime
                    os.ftruncate(handle, 0)
                    os.lseek(handle, 0, os.SEEK_SET)
                    os.write(handle, f"{os.getpid()}\n".encode("ascii"))
                    self._handle, handle = handle, -1
            finally:
                if handle >= 0:
                    os.close(handle)

    def release(self) -> None:
        """Let others take the lock; releasing twice does nothing."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        if sys.platform == "win32":  # an open file cannot be removed there; nor can one that the next holder has opened
            os.close(handle)
            with contextlib.suppress(OSError):
                self.path.unlink()
        else:
            with contextlib.suppress(OSError):
                if _is_at(handle, self.path):
                    self.path.unlink()
            os.close(handle)

    def move_folder(self, target: pathlib.Path) -> None:
        """Rename the folder that the lock's file lies in, and hold it on under its new name."""
        if sys.platform == "win32":  # a folder with an open file cannot be renamed there
            self.release()
            self.path.parent.rename(target)
            held = Lock(target / self.path.name)
            self._handle, held._handle = held._handle, None
        else:
            self.path.parent.rename(target)
        self.path = target / self.path.name

    def __enter__(self) -> "Lock":
        """Return the lock."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release the lock."""
        self.release()

    def __del__(self) -> None:
        """Release a lock that nobody refers to any more."""
        if getattr(self, "_handle", None) is not None:
            self.release()


def find_holder(path: pathlib.Path) -> str:
    """Return ``process 1234``, the holder of a lock, as far as its file tells."""
    with contextlib.suppress(OSError, ValueError):
        return f"process {int(path.read_text(encoding='ascii'))}"
    return "another process"


def lock_folder(folder: pathlib.Path) -> Lock:
    """Return the lock of a run's folder, which one process at a time changes.

    Raises:
        InUseError: another process holds it.
        RunError: the folder cannot be locked.
    """
    path = folder / "lock"
    try:
        return Lock(path)
    except BlockingIOError:
        raise InUseError(
            f"{folder} is in use by {find_holder(path)}: wait until it ends, or stop it and try again, or choose another folder"
        ) from None
    except OSError as error:
        raise RunError(
            f"{folder} cannot be locked ({error.strerror}): choose a folder that you may write to, on a disk that knows locks"
        ) from error


def _is_at(handle: int, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:  # how Windows says that the byte is locked
            raise BlockingIOError(*error.args) from None

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

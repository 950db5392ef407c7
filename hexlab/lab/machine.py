"""What a result was made on: processor, cores, memory, system, versions of the libraries and of hexlab itself."""

import contextlib
import ctypes
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

__all__ = ["machine_facts"]

_LIBRARIES = ("hexlab", "numpy", "numba", "scipy", "jax", "jaxlib", "flax", "optax", "safetensors", "matplotlib")


def machine_facts() -> dict[str, Any]:
    """Return facts about this machine and installation, ready for JSON. Loads no library.

    Returns:
        processor: the model's name, or the architecture where the system does not tell.
        cores: logical cores that this process may use.
        memory_gb: main memory in units of 1e9 bytes, or the container's limit where that is lower; None where unknown.
        system: operating system and its release.
        python: version and implementation.
        libraries: versions of hexlab and of what it computes with.
        commit: the git commit that hexlab runs from, with ``+changes`` when files differ from it; None outside a checkout.

    >>> machine_facts()["cores"] >= 1
    True
    """
    memory = _memory_bytes()
    return {
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gb": None if memory is None else round(memory / 1e9, 1),
        "system": platform.platform(),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "commit": _commit(),
    }


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        name = _output("sysctl", "-n", "machdep.cpu.brand_string")
        if name:
            return name
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
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


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    root = pathlib.Path(__file__).resolve().parents[2]
    if not ((root / ".git").exists() and (root / "pyproject.toml").is_file()):
        return None  # installed; a .git further up would be another project's
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    if commit and _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"):
        commit += "+changes"
    return commit


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None

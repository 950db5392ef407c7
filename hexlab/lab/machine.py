"""What a result was made on: processor, cores, memory, system, versions of the libraries and of hexlab itself."""

import contextlib
import importlib.metadata
import pathlib
import platform
import subprocess
import sys
from typing import Any

from hexlab.system import count_cores, memory_bytes

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
    memory = memory_bytes()
    return {
        "processor": _processor_name(),
        "cores": count_cores(),
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

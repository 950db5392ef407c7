"""Parameters and training states as safetensors files: one file, written atomically, read without executing code.

A file holds arrays, named by their path in the tree joined with dots (``blocks.0.kernel``), and one line of metadata,
sorted JSON under the single key ``hexlab``: what kind of file it is, its format version and what the writer had to say.
A second metadata key would make the bytes of equal files differ from process to process, since safetensors writes the
keys in no fixed order.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from hexlab.errors import CheckpointError, ConfigError
from hexlab.network.evaluator import NetworkEvaluator
from hexlab.network.model import Architecture, describe_mismatch

__all__ = ["FORMAT_VERSION", "find_snapshot", "load", "load_tree", "save", "save_tree"]

FORMAT_VERSION = 1
"""Version of the layout described above; a file of another version is refused."""

_KEY = "hexlab"
_PIECE = 2**20  # bytes that are read at a time into given memory
_NETWORK = "network"
_TREE = "tree"
_DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)


def save(
    path: str | os.PathLike,
    architecture: Architecture,
    params: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write a network to a file, atomically; equal arguments give equal bytes.

    Args:
        path: the file, usually ``*.safetensors``; replaced if it exists. Its folder must exist.
        architecture: board, width, depth and kind.
        params: a tree as `hexlab.network.init_params` returns it.
        metadata: anything JSON can hold, given back by `load`.
        half: whether to keep the parameters in half precision: half the bytes, rounded to three digits.

    Raises:
        CheckpointError: parameters of another shape or beyond half precision, metadata that is not JSON, or a file that cannot be written.
    """
    if mismatch := describe_mismatch(architecture, params):
        raise CheckpointError(f"cannot save {path} as a {architecture} network: {mismatch}")
    shape: dict[str, Any] = {"size": architecture.size, "width": architecture.width, "depth": architecture.depth}
    if architecture.kind != "dense":  # files that do not say their kind are dense
        shape["kind"] = architecture.kind
    if half:
        try:
            with np.errstate(over="raise"):
                params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float16), params)
        except FloatingPointError as error:
            raise CheckpointError(f"cannot save {path} in half precision, for a parameter is beyond 65504: save it whole") from error
    _write(Path(path), params, _NETWORK, {"architecture": shape, "metadata": metadata or {}})


def load(path: str | os.PathLike, snapshot: int | None = None, batch: int = 256) -> NetworkEvaluator:
    """Read a network from a file, or from a run's folder.

    Args:
        path: a file written by `save`, or the folder of a training run.
        snapshot: which of a run's snapshots, counted from 0; the newest if not given.
        batch: rows of the evaluator's pinned batch shape.

    Returns:
        An evaluator with ``architecture``, ``params`` and ``metadata``.

    Raises:
        CheckpointError: a file or snapshot that is missing, foreign, truncated, of another version, or whose arrays are
            not those of the network it says it is.
    """
    path = Path(path)
    if path.is_dir():
        path = find_snapshot(path, snapshot)
    elif snapshot is not None:
        raise CheckpointError(f"snapshot {snapshot} was asked of {path}, which is not the folder of a run: give the run's folder")
    tree, facts = _read(path, _NETWORK, {})
    tree = jax.tree.map(lambda leaf: leaf.astype(np.float32) if leaf.dtype == np.float16 else leaf, tree)
    try:
        architecture = Architecture(**facts["architecture"])
        metadata = facts["metadata"]
    except (KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path} does not say which network it holds ({error}): write it anew with network.save") from None
    if mismatch := describe_mismatch(architecture, tree):
        raise CheckpointError(f"{path} says that it holds a {architecture} network, but {mismatch}: the file is damaged")
    return NetworkEvaluator(architecture, tree, batch, metadata)


def save_tree(path: str | os.PathLike, tree: Any, metadata: dict[str, Any] | None = None) -> None:
    """Write any tree of arrays to a file, atomically; equal arguments give equal bytes.

    Args:
        path: the file; replaced if it exists. Its folder must exist.
        tree: nested dicts, tuples, named tuples or lists of arrays and numbers of any common type. Leaves are named by
            their path; a branch without leaves leaves no trace.
        metadata: anything JSON can hold, given back by `load_tree`.

    Raises:
        CheckpointError: a leaf that is no array of a common type, a key with a dot, metadata that is not JSON, or a
            file that cannot be written.
    """
    _write(Path(path), tree, _TREE, {"metadata": metadata or {}})


def load_tree(path: str | os.PathLike, into: Mapping[str, np.ndarray] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a tree written by `save_tree`.

    Args:
        path: the file.
        into: memory for large arrays, by their path in the tree joined with dots: they are read piece by piece into its first rows, so
            that they do not lie in memory twice, and the tree holds these rows.

    Returns:
        (nested dicts of numpy arrays, in which tuples and lists have become dicts with keys ``"0"``, ``"1"``, ... and
        named tuples dicts by field; metadata).

    Raises:
        CheckpointError: a file that is missing, foreign, truncated, damaged or of another version, or arrays that do not fit into the
            memory for them.
    """
    tree, facts = _read(Path(path), _TREE, into or {})
    return tree, facts["metadata"]


def find_snapshot(folder: str | os.PathLike, snapshot: int | None = None) -> Path:
    """Return the file of one of a run's snapshots.

    Args:
        folder: the folder of a training run.
        snapshot: which, counted from 0; the newest if not given.

    Raises:
        CheckpointError: no such snapshot, or none at all.
    """
    folder = Path(folder)
    found = {int(file.stem): file for file in (folder / "snapshots").glob("*.safetensors") if file.stem.isdecimal()}
    if not found:
        raise CheckpointError(
            f"{folder} holds no snapshots: give a .safetensors file, or the folder of a run that has begun "
            f"(looked for {folder / 'snapshots' / '000.safetensors'})"
        )
    index = max(found) if snapshot is None else snapshot
    if index not in found:
        raise CheckpointError(f"{folder} holds no snapshot {index!r}: it has {_list_numbers(sorted(found))}")
    return found[index]


def _list_numbers(numbers: list[int]) -> str:
    whole = numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} to {numbers[-1]}" if whole and len(numbers) > 2 else ", ".join(map(str, numbers))


def _name_leaves(tree: Any) -> dict[str, np.ndarray]:
    """Return the leaves by path, contiguous and in native byte order.

    safetensors stores other arrays scrambled, without an error.
    """
    named: dict[str, np.ndarray] = {}
    for keys, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        parts = [jax.tree_util.keystr((key,), simple=True) for key in keys]
        name = ".".join(parts)
        if not parts or any(not part or "." in part for part in parts):
            raise CheckpointError(f"the name {name!r} of an array cannot be stored: give every array a name without dots")
        array = np.asarray(leaf, order="C")
        if array.dtype.name not in _DTYPES:
            raise CheckpointError(f"array {name!r} of type {array.dtype} cannot be stored: give one of {', '.join(_DTYPES)}")
        named[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return named


def _nest(path: Path, named: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in sorted(named):  # an array comes before those that take it for a branch
        *branches, leaf = name.split(".")
        branch = tree
        for key in branches:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                raise CheckpointError(f"{path} is damaged: {name!r} lies in {key!r}, which is an array; take another copy of it")
        branch[leaf] = named[name]
    return tree


def _write(path: Path, tree: Any, kind: str, facts: dict[str, Any]) -> None:
    named = _name_leaves(tree)
    try:
        header = json.dumps({"kind": kind, "version": FORMAT_VERSION, **facts}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the metadata for {path} is not JSON ({error}): give numbers, strings, lists and dicts of them") from None
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            temporary.touch()
            mode = temporary.stat().st_mode  # what the user's settings give a new file; safetensors lets nobody else read it
            safetensors.numpy.save_file(named, temporary, metadata={_KEY: header})
            temporary.chmod(mode)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot write {path}: {error}; check that its folder exists, is writable and has space") from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can (Windows cannot)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: Path, kind: str, into: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path} is not there: give the path of a file that hexlab has written")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
            facts = _parse(path, text, kind)
            named = {
                name: _fill(path, name, file.get_slice(name), into[name]) if name in into else file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - the handle is no dict
            }
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file ({error}; {path.stat().st_size} bytes found): take another copy of it"
        ) from error
    return _nest(path, named), facts


def _fill(path: Path, name: str, stored: Any, room: np.ndarray) -> np.ndarray:
    """Read an array piece by piece into the first rows of `room`, and return these."""
    shape = tuple(stored.get_shape())
    if len(shape) != room.ndim or shape[0] > len(room) or shape[1:] != room.shape[1:]:
        raise CheckpointError(
            f"{path} holds {name!r} of shape {list(shape)}, which does not fit into {list(room.shape)}: it belongs to other settings"
        )
    rows = max(1, _PIECE * len(room) // max(1, room.nbytes))
    for start in range(0, shape[0], rows):
        end = min(start + rows, shape[0])
        piece = stored[start:end]
        if piece.dtype != room.dtype:
            raise CheckpointError(f"{path} holds {name!r} as {piece.dtype}, expected {room.dtype}: the file is damaged")
        room[start:end] = piece
    return room[: shape[0]]


def _damaged(path: Path, text: str) -> CheckpointError:
    return CheckpointError(f"the metadata of {path} is damaged: {text[:80]!r} found, sorted JSON of kind, version and metadata expected")


def _parse(path: Path, text: str | None, kind: str) -> dict[str, Any]:
    """Return what a file says about itself, if it is of this kind and version."""
    if text is None:
        raise CheckpointError(f"{path} is a safetensors file, but hexlab did not write it: its metadata has no key {_KEY!r}")
    try:
        facts = json.loads(text)
        found_kind, version = facts["kind"], facts["version"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise _damaged(path, text) from None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version!r}, this hexlab reads version {FORMAT_VERSION}: "
            "read it with the hexlab that wrote it, or train it anew"
        )
    if found_kind != kind:
        names = {
            _NETWORK: "a network (read it with network.load)",
            _TREE: "a training state (read it with network.load_tree)",
        }
        expected = names[kind].split(" (")[0]
        raise CheckpointError(f"{path} holds {names.get(str(found_kind), repr(found_kind))}, {expected} was expected")
    if not isinstance(facts.get("metadata"), dict):
        raise _damaged(path, text)
    return facts

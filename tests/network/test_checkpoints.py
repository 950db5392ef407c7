"""Files of parameters and training states: what comes back, and what each broken file is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import optax
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hexlab.errors import CheckpointError, ConfigError
from hexlab.network import checkpoints
from hexlab.network.checkpoints import find_snapshot, load, load_tree, save, save_tree
from hexlab.network.evaluator import NetworkEvaluator
from hexlab.network.model import Architecture, init_params
from hexlab.rules import Boards

ARCHITECTURE = Architecture(3, 4, 2)
DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]


@pytest.fixture
def params():
    return init_params(ARCHITECTURE, 0)


@pytest.fixture
def saved(tmp_path, params):
    path = tmp_path / "net.safetensors"
    save(path, ARCHITECTURE, params, {"run": "abc", "snapshot": 3, "train_flops": 1.5e9})
    return path


def equal(left, right):
    """Equal trees of bitwise equal arrays."""
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert (np.asarray(a).dtype, np.shape(a)) == (np.asarray(b).dtype, np.shape(b))
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


class TestNetworks:
    def test_a_network_comes_back_with_what_was_said_of_it(self, saved, params):
        net = load(saved, batch=64)
        assert net.architecture == ARCHITECTURE
        assert net.metadata == {"run": "abc", "snapshot": 3, "train_flops": 1.5e9}
        assert net.batch == 64
        equal(jax.tree.map(np.asarray, net.params), params)
        assert net(Boards.empty(3, 2)).logits.shape == (2, 9)

    def test_arrays_are_named_by_their_path_and_readable_without_hexlab(self, saved, params):
        named = safetensors.numpy.load_file(saved)
        assert {"intake.kernel", "blocks.1.scale", "policy.bias", "value.kernel"} <= named.keys()
        np.testing.assert_array_equal(named["blocks.1.kernel"], params["blocks"]["1"]["kernel"])

    def test_device_arrays_save_as_host_arrays_do(self, saved, tmp_path, params):
        save(tmp_path / "device", ARCHITECTURE, jax.device_put(params), {"train_flops": 1.5e9, "snapshot": 3, "run": "abc"})
        assert (tmp_path / "device").read_bytes() == saved.read_bytes()

    def test_half_precision_takes_half_the_bytes_and_keeps_three_digits(self, tmp_path):
        architecture = Architecture(5, 64, 4)
        params = init_params(architecture, 0)
        whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
        save(whole, architecture, params)
        save(half, architecture, params, half=True)
        assert half.stat().st_size < 0.55 * whole.stat().st_size
        rounded = jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), params)
        equal(jax.tree.map(np.asarray, load(half).params), rounded)
        for near, exact in zip(jax.tree.leaves(rounded), jax.tree.leaves(params), strict=True):
            np.testing.assert_allclose(near, exact, rtol=1e-3, atol=1e-7)

    def test_what_half_precision_cannot_hold_is_not_saved(self, tmp_path, params):
        large = jax.tree.map(lambda leaf: np.full_like(leaf, 7e4), params)
        with pytest.raises(CheckpointError, match=r"cannot save .*net in half precision, for a parameter is beyond 65504"):
            save(tmp_path / "net", ARCHITECTURE, large, half=True)
        assert not (tmp_path / "net").exists()

    def test_parameters_of_another_network_are_not_saved(self, tmp_path, params):
        with pytest.raises(CheckpointError, match=r"cannot save .* as a 3x3 4x1 network: blocks.1.bias is not part"):
            save(tmp_path / "net", Architecture(3, 4, 1), params)
        assert list(tmp_path.iterdir()) == []

    def test_a_number_of_pythons_own_is_no_parameter(self, tmp_path, params):
        odd = {**params, "blocks": {**params["blocks"], "0": {**params["blocks"]["0"], "scale": 0.0}}}
        with pytest.raises(CheckpointError, match=r"cannot save .*: blocks.0.scale holds float where float32 is expected"):
            save(tmp_path / "net", ARCHITECTURE, odd)
        with pytest.raises(ConfigError, match=r"not the parameters of a .* network: blocks.0.scale holds float where"):
            NetworkEvaluator(ARCHITECTURE, odd)

    def test_metadata_must_be_json(self, tmp_path, params):
        for metadata in ({"path": Path()}, {"elo": float("nan")}):
            with pytest.raises(CheckpointError, match=r"metadata for .* is not JSON"):
                save(tmp_path / "net", ARCHITECTURE, params, metadata)
        assert list(tmp_path.iterdir()) == []


class TestRunFolders:
    @pytest.fixture
    def run(self, tmp_path):
        (tmp_path / "snapshots").mkdir()
        for index in (0, 1, 2, 10):
            save(tmp_path / "snapshots" / f"{index:03d}.safetensors", ARCHITECTURE, init_params(ARCHITECTURE, index), {"snapshot": index})
        (tmp_path / "snapshots" / ".011.safetensors.77.partial").write_bytes(b"a killed process left this")
        return tmp_path

    def test_the_newest_snapshot_is_read_unless_another_is_asked_for(self, run):
        assert load(run).metadata == {"snapshot": 10}
        assert load(str(run)).metadata == {"snapshot": 10}
        assert load(run, snapshot=0).metadata == {"snapshot": 0}
        equal(jax.tree.map(np.asarray, load(run, snapshot=2).params), init_params(ARCHITECTURE, 2))
        assert [find_snapshot(run).name, find_snapshot(str(run), 0).name] == ["010.safetensors", "000.safetensors"]

    def test_a_missing_snapshot_is_told_with_those_there_are(self, run):
        with pytest.raises(CheckpointError, match=r"holds no snapshot 3: it has 0, 1, 2, 10"):
            load(run, snapshot=3)
        (run / "snapshots" / "010.safetensors").unlink()
        with pytest.raises(CheckpointError, match=r"holds no snapshot -1: it has 0 to 2"):
            load(run, snapshot=-1)

    def test_a_folder_without_snapshots_is_told(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"holds no snapshots: give a .safetensors file, or the folder of a run"):
            load(tmp_path)

    def test_a_snapshot_of_a_file_is_refused(self, saved):
        with pytest.raises(CheckpointError, match=r"snapshot 1 was asked of .*net.safetensors, which is not the folder of a run"):
            load(saved, snapshot=1)


def rewrite(path, **changes):
    """Change what a file says about itself."""
    named = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        facts = json.loads(file.metadata()["hexlab"])
    safetensors.numpy.save_file(named, path, metadata={"hexlab": json.dumps(facts | changes)})


class TestBrokenFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"nothing.safetensors is not there: give the path"):
            load(tmp_path / "nothing.safetensors")
        with pytest.raises(CheckpointError, match="is not there"):
            load_tree(tmp_path)

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
    def test_truncated(self, saved, share):
        whole = saved.read_bytes()
        saved.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(CheckpointError, match=rf"truncated or not a safetensors file .*{int(len(whole) * share)} bytes found"):
            load(saved)

    @pytest.mark.parametrize("content", [b"not a network at all", b"\x80\x04\x95pickle", b"\xff" * 64, b"\x02" + b"\x00" * 7 + b"{}"])
    def test_foreign_bytes(self, tmp_path, content):
        (tmp_path / "foreign").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"foreign is"):
            load(tmp_path / "foreign")

    def test_a_pickle_is_not_executed(self, tmp_path):
        trap = tmp_path / "sprung"
        (tmp_path / "evil").write_bytes(b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
        with pytest.raises(CheckpointError):
            load(tmp_path / "evil")
        assert not trap.exists()

    def test_safetensors_of_another_program(self, tmp_path):
        safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "foreign", metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=r"hexlab did not write it: its metadata has no key 'hexlab'"):
            load(tmp_path / "foreign")

    def test_another_version(self, saved):
        rewrite(saved, version=7)
        with pytest.raises(CheckpointError, match=r"has format version 7, this hexlab reads version 1: read it with"):
            load(saved)

    def test_another_kind(self, saved, tmp_path):
        save_tree(tmp_path / "state", {"a": np.zeros(1)})
        with pytest.raises(
            CheckpointError, match=r"state holds a training state \(read it with network.load_tree\), a network was expected"
        ):
            load(tmp_path / "state")
        with pytest.raises(CheckpointError, match=r"holds a network \(read it with network.load\), a training state was expected"):
            load_tree(saved)

    def test_another_size_than_it_says(self, saved):
        rewrite(saved, architecture={"size": 4, "width": 4, "depth": 2})
        expected = r"says that it holds a 4x4 4x2 network, but intake.kernel has shape \[18, 4\] where a 4x4 4x2 network has \[32, 4\]"
        with pytest.raises(CheckpointError, match=expected):
            load(saved)

    @pytest.mark.parametrize(
        "architecture", [None, {}, {"size": 3}, {"size": "3", "width": 4, "depth": 2}, {"size": 99, "width": 4, "depth": 2}]
    )
    def test_no_architecture(self, saved, architecture):
        rewrite(saved, architecture=architecture)
        with pytest.raises(CheckpointError, match="does not say which network it holds"):
            load(saved)

    @pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"version": 1}', '{"kind": "network", "version": 1}'])
    def test_damaged_metadata(self, saved, text):
        named = safetensors.numpy.load_file(saved)
        safetensors.numpy.save_file(named, saved, metadata={"hexlab": text})
        with pytest.raises(CheckpointError, match=r"metadata of .* is damaged"):
            load(saved)

    @pytest.mark.parametrize("metadata", [None, [1, 2], "text"])
    def test_metadata_that_is_no_object(self, saved, tmp_path, metadata):
        rewrite(saved, metadata=metadata)
        with pytest.raises(CheckpointError, match=r"metadata of .* is damaged"):
            load(saved)
        save_tree(tmp_path / "state", {"a": np.zeros(1)})
        rewrite(tmp_path / "state", metadata=metadata)
        with pytest.raises(CheckpointError, match=r"metadata of .* is damaged"):
            load_tree(tmp_path / "state")

    @pytest.mark.parametrize("kind", [["tree"], {"tree": 1}, None, 7])
    def test_a_kind_that_is_no_word(self, saved, kind):
        rewrite(saved, kind=kind)
        with pytest.raises(CheckpointError, match=r"net.safetensors holds .*, a training state was expected"):
            load_tree(saved)

    @pytest.mark.parametrize("names", [("a", "a.b"), ("a", "a.b.c"), ("a.b", "a.b.c")])
    def test_an_array_in_an_array(self, tmp_path, names):
        save_tree(tmp_path / "state", {"x": np.zeros(1)})
        with safetensors.safe_open(tmp_path / "state", framework="numpy") as file:
            metadata = file.metadata()
        safetensors.numpy.save_file({name: np.zeros(2) for name in names}, tmp_path / "state", metadata=metadata)
        with pytest.raises(CheckpointError, match=rf"state is damaged: '{names[1]}' lies in '.', which is an array"):
            load_tree(tmp_path / "state")


class Moments(NamedTuple):
    count: np.ndarray
    mean: dict


class TestTrees:
    def test_every_common_type_comes_back_bit_for_bit(self, tmp_path):
        random = np.random.default_rng(0)
        tree = {
            "replay": {dtype: random.integers(0, 2, (3, 5)).astype(dtype) for dtype in DTYPES},
            "scalar": np.array(7, np.uint64),
            "largest": np.array([2**64 - 1], np.uint64),
            "odd": np.array([np.nan, -0.0, np.inf, 5e-324]),
            "empty": np.zeros((0, 25), np.int8),
        }
        save_tree(tmp_path / "state", tree, {"iteration": 3, "games": 2**60, "rate": 0.1})
        found, metadata = load_tree(tmp_path / "state")
        equal(found, tree)
        assert metadata == {"iteration": 3, "games": 2**60, "rate": 0.1}

    def test_optimizer_leaves_are_named_by_their_path(self, tmp_path, params):
        state = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam()).init(params)
        save_tree(tmp_path / "state", {"optimizer": state, "groups": [Moments(np.ones(1), {"x": np.zeros(2)})]})
        named = safetensors.numpy.load_file(tmp_path / "state")
        assert {"optimizer.1.count", "optimizer.1.mu.blocks.0.kernel", "optimizer.1.nu.value.bias"} <= named.keys()
        assert {"groups.0.count", "groups.0.mean.x"} <= named.keys()
        tree, _ = load_tree(tmp_path / "state")
        equal(type(state[1])(**tree["optimizer"]["1"]), jax.tree.map(np.asarray, state[1]))

    @pytest.mark.parametrize("shape", [(0, 3), (5, 3), (7,), (100_000, 25)])
    def test_large_arrays_are_read_into_given_memory(self, tmp_path, shape):
        stored = np.random.default_rng(0).integers(0, 2**16, shape).astype(np.uint16)
        save_tree(tmp_path / "state", {"replay": {"policy": stored, "value": np.ones(2)}})
        room = np.full((shape[0] + 2, *shape[1:]), 9, np.uint16)
        tree, _ = load_tree(tmp_path / "state", into={"replay.policy": room, "not.there": room})
        equal(tree, {"replay": {"policy": stored, "value": np.ones(2)}})
        assert np.shares_memory(tree["replay"]["policy"], room) == (stored.size > 0)
        assert (room[shape[0] :] == 9).all()

    @pytest.mark.parametrize(
        ("room", "message"),
        [
            (np.zeros((4, 3), np.uint8), r"'a' of shape \[5, 3\], which does not fit into \[4, 3\]: it belongs to other settings"),
            (np.zeros((5, 2), np.uint8), r"does not fit into \[5, 2\]"),
            (np.zeros(5, np.uint8), r"does not fit into \[5\]"),
            (np.zeros((5, 3), np.uint16), r"state holds 'a' as uint8, expected uint16: the file is damaged"),
        ],
    )
    def test_memory_that_does_not_fit_is_told(self, tmp_path, room, message):
        save_tree(tmp_path / "state", {"a": np.ones((5, 3), np.uint8)})
        with pytest.raises(CheckpointError, match=message):
            load_tree(tmp_path / "state", into={"a": room})
        assert not room.any()

    def test_loaded_arrays_can_be_changed(self, tmp_path):
        save_tree(tmp_path / "state", {"a": np.arange(4)})
        tree, _ = load_tree(tmp_path / "state")
        tree["a"][0] = 9
        assert tree["a"].tolist() == [9, 1, 2, 3]

    @pytest.mark.parametrize(
        "array",
        [
            np.arange(12, dtype=np.float32).reshape(3, 4).T,
            np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2],
            np.arange(12)[::-1],
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.broadcast_to(np.arange(3, dtype=np.int8), (4, 3)),
            np.arange(5, dtype=">i4"),
        ],
        ids=["transposed", "strided", "reversed", "fortran", "broadcast", "big-endian"],
    )
    def test_arrays_that_are_not_contiguous_are_not_scrambled(self, tmp_path, array):
        save_tree(tmp_path / "state", {"a": array})
        np.testing.assert_array_equal(load_tree(tmp_path / "state")[0]["a"], array)

    @settings(max_examples=40, deadline=None)
    @given(
        st.dictionaries(
            st.text("abc_", min_size=1, max_size=4),
            arrays.arrays(st.sampled_from(DTYPES), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
            min_size=1,
            max_size=4,
        )
    )
    def test_any_tree_comes_back(self, tmp_path_factory, tree):
        path = tmp_path_factory.getbasetemp() / "any"
        save_tree(path, {"branch": tree})
        equal(load_tree(path)[0], {"branch": tree})

    def test_the_bytes_are_the_same_in_every_process(self, tmp_path):
        code = (
            "import sys, numpy as np; from hexlab.network import save_tree\n"
            "save_tree(sys.argv[1], {name: np.arange(5.0) for name in 'hgfedcba'}, {name: ord(name) for name in 'hgfedcba'})\n"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, timeout=120)
        save_tree(tmp_path / "this", {name: np.arange(5.0) for name in "abcdefgh"}, {name: ord(name) for name in "abcdefgh"})
        first = (tmp_path / "this").read_bytes()
        assert first == (tmp_path / "other").read_bytes()
        header = json.loads(first[8 : 8 + int.from_bytes(first[:8], "little")])
        assert list(header["__metadata__"]) == ["hexlab"]

    @pytest.mark.parametrize(
        ("tree", "message"),
        [
            ({"a.b": np.zeros(1)}, r"name 'a.b' of an array cannot be stored"),
            ({"": np.zeros(1)}, r"name '' of an array cannot be stored"),
            (np.zeros(1), r"name '' of an array cannot be stored"),
            ({"a": np.zeros(1, complex)}, r"array 'a' of type complex128 cannot be stored"),
            ({"a": "text"}, r"array 'a' of type <U4 cannot be stored"),
            ({"a": np.array([{}])}, r"array 'a' of type object cannot be stored"),
        ],
    )
    def test_leaves_that_cannot_be_stored_are_refused(self, tmp_path, tree, message):
        with pytest.raises(CheckpointError, match=message):
            save_tree(tmp_path / "state", tree)
        assert list(tmp_path.iterdir()) == []


class TestAtomicWriting:
    def test_a_file_that_exists_is_replaced_whole_and_nothing_else_is_left(self, tmp_path):
        for number in range(3):
            save_tree(tmp_path / "state", {"a": np.full(10 - number, number)})
        assert load_tree(tmp_path / "state")[0]["a"].tolist() == [2] * 8
        assert [path.name for path in tmp_path.iterdir()] == ["state"]

    def test_a_write_that_fails_keeps_the_old_file(self, tmp_path, monkeypatch):
        save_tree(tmp_path / "state", {"a": np.zeros(3)})
        before = (tmp_path / "state").read_bytes()

        def fail(handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoints.os, "fsync", fail)
        with pytest.raises(CheckpointError, match=r"cannot write .*state.*No space left on device.*check that its folder"):
            save_tree(tmp_path / "state", {"a": np.ones(3)})
        assert (tmp_path / "state").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["state"]

    def test_the_new_file_is_complete_and_on_disk_before_it_takes_the_name(self, tmp_path, monkeypatch):
        steps = []
        real_sync, real_replace = os.fsync, os.replace

        def replace(source, target):
            steps.append("replace")
            assert Path(source).parent == Path(target).parent
            assert load_tree(source)[0]["a"].tolist() == [1, 1, 1]
            real_replace(source, target)

        monkeypatch.setattr(checkpoints.os, "fsync", lambda handle: (steps.append("sync"), real_sync(handle)))
        monkeypatch.setattr(checkpoints.os, "replace", replace)
        save_tree(tmp_path / "state", {"a": np.ones(3, int)})
        assert steps[:2] == ["sync", "replace"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
    @pytest.mark.parametrize("mask", [0o022, 0o077])
    def test_files_are_as_readable_as_any_other_of_their_user(self, tmp_path, mask):
        before = os.umask(mask)
        try:
            save_tree(tmp_path / "state", {"a": np.ones(3)})
        finally:
            os.umask(before)
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o666 & ~mask

    def test_a_folder_that_is_missing_is_told(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"cannot write .*check that its folder exists"):
            save_tree(tmp_path / "no" / "state", {"a": np.zeros(1)})

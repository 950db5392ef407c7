"""One thread a caller, and the same bits on any number of cores; each case in a process of its own, since a backend starts once."""

import os
import subprocess
import sys
import textwrap

import jax
import pytest

from hexlab.network import backend

GRADIENTS = """
    import hashlib, os, sys
    cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[1])]
    os.sched_setaffinity(0, cores)
    import hexlab.network as network
    import jax, jax.numpy as jnp, numpy as np

    architecture = network.Architecture(5, 128, 1)
    params = network.init_params(architecture, 0)
    for block in params["blocks"].values():
        block["scale"] = np.array(0.5, np.float32)
    random = np.random.default_rng(0)
    planes = (random.random((1024, 50)) < 0.3).astype(np.float32)
    targets = random.random((1024, 25)).astype(np.float32)

    @jax.jit
    def gradient(params):
        def loss(params):
            logits, values = network.apply(params, planes)
            return jnp.mean(jnp.square(values)) - jnp.mean(jnp.sum(targets * jax.nn.log_softmax(logits), axis=1))
        return jax.grad(loss)(params)

    leaves = jax.tree.leaves(gradient(params))
    print(len(cores), hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest())
"""

IMPORT_AND_CALL = """
    import os, time
    import hexlab.network as network
    from hexlab.network.backend import backend_started
    from hexlab.rules import Boards
    import jax

    architecture = network.Architecture(9, 512, 1)
    params = network.init_params(architecture, 0)
    print(backend_started(), os.environ["NPROC"], jax.config.read("jax_cpu_enable_async_dispatch"), jax.config.jax_num_cpu_devices)
    judge = network.NetworkEvaluator(architecture, params)
    boards = Boards.empty(9, 256)
    judge(boards)
    thread, process = time.thread_time(), time.process_time()
    for _ in range(50):
        judge(boards)
    print(time.thread_time() - thread, time.process_time() - process)
    print(backend_started())
"""


def start(code, *arguments, warnings="error"):
    """Start a program in a new interpreter, without the settings that this one has made."""
    clean = {key: value for key, value in os.environ.items() if key != "NPROC"}
    command = [sys.executable, "-W", warnings, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """Return what it printed."""
    printed, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return printed.strip(), complaints


def test_importing_starts_no_backend_and_calls_run_on_the_callers_thread():
    settings, times, started = finish(start(IMPORT_AND_CALL))[0].splitlines()
    assert settings == "False 1 False -1"
    thread, process = map(float, times.split())
    assert process > 0.02
    assert thread > 0.7 * process  # a pool of threads would leave the caller idle
    assert started == "True"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to cores")
def test_gradients_are_the_same_bits_on_one_core_and_on_four():
    available = len(os.sched_getaffinity(0))
    if available < 2:
        pytest.skip("one core cannot show what two do")
    processes = [start(GRADIENTS, str(cores)) for cores in (1, 4)]
    (one, first), (more, second) = (finish(process)[0].split() for process in processes)
    assert (int(one), int(more)) == (1, min(4, available))
    assert first == second


def test_a_backend_that_started_before_is_told_once_and_in_words():
    code = """
        import jax
        jax.numpy.zeros(1)
        import hexlab.network, hexlab.network.evaluator
    """
    complaints = finish(start(code, warnings="always::RuntimeWarning"))[1]
    assert complaints.count("RuntimeWarning: ") == 1
    assert "NPROC=(not set) instead of 1 and jax_cpu_enable_async_dispatch=True instead of False" in complaints
    assert "results will not be bit for bit those of other machines" in complaints
    assert "import hexlab.network before the first use of JAX" in complaints


def test_a_backend_that_started_with_these_settings_is_fine():
    jax.devices()
    assert backend.backend_started()
    backend.prepare_backend()  # a warning would be an error


def test_a_number_of_threads_set_by_the_user_is_kept_and_told(monkeypatch):
    monkeypatch.setattr(backend, "backend_started", lambda: False)
    monkeypatch.setenv("NPROC", "3")
    with pytest.warns(RuntimeWarning, match=r"NPROC=3 instead of 1.*unset NPROC"):
        backend.prepare_backend()
    assert os.environ["NPROC"] == "3"


def test_an_accelerator_is_left_in_peace(monkeypatch):
    monkeypatch.setattr(backend, "backend_started", lambda: True)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setenv("NPROC", "16")
    backend.prepare_backend()
    assert os.environ["NPROC"] == "16"

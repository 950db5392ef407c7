"""One thread a caller: how hexlab asks JAX to run on a CPU. Nothing here changes anything on an accelerator.

By default JAX on a CPU spreads one operation over a pool of threads, one for each core, and answers a call before the
work is done. Two settings undo both, and both must be made before JAX starts its backend (its first array or first
compiled call):

* ``NPROC=1`` in the environment gives the pool one thread. Sums are then split in one way whatever the machine, so that
  gradients, and with them whole training runs, come out the same to the last bit on 1 core and on 64.
  (``--xla_cpu_multi_thread_eigen=false`` in ``XLA_FLAGS`` does not do it.)
* ``jax_cpu_enable_async_dispatch=False`` makes a call do its work on the thread that calls. Callers that bring their
  own threads - groups of self-play boards - then do not fight over a pool: two threads of small networks run about
  twice as fast as by default.

Importing `hexlab.network` makes them. It starts no backend.
"""

import os
import warnings

import jax

__all__ = ["backend_started", "prepare_backend"]


def backend_started() -> bool:
    """Tell whether JAX has started a backend already, without starting one.

    JAX refuses to change the number of CPU devices from then on; before, the change is taken back at once.
    """
    devices = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    try:
        jax.config.update("jax_num_cpu_devices", max(devices, 0) + 1)
    except RuntimeError:
        return True
    jax.config.update("jax_num_cpu_devices", devices)
    return False


def prepare_backend() -> None:
    """Ask for one thread a caller, or warn when that comes too late.

    A value of ``NPROC`` that is set already is kept.

    Warns:
        RuntimeWarning: the CPU backend runs, or will run, with other settings. Results are still right, but their last
            bits depend on the number of cores, and threads get into each other's way.
    """
    late = backend_started()
    if late and jax.default_backend() != "cpu":
        return
    if not late:
        os.environ.setdefault("NPROC", "1")
        jax.config.update("jax_cpu_enable_async_dispatch", False)
    found = []
    if os.environ.get("NPROC") != "1":
        found.append(f"NPROC={os.environ.get('NPROC', '(not set)')} instead of 1")
    if jax.config.read("jax_cpu_enable_async_dispatch"):
        found.append("jax_cpu_enable_async_dispatch=True instead of False")
    if not found:
        return
    remedy = (
        "JAX had started before hexlab.network was imported: import hexlab.network before the first use of JAX"
        if late
        else "unset NPROC in the environment, or set it to 1"
    )
    warnings.warn(
        f"JAX runs on the CPU with {' and '.join(found)}: results will not be bit for bit those of other machines, "
        f"and self-play on several threads is slower; {remedy}",
        RuntimeWarning,
        stacklevel=2,
    )

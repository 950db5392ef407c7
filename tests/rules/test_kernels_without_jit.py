import json
import os
import pathlib
import subprocess
import sys

import kernel_probe


def test_kernels_say_the_same_without_compilation():
    """Plain Python checks every index, and numpy every type; compiled code checks none."""
    command = [sys.executable, "-W", "error", str(pathlib.Path(kernel_probe.__file__))]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert plain.returncode == 0, plain.stderr
    assert json.loads(plain.stdout) == kernel_probe.probe()

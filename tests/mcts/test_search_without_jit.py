import json
import os
import pathlib
import subprocess
import sys

import pytest
import search_probe


def test_search_finds_the_same_without_compilation():
    """Plain Python checks every index, and numpy every type; compiled code checks none."""
    command = [sys.executable, "-W", "error", str(pathlib.Path(search_probe.__file__))]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert plain.returncode == 0, plain.stderr
    slow, fast = json.loads(plain.stdout), search_probe.probe()
    assert slow.keys() == fast.keys()
    for name in fast:
        assert slow[name]["exact"] == fast[name]["exact"]
        assert slow[name]["close"] == pytest.approx(fast[name]["close"], abs=1e-6)

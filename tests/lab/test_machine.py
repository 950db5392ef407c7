import json
import subprocess
import sys

from hexlab.lab.machine import machine_facts


def test_facts_are_json_and_plausible():
    facts = json.loads(json.dumps(machine_facts()))
    assert facts["processor"]
    assert facts["cores"] >= 1
    assert facts["memory_gb"] is None or 0.1 < facts["memory_gb"] < 1e5
    assert facts["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert facts["libraries"]["numpy"]
    assert facts["libraries"]["hexlab"]


def test_facts_load_no_library():
    code = "import sys; from hexlab.lab.machine import machine_facts; machine_facts(); print('jax' in sys.modules, 'numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_commit_is_that_of_the_checkout_or_absent():
    commit = machine_facts()["commit"]
    assert commit is None or len(commit.removesuffix("+changes")) == 40

"""Schedulers and workers for tests, each a process of its own on loopback."""

import os
import pathlib
import re
import subprocess
import sys
import threading

import hexlab

PATH = os.pathsep.join([os.path.dirname(__file__), str(pathlib.Path(hexlab.__file__).parents[1])])  # `pass_gate`, and the driver's hexlab


class Processes:
    """A scheduler and its workers, by the commands of the manual; all end with the ``with`` block."""

    def __init__(self, folder, *words):
        self.folder, self.words, self.started, self.readers, self.address = folder, words, [], [], None

    def start(self, *words, until, **environment):
        command = [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", *self.words]
        environment = os.environ | {"PYTHONPATH": PATH} | environment
        child = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)
        self.started.append(child)
        said = []
        for line in child.stderr:
            said.append(line)
            if found := re.search(until, line):
                reader = threading.Thread(target=child.stderr.read)  # so that it never waits for a reader
                reader.start()
                self.readers.append(reader)
                return child, found
        raise AssertionError("".join(said))

    def start_scheduler(self, **environment):
        port = self.address.rpartition(":")[2] if self.address else "0"
        child, found = self.start("scheduler", "--port", port, until=r"Scheduler at:\s+(\S+)", **environment)
        self.address = found[1]
        return child

    def start_worker(self):
        return self.start("worker", self.address, "--nthreads", "1", "--no-nanny", until="Registered to")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.started:
            child.kill()
        for reader in self.readers:
            reader.join()
        for child in self.started:
            child.stderr.close()
            child.wait()

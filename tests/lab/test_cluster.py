"""The executor of a cluster, with real schedulers and workers on loopback, some of which are killed."""

import os
import re
import signal
import socket
import time

import pytest
from cluster_processes import Processes

from hexlab.errors import ClusterError, ConfigError, WorkerError
from hexlab.lab import cluster
from hexlab.lab.cluster import ClusterExecutor, check_address

pytest.importorskip("distributed", reason="needs the extra cluster")

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


class Gate:
    """Where work reports from and waits, so that a test knows that it runs."""

    def __init__(self, server):
        self.server, self.port, self.connections = server, server.getsockname()[1], []

    def admit(self):
        """Return the connection and the process of the next one that comes."""
        connection, _ = self.server.accept()
        self.connections.append(connection)
        return connection, int(connection.recv(16))


def pass_gate(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(str(os.getpid()).encode())
        return connection.recv(16).decode()


@pytest.fixture
def gate():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        gate = Gate(server)
        yield gate
        for connection in gate.connections:
            connection.close()


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory):
    with Processes(tmp_path_factory.mktemp("cluster")) as processes:
        processes.start_scheduler()
        processes.start_worker()
        yield processes.address


def test_calls_run_on_the_workers(one_worker, tmp_path):
    with ClusterExecutor(one_worker, tmp_path) as executor:
        assert (executor.workers, executor.remark()) == (1, "")
        assert list(executor.map(pow, [2, 3], [5, 2])) == [32, 9]
        assert executor.submit(os.getpid).result() != os.getpid()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(os.getpid)


def test_errors_arrive_as_what_they_are(one_worker, tmp_path):
    with ClusterExecutor(one_worker, tmp_path) as executor:
        with pytest.raises(ConfigError, match="cluster 'nowhere' is not the address"):
            executor.submit(check_address, "nowhere").result()
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()


def test_workers_of_another_version_are_refused(one_worker, tmp_path, monkeypatch):
    (_, python), (_, ours), *libraries = cluster._versions()
    monkeypatch.setattr(cluster, "_versions", lambda: (("python", python), ("hexlab", "9.9.9"), *libraries))
    with pytest.raises(ClusterError, match=rf"the worker on .* runs hexlab {re.escape(ours)}, the driver 9\.9\.9: install the same"):
        ClusterExecutor(one_worker, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_workers_that_do_not_see_the_folder_are_refused(one_worker, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_SHARED_SECONDS", 0.0)
    monkeypatch.setattr(cluster, "write_whole", lambda path, content: path.write_text("what another computer has at this path"))
    with pytest.raises(ClusterError, match=rf"the worker on .* does not see {tmp_path} of the driver: put the folder .* share"):
        ClusterExecutor(one_worker, tmp_path)


def test_who_leaves_waits_for_nobody(one_worker, tmp_path, gate):
    executor = ClusterExecutor(one_worker, tmp_path)
    begun, waiting = (executor.submit(pass_gate, gate.port) for _ in range(2))
    gate.admit()
    executor.shutdown(wait=False)
    assert begun.cancelled()
    assert waiting.cancelled()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1:80", "tcp://127.0.0.1:0", "tcp://a b:80", ""])
def test_what_is_no_address_is_refused(tmp_path, address):
    with pytest.raises(ConfigError, match=f"cluster {address!r} is not the address of a scheduler: write it as tcp://HOST:PORT"):
        check_address(address)


def test_an_address_may_be_of_either_kind():
    assert check_address("tls://node7.example.org:8786") == ("node7.example.org", 8786)
    assert check_address("tcp://[::1]:8786") == ("::1", 8786)


def test_a_scheduler_that_is_not_there_is_told_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClusterError, match=rf"no scheduler answers at tcp://127\.0\.0\.1:{port} .*: start one with `dask sch"):
        ClusterExecutor(f"tcp://127.0.0.1:{port}", tmp_path)


@needs_kill
def test_work_outlives_its_worker_and_its_scheduler(tmp_path, gate):
    with Processes(tmp_path) as processes:
        scheduler = processes.start_scheduler()
        workers = {processes.start_worker().pid, processes.start_worker().pid}
        with ClusterExecutor(processes.address, tmp_path) as executor:
            future = executor.submit(pass_gate, gate.port)
            _, first = gate.admit()
            os.kill(first, signal.SIGKILL)
            _, second = gate.admit()
            assert {first, second} == workers

            scheduler.kill()
            scheduler.wait()
            processes.start_scheduler()
            third = processes.start_worker()
            connection, process = gate.admit()
            assert process == third.pid
            connection.sendall(b"done")
            assert future.result() == "done"


@needs_kill
def test_work_that_kills_its_workers_and_a_scheduler_that_stays_away_are_told(tmp_path, gate):
    with Processes(tmp_path) as processes:
        scheduler = processes.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
        worker = processes.start_worker()
        with ClusterExecutor(processes.address, tmp_path, patience=1) as executor:
            future = executor.submit(pass_gate, gate.port)
            gate.admit()
            worker.kill()
            with pytest.raises(WorkerError, match=r"1 workers died at it, the last at tcp://127\.0\.0\.1:\d+, most often for"):
                future.result()
            while executor.workers:
                time.sleep(0.01)
            assert executor.remark() == f"no workers: start some with `dask worker {processes.address} --nthreads 1 --host HOST`"
            future = executor.submit(pass_gate, gate.port)
            scheduler.kill()
            with pytest.raises(ClusterError, match="was gone for 1 s: start it and its workers, and repeat the command"):
                future.result()
            with pytest.raises(ClusterError, match="was gone"):
                executor.submit(os.getpid).result()

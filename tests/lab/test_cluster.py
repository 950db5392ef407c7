"""The executor of a cluster, with real schedulers and workers on loopback, some of which are killed."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from cluster_processes import PATH, Processes

from hexlab.errors import ClusterError, ConfigError, WorkerError
from hexlab.lab import cluster
from hexlab.lab.cluster import ClusterExecutor, Share, check_address, check_scheduler
from hexlab.lab.machine import machine_facts
from hexlab.system import count_cores

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
dask = pytest.importorskip("dask")

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")
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
    ours = dict(cluster._versions())
    for name in ("hexlab", "optax"):
        monkeypatch.setattr(cluster, "_versions", lambda name=name: tuple((ours | {name: "9.9.9"}).items()))
        told = rf"the worker on .* runs {name} {re.escape(ours[name])}, the driver 9\.9\.9: install the same"
        with pytest.raises(ClusterError, match=told):
            ClusterExecutor(one_worker, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_workers_with_other_modules_of_the_same_version_are_refused(one_worker, tmp_path, monkeypatch):
    copy = tmp_path / "hexlab"
    shutil.copytree(pathlib.Path(cluster.__file__).parents[1], copy, ignore=shutil.ignore_patterns("data", "static", "__pycache__"))
    monkeypatch.setattr(cluster, "__file__", str(copy / "lab" / "cluster.py"))
    cluster._hash_code.cache_clear()
    ours = dict(cluster._versions())
    with (copy / "errors.py").open("a", newline="") as module:
        module.write("# changed\r\n")
    try:
        assert dict(cluster._versions()) == ours, "a process goes on with what it began with"
        cluster._hash_code.cache_clear()
        theirs = cluster._hash_code()
        told = rf"the worker on .* runs other modules of hexlab than the driver.* \(hash {ours['code']}, the driver's {theirs}\): bring"
        with pytest.raises(ClusterError, match=told):
            ClusterExecutor(one_worker, tmp_path)
        for path in copy.rglob("*.py"):
            path.write_bytes(path.read_bytes().replace(b"# changed\r\n", b"").replace(b"\n", b"\r\n"))
        cluster._hash_code.cache_clear()
        with ClusterExecutor(one_worker, tmp_path) as executor:
            assert executor.submit(abs, -1).result() == 1, "ends of lines do not matter"
    finally:
        cluster._hash_code.cache_clear()


def test_the_workers_are_counted_and_described(one_worker, tmp_path):
    with ClusterExecutor(one_worker, tmp_path) as executor:
        assert executor.machines == [machine_facts()]
        assert executor.share.cores == count_cores(), "it is alone there"
        assert executor.most_workers == 0
        assert (executor.workers, executor.most_workers) == (1, 1)


def test_workers_of_one_computer_share_its_cores_and_its_memory():
    """The computer with least for each decides, for a network may be trained on any."""
    large, small = {"cores": 16, "memory_gb": 64.0}, {"cores": 4, "memory_gb": None}
    assert cluster._divide([("one", large, 1)] * 2) == Share(8, 32 * 10**9)
    assert cluster._divide([("one", large, 1), ("two", large, 1)]) == Share(16, 64 * 10**9)
    assert cluster._divide([("one", large, 4), ("two", small, 1)]) == Share(4, 16 * 10**9)
    assert cluster._divide([("two", small, 1)] * 5) == Share(1, None)
    assert cluster._divide([]) == Share(1, None)


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


def test_an_address_may_have_a_name_or_numbers():
    assert check_address("tcp://node7.example.org:8786") == ("node7.example.org", 8786)
    assert check_address("tcp://[::1]:8786") == ("::1", 8786)


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    """Files of a key and its certificate, which the settings name."""
    files = {name: tmp_path / f"{name}.pem" for name in ("cert", "key")}
    words = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=hexlab", "-keyout", files["key"], "-out", files["cert"]]
    subprocess.run(["openssl", "req", "-x509", *words], check=True, capture_output=True)
    name_certificates(monkeypatch, files["cert"], files["cert"], files["key"])
    return files


def name_certificates(monkeypatch, ca_file, cert, key):
    told = {"ca-file": ca_file and str(ca_file), "client": {"cert": cert and str(cert), "key": key and str(key)}}
    settings = dask.config.get("distributed.comm")
    monkeypatch.setitem(settings, "tls", settings["tls"] | told)


@needs_openssl
def test_missing_certificates_are_told_by_setting_variable_and_file(certificate, tmp_path, monkeypatch):
    cert, key, address = certificate["cert"], certificate["key"], "tls://127.0.0.1:8786"
    assert check_address(address) == ("127.0.0.1", 8786)
    ca_variable, variable = "DASK_DISTRIBUTED__COMM__TLS__CA_FILE", "DASK_DISTRIBUTED__COMM__TLS__CLIENT__"
    for files, told in (
        ((None, cert, key), f"dask's setting distributed.comm.tls.ca-file names none: set {ca_variable} to a"),
        ((cert, None, key), f"dask's setting distributed.comm.tls.client.cert names none: set {variable}CERT to a file"),
        ((cert, cert, tmp_path / "no.pem"), f"no.pem' of dask's setting distributed.comm.tls.client.key is no file: set {variable}KEY to"),
        ((cert, cert, cert), "those of dask's settings distributed.comm.tls cannot be used ("),
        ((cert, cert, None), "those of dask's settings distributed.comm.tls cannot be used ("),
    ):
        name_certificates(monkeypatch, *files)
        with pytest.raises(ConfigError, match=f"cluster '{address}' needs certificates.*{re.escape(told)}"):
            check_address(address)


@needs_openssl
def test_a_scheduler_with_certificates_is_found_and_spoken_to(certificate, tmp_path):
    words = ["--tls-ca-file", certificate["cert"], "--tls-cert", certificate["cert"], "--tls-key", certificate["key"]]
    with Processes(tmp_path, *map(str, words)) as processes:
        processes.start_scheduler(DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME="tls")
        assert processes.address.startswith("tls://")
        processes.start_worker()
        with ClusterExecutor(processes.address, tmp_path) as executor:
            assert executor.submit(abs, -1).result() == 1
        with pytest.raises(ClusterError, match=r"is no scheduler of dask that this process may talk to \(.*\): check host and port"):
            check_scheduler(processes.address.replace("tls", "tcp"))


def test_a_scheduler_that_is_not_there_is_told_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = f"dask scheduler --host 127.0.0.1 --port {port} --dashboard-address 127.0.0.1:8787"
    with pytest.raises(ClusterError, match=rf"no scheduler answers at tcp://127\.0\.0\.1:{port} .*: start one with `{command}`"):
        ClusterExecutor(f"tcp://127.0.0.1:{port}", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_an_address_is_told():
    with pytest.raises(ClusterError, match=r"answers at tcp://no\.invalid:8786, for 'no.invalid' has no address .*: check the host name"):
        check_scheduler("tcp://no.invalid:8786")


def test_commands_that_are_advised_are_those_of_the_page():
    page = (pathlib.Path(__file__).parents[2] / "notebooks/guide/cluster.md").read_text(encoding="utf-8").replace("\\\n", " ")
    written = {" ".join(line.split()) for line in page.splitlines()}
    assert cluster._scheduler_command("tcp://127.0.0.1:8786") in written
    assert cluster._worker_command("tcp://127.0.0.1:8786") in written
    assert cluster._scheduler_command("tls://10.0.0.1:8786") in written
    assert cluster._worker_command("tls://10.0.0.1:8786").replace("HOST", "10.0.0.2").replace("workers 4", "workers 32") in written


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-OpenSSH_9.0\r\n"])
def test_who_answers_and_is_no_scheduler_is_told_soon(tmp_path, monkeypatch, says):
    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server, says), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        reason = ".+" if says else "nothing came back within 1 s"
        with pytest.raises(ClusterError, match=rf"what answers at {address} is no scheduler of dask .* \({reason}\): check host"):
            ClusterExecutor(address, tmp_path)
    assert list(tmp_path.iterdir()) == []


def greet(server, says):
    """Say the same to everyone, and nothing more."""
    heard = []
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):  # the server is closed
        while True:
            heard.append(stack.enter_context(server.accept()[0]))
            with contextlib.suppress(OSError):  # gone again
                heard[-1].sendall(says)


def test_the_address_of_a_worker_is_none_of_a_scheduler(one_worker):
    with distributed.Client(one_worker, set_as_default=False) as client:
        [worker] = client.scheduler_info(n_workers=-1)["workers"]
    with pytest.raises(ClusterError, match=f"what answers at {worker} is no scheduler of dask but a Worker: give the address that"):
        check_scheduler(worker)


INTERRUPTED = """
import pathlib, sys
from hexlab.lab import cluster

cluster.check_scheduler = lambda address: print("connecting", flush=True)  # it answers, and falls silent
cluster._CONNECT_SECONDS = 1.0
try:
    cluster.ClusterExecutor(sys.argv[1], pathlib.Path.cwd())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_an_interrupt_while_it_connects_ends_the_process(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server, b""), daemon=True).start()
        command = [sys.executable, "-c", INTERRUPTED, f"tcp://127.0.0.1:{server.getsockname()[1]}"]
        environment = os.environ | {"PYTHONPATH": PATH}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == "connecting\n"
            time.sleep(1)
            child.send_signal(signal.SIGINT)
            try:
                assert child.communicate(timeout=30)[0] == "interrupted\n"
            finally:
                child.kill()
    assert list(tmp_path.iterdir()) == []


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
            assert executor.remark() == f"no workers: start some with `{cluster._worker_command(processes.address)}`"
            future = executor.submit(pass_gate, gate.port)
            scheduler.kill()
            with pytest.raises(ClusterError, match="was gone for 1 s: start it and its workers, and repeat the command"):
                future.result()
            with pytest.raises(ClusterError, match="was gone"):
                executor.submit(os.getpid).result()

"""For the tests of the page: a server on a thread, what a page would send to it, and a folder with a run and a tournament."""

import contextlib
import json
import re
import socket
import threading
import time

import httpx
import numpy as np

from hexlab.app.web.server import PageServer, create_app

TOKEN = "token-of-the-tests"


@contextlib.contextmanager
def serve(runs):
    """Serve a folder of runs and yield the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = PageServer(create_app(runs, token=TOKEN))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


class Page:
    """What the page asks the server."""

    def __init__(self, address):
        self.http = httpx.Client(base_url=address, headers={"x-hexlab-token": TOKEN}, timeout=120)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.http.close()

    def get(self, path, **options):
        return self.http.get(path, **options)

    def post(self, path, body=None, **options):
        return self.http.post(path, json={} if body is None else body, **options)

    def start(self, **options):
        answer = self.post("/api/games", {"agent": "rollouts", "size": 4, "simulations": 8} | options)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def events(self, path, body=None):
        """Return all events of a stream that ends, as (event, data)."""
        with self.http.stream("GET" if body is None else "POST", path, json=body) as answer:
            return read_events("".join(answer.iter_text()))

    def play(self, game, move):
        """Play a move and return the game after the agent's answer."""
        return self.events(f"/api/games/{game['id']}/moves", {"move": move})[-1][1]


def read_events(text):
    return [(event, json.loads(data)) for event, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)]


def write_run(folder, size=3, seed=0, snapshots=2):
    """Leave what a run of a few seconds leaves: two snapshots of untrained networks, metrics, health and two games."""
    from hexlab import network
    from hexlab.rules import sgf

    (folder / "snapshots").mkdir(parents=True)
    (folder / "games").mkdir()
    settings = {"size": size, "width": 8, "depth": 1, "seed": seed, "simulations": 16, "recipe": "puct"}
    (folder / "config.json").write_text(json.dumps(settings))
    architecture = network.Architecture(size, 8, 1)
    with (folder / "snapshots.jsonl").open("w") as rows:
        for number in range(snapshots):
            network.save(folder / "snapshots" / f"{number:03d}.safetensors", architecture, network.init_params(architecture, number))
            print(json.dumps({"run": f"key{seed}", "snapshot": number, "samples": 1000 * number}), file=rows)
    with (folder / "metrics.jsonl").open("w") as rows:
        for iteration in range(1, 11):
            row = {"iteration": iteration, "iterations": 10, "samples": 100 * iteration, "games": 7 * iteration}
            print(json.dumps(row | {"policy_loss": 2 / iteration}), file=rows)
    (folder / "health.jsonl").write_text(json.dumps({"snapshot": 1, "blunders": {"count": 3, "total": 12}}) + "\n")
    games = [sgf.Game(size, "b2 a1 b1 c1 b3"), sgf.Game(size, "a1 b2 c1 b1 c3 b3")]
    (folder / "games" / "001.sgf").write_text("".join(map(sgf.write, games)))


def write_tables(folder, run="key0", size=3):
    """Leave the tables of a small tournament: two snapshots of a run against perfect play."""
    from hexlab import records
    from hexlab.scaling.tables import Tables

    agents = ["key0/0@16", "key0/1@16", f"perfect-{size}"]
    rng = np.random.default_rng(0)
    pairings = []
    for first, second, wins in ((0, 1, 2), (0, 2, 1), (1, 2, 4)):
        for half in (0, 1):
            won = wins + int(rng.integers(2))
            pairings.append(records.Pairing(size, agents[first], agents[second], half, won, 5, 4, 12 - won))
    run_row = {field: "" for field in ("preset",) if field in records.Run.__dataclass_fields__}
    Tables(
        runs=(records.Run(run, size, 8, 1, 0, 200, 16, "{}", **run_row),),
        snapshots=tuple(records.Snapshot(run, number, 1, 1, 1.0, 1.0, 10.0 ** (8 + number), 10.0 ** (8 + number)) for number in (0, 1)),
        agents=(
            *(records.Agent(agents[number], size, "snapshot", run, number, 16, 100.0) for number in (0, 1)),
            records.Agent(agents[2], size, "perfect", "", -1, 0, 0.0),
        ),
        pairings=tuple(pairings),
        ratings=tuple(
            records.Rating(agent, size, elo, elo - 30, elo + 30, 84, 0.4, 0.3, 0.5, 42)
            for agent, elo in zip(agents, (-300.0, -150.0, 0.0), strict=True)
        ),
    ).to_csv(folder)

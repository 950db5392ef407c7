"""How long a click waits for its answer when many people play at once.

Run by itself it prints the figures: ``python tests/app/test_web_load.py [seconds between an answer and the next click]``.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import time

import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")

GAMES, SIMULATIONS, SECONDS = 50, 64, 20


class Connection:
    """The least of a client, since it shares the cores with the server that is measured."""

    def __init__(self, port):
        self.port = port
        self.token = ""

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.token = re.search(r'name="hexlab-token" content="([^"]+)"', await self.ask("GET", "/"))[1]
        return self

    async def ask(self, method, path, body=None):
        """Return the body of the answer, whether its length is given or it comes in chunks."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-hexlab-token: {self.token}\r\ncontent-length: {len(content)}\r\n\r\n"
        self.writer.write(head.encode() + content)
        headers = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert re.match(r"http/1.1 20[01]", headers), headers
        if length := re.search(r"content-length: (\d+)", headers):
            return (await self.reader.readexactly(int(length[1]))).decode()
        parts = []
        while size := int(await self.reader.readline(), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readline()
        return b"".join(parts).decode()


async def play_games(connection, generator, until, pause, waited):
    """Play one game after the other at random against the shipped 5x5 agent and note how long each click took."""
    game = None
    while time.monotonic() < until:
        await asyncio.sleep(generator.uniform(0.5, 1.5) * pause)
        if game is None or game["winner"]:
            game = json.loads(await connection.ask("POST", "/api/games", {"agent": "pretrained:5", "simulations": SIMULATIONS}))
        free = [cell for cell, stone in enumerate(game["stones"]) if stone == "."]
        row, column = divmod(generator.choice(free), 5)
        started = time.perf_counter()
        answer = await connection.ask("POST", f"/api/games/{game['id']}/moves", {"move": f"{'abcde'[column]}{row + 1}"})
        waited.append(time.perf_counter() - started)
        game = json.loads(re.findall(r"event: game\ndata: (.*)\n\n", answer)[-1])
        assert not game["problem"]
        assert game["winner"] or game["turn"] == "black", "the answer holds the agent's move"


async def measure(port, pause, seconds=SECONDS):
    """Return the seconds that clicks waited, in increasing order."""
    first = await Connection(port).open()
    await play_games(first, random.Random(0), time.monotonic() + 0.1, 0.0, [])  # the network is loaded and compiled
    connections = [first, *[await Connection(port).open() for _ in range(GAMES - 1)]]
    waited: list[float] = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(play_games(each, random.Random(number), until, pause, waited) for number, each in enumerate(connections)))
    for connection in connections:
        connection.writer.close()
    return sorted(waited)


def serve_and_measure(pause):
    command = [sys.executable, "-m", "hexlab", "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(re.search(r"http://[^ ]+:(\d+)", server.stdout.readline())[1])
            return asyncio.run(measure(port, pause))
        finally:
            server.terminate()


def describe(waited):
    at = {share: 1000 * waited[int(share * (len(waited) - 1))] for share in (0.5, 0.95, 0.99)}
    figures = ", ".join(f"p{100 * share:.0f} {milliseconds:.0f} ms" for share, milliseconds in at.items())
    return f"{GAMES} games at {SIMULATIONS} simulations on 5x5: {len(waited)} clicks, {figures}"


@pytest.mark.slow
def test_a_click_is_answered_within_a_quarter_of_a_second_with_fifty_games_at_once():
    waited = serve_and_measure(pause=1.0)
    assert len(waited) > 10 * GAMES
    assert waited[int(0.95 * (len(waited) - 1))] < 0.25, describe(waited)


if __name__ == "__main__":
    print(describe(serve_and_measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)))

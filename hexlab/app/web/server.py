"""The server: which address answers what. What happens there is in the other modules of this package."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hexlab.app.web import learning
from hexlab.app.web.agents import Agents
from hexlab.app.web.games import Game, Games
from hexlab.app.web.lines import Line
from hexlab.app.web.positions import read_position
from hexlab.app.web.safety import Gate, answer_refusal, read_object
from hexlab.app.web.searching import MOST_SIMULATIONS, Searches
from hexlab.app.web.solving import Truths
from hexlab.app.web.stepping import MOST_STEPS, trace_phases
from hexlab.errors import ConfigError, HexlabError, RunError
from hexlab.rules import Board, Color, hexworld, render, sgf
from hexlab.rules.cells import check_size
from hexlab.system import count_cores

__all__ = ["PageServer", "create_app", "name_host", "serve"]

_STATIC = Path(__file__).parents[1] / "static"
_PEOPLE = {"black": frozenset({Color.BLACK}), "white": frozenset({Color.WHITE}), "both": frozenset(Color)}
_MOST_CONNECTIONS = 512
_FAILED = "the server failed ({}): its log says more"
_LOOK_EVERY = 1.0  # seconds between two looks at the files of a run


def create_app(runs: Path, host: str = "127.0.0.1", token: str | None = None) -> Starlette:
    """Return the web application.

    Args:
        runs: folder in which runs and tournaments are looked for; it need not exist.
        host: the address that it is served at.
        token: what the page must send back with requests that change something; drawn anew if not given.
    """
    token = secrets.token_urlsafe(24) if token is None else token
    desk = _Desk(runs, token)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        desk.open()
        try:
            yield
        finally:
            desk.close()

    def game(handler: Callable[[Request, Game], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def find_and_handle(request: Request) -> Response:
            return await handler(request, desk.games.find(request.path_params["game"]))

        return find_and_handle

    routes = [
        Route("/", desk.show_page),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route("/api/agents", desk.list_agents),
        Route("/api/games", desk.start_game, methods=["POST"]),
        Route("/api/games/{game}", game(desk.show_game)),
        Route("/api/games/{game}/stream", game(desk.follow_game)),
        Route("/api/games/{game}/moves", game(desk.play_move), methods=["POST"]),
        Route("/api/games/{game}/undo", game(desk.undo), methods=["POST"]),
        Route("/api/games/{game}/resign", game(desk.resign), methods=["POST"]),
        Route("/api/games/{game}/analysis", game(desk.analyze), methods=["POST"]),
        Route("/api/games/{game}/steps", game(desk.step), methods=["POST"]),
        Route("/api/games/{game}/truth", game(desk.tell_truth), methods=["POST"]),
        Route("/api/games/{game}/link", game(desk.export_link)),
        Route("/api/games/{game}/game.sgf", game(desk.export_sgf)),
        Route("/api/games/{game}/board.svg", game(desk.export_svg)),
        Route("/api/runs", desk.list_runs),
        Route("/api/runs/stream", desk.follow_runs),
        Route("/api/runs/games", desk.show_games),
        Route("/api/tournaments", desk.list_tournaments),
        Route("/api/tournaments/table", desk.show_tournament),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, host=host, token=token)],
        exception_handlers={HexlabError: _refuse, HTTPException: _explain, Exception: _fail},
        lifespan=lifespan,
    )
    app.state.end_streams = desk.end_streams
    return app


class PageServer(uvicorn.Server):
    """Serves what `create_app` made, and ends its streams before it waits for connections to close."""

    def __init__(self, app: Starlette):
        """Set bounds that a page needs."""
        config = uvicorn.Config(
            app, log_level="warning", lifespan="on", limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=30, timeout_graceful_shutdown=5
        )
        super().__init__(config)
        self._end_streams = app.state.end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._end_streams()
        await super().shutdown(sockets)


def serve(runs: Path, host: str, port: int) -> None:
    """Serve the page until the process is interrupted, and say where.

    Args:
        runs: folder in which runs and tournaments are looked for.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.

    Raises:
        RunError: the address cannot be listened on.
    """
    with socket.socket(_family(host), socket.SOCK_STREAM) as listener:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # from here on, who opens the address waits for the server instead of being turned away
        except (OSError, OverflowError, TypeError) as error:  # the last two where a port or a host can be none
            raise RunError(f"cannot listen on {host}, port {port} ({error}): give another --port, or a --host of this machine") from None
        print(f"hexlab: http://{name_host(host)}:{listener.getsockname()[1]} (stop with Ctrl-C)", flush=True)
        PageServer(create_app(runs, host)).run(sockets=[listener])


def name_host(host: str) -> str:
    """Return what to write for a host in a link: for all addresses of this machine, the one by which others reach it."""
    beyond = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}.get(host)  # addresses kept for documentation
    if beyond is not None:
        with socket.socket(_family(host), socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((beyond, 9))  # sends nothing, but chooses the way there
                host = probe.getsockname()[0]
            except OSError:  # no network
                return "localhost"
    return f"[{host}]" if ":" in host else host


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Desk:
    """Answers requests."""

    def __init__(self, runs: Path, token: str):
        self.runs = learning.Runs(runs)
        self.token = token
        self.agents = Agents(self.runs)

    def open(self) -> None:
        """Start the threads."""
        self.searches = Searches(threads=min(4, max(1, count_cores() - 1)))  # the event loop has a core for itself
        self.games = Games(self.agents, self.searches)
        self.truths = Truths()
        self.stepper, self.tables = Line("the stepper"), Line("the tables")
        self.ending = asyncio.Event()

    def end_streams(self) -> None:
        """Stop what the pages that are open wait for."""
        self.ending.set()
        self.games.stop()
        self.searches.stop()

    def close(self) -> None:
        """Stop the threads."""
        self.searches.close()
        for each in (self.truths, self.stepper, self.tables):
            each.close()

    async def show_page(self, request: Request) -> Response:
        page = (_STATIC / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(page.replace("{{token}}", self.token), headers={"cache-control": "no-store"})

    async def list_agents(self, request: Request) -> Response:
        agents = await asyncio.to_thread(self.agents.list_agents)
        return JSONResponse({"agents": [agent.to_json() for agent in agents], "most_simulations": MOST_SIMULATIONS})

    async def start_game(self, request: Request) -> Response:
        given = await read_object(request.receive)
        _check_keys(given, ("size", "color", "swap", "agent", "snapshot", "simulations", "start"))
        size = check_size(given.get("size", 5))
        color = given.get("color", "black")
        if not isinstance(color, str) or color not in _PEOPLE:
            raise ConfigError(f"color {_quote(color)}: choose black, white or both")
        simulations = _read_number(given, "simulations", 64, MOST_SIMULATIONS)
        snapshot = given.get("snapshot")
        if snapshot is not None and (isinstance(snapshot, bool) or not isinstance(snapshot, int)):
            raise ConfigError(f"snapshot {_quote(snapshot)}: give a whole number, or null for the newest")
        swap = given.get("swap", False)
        if not isinstance(swap, bool):
            raise ConfigError(f"swap {_quote(swap)}: give true or false")
        board = read_position(given["start"], size, swap) if given.get("start") else Board(size, swap)
        agent = await asyncio.to_thread(self.agents.find, str(given.get("agent", "pretrained:5")), board.size, snapshot)
        if snapshot is None and agent.snapshots:
            snapshot = agent.snapshots[-1]  # a run that goes on keeps others later
        game = Game(board, agent, snapshot, simulations, _PEOPLE[color])
        self.games.add(game)
        return JSONResponse(game.to_json(), 201)

    async def show_game(self, request: Request, game: Game) -> Response:
        return JSONResponse(game.to_json())

    async def follow_game(self, request: Request, game: Game) -> Response:
        return _stream(game.follow())

    async def play_move(self, request: Request, game: Game) -> Response:
        given = await read_object(request.receive)
        _check_keys(given, ("move",))
        self.games.play(game, given.get("move"))
        return _stream(game.follow())

    async def undo(self, request: Request, game: Game) -> Response:
        self.games.undo(game)
        return JSONResponse(game.to_json())

    async def resign(self, request: Request, game: Game) -> Response:
        self.games.resign(game)
        return JSONResponse(game.to_json())

    async def analyze(self, request: Request, game: Game) -> Response:
        given = await read_object(request.receive)
        _check_keys(given, ("simulations",))
        simulations = _read_number(given, "simulations", game.simulations, MOST_SIMULATIONS)
        self.games.check_turn(game)

        async def told() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            async for finding in self.games.analyze(game, simulations):
                yield "thinking", finding.to_json()
            yield "game", game.to_json()

        return _stream(told())

    async def step(self, request: Request, game: Game) -> Response:
        given = await read_object(request.receive)
        _check_keys(given, ("simulations",))
        simulations = _read_number(given, "simulations", 24, MOST_STEPS)
        self.games.check_turn(game)
        board = game.board.copy()

        def trace() -> list[dict[str, Any]]:
            return trace_phases(board, self.agents.load(game.agent.key, board.size, game.snapshot), simulations)

        steps = await self.stepper.do(trace)
        return JSONResponse({"turn": board.turn.name.lower(), "moves": board.moves, "steps": steps})

    async def tell_truth(self, request: Request, game: Game) -> Response:
        self.games.check_turn(game)
        self.truths.check_size(game.board.size)

        async def told() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            async for truth in self.truths.solve(game.board.copy()):
                yield "truth", truth.to_json()

        return _stream(told())

    async def export_link(self, request: Request, game: Game) -> Response:
        return JSONResponse({"link": hexworld.write(_record(game))})

    async def export_sgf(self, request: Request, game: Game) -> Response:
        return _download(sgf.write(_record(game)), "application/x-go-sgf", "hex.sgf")

    async def export_svg(self, request: Request, game: Game) -> Response:
        return _download(render.to_svg(game.board), "image/svg+xml", "hex.svg")

    async def list_runs(self, request: Request) -> Response:
        runs = await asyncio.to_thread(self.runs.list_runs)
        return JSONResponse({"folder": str(self.runs.folder), "runs": [run.to_json() for run in runs]})

    async def follow_runs(self, request: Request) -> Response:
        name = request.query_params.get("run")
        if name is not None:
            await asyncio.to_thread(self.runs.find, name)
        return _stream(self._watch(name))

    async def _watch(self, name: str | None) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield the list of runs ("runs") and the curves of one of them ("curves") whenever they change."""
        told: list[learning.Run] | None = None
        drawn: tuple[int, ...] | None = None
        while not self.ending.is_set():
            runs = await asyncio.to_thread(self.runs.list_runs)
            if runs != told:
                told = runs
                yield "runs", {"folder": str(self.runs.folder), "runs": [run.to_json() for run in runs]}
            run = next((run for run in runs if run.name == name), None)
            if run is not None and (changed := _state_of_files(run.path)) != drawn:
                drawn = changed
                yield "curves", {"run": run.name, **await asyncio.to_thread(learning.read_curves, run)}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), _LOOK_EVERY)

    async def show_games(self, request: Request) -> Response:
        run = await asyncio.to_thread(self.runs.find, request.query_params.get("run", ""))
        snapshot = request.query_params.get("snapshot")
        if snapshot is not None and not (snapshot.isascii() and snapshot.isdecimal() and len(snapshot) < 7):
            raise ConfigError(f"snapshot {_quote(snapshot)}: give a whole number")
        return JSONResponse(await asyncio.to_thread(learning.read_games, run, None if snapshot is None else int(snapshot)))

    async def list_tournaments(self, request: Request) -> Response:
        found = await asyncio.to_thread(self.runs.list_tournaments)
        return JSONResponse({"folder": str(self.runs.folder), "tournaments": list(found)})

    async def show_tournament(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        return JSONResponse(await self.tables.do(self.runs.read_tournament, name))


def _stream(told: AsyncIterator[tuple[str, dict[str, Any]]]) -> StreamingResponse:
    """Return server-sent events; an error that comes too late for a status is told as a "problem"."""

    def tell(event: str, data: dict[str, Any]) -> str:
        return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"

    async def write() -> AsyncIterator[str]:
        try:
            async for event, data in told:
                yield tell(event, data)
        except HexlabError as error:
            yield tell("problem", {"error": str(error)})
        except Exception as error:
            logging.getLogger(__name__).exception("a stream broke off")
            yield tell("problem", {"error": _FAILED.format(type(error).__name__)})

    return StreamingResponse(write(), media_type="text/event-stream", headers={"cache-control": "no-store"})


def _record(game: Game) -> sgf.Game:
    names = {color: "person" if color in game.people else f"{game.agent.key}@{game.simulations}" for color in Color}
    return sgf.Game.from_board(game.board, names[Color.BLACK], names[Color.WHITE], game.winner)


def _download(text: str, kind: str, name: str) -> Response:
    return Response(text, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _state_of_files(run: Path) -> tuple[int, ...]:
    found = []
    for name in ("metrics.jsonl", "health.jsonl"):
        with contextlib.suppress(OSError):
            found.append((run / name).stat().st_mtime_ns)
    return tuple(found)


def _check_keys(given: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigError(f"unknown key {_quote(unknown[0])}: known are {', '.join(known)}")


def _read_number(given: dict[str, Any], key: str, default: int, most: int) -> int:
    number = given.get(key, default)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        raise ConfigError(f"{key} {_quote(number)}: give a whole number from 1 to {most}")
    return number


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HexlabError)
    return answer_refusal(error)


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {
        404: f"there is nothing at {request.url.path[:100]!r}: see the page at /",
        405: f"{request.url.path} does not take {request.method}: see the page at /",
    }
    return JSONResponse({"error": said.get(error.status_code, error.detail)}, error.status_code, headers=error.headers)


async def _fail(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": _FAILED.format(type(error).__name__)}, 500)

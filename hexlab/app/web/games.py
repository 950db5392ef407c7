"""The games that are being played: a bounded number, each with its agent and what it thought."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from hexlab import arena
from hexlab.app.web.agents import Agent, Agents
from hexlab.app.web.safety import Refusal
from hexlab.app.web.searching import Finding, Searches
from hexlab.errors import HexlabError, IllegalMoveError
from hexlab.rules import SWAP_PIECES, Board, Color, cell_name
from hexlab.rules.solver import MAX_SIZE as SOLVED_SIZE

__all__ = ["MOST_GAMES", "Game", "Games"]

MOST_GAMES = 200
"""Games kept in memory; beyond, the one that was left alone for the longest time makes room."""


class Game:
    """One game between a person and an agent. All of it happens on the event loop.

    Attributes:
        id: a word that cannot be guessed.
        board: the position with its history.
        agent: the opponent.
        snapshot: number of the run's snapshot, None for the newest.
        simulations: evaluations of the agent's search for a move.
        people: the colors that a person plays: one, or both to study a position.
        resigned: the color that has given up, or None.
        black_wins: after each number of moves what a search gave for Black's chance, or None.
        problem: why the agent could not move, or None.
        finding: what the agent has found so far, while it thinks.
        analyses: how many were asked for; only the newest goes on.
    """

    def __init__(self, board: Board, agent: Agent, snapshot: int | None, simulations: int, people: frozenset[Color]):
        """Set the game up; nobody thinks yet."""
        self.id = secrets.token_urlsafe(12)
        self.board = board
        self.agent = agent
        self.snapshot = snapshot
        self.simulations = simulations
        self.people = people
        self.resigned: Color | None = None
        self.black_wins: dict[int, float] = {}
        self.problem: str | None = None
        self.finding: Finding | None = None
        self.analyses = 0
        self._thinking: asyncio.Task | None = None
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether somebody has won or resigned."""
        return self.board.winner is not None or self.resigned is not None

    @property
    def pending(self) -> bool:
        """Whether the agent is thinking."""
        return self._thinking is not None

    @property
    def winner(self) -> Color | None:
        """Who has won, on the board or because the other has resigned."""
        return self.board.winner if self.resigned is None else self.resigned.other

    def to_json(self) -> dict[str, Any]:
        """Return the game for the page."""
        board, outcome = self.board, self.board.outcome
        return {
            "id": self.id,
            "size": board.size,
            "swap": board.swap,
            "can_swap": board.can_swap and board.turn in self.people,
            "stones": "".join(".BW"[stone] for stone in board.stones.ravel()),
            "turn": board.turn.name.lower(),
            "people": [color.name.lower() for color in sorted(self.people)],
            "agent": self.agent.key,
            "agent_title": self.agent.title,
            "snapshot": self.snapshot,
            "simulations": self.simulations,
            "moves": board.moves,
            "last": None if board.last_cell is None else cell_name(board.last_cell, board.size),
            "winner": None if self.winner is None else self.winner.name.lower(),
            "path": [] if outcome is None else outcome.path,
            "resigned": None if self.resigned is None else self.resigned.name.lower(),
            "pending": self.pending,
            "problem": self.problem,
            "black_wins": [self.black_wins.get(ply) for ply in range(len(board.moves) + 1)],
            "solvable": "at once" if board.size < SOLVED_SIZE else "in seconds" if board.size == SOLVED_SIZE else "no",
        }

    def note(self, finding: Finding) -> None:
        """Keep what a search of the position on the board says about the chances."""
        self.black_wins[len(self.board.moves)] = round(finding.black_win, 4)

    def stop(self) -> None:
        """End the agent's thinking."""
        if self._thinking is not None:
            self._thinking.cancel()
        self._thinking, self.finding = None, None
        self.announce()

    def think(self, answer: "asyncio.Task[None]") -> None:
        """Let a task find the agent's move; the game is pending until it ends."""
        self._thinking = answer
        answer.add_done_callback(self._end_thinking)

    def _end_thinking(self, answer: "asyncio.Task[None]") -> None:
        if self._thinking is not answer:  # stopped, and perhaps at it again
            return
        self._thinking, self.finding = None, None
        if not answer.cancelled() and (error := answer.exception()) is not None:
            self.problem = str(error)
            if not isinstance(error, HexlabError):
                self.problem = f"the agent failed ({type(error).__name__}): the server's log says more"
                logging.getLogger(__name__).error("%s failed", self.agent.key, exc_info=error)
        self.announce()

    def announce(self) -> None:
        """Wake those who follow the game."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def follow(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield the game ("game"), what the agent thinks as it goes on ("thinking"), and the game again once it has moved."""
        told: Finding | None = None
        yield "game", self.to_json()
        while self.pending:
            changed = self._changed
            if self.finding is not None and self.finding is not told:
                told = self.finding
                yield "thinking", told.to_json()
            await changed.wait()
            if not self.pending:
                yield "game", self.to_json()


class Games:
    """All games, and what can be done with one.

    Args:
        agents: the opponents.
        searches: where they think.
    """

    def __init__(self, agents: Agents, searches: Searches):
        """Start without a game."""
        self.agents = agents
        self.searches = searches
        self._games: OrderedDict[str, Game] = OrderedDict()

    def add(self, game: Game) -> None:
        """Keep a new game, and let the agent move if it is its turn.

        Raises:
            Refusal: every game there is room for waits for its agent.
        """
        if len(self._games) >= MOST_GAMES:
            idle = next((kept for kept in self._games.values() if not kept.pending), None)
            if idle is None:
                raise Refusal(503, f"{len(self._games)} games are waiting for their agents: try again in a few seconds")
            del self._games[idle.id]
        self._games[game.id] = game
        self._answer(game)

    def stop(self) -> None:
        """End the thinking in all games."""
        for game in self._games.values():
            game.stop()

    def find(self, name: str) -> Game:
        """Return a game by its id, or raise `Refusal`."""
        game = self._games.get(name)
        if game is None:
            raise Refusal(404, f"there is no game {name[:40]!r} any more: start a new one")
        self._games.move_to_end(name)
        return game

    def play(self, game: Game, move: Any) -> None:
        """Play a person's move, and let the agent answer.

        Raises:
            Refusal: it is not a person's turn.
            IllegalMoveError: a move that the rules do not allow.
        """
        if not isinstance(move, str):
            raise IllegalMoveError(f"{str(move)[:40]!r} is not a cell: write a column letter and a row number, such as 'c3'")
        self.check_turn(game)
        if game.board.turn not in game.people:
            raise Refusal(409, f"it is the agent's turn, but it cannot move ({game.problem}): take a move back, or start a new game")
        game.board.push(move)
        game.problem = None
        self._answer(game)

    def undo(self, game: Game) -> None:
        """Take a resignation back, or moves until it is a person's turn again; what the agent is thinking is dropped.

        Raises:
            IllegalMoveError: no person has moved yet.
        """
        if game.resigned is not None:
            game.resigned = None
            self._answer(game)
            return
        board = game.board.copy()
        board.pop()
        while board.turn not in game.people:
            board.pop()
        game.stop()
        game.board, game.problem = board, None
        game.black_wins = {ply: share for ply, share in game.black_wins.items() if ply <= len(board.moves)}

    def resign(self, game: Game) -> None:
        """Give the game up for the person: for the side to move, if both are theirs.

        Raises:
            Refusal: the game is over.
        """
        if game.over:
            raise Refusal(409, "the game is over: start a new one")
        game.stop()
        game.resigned = game.board.turn if len(game.people) == 2 else next(iter(game.people))

    async def analyze(self, game: Game, simulations: int) -> AsyncIterator[Finding]:
        """Search the position on the board with the game's agent and yield what is found, until another analysis is asked for."""
        game.analyses += 1
        number, board = game.analyses, game.board.copy()
        evaluator = await asyncio.to_thread(self.agents.load, game.agent.key, board.size, game.snapshot)
        async for finding in self.searches.run(board, evaluator, simulations):
            if game.analyses != number:
                return
            if game.board.moves == board.moves:
                game.note(finding)
            yield finding

    def check_turn(self, game: Game) -> None:
        """Raise `Refusal` if the game is over or the agent is thinking."""
        if game.over:
            raise Refusal(409, "the game is over: start a new one, or take a move back")
        if game.pending:
            raise Refusal(409, f"it is {game.board.turn}'s turn, and the agent is thinking: wait for its move")

    def _answer(self, game: Game) -> None:
        """Let the agent move if it is its turn."""
        if not game.over and game.board.turn not in game.people:
            game.think(asyncio.create_task(self._move(game)))

    async def _move(self, game: Game) -> None:
        evaluator = await asyncio.to_thread(self.agents.load, game.agent.key, game.board.size, game.snapshot)
        if game.board.swap and not game.board.moves:
            opener = arena.SearchPlayer(evaluator, simulations=1)
            game.board.push(await asyncio.to_thread(opener.choose_opening, game.board.size, seed=0))
            return
        async for finding in self.searches.run(game.board, evaluator, game.simulations):
            game.finding = finding
            game.announce()
        game.note(finding)
        swap = game.board.can_swap and finding.black_win > 0.5  # White's chance after a swap is Black's before
        game.board.push(SWAP_PIECES if swap else finding.best)
        game.black_wins[len(game.board.moves)] = round(1 - finding.black_win if swap else finding.reply_black_win, 4)

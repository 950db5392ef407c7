"""Searches of many games side by side, away from the event loop, each told about while it runs.

A thread takes turns among the evaluators that are asked for. In a turn all waiting searches of one evaluator and board size, up to a
full batch, run some simulations together, and those that are not done go to the end of the line. So a short search never waits for a
long one to end, and the network is asked about many games at once. What a search finds depends on its position and its number of
simulations alone: a batch never changes a board's result, and a search that goes on from its own tree is the search without a break.
"""

import asyncio
import contextlib
import dataclasses
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from hexlab import mcts
from hexlab.app.agents import BATCH
from hexlab.app.web.safety import Refusal
from hexlab.mcts.reuse import move_subtrees
from hexlab.protocols import Evaluator
from hexlab.rules import Board, Boards, Color, cell_name

__all__ = ["MOST_SIMULATIONS", "RECIPE", "Finding", "Searches"]

MOST_SIMULATIONS = 4096
"""Largest budget of one search."""
RECIPE = mcts.puct(prove=True)
"""How agents search here, as `arena.SearchPlayer` does."""

_MOST_WAITING = 256
_TOGETHER = BATCH  # a network call answers them all
_SLICE = 64  # simulations between two looks at who else waits
_TOLD_EVERY = 0.1  # seconds between two findings of one search
_LONGEST_LINE = 8  # moves of a principal variation


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a search has found so far.

    Attributes:
        board: the position.
        simulations: evaluations so far.
        best: name of the move that it would play.
        black_win: chance of Black to win, 0 to 1.
        reply_black_win: the same once `best` has been played; that of the position itself where `best` was not tried.
        line: names of the moves that the search expects, `best` first.
        prior: float[A], the raw policy of the network, 0 on occupied cells.
        visits: int[A].
        wins: float[A], the mover's chance to win by each move that was tried, nan for the others.
        proven: whether the outcome is certain.
    """

    board: Board
    simulations: int
    best: str
    black_win: float
    reply_black_win: float
    line: tuple[str, ...]
    prior: np.ndarray
    visits: np.ndarray
    wins: np.ndarray
    proven: bool

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {
            "turn": self.board.turn.name.lower(),
            "moves": len(self.board.moves),
            "simulations": self.simulations,
            "best": self.best,
            "black_win": round(self.black_win, 4),
            "line": self.line,
            "prior": self.prior.astype(float).round(4).tolist(),
            "visits": self.visits.tolist(),
            "wins": [None if math.isnan(share) else round(share, 4) for share in self.wins.tolist()],
            "proven": self.proven,
        }


@dataclasses.dataclass(eq=False)
class _Job:
    board: Board
    evaluator: Evaluator
    simulations: int
    tell: Callable[[Finding | Exception], None]
    done: int = 0
    tree: mcts.Tree | None = None
    told: float = 0.0
    cancelled: bool = False


class Searches:
    """Runs searches on threads of its own; made and asked by any thread.

    Args:
        threads: threads that search.
    """

    def __init__(self, threads: int = 1):
        """Start the threads."""
        self._waiting: deque[_Job] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"hexlab-search-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Refuse all searches from here on, those that are waiting too; a turn that is being run ends."""
        with self._news:
            self._closed = True
            self._news.notify_all()
            for job in self._waiting:
                job.tell(_closing())

    def close(self) -> None:
        """Stop, and wait for the threads."""
        self.stop()
        for thread in self._threads:
            thread.join()

    async def run(self, board: Board, evaluator: Evaluator, simulations: int) -> AsyncIterator[Finding]:
        """Search a position and yield what is found so far, about ten times a second, and at the end what was found.

        A caller that stops listening ends the search.

        Args:
            board: an unfinished game; it is copied.
            evaluator: judges positions; the same object for all searches that may share a batch.
            simulations: evaluations, 1 to `MOST_SIMULATIONS`.

        Raises:
            Refusal: too many searches are waiting.
        """
        loop = asyncio.get_running_loop()
        findings: asyncio.Queue[Finding | Exception] = asyncio.Queue()

        def tell(found: Finding | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed, nobody listens
                loop.call_soon_threadsafe(findings.put_nowait, found)

        job = _Job(board.copy(), evaluator, simulations, tell)
        with self._news:
            if self._closed:
                raise _closing()
            if len(self._waiting) >= _MOST_WAITING:
                raise Refusal(503, f"{len(self._waiting)} searches are waiting: try again in a few seconds")
            self._waiting.append(job)
            self._news.notify()
        try:
            while True:
                found = await findings.get()
                if isinstance(found, Exception):
                    raise found
                yield found
                if found.simulations >= simulations or found.proven:
                    return
        finally:
            job.cancelled = True

    def _work(self) -> None:
        while batch := self._take():
            try:
                self._advance(batch)
            except Exception as error:
                for job in batch:
                    job.tell(error)

    def _take(self) -> list[_Job]:
        """Wait for searches, and return the one at the head of the line with all that may share its batch; none at the end."""
        with self._news:
            while True:
                self._news.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return []
                waiting = [job for job in self._waiting if not job.cancelled]
                batch = [job for job in waiting if _group(job) == _group(waiting[0])][:_TOGETHER]
                self._waiting = deque(job for job in waiting if job not in batch)
                if batch:
                    return batch

    def _advance(self, batch: list[_Job]) -> None:
        """Run a slice of each search of a batch."""
        count, size = len(batch), batch[0].board.size
        steps = np.array([min(_SLICE, job.simulations - job.done) for job in batch])
        memory = mcts.allocate_tree(count, max(job.done + step for job, step in zip(batch, steps.tolist(), strict=True)), size)
        for row, job in enumerate(batch):
            if job.tree is not None:
                move_subtrees(job.tree, np.zeros(1, np.int64), memory.rows(row, row + 1))
        boards = Boards.from_boards([job.board for job in batch])
        seeds = np.zeros(count, np.uint64)  # the recipe draws nothing
        found = mcts.run_search(boards, batch[0].evaluator, steps, recipe=RECIPE, seeds=seeds, tree=memory, reuse=True)
        now = time.monotonic()
        for row, job in enumerate(batch):
            job.done += int(steps[row])
            job.tree = memory.rows(row, row + 1)
            ended = job.done == job.simulations or memory.nodes[row, 0]["status"] != 0
            if not job.cancelled and (ended or now - job.told > _TOLD_EVERY):
                job.told = now
                job.tell(_read(found, row, job))
            if not ended:
                with self._news:
                    self._waiting.append(job)
                    self._news.notify()
                    if self._closed:
                        job.tell(_closing())


def _closing() -> Refusal:
    return Refusal(503, "the server is closing: start it again")


def _group(job: _Job) -> tuple[int, int]:
    return id(job.evaluator), job.board.size


def _read(found: mcts.SearchResult, row: int, job: _Job) -> Finding:
    size = job.board.size
    tree = found.tree
    best = cell_name(int(found.best[row]), size)
    value = float(found.values[row])
    wins = np.full(size * size, np.nan)
    children = tree.children(row)
    for child in children:
        wins[job.board.to_cell(child.move)] = (1 + child.value) / 2
    reply = next((child.value for child in children if child.move == best), value)
    line = [best]
    node = next((child.node for child in children if child.move == best), None)
    while node is not None and len(line) < _LONGEST_LINE and (following := tree.children(row, node)):
        line.append(following[0].move)
        node = following[0].node
    black = job.board.turn is Color.BLACK
    return Finding(
        board=job.board,
        simulations=job.done,
        best=best,
        black_win=(1 + (value if black else -value)) / 2,
        reply_black_win=(1 + (reply if black else -reply)) / 2,
        line=tuple(line),
        prior=_read_prior(found, row),
        visits=found.visits[row],
        wins=wins,
        proven=bool(tree.nodes[row, 0]["status"] != 0),
    )


def _read_prior(found: mcts.SearchResult, row: int) -> np.ndarray:
    """Return the root's prior, which a search keeps in its edges for moves that were tried, and beside them for the rest."""
    edges = found.tree.list_edges(row, 0)
    if len(edges) == 0:
        return found.policy[row]
    prior = np.maximum(found.tree.untried[row, 0], 0)
    prior[edges["move"]] = edges["prior"]
    return prior

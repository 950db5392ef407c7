"""Work that is done one piece after the other, for a bounded number of people who wait."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any, TypeVar

from hexlab.app.web.safety import Refusal

__all__ = ["Line"]

_MOST_WAITING = 16
_Answer = TypeVar("_Answer")


class Line:
    """A thread of its own for one kind of work.

    Args:
        name: what people wait for, as a refusal says it.
    """

    def __init__(self, name: str):
        """Start with nobody waiting."""
        self._name, self._waiting = name, 0
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="hexlab-line")

    async def do(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """Return what the work returns. Who is cancelled while waiting leaves the line; work that has begun is ended.

        Raises:
            Refusal: too many are waiting.
        """
        if self._waiting >= _MOST_WAITING:
            raise Refusal(503, f"{self._waiting} others wait for {self._name}: try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drop what waits; work that has begun is ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)

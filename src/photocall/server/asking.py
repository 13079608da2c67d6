"""Questions to stores that may hang: for health and metrics, which must always be told."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """Is asked once at a time however many want to know the answer: a store that hangs takes one thread."""

    def __init__(self, ask: Callable[[], Answer], name: str) -> None:
        """Ask nothing yet.

        Args:
            ask: gives the answer, or takes for ever; it raises nothing.
            name: of its thread.
        """
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._asking: asyncio.Future[Answer] | None = None

    async def answer(self, seconds: float) -> Answer | None:
        """The answer as of now; None if it takes longer than so many seconds."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), seconds)
        except TimeoutError:
            return None

    def close(self) -> None:
        """End the thread, without waiting for a store that hangs."""
        self._thread.shutdown(wait=False, cancel_futures=True)

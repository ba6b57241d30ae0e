"""A thread that does one thing again and again beside the process that needs it done."""

import logging
import threading
from collections.abc import Callable
from typing import Self

from db.trouble import is_database_away

logger = logging.getLogger(__name__)


class Background:
    """Calls `work` from a thread of its own while the `with` block runs, then `leave` once.

    Parameters
    ----------
    name
        Of the thread.
    topic
        What the log calls it.
    rest_s
        Seconds between the end of one call and the next.
    join_s
        Seconds that the end of the `with` block waits for a call under way.
    """

    def __init__(self, *, name: str, topic: str, rest_s: float, join_s: float) -> None:
        self._topic = topic
        self._rest_s = rest_s
        self._join_s = join_s
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def work(self) -> None:
        """What there is to do at each call. May raise: the next call comes all the same."""
        raise NotImplementedError

    def leave(self) -> None:
        """What there is to do when the thread has ended. May raise."""

    @property
    def stopping(self) -> bool:
        """Whether the end of the `with` block waits for this thread."""
        return self._stop.is_set()

    def wake(self) -> None:
        """End the rest: the next call comes now."""
        self._wake.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.wake()
        self._thread.join(self._join_s)
        self._survive(self.leave)

    def _run(self) -> None:
        while not self.stopping:
            self._survive(self.work)
            self._wake.wait(self._rest_s)
            self._wake.clear()

    def _survive(self, act: Callable[[], None]) -> None:
        """Act, and survive an error. A database or disk that is away is logged in a line; all else
        is a bug, and logged with its traceback.
        """
        try:
            act()
        except Exception as error:
            if is_database_away(error) or isinstance(error, OSError):
                logger.warning("%s: %s", self._topic, type(error).__name__)
            else:
                logger.exception("%s", self._topic)

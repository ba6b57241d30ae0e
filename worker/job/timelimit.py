"""The soft time limit where Celery does not enforce it: an alarm that raises in the main thread."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from billiard.exceptions import SoftTimeLimitExceeded


@contextmanager
def soft_limit(seconds: float) -> Iterator[None]:
    """Raise SoftTimeLimitExceeded in the block after `seconds`. Main thread only.

    Code that does not come back to the interpreter is stopped by the hard limit, which kills the
    process.
    """

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded(seconds)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

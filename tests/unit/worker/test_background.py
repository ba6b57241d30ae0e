"""The thread goes on whatever its work raises, and ends with the `with` block."""

import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from worker.background import Background

AWAY = OperationalError("SELECT 1", None, Exception("gone"))
PATIENCE_S = 10.0


class FailingWork(Background):
    """Work that raises the given errors, one per call, and counts its calls."""

    def __init__(self, *errors: Exception, rest_s: float = 0.0) -> None:
        super().__init__(name="chore", topic="the chore", rest_s=rest_s, join_s=PATIENCE_S)
        self.errors = list(errors)
        self.done = threading.Semaphore(0)
        self.left = False

    def work(self) -> None:
        self.done.release()
        if self.errors:
            raise self.errors.pop(0)

    def leave(self) -> None:
        self.left = True
        raise AWAY


@pytest.mark.parametrize(
    ("error", "level", "told"),
    [
        (AWAY, logging.WARNING, "the chore: OperationalError"),
        (FileNotFoundError(), logging.WARNING, "the chore: FileNotFoundError"),
        (KeyError("ours"), logging.ERROR, "the chore"),
    ],
)
def test_the_background_thread_calls_again_whatever_the_last_call_raised(
    error: Exception, level: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with FailingWork(error) as chore:
        for _call in range(2):
            assert chore.done.acquire(timeout=PATIENCE_S)
    first = caplog.records[0]
    assert (first.levelno, first.getMessage()) == (level, told)
    assert bool(first.exc_info) == (level == logging.ERROR)


def test_the_rest_of_the_background_thread_ends_when_it_is_woken() -> None:
    with FailingWork(rest_s=600.0) as chore:
        assert chore.done.acquire(timeout=PATIENCE_S)
        chore.wake()
        assert chore.done.acquire(timeout=PATIENCE_S)


def test_the_end_of_the_with_block_ends_rest_and_thread_and_calls_leave() -> None:
    with FailingWork(rest_s=600.0) as chore:
        assert not chore.stopping
    assert chore.stopping
    assert chore.left
    assert "chore" not in {thread.name for thread in threading.enumerate()}

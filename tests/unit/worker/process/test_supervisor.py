"""The end of the embedded worker's child."""

import subprocess
import sys

import pytest

from worker.process import supervisor

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
time.sleep(60)
"""


class NotingParent:
    """A parent that notes whether the child was still alive when it learned of the kill."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.alive_when_told: list[bool] = []

    def kill_children_next(self) -> None:
        self.alive_when_told.append(self.child.poll() is None)


def child_of(code: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def test_the_parent_learns_of_a_kill_before_it_can_find_the_child_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "SOFT_SHUTDOWN_S", 0.2)
    with child_of(DEAF) as child:
        parent = NotingParent(child)
        assert supervisor._end(child, parent) == -9
    assert parent.alive_when_told == [True]


def test_a_child_that_ends_by_itself_is_not_killed() -> None:
    with child_of("print(flush=True)") as child:
        child.wait()
        parent = NotingParent(child)
        assert supervisor._end(child, parent) == 0
    assert parent.alive_when_told == []

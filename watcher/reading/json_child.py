"""A child process that answers a line of JSON with a line of JSON, restarted when it dies.

What may crash, stall or use up memory over somebody's file happens there.
"""

import contextlib
import json
import logging
import select
import subprocess
import sys
from typing import Any, BinaryIO, cast

log = logging.getLogger(__name__)

_PATIENCE_S = 5.0  # with a killed child that is stuck in the read of a dead share


class NoAnswerYetError(Exception):
    """The child is still at work."""


class ChildDiedError(Exception):
    """The child ended without an answer; the next request starts another."""


class JsonChild:
    """One child of ``python -m module``, started with the first request. Close it at the end."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, if there is one."""
        return None if self._child is None else self._child.pid

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; `answer` gives the answer, or raises when the child has died."""
        child = self._running()
        stdin = cast("BinaryIO", child.stdin)
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any]:
        """The answer to the last request. Waits for it at most `seconds`.

        Raises
        ------
        NoAnswerYetError
            No answer came; call this again, or close the child.
        ChildDiedError
            No answer will come.
        """
        if self._child is None:
            raise ChildDiedError
        stdout = cast("BinaryIO", self._child.stdout)
        if not select.select([stdout], [], [], seconds)[0]:
            raise NoAnswerYetError
        line = stdout.readline()
        if not line:
            self.close()
            raise ChildDiedError
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):  # a request that was never read
                cast("BinaryIO", pipe).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_PATIENCE_S)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(  # noqa: S603 - a module of metseg
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # tracebacks may quote the file
                start_new_session=True,  # Ctrl-C is for the watcher
            )
            log.debug("%s started", self._module, extra={"pid": self._child.pid})
        return self._child

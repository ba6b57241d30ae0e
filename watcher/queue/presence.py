"""The watcher's own row among the processes: it beats while the loop goes on, or says why not."""

import os
import socket
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.orm import Session, sessionmaker

from db.processes import beat_process, forget, register
from db.tables.tables import Role
from metseg.processes import process_name


class Presence:
    """Beats at most every `every_s`, at once when the reason of a pause changes."""

    def __init__(self, sessions: sessionmaker[Session], *, every_s: float) -> None:
        self._sessions = sessions
        self._every_s = every_s
        self._due = float("-inf")
        self._registered = False
        self._said: str | None = None
        self.name = process_name()

    def beat(self, *, tick: float, now: datetime, paused_reason: str | None) -> None:
        """Say that the loop made progress. `tick` is monotonic seconds."""
        if tick < self._due and paused_reason == self._said:
            return
        with self._sessions.begin() as session:
            self._registered = self._registered and beat_process(
                session, self.name, now=now, paused_reason=paused_reason
            )
            if not self._registered:
                self._register(session, now)
                beat_process(session, self.name, now=now, paused_reason=paused_reason)
        self._registered = True
        self._due, self._said = tick + self._every_s, paused_reason

    def _register(self, session: Session, now: datetime) -> None:
        register(
            session,
            role=Role.WATCHER,
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=_version(),
            now=now,
        )

    def leave(self) -> None:
        """Remove the row: this watcher ends in order."""
        if self._registered:
            with self._sessions.begin() as session:
                forget(session, self.name)


def _version() -> str:
    try:
        return version("metseg")
    except PackageNotFoundError:
        return "source"

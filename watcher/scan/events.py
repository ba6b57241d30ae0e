"""Hints from the system that something changed. Scans decide: a lost hint only costs time."""

import contextlib
import logging
import threading
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

KINDS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
"""Events of an arrival. Opening and reading are left out: metseg does that itself."""

log = logging.getLogger(__name__)


class Hints(FileSystemEventHandler):
    """Set when something in the inbox changed. The observer behind it is replaced when it dies."""

    def __init__(self, inbox: Path, *, polling: bool) -> None:
        self._inbox = inbox
        self._off = polling
        self._changed = threading.Event()
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
        """Must never raise: an exception here would end the observer silently."""
        self._changed.set()

    def wait(self, seconds: float) -> bool:
        """Wait for a hint. True when there was one; it is then forgotten."""
        hinted = self._changed.wait(seconds)
        self._changed.clear()
        return hinted

    def revive(self) -> None:
        """Start the observer, or a new one when it has died or the inbox is another folder now."""
        if self._off:
            return
        try:
            status = self._inbox.stat()
        except OSError:
            return  # the share is away; the scan says so
        inbox = (status.st_dev, status.st_ino)
        if self._observer is not None and self._alive(self._observer) and inbox == self._watched:
            return
        self.close()
        self._watched = inbox
        observer = Observer()
        try:
            observer.schedule(self, str(self._inbox), recursive=True, event_filter=KINDS)
            observer.start()
        except OSError as error:
            self._off = True
            log.warning("no file events (%s): scans alone find new files", error.strerror)
            return
        self._observer = observer
        self._changed.set()  # what happened before it watched

    @staticmethod
    def _alive(observer: BaseObserver) -> bool:
        return observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)

    def close(self) -> None:
        """End the observer."""
        if self._observer is not None:
            with contextlib.suppress(OSError, RuntimeError):  # never started, or its folder is gone
                self._observer.stop()
                self._observer.join(timeout=5)
            self._observer = None

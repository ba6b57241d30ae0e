"""A DICOM archive of one test: a real C-STORE provider of pynetdicom on a free loopback port."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SegmentationStorage,
)
from pynetdicom import AE, evt

ALL_SYNTAXES = (DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian)

LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
"""pynetdicom leaves the socket of a refused connection to the garbage collector."""


@dataclass
class Receiver:
    """Accepts files and remembers them. Answers `statuses` one after the other, then success.

    `title`: only this called AE title is accepted. `hold`: an answer waits for this event.
    `aborts`: how many associations are aborted at the first file. `takes_once`: a second copy of an
    instance is answered with "duplicate SOP instance".
    """

    kinds: Sequence[str] = (SegmentationStorage, ComprehensiveSRStorage)
    syntaxes: Sequence[str] = ALL_SYNTAXES
    title: str | None = None
    statuses: list[int] = field(default_factory=list)
    hold: threading.Event | None = None
    aborts: int = 0
    takes_once: bool = False
    port: int = 0
    received: list[tuple[str, str]] = field(default_factory=list)
    """SOPInstanceUID and transfer syntax."""
    names: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        entity = AE(ae_title="ARCHIVE")
        for kind in self.kinds:
            entity.add_supported_context(kind, [UID(syntax) for syntax in self.syntaxes])
        if not self.kinds:
            entity.add_supported_context("1.2.840.10008.1.1")
        entity.require_called_aet = self.title is not None
        entity.ae_title = self.title or "ARCHIVE"
        handlers = [(evt.EVT_C_STORE, self._store)]
        self._server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=handlers
        )
        assert self._server is not None
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()

    @property
    def address(self) -> str:
        """Where it listens, in the form that metseg expects."""
        return f"{self.title or 'ARCHIVE'}@127.0.0.1:{self.port}"

    def _store(self, event: Any) -> int:
        self.arrived.set()
        if self.aborts:
            self.aborts -= 1
            event.assoc.abort()
            return 0
        if self.hold is not None:
            self.hold.wait(30)
        status = self.statuses.pop(0) if self.statuses else 0
        known = {instance for instance, _ in self.received}
        if self.takes_once and event.dataset.SOPInstanceUID in known:
            return 0x0111
        if status in (0, 0xB000):
            dataset = event.dataset
            self.received.append((dataset.SOPInstanceUID, event.context.transfer_syntax))
            self.names.append(str(dataset.get("PatientName", "")))
        return status

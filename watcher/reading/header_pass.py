"""Reads headers in a child process with limits of memory and time, restarted when it dies."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from sys import intern
from types import TracebackType
from typing import Any, Self

from imaging.dicom.files.headers import OWN_MANUFACTURER
from watcher.reading.json_child import ChildDiedError, JsonChild, NoAnswerYetError

TIME_LIMIT_S = 30.0
"""Far beyond any honest header, even from a slow share."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the watcher needs of an instance. UIDs match ``[0-9.]{1,64}``.

    `refers_to` are studies and series that a reference segmentation names; `own_study` is what its
    file says, where it was found to be of another.
    """

    study: str
    series: str
    sop: str
    modality: str
    refers_to: tuple[str, ...] = ()
    own_study: str | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """Not DICOM, and named as an archive. `is_open`: the files in it are known."""

    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Nifti:
    """Perhaps a mask, whose study is yet to be found. `study`: what its sidecar says."""

    study: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not taken: `code` is stable, `message` names no patient.

    `ignore`: the file does not concern metseg. `again`: it could not be opened, try later.
    """

    code: str
    message: str
    ignore: bool = False
    again: bool = False

    @property
    def reason(self) -> str:
        """For the database and for people."""
        return f"{self.code}: {self.message}"


Verdict = Header | Archive | Nifti | Refusal


class HeaderPass:
    """Reads one header at a time. Close it, or use it in a ``with``."""

    def __init__(self, *, max_bytes: int, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._max_bytes = max_bytes
        self._time_limit_s = time_limit_s
        self._child = JsonChild("watcher.reading.header_child")

    def read(self, path: Path) -> Verdict:
        """The header of one file. A file that kills or stalls the child is refused."""
        self._child.ask({"path": str(path), "max_bytes": self._max_bytes})
        try:
            return _understand(self._child.answer(self._time_limit_s))
        except NoAnswerYetError:
            self.close()
            return Refusal("header_timeout", f"its header took over {self._time_limit_s:g} s")
        except ChildDiedError:
            return Refusal("header_crash", "reading its header ended the reading process")

    def close(self) -> None:
        """End the child, if there is one. The next read starts another."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _understand(answer: dict[str, Any]) -> Verdict:
    if "archive" in answer:
        return Archive()
    if "nifti" in answer:
        return Nifti(answer["nifti"])
    if "ignore" in answer:
        return _refusal(answer["ignore"], answer["message"], ignore=True)
    if "refuse" in answer:
        return _refusal(answer["refuse"], answer["message"])
    if "unreadable" in answer:
        return _refusal("unreadable", answer["message"], again=True)
    if answer["manufacturer"] == OWN_MANUFACTURER:
        return _refusal("own_result", "metseg wrote it", ignore=True)
    study, series, modality = map(intern, (answer["study"], answer["series"], answer["modality"]))
    return Header(study, series, answer["sop"], modality, tuple(answer.get("refers_to", ())))


@lru_cache(maxsize=100)
def _refusal(code: str, message: str, *, ignore: bool = False, again: bool = False) -> Refusal:
    """One object for the thousands of files that are refused alike."""
    return Refusal(code, message, ignore=ignore, again=again)

"""Which studies are complete, from what is known of their files. Pure: no clock, no disk."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from watcher.scan.inbox import INSIDE
from watcher.scan.settle import MINIMUM_SCANS, Observation, has_settled

STRANGER_QUIETS = 5
"""A study that has been still for this many quiet times no longer waits for moving files of unknown
study: a log file that always grows must not hold up the folder for ever."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is not dealt with yet.

    `study` is its StudyInstanceUID as far as known, from an earlier fingerprint if need be;
    `readable` says that the header was read at the present fingerprint, `opening` that it is an
    archive whose files are not known yet.
    """

    path: str
    observation: Observation
    study: str | None
    readable: bool
    opening: bool = False

    @property
    def folder(self) -> str:
        """Folder below the inbox, ``.`` for the inbox itself; for a packed file, its archive's."""
        return str(PurePosixPath(self.path.partition(INSIDE)[0]).parent)


@dataclass(frozen=True, slots=True)
class StudyWait:
    """A study that is not complete: how long it will take if nothing moves, and why."""

    study: str
    n_files: int
    seconds_left: float
    why: str


@dataclass(frozen=True, slots=True)
class ReadyStudy:
    """A study that is complete: the paths of its new files, sorted."""

    study: str
    paths: tuple[str, ...]


def group(
    files: Iterable[Waiting], *, marked: Collection[str], now: float, quiet_s: float
) -> tuple[list[ReadyStudy], list[StudyWait]]:
    """Decide which studies are complete, oldest first; the others wait, with the reason.

    A study is complete when all its files have settled, whatever their folders, and nothing
    unknown still moves in these folders. A folder in `marked` (or above) ends the wait for its
    files: two scans are enough there. Late files are not lost: they make the next revision.
    """
    studies: dict[str, list[Waiting]] = {}
    strangers: dict[str, float] = {}
    for file in files:
        if file.study is not None:
            studies.setdefault(file.study, []).append(file)
        elif file.opening or not has_settled(file.observation, now=now, quiet_s=quiet_s):
            strangers[file.folder] = max(
                file.observation.since, strangers.get(file.folder, file.observation.since)
            )
    ready: list[tuple[float, ReadyStudy]] = []
    waits: list[StudyWait] = []
    for study, members in studies.items():
        still_since = max(file.observation.since for file in members)
        wait = _wait(study, members, strangers, marked=marked, now=now, quiet_s=quiet_s)
        if wait is None:
            paths = tuple(sorted(file.path for file in members))
            ready.append((still_since, ReadyStudy(study, paths)))
        else:
            waits.append(wait)
    return [study for _, study in sorted(ready, key=lambda pair: (pair[0], pair[1].study))], waits


def batches(studies: Iterable[ReadyStudy], *, files: int) -> Iterator[list[ReadyStudy]]:
    """Studies in their order, some together as long as these have at most so many files."""
    batch: list[ReadyStudy] = []
    size = 0
    for study in studies:
        if batch and size + len(study.paths) > files:
            yield batch
            batch, size = [], 0
        batch.append(study)
        size += len(study.paths)
    if batch:
        yield batch


def _wait(
    study: str,
    members: Sequence[Waiting],
    strangers: dict[str, float],
    *,
    marked: Collection[str],
    now: float,
    quiet_s: float,
) -> StudyWait | None:
    """Why this study must wait; None when it need not."""
    if any(not file.readable or file.observation.scans < MINIMUM_SCANS for file in members):
        return StudyWait(study, len(members), quiet_s, "files are still being written")
    moving = [file for file in members if not is_marked(file.folder, marked)]
    left = max((quiet_s - (now - file.observation.since) for file in moving), default=0.0)
    if left > 0:
        return StudyWait(study, len(members), left, "waiting for more files")
    still_s = now - max(file.observation.since for file in members)
    beside = [strangers[file.folder] for file in moving if file.folder in strangers]
    if beside and still_s < STRANGER_QUIETS * quiet_s:
        left = quiet_s - (now - max(beside))
        return StudyWait(
            study, len(members), max(left, 0.0), "another file in its folder still moves"
        )
    return None


def is_marked(folder: str, marked: Collection[str]) -> bool:
    """Whether this folder, or one above it, holds a fresh marker file."""
    if not marked:
        return False
    path = PurePosixPath(folder)
    return any(str(place) in marked for place in (path, *path.parents))

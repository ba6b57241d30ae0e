"""What becomes of files that have settled. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from db.tables.tables import FileStatus
from watcher.reading.header_pass import Refusal
from watcher.scan.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where a settled file goes, and why."""

    path: str
    status: FileStatus
    reason: str | None


def judge(settled: Iterable[str], tracker: Tracker, *, max_bytes: int) -> Iterator[Judgement]:
    """Judge settled files. One whose header is not read yet is left out."""
    for path in settled:
        fingerprint = tracker.fingerprint(path)
        if fingerprint is None:  # another watcher was faster
            continue
        skip, size = tracker.skip_reason(path), fingerprint.size
        verdict = tracker.verdict(path)
        if skip is not None:
            yield Judgement(path, FileStatus.IGNORED, skip)
        elif size > max_bytes:
            reason = f"too_large: a file must have at most {max_bytes} bytes, got {size}"
            yield Judgement(path, FileStatus.QUARANTINED, reason)
        elif isinstance(verdict, Refusal):
            yield judge_refusal(path, verdict)
        elif verdict is not None:
            yield Judgement(path, FileStatus.SETTLED, None)


def judge_refusal(path: str, refusal: Refusal) -> Judgement:
    """Where a file without a header goes."""
    if refusal.ignore:
        return Judgement(path, FileStatus.IGNORED, refusal.reason)
    return Judgement(path, FileStatus.QUARANTINED, refusal.reason)

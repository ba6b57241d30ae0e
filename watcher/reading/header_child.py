"""The child that reads headers: requests and answers are JSON lines on its pipes.

It runs under a memory limit. Whatever a hostile file does here, the watcher goes on.
"""

import contextlib
import json
import os
import re
import resource
import stat
import sys
from pathlib import Path
from typing import Any

from imaging.dicom.files.encoding import NotDicomError
from imaging.dicom.files.headers import REFERENCE_MODALITIES, read_header
from imaging.masks.nifti.header import read_nifti_header
from metseg.errors import DicomError
from watcher.reading.archive_errors import KindError
from watcher.reading.kinds import is_archive, unopened_kind

MEMORY_BYTES = 512 * 1024**2
"""Address space of the child: a header needs a few MB."""
SIDECAR_BYTES = 1 << 20


def main() -> None:
    """Answer requests until the pipe closes."""
    with contextlib.suppress(OSError, ValueError):  # macOS refuses to limit the address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(answer(Path(request["path"]), request["max_bytes"])) + "\n")
        sys.stdout.flush()


def answer(path: Path, max_bytes: int) -> dict[str, Any]:
    """What the file is, or why it is not taken: JSON values only."""
    try:
        try:
            header = read_header(path, max_bytes=max_bytes)
        except NotDicomError as error:
            return _not_dicom(path, error)
    except DicomError as error:
        return {"refuse": error.code, "message": str(error)}
    except OSError as error:
        return {"unreadable": True, "message": error.strerror or "no reason given"}
    except MemoryError:
        return {"refuse": "header_memory", "message": "the header needs more memory than allowed"}
    said: dict[str, Any] = {
        "study": header.study_instance_uid,
        "series": header.series_instance_uid,
        "sop": header.sop_instance_uid,
        "modality": header.modality,
        "manufacturer": header.manufacturer,
    }
    if header.modality in REFERENCE_MODALITIES:
        said["refers_to"] = header.refers_to
    return said


def _not_dicom(path: Path, error: NotDicomError) -> dict[str, Any]:
    """What a file is that is not DICOM; an archive must be named as one."""
    unopened = unopened_kind(path)
    if unopened is not None:
        return {"refuse": KindError.code, "message": unopened}
    if is_archive(path.name, path):
        return {"archive": True}
    if read_nifti_header(path) is not None:
        return {"nifti": sidecar_study(path)}
    return {"ignore": error.code, "message": str(error)}


def sidecar_study(path: Path) -> str | None:
    """The StudyInstanceUID in the JSON file of the same name, as dcm2niix writes it."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    try:
        said = json.loads(_content_of(path.with_name(f"{stem}.json")))
    except (OSError, ValueError, RecursionError):
        return None
    uid = said.get("StudyInstanceUID") if isinstance(said, dict) else None
    return uid if isinstance(uid, str) and re.fullmatch(r"[0-9.]{1,64}", uid) else None


def _content_of(sidecar: Path) -> bytes:
    """All of a small regular file, and nothing of any other. Never waits for a pipe."""
    descriptor = os.open(sidecar, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > SIDECAR_BYTES:
            return b""
        return os.read(descriptor, SIDECAR_BYTES)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()

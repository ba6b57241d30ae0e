"""The child that unpacks archives: requests and answers are JSON lines on its pipes.

It runs under a memory limit and ends with its parent. What it found is in the file `MANIFEST` of
the folder, a line of JSON for each entry.
"""

import contextlib
import json
import os
import resource
import stat
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db.intake.fingerprint import Fingerprint, fingerprint_of
from metseg.disk import free_bytes
from watcher.archives.archive_rules import Budget
from watcher.archives.unpacking import OwnDiskError, Unpacker
from watcher.reading.archive_errors import ArchiveError

MANIFEST = "manifest"
MEMORY_BYTES = 768 * 1024**2
"""Address space: xz asks for 65 MB, a hundred thousand names for 100."""


def main() -> None:
    """Answer requests until the pipe closes."""
    for limit, size in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # macOS refuses to limit the address space
            resource.setrlimit(limit, (size, size))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack `source` into `folder`; JSON values only."""
    folder = Path(request["folder"])
    try:
        return _unpack(Path(request["source"]), folder, request)
    except ArchiveError as error:
        return {"refuse": error.code, "message": str(error)}
    except OwnDiskError as error:
        return {"full": error.full, "message": str(error)}
    except OSError as error:
        return {"unreadable": True, "message": error.strerror or "no reason given"}
    except MemoryError:
        return {"refuse": "archive_memory", "message": "unpacking needs more memory than allowed"}


def _unpack(source: Path, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as archive:
        expected = Fingerprint(**request["fingerprint"])
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or fingerprint_of(status) != expected:
            return {"moved": True}
        limits = request["limits"]
        unpacker = Unpacker(
            folder,
            Budget(
                limits["max_files"], limits["max_bytes"], limits["ratio"], max(1, status.st_size)
            ),
            max_file_bytes=limits["max_file_bytes"],
            max_depth=limits["max_depth"],
            go_on=lambda: _check_parent_and_space(folder, request),
        )
        unpacker.unpack(archive, name=source.name)
        if fingerprint_of(os.fstat(descriptor)) != expected:
            return {"moved": True}
    with (folder / MANIFEST).open("x") as manifest:
        for entry in unpacker.entries:
            manifest.write(json.dumps(asdict(entry)) + "\n")
    return {"entries": len(unpacker.entries)}


def _check_parent_and_space(folder: Path, request: dict[str, Any]) -> None:
    """Check that the parent lives, and that there is space."""
    if os.getppid() != request["parent"]:
        sys.exit(1)
    if free_bytes(folder) < request["min_free_bytes"]:
        raise OwnDiskError("too little free space is left", full=True)


if __name__ == "__main__":
    main()

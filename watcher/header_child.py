"""The child that reads headers: requests and answers are JSON lines on its pipes.

It runs under a memory limit. Whatever a hostile file does here, the watcher goes on.
"""

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

from imaging.headers import NotDicomError, read_header
from metseg.errors import DicomError

MEMORY_BYTES = 512 * 1024**2
"""Address space of the child: a header needs a few MB."""


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
        header = read_header(path, max_bytes=max_bytes)
    except NotDicomError as error:
        return {"ignore": error.code, "message": str(error)}
    except DicomError as error:
        return {"refuse": error.code, "message": str(error)}
    except OSError as error:
        return {"unreadable": True, "message": error.strerror or "no reason given"}
    except MemoryError:
        return {"refuse": "header_memory", "message": "the header needs more memory than allowed"}
    return {
        "study": header.study_instance_uid,
        "series": header.series_instance_uid,
        "sop": header.sop_instance_uid,
        "modality": header.modality,
        "manufacturer": header.manufacturer,
    }


if __name__ == "__main__":
    main()

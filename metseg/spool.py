"""Where the immutable copy of a file lies: by content, so that no name tells of a patient."""

import re
from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")


def spool_path(spool_dir: Path, sha256: str) -> Path:
    """Path of the bytes with this SHA-256, hex.

    Raises
    ------
    ValueError
        Not 64 lower-case hexadecimal digits: it could escape the spool.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"sha256 must be 64 lower-case hexadecimal digits, got {sha256!r}")
    return spool_dir / sha256[:2] / f"{sha256}.dcm"

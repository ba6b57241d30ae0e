"""What shows, without reading it, whether a file of the inbox has changed. Imports nothing heavy:
the watcher's child processes use it.
"""

import os
from dataclasses import dataclass

LONGEST_TIME = 2**63
"""A file may claim the year 30000; database integers end in 2262."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size, time of last change and inode of a file.

    `mtime_ns` is only ever compared with an earlier `mtime_ns`: clocks of shares lie.
    """

    size: int
    mtime_ns: int
    inode: int


def fingerprint_of(status: os.stat_result) -> Fingerprint:
    """The fingerprint in a stat."""
    return Fingerprint(status.st_size, status.st_mtime_ns % LONGEST_TIME, status.st_ino)

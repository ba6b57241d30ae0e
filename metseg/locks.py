"""Locks that end with their process, however it ends: flock(2), which the kernel takes back."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


def try_flock(descriptor: int, how: int) -> bool:
    """Lock an open file or folder; False when somebody else has it, or the place has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock file that this process holds until `release` or its own end."""

    path: Path
    descriptor: int

    @classmethod
    def take(cls, path: Path, note: str) -> "HeldLock | None":
        """Lock the file, made if need be, and write `note` into it; None when it is held.

        Child processes that are spawned do not inherit the lock.

        Raises
        ------
        OSError
            The file cannot be opened or written. It is then not held.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        held = False
        try:
            if try_flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, note.encode(), 0)
                held = True
        finally:
            if not held:
                os.close(descriptor)
        return cls(path, descriptor) if held else None

    def release(self) -> None:
        """Let others take it."""
        os.close(self.descriptor)


def note_of_holder(path: Path) -> str | None:
    """The note of the process that holds the lock file; None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if try_flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return None
        return os.pread(descriptor, 1 << 16, 0).decode(errors="replace")
    finally:
        os.close(descriptor)

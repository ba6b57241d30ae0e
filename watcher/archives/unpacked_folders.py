"""Folders for what is unpacked, all in one workspace of the spool.

Thousands of archives may be open at once, and each workspace costs a descriptor.
"""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from watcher.intake.spooling import spool_faults, workspace


@dataclass(slots=True)
class UnpackedFolders:
    """Makes the workspace for the first folder, and deletes it with the last."""

    spool_dir: Path
    _open: set[Path] = field(default_factory=set)
    _made: int = 0
    _place: Path = field(default_factory=Path)
    _held: ExitStack = field(default_factory=ExitStack)

    def add(self) -> Path:
        """A fresh folder.

        Raises
        ------
        InfrastructureError
            The spool cannot be written; `DiskFullError` when it is full.
        """
        if not self._open:
            self._place = self._held.enter_context(workspace(self.spool_dir))
        folder = self._place / str(self._made)
        self._open.add(folder)
        self._made += 1
        try:
            with spool_faults():
                folder.mkdir(parents=True)
        except BaseException:
            self.drop(folder)
            raise
        return folder

    def drop(self, folder: Path) -> None:
        """Delete one of the folders."""
        shutil.rmtree(folder, ignore_errors=True)
        self._open.discard(folder)
        if not self._open:
            self._held.close()

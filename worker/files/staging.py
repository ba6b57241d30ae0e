"""Folders of results: staged beside, checked, and renamed into place as a whole.

``results/.staging/<run>`` becomes ``results/<study id>/<run>``, where a run is
``<job>-<fence>-<token of the owner>``. So no two runs ever share a folder, and a folder's name says
whose it is.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metseg.disk import flush_all, sha256_of
from metseg.errors import InfrastructureError

STAGING = ".staging"
_RUN = re.compile(r"(\d+)-(\d+)-([0-9a-f]+)")


class DamagedFileError(InfrastructureError):
    """A file reads back other than it was written."""

    code = "damaged_file"


@dataclass(frozen=True, slots=True)
class RunName:
    """Which run of which job a folder belongs to."""

    job_id: int
    fence: int
    token: str

    def __str__(self) -> str:
        return f"{self.job_id}-{self.fence}-{self.token}"


def parse_run(name: str) -> RunName | None:
    """Reverse of ``str(run)``; None for folders that are not ours."""
    match = _RUN.fullmatch(name)
    if match is None:
        return None
    return RunName(int(match[1]), int(match[2]), match[3])


@dataclass(frozen=True, slots=True)
class RunFolders:
    """Where one run keeps its files before and after it is published."""

    staged: Path
    published: Path

    @classmethod
    def of(cls, results_dir: Path, *, study_id: int, run: RunName) -> "RunFolders":
        """The two folders of a run; nothing is made."""
        return cls(results_dir / STAGING / str(run), results_dir / str(study_id) / str(run))

    def make(self) -> Path:
        """An empty staging folder."""
        shutil.rmtree(self.staged, ignore_errors=True)
        self.staged.mkdir(parents=True)
        return self.staged

    def publish(self, sha256: dict[str, str]) -> None:
        """Flush and check every file, by name, then rename the folder into its place.

        Raises
        ------
        DamagedFileError
            A file does not read back with its SHA-256.
        """
        flush_all([*(self.staged / name for name in sha256), self.staged])
        for name, expected in sha256.items():
            found = sha256_of(self.staged / name)
            if found != expected:
                raise DamagedFileError(f"{name} must have SHA-256 {expected}, got {found}")
        self.published.parent.mkdir(parents=True, exist_ok=True)
        self.staged.rename(self.published)
        of_study = self.published.parent
        flush_all((of_study, of_study.parent, self.staged.parent))

    def discard(self) -> None:
        """Take away whatever this run left. Never raises: the sweep finds what stays."""
        for folder in (self.staged, self.published):
            shutil.rmtree(folder, ignore_errors=True)


def found_runs(results_dir: Path) -> Iterable[tuple[RunName, Path]]:
    """Every folder of a run below `results_dir`, staged or published."""
    for parent in _folders(results_dir):
        for folder in _folders(parent):
            run = parse_run(folder.name)
            if run is not None:
                yield run, folder


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []

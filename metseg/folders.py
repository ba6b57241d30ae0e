"""Checks that spool and results are where the settings say, before anything is written."""

import os
import re
from pathlib import Path

from metseg.errors import ConfigurationError
from metseg.settings import Settings

FSTAB = Path("/etc/fstab")
_OCTAL = re.compile(r"\\([0-7]{3})")


def check_folders(settings: Settings, *, fstab: Path = FSTAB) -> None:
    """Refuse to start where spool or results would be made on the wrong disk.

    Raises
    ------
    ConfigurationError
        What `folder_problem` says of the first folder at fault.
    """
    for name in ("spool", "results"):
        if problem := folder_problem(settings, name, fstab=fstab):
            raise ConfigurationError(problem)


def folder_problem(settings: Settings, name: str, *, fstab: Path = FSTAB) -> str | None:
    """What is wrong with the folder `name`, ``spool`` or ``results``; None when nothing is.

    A folder that a setting names must exist: metseg makes only those below its home. Neither may
    lie below a mount point of `fstab` that is not mounted: it would fill the disk underneath.
    """
    folder: Path = getattr(settings, f"{name}_dir")
    variable = f"METSEG_{name.upper()}"
    if unmounted := unmounted_above(folder, fstab):
        return f"{name} must be on its own disk, but {unmounted} is not mounted: mount it"
    if folder.exists() and not folder.is_dir():
        return f"{variable} must be a folder, got a file: {folder}"
    if getattr(settings, name) is not None and not folder.is_dir():
        return f"{variable} must be a folder that exists, got {folder}: make it, or mount its disk"
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        return f"{variable} must be a folder that can be written to, got {folder}"
    return None


def unmounted_above(folder: Path, fstab: Path) -> Path | None:
    """The mount point of `fstab` that `folder` is or lies below, where nothing is mounted there."""
    places = (folder, *folder.parents, folder.resolve(), *folder.resolve().parents)
    for point in _mount_points(fstab):
        if point in places and not point.is_mount():
            return point
    return None


def _mount_points(fstab: Path) -> list[Path]:
    """The second field of each line (fstab(5)), blanks in it as octal numbers; not swap or root."""
    try:
        lines = fstab.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines if not line.lstrip().startswith("#")]
    points = [_OCTAL.sub(lambda code: chr(int(code[1], 8)), one[1]) for one in fields if one[1:]]
    return [Path(point) for point in points if point.startswith("/") and point != "/"]

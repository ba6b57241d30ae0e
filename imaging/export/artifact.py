"""One file of a result: plain values, the same in the folder, the database and the reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a result.

    `kind` is one of those in docs/outputs.md, such as dicom-seg. `path` has forward slashes: in the
    folder of a result it is the file's name, in the database it is relative to the results folder,
    and in a report of `metseg results` it is absolute.
    """

    kind: str
    path: str
    size: int
    sha256: str

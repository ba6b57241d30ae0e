"""Which study a reference belongs to. A NIfTI does not say so itself, but its place and name do; a
SEG or RTSTRUCT may have a study of its own, and name the one that it belongs to.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from sqlalchemy.orm import Session, sessionmaker

from db.intake.pairing import known_study, studies_below
from db.session import read_only
from imaging.dicom.files.headers import REFERENCE_MODALITIES
from imaging.dicom.files.uids import derived_uid
from watcher.reading.header_pass import Header, Nifti, Refusal
from watcher.scan.inbox import INSIDE

MODALITY = "NIFTI"
"""Modality of a snapshot's instance that is not DICOM."""
UNPAIRED = "unpaired"
"""Code, and beginning of the reason, of a NIfTI whose study is not known, or not yet."""
_UID = re.compile(r"(?<![0-9.])[0-2](?:\.[0-9]+){2,}")
"""PS3.5 9.1. A version number looks the same, but no known study or series has it."""


def nifti_header(study: str, path: str) -> Header:
    """The header of a NIfTI in a study. Its UID follows from its path: overwritten, it is the same
    reference with other content.
    """
    uid = derived_uid("metseg nifti", path)
    return Header(study, uid, uid, MODALITY)


def named_uids(path: str, sidecar: str | None) -> Iterator[str]:
    """UIDs that say where a file belongs: in its sidecar, its name, then its folders upwards."""
    if sidecar is not None:
        yield sidecar
    for part in reversed(PurePosixPath(path.replace(INSIDE, "/")).parts):
        yield from _UID.findall(part.removesuffix(".gz").removesuffix(".nii"))


def folders_of(path: str) -> Iterator[tuple[str, bool]]:
    """Folders that hold a file, the nearest first, and whether what is below them counts too.

    Everything lies below the inbox itself: there, only its own files count.
    """
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0].rstrip("/")
        yield folder, True
    yield "", False


@dataclass(slots=True)
class Pairing:
    """Finds the study of a reference.

    `headers` are those of the files that wait, by path; `waiting` are the NIfTIs for which no study
    has been found so far.
    """

    sessions: sessionmaker[Session]
    waiting: set[str] = field(default_factory=set)

    def pair(self, path: str, found: Nifti, headers: Mapping[str, Header]) -> Header | Refusal:
        """The study named in a sidecar, the file's name or its folders, else the only one in the
        nearest folder that holds any.
        """
        studies = self._named(path, found, headers) or self._around(path, headers)
        self.waiting.discard(path)
        if len(studies) == 1:
            return nifti_header(studies.pop(), path)
        if studies:
            why = "several studies lie around it: its name must hold the StudyInstanceUID"
        else:
            self.waiting.add(path)
            why = "no study lies in its folder or above"
        return Refusal(UNPAIRED, why, again=True)

    def rehome(self, header: Header, headers: Mapping[str, Header]) -> Header:
        """The header of a SEG or RTSTRUCT, with the study that it names if images of that study are
        known; with its own otherwise.
        """
        study = self._known(header.refers_to, headers)
        if study is None or study == header.study:
            return header
        return replace(header, study=study, own_study=header.study)

    def _named(self, path: str, found: Nifti, headers: Mapping[str, Header]) -> set[str]:
        study = self._known(named_uids(path, found.study), headers)
        return set() if study is None else {study}

    def _known(self, uids: Iterable[str], headers: Mapping[str, Header]) -> str | None:
        """The study of the first UID that is one of a study or series with images."""
        present = {}
        for header in headers.values():
            if header.modality not in REFERENCE_MODALITIES:
                present[header.study] = present[header.series] = header.study
        for uid in uids:
            if uid in present:
                return present[uid]
            with self.sessions() as session:
                study = known_study(read_only(session), uid)
            if study is not None:
                return study
        return None

    def _around(self, path: str, headers: Mapping[str, Header]) -> set[str]:
        for folder, deep in folders_of(path):
            studies = set(_present(folder, headers, deep=deep))
            with self.sessions() as session:
                studies |= studies_below(read_only(session), folder, deep=deep)
            if studies:
                return studies
        return set()


def _present(folder: str, headers: Mapping[str, Header], *, deep: bool) -> Iterable[str]:
    start = f"{folder}/" if folder else ""
    return (
        header.study
        for path, header in headers.items()
        if path.startswith(start) and (deep or "/" not in path[len(start) :])
    )

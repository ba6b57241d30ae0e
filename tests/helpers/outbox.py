"""Results with DICOM files on disk, for tests of the outbox."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    SegmentationStorage,
)
from sqlalchemy.orm import Session, sessionmaker

from db import jobs, processes
from db.tables.tables import Role
from imaging.export.artifact import Artifact
from metseg.settings import Settings
from tests.helpers.dicom.phantom import CANARY_NAME, uid
from tests.helpers.rows import T0, found, new_job, take

WORKER = "host:1:aaaa"
FILES = (
    ("dicom-seg", "lesions.dcm", SegmentationStorage, DeflatedExplicitVRLittleEndian),
    ("dicom-sr", "report.dcm", ComprehensiveSRStorage, ExplicitVRLittleEndian),
)


@dataclass
class Outbox:
    """A database and a results folder."""

    settings: Settings
    sessions: sessionmaker[Session]

    def result(self, study: str = "1.2", *, push_to: str | None = None, instance: str = "") -> int:
        """A finished study with a SEG, an SR and a picture, as a worker records it."""
        with self.sessions.begin() as session:
            claim = take(session, new_job(session, study=study))
            new = found(claim, series=f"{study}.1")
            folder = self.settings.results_dir / new.directory
            folder.mkdir(parents=True)
            artifacts = [
                self._write(folder, new.directory, kind, name, sop, syntax, instance or study)
                for kind, name, sop, syntax in FILES
            ]
            picture = Artifact("preview-png", f"{new.directory}/a.png", 1, "0" * 64)
            new = replace(new, artifacts=(*artifacts, picture))
            return jobs.finalise(session, claim, new, now=T0, push_to=push_to)

    def _write(
        self, folder: Path, directory: str, kind: str, name: str, sop: str, syntax: str, of: str
    ) -> Artifact:
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = sop, uid(of, kind)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(of), uid(of, kind, "series")
        dataset.PatientName = CANARY_NAME
        dataset.Modality = "SEG" if kind == "dicom-seg" else "SR"
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        path = folder / name
        dataset.save_as(path, enforce_file_format=True)
        content = path.read_bytes()
        return Artifact(kind, f"{directory}/{name}", len(content), sha256(content).hexdigest())

    def worker(self, name: str = WORKER) -> str:
        """A living worker in the table `worker`."""
        with self.sessions.begin() as session:
            processes.register(
                session, role=Role.WORKER, name=name, host="host", pid=1, version="0", now=T0
            )
        return name

    def delete_worker(self, name: str = WORKER) -> None:
        """Delete the row of a worker, as the reconciler does when it is dead."""
        with self.sessions.begin() as session:
            processes.forget(session, name)

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

"""Takes one complete study in: an immutable copy in the spool and rows, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import set_status
from db.intake.intake import (
    IntakeFile,
    IntakeOutcome,
    NewInstance,
    StudyIntake,
    latest_instances,
    lock_study,
    record_intake,
)
from db.tables.tables import FileStatus, SourceFile
from watcher.intake.pairing import nifti_header
from watcher.intake.spooling import Copied, MovedError, UnreadableError, copy_in, place, workspace
from watcher.intake.union import Arrival, Held, Union, unite
from watcher.reading.header_pass import Header, HeaderPass, Nifti, Refusal
from watcher.scan.inbox import stands
from watcher.scan.settle import Fingerprint

DISPUTED = "sop_conflict: one SOPInstanceUID came with two contents; remove one and touch the other"


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A settled file: its path below the inbox, and its row."""

    path: str
    file_id: int
    source: Path
    """Where its bytes are: in the inbox, or unpacked from an archive there."""
    fingerprint: Fingerprint
    """Of `source`."""
    own_study: str | None = None
    """What its header says, of a reference that was found to be of this study."""


@dataclass(frozen=True, slots=True)
class JobKey:
    """What besides the bytes makes a job: the model and the settings that can change a result."""

    model_version: str
    settings_digest: str


@dataclass(slots=True)
class Taken:
    """What became of each file. `moved` is not empty: nothing was recorded, all wait again."""

    outcome: IntakeOutcome | None = None
    ingested: list[str] = field(default_factory=list)
    disputed: list[str] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Arrived:
    file: StudyFile
    copied: Copied
    header: Header

    @property
    def arrival(self) -> Arrival:
        header, copied = self.header, self.copied
        held = Held(header.sop, header.series, header.modality, copied.size, copied.sha256)
        return Arrival(self.file.file_id, held)


@dataclass(frozen=True, slots=True)
class Intake:
    """The rooms that an intake goes through. `beat` is called often, to say that work goes on."""

    inbox: Path
    spool_dir: Path
    sessions: sessionmaker[Session]
    headers: HeaderPass
    beat: Callable[[], None]

    def take(self, study: str, files: Sequence[StudyFile], key: JobKey, *, now: datetime) -> Taken:
        """Copy, hash, check and record the settled files of one study.

        The headers that count are those of the copies: what is recorded is what was hashed. Files
        that moved since they settled stop the intake; the others stay as they are in the inbox.

        Raises
        ------
        InfrastructureError
            The spool does not take the copies. Nothing is recorded.
        sqlalchemy.exc.DBAPIError
            The database does not answer. Perhaps recorded: doing it again is harmless.
        """
        taken = Taken()
        with workspace(self.spool_dir) as folder:
            arrived = self._copy_all(study, files, folder, taken)
            if taken.moved or not arrived:
                return taken
            place([one.copied for one in arrived], self.spool_dir)
            self._record(study, arrived, key, taken, now=now)
        return taken

    def _copy_all(
        self, study: str, files: Sequence[StudyFile], folder: Path, taken: Taken
    ) -> list[_Arrived]:
        """Copies with the headers that are in them; what cannot be taken goes to `taken`."""
        arrived = []
        for number, file in enumerate(files):
            self.beat()
            try:
                copied = copy_in(file.source, file.fingerprint, folder / str(number))
            except MovedError:
                taken.moved.append(file.path)
                continue
            except UnreadableError as error:
                taken.refused[file.path] = Refusal("unreadable", str(error), again=True)
                continue
            header = self.headers.read(copied.path)
            if isinstance(header, Nifti):
                header = nifti_header(study, file.path)
            if isinstance(header, Header) and header.study == (file.own_study or study):
                arrived.append(_Arrived(file, copied, header))
            elif isinstance(header, Refusal):
                taken.refused[file.path] = header
            else:
                taken.moved.append(file.path)
        return arrived

    def _record(
        self, study: str, arrived: Sequence[_Arrived], key: JobKey, taken: Taken, *, now: datetime
    ) -> None:
        with self.sessions.begin() as session:
            union = self._unite(session, study, [one.arrival for one in arrived], now=now)
            set_status(
                session,
                [arrival.file_id for arrival in union.refused],
                FileStatus.QUARANTINED,
                reason=DISPUTED,
            )
            outcome = None
            if union.accepted:
                outcome = record_intake(
                    session,
                    _study_intake(study, union),
                    model_version=key.model_version,
                    settings_digest=key.settings_digest,
                    now=now,
                )
        disputed = {arrival.file_id for arrival in union.refused}
        taken.outcome = outcome
        taken.disputed = [one.file.path for one in arrived if one.file.file_id in disputed]
        taken.ingested = [one.file.path for one in arrived if one.file.file_id not in disputed]

    def _unite(
        self, session: Session, study: str, arrivals: Sequence[Arrival], *, now: datetime
    ) -> Union:
        """The next revision, decided while nobody else can make one of this study."""
        study_id = lock_study(session, study, now=now)
        latest = [_held(instance) for instance in latest_instances(session, study)]
        recorded = {held.sop_instance_uid: held.sha256 for held in latest}
        contested = {
            one.instance.sop_instance_uid
            for one in arrivals
            if recorded.get(one.instance.sop_instance_uid, one.instance.sha256)
            != one.instance.sha256
        }
        own = {arrival.file_id for arrival in arrivals}
        standing = self._standing(session, study_id, contested, own) if contested else {}
        return unite(latest, arrivals, standing=standing)

    def _standing(
        self, session: Session, study_id: int, contested: set[str], own: set[int]
    ) -> Mapping[str, set[str]]:
        """Hashes of ingested files of these instances that still lie in the inbox as they were."""
        rows = session.execute(
            select(
                SourceFile.id,
                SourceFile.path,
                SourceFile.size,
                SourceFile.mtime_ns,
                SourceFile.inode,
                SourceFile.sop_instance_uid,
                SourceFile.sha256,
            ).where(SourceFile.study_id == study_id, SourceFile.status == FileStatus.INGESTED)
        )
        standing: dict[str, set[str]] = {}
        for row in rows:
            uid, sha256 = row.sop_instance_uid, row.sha256
            if row.id in own or uid not in contested or uid is None or sha256 is None:
                continue
            before = Fingerprint(row.size, row.mtime_ns, int(row.inode))
            if stands(self.inbox, row.path, before):
                standing.setdefault(uid, set()).add(sha256)
        return standing


def _held(instance: NewInstance) -> Held:
    return Held(
        instance.sop_instance_uid,
        instance.series_instance_uid,
        instance.modality,
        instance.size,
        instance.sha256,
    )


def _study_intake(study: str, union: Union) -> StudyIntake:
    return StudyIntake(
        study_instance_uid=study,
        instances=tuple(
            NewInstance(
                series_instance_uid=held.series_instance_uid,
                sop_instance_uid=held.sop_instance_uid,
                modality=held.modality,
                size=held.size,
                sha256=held.sha256,
            )
            for held in union.instances
        ),
        files=tuple(
            IntakeFile(a.file_id, a.instance.sop_instance_uid, a.instance.sha256)
            for a in union.accepted
        ),
    )

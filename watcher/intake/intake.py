"""Takes complete studies in: immutable copies in the spool and rows, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import ingested_files, set_status
from db.intake.fingerprint import Fingerprint
from db.intake.intake import (
    ArrivedFile,
    IntakeOutcome,
    LockedStudy,
    SpooledInstance,
    StudyIntake,
    latest_instances,
    lock_study,
    mark_ingested,
    record_intake,
)
from db.tables.tables import FileStatus
from watcher.intake.pairing import nifti_header
from watcher.intake.spooling import Copied, MovedError, UnreadableError, copy_in, place, workspace
from watcher.intake.union import Union, unite
from watcher.reading.header_pass import Header, HeaderPass, Nifti, Refusal
from watcher.scan.inbox import stands

DISPUTED = "sop_conflict: one SOPInstanceUID came with two contents; remove one and touch the other"


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A settled file that is to be taken in: its path below the inbox, and its row."""

    path: str
    file_id: int
    source: Path
    """Where its bytes are: in the inbox, or unpacked from an archive there."""
    fingerprint: Fingerprint
    """Of `source`."""
    own_study: str | None = None
    """The StudyInstanceUID in its header, for a reference that belongs to this study all the same.
    """


@dataclass(frozen=True, slots=True)
class ArrivedStudy:
    """A complete study: its StudyInstanceUID, and its settled files in the order of their paths."""

    study: str
    files: Sequence[StudyFile]


@dataclass(frozen=True, slots=True)
class JobKey:
    """What besides the bytes makes a job: the model and the settings that can change a result."""

    model_version: str
    settings_digest: str


@dataclass(slots=True)
class IntakeReport:
    """What became of each file of a study. If `moved` is not empty, nothing was recorded; all wait
    again.
    """

    outcome: IntakeOutcome | None = None
    ingested: list[str] = field(default_factory=list)
    disputed: list[str] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _CopiedFile:
    file: StudyFile
    copied: Copied
    header: Header

    @property
    def arrived(self) -> ArrivedFile:
        header, copied = self.header, self.copied
        instance = SpooledInstance(
            series_instance_uid=header.series,
            sop_instance_uid=header.sop,
            modality=header.modality,
            size=copied.size,
            sha256=copied.sha256,
        )
        return ArrivedFile(self.file.file_id, instance)


@dataclass(frozen=True, slots=True)
class _Taking:
    """A study on its way in: what is copied of it, and what became of its files."""

    study: str
    copies: list[_CopiedFile] = field(default_factory=list)
    report: IntakeReport = field(default_factory=IntakeReport)

    @property
    def whole(self) -> bool:
        """Whether there is something to record."""
        return bool(self.copies) and not self.report.moved


@dataclass(frozen=True, slots=True)
class Intake:
    """What an intake works with. `beat` is called often, to report that work goes on."""

    inbox: Path
    spool_dir: Path
    sessions: sessionmaker[Session]
    headers: HeaderPass
    beat: Callable[[], None]

    def take(
        self, studies: Sequence[ArrivedStudy], key: JobKey, *, now: datetime
    ) -> list[IntakeReport]:
        """Copy, hash, check and record the settled files of some studies, one report for each.

        The headers that count are those of the copies: what is recorded is what was hashed. Files
        that moved since they settled stop the intake of their study; the others stay as they are
        in the inbox.

        Raises
        ------
        InfrastructureError
            The spool cannot be written. Nothing is recorded.
        sqlalchemy.exc.DBAPIError
            The database does not answer. The studies may be recorded: doing it again is harmless.
        """
        with workspace(self.spool_dir) as folder:
            takings = [
                self._copy_all(one, folder, f"{number}-") for number, one in enumerate(studies)
            ]
            whole = [taking for taking in takings if taking.whole]
            if whole:
                place([one.copied for taking in whole for one in taking.copies], self.spool_dir)
                self._record_all(whole, key, now=now)
        return [taking.report for taking in takings]

    def _copy_all(self, arrived: ArrivedStudy, folder: Path, prefix: str) -> _Taking:
        """Copies with the headers that are in them, their names beginning with `prefix`."""
        taking = _Taking(arrived.study)
        study, copies, taken = taking.study, taking.copies, taking.report
        for number, file in enumerate(arrived.files):
            self.beat()
            try:
                copied = copy_in(file.source, file.fingerprint, folder / f"{prefix}{number}")
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
                copies.append(_CopiedFile(file, copied, header))
            elif isinstance(header, Refusal):
                taken.refused[file.path] = header
            else:
                taken.moved.append(file.path)
        return taking

    def _record_all(self, takings: Sequence[_Taking], key: JobKey, *, now: datetime) -> None:
        """One transaction. Studies in the order of their UIDs, then files in that of their paths,
        so that two watchers do not lock each other out.
        """
        accepted: dict[str, tuple[int, ArrivedFile]] = {}
        with self.sessions.begin() as session:
            for taking in sorted(takings, key=lambda one: one.study):
                accepted |= self._record(session, taking, key, now=now)
            mark_ingested(session, [accepted[path] for path in sorted(accepted)])

    def _record(
        self, session: Session, taking: _Taking, key: JobKey, *, now: datetime
    ) -> dict[str, tuple[int, ArrivedFile]]:
        """Record one study. Returns its files that are in it now, with its id, by path."""
        study = lock_study(session, taking.study, now=now)
        union = self._unite(session, study, [one.arrived for one in taking.copies])
        disputed = {arrival.file_id for arrival in union.refused}
        if disputed:
            set_status(session, sorted(disputed), FileStatus.QUARANTINED, reason=DISPUTED)
        if union.accepted:
            taking.report.outcome = record_intake(
                session,
                study,
                StudyIntake(union.instances),
                model_version=key.model_version,
                settings_digest=key.settings_digest,
                now=now,
            )
        inside = [one for one in taking.copies if one.file.file_id not in disputed]
        taking.report.ingested = [one.file.path for one in inside]
        taking.report.disputed = [
            one.file.path for one in taking.copies if one.file.file_id in disputed
        ]
        return {one.file.path: (study.id, one.arrived) for one in inside}

    def _unite(
        self, session: Session, study: LockedStudy, arrivals: Sequence[ArrivedFile]
    ) -> Union:
        """The next revision, decided while nobody else can make one of this study."""
        latest = latest_instances(session, study)
        recorded = {instance.sop_instance_uid: instance.sha256 for instance in latest}
        contested = {
            one.instance.sop_instance_uid
            for one in arrivals
            if recorded.get(one.instance.sop_instance_uid, one.instance.sha256)
            != one.instance.sha256
        }
        own = {arrival.file_id for arrival in arrivals}
        standing = self._standing(session, study.id, contested, own) if contested else {}
        return unite(latest, arrivals, standing=standing)

    def _standing(
        self, session: Session, study_id: int, contested: set[str], own: set[int]
    ) -> Mapping[str, set[str]]:
        """Hashes of ingested files of these instances that still lie in the inbox as they were."""
        standing: dict[str, set[str]] = {}
        for file in ingested_files(session, study_id):
            uid, sha256 = file.sop_instance_uid, file.sha256
            if file.id in own or uid not in contested or uid is None or sha256 is None:
                continue
            if stands(self.inbox, file.path, file.fingerprint):
                standing.setdefault(uid, set()).add(sha256)
        return standing

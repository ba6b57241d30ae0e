"""What users ask: where each study stands and what was found in it."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, sessionmaker

from db.results.rows import (
    read_artifact,
    read_evaluation,
    read_lesion,
    read_refused,
    read_series,
)
from db.results.study_reports import SentReport, StudyReport
from db.session import read_only
from db.tables.push_tables import Push
from db.tables.result_tables import (
    ArtifactRow,
    EvaluationRow,
    LesionRow,
    RefusedReferenceRow,
    Result,
    SeriesChoice,
)
from db.tables.tables import Base, Job, JobState, Outcome, Snapshot, Study
from imaging.choice.verdict import SeriesVerdict
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Lesion
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference

PAGE = 20
"""Studies that are read at once."""
STATUS = {Outcome.SEGMENTED: "succeeded", Outcome.NO_SERIES: "no_series"}

PartT = TypeVar("PartT")


def stream_reports(
    sessions: sessionmaker[Session],
    *,
    results_dir: Path,
    study_uid: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[StudyReport]:
    """What `study_reports` has, of at most `limit` studies with a number above `after`.

    Page by page, each in a transaction of its own: a database of a million studies is neither held
    in memory nor kept from those who write.
    """
    left = sys.maxsize if limit is None else limit
    while left > 0:
        with sessions() as session:
            studies = study_page(read_only(session), study_uid, after=after, size=min(PAGE, left))
            reports = reports_of(session, studies, results_dir=results_dir)
        if not studies:
            return
        yield from reports
        after, left = studies[-1], left - len(studies)


def study_reports(
    session: Session, *, results_dir: Path, study_uid: str | None = None
) -> list[StudyReport]:
    """All studies, or one, in the order of their arrival, in one transaction.

    One report for each current result, and one for each study whose newest job failed, waits or
    runs: a study that is run again has both.
    """
    reports: list[StudyReport] = []
    studies = study_page(session, study_uid)
    while studies:
        reports += reports_of(session, studies, results_dir=results_dir)
        studies = study_page(session, study_uid, after=studies[-1])
    return reports


def study_page(
    session: Session, study_uid: str | None = None, *, after: int = 0, size: int = PAGE
) -> Sequence[int]:
    """The next numbers of studies after one: of all, or of the study of this UID."""
    page = select(Study.id).where(Study.id > after).order_by(Study.id).limit(size)
    if study_uid is not None:
        page = page.where(Study.study_instance_uid == study_uid)
    return session.scalars(page).all()


def reports_of(session: Session, studies: Sequence[int], *, results_dir: Path) -> list[StudyReport]:
    """The reports of some studies, by number."""
    only = Study.id.in_(studies)
    reports = _result_reports(session, results_dir, only) + _job_reports(session, only)
    return [report for _, report in sorted(reports, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What lies under the current results, by result."""

    lesions: Mapping[int, Sequence[Lesion]]
    series: Mapping[int, Sequence[SeriesVerdict]]
    evaluations: Mapping[int, Sequence[ReferenceEvaluation]]
    refused: Mapping[int, Sequence[RefusedReference]]
    artifacts: Mapping[int, Sequence[Artifact]]
    pushes: Mapping[int, Sequence[SentReport]]


def _result_reports(
    session: Session, results_dir: Path, only: ColumnElement[bool]
) -> list[tuple[tuple[int, int], StudyReport]]:
    parts = _all_parts(session, results_dir, only)
    rows = session.execute(
        select(Result, Study.study_instance_uid, Job.model_version, Snapshot.revision)
        .join(Study, Study.id == Result.study_id)
        .join(Job, Job.id == Result.job_id)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .where(Result.is_current, only)
    )
    return [
        (
            (result.study_id, 0),
            _report(result, parts, study_uid=uid, model_version=version, revision=revision),
        )
        for result, uid, version, revision in rows
    ]


def _report(
    result: Result, parts: _Parts, *, study_uid: str, model_version: str, revision: int
) -> StudyReport:
    evaluations = parts.evaluations[result.id]
    return StudyReport(
        study_uid=study_uid,
        series_uid=result.series_instance_uid,
        status=STATUS[result.outcome],
        error_code=None,
        model_version=model_version,
        n_lesions=result.n_lesions,
        total_volume_mm3=result.total_volume_mm3,
        dice=evaluations[-1].measures.dice if evaluations else None,
        agreement=result.agreement,
        brain_volume_ml=result.brain_volume_ml,
        lesions=tuple(parts.lesions[result.id]),
        artifacts=tuple(parts.artifacts[result.id]),
        warnings=tuple(result.warnings),
        series=tuple(parts.series[result.id]),
        evaluations=tuple(evaluations),
        refused_references=tuple(parts.refused[result.id]),
        job_id=result.job_id,
        revision=revision,
        result_id=result.id,
        pushes=tuple(parts.pushes[result.id]),
        study_id=result.study_id,
    )


def _job_reports(
    session: Session, only: ColumnElement[bool]
) -> list[tuple[tuple[int, int], StudyReport]]:
    jobs = _newest_jobs(only).subquery()
    rows = session.execute(
        select(jobs).where(
            jobs.c.place == 1,
            jobs.c.state.in_((JobState.FAILED, JobState.PENDING, JobState.RUNNING)),
        )
    )
    return [
        (
            (row.study_id, 1),
            StudyReport(
                study_uid=row.study_instance_uid,
                series_uid=None,
                status=row.state.value,
                error_code=row.error_code,
                model_version=row.model_version,
                error_message=row.error_message,
                job_id=row.id,
                revision=row.revision,
                study_id=row.study_id,
            ),
        )
        for row in rows
    ]


def _newest_jobs(
    only: ColumnElement[bool],
) -> Select[*tuple[object, ...]]:
    """Jobs of each study, the newest at place 1. Cancelled ones do not count."""
    newest_first = (Snapshot.revision.desc(), Job.wish.desc(), Job.id.desc())
    return (
        select(
            Job.id,
            Job.state,
            Job.error_code,
            Job.error_message,
            Job.model_version,
            Snapshot.revision,
            Snapshot.study_id,
            Study.study_instance_uid,
            func.row_number()
            .over(partition_by=Snapshot.study_id, order_by=newest_first)
            .label("place"),
        )
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .join(Study, Study.id == Snapshot.study_id)
        .where(Job.state != JobState.CANCELLED, only)
    )


def _all_parts(session: Session, results_dir: Path, only: ColumnElement[bool]) -> _Parts:
    files = _parts(session, ArtifactRow, ArtifactRow.id, lambda row: row, only)
    kinds = {row.id: row.kind for rows in files.values() for row in rows}
    artifacts = {
        result_id: [_artifact(row, results_dir) for row in rows]
        for result_id, rows in files.items()
    }
    return _Parts(
        lesions=_parts(session, LesionRow, LesionRow.number, read_lesion, only),
        series=_parts(session, SeriesChoice, SeriesChoice.id, read_series, only),
        evaluations=_parts(session, EvaluationRow, EvaluationRow.id, read_evaluation, only),
        refused=_parts(session, RefusedReferenceRow, RefusedReferenceRow.id, read_refused, only),
        artifacts=defaultdict(list, artifacts),
        pushes=_parts(session, Push, Push.id, lambda row: _sent(row, kinds), only),
    )


def _parts(
    session: Session,
    table: type[Base],
    order: InstrumentedAttribute[int],
    read: Callable[..., PartT],
    only: ColumnElement[bool],
) -> defaultdict[int, list[PartT]]:
    """Rows of one table under the current results, by result."""
    result_id = table.__table__.c.result_id
    rows = session.scalars(
        select(table)
        .join(Result, Result.id == result_id)
        .join(Study, Study.id == Result.study_id)
        .where(Result.is_current, only)
        .order_by(order)
    )
    parts: defaultdict[int, list[PartT]] = defaultdict(list)
    for row in rows:
        parts[getattr(row, "result_id")].append(read(row))  # noqa: B009
    return parts


def _sent(row: Push, kinds: Mapping[int, str]) -> SentReport:
    return SentReport(
        kind=kinds[row.artifact_id],
        destination=row.destination,
        state=row.state.value,
        sop_instance_uid=row.sop_instance_uid,
        error_code=row.error_code,
        error_message=row.error_message,
    )


def _artifact(row: ArtifactRow, results_dir: Path) -> Artifact:
    """The file of a row, by its absolute path."""
    one = read_artifact(row)
    return replace(one, path=str((results_dir / one.path).absolute()))


def recorded_directories(session: Session) -> set[str]:
    """Folders of all results, relative to the results folder."""
    return set(session.scalars(select(Result.directory)))

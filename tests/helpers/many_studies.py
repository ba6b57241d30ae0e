"""As many studies as asked for, in a database of our schema.

A few are made by the daemon's own functions, in mixed states; the others are copies of their rows,
made inside the database with ids, UIDs, paths and hashes of their own.
"""

import gzip
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    String,
    bindparam,
    cast,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Session

from db import jobs
from db.intake.files import see, set_status
from db.intake.fingerprint import Fingerprint
from db.intake.intake import ArrivedFile, StudyIntake, lock_study, mark_ingested, record_intake
from db.outbox import pushes
from db.results.new_result import NewResult
from db.session import session_factory
from db.tables.push_tables import Push
from db.tables.tables import FileStatus, Instance, SourceFile, Worker
from imaging.export.artifact import Artifact
from tests.helpers.rows import DIGEST, MODEL, T0, found, instance, no_series, take

MADE = 200
"""Studies that are made one by one; the others are copies of these."""
FAILED, WAITING, WITHOUT_SERIES, LATE, REPLACED = 1, 2, 3, 4, 5
"""Numbers of the studies that do not simply have a result: an input failure, a job that waits, no
suitable series, late slices before the job ran, and late slices after it.
"""
PUSH_TO = "ARCHIVE@127.0.0.1:104"


def make_studies(engine: Engine, studies: int) -> None:
    """Fill an empty migrated database with `studies` studies, a multiple of `MADE`.

    Of each `MADE`, one failed, one waits, one has no suitable series, two have a second revision,
    and all others a current result with lesions, files and pushes.
    """
    if studies % MADE or not studies:
        raise ValueError(f"studies must be a multiple of {MADE}, got {studies}")
    with session_factory(engine).begin() as session:
        for number in range(1, MADE + 1):
            _make_study(session, number)
        _leave_files_alone(session)
        _send(session)
    with engine.begin() as connection:
        _copy_rows(connection, studies // MADE - 1)
    if engine.dialect.name == "postgresql":  # as autovacuum does; SQLite has nothing like it
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _make_study(session: Session, number: int) -> None:
    uid = f"2.25.{10**20 + number}"
    job_id = arrive_with_files(session, uid, slices=3)
    if number == LATE:
        job_id = arrive_with_files(session, uid, slices=4)
    if number == WAITING:
        return
    claim = take(session, job_id)
    if number == FAILED:
        jobs.fail(session, claim, code="dicom_invalid", message="no pixels", now=T0)
    elif number == WITHOUT_SERIES:
        jobs.finalise(session, claim, no_series(claim), now=T0, push_to=PUSH_TO)
    else:
        jobs.finalise(session, claim, findings(claim, uid), now=T0, push_to=PUSH_TO)
    if number == REPLACED:
        later = take(session, arrive_with_files(session, uid, slices=4))
        jobs.finalise(session, later, findings(later, uid), now=T0, push_to=PUSH_TO)


def arrive_with_files(session: Session, uid: str, *, slices: int) -> int:
    """Take in a study, with the files of its slices; returns its job's id."""
    instances = tuple(
        replace(instance(slice_, study=uid), sha256=f"{uid[5:]}{slice_:04d}".rjust(64, "a"))
        for slice_ in range(1, slices + 1)
    )
    paths = {f"ward/{uid}/IM{slice_:04d}.dcm": slice_ for slice_ in range(1, slices + 1)}
    files = see(session, {path: Fingerprint(100, 1, n) for path, n in paths.items()}, now=T0)
    study = lock_study(session, uid, now=T0)
    outcome = record_intake(
        session,
        study,
        StudyIntake(instances),
        model_version=MODEL,
        settings_digest=DIGEST,
        now=T0,
    )
    arrived = (ArrivedFile(files[path].id, instances[n - 1]) for path, n in paths.items())
    mark_ingested(session, [(study.id, one) for one in arrived])
    assert outcome.job_id is not None
    return outcome.job_id


def findings(claim: jobs.Claim, uid: str) -> NewResult:
    """A result with two lesions, and with files to send."""
    result = found(claim, series=f"{uid}.1")
    sent = (
        Artifact(kind, f"{result.directory}/{kind}.dcm", 7, "e" * 64)
        for kind in ("dicom-seg", "dicom-sr")
    )
    mask = gzip.compress(b"labels", mtime=0)
    return replace(result, mask_nifti_gz=mask, artifacts=(*result.artifacts, *sent))


def _leave_files_alone(session: Session) -> None:
    files = see(session, {f"ward/note{n}.txt": Fingerprint(9, 1, n) for n in range(3)}, now=T0)
    *ignored, quarantined = (file.id for file in files.values())
    set_status(session, ignored, FileStatus.IGNORED, reason="not_dicom: no DICM, got text")
    set_status(session, [quarantined], FileStatus.QUARANTINED, reason="dicom_truncated: short")


def _send(session: Session) -> None:
    """Send all that is in the outbox but the files of its last result."""
    last = session.scalar(select(func.max(Push.result_id)))
    while claims := pushes.claim_due(session, owner="w:1:a", now=T0):
        if claims[0].result_id == last:
            pushes.take_back(session, now=T0, owner="w:1:a")
            return
        for claim in claims:
            pushes.mark_sent(session, claim, note=None, now=T0)


K = bindparam("k", type_=Integer)
OF_FILES = (Instance.__tablename__, SourceFile.__tablename__)
"""Tables whose hashes are of files that arrived; others are of what a copy keeps."""


def _copy_rows(connection: Connection, copies: int) -> None:
    """Copy all rows of all tables so many times."""
    tables = [table for table in Push.metadata.sorted_tables if table.name != Worker.__tablename__]
    spans = {
        table.name: connection.scalar(select(func.max(table.c.id))) or 0
        for table in tables
        if "id" in table.c
    }
    statements = [
        insert(table).from_select(
            list(table.c.keys()),
            select(*(_copied(column, spans) for column in table.c)).where(
                next(iter(table.primary_key)) <= spans[table.name if "id" in table.c else "result"]
            ),
        )
        for table in tables
    ]
    for k in range(1, copies + 1):
        for statement in statements:
            connection.execute(statement, {"k": k})
    if connection.dialect.name == "postgresql":
        for name, span in spans.items():
            sequence = func.pg_get_serial_sequence(name, "id")
            connection.execute(select(func.setval(sequence, (copies + 1) * span + 1, False)))


def _copied(column: Column[Any], spans: dict[str, int]) -> ColumnElement[Any]:
    """The value of a column in copy `k`: what must be of its own is made so."""
    mark = cast(K, String)
    if column.foreign_keys:
        (refers,) = column.foreign_keys
        return column + K * spans[refers.column.table.name]
    if column.name == "id":
        return column + K * spans[column.table.name]
    if column.name.endswith("_uid"):
        return column + "." + mark
    if column.name == "sha256" and column.table.name in OF_FILES:
        return cast(10_000_000 + K, String) + func.substr(column, 9)
    if column.name == "path":
        return mark + "/" + column
    return column

"""The checker of the fault tests itself: a sound state passes, and each breach is reported."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.intake.files import see
from db.intake.fingerprint import Fingerprint
from db.intake.intake import (
    ArrivedFile,
    SpooledInstance,
    StudyIntake,
    lock_study,
    mark_ingested,
    record_intake,
)
from imaging.export.artifact import Artifact
from metseg.disk import spool_path
from tests.helpers.invariants import check_invariants
from tests.helpers.rows import DIGEST, MODEL, T0, found, take

Sessions = sessionmaker[Session]
Change = Callable[[Session, Path], object]


def sound_state(session: Session, root: Path) -> None:
    """One study of one slice, taken in, segmented and recorded, with all its files."""
    content = b"not really DICOM"
    sha256 = hashlib.sha256(content).hexdigest()
    path = spool_path(root / "spool", sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (file,) = see(session, {"a": Fingerprint(1, 1, 1)}, now=T0).values()
    instance = SpooledInstance("1.2.1", "1.2.1.1", "MR", len(content), sha256)
    study = lock_study(session, "1.2", now=T0)
    outcome = record_intake(
        session,
        study,
        StudyIntake((instance,)),
        model_version=MODEL,
        settings_digest=DIGEST,
        now=T0,
    )
    mark_ingested(session, [(study.id, ArrivedFile(file.id, instance))])
    assert outcome.job_id is not None
    claim = take(session, outcome.job_id)
    mask = gzip.compress(b"labels")
    artifact = root / "results" / "1" / "1-1" / "mask.nii.gz"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(mask)
    new = Artifact("mask-nifti", "1/1-1/mask.nii.gz", len(mask), hashlib.sha256(mask).hexdigest())
    result = replace(found(claim), mask_nifti_gz=mask, artifacts=(new,))
    jobs.finalise(session, claim, result, now=T0)


def check(session: Session, root: Path) -> None:
    check_invariants(session, results_dir=root / "results", spool_dir=root / "spool")


def sql(statement: str) -> Change:
    return lambda session, _root: session.execute(text(statement))


def spoil_spool(session: Session, root: Path) -> None:
    (path,) = (root / "spool").rglob("*.dcm")
    path.write_bytes(b"other")


def lose_artifact(session: Session, root: Path) -> None:
    (root / "results/1/1-1/mask.nii.gz").unlink()


def leave_staging(session: Session, root: Path) -> None:
    staging = root / "results/.staging/1-2"
    staging.mkdir(parents=True)
    (staging / "mask.nii.gz").touch()


def leave_temporary(session: Session, root: Path) -> None:
    (root / "spool" / "tmp").mkdir()
    (root / "spool" / "tmp" / "half").touch()


BREACHES: list[tuple[Change, str]] = [
    (sql("UPDATE snapshot SET digest = 'x'"), "I1: snapshot 1 has another digest"),
    (sql("UPDATE snapshot SET n_bytes = 0"), "I1: snapshot 1 counts other"),
    (sql("UPDATE snapshot SET revision = 2"), r"I1: study 1 has revisions \[2\]"),
    (sql("UPDATE source_file SET sha256 = 'x'"), "I1: source_file 1 is ingested"),
    (spoil_spool, "I1: spool has other bytes"),
    (sql("UPDATE result SET is_current = (1 = 0)"), r"I2: study 1 has current \[\]"),
    (sql("UPDATE result SET fence = 7"), "I2: result 1 is of fence 7"),
    (sql("DELETE FROM result"), "I2: job 1 succeeded without a result"),
    (sql("UPDATE result SET n_lesions = 5"), "I3: result 1 and its lesions differ"),
    (sql("UPDATE lesion SET volume_mm3 = 1"), "I3: result 1 and its lesions differ"),
    (sql("UPDATE mask SET sha256 = 'x'"), "I3: the mask of result 1 has another hash"),
    (sql("DELETE FROM mask"), "I3: result 1 has no mask"),
    (lose_artifact, "I4: artifact is missing"),
    (leave_staging, "I4: nothing refers to"),
    (leave_temporary, "I4: nothing refers to"),
    (sql("UPDATE artifact SET path = 'elsewhere'"), "I4: artifact 1 is outside 1/1-1"),
    (
        sql("DELETE FROM job_event WHERE code = 'claimed'"),
        "I5: job 1 went running -> succeeded at pending",
    ),
    (sql("UPDATE job SET state = 'failed'"), "I5: job 1 is failed"),
    (sql("UPDATE job SET state = 'running', owner = 'w'"), "I6: job 1 is running"),
]


def test_a_sound_database_and_disk_pass_the_check(sessions: Sessions, tmp_path: Path) -> None:
    with sessions.begin() as session:
        sound_state(session, tmp_path)
        check(session, tmp_path)


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("change", "told"), BREACHES, ids=[told for _, told in BREACHES])
def test_each_breach_of_an_invariant_is_reported(
    sessions: Sessions, tmp_path: Path, change: Change, told: str
) -> None:
    with sessions.begin() as session:
        sound_state(session, tmp_path)
        change(session, tmp_path)
    with sessions.begin() as session, pytest.raises(AssertionError, match=told):
        check(session, tmp_path)

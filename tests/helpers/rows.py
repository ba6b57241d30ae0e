"""Rows for tests: studies, jobs and results made in one line each. Times and ids are arguments."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from db import jobs
from db.intake.intake import (
    IntakeOutcome,
    SpooledInstance,
    StudyIntake,
    lock_study,
    record_intake,
)
from db.jobs import Claim
from db.results.new_result import NewResult
from db.tables.tables import Outcome
from imaging.brain_seen import BrainSeen
from imaging.choice.verdict import SeriesVerdict
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Dropped, DropReason, Lesion
from imaging.metrics.bins import by_diameter
from imaging.metrics.evaluation import Evaluation, ReferenceEvaluation

T0 = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MODEL = "fake-1"
DIGEST = "d" * 64


def later(seconds: float) -> datetime:
    """`T0` plus `seconds`."""
    return T0 + timedelta(seconds=seconds)


def instance(number: int, *, content: str = "a", study: str = "1.2") -> SpooledInstance:
    """Slice `number` of the only series of a study, with a hash made of `content`."""
    return SpooledInstance(
        series_instance_uid=f"{study}.1",
        sop_instance_uid=f"{study}.1.{number}",
        modality="MR",
        size=100,
        sha256=f"{content}{number}".rjust(64, "0"),
    )


def arrive(
    session: Session,
    *,
    study: str = "1.2",
    slices: int = 3,
    content: str = "a",
    model: str = MODEL,
    settings: str = DIGEST,
) -> IntakeOutcome:
    """Record the intake of a study."""
    instances = tuple(
        instance(number, content=content, study=study) for number in range(1, slices + 1)
    )
    return record_intake(
        session,
        lock_study(session, study, now=T0),
        StudyIntake(instances),
        model_version=model,
        settings_digest=settings,
        now=T0,
    )


def new_job(session: Session, *, study: str = "1.2", slices: int = 3) -> int:
    """A PENDING job of a study that has just arrived."""
    job_id = arrive(session, study=study, slices=slices).job_id
    assert job_id is not None
    return job_id


def take(session: Session, job_id: int, *, owner: str = "w:1:a", seconds: float = 0) -> Claim:
    """Claim a job, which must be free."""
    claim = jobs.claim(session, job_id, owner=owner, now=later(seconds), max_attempts=3)
    assert claim is not None
    return claim


def lesion(number: int = 1, *, volume_mm3: float = 100.0) -> Lesion:
    """A lesion of 100 voxels."""
    return Lesion(
        number=number,
        voxel_count=100,
        volume_mm3=volume_mm3,
        longest_diameter_mm=12.5,
        perpendicular_diameter_mm=6.5,
        centroid_lps_mm=(1.0, -2.0, 3.0),
        mean_probability=0.9,
        max_probability=0.99,
        slice_index=4,
        tracking_uid=f"2.25.{number}",
    )


BRAIN = BrainSeen(1300.0, (1.0, -2.0, 30.0), ("bottom",), 140.0, 0.2, 0.9)
EVALUATION = ReferenceEvaluation(
    reference_sha256="f" * 64,
    reference_kind="dicom-seg",
    measures=Evaluation(
        dice=0.8,
        lesion_dice=0.75,
        hd95_mm=1.5,
        true_positives=2,
        false_positives=0,
        false_negatives=1,
        reference_volume_mm3=310.0,
        volume_error_mm3=-10.0,
        surface_dice=0.85,
        lesion_surface_dice=0.9,
        surface_dice_tolerance_mm=1.0,
        sensitivity_by_diameter=by_diameter([(2.0, False), (6.0, True), (7.0, True)]),
    ),
)


def found(claim: Claim, *, lesions: int = 2, series: str = "1.2.1") -> NewResult:
    """A result with lesions of 200, 100, 66.7 mm3, ... and one row of everything else."""
    directory = f"1/{claim.job_id}-{claim.fence}"
    return NewResult(
        outcome=Outcome.SEGMENTED,
        directory=directory,
        series_instance_uid=series,
        mask_nifti_gz=b"\x1f\x8b mask",
        lesions=tuple(
            lesion(number, volume_mm3=200.0 / number) for number in range(1, lesions + 1)
        ),
        dropped=(Dropped(DropReason.TOO_SMALL, 2, 2.0, (0.0, 0.0, 0.0), 0.7),),
        series=(
            SeriesVerdict(series, "MR", 3, True, True, 9.0, "T1", ("contrast agent",)),
            SeriesVerdict("1.2.9", "MR", 3, False, False, 0.0, "T2", (), ("not T1",)),
        ),
        artifacts=(Artifact("mask-nifti", f"{directory}/mask.nii.gz", 7, "e" * 64),),
        evaluations=(EVALUATION,),
        agreement=0.95,
        expected_dice=0.9,
        entropy=0.1,
        brain=BRAIN,
        warnings=("slices are 4.0 mm apart",),
        timings_s={"read": 0.5, "infer": 2.0},
        versions={"metseg": "0.1.0", "ensemble": MODEL},
    )


def no_series(claim: Claim) -> NewResult:
    """The result of a study without a suitable series."""
    return NewResult(
        outcome=Outcome.NO_SERIES,
        directory=f"1/{claim.job_id}-{claim.fence}",
        series=(
            SeriesVerdict("1.2.1", "MR", 3, False, False, 0.0, "T1", (), ("no contrast agent",)),
        ),
    )

"""What the database layer decides without a database."""

from datetime import datetime

import pytest

from db.intake.intake import StudyIntake
from db.jobs.states import EDGES, IllegalTransitionError, check_edge
from db.results.new_result import NewResult
from db.tables.tables import JobState, Outcome
from db.tables.types import UtcDateTime
from tests.helpers.rows import instance, lesion

STATES = (None, *JobState)


@pytest.mark.parametrize("old", STATES)
@pytest.mark.parametrize("new", JobState)
def test_only_the_listed_state_changes_of_a_job_are_legal(
    old: JobState | None, new: JobState
) -> None:
    if (old, new) in EDGES:
        check_edge(old, new)
    else:
        with pytest.raises(IllegalTransitionError, match=f"to {new.value}"):
            check_edge(old, new)


def test_success_of_a_job_is_final_and_every_state_can_be_reached() -> None:
    assert not any(old is JobState.SUCCEEDED for old, _ in EDGES)
    assert {new for _, new in EDGES} == set(JobState)
    assert all(
        (old, JobState.RUNNING) not in EDGES for old in JobState if old is not JobState.PENDING
    )


def test_the_digest_of_a_snapshot_does_not_depend_on_order_or_series() -> None:
    one, two = instance(1), instance(2)
    assert StudyIntake((one, two)).digest == StudyIntake((two, one)).digest


def test_the_digest_of_a_snapshot_changes_with_one_byte_of_one_slice() -> None:
    before = StudyIntake((instance(1), instance(2)))
    after = StudyIntake((instance(1), instance(2, content="b")))
    assert before.digest != after.digest


def test_an_intake_without_instances_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        StudyIntake(())


def test_an_intake_with_one_uid_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="each SOPInstanceUID once, got 2 with 1 UIDs"):
        StudyIntake((instance(1), instance(1, content="b")))


def test_a_segmented_result_needs_a_series_and_a_mask() -> None:
    with pytest.raises(ValueError, match="series_instance_uid must be given"):
        NewResult(Outcome.SEGMENTED, "1/1-1", mask_nifti_gz=b"")
    with pytest.raises(ValueError, match="mask_nifti_gz must be given"):
        NewResult(Outcome.SEGMENTED, "1/1-1", series_instance_uid="1.2")


def test_a_result_without_series_has_no_mask_and_no_count() -> None:
    with pytest.raises(ValueError, match="mask_nifti_gz"):
        NewResult(Outcome.NO_SERIES, "1/1-1", mask_nifti_gz=b"")
    result = NewResult(Outcome.NO_SERIES, "1/1-1")
    assert (result.n_lesions, result.total_volume_mm3) == (None, None)


def test_a_lesion_count_of_zero_is_valid() -> None:
    result = NewResult(Outcome.SEGMENTED, "1/1-1", series_instance_uid="1.2", mask_nifti_gz=b"")
    assert (result.n_lesions, result.total_volume_mm3) == (0, 0.0)


def test_lesions_are_numbered_from_one() -> None:
    with pytest.raises(ValueError, match=r"numbered \[1, 2\], got \[2, 1\]"):
        NewResult(
            Outcome.SEGMENTED,
            "1/1-1",
            series_instance_uid="1.2",
            mask_nifti_gz=b"",
            lesions=(lesion(2), lesion(1)),
        )


def test_a_naive_time_is_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time-zone-aware"):
        UtcDateTime().process_bind_param(naive, None)  # type: ignore[arg-type]

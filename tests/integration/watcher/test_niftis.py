"""A NIfTI joins the study that it lies by or names; the same content again makes nothing."""

import json

import nibabel
import numpy as np
import pytest
from sqlalchemy import select

from db.tables.tables import FileStatus, Instance, Snapshot, Study
from tests.integration.watcher.desk import sha
from tests.integration.watcher.tiny import uid, write_slices
from watcher.intake.pairing import MODALITY


def write_mask(path, *, value=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1, 1, 1] = value
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), path)
    return path


def modalities(desk, study="S"):
    """The modalities in the newest snapshot."""
    with desk.sessions() as session:
        newest = session.scalars(
            select(Snapshot.id)
            .join(Study, Study.id == Snapshot.study_id)
            .where(Study.study_instance_uid == uid(study))
            .order_by(Snapshot.revision.desc())
        ).first()
        rows = session.scalars(select(Instance.modality).where(Instance.snapshot_id == newest))
        return sorted(rows)


@pytest.mark.parametrize(
    "place", ["s/seg.nii.gz", "s/masks/seg.nii", "s/t1/seg.nii.gz", "elsewhere/{study}.nii.gz"]
)
def test_a_nifti_beside_its_study_is_in_the_first_revision(plain_desk, place):
    slices = write_slices(plain_desk.inbox / "s" / "t1", "S", range(3))
    mask = write_mask(plain_desk.inbox / place.format(study=uid("S")))
    plain_desk.take_in()
    assert plain_desk.revisions() == [sha(*slices, mask)]
    assert modalities(plain_desk) == ["MR", "MR", "MR", MODALITY]
    assert plain_desk.statuses() == {FileStatus.INGESTED}


def test_the_sidecar_of_a_nifti_names_the_study(desk):
    slices = write_slices(desk.inbox / "s", "S", range(3))
    mask = write_mask(desk.inbox / "masks" / "one.nii.gz")
    mask.with_name("one.json").write_text(json.dumps({"StudyInstanceUID": uid("S")}))
    desk.take_in()
    assert desk.revisions() == [sha(*slices, mask)]


def test_a_late_nifti_makes_the_next_revision_and_another_content_the_one_after(desk):
    slices = write_slices(desk.inbox / "s", "S", range(3))
    desk.take_in()
    mask = write_mask(desk.inbox / "s" / "seg.nii.gz")
    first = sha(mask)
    desk.take_in()
    write_mask(mask, value=2)
    desk.take_in()
    desk.take_in()
    assert desk.revisions() == [sha(*slices), sha(*slices) | first, sha(*slices, mask)]


def test_between_two_studies_a_nifti_waits_with_a_reason(plain_desk):
    write_slices(plain_desk.inbox / "both" / "s", "S", range(3))
    write_slices(plain_desk.inbox / "both" / "t", "T", range(3))
    write_mask(plain_desk.inbox / "both" / "seg.nii.gz")
    plain_desk.take_in()
    status, reason = plain_desk.files()["both/seg.nii.gz"]
    assert status is FileStatus.QUARANTINED
    assert reason.startswith("unpaired: several studies")
    assert modalities(plain_desk) == ["MR", "MR", "MR"]


def test_a_nifti_that_came_first_joins_its_study_when_that_comes(plain_desk):
    mask = write_mask(plain_desk.inbox / "s" / "seg.nii.gz")
    with plain_desk.watching() as watcher:
        plain_desk.pass_time(watcher)
        assert watcher.idle
        assert plain_desk.files()["s/seg.nii.gz"][1].startswith("unpaired: no study")
        slices = write_slices(plain_desk.inbox / "s" / "t1", "S", range(3))
        plain_desk.pass_time(watcher, 15)
    assert plain_desk.revisions() == [sha(*slices), sha(*slices, mask)]


def test_a_file_that_only_looks_like_a_nifti_is_ignored(plain_desk):
    write_slices(plain_desk.inbox / "s", "S", range(3))
    (plain_desk.inbox / "s" / "seg.nii.gz").write_bytes(b"\x1f\x8b" + b"no gzip" * 50)
    plain_desk.take_in()
    status, reason = plain_desk.files()["s/seg.nii.gz"]
    assert status is FileStatus.IGNORED
    assert reason.startswith("not_dicom")

"""A NIfTI joins the study that it lies beside or names; the same content again changes nothing."""

import json

import nibabel
import numpy as np
import pytest
from sqlalchemy import select

from db.tables.tables import FileStatus, Instance, Snapshot, Study
from tests.integration.watcher.small_instances import uid, write_slices
from tests.integration.watcher.watcher_site import sha
from watcher.intake.pairing import MODALITY


def write_mask(path, *, value=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1, 1, 1] = value
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), path)
    return path


def modalities(site, study="S"):
    """The modalities in the newest snapshot."""
    with site.sessions() as session:
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
def test_a_nifti_beside_its_study_is_in_the_first_revision(sqlite_site, place):
    slices = write_slices(sqlite_site.inbox / "s" / "t1", "S", range(3))
    mask = write_mask(sqlite_site.inbox / place.format(study=uid("S")))
    sqlite_site.take_in()
    assert sqlite_site.revisions() == [sha(*slices, mask)]
    assert modalities(sqlite_site) == ["MR", "MR", "MR", MODALITY]
    assert sqlite_site.statuses() == {FileStatus.INGESTED}


def test_the_sidecar_of_a_nifti_names_the_study(site):
    slices = write_slices(site.inbox / "s", "S", range(3))
    mask = write_mask(site.inbox / "masks" / "one.nii.gz")
    mask.with_name("one.json").write_text(json.dumps({"StudyInstanceUID": uid("S")}))
    site.take_in()
    assert site.revisions() == [sha(*slices, mask)]


def test_a_late_nifti_makes_the_next_revision_and_another_content_the_one_after(site):
    slices = write_slices(site.inbox / "s", "S", range(3))
    site.take_in()
    mask = write_mask(site.inbox / "s" / "seg.nii.gz")
    first = sha(mask)
    site.take_in()
    write_mask(mask, value=2)
    site.take_in()
    site.take_in()
    assert site.revisions() == [sha(*slices), sha(*slices) | first, sha(*slices, mask)]


def test_between_two_studies_a_nifti_waits_with_a_reason(sqlite_site):
    write_slices(sqlite_site.inbox / "both" / "s", "S", range(3))
    write_slices(sqlite_site.inbox / "both" / "t", "T", range(3))
    write_mask(sqlite_site.inbox / "both" / "seg.nii.gz")
    sqlite_site.take_in()
    status, reason = sqlite_site.files()["both/seg.nii.gz"]
    assert status is FileStatus.QUARANTINED
    assert reason.startswith("unpaired: several studies")
    assert modalities(sqlite_site) == ["MR", "MR", "MR"]


def test_a_nifti_that_came_first_joins_its_study_when_that_comes(sqlite_site):
    mask = write_mask(sqlite_site.inbox / "s" / "seg.nii.gz")
    with sqlite_site.watching() as watcher:
        sqlite_site.pass_time(watcher)
        assert watcher.idle
        assert sqlite_site.files()["s/seg.nii.gz"][1].startswith("unpaired: no study")
        slices = write_slices(sqlite_site.inbox / "s" / "t1", "S", range(3))
        sqlite_site.pass_time(watcher, 15)
    assert sqlite_site.revisions() == [sha(*slices), sha(*slices, mask)]


def test_a_file_that_only_looks_like_a_nifti_is_ignored(sqlite_site):
    write_slices(sqlite_site.inbox / "s", "S", range(3))
    (sqlite_site.inbox / "s" / "seg.nii.gz").write_bytes(b"\x1f\x8b" + b"no gzip" * 50)
    sqlite_site.take_in()
    status, reason = sqlite_site.files()["s/seg.nii.gz"]
    assert status is FileStatus.IGNORED
    assert reason.startswith("not_dicom")

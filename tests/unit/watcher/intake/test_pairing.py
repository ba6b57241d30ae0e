"""Which study the name and the place of a NIfTI point to."""

import pytest

from watcher.intake.pairing import folders_of, named_uids, nifti_header

STUDY, SERIES = "1.2.840.113619.2.5.7", "2.25.329800735698586629295641978511506172918"


@pytest.mark.parametrize(
    ("path", "sidecar", "expected"),
    [
        (f"{STUDY}.nii.gz", None, [STUDY]),
        (f"{STUDY}_seg.nii", None, [STUDY]),
        (f"masks/seg-{SERIES}.nii.gz", None, [SERIES]),
        (f"{STUDY}/masks/seg.nii.gz", None, [STUDY]),
        (f"{STUDY}/{SERIES}/seg.nii.gz", None, [SERIES, STUDY]),
        (f"a.zip//{STUDY}/seg.nii.gz", None, [STUDY]),
        ("seg.nii.gz", STUDY, [STUDY]),
        (f"{SERIES}.nii", STUDY, [STUDY, SERIES]),
        ("2024.01.02/seg v1.2.nii.gz", None, []),
    ],
)
def test_study_uids_of_a_nifti_are_found_in_sidecar_name_and_folders(path, sidecar, expected):
    assert list(named_uids(path, sidecar)) == expected


def test_the_nearest_folder_of_a_nifti_comes_first_and_the_inbox_counts_only_its_own_files():
    assert list(folders_of("a/b/seg.nii")) == [("a/b", True), ("a", True), ("", False)]
    assert list(folders_of("seg.nii")) == [("", False)]
    assert list(folders_of("a.zip//b/seg.nii")) == [
        ("a.zip//b", True),
        ("a.zip", True),
        ("", False),
    ]


def test_the_uid_of_a_nifti_follows_from_its_path_and_names_nobody():
    one, same, other = (nifti_header(STUDY, path) for path in ("DOE/a.nii", "DOE/a.nii", "b.nii"))
    assert one == same
    assert one.sop != other.sop
    assert one.sop == one.series
    assert len(one.sop) <= 64
    assert "DOE" not in one.sop

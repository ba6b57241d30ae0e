import csv
import json
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from imaging.dicom.series.series import read_series
from imaging.masks.reference import read_reference
from metseg.errors import MetsegError
from tests.unit.training.tiny_head import tiny_label_map
from training.data.own_cases import read_own_cases
from training.data.real_cases import RealCase
from training.heads.contact_sheet import (
    BAND,
    CAPTION,
    COLUMNS,
    TILE,
    ShownHead,
    chosen_slices,
    contact_sheet,
    spread,
)
from training.heads.head_commands import label_map_paths, synthesize_command
from training.heads.head_files import HeadFiles, write_dicom
from training.heads.head_list import entry_of
from training.heads.heads import StoredHead, read_head, write_head
from training.synthesis.lesions import Kind, Plan
from training.synthesis.stripping import Stripping
from training.synthesis.synthesis import synthesise_head

COUNT = 3


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # (column, row, slice) to RAS
    image = nibabel.Nifti1Image(tiny_label_map().T.astype(np.int16), affine)
    image.to_filename(folder / "tiny_2.nii.gz")
    image.to_filename(folder / "tiny_10.nii.gz")
    return folder


@pytest.fixture(scope="module")
def made(maps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads")
    files = HeadFiles(nifti=True, dicom=True)
    synthesize_command(out=out, label_maps=maps, part="all", count=COUNT, seed=3, files=files)
    return out


def head_with_lesions(folder: Path) -> StoredHead:
    plans = [Plan(14.0, Kind.RING), Plan(6.0, Kind.SOLID)]
    head = synthesise_head(tiny_label_map(), seed=5, plans=plans, stripping=Stripping.NONE)
    write_head(folder / "h.npz", head, label_map="tiny")
    return read_head(folder / "h.npz")


def test_synthesize_takes_any_folder_of_label_maps_in_the_order_of_numbers(maps: Path) -> None:
    names = [path.name for path in label_map_paths(maps, "all")]
    assert names == ["tiny_2.nii.gz", "tiny_10.nii.gz"]


def test_a_folder_without_label_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match=r"must hold \*\.nii\.gz or \*\.nii, got none"):
        label_map_paths(tmp_path, "all")


def test_the_nifti_of_a_synthetic_head_is_the_head_and_its_lesion_numbers(made: Path) -> None:
    for number in range(COUNT):
        head = read_head(made / f"head_{number:04d}.npz")
        folder = made / "nifti" / f"head_{number:04d}"
        image, mask = (nibabel.load(folder / f"{n}.nii.gz") for n in ("image", "mask"))
        assert np.array_equal(np.asarray(image.dataobj).T, head.voxels)
        assert np.array_equal(np.asarray(mask.dataobj).T, head.lesions)


def test_the_dicom_of_a_synthetic_head_is_read_back_as_the_head_and_its_mask(
    tmp_path: Path,
) -> None:
    head = head_with_lesions(tmp_path)
    write_dicom(head, tmp_path / "case")
    files = sorted((tmp_path / "case" / "t1-post-contrast").iterdir())
    volume, source = read_series(files)
    assert np.array_equal(volume.voxels, head.voxels)
    assert np.allclose(volume.affine, head.affine)
    mask = read_reference(tmp_path / "case" / "segmentation.dcm", volume, source)
    assert head.lesions.any()
    assert np.array_equal(mask, head.lesions > 0)


def test_a_synthetic_dicom_case_can_be_used_as_an_own_case(made: Path) -> None:
    cases = list(read_own_cases(made / "dicom"))
    assert len(cases) == COUNT
    for number, case in enumerate(cases):
        assert isinstance(case, RealCase)
        head = read_head(made / f"head_{number:04d}.npz")
        assert np.array_equal(case.voxels, head.voxels)
        assert np.array_equal(case.mask, head.lesions > 0)


def test_the_lists_of_a_synthesis_name_every_lesion_where_it_is(made: Path, tmp_path: Path) -> None:
    head = head_with_lesions(tmp_path)
    entry = entry_of("h", head)
    volume = head.volume()
    for lesion in entry.lesions:
        voxels = np.argwhere(head.lesions == lesion.number)
        assert lesion.volume_mm3 == len(voxels)
        distance = np.linalg.norm(volume.to_lps(voxels.mean(axis=0)) - lesion.centre_lps_mm)
        assert distance < lesion.diameter_mm / 2
    with (made / "lesions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    listed = json.loads((made / "lesions.json").read_text())
    assert "SYNTHETIC" in listed["notice"]
    lesions = [(h["name"], str(one["number"])) for h in listed["heads"] for one in h["lesions"]]
    assert [(row["head"], row["number"]) for row in rows] == lesions
    assert len(listed["heads"]) == COUNT


def test_the_contact_sheet_shows_every_head(made: Path) -> None:
    sheet = cv2.imread(str(made / "contact-sheet.png"))
    assert sheet.shape == (BAND + COUNT * (TILE + CAPTION), COLUMNS * TILE, 3)
    for number in range(COUNT):
        top = BAND + number * (TILE + CAPTION)
        row = sheet[top : top + TILE]
        assert (row.max(axis=2) > 60).mean() > 0.1
    red = (sheet[:BAND, :, 2] > 150) & (sheet[:BAND, :, 0] < 120)  # the stamp
    assert red.sum() > 100


def test_slices_of_the_contact_sheet_go_through_lesions_and_show_contours() -> None:
    voxels = np.full((40, 30, 20), 50.0, dtype=np.float32)
    labels = np.zeros(voxels.shape, dtype=np.uint16)
    labels[3:6, 5:10, 5:10] = 1
    labels[30:38, 5:20, 5:15] = 2
    plain, largest, smaller, *_ = chosen_slices(labels)
    assert (plain, labels[largest].max(), labels[smaller].max()) == (25, 2, 1)
    coded = np.frombuffer(contact_sheet([ShownHead("a", voxels, labels)], "t"), dtype=np.uint8)
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)[BAND : BAND + TILE].astype(int)
    orange = (picture[..., 2] - picture[..., 0]) > 100
    by_tile = [int(tile.sum()) for tile in np.split(orange, COLUMNS, axis=1)]
    assert by_tile[0] == 0
    assert by_tile[1] > by_tile[2] > 20


def test_heads_for_the_contact_sheet_are_spread_evenly() -> None:
    assert spread(range(3), 5) == [0, 1, 2]
    assert spread(range(11), 3) == [0, 5, 10]


def test_two_processes_draw_the_same_heads_as_one(made: Path, maps: Path, tmp_path: Path) -> None:
    synthesize_command(out=tmp_path, label_maps=maps, part="all", count=2, seed=3, workers=2)
    for number in range(2):
        one, two = (read_head(folder / f"head_{number:04d}.npz") for folder in (made, tmp_path))
        assert np.array_equal(one.voxels, two.voxels)
        assert np.array_equal(one.lesions, two.lesions)

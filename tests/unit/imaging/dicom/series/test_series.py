"""A series becomes one volume in the patient, or is refused with the rule it breaks."""

import numpy as np
import pytest
from pydicom import uid as transfer

from imaging.dicom.series.series import check_spacing, group_series, read_series
from imaging.volume import Volume
from metseg.errors import DicomError, GeometryError, SeriesError, SpacingError
from tests.helpers.dicom.enhanced import shuffled, write_enhanced
from tests.helpers.dicom.phantom import (
    CANARY_ID,
    Mishaps,
    Recipe,
    grid_affine,
    head_with_lesions,
    plane_directions,
    write_series,
)

SHAPE = (6, 34, 32)
PLANES = ["axial", "sagittal", "coronal", "oblique"]
SYNTAXES = [
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
    transfer.DeflatedExplicitVRLittleEndian,
    transfer.RLELossless,
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
]


@pytest.fixture(scope="module")
def volume() -> Volume:
    return head_with_lesions(SHAPE).volume


def assert_same(read: Volume, written: Volume) -> None:
    np.testing.assert_allclose(read.affine, written.affine, atol=1e-5)
    np.testing.assert_allclose(read.voxels, written.voxels, atol=1e-3)


@pytest.mark.parametrize("plane", PLANES)
def test_a_written_series_reads_back_whatever_its_plane_and_file_names(tmp_path, plane):
    written = head_with_lesions(SHAPE, (2.0, 1.5, 0.9), plane=plane).volume
    paths = write_series(written, tmp_path, Recipe(mishaps=Mishaps(shuffled=True)))
    read, source = read_series(paths)
    assert_same(read, written)
    assert len(source.datasets) == len(source.slices) == SHAPE[0]
    assert "PixelData" not in source.datasets[0]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_every_transfer_syntax_gives_the_same_voxels(volume, tmp_path, syntax):
    read, _ = read_series(write_series(volume, tmp_path, Recipe(transfer_syntax=syntax)))
    assert_same(read, volume)


def test_voxels_of_a_series_are_rescaled(tmp_path):
    voxels = np.linspace(-3, 5000, 6 * 34 * 32, dtype=np.float32).reshape(SHAPE)
    read, _ = read_series(write_series(Volume(voxels, grid_affine(SHAPE, (2, 1, 1))), tmp_path))
    np.testing.assert_allclose(read.voxels, voxels, atol=5003 / 4095 / 2 + 1e-3)


def test_monochrome1_is_mirrored_so_that_more_is_brighter(volume, tmp_path):
    recipe = Recipe(extra={"PhotometricInterpretation": "MONOCHROME1"})
    read, _ = read_series(write_series(volume, tmp_path, recipe))
    low, high = volume.voxels.min(), volume.voxels.max()
    np.testing.assert_allclose(read.voxels, low + high - volume.voxels)


@pytest.mark.parametrize("plane", PLANES)
def test_an_enhanced_multi_frame_image_reads_the_same_whatever_the_order_of_frames(tmp_path, plane):
    written = head_with_lesions(SHAPE, plane=plane).volume
    path = write_enhanced(written, tmp_path / "one.dcm", order=shuffled(SHAPE[0]))
    read, source = read_series([path])
    assert_same(read, written)
    assert [number for _, number in source.slices] != list(range(1, SHAPE[0] + 1))


def test_multi_frame_instances_of_one_volume_are_read_as_one(volume, tmp_path):
    """Three slices in each of two enhanced images."""
    paths = []
    for half in (0, 1):
        affine = volume.affine.copy()
        affine[:3, 3] += 3 * half * affine[:3, 0]
        part = Volume(volume.voxels[3 * half : 3 * half + 3], affine)
        recipe = Recipe(extra={"SOPInstanceUID": f"1.2.{half}"})
        paths.append(write_enhanced(part, tmp_path / f"{half}.dcm", recipe))
    read, source = read_series(paths)
    assert_same(read, volume)
    assert source.slices == ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3))


def test_identical_instances_are_harmless_and_reported(volume, tmp_path):
    read, source = read_series(
        write_series(volume, tmp_path, Recipe(mishaps=Mishaps(duplicated=[1, 3])))
    )
    assert_same(read, volume)
    assert len(source.datasets) == SHAPE[0]
    assert source.warnings == ("2 instances came twice with the same content",)


def test_a_slice_repeated_under_another_uid_is_harmless_and_reported(volume, tmp_path):
    paths = write_series(volume, tmp_path / "a")
    again = write_series(volume, tmp_path / "b", Recipe(extra={"SOPInstanceUID": "1.2.3"}))
    read, source = read_series([*paths, again[2]])
    assert_same(read, volume)
    assert source.warnings == ("1 slices came twice with the same place and pixels",)


REFUSED = {
    "a missing slice": (Mishaps(missing=[3]), GeometryError, "1 missing"),
    "two missing slices": (Mishaps(missing=[2, 3]), GeometryError, "2 missing"),
    "two slices at one place": (Mishaps(conflicting=[2]), GeometryError, "places of their own"),
    "one uid, two contents": (
        Mishaps(same_uid_other_content=[2]),
        SeriesError,
        "one SOPInstanceUID must have one content",
    ),
    "too few slices": (Mishaps(missing=[0, 1, 2]), SeriesError, "at least 4 slices, got 3"),
}


@pytest.mark.parametrize(("mishaps", "error", "rule"), REFUSED.values(), ids=REFUSED)
def test_a_broken_series_is_refused(tmp_path, mishaps, error, rule):
    eight = head_with_lesions((8, 34, 32)).volume
    kept = eight if len(mishaps.missing) < 3 else head_with_lesions(SHAPE).volume
    with pytest.raises(error, match=rule) as caught:
        read_series(write_series(kept, tmp_path, Recipe(mishaps=mishaps)))
    assert "CANARY" not in str(caught.value)
    assert CANARY_ID not in str(caught.value)


UNFIT = {
    "colour": ({"PhotometricInterpretation": "PALETTE COLOR"}, SeriesError, "grey"),
    "localiser": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, SeriesError, "localiser"),
    "mosaic": ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, SeriesError, "mosaic"),
    "no position": ({"ImagePositionPatient": None}, GeometryError, "ImagePositionPatient"),
    "no spacing": ({"PixelSpacing": ["0", "1"]}, GeometryError, "greater than 0"),
    "skewed directions": (
        {"ImageOrientationPatient": ["1", "0", "0", "0.5", "0.8", "0"]},
        GeometryError,
        "perpendicular unit vectors",
    ),
}


@pytest.mark.parametrize(("extra", "error", "rule"), UNFIT.values(), ids=UNFIT)
def test_a_series_of_images_of_another_kind_is_refused(volume, tmp_path, extra, error, rule):
    with pytest.raises(error, match=rule):
        read_series(write_series(volume, tmp_path, Recipe(extra=extra)))


@pytest.fixture
def coronal_paths(tmp_path):
    """Slices across those of the series, with UIDs of their own."""
    coronal = head_with_lesions(SHAPE, plane="coronal").volume
    paths = []
    for z in range(SHAPE[0]):
        other = Recipe(extra={"SOPInstanceUID": f"1.2.9.{z}"})
        paths.append(write_series(coronal, tmp_path / f"c{z}", other)[z])
    return paths


def test_a_plane_across_the_others_is_left_out_and_reported(tmp_path, volume, coronal_paths):
    read, source = read_series([*write_series(volume, tmp_path / "a"), *coronal_paths[:1]])
    assert_same(read, volume)
    assert source.warnings == ("1 images under the series were left out: in another plane",)


def test_a_series_of_mixed_orientations_is_refused(tmp_path, volume, coronal_paths):
    with pytest.raises(GeometryError, match="one orientation"):
        read_series([*write_series(volume, tmp_path / "a"), *coronal_paths])


def test_two_series_at_once_are_refused(volume, tmp_path):
    paths = write_series(volume, tmp_path / "a")
    paths += write_series(volume, tmp_path / "b", Recipe(name="other"))
    with pytest.raises(SeriesError, match="one SeriesInstanceUID"):
        read_series(paths)


def test_a_series_with_sheared_slices_is_refused(tmp_path):
    affine = grid_affine(SHAPE, (2, 1, 1))
    volume = Volume(np.zeros(SHAPE, np.float32), affine)
    paths = []
    for z in range(SHAPE[0]):
        x, y, height = affine[:3, 3] + z * affine[:3, 0]
        place = {"ImagePositionPatient": [str(x + z), str(y), str(height)]}
        written = write_series(volume, tmp_path / str(z), Recipe(extra=place))
        paths.append(written[z])
    with pytest.raises(GeometryError, match="along their normal"):
        read_series(paths)


def test_undecodable_pixels_are_a_dicom_error_without_the_codecs_words(volume, tmp_path):
    paths = write_series(volume, tmp_path, Recipe(transfer_syntax=transfer.JPEG2000Lossless))
    content = paths[0].read_bytes()
    at = content.index(b"\xff\x4f\xff\x51")
    behind = at + 51  # SOC and SIZ, which tells the size (ISO/IEC 15444-1 A.5.1), stay
    paths[0].write_bytes(content[:behind] + bytes(60) + content[behind + 60 :])
    with pytest.raises(DicomError, match="pixel data must be valid DICOM"):
        read_series(paths)


def test_a_single_slice_is_read_on_request_only(volume, tmp_path):
    path = write_series(volume, tmp_path)[2]
    with pytest.raises(SeriesError, match="at least 4 slices"):
        read_series([path])
    read, _ = read_series([path], minimum_slices=1)
    assert read.shape == (1, 34, 32)
    assert read.spacing == pytest.approx(volume.spacing)


def test_a_series_without_files_is_refused():
    with pytest.raises(SeriesError, match="must have files"):
        read_series([])


@pytest.mark.parametrize(
    ("spacing", "warned"), [((3.0, 1, 1), False), ((3.1, 1, 1), True), ((1.0, 1, 4.0), True)]
)
def test_a_series_with_wide_spacing_makes_a_warning(spacing, warned):
    volume = Volume(np.zeros(SHAPE, np.float32), grid_affine(SHAPE, spacing))
    assert bool(check_spacing(volume)) is warned


def test_a_series_with_too_wide_spacing_is_refused():
    volume = Volume(np.zeros(SHAPE, np.float32), grid_affine(SHAPE, (6.5, 1, 1)))
    with pytest.raises(SpacingError, match=r"at most 6 mm apart, got 6\.50 mm") as caught:
        check_spacing(volume)
    assert caught.value.code == "slice_spacing_too_large"


def test_files_are_grouped_by_series_whatever_the_folders(volume, tmp_path):
    one = write_series(volume, tmp_path / "x", Recipe(description="T1"))
    two = write_series(volume, tmp_path / "y", Recipe(description="T1 +C"))
    mixed = [*one[::2], *two, *one[1::2]]
    grouped = {series.facts.description: series for series in group_series(mixed)}
    assert set(grouped["T1"].files) == set(one)
    assert set(grouped["T1 +C"].files) == set(two)
    facts = grouped["T1 +C"].facts
    assert (facts.modality, facts.frames, facts.rows, facts.columns) == ("MR", 6, 34, 32)
    assert facts.contrast_agent == "Gadobutrol"
    assert (facts.acquisition_type, facts.slice_spacing_mm) == ("3D", 3.0)
    assert facts.manufacturer == "metseg phantom"


def test_facts_of_an_enhanced_image_count_its_frames(volume, tmp_path):
    (series,) = group_series([write_enhanced(volume, tmp_path / "one.dcm")])
    assert (series.facts.frames, series.facts.slice_spacing_mm) == (6, 3.0)


def test_the_directions_of_a_sagittal_series_are_those_of_scanners():
    directions = plane_directions("sagittal")
    np.testing.assert_array_equal(np.cross(directions[:, 2], directions[:, 1]), directions[:, 0])


def test_positions_that_no_scanner_has_are_refused(tmp_path):
    volume = head_with_lesions((6, 34, 32)).volume
    away = Volume(volume.voxels, volume.affine.copy())
    away.affine[:3, 3] += 1e12
    with pytest.raises(GeometryError, match="ImagePositionPatient must be within"):
        read_series(write_series(away, tmp_path))

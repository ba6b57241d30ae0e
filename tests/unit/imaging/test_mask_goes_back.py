"""A known shape in any plane and orientation is found again in the SEG, at the same patient
millimetres, by software that is not ours.
"""

import shutil
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.series.series import read_series
from imaging.export.dicom.seg import Authorship, write_segmentation
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.masks.reference import read_reference
from imaging.volume import Volume
from tests.helpers.dicom.enhanced import write_enhanced
from tests.helpers.dicom.phantom import write_series
from tests.unit.imaging.dicom.series.test_geometry_by_others import directions, turned

AUTHOR = Authorship("fake-1", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
SHAPE = (7, 18, 16)
RULE = LesionRule(minimum_volume_mm3=0.0, minimum_slices=1)


def known_shape(corner: tuple[int, int, int]) -> np.ndarray:
    """An L of three legs of different length, so that no rotation or flip maps it to itself."""
    mask = np.zeros(SHAPE, dtype=bool)
    z, y, x = corner
    mask[z : z + 4, y, x] = True
    mask[z, y : y + 6, x] = True
    mask[z, y, x : x + 8] = True
    return mask


def places(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Sorted LPS mm of the marked voxels, to 10 micrometres."""
    at = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return np.array(sorted(map(tuple, np.round(at, 2))))


def places_by_the_standard(seg: pydicom.Dataset) -> np.ndarray:
    """The same from the tags alone: bits unpacked here, PS3.3 C.7.6.2.1.1 to the letter."""
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    frames = bits[: seg.NumberOfFrames * seg.Rows * seg.Columns]
    frames = frames.reshape(seg.NumberOfFrames, seg.Rows, seg.Columns)
    shared = seg.SharedFunctionalGroupsSequence[0]
    found = []
    for pixels, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
        rows, columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
        for j, i in np.argwhere(pixels):
            found.append(origin + cosines[:3] * columns * i + cosines[3:] * rows * j)
    return np.array(sorted(map(tuple, np.round(found, 2))))


def places_by_itk(path: Path) -> np.ndarray:
    """The same by ITK (GDCM), which reads all frames as one block."""
    image = SimpleITK.ReadImage(path)
    marked = np.argwhere(SimpleITK.GetArrayFromImage(image) > 0)
    found = [image.TransformIndexToPhysicalPoint(tuple(map(int, at[::-1]))) for at in marked]
    return np.array(sorted(map(tuple, np.round(found, 2))))


@given(
    plane=st.sampled_from(["axial", "sagittal", "coronal"]),
    axis=directions,
    degrees=st.sampled_from([0.0, 0.0, 30.0]) | st.floats(0, 180),
    spacing=st.tuples(*[st.sampled_from([0.5, 0.9, 1.0, 2.5, 5.0])] * 3),
    corner=st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 8)),
    enhanced=st.booleans(),
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_known_shape_is_found_again_by_other_software(
    tmp_path, plane, axis, degrees, spacing, corner, enhanced
):
    folder = tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    mask = known_shape(corner)
    blank = turned(plane, axis, degrees, spacing, SHAPE)
    written = Volume(np.where(mask, 4000, 100).astype(np.float32), blank.affine)
    if enhanced:
        paths = [write_enhanced(written, folder / "one.dcm", order=[3, 0, 6, 1, 5, 2, 4])]
    else:
        paths = write_series(written, folder / "mr")
    volume, source = read_series(paths)
    found, lesions, _ = find_lesions((volume.voxels > 2000).astype("f4"), volume, RULE)
    path = folder / "seg.dcm"
    write_segmentation(path, found, lesions, source, AUTHOR)

    expected = places(mask, blank.affine)
    seg = pydicom.dcmread(path)
    np.testing.assert_allclose(places_by_the_standard(seg), expected, atol=0.02)
    theirs = highdicom.seg.segread(path).get_volume(combine_segments=True)
    np.testing.assert_allclose(places(theirs.array > 0, theirs.affine), expected, atol=0.02)
    np.testing.assert_allclose(places_by_itk(path), expected, atol=0.02)
    seg.Manufacturer = "somebody"
    np.testing.assert_array_equal(read_reference(seg, volume, source), found > 0)

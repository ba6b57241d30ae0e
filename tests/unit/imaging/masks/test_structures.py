"""Contours of an RTSTRUCT are filled where they lie, in any plane."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from imaging.dicom.series.series import read_series
from imaging.export.dicom.authorship import Authorship
from imaging.export.dicom.rtstruct import write_structures
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.masks.reference import read_reference
from imaging.masks.structures import RT_STRUCTURE_SET_STORAGE, fill_structures
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError
from tests.helpers.dicom.phantom import (
    grid_affine,
    head_with_lesions,
    plane_directions,
    write_series,
)

AUTHOR = Authorship("fake-1", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
PLANES = ["axial", "sagittal", "coronal", "oblique"]
GRID = (20, 40, 44)
SPACING = (3.0, 2.0, 2.0)


def blank(plane: str = "axial") -> Volume:
    return Volume(np.zeros(GRID, np.float32), grid_affine(GRID, SPACING, plane=plane))


def region(contours, *, number=1, name="GTV 1", kind="", geometry="CLOSED_PLANAR"):
    """(ROI, its observation, its contours); contours are (N, 3) LPS mm."""
    roi, observation, filled = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = number, name
    roi.ReferencedFrameOfReferenceUID = "1.2.3"
    observation.ReferencedROINumber, observation.RTROIInterpretedType = number, kind
    filled.ReferencedROINumber, filled.ContourSequence = number, []
    for points in contours:
        contour = Dataset()
        contour.ContourGeometricType = geometry
        contour.ContourData = [f"{v:.4f}" if np.isfinite(v) else "1e999" for v in np.ravel(points)]
        filled.ContourSequence.append(contour)
    return roi, observation, filled


def structures(*regions) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Manufacturer = RT_STRUCTURE_SET_STORAGE, "somebody"
    dataset.StructureSetROISequence = [one[0] for one in regions]
    dataset.RTROIObservationsSequence = [one[1] for one in regions]
    dataset.ROIContourSequence = [one[2] for one in regions]
    return dataset


def circle(centre, radius, normal_plane) -> np.ndarray:
    """A polygon of 90 corners around `centre` in the slices of a plane."""
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)[:, None]
    _, rows, columns = plane_directions(normal_plane).T
    return centre + radius * (np.cos(angle) * columns + np.sin(angle) * rows)


def cylinder(volume: Volume, plane: str, *, radius=11.0, length=24.0, step=3.0) -> list[np.ndarray]:
    """Circles `step` mm apart along the normal of a plane, around the middle of the volume."""
    middle = volume.to_lps((np.array(volume.shape) - 1) / 2)
    normal = plane_directions(plane)[:, 0]
    along = np.arange(-length / 2 + step / 2, length / 2, step)
    return [circle(middle + at * normal, radius, plane) for at in along]


def in_cylinder(volume: Volume, plane: str, *, radius=11.0, length=24.0) -> np.ndarray:
    """The voxels whose centres lie within, by formula."""
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), -1)
    off = volume.to_lps(index.astype(float)) - volume.to_lps((np.array(volume.shape) - 1) / 2)
    height, row, column = np.moveaxis(off @ plane_directions(plane), -1, 0)
    return (np.abs(height) < length / 2) & (np.hypot(row, column) < radius)


def overlap(a, b) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("plane", PLANES)
def test_a_structure_set_by_metseg_is_read_back_voxel_for_voxel(tmp_path, plane):
    head = head_with_lesions((16, 40, 44), (4.0, 3.5, 3.4), plane=plane)
    volume, source = read_series(write_series(head.volume, tmp_path / "mr"))
    labels, lesions, _ = find_lesions((head.labels > 0).astype("f4"), volume, LesionRule())
    path = tmp_path / "rt.dcm"
    write_structures(path, labels, lesions, volume, source, AUTHOR)
    with pytest.raises(ReferenceMaskError, match="of our own"):
        read_reference(path, volume, source)
    by_others(path)
    np.testing.assert_array_equal(read_reference(path, volume, source), labels > 0)


def by_others(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    dataset.Manufacturer = "somebody"
    dataset.save_as(path)


@pytest.mark.parametrize("drawn_on", PLANES)
@pytest.mark.parametrize("plane", ["axial", "sagittal", "oblique"])
def test_contours_of_any_plane_are_filled_in_any_plane(plane, drawn_on):
    volume = blank(plane)
    laid = fill_structures(structures(region(cylinder(volume, drawn_on))), volume)
    # The edge of a cylinder of 22 mm runs through a fifth of its voxels of 2 and 3 mm.
    assert overlap(laid, in_cylinder(volume, drawn_on)) > 0.97


@pytest.mark.parametrize("step", [1.5, 3.0, 6.0])
def test_contours_nearer_or_farther_apart_than_slices_make_the_same_solid(step):
    volume = blank()
    laid = fill_structures(structures(region(cylinder(volume, "axial", step=step))), volume)
    assert overlap(laid, in_cylinder(volume, "axial")) > 0.98
    assert laid.any(axis=(1, 2)).sum() == 8  # 24 mm in slices of 3 mm


def test_a_contour_within_another_is_a_hole():
    volume = blank()
    rings = cylinder(volume, "axial") + cylinder(volume, "axial", radius=5.0)
    laid = fill_structures(structures(region(rings, geometry="CLOSEDPLANAR_XOR")), volume)
    expected = in_cylinder(volume, "axial") & ~in_cylinder(volume, "axial", radius=5.0)
    assert overlap(laid, expected) > 0.97


def test_two_regions_are_joined():
    volume = blank()
    upper, lower = cylinder(volume, "axial")[:4], cylinder(volume, "axial")[4:]
    both = structures(region(upper), region(lower, number=2, name="GTV 2"))
    whole = structures(region(upper + lower))
    np.testing.assert_array_equal(fill_structures(both, volume), fill_structures(whole, volume))


def test_an_empty_region_does_no_harm():
    volume = blank()
    empty = region([], number=1, name="GTV", kind="GTV")
    drawn = region(cylinder(volume, "axial"), number=2, name="met 1")
    laid = fill_structures(structures(empty, drawn), volume)
    assert overlap(laid, in_cylinder(volume, "axial")) > 0.98


@pytest.mark.parametrize("plane", ["axial", "oblique"])
def test_contours_that_are_repeated_or_split_make_the_same_solid(plane):
    volume = blank()
    rings = cylinder(volume, plane)
    middle = volume.to_lps((np.array(GRID) - 1) / 2)
    across = plane_directions(plane)[:, 2]
    halves = []
    for ring in rings:
        off = ((ring - middle) @ across)[:, None]
        halves += [
            ring - np.maximum(off - 2.0, 0) * across,
            ring - np.minimum(off + 2.0, 0) * across,
        ]
    expected = fill_structures(structures(region(rings)), volume)
    for drawn in (rings + rings, rings + rings[2:4], halves):
        laid = fill_structures(structures(region(drawn)), volume)
        assert overlap(laid, expected) > 0.995


@pytest.mark.filterwarnings("ignore:.*VR CS")
def test_interpolated_contours_count():
    volume = blank()
    rings = cylinder(volume, "axial")
    drawn, between = region(rings[::2]), region(rings[1::2], geometry="INTERPOLATED_PLANAR")
    drawn[2].ContourSequence += between[2].ContourSequence
    expected = fill_structures(structures(region(rings)), volume)
    np.testing.assert_array_equal(fill_structures(structures(drawn), volume), expected)


def test_a_gap_between_contours_stays_as_drawn_with_a_warning():
    volume = blank()
    rings = cylinder(volume, "axial")
    remarks = Remarks()
    laid = fill_structures(structures(region(rings[:3] + rings[5:])), volume, remarks=remarks)
    whole = fill_structures(structures(region(rings)), volume)
    marked, all_of_it = laid.any(axis=(1, 2)), whole.any(axis=(1, 2))
    assert (all_of_it.sum(), marked.sum()) == (8, 6)
    assert remarks.warnings == [
        (
            "region 1 has gaps: 2 contours are missing between others, or enclose nothing, and it"
            " stays empty there"
        )
    ]


@pytest.mark.parametrize("flat", [lambda ring: ring[:2], lambda ring: ring * 0 + ring[0]])
def test_a_contour_that_encloses_nothing_is_a_gap(flat):
    volume = blank()
    rings = cylinder(volume, "axial")
    remarks = Remarks()
    drawn = [*rings[:3], flat(rings[3]), *rings[4:]]
    laid = fill_structures(structures(region(drawn)), volume, remarks=remarks)
    assert laid.any(axis=(1, 2)).sum() == 7
    assert [warning[:43] for warning in remarks.warnings] == [
        "region 1 has gaps: 1 contours are missing b"
    ]


@pytest.mark.parametrize(("off", "said"), [(0.0, False), (0.2, False), (0.5, True)])
def test_contours_between_the_slices_make_a_warning(off, said):
    volume = blank()
    up = plane_directions("axial")[:, 0] * SPACING[0]
    middle = volume.to_lps(np.array([9.0, 19.5, 21.5]))
    rings = [circle(middle + (at + off) * up, 11.0, "axial") for at in range(5)]
    remarks = Remarks()
    fill_structures(structures(region(rings)), volume, remarks=remarks)
    assert remarks.warnings == []
    expected = ["region 1 is drawn up to 0.50 of a slice off the slices of the series"] * said
    assert remarks.notes[1:] == expected


def test_lesions_of_one_contour_each_in_one_region_are_one_slice_thick():
    volume = blank()
    middle = volume.to_lps((np.array(GRID) - 1) / 2 - [0.5, 0, 0])
    up, aside = plane_directions("axial")[:, 0], plane_directions("axial")[:, 2]
    one, other = (circle(middle + at, 6.0, "axial") for at in (0 * up, 24 * up))
    third = circle(middle + 6 * up + 25 * aside, 6.0, "axial")
    remarks = Remarks()
    laid = fill_structures(structures(region([one, other, third])), volume, remarks=remarks)
    assert laid.any(axis=(1, 2)).sum() == 3
    assert remarks.warnings == []


def bent(points: np.ndarray) -> np.ndarray:
    points = points.copy()
    points[:45, 2] += 4.0
    return points


REFUSED = {
    "points only": (lambda v: region(cylinder(v, "axial"), geometry="POINT"), "closed planar"),
    "organs only": (lambda v: region(cylinder(v, "axial"), kind="ORGAN"), "closed planar"),
    "bent": (lambda v: region([bent(cylinder(v, "oblique")[0])]), "planar and parallel"),
    "no numbers": (lambda v: region([cylinder(v, "axial")[0] * np.inf]), "finite"),
}


@pytest.mark.parametrize(("make", "rule"), REFUSED.values(), ids=REFUSED)
def test_contours_that_cannot_be_filled_are_refused(make, rule):
    volume = blank()
    with pytest.raises(ReferenceMaskError, match=rule):
        fill_structures(structures(make(volume)), volume)


def test_a_structure_set_in_another_frame_of_reference_is_refused(tmp_path):
    volume, source = read_series(write_series(head_with_lesions().volume, tmp_path))
    dataset = structures(region(cylinder(volume, "axial")))
    with pytest.raises(ReferenceMaskError, match="FrameOfReferenceUID"):
        read_reference(dataset, volume, source)
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = source.datasets[
        0
    ].FrameOfReferenceUID
    assert read_reference(dataset, volume, source).any()


def test_contours_outside_the_volume_are_refused():
    volume = blank()
    far = [points + np.array([500.0, 0.0, 0.0]) for points in cylinder(volume, "axial")]
    with pytest.raises(ReferenceMaskError, match="all of it outside"):
        read_reference(structures(region(far)), volume)

"""DICOM SEGs as others write them: thickness is not spacing, palettes, label maps, overlaps."""

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from imaging.dicom.series.series import read_series
from imaging.masks.reference import read_mask, read_reference
from imaging.remarks import Remarks
from metseg.errors import ReferenceMaskError
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, write_series

SHAPE, SPACING = (24, 40, 44), (3.0, 3.5, 3.4)
KINDS = (codes.SCT.Neoplasm, codes.SCT.Edema)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Overlapping slices: 3 mm apart and 6 mm thick."""
    folder = tmp_path_factory.mktemp("study")
    files = write_series(head_with_lesions(SHAPE, SPACING).volume, folder, Recipe(name="thick"))
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.SliceThickness = 6.0
        dataset.save_as(path)
    return read_series(files)


def block(*slices: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[list(slices), 18:24, 20:26] = 1
    return mask


def segmentation(
    source, pixels, *, kind="BINARY", types=KINDS[:1], labels=None, **more
) -> pydicom.Dataset:
    """A SEG written by highdicom, with another manufacturer."""
    labels = labels or [f"segment {number}" for number in range(1, len(types) + 1)]
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=labels[number - 1],
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=one,
            algorithm_type="MANUAL",
        )
        for number, one in enumerate(types, start=1)
    ]
    return highdicom.seg.Segmentation(
        source_images=source.datasets,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="somebody",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        **more,
    )


def measures(dataset):
    return dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def without_spacing(dataset, thickness: float | None = 6.0):
    """No SpacingBetweenSlices, and a thickness that was carried over."""
    if "SpacingBetweenSlices" in measures(dataset):
        del measures(dataset).SpacingBetweenSlices
    if thickness is None:
        del measures(dataset).SliceThickness
    else:
        measures(dataset).SliceThickness = thickness
    return dataset


SLICES = {
    "one": [12],
    "two apart": [12, 16],
    "two apart by an odd number": [12, 15],
    "each second": [8, 10, 12, 14],
    "a run": [8, 9, 10, 11],
    "a run and one more": [8, 9, 10, 16],
    "the first and the last": [0, 23],
}


@pytest.mark.parametrize("thickness", [6.0, 1.0, 3.0, None])
@pytest.mark.parametrize("slices", SLICES.values(), ids=SLICES)
def test_a_segmentation_marks_the_slices_that_its_frames_lie_on(study, slices, thickness, tmp_path):
    volume, source = study
    dataset = without_spacing(segmentation(source, block(*slices)), thickness)
    expected = block(*slices) > 0
    np.testing.assert_array_equal(read_reference(dataset, volume, source), expected)
    del dataset.ReferencedSeriesSequence  # the pixels and slices show it too
    np.testing.assert_array_equal(read_reference(dataset, volume, source), expected)
    dataset.save_as(tmp_path / "seg.dcm")
    placed = read_mask(tmp_path / "seg.dcm", beside=volume)
    assert placed.mask.sum() == expected.sum()
    assert np.linalg.norm(placed.affine[:3, 0]) == pytest.approx(3.0)


def test_a_stated_slice_spacing_that_fits_is_used(study):
    """Its slices are twice as far apart as ours, and lie on every second one."""
    volume, source = study
    dataset = segmentation(source, block(8, 10, 12))
    measures(dataset).SpacingBetweenSlices = 6.0
    del dataset.ReferencedSeriesSequence
    laid = read_reference(dataset, volume, source)
    assert laid.any(axis=(1, 2))[8:13].all()
    measures(dataset).SpacingBetweenSlices = 4.0  # fits no gap of 6 mm
    laid = read_reference(dataset, volume, source)
    assert list(np.flatnonzero(laid.any(axis=(1, 2)))) == [8, 10, 12]


def test_overlapping_segments_are_joined_and_several_kinds_are_reported(study):
    volume, source = study
    both = np.stack([block(8, 9, 10), np.roll(block(10, 11), 3, axis=2)], axis=-1)
    dataset = segmentation(source, both, types=KINDS)
    remarks = Remarks()
    laid = read_reference(dataset, volume, source, remarks=remarks)
    np.testing.assert_array_equal(laid, both.any(axis=-1))
    (warning,) = remarks.warnings
    assert warning.startswith("segments of 2 kinds are pooled into one mask")
    dataset = segmentation(source, both, types=KINDS[:1] * 2)
    remarks = Remarks()
    np.testing.assert_array_equal(read_reference(dataset, volume, source, remarks=remarks), laid)
    assert remarks.warnings == []


TISSUE = codes.SCT.Tissue  # as 3D Slicer types every segment


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_segments_labelled_as_something_other_than_tumour_are_left_out(study, kind):
    volume, source = study
    met, oedema = block(8, 9, 10), np.roll(block(10, 11), 8, axis=2)
    pixels = met + 2 * oedema if kind == "LABELMAP" else np.stack([met, oedema], axis=-1)
    if kind == "FRACTIONAL":
        pixels = pixels.astype(float)
    labels = ["Metastasis", "Edema"]
    dataset = segmentation(source, pixels, kind=kind, types=[TISSUE] * 2, labels=labels)
    remarks = Remarks()
    laid = read_reference(dataset, volume, source, remarks=remarks)
    np.testing.assert_array_equal(laid, met > 0)
    assert remarks.warnings == [
        "1 of the segments are left out: 2 'Edema' (a cavity, oedema or healthy tissue)"
    ]
    laid = read_reference(dataset, volume, source, regions=("ed*",), remarks=Remarks())
    np.testing.assert_array_equal(laid, oedema > 0)
    with pytest.raises(ReferenceMaskError, match="METSEG_REFERENCE_REGIONS says, got 2 others"):
        read_reference(dataset, volume, source, regions=("GTV*",), remarks=Remarks())


def test_segments_are_taken_with_a_warning_where_no_label_names_a_tumour(study):
    volume, source = study
    dataset = segmentation(source, block(8, 9), types=[TISSUE], labels=["Ventricle"])
    remarks = Remarks()
    assert read_reference(dataset, volume, source, remarks=remarks).any()
    assert remarks.warnings == ["by their labels, the segments are not tumours; all are taken"]


def test_labels_and_codes_of_other_makers_are_not_shown(study):
    volume, source = study
    both = np.stack([block(8, 9), block(10, 11)], axis=-1)
    dataset = segmentation(source, both, types=KINDS, labels=["Met Meier Anna", "Meier skull"])
    code = dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    code.CodeValue, code.CodingSchemeDesignator = "Meier Anna 1950", "99X"
    remarks = Remarks()
    read_reference(dataset, volume, source, remarks=remarks)
    assert "Meier" not in str(remarks)
    assert remarks.warnings == [
        "1 of the segments are left out: 2 (name withheld) (an organ or the outline)"
    ]


PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "palette"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_label_map_is_read(study, colour, bits):
    volume, source = study
    pixels = block(8, 9, 10).astype(f"u{bits // 8}")
    pixels[9, 18:20] *= 2
    more = {}
    if colour:
        more["palette_color_lut_transformation"] = (
            highdicom.PaletteColorLUTTransformation.from_combined_lut(
                PALETTE.astype(f"u{bits // 8}"), first_mapped_value=0
            )
        )
    dataset = segmentation(source, pixels, kind="LABELMAP", types=KINDS, **more)
    assert dataset.PhotometricInterpretation == ("PALETTE COLOR" if colour else "MONOCHROME2")
    np.testing.assert_array_equal(read_reference(dataset, volume, source), pixels > 0)


def test_a_fractional_segment_counts_from_one_half_on(study):
    volume, source = study
    fractions = block(8, 9) * 0.49
    fractions[9] *= 2
    dataset = segmentation(source, fractions, kind="FRACTIONAL", max_fractional_value=100)
    laid = read_reference(dataset, volume, source)
    assert list(np.flatnonzero(laid.any(axis=(1, 2)))) == [9]

"""Measures on random masks: symmetry, bounds, invariance, and the same figures by SimpleITK."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imaging.metrics.evaluate import evaluate
from imaging.metrics.overlap import dice
from imaging.metrics.surfaces import hd95, surface_dice, surface_distances
from imaging.volume import Volume

SHAPE = (5, 6, 7)
MASKS = arrays(bool, SHAPE, elements=st.booleans(), fill=st.just(False))
SPACINGS = st.tuples(*[st.sampled_from((0.4, 0.5, 0.8594, 1.0, 1.5, 3.0))] * 3)
RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def evaluated(prediction: np.ndarray, reference: np.ndarray, spacing, **options):
    volume = Volume(np.zeros(prediction.shape, np.float32), np.diag([*spacing, 1.0]))
    return evaluate(prediction, reference, volume, **options)


def sitk_image(mask: np.ndarray, spacing) -> sitk.Image:
    image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    return image


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS)
def test_measures_are_symmetric_in_prediction_and_reference(a, b, spacing):
    one, other = evaluated(a, b, spacing), evaluated(b, a, spacing)
    assert one.dice == other.dice
    assert one.surface_dice == pytest.approx(other.surface_dice)
    assert one.true_positives == other.true_positives
    assert one.false_positives == other.false_negatives
    assert one.volume_error_mm3 == -other.volume_error_mm3


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS, tolerance=st.floats(0.0, 5.0))
def test_measures_keep_their_bounds(a, b, spacing, tolerance):
    found = evaluated(a, b, spacing, tolerance_mm=tolerance)
    shares = [found.dice, found.surface_dice, found.lesion_dice, found.sensitivity]
    shares += [found.lesion_surface_dice]
    shares += [one.sensitivity for one in found.sensitivity_by_diameter]
    assert all(0.0 <= share <= 1.0 for share in shares if share is not None)
    diagonal = np.linalg.norm(np.multiply(SHAPE, spacing))
    assert found.hd95_mm is None or 0.0 <= found.hd95_mm <= diagonal
    assert sum(one.lesions for one in found.sensitivity_by_diameter) == len(found.detections)
    assert sum(one.found for one in found.sensitivity_by_diameter) == found.true_positives


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS, offset=st.tuples(*[st.integers(0, 4)] * 3))
def test_moving_both_masks_changes_no_measure(a, b, spacing, offset):
    moved = [np.zeros(np.add(SHAPE, 4), dtype=bool) for _ in range(2)]
    place = tuple(slice(by, by + size) for by, size in zip(offset, SHAPE, strict=True))
    moved[0][place], moved[1][place] = a, b
    assert evaluated(*moved, spacing) == evaluated(a, b, spacing)


@RANDOM
@given(a=MASKS, spacing=SPACINGS)
def test_a_mask_agrees_with_itself(a, spacing):
    found = evaluated(a, a, spacing, tolerance_mm=0.0)
    assert (found.dice, found.surface_dice, found.volume_error_mm3) == (1.0, 1.0, 0.0)
    assert (found.false_positives, found.false_negatives) == (0, 0)
    assert found.hd95_mm in (0.0, None)


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS, tolerance=st.floats(0.0, 4.0), more=st.floats(0.0, 2.0))
def test_surface_dice_never_falls_with_the_tolerance(a, b, spacing, tolerance, more):
    strict = surface_dice(a, b, spacing, tolerance_mm=tolerance)
    assert surface_dice(a, b, spacing, tolerance_mm=tolerance + more) >= strict


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS)
def test_voxels_of_twice_the_size_are_twice_as_far_apart(a, b, spacing):
    assume(a.any() and b.any())
    twice = tuple(2.0 * value for value in spacing)
    assert hd95(a, b, twice) == pytest.approx(2.0 * hd95(a, b, spacing))
    assert surface_dice(a, b, twice, tolerance_mm=2.0) == surface_dice(a, b, spacing)


@RANDOM
@given(a=MASKS, b=MASKS, spacing=SPACINGS)
def test_simpleitk_finds_the_same_dice_and_surface_distances(a, b, spacing):
    assume(a.any() and b.any())
    images = [sitk_image(mask, spacing) for mask in (a, b)]
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert dice(a, b) == pytest.approx(overlap.GetDiceCoefficient())
    apart = surface_distances(a, b, spacing)
    forth, back = sitk_surface_distances(*images), sitk_surface_distances(*images[::-1])
    np.testing.assert_allclose(np.sort(apart.forth), np.sort(forth), atol=1e-5)
    np.testing.assert_allclose(np.sort(apart.back), np.sort(back), atol=1e-5)
    within = (np.mean(forth <= 1.0 + 1e-5) + np.mean(back <= 1.0 + 1e-5)) / 2
    assert surface_dice(a, b, spacing) == pytest.approx(within)
    assert hd95(a, b, spacing) == pytest.approx(
        np.percentile(np.concatenate([forth, back]), 95), abs=1e-5
    )


def sitk_surface_distances(a: sitk.Image, b: sitk.Image) -> np.ndarray:
    """From the contour of one image to that of the other, both of face neighbours."""
    contours = [sitk.LabelContour(image, fullyConnected=False) for image in (a, b)]
    away = sitk.SignedMaurerDistanceMap(
        contours[1], squaredDistance=False, useImageSpacing=True, insideIsPositive=False
    )
    return np.abs(sitk.GetArrayFromImage(away))[sitk.GetArrayFromImage(contours[0]) > 0]

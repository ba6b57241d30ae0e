"""Measures with the arithmetic beside them, and the published figures of BraTS-METS."""

import nibabel
import numpy as np
import pytest

from imaging.metrics import agreement, dice, entropy, evaluate, expected_dice, hd95
from imaging.volume import Volume
from tests.data import require_data

SHAPE = (8, 12, 12)


def blocks(*corners_and_sizes) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    for (z, y, x), (depth, height, width) in corners_and_sizes:
        mask[z : z + depth, y : y + height, x : x + width] = True
    return mask


def grid(voxel_mm: float = 1.0) -> Volume:
    return Volume(np.zeros(SHAPE, np.float32), np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0]))


A = blocks(((1, 1, 1), (3, 3, 3)))  # 27 voxels
B = blocks(((1, 1, 1), (3, 3, 6)))  # 54 voxels, 27 of them A
EMPTY = blocks()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, A, 1.0),
        (A, B, 2 * 27 / (27 + 54)),
        (A, EMPTY, 0.0),
        (EMPTY, EMPTY, 1.0),
        (A, blocks(((5, 6, 6), (2, 2, 2))), 0.0),
    ],
)
def test_dice_is_twice_the_common_part_over_the_sum(one, other, expected):
    assert dice(one, other) == pytest.approx(expected)
    assert dice(other, one) == pytest.approx(expected)


def test_dice_of_different_shapes_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        dice(A, A[1:])


def test_hd95_of_shifted_blocks_is_the_shift():
    shifted = np.roll(A, 2, axis=2)
    assert hd95(A, A, (1, 1, 1)) == 0.0
    assert hd95(A, shifted, (1.0, 1.0, 1.0)) == pytest.approx(2.0)
    assert hd95(A, shifted, (1.0, 1.0, 0.5)) == pytest.approx(1.0)


def test_hd95_needs_both_masks():
    with pytest.raises(ValueError, match="not be empty"):
        hd95(A, EMPTY, (1, 1, 1))


def test_lesions_are_counted_and_measured_one_by_one():
    reference = blocks(((1, 1, 1), (3, 3, 3)), ((1, 8, 8), (3, 3, 3)))
    prediction = blocks(((1, 1, 1), (3, 3, 2)), ((6, 1, 1), (2, 2, 2)))
    found = evaluate(prediction, reference, grid())
    assert (found.true_positives, found.false_positives, found.false_negatives) == (1, 1, 1)
    assert found.dice == pytest.approx(2 * 18 / (54 + 26))
    assert found.lesion_dice_mean == pytest.approx(2 * 18 / (27 + 18))
    assert found.volume_error_mm3 == pytest.approx(26 - 54)
    assert found.hd95_mm == pytest.approx(1.0)
    assert [d.dice is not None for d in found.detections] == [True, False]
    assert found.detections[0].equivalent_diameter_mm == pytest.approx((6 * 27 / np.pi) ** (1 / 3))


def test_labels_of_the_prediction_are_lesions_whatever_their_numbers():
    labels = (A.astype(np.uint16) * 7) + blocks(((6, 1, 1), (2, 2, 2))).astype(np.uint16)
    found = evaluate(labels, A, grid())
    assert (found.true_positives, found.false_positives) == (1, 1)


def test_each_lesion_is_matched_once_for_the_best_sum():
    reference = blocks(((1, 1, 1), (2, 2, 4)), ((1, 1, 6), (2, 2, 4)))
    bridge = blocks(((1, 1, 1), (2, 2, 9)))  # covers both
    found = evaluate(bridge, reference, grid())
    assert (found.true_positives, found.false_positives, found.false_negatives) == (1, 0, 1)


@pytest.mark.parametrize(("voxel_mm", "counted"), [(1.0, False), (1.5, True)])
def test_lesions_under_20_mm3_count_for_detection_only(voxel_mm, counted):
    small = blocks(((1, 1, 1), (2, 2, 2)))  # 8 voxels: 8 mm3, or 27 mm3
    found = evaluate(small, small, grid(voxel_mm))
    assert found.true_positives == 1
    assert (found.lesion_dice_mean is not None) is counted
    assert (found.hd95_mm is not None) is counted


@pytest.mark.parametrize(
    ("prediction", "reference", "counts", "whole"),
    [
        (EMPTY, EMPTY, (0, 0, 0), 1.0),
        (A, EMPTY, (0, 1, 0), 0.0),
        (EMPTY, A, (0, 0, 1), 0.0),
    ],
)
def test_empty_masks_have_counts_and_no_means(prediction, reference, counts, whole):
    found = evaluate(prediction, reference, grid())
    assert (found.true_positives, found.false_positives, found.false_negatives) == counts
    assert found.dice == whole
    assert found.lesion_dice_mean is None
    assert found.hd95_mm is None


def test_another_grid_is_refused():
    with pytest.raises(ValueError, match="shape of volume"):
        evaluate(A[1:], A, grid())


def test_agreement_is_the_mean_over_pairs_of_members():
    a, b = A.astype(np.float32), B.astype(np.float32)
    pair = 2 * 27 / 81
    assert agreement({"one": a, "two": b}) == pytest.approx(pair)
    assert agreement({"one": a, "two": b, "three": b}) == pytest.approx((2 * pair + 1) / 3)
    assert agreement({"one": a * 0, "two": b * 0}) == 1.0
    assert agreement({"one": a}) is None


def test_agreement_takes_masks_from_one_half_on():
    assert agreement({"one": A * np.float32(0.5), "two": A.astype(np.float32)}) == 1.0
    assert agreement({"one": A * np.float32(0.49), "two": A.astype(np.float32)}) == 0.0


def test_expected_dice_is_what_the_probabilities_promise():
    mean = A.astype(np.float32) * 0.8
    assert expected_dice(A.astype(np.float32), A) == pytest.approx(1.0)
    assert expected_dice(mean, A) == pytest.approx(2 * 0.8 * 27 / (27 + 0.8 * 27))
    assert expected_dice(mean, EMPTY) is None


def test_entropy_is_one_bit_where_nothing_is_known():
    assert entropy(A.astype(np.float32) * 0.5) == pytest.approx(1.0)
    assert entropy(A.astype(np.float32)) == pytest.approx(0.0, abs=1e-9)
    assert entropy(np.zeros(SHAPE, np.float32)) == 0.0
    assert entropy(np.full(SHAPE, 0.04, np.float32)) == 0.0


# Reference, prediction, tumour-core TP, FP, FN, mean Dice, mean HD95 (None: an axis-order fault
# upstream, see the README of the data).
GOLDEN = [
    ("BraTS-MET-00132-000-seg", "00132-000", (6, 1, 2), 0.7760722559, 2.0191614756),
    ("BraTS-MET-00217-000-seg", "SEG-00217-000", (27, 7, 7), 0.7417176400, 1.5263500904),
    ("BraTS-MET-00630-001-seg", "BraTS-MET-00630-001", (12, 0, 0), 0.8912063781, None),
    ("BraTS-MET-01325-000-seg", "BraTS-MET_01325-000", (1, 0, 1), 0.9761366658, 0.5),
]


@pytest.mark.data
@pytest.mark.parametrize(("reference", "prediction", "counts", "mean_dice", "mean_hd95"), GOLDEN)
def test_published_figures_are_met(reference, prediction, counts, mean_dice, mean_hd95):
    root = require_data("metrics_golden")
    image = nibabel.load(root / "ref" / f"{reference}.nii.gz")
    truth = np.isin(np.asarray(image.dataobj).T, (1, 3))  # necrosis and enhancing: tumour core
    other = nibabel.load(root / "pred" / f"{prediction}.nii.gz")
    found_core = np.isin(np.asarray(other.dataobj).T, (1, 3))
    volume = Volume(np.zeros(truth.shape, np.float32), image.affine[:, [2, 1, 0, 3]])
    found = evaluate(found_core, truth, volume)
    assert (found.true_positives, found.false_positives, found.false_negatives) == counts
    assert found.lesion_dice_mean == pytest.approx(mean_dice, abs=1e-9)
    if mean_hd95 is not None:
        assert found.hd95_mm == pytest.approx(mean_hd95, abs=1e-9)

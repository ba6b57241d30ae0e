from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from models.inputs import InputContract
from training.crops.augmentation import cut, draw_changes
from training.data.cases import Source, case_from_slice
from training.data.implanting import implant_cases, scan_to_measure
from training.data.implants import Ground, implant, implanted_case
from training.data.real_cases import RealCase
from training.synthesis.lesions import Kind, Plan

CONTRACT = InputContract()


def scan(tumour: bool = False) -> RealCase:
    """A brain of 100 with noise of 2, a ball of 56 mm in air."""
    rng = np.random.default_rng(3)
    axis = np.arange(72) - 35.5
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis**2)
    brain = radius < 28
    voxels = np.where(brain, rng.normal(100, 2, brain.shape), 0).astype(np.float32)
    mask = np.zeros(brain.shape, dtype=bool)
    if tumour:
        mask[14:18, 34:38, 34:38] = True
        voxels[mask] = 180
    return RealCase("a", voxels, mask, brain)


def ground(one: RealCase) -> Ground:
    assert one.brain is not None
    found = Ground.of(one.voxels, one.brain, one.mask)
    assert found is not None
    return found


def test_an_implant_has_the_given_brightness_and_keeps_the_noise_of_the_scan() -> None:
    one = scan()
    plans = [Plan(9.0, Kind.SOLID)]
    voxels, numbers = implant(ground(one), plans, np.random.default_rng(1), enhancement=1.6)
    inside = numbers == 1
    # A ball of 9 mm has 382 mm3; its surface is rough.
    assert 250 < inside.sum() < 550
    # White matter is the 75th percentile, 101.3; solid lesions enhance by 0.55 to 1.35 of 0.6.
    assert 1.3 * 101 < np.median(voxels[inside]) < 1.85 * 101
    # Oedema reaches some 8 mm beyond; the rest of the brain is as it was.
    assert np.isclose(voxels, one.voxels, atol=0.01).mean() > 0.9
    # Neighbours within the lesion differ by the scan's noise, sqrt(2) * 2, and a little more.
    steps = np.diff(voxels, axis=2)[inside[:, :, 1:] & inside[:, :, :-1]]
    assert np.median(np.abs(steps)) > 0.67 * np.sqrt(2) * 2 * 0.8


def test_implants_lie_in_the_brain_away_from_the_tumour_and_from_each_other() -> None:
    one = scan(tumour=True)
    plans = [Plan(6.0, Kind.SOLID)] * 4
    made = implanted_case(one, plans, np.random.default_rng(2))
    assert one.brain is not None
    new = made.mask & ~one.mask
    assert new.any()
    assert not (new & ~one.brain).any()
    z, y, x = np.nonzero(new)
    # Its voxels keep 25 mm from the tumour's, but for half a lesion.
    assert np.sqrt((z - 15.5) ** 2 + (y - 35.5) ** 2 + (x - 35.5) ** 2).min() > 25 - 6
    assert (made.mask & one.mask).sum() == one.mask.sum()


def test_implants_of_the_same_seed_are_the_same() -> None:
    first, second, other = (
        implanted_case(scan(), [Plan(8.0, Kind.SOLID)], np.random.default_rng(s)).voxels
        for s in (4, 4, 5)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_scan_without_a_known_brain_is_refused() -> None:
    one = scan()
    with pytest.raises(ValueError, match="scan must have a brain to implant into, got none in a"):
        implanted_case(
            RealCase("a", one.voxels, one.mask), [Plan(8.0, Kind.SOLID)], np.random.default_rng(0)
        )


def test_copies_of_a_scan_with_implants_are_cases_of_their_own_kind() -> None:
    cases = implant_cases([scan(), scan(tumour=True)], CONTRACT, copies=2, seed=1)
    assert [case.source for case in cases] == [Source.IMPLANT] * 4
    assert all(case.lesions for case in cases)
    assert not np.array_equal(cases[0].mask, cases[1].mask)


def test_the_tumour_of_a_single_slice_is_not_taught_but_its_implants_are() -> None:
    one = scan()
    plane = one.voxels[36:37]
    unsure = np.zeros(plane.shape, dtype=bool)
    unsure[0, 20:30, 20:30] = True
    lesions = np.zeros(plane.shape, dtype=np.uint16)
    lesions[0, 27:33, 27:33] = 1
    case = case_from_slice("s", plane, lesions, unsure, CONTRACT)
    assert case.flat
    assert case.source is Source.SLICE
    rng = np.random.default_rng(0)
    still = replace(draw_changes(rng), angle=0.0, scale=1.0, flip_rows=False, flip_columns=False)
    whole = case.voxels.shape[1:]
    image, truth = cut(
        case, (0, whole[0] // 2, whole[1] // 2), 64, still, CONTRACT, rng, small_weight=3.0
    )
    assert image.shape == (64, 64, 4)
    lesion, weight = truth[..., 0], truth[..., 1]
    assert lesion.sum() == 36
    # 36 pixels are few for a slice, below 38: they weigh three times as much, in the box too.
    assert (weight[lesion == 1] == 3).all()
    # The box has 100 pixels, 9 of them the lesion's.
    assert (weight == 0).sum() == 91
    assert (truth[..., 3] == 0).all()


def test_a_scan_is_always_measured_with_the_same_nine_lesions_as_bright_as_its_tumour() -> None:
    one = scan(tumour=True)
    first, second = (scan_to_measure(one) for _ in range(2))
    assert np.array_equal(first.voxels, second.voxels)
    new = first.mask & ~one.mask
    _, count = ndimage.label(new, structure=np.ones((3, 3, 3)))
    assert 3 <= count <= 9  # the ball is small: not all find room
    # The tumour has 180, white matter 101; solid lesions vary by 0.55 to 1.35 of the difference.
    assert 101 + 0.5 * 79 < np.percentile(first.voxels[new], 75) < 101 + 1.4 * 79
    other = scan_to_measure(replace(one, name="b"))
    assert not np.array_equal(first.mask, other.mask)
    nowhere = replace(one, brain=None)
    assert scan_to_measure(nowhere) is nowhere

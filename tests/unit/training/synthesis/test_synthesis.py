import numpy as np
import pytest
from scipy import ndimage

from tests.helpers.data import require_data
from tests.unit.training.tiny_head import tiny_label_map
from training.synthesis import labels as lb
from training.synthesis.acquisition import Protocol, thicken
from training.synthesis.anatomy import draw_grey_levels
from training.synthesis.labels import axial_affine, read_label_map, to_axial_order
from training.synthesis.lesion_shapes import draw_shape, share_inside
from training.synthesis.lesions import Kind, Plan, add_lesions, appearance, draw_plans
from training.synthesis.stripping import Stripping
from training.synthesis.synthesis import SyntheticHead, synthesise_head

CLEAN = Protocol(
    blur_mm=(0.4, 0.4, 0.4),
    shading=0.0,
    thickness_mm=1.0,
    axis=0,
    noise=0.005,
    ghost=0.0,
    gamma=1.0,
)


def draw(seed: int, *plans: Plan, stripping: Stripping = Stripping.NONE) -> SyntheticHead:
    return synthesise_head(
        tiny_label_map(), seed=seed, plans=list(plans), stripping=stripping, protocol=CLEAN
    )


def test_heads_of_the_same_seed_are_the_same() -> None:
    first, second, other = (synthesise_head(tiny_label_map(), seed=s) for s in (5, 5, 6))
    assert np.array_equal(first.voxels, second.voxels)
    assert np.array_equal(first.lesions, second.lesions)
    assert np.array_equal(first.hard_negatives, second.hard_negatives)
    assert first.drawn == second.drawn
    assert first.voxels.shape != other.voxels.shape or not np.array_equal(
        first.voxels, other.voxels
    )


def test_perivascular_spaces_are_darker_than_the_tissue_around_them() -> None:
    """SynthSeg's 30 and 62 are FreeSurfer's "vessel", dark spaces in the striatum: drawn as blood
    they would look like metastases.
    """
    for seed in range(40):
        levels = draw_grey_levels(np.random.default_rng(seed))
        spaces = levels.table[list(lb.PERIVASCULAR)]
        assert spaces.max() < levels.table[list(lb.STRIATUM)].min()
        assert spaces.max() < 0.9 * levels.table[list(lb.WHITE)].min()


def test_the_label_map_of_a_head_does_not_change() -> None:
    labels = tiny_label_map()
    synthesise_head(labels, seed=1)
    assert np.array_equal(labels, tiny_label_map())


def test_drawn_lesions_lie_inside_the_brain_and_match_the_list() -> None:
    head = draw(3, Plan(12.0, Kind.SOLID), Plan(6.0, Kind.SOLID), Plan(4.0, Kind.MOTTLED))
    assert [lesion.number for lesion in head.drawn] == [1, 2, 3]
    assert set(np.unique(head.lesions)) == {0, 1, 2, 3}
    middle = (np.array(head.voxels.shape) - 1) / 2
    for lesion in head.drawn:
        where = np.argwhere(head.lesions == lesion.number)
        # The brain is a ball of 25 mm, scaled by at most 1.14, bent, and two millimetres of sulcus.
        assert np.linalg.norm(where - middle, axis=1).max() < 25 * 1.14 + 8
        assert np.linalg.norm(where.mean(axis=0) - lesion.centre) < lesion.diameter_mm / 2


@pytest.mark.parametrize("diameter", [4.0, 8.0, 14.0])
def test_a_drawn_lesion_is_as_large_as_planned(diameter: float) -> None:
    rng = np.random.default_rng(0)
    centre = np.array([30.2, 29.7, 30.0])
    volumes = []
    for _ in range(12):
        shape = draw_shape(centre, diameter, (60, 60, 60), rng, margin_mm=3.0)
        volumes.append(float(share_inside(shape.distance).sum()))
    wanted = np.pi / 6 * diameter**3
    assert np.median(volumes) == pytest.approx(wanted, rel=0.25)


def test_the_mask_of_a_ring_includes_its_dark_centre() -> None:
    head = draw(8, Plan(18.0, Kind.RING))
    mask = head.lesions > 0
    assert np.array_equal(ndimage.binary_fill_holes(mask), mask)
    inner = ndimage.binary_erosion(mask, iterations=6)
    rim = mask & ~ndimage.binary_erosion(mask, iterations=3)
    assert inner.any()
    assert np.median(head.voxels[inner]) < np.percentile(head.voxels[rim], 75)


def test_solid_lesions_are_brighter_than_the_brain() -> None:
    head = draw(4, Plan(10.0, Kind.SOLID))
    around = ndimage.binary_dilation(head.lesions > 0, iterations=8) & (head.lesions == 0)
    assert np.median(head.voxels[head.lesions > 0]) > np.median(head.voxels[around])


def test_stripped_heads_keep_every_lesion_and_lose_the_skull() -> None:
    whole = draw(9, Plan(8.0, Kind.SOLID))
    for how in (Stripping.CLEAN, Stripping.RAGGED):
        head = draw(9, Plan(8.0, Kind.SOLID), stripping=how)
        assert (head.voxels == 0).mean() > (whole.voxels == 0).mean()
        assert head.voxels.shape < whole.voxels.shape
        assert (head.lesions > 0).sum() == (whole.lesions > 0).sum()


def test_hard_negatives_are_away_from_lesions() -> None:
    head = draw(2, Plan(9.0, Kind.SOLID))
    away = ndimage.distance_transform_edt(head.lesions == 0)
    assert len(head.hard_negatives) > 0
    assert away[tuple(head.hard_negatives.T.astype(int))].min() > 2


def test_one_head_in_six_has_no_lesion_and_none_has_more_than_thirty_nine() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([len(draw_plans(rng)) for _ in range(600)])
    assert 0.12 < (counts == 0).mean() < 0.20
    assert counts.max() <= 30 + 1 + 8  # of all sizes, a large one, a handful of small ones


def test_thick_slices_keep_the_mean_and_blur_along_their_axis_only() -> None:
    voxels = np.zeros((30, 8, 8), dtype=np.float32)
    voxels[12:18, 4, 4] = 1.0
    thick = thicken(voxels, 3.0, 0)
    assert thick.shape == voxels.shape
    assert thick.sum() == pytest.approx(voxels.sum(), rel=0.01)
    assert np.count_nonzero(thick.sum(axis=0)) == 1
    assert np.count_nonzero(thick[:, 4, 4]) > 6


def test_a_label_map_without_brain_is_refused() -> None:
    with pytest.raises(ValueError, match="white matter"):
        synthesise_head(np.zeros((8, 8, 8), dtype=np.uint16), seed=1)


def test_a_head_in_axial_order_runs_up_back_and_left() -> None:
    voxels = np.zeros((3, 4, 5), dtype=np.int16)
    voxels[0, 0, 4] = 1
    # NIfTI axes run to right, anterior, superior: index (0, 0, 4) is leftmost, rearmost, topmost.
    turned = to_axial_order(voxels, np.eye(4))
    assert turned.shape == (5, 4, 3)
    assert tuple(np.argwhere(turned)[0]) == (4, 3, 2)
    assert (axial_affine() @ [4, 3, 2, 1]).tolist() == [2, 3, 4, 1]


def test_a_real_label_map_becomes_an_upright_head() -> None:
    labels = read_label_map(require_data("labelmaps") / "training_seg_01.nii.gz")
    assert labels.shape == (256, 256, 256)
    brain = np.argwhere(np.isin(labels, (2, 3, 41, 42))).mean(axis=0)
    cerebellum = np.argwhere(np.isin(labels, (8, 47))).mean(axis=0)
    left, right = (np.argwhere(labels == number).mean(axis=0) for number in (2, 41))
    eyes = np.argwhere(labels == 506).mean(axis=0)
    assert cerebellum[0] < brain[0]
    assert eyes[1] < brain[1] < cerebellum[1]
    assert right[2] < left[2]


def test_a_lesion_beside_a_vessel_is_drawn_within_two_mm_of_one() -> None:
    labels = tiny_label_map()
    image = np.ones(labels.shape, dtype=np.float32)
    image[:, 30:32, 20] = 2.0  # the only vessel
    plan = Plan(4.0, Kind.SOLID, beside_vessel=True)
    levels = draw_grey_levels(np.random.default_rng(1))
    for seed in range(5):
        *_, drawn = add_lesions(image.copy(), labels, [plan], levels, np.random.default_rng(seed))
        (_, y, x) = drawn[0].centre
        assert max(30 - y, y - 31, 0) + abs(x - 20) <= 2


def test_a_nodular_mass_is_faint_with_few_bright_lumps() -> None:
    rng = np.random.default_rng(4)
    distance = np.full((40, 40, 40), -5.0, dtype=np.float32)
    levels = [appearance(distance, Plan(40.0, Kind.NODULAR), 1.7, rng) for _ in range(12)]
    for level in levels:
        assert np.median(level) < 1.3
        assert 0.01 < (level > 1.28).mean() < 0.35

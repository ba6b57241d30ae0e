from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metseg.errors import MetsegError
from models.inputs import InputContract
from tests.unit.training.tiny_head import tiny_label_map
from training.crops.augmentation import Changes, cut
from training.crops.crops import Batch, CropMix, CropSampler, prefetch
from training.data.cases import (
    STRIPPED_BRAIN_WEIGHT,
    Case,
    Source,
    case_from_head,
    case_from_real,
)
from training.data.real_cases import RealCase
from training.heads.heads import read_head, write_head
from training.synthesis.lesions import Kind, Plan
from training.synthesis.synthesis import synthesise_head

CONTRACT = InputContract()
MIX = CropMix(size=32, jitter=6)
UNCHANGED = Changes(
    angle=0.0,
    scale=1.0,
    flip_columns=False,
    flip_rows=False,
    gamma=1.0,
    gain=1.0,
    shift=0.0,
    noise=0.0,
    slice_blur=0.0,
    plane_blur=0.0,
    clahe_clip=2.0,
    clahe_tile_mm=28.0,
)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    for seed in range(3):
        plans = [Plan(9.0, Kind.SOLID), Plan(5.0, Kind.SOLID)]
        head = synthesise_head(tiny_label_map(), seed=seed, plans=plans)
        write_head(folder / f"head_{seed}.npz", head, label_map="tiny")
    return folder


def real(name: str, *, tumour: bool) -> Case:
    rng = np.random.default_rng(1)
    voxels = rng.uniform(90, 110, (40, 60, 50)).astype(np.float32)
    voxels[:, :4] = voxels[:, -4:] = 0
    mask = np.zeros(voxels.shape, dtype=bool)
    if tumour:
        mask[18:24, 25:33, 20:30] = True
        voxels[mask] = 200
    return case_from_real(RealCase(name, voxels, mask), CONTRACT)


def sampler(heads: Path, seed: int, mix: CropMix = MIX) -> CropSampler:
    cases = [real("glioma", tumour=True), real("sclerosis", tumour=False)]
    return CropSampler(heads, cases, seed=seed, mix=mix)


def test_a_batch_of_crops_is_four_channels_and_lesion_and_brain_with_their_weights(
    heads: Path,
) -> None:
    x, y = next(sampler(heads, 1).batches(6))
    assert x.shape == (6, 32, 32, 4)
    assert y.shape == (6, 32, 32, 4)
    assert x.dtype == y.dtype == np.float32
    assert set(np.unique(y[..., 0])) <= {0.0, 1.0}
    assert set(np.unique(y[..., 1])) <= {1.0, 3.0}
    assert set(np.unique(y[..., 2])) <= {0.0, 1.0}
    assert set(np.unique(y[..., 3])) <= {0.0, np.float32(STRIPPED_BRAIN_WEIGHT), 1.0}
    assert np.isfinite(x).all()
    assert 0 <= x[..., 3].min() <= x[..., 3].max() <= 1


def test_samplers_of_the_same_seed_give_the_same_crops(heads: Path) -> None:
    first, second, other = (next(sampler(heads, seed).batches(8)) for seed in (4, 4, 5))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


def test_sources_and_centres_of_crops_come_in_the_wanted_shares(heads: Path) -> None:
    subject = sampler(heads, 7)
    draws = [subject._choose() for _ in range(2000)]
    share = {s: np.mean([case.source is s for case, _ in draws]) for s in Source}
    assert share[Source.TUMOUR] == pytest.approx(0.35, abs=0.04)
    assert share[Source.NEGATIVE] == pytest.approx(0.08, abs=0.03)
    on_lesion = [aim == "lesion" and bool(case.lesions) for case, aim in draws]
    assert np.mean(on_lesion) == pytest.approx(0.5, abs=0.04)


def test_at_least_half_of_the_crops_show_a_lesion(heads: Path) -> None:
    _, y = next(sampler(heads, 3).batches(120))
    assert (y[..., 0].max(axis=(1, 2)) > 0).mean() > 0.42


def test_pixels_of_small_lesions_weigh_more_and_lesions_lie_in_the_brain(heads: Path) -> None:
    case = case_from_head("h", read_head(heads / "head_0.npz"), CONTRACT)
    sizes = []
    for points in case.lesions:
        z, y, x = (int(v) for v in points[0])
        _, truth = cut(
            case, (z, y, x), 16, UNCHANGED, CONTRACT, np.random.default_rng(0), small_weight=3.0
        )
        assert truth[8, 8, 0] == truth[8, 8, 2] == 1
        sizes.append(truth[8, 8, 1])
    assert sorted(sizes) == [1, 3]  # 9 mm and 5 mm


def test_a_crop_says_where_the_brain_is_not_known() -> None:
    case = real("glioma", tumour=True)
    _, truth = cut(case, (20, 30, 25), 16, UNCHANGED, CONTRACT, np.random.default_rng(0))
    assert (truth[..., 3] == 0).all()


@pytest.mark.parametrize(("half", "weight"), [(10, 1.0), (24, STRIPPED_BRAIN_WEIGHT)])
def test_the_brain_is_taught_by_whole_heads(half: int, weight: float) -> None:
    """The middle of a cube of 50 voxels is brain; it is whole if much lies around it."""
    rng = np.random.default_rng(1)
    voxels = np.pad(rng.uniform(90, 110, (50, 50, 50)).astype(np.float32), 4)
    brain = np.zeros(voxels.shape, dtype=bool)
    brain[29 - half : 29 + half, 29 - half : 29 + half, 29 - half : 29 + half] = True
    case = case_from_real(RealCase("c", voxels, np.zeros_like(brain), brain), CONTRACT)
    _, truth = cut(case, (29, 29, 29), 64, UNCHANGED, CONTRACT, np.random.default_rng(0))
    known = truth[..., 3]
    assert set(known[truth[..., 2] == 1]) == {np.float32(weight)}
    assert set(known[truth[..., 2] == 0]) == {np.float32(1)}


def test_half_of_the_random_centres_in_a_whole_head_lie_outside_the_brain() -> None:
    voxels = np.pad(np.random.default_rng(1).uniform(90, 110, (50, 50, 50)), 4).astype(np.float32)
    brain = np.zeros(voxels.shape, dtype=bool)
    brain[10:48, 10:48, 10:48] = True
    case = case_from_real(RealCase("c", voxels, np.zeros_like(brain), brain), CONTRACT)
    assert case.brain is not None
    inside = case.unpacked(case.brain)[tuple(case.anywhere.T)]
    # Half of them, and 56 % of the other half: the share of the cube outside the brain.
    assert 1 - inside.mean() == pytest.approx(0.78, abs=0.05)


def test_an_unchanged_crop_is_the_normalised_head(heads: Path) -> None:
    case = case_from_head("h", read_head(heads / "head_0.npz"), CONTRACT)
    z, y, x = (int(v) for v in case.lesions[0][0])
    image, mask = cut(case, (z, y, x), 16, UNCHANGED, CONTRACT, np.random.default_rng(0))
    window = np.s_[y - 8 : y + 8, x - 8 : x + 8]
    expected = case.floor + case.step * case.voxels[z - 1 : z + 2].astype(np.float32)
    for channel in range(3):
        assert np.allclose(image[..., channel], expected[channel][window], atol=1e-4)
    assert np.array_equal(mask[..., 0], case.unpacked(case.mask)[z][window])


@pytest.mark.parametrize("axis", [1, 2])
def test_a_crop_from_the_side_is_the_head_seen_along_that_axis(heads: Path, axis: int) -> None:
    case = case_from_head("h", read_head(heads / "head_0.npz"), CONTRACT)
    index, row, column = np.moveaxis(case.lesions[0], 1, 0)[:, 0][[axis, *{0, 1, 2} - {axis}]]
    image, truth = cut(
        case, (index, row, column), 16, UNCHANGED, CONTRACT, np.random.default_rng(0), axis=axis
    )
    window = np.s_[row - 8 : row + 8, column - 8 : column + 8]
    seen = case.floor + case.step * np.moveaxis(case.voxels, axis, 0).astype(np.float32)
    assert np.allclose(image[..., 0], seen[index - 1][window], atol=1e-4)
    assert np.allclose(image[..., 2], seen[index + 1][window], atol=1e-4)
    for channel, bits in ((0, case.mask), (2, case.brain)):
        assert bits is not None
        whole = np.moveaxis(case.unpacked(bits), axis, 0)
        assert np.array_equal(truth[..., channel], whole[index][window])


def test_crops_from_the_side_come_when_asked_for(heads: Path) -> None:
    flat = sampler(heads, 1, replace(MIX, sideways=1.0))
    assert {flat._axis() for _ in range(50)} == {1, 2}
    assert {sampler(heads, 1)._axis() for _ in range(50)} == {0}


def test_flips_of_a_crop_turn_image_and_mask_alike(heads: Path) -> None:
    case = case_from_head("h", read_head(heads / "head_0.npz"), CONTRACT)
    z, y, x = (int(v) for v in case.lesions[0][0])
    flipped = replace(UNCHANGED, flip_columns=True)
    plain = cut(case, (z, y, x), 32, UNCHANGED, CONTRACT, np.random.default_rng(0))
    turned = cut(case, (z, y, x), 32, flipped, CONTRACT, np.random.default_rng(0))
    assert np.array_equal(turned[0], plain[0][:, ::-1])
    assert np.array_equal(turned[1], plain[1][:, ::-1])


def test_a_crop_shows_air_and_no_lesion_outside_the_head(heads: Path) -> None:
    case = case_from_head("h", read_head(heads / "head_0.npz"), CONTRACT)
    image, mask = cut(case, (5, -100, -100), 16, UNCHANGED, CONTRACT, np.random.default_rng(0))
    assert np.allclose(image[..., :3], case.floor)
    assert not mask[..., (0, 2)].any()


def test_a_sampler_takes_new_heads_while_it_samples(heads: Path) -> None:
    subject = CropSampler(heads, [], seed=1, mix=MIX, first=1, crops_per_head=2)
    assert len(subject._pool) == 1
    next(subject.batches(7))
    assert len(subject._pool) == 3


def test_a_small_pool_forgets_the_oldest_head(heads: Path) -> None:
    subject = CropSampler(heads, [], seed=1, mix=MIX, first=2, pool=2, crops_per_head=1)
    next(subject.batches(6))
    assert len(subject._pool) == 2


def test_a_sampler_without_heads_or_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match="at least one"):
        CropSampler(tmp_path, [], seed=1)


def test_a_sampler_with_shares_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\] together, got 1\.1"):
        CropMix(tumour=0.9, negative=0.2)


def test_prefetching_crops_gives_the_same_batches_and_ends(heads: Path) -> None:
    plain, ahead = sampler(heads, 2).batches(2), prefetch(sampler(heads, 2).batches(2))
    for _ in range(3):
        assert np.array_equal(next(plain)[0], next(ahead)[0])
    ahead.close()


def test_errors_of_the_sampler_reach_the_consumer() -> None:
    def broken() -> Iterator[Batch]:
        yield np.zeros(1, np.float32), np.zeros(1, np.float32)
        raise OSError("disk gone")

    ahead = prefetch(broken())
    next(ahead)
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)

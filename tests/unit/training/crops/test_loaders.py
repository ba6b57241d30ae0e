import multiprocessing
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest

from metseg.errors import MetsegError
from models.inputs import InputContract
from tests.unit.training.tiny_head import tiny_label_map
from training.crops.loaders import Loaders, Share, make_sampler
from training.heads.drawing import Drawing, HeadDrawing, head_plan, next_index, superfluous
from training.heads.heads import write_head
from training.recipe import Recipe, read_recipe
from training.synthesis.lesions import Kind, Plan
from training.synthesis.synthesis import synthesise_head

CONTRACT = InputContract()
PATIENCE_S = 120


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    for seed in range(4):
        head = synthesise_head(tiny_label_map(), seed=seed, plans=[Plan(9.0, Kind.SOLID)])
        write_head(folder / f"head_{seed}.npz", head, label_map="tiny")
    return folder


def recipe(heads: Path, tmp_path: Path, *changes: str) -> Recipe:
    path = tmp_path / "r.toml"
    path.write_text(
        f'network = "attention_unet"\nsteps = 3\nbatch = 2\ncrop = 32\nloaders = 2\n'
        f'[material]\nheads = "{heads}"\n'
    )
    return read_recipe(path, changes)


def silent(_: str) -> None:
    """Another test checks what a loader says."""


def test_two_loaders_offer_different_batches_in_turn_and_end_with_their_reader(
    heads: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    before = set(multiprocessing.active_children())
    with Loaders(recipe(heads, tmp_path), CONTRACT, done=0, say=said.append) as loaders:
        batches = loaders.batches(2)
        first, second, third = (next(batches) for _ in range(3))
        mine = set(multiprocessing.active_children()) - before
        assert len(mine) == 2
    assert first[0].shape == first[1].shape == (2, 32, 32, 4)
    assert first[0].dtype == np.float32
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], third[0])
    assert said == ["0 real cases"]
    assert not any(psutil.pid_exists(process.pid) for process in mine if process.pid)


def test_a_loader_offers_what_its_share_of_the_sampler_draws(heads: Path, tmp_path: Path) -> None:
    wanted = recipe(heads, tmp_path, "loaders=1")
    sampler = make_sampler(wanted, CONTRACT, Share(0, 1, 5), say=silent)
    with Loaders(wanted, CONTRACT, done=5, say=silent) as loaders:
        offered = next(loaders.batches(2))
    drawn = next(sampler.batches(2))
    assert np.array_equal(offered[0], drawn[0])
    assert np.array_equal(offered[1], drawn[1])


def test_shares_of_a_folder_of_heads_are_disjoint_and_complete(heads: Path, tmp_path: Path) -> None:
    names = [
        {
            case.name
            for case in make_sampler(recipe(heads, tmp_path), CONTRACT, share, say=silent)._pool
        }
        for share in (Share(0, 2), Share(1, 2))
    ]
    assert names[0] | names[1] == {f"head_{n}.npz" for n in range(4)}
    assert not names[0] & names[1]


def test_material_that_a_loader_cannot_read_is_reported_by_its_reader(
    heads: Path, tmp_path: Path
) -> None:
    wanted = recipe(heads, tmp_path, f"material.slices={tmp_path / 'none.npz'}")
    with pytest.raises(MetsegError, match=r"material.slices must be a file that exists, got 'none"):
        Loaders(wanted, CONTRACT, done=0, say=silent)


def test_a_batch_of_another_size_is_refused(heads: Path, tmp_path: Path) -> None:
    with (
        Loaders(recipe(heads, tmp_path, "loaders=1"), CONTRACT, done=0, say=silent) as loaders,
        pytest.raises(ValueError, match="size must be the recipe's batch 2, got 5"),
    ):
        next(loaders.batches(5))


def test_only_the_newest_fresh_heads_are_kept_by_number() -> None:
    files = [Path(f"fresh_3_{n:06d}.npz") for n in (9, 10, 2, 11)]
    assert [path.name for path in superfluous(files, 2)] == [
        "fresh_3_000002.npz",
        "fresh_3_000009.npz",
    ]
    assert superfluous(files, 4) == []
    assert next_index([path.stem for path in files]) == 12
    assert next_index([]) == 0


def test_a_fresh_head_has_a_seed_of_its_own_and_the_next_label_map() -> None:
    drawing = Drawing(Path("heads"), (Path("a"), Path("b")), seed=4, workers=2, keep=9)
    plans = [head_plan(drawing, index) for index in range(3)]
    assert [plan.label_map.name for plan in plans] == ["a", "b", "a"]
    assert [plan.seed for plan in plans] == [50_000_000, 50_000_001, 50_000_002]
    assert plans[2].path == Path("heads/fresh_4_000002.npz")


def test_fresh_heads_are_drawn_during_training_and_old_ones_deleted(tmp_path: Path) -> None:
    source = tmp_path / "map.nii.gz"
    nib.save(nib.Nifti1Image(tiny_label_map().astype(np.int16), np.diag([1, 1, 1, 1])), source)
    (tmp_path / "head_0000.npz").write_bytes(b"of the user")
    drawing = Drawing(tmp_path, (source,), seed=1, workers=1, keep=2)

    def drawn() -> set[str]:
        return {path.name for path in tmp_path.glob("fresh_1_*.npz")}

    with HeadDrawing(drawing):
        end = time.monotonic() + PATIENCE_S
        while next_index([Path(name).stem for name in drawn()]) < 4 and time.monotonic() < end:
            time.sleep(0.2)
    assert next_index([Path(name).stem for name in drawn()]) >= 4
    assert len(drawn()) <= 3
    assert (tmp_path / "head_0000.npz").exists()

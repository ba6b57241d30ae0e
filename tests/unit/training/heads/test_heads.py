import json
from pathlib import Path

import numpy as np
import pytest

from metseg.errors import MetsegError
from tests.helpers.data import require_data
from tests.helpers.places import ROOT
from tests.unit.training.tiny_head import tiny_label_map
from training.heads.demo_head import DEMO_SEED, LESIONS, draw_demo_head
from training.heads.head_commands import synthesize_command
from training.heads.heads import plan_heads, read_head, write_head
from training.synthesis.lesions import Kind, Plan
from training.synthesis.synthesis import synthesise_head

DEMO = ROOT / "demo" / "head.npz"


def test_a_synthetic_head_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    head = synthesise_head(tiny_label_map(), seed=1, plans=[Plan(8.0, Kind.SOLID)])
    write_head(tmp_path / "h.npz", head, label_map="tiny.nii.gz")
    back = read_head(tmp_path / "h.npz")
    assert np.array_equal(back.voxels, head.voxels)
    assert np.array_equal(back.lesions, head.lesions)
    assert back.meta["seed"] == 1
    assert back.meta["label_map"] == "tiny.nii.gz"
    assert back.meta["lesions"][0]["kind"] == "solid"
    assert [path.name for path in tmp_path.iterdir()] == ["h.npz"]
    json.dumps(back.meta)


def test_planning_heads_needs_label_maps(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match="at least one"):
        plan_heads(tmp_path, label_maps=[], count=1, seed=1)


def test_an_unknown_part_of_the_heads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match="train, choose, report, all, got test"):
        synthesize_command(out=tmp_path, label_maps=tmp_path, part="test", count=1, seed=1)


def test_a_missing_label_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match=r"training_seg_18\.nii\.gz"):
        synthesize_command(out=tmp_path, label_maps=tmp_path, part="choose", count=1, seed=1)


def test_the_demo_head_holds_its_planned_metastases_and_no_label_map() -> None:
    with np.load(DEMO, allow_pickle=False) as stored:
        assert set(stored) == {"voxels", "labels", "affine", "seed", "label_map"}
        assert set(np.unique(stored["labels"])) == set(range(len(LESIONS) + 1))
        assert int(stored["seed"]) == DEMO_SEED
        volumes = np.bincount(stored["labels"].ravel())[1:]
    for plan, volume in zip(LESIONS, volumes, strict=True):
        assert 0.5 < volume / (np.pi / 6 * plan.diameter_mm**3) < 1.6
    assert DEMO.stat().st_size < 5_000_000


def test_the_demo_head_can_be_drawn_again() -> None:
    head = draw_demo_head(require_data("labelmaps") / "training_seg_20.nii.gz")
    with np.load(DEMO, allow_pickle=False) as stored:
        assert np.array_equal(head.lesions, stored["labels"])
        # Other processors may round a grey level the other way.
        assert np.abs(head.voxels.astype(int) - stored["voxels"]).max() <= 2

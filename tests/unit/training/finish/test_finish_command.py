"""From a folder of runs to weights, page and model card, with networks that give every voxel
the same answer.
"""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from metseg.errors import ConfigurationError
from models.card import read_card
from models.catalogue import describe, model_version, short_model_card
from models.networks.build import OUTPUTS, build
from tests.unit.training.tiny_head import tiny_label_map
from training.data.material import Group
from training.finish import finish_command as finishing
from training.finish.finish_command import finish_command
from training.heads.heads import write_head
from training.report.report_command import report_command
from training.split import FAINT_GLIOMAS, FOLDS
from training.synthesis.stripping import Stripping
from training.synthesis.synthesis import synthesise_head

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

# The other network takes three times as long to build, and nothing here depends on the choice.
NETWORK = "attention_unet"
FILTERS = (2, 2, 2, 2, 2)
SHAPE = (12, 32, 32)


def write_runs(runs: Path) -> None:
    facts = {
        "filters": FILTERS,
        "batch": 2,
        "crop": 32,
        "seed": 1,
        "precision": "float32",
        "miss_weight": 0.5,
        "clahe_clip": 2.0,
        "start": "models/weights/base/attention_unet.weights.h5",
        "mix": {"sideways": 0.4},
        "schedule": {"peak": 1e-3},
        "material": {"fold": "all"},
        "reached": {"steps": 3, "minutes": 0.1, "loss": 1.0, "share_waiting_for_data": 0.0},
    }
    model = build(NETWORK, filters=FILTERS, outputs=OUTPUTS)
    model.set_weights([np.zeros_like(value) for value in model.get_weights()])
    first = runs / f"final_{NETWORK}"
    first.mkdir(parents=True)
    model.save_weights(first / "average.weights.h5")
    (first / "run.json").write_text(json.dumps(facts | {"network": NETWORK}))
    for fold in range(FOLDS):
        shutil.copytree(first, runs / f"fold{fold}_{NETWORK}")


def write_nifti(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels.T, np.diag([-1.0, -1.0, 1.0, 1.0])), path)


def write_data(data: Path) -> None:
    voxels = np.full(SHAPE, 100, dtype=np.float32)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[3:9, 8:20, 8:20] = 4
    for name in ("a", "b", "c", FAINT_GLIOMAS[0]):
        write_nifti(data / "glioma" / name / f"{name}_t1ce.nii.gz", voxels)
        write_nifti(data / "glioma" / name / f"{name}_seg.nii.gz", labels)
    for name in ("p1", "p2", "p3"):
        write_nifti(data / "negatives" / name / "T1POST.nii.gz", voxels)
    (data / "full_heads").mkdir()
    for slices in (24, 20):  # of 140 mm: 5.8 mm apart, and 7 mm, which is too far
        bits = np.zeros((slices, 32, 4), dtype=np.uint8)
        t1c = np.full((slices, 32, 32), 100, dtype=np.uint8)
        np.savez(data / "full_heads" / f"h{slices}.npz", t1c=t1c, flair_abnormal=bits)


def write_heads(heads: Path) -> None:
    heads.mkdir()
    wanted = {Stripping.NONE, Stripping.CLEAN}
    for seed in range(40):
        head = synthesise_head(tiny_label_map(), seed=seed)
        if head.stripping in wanted and head.lesions.any():
            wanted.remove(head.stripping)
            write_head(heads / f"head_{seed:04d}.npz", head, label_map="tiny")
    assert not wanted


@pytest.fixture
def runs_alone(tmp_path, monkeypatch):
    """Finished runs, and the folders where the rest would be."""
    monkeypatch.setattr(finishing, "NETWORKS", (NETWORK,))
    write_runs(tmp_path / "runs")
    named = {name: tmp_path / name for name in ("runs", "data", "heads", "weights")}
    return named | {"name": "standard", "release": "9.0.0"}


@pytest.fixture
def folders(runs_alone):
    write_data(runs_alone["data"])
    write_heads(runs_alone["heads"])
    return runs_alone


def test_finish_makes_weights_of_runs_and_pages_of_weights(folders, tmp_path):
    weights, docs = folders["weights"], tmp_path / "docs"
    docs.mkdir()
    card = finish_command(**folders, say=print)
    assert read_card(weights / "standard.json").version == card.version
    assert all(file.ok for file in describe("standard", weights))
    assert card.contract["multiplanar"]
    assert card.seen["runs"][0]["on_from"] == "base"
    assert card.seen["material"]["never"] == {"gliomas": [FAINT_GLIOMAS[0]]}
    assert card.contract["scout"] == NETWORK
    validated = [
        (row["head"], row["group"], row["subject"]) for row in card.measured["cross_validation"]
    ]
    # Six scans, each as it is and with lesions drawn into it, by two subjects.
    assert len(validated) == len(set(validated)) == 6 * 2 * 2
    assert card.measured["implanted_lesions"]
    asked = {key: folders[key] for key in ("heads", "data", "weights", "name")}
    rows = report_command(**asked, docs=docs, kept=None, say=print)
    assert {row.group for row in rows} == set(Group)
    assert len(rows) == 6 * 2 * 2 + 4 * 2  # two synthetic heads, a faint glioma, a full head
    for page in (docs / "accuracy.md", weights / "README.md"):
        assert model_version("standard", weights) in page.read_text()
    heads = json.loads((docs / "accuracy.json").read_text())["heads"]
    assert len(heads) + len(validated) == len(rows), "each row is in one file"
    assert short_model_card("standard", weights)
    assert len(list(docs.glob("accuracy-*.jpg"))) == 4  # two heads, each among the best and worst


def test_a_missing_run_is_reported_before_any_network_answers(runs_alone):
    shutil.rmtree(runs_alone["runs"] / f"fold1_{NETWORK}")
    with pytest.raises(ConfigurationError, match=f"finished fold1_{NETWORK}"):
        finish_command(**runs_alone, say=print)
    assert not runs_alone["weights"].exists()

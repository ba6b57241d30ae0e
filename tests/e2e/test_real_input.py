"""Real scans (../shared/data) through the whole program with the shipped weights."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from imaging.export.dicom.series import SeriesWords, write_series
from imaging.volume import Volume
from tests.helpers.data import require_data
from tests.helpers.dicom.phantom import uid
from tests.helpers.places import ROOT

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(900)]

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def metseg(arguments: list[str], home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("METSEG_")}
    chosen = {f"METSEG_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "metseg", *arguments],
        env=own | {"METSEG_HOME": str(home), "PYTHONPATH": str(ROOT)} | chosen,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def results(home: Path) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = json.loads(metseg(["results", "--format", "json"], home).stdout)
    return reports


def volume_of(path: Path) -> Volume:
    """A NIfTI as a Volume: its (x, y, z) array becomes (slice, row, column), RAS becomes LPS."""
    image = nib.load(path)
    swap = np.eye(4)[[2, 1, 0, 3]]
    voxels = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)
    return Volume(np.ascontiguousarray(voxels), RAS_TO_LPS @ image.affine @ swap)


def fast_weights(folder: Path) -> Path:
    """The fast mode of docs/networks.md: U-Net++ pruned to its second depth."""
    shutil.copytree(ROOT / "models/weights", folder)
    card = folder / "standard.json"
    fields = json.loads(card.read_text())
    (unet_plus_plus,) = (m for m in fields["members"] if m["network"] == "unet_plus_plus")
    unet_plus_plus["depths"] = [2]
    card.write_text(json.dumps(fields))
    return folder


def test_the_big_metastasis_of_a_real_study_is_found(tmp_path: Path) -> None:
    folder = require_data("mets") / "BraTS-MET-00110-000"
    volume = volume_of(folder / "BraTS-MET-00110-000-t1c.nii.gz")
    write_series(
        volume,
        tmp_path / "inbox" / "study",
        study_uid=uid("real metastasis"),
        series_uid=uid("real metastasis", "t1c"),
        words=SeriesWords(description="T1 post contrast"),
    )
    ended = metseg(["run", str(tmp_path / "inbox"), "--once"], tmp_path / "home")
    assert ended.returncode == 0, ended.stderr
    (report,) = results(tmp_path / "home")
    assert report["status"] == "succeeded"
    largest = report["lesions"][0]
    assert largest["longest_diameter_mm"] > 30
    left, posterior, _ = largest["centroid_lps_mm"]
    middle = volume.to_lps((np.array(volume.shape) - 1) / 2)
    assert posterior > middle[1] + 20, "the large lesion of this study lies at the back"
    assert np.isfinite(left)


def test_a_scan_without_contrast_agent_is_not_segmented_unless_asked_for(tmp_path: Path) -> None:
    archive = next((require_data("dicom")).glob("uih_*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "inbox", filter="data")
    home = tmp_path / "home"
    ended = metseg(["run", str(tmp_path / "inbox"), "--once"], home)
    assert ended.returncode == 0, ended.stderr
    (report,) = results(home)
    assert report["status"] == "no_series"
    assert report["series"]
    assert all(series["reasons_against"] for series in report["series"])

    asked = {"accept_any_t1": "1", "weights": str(fast_weights(tmp_path / "fast"))}
    ended = metseg(["run", str(tmp_path / "inbox"), "--once"], home, **asked)
    assert ended.returncode == 0, ended.stderr
    (report,) = results(home)
    assert report["status"] == "succeeded"
    assert report["error_code"] is None

"""The demo study: a synthetic head with known metastases, as a scanner would have sent it.

`training` drew the head. No weights were trained on its label map or seed; how the seed was
chosen is in demo/NOTICE.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import generate_uid

from imaging.export.dicom.series import SeriesWords, series_instances, write_instance
from imaging.export.known import known_segmentation
from imaging.volume import Volume

STUDY_UID = str(generate_uid(entropy_srcs=["metseg", "demo study"]))
SERIES_UID = str(generate_uid(entropy_srcs=["metseg", "demo series"]))

WORDS = SeriesWords(
    # The word synthetic would exclude it, as it excludes computed T1s (imaging.words.words).
    description="T1 MPRAGE +C (metseg demo)",
    contrast_agent="simulated agent: enhancement was drawn",
    patient_name="DEMO^SYNTHETIC",
    patient_id="METSEG-DEMO",
)


@dataclass(frozen=True, slots=True, eq=False)
class DemoHead:
    """A head and its lesions: `labels` ``(Z, H, W)`` holds the number of the lesion, 0 outside."""

    volume: Volume
    labels: NDArray[np.uint8]


def load_head() -> DemoHead:
    """The shipped head."""
    with as_file(files("demo") / "head.npz") as path, np.load(path, allow_pickle=False) as stored:
        volume = Volume(stored["voxels"].astype(np.float32), stored["affine"].astype(np.float64))
        return DemoHead(volume, stored["labels"].astype(np.uint8))


def write_study(inbox: Path) -> bool:
    """Write the demo study below `inbox`: one series and its reference as DICOM SEG.

    Returns False, and changes nothing, when it is there already.
    """
    directory = inbox / "demo-study"
    if directory.exists():
        return False
    head = load_head()
    part = inbox.parent / "demo-study.part"
    (part / "t1-post-contrast").mkdir(parents=True, exist_ok=True)
    sources = series_instances(head.volume, study_uid=STUDY_UID, series_uid=SERIES_UID, words=WORDS)
    for dataset in sources:
        path = part / "t1-post-contrast" / f"{dataset.InstanceNumber:04d}.dcm"
        path.unlink(missing_ok=True)
        write_instance(dataset, path)
    reference = known_segmentation(sources, head.labels, entropy=["metseg", "demo"])
    reference.save_as(part / "reference-seg.dcm")
    inbox.mkdir(parents=True, exist_ok=True)
    part.rename(directory)
    return True

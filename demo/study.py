"""The demo study: a synthetic head with known metastases, as a scanner would have sent it.

`models.training` drew the head from a label map and a seed that training never saw: demo/NOTICE.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr.coding import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from imaging.export.series import SeriesWords, series_instances, write_instance
from imaging.volume import Volume

STUDY_UID = str(generate_uid(entropy_srcs=["metseg", "demo study"]))
SERIES_UID = str(generate_uid(entropy_srcs=["metseg", "demo series"]))
REFERENCE_UID = str(generate_uid(entropy_srcs=["metseg", "demo reference"]))

WORDS = SeriesWords(
    description="T1 MPRAGE +C (metseg demo, synthetic)",
    contrast_agent="none given: synthetic enhancement",
    patient_name="DEMO^SYNTHETIC",
    patient_id="METSEG-DEMO",
)


@dataclass(frozen=True, slots=True, eq=False)
class DemoHead:
    """A head and its lesions: `labels` ``(Z, H, W)``, 0 outside, else the number of the lesion."""

    volume: Volume
    labels: NDArray[np.uint8]


def load_head() -> DemoHead:
    """The head in the box."""
    with as_file(files("demo") / "head.npz") as path, np.load(path, allow_pickle=False) as stored:
        volume = Volume(stored["voxels"].astype(np.float32), stored["affine"].astype(np.float64))
        return DemoHead(volume, stored["labels"].astype(np.uint8))


def write_study(inbox: Path) -> bool:
    """Write the demo study below `inbox`: one series and its reference as DICOM SEG.

    Returns False, and touches nothing, when it is there already.
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
    reference_segmentation(sources, head.labels).save_as(part / "reference-seg.dcm")
    inbox.mkdir(parents=True, exist_ok=True)
    part.rename(directory)
    return True


def reference_segmentation(
    sources: list[Dataset], labels: NDArray[np.uint8]
) -> hd.seg.Segmentation:
    """The known lesions as a DICOM SEG, one segment each, on the grid of the sources."""
    numbers = [int(number) for number in np.unique(labels) if number]
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.stack([labels == number for number in numbers], axis=-1),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(number) for number in numbers],
        series_instance_uid=REFERENCE_UID,
        series_number=100,
        sop_instance_uid=str(generate_uid(entropy_srcs=["metseg", "demo reference instance"])),
        instance_number=1,
        manufacturer="metseg demo",
        manufacturer_model_name="synthetic head",
        software_versions="1",
        device_serial_number="1",
        series_description="Known metastases (synthetic reference)",
    )


def _segment(number: int) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Metastasis {number}",
        segmented_property_category=CodedConcept(
            "49755003", "SCT", "Morphologically Abnormal Structure"
        ),
        segmented_property_type=CodedConcept("14799000", "SCT", "Neoplasm, Secondary"),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        tracking_id=f"Metastasis {number}",
        tracking_uid=str(generate_uid(entropy_srcs=["metseg", "demo lesion", str(number)])),
    )

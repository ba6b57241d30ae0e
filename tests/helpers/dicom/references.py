"""Reference masks of a phantom in each kind, as other software would have written them."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom

from imaging.dicom.series.series import read_series
from imaging.export.dicom.authorship import Authorship, identified
from imaging.export.dicom.rtstruct import write_structures
from imaging.export.dicom.seg import write_segmentation
from imaging.export.nifti import nifti_bytes
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from tests.helpers.dicom.phantom import uid

MAKER = "somebody else"
RULE = LesionRule(minimum_volume_mm3=0.0, minimum_slices=1)


def write_reference(
    kind: str, path: Path, series: Path, *, lesions: int = 3, study: str = ""
) -> Path:
    """A reference of the series in a folder: its `lesions` largest bright balls.

    `kind` is that of the table `evaluation`. `study` is its own, if not the series'.
    """
    volume, source = read_series(sorted(series.glob("*.dcm")))
    labels, found, _ = find_lesions((volume.voxels > 800).astype(np.float32), volume, RULE)
    found = list(identified(found, source.series_instance_uid, MAKER))
    labels = np.where(labels <= lesions, labels, 0).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "nifti":
        path.write_bytes(nifti_bytes(labels, volume))
        return path
    author = Authorship("reference-1", "1", datetime(2024, 1, 2, tzinfo=UTC))
    if kind == "dicom-seg":
        write_segmentation(path, labels, found[:lesions], source, author)
    else:
        write_structures(path, labels, found[:lesions], volume, source, author)
    dataset = pydicom.dcmread(path)
    dataset.Manufacturer = MAKER
    dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(kind, "instance")
    dataset.SeriesInstanceUID = uid(kind, "series")
    dataset.save_as(path)
    return path


def bright_mm3(series: Path, lesions: int = 3) -> float:
    """Volume of the `lesions` largest bright balls of a series."""
    volume, _ = read_series(sorted(series.glob("*.dcm")))
    _, found, _ = find_lesions((volume.voxels > 800).astype(np.float32), volume, RULE)
    return sum(lesion.volume_mm3 for lesion in found[:lesions])

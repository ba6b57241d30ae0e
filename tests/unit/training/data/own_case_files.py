"""Own labelled cases as files: NIfTI, or a series with a DICOM SEG."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from imaging.export.dicom.series import series_instances, write_instance
from imaging.export.known import known_segmentation
from imaging.volume import Volume


def write(folder: Path, name: str, values: NDArray[Any], spacing: float = 2.0) -> None:
    folder.mkdir(exist_ok=True)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    nibabel.Nifti1Image(values.astype(np.float32), affine).to_filename(folder / name)


def ball() -> NDArray[np.float64]:
    mask = np.zeros((18, 19, 20))
    mask[2:5, 3:6, 4:7] = 3
    return mask


def write_series(folder: Path, *, series: str = "1.2.3", marked: bool = True) -> Volume:
    """A series of 1 mm, its slices from head to foot, and the SEG of a cube."""
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    labels = np.zeros((32, 36, 40), dtype=np.uint16)
    labels[5:9, 10:16, 20:28] = 1
    volume = Volume(np.where(labels, 200, 50).astype(np.float32), affine)
    instances = series_instances(volume, study_uid="1.2", series_uid=series)
    folder.mkdir(exist_ok=True)
    for number, instance in enumerate(instances):
        write_instance(instance, folder / f"{series}-{number}.dcm")
    if marked:
        known_segmentation(instances, labels, entropy=[series]).save_as(folder / f"{series}.seg")
    return volume

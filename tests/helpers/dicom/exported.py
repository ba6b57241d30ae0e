"""A phantom study with every DICOM file that metseg writes beside it, in any plane."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.series.series import SourceSeries, read_series
from imaging.export.dicom.authorship import Authorship, identified
from imaging.export.dicom.rtstruct import write_structures
from imaging.export.dicom.seg import write_probability, write_segmentation
from imaging.export.dicom.sr import write_measurements
from imaging.lesions.find import find_lesions
from imaging.lesions.lesion import Lesion
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from tests.helpers.dicom.enhanced import shuffled, write_enhanced
from tests.helpers.dicom.phantom import Phantom, Recipe, head_with_lesions, write_series

PLANES = ("axial", "sagittal", "coronal", "oblique", "left-handed")
"""`left-handed`: oblique, and the slices are numbered against the normal of their planes."""

SHAPE, SPACING = (16, 40, 44), (4.0, 3.5, 3.4)
AUTHOR = Authorship("fake-1.0+abc", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """What was read, found and written. `files` are the images of the source."""

    folder: Path
    files: list[Path]
    volume: Volume
    source: SourceSeries
    labels: NDArray[np.uint16]
    lesions: list[Lesion]

    @property
    def seg(self) -> Path:
        return self.folder / "lesions.dcm"

    @property
    def fractional(self) -> Path:
        return self.folder / "probability.dcm"

    @property
    def sr(self) -> Path:
        return self.folder / "measurements.dcm"

    @property
    def rtstruct(self) -> Path:
        return self.folder / "structures.dcm"

    @property
    def results(self) -> list[Path]:
        return sorted(self.folder.glob("*.dcm"))


def phantom_in(plane: str, *, with_hole: bool = True) -> Phantom:
    """A head whose largest lesion is hollow, in a plane of `PLANES`."""
    head = head_with_lesions(SHAPE, SPACING, plane="oblique" if plane == "left-handed" else plane)
    labels = head.labels.copy()
    if with_hole:
        middle = np.argwhere(labels == 1).mean(axis=0)
        z, row, column = np.rint(middle).astype(int)
        labels[z, row : row + 2, column : column + 2] = 0
    volume = head.volume
    if plane == "left-handed":
        affine = volume.affine.copy()
        affine[:3, 3] = volume.to_lps(np.array([SHAPE[0] - 1.0, 0, 0]))
        affine[:3, 0] *= -1
        volume, labels = Volume(volume.voxels[::-1].copy(), affine), labels[::-1].copy()
    return Phantom(volume, labels, head.balls)


def export(
    folder: Path,
    *,
    plane: str = "axial",
    enhanced: bool = False,
    lesions: bool = True,
    deflated: bool = False,
    name: str = "study",
) -> Exported:
    """Write a study called `name` into `folder`, read it, and write all its results."""
    head, recipe = phantom_in(plane), Recipe(name=name)
    if enhanced:
        order = shuffled(SHAPE[0])
        files = [write_enhanced(head.volume, folder / "enhanced.dcm", recipe, order=order)]
    else:
        files = write_series(head.volume, folder / "mr", recipe)
    volume, source = read_series(files)
    truth = head.labels if plane != "left-handed" else head.labels[::-1]
    probability = (truth > 0).astype(np.float32) * np.float32(0.75 if lesions else 0.25)
    labels, found, _ = find_lesions(probability, volume, LesionRule())
    found = list(identified(found, source.series_instance_uid, AUTHOR.model_version))
    out = folder / "out"
    out.mkdir()
    exported = Exported(out, files, volume, source, labels, found)
    if found:
        write_segmentation(exported.seg, labels, found, source, AUTHOR, deflated=deflated)
        write_structures(exported.rtstruct, labels, found, volume, source, AUTHOR)
    write_probability(exported.fractional, probability, source, AUTHOR, deflated=deflated)
    write_measurements(exported.sr, labels, found, source, AUTHOR)
    return exported

"""How well the picture shows contrast agent, on the real scans of ``../shared/data``:
``make bench-agent``. docs/series-choice.md quotes the numbers.

Each scan is resampled to an axial grid of 1 mm and measured as the daemon does it
(`imaging.choice.enhancement`). Scans after contrast agent: gliomas, brains with multiple sclerosis,
a metastasis, and full heads, whose slices of unknown distance are spread over 140 mm. Scans before
it: the same metastasis, and a full head. The difference of the two metastasis scans must be
recognised as a subtraction.
"""

import argparse
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from imaging.choice.enhancement import Enhancement, is_subtraction, measure_enhancement
from imaging.dicom.series.series import read_series
from imaging.resample import to_axial
from imaging.volume import Volume
from models.inputs import find_head

COVER_MM, PIXEL_MM = 140.0, 0.94
METASTASIS = "mets/BraTS-MET-00110-000/BraTS-MET-00110-000"


def main() -> None:
    """Measure every scan; print one line per group and the scans nearest to the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    groups: dict[str, dict[str, Enhancement]] = {}
    for group, name, volume in scans(data):
        groups.setdefault(group, {})[name] = measure(volume)
    for group, measured in groups.items():
        print_group(group, measured)
    after, before = (axial_nifti(data / f"{METASTASIS}-{kind}.nii.gz") for kind in ("t1c", "t1n"))
    scale = np.median(before.voxels[before.voxels > 0]) / np.median(after.voxels[after.voxels > 0])
    print("difference recognised as one:", is_subtraction(after.voxels * scale - before.voxels))


def scans(data: Path) -> Iterator[tuple[str, str, Volume]]:
    """Group, name and volume of each scan."""
    yield "before, skull-stripped", "metastasis", axial_nifti(data / f"{METASTASIS}-t1n.nii.gz")
    yield "before, full head", "uih", uih(data)
    yield "after, skull-stripped", "metastasis", axial_nifti(data / f"{METASTASIS}-t1c.nii.gz")
    for path in sorted((data / "glioma").rglob("*t1ce.nii.gz")):
        yield "after, skull-stripped", path.parent.name, axial_nifti(path)
    for path in sorted((data / "negatives").rglob("T1POST*.nii.gz")):
        yield "after, skull-stripped", path.parent.name, axial_nifti(path)
    for path in sorted((data / "full_heads").glob("*.npz")):
        yield "after, full head", path.stem, full_head(path)


def measure(volume: Volume) -> Enhancement:
    """The enhancement that the daemon measures in a volume."""
    axial, _ = to_axial(volume)
    return measure_enhancement(axial.voxels, find_head(axial.voxels))


def axial_nifti(path: Path) -> Volume:
    """A NIfTI scan; its RAS millimetres become LPS."""
    image = nib.load(path)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    voxels = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)
    return Volume(np.ascontiguousarray(voxels), affine[:, [2, 1, 0, 3]])


def full_head(path: Path) -> Volume:
    """A stack of axial slices, lowest first."""
    voxels: NDArray[np.uint8] = np.load(path)["t1c"]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = COVER_MM / len(voxels), PIXEL_MM, PIXEL_MM
    affine[3, 3] = 1.0
    return Volume(voxels.astype(np.float32), affine)


def uih(data: Path) -> Volume:
    """The real series without contrast agent."""
    (archive,) = (data / "dicom").glob("*.tar.gz")
    with (
        tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder,
        tarfile.open(archive) as tar,
    ):
        tar.extractall(folder, filter="data")
        volume, _ = read_series(sorted(Path(folder).rglob("*.dcm")))
    return volume


def print_group(group: str, measured: dict[str, Enhancement]) -> None:
    """Print one line of the table, and the five scans of the lowest ratio."""
    ratios = sorted(one.ratio for one in measured.values() if one.ratio is not None)
    shown = [one.shows_agent for one in measured.values()]
    print(
        f"{group}: {len(measured)} scans, ratio {ratios[0]:.2f} to {ratios[-1]:.2f}, median "
        f"{np.median(ratios):.2f}; as before {shown.count(False)}, between or silent "
        f"{shown.count(None)}, as after {shown.count(True)}"
    )
    for name, one in sorted(measured.items(), key=lambda pair: pair[1].ratio or 0.0)[:5]:
        print(f"    {name}: {one.ratio}")


if __name__ == "__main__":
    main()

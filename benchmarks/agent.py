"""How well the picture tells contrast agent, on the real scans of ``../shared/data``:
``make bench-agent``. The numbers of docs/series-choice.md.

Each scan is taken to an axial grid of 1 mm and looked at as the daemon does
(`imaging.choice.enhancement`). With agent: gliomas, brains with multiple sclerosis, a metastasis,
and full heads, whose slices of unknown distance are spread over 140 mm. Without: the metastasis
before it, and a full head. The difference of the two metastasis scans has to be seen as a
subtraction.
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
    """Look at every scan; print one line a group and the scans nearest to the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    groups: dict[str, dict[str, Enhancement]] = {}
    for group, name, volume in scans(data):
        groups.setdefault(group, {})[name] = look(volume)
    for group, looks in groups.items():
        print_group(group, looks)
    after, before = (axial_nifti(data / f"{METASTASIS}-{kind}.nii.gz") for kind in ("t1c", "t1n"))
    scale = np.median(before.voxels[before.voxels > 0]) / np.median(after.voxels[after.voxels > 0])
    print("difference of two is seen as one:", is_subtraction(after.voxels * scale - before.voxels))


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


def look(volume: Volume) -> Enhancement:
    """What the daemon sees in it."""
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


def print_group(group: str, looks: dict[str, Enhancement]) -> None:
    """One line of the table, and the five scans nearest to the other side."""
    ratios = sorted(one.ratio for one in looks.values() if one.ratio is not None)
    shown = [one.shows_agent for one in looks.values()]
    print(
        f"{group}: {len(looks)} scans, ratio {ratios[0]:.2f} to {ratios[-1]:.2f}, median "
        f"{np.median(ratios):.2f}; as before {shown.count(False)}, between or silent "
        f"{shown.count(None)}, as after {shown.count(True)}"
    )
    for name, one in sorted(looks.items(), key=lambda pair: pair[1].ratio or 0.0)[:5]:
        print(f"    {name}: {one.ratio}")


if __name__ == "__main__":
    main()

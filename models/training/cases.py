"""Heads on disk as training wants them: normalised, cropped to the head, with the target and the look-alikes."""

import shutil
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from imaging.resample import to_axial
from imaging.volume import Volume
from models.inputs import InputContract, find_head, head_box, normalise

# BraTS 2018 label values: the tumour core is what a radiologist outlines as the metastasis.
_NECROTIC_CORE, _ENHANCING = 1, 4
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Kind(StrEnum):
    """Where a head comes from. Numbers of different kinds are never averaged together."""

    SYNTHETIC = "synthetic"
    GLIOMA = "glioma"
    NEGATIVE = "negative"


class Tissue(IntEnum):
    """Values of `Case.tissue`."""

    OTHER = 0
    LESION = 1
    LOOK_ALIKE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One head, 1 mm, axial, cropped.

    Parameters
    ----------
    normalised
        ``(z, h, w)`` float16 as `models.inputs.normalise` leaves it.
    tissue
        ``(z, h, w)`` uint8 of `Tissue`: lesions, what is mistaken for them (vessels, mucosa, choroid plexus), the rest.
    """

    name: str
    kind: Kind
    normalised: NDArray[np.float16]
    tissue: NDArray[np.uint8]

    @property
    def folder_name(self) -> str:
        """``{kind}-{name}``."""
        return f"{self.kind}-{self.name}"


def crop_case(
    name: str,
    kind: Kind,
    voxels: NDArray[np.float32],
    *,
    tissue: NDArray[np.uint8],
    contract: InputContract,
) -> Case:
    """Find the head, crop to it and normalise, just as for a patient. All arrays ``(Z, H, W)``, axial, 1 mm."""
    head = find_head(voxels)
    box = head_box(head, margin=contract.margin)
    normalised = normalise(voxels[box], head[box], contract)
    return Case(name, kind, normalised.astype(np.float16), np.ascontiguousarray(tissue[box]))


def real_case(
    name: str, kind: Kind, image: Path, labels: Path | None, *, contract: InputContract
) -> Case:
    """A case of the BraTS 2018 or the MS collection; without `labels` nothing in it is a lesion."""
    volume = read_nifti(image)
    axial, _ = to_axial(volume, spacing_mm=contract.spacing_mm)
    tissue = np.full(axial.shape, Tissue.OTHER, dtype=np.uint8)
    if labels is not None:
        values = read_nifti(labels)
        core = np.isin(values.voxels, (_NECROTIC_CORE, _ENHANCING)).astype(np.float32)
        target, _ = to_axial(Volume(core, values.affine), spacing_mm=contract.spacing_mm)
        tissue[target.voxels > 0.5] = Tissue.LESION
    return crop_case(name, kind, axial.voxels, tissue=tissue, contract=contract)


def read_nifti(path: Path) -> Volume:
    """A NIfTI image as a volume in DICOM's LPS; its three array axes stand for slice, row and column as they are."""
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    assert image.affine is not None
    return Volume(voxels, np.asarray(_RAS_TO_LPS @ image.affine, dtype=np.float64))


def save_case(root: Path, case: Case) -> Path:
    """Write the folder ``{root}/{kind}-{name}``; it appears whole or not at all. One that exists is replaced."""
    folder = root / case.folder_name
    partial = root / f".{case.folder_name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "normalised.npy", case.normalised)
    np.save(partial / "tissue.npy", case.tissue)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def load_case(folder: Path) -> Case:
    """Map what `save_case` wrote into memory, read-only: processes that train at the same time share the pages."""
    kind, _, name = folder.name.partition("-")
    normalised = np.load(folder / "normalised.npy", mmap_mode="r", allow_pickle=False)
    tissue = np.load(folder / "tissue.npy", mmap_mode="r", allow_pickle=False)
    return Case(name, Kind(kind), normalised, tissue)


def case_folders(root: Path) -> list[Path]:
    """The finished cases under `root`, sorted; half-written ones are hidden."""
    return sorted(path for path in root.glob("*-*") if path.is_dir() and not path.name.startswith("."))

"""Heads that no weights were fitted to, as whole volumes with their reference masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume
from training.data.implanting import scan_to_measure
from training.data.real_cases import RealCase, read_glioma, read_negative
from training.heads.heads import read_head
from training.split import clear_gliomas, is_faint, split
from training.synthesis.stripping import Stripping

# The full heads of Buda 2019: extent of their slices, pixel size, and the widest spacing used.
FULL_HEAD_MM: Final = 140.0
PIXEL_MM: Final = 0.94
WIDEST_MM: Final = 6.0


class Side(StrEnum):
    """What a rule is judged on separately: it must not win on one side by losing on another."""

    SYNTHETIC = "synthetic"
    REAL = "real"
    IMPLANT = "implanted"


class Group(StrEnum):
    """A kind of head; numbers of different groups are never pooled."""

    FULL = "synthetic, full heads"
    STRIPPED = "synthetic, skull-stripped"
    TUMOUR = "real gliomas"
    FAINT = "real gliomas that hardly enhance"
    NEGATIVE = "real brains without a tumour"
    IMPLANT = "real scans with lesions drawn into them"
    WHOLE = "real full heads, false lesions alone"

    @property
    def side(self) -> Side:
        """Whether its heads are drawn, only the lesions in them, or nothing."""
        if self in (Group.FULL, Group.STRIPPED):
            return Side.SYNTHETIC
        return Side.IMPLANT if self is Group.IMPLANT else Side.REAL


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A head and its reference mask ``(Z, H, W)``."""

    name: str
    group: Group
    volume: Volume
    reference: NDArray[np.bool_]


def synthetic_heads(folder: Path) -> Iterator[HeldOut]:
    """Synthetic heads of a folder, one at a time: each needs some 50 MB."""
    for path in sorted(folder.glob("*.npz")):
        head = read_head(path)
        full = head.meta["stripping"] == Stripping.NONE
        group = Group.FULL if full else Group.STRIPPED
        yield HeldOut(path.stem, group, head.volume(), np.asarray(head.lesions > 0))


def real_heads(data: Path, *, fold: int) -> Iterator[HeldOut]:
    """Gliomas and brains without a tumour that are held out in `fold`, each also with lesions drawn
    into it; `data` is the shared folder.
    """
    _, gliomas = split(clear_gliomas(case_names(data / "glioma")), fold=fold)
    _, brains = split(case_names(data / "negatives"), fold=fold)
    for name in gliomas:
        scan = read_glioma(data / "glioma" / name)
        yield _held_out(scan, Group.TUMOUR)
        yield _held_out(scan_to_measure(scan), Group.IMPLANT)
    for name in brains:
        scan = read_negative(data / "negatives" / name)
        yield _held_out(scan, Group.NEGATIVE)
        yield _held_out(scan_to_measure(scan), Group.IMPLANT)


def faint_heads(data: Path) -> Iterator[HeldOut]:
    """Gliomas that hardly enhance: no weights ever see them."""
    for name in filter(is_faint, case_names(data / "glioma")):
        yield _held_out(read_glioma(data / "glioma" / name), Group.FAINT)


def full_heads(data: Path) -> Iterator[HeldOut]:
    """Real full heads after contrast agent, to measure with: no weights are trained on them. Marks
    away from the reference, the FLAIR abnormality, are false lesions.

    Slices span some 140 mm; heads with slices further apart than metseg accepts are left out.
    """
    for path in sorted((data / "full_heads").glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            voxels = stored["t1c"].astype(np.float32)
            abnormal = np.unpackbits(stored["flair_abnormal"], axis=-1, count=voxels.shape[2]) > 0
        spacing = FULL_HEAD_MM / len(voxels)
        if spacing <= WIDEST_MM:
            affine = np.diag([1.0, 1.0, 1.0, 1.0])
            affine[:3, :3] = [[0, 0, PIXEL_MM], [0, PIXEL_MM, 0], [spacing, 0, 0]]
            yield HeldOut(path.stem, Group.WHOLE, Volume(voxels, affine), abnormal)


def case_names(folder: Path) -> list[str]:
    """Names of the case folders, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _held_out(scan: RealCase, group: Group) -> HeldOut:
    return HeldOut(scan.name, group, scan.volume(), scan.mask)

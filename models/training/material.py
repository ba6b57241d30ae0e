"""Heads that no weights were fitted to, as whole volumes with their reference masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume
from models.training.heads import read_head
from models.training.real_cases import RealCase, read_glioma, read_negative
from models.training.split import clear_gliomas, is_faint, split
from models.training.stripping import Stripping


class Group(StrEnum):
    """Numbers of two groups are never pooled."""

    FULL = "synthetic, full heads"
    STRIPPED = "synthetic, skull-stripped"
    TUMOUR = "real gliomas"
    FAINT = "real gliomas that hardly enhance"
    NEGATIVE = "real brains without a tumour"

    @property
    def synthetic(self) -> bool:
        """Whether its heads are drawn."""
        return self in (Group.FULL, Group.STRIPPED)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A head and its reference mask ``(Z, H, W)``."""

    name: str
    group: Group
    volume: Volume
    reference: NDArray[np.bool_]


def synthetic_heads(folder: Path) -> Iterator[HeldOut]:
    """Synthetic heads of a folder, one at a time: a head needs some 50 MB."""
    for path in sorted(folder.glob("*.npz")):
        head = read_head(path)
        full = head.meta["stripping"] == Stripping.NONE
        group = Group.FULL if full else Group.STRIPPED
        yield HeldOut(path.stem, group, head.volume(), np.asarray(head.lesions > 0))


def real_heads(data: Path, *, fold: int) -> Iterator[HeldOut]:
    """Gliomas and brains without a tumour that are held out in `fold`; `data` is the shared
    folder.
    """
    _, gliomas = split(clear_gliomas(case_names(data / "glioma")), fold=fold)
    _, brains = split(case_names(data / "negatives"), fold=fold)
    for name in gliomas:
        yield _held_out(read_glioma(data / "glioma" / name), Group.TUMOUR)
    for name in brains:
        yield _held_out(read_negative(data / "negatives" / name), Group.NEGATIVE)


def faint_heads(data: Path) -> Iterator[HeldOut]:
    """Gliomas that hardly enhance: no weights ever see them."""
    for name in filter(is_faint, case_names(data / "glioma")):
        yield _held_out(read_glioma(data / "glioma" / name), Group.FAINT)


def case_names(folder: Path) -> list[str]:
    """Names of the case folders, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _held_out(scan: RealCase, group: Group) -> HeldOut:
    return HeldOut(scan.name, group, scan.volume(), scan.mask)

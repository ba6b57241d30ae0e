"""Heads that no weights were fitted to, as whole volumes, and what each may be used for."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume
from models.training.cases import Source
from models.training.heads import read_head
from models.training.real_cases import read_glioma, read_negative
from models.training.split import FAINT_GLIOMAS, VALIDATION_NEGATIVES, split_gliomas

# Of the two validation label maps one is for choosing, the other for reporting.
_REPORTING_MAP = "training_seg_19.nii.gz"


class Use(StrEnum):
    """Numbers of the two uses are never pooled."""

    CHOOSING = "used to choose temperatures and thresholds"
    REPORTING = "seen by no choice"


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A head and its reference mask ``(Z, H, W)``."""

    name: str
    source: Source
    use: Use
    volume: Volume
    reference: NDArray[np.bool_]


def held_out_heads(heads: Path, data: Path) -> Iterator[HeldOut]:
    """Synthetic validation heads, gliomas of fold 0, faint gliomas and brains without a tumour.

    One at a time: a head needs some 50 MB. `heads` holds synthetic heads of the validation label
    maps, `data` is the shared data folder. Synthetic heads of one map, the gliomas of fold 0 and
    the tumour-free brain are for choosing.
    """
    for path in sorted(heads.glob("*.npz")):
        head = read_head(path)
        reporting = head.meta["label_map"] == _REPORTING_MAP
        use = Use.REPORTING if reporting else Use.CHOOSING
        mask = np.asarray(head.lesions > 0)
        yield HeldOut(path.stem, Source.SYNTHETIC, use, head.volume(), mask)
    folders = {path.name: path for path in (data / "glioma").iterdir() if path.is_dir()}
    _, fold = split_gliomas(list(folders))
    faint = sorted(name for name in folders if any(part in name for part in FAINT_GLIOMAS))
    for names, use in ((fold, Use.CHOOSING), (faint, Use.REPORTING)):
        for name in names:
            scan = read_glioma(folders[name])
            yield HeldOut(name, Source.TUMOUR, use, scan.volume(), scan.mask)
    for name in VALIDATION_NEGATIVES:
        scan = read_negative(data / "negatives" / name)
        yield HeldOut(name, Source.NEGATIVE, Use.CHOOSING, scan.volume(), scan.mask)

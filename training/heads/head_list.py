"""Which lesions are in which synthetic head: ``lesions.csv`` and ``lesions.json``."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from metseg.notice import RESEARCH_USE_ONLY
from training.heads.heads import StoredHead

NOTICE = f"SYNTHETIC - {RESEARCH_USE_ONLY}"
COLUMNS = (
    *("head", "label_map", "seed", "stripping", "thickness_mm"),
    *("number", "diameter_mm", "kind", "x_mm", "y_mm", "z_mm", "volume_mm3"),
)


@dataclass(frozen=True, slots=True)
class LesionEntry:
    """A lesion: number and volume in the mask, diameter and place as drawn.

    `centre_lps_mm` is where it was drawn, in the patient system of the NIfTI and DICOM files.
    """

    number: int
    diameter_mm: float
    kind: str
    centre_lps_mm: tuple[float, float, float]
    volume_mm3: float


@dataclass(frozen=True, slots=True)
class HeadEntry:
    """A head and its lesions; stripping is ``none``, ``clean`` or ``ragged``."""

    name: str
    label_map: str
    seed: int
    stripping: str
    thickness_mm: float
    lesions: tuple[LesionEntry, ...]


def entry_of(name: str, head: StoredHead) -> HeadEntry:
    """The entry of a head in the list."""
    volume = head.volume()
    voxels = np.bincount(head.lesions.ravel())
    lesions = []
    for drawn in head.meta["lesions"]:
        number = int(drawn["number"])
        x, y, z = volume.to_lps(np.array(drawn["centre"], dtype=np.float64)).tolist()
        count = int(voxels[number]) if number < voxels.size else 0
        lesions.append(
            LesionEntry(
                number,
                round(float(drawn["diameter_mm"]), 2),
                str(drawn["kind"]),
                (x, y, z),
                round(count * volume.voxel_volume_mm3, 2),
            )
        )
    meta = head.meta
    return HeadEntry(
        name,
        meta["label_map"],
        meta["seed"],
        meta["stripping"],
        round(float(meta["thickness_mm"]), 2),
        tuple(lesions),
    )


def write_lists(out: Path, heads: Sequence[HeadEntry]) -> None:
    """Write ``lesions.csv``, a row per lesion, and ``lesions.json``, an item per head."""
    text = {"notice": NOTICE, "heads": [asdict(head) for head in heads]}
    (out / "lesions.json").write_text(json.dumps(text, indent=2) + "\n")
    with (out / "lesions.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for head in heads:
            of_head = [head.name, head.label_map, head.seed, head.stripping, head.thickness_mm]
            writer.writerows(
                [
                    *of_head,
                    one.number,
                    one.diameter_mm,
                    one.kind,
                    *one.centre_lps_mm,
                    one.volume_mm3,
                ]
                for one in head.lesions
            )

"""Synthetic heads on disk: one file each, written whole or not at all."""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from imaging.volume import Volume
from metseg.errors import MetsegError
from models.training.labels import axial_affine, read_label_map
from models.training.synthesis import SyntheticHead, synthesise_head


def write_head(path: Path, head: SyntheticHead, *, label_map: str) -> None:
    """Write `head` as npz: voxels, lesions, hard_negatives, affine, and `meta` as JSON.

    `label_map` is the name of the map it was drawn from; the map itself is not stored.
    """
    meta = {
        "label_map": label_map,
        "seed": head.seed,
        "stripping": str(head.stripping),
        "thickness_mm": head.thickness_mm,
        "lesions": [asdict(lesion) for lesion in head.drawn],
    }
    arrays: dict[str, NDArray[Any]] = {
        "voxels": head.voxels,
        "lesions": head.lesions,
        "hard_negatives": head.hard_negatives,
        "affine": axial_affine(),
        "meta": np.array(json.dumps(meta)),
    }
    temporary = path.with_suffix(".part")
    # Level 1 packs these arrays nearly as well as numpy's 6, in a fraction of the time.
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                npy.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
    temporary.replace(path)


def generate_heads(
    out: Path, *, label_maps: list[Path], count: int, seed: int, start: int = 0
) -> list[Path]:
    """Synthesise heads ``start .. start + count - 1`` into `out`, going round the label maps.

    Head k has the seed ``seed * 100_000 + k`` whatever the count; files that exist are kept.

    Raises
    ------
    MetsegError
        No label maps.
    """
    if not label_maps:
        raise MetsegError("label_maps must name at least one file, got none")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for index in range(start, start + count):
        path = out / f"head_{index:04d}.npz"
        if not path.exists():
            source = label_maps[index % len(label_maps)]
            head = synthesise_head(read_label_map(source), seed=seed * 100_000 + index)
            write_head(path, head, label_map=source.name)
        written.append(path)
    return written


@dataclass(frozen=True, slots=True, eq=False)
class StoredHead:
    """A head read back: arrays as in `SyntheticHead`, `affine` to LPS mm, `meta` as written."""

    voxels: NDArray[np.uint8]
    lesions: NDArray[np.uint16]
    hard_negatives: NDArray[np.int16]
    affine: NDArray[np.float64]
    meta: dict[str, Any]

    def volume(self) -> Volume:
        """The voxels as the networks' input module takes them."""
        return Volume(self.voxels.astype(np.float32), self.affine)


def read_head(path: Path) -> StoredHead:
    """Read what `write_head` wrote.

    Raises
    ------
    MetsegError
        The file lacks an array.
    """
    with np.load(path, allow_pickle=False) as stored:
        try:
            return StoredHead(
                stored["voxels"],
                stored["lesions"],
                stored["hard_negatives"],
                stored["affine"],
                json.loads(stored["meta"].item()),
            )
        except KeyError as missing:
            raise MetsegError(f"head file must hold every array, {missing}") from missing

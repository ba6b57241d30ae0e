"""Reads series in a process of its own, which C code may end: a folder, an outcome per line."""

import json
import sys
from pathlib import Path

import numpy as np

from imaging.dicom.series.series import MAX_VOXELS, read_series
from metseg.errors import InputError

MAX_BYTES = 1 << 20


def outcome(folder: Path) -> str:
    """What became of the series: ``volume``, or code and message of an error of ours."""
    try:
        volume, source = read_series(sorted(folder.glob("*.dcm")), max_bytes=MAX_BYTES)
    except InputError as error:
        return f"{error.code}: {error}"
    assert np.isfinite(volume.voxels).all()
    assert volume.voxels.size <= MAX_VOXELS
    assert np.isfinite(volume.affine).all()
    assert len(source.slices) == volume.shape[0]
    return "volume"


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(outcome(Path(line.strip()))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What the shipped networks take for a brain, in real heads and in drawn things that are none:
``make bench-brains``. The limits of `imaging.brain` and docs/dicom.md rest on these numbers.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.agent import scans
from imaging.brain import brain_seen, check_brain
from imaging.brain_seen import BrainSeen
from imaging.volume import Volume
from metseg.errors import NoBrainError
from models.catalogue import load_ensemble
from models.ensemble import Ensemble

Image = NDArray[np.float32]
SHAPE = (160, 200, 200)


def main() -> None:
    """Print a line for each scan and thing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    ensemble = load_ensemble("standard", device="cpu")
    print(ensemble.version)
    for group, name, volume in scans(data):
        print(f"{group}, {name}: {measured(ensemble, volume)}", flush=True)
    for name, voxels in things():
        print(f"no brain, {name}: {measured(ensemble, Volume(voxels, np.eye(4)))}", flush=True)


def measured(ensemble: Ensemble, volume: Volume) -> str:
    """The brain that the networks see, and what is said of it."""
    brain = ensemble.predict(volume).brain
    assert brain is not None
    seen = brain_seen(brain, volume)
    try:
        said = "; ".join(check_brain(seen)) or "no doubt"
    except NoBrainError as error:
        said = f"refused, {error}"
    return f"{words(seen)}: {said}"


def words(seen: BrainSeen) -> str:
    """The measures in a line."""
    variation = "-" if seen.variation is None else f"{seen.variation:.2f}"
    section = seen.volume_ml / (seen.height_mm / 10) if seen.height_mm else 0
    return (
        f"{seen.volume_ml:.0f} ml, certainty {seen.certainty:.2f}, variation {variation}, "
        f"{seen.height_mm:.0f} mm high, {section:.0f} cm2, cut {' '.join(seen.cut) or 'nowhere'}"
    )


def things() -> Iterator[tuple[str, Image]]:
    """Name and voxels ``(Z, H, W)`` of 1 mm, each with noise."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices(SHAPE, dtype=np.float32) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    around = np.hypot(y, x)
    ball, cylinder = np.sqrt(z**2 + around**2) < 70, around < 60
    limb = 400.0 * (around < 55) + 300.0 * (around < 22) - 500.0 * ((around < 26) & (around > 22))
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 4)
    textured = cylinder * (500 + 150 * texture / texture.std())
    discs = (np.hypot(y + 10, x) < 22) * np.where(np.abs(z % 34 - 17) < 13, 600.0, 250.0)
    spine = 300.0 * ((np.abs(y) < 80) & (np.abs(x) < 95)) + discs
    for name, voxels in (
        ("ball", 500.0 * ball),
        ("cylinder", 500.0 * cylinder),
        ("cylinder with texture", textured),
        ("limb", limb),
        ("spine", spine),
        ("noise", 0.0 * z),
    ):
        noisy = voxels + rng.normal(0, 60 if name == "noise" else 10, SHAPE)
        yield name, np.maximum(noisy, 0).astype(np.float32)


if __name__ == "__main__":
    main()

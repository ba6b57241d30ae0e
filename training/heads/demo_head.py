"""The demo's head: one fixed seed on a label map that no weights are trained on."""

from pathlib import Path
from typing import Final

import numpy as np

from training.synthesis.acquisition import Protocol
from training.synthesis.labels import axial_affine, read_label_map
from training.synthesis.lesions import Kind, Plan
from training.synthesis.stripping import Stripping
from training.synthesis.synthesis import SyntheticHead, synthesise_head

# Not a fair draw: the first seed after 20_000_006 on whose head the weights of 2.1.0 passed the
# test of that time. It stays, whatever later weights find in it: tests/e2e/test_demo.py asks for
# what any such head must give, and docs/accuracy.md measures.
DEMO_SEED: Final = 20_000_007
LESIONS: Final = (
    Plan(25.0, Kind.RING),
    Plan(16.0, Kind.MOTTLED),
    Plan(12.0, Kind.RING),
    Plan(9.0, Kind.SOLID),
    Plan(7.0, Kind.SOLID),
    Plan(5.0, Kind.SOLID),
    Plan(3.0, Kind.SOLID),
)
# A clean 1 mm scan: little blur, shading and noise.
SCAN: Final = Protocol(
    blur_mm=(0.6, 0.6, 0.6),
    shading=0.05,
    thickness_mm=1.0,
    axis=0,
    noise=0.014,
    ghost=0.0,
    gamma=1.0,
)


def draw_demo_head(label_map: Path, *, seed: int = DEMO_SEED) -> SyntheticHead:
    """Draw the head with its seven metastases of 3 to 25 mm, skull and all."""
    return synthesise_head(
        read_label_map(label_map),
        seed=seed,
        plans=list(LESIONS),
        stripping=Stripping.NONE,
        protocol=SCAN,
    )


def write_demo_head(label_map: Path, out: Path) -> None:
    """Write ``voxels``, ``labels`` (lesion numbers), ``affine``, ``seed``, ``label_map`` as npz.

    ``label_map`` is a name; the map itself is not stored.
    """
    head = draw_demo_head(label_map)
    np.savez_compressed(
        out,
        voxels=head.voxels,
        labels=head.lesions.astype(np.uint8),
        affine=axial_affine(),
        seed=np.int64(head.seed),
        label_map=np.str_(label_map.name),
    )

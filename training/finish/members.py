"""A finished run as a member of an ensemble: its averaged weights beside the card."""

import json
from pathlib import Path

import h5py
import numpy as np

from metseg.disk import sha256_of
from models.card import Member
from models.networks.build import OUTPUTS, build
from training.fit.fit import AVERAGE


def read_member(run: Path, weights: Path, *, depths: tuple[int, ...] | None = None) -> Member:
    """Put the averaged weights of a finished run beside the card; temperature still 1.

    `depths` are those of U-Net++ to average, by default all. All are written, so that a card may
    ask for a shallower one. The optimizer's variables are not; kernels are in float16.
    """
    facts = json.loads((run / "run.json").read_text())
    network, filters = str(facts["network"]), tuple(facts["filters"])
    model = build(network, filters=filters)
    model.load_weights(run / AVERAGE)
    file = f"{network}.weights.h5"
    model.save_weights(weights / file)
    halve(weights / file)
    return Member(
        name=network,
        network=network,
        filters=filters,
        depths=depths,
        batch_norm=True,
        file=file,
        sha256=sha256_of(weights / file),
        outputs=OUTPUTS,
        stored_depths=depths and tuple(range(1, len(filters))),
    )


def halve(path: Path) -> None:
    """Store the kernels of a weights file in float16, compressed, in place; shifts, scales and
    statistics, which are few, stay float32.
    """
    partial = path.with_suffix(".partial")
    with h5py.File(path, "r") as whole, h5py.File(partial, "w") as half:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                values = np.asarray(item)
                if values.ndim < 2:
                    made = half.create_dataset(name, data=values)
                else:
                    made = half.create_dataset(
                        name, data=values.astype(np.float16), compression="gzip", shuffle=True
                    )
            else:
                made = half.require_group(name)
            made.attrs.update(item.attrs)

        whole.visititems(copy)
        half.attrs.update(whole.attrs)
    partial.replace(path)

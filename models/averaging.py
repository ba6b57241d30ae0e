"""The ensemble made of networks: the mean of calibrated probabilities, on the native grid."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.lesion_rule import LesionRule
from imaging.resample import to_native
from imaging.volume import Volume
from models.card import Card
from models.engines import Engine, choose_device
from models.ensemble import Prediction
from models.inputs import CHANNELS, InputContract, prepare, stack

# Slices in a call. Eight keep two cores busy; U-Net++ then needs about 0.6 GB for a large head.
BATCH = 8
# Four halvings in the networks: heights and widths are padded to multiples of this.
MULTIPLE = 16


class Network(Protocol):
    """What `models.engines.Engine` is to the ensemble."""

    @property
    def name(self) -> str:
        """Of the member."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, H, W, channels)`` to ``(n, H, W, outputs)`` in [0, 1]: lesion, then brain."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkEnsemble:
    """See `models.ensemble.Ensemble`. `flip` averages with the left-right mirrored head."""

    version: str
    rule: LesionRule
    contract: InputContract
    networks: Sequence[Network]
    flip: bool = False

    @classmethod
    def load(
        cls, card: Card, folder: Path, *, flip: bool = False, device: str = "auto"
    ) -> "NetworkEnsemble":
        """Build and fill the networks of a card; the files' hashes are the caller's to check."""
        chosen = choose_device(device)
        networks = [Engine.load(member, folder, device=chosen) for member in card.members]
        contract = InputContract.of(card.contract)
        return cls(card.version, card.rule, contract, networks, flip)

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        """Segment one volume; see the protocol."""
        started = time.monotonic()
        head = prepare(volume, self.contract)
        prepared = time.monotonic()
        members: dict[str, NDArray[np.float32]] = {}
        brains: list[NDArray[np.float32]] = []
        count = len(self.networks)
        for number, network in enumerate(self.networks):

            def report(share: float, *, before: int = number) -> None:
                if progress is not None:
                    progress((before + share) / count)

            maps = predict_slices(
                network, head.normalised, head.clahe, flip=self.flip, progress=report
            )
            members[network.name] = to_native(maps[0], head.grid, corner=head.corner)
            brains.extend(maps[1:])
        mean = np.zeros(volume.shape, dtype=np.float32)
        for probability in members.values():
            mean += probability
        mean /= np.float32(count)
        brain = to_native(_mean(brains), head.grid, corner=head.corner) if brains else None
        seconds = {"prepare": prepared - started, "infer": time.monotonic() - prepared}
        return Prediction(members, np.clip(mean, 0.0, 1.0), seconds, brain)


def _mean(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(maps, axis=0), dtype=np.float32)


def predict_slices(
    network: Network,
    normalised: NDArray[np.float32],
    clahe: NDArray[np.float32],
    *,
    flip: bool = False,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """Probabilities of a prepared head ``(z, h, w)``, one ``(z, h, w)`` for each of the network's
    outputs. Slices go in batches of one shape, padded with air.
    """
    z, h, w = normalised.shape
    result: NDArray[np.float32] | None = None
    batch = np.zeros((BATCH, h + -h % MULTIPLE, w + -w % MULTIPLE, CHANNELS), dtype=np.float32)
    batch[..., : CHANNELS - 1] = normalised.min()
    for start in range(0, z, BATCH):
        count = min(BATCH, z - start)
        # The last batch repeats its last slice: another shape would be another trace.
        slices = np.minimum(np.arange(start, start + BATCH), z - 1)
        batch[:, :h, :w] = stack(normalised, clahe, slices)
        probability = network(batch)
        if flip:
            mirrored = network(np.ascontiguousarray(batch[:, :, ::-1]))
            probability = (probability + mirrored[:, :, ::-1]) * np.float32(0.5)
        if result is None:
            result = np.empty((probability.shape[-1], z, h, w), dtype=np.float32)
        result[:, start : start + count] = np.moveaxis(probability[:count, :h, :w], -1, 0)
        if progress is not None:
            progress((start + count) / z)
    if result is None:
        raise ValueError(f"normalised must hold slices, got {normalised.shape}")
    return result

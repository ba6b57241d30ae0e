"""The ensemble made of networks: the mean of calibrated probabilities, on the native grid.

`NetworkEnsemble.predict` is where a volume becomes probabilities.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.rule import LesionRule
from imaging.resample import to_native
from imaging.volume import Volume
from metseg.compute import Compute
from models import multiplanar
from models.card import Card
from models.engines.batch import Halving
from models.engines.choice import EngineName, load_engines
from models.ensemble import Prediction
from models.inputs import BATCH, CHANNELS, InputContract, PreparedHead, prepare, stack

# Four halvings in the networks: heights and widths are padded to multiples of this.
MULTIPLE = 16


class Network(multiplanar.Network, Protocol):
    """What is asked of a member's network, such as `models.engines.keras_engine.Engine`."""

    @property
    def name(self) -> str:
        """Name of the member."""


class Engine(Network, Protocol):
    """A network whose threads can be counted out."""

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on, where their number can be changed."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkEnsemble:
    """A `models.ensemble.Ensemble` of networks.

    `flip` averages each answer with that for the left-right mirrored head. `temperatures` are those
    of the networks by name; a network without one has 1. `compute` is what they run on.
    """

    version: str
    rule: LesionRule
    contract: InputContract
    networks: Sequence[Engine]
    flip: bool = False
    temperatures: Mapping[str, float] = field(default_factory=dict)
    compute: Compute | None = None

    @classmethod
    def load(
        cls,
        card: Card,
        folder: Path,
        *,
        flip: bool = False,
        device: str = "auto",
        engine: EngineName = "auto",
        cache: Path | None = None,
        memory_mib: int | None = None,
    ) -> "NetworkEnsemble":
        """Build a card's networks and load their weights, whose hashes the caller has checked."""
        loaded = load_engines(
            card.members, folder, engine=engine, device=device, cache=cache, memory_mib=memory_mib
        )
        contract = InputContract.of(card.contract)
        temperatures = {member.name: member.temperature for member in card.members}
        return cls(
            card.version,
            card.rule,
            contract,
            loaded.networks,
            flip,
            temperatures,
            loaded.compute,
        )

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on, where the engine can change their number."""
        for network in self.networks:
            network.use_threads(threads)

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        """Segment one volume; see `models.ensemble.Ensemble.predict`."""
        started = time.monotonic()
        head = prepare(volume, self.contract)
        prepared = time.monotonic()
        maps = predict_head(
            self.networks,
            head,
            self.contract,
            flip=self.flip,
            batch=BATCH if self.compute is None else self.compute.batch,
            progress=progress,
        )
        members = {
            name: to_native(
                calibrate(own[0], self.temperatures.get(name, 1.0)), head.grid, corner=head.corner
            )
            for name, own in maps.items()
        }
        brains = [brain for own in maps.values() for brain in own[1:]]
        mean = np.zeros(volume.shape, dtype=np.float32)
        for probability in members.values():
            mean += probability
        mean /= np.float32(len(members))
        brain = to_native(_mean(brains), head.grid, corner=head.corner) if brains else None
        seconds = {"prepare": prepared - started, "infer": time.monotonic() - prepared}
        return Prediction(members, np.clip(mean, 0.0, 1.0), seconds, brain, self._computed())

    def _computed(self) -> Compute | None:
        """As it was: where memory ran out, batches have become smaller."""
        if self.compute is None:
            return None
        halved = [one.most for one in self.networks if isinstance(one, Halving) and one.most]
        return replace(self.compute, batch=min([self.compute.batch, *halved]))


def _mean(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(maps, axis=0), dtype=np.float32)


def calibrate(probability: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Divide the logits by the temperature (Guo 2017, arXiv 1706.04599). Same shape, in [0, 1]."""
    if temperature == 1.0:
        return probability
    p = np.clip(probability, np.float32(1e-6), np.float32(1.0 - 1e-6))
    # sigmoid(logit(p) / t) without the logarithm's round trip: 1 / (1 + ((1 - p) / p) ** (1 / t)).
    return np.asarray(1.0 / (1.0 + ((1.0 - p) / p) ** np.float32(1.0 / temperature)), np.float32)


def predict_head(
    networks: Sequence[Network],
    head: PreparedHead,
    contract: InputContract,
    *,
    flip: bool = False,
    batch: int = BATCH,
    progress: Callable[[float], None] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Uncalibrated probabilities ``(outputs, z, h, w)`` of each network, by name.

    They are of axial slices; when the contract wants multiplanar refinement, candidates are seen
    again in coronal and sagittal slices. Where the contract names a scout, the other networks'
    maps are the scout's except around candidates.
    """
    whole = _whole(networks, contract)
    parts = len(networks) + (1 if contract.multiplanar else 0)

    def report(share: float, before: int) -> None:
        if progress is not None:
            progress((before + share) / parts)

    ask = partial(predict_slices, flip=flip, size=batch)
    maps = {}
    for number, network in enumerate(whole):
        told = partial(report, before=number)
        maps[network.name] = ask(network, head.normalised, head.clahe, progress=told)
    for number, network in enumerate(_others(networks, whole), start=len(whole)):
        maps[network.name] = np.array(maps[whole[0].name])
        multiplanar.follow_scout(network, head, contract, maps[network.name][0], batch=batch)
        report(1.0, number)
    maps = {network.name: maps[network.name] for network in networks}
    if contract.multiplanar:
        lesion = [own[0] for own in maps.values()]
        told = partial(report, before=len(networks))
        multiplanar.refine(networks, head, contract, lesion, batch=batch, progress=told)
        report(1.0, len(networks))
    return maps


def _whole(networks: Sequence[Network], contract: InputContract) -> list[Network]:
    """The networks that answer the whole head: the scout, or all where there is no scout.

    Raises
    ------
    ValueError
        No network has the scout's name.
    """
    if contract.scout is None:
        return list(networks)
    found = [network for network in networks if network.name == contract.scout]
    if not found:
        raise ValueError(f"scout must be one of the networks, got {contract.scout!r}")
    return found


def _others(networks: Sequence[Network], whole: Sequence[Network]) -> list[Network]:
    return [network for network in networks if network not in whole]


def predict_slices(
    network: Network,
    normalised: NDArray[np.float32],
    clahe: NDArray[np.float32],
    *,
    flip: bool = False,
    size: int = BATCH,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """Probabilities ``(outputs, z, h, w)`` of a prepared head ``(z, h, w)``.

    Slices go in batches of `size` and of one shape, padded with air.

    Raises
    ------
    ValueError
        The head has no slices.
    """
    z, h, w = normalised.shape
    result: NDArray[np.float32] | None = None
    batch = np.zeros((size, h + -h % MULTIPLE, w + -w % MULTIPLE, CHANNELS), dtype=np.float32)
    batch[..., : CHANNELS - 1] = normalised.min()
    for start in range(0, z, size):
        count = min(size, z - start)
        # The last batch repeats its last slice: another shape would be another trace.
        slices = np.minimum(np.arange(start, start + size), z - 1)
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

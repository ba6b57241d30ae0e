"""The answers of networks to held-out heads, kept so that thresholds can be tried on them."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.candidates import Evidence
from imaging.resample import to_native
from models.averaging import Network, calibrate, predict_head
from models.inputs import InputContract, PreparedHead, prepare
from training.data.material import HeldOut

Say = Callable[[str], None]

_SECONDS: Final = "seconds"  # beside the networks' names in a file of kept answers


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A held-out head, each network's raw probabilities of lesion and those of brain, ``(Z, H, W)``
    float16 on the head's own grid.

    `fold` names the part of a cross-validation in which the networks never saw this head; None for
    a head that no training ever sees. `seconds` is how long the networks took.
    """

    head: HeldOut
    raw: Mapping[str, NDArray[np.float16]]
    brain: Mapping[str, NDArray[np.float16]]
    fold: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """Each network's lesion and brain ``(2, Z, H, W)``, and the seconds that they all took."""

    by_name: Mapping[str, NDArray[np.float16]]
    seconds: float


def ask(
    heads: Iterable[HeldOut],
    engines: Sequence[Network],
    contract: InputContract,
    *,
    say: Say,
    fold: int | None = None,
    kept: Path | None = None,
) -> Iterator[Answer]:
    """Show every head to every network once, one head at a time.

    Answers are kept in the folder `kept` under the hash of the voxels, and read from there the next
    time: the folder must be used for these engines only.
    """
    for head in heads:
        file = kept / f"{_digest(head)}.npz" if kept else None
        maps = _read(file, engines) if file else None
        if maps is None:
            maps = _asked(head, engines, contract)
            if file:
                _write(file, maps)
        say(f"answered: {head.group} {head.name}")
        lesion, brain = ({name: both[n] for name, both in maps.by_name.items()} for n in (0, 1))
        yield Answer(head, lesion, brain, fold, maps.seconds)


def _asked(head: HeldOut, engines: Sequence[Network], contract: InputContract) -> _Maps:
    begun = time.perf_counter()
    prepared = prepare(head.volume, contract)
    found = predict_head(engines, prepared, contract)
    by_name = {name: _native(own, prepared) for name, own in found.items()}
    return _Maps(by_name, round(time.perf_counter() - begun, 2))


def _native(maps: NDArray[np.float32], prepared: PreparedHead) -> NDArray[np.float16]:
    """Lesion and brain ``(2, Z, H, W)`` on the head's own grid."""
    native = [to_native(one, prepared.grid, corner=prepared.corner) for one in maps]
    return np.stack(native).astype(np.float16)


def _digest(head: HeldOut) -> str:
    return hashlib.sha256(np.ascontiguousarray(head.volume.voxels).tobytes()).hexdigest()[:16]


def _read(path: Path, engines: Sequence[Network]) -> _Maps | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        by_name = {engine.name: stored[engine.name] for engine in engines}
        return _Maps(by_name, float(stored[_SECONDS]))


def _write(path: Path, maps: _Maps) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **maps.by_name, **{_SECONDS: maps.seconds})
    partial.replace(path)


def evidence_of(answer: Answer, temperature: Mapping[str, float]) -> Evidence:
    """The evidence of the networks that have a temperature, together."""
    members = [
        calibrate(answer.raw[name].astype(np.float32), value) for name, value in temperature.items()
    ]
    brain = [answer.brain[name].astype(np.float32) for name in temperature]
    return Evidence(answer.head.volume, _mean(members), members, _mean(brain))


def _mean(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = maps[0].copy()
    for one in maps[1:]:
        total += one
    total /= np.float32(len(maps))
    return np.clip(total, 0.0, 1.0, out=total)

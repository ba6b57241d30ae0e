"""How many slices a device answers at a time: found once for a device, and less when its memory
runs out.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from metseg.disk import replace_text
from metseg.errors import OutOfMemoryError
from models.inputs import BATCH, CHANNELS

logger = logging.getLogger(__name__)

LADDER: Final = (BATCH, 16, 32, 64)
WORTH: Final = 0.95
"""A larger batch must take at most this share of the time a slice of the smaller one."""
SIDE: Final = 256
"""Height and width of the slices that the batch is found with: those of most heads."""


class Halving:
    """A network that answers a batch in parts, half as large each time that memory runs out.

    The parts stay small from then on: a later batch would not fit either.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self._most: int | None = None

    @property
    def name(self) -> str:
        """Name of the network."""
        return str(self._network.name)

    @property
    def most(self) -> int | None:
        """How many slices it answers at a time since memory ran out; None: memory never did."""
        return self._most

    def use_threads(self, threads: int) -> None:
        """See `models.engines.openvino_engine.OpenVinoEngine.use_threads`."""
        self._network.use_threads(threads)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's answer.

        Raises
        ------
        OutOfMemoryError
            Not even one slice fits.
        DeviceError
            See the engines.
        """
        while True:
            size = min(len(batch), self._most or len(batch))
            starts = range(0, len(batch), size)
            try:
                return np.concatenate([self._part(batch, start, size) for start in starts])
            except OutOfMemoryError:
                if size == 1:
                    raise
                self._most = size // 2
                logger.warning("memory ran out: %d slices at a time from now on", self._most)

    def _part(self, batch: NDArray[np.float32], start: int, size: int) -> NDArray[np.float32]:
        """A full part: the last one repeats slices, since another shape would be another trace."""
        first = max(0, min(start, len(batch) - size))
        answer: NDArray[np.float32] = self._network(batch[first : first + size])
        return answer[start - first :]


def fastest_batch(
    seconds: Callable[[int], float], *, ladder: Sequence[int] = LADDER, worth: float = WORTH
) -> int:
    """The batch size to use: up the ladder as long as each slice gets cheaper.

    `seconds` measures a batch of that size. Memory that runs out ends the climb, even at the first
    rung: a network then answers in parts.
    """
    best, per_slice = ladder[0], float("inf")
    for size in ladder:
        try:
            now = seconds(size) / size
        except OutOfMemoryError:
            return best
        if now > worth * per_slice:
            return best
        best, per_slice = size, now
    return best


def batch_seconds(networks: Sequence[Any]) -> Callable[[int], float]:
    """What `fastest_batch` asks: seconds of the second call of all networks with a batch. The
    first call compiles.
    """

    def seconds(size: int) -> float:
        batch = np.zeros((size, SIDE, SIDE, CHANNELS), dtype=np.float32)
        for network in networks:
            network(batch)
        started = time.perf_counter()
        for network in networks:
            network(batch)
        return time.perf_counter() - started

    return seconds


def remembered_batch(path: Path | None, key: str, find: Callable[[], int]) -> int:
    """The batch size stored under `key` in a JSON file; where there is none, what `find` finds,
    then stored there.
    """
    known = _read(path)
    if key in known:
        return known[key]
    size = find()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, json.dumps(known | {key: size}))
        except OSError as error:  # found again at the next start: that costs time only
            logger.warning("batch size is not kept: %s", type(error).__name__)
    return size


def _read(path: Path | None) -> dict[str, int]:
    try:
        known = json.loads(path.read_text()) if path is not None else {}
        return {str(key): int(size) for key, size in known.items() if int(size) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}

"""A network that counts the pixels it is shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.averaging import Engine


@dataclass(slots=True)
class Counted:
    """A network, and the pixels that it was shown so far. The work of a convolution is proportional
    to them.
    """

    network: Engine
    pixels: int = 0

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.network.name

    def use_threads(self, threads: int) -> None:
        """Pass it on."""
        self.network.use_threads(threads)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's answer."""
        self.pixels += int(np.prod(batch.shape[:3]))
        return self.network(batch)

"""What networks computed on: recorded with every result."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Compute:
    """Device and arithmetic of a prediction.

    Parameters
    ----------
    device
        ``cpu``, or the device by its maker's name and UUID.
    engine
        ``keras`` or ``openvino``.
    precision
        Of the arithmetic: ``float32``, ``mixed_float16`` or ``bfloat16``.
    batch
        Slices at a time.
    threads
        Threads on a processor; None: on another device, or as many as the engine chose.
    """

    device: str
    engine: str
    precision: str
    batch: int
    threads: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> "Compute | None":
        """Reverse of `entry`."""
        return None if said is None else cls(**said)


def entry(compute: Compute | None) -> dict[str, Any] | None:
    """Plain values for JSON."""
    return None if compute is None else asdict(compute)

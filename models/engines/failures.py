"""What engines raise: the failures of a backend as errors of metseg."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from metseg.errors import DeviceError, OutOfMemoryError

# By class name, since each backend (TensorFlow, Torch, JAX) has its own classes.
_OUT_OF_MEMORY: Final = frozenset({"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"})
_DEVICE_FAULTS: Final = frozenset(
    {
        "InternalError",
        "UnavailableError",
        "UnknownError",
        "AbortedError",
        "XlaRuntimeError",
        "AcceleratorError",
    }
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn a backend's failures into `OutOfMemoryError` and `DeviceError`; others pass."""
    try:
        yield
    except Exception as error:
        names = {cls.__name__ for cls in type(error).__mro__}
        words = str(error)[:200]
        if names & _OUT_OF_MEMORY or "RESOURCE_EXHAUSTED" in words:
            raise OutOfMemoryError(
                f"memory ran out in the network: {type(error).__name__}"
            ) from error
        if names & _DEVICE_FAULTS:
            raise DeviceError(f"the device failed: {type(error).__name__}") from error
        raise

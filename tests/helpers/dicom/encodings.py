"""Series of given stored values in every transfer syntax, signed or not, of any number of bits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid as transfer
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from imaging.export.dicom.series import write_instance
from imaging.volume import Volume
from tests.helpers.dicom.phantom import Recipe, encode, grid_affine, instances_of

Encoder = Callable[[NDArray[np.integer]], bytes]

# What pydicom does not write itself. HTJ2K and the two JPEG kinds come from imagecodecs (OpenJPH,
# liblj92, libjpeg-turbo), so they are written by other code than that which reads them.
FOREIGN: dict[str, Encoder] = {
    transfer.JPEGBaseline8Bit: lambda frame: imagecodecs.jpeg8_encode(frame, level=95),
    transfer.JPEGExtended12Bit: lambda frame: imagecodecs.jpeg8_encode(
        frame, level=95, bitspersample=12
    ),
    transfer.JPEGLSNearLossless: lambda frame: imagecodecs.jpegls_encode(frame, level=2),
    transfer.JPEG2000: lambda frame: imagecodecs.jpeg2k_encode(frame, codecformat="J2K", level=100),
    transfer.JPEGLossless: lambda frame: imagecodecs.ljpeg_encode(_unsigned(frame)),
    transfer.JPEGLosslessSV1: lambda frame: imagecodecs.ljpeg_encode(_unsigned(frame)),
    transfer.HTJ2KLossless: imagecodecs.htj2k_encode,
    transfer.HTJ2KLosslessRPCL: imagecodecs.htj2k_encode,  # RPCL is what OpenJPH writes
    transfer.HTJ2K: imagecodecs.htj2k_encode,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """How pixels are kept: bits stored of bits allocated, signed or not."""

    bits: int = 12
    signed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    photometric: str = "MONOCHROME2"

    @property
    def dtype(self) -> np.dtype[np.integer]:
        size = 1 if self.bits <= 8 else 2
        return np.dtype(f"<{'i' if self.signed else 'u'}{size}")

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest value."""
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


def ramp(shape: tuple[int, int, int], stored: Stored) -> NDArray[np.integer]:
    """Smooth values over the whole range, both ends included."""
    low, high = stored.limits
    z, y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    return np.rint(low + (high - low) * (z + y + x) / 3).astype(stored.dtype)


def write_stored(
    values: NDArray[np.integer], directory: Path, stored: Stored, syntax: str
) -> list[Path]:
    """Write stored values ``(Z, H, W)`` as an axial series in a transfer syntax."""
    directory.mkdir(parents=True, exist_ok=True)
    blank = Volume(np.zeros(values.shape, np.float32), grid_affine(values.shape, (3.0, 1.0, 1.0)))
    paths = []
    for number, dataset in enumerate(instances_of(blank, Recipe())):
        _put(dataset, values[number], stored)
        if syntax in FOREIGN:
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.PixelData = encapsulate([FOREIGN[syntax](values[number])])
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
        else:
            encode(dataset, syntax)
        paths.append(write_instance(dataset, directory / f"{number}.dcm"))
    return paths


def _unsigned(frame: NDArray[np.integer]) -> NDArray[np.integer]:
    """The same bits without a sign, which JPEG does not have (PS3.5 8.2.1)."""
    return frame.view(f"u{frame.dtype.itemsize}")


def _put(dataset: Dataset, values: NDArray[np.integer], stored: Stored) -> None:
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = stored.bits, stored.bits - 1
    dataset.PixelRepresentation = int(stored.signed)
    dataset.PhotometricInterpretation = stored.photometric
    dataset.RescaleSlope, dataset.RescaleIntercept = stored.slope, stored.intercept
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"

"""Which bits of a decoded cell are the pixel: one answer for native pixels and for every codec.

PS3.5 8.1.1: BitsStored bits below and including HighBit hold the value, the rest is not part of the
pixel; until 2007 overlays could stand there (OverlayBitPosition, retired).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.values.raw_values import whole_number

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)  # PS3.5 7.6
_OVERLAY_BIT_POSITION = 0x0102
_CELLS = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Bits:
    """Where the value is in a cell.

    `stored` bits from bit `shift` on, in two's complement where `signed`. `overlays` marks bits of
    the cell that the header gives to an overlay.
    """

    stored: int
    shift: int = 0
    signed: bool = False
    overlays: int = 0

    def fit(self, value: int) -> int | None:
        """A number of 16 bits, written with a sign or without, as a stored value; None where no
        pixel can hold it.
        """
        span = 1 << self.stored
        least, greatest = (-(span >> 1), (span >> 1) - 1) if self.signed else (0, span - 1)
        for meant in (value, value - (1 << 16), value + (1 << 16), value - span):
            if least <= meant <= greatest and (meant - value) % span == 0:
                return meant
        return None


def bits_of(dataset: Dataset, *, precision: int | None = None) -> Bits | None:
    """The bits of a header; None where it holds no whole pixels of 8, 16 or 32 bits, or contradicts
    itself.

    `precision` is what a codestream says its samples have. A codec that was given the samples alone
    has no bits to shift away, whatever HighBit says (PS3.5 8.2). A HighBit below BitsStored - 1, or
    beyond the cell, contradicts the rest and is passed over.
    """
    allocated, stored = whole_number(dataset, "BitsAllocated"), whole_number(dataset, "BitsStored")
    signed = whole_number(dataset, "PixelRepresentation", -1)
    if allocated not in _CELLS or not 0 < stored <= allocated or signed not in (0, 1):
        return None
    high = whole_number(dataset, "HighBit", stored - 1)
    width = allocated if precision is None else min(precision, allocated)
    shift = high + 1 - stored if stored <= high < width else 0
    return Bits(min(stored, width), shift, bool(signed), _overlays(dataset))


def take_bits(cells: NDArray[Any], bits: Bits) -> tuple[NDArray[Any], int]:
    """The stored values of decoded cells, and how many of these hold more than fits.

    `cells` are whole numbers of any shape, the sign of their type without meaning. A value fits
    whose upper bits are all 0 or repeat its sign.
    """
    size = cells.dtype.itemsize
    whole = np.ascontiguousarray(cells, cells.dtype.newbyteorder("=")).view(f"u{size}")
    unused = 8 * size - bits.stored - bits.shift
    typed = whole.view(f"{'ui'[bits.signed]}{size}")
    if unused < 0 or (unused == 0 and bits.shift == 0):
        return typed, 0
    values = (typed << unused) >> (unused + bits.shift)
    if unused == 0:
        return values, 0
    seen = whole & whole.dtype.type(~bits.overlays & ((1 << 8 * size) - 1))
    above = seen >> (bits.stored + bits.shift)
    odd = above != 0
    if bits.signed:
        odd &= ~((values < 0) & (above == (1 << unused) - 1))
    return values, int(np.count_nonzero(odd))


def _overlays(dataset: Dataset) -> int:
    mask = 0
    for group in _OVERLAY_GROUPS:
        element = dataset.get((group, _OVERLAY_BIT_POSITION))
        if element is not None and isinstance(element.value, int) and 0 < element.value < 32:
            mask |= 1 << element.value
    return mask

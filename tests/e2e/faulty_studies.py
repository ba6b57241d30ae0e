"""Studies whose files can all be read but that are faulty all the same, each with its outcome."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless, RLELossless

from tests.helpers.dicom.phantom import (
    Mishaps,
    Recipe,
    encode,
    head_with_lesions,
    instances_of,
    write_series,
)

SHAPE = (13, 36, 36)
SPACING = (5.0, 4.0, 4.0)
SEGMENTED, NO_SERIES = "segmented", "no_series"
WIDE = 4500
"""Rows and columns: as many voxels in all as a series may have, nearly."""


@dataclass(frozen=True, slots=True)
class FaultyStudy:
    """`ends` is the error code of its job, or the outcome.

    `change` is applied to each instance with its number, `spoil` to the bytes of its file.
    """

    name: str
    ends: str
    change: Callable[[Dataset, int], object] = lambda *_: None
    spoil: Callable[[bytes], bytes] = lambda content: content
    syntax: str | None = None
    mishaps: Mishaps = field(default_factory=Mishaps)
    slices: int = SHAPE[0]

    def write(self, folder: Path) -> None:
        """Write the study; its UID is that of `tests.helpers.dicom.phantom.uid(name)`."""
        volume = head_with_lesions((self.slices, *SHAPE[1:]), SPACING).volume
        recipe = Recipe(name=self.name, mishaps=self.mishaps)
        if self.mishaps != Mishaps():
            write_series(volume, folder, recipe)
            return
        folder.mkdir(parents=True)
        for number, dataset in enumerate(instances_of(volume, recipe)):
            if self.syntax is not None:
                encode(dataset, self.syntax)
            self.change(dataset, number)
            path = folder / f"CANARY{number}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            path.write_bytes(self.spoil(path.read_bytes()))


def _put(keyword: str, value: object) -> Callable[[Dataset, int], object]:
    return lambda dataset, _: setattr(dataset, keyword, value)


def _name_for_spacing(content: bytes) -> bytes:
    return content.replace(b"DS\x04\x004\\4 ", b"DS\x04\x00CANA")


def _garble(dataset: Dataset, number: int) -> None:
    """Leave the frame header as it is, and break what follows."""
    data = bytearray(dataset.PixelData)
    data[len(data) // 2 : -16] = b"\xff" * (len(data) - 16 - len(data) // 2)
    dataset.PixelData = bytes(data)


def _widen(dataset: Dataset, number: int) -> None:
    """Promise a plane of forty megabytes in a fragment of a hundred bytes."""
    dataset.Rows = dataset.Columns = WIDE
    head = (2).to_bytes(4, "little") + (64).to_bytes(4, "little") + (80).to_bytes(4, "little")
    dataset.PixelData = encapsulate([head.ljust(64, b"\0") + b"\x81\0" * 20])
    dataset["PixelData"].is_undefined_length = True


FAULTY_STUDIES = [
    FaultyStudy("a slice is missing", "geometry_invalid", mishaps=Mishaps(missing=[3])),
    FaultyStudy("two at one place", "geometry_invalid", mishaps=Mishaps(conflicting=[2])),
    FaultyStudy("each slice twice", SEGMENTED, mishaps=Mishaps(duplicated=range(13))),
    FaultyStudy("three slices", NO_SERIES, slices=3),
    FaultyStudy("numbers that lie", SEGMENTED, _put("InstanceNumber", 1)),
    FaultyStudy("a program in the preamble", SEGMENTED, spoil=lambda data: b"\x7fELF" + data[4:]),
    FaultyStudy("no positions", "geometry_invalid", _put("ImagePositionPatient", None)),
    FaultyStudy("all in one place", NO_SERIES, _put("ImagePositionPatient", [1.0, 2.0, 3.0])),
    FaultyStudy("no plane", "geometry_invalid", _put("ImageOrientationPatient", [0.0] * 6)),
    FaultyStudy("no size", "geometry_invalid", _put("PixelSpacing", [0.0, 0.0])),
    FaultyStudy("an endless pixel", "slice_spacing_too_large", _put("PixelSpacing", [1e9, 1e9])),
    FaultyStudy("names for numbers", "geometry_invalid", spoil=_name_for_spacing),
    FaultyStudy("values beyond all bounds", "dicom_invalid", _put("RescaleSlope", 1e38)),
    FaultyStudy("garbled frames", "dicom_invalid", _garble, syntax=JPEGLSLossless),
    FaultyStudy("planes of forty megabytes", "dicom_invalid", _widen, syntax=RLELossless),
]

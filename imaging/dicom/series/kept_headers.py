"""Headers that are parsed once: for the facts of a series, and again for its volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from imaging.dicom.files.headers import InstanceHeader
from imaging.dicom.files.parsing import parse_dataset, parse_header
from metseg.errors import DicomError

MOST_BYTES: Final = 1 << 27
"""Of the headers that are kept of one study. A head of 200 slices has a few MB of them."""
LONGEST_PRIVATE: Final = 1 << 12
"""Longer private elements, such as the protocols of Siemens, are dropped: nothing reads them."""
_CHARACTER_SET: Final = Tag("SpecificCharacterSet")


@dataclass(frozen=True, slots=True, eq=False)
class ParsedFile:
    """What the header pass and pydicom found in a file; no pixels."""

    header: InstanceHeader
    dataset: Dataset


ParsedFiles = Mapping[Path, ParsedFile]


@dataclass(slots=True)
class HeaderKeeper:
    """Parses files and keeps the headers of MR images, up to `most_bytes` of them. What is not kept
    must be parsed again.
    """

    most_bytes: int = MOST_BYTES
    kept: dict[Path, ParsedFile] = field(default_factory=dict)
    _bytes: int = 0

    def parse(self, path: Path, header: InstanceHeader, tags: Sequence[BaseTag]) -> Dataset:
        """The elements of these tags.

        Raises
        ------
        DicomError
            pydicom cannot parse the file.
        """
        if not self._fits(header):
            return parse_dataset(path, tags=list(tags))
        try:
            whole = parse_header(path, header)
        except DicomError:
            return parse_dataset(path, tags=list(tags))  # what is wrong may be in another element
        self._bytes += _shortened(whole, _header_bytes(header))
        self.kept[path] = ParsedFile(header, whole)
        return _only(whole, tags)

    def of(self, paths: Sequence[Path]) -> dict[Path, ParsedFile]:
        """What is kept of these files."""
        return {path: self.kept[path] for path in paths if path in self.kept}

    def _fits(self, header: InstanceHeader) -> bool:
        if header.layout is None or header.modality != "MR":
            return False
        return self._bytes + _header_bytes(header) <= self.most_bytes


def _header_bytes(header: InstanceHeader) -> int:
    return 0 if header.layout is None else header.layout.pixels - header.layout.dataset


def _shortened(dataset: Dataset, size: int) -> int:
    """Drop long private elements of a header of `size` bytes. Returns the size that is left."""
    for tag in [tag for tag in dataset.keys() if tag.is_private]:  # noqa: SIM118
        value = dataset.get_item(tag).value
        if isinstance(value, bytes) and len(value) > LONGEST_PRIVATE:
            size -= len(value)
            del dataset[tag]
    return size


def _only(dataset: Dataset, tags: Sequence[BaseTag]) -> Dataset:
    """The elements of these tags, as `pydicom.dcmread` gives them with ``specific_tags``."""
    wanted = (_CHARACTER_SET, *tags)
    part = Dataset({tag: dataset.get_item(tag) for tag in wanted if tag in dataset})
    implicit, little_endian = dataset.original_encoding
    part.set_original_encoding(implicit, little_endian, dataset.original_character_set)
    return part

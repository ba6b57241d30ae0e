"""Slices of one series that each came with a SeriesInstanceUID of their own."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydicom.dataset import Dataset

from imaging.dicom.values.patients import patient_of
from imaging.dicom.values.raw_values import text

Item = TypeVar("Item")

FEWEST_SERIES = 4
"""At least this many fragments make one series."""
MOST_IMAGES = 3
"""Under one SeriesInstanceUID: more are a series of their own."""
_ALIKE = (
    "StudyInstanceUID",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "Modality",
    "SeriesDescription",
    "Rows",
    "Columns",
)
_NEEDED = ("SeriesNumber", "FrameOfReferenceUID")
_MULTI_FRAME = "NumberOfFrames"


def gather(
    series: Mapping[str, Sequence[Item]], headers: Mapping[str, Dataset]
) -> list[tuple[str, ...]]:
    """Groups of SeriesInstanceUIDs, sorted, that are one series; most groups are of one.

    Single-frame images with one series number, frame of reference, description, size and patient
    belong together where each UID has only a few of them and there are at least four UIDs.
    `headers` has one header for each UID.
    """
    groups: dict[object, list[str]] = {}
    for uid in sorted(series):
        key = _key(headers.get(uid)) if len(series[uid]) <= MOST_IMAGES else None
        groups.setdefault(key or uid, []).append(uid)
    found = []
    for uids in groups.values():
        if len(uids) >= FEWEST_SERIES:
            found.append(tuple(uids))
        else:
            found.extend((uid,) for uid in uids)
    return sorted(found)


def belong_together(datasets: Sequence[Dataset]) -> bool:
    """Whether images of several SeriesInstanceUIDs are one series by the rule of `gather`."""
    series: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        series.setdefault(text(dataset, "SeriesInstanceUID"), []).append(dataset)
    return len(gather(series, {uid: items[0] for uid, items in series.items()})) == 1


def _key(dataset: Dataset | None) -> object:
    if dataset is None or not all(text(dataset, name) for name in _NEEDED):
        return None
    if text(dataset, _MULTI_FRAME) not in ("", "1"):
        return None
    return (*(text(dataset, name) for name in _ALIKE), patient_of(dataset))

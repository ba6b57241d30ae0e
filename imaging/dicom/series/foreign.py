"""Instances that came under a series and are not slices of it: they are left out and reported."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.dicom.values.frames import Frame, is_multiframe
from imaging.dicom.values.grid import ORIENTATION_TOLERANCE, SPACING_TOLERANCE
from imaging.dicom.values.raw_values import text, texts, whole_number
from imaging.words.reasons import Reason
from imaging.words.words import PROCESSED, find, plain

MAIN_PART = 2
"""A series has at least this many times as many images as there are others under it: otherwise
nobody can tell which are the series.
"""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class SeriesMembers:
    """Which instances are slices of the series, by index, and what is said about the others."""

    indices: tuple[int, ...]
    said: tuple[str, ...] = ()


def without_foreign(datasets: Sequence[Dataset]) -> SeriesMembers:
    """Leave out what is not an image, colour images, localisers, and the few that differ from the
    others in size, frame of reference or form, or that have no position.

    Where nothing would be left, or nobody can tell what the series is, all are kept.

    Raises
    ------
    DicomError
        Values that are not what their tags say.
    """
    kept, said = list(range(len(datasets))), []
    with parsing("an image header"):
        for keep, what in _EACH:
            found = [index for index in kept if keep(datasets[index])]
            if found and len(found) < len(kept):
                said.append(_left_out(len(kept) - len(found), what))
                kept = found
        for of, what in _ALIKE:
            weights = [whole_number(datasets[index], "NumberOfFrames", 1) for index in kept]
            found = _main([of(datasets[index]) for index in kept], weights)
            if len(found) < len(kept):
                said.append(_left_out(len(kept) - len(found), what))
                kept = [kept[place] for place in found]
    return SeriesMembers(tuple(kept), tuple(said))


def main_plane(frames: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Leave out the few frames of another orientation or pixel spacing than the others."""
    groups: list[Frame] = []
    keys = []
    for frame in frames:
        key = next((n for n, one in enumerate(groups) if _alike(frame, one)), len(groups))
        if key == len(groups):
            groups.append(frame)
        keys.append(key)
    found = _main(keys, [1] * len(frames))
    if len(found) == len(frames):
        return list(frames), ()
    return [frames[place] for place in found], (
        _left_out(len(frames) - len(found), "in another plane"),
    )


def _main(keys: Sequence[Hashable], weights: Sequence[int]) -> list[int]:
    """Places of the most frequent key, where it is frequent enough; else all."""
    counts: Counter[Hashable] = Counter()
    for key, weight in zip(keys, weights, strict=True):
        counts[key] += weight
    ((best, most), *_) = counts.most_common(1)
    if most < MAIN_PART * (sum(weights) - most):
        return list(range(len(keys)))
    return [place for place, key in enumerate(keys) if key == best]


def _left_out(count: int, what: str) -> str:
    return f"{count} images under the series were left out: {what}"


def _is_image(dataset: Dataset) -> bool:
    return bool(whole_number(dataset, "Rows") and whole_number(dataset, "Columns"))


def _is_grey(dataset: Dataset) -> bool:
    grey = text(dataset, "PhotometricInterpretation") in _GREY
    return grey and whole_number(dataset, "SamplesPerPixel", 1) == 1


def _has_place(dataset: Dataset) -> bool:
    """Whether an instance has a position, or is an original that lost it: without such a slice the
    volume would have a hole, or lack an end.
    """
    if is_multiframe(dataset) or texts(dataset, "ImagePositionPatient"):
        return True
    return texts(dataset, "ImageType")[:1] != ("DERIVED",)


def _is_not_localiser(dataset: Dataset) -> bool:
    named = find(PROCESSED[Reason.LOCALISER], plain(text(dataset, "SeriesDescription")))
    return "LOCALIZER" not in texts(dataset, "ImageType") and not named


def _is_not_capture(dataset: Dataset) -> bool:
    return not text(dataset, "SOPClassUID").startswith(SECONDARY_CAPTURE)


_EACH: tuple[tuple[Callable[[Dataset], bool], str], ...] = (
    (_is_image, "not images"),
    (_is_grey, "not grey"),
    (_is_not_localiser, "localisers"),
    (_is_not_capture, "secondary captures"),
    (_has_place, "derived, without a position"),
)
_ALIKE: tuple[tuple[Callable[[Dataset], Hashable], str], ...] = (
    (lambda d: text(d, "Modality").upper(), "of another modality"),
    (is_multiframe, "multi-frame or single-frame unlike the others"),
    (lambda d: (whole_number(d, "Rows"), whole_number(d, "Columns")), "of another size"),
    (lambda d: text(d, "FrameOfReferenceUID"), "in another frame of reference"),
)


def _alike(one: Frame, other: Frame) -> bool:
    lean = float(np.abs(one.orientation - other.orientation).max())
    same = np.allclose(one.pixel_spacing, other.pixel_spacing, rtol=SPACING_TOLERANCE)
    return lean <= ORIENTATION_TOLERANCE and bool(same)

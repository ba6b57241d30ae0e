"""Which segments of a DICOM SEG are the tumour itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.dicom.values.raw_values import text, whole_number
from imaging.masks.regions import matches, shown
from imaging.masks.roi_names import Meaning, meaning
from imaging.remarks import Remarks, listed
from metseg.errors import ReferenceMaskError

_TUMOURS = frozenset({Meaning.TUMOUR, Meaning.DOUBTFUL, Meaning.UNSAID})
_SCHEMES = frozenset({"SCT", "SRT", "DCM", "NCIt", "FMA", "RADLEX"})
_SHOWN = 20  # segments that a warning names
_CODE = re.compile(r"[A-Z0-9-]{3,18}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment with its SegmentLabel, and the code of its property type; empty where none of the
    usual schemes has it.
    """

    number: int
    label: str
    code: str

    @property
    def meaning(self) -> Meaning:
        """What its label says."""
        return meaning(self.label)


def read_segments(dataset: Dataset) -> list[Segment]:
    """The segments of a segmentation, but for the background (segment 0)."""
    with parsing("segments"):
        return [
            Segment(number, text(item, "SegmentLabel"), _code(item))
            for item in dataset.get("SegmentSequence") or ()
            if (number := whole_number(item, "SegmentNumber"))
        ]


def _code(item: Dataset) -> str:
    for one in (item.get("SegmentedPropertyTypeCodeSequence") or ())[:1]:
        value = text(one, "CodeValue")
        if text(one, "CodingSchemeDesignator") in _SCHEMES and _CODE.fullmatch(value):
            return value
    return ""


def choose_segments(
    segments: Sequence[Segment], names: Sequence[str], remarks: Remarks
) -> frozenset[int] | None:
    """Numbers of the segments that count; None for all of them.

    Where a label names a tumour, segments that are something else by theirs are left out, with a
    warning. `names` are patterns of a site (`imaging.masks.regions.matches`) that decide alone.

    Raises
    ------
    ReferenceMaskError
        No label matches `names`.
    """
    if not segments:
        return None
    if names:
        taken = [one for one in segments if matches(one.label, names)]
        if not taken:
            raise ReferenceMaskError(
                f"segmentation must have a segment that is named as METSEG_REFERENCE_REGIONS says, "
                f"got {len(segments)} others"
            )
    elif any(one.meaning is Meaning.TUMOUR for one in segments):
        taken = [one for one in segments if one.meaning in _TUMOURS]
    else:
        taken = list(segments)
        if all(one.meaning not in _TUMOURS for one in segments):
            remarks.warnings.append("by their labels, the segments are not tumours; all are taken")
    _remark(taken, [one for one in segments if one not in taken], remarks)
    return frozenset(one.number for one in taken) if len(taken) < len(segments) else None


def _remark(taken: Sequence[Segment], left: Sequence[Segment], remarks: Remarks) -> None:
    if left:
        said = [f"{one.number} {shown(one.label)} ({one.meaning})" for one in left]
        remarks.warnings.append(f"{len(left)} of the segments are left out: {listed(said, _SHOWN)}")
    codes = sorted({one.code or "without a usual code" for one in taken})
    if len(codes) > 1:
        remarks.warnings.append(
            f"segments of {len(codes)} kinds are pooled into one mask: {', '.join(codes)}"
        )


def segment_of_frames(dataset: Dataset) -> list[int]:
    """The number of the segment that each frame marks, 0 where it does not say."""
    with parsing("segments"):
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        own = dataset.get("PerFrameFunctionalGroupsSequence") or ()
        return [_referenced(groups) or _referenced(shared) for groups in own]


def _referenced(groups: Dataset) -> int:
    for item in (groups.get("SegmentIdentificationSequence") or ())[:1]:
        return whole_number(item, "ReferencedSegmentNumber")
    return 0

"""What the headers of a series say, as far as the choice of a series asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Header facts of one series.

    Texts are as written and may hold anything: they are matched against words and never shown.
    `frames` counts slices, over all instances. Times are in ms and distances in mm; None where not
    said.
    """

    series_instance_uid: str
    modality: str = ""
    frames: int = 0
    rows: int = 0
    columns: int = 0
    image_type: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    contrast_agent: str = ""
    acquisition_type: str = ""
    acquisition_contrast: str = ""
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    slice_spacing_mm: float | None = None
    samples_per_pixel: int = 1
    series_number: int | None = None
    manufacturer: str = ""


_TEXTS = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
_NAMES = (
    *_TEXTS,
    "SOPInstanceUID",
    "SOPClassUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "ImageType",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "MRAcquisitionType",
    "AcquisitionContrast",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "SpacingBetweenSlices",
    "SliceThickness",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Manufacturer",
    "SharedFunctionalGroupsSequence",
)
FACT_TAGS: list[BaseTag] = [Tag(name) for name in _NAMES]


def series_facts(datasets: Sequence[Dataset]) -> SeriesFacts:
    """Facts of the instances of one series; words are those of the first instance."""
    first = datasets[0]
    look = _Lookup(first)
    spacing = look.number("SpacingBetweenSlices") or look.number("SliceThickness")
    return SeriesFacts(
        series_instance_uid=str(first.SeriesInstanceUID),
        modality=look.text("Modality"),
        frames=sum(int(d.get("NumberOfFrames") or 1) for d in datasets if d.get("Rows")),
        rows=int(first.get("Rows") or 0),
        columns=int(first.get("Columns") or 0),
        image_type=tuple(str(v).upper() for v in first.get("ImageType") or ()),
        texts=tuple(text for name in _TEXTS if (text := look.text(name))),
        contrast_agent=_contrast_agent(first),
        acquisition_type=look.text("MRAcquisitionType"),
        acquisition_contrast=look.text("AcquisitionContrast"),
        repetition_time_ms=look.number("RepetitionTime"),
        echo_time_ms=look.number("EchoTime") or look.number("EffectiveEchoTime"),
        inversion_time_ms=look.number("InversionTime"),
        slice_spacing_mm=abs(spacing) if spacing else None,
        samples_per_pixel=int(first.get("SamplesPerPixel") or 1),
        series_number=None if look.number("SeriesNumber") is None else int(first.SeriesNumber),
        manufacturer=look.text("Manufacturer"),
    )


class _Lookup:
    """A keyword at the top level, or in the shared functional groups of an enhanced image."""

    def __init__(self, dataset: Dataset) -> None:
        self._datasets = [dataset]
        for shared in dataset.get("SharedFunctionalGroupsSequence") or ():
            for element in shared:
                if element.VR == "SQ" and not element.tag.is_private and element.value:
                    self._datasets.append(element.value[0])

    def value(self, keyword: str) -> Any:
        return next((v for d in self._datasets if (v := d.get(keyword)) not in (None, "")), None)

    def text(self, keyword: str) -> str:
        value = self.value(keyword)
        return "" if value is None else str(value).strip()

    def number(self, keyword: str) -> float | None:
        value = self.value(keyword)
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError):  # several values, or no number: not said
            return None


def _contrast_agent(dataset: Dataset) -> str:
    """ContrastBolusAgent, or the first code of an enhanced image's agent sequence."""
    agent = str(dataset.get("ContrastBolusAgent") or "").strip()
    if agent:
        return agent
    for item in dataset.get("ContrastBolusAgentSequence") or ():
        return str(item.get("CodeMeaning") or item.get("CodeValue") or "").strip()
    return ""

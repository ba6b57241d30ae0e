"""What the headers of a series say, as far as the choice of a series needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from imaging.dicom.values.frames import Frame
from imaging.dicom.values.header_lookup import HeaderLookup, meaning, meanings
from imaging.dicom.values.moments import acquired_at, digits
from imaging.dicom.values.patients import PATIENT_TAGS
from imaging.dicom.values.placement import Placement, placement_of, placement_of_frames


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Header facts of one series.

    Texts are as written and may hold anything: they are matched against words and never shown.
    `n_instances` counts all files of the series, `frames` slices, over all instances. Times are in
    ms, angles in degrees and distances in mm; None where not said. `acquired_at` and
    `contrast_from` are ``YYYYMMDDHHMMSS.ffffff`` or empty. `contrast_given` is what an enhanced
    image says of its frames, `contrast_amount` the greatest of ContrastBolusVolume and
    ContrastBolusTotalDose, in ml. `comments` are texts of the series beside its description,
    `procedures` those of the examination. `unreadable` is what is wrong with the headers, where no
    more of them is known than modality and manufacturer.
    """

    series_instance_uid: str
    modality: str = ""
    frames: int = 0
    rows: int = 0
    columns: int = 0
    image_type: tuple[str, ...] = ()
    description: str = ""
    protocol: str = ""
    sequence: str = ""
    study_description: str = ""
    body_part: str = ""
    comments: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    contrast_agent: str = ""
    contrast_amount: float | None = None
    contrast_given: bool | None = None
    contrast_from: str = ""
    acquired_at: str = ""
    acquisition_type: str = ""
    acquisition_contrast: str = ""
    scanning_sequence: tuple[str, ...] = ()
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    slice_spacing_mm: float | None = None
    pixel_spacing_mm: float | None = None
    placement: Placement | None = None
    samples_per_pixel: int = 1
    series_number: int | None = None
    n_instances: int = 0
    manufacturer: str = ""
    unreadable: str = ""


_NAMES = (
    "SOPInstanceUID",
    "SOPClassUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "SeriesDescription",
    "ProtocolName",
    "SequenceName",
    "PulseSequenceName",
    "StudyDescription",
    "BodyPartExamined",
    "AnatomicRegionSequence",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "ImageType",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "ContrastBolusStartTime",
    "ContrastBolusVolume",
    "ContrastBolusTotalDose",
    "ImageComments",
    "SeriesDescriptionCodeSequence",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
    "ProcedureCodeSequence",
    "RequestedProcedureCodeSequence",
    "PerformedProtocolCodeSequence",
    "RequestAttributesSequence",
    "ContrastBolusIngredient",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "SeriesDate",
    "SeriesTime",
    "MRAcquisitionType",
    "AcquisitionContrast",
    "ScanningSequence",
    "EchoPulseSequence",
    "EchoPlanarPulseSequence",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "SpacingBetweenSlices",
    "SliceThickness",
    "PixelSpacing",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Manufacturer",
    "FrameOfReferenceUID",
    "PhotometricInterpretation",
    "ComplexImageComponent",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
# Private creator and element of (0043,102F), see `imaging.dicom.values.kinds`.
_PRIVATE = (0x00430010, 0x0043102F)
FACT_TAGS: list[BaseTag] = [Tag(name) for name in (*_NAMES, *PATIENT_TAGS, *_PRIVATE)]


def series_facts(datasets: Sequence[Dataset], *, frames: Sequence[Frame] = ()) -> SeriesFacts:
    """Facts of the instances of one series; words are those of the first instance.

    `frames` are those of them that make the volume, where that is known.
    """
    first = datasets[0]
    header = HeaderLookup(first)
    placement = placement_of_frames(frames) if frames else placement_of(datasets)
    written = header.number("SpacingBetweenSlices") or header.number("SliceThickness")
    spacing = (placement and placement.spacing_mm) or written
    number = header.number("SeriesNumber")
    return SeriesFacts(
        series_instance_uid=str(first.SeriesInstanceUID),
        modality=header.text("Modality").upper(),
        frames=len(frames)
        or sum(int(d.get("NumberOfFrames") or 1) for d in datasets if d.get("Rows")),
        rows=int(first.get("Rows") or 0),
        columns=int(first.get("Columns") or 0),
        image_type=_image_type(header, frames),
        description=header.text("SeriesDescription"),
        protocol=header.text("ProtocolName"),
        sequence=" ".join(map(header.text, ("SequenceName", "PulseSequenceName"))).strip(),
        study_description=header.text("StudyDescription"),
        body_part=header.text("BodyPartExamined") or meaning(first, "AnatomicRegionSequence"),
        comments=_filled(
            header.text("ImageComments"), meaning(first, "SeriesDescriptionCodeSequence")
        ),
        procedures=_procedures(header, first),
        contrast_agent=header.text("ContrastBolusAgent") or _enhanced_agent(first),
        contrast_amount=_amount(header),
        contrast_given=_contrast_given(header, frames),
        contrast_from=_contrast_from(header, first),
        acquired_at=_first_moment(datasets, frames),
        acquisition_type=header.text("MRAcquisitionType"),
        acquisition_contrast=header.text("AcquisitionContrast"),
        scanning_sequence=_scanning_sequence(header),
        repetition_time_ms=header.number("RepetitionTime"),
        echo_time_ms=header.number("EchoTime") or header.number("EffectiveEchoTime"),
        inversion_time_ms=header.number("InversionTime") or header.number("InversionTimes"),
        flip_angle_deg=header.number("FlipAngle"),
        slice_spacing_mm=abs(spacing) if spacing else None,
        pixel_spacing_mm=header.number("PixelSpacing"),
        placement=placement,
        samples_per_pixel=int(first.get("SamplesPerPixel") or 1),
        series_number=None if number is None else int(number),
        manufacturer=header.text("Manufacturer"),
    )


def _scanning_sequence(header: HeaderLookup) -> tuple[str, ...]:
    """``SE``, ``GR``, ``IR``, ``EP``, ``RM``, from the tags of either kind of image."""
    codes = [str(code).upper() for code in header.values("ScanningSequence")]
    kind = header.text("EchoPulseSequence").upper()
    codes += [code for word, code in (("SPIN", "SE"), ("GRADIENT", "GR")) if word == kind]
    if header.text("EchoPlanarPulseSequence").upper() == "YES":
        codes.append("EP")
    if header.text("InversionRecovery").upper() == "YES":
        codes.append("IR")
    return tuple(codes)


def _filled(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _procedures(header: HeaderLookup, dataset: Dataset) -> tuple[str, ...]:
    """What was asked for and done, in words: texts of the examination and not of one series."""
    names = (
        "StudyDescription",
        "RequestedProcedureDescription",
        "PerformedProcedureStepDescription",
    )
    codes = (
        "ProcedureCodeSequence",
        "RequestedProcedureCodeSequence",
        "PerformedProtocolCodeSequence",
    )
    asked = [
        str(item.get(name) or "").strip()
        for item in dataset.get("RequestAttributesSequence") or ()
        for name in ("RequestedProcedureDescription", "ScheduledProcedureStepDescription")
    ]
    coded = [meaning(dataset, code) for code in codes]
    return _filled(*map(header.text, names), *coded, *asked)


def _amount(header: HeaderLookup) -> float | None:
    said = [header.number(name) for name in ("ContrastBolusVolume", "ContrastBolusTotalDose")]
    return max((value for value in said if value is not None), default=None)


def _enhanced_agent(dataset: Dataset) -> str:
    """The agents of an enhanced image, or an ingredient or volume where no agent is named."""
    named = ", ".join(meanings(dataset, "ContrastBolusAgentSequence"))
    volume = HeaderLookup(dataset).number("ContrastBolusVolume")
    ingredient = str(dataset.get("ContrastBolusIngredient") or "").strip()
    return named or ingredient or (f"{volume:g} ml" if volume and volume > 0 else "")


def _image_type(header: HeaderLookup, frames: Sequence[Frame]) -> tuple[str, ...]:
    """ImageType; of an enhanced image of several kinds that of its frames too."""
    said = tuple(str(v).upper() for v in header.values("ImageType"))
    return tuple(dict.fromkeys((*said, *frames[0].kind[2:]))) if frames else said


def _first_moment(datasets: Sequence[Dataset], frames: Sequence[Frame]) -> str:
    """When the first of them was acquired."""
    stated = [frame.acquired_at for frame in frames] or [_acquired_at(d) for d in datasets]
    found = min((at for at in stated if at), default="")
    return found or min((at for d in datasets if (at := _acquired_at(d))), default="")


def _contrast_given(header: HeaderLookup, frames: Sequence[Frame]) -> bool | None:
    """ContrastBolusAgentAdministered of the frames (PS3.3 C.7.6.16.2.12)."""
    if frames and header.text("ContrastBolusAgentAdministered"):
        return frames[0].agent
    stated = header.text("ContrastBolusAgentAdministered").upper()
    return {"YES": True, "NO": False}.get(stated)


def _acquired_at(dataset: Dataset) -> str:
    """When the acquisition began; the series where that is not said."""
    return acquired_at(
        lambda name: (dataset.get(name),),
        otherwise=[("SeriesDate", "SeriesTime")],
        with_frames=False,
    )


def _contrast_from(header: HeaderLookup, dataset: Dataset) -> str:
    """When the agent was given, on the day of the acquisition; empty where not said."""
    start = digits(header.value("ContrastBolusStartTime"))
    day = _acquired_at(dataset)[:8]
    return day + start if day and len(start) >= 6 and start.strip("0.") else ""

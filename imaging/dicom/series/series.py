"""From the files of a series to one volume in the patient."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dicom.files.headers import InstanceHeader, read_header
from imaging.dicom.files.parsing import (
    MAX_FILE_BYTES,
    parse_header,
    parsing,
)
from imaging.dicom.parts.acquisitions import one_acquisition
from imaging.dicom.parts.alike import odd_together
from imaging.dicom.pixels.padding import fill_padding
from imaging.dicom.pixels.stacking import brighten, stack_pixels, unfit_warnings
from imaging.dicom.series.completeness import missing_images
from imaging.dicom.series.contents import check_not_blank, slice_warnings
from imaging.dicom.series.foreign import main_plane, without_foreign
from imaging.dicom.series.gathering import gather
from imaging.dicom.series.instances import check_one_series, distinct, one_patient
from imaging.dicom.series.kept_headers import HeaderKeeper, ParsedFiles
from imaging.dicom.values.facts import FACT_TAGS, SeriesFacts, series_facts
from imaging.dicom.values.frames import Frame, read_frames
from imaging.dicom.values.grid import grid_affine, sort_frames
from imaging.dicom.values.patients import Patient
from imaging.dicom.values.raw_values import text
from imaging.volume import Volume
from metseg.errors import (
    DicomError,
    GeometryError,
    InputError,
    SeriesError,
    SpacingError,
)

# Three or fewer are a localiser or a fragment.
MINIMUM_SLICES = 4
MAX_VOXELS = 1 << 28  # 1 GiB as float32; a whole head at 0.5 mm holds half of that


@dataclass(frozen=True, slots=True)
class Series:
    """The files of one series, sorted by name, and what their headers say.

    Where slices came with a SeriesInstanceUID each, `series_instance_uid` is the first of them.
    `patient` is that of the first file.
    """

    series_instance_uid: str
    study_instance_uid: str
    files: tuple[Path, ...]
    facts: SeriesFacts
    patient: Patient = field(default=Patient(), repr=False)
    parsed: ParsedFiles = field(default_factory=dict, repr=False, compare=False)
    """Headers for `read_series`, without pixels; not of all files where they are large."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """Where a volume came from.

    Parameters
    ----------
    datasets
        The instances of the volume without pixel data, each once.
    slices
        For each slice of the volume the index into `datasets` and the frame number, counted from 1.
    frames
        For each slice of the volume its frame; `Frame.instance` is not an index into `datasets`.
    warnings
        What was odd and tolerated, for the report.
    """

    datasets: tuple[Dataset, ...]
    slices: tuple[tuple[int, int], ...]
    frames: tuple[Frame, ...]
    warnings: tuple[str, ...] = ()

    @property
    def series_instance_uid(self) -> str:
        return str(self.datasets[0].SeriesInstanceUID)

    @property
    def frame_of_reference_uid(self) -> str:
        """Empty where no image states it; some images may not."""
        with parsing("an image header"):
            stated = (text(dataset, "FrameOfReferenceUID") for dataset in self.datasets)
            return next(filter(None, stated), "")

    @property
    def study_instance_uid(self) -> str:
        return str(self.datasets[0].StudyInstanceUID)


def group_series(paths: Sequence[Path], *, max_bytes: int = MAX_FILE_BYTES) -> list[Series]:
    """Sort files into series, by SeriesInstanceUID, in the order of UIDs. Pixels are not read.

    A series whose headers hold nonsense, such as a decimal comma in a position, has
    `SeriesFacts.unreadable`.

    Raises
    ------
    DicomError
        A file does not pass `imaging.dicom.files.headers.read_header`.
    """
    found: dict[str, list[tuple[Path, InstanceHeader]]] = {}
    for path in sorted(paths):
        header = read_header(path, max_bytes=max_bytes)
        found.setdefault(header.series_instance_uid, []).append((path, header))
    keeper = HeaderKeeper()
    read = {uid: _parsed(files, keeper) for uid, files in found.items()}
    first = {uid: datasets[0] for uid, datasets in read.items() if not isinstance(datasets, str)}
    with parsing("a series header"):
        gathered = gather(found, first)
    return [
        _series([file for uid in uids for file in found[uid]], [read[uid] for uid in uids], keeper)
        for uids in gathered
    ]


_Parsed = list[Dataset] | str
"""Headers of the instances of a series, each once, or what is wrong with them."""


def _parsed(files: Sequence[tuple[Path, InstanceHeader]], keeper: HeaderKeeper) -> _Parsed:
    unique: dict[str, tuple[Path, InstanceHeader]] = {}
    for path, header in files:
        unique.setdefault(header.sop_instance_uid, (path, header))
    try:
        return [keeper.parse(path, header, FACT_TAGS) for path, header in unique.values()]
    except DicomError as error:
        return str(error)


def _series(
    files: Sequence[tuple[Path, InstanceHeader]], parsed: Sequence[_Parsed], keeper: HeaderKeeper
) -> Series:
    """One series. Where its headers cannot be read it says so: a fault in one series does not count
    against the others of a study.
    """
    header = files[0][1]
    wrong = next((one for one in parsed if isinstance(one, str)), None)
    datasets = [one for some in parsed if not isinstance(some, str) for one in some]
    patient, facts = Patient(), None
    if wrong is None:
        try:
            with parsing("a series header"):
                patient = one_patient(datasets)
                facts = _facts(datasets)
        except InputError as error:
            wrong = str(error)
    return Series(
        series_instance_uid=header.series_instance_uid,
        study_instance_uid=header.study_instance_uid,
        files=tuple(path for path, _ in sorted(files, key=lambda file: file[0])),
        facts=replace(facts or _unread(header, wrong or ""), n_instances=len(files)),
        patient=patient,
        parsed=keeper.of([path for path, _ in files]),
    )


def _unread(header: InstanceHeader, wrong: str) -> SeriesFacts:
    """What is known of a series whose headers cannot be read."""
    return SeriesFacts(
        series_instance_uid=header.series_instance_uid,
        modality=header.modality,
        manufacturer=header.manufacturer,
        unreadable=wrong,
    )


def _facts(datasets: Sequence[Dataset]) -> SeriesFacts:
    """Facts of the instances and frames that would be taken for the volume; of all where nobody can
    tell which.
    """
    try:
        own = [datasets[index] for index in without_foreign(datasets).indices]
        frames = one_acquisition(main_plane(read_frames(own))[0]).frames
    except InputError:
        return series_facts(datasets)
    used = sorted({frame.instance for frame in frames})
    return series_facts([own[index] for index in used], frames=frames)


def read_series(
    files: Sequence[Path],
    *,
    minimum_slices: int = MINIMUM_SLICES,
    max_bytes: int = MAX_FILE_BYTES,
    parsed: ParsedFiles | None = None,
) -> tuple[Volume, SourceSeries]:
    """Read the files of one series to a volume on its native grid.

    Slices are sorted along the normal of their plane (PS3.3 C.7.6.2.1.1); names and instance
    numbers do not matter. Values are rescaled (RescaleSlope, RescaleIntercept); MONOCHROME1 is
    mirrored between the least and the greatest value, so that more is brighter. Padding gets the
    level of air (`imaging.dicom.pixels.padding`). The same instance twice is harmless, and so is
    another with the same place and pixels. Instances that are not slices of the series are left out
    (`imaging.dicom.series.foreign`); of several kinds, phases and acquisitions one is taken
    (`imaging.dicom.parts.acquisitions`). Each of these makes a warning.

    `parsed` are headers of some of the files (`Series.parsed`): only the others are parsed here.

    Raises
    ------
    DicomError
        A file is not readable DICOM, or its pixels cannot be decoded.
    SeriesError
        Not a single series, one SOPInstanceUID with two contents, colour, a localiser, too few
        slices.
    PatientError
        Several patients.
    GeometryError
        A gap, unequal spacing, mixed orientation, two different slices at one place, or images of
        the kind to be taken that are not at all places.
    BlankImageError
        All voxels have one value.
    """
    known = parsed or {}
    found, repeated = distinct(sorted(files), max_bytes, known)
    every = [_dataset(path, header, known) for path, header in found]
    own = without_foreign(every)
    found, datasets = [found[n] for n in own.indices], [every[n] for n in own.indices]
    with parsing("a series header"):
        check_one_series([header for _, header in found], datasets)
        one_patient(datasets)
    frames, other_planes = main_plane(read_frames(datasets))
    taken = one_acquisition(frames, minimum_slices=minimum_slices)
    if taken.problem is not None:
        raise GeometryError(taken.problem)
    _check_size(datasets, taken.frames, minimum_slices)
    places = sort_frames(taken.frames)
    stacked, kept = stack_pixels(found, datasets, places)
    if len(kept) < minimum_slices:
        raise SeriesError(f"series must have at least {minimum_slices} slices, got {len(kept)}")
    volume = Volume(stacked.voxels, grid_affine(kept))
    if datasets[0].PhotometricInterpretation == "MONOCHROME1":
        brighten(stacked)
    air = fill_padding(stacked.voxels, stacked.padded)
    check_not_blank(stacked.voxels)
    within, beside = _parted(every, {own.indices[frame.instance] for frame in kept})
    missing = missing_images(within, len(kept), beside=beside)
    said = (
        *(*own.said, *other_planes, *taken.decided, *_named(within)),
        *_warnings(repeated, len(taken.frames) - len(kept)),
        *(*unfit_warnings(stacked), *air, *slice_warnings(stacked.voxels)),
        *(*odd_together(kept, volume.spacing[0]), *missing),
    )
    return volume, _source(datasets, kept, said)


def _dataset(path: Path, header: InstanceHeader, known: ParsedFiles) -> Dataset:
    return known[path].dataset if path in known else parse_header(path, header)


def _parted(every: Sequence[Dataset], used: set[int]) -> tuple[list[Dataset], list[Dataset]]:
    """The datasets whose numbers are used, and the others."""
    return (
        [one for number, one in enumerate(every) if number in used],
        [one for number, one in enumerate(every) if number not in used],
    )


def _source(
    datasets: Sequence[Dataset], kept: Sequence[Frame], warnings: tuple[str, ...]
) -> SourceSeries:
    """The source, made of the instances that have slices in the volume."""
    used = sorted({frame.instance for frame in kept})
    slices = tuple((used.index(frame.instance), frame.number) for frame in kept)
    own = tuple(datasets[index] for index in used)
    return SourceSeries(own, slices, tuple(kept), warnings)


def check_spacing(volume: Volume, *, warn_mm: float = 3.0, refuse_mm: float = 6.0) -> list[str]:
    """Warnings about a distance between slices (or pixels) above `warn_mm`.

    Raises
    ------
    SpacingError
        Above `refuse_mm`.
    """
    widest = max(volume.spacing)
    if widest > refuse_mm + 1e-3:
        raise SpacingError(f"voxels must be at most {refuse_mm:g} mm apart, got {widest:.2f} mm")
    if widest > warn_mm + 1e-3:
        return [f"voxels are {widest:.2f} mm apart; above {warn_mm:g} mm small lesions are missed"]
    return []


def _check_size(datasets: Sequence[Dataset], frames: Sequence[Frame], minimum_slices: int) -> None:
    if len(frames) < minimum_slices:
        raise SeriesError(f"series must have at least {minimum_slices} slices, got {len(frames)}")
    voxels = len(frames) * int(datasets[0].Rows) * int(datasets[0].Columns)
    if voxels > MAX_VOXELS:
        raise SeriesError(f"series must hold at most {MAX_VOXELS} voxels, got {voxels}")


def _named(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    with parsing("an image header"):
        names = {text(dataset, "SeriesDescription") for dataset in datasets}
    return (f"its images have {len(names)} SeriesDescriptions",) if len(names) > 1 else ()


def _warnings(repeated: int, same_place: int) -> tuple[str, ...]:
    found = []
    if repeated:
        found.append(f"{repeated} instances came twice with the same content")
    if same_place:
        found.append(f"{same_place} slices came twice with the same place and pixels")
    return tuple(found)

"""Cases of `metseg evaluate`: which masks belong together, and how they compare."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from imaging.dicom.files.headers import read_header
from imaging.dicom.files.parsing import MAX_FILE_BYTES
from imaging.masks.mask_pair import MaskPair, on_one_grid
from imaging.masks.reference import read_mask
from imaging.masks.segmentations import LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE
from imaging.metrics.evaluate import evaluate
from imaging.metrics.evaluation import Evaluation
from metseg.errors import ConfigurationError, DicomError, InputError, ReferenceMaskError

NIFTI = (".nii.gz", ".nii")
_MASK_SUFFIXES = (*NIFTI, ".dcm")
_SEGMENTATIONS = (SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE)


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """A prediction and its reference: each a mask file, or a folder that holds one."""

    name: str
    prediction: Path
    reference: Path


@dataclass(frozen=True, slots=True)
class Cases:
    """The pairs to compare, and the names that only one side has."""

    pairs: tuple[EvaluationCase, ...]
    only_in_prediction: tuple[str, ...] = ()
    only_in_reference: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """How masks are read and compared. Labels are those of a NIfTI; None counts all above 0."""

    tolerance_mm: float
    prediction_labels: Collection[int] | None = None
    reference_labels: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One case: its evaluation, or the error that prevented it."""

    name: str
    evaluation: Evaluation | None = None
    notes: tuple[str, ...] = ()
    error: InputError | None = None


def find_cases(prediction: Path, reference: Path) -> Cases:
    """Pair the masks of two folders by their names without the suffix.

    A folder inside stands for the one mask that it holds. Where the two have no name in common,
    each must hold one mask, and these are the pair.

    Raises
    ------
    ConfigurationError
        There is no pair, or a name is taken twice.
    """
    predicted, referred = _named(prediction), _named(reference)
    common = sorted(predicted.keys() & referred.keys())
    if common:
        return Cases(
            tuple(EvaluationCase(name, predicted[name], referred[name]) for name in common),
            tuple(sorted(predicted.keys() - referred.keys())),
            tuple(sorted(referred.keys() - predicted.keys())),
        )
    try:
        pair = EvaluationCase(
            prediction.resolve().name, find_mask(prediction), find_mask(reference)
        )
    except InputError as error:
        raise ConfigurationError(
            f"PRED and REF must hold masks of the same names, got none in common ({error})"
        ) from error
    return Cases((pair,))


def compare(case: EvaluationCase, options: Options) -> Compared:
    """Read both masks, lay them on one grid, measure. A file's error is returned, not raised."""
    try:
        predicted = read_mask(find_mask(case.prediction), labels=options.prediction_labels)
        reference = read_mask(
            find_mask(case.reference), labels=options.reference_labels, beside=predicted.grid()
        )
        pair = on_one_grid(predicted, reference)
    except InputError as error:
        return Compared(case.name, error=error)
    except OSError as error:
        unread = ReferenceMaskError(f"a mask could not be read: {type(error).__name__}")
        return Compared(case.name, error=unread)
    found = evaluate(
        pair.prediction, pair.reference, pair.volume, tolerance_mm=options.tolerance_mm
    )
    doubts = [f"prediction: {one}" for one in predicted.warnings]
    doubts += [f"reference: {one}" for one in reference.warnings]
    return Compared(case.name, found, (*doubts, *_notes(pair, found)))


def find_mask(path: Path) -> Path:
    """A file itself, or the one mask in a folder: NIfTI, or DICOM SEG among other DICOM files.

    Raises
    ------
    ReferenceMaskError
        The folder holds no mask, or several.
    """
    if path.is_file():
        return path
    files = [one for one in sorted(path.iterdir()) if one.is_file() and one.name[0] != "."]
    masks = [one for one in files if one.name.endswith(NIFTI) or _is_dicom_seg(one)]
    if len(masks) != 1:
        raise ReferenceMaskError(f"a folder must hold one mask, got {len(masks)}: name the file")
    return masks[0]


def _is_dicom_seg(path: Path) -> bool:
    try:
        return read_header(path, max_bytes=MAX_FILE_BYTES).sop_class_uid in _SEGMENTATIONS
    except DicomError:
        return False


def _named(folder: Path) -> dict[str, Path]:
    """Masks, and folders that may hold one, by name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = _case_name(path)
        if name is None:
            continue
        if name in found:
            raise ConfigurationError(f"a name must stand for one mask, got two masks {name!r}")
        found[name] = path
    return found


def _case_name(path: Path) -> str | None:
    """The name without the suffix; None where it is not the name of a mask."""
    if path.name.startswith("."):
        return None
    if path.is_dir():
        return path.name
    for suffix in _MASK_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return None


def _notes(pair: MaskPair, found: Evaluation) -> Iterator[str]:
    if pair.resampled:
        yield (
            "the reference was resampled to the grid of the prediction:"
            f" {pair.reference_volume_mm3:,.1f} mm3 became {found.reference_volume_mm3:,.1f} mm3"
        )
    if found.reference_volume_mm3 == 0.0:
        yield "the reference is empty: Dice is 1 or 0 by convention"

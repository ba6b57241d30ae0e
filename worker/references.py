"""Reference segmentations that came with a study: found, laid on the volume, measured against.

`docs/references.md` tells users how a reference must look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.headers import OWN_MANUFACTURER
from imaging.metrics import evaluate
from imaging.reference import is_nifti, read_reference
from imaging.series import Series
from metseg.errors import InputError, ReferenceMaskError
from worker.findings import ReferenceScore, Segmentation
from worker.staging import sha256_of

NIFTI = "nifti"
KINDS = {"SEG": "dicom-seg", "RTSTRUCT": "dicom-rtstruct"}
"""Of references that are DICOM, by modality."""
LARGEST_MM3 = 600e3
"""No brain holds so much tumour. A mask of the brain does, and so does a picture of the head that
is not a mask at all."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One file that says where lesions are. `kind` is as the table `evaluation` names it."""

    path: Path
    kind: str

    @property
    def name(self) -> str:
        """What it is called in warnings: its kind and the beginning of its SHA-256."""
        return f"reference {sha256_of(self.path)[:12]} ({self.kind})"


def split_files(files: Iterable[Path]) -> tuple[list[Path], list[Reference]]:
    """Part the DICOM files of a study and its NIfTI references, each content once."""
    dicom: list[Path] = []
    niftis: dict[str, Reference] = {}
    for path in files:
        if is_nifti(path):
            niftis.setdefault(sha256_of(path), Reference(path, NIFTI))
        else:
            dicom.append(path)
    return dicom, [niftis[sha256] for sha256 in sorted(niftis)]


def split_references(series: Sequence[Series]) -> tuple[tuple[Series, ...], list[Reference]]:
    """Part the series to choose from and the references among them (SEG, RTSTRUCT).

    Those of our own are neither: they are results that came back.
    """
    images = tuple(one for one in series if one.facts.modality not in KINDS)
    references = [
        Reference(path, KINDS[one.facts.modality])
        for one in series
        if one.facts.modality in KINDS and one.facts.manufacturer != OWN_MANUFACTURER
        for path in one.files
    ]
    return images, references


def score_references(
    references: Sequence[Reference], segmentation: Segmentation
) -> tuple[tuple[ReferenceScore, ...], list[str]]:
    """Measure against each reference. One that does not fit the volume makes a warning, not a
    failure.
    """
    scores: list[ReferenceScore] = []
    refused: list[str] = []
    for reference in references:
        try:
            scores.append(_score(reference, segmentation))
        except InputError as error:
            refused.append(f"{reference.name} was left out: {error}")
    return tuple(scores), refused


def unmeasured(references: Sequence[Reference]) -> tuple[str, ...]:
    """What to tell of references where no series was segmented."""
    return tuple(f"{one.name} was left out: no series was segmented" for one in references)


def _score(reference: Reference, segmentation: Segmentation) -> ReferenceScore:
    volume = segmentation.volume
    mask = read_reference(reference.path, volume, segmentation.source)
    marked_mm3 = float(mask.sum()) * volume.voxel_volume_mm3
    if marked_mm3 > LARGEST_MM3:
        raise ReferenceMaskError(
            f"reference must mark at most {LARGEST_MM3 / 1e3:.0f} ml, got {marked_mm3 / 1e3:.0f}"
        )
    return ReferenceScore(
        sha256=sha256_of(reference.path),
        kind=reference.kind,
        reference_volume_mm3=marked_mm3,
        evaluation=evaluate(segmentation.labels, mask, volume),
        mask=mask,
    )

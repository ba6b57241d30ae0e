"""Reference segmentations that came with a study: found, laid on the volume, measured against.

`docs/references.md` says what a reference must look like.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.dicom.files.headers import OWN_MANUFACTURER
from imaging.dicom.series.series import Series
from imaging.masks.nifti.mask import is_nifti
from imaging.masks.placed import Mask
from imaging.masks.reference import read_reference
from imaging.metrics.evaluate import evaluate
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.disk import sha256_of
from metseg.errors import InputError, ReferenceMaskError
from models.inputs import native_head
from worker.study.findings import ScoredReference, Segmentation

NIFTI = "nifti"
KINDS = {"SEG": "dicom-seg", "RTSTRUCT": "dicom-rtstruct"}
"""Of references that are DICOM, by modality."""
LEAST_IN_HEAD = 0.5
"""Least share in the head of what a reference marks. The rest may be bone or air that somebody drew
over.
"""
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
        return _name(sha256_of(self.path), self.kind)


@dataclass(frozen=True, slots=True)
class ReferenceRules:
    """What counts in a reference, by setting: labels of a NIfTI (None for all), and patterns of the
    names of regions (empty for metseg's own choice).
    """

    labels: Collection[int] | None = None
    regions: tuple[str, ...] = ()


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

    Those that metseg wrote are neither: they are results that came back.
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
    references: Sequence[Reference], segmentation: Segmentation, rules: ReferenceRules
) -> tuple[tuple[ScoredReference, ...], tuple[RefusedReference, ...]]:
    """Measure against each reference. One that does not fit the volume is refused, with the reason,
    which is not a failure.
    """
    scores: list[ScoredReference] = []
    refused: list[RefusedReference] = []
    for reference in references:
        try:
            scores.append(_score(reference, segmentation, rules))
        except InputError as error:
            sha256 = sha256_of(reference.path)
            refused.append(RefusedReference(sha256, reference.kind, str(error)))
    return tuple(scores), tuple(refused)


def warnings_of(
    scores: Sequence[ScoredReference], refused: Sequence[RefusedReference]
) -> tuple[str, ...]:
    """What to say of references: which were refused, and what is doubtful in the others."""
    doubts = [f"{_called(one.evaluation)}: {said}" for one in scores for said in one.warnings]
    left = [f"{_called(one)} was left out: {one.reason}" for one in refused]
    return (*doubts, *left)


def unmeasured(references: Sequence[Reference]) -> tuple[str, ...]:
    """What to say of references where no series was segmented."""
    return tuple(f"{one.name} was left out: no series was segmented" for one in references)


def _called(one: ReferenceEvaluation | RefusedReference) -> str:
    return _name(one.reference_sha256, one.reference_kind)


def _name(sha256: str, kind: str) -> str:
    return f"reference {sha256[:12]} ({kind})"


def _score(
    reference: Reference, segmentation: Segmentation, rules: ReferenceRules
) -> ScoredReference:
    volume, remarks = segmentation.volume, Remarks()
    labels = None if rules.labels is None else tuple(sorted(rules.labels))
    mask = read_reference(
        reference.path,
        volume,
        segmentation.source,
        labels=labels,
        regions=rules.regions,
        remarks=remarks,
    )
    _check_plausible(mask, volume, remarks)
    return ScoredReference(
        evaluation=ReferenceEvaluation(
            reference_sha256=sha256_of(reference.path),
            reference_kind=reference.kind,
            measures=evaluate(segmentation.labels, mask, volume),
            labels=labels if reference.kind == NIFTI else None,
            notes=(*remarks.notes, *remarks.warnings),
        ),
        mask=mask,
        warnings=tuple(remarks.warnings),
    )


def _check_plausible(mask: Mask, volume: Volume, remarks: Remarks) -> None:
    """Check that a mask may be one of tumours in this head.

    Raises
    ------
    ReferenceMaskError
        It is empty, larger than any tumour, or mostly in the air.
    """
    if not mask.any():
        said = "; ".join((*remarks.warnings, *remarks.notes))
        raise ReferenceMaskError(
            "reference must mark something, got nothing" + (f" ({said})" if said else "")
        )
    marked_mm3 = float(mask.sum()) * volume.voxel_volume_mm3
    if marked_mm3 > LARGEST_MM3:
        raise ReferenceMaskError(
            f"reference must mark at most {LARGEST_MM3 / 1e3:.0f} ml, got {marked_mm3 / 1e3:.0f}"
        )
    share = float(native_head(volume)[mask].mean())
    if share < LEAST_IN_HEAD:
        raise ReferenceMaskError(
            f"reference must lie in the head to {LEAST_IN_HEAD:.0%}, got {share:.0%}"
        )

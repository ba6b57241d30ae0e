"""Between the plain values of imaging and the rows that keep them: by the names of their fields.

A field that a dataclass and its table share is written and read without a word here. What SQL users
want ready beside the fields (`measurable`, `possible`, `relative_volume_error`) is written only.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from db.tables.result_tables import (
    ArtifactRow,
    DroppedCandidate,
    EvaluationRow,
    LesionRow,
    RefusedReferenceRow,
    Result,
    SeriesChoice,
)
from imaging.brain_seen import BrainSeen
from imaging.choice.verdict import SeriesVerdict
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Dropped, DropReason, Lesion
from imaging.metrics.bins import DiameterBin, by_diameter
from imaging.metrics.evaluation import Evaluation, ReferenceEvaluation, RefusedReference

BANDS: Final[Mapping[str, str]] = {
    "<3": "below_3mm",
    "3-5": "3_to_5mm",
    "5-10": "5_to_10mm",
    ">=10": "from_10mm",
}
"""Diameters in mm (`DiameterBin.name`), and how the columns `found_...` and `lesions_...` end."""

_CENTROID: Final = "centroid_lps_mm"
_AXES: Final = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")
_BRAIN: Final = "brain_"
_MEASURES: Final = tuple(
    one.name for one in fields(Evaluation) if one.name in EvaluationRow.__table__.c
)


def columns_of(part: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass as columns: a centroid as three of them, tuples as lists."""
    columns = {one.name: getattr(part, one.name) for one in fields(part)}
    if _CENTROID in columns:
        columns |= zip(_AXES, columns.pop(_CENTROID) or (None,) * 3, strict=True)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in columns.items()}


def lesion_columns(lesion: Lesion) -> dict[str, Any]:
    """One row of the table `lesion`."""
    return columns_of(lesion) | {"measurable": lesion.measurable, "possible": lesion.possible}


def read_lesion(row: LesionRow) -> Lesion:
    """The lesion of a row."""
    return Lesion(**_fields(Lesion, row))


def read_dropped(row: DroppedCandidate) -> Dropped:
    """The candidate of a row."""
    return Dropped(**_fields(Dropped, row) | {"reason": DropReason(row.reason)})


def evaluation_columns(one: ReferenceEvaluation) -> dict[str, Any]:
    """One row of the table `evaluation`. Single detections are not kept."""
    columns = columns_of(one)
    measures: Evaluation = columns.pop("measures")
    columns |= {name: getattr(measures, name) for name in _MEASURES}
    columns["relative_volume_error"] = measures.relative_volume_error
    for size in measures.sensitivity_by_diameter:
        band = BANDS[size.name]
        columns |= {f"found_{band}": size.found, f"lesions_{band}": size.lesions}
    return columns


def read_evaluation(row: EvaluationRow) -> ReferenceEvaluation:
    """The evaluation of a row, without single detections."""
    bins = tuple(_counted(size, row) for size in by_diameter(()))
    measures = Evaluation(**_fields(Evaluation, row), sensitivity_by_diameter=bins)
    return ReferenceEvaluation(**_fields(ReferenceEvaluation, row), measures=measures)


def read_artifact(row: ArtifactRow) -> Artifact:
    """The file of a row; its path is relative to the results folder."""
    return Artifact(**_fields(Artifact, row))


def series_columns(verdict: SeriesVerdict) -> dict[str, Any]:
    """One row of the table `series`. Whether there was doubt is not kept."""
    columns = columns_of(verdict)
    del columns["doubt"]
    return columns


def read_series(row: SeriesChoice) -> SeriesVerdict:
    """The verdict of a row."""
    return SeriesVerdict(**_fields(SeriesVerdict, row))


def read_refused(row: RefusedReferenceRow) -> RefusedReference:
    """The refused reference of a row."""
    return RefusedReference(**_fields(RefusedReference, row))


def brain_columns(brain: BrainSeen | None) -> dict[str, Any]:
    """The columns `brain_...` of the table `result`; none of them where no network sees a brain."""
    found = {} if brain is None else columns_of(brain)
    return {f"{_BRAIN}{name}": value for name, value in found.items()}


def read_brain(row: Result) -> BrainSeen | None:
    """The brain of a result; None where no network sees one."""
    if row.brain_volume_ml is None:
        return None
    return BrainSeen(**_fields(BrainSeen, row, prefix=_BRAIN))


def _fields(kind: type[Any], row: Any, *, prefix: str = "") -> dict[str, Any]:
    """The fields of a dataclass that the row has columns of: what `columns_of` makes, reversed."""
    names = [one.name for one in fields(kind)]
    columns = [name for name in names if f"{prefix}{name}" in row.__table__.c]
    values = {name: getattr(row, f"{prefix}{name}") for name in columns}
    if _CENTROID in names:
        centroid = [getattr(row, f"{prefix}{axis}") for axis in _AXES]
        values[_CENTROID] = None if None in centroid else centroid
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def _counted(size: DiameterBin, row: EvaluationRow) -> DiameterBin:
    band = BANDS[size.name]
    found, lesions = getattr(row, f"found_{band}"), getattr(row, f"lesions_{band}")
    return DiameterBin(size.from_mm, size.below_mm, found, lesions)

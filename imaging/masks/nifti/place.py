"""Where a NIfTI file says that it lies: units, and an sform or qform.

Both forms may be there and differ (https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields):
the qform is meant as the scanner's, the sform may be of an atlas.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from imaging.masks.placed import Mask, grid_corners, share_inside
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: metres, millimetres, micrometres
_UNIT_NAMES = {1000.0: "metres", 1.0: "millimetres", 0.001: "micrometres"}
_VOXEL_MM = (0.05, 30.0)  # the longest edge of a voxel of a head, at least and at most
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT
_SAME_PLACE = 0.25  # of the smallest voxel edge: forms nearer than this are one
_BETTER = 0.02  # of the boxes' overlap

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """One of the two ways to say where a file lies: `affine` maps (slice, row, column, 1) to LPS
    mm.
    """

    name: str
    code: int
    affine: Affine


def place(header: Any, mask: Mask, beside: Volume | None, remarks: Remarks) -> Affine:
    """The affine from (slice, row, column, 1) to LPS mm, by the form that lies on a study.

    Parameters
    ----------
    header
        Of nibabel.
    mask
        ``(slice, row, column)``.
    beside
        The grid of the study; without it the sform counts.
    remarks
        Receives warnings about another unit than the header's, and about forms that differ.

    Raises
    ------
    ReferenceMaskError
        The file has neither form, or no form that can be inverted.
    """
    forms = _forms(header)
    if not forms:
        raise ReferenceMaskError("segmentation must say where it lies, by its sform or qform")
    forms = [one for one in forms if _is_invertible(one.affine)]
    if not forms:
        raise ReferenceMaskError("segmentation must have an affine that can be inverted")
    scale = _millimetres(int(header["xyzt_units"]) & 7, forms[0].affine, remarks)
    forms = [_Form(one.name, one.code, _scaled(one.affine, scale)) for one in forms]
    if len(forms) == 1 or _apart_mm(forms, mask.shape) <= _SAME_PLACE * _edges(forms).min():
        return forms[0].affine
    return _better(forms, mask, beside, remarks).affine


def _forms(header: Any) -> list[_Form]:
    """The sform first, which NIfTI readers take where both are there."""
    found = []
    for name, read in (("sform", header.get_sform), ("qform", header.get_qform)):
        try:
            ras, code = read(coded=True)
        except (HeaderDataError, ValueError, np.linalg.LinAlgError):
            continue  # not a valid quaternion
        if ras is not None and int(code) > 0:
            lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(ras, dtype=np.float64)
            found.append(_Form(name, int(code), lps[:, [2, 1, 0, 3]]))
    return found


def _is_invertible(affine: Affine) -> bool:
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and (edges > 0).all()):
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / edges)) > 1e-3)


def _millimetres(unit: int, affine: Affine, remarks: Remarks) -> float:
    """What one unit is in mm: as the header says, unless no voxel of a head has such a size."""
    said = _MM.get(unit, 1.0)
    longest = float(np.linalg.norm(affine[:3, :3], axis=0).max())
    low, high = _VOXEL_MM
    fitting = [one for one in (said, *_MM.values()) if low <= one * longest <= high]
    scale = fitting[0] if fitting else said
    if scale != said:
        remarks.warnings.append(
            f"it is taken to be in {_UNIT_NAMES[scale]}: in {_UNIT_NAMES[said]}, as it says, its"
            f" voxels would be {said * longest:g} mm long"
        )
    return scale


def _scaled(affine: Affine, scale: float) -> Affine:
    scaled = affine.copy()
    scaled[:3] *= scale
    return scaled


def _edges(forms: list[_Form]) -> NDArray[np.float64]:
    return np.concatenate([np.linalg.norm(one.affine[:3, :3], axis=0) for one in forms])


def _placed(shape: tuple[int, ...], affine: Affine) -> NDArray[np.float64]:
    """Where an affine lays the corner voxels ``(8, 3)`` of such a shape."""
    return np.asarray(grid_corners(shape) @ affine[:3, :3].T + affine[:3, 3], dtype=np.float64)


def _apart_mm(forms: list[_Form], shape: tuple[int, ...]) -> float:
    one, other = (_placed(shape, form.affine) for form in forms)
    return float(np.linalg.norm(one - other, axis=1).max())


def _better(forms: list[_Form], mask: Mask, beside: Volume | None, remarks: Remarks) -> _Form:
    """The form that lays the grid, or else the marked voxels, more on the study; else the
    scanner's, else the sform.
    """
    apart = f"sform and qform differ by up to {_apart_mm(forms, mask.shape):.1f} mm"
    if beside is None:
        remarks.warnings.append(f"{apart}: the {forms[0].name} was taken")
        return forms[0]
    for measure in (_overlap, share_inside):
        fits = [measure(mask, one.affine, beside) for one in forms]
        if abs(fits[0] - fits[1]) > _BETTER:
            best = forms[int(np.argmax(fits))]
            remarks.warnings.append(f"{apart}: the {best.name} lies on the study and was taken")
            return best
    scanner = [one for one in forms if one.code == _SCANNER]
    best = scanner[0] if len(scanner) == 1 else forms[0]
    remarks.warnings.append(f"{apart}, and either would fit: the {best.name} was taken")
    return best


def _overlap(mask: Mask, affine: Affine, beside: Volume) -> float:
    """Common part of two grids' boxes by what either holds, 0 to 1, along the axes of `beside`."""
    placed = _placed(mask.shape, np.linalg.inv(beside.affine) @ affine)
    low, high = placed.min(axis=0) - 0.5, placed.max(axis=0) + 0.5
    size = np.array(beside.shape)
    common = np.clip(np.minimum(high, size - 0.5) - np.maximum(low, -0.5), 0, None).prod()
    return float(common / ((high - low).prod() + size.prod() - common))

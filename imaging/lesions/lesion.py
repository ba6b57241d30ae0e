"""A lesion and a candidate that is not one: plain values, the same wherever they are shown or kept.

This module is light: the watcher and the database import it without loading numpy.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

# RANO-BM (Lin 2015, Lancet Oncol 16:e270): measurable from 10 mm by 5 mm.
MEASURABLE_LONGEST_MM: Final = 10.0
MEASURABLE_PERPENDICULAR_MM: Final = 5.0
# BraTS-METS 2025 counts smaller ones for detection alone: a handful of voxels may be a vessel.
POSSIBLE_BELOW_MM3: Final = 20.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion, numbered from 1 by falling volume. Lengths are mm, volumes mm3.

    `slice_index` is the native slice, from 0, where it covers most voxels. Diameters are those of
    `imaging.lesions.diameters.axial_diameters`. `centroid_lps_mm` is (x, y, z), the mean of voxel
    centres. `tracking_uid` is its DICOM TrackingUID, empty until the lesion is written.
    """

    number: int
    voxel_count: int
    volume_mm3: float
    longest_diameter_mm: float
    perpendicular_diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    mean_probability: float
    max_probability: float
    slice_index: int
    tracking_uid: str = ""

    @property
    def measurable(self) -> bool:
        """RANO-BM: the longest diameter at least 10 mm and its perpendicular at least 5 mm."""
        return (
            self.longest_diameter_mm >= MEASURABLE_LONGEST_MM
            and self.perpendicular_diameter_mm >= MEASURABLE_PERPENDICULAR_MM
        )

    @property
    def possible(self) -> bool:
        """Whether it is too small to be sure of: a finding to look at, not one to count on."""
        return self.volume_mm3 < POSSIBLE_BELOW_MM3


class DropReason(StrEnum):
    """Why a candidate is not a lesion."""

    NO_SEED = "no voxel reaches the seed threshold"
    TOO_SMALL = "smaller than the minimum volume"
    TOO_FEW_SLICES = "in fewer slices than the minimum"
    OUTSIDE_BRAIN = "outside the brain"
    UNLIKE_LESION = "looks like a vessel, sinus or dura in three dimensions"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that the rule refused. `centroid_lps_mm` is (x, y, z)."""

    reason: DropReason
    voxel_count: int
    volume_mm3: float
    centroid_lps_mm: tuple[float, float, float]
    max_probability: float


def lesion_entry(lesion: Lesion) -> dict[str, Any]:
    """One lesion as plain values, for JSON: its fields, `measurable` and `possible`."""
    return asdict(lesion) | {
        "centroid_lps_mm": list(lesion.centroid_lps_mm),
        "measurable": lesion.measurable,
        "possible": lesion.possible,
    }


def dropped_entry(candidate: Dropped) -> dict[str, Any]:
    """One candidate that the rule refused, as plain values, for JSON."""
    return asdict(candidate) | {
        "reason": str(candidate.reason),
        "centroid_lps_mm": list(candidate.centroid_lps_mm),
    }

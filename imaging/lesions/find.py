"""From a probability volume to numbered lesions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.candidates import Candidate, Evidence, components, features
from imaging.lesions.diameters import axial_diameters
from imaging.lesions.lesion import Dropped, DropReason, Lesion
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume


def find_lesions(
    mean: NDArray[np.float32],
    volume: Volume,
    rule: LesionRule,
    *,
    members: Sequence[NDArray[np.float32]] = (),
    brain: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.uint16], list[Lesion], list[Dropped]]:
    """Number the lesions of a probability volume.

    Lesions are the components of voxels at or above the grow threshold, joined over 26 neighbours,
    that hold a seed, are large enough, show in enough slices, lie in the brain and pass the
    candidate classifier.

    Parameters
    ----------
    mean
        ``(Z, H, W)`` in [0, 1] on the grid of `volume`. Not changed.
    members, brain
        See `imaging.lesions.candidates.Evidence`; the candidate classifier is poorer without them.

    Returns
    -------
    Labels ``(Z, H, W)``, 0 where there is no lesion, the lesions from the largest on (ties in
    raster order), and the candidates that were dropped. A component without a seed is listed
    as dropped only if it has the rule's sizes.

    Raises
    ------
    ValueError
        A map is not on the grid of `volume`, or `mean` is not finite and in [0, 1].
    """
    evidence = Evidence(volume, mean, members, brain)
    kept: list[Candidate] = []
    dropped: list[Dropped] = []
    for component in components(evidence, rule.grow_threshold):
        reason = refusal(component, rule)
        if reason is None:
            kept.append(component)
        elif reason is not DropReason.NO_SEED or _is_lesion_sized(component, rule):
            dropped.append(_drop(component, reason))
    kept.sort(key=lambda component: -component.voxel_count)
    labels = np.zeros(volume.shape, dtype=np.uint16)
    for number, component in enumerate(kept, start=1):
        labels[component.box][component.mask] = number
    return labels, [_lesion(n, component) for n, component in enumerate(kept, start=1)], dropped


def refusal(component: Candidate, rule: LesionRule) -> DropReason | None:
    """Why the rule refuses a component, or None; cheap checks come first."""
    if component.max_probability < np.float32(rule.seed_threshold):
        return DropReason.NO_SEED
    if component.volume_mm3 < rule.minimum_volume_mm3:
        return DropReason.TOO_SMALL
    if component.slices < rule.minimum_slices:
        return DropReason.TOO_FEW_SLICES
    brain = component.brain_probability if rule.minimum_brain else None
    if brain is not None and brain < rule.minimum_brain:
        return DropReason.OUTSIDE_BRAIN
    classifier = rule.candidate_classifier
    if classifier is not None and classifier.probability(features(component)) < classifier.least:
        return DropReason.UNLIKE_LESION
    return None


def _is_lesion_sized(component: Candidate, rule: LesionRule) -> bool:
    return (
        component.volume_mm3 >= rule.minimum_volume_mm3 and component.slices >= rule.minimum_slices
    )


def _drop(component: Candidate, reason: DropReason) -> Dropped:
    return Dropped(
        reason=reason,
        voxel_count=component.voxel_count,
        volume_mm3=component.volume_mm3,
        centroid_lps_mm=component.centroid_lps_mm,
        max_probability=component.max_probability,
    )


def _lesion(number: int, component: Candidate) -> Lesion:
    affine = component.evidence.volume.affine
    longest, perpendicular = axial_diameters(component.mask, affine)
    return Lesion(
        number=number,
        voxel_count=component.voxel_count,
        volume_mm3=component.volume_mm3,
        longest_diameter_mm=longest,
        perpendicular_diameter_mm=perpendicular,
        centroid_lps_mm=component.centroid_lps_mm,
        mean_probability=component.mean_probability,
        max_probability=component.max_probability,
        slice_index=component.box[0].start + int(component.mask.sum(axis=(1, 2)).argmax()),
    )

"""An evaluation as plain values, for JSON."""

from dataclasses import asdict
from typing import Any

from imaging.metrics.bins import DiameterBin
from imaging.metrics.evaluation import Evaluation


def evaluation_entry(evaluation: Evaluation) -> dict[str, Any]:
    """Measures against one reference, with each reference lesion."""
    entry = asdict(evaluation)
    entry["sensitivity"] = evaluation.sensitivity
    entry["absolute_volume_error_mm3"] = evaluation.absolute_volume_error_mm3
    entry["relative_volume_error"] = evaluation.relative_volume_error
    entry["sensitivity_by_diameter"] = bin_entries(evaluation.sensitivity_by_diameter)
    entry["detections"] = [
        {**asdict(one), "equivalent_diameter_mm": one.equivalent_diameter_mm}
        for one in evaluation.detections
    ]
    return entry


def bin_entries(bins: tuple[DiameterBin, ...]) -> list[dict[str, Any]]:
    """Found and all lesions of each size, smallest first."""
    return [{"name": one.name, **asdict(one), "sensitivity": one.sensitivity} for one in bins]

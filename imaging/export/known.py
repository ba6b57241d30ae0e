"""Lesions that are known because they were drawn, as a DICOM SEG: for the demo and for synthetic
heads.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from highdicom.sr.coding import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid


def known_segmentation(
    sources: Sequence[Dataset], labels: NDArray[np.unsignedinteger], *, entropy: Sequence[str]
) -> hd.seg.Segmentation:
    """The known lesions, one segment each, on the grid of the sources.

    Parameters
    ----------
    labels
        ``(Z, H, W)``, 0 outside, else the number of the lesion; at least one. Numbers may have
        gaps, segments may not (PS3.3 C.8.20.2): the label of a segment holds the number of its
        lesion.
    entropy
        The same words give the same UIDs.
    """
    numbers = [int(number) for number in np.unique(labels) if number]
    segments = np.searchsorted([0, *numbers], labels).astype(np.uint16)
    series, instance = (
        str(generate_uid(entropy_srcs=[*entropy, kind]))
        for kind in ("reference", "reference instance")
    )
    return hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=segments,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(segment, number, entropy) for segment, number in enumerate(numbers, start=1)
        ],
        series_instance_uid=series,
        series_number=100,
        sop_instance_uid=instance,
        instance_number=1,
        manufacturer="metseg phantom",
        manufacturer_model_name="synthetic head",
        software_versions="1",
        device_serial_number="1",
        series_description="Known metastases (synthetic reference)",
    )


def _segment(segment: int, number: int, entropy: Sequence[str]) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=segment,
        segment_label=f"Metastasis {number}",
        segmented_property_category=CodedConcept(
            "49755003", "SCT", "Morphologically Abnormal Structure"
        ),
        segmented_property_type=CodedConcept("14799000", "SCT", "Neoplasm, Secondary"),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        tracking_id=f"Metastasis {number}",
        tracking_uid=str(generate_uid(entropy_srcs=[*entropy, "lesion", str(number)])),
    )

"""The files of a result: the table `OUTPUTS` says what each is, when it is written and by what.

Formats are `imaging.export`'s. `metseg.outputs` has the names that `METSEG_OUTPUTS` may list.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.export.dicom.authorship import Authorship
from imaging.export.dicom.reference_images import cannot_refer
from imaging.export.dicom.rtstruct import write_structures
from imaging.export.dicom.seg import has_probability, write_probability, write_segmentation
from imaging.export.dicom.sr import write_measurements
from imaging.export.nifti import nifti_bytes, probability_nifti_bytes
from imaging.export.page.html import Pictures, report_html
from imaging.export.page.report import report_bytes
from imaging.export.pictures.drawing import jpeg_bytes
from imaging.export.pictures.preview import key_images, preview_png
from metseg.settings import Settings
from worker.study.findings import Segmentation, StudyFindings

MOST_PICTURES = 20
"""Key images are drawn of at most this many lesions, the largest: nobody looks through 200."""
PICTURE_BYTES_IN_PAGE = 6_000_000
"""As text in the page they take a third more; the page stays below 10 MB. Where PNGs are more than
this the page has JPEGs of them."""


@dataclass
class Making:
    """A result whose files are being written: what `Output.when` and `Output.write` are given."""

    findings: StudyFindings
    settings: Settings
    authorship: Authorship
    report: dict[str, Any] = field(default_factory=dict)
    """Empty until all files are written that the report lists."""

    @property
    def found(self) -> Segmentation:
        """The segmentation, where there is one."""
        assert self.findings.segmentation is not None
        return self.findings.segmentation

    @cached_property
    def unfit(self) -> str | None:
        """Why DICOM results cannot refer to the series; None if they can."""
        return cannot_refer(self.found.source)

    @cached_property
    def mask_nifti_gz(self) -> bytes:
        """The mask, which the database records as well."""
        kept = self.found.kept
        return kept.mask_nifti_gz if kept else nifti_bytes(self.found.labels, self.found.volume)

    @property
    def reference(self) -> NDArray[np.bool_] | None:
        """The mask of the first reference, which pictures show beside the lesions."""
        return self.found.scores[0].mask if self.found.scores else None

    @cached_property
    def montage(self) -> bytes:
        """PNG of up to six slices."""
        found = self.found
        return preview_png(found.volume, found.labels, found.lesions, reference=self.reference)

    @cached_property
    def key_images(self) -> dict[int, bytes]:
        """PNGs of the largest lesions, by number."""
        found = self.found
        drawn = key_images(found.volume, found.labels, found.lesions, reference=self.reference)
        return {lesion.number: picture for lesion, picture in islice(drawn, MOST_PICTURES)}


@dataclass(frozen=True, slots=True)
class Output:
    """One kind of file of a result, or a series of them."""

    name: str | None
    """In `METSEG_OUTPUTS`. None: metseg itself needs the file and always writes it."""
    kind: str
    """In the database and in reports. ``dicom-…`` is what is pushed."""
    file: str
    """Name of the file; ``NN`` stands for the number of a lesion."""
    words: str
    """What it is."""
    written: str
    """When it is written, in words: what `when` decides."""
    when: Callable[[Making], bool]
    """Whether these findings have it."""
    write: Callable[[Making, Path], bytes | Mapping[str, bytes] | None]
    """Give the content of the file, or contents by file name; or write it at the path: None."""

    def is_file(self, name: str) -> bool:
        """Whether a file of this name is one of this output."""
        return re.fullmatch(re.escape(self.file).replace("NN", r"\d{2,}"), name) is not None


def _always(_making: Making) -> bool:
    return True


def _segmented(making: Making) -> bool:
    return making.findings.segmentation is not None


def _with_lesions(making: Making) -> bool:
    return _segmented(making) and bool(making.found.lesions)


def _with_probability(making: Making) -> bool:
    return _segmented(making) and making.found.probability is not None


def _with_fractions(making: Making) -> bool:
    probability = making.found.probability if _segmented(making) else None
    return probability is not None and has_probability(probability)


def _seg(making: Making, path: Path) -> None:
    found = making.found
    write_segmentation(
        path,
        found.labels,
        found.lesions,
        found.source,
        making.authorship,
        deflated=making.settings.compress_seg,
    )


def _sr(making: Making, path: Path) -> None:
    found = making.found
    write_measurements(path, found.labels, found.lesions, found.source, making.authorship)


def _rtstruct(making: Making, path: Path) -> None:
    found, author = making.found, making.authorship
    write_structures(path, found.labels, found.lesions, found.volume, found.source, author)


def _fractional_seg(making: Making, path: Path) -> None:
    probability = making.found.probability
    assert probability is not None
    deflated = making.settings.compress_seg
    write_probability(path, probability, making.found.source, making.authorship, deflated=deflated)


def _mask(making: Making, _path: Path) -> bytes:
    return making.mask_nifti_gz


def _probability(making: Making, _path: Path) -> bytes:
    assert making.found.probability is not None
    return probability_nifti_bytes(making.found.probability, making.found.volume)


def _montage(making: Making, _path: Path) -> bytes:
    return making.montage


def _key_images(making: Making, path: Path) -> dict[str, bytes]:
    return {
        path.name.replace("NN", f"{number:02d}"): png for number, png in making.key_images.items()
    }


def _report(making: Making, _path: Path) -> bytes:
    return report_bytes(making.report)


def _page(making: Making, _path: Path) -> bytes:
    if not _segmented(making):
        return report_html(making.report, Pictures())
    shown = tuple(making.key_images.items())
    if len(making.montage) + sum(len(png) for _, png in shown) > PICTURE_BYTES_IN_PAGE:
        shown = tuple((number, jpeg_bytes(png)) for number, png in shown)
    return report_html(making.report, Pictures(making.montage, shown))


REPORT_JSON = Output(
    None, "report-json", "report.json", "the report for programs", "always", _always, _report
)
PAGE = Output(
    "page",
    "report-html",
    "report.html",
    "the report as one page, no script, nothing fetched",
    "always",
    _always,
    _page,
)

OUTPUTS: tuple[Output, ...] = (
    Output(
        "seg",
        "dicom-seg",
        "lesions.dcm",
        "DICOM SEG, BINARY, one segment per lesion",
        "with lesions",
        _with_lesions,
        _seg,
    ),
    Output(
        "sr",
        "dicom-sr",
        "measurements.dcm",
        "DICOM SR, TID 1500: each lesion and the whole burden",
        "segmented",
        _segmented,
        _sr,
    ),
    Output(
        "rtstruct",
        "dicom-rtstruct",
        "structures.dcm",
        "DICOM RT structure set, one region per lesion",
        "with lesions",
        _with_lesions,
        _rtstruct,
    ),
    Output(
        "fractional-seg",
        "dicom-seg",
        "probability.dcm",
        "DICOM SEG, FRACTIONAL, the probability in steps of 1/255",
        "where the probability is not 0 everywhere",
        _with_fractions,
        _fractional_seg,
    ),
    Output(
        "nifti",
        "mask-nifti",
        "mask.nii.gz",
        "label volume on the native grid, lesion n = n",
        "segmented",
        _segmented,
        _mask,
    ),
    Output(
        "probability-nifti",
        "probability-nifti",
        "probability.nii.gz",
        "probability in steps of 1/1000, int16 with a slope",
        "segmented",
        _with_probability,
        _probability,
    ),
    Output(
        "pictures",
        "preview-png",
        "key-slices.png",
        "montage of up to six native slices",
        "segmented",
        _segmented,
        _montage,
    ),
    Output(
        "pictures",
        "preview-png",
        "lesion-NN.png",
        "one per lesion, of the 20 largest: whole slice, detail bare, detail with contour",
        "with lesions",
        _with_lesions,
        _key_images,
    ),
    REPORT_JSON,
    PAGE,
)
"""In the order in which they are written: the report lists all files before it."""


def is_output(name: str) -> bool:
    """Whether a file of this name is one that a result may have."""
    return any(output.is_file(name) for output in OUTPUTS)

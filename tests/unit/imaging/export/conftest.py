"""A report with everything in it."""

import pytest

from imaging.choice.choice import choose_series
from imaging.dicom.values.facts import SeriesFacts
from imaging.export.artifact import Artifact
from imaging.export.page.report import ReportFacts
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.metrics.evaluate import evaluate
from imaging.metrics.evaluation import ReferenceEvaluation
from tests.helpers.dicom.phantom import head_with_lesions

CHOICE = choose_series(
    [
        SeriesFacts("1.1", "MR", 160, description="T1 +C CANARY"),
        SeriesFacts("1.2", "MR", 160, description="T2 CANARY"),
    ],
    accept_any_t1=False,
)


@pytest.fixture(scope="module")
def facts() -> ReportFacts:
    head = head_with_lesions()
    mean = (head.labels > 0).astype("f4")
    mean[2, 2, 2] = 1.0
    labels, lesions, dropped = find_lesions(mean, head.volume, LesionRule())
    return ReportFacts(
        study_uid="1",
        series_uid="1.1",
        status="succeeded",
        model_version="fake-1",
        choice=CHOICE,
        lesions=lesions,
        dropped=dropped,
        evaluations=(
            ReferenceEvaluation("ab" * 32, "nifti", evaluate(labels, head.labels > 0, head.volume)),
        ),
        agreement=0.9,
        voxel_spacing_mm=head.volume.spacing,
        warnings=("a warning",),
        versions={"metseg": "0.1.0"},
        settings={"accept_any_t1": False},
        timings_s={"read": 1.23456},
        artifacts=(Artifact("dicom-seg", "/x", 1, "00"),),
    )

"""The brain that the networks see is recorded; a doubtful one makes a warning, none an error."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select

from db.results.results import study_reports
from db.tables.result_tables import Result
from db.tables.tables import Job
from imaging.volume import Volume
from models.ensemble import Prediction
from tests.helpers.fakes import ThresholdEnsemble
from tests.integration.worker.conftest import WorkerSite
from worker.job.execute import Ended, execute


class BrightIsBrain(ThresholdEnsemble):
    """Takes voxels brighter than `above` for brain."""

    above = 100.0

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        brain = (volume.voxels > self.above).astype(np.float32)
        return replace(super().predict(volume, progress=progress), brain=brain)


def test_the_brain_is_recorded_and_a_cut_one_makes_a_warning(site: WorkerSite) -> None:
    """A slab of 60 mm through the phantom: bright at its bottom and its top."""
    job_id, head = site.add_study()
    bench = replace(site.bench(), ensemble=BrightIsBrain())
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    brain = head.volume.voxels > BrightIsBrain.above
    expected_ml = brain.sum() * 5.0 * 4.0 * 4.0 / 1000.0
    centre = head.volume.to_lps(np.argwhere(brain).mean(axis=0))
    with site.sessions() as session:
        result = session.scalars(select(Result).where(Result.job_id == job_id)).one()
        report = study_reports(session, results_dir=site.settings.results_dir)[0]
    assert result.brain_volume_ml == pytest.approx(expected_ml)
    seen = (result.brain_centroid_l_mm, result.brain_centroid_p_mm, result.brain_centroid_s_mm)
    assert seen == pytest.approx(tuple(centre), abs=1e-3)
    assert any("cut at bottom, top" in warning for warning in result.warnings)
    assert report.brain_volume_ml == result.brain_volume_ml
    page = json.loads((site.settings.results_dir / result.directory / "report.json").read_text())
    assert page["brain"]["cut"] == ["bottom", "top"]


def test_a_study_in_which_the_networks_see_no_brain_fails(site: WorkerSite) -> None:
    class SeesNoBrain(BrightIsBrain):
        above = 2000.0

    job_id, _ = site.add_study()
    bench = replace(site.bench(), ensemble=SeesNoBrain())
    assert execute(site.claim(job_id, bench), bench).ended is Ended.FAILED
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.error_code, job.error_message) == (
            "no_brain",
            "the networks must see a brain: got 0 ml, less than 50 ml",
        )
        assert session.scalars(select(Result)).all() == []


def test_an_ensemble_without_a_brain_output_gives_no_brain(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        assert session.scalars(select(Result)).one().brain_volume_ml is None

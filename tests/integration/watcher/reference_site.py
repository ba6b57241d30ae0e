"""A watcher and a worker, for tests of references on their way from the inbox to the evaluation."""

from dataclasses import dataclass, field

from sqlalchemy import func, select

from db.results.results import study_reports
from metseg.processes import new_owner
from metseg.settings import Settings
from models.ensemble import Prediction
from tests.helpers.dicom.phantom import Recipe, write_study
from tests.helpers.dicom.references import write_reference
from tests.helpers.fakes import ThresholdEnsemble
from tests.helpers.invariants import artifacts_are_on_disk, counts_and_sums_agree
from tests.helpers.invariants import one_current_result_per_study as one_current
from watcher.intake.intake import JobKey
from worker.host.host import Host
from worker.job.execute import Ended
from worker.job.networks import Networks
from worker.job.pause import pause_note
from worker.job.runner import Runner

NAMES = {"dicom-seg": "seg.dcm", "dicom-rtstruct": "rtss.dcm", "nifti": "mask.nii.gz"}


class CountingEnsemble(ThresholdEnsemble):
    """Counts its predictions."""

    def __init__(self) -> None:
        super().__init__()
        self.predictions = 0

    def predict(self, *args: object, **kwargs: object) -> Prediction:
        self.predictions += 1
        return super().predict(*args, **kwargs)  # type: ignore[arg-type]


@dataclass
class ReferenceSite:
    """A watcher with its inbox, and a worker beside it."""

    watcher_site: object
    ensemble: CountingEnsemble = field(default_factory=CountingEnsemble)
    changed: dict[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.watcher_site.values() | self.changed)

    @property
    def series(self):
        return self.watcher_site.inbox / "study" / "t1"

    def write_series(self, **recipe) -> None:
        recipe = Recipe(name="study", **recipe)
        write_study(self.series, recipe, shape=(12, 36, 36), spacing=(5.0, 4.0, 4.0))

    def drop(self, kind, name="", **reference):
        path = self.watcher_site.inbox / "study" / (name or NAMES[kind])
        return write_reference(kind, path, self.series, **reference)

    def settle(self) -> None:
        """The watcher takes in what is there, the worker does all jobs."""
        settings = self.settings
        self.watcher_site.key = JobKey(self.ensemble.version, settings.result_digest(None))
        self.watcher_site.take_in(**self.changed)
        runner = Runner(
            settings=settings,
            sessions=self.watcher_site.sessions,
            owner=new_owner("one"),
            note=pause_note(self.watcher_site.home),
            networks=Networks(settings, Host(settings, "one"), loader=lambda *_: self.ensemble),
        )
        while (report := runner.run_next()) is not None:
            assert report.ended is Ended.RECORDED, report.failure
        wrongs = self.wrongs()
        assert wrongs == [], wrongs

    def wrongs(self) -> list[str]:
        with self.watcher_site.sessions() as session:
            return [
                *one_current(session),
                *counts_and_sums_agree(session),
                *artifacts_are_on_disk(session, self.settings.results_dir),
            ]

    @property
    def report(self):
        with self.watcher_site.sessions() as session:
            (one,) = study_reports(session, results_dir=self.settings.results_dir)
        return one

    def count(self, table) -> int:
        with self.watcher_site.sessions() as session:
            return session.scalar(select(func.count()).select_from(table))


def measured(report):
    return [(one.reference_kind, round(one.measures.dice, 6)) for one in report.evaluations]


def files(report):
    return {(one.kind, one.path.rpartition("/")[2]): one.sha256 for one in report.artifacts}

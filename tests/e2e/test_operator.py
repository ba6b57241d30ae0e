"""What a person does to a job while workers run."""

import subprocess
import sys

from db.tables.tables import JobState
from tests.e2e.site import Site
from tests.helpers.places import ROOT

SLICES = 13


def metseg(site: Site, *words: str) -> str:
    """What a command of the site prints; it must succeed."""
    ran = subprocess.run(
        [sys.executable, "-m", "metseg", *words],
        cwd=ROOT,
        env=site.environment() | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_running_job_that_is_cancelled_stops_and_waits_again_when_asked(site: Site) -> None:
    fault = site.order(SLICES, "wait")
    site.watcher()
    site.worker()
    study = site.drop("cancelled", slices=SLICES)
    site.until_seen(SLICES)
    job = site.job(study)
    assert job is not None
    assert "it was running" in metseg(site, "cancel", str(job.id), "--yes")
    site.until_state(study, JobState.CANCELLED)
    other = site.drop("other", slices=12)
    site.until_state(other, JobState.SUCCEEDED)
    assert site.state_of(study) is JobState.CANCELLED

    fault.unlink()
    metseg(site, "retry", str(job.id), "--yes")
    site.until_state(study, JobState.SUCCEEDED)
    assert "cancel" in metseg(site, "audit")
    site.check()


def test_a_job_put_first_runs_before_those_that_came_earlier(site: Site) -> None:
    fault = site.order(SLICES, "wait")
    site.watcher()
    site.worker()
    site.drop("runs", slices=SLICES)
    site.until_seen(SLICES)
    waiting = [site.drop(f"waits-{number}", slices=12) for number in range(4)]
    for study in waiting:
        site.until_state(study, JobState.PENDING)
    last = max((site.job(study) for study in waiting), key=lambda job: job.id if job else 0)
    assert last is not None
    metseg(site, "first", str(last.id), "--yes")
    fault.unlink()
    for study in waiting:
        site.until_state(study, JobState.SUCCEEDED)
    ended = sorted(
        (job for job in map(site.job, waiting) if job is not None),
        key=lambda job: job.claimed_at or job.created_at,
    )
    assert ended[0].id == last.id

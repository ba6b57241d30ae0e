"""Every state change of a job, with all of its SQL.

Functions take a session and never commit. `now` is aware UTC. Leases are judged by counters, not by
clocks.
"""

from db.jobs.claims import Claim, Lease, beat, claim, claim_next, claim_rung, claimants, holds_fence
from db.jobs.failure import fail, release
from db.jobs.finish import finalise
from db.jobs.leases import expire, release_owner, running_leases
from db.jobs.making import (
    create_first_job,
    create_job,
    snapshots_so_far,
    studies_to_rerun,
)
from db.jobs.operator import cancel, first, retry
from db.jobs.queue import (
    MAX_WAIT,
    JobStanding,
    doorbells_unanswered,
    is_waiting,
    job_counts,
    jobs_to_ring,
    mark_published,
    ring_again,
    standing,
)
from db.jobs.states import MAX_ATTEMPTS

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_WAIT",
    "Claim",
    "JobStanding",
    "Lease",
    "beat",
    "cancel",
    "claim",
    "claim_next",
    "claim_rung",
    "claimants",
    "create_first_job",
    "create_job",
    "doorbells_unanswered",
    "expire",
    "fail",
    "finalise",
    "first",
    "holds_fence",
    "is_waiting",
    "job_counts",
    "jobs_to_ring",
    "mark_published",
    "release",
    "release_owner",
    "retry",
    "ring_again",
    "running_leases",
    "snapshots_so_far",
    "standing",
    "studies_to_rerun",
]

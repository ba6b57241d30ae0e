"""What must hold after every fault (docs/reliability.md, I1 to I6), checked on rows and disk.

`check_invariants` is called when everything has ended, and reports all breaches at once.
"""

import gzip
import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.jobs.states import EDGES
from db.tables.result_tables import ArtifactRow, LesionRow, Mask, Result
from db.tables.tables import (
    FileStatus,
    Instance,
    Job,
    JobEvent,
    JobState,
    Outcome,
    Snapshot,
    SourceFile,
    Study,
)
from metseg.disk import spool_path


def check_invariants(
    session: Session,
    *,
    results_dir: Path,
    spool_dir: Path,
    live_owners: Collection[str] = (),
    swept: bool = True,
) -> None:
    """Fail unless I1 to I6 hold.

    `live_owners` may hold RUNNING jobs; nobody else may. With `swept=False` what a later sweep
    removes (files that nothing refers to) is allowed.
    """
    breaches = [
        *snapshots_have_their_bytes(session, spool_dir),
        *one_current_result_per_study(session),
        *counts_and_sums_agree(session),
        *artifacts_are_on_disk(session, results_dir),
        *history_leads_to_the_state(session),
        *running_jobs_have_a_living_owner(session, live_owners),
    ]
    if swept:
        breaches += [*nothing_else_in_results(session, results_dir)]
        breaches += [*nothing_else_in_spool(session, spool_dir)]
    assert not breaches, "\n".join(breaches)


def snapshots_have_their_bytes(session: Session, spool_dir: Path) -> Iterator[str]:
    """I1: the counts, the digest and the spool of every snapshot; each INGESTED file is in one."""
    members: dict[int, list[Instance]] = defaultdict(list)
    for instance in session.scalars(select(Instance)):
        members[instance.snapshot_id].append(instance)
    for snapshot in session.scalars(select(Snapshot)):
        own = members[snapshot.id]
        lines = sorted(f"{one.sop_instance_uid} {one.sha256}\n" for one in own)
        if snapshot.digest != hashlib.sha256("".join(lines).encode()).hexdigest():
            yield f"I1: snapshot {snapshot.id} has another digest than its instances"
        if (snapshot.n_instances, snapshot.n_bytes) != (len(own), sum(one.size for one in own)):
            yield f"I1: snapshot {snapshot.id} counts other instances or bytes than it has"
    sizes = session.execute(select(Instance.sha256, Instance.size).distinct())
    for sha256, size in sizes:
        yield from _wrong_bytes("I1: spool", spool_path(spool_dir, sha256), sha256, size)
    yield from _revisions_count_up(session)
    known = {
        (row.study_id, row.sop_instance_uid, row.sha256)
        for row in session.execute(
            select(Snapshot.study_id, Instance.sop_instance_uid, Instance.sha256).join(
                Snapshot, Snapshot.id == Instance.snapshot_id
            )
        )
    }
    ingested = select(SourceFile).where(SourceFile.status == FileStatus.INGESTED)
    for file in session.scalars(ingested):
        if (file.study_id, file.sop_instance_uid, file.sha256) not in known:
            yield f"I1: source_file {file.id} is ingested, and in no snapshot"


def _revisions_count_up(session: Session) -> Iterator[str]:
    revisions: dict[int, list[int]] = {study: [] for study in session.scalars(select(Study.id))}
    for study_id, revision in session.execute(
        select(Snapshot.study_id, Snapshot.revision).order_by(Snapshot.revision)
    ):
        revisions[study_id].append(revision)
    for study_id, own in revisions.items():
        if own != list(range(1, len(own) + 1)) or not own:
            yield f"I1: study {study_id} has revisions {own}"


def one_current_result_per_study(session: Session) -> Iterator[str]:
    """I2: exactly the newest result of each study is current; each success has one result."""
    newest: dict[int, tuple[int, int, int]] = {}
    current: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    rows = session.execute(
        select(Result, Snapshot, Job)
        .join(Job, Job.id == Result.job_id)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
    )
    for result, snapshot, job in rows:
        order = (snapshot.revision, job.wish, job.id)
        newest[result.study_id] = max(order, newest.get(result.study_id, order))
        if result.is_current:
            current[result.study_id].append(order)
        if result.study_id != snapshot.study_id:
            yield f"I2: result {result.id} is of another study than its job"
        if (job.state, job.fence) != (JobState.SUCCEEDED, result.fence):
            yield f"I2: result {result.id} is of fence {result.fence}, job is {job.state}"
    for study_id, order in newest.items():
        if current[study_id] != [order]:
            yield f"I2: study {study_id} has current {current[study_id]}, newest is {order}"
    with_result = select(Result.job_id)
    missing = session.scalars(
        select(Job.id).where(Job.state == JobState.SUCCEEDED, Job.id.not_in(with_result))
    )
    for job_id in missing:
        yield f"I2: job {job_id} succeeded without a result"


def counts_and_sums_agree(session: Session) -> Iterator[str]:
    """I3: the lesions agree with their result, and the mask with both."""
    rows = session.execute(
        select(Result, func.count(LesionRow.id), func.coalesce(func.sum(LesionRow.volume_mm3), 0.0))
        .outerjoin(LesionRow, LesionRow.result_id == Result.id)
        .group_by(Result.id)
    )
    for result, count, volume in rows:
        mask = session.get(Mask, result.id)
        if result.outcome is Outcome.NO_SERIES:
            if count or mask or result.n_lesions is not None or result.series_instance_uid:
                yield f"I3: result {result.id} has no series, and yet findings"
            continue
        recorded = result.total_volume_mm3
        if result.n_lesions != count or recorded is None or not math.isclose(recorded, volume):
            yield f"I3: result {result.id} and its lesions differ in number or volume"
        if mask is None:
            yield f"I3: result {result.id} has no mask"
        elif hashlib.sha256(mask.nifti_gz).hexdigest() != mask.sha256:
            yield f"I3: the mask of result {result.id} has another hash"
        elif not gzip.decompress(mask.nifti_gz):
            yield f"I3: the mask of result {result.id} is empty"


def artifacts_are_on_disk(session: Session, results_dir: Path) -> Iterator[str]:
    """I4, first half: every artifact exists with its size and hash, under its result's folder."""
    rows = session.execute(
        select(ArtifactRow, Result.directory).join(Result, Result.id == ArtifactRow.result_id)
    )
    for artifact, directory in rows:
        if not artifact.path.startswith(f"{directory}/"):
            yield f"I4: artifact {artifact.id} is outside {directory}"
        path = results_dir / artifact.path
        yield from _wrong_bytes("I4: artifact", path, artifact.sha256, artifact.size)


def nothing_else_in_results(session: Session, results_dir: Path) -> Iterator[str]:
    """I4, second half: a row refers to every file."""
    known = set(session.scalars(select(ArtifactRow.path)))
    for path in _files(results_dir):
        if path.relative_to(results_dir).as_posix() not in known:
            yield f"I4: nothing refers to {path}"


def nothing_else_in_spool(session: Session, spool_dir: Path) -> Iterator[str]:
    """I4, for the spool: an instance refers to every file, and there are no temporary ones."""
    known = set(session.scalars(select(Instance.sha256)))
    for path in _files(spool_dir):
        if path.stem not in known:
            yield f"I4: nothing refers to {path}"


def history_leads_to_the_state(session: Session) -> Iterator[str]:
    """I5: the events of each job are legal edges, one after the other, and end in its state."""
    events: dict[int, list[JobEvent]] = defaultdict(list)
    for event in session.scalars(select(JobEvent).order_by(JobEvent.id)):
        events[event.job_id].append(event)
    for job in session.scalars(select(Job)):
        state: JobState | None = None
        fence = 0
        for event in events[job.id]:
            if event.old_state != state or (event.old_state, event.new_state) not in EDGES:
                yield f"I5: job {job.id} went {event.old_state} -> {event.new_state} at {state}"
            fence += event.new_state is JobState.RUNNING
            if event.fence != fence:
                yield f"I5: job {job.id} has an event with fence {event.fence}, not {fence}"
            state = event.new_state
        if (state, fence) != (job.state, job.fence):
            yield f"I5: job {job.id} is {job.state} at {job.fence}, its history {state} at {fence}"


def running_jobs_have_a_living_owner(
    session: Session, live_owners: Collection[str]
) -> Iterator[str]:
    """I6: every running job has an owner that is alive."""
    for job in session.scalars(select(Job).where(Job.state == JobState.RUNNING)):
        if job.owner not in live_owners:
            yield f"I6: job {job.id} is running, its owner {job.owner} is not alive"


def _wrong_bytes(what: str, path: Path, sha256: str, size: int) -> Iterator[str]:
    if not path.is_file():
        yield f"{what} is missing: {path}"
        return
    content = path.read_bytes()
    if (len(content), hashlib.sha256(content).hexdigest()) != (size, sha256):
        yield f"{what} has other bytes than recorded: {path}"


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file() or path.is_symlink())

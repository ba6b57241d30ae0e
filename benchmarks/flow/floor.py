"""The least that a study costs by what metseg promises, in one process: its files copied, read and
written durably, its rows in as few statements and commits as keep the promises, by the bare driver.

No watcher, no settling, no queue, no Celery, no leases, no SQLAlchemy. What the daemon needs beyond
this is what it takes to be a daemon.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from db.results.rows import columns_of, lesion_columns, series_columns
from imaging.dicom.files.headers import InstanceHeader, read_header
from imaging.dicom.files.parsing import MAX_FILE_BYTES
from metseg.disk import flush_all
from metseg.settings import Settings
from tests.helpers.fakes import ThresholdEnsemble
from worker.files.artifacts import Written, write_artifacts
from worker.files.staging import RunFolders, RunName
from worker.pipeline import segment_study
from worker.study.findings import StudyFindings
from worker.study.stopwatch import Stopwatch

STUDIES_AT_ONCE = 32
OWNER = "floor:1:c0ffee00"


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file of a study in the spool, and what its header says."""

    path: Path
    sha256: str
    size: int
    header: InstanceHeader


@dataclass(frozen=True, slots=True)
class Floor:
    """`rows` is a connection to a migrated database of its own; it commits."""

    rows: psycopg.Connection[Any]
    settings: Settings

    def walk(self, studies: Sequence[Path]) -> None:
        """Bring studies, each a folder of files, from there to their results."""
        for start in range(0, len(studies), STUDIES_AT_ONCE):
            for job in self._take_in(studies[start : start + STUDIES_AT_ONCE]):
                self._work(*job)

    def _take_in(self, studies: Iterable[Path]) -> list[tuple[int, int, list[Path]]]:
        spool = self.settings.spool_dir
        spool.mkdir(parents=True, exist_ok=True)
        copies = [[_copy(path, spool) for path in sorted(one.iterdir())] for one in studies]
        flush_all(copy.path for study in copies for copy in study)
        flush_all([spool])
        with self.rows.transaction():
            return [self._record(study) for study in copies]

    def _record(self, copies: Sequence[_Copy]) -> tuple[int, int, list[Path]]:
        """Study, snapshot, instances, files, job and its first event."""
        now, header = datetime.now(UTC), copies[0].header
        study = self._insert("study", study_instance_uid=header.study_instance_uid, created_at=now)
        digest = hashlib.sha256("".join(one.sha256 for one in copies).encode()).hexdigest()
        size = sum(one.size for one in copies)
        counts = {"n_instances": len(copies), "n_bytes": size, "created_at": now}
        snapshot = self._insert("snapshot", study_id=study, revision=1, digest=digest, **counts)
        for one in copies:
            same = {
                "size": one.size,
                "sha256": one.sha256,
                "sop_instance_uid": one.header.sop_instance_uid,
            }
            series, modality = one.header.series_instance_uid, one.header.modality or ""
            names = {"series_instance_uid": series, "modality": modality}
            self._insert("instance", snapshot_id=snapshot, **names, **same)
            times = {"mtime_ns": 1, "inode": "1", "first_seen_at": now}
            path = f"{study}/{one.path.name}"
            self._insert(
                "source_file", path=path, status="ingested", study_id=study, **times, **same
            )
        key = {"snapshot_id": snapshot, "model_version": "fake-1", "settings_digest": digest}
        counters = dict.fromkeys(("priority", "attempt", "infra_retries", "fence", "hb_seq"), 0)
        waiting = {"state": "pending", "run_after": now, "created_at": now, "wish": 1}
        job = self._insert("job", **key, **counters, **waiting)
        self._event(job, None, "pending", "created")
        return job, study, [one.path for one in copies]

    def _work(self, job: int, study: int, files: Sequence[Path]) -> None:
        """Claim, read, segment, write, finalise: two commits, and a folder renamed between them."""
        with self.rows.transaction():
            self.rows.execute(
                "UPDATE job SET state = 'running', owner = %s, attempt = attempt + 1,"
                " fence = fence + 1 WHERE id = %s AND state = 'pending' RETURNING fence",
                (OWNER, job),
            )
            self._event(job, "pending", "running", "claimed")
        self.rows.execute("SELECT sha256 FROM instance WHERE snapshot_id = %s", (job,)).fetchall()
        watch = Stopwatch()
        findings = segment_study(
            files, ensemble=ThresholdEnsemble(), settings=self.settings, watch=watch
        )
        folders = RunFolders.of(
            self.settings.results_dir, study_id=study, run=RunName(job, 1, "c0ffee00")
        )
        made_at, staged = datetime.now(UTC), folders.make()
        written = write_artifacts(
            findings, staged, settings=self.settings, made_at=made_at, seconds=watch.seconds
        )
        folders.publish({file.path: file.sha256 for file in written.files})
        with self.rows.transaction():
            self._finalise(job, study, findings, written, str(folders.published))

    def _finalise(
        self, job: int, study: int, findings: StudyFindings, written: Written, directory: str
    ) -> None:
        now = datetime.now(UTC)
        self.rows.execute(
            "UPDATE job SET state = 'succeeded', owner = NULL, finished_at = %s"
            " WHERE id = %s AND fence = 1 AND state = 'running' RETURNING id",
            (now, job),
        )
        self._event(job, "running", "succeeded", "finalised")
        found = findings.segmentation
        says: dict[str, Any] = {"warnings": [], "timings_s": {}, "versions": {}}
        result = self._insert(
            "result",
            job_id=job,
            study_id=study,
            fence=1,
            is_current=True,
            outcome="no_series" if found is None else "segmented",
            directory=directory,
            created_at=now,
            **says,
        )
        parts = [("series", series_columns(one)) for one in findings.choice.verdicts]
        parts += [
            ("artifact", columns_of(replace(one, path=f"{directory}/{one.path}")))
            for one in written.files
        ]
        parts += [("lesion", lesion_columns(one)) for one in (found.lesions if found else ())]
        for table, columns in parts:
            self._insert(table, result_id=result, **columns)
        if written.mask_nifti_gz is not None:
            self.rows.execute(
                "INSERT INTO mask (result_id, nifti_gz, sha256) VALUES (%s, %s, %s)",
                (result, written.mask_nifti_gz, "0" * 64),
            )

    def _event(self, job: int, old: str | None, new: str, code: str) -> None:
        edge = {"old_state": old, "new_state": new, "fence": 0, "code": code, "actor": OWNER}
        self._insert("job_event", job_id=job, at=datetime.now(UTC), **edge)

    def _insert(self, table: str, **columns: Any) -> int:
        """Insert a row and return its id."""
        row = self.rows.execute(_statement(table, columns), list(_plain(columns))).fetchone()
        assert row is not None
        return int(row[0])


def _copy(source: Path, spool: Path) -> _Copy:
    """Read a file once, write it under the name of its hash, and read the header of what is there.
    Not durable yet.
    """
    content = source.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    path = spool / f"{sha256}.dcm"
    path.write_bytes(content)
    path.chmod(0o444)
    return _Copy(path, sha256, len(content), read_header(path, max_bytes=MAX_FILE_BYTES))


def _statement(table: str, columns: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )


def _plain(columns: Mapping[str, Any]) -> Iterable[Any]:
    """Values as the driver takes them: lists and mappings as JSON."""
    for value in columns.values():
        yield Jsonb(value) if isinstance(value, list | dict) else value

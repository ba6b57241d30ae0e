"""Counts that end where nobody counts on."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.counts import COUNTED_UP_TO, MORE, counts, shown
from db.intake.files import see, set_status
from db.intake.fingerprint import Fingerprint
from db.tables.tables import FileStatus, JobState, SourceFile
from tests.helpers.rows import T0, new_job, take

Sessions = sessionmaker[Session]


def test_words_without_rows_are_left_out_and_a_count_ends_at_more(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.counts.MORE", 3)
    with sessions.begin() as session:
        known = see(session, {name: Fingerprint(1, 1, 1) for name in "abcdefg"}, now=T0)
        ids = [file.id for file in known.values()]
        set_status(session, ids[:4], FileStatus.INGESTED)
        set_status(session, ids[4:6], FileStatus.IGNORED)
        assert counts(session, SourceFile.status, FileStatus) == {
            FileStatus.SEEN: 1,
            FileStatus.INGESTED: 3,
            FileStatus.IGNORED: 2,
        }


def test_every_state_of_a_job_is_counted(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert set(jobs.job_counts(session).values()) == {0}
        take(session, new_job(session, study="1.1"))
        new_job(session, study="1.2")
        new_job(session, study="1.3")
        expected = dict.fromkeys(JobState, 0) | {JobState.RUNNING: 1, JobState.PENDING: 2}
        assert jobs.job_counts(session) == expected


def test_a_number_beyond_the_last_that_is_counted_is_shown_as_more() -> None:
    assert [shown(number) for number in (0, COUNTED_UP_TO, MORE)] == ["0", "5000", "5000+"]

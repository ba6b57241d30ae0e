"""`metseg cancel`, `first`, `retry`, `audit` as a person types them."""

import json
from pathlib import Path

import pytest

from db.session import make_engine, session_factory
from db.tables.tables import Job, JobState
from db.upgrade import migrate
from tests.helpers.rows import new_job
from tests.integration.cli.program import Program


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose database has one waiting job, number 1."""
    url = f"sqlite:///{tmp_path / 'metseg.sqlite3'}"
    migrate(url)
    engine = make_engine(url)
    with session_factory(engine).begin() as session:
        new_job(session)
    engine.dispose()
    return tmp_path


def state(home: Path) -> JobState:
    engine = make_engine(f"sqlite:///{home / 'metseg.sqlite3'}")
    with session_factory(engine)() as session:
        found = session.get_one(Job, 1).state
    engine.dispose()
    return found


def test_a_dry_run_says_what_would_be_done_and_does_nothing(home: Path) -> None:
    ran = Program(home).run(["cancel", "1", "--dry-run"])
    assert ran.returncode == 0
    assert ran.stdout == "would be done: job 1 of study 1 is cancelled; it was pending\n"
    assert state(home) is JobState.PENDING
    assert Program(home).run(["audit", "--json"]).stdout == ""


def test_nothing_is_done_where_nobody_can_be_asked(home: Path) -> None:
    ran = Program(home).run(["cancel", "1"])
    assert ran.returncode == 1
    assert "--yes does not ask" in ran.stderr
    assert state(home) is JobState.PENDING


def test_with_yes_it_is_done_and_the_audit_says_by_whom(home: Path) -> None:
    program = Program(home)
    for words in (["cancel", "1"], ["retry", "1"], ["first", "1"]):
        assert program.run([*words, "--yes"]).returncode == 0
    lines = [json.loads(line) for line in program.run(["audit", "--json"]).stdout.splitlines()]
    assert [line["action"] for line in lines] == ["first", "retry", "cancel"]
    assert {line["job_id"] for line in lines} == {1}
    assert all("@" in line["actor"] for line in lines)
    assert "is cancelled; it was pending" in program.run(["audit"]).stdout


def test_what_cannot_be_done_is_said_before_anybody_is_asked(home: Path) -> None:
    refused = Program(home).run(["retry", "1"])
    assert refused.returncode == 3
    assert "job 1 must be failed to wait again, it is pending" in refused.stderr

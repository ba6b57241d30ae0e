"""Senders that are killed at the worst moments, on SQLite and PostgreSQL."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db.outbox.push_reports import push_reports
from metseg.settings import Settings
from tests.helpers.dicom.phantom import uid
from tests.helpers.outbox import WORKER, Outbox
from tests.helpers.places import ROOT
from tests.helpers.servers.receiver import Receiver
from worker.outbox.pusher import Pusher

OTHER = "host:2:bbbb"
STEP = f"""
import os, signal
from db.outbox import pushes
from db.session import make_engine, session_factory
from metseg.settings import Settings
from worker.outbox.pusher import Pusher
{{before}}
settings = Settings()
sessions = session_factory(make_engine(settings.database))
Pusher(settings, name={WORKER!r}, sessions=sessions).step()
"""
DIES_BEFORE_THE_RECORD = "pushes.mark_sent = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def outbox(tmp_path: Path, migrated_url: str, sessions: sessionmaker[Session]) -> Outbox:
    home = tmp_path / "home"
    settings = Settings(home=home, database_url=migrated_url, backoff_s=60.0)
    made = Outbox(settings, sessions)
    made.worker()
    return made


def start(outbox: Outbox, *, before: str = "") -> subprocess.Popen[bytes]:
    """A sender in a process of its own, under the name of the first worker."""
    environment = os.environ | {
        "METSEG_HOME": str(outbox.settings.home),
        "METSEG_DATABASE_URL": outbox.settings.database,
        "PYTHONPATH": str(ROOT),
    }
    script = STEP.format(before=before)
    return subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=ROOT)


def states(outbox: Outbox) -> list[tuple[str, int]]:
    with outbox.sessions() as session:
        return [(one.state, one.attempt) for one in push_reports(session)]


def step(outbox: Outbox, name: str) -> bool:
    return Pusher(outbox.settings, name=name, sessions=outbox.sessions, answer_s=5.0).step()


@pytest.mark.parametrize("takes_once", [False, True], ids=["takes it twice", "refuses a copy"])
def test_a_file_whose_sender_was_killed_before_the_record_is_sent_again(
    outbox: Outbox, takes_once: bool
) -> None:
    with Receiver(takes_once=takes_once) as archive:
        outbox.result(push_to=archive.address)
        sender = start(outbox, before=DIES_BEFORE_THE_RECORD)
        assert sender.wait(60) == -signal.SIGKILL
        assert archive.received == [archive.received[0]], "one file arrived"
        assert states(outbox) == [("sending", 1), ("sending", 1)]
        outbox.worker(OTHER)
        assert not step(outbox, OTHER), "its sender may still live"
        outbox.delete_worker()
        assert step(outbox, OTHER)
        assert not step(outbox, OTHER)
    assert states(outbox) == [("sent", 2), ("sent", 2)]
    copies = [uid("1.2", "dicom-seg")] if takes_once else [uid("1.2", "dicom-seg")] * 2
    assert [instance for instance, _ in archive.received] == [*copies, uid("1.2", "dicom-sr")]


def test_files_of_a_sender_killed_before_the_answer_are_sent_by_another(outbox: Outbox) -> None:
    with Receiver(hold=threading.Event()) as archive:
        outbox.result(push_to=archive.address)
        sender = start(outbox)
        assert archive.arrived.wait(60)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        assert states(outbox) == [("sending", 1), ("sending", 1)]
        outbox.worker(OTHER)
        outbox.delete_worker()
        assert archive.hold is not None
        archive.hold.set()
        assert step(outbox, OTHER)
    assert states(outbox) == [("sent", 2), ("sent", 2)]
    uids = [instance for instance, _ in archive.received]
    assert set(uids) == {uid("1.2", "dicom-seg"), uid("1.2", "dicom-sr")}
    assert len(uids) <= 3, "what was in the air came once more, as the same instance"

"""The outbox with a receiver that accepts everything: what is sent, by whom, and how often."""

import logging
import shutil
import threading
import time

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy.exc import OperationalError

from db.outbox import pushes
from tests.helpers.dicom.phantom import CANARY_NAME, uid
from tests.helpers.outbox import WORKER, Outbox
from tests.helpers.servers.receiver import Receiver
from tests.integration.push.sender import pusher, reports, retry_now, states
from worker.outbox.dicom_send import OutgoingFile, Peer
from worker.outbox.pusher import push_wait


def test_a_new_current_result_is_sent_once_with_all_its_dicom_files(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        assert pusher(outbox).step()
        assert not pusher(outbox).step()
        assert sorted(archive.received) == sorted(
            [
                (uid("1.2", "dicom-seg"), ExplicitVRLittleEndian),  # deflated on disk
                (uid("1.2", "dicom-sr"), ExplicitVRLittleEndian),
            ]
        )
        assert archive.names == [CANARY_NAME] * 2
    assert states(outbox) == ["sent", "sent"]
    assert {one.sop_instance_uid for one in reports(outbox)} == {u for u, _ in archive.received}
    assert all(one.sent_at for one in reports(outbox))


def test_no_push_is_put_in_the_outbox_without_the_setting(outbox: Outbox) -> None:
    outbox.worker()
    outbox.result()
    assert reports(outbox) == []
    assert not pusher(outbox).step()


def test_a_worker_that_is_not_registered_claims_no_push(outbox: Outbox) -> None:
    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        assert not pusher(outbox).step()
    assert states(outbox) == ["pending", "pending"]


def test_a_zombie_whose_pushes_were_taken_over_changes_nothing(outbox: Outbox) -> None:
    outbox.worker()
    outbox.result(push_to="ARCHIVE@127.0.0.1:1")
    with outbox.sessions.begin() as session:
        old = pushes.claim_due(session, owner=WORKER, now=outbox.now())
    outbox.delete_worker()
    other = outbox.worker("host:2:bbbb")
    with outbox.sessions.begin() as session:
        assert len(pushes.take_back(session, now=outbox.now())) == 2
        new = pushes.claim_due(session, owner=other, now=outbox.now())
    with outbox.sessions.begin() as session:
        assert not pushes.mark_sent(session, old[0], note=None, now=outbox.now())
        assert pushes.mark_sent(session, new[0], note=None, now=outbox.now())
    assert states(outbox) == ["sent", "sending"]


def test_an_instance_that_was_sent_for_another_result_is_not_sent_again(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver() as archive:
        outbox.result("1.2", push_to=archive.address, instance="same")
        outbox.result("1.3", push_to=archive.address, instance="same")
        while pusher(outbox).step():
            pass
    assert len(archive.received) == 2
    assert states(outbox) == ["sent"] * 4


def test_a_file_that_changed_is_not_sent_and_waits_for_a_person(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        (seg,) = outbox.settings.results_dir.rglob("lesions.dcm")
        seg.write_bytes(seg.read_bytes() + b"\0")
        pusher(outbox).step()
    assert [(one.state, one.error_code) for one in reports(outbox)] == [
        ("failed", "push_file"),
        ("sent", None),
    ]


def test_files_on_a_share_that_is_away_wait_for_it(outbox: Outbox) -> None:
    outbox.worker()
    results = outbox.settings.results_dir
    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        shutil.move(results, results.with_name("away"))
        pusher(outbox).step()
        assert states(outbox) == ["pending", "pending"]
        assert {one.error_code for one in reports(outbox)} == {"push_file_away"}
        shutil.move(results.with_name("away"), results)
        retry_now(outbox)
        pusher(outbox).step()
    assert states(outbox) == ["sent", "sent"]


def test_an_error_of_a_library_is_reported_without_its_words_and_the_rest_is_sent(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.worker()
    send = Peer.send

    def send_or_break(peer: Peer, file: OutgoingFile) -> str | None:
        if file.path.name == "lesions.dcm":
            raise ValueError(CANARY_NAME)
        return send(peer, file)

    monkeypatch.setattr(Peer, "send", send_or_break)
    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    seg, report = reports(outbox)
    assert (seg.state, seg.error_code) == ("pending", "push")
    assert "ValueError" in (seg.error_message or "")
    assert report.state == "sent"
    assert CANARY_NAME not in f"{seg.error_message}{caplog.text}"


def test_a_push_whose_success_could_not_be_recorded_is_sent_again(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.worker()
    monkeypatch.setattr("worker.outbox.deliver.PATIENCE_S", 0.0)

    def away(*_: object, **__: object) -> bool:
        raise OperationalError("UPDATE", None, Exception("gone"))

    with Receiver() as archive:
        outbox.result(push_to=archive.address)
        with monkeypatch.context() as patch:
            patch.setattr(pushes, "mark_sent", away)
            with pytest.raises(OperationalError):
                pusher(outbox).step()
        assert states(outbox) == ["sending", "sending"]
        assert pusher(outbox).step(), "our own, though we live"
    assert states(outbox) == ["sent", "sent"]
    assert sorted(instance for instance, _ in archive.received) == sorted(
        [uid("1.2", "dicom-seg"), uid("1.2", "dicom-seg"), uid("1.2", "dicom-sr")]
    )


def test_the_pusher_thread_empties_the_outbox_and_ends(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver() as archive, pusher(outbox):
        outbox.result(push_to=archive.address)
        end = time.monotonic() + 30
        while "sent" not in states(outbox) or len(archive.received) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert "pusher" not in {thread.name for thread in threading.enumerate()}


def test_log_lines_of_a_push_do_not_name_the_patient(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outbox.worker()
    with Receiver(statuses=[0xA700]) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    ours = [record for record in caplog.records if not record.name.startswith("pynetdicom")]
    assert ours
    assert "CANARY" not in " ".join(record.getMessage() for record in ours)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 30.0), (2, 60.0), (7, 1920.0), (8, 3600.0), (400, 3600.0)]
)
def test_the_wait_after_a_failed_push_doubles_up_to_an_hour(attempt: int, seconds: float) -> None:
    assert push_wait(attempt, first_s=30.0) == seconds


def test_a_first_wait_of_zero_seconds_is_still_a_wait() -> None:
    assert push_wait(1, first_s=0.0) == 2.0

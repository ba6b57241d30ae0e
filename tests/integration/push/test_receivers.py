"""Receivers that refuse, hang, go away, or already have the instance."""

import threading
import time

from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    SegmentationStorage,
)

from tests.helpers.outbox import Outbox
from tests.helpers.servers.receiver import LEFT_OPEN, Receiver
from tests.helpers.servers.services import free_port
from tests.integration.push.sender import pusher, reports, retry_now, states


def test_a_receiver_that_cannot_inflate_gets_the_same_instance_uncompressed(
    outbox: Outbox,
) -> None:
    outbox.worker()
    with Receiver(syntaxes=(ExplicitVRLittleEndian,)) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    assert {syntax for _, syntax in archive.received} == {ExplicitVRLittleEndian}
    assert states(outbox) == ["sent", "sent"]


def test_a_receiver_that_takes_nothing_but_deflated_segs_gets_those(outbox: Outbox) -> None:
    outbox.worker()
    deflated = DeflatedExplicitVRLittleEndian
    with Receiver(kinds=(SegmentationStorage,), syntaxes=(deflated,)) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    assert {syntax for _, syntax in archive.received} == {deflated}


@LEFT_OPEN
def test_a_receiver_that_does_not_run_is_asked_again_later(outbox: Outbox) -> None:
    outbox.worker()
    archive = Receiver(port=free_port())
    outbox.result(push_to=archive.address)
    outbox.result("1.3", push_to=archive.address)
    before = outbox.now()
    assert pusher(outbox).step()
    assert not pusher(outbox).step(), "the second result is not tried at a dead receiver"
    first = reports(outbox)[0]
    assert (first.state, first.attempt, first.error_code) == ("pending", 1, "push_unreachable")
    assert "is it running" in (first.error_message or "")
    assert all((one.run_after - before).total_seconds() > 55 for one in reports(outbox))
    retry_now(outbox)
    with archive:
        while pusher(outbox).step():
            pass
    assert states(outbox) == ["sent"] * 4
    assert len(set(archive.received)) == len(archive.received) == 4


def test_an_unknown_host_is_an_error_like_others(outbox: Outbox) -> None:
    outbox.worker()
    outbox.result(push_to="ARCHIVE@no-such-host.invalid:104")
    assert pusher(outbox).step()
    assert states(outbox) == ["pending", "pending"]
    assert {one.error_code for one in reports(outbox)} == {"push_unreachable"}


def test_a_receiver_that_does_not_know_us_says_so(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(title="OTHER") as archive:
        outbox.result(push_to=f"WRONG@127.0.0.1:{archive.port}")
        pusher(outbox).step()
    assert {one.error_code for one in reports(outbox)} == {"push_rejected"}
    assert "Called AE title not recognised" in (reports(outbox)[0].error_message or "")


def test_a_kind_of_file_that_is_refused_does_not_stop_the_others(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(kinds=(ComprehensiveSRStorage,)) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    seg, report = reports(outbox)
    assert (seg.state, seg.error_code) == ("pending", "push_context_refused")
    assert "1.2.840.10008.5.1.4.1.1.66.4" in (seg.error_message or "")
    assert report.state == "sent"


def test_a_receiver_that_accepts_no_kind_of_file_is_named(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(kinds=()) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    assert {one.error_code for one in reports(outbox)} == {"push_context_refused"}


def test_a_status_of_failure_is_kept_and_a_warning_is_a_success(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(statuses=[0xA700, 0xB000]) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    seg, report = reports(outbox)
    assert (seg.state, seg.error_code) == ("pending", "push_status")
    assert "0xA700" in (seg.error_message or "")
    assert report.state == "sent"
    assert "0xB000" in (report.error_message or "")


def test_a_receiver_that_has_the_instance_already_counts_as_sent(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(statuses=[0x0111]) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
    seg, report = reports(outbox)
    assert (seg.state, seg.error_code) == ("sent", None)
    assert "had it already" in (seg.error_message or "")
    assert (report.state, report.error_message) == ("sent", None)


def test_an_answer_is_waited_for_no_longer_than_the_time_limit(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(hold=threading.Event()) as archive:
        outbox.result(push_to=archive.address)
        started = time.monotonic()
        pusher(outbox).step()
        assert time.monotonic() - started < 25
    assert {one.error_code for one in reports(outbox)} == {"push_no_answer"}
    assert states(outbox) == ["pending", "pending"]


def test_a_receiver_that_goes_away_in_the_middle_gets_the_rest_later(outbox: Outbox) -> None:
    outbox.worker()
    with Receiver(aborts=1) as archive:
        outbox.result(push_to=archive.address)
        pusher(outbox).step()
        assert states(outbox) == ["pending", "pending"]
        retry_now(outbox)
        pusher(outbox).step()
    assert states(outbox) == ["sent", "sent"]
    assert len(archive.received) == 2

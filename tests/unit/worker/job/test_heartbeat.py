"""The heartbeat ends a process that lost its job, and no other."""

import threading
from collections.abc import Callable

from worker.job.heartbeat import EXIT_CANNOT_BEAT, EXIT_LOST_LEASE, Heartbeat

SOON = 20.0


class Process:
    """A process whose end is only recorded."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.status: int | None = None
        self.discarded = False

    def end(self, status: int) -> None:
        self.status = status
        self.ended.set()

    def discard(self) -> None:
        self.discarded = True

    def heartbeat(self, beat: Callable[[], bool]) -> Heartbeat:
        return Heartbeat(beat, beat_s=0.02, lease_s=0.5, on_lost=self.discard, end=self.end)


def test_a_process_whose_fence_moved_discards_its_files_and_ends() -> None:
    process = Process()
    with process.heartbeat(lambda: False):
        assert process.ended.wait(SOON)
    assert (process.status, process.discarded) == (EXIT_LOST_LEASE, True)


def test_a_process_without_a_successful_heartbeat_for_a_whole_lease_ends() -> None:
    process = Process()

    def beat() -> bool:
        raise ConnectionError

    with process.heartbeat(beat):
        assert process.ended.wait(SOON)
    assert process.status == EXIT_CANNOT_BEAT


def test_a_heartbeat_that_hangs_ends_the_process() -> None:
    process = Process()
    released = threading.Event()
    with process.heartbeat(lambda: released.wait(SOON)):
        assert process.ended.wait(SOON)
        released.set()
    assert process.status == EXIT_CANNOT_BEAT


def test_heartbeats_that_succeed_again_in_time_keep_the_process() -> None:
    process = Process()
    beats: list[int] = []

    def beat() -> bool:
        beats.append(1)
        if len(beats) % 3:
            raise ConnectionError
        return True

    with process.heartbeat(beat) as heart:
        while len(beats) < 30:
            assert not process.ended.wait(0.01)
        assert heart.seconds_left > 0
    assert process.status is None


def test_a_heartbeat_that_finds_the_job_ended_by_its_own_run_is_not_a_loss() -> None:
    process = Process()
    beats: list[int] = []

    def beat() -> bool:
        beats.append(1)
        return False

    heart = process.heartbeat(beat)
    heart.finishing()
    with heart:
        while len(beats) < 3:
            assert not process.ended.wait(0.01)
    assert process.status is None


def test_files_of_a_run_stay_when_its_last_commit_is_in_doubt() -> None:
    process = Process()

    def beat() -> bool:
        raise ConnectionError

    with process.heartbeat(beat) as heart:
        heart.finishing()
        assert process.ended.wait(SOON)
    assert (process.status, process.discarded) == (EXIT_CANNOT_BEAT, False)


def test_stages_that_follow_each_other_fast_are_reported_with_one_beat() -> None:
    process = Process()
    beats: list[int] = []
    come = threading.Event()

    def beat() -> bool:
        beats.append(1)
        come.set()
        return True

    with Heartbeat(beat, beat_s=600, lease_s=5400, on_lost=process.discard) as heart:
        for _ in range(5):
            heart.hurry()
        assert come.wait(SOON)
    assert len(beats) == 1


def test_a_job_that_ends_sooner_than_a_stage_is_reported_needs_no_beat() -> None:
    process = Process()
    beats: list[int] = []

    def beat() -> bool:
        beats.append(1)
        return True

    with Heartbeat(beat, beat_s=600, lease_s=5400, on_lost=process.discard) as heart:
        heart.hurry()
    assert beats == []

"""Which heartbeats stopped, with a limit of 10 s."""

from watcher.queue.standstill import JobProgress, find_stopped


def stopped(*steps: tuple[float, int | None]) -> list[bool]:
    """Whether the one process is found dead at each (time, heartbeat counter)."""
    before: dict[str, JobProgress] = {}
    found = []
    for now, beat in steps:
        beats = {} if beat is None else {"w": beat}
        before, still = find_stopped(before, beats, now=now, limit_s=10.0)
        found.append(still == ["w"])
    return found


def test_a_heartbeat_that_stands_still_for_the_limit_is_found() -> None:
    assert stopped((0, 5), (9.9, 5), (10, 5)) == [False, False, True]


def test_every_heartbeat_restarts_the_count() -> None:
    assert stopped((0, 5), (9, 6), (18, 6), (19, 6)) == [False, False, False, True]


def test_a_process_that_just_appeared_is_alive_however_old_its_heartbeat() -> None:
    assert stopped((1000, 5)) == [False]


def test_a_heartbeat_counter_that_went_back_is_a_heartbeat() -> None:
    assert stopped((0, 5), (10, 1)) == [False, False]


def test_a_process_that_left_is_forgotten() -> None:
    assert stopped((0, 5), (5, None), (10, 5), (15, 5)) == [False, False, False, False]

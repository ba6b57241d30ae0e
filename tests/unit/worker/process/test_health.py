"""What counts as progress between two checks."""

import pytest

from worker.process.health import Look, progressing

IDLE: frozenset[tuple[int, int, int]] = frozenset()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, False),
        ({}, {"w": (5, IDLE)}, False),  # just registered: not seen to beat yet
        ({"w": (5, IDLE)}, {"w": (5, IDLE)}, False),
        ({"w": (5, IDLE)}, {"w": (6, IDLE)}, True),
        ({"w": (5, IDLE)}, {"w": (0, IDLE)}, True),  # registered again
        ({"w": (5, frozenset({(1, 1, 3)}))}, {"w": (6, frozenset({(1, 1, 3)}))}, False),
        ({"w": (5, frozenset({(1, 1, 3)}))}, {"w": (6, frozenset({(1, 1, 4)}))}, True),
        ({"w": (5, frozenset({(1, 1, 3)}))}, {"w": (6, IDLE)}, True),
        ({"dead": (5, IDLE), "w": (5, IDLE)}, {"dead": (5, IDLE), "w": (6, IDLE)}, True),
    ],
)
def test_progress_of_a_worker_is_a_heartbeat_of_the_process_and_of_each_job_it_runs(
    first: Look, second: Look, *, expected: bool
) -> None:
    assert progressing(first, second) is expected

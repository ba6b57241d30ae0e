"""Waits double with each failure in a row, up to a longest one."""

import pytest

from metseg.backoff import LONGEST_S, backoff


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 30.0), (2, 60.0), (3, 120.0), (6, 600.0), (5000, LONGEST_S)]
)
def test_the_wait_doubles_up_to_ten_minutes(failures: int, seconds: float) -> None:
    assert backoff(failures, first_s=30.0) == seconds


def test_a_caller_may_set_its_own_longest_wait() -> None:
    assert [backoff(failures, first_s=0.5, longest_s=3.0) for failures in range(1, 6)] == [
        0.5,
        1.0,
        2.0,
        3.0,
        3.0,
    ]

"""How many doorbells ring."""

import pytest

from metseg.settings import Settings
from watcher.queue.doorbell import how_many_to_ring, make_ringer


@pytest.mark.parametrize(
    ("workers", "unanswered", "expected"),
    [
        (0, 0, 2),  # no worker is known: one may just be starting
        (0, 2, 0),
        (1, 0, 2),
        (4, 0, 8),
        (4, 5, 3),
        (2, 9, 0),  # two workers of four ended: none until theirs are answered
    ],
)
def test_two_doorbells_ring_per_worker(workers: int, unanswered: int, expected: int) -> None:
    assert how_many_to_ring(workers, unanswered=unanswered) == expected


def test_no_doorbell_rings_without_a_broker() -> None:
    assert make_ringer(Settings(broker_url=None)) is None

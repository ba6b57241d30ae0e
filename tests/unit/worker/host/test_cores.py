"""Every core is dealt once among those that compute on a host."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metseg import locks
from worker.host.cores import Cores, Seats, fair_threads


def on(cpus: int, quota: float | None = None, group: str = "") -> Cores:
    return Cores(frozenset(range(cpus)), quota, group)


def deal(*sharers: Cores) -> list[int]:
    return [fair_threads(sharers, place) for place in range(len(sharers))]


@pytest.mark.parametrize(
    ("sharers", "threads"),
    [
        ([on(8)], [8]),
        ([on(8), on(8)], [4, 4]),
        ([on(4)] * 3, [1, 1, 2]),
        ([on(2)] * 4, [1, 1, 1, 1]),
        ([on(64, 2.0, "a"), on(64, 2.0, "b")], [2, 2]),
        ([on(64, 4.0, "a"), on(64, 4.0, "a")], [2, 2]),
        ([on(64, 0.5, "a")], [1]),
        ([Cores(frozenset({0, 1})), Cores(frozenset({2, 3}))], [2, 2]),
        ([Cores(frozenset({0, 1})), Cores(frozenset({1}))], [1, 1]),
    ],
)
def test_cores_are_divided_among_those_that_may_use_them(
    sharers: list[Cores], threads: list[int]
) -> None:
    assert deal(*sharers) == threads


@given(cpus=st.integers(1, 64), workers=st.integers(1, 64))
def test_all_cores_are_dealt_once_and_nobody_gets_none(cpus: int, workers: int) -> None:
    threads = deal(*[on(cpus)] * workers)
    assert min(threads) >= 1
    assert sum(threads) == max(cpus, workers)
    assert max(threads) - min(threads) <= 1


def test_a_note_is_read_as_it_was_written_and_nonsense_is_nobody() -> None:
    cores = Cores(frozenset({1, 5}), 1.5, "30:7")
    assert Cores.parse(str(cores)) == cores
    assert Cores.parse("") is None
    assert Cores.parse('{"cpus": 3}') is None


def test_shares_are_dealt_anew_as_others_come_and_go(tmp_path: Path) -> None:
    seats, cores = Seats(tmp_path), on(4)
    with seats.taken(cores) as first:
        assert first() == 4
        with seats.taken(cores) as second, seats.taken(cores), seats.taken(cores):
            assert (first(), second()) == (1, 1)
        with seats.taken(cores) as second:
            assert (first(), second()) == (2, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_died_takes_no_share_and_its_file_goes(tmp_path: Path) -> None:
    dead = tmp_path / "seat-dead.lock"
    dead.write_text(str(on(4)))
    with Seats(tmp_path).taken(on(4)) as share:
        assert share() == 4
        assert dead.exists()  # it may have been made just now
        os.utime(dead, (0, 0))
        assert share() == 4
        assert not dead.exists()


def test_where_files_cannot_be_locked_everybody_uses_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "try_flock", lambda *_: False)
    seats = Seats(tmp_path)
    with seats.taken(on(4)) as first, seats.taken(on(4)):
        assert first() == 4


def test_this_process_may_use_its_affinity() -> None:
    assert Cores.of_this_process().cpus

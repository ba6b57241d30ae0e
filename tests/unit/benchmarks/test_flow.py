"""What `make bench-flow` reads and reckons; its servers and processes are not started here."""

import os

import pytest

from benchmarks.flow.__main__ import milliseconds, ratio_line
from benchmarks.flow.meter import Cost, calls_in, family
from benchmarks.flow.phases import Phase

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 90.00    0.018000          60       300           fsync
 10.00    0.002000         100        20         1 fdatasync
------ ----------- ----------- --------- --------- ----------------
100.00    0.020000          62       320         1 total
"""


@pytest.mark.parametrize(("summary", "calls"), [(SUMMARY, 320), ("", 0)])
def test_the_syncs_in_a_summary_of_strace_are_added_up(summary: str, calls: int) -> None:
    assert calls_in(summary) == calls


def test_of_this_process_nothing_below_it_is_counted() -> None:
    assert [one.pid for one in family(os.getpid())] == [os.getpid()]


def test_the_distance_from_the_floor_is_that_of_all_processes_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    whole = Phase("whole", 100, Cost(processor_s={"watcher": 0.5, "worker child": 1.5}))
    floor = Phase("the floor", 50, Cost(processor_s={"floor": 0.4, "postgres": 0.1}))
    assert milliseconds(whole) == pytest.approx(20.0)  # 2 s for 100 studies
    # 20 ms beside 10 ms; two cores have 2000 ms a second
    assert ratio_line(whole, floor).startswith("folder to result takes 2.00 of the floor's")
    assert "2 cores without other work would do 100 studies" in ratio_line(whole, floor)

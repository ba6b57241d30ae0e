"""Devices are leased to one process each, and free again when it ends, however it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from worker.host.devices import Device
from worker.host.leases import DeviceLeases

ONE, TWO = Device("GPU-1", "one"), Device("GPU-2", "two", 1)
BOTH = [ONE, TWO]
HOLD = """
import sys, time
from pathlib import Path
from worker.host.devices import Device
from worker.host.leases import DeviceLeases
lease = DeviceLeases(Path(sys.argv[1])).take([Device("GPU-1", "one")], "other", now=0.0)
print(lease is not None, flush=True)
time.sleep(60)
"""


def taken(leases: DeviceLeases, holder: str = "me", now: float = 0.0) -> Device | None:
    lease = leases.take(BOTH, holder, now=now)
    return None if lease is None else lease.device


def test_each_device_is_leased_once_until_it_is_released(tmp_path: Path) -> None:
    leases = DeviceLeases(tmp_path)
    first = leases.take(BOTH, "a", now=0.0)
    assert first is not None
    assert first.device == ONE
    assert taken(leases, "b") == TWO
    assert taken(leases, "c") is None
    assert [use.holders for use in leases.uses(BOTH, now=0.0)] == [("a",), ("b",)]
    first.release()
    assert taken(leases, "c") == ONE


def test_shared_devices_take_as_many_as_they_are_shared_by_evenly(tmp_path: Path) -> None:
    leases = DeviceLeases(tmp_path, shares=2)
    assert [taken(leases, name) for name in "abcde"] == [ONE, TWO, ONE, TWO, None]
    assert [use.holders for use in leases.uses(BOTH, now=0.0)] == [("a", "c"), ("b", "d")]


def test_the_device_that_the_fewest_hold_is_taken_whoever_left_before(tmp_path: Path) -> None:
    leases = DeviceLeases(tmp_path, shares=2)
    held = [leases.take(BOTH, name, now=0.0) for name in "abcd"]
    for gone in (held[0], held[1], held[3]):
        assert gone is not None
        gone.release()
    assert [use.holders for use in leases.uses(BOTH, now=0.0)] == [("c",), ()]
    assert taken(leases, "e") == TWO


def test_a_device_that_failed_is_left_out_for_a_while_and_longer_each_time(tmp_path: Path) -> None:
    leases = DeviceLeases(tmp_path)
    leases.failure_note(ONE).hit("it fell off the bus", now=100.0, backoff_s=30.0)
    assert taken(leases, now=129.0) == TWO
    use = leases.uses(BOTH, now=129.0)[0]
    assert use.left_out == "it fell off the bus"
    assert not leases.is_free(use)
    leases.failure_note(ONE).hit("again", now=140.0, backoff_s=30.0)
    assert taken(leases, now=199.0) is None
    assert taken(leases, now=201.0) == ONE


def test_hosts_do_not_block_each_others_devices(tmp_path: Path) -> None:
    hosts = [tmp_path / "a", tmp_path / "b"]
    for host in hosts:
        host.mkdir()
        assert taken(DeviceLeases(host)) == ONE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lease_ends_with_its_process_however_it_ends(
    tmp_path: Path, how: signal.Signals
) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        leases = DeviceLeases(tmp_path)
        assert leases.take([ONE], "me", now=0.0) is None
        assert leases.uses([ONE], now=0.0)[0].holders == ("other",)
        other.send_signal(how)
        other.wait(20)
        assert leases.uses([ONE], now=0.0)[0].holders == ()
        assert leases.take([ONE], "me", now=0.0) is not None


def test_a_child_of_the_holder_does_not_keep_the_lease(tmp_path: Path) -> None:
    leases = DeviceLeases(tmp_path)
    lease = leases.take([ONE], "me", now=0.0)
    assert lease is not None
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        lease.release()
        assert leases.take([ONE], "next", now=0.0) is not None
        child.kill()

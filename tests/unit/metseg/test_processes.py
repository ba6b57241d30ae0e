"""Names of processes, and of owners of jobs."""

import os
import subprocess
import sys

import pytest

from metseg.processes import Owner, is_running, new_owner, parse_owner, process_name


def test_an_owner_of_a_job_is_read_back_from_its_name() -> None:
    owner = Owner("host:12:ab", 34, "c0ffee00")
    assert str(owner) == "host:12:ab:34:c0ffee00"
    assert parse_owner(str(owner)) == owner


@pytest.mark.parametrize("text", ["", "nobody", "a:b:c", "reconciler"])
def test_names_of_any_other_form_are_not_owners(text: str) -> None:
    assert parse_owner(text) is None


def test_two_workers_of_one_process_have_two_names() -> None:
    assert process_name() != process_name()
    assert new_owner("w").pid == os.getpid()


def test_a_process_that_ended_but_was_not_waited_for_is_not_running() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.communicate()
    assert not is_running(child.pid)

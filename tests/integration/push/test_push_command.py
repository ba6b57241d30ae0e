"""`metseg push` and `metseg pushes` as a user types them."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from tests.helpers.dicom.phantom import CANARY_NAME
from tests.helpers.outbox import Outbox
from tests.helpers.servers.receiver import LEFT_OPEN, Receiver
from tests.helpers.servers.services import free_port
from tests.integration.cli.program import ROOT


@dataclass(frozen=True, slots=True)
class Program:
    """`metseg` in this process, with a home."""

    home: Path

    def run(self, *arguments: str, **settings: str) -> Result:
        """Its output and exit code."""
        chosen = {f"METSEG_{name.upper()}": value for name, value in settings.items()}
        environment = {"METSEG_HOME": str(self.home), "COLUMNS": "200"} | chosen
        return CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def program(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr("cli.common.setup_logging", lambda **_: None)
    return Program(outbox.settings.home)


def listed(program: Program) -> list[tuple[str, str | None]]:
    told = program.run("pushes", "--all", "--format", "json")
    return [(one["state"], one["error_code"]) for one in json.loads(told.stdout)]


def test_a_result_is_sent_once_by_its_number_or_its_study(outbox: Outbox, program: Program) -> None:
    result = str(outbox.result("1.2"))
    with Receiver() as archive:
        first = program.run("push", result, "--to", archive.address)
        again = program.run("push", "1.2", "--to", archive.address)
    assert first.exit_code == 0, first.stderr
    assert f"dicom-seg sent to {archive.address}" in first.stdout
    assert f"dicom-sr sent to {archive.address}" in first.stdout
    assert again.exit_code == 0
    assert again.stdout.count("was sent before") == 2
    assert len(archive.received) == 2


def test_a_refused_push_is_reported_and_kept_and_a_second_try_sends_the_rest(
    outbox: Outbox, program: Program
) -> None:
    result = str(outbox.result())
    with Receiver(statuses=[0xA700]) as archive:
        refused = program.run("push", result, "--to", archive.address)
        assert refused.exit_code == 1
        assert "push_status: dicom-seg" in refused.stderr
        assert "0xA700 (Refused: Out of Resources)" in refused.stderr
        assert "dicom-sr sent" in refused.stdout
        assert CANARY_NAME not in refused.stdout + refused.stderr
        assert listed(program) == [("failed", "push_status"), ("sent", None)]
        status = program.run("status").stdout
        assert f"outbox 1 file for {archive.address} failed; push_status" in status
        assert program.run("push", result, "--to", archive.address).exit_code == 0
    assert len(archive.received) == 2
    assert listed(program) == [("sent", None), ("sent", None)]


@LEFT_OPEN
def test_a_refused_push_command_leaves_to_the_worker_what_a_setting_asked_for(
    outbox: Outbox, program: Program
) -> None:
    address = f"ARCHIVE@127.0.0.1:{free_port()}"
    result = str(outbox.result(push_to=address))
    refused = program.run("push", result, push_to=address)
    assert refused.exit_code == 1
    assert "is it running" in refused.stderr
    assert listed(program) == [("pending", "push_unreachable")] * 2
    assert f"outbox 2 files for {address} wait, next try in" in program.run("status").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["push", "1"], "--to or METSEG_PUSH_TO must name AET@HOST:PORT"),
        (["push", "1", "--to", "host:104"], "must be AET@HOST:PORT"),
        (["push", "7", "--to", "A@b:104"], "RESULT must be the number of a result"),
    ],
)
def test_a_push_that_cannot_be_tried_says_why(
    outbox: Outbox, program: Program, arguments: list[str], told: str
) -> None:
    outbox.result()
    refused = program.run(*arguments)
    assert refused.exit_code == 3
    assert told in refused.stderr


def test_pushes_of_a_killed_command_are_sent_by_the_next(outbox: Outbox, program: Program) -> None:
    result = str(outbox.result())
    environment = os.environ | {"METSEG_HOME": str(program.home), "PYTHONPATH": str(ROOT)}
    with Receiver(hold=threading.Event()) as archive:
        command = [sys.executable, "-m", "metseg", "push", result, "--to", archive.address]
        sender = subprocess.Popen(command, env=environment)
        assert archive.arrived.wait(60)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        assert listed(program) == [("sending", None)] * 2
        assert archive.hold is not None
        archive.hold.set()
        assert program.run("push", result, "--to", archive.address).exit_code == 0
    assert listed(program) == [("sent", None)] * 2


def test_pushes_are_given_up_and_taken_up_again(outbox: Outbox, program: Program) -> None:
    assert "the outbox is empty" in program.run("pushes").stdout
    outbox.result(push_to="ARCHIVE@[fe80::1]:104")
    assert "ARCHIVE@[fe80::1]:104" in program.run("pushes").stdout
    rows = list(csv.DictReader(io.StringIO(program.run("pushes", "--format", "csv").stdout)))
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("dicom-seg", "pending"),
        ("dicom-sr", "pending"),
    ]
    assert program.run("pushes", "--give-up", "1").exit_code == 0
    said = program.run("pushes").stdout.splitlines()
    assert said[0] == "push 1: result 1, dicom-seg to ARCHIVE@[fe80::1]:104: failed, 0 tries"
    assert said[1].startswith("    given_up: ")
    assert said[2].startswith(
        "push 2: result 1, dicom-sr to ARCHIVE@[fe80::1]:104: pending, 0 tries"
    )
    assert listed(program) == [("failed", "given_up"), ("pending", None)]
    assert "2 pushes are sent again" in program.run("pushes", "--retry-all").stdout
    assert [state for state, _ in listed(program)] == ["pending", "pending"]
    assert program.run("pushes", "--retry", "9").exit_code == 3

"""`METSEG_PUSH_TO`: what `metseg run` segments is sent, now or when the archive is back."""

from pathlib import Path

from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage

from tests.helpers.dicom.phantom import CANARY_NAME, Recipe, write_study
from tests.helpers.servers.receiver import Receiver
from tests.helpers.servers.services import free_port
from tests.integration.cli.program import Program


def test_a_new_result_waits_for_its_archive_and_is_sent_once(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write_study(inbox, Recipe("good"))
    program = Program(tmp_path / "home")
    archive = Receiver(kinds=(SegmentationStorage, Comprehensive3DSRStorage), port=free_port())
    run = ["run", str(inbox), "--once"]

    alone = program.run(run, push_to=archive.address, backoff_s="3600")
    assert alone.returncode == 0, alone.stderr
    assert f"outbox 2 files for {archive.address} wait, next try in" in alone.stderr
    assert "push_unreachable" in alone.stderr

    with archive:
        program.run(["pushes", "--retry-all"])
        together = program.run(run, push_to=archive.address)
        assert together.returncode == 0, together.stderr
        assert program.run(run, push_to=archive.address).returncode == 0
    assert len(set(archive.received)) == len(archive.received) == 2
    assert archive.names == [CANARY_NAME] * 2
    status = program.run(["status"])
    assert "pushes sent 2" in status.stdout
    said = alone.stdout + alone.stderr + together.stdout + together.stderr + status.stdout
    assert CANARY_NAME not in said

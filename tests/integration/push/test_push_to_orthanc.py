"""Our own sender to a real Orthanc: every kind of file, and the same one twice."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from metseg.destination import Destination
from tests.helpers.dicom.exported import export
from tests.helpers.servers.orthanc import AE_TITLE, Orthanc
from worker.outbox.dicom_send import association, outgoing_file

pytestmark = pytest.mark.services


def test_every_kind_of_file_arrives_unchanged_and_a_second_copy_changes_nothing(
    tmp_path: Path,
) -> None:
    exported = export(tmp_path, deflated=True)
    files = [
        outgoing_file(path, sha256=sha256(path.read_bytes()).hexdigest())
        for path in exported.results
    ]
    server = Orthanc()
    try:
        server.start()
        destination = Destination(AE_TITLE, "127.0.0.1", server.dicom_port)
        for _ in range(2):
            with association(destination, files, title="METSEG", timeout_s=30.0) as peer:
                assert [peer.send(file) for file in files] == [None] * 4
        stored = [
            pydicom.dcmread(BytesIO(server.get(f"/instances/{identity}/file")))
            for identity in server.json("/instances")
        ]
    finally:
        server.close()
    assert sorted(one.Modality for one in stored) == ["RTSTRUCT", "SEG", "SEG", "SR"]
    sent = {file.sop_instance_uid: pydicom.dcmread(file.path) for file in files}
    assert {one.SOPInstanceUID: one for one in stored} == sent

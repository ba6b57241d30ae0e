import json
import logging

import pytest

from metseg.logs import JsonLines, setup_logging


def test_a_json_line_carries_what_was_given_as_extra() -> None:
    record = logging.makeLogRecord({"name": "watcher", "levelname": "INFO", "msg": "taken in"})
    record.job_id = 7
    fields = json.loads(JsonLines().format(record))
    assert fields["message"] == "taken in"
    assert fields["job_id"] == 7
    assert fields["logger"] == "watcher"


def test_messages_of_dicom_libraries_are_kept_out_of_the_logs(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        setup_logging(level="DEBUG", style="json")
        logging.getLogger("pydicom").warning("Invalid value for VR PN: CANARY^PATIENT")
        logging.getLogger("metseg").info("still here")
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = before[0], before[1]
    logged = capfd.readouterr().err
    assert "CANARY" not in logged
    assert "still here" in logged

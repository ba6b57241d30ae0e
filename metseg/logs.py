"""Log lines for people and for machines. They carry metseg's own ids, never a patient's."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

QUOTING = frozenset({"pydicom", "highdicom", "py"})
"""Loggers that quote element values; `py.warnings` is what Python's warnings come through."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Writes one JSON object per line; what was given as ``extra=`` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def names_no_patient(record: logging.LogRecord) -> bool:
    """Whether a record is safe to log. Those of pydicom, highdicom and Python's warnings are not:
    they quote element values, which may name a patient.

    This is a filter, since pydicom sets its logger's level again when it is imported.
    """
    return record.name.partition(".")[0] not in QUOTING


def setup_logging(*, level: str = "INFO", style: Literal["plain", "json"] = "plain") -> None:
    """Send all logs to standard error, as plain lines or as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        )
    handler.addFilter(names_no_patient)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("alembic").setLevel(logging.WARNING)

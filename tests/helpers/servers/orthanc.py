"""A private Orthanc on the loopback for tests: a PACS that others have written."""

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.helpers.servers.services import START_S, free_port, require_binary, wait_until

AE_TITLE = "ORTHANC"


class Orthanc:
    """An Orthanc of one test, with its own folder and ports. It accepts whatever is sent."""

    def __init__(self) -> None:
        self.binary = require_binary("Orthanc")
        self.directory = Path(tempfile.mkdtemp(prefix="metseg-orthanc-"))
        self.http_port, self.dicom_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and wait until its REST API answers."""
        config = self.directory / "orthanc.json"
        config.write_text(
            json.dumps(
                {
                    "StorageDirectory": str(self.directory / "storage"),
                    "IndexDirectory": str(self.directory / "index"),
                    "HttpPort": self.http_port,
                    "DicomPort": self.dicom_port,
                    "DicomAet": AE_TITLE,
                    "DicomAlwaysAllowStore": True,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "StorageAccessOnFind": "Never",
                    "Plugins": [],
                }
            )
        )
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [self.binary, str(config)], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self.answers, seconds=2 * START_S, what="Orthanc answers")
        return self

    def answers(self) -> bool:
        """Whether the REST API is up."""
        try:
            return "Version" in self.json("/system")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def json(self, path: str) -> Any:
        """What the REST API says at a path."""
        return json.loads(self.get(path))

    def get(self, path: str) -> bytes:
        """Bytes at a path of the REST API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as got:
            return bytes(got.read())

    def close(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

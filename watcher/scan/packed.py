"""What is known of files, packed: a daemon may know a million of them for months."""

from collections.abc import Collection
from struct import Struct

from db.intake.files import KnownFile
from db.intake.fingerprint import Fingerprint
from db.tables.tables import FileStatus

ROW = Struct("<qqqQI")
"""Id, size, time of last change, inode, number of status and reason: 80 bytes with the object
around them, where the objects of a `KnownFile` take 270.
"""


class PackedFiles:
    """Known files by path."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._standings: list[tuple[FileStatus, str | None]] = []
        self._numbers: dict[tuple[FileStatus, str | None], int] = {}
        """Place of a status with its reason in the list: thousands of files share one."""
        self._open: dict[str, None] = {}

    @property
    def open(self) -> Collection[str]:
        """Paths of the files that are not done, in the order in which they came."""
        return self._open.keys()

    def __getitem__(self, path: str) -> KnownFile:
        file_id, size, mtime_ns, inode, number = ROW.unpack(self._rows[path])
        return KnownFile(file_id, Fingerprint(size, mtime_ns, inode), *self._standings[number])

    def get(self, path: str) -> KnownFile | None:
        """What is known of a file; None when it is not known."""
        return self[path] if path in self._rows else None

    def put(self, path: str, file: KnownFile) -> None:
        """Take over what is now known of a file."""
        standing = (file.status, file.reason)
        number = self._numbers.setdefault(standing, len(self._standings))
        if number == len(self._standings):
            self._standings.append(standing)
        found = file.fingerprint
        self._rows[path] = ROW.pack(file.id, found.size, found.mtime_ns, found.inode, number)
        if file.done:
            self._open.pop(path, None)
        else:
            self._open[path] = None

"""Hostile and odd files of every known kind, each made from a number.

Another number gives another file of the same kind. Each holds the canary wherever a name may be.
"""

import gzip
import os
import random
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from db.tables.tables import FileStatus
from imaging.dicom.files.encoding import MEDIA_STORAGE_DIRECTORY
from imaging.dicom.files.part10 import MAX_ELEMENTS
from tests.helpers.dicom.archives import encrypted_zip, pack, tar_of, zip_by, zip_of
from tests.integration.watcher.handmade_dicom import (
    DEFLATED,
    JPEG_2000,
    OPEN_END,
    RLE,
    body,
    dicom,
    element,
    encapsulated,
    item,
    jpeg_2000,
    nested,
    part10,
)
from tests.integration.watcher.small_instances import CANARY, instance_bytes

IGNORED, QUARANTINED = FileStatus.IGNORED, FileStatus.QUARANTINED
LARGEST_MB = 100
"""Setting `max_file_mb` that these are made for."""


@cache
def bomb(megabytes: int) -> bytes:
    """A deflated file of some kilobytes that inflates to `megabytes`."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = [packer.compress(element(9, 0x1010, b"UN", b"", megabytes << 20))]
    packed += [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return part10(b"".join(packed) + packer.flush(), DEFLATED)


def noise(n: int, size: int) -> bytes:
    """Random bytes."""
    return random.Random(n).randbytes(size)


def cut(n: int) -> bytes:
    """An instance that ends early, after its preamble: in the header, in the pixels."""
    whole = instance_bytes("cut", n)
    return whole[: 140 + n * 37 % (len(whole) - 141)]


def fifo(path: Path, n: int) -> None:
    """A pipe that nobody writes to: opening it would wait for ever."""
    os.mkfifo(path)


def unix_socket(path: Path, n: int) -> None:
    """A socket in the file system."""
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)
        try:  # the whole path may be too long for a socket
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def sparse(path: Path, n: int) -> None:
    """A file over the limit that takes no space."""
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        file.truncate(LARGEST_MB * 10**6 + 1 + n)


def link_to(target: str) -> Callable[[Path, int], None]:
    """A symbolic link."""
    return lambda path, _: path.symlink_to(target)


def nifti_with_a_pipe(path: Path, n: int) -> None:
    """A NIfTI whose sidecar is a pipe."""
    header = bytearray(352)
    header[:4], header[344:348] = (348).to_bytes(4, "little"), b"n+1\0"
    header[40:48] = b"\x03\0\x01\0\x01\0\x01\0"
    header[72:74] = b"\x08\0"
    path.write_bytes(bytes(header) + noise(n, 1))
    os.mkfifo(path.with_suffix(".json"))


@dataclass(frozen=True, slots=True)
class Hazard:
    """A kind of file, and what the database must say of it."""

    name: str
    data: bytes | Callable[[int], bytes] | None
    reason: str
    status: FileStatus = QUARANTINED
    file: str = "CANARY.dcm"
    write: Callable[[Path, int], None] | None = None
    costly: bool = False
    """Takes a second to refuse: not to be made by the hundred."""

    def put(self, folder: Path, n: int) -> Path:
        """Write number `n` of its kind into a folder; returns where."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.file
        if self.write is not None:
            self.write(path, n)
        else:
            path.write_bytes(self.data(n) if callable(self.data) else self.data or b"")
        return path


NO_DICOM = [
    Hazard("empty", b"", "not_dicom: ", IGNORED),
    Hazard("zeros", lambda n: bytes(200 + n), "not_dicom: ", IGNORED),
    Hazard("noise", lambda n: noise(n, 900), "not_dicom: ", IGNORED),
    Hazard("text", lambda n: f"{CANARY} {n}".encode() * 9, "not_dicom: ", IGNORED),
    Hazard("a program", lambda n: b"\x7fELF" + noise(n, 999), "not_dicom: ", IGNORED),
    Hazard("a page", b"<html>" + CANARY.encode() * 20, "not_dicom: ", IGNORED),
    # pydicom reads it with force=True
    Hazard("a bare data set of nothing", b"\x08\0\x60\0CS\2\0MR", "not_dicom: ", IGNORED),
    Hazard("our own result", lambda n: _own(n), "own_result: ", IGNORED),
    Hazard("a DICOMDIR", lambda n: _dicomdir(n), "dicomdir: ", IGNORED),
    Hazard("a link out", None, "link", IGNORED, write=link_to("/etc/passwd")),
    Hazard("a link to nowhere", None, "link", IGNORED, write=link_to("CANARY-nowhere")),
    Hazard("a link to itself", None, "link", IGNORED, write=link_to("CANARY.dcm")),
    Hazard("a link to a folder", None, "link", IGNORED, write=link_to("/")),
    Hazard("a pipe", None, "not a regular file", IGNORED, write=fifo),
    Hazard("a socket", None, "not a regular file", IGNORED, write=unix_socket),
    Hazard("a NIfTI beside a pipe", None, "unpaired: ", file="m.nii", write=nifti_with_a_pipe),
    Hazard("too large", None, "too_large: ", write=sparse, costly=True),
]
TRUNCATED = [
    Hazard("cut", cut, "dicom_"),
    Hazard("zeros after a header", lambda n: cut(40)[:300] + bytes(900 + n), "dicom_truncated: "),
    Hazard("no pixels", lambda n: dicom(n, pixels=b""), "dicom_truncated: "),
    Hazard(
        "fewer pixels than said",
        lambda n: dicom(n, pixels=element(0x7FE0, 0x10, b"OW", bytes(126))),
        "dicom_truncated: ",
    ),
    Hazard(
        "four gigapixels", lambda n: dicom(n, rows=b"\xff\xff", columns=b"\xff\xff"),
        "dicom_truncated: ",
    ),
    Hazard("a billion frames", lambda n: dicom(n, frames=b"999999999 "), "dicom_truncated: "),
    Hazard(
        "a length beyond the end",
        lambda n: dicom(n, extra=element(9, 0x10, b"UN", b"", 0x7FFFFFFF)),
        "dicom_truncated: ",
    ),
    Hazard(
        "a sequence without an end",
        lambda n: dicom(n, pixels=element(0x40, 0xA730, b"SQ", item(b""), OPEN_END)),
        "dicom_truncated: ",
    ),
    Hazard(
        "fragments without an end",
        lambda n: dicom(n, syntax=RLE, pixels=encapsulated(bytes(80), closed=False)),
        "dicom_truncated: ",
    ),
]  # fmt: skip
INVALID = [
    Hazard(f"a study UID that is {what}", make, "dicom_invalid: StudyInstanceUID")
    for what, make in {
        "a path": lambda n: dicom(n, study=b"../../../etc/CANARY"),
        "a name": lambda n: dicom(n, study=CANARY.encode()),
        "too long": lambda n: dicom(n, study=b"1." * 33),
        "empty": lambda n: dicom(n, study=b""),
        "missing": lambda n: dicom(n, study=None),
        "cut by a NUL": lambda n: dicom(n, study=b"1.2\0.3"),
        "behind a NUL": lambda n: dicom(n, study=b"\0" + b"1.2"),
        "in two lines": lambda n: dicom(n, study=b"1.2\n.3"),
        "two": lambda n: dicom(n, study=b"1.2\\1.3"),
    }.items()
] + [
    Hazard("an instance UID that is a path", lambda n: dicom(n, sop=b"1/../2"), "dicom_invalid: "),
    Hazard("a series UID that is a path", lambda n: dicom(n, series=b"/1.2"), "dicom_invalid: "),
    Hazard("a modality with a name", lambda n: dicom(n, modality=b"Canary^P"), "dicom_invalid: "),
    Hazard("frames below zero", lambda n: dicom(n, frames=b"-1"), "dicom_invalid: "),
    Hazard("frames in words", lambda n: dicom(n, frames=b"CANARY"), "dicom_invalid: "),
    Hazard(
        "a huge wanted value",
        part10(element(8, 0x18, b"UN", b"1" * 70_000)),
        "dicom_invalid: ",
    ),
    Hazard("3000 nested sequences", lambda n: dicom(n, extra=nested(3000)), "dicom_invalid: "),
    Hazard(
        "no items in a sequence",
        lambda n: dicom(n, pixels=element(0x40, 0xA730, b"SQ", body(n), OPEN_END)),
        "dicom_invalid: ",
    ),
    Hazard("no transfer syntax", part10(b"\xff" * 40, ""), "dicom_invalid: Transfer"),
    Hazard(
        "a deflate bomb",
        lambda _: bomb(80),
        "dicom_invalid: deflated file must inflate at most 100 times",
        costly=True,
    ),
    Hazard(
        "a million elements",
        lambda _: part10(element(9, 0x10, b"LO", b"") * MAX_ELEMENTS),
        "dicom_invalid: file must hold at most 1000000 elements",
        costly=True,
    ),
    Hazard("no deflate data", lambda n: part10(noise(n, 400), DEFLATED), "dicom_invalid: defl"),
    Hazard(
        "a frame of another size",
        lambda n: dicom(n, syntax=JPEG_2000, pixels=encapsulated(jpeg_2000(60_000, 60_000))),
        "dicom_invalid: an encapsulated frame must be 8 x 8, got 60000 x 60000",
    ),
    Hazard(
        "an RLE bomb",
        lambda n: dicom(n, syntax=RLE, pixels=encapsulated(b"\x81\0" * 4000)),
        "dicom_invalid: an RLE frame",
    ),
]
DARK = bytes(128) + b"DICM" + bytes(12 << 20)
ARCHIVES = [
    Hazard(name, data, f"{code}: ", file=f"CANARY.{kind}")
    for name, kind, data, code in (
        ("a path out", "zip", zip_of({"../CANARY": b"x"}), "archive_unsafe"),
        ("a path from the root", "tar", tar_of({"/CANARY": b"x"}), "archive_unsafe"),
        ("an archive bomb", "tbz", pack("tar.bz2", {"x": bytes(12 << 20)}), "archive_limit"),
        ("a Deflate64 bomb", "zip", zip_by(9, {"x": bytes(12 << 20)}), "archive_limit"),
        ("a Zstandard bomb", "zip", zip_by(93, {"x": bytes(12 << 20)}, says=99), "archive_invalid"),
        ("a packed bomb", "dcm.gz", gzip.compress(DARK), "archive_limit"),
        (
            "a method of long ago",
            "zip",
            zip_by(6, {"CANARY": b"x"}, packer=bytes),
            "archive_method",
        ),
        ("a 7z", "7z", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(99), "archive_kind"),
        ("a part of a zip", "z01", b"PK\x07\x08PK\x03\x04" + bytes(99), "archive_kind"),
        ("too many files", "zip", zip_of({str(i): b"" for i in range(60)}), "archive_limit"),
        ("a password", "zip", encrypted_zip({"CANARY": b"x"}), "archive_encrypted"),
        ("half an archive", "tgz", lambda n: _half(n), "archive_invalid"),
        ("no archive", "zip", lambda n: b"PK\x03\x04" + noise(n, 99), "archive_invalid"),
    )
]
FILES = [*NO_DICOM, *TRUNCATED, *INVALID]
"""Refused by the header pass or before."""
HAZARDS = [*FILES, *ARCHIVES]


def _own(n: int) -> bytes:
    return instance_bytes("own", n, Modality="SEG", Manufacturer="metseg")


def _half(n: int) -> bytes:
    return pack("tar.gz", {"x": noise(n, 9000)})[:4000]


def _dicomdir(n: int) -> bytes:
    return part10(element(4, 0x1130, b"CS", b"CANARY"), sop_class=MEDIA_STORAGE_DIRECTORY)

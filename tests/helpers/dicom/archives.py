"""Archives of all kinds, honest and hostile, made in memory."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from backports import zstd


def zst(data: bytes) -> bytes:
    """Compressed as by the program zstd: with a checksum."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS = {
    "tar": lambda data: data,
    "tar.gz": lambda data: gzip.compress(data, mtime=0),
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": zst,
}
KINDS = ("zip", *PACKERS)

Files = Mapping[str, bytes]


DEFLATE64 = """
import sys
from inflate64 import Deflater
deflater = Deflater()
sys.stdout.buffer.write(deflater.deflate(sys.stdin.buffer.read()) + deflater.flush())
"""


@lru_cache(maxsize=32)
def deflate64(data: bytes) -> bytes:
    """A Deflate64 stream, made in a process of its own: beside TensorFlow, the compressor of
    inflate64 1.0.4 binds to the symbols of its zlib and crashes. The decompressor does not.
    """
    done = subprocess.run(
        [sys.executable, "-c", DEFLATE64], input=data, capture_output=True, check=True
    )
    return done.stdout


ZIP_PACKERS: dict[int, Callable[[bytes], bytes]] = {
    9: deflate64,
    20: zstd.compress,
    93: zstd.compress,
    95: lzma.compress,
}
"""By method: those that zipfile has not."""


def pack(kind: str, files: Files) -> bytes:
    """An archive of these files; `kind` is one of `KINDS`."""
    return zip_of(files) if kind == "zip" else PACKERS[kind](tar_of(files))


def zip_of(files: Files, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, method)
    return buffer.getvalue()


def zip_by(
    method: int,
    files: Files,
    *,
    packer: Callable[[bytes], bytes] | None = None,
    says: int | None = None,
    disk: int = 0,
) -> bytes:
    """A zip of any method, written by hand. `says`: the size that each member claims to have;
    `disk`: the part of a split zip that its end is in."""
    body, directory = b"", b""
    for name, data in files.items():
        packed = (packer or ZIP_PACKERS[method])(data)
        size = len(data) if says is None else says
        facts = struct.pack("<HHHHIII", 0, method, 0, 0x5A21, zlib.crc32(data), len(packed), size)
        path = name.encode()
        central = struct.pack("<HHHHHII", len(path), 0, 0, 0, 0, 0, len(body))
        directory += b"PK\x01\x02" + struct.pack("<HH", 63, 63) + facts + central + path
        lengths = struct.pack("<HH", len(path), 0)
        body += b"PK\x03\x04" + struct.pack("<H", 63) + facts + lengths + path + packed
    counts = struct.pack("<HHHH", disk, disk, len(files), len(files))
    end = struct.pack("<IIH", len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + counts + end


def zip_with_link(name: str, target: str) -> bytes:
    """A zip of one symbolic link, as Info-ZIP writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return buffer.getvalue()


def encrypted_zip(files: Files) -> bytes:
    """A zip whose members say that they are encrypted."""
    data = bytearray(zip_of(files, method=zipfile.ZIP_STORED))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def tar_of(files: Files, *others: tarfile.TarInfo) -> bytes:
    """A tar of these files, and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return buffer.getvalue()


def tar_member(name: str, kind: bytes, *, link: str = "") -> tarfile.TarInfo:
    """A member that is not a file: a link, a device, a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info

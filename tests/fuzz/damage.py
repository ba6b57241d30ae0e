"""Strategies that damage good files: at random, and where it hurts."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

MOST = 4
"""Injuries in one file."""
SPECIAL = (
    *(b"\0" * size for size in (1, 2, 4)),
    *(b"\xff" * size for size in (1, 2, 4)),
    *(bytes.fromhex(text) for text in ("7f", "ff7f", "ffffff7f", "00000080", "fffffffe")),
    *(bytes.fromhex(text) for text in ("feff00e0ffffffff", "feff0de000000000", "feffdde000000000")),
    *(bytes.fromhex(text) for text in ("e07f1000", "08000500", "28000800", "0800", "fe00")),
    *(b"SQ", b"UN", b"OW", b"UI", b"../", b"\\", b"\n"),
)
"""Lengths at their limits, delimiters, tags and VRs that change how the rest is read, a path."""


def often(times: float) -> settings:
    """A multiple of the examples of the profile."""
    return settings(max_examples=max(1, int(times * settings.default.max_examples)))  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Sample:
    """A good file: a beginning that is seldom damaged, a body, and whether to deflate the body."""

    head: bytes = field(repr=False)
    body: bytes = field(repr=False)
    deflated: bool = False

    @property
    def whole(self) -> bytes:
        """The file."""
        if not self.deflated:
            return self.head + self.body
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return self.head + packer.compress(self.body) + packer.flush()


def dicom_sample(content: bytes, *, deflated: bool = False) -> Sample:
    """A DICOM file, divided after group 2."""
    meta = 144 + int.from_bytes(content[140:144], "little")
    body = content[meta:]
    return Sample(
        content[:meta], zlib.decompress(body, -zlib.MAX_WBITS) if deflated else body, deflated
    )


def damaged(samples: Sequence[Sample]) -> SearchStrategy[bytes]:
    """One of the files with one to four injuries."""
    return st.sampled_from(samples).flatmap(_hurt)


@st.composite
def _hurt(draw: DrawFn, sample: Sample) -> bytes:
    gentle = draw(st.integers(0, 3)) > 0  # otherwise hardly any file passes the first check
    body = _scratched(draw, sample.body) if gentle else _injured(draw, sample.body)
    content = Sample(sample.head, body, sample.deflated).whole
    return _injured(draw, content) if draw(st.integers(0, 19)) == 19 else content


def _scratched(draw: DrawFn, data: bytes) -> bytes:
    """One or two bytes with another value."""
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
    return data


def _injured(draw: DrawFn, data: bytes) -> bytes:
    """Any damage: pieces overwritten, inserted, cut out or repeated, and early ends."""
    for _ in range(draw(st.integers(1, MOST))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        piece = draw(st.one_of(st.sampled_from(SPECIAL), st.binary(min_size=1, max_size=8)))
        end = at + draw(st.integers(1, 64))
        match draw(st.sampled_from(("put", "put", "insert", "cut out", "repeat", "end"))):
            case "put":
                data = data[:at] + piece + data[at + len(piece) :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "cut out":
                data = data[:at] + data[end:]
            case "repeat":
                data = data[:end] + data[at:]
            case _:
                data = data[:at]
    return data

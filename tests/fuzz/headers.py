"""Strategies for headers that hold too little, too much or nonsense, on every level."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

import imaging
from imaging.dicom.files.parsing import parsing
from metseg.errors import DicomError

MOST = 3
"""Elements that are changed in one study."""
CHANCE = 0.4
"""Of the elements to change, so many are any that the code names; the others are there."""
KEPT = frozenset({"PixelData", "StudyInstanceUID", "SOPInstanceUID"})
"""Without these a file never gets here."""
TEXTS = (
    *("", " ", "0", "1", "-1", "7", "1.5", "1,5", "nan", "inf", "1e400", "1e38", "1e-40", "65536"),
    *("nonsense", "CANARY^PATIENT", "a\\b\\c", "1\\2", "1\\2\\3", "0\\0\\0\\0\\0\\0", "\\", "\\\\"),
    *(
        "1\\0\\0\\0\\1\\0",
        "2\\0\\0\\0\\2\\0",
        "1.2.840.10008.5.1.4.1.1.4",
        "1..2",
        "20301399",
        "240000",
    ),
    *(
        "ISO_IR 192",
        "ISO 2022 IR 87",
        "ORIGINAL\\PRIMARY\\P",
        "\u00e4\u4e2d",
        "x" * 70,
        "MONOCHROME1",
        "RGB",
    ),
)
BYTES = (
    b"\0",
    b"\1\0",
    b"\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\xc0\x7f",
    b"\x1b$B\x1b",
    b"\1\2\3",
)
FOREIGN_VRS = ("LO", "UN", "US", "SS", "FD", "OB", "UI", "PN", "IS", "AT")


def named_in_code() -> list[BaseTag]:
    """Every attribute that the source of `imaging` names."""
    source = "".join(path.read_text() for path in Path(imaging.__file__).parent.rglob("*.py"))
    words = set(re.findall(r"\b[A-Z][A-Za-z0-9]{3,}\b", source)) - KEPT
    tags = (tag_for_keyword(word) for word in sorted(words))
    return [Tag(tag) for tag in tags if tag is not None]


NAMED = named_in_code()


@st.composite
def changes(draw: DrawFn, datasets: Sequence[Dataset]) -> str:
    """Change a few elements of some of the instances, in place. Returns what was done."""
    found, drawn = levels(datasets), []
    for _ in range(draw(st.integers(1, MOST))):
        level = _one_of(draw, sorted(found))
        places = found[level]
        tag = draw(_tags(places))
        drawn.append((level, tag, draw(_change(tag)), draw(_some(places))))
    # Only now: what is drawn must not depend on what was changed before.
    for _, _, change, places in drawn:
        for place in places:
            # To set a sequence, pydicom reads PixelRepresentation, which may be nonsense by now.
            with suppress(DicomError), parsing("a header"):
                change(place)
    return "; ".join(f"{level or 'top'}: {keyword_for_tag(tag) or tag}" for level, tag, *_ in drawn)


def levels(datasets: Sequence[Dataset]) -> dict[str, list[Dataset]]:
    """The instances, and the items of their sequences by the path to these."""
    found: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        for path, place in _walk(dataset, ""):
            found.setdefault(path, []).append(place)
    return found


def _walk(dataset: Dataset, path: str) -> Iterator[tuple[str, Dataset]]:
    yield path, dataset
    for tag in list(dataset.keys()):
        if dataset.get_item(tag).VR == "SQ":
            for item in dataset[tag].value:
                yield from _walk(item, f"{path}/{keyword_for_tag(tag) or tag}")


@st.composite
def _tags(draw: DrawFn, places: Sequence[Dataset]) -> BaseTag:
    there = [t for t in sorted(places[0].keys()) if keyword_for_tag(t) not in KEPT and t.group > 2]
    if not there or draw(st.floats(0, 1)) < CHANCE:
        return draw(st.sampled_from(NAMED))
    return BaseTag(_one_of(draw, there))


@st.composite
def _change(draw: DrawFn, tag: BaseTag) -> Callable[[Dataset], None]:
    kind = draw(st.sampled_from(("absent", "empty", "text", "text", "bytes", "type", "sequence")))
    vr = dictionary_VR(tag)[:2] if keyword_for_tag(tag) else "LO"
    text = draw(st.sampled_from(TEXTS)).encode()
    data = draw(st.sampled_from(BYTES))
    match kind:
        case "absent":
            return lambda place: place.pop(tag, None)
        case "empty":
            return _put(tag, vr, b"")
        case "text":
            return _put(tag, vr, text)
        case "bytes":
            return _put(tag, vr, data)
        case "type":
            return _put(
                tag, draw(st.sampled_from(FOREIGN_VRS)), draw(st.sampled_from((text, data)))
            )
        case _:
            items = draw(st.integers(0, 2))
            return lambda place: place.__setitem__(
                tag, DataElement(tag, "SQ", [Dataset() for _ in range(items)])
            )


def _put(tag: BaseTag, vr: str, value: bytes) -> Callable[[Dataset], None]:
    """Set an element to bytes, whatever its type."""
    value += b"\0" * (len(value) % 2)
    if vr == "SQ":
        return lambda place: place.__setitem__(tag, DataElement(tag, "SQ", []))
    raw = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return lambda place: place.__setitem__(tag, raw)


@st.composite
def _some(draw: DrawFn, places: Sequence[Dataset]) -> Sequence[Dataset]:
    """All of them, one, every second, or the first half."""
    if len(places) == 1:
        return places
    one = draw(st.integers(0, len(places) - 1))
    return draw(
        st.sampled_from((places, places[one : one + 1], places[::2], places[: len(places) // 2]))
    )


def _one_of(draw: DrawFn, choices: Sequence[Any]) -> Any:
    """A single choice is not drawn: Hypothesis 6.170 miscounts these."""
    return choices[0] if len(choices) == 1 else draw(st.sampled_from(choices))

"""Values of a parsed dataset as text, without pydicom's conversion, which for a large series takes
as long as parsing all of its headers.
"""

import re
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from imaging.dicom.files.parsing import parsing

# PS3.5 6.2: several values with a backslash between, of the default character repertoire.
_PLAIN = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
_WORD = "US"
_PADDING = " \0"


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an element as text, without padding; empty where it is absent or empty.

    Raises
    ------
    DicomError
        pydicom cannot convert its bytes.
    """
    tag, usual_vr = _known(keyword)
    element: object = dataset.get_item(tag)
    if element is None:
        return ()
    if isinstance(element, RawDataElement):
        raw, vr = element.value or b"", element.VR or usual_vr
        if vr in _PLAIN:
            text = raw.decode("ascii", errors="replace").strip(_PADDING)
            return tuple(part.strip(_PADDING) for part in text.split("\\")) if text else ()
        if vr == _WORD and len(raw) == 2:
            return (str(int.from_bytes(raw, "little" if element.is_little_endian else "big")),)
    with parsing(keyword):
        value = dataset[tag].value
    if value is None or value == "":
        return ()
    return tuple(map(str, value)) if isinstance(value, (MultiValue, list)) else (str(value),)


def text(dataset: Dataset, keyword: str) -> str:
    """The only value of an element, or the first; empty where there is none."""
    return next(iter(texts(dataset, keyword)), "")


def whole_number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """The same as a whole number.

    Raises
    ------
    ValueError
        It is not a number.
    """
    found = text(dataset, keyword)
    return int(re.sub(r"\.0*$", "", found)) if found else default


def private_value(dataset: Dataset, group: int, creator: str, element: int) -> Any:
    """The value of a private element; None where it is absent or cannot be converted.

    Parameters
    ----------
    element
        Its last byte: the block that the creator has reserved is looked up (PS3.5 7.8.1).
    """
    if not any(tag >> 16 == group for tag in dataset.keys()):  # noqa: SIM118
        return None
    try:
        return dataset.private_block(group, creator)[element].value
    except (KeyError, TypeError, ValueError):
        return None


def private_number(dataset: Dataset, group: int, creator: str, element: int) -> int:
    """The same as a whole number; 0 where it is absent or not a number."""
    try:
        return int(private_value(dataset, group, creator, element))
    except (TypeError, ValueError):
        return 0


@cache
def _known(keyword: str) -> tuple[BaseTag, str]:
    tag = Tag(keyword)
    return tag, dictionary_VR(tag)

"""Values of a header, of a single-frame or an enhanced image, by their keywords."""

import math
from typing import Any

from pydicom.dataset import Dataset


class HeaderLookup:
    """Finds a keyword at the top level of a header, or in the functional groups of an enhanced
    image: in the shared ones, then in those of its first frame.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._datasets = [dataset]
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for groups in (dataset.get(name) or ())[:1]:
                for element in groups:
                    if element.VR == "SQ" and not element.tag.is_private and element.value:
                        self._datasets.append(element.value[0])

    def value(self, keyword: str) -> Any:
        """The first value that is there; None where there is none."""
        return next((v for d in self._datasets if (v := d.get(keyword)) not in (None, "")), None)

    def values(self, keyword: str) -> tuple[Any, ...]:
        """All values of the element; empty where there is none."""
        value = self.value(keyword)
        if value is None:
            return ()
        return (value,) if isinstance(value, str) or not hasattr(value, "__iter__") else (*value,)

    def text(self, keyword: str) -> str:
        """All values as one text; empty where there is none."""
        return " ".join(str(value) for value in self.values(keyword)).strip()

    def number(self, keyword: str) -> float | None:
        """The value, or the first of several; None where it is not a finite number."""
        try:
            number = float(next(iter(self.values(keyword)), math.nan))
        except (TypeError, ValueError):
            return None
        return number if math.isfinite(number) else None


def meaning(dataset: Dataset, keyword: str) -> str:
    """The meaning of the first code of a sequence; empty without one."""
    return next(iter(meanings(dataset, keyword)), "")


def meanings(dataset: Dataset, keyword: str) -> list[str]:
    """The meanings of the codes of a sequence, or their values where a meaning is missing."""
    items = dataset.get(keyword) or ()
    said = [str(item.get("CodeMeaning") or item.get("CodeValue") or "").strip() for item in items]
    return [text for text in said if text]

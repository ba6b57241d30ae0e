"""Values of a frame, wherever its instance has them."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from imaging.dicom.values.kinds import GE_COMPONENTS
from imaging.dicom.values.raw_values import private_value, texts

_GE_GROUP = 0x0043


class FunctionalGroups:
    """Looks values up in a frame's own groups, then in the shared ones; a single-frame image has
    them at the top level. Values are text.
    """

    def __init__(self, dataset: Dataset, *groups: Dataset) -> None:
        self._dataset = dataset
        self._groups = groups

    @property
    def is_single(self) -> bool:
        """Whether this is a single-frame image."""
        return not self._groups

    def top(self, keyword: str) -> tuple[str, ...]:
        """The values that the instance has outside of all groups."""
        return texts(self._dataset, keyword)

    def component_of_ge(self) -> tuple[str, ...]:
        """ComplexImageComponent by (0043,102F), where GE says it."""
        value = str(private_value(self._dataset, _GE_GROUP, "GEMS_PARM_01", 0x2F))
        return (GE_COMPONENTS[value],) if value in GE_COMPONENTS else ()

    def get(self, sequence: str, keyword: str) -> tuple[str, ...]:
        """The values in the first item of a functional group; empty where it has no such value."""
        if not self._groups:
            return texts(self._dataset, keyword)
        for group in self._groups:
            items = group.get(sequence)
            if items and (found := texts(items[0], keyword)):
                return found
        return ()

    def all(self, sequence: str, keyword: str) -> tuple[str, ...]:
        """The values in all items of a functional group."""
        items = (item for group in self._groups for item in group.get(sequence) or ())
        return tuple(value for item in items for value in texts(item, keyword))

    def number(self, sequence: str, keyword: str) -> float | None:
        """The first value; None where there is none."""
        return _first_number(self.get(sequence, keyword))

    def rescale(self, keyword: str) -> float | None:
        """RescaleSlope or RescaleIntercept; some enhanced images have them only on top."""
        found = self.get("PixelValueTransformationSequence", keyword) or self.top(keyword)
        return _first_number(found)


def _first_number(values: Sequence[str]) -> float | None:
    return float(values[0]) if values and values[0] else None

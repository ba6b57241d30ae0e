"""The report of a result as one HTML page that needs nothing else: no script, no font, no link."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from imaging.metrics.labels import MEASURES

TEMPLATE = "report.html.jinja"
NO_VALUE = "none"
JPEG_BEGINS = b"\xff\xd8\xff"

_MEASURES = (
    *("dice", "lesion_dice", "surface_dice", "lesion_surface_dice", "hd95_mm", "sensitivity"),
    *("true_positives", "false_negatives", "false_positives"),
    *("reference_volume_mm3", "volume_error_mm3", "relative_volume_error"),
)
"""In the order of the page."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What to show, as PNG or JPEG: the montage, and the key images of lesions by number."""

    montage: bytes | None = None
    lesions: Sequence[tuple[int, bytes]] = ()


def report_html(report: Mapping[str, Any], pictures: Pictures) -> bytes:
    """Render a report, as `imaging.export.page.report.build_report` gives it, in UTF-8.

    The same report gives the same bytes. All values are escaped.
    """
    return (_template().render(report=report, pictures=pictures).rstrip() + "\n").encode()


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "data_uri": _data_uri,
        "diameters": _diameters,
        "evaluation_rows": _evaluation_rows,
        "fixed": _fixed,
        "mm": lambda value: f"{value:.4g}",
        "thousands": lambda value: f"{value:,.0f}",
    }
    return environment.from_string(files(__package__).joinpath(TEMPLATE).read_text("utf-8"))


def _data_uri(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(JPEG_BEGINS) else "png"
    return f"data:image/{kind};base64," + b64encode(picture).decode()


def _fixed(value: float | None, digits: int) -> str:
    return NO_VALUE if value is None else f"{value + 0.0:.{digits}f}"


def _diameters(one: Mapping[str, Any]) -> str:
    low, high = one["from_mm"], one["below_mm"]
    if high is None:
        return f"{low:g} mm and more"
    return f"{low:g} to {high:g} mm" if low else f"below {high:g} mm"


def _evaluation_rows(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of each measure."""
    rows = ((MEASURES[name], entry[name]) for name in _MEASURES)
    return [(_sentence(one.label), one.shown(value, none=NO_VALUE)) for one, value in rows]


def _sentence(label: str) -> str:
    return label[0].upper() + label[1:]

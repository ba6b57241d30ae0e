"""The report of a result as one HTML page that needs nothing else: no script, no font, no link."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from imaging.metrics.labels import rows_of

TEMPLATE = "report.html.jinja"
NO_VALUE = "none"
JPEG_BEGINS = b"\xff\xd8\xff"


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
    """Label and value of each measure, labels as sentences begin."""
    return [
        (label[0].upper() + label[1:], value)
        for label, value in rows_of(entry.__getitem__, none=NO_VALUE)
    ]

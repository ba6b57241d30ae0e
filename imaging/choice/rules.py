"""The rules by which a series is chosen: what each reason weighs, and a file that overrides it.

docs/series-choice.md explains the reasons to those who write the file.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imaging.words.reasons import Reason
from metseg.errors import ConfigurationError

MAX_FILE_BYTES = 1 << 20

Weight = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] | Literal["exclude"]
"""Added to the score of a series; ``exclude`` makes the series ineligible."""

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"[^\W_]")]
"""Words as in a series description: whole words, upper or lower case, ``*`` stands for letters."""


_NUMBERS: dict[Reason, float] = {
    # Contrast agent counts most: a thin series without a sign of it never wins over a thick one
    # with it.
    Reason.CONTRAST_TAG: 8.0,
    Reason.CONTRAST_WORDS: 7.0,
    Reason.CONTRAST_TAG_EVERYWHERE: 1.0,
    Reason.CONTRAST_ORDER: 1.0,
    # More than what sampling adds: the right kind of image comes before the finer one.
    Reason.CONTRAST_LATER: 6.0,
    Reason.CONTRAST_PICTURE: 6.0,
    Reason.CONTRAST_FURTHER: 1.0,
    Reason.CONTRAST_DENIED: -3.0,
    Reason.PICTURE_BEFORE: -6.0,
    Reason.T1_WORDS: 2.0,
    Reason.T1_TAG: 2.0,
    Reason.T1_TIMES: 1.0,
    Reason.OTHER_TIMES: -2.0,
    Reason.VOLUMETRIC: 2.0,
    Reason.PLANAR: 0.0,
    Reason.THIN_SLICES: 2.0,
    Reason.MEDIUM_SLICES: 1.0,
    Reason.THICK_SLICES: 0.0,
    # A series that is the only one is tried nonetheless, so that its error says what is wrong with
    # it.
    Reason.TOO_THICK: -6.0,
    Reason.SAME_PLACE: -4.0,
    Reason.MIXED_PLANES: -6.0,
    Reason.MANY_SLICES: 1.0,
    Reason.AXIAL: 0.5,
    Reason.PART_COVERED: -3.0,
    Reason.PART_OF_HEAD: -3.0,
    Reason.DERIVED: -4.0,
    Reason.EQUAL: 0.0,
}

DEFAULT_WEIGHTS: Mapping[Reason, float | Literal["exclude"]] = {
    reason: _NUMBERS.get(reason, "exclude") for reason in Reason
}

WordReason = Literal[
    "contrast_words",
    "before_contrast",
    "t1_words",
    "not_head",
    "part_of_head",
    "t2",
    "flair",
    "stir",
    "proton_density",
    "diffusion",
    "susceptibility",
    "angiography",
    "perfusion",
    "functional",
    "spectroscopy",
    "cisternography",
    "map",
    "fat_image",
    "localiser",
    "subtraction",
    "projection",
    "reformat",
    "synthetic",
    "site",
]
"""Reasons that words can give, and to which a file can add words."""


class Limits(BaseModel):
    """Numbers that the reasons compare with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Fewer cannot cover a head at the widest distance between slices that is segmented, 6 mm.
    minimum_slices: int = Field(10, ge=1, le=10_000)
    many_slices: int = Field(100, ge=1, le=10_000)
    thin_mm: float = Field(1.5, gt=0, le=20)
    medium_mm: float = Field(3.0, gt=0, le=20)
    # A head is 130 to 180 mm in every direction; less than this is a slab of it.
    least_cover_mm: float = Field(90.0, ge=0, le=300)


class SeriesRules(BaseModel):
    """The rules of a site; what it leaves out keeps its default.

    `weights` are by the names of `Reason`; `words` adds words to reasons that words give; a series
    with one of the words in `exclude` is never taken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[Reason, Weight] = {}
    words: dict[WordReason, tuple[Word, ...]] = {}
    exclude: tuple[Word, ...] = ()
    limits: Limits = Limits()

    def weight(self, reason: Reason) -> float | Literal["exclude"]:
        """What the reason weighs, or ``exclude``."""
        return self.weights.get(reason, DEFAULT_WEIGHTS[reason])

    def extra_words(self, reason: Reason) -> tuple[str, ...]:
        """Words of the site for this reason."""
        own = {Reason(name): words for name, words in self.words.items()}
        return own.get(reason, ()) + (self.exclude if reason is Reason.SITE else ())

    @property
    def digest(self) -> str | None:
        """SHA-256, hex, of what differs from the defaults; None when nothing does."""
        weights = {r: w for r, w in self.weights.items() if w != DEFAULT_WEIGHTS[r]}
        words = {r: sorted(set(w)) for r, w in self.words.items() if w}
        limits = self.limits.model_dump(exclude_defaults=True)
        other = {
            "weights": weights,
            "words": words,
            "exclude": sorted(set(self.exclude)),
            "limits": limits,
        }
        if not any(other.values()):
            return None
        return hashlib.sha256(json.dumps(other, sort_keys=True).encode()).hexdigest()


DEFAULT_RULES = SeriesRules()


@cache
def rules_in_force(path: Path | None) -> SeriesRules:
    """The rules of the file that `Settings.series_rules` names, or the default ones.

    A program reads them once, when it starts: a changed file takes effect at the next start.

    Raises
    ------
    ConfigurationError
        See `read_rules`.
    """
    if path is None:
        return DEFAULT_RULES
    try:
        return read_rules(path)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def read_rules(path: Path) -> SeriesRules:
    """Read a file of rules.

    Raises
    ------
    ValueError
        The file cannot be read, is not TOML, or breaks a rule; the message names the line.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} must be a file that can be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path} must be at most {MAX_FILE_BYTES} bytes")
    try:
        text = content.decode()
        return SeriesRules.model_validate(tomllib.loads(text))
    except UnicodeDecodeError:
        raise ValueError(f"{path} must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} must be TOML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(_problem(text, one) for one in error.errors())
        raise ValueError(f"{path}: {problems}") from None


def _problem(text: str, error: Mapping[str, object]) -> str:
    """One broken rule: its line, its place in the file, what is required and what was found."""
    loc = error["loc"]
    parts = [part for part in loc if part != "[key]"] if isinstance(loc, tuple) else []
    keys = [part for part in parts if isinstance(part, str)][:2]
    line = _line_of(text, keys)
    where = f"line {line}, " if line else ""
    return f"{where}{'.'.join(keys)}: {error['msg']}, got {error['input']!r}"


def _line_of(text: str, keys: list[str]) -> int | None:
    """The line, from 1, on which the key is set or its table begins."""
    table: list[str] = []
    found = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([\w.\"-]+)\s*\]", line)
        if header:
            table = header[1].replace('"', "").split(".")
        key = re.match(r"\s*([\w.\"-]+)\s*=", line)
        path = [*table, *key[1].replace('"', "").split(".")] if key else table if header else []
        if path == keys:
            return number
        if path and path == keys[: len(path)]:
            found = found or number
    return found

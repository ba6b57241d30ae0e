"""The table of languages as patterns of plain text."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from imaging.words.language_words import BOTH, LANGUAGES, OTHER_HALF, UNKNOWN, Language
from imaging.words.words import plain

_GAP: Final = r"[ ()\-]*"
_PARTED: Final = r"(?<![^\W\d_])(?:{})(?![^\W\d_])"  # letters bound a word, digits do not
_SHORT: Final = 4  # a shorter name of an agent means many other things where it stands alone


@cache
def before() -> re.Pattern[str]:
    """What says "before contrast agent", in any language: "IV contrast: none" too."""
    said, at_end = [], []
    for language in LANGUAGES.values():
        denials = [f"AGENT {answer}" for answer in language.none]
        said.append(_both_ways(language, (*language.before, *denials)))
        at_end.append(_both_ways(language, [f"AGENT {answer}" for answer in language.no]))
    return _any([*said, rf"(?:{'|'.join(at_end)})(?=[() \-]*$)"])


@cache
def after() -> re.Pattern[str]:
    """What says "after contrast agent", in any language; a name of an agent by itself too."""
    return _any(
        _both_ways(language, (*language.after, *_alone(language)))
        for language in LANGUAGES.values()
    )


@cache
def both() -> re.Pattern[str]:
    """What speaks of both, and so of the whole examination."""
    other_half = _alternatives(OTHER_HALF, "", parted=True)
    return _any([_alternatives(BOTH, "", parted=False), rf"{other_half}(?=[() \-]*$)"])


@cache
def denied() -> re.Pattern[str]:
    """An answer that denies, wherever it stands in a field for the agent."""
    return _any(_both_ways(language, language.none) for language in LANGUAGES.values())


@cache
def no() -> re.Pattern[str]:
    """An answer that denies at the beginning or the end of such a field."""
    word = "|".join(
        _alternatives(language.no, "", parted=language.parted) for language in LANGUAGES.values()
    )
    return re.compile(rf"^[()\- ]*(?:{word})(?!-)|(?:^|(?<=[ \-]))(?:{word})[()\- ]*$")


@cache
def unknown() -> re.Pattern[str]:
    """A filled field that says nothing; it must match the whole field."""
    return re.compile(rf"[()\-+/& ]*(?:{_alternatives(UNKNOWN, '', parted=True)})?[()\-+/& ]*")


def _alone(language: Language) -> list[str]:
    return [
        name
        for name in language.agent
        if not language.parted or len(plain(name).replace(" ", "")) >= _SHORT
    ]


def _both_ways(language: Language, phrases: Iterable[str]) -> str:
    """The phrases with every name of an agent of the language, and what may stand before it."""
    names = "|".join(_written(name, "") for name in _longest_first(language.agent))
    given = "|".join(_written(word, "") for word in _longest_first(language.given))
    agent = rf"(?:(?:{given}){_GAP}){{0,3}}(?:{names})" if given else f"(?:{names})"
    return _alternatives(phrases, agent, parted=language.parted)


def _alternatives(phrases: Iterable[str], agent: str, *, parted: bool) -> str:
    found = "|".join(_written(phrase, agent) for phrase in _longest_first(phrases))
    return _PARTED.format(found) if parted else f"(?:{found})"


def _written(phrase: str, agent: str) -> str:
    """The pattern of one phrase of the table."""
    found = ""
    for part in re.split(r"(AGENT|\*)", phrase):
        if part == "*":
            found += r"\w*"
        elif part == "AGENT":
            found += f"{_GAP if found else ''}{agent}"
        elif text := plain(part):
            gap = _GAP if found and (part[0] == " " or found.endswith(agent or "\0")) else ""
            found += gap + _GAP.join(map(re.escape, text.split(" ")))
    return found


def _longest_first(phrases: Iterable[str]) -> list[str]:
    return sorted(phrases, key=len, reverse=True)


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(pattern for pattern in patterns if pattern not in ("(?:)", "")))

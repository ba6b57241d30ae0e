"""Which pictures of a study are worth reading before one of its series is segmented."""

import re
from collections.abc import Collection
from typing import Final

from imaging.choice.enhancement import Enhancement
from imaging.choice.verdict import Choice
from imaging.dicom.values.facts import SeriesFacts
from imaging.words.words import plain

MOST_ASKED: Final = 4
"""Reading a series takes seconds."""

# SPACE, CUBE, VISTA and the like, and preparations that darken blood.
_DARK_BLOOD: Final = re.compile(
    r"(?<![a-z])(?:space|spc\w*|cube|vista|isofse|mvox|3d ?[tf]se|motsa|msde|dante|vwi"
    r"|vessel ?wall|(?:black|dark) ?blood|bb)(?![a-z])"
)


_IN_DOUBT: Final = (
    "nothing certain says that the series was taken after contrast agent: no words, no tag of its "
    "own, and nothing in the picture"
)


def next_to_ask(choice: Choice, asked: Collection[str]) -> str | None:
    """The SeriesInstanceUID of the series whose picture is read next, None when enough is known:
    the chosen series first, as a check; then the other series in doubt, if its contrast agent is in
    doubt or no series is chosen. The pictures of the series in `asked` were read.
    """
    if len(asked) >= MOST_ASKED or not choice.verdicts:
        return None
    if choice.chosen is not None and choice.chosen not in asked:
        return choice.chosen
    if choice.chosen is not None and not choice.verdicts[0].doubt:
        return None
    for verdict in choice.verdicts:
        open_question = verdict.doubt and (verdict.eligible or choice.chosen is None)
        if open_question and verdict.series_instance_uid not in asked:
            return verdict.series_instance_uid
    return None


def believed(enhancement: Enhancement, facts: SeriesFacts) -> Enhancement:
    """What a picture says about a series: where the sequence makes vessels dark, dark vessels say
    nothing.
    """
    if enhancement.shows_agent is True or not _blood_is_dark(facts):
        return enhancement
    return Enhancement(None, is_subtraction=enhancement.is_subtraction)


def doubts(choice: Choice, enhancement: Enhancement | None) -> tuple[str, ...]:
    """Warnings about contrast agent in the series that was chosen."""
    if choice.chosen is None:
        return ()
    if enhancement is not None and enhancement.shows_agent is False:
        return (f"headers say contrast agent, the picture does not: {enhancement.words}",)
    if choice.verdicts[0].doubt and (enhancement is None or enhancement.shows_agent is None):
        return (_IN_DOUBT,)
    return ()


def _blood_is_dark(facts: SeriesFacts) -> bool:
    spin_echo = "SE" in facts.scanning_sequence and "GR" not in facts.scanning_sequence
    texts = (facts.description, facts.protocol, facts.sequence)
    return (spin_echo and facts.acquisition_type == "3D") or any(
        _DARK_BLOOD.search(plain(text)) for text in texts
    )

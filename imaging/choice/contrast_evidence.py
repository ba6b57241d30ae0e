"""What speaks for and against contrast agent in one series: tag, words, order and picture."""

from imaging.choice.enhancement import Enhancement
from imaging.choice.readings import Reading
from imaging.choice.rules import SeriesRules
from imaging.choice.series_evidence import SeriesEvidence, Surroundings
from imaging.choice.study_contrast import says_before
from imaging.dicom.values.facts import SeriesFacts
from imaging.words.contrast_words import Agent, Timing
from imaging.words.reasons import Reason

_Sign = tuple[Reason, str]
_LATER = "taken after a similar series"


def weigh_contrast(
    evidence: SeriesEvidence, facts: SeriesFacts, reading: Reading, around: Surroundings
) -> None:
    """Weigh the signs of contrast agent: the strongest counts in full, each further one a little.
    The picture is weighed beside them.
    """
    certain = _certain(facts, reading, around)
    before = says_before(facts, reading, injected_at=around.study.injected_at)
    if not (before or certain) and reading.study_denies:
        before = "words of the examination say without contrast agent"
    if before:
        evidence.add(Reason.BEFORE_CONTRAST, before, weight=-1.0 if around.accept_any_t1 else None)
        return
    if certain and reading.agent is Agent.DENIED:
        evidence.add(Reason.CONTRAST_DENIED, "ContrastBolusAgent says that none was given")
    clear, signs = [*certain, *_order(facts, around)], _weak(facts, reading, around)
    evidence.doubt = not clear
    shown = around.enhancement is not None and around.enhancement.shows_agent is True
    if not (clear or signs or shown):
        weight = 0.0 if around.accept_any_t1 else None
        evidence.add(Reason.NO_CONTRAST, "no sign of contrast agent", weight=weight)
    _add_signs(evidence, [*clear, *signs])
    if around.enhancement is not None:
        _add_picture(evidence, around.enhancement, facts, around)


def _certain(facts: SeriesFacts, reading: Reading, around: Surroundings) -> list[_Sign]:
    """Signs of this series alone: its words, and a tag that others lack."""
    signs, study = [], around.study
    named = reading.agent is Agent.NAMED or facts.contrast_given
    injected = facts.contrast_from or study.injected_at
    if named and injected and facts.acquired_at and not facts.contrast_given:
        signs.append((Reason.CONTRAST_TAG, "an agent is named; taken after ContrastBolusStartTime"))
    elif facts.contrast_given or (
        named and not study.tag_everywhere and (study.tag_tells or not reading.study_denies)
    ):
        signs.append((Reason.CONTRAST_TAG, "ContrastBolusAgent names an agent"))
    if reading.contrast.timing is Timing.AFTER:
        text = f"words say contrast agent: {', '.join(reading.contrast.words)}"
        signs.append((Reason.CONTRAST_WORDS, text))
    return signs


def _order(facts: SeriesFacts, around: Surroundings) -> list[_Sign]:
    first = around.study.first_after
    if first and facts.acquired_at > first:
        return [(Reason.CONTRAST_ORDER, "taken after a series with contrast agent")]
    return []


def _weak(facts: SeriesFacts, reading: Reading, around: Surroundings) -> list[_Sign]:
    """Signs that leave a doubt, so that the picture is read."""
    signs = []
    if reading.agent is Agent.NAMED and around.study.tag_everywhere:
        text = "an agent is named, but also in all series or in one before it"
        signs.append((Reason.CONTRAST_TAG_EVERYWHERE, text))
    shows = around.enhancement.shows_agent if around.enhancement is not None else None
    if _is_later(facts, around) and shows is None:
        signs.append((Reason.CONTRAST_LATER, _LATER))
    return signs


def _add_signs(evidence: SeriesEvidence, signs: list[_Sign]) -> None:
    small = _small(evidence.rules)
    ranked = sorted(signs, key=lambda sign: -_number(evidence.rules, sign[0]))
    for place, (reason, text) in enumerate(ranked):
        evidence.add(
            reason, text, weight=min(small, _number(evidence.rules, reason)) if place else None
        )


def _small(rules: SeriesRules) -> float:
    return _number(rules, Reason.CONTRAST_FURTHER)


def _number(rules: SeriesRules, reason: Reason) -> float:
    weight = rules.weight(reason)
    return 0.0 if weight == "exclude" else float(weight)


def _is_later(facts: SeriesFacts, around: Surroundings) -> bool:
    return facts.series_instance_uid in around.study.later


def _add_picture(
    evidence: SeriesEvidence, enhancement: Enhancement, facts: SeriesFacts, around: Surroundings
) -> None:
    """The picture decides where words leave a doubt; against words it only adds its weight. Order
    counts only between two series whose pictures show agent.
    """
    if enhancement.is_subtraction:
        evidence.add(Reason.SUBTRACTION, "in the picture the brain is as dark as the air")
    if enhancement.shows_agent is None:
        evidence.add(Reason.CONTRAST_PICTURE, enhancement.words, weight=0.0)
    elif enhancement.shows_agent:
        evidence.add(
            Reason.CONTRAST_PICTURE, enhancement.words, weight=None if evidence.doubt else 0.0
        )
        if _is_later(facts, around):
            evidence.add(Reason.CONTRAST_LATER, _LATER, weight=_small(evidence.rules))
    elif evidence.doubt and not around.accept_any_t1:
        evidence.exclude(Reason.PICTURE_BEFORE, enhancement.words)
    else:
        evidence.add(Reason.PICTURE_BEFORE, enhancement.words)

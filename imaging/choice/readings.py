"""The words in the texts of the series of a study: which text is searched for what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging.choice.rules import SeriesRules
from imaging.dicom.values.facts import SeriesFacts
from imaging.words import words
from imaging.words.contrast_words import Agent, Timing, Told, agent_said, told
from imaging.words.reasons import Reason
from imaging.words.recoded import as_meant, other_readings

# The ProtocolName of these vendors is that of the whole examination ("BRAIN W WO"), not of the
# series.
_PROTOCOL_OF_STUDY = ("ge ", "toshiba", "canon", "hitachi", "fujifilm")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the texts of one series say: code words by reason.

    `found` holds reasons of the kind of image, `t1` the words for T1. `agent` is what the field for
    the contrast agent says; an agent that is named with an amount of 0 counts as not said.
    """

    t1: tuple[str, ...]
    found: Mapping[Reason, tuple[str, ...]]
    contrast: Told
    agent: Agent
    study_denies: bool
    """The words of the examination say that no agent was given."""
    head: bool
    """The series names the head."""
    study_head: bool
    study_part: tuple[str, ...]
    """The study names another part of the body."""

    @property
    def shown(self) -> str:
        """All code words, once each."""
        said = [*self.t1, *(w for named in self.found.values() for w in named)]
        return " ".join(dict.fromkeys([*said, *self.contrast.words]))


def read_texts(study: Sequence[SeriesFacts], rules: SeriesRules) -> list[Reading]:
    """A reading of each series of a study, in the order given."""
    shared = _protocols_of_study(study, rules)
    return [_read(facts, rules, protocol_counts=facts.protocol not in shared) for facts in study]


def _read(facts: SeriesFacts, rules: SeriesRules, *, protocol_counts: bool) -> Reading:
    description, sequence = _plain(facts.description), _plain(facts.sequence)
    protocol = _plain(facts.protocol) if protocol_counts else ""
    texts = [text for text in (description, protocol) if text]
    t1, other = _weighting([*texts, sequence], rules)
    found = dict(other)
    for reason, table in words.PROCESSED.items():
        _collect(found, reason, table, texts, rules)
    _collect(found, Reason.NOT_HEAD, words.NOT_HEAD, texts, rules)
    _collect(found, Reason.PART_OF_HEAD, words.PART_OF_HEAD, texts, rules)
    _collect(found, Reason.SITE, {}, texts, rules)
    if _mpr_is_mprage(facts, found, texts):
        found.pop(Reason.REFORMAT)
        t1 = (*t1, "MPRAGE")
    of_study = _plain(facts.study_description)
    of_series = (facts.description, facts.protocol if protocol_counts else "", *facts.comments)
    of_examination = (*facts.procedures, facts.study_description, facts.protocol)
    elsewhere = words.find(words.NOT_HEAD, of_study, rules.extra_words(Reason.NOT_HEAD))
    return Reading(
        t1=t1,
        found=found,
        contrast=_contrast(of_series, rules),
        agent=_agent(facts),
        study_denies=_contrast(of_examination, rules).timing is Timing.BEFORE,
        head=any(words.find(words.HEAD, text) for text in texts),
        study_head=bool(words.find(words.HEAD, of_study)),
        study_part=tuple(elsewhere),
    )


def _collect(
    found: dict[Reason, tuple[str, ...]],
    reason: Reason,
    table: words.Table,
    texts: Sequence[str],
    rules: SeriesRules,
) -> None:
    extra = rules.extra_words(reason)
    said = [word for text in texts for word in words.find(table, text, extra)]
    if said:
        found[reason] = tuple(dict.fromkeys(said))


def _weighting(
    texts: Sequence[str], rules: SeriesRules
) -> tuple[tuple[str, ...], dict[Reason, tuple[str, ...]]]:
    """Words for T1 and for other contrasts in the first text that has any."""
    for text in texts:
        t1 = words.find(words.T1, text, rules.extra_words(Reason.T1_WORDS))
        other: dict[Reason, tuple[str, ...]] = {}
        for reason, table in words.OTHER.items():
            if not ("T1" in t1 and reason in words.SOFT):
                _collect(other, reason, table, [text], rules)
        if t1 or other:
            return tuple(t1), other
    return (), {}


def _contrast(texts: Sequence[str], rules: SeriesRules) -> Told:
    """What the first text that mentions contrast agent says about it."""
    own = [words.site_word(word) for word in rules.extra_words(Reason.BEFORE_CONTRAST)]
    before = re.compile("|".join(pattern.pattern for pattern in own)) if own else None
    after = {word: words.site_word(word) for word in rules.extra_words(Reason.CONTRAST_WORDS)}
    for text in texts:
        for reading in (as_meant(text), *other_readings(text)):
            said = told(words.plain(reading), before=before, after=after)
            if said.timing is not Timing.UNSAID:
                return said
    return Told(Timing.UNSAID)


def _agent(facts: SeriesFacts) -> Agent:
    """What the field for the agent says, in any of its readings."""
    said = agent_said(as_meant(facts.contrast_agent))
    others = {agent_said(reading) for reading in other_readings(facts.contrast_agent)}
    if Agent.DENIED in others:
        said = Agent.DENIED
    return Agent.UNSAID if said is Agent.NAMED and facts.contrast_amount == 0 else said


def _plain(text: str) -> str:
    return words.plain(as_meant(text))


def _mpr_is_mprage(
    facts: SeriesFacts, found: Mapping[Reason, tuple[str, ...]], texts: Sequence[str]
) -> bool:
    """Siemens names its MPRAGE ``t1_mpr_ns_sag``: an original image of an inversion recovery."""
    if found.get(Reason.REFORMAT) != ("reformat",) or "MPR" in facts.image_type:
        return False
    asked = [text for text in texts if words.find(words.PROCESSED[Reason.REFORMAT], text)]
    made_after = rf"mp2?rage|(?<![a-z]){words.GIVEN} mprs?(?: (?:ax|tra|cor|kor|sag))?$"
    if any(re.search(made_after, text) for text in texts):
        return False
    inverted = facts.inversion_time_ms is not None or "IR" in facts.scanning_sequence
    return (
        facts.image_type[:1] != ("DERIVED",)
        and all(re.sub(r"(?<![a-z])mpr(?![a-z])", "", text) != text for text in asked)
        and (inverted or "tfl" in facts.sequence.lower())
    )


def _protocols_of_study(study: Sequence[SeriesFacts], rules: SeriesRules) -> set[str]:
    """Protocol names that do not stand for one kind of image: those of some vendors, and those that
    series of different weighting share.
    """
    kinds: dict[str, set[object]] = {}
    of_study = set()
    for facts in study:
        if facts.manufacturer.lower().startswith(_PROTOCOL_OF_STUDY):
            of_study.add(facts.protocol)
        t1, other = _weighting([_plain(facts.description)], rules)
        if t1 or other:
            kinds.setdefault(facts.protocol, set()).add("t1" if t1 else frozenset(other))
    return of_study | {name for name, seen in kinds.items() if len(seen) > 1}

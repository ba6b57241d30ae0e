"""What the series of a study together say about contrast agent: which tags say nothing, when the
agent was given, and which of two similar series was taken later.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from imaging.choice.readings import Reading
from imaging.dicom.values.facts import SeriesFacts
from imaging.words import words
from imaging.words.contrast_words import Agent, Timing
from imaging.words.reasons import Reason

Study = Sequence[tuple[SeriesFacts, Reading]]


@dataclass(frozen=True, slots=True)
class StudyContrast:
    """What a study says about contrast agent.

    With `tag_everywhere` the agent's tag says nothing about a single series; with `tag_tells` some
    series have it and some do not. `first_after` is when the first series with contrast agent was
    taken, `injected_at` when the agent was given; both are empty where that is not known. `later`
    are UIDs of series that repeat an earlier one.
    """

    tag_everywhere: bool
    tag_tells: bool
    first_after: str
    injected_at: str
    later: frozenset[str]


def study_contrast(study: Study) -> StudyContrast:
    """Look at all series of one study."""
    everywhere = _tag_everywhere(study)
    return StudyContrast(
        tag_everywhere=everywhere,
        tag_tells=not everywhere and any(r.agent is not Agent.NAMED for _, r in study),
        first_after=_first_after(study, everywhere=everywhere),
        injected_at=min((f.contrast_from for f, _ in study if f.contrast_from), default=""),
        later=_later(study, everywhere=everywhere),
    )


def says_before(facts: SeriesFacts, reading: Reading, *, injected_at: str = "") -> str:
    """What says that the series was taken before the agent, or without; empty when nothing does."""
    if reading.contrast.timing is Timing.BEFORE:
        return "words say before contrast agent"
    if facts.contrast_given is False:
        return "ContrastBolusAgentAdministered is NO"
    said_after = reading.contrast.timing is Timing.AFTER or facts.contrast_given
    injected = facts.contrast_from or injected_at
    # An injector's clock may be wrong, and another bolus may have gone before: words count more.
    if injected and facts.acquired_at and facts.acquired_at < injected and not said_after:
        return "taken before ContrastBolusStartTime"
    if reading.agent is Agent.DENIED and not said_after:
        return "ContrastBolusAgent says that none was given"
    return ""


def _tag_everywhere(study: Study) -> bool:
    """Whether an agent is named in all series, taken one after another, or in one that was surely
    taken before it: the tag was filled in when the patient was registered, and says nothing about a
    single series.
    """
    images = [(f, r) for f, r in study if f.modality == "MR" and not f.unreadable]
    named = [(f, r) for f, r in images if r.agent is Agent.NAMED]
    moments = {(facts.acquired_at, facts.series_number) for facts, _ in images}
    return (len(moments) > 1 and len(named) == len(images)) or any(
        says_before(facts, reading) or Reason.LOCALISER in reading.found for facts, reading in named
    )


def _first_after(study: Study, *, everywhere: bool) -> str:
    """When the first series with contrast agent was taken; empty where there is none.

    The agent stays: a T1 that is taken later shows it, whatever it is called.
    """
    return min(
        (
            facts.acquired_at
            for facts, reading in study
            if facts.acquired_at
            and _is_original(facts, reading)
            and not says_before(facts, reading)
            and (
                reading.contrast.timing is Timing.AFTER
                or (reading.agent is Agent.NAMED and not everywhere)
            )
        ),
        default="",
    )


def _is_original(facts: SeriesFacts, reading: Reading) -> bool:
    """Whether the series itself was acquired: derived images carry the times of their sources."""
    processed = any(reason in reading.found for reason in words.PROCESSED)
    return facts.modality == "MR" and facts.image_type[:1] != ("DERIVED",) and not processed


def _later(study: Study, *, everywhere: bool) -> frozenset[str]:
    """T1 series of which nothing says whether they were taken before or after the agent, and which
    repeat an earlier one. Where the agent's tag is everywhere, an agent was given, and any two T1
    whose times are known are alike; otherwise the same sequence has to be there twice.

    Empty where another T1 is said to be after the agent: that one is to be taken.
    """
    t1 = [(f, r) for f, r in study if _is_original(f, r) and _is_t1(r)]
    if any(r.contrast.timing is Timing.AFTER for _, r in t1):
        return frozenset()
    given = everywhere and all(f.acquired_at and r.agent is Agent.NAMED for f, r in t1)
    alike: dict[Hashable, list[tuple[SeriesFacts, Reading]]] = {}
    for facts, reading in t1:
        alike.setdefault(None if given else _sequence(facts, reading), []).append((facts, reading))
    return frozenset(
        facts.series_instance_uid
        for group in alike.values()
        for facts, reading in _all_but_first(group)
        if not says_before(facts, reading)
    )


def _is_t1(reading: Reading) -> bool:
    return bool(reading.t1) and not (set(reading.found) - {Reason.PART_OF_HEAD})


def _sequence(facts: SeriesFacts, reading: Reading) -> Hashable:
    """What two runs of one sequence share; a number at the end of its name counts the runs."""
    times = (facts.repetition_time_ms, facts.echo_time_ms, facts.inversion_time_ms)
    return (
        reading.t1,
        re.sub(r"[ (\-]*[0-9]+\)?$", "", words.plain(facts.description)),
        facts.acquisition_type,
        facts.frames,
        facts.placement and facts.placement.plane,
        facts.slice_spacing_mm and round(facts.slice_spacing_mm, 1),
        *(time and f"{time:.1e}" for time in times),
    )


def _all_but_first(group: Study) -> Study:
    """Those that were taken after the first: by time where all have one, else by number."""
    if all(facts.acquired_at for facts, _ in group):
        first = min(facts.acquired_at for facts, _ in group)
        return [(f, r) for f, r in group if f.acquired_at > first]
    if any(facts.series_number is None for facts, _ in group):
        return []
    least = min(facts.series_number or 0 for facts, _ in group)
    return [(f, r) for f, r in group if (f.series_number or 0) > least]

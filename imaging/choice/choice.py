"""Which series of a study is the T1 after contrast agent: header facts in, a decision with its
reasons out. docs/series-choice.md explains the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from imaging.choice.enhancement import Enhancement
from imaging.choice.evidence import gather
from imaging.choice.readings import Reading, read_texts
from imaging.choice.rules import DEFAULT_RULES, SeriesRules
from imaging.choice.series_evidence import Surroundings
from imaging.choice.study_contrast import study_contrast
from imaging.choice.verdict import Choice, SeriesVerdict
from imaging.dicom.values.facts import SeriesFacts
from imaging.words.reasons import Reason


def choose_series(
    candidates: Sequence[SeriesFacts],
    *,
    accept_any_t1: bool,
    rules: SeriesRules = DEFAULT_RULES,
    refuse_spacing_mm: float | None = None,
    enhancements: Mapping[str, Enhancement] | None = None,
) -> Choice:
    """Choose the series of one study to segment.

    A series is eligible when no reason excludes it: it is an MR series of enough grey slices,
    T1-weighted by words, tag or times, with a sign of contrast agent (tag, words, order or
    picture). Among the eligible series the highest score wins; between equal scores finer voxels
    win, then more slices, then the later series number.

    Parameters
    ----------
    accept_any_t1
        A T1 series without any sign of contrast agent, or said to be before it, is eligible too;
        one with a sign still wins.
    refuse_spacing_mm
        Series with slices further apart weigh less (`too_thick`).
    enhancements
        What the pictures of some series show, by SeriesInstanceUID: see `imaging.choice.asking`.
    """
    readings = read_texts(candidates, rules)
    pairs = list(zip(candidates, readings, strict=True))
    together = study_contrast(pairs)
    found = []
    for facts, reading in pairs:
        around = Surroundings(
            accept_any_t1=accept_any_t1,
            refuse_spacing_mm=refuse_spacing_mm,
            study=together,
            enhancement=(enhancements or {}).get(facts.series_instance_uid),
        )
        verdict = _judge(facts, reading, around, rules)
        found.append((_rank(verdict, facts), verdict, facts))
    found.sort(key=lambda entry: entry[0])
    verdicts = _name_equals([(verdict, facts) for _, verdict, facts in found])
    return _best_taken(verdicts)


def passed_over(choice: Choice, why: str) -> Choice:
    """The choice after the chosen series turned out not to be a volume: the next eligible one is
    chosen, and the verdict on the first gets the reason.
    """
    eligible = [one for one in choice.verdicts if one.eligible]
    first, *others = eligible
    against = (*first.reasons_against, f"{Reason.UNREADABLE}: {why}")
    verdict = replace(first, eligible=False, reasons_against=against)
    rest = [one for one in choice.verdicts if not one.eligible]
    return _best_taken([*others, verdict, *rest])


def _best_taken(verdicts: Sequence[SeriesVerdict]) -> Choice:
    """The choice of the first verdict, where that is eligible; the best comes first."""
    return Choice(
        tuple(
            replace(one, chosen=place == 0 and one.eligible) for place, one in enumerate(verdicts)
        )
    )


def _judge(
    facts: SeriesFacts, reading: Reading, around: Surroundings, rules: SeriesRules
) -> SeriesVerdict:
    evidence = gather(facts, reading, around, rules)
    return SeriesVerdict(
        series_instance_uid=facts.series_instance_uid,
        modality=facts.modality[:16],
        n_instances=facts.n_instances,
        chosen=False,
        eligible=not evidence.fatal,
        score=round(evidence.score, 3),
        words=reading.shown,
        reasons_for=tuple(evidence.pro),
        reasons_against=tuple(evidence.fatal + evidence.contra),
        doubt=evidence.doubt
        and all(line.startswith(f"{Reason.NO_CONTRAST}:") for line in evidence.fatal),
    )


_Rank = tuple[bool, float, float, float, int, int, str]


def _rank(verdict: SeriesVerdict, facts: SeriesFacts) -> _Rank:
    """A key that sorts the best series first. An unknown size counts as coarse."""
    return (
        not verdict.eligible,
        -verdict.score,
        facts.slice_spacing_mm or float("inf"),
        facts.pixel_spacing_mm or float("inf"),
        -facts.frames,
        -(facts.series_number or 0),
        facts.series_instance_uid,
    )


def _name_equals(ranked: Sequence[tuple[SeriesVerdict, SeriesFacts]]) -> list[SeriesVerdict]:
    """The verdicts; each one as good as the first says so, and says why the first was taken."""
    if not ranked or not ranked[0][0].eligible:
        return [verdict for verdict, _ in ranked]
    best, facts = ranked[0]
    equals = [one for one, _ in ranked[1:] if one.eligible and one.score == best.score]
    named = [best]
    if equals:
        text = f"{Reason.EQUAL} +0: as good as {len(equals)} other series; {_voxels(facts)}"
        named = [replace(best, reasons_for=(*best.reasons_for, text))]
    for verdict, other in ranked[1:]:
        if verdict in equals:
            why = _why_first(_rank(best, facts), _rank(verdict, other))
            text = f"{Reason.EQUAL} +0: as good as the series taken, which is {why}; "
            against = (*verdict.reasons_against, text + _voxels(other))
            named.append(replace(verdict, reasons_against=against))
        else:
            named.append(verdict)
    return named


def _why_first(best: _Rank, other: _Rank) -> str:
    if best[2:4] < other[2:4]:
        return "finer"
    return "as fine and has more slices" if best[4] < other[4] else "as fine and later"


def _voxels(facts: SeriesFacts) -> str:
    spacing, pixel = facts.slice_spacing_mm, facts.pixel_spacing_mm
    if spacing is None or pixel is None:
        return "voxels of unknown size"
    return f"voxels of {spacing:g} x {pixel:g} x {pixel:g} mm"

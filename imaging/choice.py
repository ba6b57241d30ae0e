"""Which series of a study is the T1 after contrast agent: header facts in, a decision with its
reasons out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imaging import words
from imaging.facts import SeriesFacts

# Fewer cannot cover a head at the widest distance between slices that is segmented, 6 mm.
MINIMUM_SLICES = 10

# What each sign weighs. Contrast counts most: a thin series without it never wins over a thick
# one with it.
CONTRAST_TAG, CONTRAST_WORDS = 8.0, 7.0
T1_WORDS, T1_TIMES = 2.0, 1.0
THREE_D = 2.0
MANY_SLICES, THIN_SLICES = 2.0, 1.0
THIN_MM = 1.5
MANY = 200

# Short echo, and either a short repetition or an inversion as of MPRAGE; ms, 0.2 to 3 T.
T1_ECHO_MS, T1_REPETITION_MS, T1_INVERSION_MS = 20.0, 900.0, (500.0, 1300.0)

_PHASE_IMAGES = frozenset({"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY"})
_DERIVED_KINDS = frozenset(
    {"SUBTRACT", "SUBTRACTION", "MIP", "MINIP", "PROJECTION IMAGE", "MOSAIC", "LOCALIZER", "ADC"}
)
_OTHER_CONTRASTS = frozenset({"T2", "T2_STAR", "FLUID_ATTENUATED", "DIFFUSION", "PERFUSION"})


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """What speaks for and against one series. `description` holds recognised code words only."""

    series_instance_uid: str
    description: str
    score: float
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]
    eligible: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen series, or none, and a verdict on each candidate, best first."""

    chosen: str | None
    verdicts: tuple[SeriesVerdict, ...]


@dataclass(slots=True)
class _Case:
    """Arguments on one series as they are gathered; `fatal` ones make it ineligible."""

    score: float = 0.0
    pro: list[str] = field(default_factory=list)
    contra: list[str] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)

    def favour(self, reason: str, weight: float) -> None:
        self.pro.append(reason)
        self.score += weight


def choose_series(candidates: Sequence[SeriesFacts], *, accept_any_t1: bool) -> Choice:
    """Choose the series to segment.

    Eligible is an original MR series of at least `MINIMUM_SLICES` slices, grey, T1-weighted by
    words or by its times, with a contrast agent by tag or by words. Among those the highest score
    wins, then the later series number.

    Parameters
    ----------
    accept_any_t1
        A T1 series without any sign of contrast agent is eligible too; one with a sign still wins.
    """
    ranked = sorted(
        candidates,
        key=lambda facts: (-(facts.series_number or 0), facts.series_instance_uid),
    )
    verdicts = [_judge(facts, accept_any_t1=accept_any_t1) for facts in ranked]
    verdicts.sort(key=lambda verdict: (not verdict.eligible, -verdict.score))
    chosen = verdicts[0].series_instance_uid if verdicts and verdicts[0].eligible else None
    return Choice(chosen, tuple(verdicts))


def _judge(facts: SeriesFacts, *, accept_any_t1: bool) -> SeriesVerdict:
    case = _Case()
    if facts.modality != "MR":
        case.fatal.append(f"modality is {facts.modality or 'not said'}, not MR")
    else:
        case.fatal.extend(_wrong_kind(facts))
        _weigh_t1(case, facts)
        _weigh_contrast(case, facts, accept_any_t1=accept_any_t1)
        _weigh_sampling(case, facts)
    found = [w for table in _SHOWN for w in words.find(table, facts.texts)]
    return SeriesVerdict(
        series_instance_uid=facts.series_instance_uid,
        description=" ".join(dict.fromkeys(found)),
        score=round(case.score, 3),
        reasons_for=tuple(case.pro),
        reasons_against=tuple(case.fatal + case.contra),
        eligible=not case.fatal,
    )


_SHOWN = (
    words.T1,
    words.NOT_T1,
    words.LOCALISER,
    words.PROCESSED,
    words.BEFORE_CONTRAST,
    words.CONTRAST,
)


def _wrong_kind(facts: SeriesFacts) -> Iterator[str]:
    """Why no T1 of this kind would do."""
    if facts.frames < MINIMUM_SLICES:
        yield f"{facts.frames} slices, at least {MINIMUM_SLICES} are needed"
    if facts.samples_per_pixel != 1:
        yield "colour images"
    if facts.image_type[:1] == ("DERIVED",):
        yield "ImageType says DERIVED"
    kinds = sorted(_DERIVED_KINDS.intersection(facts.image_type))
    if kinds:
        yield f"ImageType says {' '.join(kinds)}"
    if _PHASE_IMAGES.intersection(facts.image_type[2:]):
        yield "ImageType says phase, real or imaginary part"
    for table in (words.LOCALISER, words.PROCESSED):
        for word in words.find(table, facts.texts):
            yield f"words say {word}"


def _weigh_t1(case: _Case, facts: SeriesFacts) -> None:
    wanted = words.find(words.T1, facts.texts)
    other = words.find(words.NOT_T1, facts.texts)
    if "T1" in wanted and other == ["FLAIR"]:
        other = []  # T1 FLAIR is an inversion-recovery T1
    if other:
        case.fatal.append(f"words say {', '.join(other)}")
    if facts.acquisition_contrast in _OTHER_CONTRASTS:
        case.fatal.append(f"AcquisitionContrast is {facts.acquisition_contrast}")
    timed = _t1_times(facts)
    if wanted:
        case.favour(f"words say {', '.join(wanted)}", T1_WORDS)
    if facts.acquisition_contrast == "T1":
        case.favour("AcquisitionContrast is T1", T1_WORDS)
    if timed:
        case.favour("echo and repetition times are those of a T1", T1_TIMES)
    if timed is False:
        case.fatal.append("echo time is too long for a T1")
    if not (wanted or timed or facts.acquisition_contrast == "T1"):
        case.fatal.append("nothing says T1")


def _t1_times(facts: SeriesFacts) -> bool | None:
    """Whether the times are those of a T1; None where they do not tell."""
    echo, repetition = facts.echo_time_ms, facts.repetition_time_ms
    if echo is None:
        return None
    if echo > 2 * T1_ECHO_MS:
        return False
    if echo > T1_ECHO_MS or repetition is None:
        return None
    low, high = T1_INVERSION_MS
    inverted = facts.inversion_time_ms is not None and low <= facts.inversion_time_ms <= high
    return True if repetition <= T1_REPETITION_MS or inverted else None


def _weigh_contrast(case: _Case, facts: SeriesFacts, *, accept_any_t1: bool) -> None:
    before = words.find(words.BEFORE_CONTRAST, facts.texts)
    tagged = words.names_agent(facts.contrast_agent)
    told = words.find(words.CONTRAST, facts.texts)
    if before:
        (case.contra if accept_any_t1 else case.fatal).append("words say before contrast agent")
        return
    if tagged:
        case.favour("ContrastBolusAgent names an agent", CONTRAST_TAG)
    if told:
        case.favour(f"words say contrast agent: {', '.join(told)}", CONTRAST_WORDS)
    if not (tagged or told):
        (case.contra if accept_any_t1 else case.fatal).append("no sign of contrast agent")


def _weigh_sampling(case: _Case, facts: SeriesFacts) -> None:
    if facts.acquisition_type == "3D":
        case.favour("3-D acquisition", THREE_D)
    elif facts.acquisition_type == "2D":
        case.contra.append("2-D acquisition")
    case.favour(f"{facts.frames} slices", MANY_SLICES * min(facts.frames, MANY) / MANY)
    spacing = facts.slice_spacing_mm
    if spacing is not None and spacing <= THIN_MM:
        case.favour(f"{spacing:g} mm slices", THIN_SLICES)
    elif spacing is not None:
        case.contra.append(f"{spacing:g} mm slices")

"""What speaks for and against one series: reasons with their weights, from facts and words."""

from imaging.choice.contrast_evidence import weigh_contrast
from imaging.choice.readings import Reading
from imaging.choice.rules import SeriesRules
from imaging.choice.series_evidence import SeriesEvidence, Surroundings
from imaging.dicom.values.facts import SeriesFacts
from imaging.dicom.values.kinds import FAT_IMAGES, PHASE_IMAGES, PROJECTION, REFORMAT, SUBTRACTION
from imaging.words.reasons import Reason

# Times of a T1, ms: a short echo, and either a short repetition or an inversion as of MPRAGE
# (0.2 to 3 T). Nominal echo times of 3-D spin echoes with long trains reach 40.
T1_ECHO_MS, LONG_ECHO_MS = 20.0, 60.0
T1_REPETITION_MS = 1100.0
T1_INVERSION_MS = (250.0, 1300.0)
FLUID_INVERSION_MS = 1500.0  # TI of FLAIR: 1.6 s at 0.5 T to 2.8 s
GRADIENT_ECHO_MS = 12.0  # a longer one makes a gradient echo T2*-weighted
BALANCED_FLIP_DEG, BALANCED_REPETITION_MS = 35.0, 15.0  # steady-state sequences such as FIESTA

_KINDS = {
    Reason.SUBTRACTION: SUBTRACTION,
    Reason.PROJECTION: PROJECTION,
    Reason.REFORMAT: REFORMAT,
    Reason.LOCALISER: frozenset({"LOCALIZER"}),
    Reason.DIFFUSION: frozenset({"DIFFUSION", "ADC", "TRACEW", "FA", "ADC_MAP", "TENSOR"}),
    Reason.PERFUSION: frozenset({"PERFUSION", "TTP", "CBF", "CBV", "MTT", "ASL", "RELCBF", "DSC"}),
    Reason.FUNCTIONAL: frozenset({"FMRI", "MOSAIC"}),
    Reason.SUSCEPTIBILITY: frozenset({"SWI", "MNIP_SWI"}),
    Reason.MAP: frozenset({"T1 MAP", "T2 MAP", "T1_MAP", "T2_MAP", "B0 MAP", "FIELD MAP"}),
    Reason.FAT_IMAGE: FAT_IMAGES,
}  # fmt: skip
_OTHER_CONTRASTS = frozenset(
    {"T2", "T2_STAR", "FLUID_ATTENUATED", "DIFFUSION", "PERFUSION", "PROTON_DENSITY", "STIR",
     "TIME_OF_FLIGHT", "PHASE_CONTRAST"}
)  # fmt: skip
_HEAD_PARTS = ("HEAD", "BRAIN", "SKULL", "KOPF", "NEURO", "CEREB", "CRAN", "HIRN", "SCHAEDEL")
_PARTS_OF_HEAD = ("ORBIT", "EYE", "PITUIT", "SELLA", "IAC", "EAR", "SINUS", "JAW", "TMJ", "FACE")
_OTHER_PARTS = (
    "SPINE", "KNEE", "NECK", "SHOULDER", "HIP", "ANKLE", "FOOT", "HAND", "WRIST", "ELBOW", "CHEST",
    "ABDOM", "LIVER", "KIDNEY", "PELVI", "PROST", "BREAST", "HEART", "CARDI", "LEG", "ARM",
    "EXTREM", "THORA", "LUMB", "CERVI", "UTERUS", "BWS", "HWS", "LWS",
)  # fmt: skip


def gather(
    facts: SeriesFacts, reading: Reading, around: Surroundings, rules: SeriesRules
) -> SeriesEvidence:
    """All arguments on one series."""
    evidence = SeriesEvidence(rules)
    if facts.modality != "MR":
        evidence.add(Reason.MODALITY, f"modality is {_modality(facts)}, not MR")
        return evidence
    if facts.unreadable:
        evidence.add(Reason.UNREADABLE, facts.unreadable)
        return evidence
    _weigh_kind(evidence, facts, reading)
    _weigh_t1(evidence, facts, reading)
    weigh_contrast(evidence, facts, reading, around)
    _weigh_sampling(evidence, facts, around.refuse_spacing_mm)
    _weigh_part(evidence, facts, reading)
    return evidence


def _modality(facts: SeriesFacts) -> str:
    known = facts.modality.isalnum() and facts.modality.isupper() and len(facts.modality) <= 16
    return facts.modality if known else "not said"


def _weigh_kind(evidence: SeriesEvidence, facts: SeriesFacts, reading: Reading) -> None:
    """Weigh what a T1 must not be, by tags and by words."""
    if facts.samples_per_pixel != 1:
        evidence.add(Reason.COLOUR, "colour images")
    texts_of = {r: [f"words say {', '.join(said)}"] for r, said in reading.found.items()}
    for reason, kinds in _KINDS.items():
        if found := sorted(kinds.intersection(facts.image_type)):
            texts_of.setdefault(reason, []).append(f"ImageType says {' '.join(found)}")
    for reason, texts in texts_of.items():
        if reason not in (Reason.NOT_HEAD, Reason.PART_OF_HEAD):
            evidence.add(reason, "; ".join(texts))
    if facts.image_type[:2] == ("DERIVED", "SECONDARY"):
        evidence.add(Reason.SECONDARY, "ImageType says DERIVED SECONDARY")
    elif facts.image_type[:1] == ("DERIVED",) and Reason.DERIVED not in texts_of:
        evidence.add(Reason.DERIVED, "ImageType says DERIVED")
    if PHASE_IMAGES.intersection(facts.image_type[2:]):
        evidence.add(Reason.PHASE_IMAGE, "ImageType says phase, real or imaginary part")
    if "EP" in facts.scanning_sequence:
        evidence.add(Reason.ECHO_PLANAR, "ScanningSequence says echo planar")


def _weigh_t1(evidence: SeriesEvidence, facts: SeriesFacts, reading: Reading) -> None:
    contrast = facts.acquisition_contrast
    timed, times = t1_times(facts)
    if reading.t1:
        evidence.add(Reason.T1_WORDS, f"words say {', '.join(reading.t1)}")
    if contrast == "T1":
        evidence.add(Reason.T1_TAG, "AcquisitionContrast is T1")
    if contrast in _OTHER_CONTRASTS:
        evidence.add(Reason.OTHER_TAG, f"AcquisitionContrast is {contrast}")
    if timed is True:
        evidence.add(Reason.T1_TIMES, f"{times}, as in a T1")
    if timed is False:
        sure = (facts.echo_time_ms or 0) > LONG_ECHO_MS or not (reading.t1 or contrast == "T1")
        if sure:
            evidence.fatal.append(f"{Reason.OTHER_TIMES}: {times}, not as in a T1")
        else:
            evidence.add(Reason.OTHER_TIMES, f"{times}, not as in a T1")
    if not (reading.t1 or timed or contrast == "T1"):
        evidence.add(Reason.NO_T1, "nothing says T1")


def t1_times(facts: SeriesFacts) -> tuple[bool | None, str]:
    """Whether echo, repetition and inversion times and flip angle are those of a T1, None where
    they do not decide it; and the numbers as text.
    """
    echo, repetition = facts.echo_time_ms, facts.repetition_time_ms
    inversion, flip = facts.inversion_time_ms, facts.flip_angle_deg
    numbers = (("TR", repetition, "ms"), ("TE", echo, "ms"), ("TI", inversion, "ms"),
               ("flip angle", flip, "degrees"))  # fmt: skip
    said = ", ".join(f"{name} {value:g} {unit}" for name, value, unit in numbers if value)
    if echo is None:
        return None, said
    gradient = "GR" in facts.scanning_sequence and "SE" not in facts.scanning_sequence
    low, high = T1_INVERSION_MS
    inverted = inversion is not None and low <= inversion <= high
    balanced = (
        gradient
        and flip is not None
        and flip > BALANCED_FLIP_DEG
        and repetition is not None
        and repetition < BALANCED_REPETITION_MS
        and not inverted
    )
    if (
        echo > LONG_ECHO_MS
        or (gradient and echo > GRADIENT_ECHO_MS)
        or (inversion is not None and inversion > FLUID_INVERSION_MS)
        or balanced
    ):
        return False, said
    if echo > T1_ECHO_MS or repetition is None:
        return None, said
    return (True if repetition <= T1_REPETITION_MS or inverted else None), said


def _weigh_sampling(
    evidence: SeriesEvidence, facts: SeriesFacts, refuse_spacing_mm: float | None
) -> None:
    limits, spacing, placement = evidence.rules.limits, facts.slice_spacing_mm, facts.placement
    slices = placement.places if placement and placement.planes == 1 else facts.frames
    if slices < limits.minimum_slices:
        evidence.add(
            Reason.FEW_SLICES, f"{slices} slices, at least {limits.minimum_slices} are needed"
        )
    elif slices >= limits.many_slices:
        evidence.add(Reason.MANY_SLICES, f"{slices} slices")
    if facts.acquisition_type == "3D":
        evidence.add(Reason.VOLUMETRIC, "3-D acquisition")
    elif facts.acquisition_type == "2D":
        evidence.add(Reason.PLANAR, "2-D acquisition")
    if spacing is not None:
        evidence.add(
            _thickness(evidence, spacing, refuse_spacing_mm), f"slices every {spacing:g} mm"
        )
    if placement is None:
        return
    if placement.plane == "axial" and facts.acquisition_type != "3D":
        evidence.add(Reason.AXIAL, "axial slices")
    if placement.planes > 1:
        evidence.add(Reason.MIXED_PLANES, f"slices in {placement.planes} directions")
    elif placement.images > placement.places:
        text = f"{placement.images} images at {placement.places} places"
        evidence.add(Reason.SAME_PLACE, text)
    if placement.cover_mm < limits.least_cover_mm and placement.planes == 1:
        evidence.add(Reason.PART_COVERED, f"slices cover {placement.cover_mm:.0f} mm")


def _thickness(evidence: SeriesEvidence, spacing: float, refuse_mm: float | None) -> Reason:
    if refuse_mm is not None and spacing > refuse_mm + 1e-3:
        return Reason.TOO_THICK
    if spacing <= evidence.rules.limits.thin_mm:
        return Reason.THIN_SLICES
    return (
        Reason.MEDIUM_SLICES if spacing <= evidence.rules.limits.medium_mm else Reason.THICK_SLICES
    )


def _weigh_part(evidence: SeriesEvidence, facts: SeriesFacts, reading: Reading) -> None:
    """Whether the images are of the head. A tag is often left over from the last patient, so that
    words count more, and those of the series most.
    """
    part = facts.body_part.upper()
    head_tag = any(word in part for word in _HEAD_PARTS)
    other_tag = not head_tag and any(word in part for word in _OTHER_PARTS)
    said = reading.found.get(Reason.NOT_HEAD, ())
    if not (said or head_tag or reading.study_head):
        said = reading.study_part
    if said and not reading.head:
        evidence.add(Reason.NOT_HEAD, f"words say {', '.join(said)}")
    elif other_tag and not (reading.head or reading.study_head):
        evidence.add(Reason.NOT_HEAD, "BodyPartExamined is not the head")
    elif other_tag and not reading.head:
        evidence.add(Reason.PART_OF_HEAD, "BodyPartExamined is not the head")
    if some := reading.found.get(Reason.PART_OF_HEAD):
        evidence.add(Reason.PART_OF_HEAD, f"words say {', '.join(some)}")
    elif not head_tag and any(word in part for word in _PARTS_OF_HEAD):
        evidence.add(Reason.PART_OF_HEAD, "BodyPartExamined is a part of the head")

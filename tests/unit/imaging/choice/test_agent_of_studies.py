"""Tags, denials in any field, order in time and pictures decide whether agent was given."""

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from imaging.choice.asking import MOST_ASKED, believed, doubts, next_to_ask
from imaging.choice.choice import choose_series
from imaging.choice.enhancement import Enhancement
from imaging.choice.verdict import Choice
from imaging.dicom.values.facts import SeriesFacts, series_facts

T1 = SeriesFacts(
    series_instance_uid="1.1",
    modality="MR",
    frames=176,
    image_type=("ORIGINAL", "PRIMARY", "M", "ND"),
    description="T1 MPRAGE",
    acquisition_type="3D",
    scanning_sequence=("GR", "IR"),
    repetition_time_ms=1900.0,
    echo_time_ms=2.5,
    inversion_time_ms=900.0,
    slice_spacing_mm=1.0,
    series_number=3,
    acquired_at="20240229100000",
)
LATER = replace(T1, series_instance_uid="1.2", series_number=7, acquired_at="20240229103000")
BRIGHT, DARK, UNCLEAR = Enhancement(1.7), Enhancement(1.1), Enhancement(1.3)


def choose(
    *series: SeriesFacts, enhancements: dict[str, Enhancement] | None = None, any_t1: bool = False
) -> Choice:
    return choose_series(series, accept_any_t1=any_t1, enhancements=enhancements)


def with_tag(*series: SeriesFacts) -> list[SeriesFacts]:
    return [replace(one, contrast_agent="Gadovist") for one in series]


@pytest.mark.parametrize(
    "field",
    [
        {"protocol": "T1 ohne KM"},
        {"comments": ("sans injection",)},
        {"procedures": ("MRT Schädel nativ",)},
        {"study_description": "MRI BRAIN WITHOUT CONTRAST"},
        {"contrast_amount": 0.0},
    ],
)
def test_a_denial_in_any_field_denies_an_agent_in_the_tag(field: dict[str, object]) -> None:
    (named,) = with_tag(T1)
    assert choose(named).chosen == "1.1"
    assert choose(replace(named, **field)).chosen is None  # type: ignore[arg-type]


def test_words_of_the_series_and_a_tag_that_others_lack_outweigh_the_examination() -> None:
    nativ = {"study_description": "MRT Schädel nativ"}
    words = replace(T1, description="T1 KM", **nativ)  # type: ignore[arg-type]
    assert choose(words).chosen == "1.1"
    first, second = (replace(one, **nativ) for one in (T1, LATER))  # type: ignore[arg-type]
    assert choose(first, *with_tag(second)).chosen == "1.2"


def test_words_for_an_agent_and_a_tag_against_it_are_both_reported() -> None:
    torn = replace(T1, description="T1 +C", contrast_agent="none")
    found = choose(torn).verdicts[0]
    assert found.eligible
    assert any(reason.startswith("contrast_denied -3") for reason in found.reasons_against)


def test_headers_of_dicom_fill_the_fields_that_may_deny() -> None:
    code, asked = Dataset(), Dataset()
    code.CodeMeaning, asked.RequestedProcedureDescription = "MR head wo contrast", "MRT nativ"
    dataset = Dataset()
    dataset.SeriesInstanceUID, dataset.Modality = "1.1", "MR"
    dataset.ImageComments, dataset.StudyDescription = "no contrast", "Brain"
    dataset.ProcedureCodeSequence, dataset.RequestAttributesSequence = [code], [asked]
    dataset.ContrastBolusVolume, dataset.ContrastBolusTotalDose = 0, 7.5
    facts = series_facts([dataset])
    assert facts.comments == ("no contrast",)
    assert facts.procedures == ("Brain", "MR head wo contrast", "MRT nativ")
    assert facts.contrast_amount == 7.5


def test_a_tag_on_all_series_says_nothing_and_of_two_alike_the_later_is_the_one_after() -> None:
    both = with_tag(T1, LATER)
    assert choose(*both).chosen == "1.2"
    coarser = replace(LATER, slice_spacing_mm=5.0, frames=28, acquisition_type="2D")
    assert choose(*with_tag(T1, coarser)).chosen == "1.2"
    by_number = [replace(one, acquired_at="") for one in both]
    assert choose(*reversed(by_number)).chosen == "1.2"


def test_alike_series_without_any_tag_differ_by_time_and_by_nothing_else() -> None:
    assert choose(T1, LATER).chosen == "1.2"
    assert choose(T1).chosen is None
    for other in ({"description": "T1 SE cor"}, {"repetition_time_ms": 500.0}, {"frames": 24}):
        assert choose(T1, replace(LATER, **other)).chosen is None  # type: ignore[arg-type]


def test_the_time_of_injection_separates_before_from_after_whatever_the_tags_say() -> None:
    injected = {"contrast_from": "20240229101500"}
    tagged = [replace(one, **injected) for one in with_tag(T1, LATER)]  # type: ignore[arg-type]
    choice = choose(*tagged)
    assert choice.chosen == "1.2"
    assert any("before ContrastBolusStartTime" in r for r in choice.verdicts[1].reasons_against)


def test_the_picture_decides_where_words_leave_a_doubt() -> None:
    both = with_tag(T1, LATER)
    assert choose(*both, enhancements={"1.1": BRIGHT, "1.2": DARK}).chosen == "1.1"
    assert choose(*both, enhancements={"1.1": DARK, "1.2": DARK}).chosen is None
    assert choose(*both, enhancements={"1.1": BRIGHT, "1.2": BRIGHT}).chosen == "1.2"
    assert choose(*both, enhancements={"1.1": UNCLEAR, "1.2": UNCLEAR}).chosen == "1.2"
    choice = choose(T1, enhancements={"1.1": BRIGHT})
    assert choice.chosen == "1.1"
    assert any("1.70 times white matter" in reason for reason in choice.verdicts[0].reasons_for)
    assert choose(T1, enhancements={"1.1": DARK}).chosen is None
    assert choose(T1, enhancements={"1.1": DARK}, any_t1=True).chosen == "1.1"


def test_a_series_whose_words_say_after_is_never_refused_by_the_picture_alone() -> None:
    said = replace(T1, description="T1 KM")
    choice = choose(said, enhancements={"1.1": DARK})
    assert choice.chosen == "1.1"
    assert "1.10 times white matter" in doubts(choice, DARK)[0]
    assert doubts(choose(said, enhancements={"1.1": BRIGHT}), BRIGHT) == ()
    assert doubts(choose(said), None) == ()


def test_words_that_say_before_are_not_overruled_by_a_bright_picture() -> None:
    assert choose(replace(T1, description="T1 nativ"), enhancements={"1.1": BRIGHT}).chosen is None


def test_a_series_in_doubt_is_taken_with_a_warning() -> None:
    choice = choose(*with_tag(T1, LATER), enhancements={"1.2": UNCLEAR})
    assert "nothing certain says" in doubts(choice, UNCLEAR)[0]
    assert doubts(choose(*with_tag(T1, LATER), enhancements={"1.2": BRIGHT}), BRIGHT) == ()


def test_a_subtraction_in_the_picture_loses_against_its_source() -> None:
    source = replace(T1, description="T1 KM")
    result = replace(LATER, description="T1 KM", slice_spacing_mm=0.9)
    assert choose(source, result).chosen == "1.2"
    enhancements = {"1.2": Enhancement(None, is_subtraction=True)}
    assert choose(source, result, enhancements=enhancements).chosen == "1.1"
    assert choose(result, enhancements=enhancements).chosen is None


def test_the_picture_of_the_chosen_series_is_examined_and_those_of_others_only_in_doubt() -> None:
    certain = choose(replace(T1, description="T1 KM"), LATER)
    assert next_to_ask(certain, set()) == "1.1"
    assert next_to_ask(certain, {"1.1"}) is None
    doubtful = choose(*with_tag(T1, LATER))
    assert [next_to_ask(doubtful, s) for s in (set(), {"1.2"}, {"1.1", "1.2"})] == [
        "1.2", "1.1", None,
    ]  # fmt: skip
    nothing = choose(T1, replace(LATER, description="T2 TSE"))
    assert next_to_ask(nothing, set()) == "1.1"
    assert next_to_ask(nothing, {"1.1"}) is None
    assert next_to_ask(doubtful, set(map(str, range(MOST_ASKED)))) is None
    assert next_to_ask(choose(), set()) is None


def test_dark_vessels_say_nothing_where_the_sequence_makes_blood_dark() -> None:
    space = replace(T1, description="t1_space_sag KM", scanning_sequence=("SE",))
    assert believed(DARK, space).shows_agent is None
    assert believed(BRIGHT, space) is BRIGHT
    assert believed(DARK, replace(T1, description="T1 VISTA")).shows_agent is None
    assert believed(DARK, T1) is DARK

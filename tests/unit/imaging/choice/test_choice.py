"""The T1 series after contrast agent is chosen, and every series has reasons for and against."""

from dataclasses import replace

import pytest

from imaging.choice.choice import choose_series
from imaging.choice.rules import SeriesRules
from imaging.dicom.values.facts import SeriesFacts
from imaging.dicom.values.placement import Placement
from imaging.words.contrast_words import names_agent
from imaging.words.reasons import Reason

MPRAGE = SeriesFacts(
    series_instance_uid="1.1",
    modality="MR",
    frames=176,
    rows=256,
    columns=256,
    image_type=("ORIGINAL", "PRIMARY", "M", "ND", "NORM"),
    description="t1_mprage_sag",
    contrast_agent="Gadovist",
    acquisition_type="3D",
    repetition_time_ms=1900.0,
    echo_time_ms=2.5,
    inversion_time_ms=900.0,
    slice_spacing_mm=1.0,
    series_number=5,
)
NATIVE = replace(MPRAGE, series_instance_uid="1.2", contrast_agent="", series_number=2)


def verdict(facts: SeriesFacts, *, accept_any_t1: bool = False):
    return choose_series([facts], accept_any_t1=accept_any_t1).verdicts[0]


def named(text: str, agent: str = "") -> SeriesFacts:
    return replace(MPRAGE, description=text, contrast_agent=agent)


@pytest.mark.parametrize(
    "text",
    [
        "T1 MPRAGE +C",
        "t1_mprage_sag_p2_iso_KM",
        "Ax T1 post",
        "AX 3D T1 C+",
        "t1gd",
        "T1CE",
        "t1c",
        "t1_tse_tra_nach km",
        "SAG T1 MPRAGE POST GAD",
        "t1_space_sag_contrast",
        "BRAVO post",
        "MPRAGE_Gadovist",
        "COR T1+C",
        "T1 3D TFE GADO",
        "T1 FLAIR POST",
        "3DT1 injecte",
        "T1_contraste",
        "FAT SAT T1 +C",
        "(Water) T1 Flex +C",
        "T1 mDIXON Gd post op",
        "T1 in phase Gd",
        "T1 Gd delayed phase",
        "AX T1 +C AIR Recon DL",
        "T1 +C ASSET",
        "T1 post Gd prescan norm",
        "T1 MPRAGE brainlab KM",
        "T1 diffuse Gd",
        "AX T1 POST SWAP PHASE",
        "T1 MPRAGE GD GammaPlan",
        "T1 +C RT PLAN",
        "T1 POST GAD STEREOTACTIC LOCALIZATION",
        "T1 GD whole brain survey",
        "AX T1 +C DL RECON",
        "T1 MPRAGE +C RT MASK",
        "T1 GD nav export",
        "AX T1 POST PERF",
        "T1 MPRAGE post DSC",
        "sub-METS001_ce-gd_T1w",
    ],
)
def test_words_for_contrast_agent_make_a_t1_eligible(text):
    assert verdict(named(text)).eligible


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("t1_mprage_sag", "no sign of contrast agent"),
        ("post-op T1", "no sign of contrast agent"),
        ("T1 MPRAGE pre", "before contrast"),
        ("T1 w/o contrast", "before contrast"),
        ("t1 nativ", "before contrast"),
        ("t1 sans gado", "before contrast"),
        ("T1 non contrast", "before contrast"),
        ("T1 ohne KM", "before contrast"),
        ("FLAIR post", "FLAIR"),
        ("T2 tse post", "T2"),
        ("ep2d_diff_post", "diffusion"),
        ("SWI post", "susceptibility"),
        ("CE MRA T1", "angiography"),
        ("Perf post", "perfusion"),
        ("t1_sub_post", "subtraction"),
        ("MIP T1 post", "projection"),
        ("T1 mprage post mpr tra", "reformat"),
        ("localizer +C", "localiser"),
        ("t1 map post", "map"),
        ("T1 KM Differenz", "subtraction"),
        ("T1 Gd - T1", "subtraction"),
        ("KM minus nativ T1", "subtraction"),
        ("T1 Gd_F", "fat or opposed phase"),
        ("(Fat) T1 Flex +C", "fat or opposed phase"),
        ("T1 mDIXON gd OP", "fat or opposed phase"),
        ("T1 Gd phase", "phase, real or imaginary part"),
        ("T1 Gd real", "phase, real or imaginary part"),
        ("MP2RAGE Gd INV1", "map"),
        ("mp2rage Gd_T1_Images", "map"),
        ("T1 Gd ricostr", "reformat"),
        ("T1 Gd рекон", "reformat"),
        ("T1 增强 重建", "reformat"),
        ("T1 造影 再構成", "reformat"),
        ("T1 조영 재구성", "reformat"),
        ("COR REF T1 Gd", "reformat"),
        ("T1 Gd MPR cor", "reformat"),
        ("T1 Gd coreg", "reformat"),
        ("T1 Gd BET", "synthetic"),
        ("T1 Gd masked", "synthetic"),
        ("T1 Gd annotated", "synthetic"),
        ("T1 Gd key images", "synthetic"),
        ("T1 Gd KIN", "synthetic"),
        ("T1 Gd snapshot", "synthetic"),
        ("T1 phantom Gd", "synthetic"),
        ("T1 SubtleGAD", "synthetic"),
        ("T1 MPRAGE synthGAD", "synthetic"),
        ("T1 virtual contrast", "synthetic"),
        ("T1 MPRAGE Gd MNI", "reformat"),
        ("3D T1 VENO +C", "angiography"),
    ],
)
def test_other_words_rule_a_series_out(text, reason):
    found = verdict(named(text))
    assert not found.eligible
    assert reason in " ".join(found.reasons_against)


def test_an_agent_in_the_tag_is_enough_without_words():
    assert verdict(named("MPRAGE", "Gadobutrol")).eligible
    assert verdict(named("brain 3d", "Gadobutrol")).eligible  # its times are those of a T1


@pytest.mark.parametrize(
    ("agent", "is_one"),
    [
        ("Gadovist", True),
        ("10 ml Dotarem", True),
        ("CONTRAST", True),
        ("YES", True),
        ("Novgado", True),
        ("", False),
        ("  ", False),
        ("NO", False),
        ("NONE", False),
        ("No contrast", False),
        ("N/A", False),
        ("nein", False),
        ("ohne", False),
        ("-", False),
        ("0", False),
    ],
)
def test_an_agent_tag_may_deny_that_agent_was_given(agent, is_one):
    assert names_agent(agent) is is_one


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"modality": "CT"}, "modality is CT, not MR"),
        ({"modality": ""}, "modality is not said, not MR"),
        ({"frames": 9}, "9 slices, at least 10 are needed"),
        ({"samples_per_pixel": 3}, "colour"),
        ({"image_type": ("DERIVED", "SECONDARY")}, "DERIVED"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P", "ND")}, "phase"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "LOCALIZER"),
        ({"acquisition_contrast": "FLUID_ATTENUATED"}, "FLUID_ATTENUATED"),
        ({"echo_time_ms": 90.0}, "TE 90 ms, TI 900 ms, not as in a T1"),
        ({"description": "ax 3d", "echo_time_ms": None}, "nothing says T1"),
    ],
)
def test_the_wrong_kind_of_series_is_ruled_out_even_with_an_agent(change, reason):
    found = verdict(replace(MPRAGE, **change), accept_any_t1=True)
    assert not found.eligible
    assert reason in " ".join(found.reasons_against)


def test_no_series_is_chosen_where_none_is_eligible_and_each_says_why():
    t2 = replace(NATIVE, series_instance_uid="1.3", description="t2_tse_tra")
    choice = choose_series([NATIVE, t2], accept_any_t1=False)
    assert choice.chosen is None
    assert all(v.reasons_against and not v.eligible for v in choice.verdicts)


def test_a_t1_without_agent_is_accepted_when_asked_for_but_one_with_agent_still_wins():
    thin = replace(NATIVE, frames=400, slice_spacing_mm=0.5)
    assert choose_series([thin], accept_any_t1=True).chosen == "1.2"
    assert choose_series([thin, MPRAGE], accept_any_t1=True).chosen == "1.1"


def test_a_thick_series_with_agent_wins_over_a_thin_one_before_it():
    thick = replace(MPRAGE, acquisition_type="2D", frames=24, slice_spacing_mm=5.0)
    choice = choose_series([NATIVE, thick], accept_any_t1=True)
    assert choice.chosen == "1.1"


@pytest.mark.parametrize(
    "better",
    [
        {"frames": 192},
        {"slice_spacing_mm": 1.0, "frames": 176},
        {"acquisition_type": "3D"},
    ],
)
def test_among_series_with_agent_more_thinner_and_three_dimensional_slices_win(better):
    worse = replace(MPRAGE, frames=100, slice_spacing_mm=2.0, acquisition_type="2D")
    good = replace(worse, series_instance_uid="1.9", series_number=1, **better)
    assert choose_series([worse, good], accept_any_t1=False).chosen == "1.9"


def test_of_two_equal_series_the_later_one_wins_whatever_their_order():
    later = replace(MPRAGE, series_instance_uid="1.0", series_number=9)
    for candidates in ([MPRAGE, later], [later, MPRAGE]):
        assert choose_series(candidates, accept_any_t1=False).chosen == "1.0"


def test_the_verdict_on_a_series_shows_recognised_words_only():
    found = verdict(named("MPRAGE +C for CANARY PATIENT"))
    assert found.words == "MPRAGE +C"
    assert "CANARY" not in repr(found)


def test_a_study_without_series_gives_no_choice():
    choice = choose_series([], accept_any_t1=True)
    assert (choice.chosen, choice.verdicts) == (None, ())


def test_a_site_gives_a_reformat_a_chance_and_shuts_out_a_word():
    reformat = replace(MPRAGE, description="T1 KM MPR tra", series_instance_uid="1.7")
    reformat = replace(reformat, image_type=("DERIVED", "PRIMARY", "MPR"), inversion_time_ms=None)
    rules = SeriesRules(weights={Reason.REFORMAT: -3.0}, exclude=("Schrott*",))
    assert choose_series([reformat], accept_any_t1=False).chosen is None
    assert choose_series([reformat], accept_any_t1=False, rules=rules).chosen == "1.7"
    shut = replace(MPRAGE, description="T1 Schrottserie KM")
    choice = choose_series([shut], accept_any_t1=False, rules=rules)
    assert choice.chosen is None
    assert "site: words say Schrott*" in choice.verdicts[0].reasons_against


def test_words_of_a_site_count_beside_the_built_in_ones():
    rules = SeriesRules(words={"contrast_words": ("zweite Serie",), "before_contrast": ("leer*",)})
    second = replace(NATIVE, description="T1 Zweite_Serie")
    assert choose_series([second], accept_any_t1=False).chosen is None
    assert choose_series([second], accept_any_t1=False, rules=rules).chosen == "1.2"
    blank = replace(MPRAGE, description="T1 Leeraufnahme")
    assert choose_series([blank], accept_any_t1=False, rules=rules).chosen is None


def test_of_two_equal_series_the_finer_one_is_taken_and_both_say_so():
    finer = replace(MPRAGE, series_instance_uid="1.6", slice_spacing_mm=0.9, series_number=1)
    choice = choose_series([MPRAGE, finer], accept_any_t1=False)
    assert choice.chosen == "1.6"
    taken, other = choice.verdicts
    assert taken.score == other.score
    assert any(reason.startswith("equal +0: as good as 1 other") for reason in taken.reasons_for)
    assert any("which is finer" in reason for reason in other.reasons_against)


def test_a_series_that_cannot_be_one_volume_comes_after_one_that_can():
    echoes = Placement("axial", 1, 88, 176, 2.0, 176.0)
    broken = replace(MPRAGE, series_instance_uid="1.5", placement=echoes, series_number=99)
    assert choose_series([broken, MPRAGE], accept_any_t1=False).chosen == "1.1"
    assert choose_series([broken], accept_any_t1=False).chosen == "1.5"  # its error says more


def test_an_agent_tag_on_all_series_says_little():
    scout = replace(NATIVE, description="localizer", contrast_agent="Gadovist")
    thick = replace(
        MPRAGE, series_instance_uid="1.4", description="T1 tra KM", acquisition_type="2D",
        slice_spacing_mm=5.0, frames=28, inversion_time_ms=None, repetition_time_ms=550.0,
    )  # fmt: skip
    assert choose_series([MPRAGE, thick], accept_any_t1=False).chosen == "1.1"
    assert choose_series([scout, MPRAGE, thick], accept_any_t1=False).chosen == "1.4"


def test_a_processed_copy_of_a_series_loses_against_its_source_and_is_counted_once():
    copy = replace(named("T1 Gd denoised"), image_type=("DERIVED", "PRIMARY"), slice_spacing_mm=0.5)
    source = replace(named("T1 Gd"), series_instance_uid="1.9", slice_spacing_mm=1.4)
    chosen = choose_series([copy, source], accept_any_t1=False)
    assert chosen.chosen == "1.9"
    against = chosen.verdicts[-1].reasons_against
    assert sum(reason.startswith("derived") for reason in against) == 1

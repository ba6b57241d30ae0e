"""Which regions of an RTSTRUCT are the tumour itself, and what is reported of the choice."""

import numpy as np
import pytest

from imaging.masks.regions import choose_targets
from imaging.masks.structures import fill_structures
from metseg.errors import ReferenceMaskError
from tests.helpers.dicom.phantom import plane_directions
from tests.unit.imaging.masks.test_structures import (
    GRID,
    blank,
    circle,
    cylinder,
    region,
    structures,
)

TARGETS = {
    "typed": [("a", "GTV", True), ("met 2", "", False), ("b", "ORGAN", False)],
    "named": [("Met_1", "", True), ("helmet", "", False), ("PTV", "PTV", False)],
    "all without a type": [("one", "", True), ("skin", "EXTERNAL", False)],
}


@pytest.mark.parametrize("case", TARGETS.values(), ids=TARGETS)
def test_only_regions_that_are_targets_are_taken(case):
    volume = blank()
    middle = volume.to_lps((np.array(GRID) - 1) / 2)
    apart = plane_directions("axial")[:, 2] * 24.0
    regions, expected = [], np.zeros(GRID, bool)
    for number, (name, kind, wanted) in enumerate(case, start=1):
        ring = [circle(middle + (number - 2) * apart, 8.0, "axial")]
        regions.append(region(ring, number=number, name=name, kind=kind))
        if wanted:
            expected |= fill_structures(structures(region(ring)), volume)
    np.testing.assert_array_equal(fill_structures(structures(*regions), volume), expected)


CHOICES = {
    "a margin beside it": ([("GTV1", ""), ("PTV_GTV1", "")], [1]),
    "all of type GTV": ([("GTV1", "GTV"), ("GTV1+2mm", "GTV"), ("Ring GTV", "GTV")], [1]),
    "typed, with a name of its own": ([("R frontal", "GTV"), ("brainstem", "ORGAN")], [1]),
    "a copy beside it": ([("met 1", ""), ("met 1 old", "")], [1]),
    "nothing but a copy": ([("met 1 copy", ""), ("PTV", "")], [1]),
    "types in other letters": ([("L", " gtv "), ("R", "ptv")], [1]),
    "no name says it": ([("L frontal", ""), ("Brainstem", ""), ("CTV1", "")], [1]),
    "a type that only means a margin": ([("GTV1", "CTV"), ("met", "")], [2]),
    "several": ([("GTV1", ""), ("GTV2", ""), ("Brain-GTV", "")], [1, 2]),
}


@pytest.mark.filterwarnings("ignore:.*VR CS")
@pytest.mark.parametrize(("named", "taken"), CHOICES.values(), ids=CHOICES)
def test_the_region_of_the_tumour_itself_is_taken_and_the_choice_is_reported(named, taken):
    volume = blank()
    ring = cylinder(volume, "axial")[:1]
    regions = [region(ring, number=n, name=a, kind=k) for n, (a, k) in enumerate(named, start=1)]
    targets = choose_targets(structures(*regions))
    assert [one.number for one in targets.regions] == taken
    first, *others = targets.notes
    assert first.startswith(f"regions taken: {taken[0]} '{named[taken[0] - 1][0]}'")
    assert len(others) == (len(taken) < len(named))


def test_regions_named_by_the_setting_are_taken_whatever_their_type_and_meaning():
    volume = blank()
    ring = cylinder(volume, "axial")[:1]
    names = ["ZV 1", "ZV 2", "GTV", "zv1 alt"]
    regions = [region(ring, number=n, name=name, kind="CTV") for n, name in enumerate(names)]
    for patterns, taken in [
        (["zv*"], [0, 1, 3]),
        (["ZV ?"], [0, 1]),
        (["zv*", "!*alt"], [0, 1]),
        (["!zv*"], [2]),
        (["zv 2", "gtv"], [1, 2]),
    ]:
        found = choose_targets(structures(*regions), patterns)
        assert [one.number for one in found.regions] == taken, patterns
    with pytest.raises(ReferenceMaskError, match="METSEG_REFERENCE_REGIONS"):
        choose_targets(structures(*regions), ["tumour*"])


def test_the_record_of_a_choice_of_regions_does_not_name_the_patient():
    volume = blank()
    ring = cylinder(volume, "axial")[:1]
    dataset = structures(
        region(ring, name="GTV Canary 1"), region(ring, number=2, name="PTV 19700203")
    )
    dataset.PatientName, dataset.PatientBirthDate = "Canary^Carla", "19700203"
    assert choose_targets(dataset).notes == (
        "regions taken: 1 (name withheld)",
        "regions left out: 2 (name withheld) (a margin)",
    )


@pytest.mark.parametrize(
    "name", ["王小东 GTV", "Li Wu GTV", "GTV Mueller", "GTV 17.12.1943", "GTV 43-12-17", "GTV 7731"]
)
def test_a_region_name_with_words_not_of_the_field_is_withheld_whoever_the_header_names(name):
    dataset = structures(region(cylinder(blank(), "axial")[:1], name=name))
    assert choose_targets(dataset).notes == ("regions taken: 1 (name withheld)",)


def test_two_regions_with_the_same_number_are_refused():
    volume = blank()
    both = [region(cylinder(volume, "axial"), name=name) for name in ("GTV1", "PTV1")]
    with pytest.raises(ReferenceMaskError, match="ROINumber of its own"):
        fill_structures(structures(*both), volume)

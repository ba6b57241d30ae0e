"""Facts come from the tags of single-frame and enhanced images."""

from pydicom.dataset import Dataset

from imaging.dicom.values.facts import series_facts
from imaging.dicom.values.placement import placement_of


def image(z: float = 0.0, **tags: object) -> Dataset:
    dataset = Dataset()
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2", f"1.2.{int(z * 10) + 1}"
    dataset.Modality, dataset.Rows, dataset.Columns = "MR", 4, 4
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, z], [1, 0, 0, 0, 1, 0]
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def item(**tags: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def enhanced(*, given: str) -> Dataset:
    shared = item(
        MRTimingAndRelatedParametersSequence=[item(RepetitionTime=7.5, FlipAngle=8.0)],
        PixelMeasuresSequence=[item(PixelSpacing=[0.9, 0.9], SliceThickness=2.0)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])],
    )
    frames = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[-1.0 * n, 0, 0])],
            MREchoSequence=[item(EffectiveEchoTime=3.4)],
            MRModifierSequence=[item(InversionTimes=[900.0, 950.0], InversionRecovery="YES")],
            ContrastBolusUsageSequence=[item(ContrastBolusAgentAdministered=given)],
        )
        for n in range(30)
    ]
    dataset = image(NumberOfFrames=30, EchoPulseSequence="GRADIENT")
    del dataset.ImagePositionPatient, dataset.ImageOrientationPatient
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.ContrastBolusAgentSequence = [item(CodeMeaning="Gadoterate meglumine")]
    return dataset


def test_times_angle_and_agent_of_an_enhanced_image_are_in_its_functional_groups() -> None:
    facts = series_facts([enhanced(given="YES")])
    assert (facts.repetition_time_ms, facts.echo_time_ms) == (7.5, 3.4)
    assert (facts.inversion_time_ms, facts.flip_angle_deg) == (900.0, 8.0)
    assert facts.scanning_sequence == ("GR", "IR")
    assert facts.contrast_agent == "Gadoterate meglumine"
    assert facts.contrast_given is True
    assert (facts.frames, facts.slice_spacing_mm, facts.pixel_spacing_mm) == (30, 1.0, 0.9)
    assert facts.placement is not None
    assert (facts.placement.plane, facts.placement.cover_mm) == ("sagittal", 30.0)
    assert series_facts([enhanced(given="NO")]).contrast_given is False


def test_the_distance_of_slices_comes_from_their_places_before_any_tag() -> None:
    facts = series_facts([image(z, SliceThickness=5.0) for z in (12, 0, 6, 18)])
    assert facts.slice_spacing_mm == 6.0
    assert series_facts([image(SliceThickness=5.0)]).slice_spacing_mm == 5.0


def test_a_localiser_lies_in_several_planes_and_echoes_in_one_place() -> None:
    planes = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])
    found = placement_of([image(ImageOrientationPatient=plane) for plane in planes])
    assert found is not None
    assert found.planes == 3
    echoes = placement_of([image(z) for z in (0, 0, 3, 3, 6, 6)])
    assert echoes is not None
    assert (echoes.images, echoes.places, echoes.spacing_mm) == (6, 3, 3.0)
    assert placement_of([item()]) is None


def test_the_first_acquisition_of_a_series_counts_and_times_of_the_old_form_compare() -> None:
    day = {"AcquisitionDate": "20240229"}
    early = image(0, AcquisitionTime="090000.5", **day)
    late = image(1, AcquisitionTime="091000", **day)
    facts = series_facts([late, early])
    assert facts.acquired_at == "20240229090000.5"
    bolus = image(2, ContrastBolusStartTime="090500", **day, AcquisitionTime="090600")
    assert series_facts([bolus]).contrast_from == "20240229090500"


def test_header_values_that_are_not_numbers_are_left_out() -> None:
    odd = image(EchoTime=None, RepetitionTime=[550.0, 600.0])
    facts = series_facts([odd])
    assert (facts.echo_time_ms, facts.repetition_time_ms) == (None, 550.0)

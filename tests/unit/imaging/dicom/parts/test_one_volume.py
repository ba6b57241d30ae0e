"""One volume is of one kind: mixed images are separated, and one whole kind is taken."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from imaging.dicom.parts.acquisitions import one_acquisition
from imaging.dicom.values.frames import Frame
from imaging.dicom.values.kinds import (
    ComplexComponent,
    Dixon,
    Processing,
    component,
    dixon,
    processing,
)

AXIAL = np.array([1.0, 0, 0, 0, 1, 0])
STEP_MM = 3.0


def frame(number: int, z_mm: float, **traits: object) -> Frame:
    return Frame(
        instance=number,
        number=1,
        position=np.array([0.0, 0.0, z_mm]),
        orientation=AXIAL,
        pixel_spacing=(1.0, 1.0),
        told_slope=1.0,
        told_intercept=0.0,
        **({"thickness": STEP_MM, "slice_thickness": STEP_MM} | traits),  # type: ignore[arg-type]
    )


def stack(places, *, shift: float = 0.0, kind: tuple[str, ...] = (), **traits: object):
    """Frames at these places, counted in steps of 3 mm."""
    said = ("ORIGINAL", "PRIMARY", *kind) if kind[:1] != ("DERIVED",) else kind
    return [frame(0, STEP_MM * (z + shift), kind=said, **traits) for z in places]


def counted(places, numbers, *, shift: float = 0.0):
    """Frames whose InstanceNumber is one more than these numbers."""
    pairs = zip(places, numbers, strict=True)
    return [f for z, n in pairs for f in stack([z], shift=shift, instance_number=n + 1)]


WHOLE = range(24)


@dataclass(frozen=True)
class Mixed:
    """What one series holds: the images to be taken, and the others."""

    wanted: list[Frame]
    others: list[Frame]


TAKEN = {
    "magnitude before phase": Mixed(stack(WHOLE, kind=("M",)), stack(WHOLE, kind=("P",))),
    "magnitude of Philips": Mixed(
        stack(WHOLE, kind=("M_FFE", "M", "FFE")), stack(WHOLE, kind=("R_FFE",))
    ),
    "water of a Dixon": Mixed(
        stack(WHOLE, kind=("M", "WATER")),
        [
            f
            for k in ("FAT", "IN_PHASE", "OPP_PHASE", "FAT_FRACTION")
            for f in stack(WHOLE, kind=("M", k))
        ],
    ),
    "water that is derived, of original phases": Mixed(
        stack(WHOLE, kind=("DERIVED", "PRIMARY", "W")),
        [*stack(WHOLE, kind=("IP",)), *stack(WHOLE, kind=("OP",))],
    ),
    "in phase where there is no water": Mixed(
        stack(WHOLE, kind=("IN_PHASE",)), stack(WHOLE, kind=("OUT_PHASE",))
    ),
    "original before subtraction": Mixed(
        stack(WHOLE, kind=("M",)), stack(WHOLE, kind=("DERIVED", "PRIMARY", "M", "SUB"))
    ),
    "original before a MIP one step beyond the end": Mixed(
        stack(WHOLE), stack([24], kind=("DERIVED", "SECONDARY", "MIP"))
    ),
    "original before a MIP at one place": Mixed(
        stack(WHOLE), stack([12], shift=0.3, kind=("DERIVED", "SECONDARY", "MIP"))
    ),
    "original before reformats of finer steps": Mixed(
        stack(WHOLE), stack(np.arange(0, 24, 1 / 3), kind=("DERIVED", "SECONDARY", "MPR"))
    ),
    "the first echo": Mixed(stack(WHOLE, echo_time_ms=2.4), stack(WHOLE, echo_time_ms=7.1)),
    "after contrast agent, though before has more slices": Mixed(
        stack(range(22), agent=True, temporal=1.0), stack(range(26), agent=False, temporal=2.0)
    ),
    "after contrast agent, though it comes first": Mixed(
        stack(WHOLE, agent=True), stack(WHOLE, agent=False)
    ),
    "the last phase, though the first has more slices": Mixed(
        stack(range(24), temporal=2.0), stack(range(28), temporal=1.0)
    ),
    "the last phase by an offset, the first at 0": Mixed(
        stack(WHOLE, temporal=900.0), stack(WHOLE, temporal=0.0)
    ),
    "the last phase by time": Mixed(
        stack(WHOLE, acquired_at="20240102100500"), stack(WHOLE, acquired_at="20240102100000")
    ),
    "the last phase by time, though its number is lower": Mixed(
        stack(WHOLE, acquisition=1, acquired_at="20240102100500"),
        stack(WHOLE, acquisition=2, acquired_at="20240102100000"),
    ),
    "after contrast agent, between slices that do not say": Mixed(
        stack(WHOLE, agent=True, slice_thickness=0.0, thickness=0.0),
        stack(WHOLE, shift=0.5, slice_thickness=0.0, thickness=0.0),
    ),
    "the last phase half a slice away, by the distance that is said": Mixed(
        stack(WHOLE, acquisition=2, slice_thickness=1.5),
        stack(WHOLE, acquisition=1, slice_thickness=1.5, shift=0.5),
    ),
    "the last phase half a slice away": Mixed(
        stack(WHOLE, temporal=2.0), stack(WHOLE, shift=0.5, temporal=1.0)
    ),
    "the whole one, not three slices taken again": Mixed(
        stack(WHOLE, acquisition=1), stack([4, 5, 6], acquisition=2)
    ),
}


@pytest.mark.parametrize("mixed", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("turned", [False, True], ids=["as listed", "others first"])
def test_the_kind_of_image_to_be_segmented_is_taken_and_reported(mixed, turned):
    frames = [*mixed.others, *mixed.wanted] if turned else [*mixed.wanted, *mixed.others]
    taken = one_acquisition(frames, minimum_slices=4)
    assert taken.problem is None
    assert {id(f) for f in taken.frames} == {id(f) for f in mixed.wanted}
    assert taken.decided


def times(first_minute: int, places) -> list[Frame]:
    """Slices one after the other, each at its own time."""
    return [
        frame(0, STEP_MM * z, acquired_at=f"2024010210{first_minute + n:02d}00")
        for n, z in enumerate(places)
    ]


def test_phases_of_slices_with_their_own_times_are_separated_where_positions_repeat():
    before, after = times(0, range(12)), times(20, range(12))
    taken = one_acquisition([*after, *before])
    assert {id(f) for f in taken.frames} == {id(f) for f in after}


MISSING = {
    "five magnitude images lost": (
        [*stack([z for z in WHOLE if z not in (4, 9)], kind=("M",)), *stack([4, 9], kind=("P",))],
        "magnitude is missing at 2 of 24 places, counted from 0 upwards: 4, 9",
    ),
    "the last magnitude images lost": (
        [*stack(range(19), kind=("M",)), *stack(range(19, 24), kind=("P",))],
        "magnitude is missing at 5 of 24 places, counted from 0 upwards: 19, 20, 21, 22, 23",
    ),
    "every second original lost": (
        [
            *stack(range(0, 24, 2)),
            *stack(range(1, 24, 2), kind=("DERIVED", "PRIMARY", "SUB")),
        ],
        "original is missing at 12 of 24 places",
    ),
    "water lost where fat is": (
        [*stack(range(20), kind=("WATER",)), *stack(WHOLE, kind=("FAT",))],
        "water is missing at 4 of 24 places",
    ),
    "two echoes, each of one half": (
        [*stack(range(12), echo_time_ms=3.0), *stack(range(12, 24), echo_time_ms=30.0)],
        "the first is missing at 12 of 24 places",
    ),
    "half a phase after contrast agent": (
        [*stack(WHOLE, agent=False), *stack(range(12), agent=True)],
        "after contrast agent is missing at 12 of 24 places",
    ),
    "the last phase broken off": (
        [*stack(WHOLE, temporal=1.0), *stack(range(12), temporal=2.0)],
        "the last of 2 phases that differ in TemporalPosition must be whole, got 12 of 24 places",
    ),
}


MISSING |= {
    f"a few are {' '.join(kind)}": (
        [*stack(range(5, 24)), *stack(range(5), kind=kind)],
        "images of one volume must be of one kind: ImageType differs",
    )
    for kind in (("T1 MAP",), ("P_PCA",), ("ADC",), ("SWI",), ("UNI",), ("WATER",))
}
MISSING |= {
    f"a half with another {name}": (
        [*stack(range(12), **trait), *stack(range(12, 24), **other)],
        f"images of one volume must have one {name}, got ",
    )
    for name, trait, other in (
        ("InversionTime", {"timing": (2000.0, 900.0, 9.0)}, {"timing": (2000.0, 450.0, 9.0)}),
        ("FlipAngle", {"timing": (8.0, 0.0, 9.0)}, {"timing": (8.0, 0.0, 20.0)}),
        ("RepetitionTime", {"timing": (8.0, 0.0, 9.0)}, {"timing": (500.0, 0.0, 9.0)}),
        ("SliceThickness", {"slice_thickness": 3.0}, {"slice_thickness": 9.0}),
    )
}
MISSING |= {
    "each phase one half": (
        [*stack(range(12), temporal=1.0), *stack(range(12, 24), temporal=2.0)],
        "images of one volume must be of one phase: got 2 that differ in TemporalPosition",
    ),
    "odd slices of one phase, even of another": (
        [*stack(range(0, 24, 2), temporal=1.0), *stack(range(1, 24, 2), temporal=2.0)],
        "images of one volume must be of one phase: got 2 that differ in TemporalPosition",
    ),
    "a phase that does not say which it is": (
        [*stack(WHOLE, temporal=1.0), *stack(WHOLE)],
        "of 2 acquisitions that differ in TemporalPosition one must be the last: some lack it",
    ),
    "an acquisition broken off after the first": (
        [*stack(WHOLE, acquisition=1), *stack(range(16), acquisition=2)],
        "the last of 2 phases that differ in AcquisitionNumber must be whole, got 16 of 24",
    ),
}
MISSING["stacks half a slice apart, each counted from 1"] = (
    [*counted(WHOLE, WHOLE), *counted(WHOLE, WHOLE, shift=0.5)],
    "got 2 stacks, counted by InstanceNumber, that lie between each other",
)
MISSING["stacks half a slice apart, counted one after the other"] = (
    [*counted(WHOLE, WHOLE), *counted(WHOLE, range(24, 48), shift=0.5)],
    "got 2 stacks, counted by InstanceNumber, that lie between each other",
)


@pytest.mark.parametrize(("frames", "problem"), MISSING.values(), ids=MISSING)
def test_an_incomplete_kind_of_image_reports_what_is_missing_where(frames, problem):
    taken = one_acquisition(frames, minimum_slices=4)
    assert problem in (taken.problem or "")


def test_slabs_that_overlap_are_joined():
    """14 slices below, 14 above, 4 places of both: 24 in all. Each loses the half of the overlap
    that is nearer to its end.
    """
    below, above = stack(range(14), acquisition=1), stack(range(10, 24), acquisition=2)
    taken = one_acquisition([*below, *above], minimum_slices=4)
    heights = [round(float(f.position[2] / STEP_MM)) for f in taken.frames]
    assert heights == list(WHOLE)
    assert [f.acquisition for f in taken.frames] == [1] * 12 + [2] * 12
    assert "4 slices that came twice" in taken.decided[0]


ALONE = {
    "odd and even slices of two acquisitions": [
        *stack(range(0, 24, 2), acquisition=1),
        *stack(range(1, 24, 2), acquisition=2),
    ],
    "slabs that lie side by side": [
        *stack(range(12), acquisition=1, acquired_at="20240102100000"),
        *stack(range(12, 24), acquisition=2, acquired_at="20240102100500"),
    ],
    "slices that are counted": [f for z in WHOLE for f in stack([z], acquisition=z, temporal=z)],
    "echo times that are rounded": [
        f for z in WHOLE for f in stack([z], echo_time_ms=2.98 + 0.02 * (z % 2))
    ],
    "slices counted as they were acquired, odd ones first": counted(
        WHOLE, [z // 2 + 12 * (z % 2) for z in WHOLE]
    ),
    "slices that overlap, counted as they lie": counted([z / 2 for z in WHOLE], WHOLE),
    "slices counted backwards": counted(WHOLE, range(23, -1, -1)),
    "slabs that lie side by side, each counted from 1": [
        *counted(range(12), range(12)),
        *counted(range(12, 24), range(12)),
    ],
    "a component that some do not say": [*stack(range(12), kind=("M",)), *stack(range(12, 24))],
    "an agent that some do not say": [*stack(range(12), agent=True), *stack(range(12, 24))],
}


@pytest.mark.parametrize("frames", ALONE.values(), ids=ALONE)
def test_images_of_one_volume_are_left_alone(frames):
    taken = one_acquisition(frames, minimum_slices=4)
    assert len(taken.frames) == len(frames)
    assert taken.problem is None
    said = any(frame.agent for frame in frames) and any(frame.agent is None for frame in frames)
    assert [text[:17] for text in taken.decided] == (["12 of 24 images d"] if said else [])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("ORIGINAL", "PRIMARY", "M", "ND"),
         (ComplexComponent.MAGNITUDE, None, Processing.ORIGINAL)),
        (("ORIGINAL", "PRIMARY", "P"), (ComplexComponent.PHASE, None, Processing.ORIGINAL)),
        (("ORIGINAL", "PRIMARY", "I_FFE"), (ComplexComponent.IMAGINARY, None, Processing.ORIGINAL)),
        (("DERIVED", "PRIMARY", "DIXON", "WATER"), (ComplexComponent.MAGNITUDE, Dixon.WATER,
                                                    Processing.DERIVED)),
        (("DERIVED", "SECONDARY", "MIP"),
         (ComplexComponent.MAGNITUDE, None, Processing.PROJECTION)),
        ((), (ComplexComponent.MAGNITUDE, None, Processing.ORIGINAL)),
    ],
)  # fmt: skip
def test_a_kind_of_image_is_read_from_the_words_of_image_type(values, expected):
    assert (component(values), dixon(values), processing(values)) == expected


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("00000000235900", "00000000000400"),  # after midnight, and no day is said
        ("20240102100000", "00000000100500"),
    ],
)
def test_times_that_cannot_be_compared_say_nothing(early, late):
    frames = [*stack(WHOLE, acquired_at=early), *stack(WHOLE, acquired_at=late)]
    taken = one_acquisition(frames, minimum_slices=4)
    assert len(taken.frames) == 2 * len(WHOLE)  # two at each place: the caller refuses them


def test_acquisitions_shifted_within_their_plane_are_phases():
    moved = stack(WHOLE, acquisition=2)
    moved = [replace(f, position=f.position + np.array([0.05, 0.0, 0.0])) for f in moved]
    taken = one_acquisition([*stack(WHOLE, acquisition=1), *moved], minimum_slices=4)
    assert taken.problem is None
    assert {id(f) for f in taken.frames} == {id(f) for f in moved}


def test_a_date_that_changes_at_midnight_does_not_make_the_first_phase_the_last():
    before = stack(WHOLE, acquisition=1, acquired_at="20240102235500")
    after = stack(WHOLE, acquisition=2, acquired_at="20240102001000")
    taken = one_acquisition([*before, *after], minimum_slices=4)
    assert {frame.acquisition for frame in taken.frames} == {2}

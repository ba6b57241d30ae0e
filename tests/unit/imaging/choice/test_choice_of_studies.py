"""Series of whole studies, as the vendors' scanners and their users name them (studies.toml)."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from imaging.choice.choice import choose_series
from imaging.dicom.values.facts import SeriesFacts
from imaging.dicom.values.placement import Placement

STUDIES = tomllib.loads(Path(__file__).with_name("studies.toml").read_text())["study"]

# What the headers of each kind say; sizes in mm, times in ms.
ORIGINAL = ("ORIGINAL", "PRIMARY", "M", "ND")
HEAD = {"modality": "MR", "image_type": ORIGINAL, "plane": "axial", "px": 0.5}
VOLUME = HEAD | {"acquisition_type": "3D", "frames": 176, "spacing": 1.0, "px": 1.0}
PLANAR = HEAD | {"acquisition_type": "2D", "frames": 28, "spacing": 5.0}
GRADIENT = {"scanning_sequence": ("GR",), "repetition_time_ms": 7.6, "echo_time_ms": 3.2}
SPIN = {"scanning_sequence": ("SE",)}
EPI = {"scanning_sequence": ("EP",), "repetition_time_ms": 5000, "echo_time_ms": 80}
FLUID = {"echo_time_ms": 120, "repetition_time_ms": 9000, "inversion_time_ms": 2500}
KINDS: dict[str, dict[str, Any]] = {
    "localiser": PLANAR | GRADIENT | {"frames": 9, "spacing": 10.0},
    "t2": PLANAR | SPIN | {"repetition_time_ms": 5000, "echo_time_ms": 95},
    "t2-3d": VOLUME | SPIN | {"repetition_time_ms": 3200, "echo_time_ms": 408},
    "flair": PLANAR | FLUID | {"scanning_sequence": ("SE", "IR")},
    "flair3d": VOLUME | FLUID | {"scanning_sequence": ("SE", "IR"), "echo_time_ms": 390},
    "dwi": PLANAR | EPI,
    "adc": PLANAR | EPI | {"image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND")},
    "swi": VOLUME | GRADIENT | {"repetition_time_ms": 28, "echo_time_ms": 20, "spacing": 2.0},
    "perfusion": PLANAR | EPI | {"frames": 1000, "echo_time_ms": 30},
    "tof": VOLUME | GRADIENT | {"repetition_time_ms": 22, "frames": 160, "spacing": 0.6},
    "se": PLANAR | SPIN | {"repetition_time_ms": 550, "echo_time_ms": 9},
    "t1-flair": PLANAR
    | {"repetition_time_ms": 2600, "echo_time_ms": 24, "inversion_time_ms": 780}
    | {"scanning_sequence": ("SE", "IR")},
    "mprage": VOLUME
    | {"scanning_sequence": ("GR", "IR"), "repetition_time_ms": 1900, "echo_time_ms": 2.3}
    | {"inversion_time_ms": 900, "flip_angle_deg": 9, "sequence": "*tfl3d1_16ns"},
    "mprage-enhanced": VOLUME
    | {"repetition_time_ms": 2300, "echo_time_ms": 2.3, "inversion_time_ms": 900}
    | {"image_type": ("ORIGINAL", "PRIMARY", "T1", "NONE"), "acquisition_contrast": "T1"},
    "space": VOLUME | SPIN | {"repetition_time_ms": 700, "echo_time_ms": 12},
    "space-enhanced": VOLUME
    | {"repetition_time_ms": 600, "echo_time_ms": 29, "acquisition_contrast": "T1"},
    "bravo": VOLUME | GRADIENT | {"inversion_time_ms": 450, "flip_angle_deg": 12},
    "tfe": VOLUME | GRADIENT | {"flip_angle_deg": 8, "image_type": (*ORIGINAL[:2], "M_FFE", "M")},
    "vibe": VOLUME | GRADIENT | {"repetition_time_ms": 4.5, "echo_time_ms": 2.4},
    "fastfe": VOLUME | GRADIENT | {"flip_angle_deg": 15},
    "bare-2d": {"modality": "MR", "frames": 24, "spacing": 6.0},
    "bare-3d": {"modality": "MR", "frames": 150, "spacing": 1.2},
    "mpr": PLANAR | {"image_type": ("DERIVED", "PRIMARY", "MPR", "NORM"), "spacing": 3.0},
    "reformat": PLANAR | {"image_type": ("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE")},
    "mip": VOLUME | {"image_type": ("DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP")},
    "derived": PLANAR | {"image_type": ("DERIVED", "SECONDARY", "OTHER")},
}


def facts_of(study: dict[str, Any], row: dict[str, Any]) -> SeriesFacts:
    said = KINDS[row["kind"]] | {k: row[k] for k in ("spacing", "px", "plane") if k in row}
    spacing, frames = said.pop("spacing"), said["frames"]
    pixel, plane = said.pop("px", None), said.pop("plane", None)
    number = row["n"]
    at = row.get("at")
    values = {
        "series_instance_uid": f"1.{number}",
        "series_number": number,
        "manufacturer": study["manufacturer"],
        "study_description": study.get("study_description", ""),
        "body_part": study.get("body_part", ""),
        "description": row["d"],
        "protocol": study.get("protocol", row.get("p", row["d"])),
        "contrast_agent": row.get("agent", ""),
        "slice_spacing_mm": spacing,
        "pixel_spacing_mm": pixel,
        "rows": 256,
        "columns": 256,
        "acquired_at": f"20240229{at}" if at else "",
    }
    if plane is not None:
        values["placement"] = Placement(plane, 1, frames, frames, spacing, frames * spacing)
    overrides = {name: row[name] for name in ("image_type", "modality") if name in row}
    return SeriesFacts(
        **(values | said | {name: _tuple(value) for name, value in overrides.items()})
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study["name"])
def test_the_series_of_a_study_are_judged_as_a_reader_would(study: dict[str, Any]) -> None:
    rows = study["series"]
    choice = choose_series([facts_of(study, row) for row in rows], accept_any_t1=False)
    judged = {v.series_instance_uid: v for v in choice.verdicts}
    wrong = [
        f"{row['d']}: {judged[uid].reasons_for} {judged[uid].reasons_against}"
        for row in rows
        if judged[uid := f"1.{row['n']}"].eligible is not row.get("ok", False)
    ]
    assert not wrong
    assert choice.chosen == (f"1.{study['chosen']}" if study["chosen"] else None)
    equal = [v for v in choice.verdicts if any(r.startswith("equal") for r in v.reasons_against)]
    assert [f"1.{n}" for n in study.get("equal", [])] == [v.series_instance_uid for v in equal]


def test_the_table_holds_every_vendor_and_a_hundred_series() -> None:
    rows = [(study["manufacturer"].lower(), row) for study in STUDIES for row in study["series"]]
    assert len(rows) >= 100
    for vendor in ("siemens", "ge", "philips", "canon", "toshiba", "hitachi", "fujifilm", "uih"):
        assert sum(vendor in name for name, _ in rows) >= 3
    assert sum(row.get("ok", False) for _, row in rows) >= 40


def test_a_series_that_is_not_chosen_says_why() -> None:
    for study in STUDIES:
        candidates = [facts_of(study, row) for row in study["series"]]
        for verdict in choose_series(candidates, accept_any_t1=False).verdicts:
            assert verdict.eligible or verdict.reasons_against

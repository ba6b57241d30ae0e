"""Accuracy page, model card and doctor's short form, from measured heads."""

import json
from dataclasses import replace

import numpy as np
import pytest

from imaging.lesions.rule import LesionRule
from imaging.metrics.evaluate import evaluate
from imaging.volume import Volume
from models.card import Card, Member
from training.data.material import Group, HeldOut
from training.finish.evaluation import Row, row_from
from training.finish.fates import MARKED, UNSEEN, Fate
from training.report.accuracy import accuracy_entry, detected, targets
from training.report.accuracy_page import Findings, accuracy_page
from training.report.model_card import facts, model_card, short_form
from training.report.pictures import Gallery, Shown

SHAPE = (12, 40, 40)
GRID = Volume(np.ones(SHAPE, np.float32), np.eye(4))


def ball(*corners, size=6):
    mask = np.zeros(SHAPE, dtype=bool)
    for z, y, x in corners:
        mask[z : z + size, y : y + size, x : x + size] = True
    return mask


def row(head, group, subject="ensemble", *, found=((2, 5, 5),), there=((2, 5, 5),)):
    return Row(head, group, subject, evaluate(ball(*found), ball(*there), GRID))


ROWS = [
    row("g1", Group.TUMOUR),
    row("g2", Group.TUMOUR, found=((2, 5, 7),)),
    row("g1", Group.TUMOUR, "alone", found=()),
    row("g2", Group.TUMOUR, "alone"),
    row("n1", Group.NEGATIVE, found=((2, 5, 5), (2, 20, 20)), there=()),
    row("s1", Group.FULL, there=((2, 5, 5), (2, 20, 20))),
    row("s2", Group.STRIPPED, found=((2, 5, 5), (2, 30, 30))),
]


def card():
    members = tuple(
        Member(name, name, (2, 3), None, True, f"{name}.h5", "0" * 64, 1.5, 2)
        for name in ("alone", "other")
    )
    return Card(
        name="standard",
        release="9.9.9",
        members=members,
        contract={},
        rule=LesionRule(0.9, 0.4, 14.0, 2, 0.5),
        seen={
            "material": {
                "labelmaps": "maps",
                "slices": "a set of slices",
                "gliomas": ["g1", "g2"],
                "negatives": ["n1"],
                "never": {"gliomas": ["f1"]},
            },
            "runs": [
                {
                    "run": "final_alone",
                    "on_from": None,
                    "steps": 7,
                    "batch": 2,
                    "minutes": 1.0,
                    "peak_rate": 1e-3,
                    "loss": 0.5,
                    "share_waiting_for_data": 0.001,
                }
            ],
        },
        measured={"merit": {"ensemble": 0.9, "alone": 0.8}},
    )


def reached():
    return {target.measure: target for target in targets(ROWS)}


def test_targets_are_means_of_their_own_group():
    dice = np.mean([1.0, 2 / 3])
    found = reached()
    tumours = found["real tumours, cross-validated: tumour-core Dice, mean"]
    assert tumours.reached == pytest.approx(dice)
    assert tumours.met
    assert found["MS brains without tumour, cross-validated: false ones"].reached == 2.0
    assert not found["MS brains without tumour, cross-validated: false ones"].met
    assert found["synthetic: false positives a scan"].reached == 0.5
    # A ball of 216 mm3 is 7.4 mm wide: two of three synthetic ones were found, none of other sizes.
    assert found["synthetic: sensitivity, lesions of 5-10 mm"].reached == pytest.approx(2 / 3)
    assert found["synthetic: sensitivity, lesions of >=10 mm"].reached is None
    assert not found["synthetic: sensitivity, lesions of >=10 mm"].met
    assert found["ensemble minus best member, Dice on real tumours"].reached == pytest.approx(
        dice - 0.5
    )


def test_dice_of_detected_lesions_leaves_out_the_missed():
    spread = detected([one for one in ROWS if one.group is Group.FULL])
    assert spread is not None
    assert (spread.n, spread.mean) == (1, 1.0)


def test_a_row_of_measures_comes_back_from_json():
    for one in ROWS:
        back = row_from(json.loads(json.dumps(one.entry())))
        assert back.entry() == one.entry()


def test_the_accuracy_entry_holds_every_head_and_target():
    entry = json.loads(json.dumps(accuracy_entry(card(), ROWS, "make evaluate")))
    assert [one["head"] for one in entry["heads"]] == [one.head for one in ROWS]
    assert sum(target["met"] for target in entry["targets"]) == sum(
        one.met for one in reached().values()
    )
    assert entry["research_use_only"]


def test_heads_of_the_cross_validation_are_in_the_model_card_alone():
    crossed = [one.entry() for one in ROWS if one.group is Group.TUMOUR]
    of_card = replace(card(), measured=card().measured | {"cross_validation": crossed})
    entry = accuracy_entry(of_card, ROWS, "make evaluate")
    assert [one["head"] for one in entry["heads"]] == ["n1", "s1", "s2"]
    assert [one["reached"] for one in entry["targets"]] == [one.reached for one in targets(ROWS)]


def test_accuracy_page_and_model_card_name_version_command_and_shortfall():
    shown = [Shown("Good: s1", "accuracy-good-1.jpg")]
    times = [(Group.FULL, 4.0), (Group.FULL, 2.0), (Group.FULL, 2.5)]
    implanted = [Fate(6.0, MARKED, 5.0), Fate(6.0, UNSEEN, 5.0)]
    found = Findings(ROWS, implanted=implanted, times=times, shown=shown)
    page = accuracy_page(card(), found, "make evaluate")
    readme = model_card(card(), ROWS, "make evaluate")
    for text in (page, readme):
        assert card().version in text
        assert "RESEARCH USE ONLY" in text
        assert "`make evaluate`" in text
        assert "| MS brains without tumour, cross-validated: false ones | <= 0.5 | 2.000 |" in text
    assert "![Good: s1](accuracy-good-1.jpg)" in page
    assert "| synthetic, full heads | 3 | 2.0 | 2.5 | 4.0 |" in page
    assert "| >=4 | 0 of 0 | 0 of 0 | 1 of 2 (0.50) | 0 of 0 |" in page
    assert "lies in brain (mean probability at least 0.5)" in readme
    assert f"SHA-256 `{'0' * 64}`" in readme
    assert any(line.startswith("MS brains") for line in short_form(card(), ROWS))
    said = json.loads(json.dumps(facts(card(), ROWS)))
    assert (said["version"], said["short"]) == (card().version, short_form(card(), ROWS))


def test_no_number_of_the_card_is_in_the_model_card_or_the_entry_again():
    crossed = [one.entry() for one in ROWS if one.group in (Group.TUMOUR, Group.NEGATIVE)]
    with_rows = replace(card(), measured={**card().measured, "cross_validation": crossed})
    entry = accuracy_entry(with_rows, ROWS, "make evaluate")
    assert [one["head"] for one in entry["heads"]] == ["s1", "s2"]
    assert {one["group"] for one in entry["groups"]} == {str(one.group) for one in ROWS}
    said = json.dumps(facts(with_rows, ROWS))
    assert "0" * 64 not in said, "hashes are on the card"
    assert "final_alone" not in said, "runs are on the card"


def test_the_gallery_keeps_the_best_and_the_worst(tmp_path):
    gallery = Gallery(count=1)
    for shift in (0, 1, 2, 3):
        found, there = ball((2, 5, 5 + shift)), ball((2, 5, 5))
        head = HeldOut(f"s{shift}", Group.FULL, GRID, there)
        measured = Row(head.name, head.group, "ensemble", evaluate(found, there, GRID))
        gallery.offer(measured, head, found.astype(np.uint16), [])
    shown = gallery.write(tmp_path)
    assert [one.title.split(" (")[0] for one in shown] == ["Good: s0", "Bad: s3"]
    assert all((tmp_path / one.file).read_bytes()[:2] == b"\xff\xd8" for one in shown)

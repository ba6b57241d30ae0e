"""From answers to a card: temperatures, rules, the check of the ensemble, cross-validation."""

import numpy as np
import pytest

from imaging.volume import Volume
from models.card import Card, Member, read_card, write_card
from models.inputs import InputContract
from training.data.material import Group, HeldOut
from training.finish.answers import Answer, evidence_of
from training.finish.evaluation import Row, summaries
from training.finish.finishing import (
    GateError,
    cross_validate,
    finish,
    judge,
    measure,
    pass_gate,
    tables_of,
)

SHAPE = (10, 20, 20)


def held_out(name, group, *, lesion=True):
    reference = np.zeros(SHAPE, dtype=bool)
    if lesion:
        reference[3:7, 5:11, 5:11] = True
    return HeldOut(name, group, Volume(np.ones(SHAPE, np.float32), np.eye(4)), reference)


def answer(head, *, fold=None, speck=False):
    """The answers of a good network, and of one that also sees a speck that is not there."""
    good = np.where(head.reference, 0.9, 0.02)
    hasty = good.copy()
    if speck:
        hasty[1:4, 14:18, 14:18] = 0.95
    raw = {"good": good.astype(np.float16), "hasty": hasty.astype(np.float16)}
    return Answer(head, raw, {name: np.ones(SHAPE, np.float16) for name in raw}, fold)


def pool(*, speck=False):
    return [
        answer(held_out("s1", Group.FULL), speck=speck),
        answer(held_out("s2", Group.STRIPPED), speck=speck),
        *(answer(held_out(f"g{k}", Group.TUMOUR), fold=k, speck=speck) for k in range(3)),
        answer(held_out("n1", Group.NEGATIVE, lesion=False), fold=0, speck=speck),
    ]


def finished(*, speck=False) -> tuple[Card, list[Row]]:
    members = [
        Member(n, "unet_plus_plus", (2, 3), None, True, f"{n}.h5", "0" * 64, outputs=2)
        for n in ("good", "hasty")
    ]
    return finish(
        pool(speck=speck),
        members,
        name="standard",
        release="2.0.0",
        contract=InputContract(),
        seen={},
        say=lambda _: None,
    )


def test_temperatures_are_fitted_and_the_card_can_be_written_and_read(tmp_path):
    card, _ = finished()
    assert all(member.temperature < 1.0 for member in card.members)  # right, yet unsure
    assert set(card.measured["merit"]) == {"ensemble", "good", "hasty"}
    write_card(tmp_path / "c.json", card)
    back = read_card(tmp_path / "c.json")
    assert (back.rule, back.version) == (card.rule, card.version)


def test_every_real_head_is_measured_once_per_subject_by_networks_of_its_fold():
    _, rows = finished()
    heads = [(row.head, row.subject) for row in rows]
    assert sorted(heads) == sorted(
        (name, subject)
        for name in ("g0", "g1", "g2", "n1")
        for subject in ("ensemble", "good", "hasty")
    )
    assert all(row.evaluation.dice == 1.0 for row in rows)


def test_the_lesion_rule_of_a_fold_is_chosen_without_that_fold():
    """Only the first fold's glioma has a false candidate of high probability: the other heads give
    no reason to drop it, so in its own fold it is counted.
    """
    heads = pool()
    spoiled = heads[2]
    raw = dict(spoiled.raw)
    raw["good"] = raw["good"].copy()
    raw["good"][1:4, 14:18, 14:18] = 0.9
    heads[2] = Answer(spoiled.head, raw, spoiled.brain, spoiled.fold)
    taking_part = {"good": 1.0}
    tables = tables_of(heads, taking_part)
    rows = [
        measure(one.head, "good", judge(evidence_of(one, taking_part), rule)[0])
        for one, rule in cross_validate(heads, tables)
    ]
    found = {row.head: row.evaluation.false_positives for row in rows}
    assert found == {"g0": 1, "g1": 0, "g2": 0, "n1": 0}


def test_the_answer_of_the_ensemble_is_the_mean_of_its_members():
    one = answer(held_out("s1", Group.FULL), speck=True)
    both = evidence_of(one, {"good": 1.0, "hasty": 1.0})
    assert both.mean[2, 15, 15] == pytest.approx((0.02 + 0.95) / 2, abs=1e-3)
    assert len(both.members) == 2
    alone = evidence_of(one, {"good": 1.0})
    assert alone.mean[2, 15, 15] == pytest.approx(0.02, abs=1e-3)
    assert both.brain is not None
    assert both.brain.min() == 1.0


def test_an_ensemble_below_its_best_member_is_refused():
    pass_gate({"ensemble": 0.6, "a": 0.5, "b": 0.6})
    with pytest.raises(GateError, match=r"best member, b 0\.6000, got 0\.5900"):
        pass_gate({"ensemble": 0.59, "a": 0.5, "b": 0.6})


def test_measures_of_groups_and_subjects_are_never_pooled():
    _, rows = finished()
    found = [(group, subject, summary.cases) for group, subject, summary in summaries(rows)]
    assert found == [
        (Group.TUMOUR, "ensemble", 3),
        (Group.TUMOUR, "good", 3),
        (Group.TUMOUR, "hasty", 3),
        (Group.NEGATIVE, "ensemble", 1),
        (Group.NEGATIVE, "good", 1),
        (Group.NEGATIVE, "hasty", 1),
    ]


def test_a_row_of_measures_says_what_was_found():
    _, rows = finished()
    assert rows[0].line() == "ensemble, real gliomas, g0: Dice 1.000, found 1 of 1, 0 false"
    entry = rows[0].entry()
    assert (entry["head"], entry["group"], entry["dice"]) == ("g0", "real gliomas", 1.0)
    assert "detections" not in entry


def test_only_candidates_away_from_the_abnormality_of_a_full_head_count_as_false():
    head = held_out("w1", Group.WHOLE)
    labels = np.zeros(SHAPE, dtype=np.uint16)
    labels[3:5, 2:6, 2:6] = 1  # touches it
    labels[8, 15:18, 15:18] = 2
    found = measure(head, "ensemble", labels).evaluation
    assert (found.true_positives, found.false_negatives, found.false_positives) == (0, 0, 1)

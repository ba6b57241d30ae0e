import dataclasses

import numpy as np
import pytest

from imaging.lesions import LesionRule
from imaging.volume import Volume
from models.card import Card, Member
from models.inputs import InputContract
from models.training.cases import Source
from models.training.evaluation import score_head, summarise
from models.training.finishing import Answered, GateError, finish, pass_gate
from models.training.material import HeldOut, Use
from models.training.model_card import model_card

RUN = {
    "network": "good",
    "steps": 10,
    "batch": 2,
    "trained_minutes": 1.0,
    "seed": 1,
    "last_loss": 0.5,
    "share_waiting_for_data": 0.01,
}
SEEN = {
    "material": {"labelmaps": "maps", "gliomas": ["g"], "negatives": ["n"]},
    "runs": [RUN],
}


def held_out(name, source, use, lesion=True):
    reference = np.zeros((10, 20, 20), dtype=bool)
    if lesion:
        reference[3:7, 5:11, 5:11] = True
    return HeldOut(
        name, source, use, Volume(np.zeros(reference.shape, np.float32), np.eye(4)), reference
    )


def answered(head, *, speck):
    """A good member, and one that also sees a speck that is not there."""
    good = np.where(head.reference, 0.9, 0.02)
    hasty = good.copy()
    if speck:
        hasty[1:4, 14:18, 14:18] = 0.95
    return Answered(head, {"good": good.astype(np.float16), "hasty": hasty.astype(np.float16)})


def material(*, speck):
    heads = [
        held_out("s18", Source.SYNTHETIC, Use.CHOOSING),
        held_out("s19", Source.SYNTHETIC, Use.REPORTING),
        held_out("g1", Source.TUMOUR, Use.CHOOSING),
        held_out("n1", Source.NEGATIVE, Use.CHOOSING, lesion=False),
    ]
    return [answered(head, speck=speck) for head in heads]


def members():
    return [
        Member(n, "unet_plus_plus", (2, 3), None, True, f"{n}.h5", "0" * 64)
        for n in ("good", "hasty")
    ]


def finished(*, speck) -> Card:
    card, _ = finish(
        material(speck=speck),
        members(),
        name="standard",
        release="1.0.0",
        contract=InputContract(),
        seen=SEEN,
        say=lambda _: None,
    )
    return card


def test_finishing_fits_temperatures_and_measures_apart():
    card = finished(speck=False)
    assert all(member.temperature < 1.0 for member in card.members)  # it was right, yet unsure
    groups = [(group["source"], group["use"]) for group in card.measured["groups"]]
    assert groups == [
        ("synthetic", Use.CHOOSING),
        ("synthetic", Use.REPORTING),
        ("tumour", Use.CHOOSING),
        ("negative", Use.CHOOSING),
    ]
    assert card.measured["groups"][0]["dice"]["mean"] == 1.0


def test_the_model_card_names_material_numbers_and_the_command():
    text = model_card(finished(speck=False))
    for words in (
        "RESEARCH USE ONLY",
        "CC BY 3.0",
        "python -m models.training evaluate",
        "| synthetic | used to choose temperatures and thresholds | 1 | 1.000, 1.000, 0.000 |",
        "Known failures",
    ):
        assert words in text


def test_an_ensemble_below_its_best_member_is_refused():
    pass_gate({"a": 0.5, "b": 0.6}, ensemble=0.6)
    with pytest.raises(GateError, match=r"best member, b 0\.6000, got 0\.5900"):
        pass_gate({"a": 0.5, "b": 0.6}, ensemble=0.59)


def test_a_head_is_scored_by_lesions_and_their_size():
    head = held_out("a", Source.SYNTHETIC, Use.REPORTING)
    probability = np.where(head.reference, 0.9, 0.0).astype(np.float32)
    probability[8:10, 15:18, 15:18] = 0.9  # 18 voxels that are no lesion
    score = score_head(head, probability, LesionRule(0.5, 0.5, 10.0, 2))
    assert (score.true_positives, score.false_positives, score.false_negatives) == (1, 1, 0)
    assert score.dice == pytest.approx(2 * 144 / (144 + 162))
    # 4 x 6 x 6 mm: a ball of 6.5 mm.
    assert score.by_diameter == ((0, 0), (0, 0), (1, 1), (0, 0))


def test_kinds_and_uses_are_never_pooled():
    head = held_out("a", Source.SYNTHETIC, Use.REPORTING)
    score = score_head(head, head.reference.astype(np.float32), LesionRule())
    real = dataclasses.replace(score, source=Source.TUMOUR, dice=0.5)
    summaries = summarise([score, real, real])
    assert [(item["source"], item["heads"]) for item in summaries] == [
        ("synthetic", 1),
        ("tumour", 2),
    ]
    assert summaries[1]["dice"]["mean"] == 0.5

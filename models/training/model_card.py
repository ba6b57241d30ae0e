"""The model card: what the weights are for, what they saw, and what was measured. Written from the
card alone.
"""

from collections.abc import Iterable
from typing import Any

from models.card import Card

_HEAD = """# Model card: {version}

**RESEARCH USE ONLY. NOT FOR DIAGNOSIS.** No regulator has seen these weights.

Written by `python -m models.training finish`; do not edit by hand.

## What it is

{members}

Input: axial slices at 1 mm, three neighbouring ones and CLAHE of the middle one
(`models/inputs.py`). Answer: the mean of the members' probabilities, each calibrated by one
temperature, on the scanner's own grid. A lesion (`imaging/lesions.py`) has a voxel of at least
{rule.seed_threshold}, spreads to voxels of at least {rule.grow_threshold}, and has at least
{rule.minimum_volume_mm3:g} mm3 in at least {rule.minimum_slices} slices.

## Intended use

Research on post-contrast T1-weighted MRI of adults' heads: finding candidates, trying out a
pipeline, a start for fine-tuning on one's own labelled cases (docs/training.md).

## Out of scope

Diagnosis, treatment planning, follow-up of a patient. T1 without contrast agent, other sequences,
slices more than 6 mm apart, children, heads after surgery. Comparison with products or with
networks trained on patients: these weights have never been shown a single patient with metastases
whose lesions were marked.

## What they have seen

- {labelmaps} (BBillot/SynthSeg, Apache-2.0): synthetic heads with drawn lesions, docs/synthesis.md.
- BraTS 2018 training data, {gliomas}: real glioblastomas, tumour core (labels 1 and 4), in about a
  third of the crops. Cases from TCGA-GBM/LGG, TCGA collections CC BY 3.0; cite Bakas 2017 (Sci Data
  4:170117) and Menze 2015 (IEEE TMI 34:1993).
- muschellij2/open_ms_data, {negatives}: real brains with multiple sclerosis and no tumour, all of
  them background. CC BY; cite Lesjak 2017 (Neuroinformatics 15:403).

None of this material is in the repository. Label map 20, the demonstration's head, was never shown.

## How they were trained

{runs}

AdamW 1e-3 to 1e-5 (cosine over wall time, 3 % warm-up), weight decay 0.01, binary cross-entropy
plus batch soft Dice (on every head of U-Net++, equally), crops of 128, bfloat16 arithmetic with
float32 weights; the weights shipped are the exponential moving average (0.995). Small networks, two
processor cores shared with other work, 75 minutes: far from what the architectures can reach.

## What was measured

Command: `{command}`

Held-out material only; synthetic and real apart, and what chose the temperatures and the lesion
rule apart from what no choice has seen. Numbers of the former are optimistic; so are, by a little,
those of the latter: that the least volume may be 30 mm3 at most was decided after both had been
printed for several volumes. "Real" tumours here
are gliomas, far larger than most metastases; the four that no choice has seen hardly enhance, so
they are also the hardest. A lesion is a 26-connected component of the reference; false ones touch
none (BraTS-METS 2025 matching).

"""

_TAIL = """
## Known failures

- Real metastases with marked lesions were not at hand: sensitivity to small real metastases is
  unknown. The synthetic numbers do not stand in for it.
- On synthetic heads hardly any lesion under 5 mm is found, and about a third of those of 5-10 mm.
- On full heads most false lesions lie outside the brain: skull base, mucosa, marrow, scalp, neck.
  Skull-stripped heads have few.
- Faint, cystic or non-enhancing tumours are missed in part or whole: see the real tumours seen by
  no choice.
- Specks under the minimum volume are dropped even when they are lesions.
- Training scans were at 1 mm; thick slices (above 3 mm) were only simulated.
"""

_COMMAND = "python -m models.training evaluate --heads heads/val --data ../shared/data"


def model_card(card: Card) -> str:
    """Markdown of the model card."""
    material = card.seen["material"]
    head = _HEAD.format(
        version=card.version,
        members="\n".join(_member_line(card)),
        rule=card.rule,
        labelmaps=material["labelmaps"],
        gliomas=", ".join(material["gliomas"]),
        negatives=", ".join(material["negatives"]),
        runs="\n".join(_run_line(run) for run in card.seen["runs"]),
        command=_COMMAND,
    )
    groups, merits = card.measured["groups"], card.measured["merit_on_choosing_heads"]
    gate = ", ".join(f"{name} {value:.3f}" for name, value in merits.items())
    parts = [
        head,
        *_group_table(groups),
        "",
        "Found by equivalent diameter:",
        "",
        *_size_table(groups),
        "",
        "Merit on the heads for choosing (mean of Dice and lesion F1, synthetic and real alike; an",
        f"ensemble below its best member is refused): {gate}.",
        "",
        "Each head:",
        "",
        *_head_lines(card.measured["heads"]),
    ]
    return "\n".join(parts) + "\n" + _TAIL


def _member_line(card: Card) -> Iterable[str]:
    for member in card.members:
        yield (
            f"- `{member.name}`: filters {'-'.join(map(str, member.filters))}, temperature "
            f"{member.temperature}, `{member.file}`, SHA-256 `{member.sha256}`"
        )


def _run_line(run: dict[str, Any]) -> str:
    waiting = 100 * run["share_waiting_for_data"]
    return (
        f"- `{run['network']}`: {run['steps']} steps of {run['batch']} crops in "
        f"{run['trained_minutes']:.0f} minutes of one shared core, seed {run['seed']}, last loss "
        f"{run['last_loss']:.3f}, {waiting:.2f} % of the time waiting for data"
    )


def _group_table(groups: list[dict[str, Any]]) -> Iterable[str]:
    yield (
        "| heads | use | n | Dice mean, median, SD (heads with lesions) | lesions found | "
        "false lesions a head: mean, median, most |"
    )
    yield "|---|---|---|---|---|---|"
    for group in groups:
        dice, false = group["dice"], group["false_per_head"]
        dices = f"{dice['mean']:.3f}, {dice['median']:.3f}, {dice['sd']:.3f}" if dice else "-"
        falses = f"{false['mean']:.1f}, {false['median']:g}, {false['greatest']:g}"
        yield (
            f"| {group['source']} | {group['use']} | {group['heads']} | {dices} | "
            f"{group['found']} of {group['lesions']} | {falses} |"
        )


def _size_table(groups: list[dict[str, Any]]) -> Iterable[str]:
    sizes = list(groups[0]["sensitivity_by_diameter_mm"])
    yield "| heads | use | " + " | ".join(f"{size} mm" for size in sizes) + " |"
    yield "|---" * (len(sizes) + 2) + "|"
    for group in groups:
        cells = [f"{a} of {b}" for a, b in group["sensitivity_by_diameter_mm"].values()]
        yield f"| {group['source']} | {group['use']} | " + " | ".join(cells) + " |"


def _head_lines(heads: list[dict[str, Any]]) -> Iterable[str]:
    yield "| head | use | Dice | found | false |"
    yield "|---|---|---|---|---|"
    for head in heads:
        lesions = head["true_positives"] + head["false_negatives"]
        dice = f"{head['dice']:.3f}" if lesions else "-"
        yield (
            f"| {head['source']} {head['name']} | {head['use']} | {dice} | "
            f"{head['true_positives']} of {lesions} | {head['false_positives']} |"
        )

"""The model card: what the weights are for, what they saw, and what was measured.

A page for people, and a dictionary for machines of what no other file says: networks, lesion rule
and runs are in the ensemble's card, measures in ``docs/accuracy.json``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imaging.lesions.rule import LesionRule
from metseg.notice import RESEARCH_NOTICE
from models.card import Card, Member
from models.catalogue import MODEL_CARD
from training.finish.evaluation import Row
from training.report.accuracy import target_table, targets

_INTENDED = (
    "Research on post-contrast T1-weighted MRI of adults' heads: finding candidates for brain "
    "metastases, trying out a pipeline, a start for fine-tuning on one's own labelled cases "
    "(docs/training.md). Full heads and skull-stripped ones."
)
_OUT_OF_SCOPE = (
    "Diagnosis, treatment planning, follow-up of a patient.",
    (
        "T1 without contrast agent, other sequences, slices more than 6 mm apart, children, heads "
        "after surgery."
    ),
    (
        "Comparison with products or with networks trained on patients: these weights have never "
        "been shown a patient with metastases whose lesions were marked."
    ),
)
_DATA = (
    {
        "name": "synthetic heads",
        "from": "SynthSeg label maps (BBillot/SynthSeg), Apache-2.0",
        "use": "training; lesions are drawn (docs/synthesis.md)",
        "material": "labelmaps",
    },
    {
        "name": "real single slices of full heads",
        "from": "Cheng 2017, figshare 1512427, CC BY 4.0; cite Cheng 2015 (PLoS ONE 10:e0140381) "
        "and 2016 (PLoS ONE 11:e0157112)",
        "use": "training, all background but lesions that are drawn into them; nothing is taught "
        "in the boxes around their tumours",
        "material": "slices",
    },
    {
        "name": "real gliomas",
        "from": "BraTS training data of 2017 to 2023, cases from TCGA-GBM/LGG; TCGA collections "
        "CC BY 3.0; cite Bakas 2017 (Sci Data 4:170117) and Menze 2015 (IEEE TMI 34:1993)",
        "use": "fine-tuning, tumour core, as they are and with lesions drawn into them",
        "material": "gliomas",
    },
    {
        "name": "real brains with multiple sclerosis and no tumour",
        "from": "muschellij2/open_ms_data, CC BY; cite Lesjak 2017 (Neuroinformatics 15:403)",
        "use": "fine-tuning, all background, as they are and with lesions drawn into them",
        "material": "negatives",
    },
)
_PROCEDURE = (
    "Both networks are trained on synthetic heads and single slices, then go on with real scans "
    "mixed in: "
    "three times without a third of them for the cross-validation, once with all for the shipped "
    "weights. "
    "AdamW, rate along a cosine, weight decay 0.01; binary cross-entropy plus batch soft Dice "
    "for lesions, pixels of small lesions weighing more, and cross-entropy for brain as a second "
    "output, taught by whole heads; axial, coronal and sagittal slices. Shipped are moving "
    "averages, kernels in float16. Temperatures are fitted on synthetic heads of label map 18. "
    "The lesion rule is the one of most merit (three quarters the share of lesions found, a "
    "quarter Dice; synthetic, real and implanted lesions alike) with at most half a false lesion "
    "per real scan and 0.7 per synthetic head, on these heads and on the real scans, each answered "
    "by networks that never saw it. An ensemble below its best member is refused."
)
_FAILURES = (
    (
        "Real metastases with marked lesions were not at hand: sensitivity to small real "
        "metastases is unknown. Numbers of synthetic and implanted lesions do not stand in for it."
    ),
    "Tumours that enhance faintly, in part or not at all are missed in part or whole.",
    "Lesions below 5 mm are often missed; below 3 mm nearly always.",
    "On full heads most false lesions lie at the skull base, in sinuses, mucosa and vessels.",
    "Specks under the minimum volume are dropped even when they are lesions.",
    "Training scans were at 1 mm; thick slices (above 3 mm) were only simulated.",
)


def facts(card: Card, rows: Sequence[Row]) -> dict[str, Any]:
    """The model card for machines. `material` names a key of the card's ``seen.material``."""
    return {
        "version": card.version,
        "research_use_only": True,
        "card": f"{card.name}.json",
        "measures": "docs/accuracy.json",
        "short": short_form(card, rows),
        "intended_use": _INTENDED,
        "out_of_scope": list(_OUT_OF_SCOPE),
        "data": [dict(item) for item in _DATA],
        "procedure": _PROCEDURE,
        "known_failures": list(_FAILURES),
    }


def short_form(card: Card, rows: Sequence[Row]) -> list[str]:
    """A few lines for `metseg doctor`."""
    seen = card.seen["material"]
    lines = [
        (
            f"trained on {seen['labelmaps']} (synthetic), single slices of {seen['slices']}, "
            f"{len(seen['gliomas'])} gliomas and {len(seen['negatives'])} brains without tumour; "
            "no patient with marked metastases"
        )
    ]
    return lines + [f"{one.measure}: {one.words} ({one.of})" for one in targets(rows)]


def model_card(card: Card, rows: Sequence[Row], command: str) -> str:
    """The model card as Markdown; `command` wrote it."""
    material = card.seen["material"]
    return _PAGE.format(
        version=card.version,
        intended_use=_INTENDED,
        procedure=_PROCEDURE,
        command=command,
        twin=MODEL_CARD,
        card=f"{card.name}.json",
        notice=RESEARCH_NOTICE,
        members="\n".join(map(_member, card.members)),
        multiplanar=_MULTIPLANAR if card.contract.get("multiplanar") else "",
        rule=_rule(card.rule),
        out_of_scope=_bullets(_OUT_OF_SCOPE),
        data="\n".join(_data(item, material[item["material"]]) for item in _DATA),
        never=", ".join(material["never"]["gliomas"]),
        runs="\n".join(_runs(card.seen["runs"])),
        targets="\n".join(target_table(rows)),
        merit=", ".join(f"{name} {value:.3f}" for name, value in card.measured["merit"].items()),
        failures=_bullets(_FAILURES),
    )


_MULTIPLANAR = """; around candidates coronal and sagittal slices too
(`models/multiplanar.py`)"""

_PAGE = """# Model card: {version}

**{notice}.** No regulator has seen these weights.

Written by `{command}`; do not edit by hand. For machines: `{card}` (networks, rule, runs),
`{twin}` (words) and [docs/accuracy.json](../../docs/accuracy.json) (measures).

## What it is

{members}

Input: axial slices at 1 mm, three neighbouring ones and CLAHE of the middle one
(`models/inputs.py`){multiplanar}. Answer: the mean of the members' probabilities, each calibrated
by one temperature, on the scanner's own grid, and a probability of brain.
{rule}

## Intended use

{intended_use}

## Out of scope

{out_of_scope}

## What they have seen

{data}

Never: gliomas {never}; label maps 19 and 20; the real full heads
of TCGA-LGG (Buda 2019), which serve to measure only.
None of this material is in the repository.

## How they were trained

{procedure}

{runs}

## What was measured

What is measured on which heads, and by each member and by size of lesion:
[docs/accuracy.md](../../docs/accuracy.md).

{targets}

Merit on the heads for choosing: {merit}.

## Known failures

{failures}
"""


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _member(member: Member) -> str:
    return (
        f"- `{member.name}`: filters {'-'.join(map(str, member.filters))}, temperature "
        f"{member.temperature}, `{member.file}`, SHA-256 `{member.sha256}`"
    )


def _rule(rule: LesionRule) -> str:
    """The lesion rule in words."""
    words = (
        f"A lesion (`imaging/lesions/find.py`) has a voxel of at least {rule.seed_threshold}, "
        f"spreads to voxels of at least {rule.grow_threshold}, and has at least "
        f"{rule.minimum_volume_mm3:g} mm3 in at least {rule.minimum_slices} slices"
    )
    if rule.minimum_brain:
        words += f", lies in brain (mean probability at least {rule.minimum_brain})"
    if rule.candidate_classifier:
        words += (
            f", and passes the candidate classifier (at least {rule.candidate_classifier.least})"
        )
    return words + "."


def _data(item: Mapping[str, str], material: str | Sequence[str]) -> str:
    named = material if isinstance(material, str) else ", ".join(material)
    return f"- {item['name'].capitalize()}: {named}. {item['from']}. Use: {item['use']}."


def _runs(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| run | on from | steps x crops | minutes | peak rate | last loss | waiting for data |"
    yield "|---|---|---|---|---|---|---|"
    for run in runs:
        yield (
            f"| {run['run']} | {run['on_from'] or '-'} | "
            f"{run['steps']} x {run['batch']} | {run['minutes']:.0f} | "
            f"{run['peak_rate']:g} | {run['loss']} | {100 * run['share_waiting_for_data']:.2f} % |"
        )

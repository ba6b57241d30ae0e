"""What the training commands do: gather the material, then call the parts."""

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metseg.errors import MetsegError
from models.card import read_card, write_card
from models.catalogue import WEIGHTS_IN_THE_BOX, load_ensemble
from models.inputs import InputContract
from models.training.cases import Case, case_from_head, case_from_real
from models.training.heads import read_head
from models.training.own_cases import read_own_cases
from models.training.real_cases import read_glioma, read_negative
from models.training.split import TRAINING_NEGATIVES, VALIDATION_NEGATIVES, split_gliomas

say = functools.partial(print, flush=True)


@dataclass(frozen=True, slots=True)
class Run:
    """How one network is trained; written to ``run.json`` of the run's folder."""

    network: str
    filters: tuple[int, ...]
    minutes: float
    batch: int
    crop: int
    seed: int
    precision: str
    threads: int
    validate_minutes: float


def fit_command(*, heads: Path, data: Path, out: Path, validation_heads: int, **run: Any) -> None:
    """Train one network on synthetic heads and the real scans of the fixed split."""
    contract = InputContract()
    training, held_out = real_cases(data, contract)
    for path in sorted((heads / "val").glob("*.npz"))[:validation_heads]:
        held_out.append(case_from_head(path.name, read_head(path), contract))
    _train(_run(run), training, held_out, out, heads=heads / "train", start=None)


def tune_command(
    *, cases: Path, start: Path, out: Path, hold_out: int, validation_heads: int, **run: Any
) -> None:
    """Go on from weights with labelled cases of the user's own, every n-th one held out."""
    contract = InputContract()
    own = [case_from_real(case, contract) for case in read_own_cases(cases)]
    held_out = own[::hold_out] if len(own) > 1 else []
    training = [case for case in own if case not in held_out]
    say(f"{len(training)} cases for training, {len(held_out)} held out")
    del validation_heads
    _train(_run(run), training, held_out, out, heads=None, start=start)


def finish_command(
    *,
    runs: Sequence[Path],
    unet_plus_plus_heads: Sequence[int] | None,
    heads: Path,
    data: Path,
    weights: Path,
    name: str,
    release: str,
) -> None:
    """Make an ensemble of finished runs: temperatures, lesion rule, gate, card and model card."""
    from models.engines import Engine
    from models.training.finishing import answer, finish, read_member
    from models.training.material import held_out_heads
    from models.training.model_card import model_card

    contract = InputContract()
    weights.mkdir(parents=True, exist_ok=True)
    wanted = {"unet_plus_plus": tuple(unet_plus_plus_heads) if unet_plus_plus_heads else None}
    members = [read_member(run, weights, heads=wanted.get(network_of(run))) for run in runs]
    engines = [Engine.load(member, weights, device="cpu:0") for member in members]
    answered = answer(held_out_heads(heads, data), engines, contract, say=say)
    seen = {
        "material": _material(data),
        "runs": [json.loads((run / "run.json").read_text()) | _reached(run) for run in runs],
    }
    card, _ = finish(
        answered, members, name=name, release=release, contract=contract, seen=seen, say=say
    )
    write_card(weights / f"{name}.json", card)
    (weights / "README.md").write_text(model_card(card))
    say(f"{card.version} in {weights}")


def evaluate_command(
    *, heads: Path, data: Path, weights: Path | None, name: str, flip: bool
) -> None:
    """Measure an ensemble, through the same code that serves patients, on the held-out heads."""
    from models.training.evaluation import score_head, summarise
    from models.training.material import held_out_heads

    ensemble = load_ensemble(name, weights_dir=weights, flip=flip)
    say(ensemble.version)
    scores = []
    for head in held_out_heads(heads, data):
        prediction = ensemble.predict(head.volume)
        scores.append(score_head(head, prediction.mean, ensemble.rule))
        say(scores[-1].line())
    say(json.dumps(summarise(scores), indent=2))
    card = read_card((weights or WEIGHTS_IN_THE_BOX) / f"{name}.json")
    if not flip and summarise(scores) != card.measured.get("groups"):
        say("note: not the numbers of the card")


def real_cases(data: Path, contract: InputContract) -> tuple[list[Case], list[Case]]:
    """The real scans for training and for validation, by the fixed split."""
    gliomas = [path.name for path in (data / "glioma").iterdir() if path.is_dir()]
    parts = []
    for names, brains in zip(
        split_gliomas(gliomas), (TRAINING_NEGATIVES, VALIDATION_NEGATIVES), strict=True
    ):
        scans = [read_glioma(data / "glioma" / name) for name in names]
        scans += [read_negative(data / "negatives" / name) for name in brains]
        parts.append([case_from_real(scan, contract) for scan in scans])
    return parts[0], parts[1]


def network_of(run: Path) -> str:
    """Name of the network that a run trained."""
    return str(json.loads((run / "run.json").read_text())["network"])


def limit_threads(threads: int) -> None:
    """Keep this process to so many threads; before Keras is imported."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    cv2.setNumThreads(1)


def _run(fields: dict[str, Any]) -> Run:
    return Run(**fields | {"filters": tuple(fields["filters"])})


def _train(
    run: Run,
    training: Sequence[Case],
    held_out: Sequence[Case],
    out: Path,
    *,
    heads: Path | None,
    start: Path | None,
) -> None:
    """One run, from the beginning, from weights or from its own checkpoint."""
    limit_threads(run.threads)
    import keras

    from models.networks import build
    from models.training.crops import CropMix, CropSampler
    from models.training.fit import Plan, fit
    from models.training.schedule import Schedule

    keras.utils.set_random_seed(run.seed)
    # Half again as many steps on processors with AMX; weights and their average stay float32.
    keras.mixed_precision.set_global_policy(run.precision)
    contract = InputContract()
    mix = CropMix(size=run.crop)
    sampler = CropSampler(heads, training, seed=run.seed, mix=mix, contract=contract)
    model = build(run.network, filters=run.filters)
    plan = Plan(run.minutes, batch=run.batch, validate_minutes=run.validate_minutes)
    if start is not None:
        model.load_weights(start)
        # A tenth of the rate from nothing: what was learnt is to stay.
        plan = replace(plan, schedule=Schedule(peak=1e-4, floor=1e-6))
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.json").write_text(json.dumps(asdict(run), indent=2) + "\n")
    say(f"{run.network}: {model.count_params()} parameters, {len(training)} real cases, {plan}")
    fit(model, sampler, held_out, out, plan, contract=contract, say=say)


def _material(data: Path) -> dict[str, object]:
    """What the weights have seen, by name."""
    gliomas = [path.name for path in (data / "glioma").iterdir() if path.is_dir()]
    training, held_out = split_gliomas(gliomas)
    return {
        "labelmaps": "SynthSeg training_seg_01 to 17",
        "gliomas": training,
        "negatives": list(TRAINING_NEGATIVES),
        "never": {"gliomas": held_out, "negatives": list(VALIDATION_NEGATIVES)},
    }


def _reached(run: Path) -> dict[str, object]:
    """Steps, minutes and last loss of a run, from its log."""
    lines = (run / "log.csv").read_text().splitlines()
    if len(lines) < 2:
        raise MetsegError(f"run must have a log, got {run.name} with {len(lines)} lines")
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    waited = [float(line.split(",")[lines[0].split(",").index("waited_s")]) for line in lines[1:]]
    minutes = float(last["minutes"])
    return {
        "steps": int(last["step"]),
        "trained_minutes": minutes,
        "last_loss": float(last["loss"]),
        "share_waiting_for_data": round(float(np.sum(waited)) / (60 * minutes), 5),
    }

"""What the training commands do: gather the material, then call the pure parts."""

import functools
import os
from pathlib import Path

import cv2

from models.inputs import InputContract
from models.training.cases import Case, case_from_head, case_from_real
from models.training.heads import read_head
from models.training.real_cases import read_glioma, read_negative
from models.training.split import TRAINING_NEGATIVES, VALIDATION_NEGATIVES, split_gliomas


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


def fit_command(
    *,
    network: str,
    heads: Path,
    data: Path,
    out: Path,
    minutes: float,
    batch: int,
    crop: int,
    filters: list[int],
    threads: int,
    precision: str,
    seed: int,
    validate_minutes: float,
    validation_heads: int,
) -> None:
    """Train one network; see `models.training.fit.fit`."""
    limit_threads(threads)
    import keras

    from models.training.crops import CropMix, CropSampler
    from models.training.fit import Plan, fit
    from models.training.networks import build

    keras.utils.set_random_seed(seed)
    # Half again as many steps on processors with AMX; weights and their average stay float32.
    keras.mixed_precision.set_global_policy(precision)
    contract = InputContract()
    training, held_out = real_cases(data, contract)
    for path in sorted((heads / "val").glob("*.npz"))[:validation_heads]:
        held_out.append(case_from_head(path.name, read_head(path), contract))
    sampler = CropSampler(
        heads / "train", training, seed=seed, mix=CropMix(size=crop), contract=contract
    )
    model = build(network, filters=tuple(filters))
    plan = Plan(minutes=minutes, batch=batch, validate_minutes=validate_minutes)
    say = functools.partial(print, flush=True)
    say(f"{network}: {model.count_params()} parameters, {len(training)} real cases, {plan}")
    fit(model, sampler, held_out, out, plan, contract=contract, say=say)


def limit_threads(threads: int) -> None:
    """Keep this process to so many threads; before Keras is imported."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    cv2.setNumThreads(1)

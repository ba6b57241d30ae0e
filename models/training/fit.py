"""Fit one network within a budget of minutes; killed at any moment, it goes on from the last
checkpoint.
"""

import csv
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from models.inputs import InputContract
from models.training.cases import Case
from models.training.checkpoints import Progress, load_checkpoint, save_checkpoint
from models.training.crops import Batch, prefetch
from models.training.losses import overlap_loss
from models.training.schedule import Schedule, average_decay
from models.training.validation import LastHead, predict_case, score, summary

Arrays = list[NDArray[np.float32]]


class Sampler(Protocol):
    """Where crops come from."""

    def batches(self, size: int) -> Iterator[Batch]:
        """Endless ``(size, h, w, 4)`` inputs and ``(size, h, w, 1)`` targets, float32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is to do. Minutes are of training and validation, over all restarts."""

    minutes: float
    batch: int = 12
    miss_weight: float = 0.5
    weight_decay: float = 0.01
    schedule: Schedule = field(default_factory=Schedule)
    validate_minutes: float = 15.0
    checkpoint_minutes: float = 3.0
    log_steps: int = 25


def fit(
    model: keras.Model,
    sampler: Sampler,
    held_out: Sequence[Case],
    folder: Path,
    plan: Plan,
    *,
    contract: InputContract,
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Train until the budget is used up. Writes into `folder`; the averaged weights end in
    ``average.weights.h5``.

    `folder` gets ``checkpoint.npz``, ``log.csv`` (a row every `log_steps`), ``validation.jsonl``
    and ``best.weights.h5``, the averaged weights of the best validation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    compile_model(model, plan)
    average, progress = _start(folder, model)
    heads = len(model.outputs)
    begun = clock() - progress.seconds
    validated = saved = progress.seconds
    losses: list[float] = []
    waited = 0.0
    with closing(prefetch(sampler.batches(plan.batch))) as batches:
        while (seconds := clock() - begun) < plan.minutes * 60:
            model.optimizer.learning_rate.assign(plan.schedule.rate(seconds / (plan.minutes * 60)))
            asked = clock()
            x, y = next(batches)
            waited += clock() - asked
            logs = model.train_on_batch(x, [y] * heads if heads > 1 else y, return_dict=True)
            losses.append(float(logs["loss"]))
            progress = replace(progress, step=progress.step + 1, seconds=clock() - begun)
            blend(average, model.get_weights(), average_decay(progress.step))
            if progress.step % plan.log_steps == 0:
                _log(folder, progress, losses, waited, plan, say)
                losses, waited = [], 0.0
            if progress.seconds - validated > plan.validate_minutes * 60:
                progress = _validate(folder, model, average, held_out, contract, progress, say)
                validated = progress.seconds
            if progress.seconds - saved > plan.checkpoint_minutes * 60:
                save_checkpoint(folder / "checkpoint.npz", model, average, progress)
                saved = progress.seconds
    save_checkpoint(folder / "checkpoint.npz", model, average, progress)
    progress = _validate(folder, model, average, held_out, contract, progress, say)
    model.set_weights(average)
    model.save_weights(folder / "average.weights.h5")
    say(f"finished after {progress.step} steps, {progress.seconds / 60:.1f} minutes")
    return progress


def compile_model(model: keras.Model, plan: Plan) -> None:
    """Give the model its optimizer and one loss a head, equally weighted."""
    optimizer = keras.optimizers.AdamW(plan.schedule.floor, weight_decay=plan.weight_decay)
    shifts = ("bias", "gamma", "beta")
    optimizer.exclude_from_weight_decay(var_names=list(shifts))
    heads = len(model.outputs)
    losses = [overlap_loss(miss_weight=plan.miss_weight) for _ in range(heads)]
    # XLA is 1.6 (Attention U-Net) to 4 times (U-Net++) slower than oneDNN on the processor.
    model.compile(
        optimizer=optimizer,
        loss=losses if heads > 1 else losses[0],
        loss_weights=[1.0 / heads] * heads if heads > 1 else None,
        jit_compile=False,
    )


def blend(average: Arrays, weights: Sequence[NDArray[np.float32]], decay: float) -> None:
    """Move the average towards the weights, in place."""
    for mean, value in zip(average, weights, strict=True):
        mean *= np.float32(decay)
        mean += np.float32(1.0 - decay) * value


@contextmanager
def averaged(model: keras.Model, average: Arrays) -> Iterator[None]:
    """The model with its averaged weights, for the time of the block."""
    weights = model.get_weights()
    model.set_weights(average)
    try:
        yield
    finally:
        model.set_weights(weights)


def _start(folder: Path, model: keras.Model) -> tuple[Arrays, Progress]:
    """The last checkpoint, or a beginning."""
    checkpoint = folder / "checkpoint.npz"
    if checkpoint.exists():
        average, progress = load_checkpoint(checkpoint, model)
        return list(average), progress
    return [np.array(value) for value in model.get_weights()], Progress()


def _log(
    folder: Path,
    progress: Progress,
    losses: Sequence[float],
    waited: float,
    plan: Plan,
    say: Callable[[str], None],
) -> None:
    """Append a row to log.csv and say a line."""
    rate = plan.schedule.rate(progress.seconds / (plan.minutes * 60))
    row: Mapping[str, float] = {
        "step": progress.step,
        "minutes": round(progress.seconds / 60, 2),
        "loss": round(float(np.mean(losses)), 4),
        "rate": round(rate, 7),
        "waited_s": round(waited, 2),
    }
    path = folder / "log.csv"
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    say(", ".join(f"{name} {value}" for name, value in row.items()))


def _validate(
    folder: Path,
    model: keras.Model,
    average: Arrays,
    held_out: Sequence[Case],
    contract: InputContract,
    progress: Progress,
    say: Callable[[str], None],
) -> Progress:
    """Score the averaged weights on the held-out heads; keep them if they are the best so far."""
    if not held_out:
        return progress
    began = time.monotonic()
    with averaged(model, average):
        forward = LastHead(model)
        scores = [score(predict_case(forward, case, contract), case) for case in held_out]
        summed = summary(scores)
        dices = [value for name, value in summed.items() if name.startswith("dice")]
        mean = float(np.mean(dices)) if dices else 0.0
        if mean > progress.best:
            model.save_weights(folder / "best.weights.h5")
    spent = time.monotonic() - began
    for item in scores:
        say(item.line())
    say(f"validation in {spent:.0f} s: " + ", ".join(f"{k} {v:.3f}" for k, v in summed.items()))
    record = {"step": progress.step, "minutes": progress.seconds / 60, "summary": summed}
    with (folder / "validation.jsonl").open("a") as stream:
        stream.write(json.dumps(record | {"heads": [asdict(item) for item in scores]}) + "\n")
    return replace(progress, best=max(progress.best, mean), seconds=progress.seconds + spent)

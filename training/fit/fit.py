"""Fit one network within a budget of minutes or steps.

A run that was killed at any moment continues from its last checkpoint.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from models.inputs import InputContract
from training.crops.crops import Batch, prefetch
from training.data.cases import Case
from training.fit.checkpoints import Progress, load_checkpoint, save_checkpoint
from training.fit.curve import write_curve
from training.fit.journal import Journal, Standing
from training.fit.losses import overlap_loss
from training.fit.schedule import Schedule, average_decay
from training.fit.validation import DeepestOutput, predict_case, score, summary

CHECKPOINT = "checkpoint.npz"
AVERAGE = "average.weights.h5"

Arrays = list[NDArray[np.float32]]


class Sampler(Protocol):
    """Where crops come from."""

    def batches(self, size: int) -> Iterator[Batch]:
        """Endless ``(size, h, w, 4)`` inputs and ``(size, h, w, 4)`` truths, float32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does, within `minutes` of training and validation over all restarts, or `steps`.

    Raises
    ------
    ValueError
        Neither of the two is given, or both.
    """

    minutes: float | None = None
    batch: int = 12
    miss_weight: float = 0.5
    weight_decay: float = 0.01
    schedule: Schedule = field(default_factory=Schedule)
    validate_minutes: float = 15.0
    checkpoint_minutes: float = 3.0
    log_steps: int = 25
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError(f"minutes or steps must be given, got {self.minutes} and {self.steps}")

    def share(self, step: int, seconds: float) -> float:
        """Share of the budget used up; 1 or more is the end."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)


def fit(
    model: keras.Model,
    sampler: Sampler,
    held_out: Sequence[Case],
    folder: Path,
    plan: Plan,
    *,
    contract: InputContract,
    say: Callable[[str], None] = print,
    show: Callable[[Standing], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Standing:
    """Train until the budget is used up. The model gets the averaged weights at the end.

    `folder` gets ``checkpoint.npz``, ``log.csv`` (a row every `log_steps`), ``validation.jsonl``,
    ``best.weights.h5``, the averaged weights of the best validation, ``curve.png``, and at the end
    ``average.weights.h5``. `say` gets a line for each row, `show` every step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    compile_model(model, plan)
    average, progress = _start(folder, model)
    journal = Journal(folder, progress, log_steps=plan.log_steps, say=say, show=show)
    validation = _Validation(model, average, held_out, contract, folder, journal)
    begun = clock() - progress.seconds
    validate = _Every(plan.validate_minutes * 60, progress.seconds)
    save = _Every(plan.checkpoint_minutes * 60, progress.seconds)
    with closing(prefetch(sampler.batches(plan.batch))) as batches:
        while (share := plan.share(progress.step, clock() - begun)) < 1:
            rate = plan.schedule.rate(share)
            model.optimizer.learning_rate.assign(rate)
            loss, waited = _step(model, batches, clock)
            progress = progress.after_step(seconds=clock() - begun, waited=waited)
            blend(average, model.get_weights(), average_decay(progress.step))
            journal.step(progress, loss=loss, rate=rate, share=share)
            if validate.due(progress.seconds):
                progress = validation.run(progress)
            if save.due(progress.seconds):
                save_checkpoint(folder / CHECKPOINT, model, average, progress)
    progress = validation.run(progress)
    save_checkpoint(folder / CHECKPOINT, model, average, progress)
    model.set_weights(average)
    model.save_weights(folder / AVERAGE)
    write_curve(folder)
    say(_farewell(progress))
    return journal.standing(progress, 1.0)


def compile_model(model: keras.Model, plan: Plan) -> None:
    """Give the model its optimizer and one loss per output, equally weighted."""
    optimizer = keras.optimizers.AdamW(plan.schedule.floor, weight_decay=plan.weight_decay)
    shifts = ("bias", "gamma", "beta")
    optimizer.exclude_from_weight_decay(var_names=list(shifts))
    outputs = len(model.outputs)
    losses = [overlap_loss(miss_weight=plan.miss_weight) for _ in range(outputs)]
    # XLA is 1.6 (Attention U-Net) to 4 times (U-Net++) slower than oneDNN on the processor; without
    # it Keras would not compile a step of JAX at all.
    model.compile(
        optimizer=optimizer,
        loss=losses if outputs > 1 else losses[0],
        loss_weights=[1.0 / outputs] * outputs if outputs > 1 else None,
        jit_compile=keras.backend.backend() == "jax",
    )


def blend(average: Arrays, weights: Sequence[NDArray[np.float32]], decay: float) -> None:
    """Move the average towards the weights, in place."""
    for mean, value in zip(average, weights, strict=True):
        mean *= np.float32(decay)
        mean += np.float32(1.0 - decay) * value


@contextmanager
def averaged(model: keras.Model, average: Arrays) -> Iterator[None]:
    """The model with its averaged weights while the block lasts."""
    weights = model.get_weights()
    model.set_weights(average)
    try:
        yield
    finally:
        model.set_weights(weights)


def _start(folder: Path, model: keras.Model) -> tuple[Arrays, Progress]:
    """Average and progress of the last checkpoint, or those of a new run."""
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        average, progress = load_checkpoint(checkpoint, model)
        return list(average), progress
    return [np.array(value) for value in model.get_weights()], Progress()


def _step(
    model: keras.Model, batches: Iterator[Batch], clock: Callable[[], float]
) -> tuple[float, float]:
    """One batch. Returns the loss and the seconds spent waiting for the batch."""
    asked = clock()
    x, y = next(batches)
    waited = clock() - asked
    outputs = len(model.outputs)
    logs = model.train_on_batch(x, [y] * outputs if outputs > 1 else y, return_dict=True)
    return float(logs["loss"]), waited


def _farewell(progress: Progress) -> str:
    return (
        f"finished after {progress.step} steps, {progress.seconds / 60:.1f} minutes, "
        f"{100 * progress.waiting:.2f} % of them waiting for data"
    )


class _Every:
    """Becomes due when `seconds` have passed since it was last due."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds, self._last = seconds, now

    def due(self, now: float) -> bool:
        if now - self._last <= self._seconds:
            return False
        self._last = now
        return True


@dataclass(frozen=True, slots=True)
class _Validation:
    """The averaged weights of a model on held-out heads; kept if they are the best so far."""

    model: keras.Model
    average: Arrays
    held_out: Sequence[Case]
    contract: InputContract
    folder: Path
    journal: Journal

    def run(self, progress: Progress) -> Progress:
        if not self.held_out:
            return progress
        began = time.monotonic()
        with averaged(self.model, self.average):
            forward = DeepestOutput(self.model)
            scores = [
                score(predict_case(forward, case, self.contract), case) for case in self.held_out
            ]
            dices = [value for name, value in summary(scores).items() if name.startswith("dice")]
            mean = float(np.mean(dices)) if dices else 0.0
            if mean > progress.best:
                self.model.save_weights(self.folder / "best.weights.h5")
        spent = time.monotonic() - began
        self.journal.validated(progress, scores, spent)
        write_curve(self.folder)
        return replace(progress, best=max(progress.best, mean), seconds=progress.seconds + spent)

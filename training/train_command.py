"""One run of one network, from a recipe to averaged weights."""

import functools
import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from metseg.errors import ConfigurationError
from models.catalogue import import_quietly
from models.inputs import InputContract
from training.fit.precision import chosen_precision
from training.heads.drawing import Drawing, HeadDrawing
from training.heads.head_commands import label_map_paths
from training.recipe import Recipe, read_recipe, recipe_toml

if TYPE_CHECKING:
    import keras

    from training.fit.fit import Sampler
    from training.fit.journal import Standing

say = functools.partial(print, flush=True)
Say = Callable[[str], None]
Show = Callable[["Standing"], None]

RECIPE = "run.toml"
FACTS = "run.json"
# What may change when a run continues; anything else makes another run.
_MAY_CHANGE = ("minutes", "steps", "threads", "loaders", "checkpoint_minutes", "validation")
_MATERIAL_MAY_CHANGE = {"label_maps", "drawers", "keep"}


def train_command(
    config: Path,
    out: Path,
    *,
    changes: Sequence[str] = (),
    say: Say = say,
    show: Show | None = None,
) -> "Standing":
    """Train one network as a recipe says. A killed run continues when started again.

    `out` gets ``run.toml``, the recipe with every value; ``run.json``, the same with what was
    reached; ``run.log``; and what `training.fit.fit.fit` writes.

    Raises
    ------
    ConfigurationError
        The recipe is not valid, or `out` holds another run.
    MetsegError
        There is nothing to train on.
    """
    recipe = read_recipe(config, changes)
    if recipe.finetune is not None:
        raise ConfigurationError(f"{config.name}: finetune is for metseg finetune, got it here")
    contract = InputContract(clahe_clip=recipe.clahe_clip)

    def make() -> "keras.Model":
        from models.networks.build import build

        model = build(recipe.network, filters=recipe.filters)
        if recipe.start is not None:
            load_weights(model, recipe.start)
        return model

    return run(recipe, out, make, contract, say=say, show=show)[1]


def run(
    recipe: Recipe,
    out: Path,
    make: Callable[[], "keras.Model"],
    contract: InputContract,
    *,
    say: Say,
    show: Show | None,
) -> tuple["keras.Model", "Standing"]:
    """Train the network that `make` builds. Returns it with its averaged weights."""
    check_folder(out, recipe)
    limit_threads(recipe.threads)
    import_quietly("keras")
    if find_spec("tensorflow") is not None:  # then set_random_seed loads it, whatever the backend
        import_quietly("tensorflow")
    import keras

    from training.crops.run_material import held_out_cases
    from training.fit.checkpoints import read_progress
    from training.fit.fit import CHECKPOINT, fit

    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy(chosen_precision(recipe.precision))
    out.mkdir(parents=True, exist_ok=True)
    say = _also_into(out / "run.log", say)
    _check_heads(recipe)
    held_out = held_out_cases(recipe, contract)
    done = read_progress(out / CHECKPOINT).step
    with ExitStack() as beside:
        sampler = _sampler(recipe, contract, done, beside, say=say)
        model = make()
        (out / RECIPE).write_text(recipe_toml(recipe))
        _write_facts(out, recipe)
        say(
            f"{recipe.network}: {model.count_params()} parameters, {len(held_out)} held out, "
            f"Keras on {keras.backend.backend()}, step {done}"
        )
        plan = _plan(recipe)
        standing = fit(model, sampler, held_out, out, plan, contract=contract, say=say, show=show)
    _write_facts(out, recipe, standing)
    return model, standing


def check_folder(out: Path, recipe: Recipe) -> None:
    """Refuse to continue in another run's folder.

    Raises
    ------
    ConfigurationError
        `out` holds a run with another recipe; budget, threads and validation may differ.
    """
    if not (out / RECIPE).exists():
        return
    theirs, ours = _fixed(read_recipe(out / RECIPE)), _fixed(recipe)
    differing = [key for key in ours if theirs[key] != ours[key]]
    if differing:
        raise ConfigurationError(
            f"run folder must be new or hold the same recipe, got another {', '.join(differing)}"
        )


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """What may not change when a run continues."""
    beside = dict.fromkeys(_MAY_CHANGE, True) | {"material": _MATERIAL_MAY_CHANGE}
    return recipe.model_dump(mode="json", exclude=beside)


def load_weights(model: "keras.Model", path: Path) -> None:
    """Read a weights file into a network.

    Raises
    ------
    ConfigurationError
        It is missing, or of another network.
    """
    try:
        model.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise ConfigurationError(
            f"start must be weights of {model.name} with these filters, got {path.name}: "
            f"{str(error)[:200]}"
        ) from error


def limit_threads(threads: int) -> None:
    """Limit the threads of this process, 0 for no limit. To be called before Keras is imported.

    Crops are cut in a thread of their own, so OpenCV gets one thread.
    """
    cv2.setNumThreads(1)
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"


def _check_heads(recipe: Recipe) -> None:
    heads = recipe.material.heads
    if heads is not None and not any(heads.glob("*.npz")):
        raise ConfigurationError(f"material.heads must hold *.npz, got none in {heads.name!r}")


def _sampler(
    recipe: Recipe, contract: InputContract, done: int, beside: ExitStack, *, say: Say
) -> "Sampler":
    """The stream of crops, after `done` steps; processes that draw heads or crops live in
    `beside`.
    """
    from training.crops.loaders import Loaders, Share, make_sampler

    material = recipe.material
    if material.label_maps is not None and material.heads is not None:
        maps = label_map_paths(material.label_maps, "train")
        drawing = Drawing(material.heads, maps, recipe.seed, material.drawers, material.keep)
        beside.enter_context(HeadDrawing(drawing))
    if recipe.loaders:
        return beside.enter_context(Loaders(recipe, contract, done=done, say=say))
    return make_sampler(recipe, contract, Share(done=done), say=say)


def _plan(recipe: Recipe) -> Any:
    from training.fit.fit import Plan
    from training.fit.schedule import Schedule

    rates = recipe.schedule
    return Plan(
        recipe.minutes,
        steps=recipe.steps,
        batch=recipe.batch,
        miss_weight=recipe.miss_weight,
        schedule=Schedule(peak=rates.peak, floor=rates.floor, warm_up=rates.warm_up),
        validate_minutes=recipe.validation.minutes,
        checkpoint_minutes=recipe.checkpoint_minutes,
    )


def _write_facts(out: Path, recipe: Recipe, standing: "Standing | None" = None) -> None:
    """Write ``run.json``: the recipe, the versions and what was reached."""
    import keras

    facts: dict[str, Any] = recipe.model_dump(mode="json") | {
        "precision": keras.config.dtype_policy().name,
        "versions": {name: _version(name) for name in ("metseg", "keras")},
        "backend": keras.backend.backend(),
    }
    if standing is not None:
        facts["reached"] = {
            "steps": standing.step,
            "minutes": round(standing.minutes, 2),
            "loss": round(standing.loss, 4) if isfinite(standing.loss) else None,
            "share_waiting_for_data": round(standing.waiting, 5),
            "validation": dict(standing.validation),
        }
    partial = out / f"{FACTS}.partial"
    partial.write_text(json.dumps(facts, indent=2) + "\n")
    partial.replace(out / FACTS)


def _version(name: str) -> str | None:
    """None for a checkout that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _also_into(path: Path, say: Say) -> Say:
    """Say every line, and write it with its time."""

    def both(line: str) -> None:
        say(line)
        with path.open("a") as stream:
            stream.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")

    return both

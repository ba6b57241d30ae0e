"""Continuing from an ensemble's weights with own cases, to a new ensemble that is ready for use."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metseg.disk import sha256_of
from metseg.errors import ConfigurationError, WeightsError
from models.card import Card, Member, read_card, write_card
from models.catalogue import SHIPPED_WEIGHTS, describe
from models.inputs import InputContract
from training.recipe import Finetune, Recipe, read_recipe
from training.train_command import Say, Show, load_weights, run, say

if TYPE_CHECKING:
    import keras

    from training.fit.journal import Standing

# A tenth of the rate of a training from nothing, so that what was learnt stays.
BENEATH: Mapping[str, Any] = {"schedule": {"peak": 1e-4, "floor": 1e-6}, "finetune": {}}


def finetune_command(
    config: Path,
    out: Path,
    *,
    changes: Sequence[str] = (),
    say: Say = say,
    show: Show | None = None,
) -> tuple["Standing", Path]:
    """Continue from a member of an ensemble as a recipe says, and make a new ensemble.

    Network, filters and input contract are the member's. Besides the files of a run, `out` gets
    ``weights``, the ensemble with the new weights: the other members, the lesion rule and the
    member's temperature as they were, and a card with the new hashes.

    Returns
    -------
    How the run ended, and the folder of the new ensemble.

    Raises
    ------
    ConfigurationError, WeightsError
        The recipe is not valid, `out` holds another run, or the ensemble lacks a file or the
        network.
    """
    recipe = read_recipe(config, changes, beneath=BENEATH)
    base = recipe.finetune or Finetune()
    if recipe.start is not None:
        raise ConfigurationError(f"{config.name}: start must be left to the ensemble, got a file")
    folder = base.weights or SHIPPED_WEIGHTS
    card, member = _member(base, folder, recipe.network)
    contract = InputContract.of(card.contract)
    recipe = recipe.model_copy(
        update={"filters": member.filters, "clahe_clip": contract.clahe_clip, "finetune": base}
    )

    def make() -> "keras.Model":
        model = _network(member)
        load_weights(model, folder / member.file)
        return model

    model, standing = run(recipe, out, make, contract, say=say, show=show)
    made = _ready(card, member, model, folder, out / "weights", recipe, standing)
    say(f"{made.version} in {out / 'weights'}")
    return standing, out / "weights"


def _member(base: Finetune, folder: Path, network: str) -> tuple[Card, Member]:
    """The card, its files checked, and the member to continue from."""
    for file in describe(base.ensemble, folder):
        if not file.ok:
            raise WeightsError(
                f"weights file {file.path.name} must have SHA-256 {file.sha256_expected}, "
                f"got {file.sha256_found or 'no file'}"
            )
    card = read_card(folder / f"{base.ensemble}.json")
    for member in card.members:
        if member.network == network:
            return card, member
    names = ", ".join(member.network for member in card.members)
    raise ConfigurationError(f"network must be one of {names} in {card.name}, got {network}")


def _network(member: Member) -> "keras.Model":
    """With every depth of the file, so that each of them learns."""
    from models.networks.build import build

    return build(
        member.network,
        filters=member.filters,
        depths=member.stored_depths or member.depths,
        outputs=member.outputs,
        batch_norm=member.batch_norm,
    )


def _ready(
    card: Card,
    member: Member,
    model: "keras.Model",
    folder: Path,
    made: Path,
    recipe: Recipe,
    standing: "Standing",
) -> Card:
    """Write the ensemble with the new weights of one member; the card comes last."""
    made.mkdir(exist_ok=True)
    for other in card.members:
        if other != member:
            shutil.copyfile(folder / other.file, made / other.file)
    bare = _network(member)  # without an optimizer, whose variables would be written too
    bare.set_weights(model.get_weights())
    bare.save_weights(made / member.file)
    tuned = replace(member, sha256=sha256_of(made / member.file))
    base = recipe.finetune or Finetune()
    facts = {
        "network": member.network,
        "from": card.version,
        "steps": standing.step,
        "real_cases": "own cases of the user",
    }
    new = replace(
        card,
        release=base.release,
        members=tuple(tuned if one == member else one for one in card.members),
        seen=dict(card.seen) | {"finetuned": [*card.seen.get("finetuned", []), facts]},
        # What was measured on the old weights is not true of these.
        measured={"held_out_own_cases": dict(standing.validation)},
    )
    write_card(made / f"{card.name}.json", new)
    return new

"""A network by its name."""

from pkgutil import resolve_name

import keras

from models.inputs import CHANNELS
from models.networks import BUILDERS

# What the networks report of every pixel: probability of lesion, probability of brain.
OUTPUTS = 2


def build(
    name: str,
    *,
    filters: tuple[int, ...],
    depths: tuple[int, ...] | None = None,
    outputs: int = OUTPUTS,
    batch_norm: bool = True,
) -> keras.Model:
    """Build a network for the input contract, with random weights.

    `depths` are those of U-Net++, by default all; None for any other network. `outputs` 1 leaves
    the map of the brain out.

    Raises
    ------
    ValueError
        `name` is not one of `models.networks.BUILDERS`.
    """
    if name not in BUILDERS:
        raise ValueError(f"name must be one of {sorted(BUILDERS)}, got {name!r}")
    options = {} if depths is None else {"depths": depths}
    return resolve_name(BUILDERS[name])(
        channels=CHANNELS, filters=filters, outputs=outputs, batch_norm=batch_norm, **options
    )

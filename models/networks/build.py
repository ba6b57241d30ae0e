"""The networks by name: a new one gets a line in `BUILDERS`."""

from collections.abc import Callable

import keras

from models.inputs import CHANNELS
from models.networks.attention_unet import attention_unet
from models.networks.unet_plus_plus import unet_plus_plus

# What the networks say of every pixel: probability of lesion, probability of brain.
OUTPUTS = 2

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "attention_unet": attention_unet,
    "unet_plus_plus": unet_plus_plus,
}


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
        `name` is not one of `BUILDERS`.
    """
    if name not in BUILDERS:
        raise ValueError(f"name must be one of {sorted(BUILDERS)}, got {name!r}")
    options = {} if depths is None else {"depths": depths}
    return BUILDERS[name](
        channels=CHANNELS, filters=filters, outputs=outputs, batch_norm=batch_norm, **options
    )

"""The networks, as functional Keras models. Start here: `BUILDERS` names every network, and
`models.networks.build.build` makes one.

Each network has a file of its own; `blocks` holds the pieces they share. Nothing is imported here,
so that a name can be checked without Keras.
"""

from typing import Final

BUILDERS: Final = {
    "attention_unet": "models.networks.attention_unet:attention_unet",
    "unet_plus_plus": "models.networks.unet_plus_plus:unet_plus_plus",
}
"""Every network by name: ``module:function`` of what builds it. A new network gets a line here."""

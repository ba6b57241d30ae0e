"""Outlining the brain in real single slices, once, so that lesions can be implanted there."""

from collections.abc import Callable
from pathlib import Path

from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from models.engines.keras_engine import Engine
from models.inputs import InputContract
from training.data.slices import (
    HELD_OUT_NUMBERS,
    TRAINING_NUMBERS,
    OutlinedSlice,
    outline_slices,
    read_slices,
    write_outlines,
)

_NETWORK = "attention_unet"
_REPORT_EVERY = 160


def slice_command(
    *, out: Path, data: Path, part: str, every: int, say: Callable[[str], None]
) -> None:
    """Write the slices of a part, ``train`` or ``held-out``, with the brain that the shipped
    Attention U-Net finds in them.
    """
    numbers = (TRAINING_NUMBERS if part == "train" else HELD_OUT_NUMBERS)[::every]
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    member = next(one for one in card.members if one.name == _NETWORK)
    network = Engine.load(member, SHIPPED_WEIGHTS, device="cpu:0")
    slices = list(read_slices(data / "slices", numbers))
    outlined: list[OutlinedSlice] = []
    for one in outline_slices(slices, network, InputContract.of(card.contract)):
        outlined.append(one)
        if len(outlined) % _REPORT_EVERY == 0:
            say(f"{len(outlined)} of {len(slices)} slices")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_outlines(out, outlined)
    say(f"{len(outlined)} slices with their brains in {out}")

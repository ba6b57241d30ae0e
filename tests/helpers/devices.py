"""A host with NVIDIA devices that are not there: a program called nvidia-smi that lists a file."""

from collections.abc import Sequence
from pathlib import Path

_PROGRAM = """#!/bin/sh
[ "$1" = "-L" ] && exec cat "{folder}/listing"
exec cat "{folder}/memory"
"""


class FakeDevices:
    """Cards called ``GPU-0``, ``GPU-1`` …; put `bin` first on the PATH of who is to see them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        program = self.bin / "nvidia-smi"
        program.write_text(_PROGRAM.format(folder=folder))
        program.chmod(0o755)
        self.plug([])

    def plug(self, numbers: Sequence[int]) -> None:
        """Have exactly these cards in the host from now on."""
        cards = [f"GPU {place}: Fake (UUID: GPU-{number})" for place, number in enumerate(numbers)]
        memory = [f"GPU-{number}, 10000" for number in numbers]
        for name, lines in (("listing", cards), ("memory", memory)):
            fresh = self._folder / f"{name}.new"
            fresh.write_text("".join(f"{line}\n" for line in lines))
            fresh.replace(self._folder / name)

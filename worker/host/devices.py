"""Which NVIDIA devices this process may use: whole cards and MIG slices."""

import logging
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)

LISTING_S = 10.0
"""nvidia-smi takes seconds where no driver daemon keeps the devices awake."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device that a process can have to itself.

    Parameters
    ----------
    uuid
        What ``CUDA_VISIBLE_DEVICES`` takes; empty for a device that nvidia-smi does not know.
    name
        The maker's name, with the profile of a MIG slice.
    gpu, piece
        Number of the card in nvidia-smi's order, and of the MIG slice on it; None: a whole card.
    memory_mib
        Its memory; None where nobody says.
    """

    uuid: str
    name: str
    gpu: int = 0
    piece: int | None = None
    memory_mib: int | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.uuid})" if self.uuid else self.name


UNNAMED = Device("", "the GPU that the framework sees")
"""Stands for the one GPU of a host without nvidia-smi (AMD, Apple, some WSL)."""

_GPU = re.compile(r"GPU (\d+): (.+) \(UUID: (GPU-[^)]+)\)")
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")
_MIG_MEMORY = re.compile(r"\.(\d+)gb")


def devices_for(wish: str, environment: Mapping[str, str] = os.environ) -> list[Device]:
    """The devices to choose from for METSEG_DEVICE `wish`; none: compute on the processor.

    ``auto`` takes what nvidia-smi lists; ``gpu`` takes the unnamed GPU where it lists none. An
    empty list for ``gpu`` means that the environment hides every device.
    """
    if wish == "cpu":
        return []
    listed = list_devices()
    if wish == "gpu" and not listed:
        return [UNNAMED]
    return visible(listed, environment)


def list_devices() -> list[Device]:
    """What nvidia-smi lists, in the order of the PCI bus; empty where it is not there or fails."""
    listing = _ask("-L")
    memory = _ask("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")
    return parse_devices(listing, memory)


def parse_devices(listing: str, memory: str = "") -> list[Device]:
    """The devices of ``nvidia-smi -L``, with the memory in MiB of lines ``UUID, MiB``. Pure.

    A card that is cut into MIG slices cannot be used as a whole: its slices stand in its place.
    """
    mib = dict(re.findall(r"(GPU-\S+), *(\d+)", memory))
    found: list[Device] = []
    for line in listing.splitlines():
        if card := _GPU.fullmatch(line.rstrip()):
            number, name, uuid = card.groups()
            total = int(mib[uuid]) if uuid in mib else None
            found.append(Device(uuid, name, int(number), memory_mib=total))
        elif (piece := _MIG.fullmatch(line.rstrip())) and found:
            profile, place, uuid = piece.groups()
            whole = found.pop() if found[-1].piece is None else found[-1]
            card_name = whole.name.partition(" MIG ")[0]
            size = _MIG_MEMORY.search(profile)
            total = 1024 * int(size[1]) if size else None
            name = f"{card_name} MIG {profile}"
            found.append(Device(uuid, name, whole.gpu, int(place), total))
    return found


def visible(devices: Sequence[Device], environment: Mapping[str, str]) -> list[Device]:
    """What the variables of CUDA and of NVIDIA's container toolkit leave of `devices`. Pure.

    ``CUDA_VISIBLE_DEVICES`` counts as CUDA reads it: numbers or the beginnings of UUIDs, up to the
    first that names nothing. Numbers are those of nvidia-smi. ``NVIDIA_VISIBLE_DEVICES`` is applied
    by the container toolkit before nvidia-smi looks, and its numbers are then others: here only its
    UUIDs narrow.
    """
    left = list(devices)
    toolkit = _entries(environment.get("NVIDIA_VISIBLE_DEVICES", ""))
    if uuids := [entry for entry in toolkit if entry.startswith(("GPU-", "MIG-"))]:
        left = [device for device in left if device.uuid.startswith(tuple(uuids))]
    if "CUDA_VISIBLE_DEVICES" not in environment:
        return left
    chosen: list[Device] = []
    for entry in _entries(environment["CUDA_VISIBLE_DEVICES"]):
        named = [device for device in left if _is_named(device, entry)]
        if not named:
            break
        chosen += [device for device in named if device not in chosen]
    return chosen


def _is_named(device: Device, entry: str) -> bool:
    number, _, piece = entry.partition(":")
    if number.isdigit():
        return device.gpu == int(number) and (not piece or str(device.piece) == piece)
    return bool(entry) and device.uuid.startswith(entry)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",")] if text.strip() else []


def _ask(*arguments: str) -> str:
    try:
        return subprocess.run(  # noqa: S603 - fixed arguments
            ["nvidia-smi", *arguments],  # noqa: S607 - wherever the driver has put it
            check=True,
            capture_output=True,
            text=True,
            timeout=LISTING_S,
        ).stdout
    except FileNotFoundError:
        return ""
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("nvidia-smi does not answer: %s", type(error).__name__)
        return ""

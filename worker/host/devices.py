"""Which NVIDIA devices this process may use: whole cards and MIG slices."""

import logging
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    card
        UUID of the card that a MIG slice is on; empty: a whole card.
    """

    uuid: str
    name: str
    gpu: int = 0
    piece: int | None = None
    memory_mib: int | None = None
    card: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.uuid})" if self.uuid else self.name


UNNAMED = Device("", "the GPU that the framework sees")
"""Stands for the one GPU of a host without nvidia-smi (AMD, Apple, some WSL)."""

_GPU = re.compile(r"GPU (\d+): (.+) \(UUID: (GPU-[^)]+)\)")
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")
_MIG_MEMORY = re.compile(r"\.(\d+)gb")


def devices_for(wish: str, environment: Mapping[str, str] = os.environ) -> list[Device] | None:
    """The devices to choose from for METSEG_DEVICE `wish`; none: compute on the processor. None
    instead of a list: nobody knows just now, see `list_devices`.

    ``auto`` takes what nvidia-smi lists; ``gpu`` takes the unnamed GPU where it lists none. An
    empty list for ``gpu`` means that the environment hides every device.
    """
    if wish == "cpu":
        return []
    listed = list_devices()
    if listed is None:
        return None
    if wish == "gpu" and not listed:
        return [UNNAMED]
    return visible(listed, environment)


def list_devices() -> list[Device] | None:
    """What nvidia-smi lists, in the order of the PCI bus; empty where it is not there.

    None where it is there, fails and lists nothing: others may hold devices that it listed before.
    """
    well, listing = _ask("-L")
    if not listing:
        return [] if well else None
    memory = _ask("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")[1]
    found = parse_devices(listing, memory)
    return found if found or well else None


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
            card_uuid = whole.card or whole.uuid
            found.append(Device(uuid, name, whole.gpu, int(place), total, card_uuid))
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
        left = [device for device in left if any(_has_uuid(device, one) for one in uuids)]
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
    return bool(entry) and _has_uuid(device, entry)


def _has_uuid(device: Device, start: str) -> bool:
    """Whether its UUID begins so, or that of the card that it is on."""
    return device.uuid.startswith(start) or device.card.startswith(start)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",")] if text.strip() else []


def _ask(*arguments: str) -> tuple[bool, str]:
    """Whether nvidia-smi had no trouble, as where it is not there, and what it printed. One lost
    card is trouble; it lists the others all the same.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            ["nvidia-smi", *arguments],  # noqa: S607 - wherever the driver has put it
            check=False,
            capture_output=True,
            text=True,
            timeout=LISTING_S,
        )
    except FileNotFoundError:
        return True, ""
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("nvidia-smi does not answer: %s", type(error).__name__)
        return False, ""
    if answer.returncode != 0:
        logger.warning("nvidia-smi ends with status %d", answer.returncode)
    return answer.returncode == 0, answer.stdout

"""Where processes of one host agree on what each of them uses."""

import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def host_folder(home: Path) -> Path:
    """The folder of locks of this host, made if need be.

    Its name is the kernel's boot id, which all containers of a host share and no two hosts do: so
    hosts on one shared state folder never wait for each other's devices. Without one (macOS) it is
    the host's name.

    Raises
    ------
    OSError
        The folder cannot be made.
    """
    try:
        name = _BOOT.read_text().strip()
    except OSError:
        name = socket.gethostname()
    folder = home / "locks" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder

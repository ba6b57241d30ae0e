"""Names of processes, each used once: for the table `worker` and for jobs."""

import os
import secrets
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that runs jobs, and the worker (its parent) that answers for it.

    `worker` is the name of the row in the table `worker`; `token` is in the names of its result
    folders.
    """

    worker: str
    pid: int
    token: str

    def __str__(self) -> str:
        return f"{self.worker}:{self.pid}:{self.token}"


def process_name() -> str:
    """A new name for the calling process: host, process id and a random part (process ids are used
    again, in containers too).
    """
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def new_owner(worker: str) -> Owner:
    """The calling process as an owner of jobs, and a child of the worker of that name."""
    return Owner(worker=worker, pid=os.getpid(), token=secrets.token_hex(4))


def parse_owner(text: str) -> Owner | None:
    """Reverse of ``str(owner)``; None for anything else."""
    match text.rsplit(":", 2):
        case [worker, pid, token] if pid.isdigit():
            return Owner(worker=worker, pid=int(pid), token=token)
        case _:
            return None


def is_running(pid: int) -> bool:
    """Whether a process of this host is running. A zombie is not."""
    import psutil  # here, so that the watcher, which does not need it, stays small

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

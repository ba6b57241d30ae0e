"""A process of ours in a test, and ways to hurt it."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(slots=True)
class Proc:
    """One process of ours in a group of its own, and its log."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def group(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def child(self) -> psutil.Process | None:
        """The process that runs jobs: the Celery child or the embedded worker."""
        try:
            below = psutil.Process(self.popen.pid).children(recursive=True)
            for process in below:
                line = " ".join(process.cmdline())
                if "worker.process.embedded" in line or "spawn_main" in line:
                    return process
        except psutil.NoSuchProcess:
            pass
        return None

    def everything(self) -> list[psutil.Process]:
        """The process and all below it."""
        try:
            top = psutil.Process(self.popen.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal_all(self, number: int) -> None:
        """Send a signal to the process and all below it."""
        for process in self.everything():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    def kill(self) -> None:
        """End the process and all below it at once, as a power cut does."""
        self.signal_all(signal.SIGKILL)
        self.popen.wait(10)

    def terminate(self, *, seconds: float = 40.0) -> int:
        """Ask it to end, as `docker stop` does. Returns the exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(seconds)

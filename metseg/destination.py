"""Where DICOM files are sent: an application entity of the network."""

import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(
    r"(?P<title>[^@\\\x00-\x1f\x7f-\U0010ffff]{1,16})@"
    r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9._-]{1,253}):(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """An application entity (PS3.5 6.2, AE) at a host and port. ``str`` gives ``AET@HOST:PORT``."""

    title: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``AET@HOST:PORT``; an IPv6 address stands in brackets.

        Raises
        ------
        ValueError
            It is not of that form.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None or not found["title"].strip() or not 1 <= int(found["port"]) <= 65535:
            raise ValueError(
                "must be AET@HOST:PORT, with an AE title of 1 to 16 characters and a port"
                f" from 1 to 65535, got {text!r}"
            )
        host = found["host"].strip("[]").lower()
        return cls(found["title"].strip(), host, int(found["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.title}@{host}:{self.port}"

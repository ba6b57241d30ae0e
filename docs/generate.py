"""Write docs/commands.md and docs/settings.md from the program itself: ``make docs``."""

import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr

from metseg.settings import RESULT_SETTINGS, Settings

DOCS = Path(__file__).parent


def commands_page() -> str:
    """The help of every command, as Typer tells it."""
    typer = [sys.executable, "-m", "typer", "metseg.cli.app", "utils", "docs", "--name", "metseg"]
    page = subprocess.run(typer, check=True, capture_output=True, text=True, cwd=DOCS.parent)  # noqa: S603
    return page.stdout.rstrip() + "\n"


def settings_page() -> str:
    """Every setting with its default and meaning."""
    lines = [
        "# Settings",
        "",
        "Each is an environment variable. `metseg doctor --settings` shows the values in force.",
        "Those marked * can change a result: another value makes a new run beside the old one.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        secret = isinstance(field.default, SecretStr)
        default = "" if field.default is None or secret else f"`{field.default}`"
        star = " *" if name in RESULT_SETTINGS else ""
        lines.append(f"| `METSEG_{name.upper()}`{star} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())

"""Write docs/commands.md, settings.md, recipes.md and the table of outputs.md from the program
itself: ``make docs``.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from metseg.outputs import DEFAULT_OUTPUTS
from metseg.settings import Settings
from training.recipe import Recipe
from worker.files.outputs import OUTPUTS

DOCS = Path(__file__).parent


def commands_page() -> str:
    """The help of every command, as Typer tells it."""
    typer = [sys.executable, "-m", "typer", "cli.app", "utils", "docs", "--name", "metseg"]
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
        value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        default = "" if value is None or secret else f"`{value}`"
        star = " *" if name in Settings.result_settings() else ""
        lines.append(f"| `METSEG_{name.upper()}`{star} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def outputs_page() -> str:
    """docs/outputs.md with the table of what there is."""
    lines = ["| file | name | kind | written | what |", "|---|---|---|---|---|"]
    for one in OUTPUTS:
        default = " *" if one.name in DEFAULT_OUTPUTS else ""
        name = "" if one.name is None else f"`{one.name}`{default}"
        lines.append(f"| `{one.file}` | {name} | `{one.kind}` | {one.written} | {one.words} |")
    page = (DOCS / "outputs.md").read_text()
    before, mark, rest = page.partition("<!-- by `make docs` -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    return before + mark + "\n".join(lines) + "\n" + end + after


# What the schema calls a rule, in our words.
RULES = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
}


def recipes_page() -> str:
    """Every key of a recipe with its rule, default and meaning."""
    schema = Recipe.model_json_schema()
    lines = [
        "# Recipes",
        "",
        "Keys of the TOML file of `metseg train` and `metseg finetune`: [training](training.md).",
        "",
    ]
    tables = {"": schema, **{name: _inside(schema, name) for name in schema["properties"]}}
    for name, table in tables.items():
        if table is None:
            continue
        about = table["description"].splitlines()[0]
        lines += [f"## [{name}]" if name else "## Without a table", "", about, ""]
        lines += ["| key | must be | default | meaning |", "|---|---|---|---|"]
        lines += [*_rows(table["properties"]), ""]
    return "\n".join(lines)


def _inside(schema: Mapping[str, Any], name: str) -> Any:
    """The table of this name in a recipe; None where it is a plain key."""
    field = schema["properties"][name]
    for way in field.get("anyOf", [field]):
        if "$ref" in way:
            return schema["$defs"][way["$ref"].rpartition("/")[2]]
    return None


def _rows(properties: Mapping[str, Any]) -> Iterator[str]:
    for key, field in properties.items():
        ways = field.get("anyOf", [field])
        if any("$ref" in way for way in ways):
            continue
        default = field.get("default")
        shown = "" if default is None else f"`{json.dumps(default)}`"
        yield f"| `{key}` | {_rule(ways[0])} | {shown} | {field.get('description', '')} |"


def _rule(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    kind = {"array": "list", "string": "text", "integer": "whole number"}
    words = ["path" if field.get("format") == "path" else kind.get(field["type"], field["type"])]
    words += [text.format(field[rule]) for rule, text in RULES.items() if rule in field]
    if "minItems" in field:
        words.append(f"at least {field['minItems']} long")
    return ", ".join(words)


PAGES = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "recipes.md": recipes_page,
    "outputs.md": outputs_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())

"""What architecture and glossary say lies where does lie there, and the states of a job are drawn
as they are.
"""

import re
from itertools import product

import pytest

from db.jobs.states import EDGES
from db.tables.tables import JobState
from tests.helpers.places import ROOT

PLACE = re.compile(r"`([\w./-]+\.(?:py|jinja|toml|md|mk))`((?:,? `\w+`)*)")
PAGES = ("architecture.md", "glossary.md", "reliability.md")


def missing(path: str, names: list[str]) -> list[str]:
    """What of a file and names defined in it is not there."""
    file = ROOT / path
    if not file.is_file():
        return [path]
    text = file.read_text()
    lost = [
        name
        for name in names
        if not re.search(rf"^ *(?:(?:def|class) {name}\b|{name}\b(?:: [^=]+)? = )", text, re.M)
    ]
    return [f"{path} `{name}`" for name in lost]


@pytest.mark.parametrize("page", PAGES)
def test_files_and_names_that_a_page_mentions_exist(page: str) -> None:
    found = PLACE.findall((ROOT / "docs" / page).read_text())
    places = [(path, re.findall(r"\w+", names)) for path, names in found if "/" in path]
    assert places
    lost = {one for path, names in places for one in missing(path, names)}
    assert lost == set()


def test_the_picture_of_the_states_has_exactly_the_edges_of_a_job() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    picture = page.partition("stateDiagram-v2")[2].partition("```")[0]
    drawn = set(re.findall(r"^ *(\S+) --> (\w+):", picture, re.MULTILINE))
    name = {None: "[*]"} | {state: state.name for state in JobState}
    assert drawn == {(name[old], name[new]) for old, new in EDGES}
    assert {new for _, new in drawn} == {state.name for state in JobState}
    assert drawn < set(product(name.values(), repeat=2))

"""What README and docs link to exists, page and heading; every page is on the front page."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(((?!https?:|mailto:)[^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them: a heading that comes again gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        text = re.sub(r"\]\([^)]*\)", "]", heading.strip().lower())
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_page = target.suffix == ".md" and target.is_file()
        if not target.exists() or (anchor and not (is_page and anchor in anchors(target))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_to_a_file_and_a_heading(page: Path) -> None:
    assert not dead_links(page)


def test_a_link_to_a_missing_file_or_heading_is_dead(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n## Where is … decided?\n## Not-all `alike`\n## One\n"
        "[a](page.md) [b](#where-is--decided) [c](page.md#one-1) [d](#not-all-alike)\n"
        "[e](other.md) [f](#two) [g](page.md#one-2)\n```\n[h](code.md)\n```\n"
    )
    assert dead_links(page) == ["other.md", "#two", "page.md#one-2"]


def test_every_page_is_on_the_front_page_and_the_readme_leads_there() -> None:
    front = DOCS / "README.md"
    listed = set(LINK.findall(prose(front)))
    assert {page.name for page in DOCS.glob("*.md")} - {front.name} <= listed
    assert "docs/README.md" in LINK.findall(prose(ROOT / "README.md"))

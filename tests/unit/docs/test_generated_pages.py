"""The generated pages are fresh."""

import importlib.util

from tests.helpers.places import ROOT


def generate() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: page() for name, page in module.PAGES.items()}


def test_generated_pages_are_fresh() -> None:
    for name, page in generate().items():
        assert (ROOT / "docs" / name).read_text() == page, f"run `make docs`: {name} is stale"

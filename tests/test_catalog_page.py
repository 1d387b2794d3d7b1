"""docs/reference/catalog.md says what the catalog says: a value that is false is not one that is missing."""

from __future__ import annotations

import re

import pytest
import yaml

from .support import ROOT

PAGE = (ROOT / "docs" / "reference" / "catalog.md").read_text()
ENTRIES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "compiler/catalog/runtimes").glob("*.yaml")}


def section(name: str) -> str:
    """The part of the page about one runtime."""
    found = re.search(rf"^### [^\n]*{re.escape(name)}[^\n]*\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_page_says_which_buckets_can_be_set_and_which_are_fixed(name: str) -> None:
    for histogram in ENTRIES[name].get("histograms", ()):
        [line] = [one for one in section(name).splitlines() if f"`{histogram['series']}`" in one]
        settable = histogram.get("settable", True)
        assert ("configurable buckets" in line) is settable
        assert (", ".join(str(bound) for bound in histogram.get("bounds", ["?"])) in line) is not settable


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_page_says_which_runtimes_handle_the_signal_to_stop(name: str) -> None:
    drain = ENTRIES[name].get("drain")
    handles = drain is None or drain.get("handlesTerm", False)
    assert ("does not handle SIGTERM" in section(name)) is not handles

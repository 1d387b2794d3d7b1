"""docs/reference/catalog.md says what the catalog says: a value that is false is not one that is missing."""

from __future__ import annotations

import re

import pytest

from mlspec.compiler.language import OBJECTS

from .support import ROOT, loaded

PAGE = (ROOT / "docs" / "reference" / "catalog.md").read_text()
ENTRIES = {path.stem: loaded(path.read_text()) for path in (ROOT / "compiler/catalog/runtimes").glob("*.yaml")}


def section(name: str) -> str:
    """The part of the page about one runtime."""
    found = re.search(rf"^### [^\n]*{re.escape(name)}[^\n]*\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def usual(type_name: str, key: str) -> bool:
    """What an entry that leaves a field out says."""
    return OBJECTS[type_name][key][3] == "true"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_page_says_which_buckets_can_be_set_and_which_are_fixed(name: str) -> None:
    metrics = ENTRIES[name].get("metrics", {})
    for series in (metrics[key] for key in ("latency", "firstToken", "interToken") if key in metrics):
        [line] = [one for one in section(name).splitlines() if f"`{series['series']}`" in one]
        settable = series.get("settable", usual("LatencySeries", "settable"))
        assert ("configurable buckets" in line) is settable
        assert ("buckets at " in line) is not settable
        if not settable:
            fixed = re.search(r"buckets at ([^;|]+)", line)
            assert fixed is not None
            assert len(fixed[1].split(",")) == len(series["buckets"])


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_page_says_which_runtimes_handle_the_signal_to_stop(name: str) -> None:
    drain = ENTRIES[name].get("drain")
    handles = drain is None or drain.get("handlesTerm", usual("Drain", "handlesTerm"))
    assert ("does not handle SIGTERM" in section(name)) is not handles

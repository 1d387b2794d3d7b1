"""The HTML pages in a real browser: on a phone, on a desk, in light and dark, and on paper.

Chromium draws each page, and axe-core asks it all rules of WCAG 2.2 A and AA, and the best practices. Its rule on
contrast takes minutes on long pages and cannot judge the texts of drawings, so we compute the contrast of each text
ourselves, and ask axe on short pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from .pages.browser import CONTRAST, PAPER, VIEWS, View, looked, versions
from .pages.made import made
from .proof import Proof

A4 = 596
"""Points, rounded up: 21 cm at 72 per inch."""

SHORT = ("evaluation reject", "simulate fraud-scorer", "status fraud-scorer", "status green")
"""Pages on which axe judges the contrast within seconds."""

Seen = dict[tuple[str, View], dict[str, Any]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, proof: Proof) -> Seen:
    """Every page in every view."""
    for program, version, source in versions():
        proof.row("Browser", ("program", "version", "from"), program, version, source)
    pages = made(tmp_path_factory.mktemp("pages"))
    return looked(pages) | looked({name: pages[name] for name in SHORT}, CONTRAST)


def faults(found: dict[str, Any], view: View) -> Iterator[str]:
    """What is wrong with a page in a view."""
    if found["needed"] > view.width:
        yield f"it needs {found['needed']} pixels: {found['wide'][-1:]}"
    yield from (f"{one} is not displayed" for one in found["hidden"])
    yield from (f"it loads {one}" for one in found["loaded"])
    yield from found["drawn"]
    yield from found.get("violations", [])
    yield from (f"axe cannot judge {one}" for one in found.get("unsure", []) if not one.startswith(DRAWN))
    yield from (f"a text is {colors}" for colors in found["colors"] if contrast(*colors.split(" on ")) < 4.5)
    if (luminance(found["background"]) < 0.05) is not (view.scheme == "dark" and view.media == "screen"):
        yield f"its background is {found['background']}"
    if view.media == "print" and not (found["valid"] and found["sheets"] and found["widest"] <= A4):
        yield f"its PDF has {found['sheets']} sheets of {found['widest']} points"


DRAWN = "color-contrast: <text "


def luminance(color: str) -> float:
    """Of a color as `rgb(1, 2, 3)`, from 0 to 1 (WCAG 2.2, relative luminance)."""
    parts = [int(one) / 255 for one in re.findall(r"\d+", color)[:3]]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21 (WCAG 2.2, contrast ratio)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("view", VIEWS + CONTRAST, ids=str)
def test_every_page_is_well_drawn(view: View, seen: Seen, proof: Proof) -> None:
    pages = {name: list(faults(found, one)) for (name, one), found in seen.items() if one == view}
    assert {name: said for name, said in pages.items() if said} == {}
    sheets = sum(found.get("sheets", 0) for (_, one), found in seen.items() if one == view)
    asked = {"all": "all rules", "structure": "all rules but contrast", "": "-"}[view.rules]
    columns = ("view", "pages", "overflow, hidden, or loaded", "axe-core", "violations")
    what = f"{view.media}, {sheets} sheets of A4" if sheets else str(view)
    proof.row("Pages", columns, what, len(pages), 0, asked, "-" if asked == "-" else 0)


def test_axe_really_asks_its_rules(seen: Seen) -> None:
    """A page on which few rules apply would pass without a look."""
    few = [key for key, found in seen.items() if key[1].rules and found["passed"] < 20]
    assert few == []


BAD = """<!DOCTYPE html><html lang="en"><head><title>Bad</title><style>
@media print {{ .paper {{ display: none }} }}
</style></head><body style="background: white"><main><h1>Bad</h1>{}</main></body></html>"""


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is found on pages with one fault each."""
    folder, pages = tmp_path_factory.mktemp("bad"), {}
    for name, body in BODIES.items():
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(BAD.format(body))
    found = looked(pages, FEW)
    return {name: [f"{view}: {said}" for view in FEW for said in faults(found[name, view], view)] for name in pages}


FEW = (View("screen", "light", 360, "all"), View("screen", "dark", 360), View("print", "dark", PAPER))

BODIES = {
    "good": "<p>All is well.</p>",
    "wide": '<p style="width: 400px">A wide text.</p>',
    "faint": '<p style="color: #aaa">A faint text.</p>',
    "image": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">',
    "away": '<img alt="A map" src="http://127.0.0.1:9/map.png">',
    "paper": '<p class="paper">Not on paper.</p>',
    "drawn": '<svg viewBox="0 0 99 20" role="img" aria-label="A"><text y="9" fill="#aaa">A faint text</text></svg>',
    "cut": '<svg viewBox="0 0 99 20" role="img" aria-label="A"><text y="9">A text that is too long</text></svg>',
    "over": '<svg viewBox="0 0 99 20" role="img" aria-label="A"><text y="9">One</text><text y="9">Two</text></svg>',
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wide", "screen, light, 360 px: it needs 4"),
        ("faint", "screen, light, 360 px: color-contrast: <p"),
        ("faint", "screen, light, 360 px: a text is rgb(170, 170, 170) on rgb(255, 255, 255)"),
        ("image", "screen, light, 360 px: image-alt: <img"),
        ("away", "screen, light, 360 px: it loads http://127.0.0.1:9/map.png"),
        ("paper", "print, dark, 680 px: p: Not on paper. is not displayed"),
        ("drawn", "screen, light, 360 px: a text is rgb(170, 170, 170) on rgb(255, 255, 255)"),
        ("cut", "screen, light, 360 px: leaves its drawing: A text that is too long"),
        ("over", "screen, light, 360 px: covers another text: One / Two"),
        ("good", "screen, dark, 360 px: its background is rgb(255, 255, 255)"),
    ],
)
def test_a_fault_is_found(name: str, said: str, bad: dict[str, list[str]]) -> None:
    assert [one for one in bad[name] if one.startswith(said)], bad[name]


def test_a_good_page_has_no_other_fault(bad: dict[str, list[str]]) -> None:
    """It has no colors for dark screens, so it is white there."""
    assert [one for one in bad["good"] if "its background" not in one] == []

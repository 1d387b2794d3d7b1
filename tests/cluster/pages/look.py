"""A program that runs in the browser's environment: it opens pages in Chromium, and prints what it sees.

    python look.py CHROMIUM AXE < REQUEST > SEEN

The request is a JSON object: `pages` are paths by name, and `views` say which schemes, widths, and paper to look at.
What is printed is a JSON list with an object for each view of each page. No view judges: the tests do.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HEIGHT = 900

MEASURED = """() => {
  const drawn = [...document.querySelectorAll("svg")].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")].map(one => [one.textContent, one.getBoundingClientRect()]);
    const out = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
      || box.top < frame.top - 2 || box.bottom > frame.bottom + 2).map(([said]) => `leaves its drawing: ${said}`);
    const over = boxes.flatMap(([said, a], at) => boxes.slice(at + 1).filter(([, b]) => a.left < b.right - 1
      && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
      .map(([other]) => `covers another text: ${said} / ${other}`));
    return [...out, ...over];
  });
  const wide = document.documentElement.clientWidth;
  const all = [...document.querySelectorAll("main, main *:not(title, desc)")];
  const folded = matchMedia("print").matches ? "details:not([open]) ul" : "details:not([open])";
  const unseen = all.filter(one => !one.closest(`svg, nav, ${folded}`) && one.children.length === 0
    && one.textContent.trim() && !one.checkVisibility({visibilityProperty: true}));
  const unnamed = all.filter(one => one.tagName === "TD" && getComputedStyle(one).display === "block"
    && !getComputedStyle(one, "::before").content.includes(one.dataset.head));
  const lost = unseen.filter(one => !one.closest("thead") || unnamed.length);
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "rgb(255, 255, 255)";
  };
  return {
    needed: document.documentElement.scrollWidth,
    wide: all.filter(one => one.getBoundingClientRect().right > wide + 1 && !one.closest("[role=region]"))
      .map(one => one.outerHTML.slice(0, 160)),
    background: behind(document.body),
    colors: [...new Set(all.filter(one => [...one.childNodes].some(part => part.nodeType === 3 && part.data.trim()))
      .map(one => `${getComputedStyle(one)[one.closest("svg") ? "fill" : "color"]} on ${behind(one)}`))],
    drawn,
    hidden: lost.map(one => `${one.tagName.toLowerCase()}: ${one.textContent.trim().slice(0, 160)}`),
  };
}"""
"""The width that the page needs and what is beyond its edge, in CSS pixels; each color of a
text on its background; texts that are drawn badly; and texts that are not displayed, except the
contents, the heads of columns that each cell repeats, and folded ones. On paper, only lists stay folded.
"""

ASKED = """async options => {
  const found = await axe.run(document, {...options, resultTypes: ["violations", "incomplete"]});
  const said = some => some.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 160)}`));
  return {violations: said(found.violations), unsure: said(found.incomplete), passed: found.passes.length};
}"""

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES: dict[str, dict[str, Any]] = {
    "all": {"runOnly": {"type": "tag", "values": TAGS}},
    "structure": {"runOnly": {"type": "tag", "values": TAGS}, "rules": {"color-contrast": {"enabled": False}}},
}
"""The rule on contrast takes nearly all of axe's time: minutes on long pages."""

MARGIN = dict.fromkeys(("top", "right", "bottom", "left"), "1.5cm")


def main(chromium: str, axe: str) -> None:
    """Look at each page in each view."""
    request, script, seen = json.load(sys.stdin), Path(axe).read_text(), []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, file in request["pages"].items():
            context = browser.new_context(offline=True)
            page = context.new_page()
            asked: list[str] = []
            page.on("request", lambda one, asked=asked: asked.append(one.url))
            page.goto(Path(file).as_uri())
            page.evaluate(script)
            for view in request["views"]:
                found = _looked(page, view)
                seen.append({"page": name, **view, **found, "loaded": asked[1:]})
            context.close()
        browser.close()
    json.dump(seen, sys.stdout)


def _looked(page: Any, view: dict[str, Any]) -> dict[str, Any]:
    page.set_viewport_size({"width": view["width"], "height": HEIGHT})
    page.emulate_media(media=view["media"], color_scheme=view["scheme"])
    found: dict[str, Any] = page.evaluate(MEASURED)
    if view["rules"]:
        found |= page.evaluate(ASKED, RULES[view["rules"]])
    if view["media"] == "print":
        found |= _printed(page.pdf(format="A4", margin=MARGIN))
    return found


def _printed(pdf: bytes) -> dict[str, Any]:
    """How many pages there are, and the width of the widest in points. Chromium does not compress these objects."""
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return {
        "valid": pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF"),
        "sheets": len(re.findall(rb"/Type /Page\b", pdf)),
        "widest": max((float(width) for width, _ in boxes), default=0.0),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])

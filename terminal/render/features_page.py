"""The catalog of features as one HTML page that stands alone, with a search over all of it.

The search is a script of the page. Where scripts do not run, the page has everything but the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...compiler.answer.features.catalog import CatalogFeature, FeatureCatalog
from .design_page import inline
from .features import HEAD, KEPT, UNREAD, age, by_entity, kept, lookups, reader, source, summed
from .page import Html, code, document, joined, table, tag

__all__ = ["page"]

SEARCH = """
addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("search"), rows = [...document.querySelectorAll(".searched tbody tr")];
  const features = rows.filter(row => row.closest(".features"));
  const search = () => {
    const words = box.value.toLowerCase().split(" ");
    for (const row of rows) row.hidden = words.some(word => !row.textContent.toLowerCase().includes(word));
    for (const part of document.querySelectorAll("section"))
      part.hidden = [...part.querySelectorAll("tbody tr")].every(row => row.hidden);
    document.getElementById("found").textContent =
      `${features.filter(row => !row.hidden).length} of ${features.length}`;
  };
  box.closest("search").hidden = false;
  box.addEventListener("input", search);
  search();
});
"""
"""Shows the rows that have all the words. The page has to stay XML, so it has neither `<` nor `&`."""


def page(catalog: FeatureCatalog) -> str:
    """The page of a catalog."""
    return document("Features", _body(catalog), summed(catalog), SEARCH)


def _body(catalog: FeatureCatalog) -> Iterator[Html]:
    parts = list(_parts(catalog))
    yield _top([title for title, _ in parts])
    if catalog.left_out:
        yield tag("p", f"Left out, because of errors: {', '.join(catalog.left_out)}.", class_="broken")
    for at, (title, inside) in enumerate(parts):
        yield tag("section", tag("h2", title, id=f"part-{at}"), inside, aria_labelledby=f"part-{at}")


def _parts(catalog: FeatureCatalog) -> Iterator[tuple[str, Html]]:
    """Titles and tables."""
    if catalog.hints:
        hints = ((inline(one.subject), _paths(one.features), one.advice) for one in catalog.hints)
        yield "Reuse", table(("shared", "features", "what to do"), hints, "", "design searched")
    for title, features in by_entity(catalog):
        yield title, table(HEAD, map(_row, features), "", "design searched features")
    if rows := kept(catalog):
        yield "Values", table(KEPT, rows, "", "design searched")


def _top(titles: list[str]) -> Html:
    """The search, and the contents."""
    box = tag("input", id="search", type="search", autocomplete="off", placeholder="name, column, owner, model")
    found = tag("output", id="found", for_="search")
    search = tag("search", tag("label", "Search ", for_="search"), box, " ", found, hidden="hidden")
    links = (tag("a", title, href=f"#part-{at}") for at, title in enumerate(titles))
    return tag("nav", search, joined(links, "\n"), aria_label="Search and entities")


def _row(one: CatalogFeature) -> tuple[str, ...]:
    about = [tag("p", one.description)] if one.description else []
    name = joined([code(f"{one.view}.{one.name}"), " ", tag("span", one.dtype, class_="faint"), *about])
    owned = joined([one.system, tag("p", one.owner), tag("p", one.where, class_="faint")])
    readers = _lines(map(reader, one.readers)) if one.readers else tag("span", UNREAD, class_="gray")
    return name, owned, inline(source(one)), inline(age(one)), _lines(lookups(one)), readers


def _lines(said: Iterable[str]) -> Html:
    return joined(tag("p", inline(one)) for one in said)


def _paths(features: Iterable[str]) -> Html:
    return joined(tag("p", code(one)) for one in features)

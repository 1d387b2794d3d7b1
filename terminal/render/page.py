"""The frame of every HTML page: one file that stands alone, for dark and light screens of any width, and for paper.

Pages are built with `tag`, which escapes everything but what `tag` made itself. So no name of a spec can become markup.
A page is also well-formed XML, which is how tests read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ...compiler.words import escaped

__all__ = ["Html", "code", "document", "joined", "listed", "sentence", "table", "tag"]

STACKED = """{0} thead {{ display: none; }}
  {0}, {0} tbody, {0} tr, {0} th, {0} td, {0} caption {{ display: block; min-width: 0; }}
  {0} tr {{ padding: .5rem 0; border-bottom: 1px solid var(--grid); }}
  {0} tbody th, {0} td {{ border: 0; padding: 0; }} {0} td:empty {{ display: none; }}
  {0} td::before {{ content: attr(data-head) ": "; color: var(--faint); }}"""
"""The style of a table whose cells are below each other."""

STYLE = (
    """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #57606a; --paper: #ffffff; --grid: #d8dee4;
  --one: #0550ae; --two: #953800; --limit: #a40e26; --good: #116329; --bad: #a40e26; --few: #6e5494; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9aa4ae; --paper: #0d1117;
  --grid: #30363d; --one: #79c0ff; --two: #ffa657; --limit: #ff7b72; --good: #7ee787; --bad: #ff7b72;
  --few: #d2a8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1.1rem; margin-top: 2rem; }
p, li { max-width: 75ch; } .faint, li, .keys, figcaption, caption { color: var(--faint); }
a { color: var(--one); }
nav { font-size: .9rem; margin: 1.5rem 0; } nav a { margin-right: 1rem; padding: .15rem 0; display: inline-block; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .75rem .35rem 0; text-align: left;
  border-bottom: 1px solid var(--grid); vertical-align: top; min-width: 7rem; overflow-wrap: anywhere; }
tbody th { min-width: 10rem; } thead th { color: var(--faint); }
th { font-weight: 600; } caption { text-align: left; font-size: .9rem; padding: 1rem 0 .25rem; }
.decisions, .changes { table-layout: fixed; } .decisions thead th:nth-child(1) { width: 19%; }
.decisions thead th:nth-child(2) { width: 13%; } .decisions thead th:nth-child(4) { width: 22%; }
.decisions thead th:nth-child(5) { width: 17%; } .changes thead th:nth-child(1) { width: 24%; }
.changes thead th:nth-child(2), .changes thead th:nth-child(3) { width: 15%; }
.design { margin-top: 1.25rem; } .design caption { color: var(--ink); font-size: 1rem; font-weight: 600; }
.reasoned, .stated { table-layout: fixed; } .reasoned thead th { width: 18%; } .stated thead th { width: 22%; }
.reasoned thead th:nth-child(3) { width: 42%; } .stated thead th:nth-child(2) { width: 48%; }
.grounds { margin: 0; padding: 0; list-style: none; font-size: .9rem; }
summary { cursor: pointer; font-size: .9rem; padding: .2rem 0; }
.short { max-width: 90ch; margin: 1rem 0 1.5rem; }
.short div { display: grid; grid-template-columns: 6rem minmax(0, 1fr); margin-bottom: .35rem; }
.short dt { font-weight: 600; } .short dd { margin: 0; }
.kept { color: var(--good); } .broken { color: var(--bad); font-weight: 700; } .unclear, .assumed { color: var(--few); }
.charts { display: grid; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; max-width: 34rem; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--faint); dominant-baseline: middle; }
svg text.name { fill: var(--ink); } rect { fill: var(--one); }
.end { text-anchor: end; } .middle { text-anchor: middle; } .start { text-anchor: start; }
.grid { stroke: var(--grid); } path { fill: none; stroke-width: 1.75; }
path.one { stroke: var(--one); } path.two { stroke: var(--two); stroke-dasharray: 5 2; }
path.span { stroke: var(--two); } path.limit { stroke: var(--limit); stroke-dasharray: 1.5 3; }
circle.good { fill: var(--good); } circle.bad { fill: var(--bad); } circle.few { fill: var(--few); }
.red { color: var(--bad); font-weight: 700; }
.yellow { color: var(--two); font-weight: 700; } .gray { color: var(--few); } .green { color: var(--good); }
td p, th p { margin: 0; } th p, th .faint { font-weight: 400; }
search { margin-bottom: .75rem; } [hidden] { display: none !important; }
input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--faint); border-radius: 4px;
  padding: .25rem .5rem; width: min(24rem, 100%); } search output { color: var(--faint); }
.features { table-layout: fixed; } .features thead th:nth-child(1), .features thead th:nth-child(3) { width: 20%; }
.features thead th:nth-child(2), .features thead th:nth-child(4) { width: 13%; }
circle.one { fill: var(--one); }
.keys { margin: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .9rem; }
.keys span::before { content: ""; display: inline-block; width: 1.5em; margin-right: .4em; vertical-align: middle;
  border-top: 2px solid var(--one); }
.keys .two::before { border-top: 2px dashed var(--two); } .keys .limit::before { border-top: 2px dotted var(--limit); }
.keys .bar::before { border-top-width: .7em; } .keys .span::before { border-top: 2px solid var(--two); }
@media screen and (max-width: 56rem) { .short div { grid-template-columns: minmax(0, 1fr); } }
@media print { :root { font-size: 8.5pt; } body { max-width: none; font-size: 1rem; padding: 0; }
  nav, details:not([open]) ul { display: none; }
  details::details-content { content-visibility: visible; display: block; }
  h2, h3, caption, thead { break-after: avoid; }
  tr, figure, .short div { break-inside: avoid; } table:not(.wide) thead { display: table-header-group; } }
"""
    f"@media screen and (max-width: 56rem) {{ {STACKED.format('table')} }}\n"
    f"@media print, screen and (max-width: 75rem) {{ {STACKED.format('.wide')} }}\n"
)

MANY = 6
"""How many columns of texts fit on paper and on a small screen."""

VOID = ("circle", "input", "line", "meta", "path", "rect", "wbr")
"""The elements without content."""


class Html(str):
    """Markup that `tag` made, which is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str) -> Html:
    """An element. Texts inside are escaped unless they are `Html`. `class_` is the attribute `class`, `data_x` is
    `data-x`; an attribute without a value is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_safe(value)}"' for key, value in attributes.items() if value
    )
    if name in VOID:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{joined(inside)}</{name}>")


def joined(parts: Iterable[str], by: str = "") -> Html:
    """Several texts or elements, one after the other."""
    return Html(by.join(part if isinstance(part, Html) else _safe(part) for part in parts))


def code(path: str) -> Html:
    """A path of the spec, which may continue on another line after each dot."""
    return tag("code", joined(path.split("."), Html(f".{tag('wbr')}")))


def _safe(text: str) -> str:
    """Without markup, and without the characters that hide or reorder the text around them."""
    return escape(escaped(text))


def document(title: str, body: Iterable[Html], note: str = "", script: str = "") -> str:
    """A whole page. A script must not contain `<` or `&`: a page is also XML."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(STYLE)),
        *([tag("script", Html(script))] if script else []),
    )
    top = [tag("h1", title), *([tag("p", note, class_="faint")] if note else [])]
    parts = tag("head", *head), tag("body", tag("main", joined([*top, *body], "\n")))
    return f"<!DOCTYPE html>\n{tag('html', *parts, lang='en')}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", kind: str = "") -> Html:
    """A table; the first cell of a row is its header. On a narrow screen, each cell repeats the head of its column. So
    do those of a table with many columns on paper.
    """
    top = tag("thead", tag("tr", *(tag("th", one, scope="col") for one in head)))
    body = tag("tbody", joined((_row(head, row) for row in rows), "\n"))
    kinds = f"{kind} wide".strip() if len(head) > MANY else kind
    return tag("table", *([tag("caption", caption)] if caption else []), top, body, class_=kinds)


def _row(head: Sequence[str], row: Sequence[str]) -> Html:
    first, *cells = row
    named = zip(cells, head[1:], strict=True)
    return tag("tr", tag("th", first, scope="row"), *(tag("td", cell, data_head=one) for cell, one in named))


def listed(said: Iterable[str], kind: str = "") -> Html:
    """A list of texts."""
    return tag("ul", *(tag("li", one) for one in said), class_=kind)


def sentence(said: str) -> str:
    """A clause as a sentence."""
    return f"{said[:1].upper()}{said[1:]}."

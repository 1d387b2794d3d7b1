"""Simulations as one HTML page that stands alone: tables and inline SVG, for dark and light screens of any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from ...compiler.simulate import Simulation
from ...compiler.simulate.report import Promise, SimulatedRollouts, SimulatedService
from .charts import Line, Mark, chart
from .simulation import HEAD, NOTE, conditions, margin, of_rollouts, summary

__all__ = ["page"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #57606a; --paper: #ffffff; --grid: #d8dee4;
  --one: #0550ae; --two: #953800; --limit: #a40e26; --good: #116329; --bad: #a40e26; --few: #6e5494; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9aa4ae; --paper: #0d1117; --grid: #30363d;
  --one: #79c0ff; --two: #ffa657; --limit: #ff7b72; --good: #7ee787; --bad: #ff7b72; --few: #d2a8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1.1rem; margin-top: 2rem; }
p, li { max-width: 75ch; } .faint, li, .keys, figcaption { color: var(--faint); }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .75rem .35rem 0; text-align: left;
  border-bottom: 1px solid var(--grid); vertical-align: top; } th { color: var(--faint); font-weight: 600; }
.kept { color: var(--good); } .broken { color: var(--bad); font-weight: 700; } .unclear { color: var(--few); }
.charts { display: grid; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; max-width: 34rem; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--faint); dominant-baseline: middle; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .start { text-anchor: start; }
.grid { stroke: var(--grid); } path { fill: none; stroke-width: 1.75; }
path.one { stroke: var(--one); } path.two { stroke: var(--two); stroke-dasharray: 5 2; }
path.limit { stroke: var(--limit); stroke-dasharray: 1.5 3; }
circle.good { fill: var(--good); } circle.bad { fill: var(--bad); } circle.few { fill: var(--few); }
.keys { margin: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .9rem; }
.keys span::before { content: ""; display: inline-block; width: 1.5em; margin-right: .4em; vertical-align: middle;
  border-top: 2px solid var(--one); }
.keys .two::before { border-top: 2px dashed var(--two); } .keys .limit::before { border-top: 2px dotted var(--limit); }
@media (max-width: 44rem) { thead { display: none; } tr, td { display: block; } tr { padding: .5rem 0;
  border-bottom: 1px solid var(--grid); } td { border: 0; padding: 0; } td::before { content: attr(data-head) ": ";
  color: var(--faint); } td:first-child { font-weight: 600; } td:first-child::before { content: ""; } }
"""

KINDS = {"good": "good", "bad": "bad", "too few requests": "few"}


def page(name: str, simulations: Iterable[Simulation]) -> str:
    """The page of a system."""
    body = "\n".join(line for simulation in simulations for line in _simulation(simulation))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Simulation of {escape(name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>Simulation of {escape(name)}</h1>\n<p class="faint">{escape(NOTE)}</p>\n{body}\n</body>\n</html>\n'
    )


def _simulation(simulation: Simulation) -> Iterator[str]:
    yield f"<h2>{escape(simulation.environment)}</h2>\n<p>{escape(summary(simulation))}</p>"
    for service in simulation.services:
        yield from _service(service)
    if simulation.unsimulated:
        yield "<h3>Not simulated</h3>"
        yield _list(f"{one.name}: {one.why}" for one in simulation.unsimulated)


def _service(service: SimulatedService) -> Iterator[str]:
    yield f"<h3>{escape(service.name)}</h3>\n<p>{escape(_sentence(conditions(service)))}</p>"
    yield _table(service.promises)
    if service.rollouts is not None:
        yield f"<p>{escape(_sentence(of_rollouts(service.rollouts)))}</p>"
    yield f'<div class="charts">{"".join(_charts(service))}</div>'
    if service.unjudged:
        yield _list(f"not simulated: {said}" for said in service.unjudged)
    yield f"<p>Assumptions:</p>{_list(service.assumptions)}"


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


def _list(said: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in said)}</ul>"


def _table(promises: Iterable[Promise]) -> str:
    head = "".join(f"<th>{one}</th>" for one in HEAD)
    rows = "".join(_row(promise) for promise in promises)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(promise: Promise) -> str:
    cells = (promise.title, promise.promised, promise.happened, margin(promise), promise.verdict)
    kinds = ("", "", "", "", f' class="{promise.verdict}"')
    named = zip(cells, HEAD, kinds, strict=True)
    return f"<tr>{''.join(f'<td data-head={head!r}{kind}>{escape(cell)}</td>' for cell, head, kind in named)}</tr>"


# Charts


def _charts(service: SimulatedService) -> Iterator[str]:
    bins, until = service.bins, service.seconds / 60
    yield chart("Requests", "requests/s", until, [Line("requests", [(one.at / 60, one.rate) for one in bins], "one")])
    yield chart("Latency", _unit(service)[0], until, _latency(service))
    yield chart(
        "Replicas",
        "replicas",
        until,
        [
            Line("ready", [(one.at / 60, one.ready) for one in bins], "one", steps=True),
            Line("asked for", [(one.at / 60, one.asked) for one in bins], "two", steps=True),
        ],
        whole=True,
    )
    if any(one.failed for one in bins):
        failed = [(one.at / 60, 100 * one.failed) for one in bins]
        yield chart("Failed requests", "%", until, [Line("failed", failed, "one")])
    if service.rollouts is not None and service.rollouts.windows:
        yield _rollout(service.rollouts)


def _unit(service: SimulatedService) -> tuple[str, float]:
    longest = max((one.tail for one in service.bins if one.tail is not None), default=1.0)
    return ("seconds", 1.0) if max(longest, service.bound or 0.0) >= 1 else ("milliseconds", 1000.0)


def _latency(service: SimulatedService) -> list[Line]:
    _, scale = _unit(service)
    bins = service.bins
    tail = [(one.at / 60, scale * one.tail) for one in bins if one.tail is not None]
    found = [
        Line("p50", [(one.at / 60, scale * one.median) for one in bins if one.median is not None], "one"),
        Line("p99", tail, "two"),
    ]
    if service.bound is not None:
        name, bound = service.bound_name, scale * service.bound
        found.append(Line(f"bound on {name}", [(bins[0].at / 60, bound), (bins[-1].at / 60, bound)], "limit"))
    return found


def _rollout(found: SimulatedRollouts) -> str:
    """The windows of the first rollout: the share of bad requests, and the limit."""
    marks = [Mark(at / 60, 100 * bad, KINDS[means]) for at, bad, _, means in found.windows]
    limits = [(at / 60, 100 * limit) for at, _, limit, _ in found.windows]
    line = Line("limit of a window; each dot is what one measured", limits, "limit", steps=True)
    verdict, seconds = found.ended
    return chart(f"A rollout, {verdict}", "% of requests are bad", seconds / 60, [line], marks)

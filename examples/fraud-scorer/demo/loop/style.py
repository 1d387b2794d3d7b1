"""The style of the page: for dark and light screens of any width, and for paper."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #57606a; --paper: #ffffff; --card: #f6f8fa; --grid: #e4e8ec;
  --c0: #0550ae; --c1: #953800; --c2: #57606a; --c3: #116329; --c4: #8250df; --c5: #7d6a00;
  --good: #116329; --bad: #a40e26; --alert: #cf222e; --world: #1b1f24; --diagnosis: #0550ae; --request: #6e5494;
  --training: #953800; --commit: #116329; --number: #ffffff; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9aa4ae; --paper: #0d1117;
  --card: #161b22; --grid: #262c34; --c0: #79c0ff; --c1: #ffa657; --c2: #b1bac4; --c3: #7ee787; --c4: #d2a8ff;
  --c5: #e3c04c; --good: #7ee787; --bad: #ff7b72; --alert: #ff7b72; --world: #e6edf3; --diagnosis: #79c0ff;
  --request: #d2a8ff; --training: #ffa657; --commit: #7ee787; --number: #0d1117; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif;
  overflow-wrap: break-word; }
main { margin: 0 auto; max-width: 70rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.4rem; margin: 3.5rem 0 .25rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { max-width: 75ch; margin: .4rem 0; } .faint { color: var(--faint); }
code { font: .87em ui-monospace, monospace; overflow-wrap: anywhere; }
.cards { display: grid; gap: .75rem; margin: 1.5rem 0 0; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); }
.card { display: flex; flex-direction: column; gap: .15rem; padding: .9rem 1rem; border: 1px solid var(--grid);
  border-radius: .6rem; background: var(--card); color: inherit; text-decoration: none; font-size: .92rem; }
.card strong { font-size: 1.05rem; } .card .badge { margin-top: auto; align-self: start; }
.badge { font-size: .8rem; font-weight: 600; padding: .1rem .6rem; border: 1px solid; border-radius: 1rem;
  vertical-align: middle; }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); }
figure { margin: 1rem 0 .5rem; overflow-x: auto; } svg { width: 100%; min-width: 44rem; height: auto; display: block; }
figcaption { color: var(--faint); font-size: .87rem; margin-top: .4rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--faint); dominant-baseline: middle; }
svg text.name { fill: var(--ink); } svg text.number { fill: var(--number); font-weight: 700; font-size: 11px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid, .day { stroke: var(--grid); } .day { stroke-dasharray: 2 4; } .axis { stroke: var(--faint); }
path { fill: none; stroke-width: 1.75; } polygon.band { fill: var(--c0); opacity: .16; }
path.c0, path.measured { stroke: var(--c0); } path.c1 { stroke: var(--c1); } path.c2 { stroke: var(--c2); }
path.c3 { stroke: var(--c3); } path.c4 { stroke: var(--c4); } path.c5 { stroke: var(--c5); }
circle.c0, circle.measured { fill: var(--c0); } circle.c1, circle.estimate { fill: var(--c1); }
circle.c2 { fill: var(--c2); } circle.c3 { fill: var(--c3); } circle.c4 { fill: var(--c4); }
circle.c5 { fill: var(--c5); } path.estimate { stroke: var(--c1); stroke-dasharray: 6 3; }
path.limit { stroke: var(--alert); stroke-dasharray: 2 3; } path.measured { stroke-width: 2.25; }
rect.alert, circle.alert { fill: var(--alert); } rect.training, circle.training { fill: var(--training); }
rect.light { opacity: .65; } circle.world { fill: var(--world); } circle.good { fill: var(--good); }
circle.diagnosis { fill: var(--diagnosis); } circle.request { fill: var(--request); }
circle.commit { fill: var(--commit); }
.keys { display: flex; flex-wrap: wrap; gap: 0 1.1rem; margin-bottom: .2rem; }
.key::before { content: ""; display: inline-block; width: 1.4em; margin-right: .4em; vertical-align: middle;
  border-top: 2.5px solid; } .key.limit::before { border-top: 2px dotted; }
.key.estimate::before { border-top-style: dashed; }
.key.c0::before, .key.measured::before { color: var(--c0); }
.key.c1::before, .key.estimate::before { color: var(--c1); }
.key.c2::before { color: var(--c2); } .key.c3::before { color: var(--c3); } .key.c4::before { color: var(--c4); }
.key.c5::before { color: var(--c5); } .key.limit::before { color: var(--alert); }
.events { list-style: none; counter-reset: event; padding: 0; margin: 1rem 0; font-size: .93rem; }
.events li { counter-increment: event; display: grid; grid-template-columns: 2rem 4.5rem 6rem minmax(0, 1fr);
  gap: 0 .5rem; padding: .3rem 0; border-bottom: 1px solid var(--grid); }
.events li::before { content: counter(event); font-weight: 700; text-align: right; padding-right: .5rem; }
.when { color: var(--faint); } .kind { font-weight: 600; }
small { display: block; color: var(--faint); font-size: .85rem; }
.kind.alert { color: var(--alert); } .kind.training { color: var(--training); }
.kind.diagnosis { color: var(--diagnosis); }
.kind.request { color: var(--request); } .kind.commit { color: var(--commit); } .kind.good { color: var(--good); }
.checks { list-style: none; padding: 0; margin: .5rem 0; font-size: .93rem; }
.checks li { padding: .2rem 0 .2rem 1.6rem; position: relative; }
.checks li::before { position: absolute; left: 0; font-weight: 700; }
.checks .good::before { content: "\\2713"; color: var(--good); }
.checks .bad::before { content: "\\2717"; color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: .93rem; margin-top: 1rem; }
th, td { padding: .45rem 1rem .45rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
thead th { color: var(--faint); font-weight: 600; } tbody th { width: 14rem; font-weight: 600; }
@media screen and (max-width: 40rem) { .events li { grid-template-columns: 2rem minmax(0, 1fr); }
  .events li > span { grid-column: 2; } thead { display: none; } tr, th, td { display: block; width: auto; }
  tbody th { border: 0; padding-bottom: 0; } }
@media print { main { max-width: none; padding: 0; } section { break-inside: auto; }
figure, li, tr { break-inside: avoid; } }
"""

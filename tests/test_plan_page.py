"""`mlspec plan --page`: the page says what the memo says, and nothing in a spec becomes markup."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

import mlspec
from mlspec.compiler.answer.memo import Area, Assumption, CostPart, Decision, Ground, Headline, Memo, memo
from mlspec.compiler.answer.memo.change import changes
from mlspec.compiler.words import escaped
from mlspec.terminal.render import simulation_page
from mlspec.terminal.render.memo_page import changed, page

from .support import ADOPTERS, EXAMPLES, ROOT, compile_text, minimal, run

SYSTEMS = [*EXAMPLES, *ADOPTERS]
EACH = pytest.mark.parametrize("system", SYSTEMS, ids=lambda path: path.name)
MINIMAL = ROOT / "examples" / "minimal"
HOSTILE = """<script>alert("1")</script> & 'x' ]]> <!-- \u202eevil\u2066 \x1b[31m {{ 7 * 7 }}"""


@cache
def memos(system: Path) -> tuple[tuple[str, Memo], ...]:
    made = mlspec.compile(system / "mlspec.yaml")._compiled
    return tuple((str(made.name), memo(environment, made.found)) for environment in made.environments)


def read(text: str) -> Element:
    """The page, read by a parser that forgives nothing: each element is closed, each attribute quoted."""
    root = ElementTree.fromstring(text)
    body = root.find("body/main")
    assert body is not None
    return body


def said(element: Element) -> str:
    return "".join(element.itertext())


def sections(body: Element) -> Iterator[tuple[str, list[Element]]]:
    """The parts below each heading of the second and third level, by its text."""
    found: list[tuple[str, list[Element]]] = []
    for child in body:
        if child.tag in ("h2", "h3"):
            found.append((said(child), []))
        elif found:
            found[-1][1].append(child)
    return iter(found)


def rows(parts: list[Element]) -> list[tuple[str, ...]]:
    return [tuple(map(said, row)) for part in parts if part.tag == "table" for row in part.iterfind("tbody/tr")]


# What the page says


@EACH
def test_the_page_says_what_the_memo_says_and_nothing_else(system: Path) -> None:
    """Each headline, decision, reason, and assumption is on the page once, in order, and no other row is."""
    found = sections(read(page(memos(system))))
    for _, one in memos(system):
        title, parts = next(found)
        assert title == one.environment
        [short] = [part for part in parts if part.tag == "dl"]
        assert [tuple(map(said, line)) for line in short] == [(line.topic, line.text) for line in one.summary]
        for area in one.areas:
            title, parts = next(found)
            assert title == area.title
            assert [row[:3] for row in rows(parts)] == [(x.title, x.value, x.why) for x in area.decisions]
            undecided = [said(part) for part in parts if part.tag == "p"]
            assert undecided == ([f"Undecided: {area.undecided}"] if area.undecided else [])
        if one.assumptions:
            title, parts = next(found)
            assert title == "Assumptions"
            assert rows(parts) == [(x.path, x.value, x.why) for x in one.assumptions]
    assert list(found) == []


def test_an_area_that_could_not_be_decided_says_why() -> None:
    made = mlspec.compile(MINIMAL / "mlspec.yaml", settings=["constraints.availability=100%"])._compiled
    text = page([("digit-reader", memo(made.environments[0]))])
    assert "Undecided: MLS502: an availability of 100% is impossible" in said(read(text))


@EACH
def test_a_line_that_a_decision_rests_on_has_its_value(system: Path) -> None:
    """Or the line below, for a block of text."""
    for _, one in memos(system):
        for ground in (ground for area in one.areas for line in area.decisions for ground in line.grounds):
            if ground.where.startswith("--set") or ground.assumed:
                continue
            name, _, line = ground.where.rpartition(":")
            file = ROOT / "compiler" / name if name.startswith("catalog/") else Path(name)
            value = ground.value if ground.path else ground.value.partition(" ")[2]
            assert value.removesuffix(" ...") in " ".join(file.read_text().splitlines()[int(line) - 1 :][:2]), ground


@EACH
def test_a_decision_that_rests_on_an_assumption_says_so(system: Path) -> None:
    """What the decisions rest on and no line sets are the assumptions of the memo: all of them, and no other."""
    for _, one in memos(system):
        assumed = {ground.path for area in one.areas for x in area.decisions for ground in x.grounds if ground.assumed}
        assert assumed == {assumption.path for assumption in one.assumptions}


def test_a_decision_names_the_lines_that_its_reason_multiplies() -> None:
    """20/s x 2ms, within 100ms, and 99.5% of availability: four lines of the spec, and the kind of its batches."""
    [(_, one)] = memos(MINIMAL)
    [capacity] = [area for area in one.areas if area.title == "Capacity of digit-reader"]
    [replicas] = [line for line in capacity.decisions if line.title == "replicas for the mean load"]
    lines = {ground.path: ground.value for ground in replicas.grounds if not ground.assumed}
    assert lines == {
        "constraints.throughput.mean": "20/s",
        "serving.serviceTime.mean": "2ms",
        "constraints.latency.p99": "100ms",
        "constraints.availability": "99.5%",
    }


@EACH
def test_the_bill_is_that_of_the_cost_area(system: Path) -> None:
    """Each amount is a decision of the area; the parts add up to the total, and so do their ends."""
    for _, one in memos(system):
        cost = {x.title: x.value for area in one.areas if area.title == "Cost" for x in area.decisions}
        assert bool(one.bill) == bool(cost)
        for part in one.bill:
            assert part.said(part.expected) == cost[part.title]
            if part.varies and part.title != "total":
                assert (part.said(part.floor), part.said(part.peak)) == (
                    cost[f"{part.title}, floor"],
                    cost[f"{part.title}, peak"],
                )
        for end in ("floor", "expected", "peak") if one.bill else ():
            *parts, total = (getattr(part, end) for part in one.bill)
            assert sum(parts, Decimal(0)) == total


def test_a_bar_is_as_long_as_its_amount() -> None:
    """2,983.98 of 5,652.75 USD are 179.5 of 340 units, and 2,808.46 to 4,212.68 are 168.9 to 253.4."""
    [(_, one)] = memos(ROOT / "examples" / "support-assistant")
    assert (one.bill[0].expected, one.bill[-1].peak) == (Decimal("2983.98"), Decimal("5652.75"))
    [figure] = read(page([("x", one)])).iter("figure")
    bars = [float(bar.attrib["width"]) for bar in figure.iter("rect")]
    assert bars[0] == pytest.approx(179.5, abs=0.06)
    ends = [float(x) for x in re.findall(r"[MH]([\d.]+)", next(figure.iter("path")).attrib["d"])]
    assert ends[0] == pytest.approx(168.9, abs=0.06)
    assert ends[1] == pytest.approx(253.4 - 1, abs=0.06)
    assert len(bars) == len(one.bill)


def test_the_bars_fit_their_drawing_whatever_they_cost() -> None:
    parts = tuple(
        CostPart(title="x" * 80, floor=low, expected=middle, peak=high, currency="USD")
        for low, middle, high in (map(Decimal, span) for span in ((0, 0, 0), (0, 1, 10**9), (10**9, 10**9, 10**9)))
    )
    text = page([("x", Memo(environment="default", areas=(), assumptions=(), bill=parts))])
    for bar in read(text).iter("rect"):
        assert 0 <= float(bar.attrib["width"]) <= 340
    for path in read(text).iter("path"):
        assert all(0 <= float(x) <= 340 for x in re.findall(r"[MH]([-\d.]+)", path.attrib["d"]))


# What no spec can do to it


def hostile() -> Memo:
    """A memo whose every text is an attack."""
    ground = Ground(path=HOSTILE, value=HOSTILE, where=HOSTILE)
    decision = Decision(title=HOSTILE, value=HOSTILE, why=HOSTILE, field=HOSTILE, grounds=(ground,) * 4)
    one = Decimal(1)
    return Memo(
        environment=HOSTILE,
        areas=(Area(title=HOSTILE, decisions=(decision,), undecided=HOSTILE),),
        assumptions=(Assumption(path=HOSTILE, value=HOSTILE, why=HOSTILE),),
        summary=(Headline(topic=HOSTILE, text=HOSTILE, cites=()),),
        bill=(CostPart(title=HOSTILE, floor=one, expected=one, peak=one, currency=HOSTILE),),
    )


def test_no_text_becomes_markup_or_reorders_the_page() -> None:
    text = page([(HOSTILE, hostile())])
    body = read(text)
    assert not {"script", "img"} & {element.tag for element in body.iter()}
    assert "<script" not in text
    assert escaped(text) == text
    [dd] = body.iter("dd")
    assert said(dd) == escaped(HOSTILE)
    for value in (value for element in body.iter() for value in element.attrib.values()):
        assert "<" not in value or value.endswith(escaped(HOSTILE)), value


def test_a_spec_with_hostile_words_keeps_its_words(tmp_path: Path) -> None:
    words = "<b>not bold</b> & \"quoted\" 'words' <script>alert(1)</script>"
    made = compile_text(tmp_path, minimal(problem={"useCase": words, "task": "multiclass-classification"}))
    text = page([(str(made._compiled.name), memo(made._compiled.environments[0]))])
    assert "<b>" not in text
    assert words in said(read(text))


# Its form


PARENTS = {
    "tr": {"thead", "tbody"}, "td": {"tr"}, "th": {"tr"}, "thead": {"table"}, "tbody": {"table"}, "li": {"ul"},
    "caption": {"table"}, "dt": {"div"}, "dd": {"div"}, "summary": {"details"}, "figcaption": {"figure"},
    "rect": {"svg"}, "path": {"svg"}, "text": {"svg"}, "desc": {"svg"}, "title": {"svg"},
}  # fmt: skip
PHRASES = {"p", "h1", "h2", "h3", "span", "code", "a", "summary", "dt"}
"""Elements that hold no blocks: a browser would close them early."""

KNOWN = {
    *PARENTS, *PHRASES, "body", "table", "ul", "dl", "div", "dd", "details", "figure", "svg", "nav", "wbr",
}  # fmt: skip


@EACH
def test_browsers_build_the_tree_that_is_written(system: Path) -> None:
    body = read(page(memos(system)))
    for parent in body.iter():
        for child in parent:
            assert child.tag in KNOWN
            assert parent.tag in PARENTS.get(child.tag, {parent.tag}), (parent.tag, child.tag)
            assert parent.tag not in PHRASES or child.tag in {"code", "span", "a", "wbr"}, (parent.tag, child.tag)


@EACH
def test_a_screen_reader_finds_its_way(system: Path) -> None:
    """Headings skip no level, links have a target, tables a caption and headers, and drawings a name and a text."""
    body = read(page(memos(system)))
    levels = [int(element.tag[1]) for element in body.iter() if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    places = [element.attrib["id"] for element in body.iter() if "id" in element.attrib]
    assert len(places) == len(set(places))
    assert {link.attrib["href"] for link in body.iter("a")} == {f"#{place}" for place in places}
    for table in body.iter("table"):
        assert table[0].tag == "caption"
        assert {cell.attrib["scope"] for cell in table.iterfind("thead/tr/th")} == {"col"}
        for row in table.iterfind("tbody/tr"):
            assert row[0].attrib["scope"] == "row"
    for drawing in body.iter("svg"):
        assert [drawing[0].tag, drawing[1].tag] == ["title", "desc"]
        assert all(said(part) for part in drawing[:2])


def test_both_pages_share_one_style_and_need_no_other_file() -> None:
    texts = page(memos(MINIMAL)), simulation_page.page("x", [])
    styles = {re.findall(r"<style>(.*?)</style>", text, re.DOTALL)[0] for text in texts}
    assert len(styles) == 1
    assert not re.search(r"url\(|@import|src=|<script|<link|href=.(?!#)", texts[0])


def test_dark_mode_does_not_reach_paper() -> None:
    [style] = re.findall(r"<style>(.*?)</style>", page(memos(MINIMAL)), re.DOTALL)
    assert "@media screen and (prefers-color-scheme: dark)" in style
    assert "@media print" in style


# The command


def test_the_command_draws_the_memo_that_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "plan.html"
    alone = run("plan", "examples/fraud-scorer")
    drawn = run("plan", "examples/fraud-scorer", "--page", file)
    assert (drawn.status, drawn.out) == (alone.status, alone.out)
    titles = [said(heading) for heading in read(file.read_text()).iter() if heading.tag in ("h1", "h2")]
    assert titles == ["Plan of fraud-scorer", "staging", "production"]


def test_several_systems_share_a_page(tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    assert run("plan", MINIMAL, ROOT / "examples" / "feed-ranker", "--page", file).status == 0
    titles = [said(heading) for heading in read(file.read_text()).iter() if heading.tag in ("h1", "h2")]
    assert titles == ["Plan of digit-reader, feed-ranker", "digit-reader, default", "feed-ranker, production"]


def test_settings_draw_what_they_change(tmp_path: Path) -> None:
    file, setting = tmp_path / "plan.html", "constraints.throughput.peak=2000/s"
    assert run("plan", MINIMAL, "--set", setting, "--page", file).status == 0
    before, after = (
        memo(mlspec.compile(MINIMAL / "mlspec.yaml", settings=some)._compiled.environments[0])
        for some in ([], [setting])
    )
    found = sections(read(file.read_text()))
    assert next(found)[0] == "default"
    drawn = [(title, *row) for title, parts in found for row in rows(parts)]
    assert sorted(drawn) == sorted((x.area, x.title, x.before, x.after, x.why) for x in changes(before, after))
    assert "No decision changes." in changed([("x", "default", [])])


def test_the_page_never_overwrites_the_spec(tmp_path: Path) -> None:
    spec = tmp_path / "mlspec.yaml"
    spec.write_text(minimal())
    (tmp_path / ".git").mkdir()
    done = run("plan", spec, "--page", spec)
    assert (done.status, done.out) == (2, "")
    assert "choose another file" in done.err
    assert spec.read_text() == minimal()


def test_a_page_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    done = run("plan", MINIMAL, "--page", tmp_path / "missing" / "page.html")
    assert done.status == 2
    assert "cannot be written" in done.err


def test_a_spec_with_errors_draws_the_rest_and_fails(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal().replace("p99: 100ms", "p99: 100"))
    file = tmp_path / "plan.html"
    assert run("plan", tmp_path, "--page", file).status == 1
    assert "the spec has an error here" in said(read(file.read_text()))


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    pages = []
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.html"
        command = [sys.executable, "-m", "mlspec", "plan", "examples/support-assistant", "--page", str(file)]
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"Etc/GMT-{seed}"}
        subprocess.run(command, check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        pages.append(file.read_bytes())
    assert pages[0] == pages[1]

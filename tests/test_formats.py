"""The one list of formats: every one of them is documented, snapshotted and read back, and nothing gets through it."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlspec.compiler.diagnostics import Diagnostic, Edit, Fix, Label, SourceFile, Span
from mlspec.terminal import render
from mlspec.terminal.render import FORMATS, Format, rendered
from mlspec.terminal.render import sarif as sarif_format
from mlspec.terminal.render.report import Report, Subject

from .findings import EMPTY, EXPLAINED, HERE, REPORT
from .readers import READERS
from .support import ROOT

EACH = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@pytest.fixture(autouse=True)
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ids mean changes with the documentation; see test_ci_formats for all of them."""
    monkeypatch.setattr(sarif_format, "everything", lambda: EXPLAINED)


# The list: see also test_lists.py


@EACH
def test_a_format_is_a_function_of_a_report_and_says_what_it_is_for(form: Format) -> None:
    module = importlib.import_module(f"{render.__name__}.{form.name}")
    assert str(inspect.signature(module.render)) == "(report: 'Report') -> 'str'"
    first, _, rest = (module.__doc__ or "").partition("\n\n")
    assert first.endswith("."), "the reference of commands quotes it"
    assert rest, "below it, say what the readers of the format require, and where that is documented"


def test_a_new_format_is_one_file_and_one_line() -> None:
    """Every command accepts it, without any other change."""
    program = (
        "import sys, types, mlspec.terminal.render as render\n"
        "shout = types.ModuleType('mlspec.terminal.render.shout')\n"
        "shout.render = lambda report: ''.join(f'{found.id}!' for found in report.found) + '.'\n"
        "sys.modules[shout.__name__] = shout\n"
        "render.FORMATS += (render.Format('shout'),)\n"
        "from tests.support import run\n"
        "for command in (['lint', case], ['check', case], ['schema', '--validate', case + '/mlspec.yaml']):\n"
        "    print(run(*command, '--format', 'shout').out, end='')\n"
    )
    case = str(ROOT / "tests" / "errors" / "MLS005-a-text-for-a-number")
    done = subprocess.run(
        [sys.executable, "-c", f"case = {case!r}\n{program}"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout == "MLS005!.\nMLS005!.\nMLS018!.\n", done.stderr


OWN = ("plan.py", "score.py", "status.py", "test.py", "design.py", "evaluation.py", "features.py", "simulate.py")
"""Commands whose results are no findings, in forms of their own."""
OF_REPORTS = re.compile(r'click\.Choice\(\["text", ("json", "junit"|.*"markdown".*)\]\)|"markdown"')
"""The choice of such a form, or what it means."""


def test_no_other_place_knows_the_name_of_a_format() -> None:
    """What a format needs of commands is a field in the list. Memos, reports, and tests have forms of their own."""
    names = "|".join(form.name for form in FORMATS if form.name != "text")
    paths = [path for folder in ("mlspec", "terminal", "terminal/commands") for path in (ROOT / folder).glob("*.py")]
    lines = [(path.name, line) for path in paths if path.name not in OWN for line in path.read_text().splitlines()]
    assert len(lines) > 1000
    assert [at for at in lines if re.search(f"['\"]({names})['\"]", at[1]) and not OF_REPORTS.search(at[1])] == []


# What they say


@EACH
def test_the_format_is_what_is_committed(form: Format, formats: SnapshotAssertion) -> None:
    assert rendered(form, REPORT) == formats(name=f"{form.name}.txt")


def test_every_file_is_of_a_format() -> None:
    assert {path.stem for path in (ROOT / "tests" / "formats").glob("*.txt")} == {form.name for form in FORMATS}


@EACH
def test_every_finding_is_told(form: Format) -> None:
    """Once, or in each spec that it was found in."""
    told = Counter(READERS[form.name](rendered(form, REPORT)))
    assert told in (Counter(one.id for one in REPORT.found), Counter(one.id for one in REPORT.ranked))


@EACH
def test_without_findings_a_format_is_valid_and_says_nothing(form: Format) -> None:
    assert READERS[form.name](rendered(form, EMPTY)) == []
    assert form.document or rendered(form, EMPTY) == ""


@EACH
def test_no_output_tells_which_machine_it_was_made_on(form: Format) -> None:
    """Unless the user typed it."""
    subjects = tuple(one for one in REPORT.subjects if not one.name.startswith("/"))
    assert "alex" not in rendered(form, REPORT.but(subjects=subjects))
    if form.document and form.name != "json":
        absolute = SourceFile(f"{HERE}/mlspec.yaml", "a: 1\n")
        found = Diagnostic(id="MLS501", severity="error", message="m", span=Span(absolute, 0, 0, 0, 1))
        told = rendered(form, REPORT.but(subjects=(Subject(name=absolute.name, found=(found,)),)))
        assert "systems/mlspec.yaml" in told
        assert form.name == "junit" or "alex" not in told


TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
FILES = st.builds(SourceFile, TEXTS.filter(lambda name: "\0" not in name), TEXTS)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Any place in any file."""
    file = draw(FILES)
    line = draw(st.integers(0, len(file.lines) - 1))
    end_line = draw(st.integers(line, len(file.lines) - 1))
    column = draw(st.integers(0, len(file.lines[line])))
    first = column if end_line == line else 0
    return Span(file, line, column, end_line, draw(st.integers(first, len(file.lines[end_line]))))


FINDINGS = st.builds(
    Diagnostic,
    id=st.sampled_from(sorted(EXPLAINED)),
    severity=st.sampled_from(["error", "warning", "info"]),
    message=TEXTS.map(lambda text: f"m{text}"),
    span=spans(),
    label=TEXTS,
    others=st.lists(st.builds(Label, span=spans(), text=TEXTS), max_size=2).map(tuple),
    note=TEXTS,
    help=TEXTS,
    environments=st.lists(TEXTS, max_size=2).map(tuple),
    fix=st.none() | st.builds(Fix, edits=st.tuples(st.builds(Edit, span=spans(), text=TEXTS)), safe=st.booleans()),
)


@EACH
@settings(max_examples=60, derandomize=True)
@given(found=st.lists(FINDINGS, max_size=3))
def test_no_text_breaks_out_of_a_format(form: Format, found: list[Diagnostic]) -> None:
    """Whatever stands in names of files, messages and sources: what reads the format reads these findings and no
    others.
    """
    report = Report(subjects=(Subject(name="s", found=tuple(found)),), here=HERE, root="/home", version="1.2.3")
    told = Counter(READERS[form.name](rendered(form, report)))
    assert told in (Counter(one.id for one in report.found), Counter(one.id for one in report.ranked))

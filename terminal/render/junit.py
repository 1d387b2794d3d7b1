"""JUnit XML: one test suite per spec, for the test reports of Jenkins, GitLab, and most other CI systems.

Each finding is a test case. Errors are failures. Warnings and infos are skipped tests, which Jenkins and GitLab show
but do not count as failures. A spec without findings is a passed test, because Jenkins rejects an empty report. GitLab
keeps one failure per test case and one test case per name, so each finding has its own case with a unique name.
Sources: jenkinsci/junit-plugin, SuiteResult.java and CaseResult.java; gitlabhq/gitlabhq,
lib/gitlab/ci/parsers/test/junit.rb and reports/test_case.rb.
"""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ...compiler.diagnostics import Diagnostic
from ...compiler.words import visible
from .report import Report, Subject
from .text import snippets

__all__ = ["render"]


def render(report: Report) -> str:
    """`testsuites` with one `testsuite` per spec, in ASCII, which works on every terminal."""
    suites = Element("testsuites", name="mlspec")
    for subject in report.subjects:
        _suite(suites, report, subject)
    for count in ("tests", "failures", "errors"):
        suites.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    indent(suites)
    made: bytes = tostring(suites, encoding="us-ascii", xml_declaration=True)
    return made.decode() + "\n"


def _suite(suites: Element, report: Report, subject: Subject) -> None:
    path = visible(report.path(subject.name))
    failures = sum(found.severity == "error" for found in subject.found)
    counts = {"tests": max(1, len(subject.found)), "failures": failures, "errors": 0}
    counts["skipped"] = len(subject.found) - failures
    suite = SubElement(suites, "testsuite", {"name": path, **{key: str(count) for key, count in counts.items()}})
    names: Counter[str] = Counter()
    for found in subject.found:
        name = visible(f"{found.id}: {found.message}")
        names[name] += 1
        _case(suite, path, name if names[name] == 1 else f"{name} ({names[name]})", found)
    if not subject.found:
        _case(suite, path, "no findings", None)


def _case(suite: Element, path: str, name: str, found: Diagnostic | None) -> None:
    """The class is the spec without its suffix, because Jenkins takes the part before the last dot for a package."""
    case = SubElement(suite, "testcase", classname=path.removesuffix(".yaml"), name=name, time="0")
    if found is not None:
        kind = "failure" if found.severity == "error" else "skipped"
        told = SubElement(case, kind, type=found.severity, message=visible(found.message))
        told.text = snippets([found])

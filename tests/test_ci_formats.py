"""What the formats of other systems promise them: limits, order, paths, and fingerprints that stay."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree

import pytest

from mlspec.compiler.check.rules import reference
from mlspec.compiler.diagnostics import Diagnostic, Severity, SourceFile, Span
from mlspec.terminal.render import github, gitlab, junit, sarif
from mlspec.terminal.render.fingerprint import fingerprints, line_hashes
from mlspec.terminal.render.report import Report, Subject

from .findings import EMPTY, REPORT
from .readers import commands, sarif_schema

FILE = SourceFile("mlspec.yaml", "".join(f"line{number}: {number}\n" for number in range(100)))


def finding(number: int, severity: Severity = "error", file: SourceFile = FILE, id_: str = "MLS501") -> Diagnostic:
    line = number % (len(file.lines) - 1)
    return Diagnostic(id=id_, severity=severity, message=f"message {number}", span=Span(file, line, 0, line, 4))


def report(*found: Diagnostic, status: int = 1) -> Report:
    subject = Subject(name="mlspec.yaml", found=found)
    return Report(subjects=(subject,), status=status, here="/r/a", root="/r", version="1.2.3")


def run(told: str) -> Any:
    [one] = json.loads(told)["runs"]
    return one


# SARIF


def test_every_rule_is_described_as_the_schema_and_github_ask() -> None:
    told = sarif.render(EMPTY)
    sarif_schema().validate(json.loads(told))
    driver = run(told)["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == list(reference.known())
    for rule in driver["rules"]:
        known = reference.everything()[rule["id"]]
        assert rule["shortDescription"]["text"] == known.title
        assert rule["fullDescription"]["text"] == known.why
        assert 0 < len(known.why) <= 1024, "longer than GitHub takes"
        assert reference.explain(rule["id"]).endswith(rule["help"]["text"])
        assert known.why in rule["help"]["markdown"]
        assert rule["help"]["markdown"].count("```") == 4
        assert not re.search(r"</?[a-z]+>", known.why), "the standard allows no HTML"
        assert rule["defaultConfiguration"]["level"] == {"info": "note"}.get(known.severity, known.severity)
        assert rule["helpUri"].endswith(f"/blob/v1.2.3/docs/reference/diagnostics.md#{rule['id'].lower()}")


def test_a_rule_is_found_by_its_index() -> None:
    one = run(sarif.render(report(finding(0, id_="MLS505"))))
    [result] = one["results"]
    assert one["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "MLS505"


def test_a_finding_of_a_plugin_needs_no_description() -> None:
    [result] = run(sarif.render(report(finding(0, id_="ACME1"))))["results"]
    assert (result["ruleId"], "ruleIndex" in result) == ("ACME1", False)


@pytest.mark.parametrize(("status", "successful"), [(0, True), (1, True), (2, False)])
def test_the_exit_status_is_there(status: int, successful: bool) -> None:
    """Findings are no failure of the tool; input that could not be read is."""
    [invocation] = run(sarif.render(report(finding(0), status=status)))["invocations"]
    assert invocation == {"executionSuccessful": successful, "exitCode": status}


def test_what_github_would_refuse_is_cut_at_the_end_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 3)
    found = [finding(0, "info"), finding(1, "warning"), finding(2), finding(3), finding(4)]
    told = sarif.render(report(*found))
    sarif_schema().validate(json.loads(told))
    assert [result["level"] for result in run(told)["results"]] == ["error", "error", "error"]
    [said] = run(told)["invocations"][0]["toolExecutionNotifications"]
    assert said["message"]["text"].startswith("The 2 least severe results are left out")
    assert "toolExecutionNotifications" not in run(sarif.render(report(*found[:3])))["invocations"][0]


def test_links_lead_to_related_locations_and_no_other_text_is_a_link() -> None:
    for result in run(sarif.render(REPORT))["results"]:
        message, *others = texts(result)
        assert links(message) == [str(location["id"]) for location in result.get("relatedLocations", ())]
        assert [link for text in others for link in links(text)] == []


def texts(data: Any) -> list[str]:
    """Every message of a result; its own is the first."""
    if isinstance(data, dict) and "insertedContent" not in data:
        own = [data["text"]] if "text" in data else []
        return [*own, *(text for value in data.values() for text in texts(value))]
    return [text for item in data for text in texts(item)] if isinstance(data, list) else []


def links(text: str) -> list[str]:
    """What viewers would follow, and what they would replace."""
    return re.findall(r"(?<!\\)\]\(([^)]*)\)", text) + re.findall(r"(?<!\{)\{[0-9]+\}", text)


def test_regions_count_code_points() -> None:
    """What the standard calls unicodeCodePoints: a viewer that counts UTF-16 knows that it must convert."""
    file = SourceFile("mlspec.yaml", "a: 🦀 x\n")
    found = Diagnostic(id="MLS501", severity="error", message="m", span=Span(file, 0, 5, 0, 6))
    one = run(sarif.render(report(found)))
    region = one["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert one["columnKind"] == "unicodeCodePoints"
    assert "a: 🦀 x"[region["startColumn"] - 1 : region["endColumn"] - 1] == "x"


# Fingerprints


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", "c129715d7a2bc9a3:1"),
        (" a\nb\n  \t\tc\n d", "271789c17abda88f:1 54703d4cd895b18:1 180aee12dab6264:1 a23a3dc5e078b07b:1"),
        (
            " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
            "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1",
        ),
        (
            "Lorem ipsum dolor sit amet.\n" * 7,
            "a7f2ff13bc495cf2:1 a7f2ff13bc495cf2:2 a7f2ff13bc495cf2:3 a7f2ff1481e87703:1 a9cf91f7bbf1862b:1",
        ),
    ],
)
def test_a_line_has_the_hash_that_github_computes(text: str, hashes: str) -> None:
    """Else its upload action warns of each alert. The values are those of codeql-action's own tests."""
    assert line_hashes(text)[:5] == hashes.split()


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\nb", "\n\n", " \t\n", "🦀\n\ud800"])
def test_every_line_that_can_be_found_has_a_hash(text: str) -> None:
    assert len(line_hashes(text)) == len(SourceFile("f", text).lines)


def moved(lines: int) -> list[str]:
    """The fingerprints of three findings, two of them on one line, below so many more lines."""
    file = SourceFile("mlspec.yaml", "# more\n" * lines + "a: 1\n  b: 2\n")
    spans = [(lines, 0), (lines + 1, 2), (lines + 1, 5)]
    found = [
        Diagnostic(id="MLS501", severity="error", message=f"{n}", span=Span(file, n, column, n, column + 1))
        for n, column in spans
    ]
    return fingerprints(report(*found), found)


def test_fingerprints_stay_when_lines_move_and_numbers_in_messages_change() -> None:
    assert moved(0) == moved(7)
    assert len(set(moved(0))) == 3


def test_fingerprints_tell_files_rules_and_lines_apart() -> None:
    other = SourceFile("other.yaml", FILE.text)
    found = [finding(1), finding(2), finding(1, file=other), finding(1, id_="MLS502"), finding(1)]
    assert len(set(fingerprints(report(), found))) == 5


def test_all_formats_that_are_followed_from_run_to_run_agree() -> None:
    results = run(sarif.render(REPORT))["results"]
    own = [result["partialFingerprints"]["mlspecFinding/v1"] for result in results]
    assert own == [one["fingerprint"] for one in json.loads(gitlab.render(REPORT))]


# GitHub's annotations


def kinds(*found: Diagnostic) -> list[str]:
    return [command.name for command in commands(github.render(report(*found)))]


def test_the_worst_come_first() -> None:
    """Of those that are too many it is the first ten that are shown."""
    assert kinds(finding(0, "info"), finding(1, "warning"), finding(2)) == ["error", "warning", "notice"]


@pytest.mark.parametrize(
    ("errors", "warnings", "infos", "said"),
    [
        (10, 10, 10, None),
        (11, 0, 0, "1 error"),
        (25, 12, 3, "15 errors and 2 warnings"),
        (0, 0, 11, "2 notices"),
        (11, 0, 10, "1 error and 1 notice"),
    ],
)
def test_what_is_in_the_log_only_is_said(errors: int, warnings: int, infos: int, said: str | None) -> None:
    """The notice that says it is among the ten notices that are shown, and takes the place of one."""
    counts: dict[Severity, int] = {"error": errors, "warning": warnings, "info": infos}
    severities = [severity for severity, count in counts.items() for _ in range(count)]
    found = [finding(number, severity) for number, severity in enumerate(severities)]
    told = commands(github.render(report(*found)))
    summaries = [command for command in told if command.properties["title"] == "mlspec"]
    assert len(told) == len(found) + len(summaries), "the log has all of them"
    what = f"only in the log: {said}; GitHub shows 10 annotations of each kind per step"
    assert [summary.data for summary in summaries] == ([what] if said else [])
    notices = [command for command in told if command.name == "notice"]
    assert not summaries or notices[0] is summaries[0]
    shown = Counter(command.name for command in told)
    hidden = sum(max(0, count - github.SHOWN) for count in shown.values())
    assert hidden == sum(int(count) for count in re.findall(r"\d+", said or ""))


def test_columns_are_for_one_line_and_lines_for_files_that_could_be_read() -> None:
    """The checks API refuses columns of an annotation on several lines."""
    told = {command.properties["title"]: command.properties for command in commands(github.render(REPORT))}
    assert {"col", "endColumn"} & set(told["MLS013"]) == set()
    assert (told["MLS013"]["line"], told["MLS013"]["endLine"]) == ("8", "9")
    assert (told["MLS006"]["col"], told["MLS006"]["endColumn"]) == ("29", "32")
    assert set(told["MLS002"]) == {"file", "title"}


def test_a_file_outside_of_the_repository_is_named_in_the_message() -> None:
    """No annotation can stand there."""
    outside = SourceFile("../../elsewhere/mlspec.platform.yaml", "a: 1\n")
    [command] = commands(github.render(report(finding(0, file=outside))))
    assert command.properties == {"title": "MLS501"}
    assert command.data == "../../elsewhere/mlspec.platform.yaml:1:1: message 0"


# GitLab and JUnit


def test_severities_of_gitlab() -> None:
    told = json.loads(gitlab.render(report(finding(0), finding(1, "warning"), finding(2, "info"))))
    assert [one["severity"] for one in told] == ["critical", "major", "info"]
    assert told[0]["location"] == {"path": "a/mlspec.yaml", "lines": {"begin": 1}}


def test_only_errors_fail_a_test_case() -> None:
    """As they alone fail the run."""
    root = ElementTree.fromstring(junit.render(report(finding(0), finding(1, "warning"), finding(2, "info"))))
    assert [child.tag for case in root.iter("testcase") for child in case] == ["failure", "skipped", "skipped"]
    assert root.find("testsuite/testcase").get("classname") == "a/mlspec"  # type: ignore[union-attr]


def test_a_clean_spec_is_a_test_that_passes() -> None:
    [case] = ElementTree.fromstring(junit.render(report())).iter("testcase")
    assert (case.get("name"), len(case)) == ("no findings", 0)

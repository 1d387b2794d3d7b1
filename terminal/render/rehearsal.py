"""Rehearsals as text, JSON, and JUnit XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json import dumps
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ...compiler.plan.choose import count
from ...compiler.rehearse.cases import EVERY
from ...compiler.rehearse.own import Played
from ...compiler.rehearse.replay import Ended
from ...compiler.rehearse.report import MutantsTested, Rehearsal, RolloutScene, RolloutTested
from ...compiler.words import visible

__all__ = ["json", "junit", "played", "played_json", "text"]

UNKNOWN = "no series is known that only its query selects"

QUERIED = "the query is the author's own; play series with --series"


def text(found: Iterable[Rehearsal]) -> str:
    """Tables for a terminal: what failed follows each table."""
    return "\n".join(line for one in found for line in _rehearsal(one))


def _rehearsal(one: Rehearsal) -> Iterator[str]:
    yield f"in {one.environment}:"
    yield f"  {'alert':<28}  {'fires':>7}  {'silent':>7}"
    for tested in one.alerts:
        fires, silent = (_of(tested.count(fires=each)) for each in (True, False))
        yield f"  {tested.alert:<28}  {fires:>7}  {silent:>7}"
        for scene in tested.scenes:
            if not scene.passed:
                yield f"    failed: {scene.name}"
                yield from (f"      {line}" for line in scene.said.splitlines())
    yield from (f"  {alert:<28}  not tested: {UNKNOWN}" for alert in one.untested)
    yield from (f"  {alert:<28}  not tested: {QUERIED}" for alert in one.queried)
    for rollout in one.rollouts:
        yield from _rollout(rollout)
    for mutants in one.mutants:
        yield from _mutants(mutants)
    yield f"  {_summary(one)}"


def _of(counted: tuple[int, int]) -> str:
    passed, every = counted
    return f"{passed}/{every}" if every else "-"


def _rollout(rollout: RolloutTested) -> Iterator[str]:
    yield ""
    if rollout.why:
        yield f"  rollout of {rollout.service}: not replayed, because {rollout.why}"
        return
    yield f"  {'rollout of ' + rollout.service:<44}  {'expected':<11}  result"
    for scene in rollout.scenes:
        mark = "" if scene.passed else "  FAILED"
        yield f"  {scene.name:<44}  {scene.expected:<11}  {_ended(scene.ended)}{mark}"


def _ended(ended: Ended) -> str:
    after = f"after {_minutes(ended.seconds)}"
    return f"{ended.verdict} {after}" + (f", in step {ended.step}, by {ended.by}" if ended.by else "")


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds // 60} min {seconds % 60} s"


def _mutants(mutants: MutantsTested) -> Iterator[str]:
    every = mutants.killed + len(mutants.survivors)
    yield f"  faults: {mutants.operator:<22} {mutants.killed} of {every} found"
    yield from (f"    not found: {where}" for where in mutants.survivors)


def _summary(one: Rehearsal) -> str:
    scenes = [scene.passed for tested in one.alerts for scene in tested.scenes]
    alerts = sum(tested.alert != EVERY for tested in one.alerts) + len(one.untested) + len(one.queried)
    played = [scene.passed for rollout in one.rollouts for scene in rollout.scenes]
    said = f"{count(alerts, 'alert')}: {sum(scenes)} of {count(len(scenes), 'scene')} passed"
    return said + (f"; rollouts: {sum(played)} of {count(len(played), 'scene')} passed" if played else "")


def json(found: Iterable[Rehearsal]) -> str:
    """The same as one document."""
    return dumps({"environments": [_body(one) for one in found]}, indent=2, ensure_ascii=False) + "\n"


def _body(one: Rehearsal) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "passed": one.passed,
        "alerts": [
            {
                "alert": tested.alert,
                "rules": tested.service,
                "scenes": [
                    {"name": scene.name, "fires": scene.fires, "passed": scene.passed, "said": scene.said}
                    for scene in tested.scenes
                ],
            }
            for tested in one.alerts
        ],
        "untested": list(one.untested),
        "queried": list(one.queried),
        "rollouts": [
            {"service": rollout.service, "notReplayed": rollout.why, "scenes": [_scene(s) for s in rollout.scenes]}
            for rollout in one.rollouts
        ],
        "faults": [
            {"kind": each.operator, "found": each.killed, "notFound": list(each.survivors)} for each in one.mutants
        ],
    }


def _scene(scene: RolloutScene) -> dict[str, Any]:
    ended = scene.ended
    return {
        "name": scene.name,
        "expected": scene.expected,
        "verdict": ended.verdict,
        "step": ended.step,
        "by": ended.by,
        "seconds": ended.seconds,
        "passed": scene.passed,
    }


def junit(found: Iterable[Rehearsal]) -> str:
    """One suite for each environment, and one case for each scene."""
    suites = Element("testsuites", name="mlspec test")
    for one in found:
        suite = SubElement(suites, "testsuite", name=one.environment)
        for tested in one.alerts:
            for scene in tested.scenes:
                _case(suite, tested.alert, scene.name, "" if scene.passed else scene.said)
        for alert in one.untested:
            _case(suite, alert, "not tested", UNKNOWN)
        for alert in one.queried:
            SubElement(_case(suite, alert, "not tested", ""), "skipped", message=QUERIED)
        for rollout in one.rollouts:
            for played in rollout.scenes:
                wrong = "" if played.passed else f"expected {played.expected}, but {_ended(played.ended)}"
                _case(suite, f"rollout of {rollout.service}", played.name, wrong)
        for key, value in (("tests", len(suite)), ("failures", len(suite.findall("*/failure"))), ("errors", 0)):
            suite.set(key, str(value))
    indent(suites)
    made: bytes = tostring(suites, encoding="us-ascii", xml_declaration=True)
    return made.decode() + "\n"


def _case(suite: Element, of: str, name: str, wrong: str) -> Element:
    case = SubElement(suite, "testcase", classname=f"{suite.get('name')}.{visible(of)}", name=visible(name), time="0")
    if wrong:
        SubElement(case, "failure", message=visible(wrong.splitlines()[0])).text = visible(wrong)
    return case


def played(found: Iterable[Played]) -> str:
    """What series do, for a terminal."""
    return "\n".join(line for one in found for line in _played_in(one))


def _played_in(one: Played) -> Iterator[str]:
    yield f"in {one.environment}, {count(one.minutes, 'minute')}:"
    for ring in one.rings:
        yield f"  {ring.alert:<28}  {ring.severity:<6}  fires from minute {ring.first} to minute {ring.last}"
    if not one.rings:
        yield "  no alert fires"
    yield from (f"  rollout of {service}: {_ended(ended)}" for service, ended in one.rollouts)


def played_json(found: Iterable[Played]) -> str:
    """The same as one document."""
    made = [
        {
            "environment": one.environment,
            "minutes": one.minutes,
            "alerts": [
                {"alert": ring.alert, "severity": ring.severity, "first": ring.first, "last": ring.last}
                for ring in one.rings
            ],
            "rollouts": [
                {
                    "service": service,
                    "verdict": ended.verdict,
                    "step": ended.step,
                    "by": ended.by,
                    "seconds": ended.seconds,
                }
                for service, ended in one.rollouts
            ],
        }
        for one in found
    ]
    return dumps({"environments": made}, indent=2, ensure_ascii=False) + "\n"

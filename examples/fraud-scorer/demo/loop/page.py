"""The page: what happened in each story, in pictures and words. One file, without scripts and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlspec.terminal.render.page import Html, joined, table, tag

from .chart import Band, Line, Picture
from .stands import STANDS
from .style import STYLE

__all__ = ["html"]

Result = dict[str, Any]

LIMIT = 0.2
"""The distance from which on a column drifts, as in the spec."""

KINDS = {
    "world": "world", "fix": "good", "alert": "alert", "diagnosis": "diagnosis", "request": "request",
    "training": "training", "gate": "training", "commit": "commit", "canary": "commit", "live": "good",
}  # fmt: skip
"""The class of each kind of event. Others, such as the steps of a run, have no mark of their own."""

COLUMNS = ("amount", "country", "tx_count_1h", "account_days", "distance_km", "hour")


def html(result: Result) -> str:
    """The whole page, which is also well-formed XML."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "The closed loop on one machine"),
        tag("style", Html(STYLE)),
    )
    body = [_top(result), *(_story(result, story) for story in result["stories"]), _stands(result)]
    page = tag("html", tag("head", *head), tag("body", tag("main", *body)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _top(result: Result) -> Html:
    asked, failed = result["payments"]["asked"], result["payments"]["failed"]
    lead = (
        f"{asked:,} payments were scored in {result['seconds']:.0f} seconds, with {failed:,} failures. "
        f"A day of the system takes {result['day']:g} seconds."
    )
    cards = [
        tag(
            "a",
            tag("span", f"Story {story['number']}", class_="faint"),
            tag("strong", story["title"]),
            tag("span", story["verdict"]),
            _badge(story["holds"]),
            href=f"#story-{story['number']}",
            class_="card",
        )
        for story in result["stories"]
    ]
    return tag(
        "header",
        tag("h1", "The closed loop on one machine"),
        tag("p", "If a model gets worse, mlspec does not train at once. It diagnoses first. Here, the whole loop runs "
                 "four times over, on payments that turn out to be fraud or not."),
        tag("p", lead, class_="faint"),
        tag("nav", *cards, class_="cards"),
    )  # fmt: skip


def _badge(holds: bool) -> Html:
    return tag("span", "as told" if holds else "not as told", class_=f"badge {'good' if holds else 'bad'}")


def _story(result: Result, story: dict[str, Any]) -> Html:
    events = [one for one in result["events"] if one["story"] == story["number"] and one["kind"] in KINDS]
    return tag(
        "section",
        tag("h2", f"{story['number']}. {story['title']} ", _badge(story["holds"])),
        tag("p", story["told"]),
        tag("figure", _picture(result, story, events), _keys(story["number"])),
        tag("ol", *map(_event, events), class_="events"),
        tag("h3", "Checked"),
        tag("ul", *map(_check, story["checks"]), class_="checks"),
        id=f"story-{story['number']}",
    )  # fmt: skip


def _picture(result: Result, story: dict[str, Any], events: list[dict[str, Any]]) -> Html:
    begin, end = story["begin"], story["end"]
    picture = Picture(begin, end)
    if events:
        picture.marks([one["day"] for one in events], [KINDS[one["kind"]] for one in events])
    if story["number"] == 4:
        return _of_a_run(result, picture)
    for name, spans in sorted(result["alerts"].items()):
        if any(first < end and last > begin for first, last in spans):
            picture.bars(name, [(first, last, "alert") for first, last in spans])
    if story["number"] == 3 and result["runs"]:
        picture.bars("training run", _steps(result["runs"][0]))
    picture.panel("distance of each input\nfrom training (PSI)", [*_drift(result), _limit(begin, end, LIMIT)],
                  0.001, 10.0, logarithmic=True)  # fmt: skip
    if story["number"] == 2:
        picture.panel("share of payments that\nviolate an expectation", [_violations(result)], 0.0, 1.0)
    lines, bands = _quality(result)
    picture.panel("ROC AUC: measured,\nand estimated before\nlabels arrive", lines, 0.4, 1.0, bands)
    return picture.drawn(f"What happened in the story: {story['title']}")


def _of_a_run(result: Result, picture: Picture) -> Html:
    for step in result["runs"][-1]["steps"]:
        picture.bars(step["name"], [(step["began"], step["ended"], "training" if step["status"] == 0 else "alert")])
    return picture.drawn("The steps of the run")


def _steps(run: dict[str, Any]) -> list[tuple[float, float, str]]:
    return [
        (step["began"], step["ended"] - 0.01, "training" if number % 2 else "training light")
        for number, step in enumerate(run["steps"])
    ]


def _points(result: Result, name: str, **labels: str) -> Iterator[tuple[float, float]]:
    """The values of a series by day; without a segment, those of all rows."""
    for one in result["measured"]:
        for series in one["series"]:
            own = series["labels"]
            if series["name"] == name and labels.items() <= own.items() and not own.get("segment"):
                yield one["day"], series["value"]


def _drift(result: Result) -> list[Line]:
    return [
        Line(column, [*_points(result, "mlspec_drift_distance", column=column)], f"c{number}")
        for number, column in enumerate(COLUMNS)
    ]


def _limit(begin: float, end: float, value: float) -> Line:
    return Line("limit", [(begin, value), (end, value)], "limit", dots=False)


def _violations(result: Result) -> Line:
    return Line("amount", [*_points(result, "mlspec_data_violation_ratio", column="amount")], "c0")


def _quality(result: Result) -> tuple[list[Line], list[Band]]:
    low, high = (dict(_points(result, f"mlspec_quality_{end}", role="live")) for end in ("low", "high"))
    measured = [*_points(result, "mlspec_quality", role="live")]
    band = Band([(day, low[day], high[day]) for day, _ in measured if day in low and day in high], "band")
    lines = [
        Line("estimated", [*_points(result, "mlspec_quality_estimate")], "estimate"),
        Line("measured", measured, "measured"),
    ]
    return lines, [band]


def _keys(number: int) -> Html:
    if number == 4:
        return tag("figcaption", "The steps of the run, as containers of one pod run them.")
    names = [tag("span", column, class_=f"key c{place}") for place, column in enumerate(COLUMNS)]
    others = {"limit": "limit of drift", "measured": "measured quality, with its 95% interval", "estimate": "estimate"}
    names += [tag("span", words, class_=f"key {kind}") for kind, words in others.items()]
    said = "A value is drawn when it is known. The measured quality is that of the payments of the day before."
    return tag("figcaption", tag("span", *names, class_="keys"), said)


def _event(event: dict[str, Any]) -> Html:
    more = event.get("why") or "; ".join(event.get("evidence", [])[:3])
    files = event.get("files")
    if files is not None:
        more = f"{len(files)} files: {', '.join(files[:4])}, and more"
    return tag(
        "li",
        tag("span", f"day {event['day']:.1f}", class_="when"),
        tag("span", event["kind"], class_=f"kind {KINDS[event['kind']]}"),
        tag("span", event["text"], *([tag("small", more)] if more else []), class_="what"),
    )


def _check(check: dict[str, Any]) -> Html:
    found = [tag("small", check["found"])] if check.get("found") else []
    return tag("li", check["says"], *found, class_="good" if check["holds"] else "bad")


def _stands(result: Result) -> Html:
    day = f"Here, a day takes {result['day']:g} seconds: durations are divided by {86_400 / result['day']:,.0f}."
    rows = [(name, joined(_coded(what))) for name, what in STANDS.items()]
    return tag(
        "section",
        tag("h2", "What is real, and what stands in for what"),
        table(("part", "what it is here"), rows),
        tag("p", day, class_="faint"),
    )


def _coded(text: str) -> Iterator[str]:
    """Words in backticks as code."""
    for number, part in enumerate(text.split("`")):
        yield tag("code", part) if number % 2 else part

"""Folders that several services or environments write: one silently replaces what the others wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .batch import compiled, spec

BATCH = spec()["serving"]


def shared(folder: Path, made: dict[str, Any]) -> list[tuple[str, str]]:
    """The messages and the helps of the folders that are shared."""
    found = [one for one in compiled(folder, made).found if one.id == "MLS754"]
    return [(one.message, one.help) for one in found]


def two(mine: str, other: str) -> dict[str, Any]:
    """Two environments with these outputs."""
    output = {"serving": {"mode": "batch", "output": {"uri": other}}}
    return spec(serving__output__uri=mine, environments={"dev": {"namespace": "dev"}, "live": {"spec": output}})


@pytest.mark.parametrize(
    ("mine", "other", "help_"),
    [
        ("s3://a/out/{date}/", "s3://a/out/{date}/", "s3://a/out-live/{date}/"),
        ("s3://a/out/{date}/", "s3://a/out/{date}", "s3://a/out-live/{date}"),
        ("s3://a/{date}/", "s3://a/{date}/", "s3://a/live/{date}/"),  # there is nothing next to a bucket
        ("s3://a/{date}/out/", "s3://a/{date}/out/x/", "s3://a/live/{date}/out/x/"),
        ("s3://a/out", "s3://a/out/", "s3://a/out-live/"),
        ("s3://a/out/", "s3://a/out/{date}/", "s3://a/out-live/{date}/"),
        ("s3://a/out/{date}/", "s3://a/out/", "s3://a/out-live/"),
        ("s3://a/out/{date}/", "s3://a/out/{date}/live/", "s3://a/out-live/{date}/live/"),
        ("s3://a/out/{date}/", "s3://a/out/live/{date}/", None),  # no date has this name
        ("s3://a/out/{date}/", "s3://a/output/{date}/", None),
        ("s3://a/out/{date}/", "s3://b/out/{date}/", None),
        ("s3://a/out/{date}-dev/", "s3://a/out/{date}-live/", None),
    ],
)
def test_the_scores_of_a_test_replace_those_of_production(
    mine: str, other: str, help_: str | None, tmp_path: Path
) -> None:
    found = shared(tmp_path, two(mine, other))
    quoted = f'"{help_}"' if "{" in str(help_) else help_  # a brace ends a mapping in braces
    told = f"write `uri: {quoted}` under `serving.output` of the environment `live`"
    assert [one for _, one in found] == ([told] if help_ is not None else [])
    if help_ is not None:
        assert shared(tmp_path, two(mine, help_)) == []


def test_an_environment_that_serves_nothing_writes_nothing(tmp_path: Path) -> None:
    made = spec(environments={"dev": {"runs": ["monitoring"], "namespace": "dev"}, "live": {}})
    assert shared(tmp_path, made) == []


def services(**outputs: str) -> dict[str, Any]:
    made: dict[str, Any] = spec(serving=None)
    made["services"] = {name: {**BATCH, "output": {"uri": uri}} for name, uri in outputs.items()}
    return made


def test_two_services_of_two_environments_are_apart_once_every_help_is_obeyed(tmp_path: Path) -> None:
    uri = "s3://shop/out/{date}/"
    made = services(a=uri, b=uri) | {"environments": {"dev": {"namespace": "dev"}, "live": {}}}
    found = shared(tmp_path, made)
    assert sorted(message for message, _ in found) == [
        f"`a` and `b` both write their scores to `{uri}`",
        f"`dev` and `live` both write their scores to `{uri}`",
        f"`dev` and `live` both write their scores to `{uri}`",
    ]
    assert sorted(re.findall(r'`uri: "(\S+)"`', "\n".join(help_ for _, help_ in found))) == [
        "s3://shop/out-b-live/{date}/",
        "s3://shop/out-b/{date}/",
        "s3://shop/out-live/{date}/",
    ]
    made = services(a=uri, b="s3://shop/out-b/{date}/")
    live = {
        name: {"mode": "batch", "output": {"uri": f"s3://shop/{folder}/{{date}}/"}}
        for name, folder in (("a", "out-live"), ("b", "out-b-live"))
    }
    made["environments"] = {"dev": {"namespace": "dev"}, "live": {"spec": {"services": live}}}
    assert shared(tmp_path, made) == []


def test_the_only_service_of_a_system_may_have_a_name(tmp_path: Path) -> None:
    made = services(nightly="s3://shop/out/") | {"environments": {"dev": {"namespace": "dev"}, "live": {}}}
    [(_, help_)] = shared(tmp_path, made)
    assert help_ == "write `uri: s3://shop/out-live/` under `services.nightly.output` of the environment `live`"

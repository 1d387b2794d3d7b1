"""What `make golden` says about a change."""

from __future__ import annotations

from .golden import changes

POD = "spec:\n  containers:\n  - name: a\n    image: {image}\n{more}"


def test_places_are_counted_once_a_file() -> None:
    before = {name: POD.format(image="x", more="") for name in ("a.yaml", "b.yaml")}
    after = {name: POD.format(image="x", more="  hostUsers: false\n") for name in before}
    assert changes(before, after) == ["+ spec.hostUsers in 2 files"]


def test_a_value_that_changed_is_named_with_its_file() -> None:
    before, after = {"a.yaml": POD.format(image="x", more="")}, {"a.yaml": POD.format(image="y", more="")}
    assert changes(before, after) == ["~ spec.containers[].image in a.yaml"]


def test_files_that_come_and_go_are_named() -> None:
    assert changes({"a.yaml": "a: 1\n"}, {"b.yaml": "a: 1\n"}) == ["- a.yaml", "+ b.yaml"]


def test_a_comment_is_not_passed_over() -> None:
    assert changes({"a.yaml": "a: 1\n"}, {"a.yaml": "# why\na: 1\n"}) == ["~ comments or order in a.yaml"]

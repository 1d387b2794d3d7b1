"""The traps of nothing: `[]` where a list that is not there means everything or what mlspec chooses, and no items."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.schema.introspect import ObjectType, describe
from mlspec.schema.models import MLSystem, PlatformFile, ReleaseFile

from .online import refused

LANGUAGE = describe(MLSystem, PlatformFile, ReleaseFile)
SAME = {
    "command": "for Kubernetes, a container without words of its own runs those of its image",
    "args": "the same",
}
"""Lists that may be empty although their description says what an omitted list means, with the reason."""


def test_trap_a_list_means_the_opposite_of_what_it_says() -> None:
    """No allowed registry would mean that all are allowed, and no stage, a canary."""
    objects = [one for one in LANGUAGE.types.values() if isinstance(one, ObjectType)]
    fields = [(f"{one.name}.{field.key}", field) for one in objects for field in one.fields]
    described = [(name, field) for name, field in fields if field.kind.name == "list" and "If omitted" in field.doc]
    assert len(described) > len(SAME)
    assert [name for name, field in described if field.kind.least == 0 and field.key not in SAME] == []


@pytest.mark.parametrize("path", ["rollout.stages", "monitoring.slo.burn", "serving.endpoint.hosts"])
def test_trap_an_empty_list_was_the_default(tmp_path: Path, path: str) -> None:
    found = refused(tmp_path, "triton", **{path.replace(".", "__"): []})
    assert found == [f"MLS011: `{path.rpartition('.')[2]}` has no values"]


AMOUNTS = ("BatchConstraints.items", "Constraints.items", "Knowledge.tokens", "KnownInputs.count", "Training.tokens")


@pytest.mark.parametrize("name", AMOUNTS)
def test_trap_no_items_at_all_were_an_amount(name: str) -> None:
    """Nothing was planned for them, and no rule said that nothing would happen."""
    kind, _, key = name.partition(".")
    made = LANGUAGE.types[kind]
    assert isinstance(made, ObjectType)
    (field,) = [one for one in made.fields if one.key == key]
    assert field.kind.scalar == "positive-count"


def test_trap_a_run_of_no_items_was_accepted(tmp_path: Path) -> None:
    found = refused(tmp_path, "triton", constraints__items=0)
    assert [one.partition(":")[0] for one in found] == ["MLS006"]

"""Code of a user of mlspec, for type checkers: `Any` in the place of any of these types is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import mlspec
from mlspec import Diagnostic, NotFoundError
from mlspec.plugin import Because, MLSystem, Plan, language


def places(spec: mlspec.StrPath) -> list[str]:
    """Where something is wrong."""
    found = mlspec.lint(spec, environments=["production"])
    assert_type(found, tuple[Diagnostic, ...])
    return [f"{one.span.file.name}:{one.span.line}" for one in found if one.severity == "error"]


def kinds(text: str, path: Path) -> set[str]:
    """The kinds of all objects."""
    result = mlspec.compile(mlspec.load(path, text=text))
    assert_type(result.bundles, dict[str, mlspec.Bundle])
    assert_type(result.bundles["production"].find("Rollout", "a"), dict[str, Any])
    return {str(body["kind"]) for bundle in result.bundles.values() for body in bundle.objects}


def choices(result: mlspec.Result) -> tuple[str, ...]:
    """What a question could have been about."""
    try:
        assert_type(mlspec.explain(result, "Rollout/a:spec"), dict[str, mlspec.Reason])
    except NotFoundError as error:
        return assert_type(error.choices, tuple[str, ...])
    return ()


def least(system: MLSystem, plan: Plan) -> Because[int]:
    """A decision, as a plugin reads it."""
    assert_type(system.services["a"], language.Service)
    return plan.online["a"].min_replicas


def misused() -> None:
    """What a type checker is there to find."""
    mlspec.compile(3)  # type: ignore[arg-type]
    mlspec.Foreign  # type: ignore[attr-defined]  # noqa: B018
    mlspec.compile("mlspec.yaml").compiled  # type: ignore[attr-defined]  # noqa: B018

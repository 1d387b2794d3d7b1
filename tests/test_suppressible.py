"""Which findings a comment in a spec may suppress is the platform's decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import MINIMAL, compile_text, ids

PLAIN = "    uri: http://models.example.com/x.onnx  # mlspec: ignore[MLS902] moves to https next year"


def found(tmp_path: Path, policies: str) -> list[str]:
    lines = [PLAIN if line.strip().startswith("uri:") else line for line in MINIMAL.splitlines()]
    platform = f"apiVersion: mlspec/v1\nkind: Platform\nplatform: {{policies: {{{policies}}}}}\n"
    return ids(compile_text(tmp_path, "\n".join(lines) + "\n", platform=platform))


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ("", []),
        ("severity: {MLS902: warning}", []),
        ("severity: {MLS902: error}", ["MLS902", "MLS039"]),
        ("severity: {MLS9: error}", ["MLS902", "MLS039"]),
        ("severity: {MLS9: error, MLS902: warning}", []),  # the longest match wins
        ("severity: {MLS9: error}, suppressible: [MLS902]", []),
        ("suppressible: [MLS5]", ["MLS902", "MLS039"]),
        ("suppressible: [MLS5, MLS9]", []),
    ],
)
def test_a_rule_that_the_platform_relies_on_cannot_be_silenced(
    policies: str, expected: list[str], tmp_path: Path
) -> None:
    """Otherwise the author of a spec decides which of the organization's rules apply to it."""
    assert sorted(found(tmp_path, policies)) == sorted(expected)

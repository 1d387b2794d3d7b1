"""The traps of incomplete output: a GitOps tool deletes from the cluster whatever disappears from it.

So no part may be missing without an error, whatever a spec leaves empty, and whatever turns off the error.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.because import Unavailable
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.emit.artifact import Artifact, Target
from mlspec.compiler.errors import CompileError
from mlspec.compiler.pipeline import compile_system
from mlspec.targets.registry import BACKENDS
from mlspec.terminal.write import rendered

from .support import MINIMAL, compile_text, files, ids, minimal, run

PLATFORM = """
apiVersion: mlspec/v1
kind: Platform
metadata: {name: example, owner: platform}
platform:
  gateway: {name: internal, namespace: gateways, provider: istio}
  runtimes: {triton: {startup: {load: 30s}}}
"""

EMPTY = [
    ("platform: {}", "platform"),
    ("platform: {{runtimes: {}}}", "runtimes"),
    ("platform: {{providers: {}}}", "providers"),
    ("platform: {{providers: {{rollout: {}}}}}", "rollout"),
    ("platform: {{accelerators: {}}}", None),
]


@pytest.mark.parametrize("null", ["", "~", "null"])
@pytest.mark.parametrize("platform", [None, PLATFORM], ids=["alone", "with a platform file"])
@pytest.mark.parametrize("place", ["{}", "environments: {{production: {{spec: {{{}}}}}}}"], ids=["spec", "overlay"])
@pytest.mark.parametrize(("section", "name"), EMPTY)
def test_trap_an_unfinished_line_deletes_the_service(
    section: str, name: str | None, place: str, platform: str | None, null: str, tmp_path: Path
) -> None:
    line = place.format(section.format(null or " "))
    result = compile_text(tmp_path, f"{MINIMAL}\n{line}\n", platform=platform)
    assert "MLS011" in ids(result)
    if name is not None:
        assert any(found.message == f"`{name}` has no value" for found in result.diagnostics)


@pytest.mark.parametrize("setting", ["platform=", "platform.runtimes=", "platform.runtimes.triton="])
def test_trap_an_empty_setting_deletes_the_service(setting: str, tmp_path: Path) -> None:
    assert ids(compile_text(tmp_path, settings=(setting,))) == ["MLS011"]


def test_null_at_an_entry_removes_what_the_platform_changed_and_the_catalogs_entry_stays(tmp_path: Path) -> None:
    changed = PLATFORM.replace("startup: {load: 30s}", "image: registry.example.com/triton:26.07")
    theirs = compile_text(tmp_path, platform=changed)
    back = compile_text(tmp_path, platform=changed, settings=("platform.runtimes.triton=",))
    assert theirs.ok
    assert back.ok
    assert "registry.example.com/triton:26.07" in files(theirs)["default/serving/rollout.yaml"]
    assert "registry.example.com/triton:26.07" not in files(back)["default/serving/rollout.yaml"]
    assert list(files(back)) == list(files(theirs))


def test_trap_a_comment_turns_off_an_error_and_the_objects_that_it_refused_are_missing(tmp_path: Path) -> None:
    comment = "  # mlspec: ignore[MLS501] measured elsewhere"
    text = minimal(serving={"mode": "online", "runtime": "mlserver", "serviceTime": {"mean": "2ms"}})
    text = text.replace("format: onnx", "format: sklearn").replace("p99: 100ms", f"p99: 200ms{comment}")
    assert "200ms" in text
    result = compile_text(tmp_path, text)
    assert [found.id for found in result.diagnostics if found.severity == "error"] == ["MLS037"]
    assert files(result) == {}
    ran = run("compile", tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert not (tmp_path / "out").exists()


def test_trap_a_target_that_fails_silently_deletes_its_objects(tmp_path: Path) -> None:
    """A fault of a target, such as one that reads a value that is not there, is an error like any other."""

    def piece() -> list[Artifact]:
        raise Unavailable("services.digit-reader.container")

    target = Target(name="faulty", summary="Fails.", emit=lambda _, __: [piece])
    input_ = compile_text(tmp_path)._compiled.input
    made = compile_system(input_, BACKENDS.also([target]), RULES)
    [found] = made.found
    assert (found.id, found.severity) == ("MLS037", "error")
    assert "the target `faulty`" in found.message
    assert "`services.digit-reader.container`" in found.message
    assert found.span.file.text
    with pytest.raises(CompileError, match="incomplete"):
        rendered(made.environments[0].bundle)

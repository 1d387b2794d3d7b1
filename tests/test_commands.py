"""What users expect from every command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mlspec.cli import cli

from .support import ROOT, minimal, run


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    path = tmp_path / "mlspec.yaml"
    path.write_text(minimal())
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir(exist_ok=True)
    path = tmp_path / "wrong.mlspec.yaml"
    path.write_text(minimal(metadata__name="another", constraints__availability=99.5))
    return path


BAD_INPUT = {
    "empty": b"",
    "binary": bytes(range(256)),
    "a-list": b"- a\n- b\n",
    "a-scalar": b"hello\n",
    "not-utf-8": "metadata: {name: é}".encode("latin-1"),
    "utf-16": "metadata: {}".encode("utf-16"),
    "unclosed": b"a: {b: [c\n",
    "tabs": b"a:\n\tb: c\n",
    "two-documents": b"a: 1\n---\nb: 2\n",
    "deep": b"a: " + b"[" * 10_000 + b"]" * 10_000,
    "a-bomb": b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9) or b"x") for n in range(20)),
    "a-loop": b"a: &a [*a]\n",
    "tags": b"a: !!python/object/apply:os.system [ls]\n",
    "wrong-kinds": b"apiVersion: mlspec/v1\nkind: MLSystem\nmetadata: []\nproblem: 3\nmodel: [1]\nserving: no\n",
    "another-kind": b"apiVersion: apps/v1\nkind: Deployment\n",
    "merge-keys": b"<<: {a: 1}\nb: 2\n",
    "long-line": b"a: " + b"x" * 900_000 + b"\n",
    "too-large": b"#" * (2 << 20),
}


@pytest.mark.parametrize("command", ["compile", "check", "lint", "explain"])
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_of_any_kind_gives_a_diagnostic(tmp_path: Path, name: str, command: str) -> None:
    """There is never a traceback, and never silence: `run` raises any exception."""
    (tmp_path / ".git").mkdir()
    path = tmp_path / "mlspec.yaml"
    path.write_bytes(BAD_INPUT[name])
    ran = run(command, path)
    assert ran.status in (1, 2)
    assert "error[MLS0" in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["compile", "check", "lint", "explain"])
def test_a_missing_file_is_wrong_usage(tmp_path: Path, command: str) -> None:
    assert run(command, tmp_path / "nothing.yaml").status == 2
    assert run(command, tmp_path).status == 2
    assert run(command, str(tmp_path / "*.nothing")).status == 2
    assert run(command).status == 2
    assert run(command, "--no-such-option").status == 2


def test_a_folder_of_folders_asks_for_one_with_a_spec(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "help: name a folder with a `mlspec.yaml`, or create one there" in run("lint", tmp_path).err
    assert "help: name one of those, or all with" in run("lint", ROOT / "examples").err


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "mlspec.yaml"
    path.symlink_to(path)
    assert run("lint", path).status == 2


def test_a_clean_spec_is_0_a_wrong_one_1(spec: Path, wrong: Path) -> None:
    assert run("lint", spec).status == 0
    assert run("lint", wrong).status == 1
    assert run("compile", wrong).status == 1
    assert not (wrong.parent / "out").exists()


def test_one_wrong_spec_does_not_stop_the_others(spec: Path, wrong: Path, tmp_path: Path) -> None:
    ran = run("compile", spec, wrong, "-o", tmp_path / "all")
    assert ran.status == 1
    assert (tmp_path / "all" / "digit-reader" / "default" / "kustomization.yaml").exists()


def test_two_specs_cannot_write_one_folder(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "same.mlspec.yaml").write_text(spec.read_text())
    ran = run("compile", tmp_path, "-o", tmp_path / "all")
    assert ran.status == 2
    assert "both write to" in ran.err


def test_an_environment_that_does_not_exist_is_wrong_usage(spec: Path) -> None:
    ran = run("compile", spec, "--env", "production")
    assert ran.status == 2
    assert "choose `default`" in ran.err


def test_a_spec_from_standard_input_is_streamed(spec: Path) -> None:
    ran = run("compile", "-", "--stdout", stdin=spec.read_text())
    assert ran.status == 0
    assert ran.out.startswith("---\n")
    assert "kind: Rollout\n" in ran.out
    assert "kind: Kustomization" not in ran.out


def test_results_and_findings_do_not_mix(spec: Path, wrong: Path) -> None:
    assert run("lint", wrong).out == ""
    assert "error[MLS006]" in run("lint", wrong).err
    assert run("compile", spec, "-q").err == ""
    assert "wrote" in run("compile", spec, "--set", "constraints.throughput.peak=900/s").out


def test_json_is_one_document_with_a_version(wrong: Path) -> None:
    found = json.loads(run("lint", wrong, "--format", "json").out)
    assert found["version"] == 1
    (one,) = found["diagnostics"]
    assert (one["id"], one["severity"]) == ("MLS006", "error")
    assert wrong.read_text().splitlines()[one["span"]["line"] - 1].strip() == "availability: 99.5"
    assert one["help"]


def test_json_of_a_clean_spec_is_a_document_too(spec: Path) -> None:
    assert json.loads(run("lint", spec, "--format", "json").out)["diagnostics"] == []


def test_concise_is_a_line_for_each_finding(wrong: Path) -> None:
    line = run("lint", wrong, "--format", "concise").err.splitlines()[0]
    assert line.startswith(f"{wrong}:")
    assert "error[MLS006]" in line


def test_color_is_for_terminals_or_on_request(wrong: Path) -> None:
    assert "\x1b[" not in run("lint", wrong).err
    assert "\x1b[" in run("lint", wrong, "--color").err
    assert "\x1b[" not in run("lint", wrong, "--no-color").err


def test_a_setting_changes_the_output_and_its_mistakes_are_shown(spec: Path) -> None:
    run("compile", spec, "--set", "constraints.throughput.peak=900/s")
    assert run("check", spec).status == 1
    wrong = run("lint", spec, "--set", "constraints.throughput.peak=900")
    assert wrong.status == 1
    assert "--set:1:29" in wrong.err
    assert run("lint", spec, "--set", "nonsense").status != 0


def test_check_names_what_differs_what_is_missing_and_what_is_stale(spec: Path) -> None:
    run("compile", spec)
    assert run("check", spec).status == 0
    out = spec.parent / "out" / "default"
    (out / "serving" / "service.yaml").write_text("kind: Service\n")
    (out / "kustomization.yaml").unlink()
    ran = run("check", spec)
    assert ran.status == 1
    assert f"{out}/serving/service.yaml: differs" in ran.out
    assert f"{out}/kustomization.yaml: missing" in ran.out


def test_check_reports_a_file_that_is_no_longer_generated(spec: Path) -> None:
    run("compile", spec)
    ran = run("check", spec, "--set", "platform.rollout.provider=none")
    assert ran.status == 1
    assert f"{spec.parent}/out/default/rollout/analysistemplate-step-3.yaml: stale" in ran.out


def test_a_dry_run_prints_what_would_change(spec: Path) -> None:
    ran = run("compile", spec, "--dry-run")
    assert ran.status == 0
    assert "  + default/serving/rollout.yaml" in ran.out
    assert not (spec.parent / "out").exists()


def test_the_platform_file_in_use_is_printed(spec: Path) -> None:
    assert "platform: built-in defaults" in run("compile", spec).err
    (spec.parent / "mlspec.platform.yaml").write_text("apiVersion: mlspec/v1\nkind: Platform\nplatform: {cloud: gke}\n")
    assert f"platform: {spec.parent}/mlspec.platform.yaml" in run("compile", spec).err


def test_the_schema_validates_files_as_other_tools_do(spec: Path, wrong: Path) -> None:
    assert json.loads(run("schema").out) == json.loads((ROOT / "schema" / "mlspec.v1.schema.json").read_text())
    assert run("schema", "--validate", spec).status == 0
    ran = run("schema", "--validate", spec, "--validate", wrong)
    assert ran.status == 1
    (found,) = json.loads(run("schema", "--validate", wrong, "--format", "json").out)["diagnostics"]
    assert "error[MLS018]" in ran.err  # and the words of the library, as other tools have them
    assert wrong.read_text().splitlines()[found["span"]["line"] - 1].strip() == "availability: 99.5"
    assert "the schema requires this at `$.constraints.availability`" in ran.err
    assert run("schema", "--validate", spec.parent / "nothing").status == 2


TO_FILL_IN = {"online": 1, "llm": 0, "batch": 2}
"""The digests of each starter, which are zeros."""


@pytest.mark.parametrize("template", ["online", "llm", "batch"])
def test_a_starter_lints_clean_compiles_and_is_never_overwritten(
    tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    ran = run("init", "my-own", "--template", template)
    assert (ran.status, ran.out) == (0, "my-own/mlspec.yaml\n")
    linted = run("lint", "my-own", "--format", "concise")
    assert (linted.status, re.findall(r"MLS\d+", linted.out + linted.err)) == (0, ["MLS306"] * TO_FILL_IN[template])
    assert run("schema", "--validate", "my-own/mlspec.yaml").status == 0
    assert run("compile", "my-own").status == 0
    assert "my-system" not in Path("my-own/mlspec.yaml").read_text()
    Path("my-own/mlspec.yaml").write_text("mine")
    assert run("init", "my-own").status == 1
    assert Path("my-own/mlspec.yaml").read_text() == "mine"


def test_a_starter_platform_file_works_for_the_other_starters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    assert run("init", ".", "--template", "platform").status in (0, 2)
    assert run("init", "platform", "--template", "platform").status == 0
    assert run("schema", "--validate", "platform/mlspec.platform.yaml").status == 0
    run("init", "platform")
    linted = run("lint", "platform", "--format", "concise")
    assert (linted.status, re.findall(r"MLS\d+", linted.out + linted.err)) == (0, ["MLS306"])


def test_a_starter_needs_a_valid_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("init", "My_System")
    assert ran.status == 2
    assert "lowercase" in ran.err
    assert not (tmp_path / "My_System").exists()


def test_a_broken_pipe_is_not_an_error() -> None:
    """`mlspec schema | head -1`."""
    command = f"{sys.executable} -m mlspec schema | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ran.stdout == "{\n"
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("lint --format github", "invalid value `onlinë`"),  # a document is UTF-8, as in a file
        ("lint --format github --output -", "invalid value `onlinë`"),
        ("lint --format text --output -", r"invalid value `onlin\xeb`"),
        ("lint --format concise --output -", r"invalid value `onlin\xeb`"),
        ("plan", r"Read n\xb0 1"),
        ("compile --stdout", "Read n° 1"),
    ],
)
def test_a_terminal_without_unicode_shows_escapes_and_documents_are_utf8(
    command: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "mlspec.yaml"
    mode = "onlinë" if command.startswith("lint") else "online"
    path.write_text(minimal(problem__useCase="Read n° 1", serving__mode=mode), encoding="utf-8")
    name, *options = command.split()
    ran = subprocess.run(
        [sys.executable, "-m", "mlspec", name, str(path), *options],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"This is a bug" not in ran.stderr
    assert ran.returncode == (1 if name == "lint" else 0)
    assert said in ran.stdout.decode()


def test_a_bug_in_mlspec_is_one_line(spec: Path) -> None:
    program = (
        "import sys, mlspec.__main__ as m\n"
        "import mlspec.terminal.commands.lint as lint\n"
        "def fail(*_, **__): raise ZeroDivisionError\n"
        "lint.lint = fail\n"
        f"sys.argv = ['mlspec', 'lint', {str(spec)!r}]\n"
        "m.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert ran.stderr.startswith("error: mlspec failed with ZeroDivisionError")


@pytest.mark.parametrize("group", ["", "cluster", "report", "runtime"])
def test_the_list_of_commands_cuts_no_sentence_off(group: str) -> None:
    assert "..." not in run(*group.split(), "--help").out.replace("[ARGS]...", "")


@pytest.mark.parametrize("command", cli.commands.values(), ids=lambda command: str(command.name))
def test_every_option_has_a_help(command: click.Command) -> None:
    assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mlspec"],
        env={**os.environ, "_MLSPEC_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_MLSPEC_COMPLETE" in ran.stdout, ran.stderr


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert run("--version").out == f"mlspec, version {version('mlspec-compiler')}\n"


def test_trap_a_stream_for_two_clusters_replaces_the_objects_of_the_first(tmp_path: Path) -> None:
    """Each cluster may have the same names. `kubectl apply -f -` sends all of a stream to one, where the last wins."""
    (tmp_path / "mlspec.platform.yaml").write_text(
        "apiVersion: mlspec/v1\nkind: Platform\nclusters: {eu: {}, us: {}}\n"
    )
    there = {name: {"cluster": name, "namespace": "digits"} for name in ("eu", "us")}
    (tmp_path / "mlspec.yaml").write_text(minimal(environments=there))
    ran = run("compile", "--stdout", tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert "both have the ScaledObject `digit-reader` in the namespace `digits`, in clusters of their own" in ran.err
    for name in there:
        assert run("compile", "--stdout", "--env", name, tmp_path).out.count("\nkind: Rollout\n") == 1
    there["us"]["namespace"] = "digits-us"
    (tmp_path / "mlspec.yaml").write_text(minimal(environments=there))
    assert run("compile", "--stdout", tmp_path).status == 0


def test_trap_a_link_to_a_folder_makes_a_system_collide_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern follows links, such as those that a build tool puts at the root of a repository."""
    monkeypatch.chdir(tmp_path)
    Path("systems/digits").mkdir(parents=True)
    Path("systems/digits/mlspec.yaml").write_text(minimal())
    Path("build").symlink_to("systems")
    named = ("systems/digits", "./systems/digits/mlspec.yaml", "build/digits", tmp_path / "systems" / "digits")
    for specs in (("**/*mlspec.yaml",), named):
        ran = run("lint", *specs)
        assert (ran.status, ran.err) == (0, "no findings\n")
    assert run("compile", *named).out.startswith("systems/digits/out: wrote")
    Path("other").mkdir()
    Path("other/mlspec.yaml").symlink_to("../systems/digits/mlspec.yaml")
    assert "MLS611" in run("lint", "**/*mlspec.yaml").err, "a link to the file has its own platform file and output"


def test_a_folder_above_all_specs_says_how_to_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("systems/digits").mkdir(parents=True)
    Path("systems/digits/vision.mlspec.yaml").write_text(minimal())
    for folder, pattern in ((".", "**/*mlspec.yaml"), ("systems", "systems/**/*mlspec.yaml")):
        ran = run("lint", folder)
        assert (ran.status, f"name one of those, or all with `'{pattern}'`" in ran.err) == (2, True), ran.err
        assert run("lint", pattern).status == 0


@pytest.mark.parametrize("command", ["check", "plan", "lint"])
def test_a_platform_file_that_does_not_exist_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    """`plan` printed a plan of the defaults, and `check` exited as for differences."""
    monkeypatch.setenv("MLSPEC_PLATFORM", str(tmp_path / "absent.yaml"))
    ran = run(command, ROOT / "examples" / "minimal" / "mlspec.yaml")
    assert (ran.status, ran.out) == (2, "")
    assert "absent.yaml does not exist" in ran.err

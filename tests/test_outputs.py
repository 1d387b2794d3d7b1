"""Several outputs in one run: which format goes where, and that a file is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlspec.terminal import disk, outputs
from mlspec.terminal.outputs import Misplaced, paired
from mlspec.terminal.render import FORMATS, Format

from .readers import READERS
from .support import DOMAIN, minimal, run

EACH = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`clean.mlspec.yaml`, `wrong.mlspec.yaml` with one error, and nothing else."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "clean.mlspec.yaml").write_text(minimal())
    (tmp_path / "wrong.mlspec.yaml").write_text(
        minimal(metadata__name="wrong", constraints__availability=99.5, **DOMAIN)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(arguments: list[str]) -> list[tuple[str, str]]:
    """The options that `F=FILE`, `F` and `=FILE` stand for, in order."""
    both = [one.partition("=")[::2] for one in arguments]
    return [(name, value) for one in both for name, value in zip(("format", "output"), one, strict=True) if value]


def pairs(arguments: list[str]) -> list[tuple[str, str | None]]:
    """The outputs that such options ask for."""
    given = [(f"{name}s", value) for name, value in options(arguments)]
    of = {name: [value for other, value in given if other == name] for name in ("formats", "outputs")}
    return [(one.form.name, one.file) for one in paired([name for name, _ in given], of["formats"], of["outputs"])]


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ([], [("text", None)]),
        (["json"], [("json", None)]),
        (["text", "sarif=a"], [("text", None), ("sarif", "a")]),
        (["sarif=a", "text"], [("sarif", "a"), ("text", None)]),
        (["sarif=a", "junit=b"], [("sarif", "a"), ("junit", "b")]),
        (["text", "json"], [("text", None), ("json", None)]),
        (["sarif=a", "=b"], [("sarif", "a"), ("sarif", "b")]),
        (["sarif=a", "sarif"], [("sarif", "a"), ("sarif", None)]),
        (["text=-", "concise"], [("text", "-"), ("concise", None)]),
    ],
)
def test_an_output_belongs_to_the_format_before_it(arguments: list[str], made: list[tuple[str, str | None]]) -> None:
    assert pairs(arguments) == made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["=a", "json"], "--output a has no format: write --format NAME --output a"),
        (["json", "sarif"], "`json` and `sarif` would both go to standard output: give each its own --output"),
        (["text", "concise"], "`text` and `concise` would both go to standard error"),
        (["text", "text"], "`text` and `text` would both go to standard error"),
        (["text=-", "json"], "`text` and `json` would both go to standard output"),
        (["json=a", "sarif=./a"], "`json` and `sarif` would both go to ./a"),
        (["json=nowhere/a"], "--output nowhere/a: the folder `nowhere` does not exist: create it, or choose another"),
        (["json=."], "--output . is a folder: add the name of a file"),
    ],
)
def test_what_no_order_can_mean_is_refused_before_anything_is_done(
    specs: Path, arguments: list[str], said: str
) -> None:
    with pytest.raises(Misplaced) as refused:
        pairs(arguments)
    assert str(refused.value).startswith(said)
    ran = run(
        "lint", "wrong.mlspec.yaml", *(part for name, value in options(arguments) for part in (f"--{name}", value))
    )
    assert (ran.status, ran.out) == (2, "")
    assert f"Error: {said}" in ran.err
    assert sorted(path.name for path in specs.iterdir()) == [".git", "clean.mlspec.yaml", "wrong.mlspec.yaml"]


@pytest.mark.usefixtures("specs")
def test_the_order_on_the_command_line_counts() -> None:
    ran = run("lint", "--output=x", "--format", "sarif", "wrong.mlspec.yaml")
    assert (ran.status, "has no format" in ran.err) == (2, True)
    ran = run("lint", "--format=text", "wrong.mlspec.yaml", "--format", "junit", "-q", "--output", "out.xml")
    assert (ran.status, ran.out) == (1, "")
    assert "error[MLS006]" in ran.err
    assert ElementTree.parse("out.xml").getroot().get("failures") == "1"


def test_all_formats_at_once(specs: Path) -> None:
    """Each file holds what the format alone prints; the same from all cores would be in test_spread."""
    every = [part for form in FORMATS for part in ("--format", form.name, "--output", f"{form.name}.out")]
    ran = run("lint", ".", *every, "--format", "text")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == run("lint", ".").err
    for form in FORMATS:
        alone = run("lint", ".", "--format", form.name, "--quiet")
        told = (specs / f"{form.name}.out").read_text()
        assert told == (alone.out if form.document else alone.err.removesuffix("1 error\n"))
        assert READERS[form.name](told) == ["MLS006"]


@pytest.mark.usefixtures("specs")
def test_documents_have_standard_output_to_themselves() -> None:
    for form in FORMATS:
        ran = run("lint", ".", "--format", form.name)
        assert ran.status == 1
        assert READERS[form.name](ran.out if form.document else ran.err.replace("1 error\n", "")) == ["MLS006"]
        assert (ran.out != "") is form.document


@pytest.mark.usefixtures("specs")
def test_a_dash_is_standard_output() -> None:
    ran = run("lint", "wrong.mlspec.yaml", "--format", "text", "--output", "-", "--format", "concise")
    assert ran.out.startswith("error[MLS006]: ")
    assert ran.err.startswith("wrong.mlspec.yaml:")


@EACH
@pytest.mark.parametrize(
    ("arguments", "status", "ids"),
    [
        (["clean.mlspec.yaml"], 0, []),
        (["nothing.yaml", "missing/"], 2, ["MLS002", "MLS002"]),
        (["broken.yaml"], 2, ["MLS001"]),
        (["clean.mlspec.yaml", "--set", "nonsense"], 1, ["MLS002"]),
    ],
)
def test_a_file_is_written_whatever_is_found(
    specs: Path, form: Format, arguments: list[str], status: int, ids: list[str]
) -> None:
    """An empty one for a clean spec, or the last run's findings would stand for this one's."""
    (specs / "broken.yaml").write_bytes(b"\xef\xbb\xbfa: [\n")
    (specs / "out").write_text("left over")
    ran = run("lint", *arguments, "--format", form.name, "--output", "out")
    assert ran.status == status
    assert READERS[form.name]((specs / "out").read_text()) == ids


@EACH
def test_standard_input_is_told_as_a_file_of_the_working_directory(specs: Path, form: Format) -> None:
    ran = run("lint", "-", "--format", form.name, "--output", "-", stdin=(specs / "wrong.mlspec.yaml").read_text())
    assert READERS[form.name](ran.out) == ["MLS006"]
    assert "mlspec.yaml" in ran.out


def test_paths_are_those_of_the_repository(specs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever mlspec runs in it: GitHub and GitLab know no other."""
    (specs / "team").mkdir()
    monkeypatch.chdir(specs / "team")
    for name, spec in (("../wrong.mlspec.yaml", "wrong.mlspec.yaml"), (str(specs / "wrong.mlspec.yaml"),) * 2):
        [one] = json.loads(run("lint", name, "--format", "gitlab").out)
        assert one["location"]["path"] == os.path.relpath(specs / spec, specs)


def test_a_file_is_replaced_in_one_step(specs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees the old file or the new one, never a part."""
    (specs / "out").write_text("old")
    seen = []
    replace = os.replace

    def watched(new: Path, old: Path) -> None:
        seen.append((Path(old).read_text(), json.loads(Path(new).read_text())["version"]))
        replace(new, old)

    monkeypatch.setattr(os, "replace", watched)
    run("lint", ".", "--format", "json", "--output", "out")
    assert seen == [("old", 1)]
    assert sorted(path.name for path in specs.iterdir() if "out" in path.name) == ["out"]


def test_a_link_stays_and_a_device_is_not_replaced(specs: Path) -> None:
    """`--output /dev/null` as root would otherwise put a file in its place."""
    (specs / "target").write_text("old")
    (specs / "link").symlink_to("target")
    run("lint", ".", "--format", "json", "--output", "link")
    assert (specs / "link").is_symlink()
    assert json.loads((specs / "target").read_text())["version"] == 1
    os.mkfifo(specs / "pipe")
    reader = os.open(specs / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    run("lint", ".", "--format", "concise", "--output", "pipe")
    assert b"MLS006" in os.read(reader, 1000)
    os.close(reader)
    assert not (specs / "pipe").is_file()


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/null", "/dev/fd/1"])
def test_what_dev_holds_is_added_to(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it is a plain file, as standard output is behind a `>`."""
    monkeypatch.setattr(disk, "replace", lambda *_: pytest.fail("replaced"))
    monkeypatch.setattr(os.path, "isfile", lambda _: True)
    (tmp_path / "there").write_text("before ")
    open_ = open
    monkeypatch.setattr("builtins.open", lambda _, *more, **named: open_(tmp_path / "there", *more, **named))
    outputs.put(path, "after")
    assert (tmp_path / "there").read_text() == "before after"


@pytest.mark.usefixtures("specs")
def test_a_file_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others are written all the same."""

    def full(path: str, _: str) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(disk, "replace", full)
    ran = run("lint", "clean.mlspec.yaml", "--format", "sarif", "--output", "a.sarif", "--format", "json")
    assert ran.status == 2
    assert "error: --output a.sarif cannot be written: No space left on device\n" in ran.err
    assert json.loads(ran.out)["diagnostics"] == []


@pytest.mark.parametrize(
    "command", [["lint", "clean.mlspec.yaml"], ["check", "."], ["schema", "--validate", "clean.mlspec.yaml"]]
)
@pytest.mark.parametrize("spelling", ["clean.mlspec.yaml", "./clean.mlspec.yaml", "link"])
def test_no_spec_is_replaced(specs: Path, command: list[str], spelling: str) -> None:
    (specs / "link").symlink_to("clean.mlspec.yaml")
    before = (specs / "clean.mlspec.yaml").read_text()
    ran = run(*command, "--format", "json", "--output", spelling)
    assert (ran.status, ran.err) == (2, f"error: --output {spelling} would overwrite the spec: choose another file\n")
    assert (specs / "clean.mlspec.yaml").read_text() == before


# The other commands


def test_check_tells_other_programs_which_files_are_not_up_to_date(specs: Path) -> None:
    """On the terminal it is a line for each; a document has them as findings, of the id error[MLS020]."""
    run("compile", "clean.mlspec.yaml")
    assert json.loads(run("check", "clean.mlspec.yaml", "--format", "gitlab").out) == []
    out = specs / "out" / "default"
    (out / "serving" / "service.yaml").write_text("kind: Service\n")
    (out / "kustomization.yaml").unlink()
    lines = "out/default/kustomization.yaml: missing\nout/default/serving/service.yaml: differs\n"
    ran = run("check", "clean.mlspec.yaml", "--format", "text", "--format", "concise", "--output", "found")
    assert (ran.status, ran.out) == (1, lines)
    assert (specs / "found").read_text() == (
        "out/default/kustomization.yaml:1:1: error[MLS020]: `kustomization.yaml` is missing from the output of "
        "`clean.mlspec.yaml`; run `mlspec compile clean.mlspec.yaml`\n"
        "out/default/serving/service.yaml:1:1: error[MLS020]: `service.yaml` differs from what "
        "`clean.mlspec.yaml` compiles to; run `mlspec compile clean.mlspec.yaml`\n"
    )
    ran = run("check", "clean.mlspec.yaml", "--format", "sarif")
    assert READERS["sarif"](ran.out) == ["MLS020", "MLS020"]
    assert ran.err.startswith(lines), "standard output is the document's"
    assert json.loads(ran.out)["runs"][0]["invocations"][0]["exitCode"] == ran.status == 1


def test_check_tells_what_is_left_over_and_what_is_in_the_way(specs: Path) -> None:
    run("compile", "clean.mlspec.yaml")
    ran = run("check", "clean.mlspec.yaml", "--set", "platform.rollout.provider=none", "--format", "gitlab")
    left = [one["description"] for one in json.loads(ran.out)]
    assert any("is stale: `clean.mlspec.yaml` no longer compiles to it" in description for description in left)
    (specs / "out" / "default" / ".mlspec-index.json").unlink()
    (specs / "out" / "default" / "kustomization.yaml").write_text("mine")
    [one] = json.loads(run("check", "clean.mlspec.yaml", "--format", "gitlab").out)
    assert one["location"]["path"] == "out/default/kustomization.yaml"
    assert "was not written by mlspec" in one["description"]


@pytest.mark.usefixtures("specs")
def test_several_files_are_validated_into_one_document() -> None:
    ran = run("schema", "--validate", "clean.mlspec.yaml", "--validate", "wrong.mlspec.yaml", "--format", "json")
    assert (ran.status, [one["id"] for one in json.loads(ran.out)["diagnostics"]]) == (1, ["MLS018"])
    assert json.loads(run("schema", "--format", "json").out)["$schema"], "without a file it is the schema"


@pytest.mark.usefixtures("specs")
def test_an_explanation_is_text_or_json() -> None:
    for form in FORMATS:
        asked = run("lint", "--explain", "MLS505", "--format", form.name)
        path = run("explain", "clean.mlspec.yaml", "metadata.owner", "--format", form.name)
        assert ((asked.status, path.status) == (0, 0)) is form.explains
        assert ((asked.status, path.status) == (2, 2)) is not form.explains
    ran = run("lint", "--explain", "MLS505", "--format", "json", "--output", "x")
    assert (ran.status, ran.out) == (2, "")
    assert "--explain takes one --format, `text` or `json`, and no --output" in ran.err


@pytest.mark.usefixtures("specs")
def test_the_answer_of_explain_is_the_one_document() -> None:
    ran = run("explain", "wrong.mlspec.yaml", "metadata.owner", "--format", "json")
    assert json.loads(ran.out)["version"] == 1
    assert ran.err.startswith("error[MLS006]: "), "people see what makes it incomplete"

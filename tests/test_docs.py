"""The documentation: nothing generated is stale, every link leads somewhere, and what it shows works.

The tests go over every page that there is, so that a new one is held to the same.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from docs import generate
from mlspec.cli import cli
from mlspec.compiler.language import OBJECTS, UNIONS

from .rules import laid_over
from .support import ROOT, compile_text, loaded, run

IGNORED = {"out", "build", "dist", "node_modules"}


def pages(folder: Path) -> Iterator[Path]:
    """Every page. Skips hidden folders, such as `.venv/` with its thousands of files."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in IGNORED or path.is_symlink():
            continue
        if path.is_dir():
            yield from pages(path)
        elif path.suffix == ".md":
            yield path


PAGES = list(pages(ROOT))
GENERATED = sorted(generate.PAGES.glob("*.md"))
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


# What is generated


def test_no_page_is_stale() -> None:
    made = generate.generated()
    assert set(made) == set(GENERATED)
    assert [path.name for path, text in made.items() if path.read_text() != text] == [], "run make generate"


def test_check_names_what_is_stale_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "reference" / "nothing.md"
    monkeypatch.setattr(generate, "generated", lambda: {page: "text"})
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/reference/nothing.md is stale: run `make generate`\n"
    assert not page.exists()


def test_the_page_of_commands_names_every_environment_variable() -> None:
    text = (generate.PAGES / "commands.md").read_text()
    code = "".join(
        path.read_text() for folder in ("mlspec", "terminal", "compiler") for path in (ROOT / folder).rglob("*.py")
    )
    named = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', code))
    assert {"NO_COLOR", "MLSPEC_DEBUG"} <= named
    assert {name for name in named if f"`{name}`" not in text} == set()


def test_the_page_of_commands_says_what_connects_to_a_network() -> None:
    """Each command with the address of a server is listed, and each of a job, unless it reads only files."""
    commands = dict(generate._walk(cli, "mlspec"))
    servers = {"kubeconfig", "mlflow", "prometheus", "address", "api", "url"}
    asking = {name for name, one in commands.items() if servers & {option.name for option in one.params}}
    jobs = {name for name in commands if name.startswith("mlspec runtime ")}
    offline = {"mlspec runtime gate", "mlspec runtime check-split"}
    assert set(generate.CONNECTIONS) == asking | (jobs - offline)


def test_the_page_of_commands_names_each_command_that_ends_with_42() -> None:
    text = (generate.PAGES / "commands.md").read_text().partition("## Exit status")[2].partition("\n## ")[0]
    said = {name for name, one in generate._walk(cli, "mlspec") if "42" in (one.help or "")}
    assert said
    assert {name for name in said if f"`{name.split()[-1]}`" not in text} == set()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_tables_have_as_many_cells_as_their_heads(path: Path) -> None:
    """A bar in a text would shift every cell after it."""
    width = 0
    for line in path.read_text().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells


def test_the_catalog_page_reads_values_and_not_only_keys() -> None:
    """`handlesTerm: true` says that a runtime handles SIGTERM, and `settable: false` that its buckets are fixed."""
    sections = (generate.PAGES / "catalog.md").read_text().split("\n### ")[1:]
    shown = {section.partition("\n")[0]: section.partition("\n## ")[0] for section in sections}
    runtimes = {path.stem: loaded(path.read_text()) for path in (generate.CATALOG / "runtimes").glob("*.yaml")}
    assert set(shown) == set(runtimes)
    for name, runtime in runtimes.items():
        handles = runtime.get("drain", {}).get("handlesTerm", True)
        assert ("does not handle SIGTERM" in shown[name]) is not handles, name
        settable = runtime["metrics"].get("latency", {}).get("settable", False)
        assert ("configurable buckets" in shown[name]) is settable, name


def test_the_page_of_the_language_lists_every_field() -> None:
    """Held against the compiler's own table: a type that the page loses, or that loses a field, is found."""
    tables: list[set[str]] = []
    for line in (generate.PAGES / "language.md").read_text().splitlines():
        if line.startswith("| field |"):
            tables.append(set())
        elif line.startswith("| `") and tables:
            tables[-1].add(line.split("`")[1])
    tags = {variant: tag for tag, variants in UNIONS.values() for variant in variants.values()}
    for name, fields in OBJECTS.items():
        keys = set(fields) - {tags.get(name, "")}
        assert any(keys <= own | shared for own in tables for shared in (tables if name in tags else [set()])), name


# Links


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^(\s*)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> list[str]:
    """What links into a page may name: its headings as GitHub spells them, and anchors by hand."""
    text = prose(page)
    titles = re.findall(r"^#{1,6} (.+?)(?: #+)?$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", title) for title in titles]
    slugs = [re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in plain]
    return [*slugs, *re.findall(r'<a (?:id|name)="([^"]+)"', text)]


def links(page: Path) -> Iterator[str]:
    """Every target of a page that is not another site's."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    inline = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", text)
    below = re.findall(r"^\[[^]]+\]: <?(\S+?)>?$", text, re.MULTILINE)
    for target in (*inline, *below, *re.findall(r'(?:href|src)="([^"]+)"', text)):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def broken(page: Path, target: str) -> str:
    """What is wrong with a link; an empty text if nothing is."""
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.is_relative_to(ROOT):
        return "leaves the project"
    if not path.exists():
        return "does not exist"
    known = path.suffix != ".md" or anchor in anchors(path)
    return "" if not anchor or known else "has no such heading"


@EACH
def test_every_link_leads_somewhere(page: Path) -> None:
    assert {target: why for target in links(page) if (why := broken(page, target))} == {}


@pytest.mark.parametrize("page", GENERATED, ids=lambda path: path.name)
def test_every_heading_can_be_linked(page: Path) -> None:
    """Of two headings of one name, links reach the first."""
    assert len(set(anchors(page))) == len(anchors(page))


@EACH
def test_a_link_named_by_a_rule_leads_to_that_rule(page: Path) -> None:
    found = re.findall(r"\[`?(MLS\d{3})`?\]\([^)#\s]*#([^)\s]*)\)", prose(page))
    assert [(id_, anchor) for id_, anchor in found if anchor != id_.lower()] == []


def test_a_broken_link_is_found() -> None:
    page = ROOT / "docs" / "README.md"
    assert broken(page, "reference/language.md#specs") == ""
    assert broken(page, "reference/language.md#spelling-duration") == ""
    assert broken(page, "reference/language.md#no-such-heading") == "has no such heading"
    assert broken(page, "nothing.md") == "does not exist"
    assert broken(page, "../../elsewhere.md") == "leaves the project"


# What pages show


def blocks(page: Path, *languages: str) -> list[str]:
    """The blocks of code in some languages, without their indentation."""
    pattern = rf"^( *)```(?:{'|'.join(languages)})\n(.*?)^\1```$"
    found = re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def whole(page: Path, *kinds: str) -> list[str]:
    """The blocks that are whole files of some kinds."""
    head = re.compile(rf"^apiVersion: mlspec/v1\nkind: (?:{'|'.join(kinds)})$", re.MULTILINE)
    return [text for text in blocks(page, "yaml", "yml") if head.search(text)]


WHOLE = [page for page in PAGES if whole(page, "MLSystem", "Platform", "Release")]


@pytest.mark.parametrize("page", WHOLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_whole_files_on_pages_are_free_of_errors(page: Path, tmp_path: Path) -> None:
    for text in whole(page, "MLSystem"):
        found = compile_text(tmp_path, text, today="2026-11-23").diagnostics
        assert [diagnostic for diagnostic in found if diagnostic.severity == "error"] == []
    for text in whole(page, "Platform", "Release") if page.name != "diagnostics.md" else ():  # see test_rules
        (tmp_path / "file.yaml").write_text(text)
        assert run("schema", "--validate", tmp_path / "file.yaml").status == 0


def test_the_suppression_that_is_shown_suppresses(tmp_path: Path) -> None:
    shown = blocks(generate.PAGES / "diagnostics.md", "yaml")[0]
    found = {diagnostic.id for diagnostic in laid_over(tmp_path / "with", shown)}
    bare = {diagnostic.id for diagnostic in laid_over(tmp_path / "without", re.sub(" *#.*", "", shown))}
    assert bare - found == {"MLS605"}
    assert found < bare, "the suppression itself is reported"


def spoken(page: Path) -> list[str]:
    """Every line of a shell that a page shows; of a console only what is typed."""
    typed = "\n".join(blocks(page, "sh", "bash", "shell")).replace("\\\n", " ").splitlines()
    console = re.findall(r"^\$ (.+)$", "\n".join(blocks(page, "console")), re.MULTILINE)
    return [*typed, *console, *re.findall(r"^ {4}(mlspec .+)$", prose(page), re.MULTILINE)]


def commands(line: str, program: str) -> Iterator[list[str]]:
    """The arguments of each use of a program in a line of a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words[:1] == [program]:
                yield words[1:]
            words = [">"] if word.startswith((">", "<")) else []  # what follows is a file
        else:
            words.append(word)


def parse(words: list[str]) -> None:
    """Hand arguments to click, which refuses what it does not know; nothing runs."""
    command, rest = named(words)
    with suppress(click.exceptions.Exit):  # `--help` and `--version` have said all
        command.make_context("mlspec", rest)


def named(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that some words name, and the words that are left for it."""
    command: click.Command = cli
    for index, word in enumerate(words):
        if not isinstance(command, click.Group) or word not in command.commands:
            return command, words[index:]
        command = command.commands[word]
    return command, []


@EACH
def test_every_command_line_is_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlspec.options._existing", lambda path: path)  # a page may write the file in the line before
    for line in spoken(page):
        for words in commands(line, "mlspec"):
            try:
                parse(words)
            except click.UsageError as error:
                pytest.fail(f"{line}: {error.format_message()}")


@EACH
def test_commands_in_sentences_exist(page: Path) -> None:
    """`mlspec lint --explain ID` in a sentence may leave arguments out, but names what there is."""
    for span in re.findall(r"`mlspec ([a-z][^`]*)`", re.sub(r"\s*\n\s*", " ", prose(page))):
        command, rest = named(span.split())
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert not rest or not isinstance(command, click.Group), f"mlspec {span}"
        assert {word for word in rest if word.startswith("--")} <= known, f"mlspec {span}"


@EACH
def test_every_chore_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[0] for line in spoken(page) for words in commands(line, "make") if words}
    assert named | set(re.findall(r"`make ([a-z]+)`", prose(page))) <= targets
    scripts = {line.split()[0] for line in spoken(page) if line.startswith("./")}
    assert {script for script in scripts if not (ROOT / script).is_file()} == set()


def test_pipelines_run_what_there_is() -> None:
    """The command lines in the files of CI systems, which are no blocks of a shell."""
    shown = "\n".join(blocks(ROOT / "docs" / "editors.md", "yaml", "groovy"))
    lines = re.findall(r"(?:run: |- |sh \")(mlspec [^\"\n]+)", shown)
    assert len(lines) == 3
    for line in lines:
        for words in commands(line, "mlspec"):
            parse(words)


def test_the_json_that_is_shown_has_the_fields_that_there_are() -> None:
    told = json.loads(run("lint", ROOT / "tests" / "errors" / "MLS004-a-misspelt-section", "--format", "json").out)
    [shown] = [block for block in blocks(ROOT / "docs" / "editors.md", "json") if "diagnostics" in block]
    assert fields(json.loads(shown)) == fields(told)
    page = (ROOT / "docs" / "editors.md").read_text()
    assert {name for name in told["diagnostics"][0] if f"`{name}`" not in page} == set()


def fields(data: Any) -> Any:
    """The fields of a document, without their values."""
    if isinstance(data, dict):
        return {name: fields(value) for name, value in data.items()}
    return [fields(item) for item in data] if isinstance(data, list) else type(data)


def test_a_wrong_command_line_is_refused() -> None:
    line = "FOO=1 mlspec compile spec.yaml --stdout | kubectl apply -f - && mlspec lint --no-such-option > mlspec"
    first, second = commands(line, "mlspec")
    parse(first)
    with pytest.raises(click.NoSuchOption):
        parse(second)


@EACH
def test_no_page_names_a_folder_of_whoever_wrote_it(page: Path) -> None:
    assert str(ROOT) not in page.read_text()


@EACH
def test_no_page_installs_what_belongs_to_somebody_else(page: Path) -> None:
    """On the public index the name `mlspec` is another package; this one is `mlspec-compiler`."""
    assert re.search(r"install[^\n`]*[ '\"]mlspec(?![\w/.-])", page.read_text()) is None


# The hooks of pre-commit


HOOKS = loaded((ROOT / ".pre-commit-hooks.yaml").read_text())


def test_hooks_have_the_shape_that_pre_commit_asks_for() -> None:
    assert [hook["id"] for hook in HOOKS] == ["mlspec-lint", "mlspec-check"]
    for hook in HOOKS:
        assert {"id", "name", "entry", "language", "files"} <= set(hook)
        assert hook["language"] == "python"
        program, *words = shlex.split(hook["entry"])
        assert program == "mlspec"
        parse([*words, *hook.get("args", ()), *(["mlspec.yaml"] if hook.get("pass_filenames", True) else [])])


@pytest.mark.parametrize(
    ("path", "lint", "check"),
    [
        ("mlspec.yaml", True, True),
        ("systems/fraud.mlspec.yaml", True, True),
        ("mlspec.platform.yaml", False, True),
        ("systems/releases/production.yaml", False, True),
        ("systems/out/production/kustomization.yaml", False, True),
        ("mlspec.yaml.md", False, False),
    ],
)
def test_hooks_run_for_the_right_files(path: str, lint: bool, check: bool) -> None:
    """A file of a platform is no spec, and would be linted as one."""
    assert [bool(re.search(hook["files"], path)) for hook in HOOKS] == [lint, check]

"""Who writes a spec in a pull request cannot run code, set policies, or read other files where it is linted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mlspec

from .support import MINIMAL, ROOT, ids, run

HEAD = "apiVersion: mlspec/v1\nkind: Platform\n"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A spec in a folder of a repository whose root has a platform file."""
    made = tmp_path / "team"
    made.mkdir()
    (tmp_path / ".git").mkdir()
    (made / "mlspec.yaml").write_text(MINIMAL)
    (tmp_path / "mlspec.platform.yaml").write_text(
        HEAD + "platform:\n  prometheus: {scrapeInterval: 20s}\n  kubernetes: '1.34'\n"
        "  policies: {locked: [platform.gateway.namespace], severity: {MLS001: warning}}\n"
        "  gateway: {provider: istio, namespace: gateways}\n"
    )
    return made


def nearer(team: Path, text: str) -> mlspec.Result:
    (team / "mlspec.platform.yaml").write_text(HEAD + text)
    return mlspec.compile(team / "mlspec.yaml")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("platform: {plugins: ['evil:TARGET']}", "platform.plugins"),
        ("platform: {policies: {severity: {MLS9: 'off'}}}", "platform.policies"),
        ("platform: {policies: {locked: []}}", "platform.policies"),
        ("platform: {policies: {stores: ['s3://evil']}}", "platform.policies"),
        ("platform: {gateway: {namespace: own}}", "platform.gateway.namespace"),
        ("spec: {platform: {policies: {registries: [evil.example.com]}}}", "platform.policies"),
    ],
)
def test_a_platform_file_next_to_a_spec_sets_no_policy(text: str, path: str, team: Path) -> None:
    """Otherwise a pull request could add one that drops the organization's locks, or names a plugin to run."""
    found = [one for one in nearer(team, text).diagnostics if one.id == "MLS014"]
    assert [one.message for one in found] == [f"`{path}` is locked by the platform"]
    assert found[0].span.file.name == str(team / "mlspec.platform.yaml")
    assert [label.span.file.name for label in found[0].others[:1]] == [str(team.parent / "mlspec.platform.yaml")]


def test_a_cluster_of_a_nearer_platform_file_sets_no_policy(team: Path) -> None:
    (team / "mlspec.yaml").write_text(f"{MINIMAL}environments: {{production: {{cluster: own}}}}\n")
    assert "MLS014" in ids(nearer(team, "clusters: {own: {policies: {severity: {MLS9: 'off'}}}}"))


def test_a_nearer_platform_file_does_not_drop_the_one_above(team: Path) -> None:
    """It sets its own values on top: the interval is the team's, and the version of Kubernetes is the platform's."""
    result = nearer(team, "platform: {prometheus: {scrapeInterval: 15s}}")
    assert ids(result) == []
    values = {
        path: [value.value for value in mlspec.effects(result, f"platform.{path}")["default"][0]]
        for path in ("prometheus.scrapeInterval", "kubernetes", "gateway.namespace")
    }
    assert values["prometheus.scrapeInterval"][:2] == ["15s", "20s"]
    assert (values["kubernetes"], values["gateway.namespace"]) == (["1.34"], ["gateways"])


def test_the_named_platform_file_is_the_only_one(team: Path) -> None:
    """`--platform` and MLSPEC_PLATFORM name the file of the protected branch; none in the pull request counts."""
    trusted = team.parent / "trusted.yaml"
    trusted.write_text(HEAD + "platform: {prometheus: {scrapeInterval: 45s}}\n")
    (team / "mlspec.platform.yaml").write_text(HEAD + "platform: {plugins: ['evil:TARGET']}\n")
    for options, variable in ((("--platform", str(trusted)), ""), ((), str(trusted))):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLSPEC_PLATFORM", variable)
            ran = run("compile", "--stdout", *options, team)
        assert (ran.status, "interval: 45s" in ran.out) == (0, True)


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_without_a_repository_a_shared_folder_does_not_count(mode: int, tmp_path: Path) -> None:
    """Any user can leave a platform file in a folder such as `/tmp`."""
    shared, folder = tmp_path / "shared", tmp_path / "shared" / "mine" / "team"
    folder.mkdir(parents=True)
    (folder / "mlspec.yaml").write_text(MINIMAL)
    for place in (shared, tmp_path):
        (place / "mlspec.platform.yaml").write_text(HEAD + "platform: {kubernetes: '1.34'}\n")
    assert mlspec.load(folder / "mlspec.yaml").platform is not None  # only this user can write to them
    shared.chmod(mode)
    assert mlspec.load(folder / "mlspec.yaml").platform is None
    (folder.parent / "mlspec.platform.yaml").write_text(HEAD + "platform: {}\n")
    assert mlspec.load(folder / "mlspec.yaml").platform == folder.parent / "mlspec.platform.yaml"


def test_without_a_repository_nothing_above_the_home_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "mlspec.yaml").write_text(MINIMAL)
    (tmp_path / "mlspec.platform.yaml").write_text(HEAD)
    assert mlspec.load(home / "mlspec.yaml").platform is None


# Plugins


@pytest.mark.parametrize(
    "name",
    [
        "this:x",
        "antigravity:x",
        "test.autotest:x",
        "unittest.__main__:x",
        "__main__:x",
        "os:system",
        "pip.__main__:x",
    ],
)
def test_no_module_of_python_and_no_program_runs_as_a_plugin(name: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(f"{HEAD}platform: {{plugins: ['{name}']}}\n")
    (tmp_path / "mlspec.yaml").write_text(MINIMAL)
    code = "import sys; from mlspec.__main__ import _run; status = _run(); print(sys.argv[2] in sys.modules, status)"
    module = name.partition(":")[0]
    arguments = [sys.executable, "-c", code, "lint", "mlspec.yaml", "--platform", "p.yaml", "--format", "concise"]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, env=_environment(), check=False)
    assert "MLS036" in ran.stderr
    assert ("is part of Python" in ran.stderr) or ("is a program" in ran.stderr)
    assert module == "os" or "Zen" not in ran.stdout


@pytest.mark.parametrize("variable", [None, ":", "."])
def test_a_module_in_the_working_directory_does_not_run(variable: str | None, tmp_path: Path) -> None:
    """Neither one that a platform file names, nor one with the name of a module that mlspec imports late."""
    (tmp_path / "p.yaml").write_text(f"{HEAD}platform: {{plugins: ['evil:TARGET']}}\n")
    (tmp_path / "mlspec.yaml").write_text(MINIMAL)
    for name in ("evil", "glob"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\n")
    ran = subprocess.run(
        [sys.executable, "-m", "mlspec", "lint", "mlspec.yaml", "nothing*", "--platform", "p.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=_environment(variable),
        check=False,
    )
    assert ran.returncode == 2  # no file matches the pattern
    one = subprocess.run(
        [sys.executable, "-m", "mlspec", "lint", "mlspec.yaml", "--platform", "p.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=_environment(variable),
        check=False,
    )
    assert "cannot be loaded: ModuleNotFoundError: No module named 'evil'" in one.stderr
    assert not (tmp_path / "ran").exists()


def _environment(path: str | None = None) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    entries = [str(ROOT), *([path] if path is not None else [])]
    return {**own, "PYTHONPATH": os.pathsep.join(entries)}


# What pre-commit and CI pass


def test_a_file_name_is_never_an_option_of_the_hook() -> None:
    """pre-commit appends the names of changed files: `--platform=e.mlspec.yaml` can be one."""
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        assert hook["entry"].endswith(" --") or hook["pass_filenames"] is False


@pytest.mark.parametrize("day", ["!", "0", "", "1.mlspec.yaml", "2026-13-01", "2026-02-30", "20261123", "2026-W01-1"])
def test_a_day_that_is_no_date_revives_no_suppression(day: str) -> None:
    """Dates are compared as text, so that `!` would be before every date."""
    ran = run("lint", ROOT / "examples" / "minimal", "--today", day)
    assert (ran.status, "--today" in ran.err) == (2, True)


# Links


@pytest.mark.parametrize("name", ["mlspec.yaml", "mlspec.platform.yaml", "releases/default.yaml"])
@pytest.mark.parametrize("repository", [True, False])
def test_a_link_shows_no_file_from_outside_of_the_repository(repository: bool, name: str, tmp_path: Path) -> None:
    """A snippet in a CI log would show `aws_secret_key=...`."""
    secret, folder = tmp_path / "secret", tmp_path / "repository" / "team"
    (folder / "releases").mkdir(parents=True)
    secret.write_text("aws_secret_key=hunter2\n")
    (tmp_path / "repository" / (".git" if repository else "x")).mkdir()
    tmp_path.chmod(0o777)  # without a repository, the folder below is the last that counts
    (folder / "mlspec.yaml").write_text(MINIMAL)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    for form in ("text", "concise", "json", "sarif", "github"):
        ran = run("lint", folder, "--format", form)
        assert "hunter2" not in ran.out + ran.err
        assert ran.status != 0
    assert "is a link to a file outside of the" in run("lint", folder).err


def test_a_folder_that_is_a_link_leads_no_farther(tmp_path: Path) -> None:
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mlspec.yaml").write_text("password: hunter2\n")
    (tmp_path / "repository" / "team").symlink_to(tmp_path / "other")
    ran = run("lint", tmp_path / "repository" / "team")
    assert (ran.status, "hunter2" in ran.err) == (2, False)


def test_a_link_within_the_repository_is_fine(team: Path) -> None:
    (team / "mlspec.yaml").rename(team.parent / "shared.yaml")
    (team / "mlspec.yaml").symlink_to("../shared.yaml")
    assert mlspec.lint(team / "mlspec.yaml") == ()


def test_a_repository_behind_a_link_is_one(team: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Such as a working copy on another disk that a home folder links to."""
    link = tmp_path_factory.mktemp("home") / "work"
    link.symlink_to(team.parent)
    assert mlspec.lint(link / "team" / "mlspec.yaml") == ()


# Names


HOSTILE = ["a\nkind: Pod\n#", "a\x1b[2J", "a\u2028b", "a\u202eb", "a\x9b2J", "\udcff", "\n::error::y"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_name_puts_nothing_into_output(name: str, tmp_path: Path) -> None:
    """The header of every output file has the name: a line break in it would begin an object."""
    path = tmp_path / f"{name}.mlspec.yaml"
    path.write_bytes(MINIMAL.encode())
    for command in (
        ("compile",),
        ("compile", "--stdout"),
        ("lint", "--format", "github"),
        ("lint", "--format", "json"),
    ):
        ran = run(*command, tmp_path)
        assert ran.status == 2
        assert not any(char in ran.out + ran.err for char in "\x1b\x9b\u2028\u202e\udcff")
        assert not any(line.startswith(("::error::y", "kind:")) for line in (ran.out + ran.err).splitlines())
    assert not (tmp_path / "out").exists()


def test_a_name_in_another_script_is_fine(tmp_path: Path) -> None:
    (tmp_path / "überblick-日本.mlspec.yaml").write_text(MINIMAL)
    assert run("lint", tmp_path).status == 0


@pytest.mark.parametrize("name", ["a\0b", "a\0b/mlspec.yaml", "\ud800.yaml", "a\nb/../mlspec.yaml"])
def test_a_name_that_no_file_can_have_is_a_finding(name: str, tmp_path: Path) -> None:
    """For the Python API and for an editor, too, which may ask about a buffer that was never saved."""
    for given in (name, f"{tmp_path}/{name}"):
        if "\n" not in given:  # which the API takes for a text
            assert ids_of(mlspec.lint(given)) == ["MLS002"]
    assert run("lint", "--platform", f"{tmp_path}/{name}", ROOT / "examples" / "minimal").status != 0


def ids_of(found: tuple[mlspec.Diagnostic, ...]) -> list[str]:
    return [one.id for one in found]

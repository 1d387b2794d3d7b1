"""Folders that several services or environments write: one silently replaces what the others wrote."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from .batch import compiled, spec
from .support import EXAMPLES, dumped, run

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


# Stores

MINIO = {"kind": "s3", "secret": "store", "region": "eu-central-1"}
AZURE = {"kind": "azure", "secret": "store", "account": "prodml"}


@pytest.mark.parametrize(
    ("access", "uri", "changed_", "clusters", "apart"),
    [
        (MINIO, "s3://out/{date}/", {"endpoint": "https://minio.dev.example.com"}, False, True),
        (MINIO, "s3://out/{date}/", {"region": "us-east-1"}, False, False),  # a bucket is one in all regions
        ({**MINIO, "endpoint": "http://minio.data.svc:9000"}, "s3://out/{date}/", {}, False, False),
        ({**MINIO, "endpoint": "http://minio.data.svc:9000"}, "s3://out/{date}/", {}, True, True),
        ({**MINIO, "endpoint": "https://minio.example.com"}, "s3://out/{date}/", {}, True, False),
        (AZURE, "azure://out/{date}/", {"account": "devml"}, False, True),
        (AZURE, "azure://out/{date}/", {}, False, False),
    ],
    ids=["endpoint", "region", "one cluster", "two clusters", "a public endpoint", "account", "one account"],
)
def test_trap_two_stores_that_have_a_folder_of_the_same_name(
    access: dict[str, Any], uri: str, changed_: dict[str, Any], clusters: bool, apart: bool, tmp_path: Path
) -> None:
    """An environment with a store of its own was refused because the names of its buckets are the same."""
    environments: dict[str, Any] = {"dev": {"namespace": "dev", "spec": {"access": {"store": changed_}}}, "live": {}}
    for name, one in environments.items() if clusters else ():
        one["cluster"] = name
    made = spec(access__store=access, serving__input__uri="s3://in/", environments=environments)
    named = {"dev": {"cloud": "eks"}, "live": {"cloud": "eks"}}
    head = {"apiVersion": "mlspec/v1", "kind": "Platform"}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(head | ({"clusters": named} if clusters else {})))
    made["serving"]["output"]["uri"] = uri
    made["releases"]["lightgbm"]["artifact"].pop("access")
    made["serving"]["input"].pop("access")
    found = [one.id for one in compiled(tmp_path, made).found if one.severity == "error"]
    assert found == ([] if apart else ["MLS754"])


@pytest.mark.parametrize("uri", ["s3a://a/out/", "s3n://a/out/x/"])
def test_trap_one_folder_has_several_schemes(uri: str, tmp_path: Path) -> None:
    assert shared(tmp_path, two("s3://a/out/", uri))


KAFKA = {"kind": "kafka", "brokers": ["kafka.example.com:9092"], "secret": "kafka"}


def test_trap_a_topic_is_no_folder(tmp_path: Path) -> None:
    """Two services may write one topic, and a run replaces nothing in it."""
    made = services(a="kafka://kafka.example.com:9092/scores", b="kafka://kafka.example.com:9092/scores")
    made["access"]["broker"] = KAFKA
    for service in made["services"].values():
        service["output"] |= {"access": "broker", "format": "avro"}
    found = compiled(tmp_path, made).found
    assert [one.id for one in found if one.id in ("MLS754", "MLS718")] == []


def test_trap_services_may_add_to_one_table(tmp_path: Path) -> None:
    """Each commit adds files. A test that adds scores to the table of production is another thing."""
    made = services(a="s3://a/scores/", b="s3://a/scores/")
    for service in made["services"].values():
        service["output"]["format"] = "iceberg"
    assert shared(tmp_path, made) == []
    tables = two("s3://a/scores/", "s3://a/scores/")
    tables["serving"]["output"]["format"] = "iceberg"
    assert shared(tmp_path, tables)


# Systems of one run


def capturing(folder: Path, **folders: str) -> list[str]:
    """Specs of systems that record their predictions in these folders."""
    [example] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    text = (example / "mlspec.yaml").read_text()
    shutil.copy(example.parent / "mlspec.platform.yaml", folder)
    for name, uri in folders.items():
        shutil.copytree(example, folder / name, ignore=shutil.ignore_patterns("out", "demo"))
        made = text.replace("to: s3://feedback/fraud-scorer", f"to: {uri}")
        made = made.replace("name: fraud-scorer", f"name: {name}").replace("fraud.example.com", f"{name}.example.com")
        (folder / name / "mlspec.yaml").write_text(made.replace("namespace: fraud", f"namespace: {name}"))
    return [str(folder / name / "mlspec.yaml") for name in folders]


def shared_in_a_run(specs: list[str]) -> list[tuple[str, str]]:
    ran = run("lint", *specs, "--env", "production", "--format", "json")
    found = [one for one in json.loads(ran.out)["diagnostics"] if one["id"] == "MLS754"]
    return [(one["message"], one["help"]) for one in found]


@pytest.mark.parametrize(
    ("mine", "other", "help_"),
    [
        ("s3://feedback/fraud", "s3://feedback/fraud", "s3://feedback/fraud-loans-production"),
        ("s3://feedback/fraud", "s3://feedback/fraud/loans", "s3://feedback/fraud-loans-production"),
        ("s3://feedback/all/fraud", "s3://feedback/all", "s3://feedback/all-loans-production"),
        ("s3://feedback/fraud", "s3://feedback/loans", None),
        ("s3://feedback/fraud", "s3://feedback/fraud-2", None),
    ],
)
def test_trap_a_copied_spec_records_the_predictions_of_another_system(
    mine: str, other: str, help_: str | None, tmp_path: Path
) -> None:
    """Both monitors would measure a mixture of two models."""
    found = shared_in_a_run(capturing(tmp_path, cards=mine, loans=other))
    us, them = "`loans` in `production`", "`cards` in `production`"
    if help_ is None:
        assert found == []
        return
    said = f"{us} records its predictions in `{other}`, and {them} records its predictions in `{mine}`"
    said = f"{them} and {us} both record their predictions in `{mine}`" if mine == other else said
    assert found == [(said, f"write `to: {help_}` under `monitoring.capture`")]
    obeyed = Path(tmp_path / "loans" / "mlspec.yaml")
    obeyed.write_text(obeyed.read_text().replace(f"to: {other}\n", f"to: {help_}\n"))
    assert shared_in_a_run([str(tmp_path / name / "mlspec.yaml") for name in ("cards", "loans")]) == []


def test_a_comment_in_either_spec_allows_it(tmp_path: Path) -> None:
    specs = capturing(tmp_path, cards="s3://feedback/x", loans="s3://feedback/x")
    for spec_ in specs:
        before = Path(spec_).read_text()
        line = "to: s3://feedback/x"
        Path(spec_).write_text(before.replace(line, f"{line}     # mlspec: ignore[MLS754] a test of both"))
        assert shared_in_a_run(specs) == []
        assert "suppresses nothing" not in run("lint", spec_).out
        Path(spec_).write_text(before)

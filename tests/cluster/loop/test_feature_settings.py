"""Each `feature_store.yaml` that mlspec writes, loaded by the newest Feast into the classes that read it.

The clients of the online stores are played: only their configuration classes are needed, which Feast has itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ...test_features import AMAZON, made
from ..environments import environment

REQUIREMENTS = Path(__file__).parent / "requirements" / "feast.txt"

LOADED = """
import json, os, sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from unittest.mock import MagicMock

class Played(MetaPathFinder, Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "psycopg", "psycopg_pool", "boto3", "botocore", "aiobotocore"):
            return ModuleSpec(name, self, is_package=True)
    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__ = [], spec
        return module
    def exec_module(self, module):
        pass

sys.meta_path.append(Played())
import yaml
from feast.repo_config import RepoConfig, load_repo_config

def fields(kind):
    return {*kind.model_fields, *(one.alias for one in kind.model_fields.values())}

path = Path(sys.argv[1])
config, written = load_repo_config(path.parent, path), yaml.safe_load(os.path.expandvars(path.read_text()))
parts = {name: getattr(config, name) for name in ("online_store", "offline_store")}
print(json.dumps({
    "unknown": sorted(set(written) - fields(RepoConfig))
        + sorted(f"{name}.{key}" for name, part in parts.items() if part is not None
                 for key in set(written[name]) - fields(type(part))),
    "project": config.project,
    "registry": config.registry.path,
    "version": config.entity_key_serialization_version,
    **{name: part.model_dump(mode="json") if part is not None else None for name, part in parts.items()},
}))
"""

ONLINE: dict[str, tuple[list[tuple[str, Any]], dict[str, Any]]] = {
    "redis": ([], {"type": "redis", "connection_string": "redis.cache.svc:6379,ssl=true,password=s3cret"}),
    "redis without a password": (
        [
            ("access.cache", {"kind": "tcp", "host": "redis.cache.svc", "ports": [6379]}),
            ("features.materialization.online.tls", False),
        ],
        {"connection_string": "redis.cache.svc:6379"},
    ),
    "postgres": (
        [
            ("features.materialization.online",
             {"type": "postgres", "address": "db.cache.svc:5433", "database": "features", "access": "cache"}),
            ("access.cache",
             {"kind": "tcp", "host": "db.cache.svc", "ports": [5433], "secret": "db",
              "keys": {"POSTGRES_USER": "user", "POSTGRES_PASSWORD": "password"}}),
        ],
        {"host": "db.cache.svc", "port": 5433, "database": "features", "user": "me", "password": "s3cret",
         "sslmode": "require"},
    ),
    "dynamodb": (
        [
            ("features.materialization.online", {"type": "dynamodb", "region": "eu-central-1"}),
            ("access.lake", {**AMAZON, "endpoint": "https://bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com"}),
            ("access.cache", None),
        ],
        {"type": "dynamodb", "region": "eu-central-1", "endpoint_url": "https://dynamodb.eu-central-1.amazonaws.com"},
    ),
}  # fmt: skip


def asked(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = folder / "feature_store.yaml"
    file.write_text(text)
    python = environment("loop-feast", REQUIREMENTS) / "bin" / "python"
    secrets = {"REDIS_PASSWORD": "s3cret", "POSTGRES_USER": "me", "POSTGRES_PASSWORD": "s3cret"}
    return subprocess.run(
        [str(python), "-O", "-W", "ignore", "-c", LOADED, str(file)], capture_output=True, text=True, check=False,
        timeout=110, env={**os.environ, **secrets},
    )  # fmt: skip


def loaded(folder: Path, text: str) -> dict[str, Any]:
    ran = asked(folder, text)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def settings(folder: Path, *changes: tuple[str, Any]) -> str:
    text = made(folder, *changes)["ConfigMap"]["data"]["feature_store.yaml"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", [*ONLINE])
def test_every_setting_is_one_that_feast_reads(name: str, tmp_path: Path) -> None:
    changes, expected = ONLINE[name]
    found = loaded(tmp_path, settings(tmp_path, *changes))
    assert found["unknown"] == []
    assert {key: found["online_store"][key] for key in expected} == expected
    assert found["project"] == "churn_default"
    assert found["registry"] == "s3://lake/features/churn_default/registry.db"
    assert (found["version"], found["offline_store"]["type"]) == (3, "dask")


def test_without_an_online_store_there_is_none(tmp_path: Path) -> None:
    text = settings(tmp_path, ("features.materialization.online", None), ("access.cache", None))
    found = loaded(tmp_path, text)
    assert (found["unknown"], found["online_store"]) == ([], None)


def test_trap_feast_ignores_a_setting_at_the_top_that_it_does_not_know(tmp_path: Path) -> None:
    """So only a comparison with its classes shows a misspelled one. Below a store, Feast refuses it."""
    text = settings(tmp_path)
    found = loaded(tmp_path, text.replace("entity_key_serialization_version", "entity_key_version"))
    assert found["unknown"] == ["entity_key_version"]
    refused = asked(tmp_path, text.replace("connection_string:", "connection_strings:"))
    assert refused.returncode != 0
    assert "connection_strings" in refused.stderr

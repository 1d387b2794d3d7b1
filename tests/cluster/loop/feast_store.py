"""A compiled feature store on this machine: its files as a mounted ConfigMap, local folders, SQLite, and real Feast."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import mlspec

from ...validation import load
from ..environments import environment

REQUIREMENTS = Path(__file__).parent / "requirements" / "feast.txt"

FASTER = {"PYTHONOPTIMIZE": "1"}
"""Feast has typeguard recompile its functions in each process, for five seconds, unless Python omits assertions."""

ASK = """
import json, sys
import pandas as pd
from feast import FeatureStore
store = FeatureStore(repo_path=sys.argv[1])
asked = json.load(sys.stdin)
read = store.get_feature_service(asked["service"])
if asked["at"] is None:
    found = store.get_online_features(features=read, entity_rows=asked["rows"]).to_df()
else:
    rows = pd.DataFrame(asked["rows"])
    rows["event_timestamp"] = pd.to_datetime(asked["at"], utc=True)
    found = store.get_historical_features(entity_df=rows, features=read).to_df()
    found = found.sort_values("event_timestamp").drop(columns="event_timestamp")
print(json.dumps(found.astype(object).where(found.notna(), None).to_dict("records")))
"""

STATE = """
import json, sys
from feast import FeatureStore
from google.protobuf.json_format import MessageToDict

def defined(one):  # without the times at which things were created, which each run changes
    if isinstance(one, dict):
        return {key: defined(value) for key, value in one.items() if key != "meta"}
    return [defined(each) for each in one] if isinstance(one, list) else one

store = FeatureStore(repo_path=sys.argv[1])
found = {}
for kind in ("entities", "data_sources", "feature_views", "feature_services"):
    for one in getattr(store, f"list_{kind}")():
        found[f"{kind} {one.name}"] = defined(MessageToDict(one.to_proto()))
print(json.dumps(found))
"""


@dataclass
class Store:
    """One compiled store in a folder."""

    folder: Path
    config: dict[str, Any]
    cron: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, spec: Path, environment_: str) -> Store:
        """The store that a spec compiles to."""
        files = mlspec.compile(spec).bundles[environment_].files
        made = [load(text) for path, text in files.items() if path.startswith("features/")]
        by_kind: dict[str, Any] = {one["kind"]: one for one in made}
        store = cls(folder, by_kind["ConfigMap"], by_kind["CronJob"])
        store.mount()
        return store

    def _local(self, text: str) -> str:
        """Object stores are folders here, and the online store is a file."""
        text = re.sub(r"(s3|gs)://(?=[a-z])", f"{self.folder}/stores/", text)
        online = f'online_store:\n  type: sqlite\n  path: "{self.folder}/online.db"\n'
        return re.sub(r"online_store:\n(  .*\n)+", online, text)

    def mount(self) -> None:
        """As the kubelet mounts a ConfigMap: each file is a link into a hidden folder with the time in its name."""
        [volume] = [one for one in self.pod["volumes"] if one["name"] == "config"]
        hidden = self.mounted / "..2026_11_01_12_00_00.1"
        for item in volume["configMap"]["items"]:
            target = hidden / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self._local(self.config["data"][item["key"]]))
        registry = yaml.safe_load((hidden / "feature_store.yaml").read_text())["registry"]
        Path(registry).parent.mkdir(parents=True, exist_ok=True)  # object stores have no folders to create
        os.symlink(hidden.name, self.mounted / "..data")
        for name in {item["path"].split("/")[0] for item in volume["configMap"]["items"]}:
            os.symlink(f"..data/{name}", self.mounted / name)

    @property
    def mounted(self) -> Path:
        """The mounted ConfigMap."""
        return self.folder / "config"

    @property
    def pod(self) -> dict[str, Any]:
        """The pod of a run."""
        found: dict[str, Any] = self.cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration of the job."""
        found: dict[str, Any] = json.loads((self.mounted / "features.json").read_text())
        return found

    def rows(self, uri: str, name: str, columns: dict[str, list[Any]]) -> None:
        """Add a Parquet file to a source."""
        place = Path(self._local(uri))
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), place / f"{name}.parquet")

    def run(self) -> subprocess.CompletedProcess[str]:
        """The job, by the emitted command and environment."""
        [container] = self.pod["containers"]
        env = {one["name"]: self._local(one["value"]) for one in container["env"] if "value" in one}
        env["PYTHONPATH"] = f"{self.mounted}:{self.folder / 'image'}"  # the code of the image
        env |= {"HOME": str(self.folder), **FASTER}
        python = environment("loop-feast", REQUIREMENTS) / "bin"
        command = [word.replace("/mlspec/config", str(self.mounted)) for word in container["command"]]
        command[0] = str(python / command[0])
        return subprocess.run(
            command, env={**env, "PATH": f"{python}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
        )

    def code(self, path: str, text: str) -> None:
        """Add a module to the image."""
        place = self.folder / "image" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def _python(self, program: str, stdin: str = "") -> Any:
        python = environment("loop-feast", REQUIREMENTS) / "bin" / "python"
        repository = self.folder / "reader"
        repository.mkdir(exist_ok=True)
        (repository / "feature_store.yaml").write_text((self.mounted / "feature_store.yaml").read_text())
        done = subprocess.run(
            [str(python), "-W", "ignore", "-c", program, str(repository)],
            env={**os.environ, **FASTER}, input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def online(self, service: str, rows: dict[str, list[Any]]) -> list[dict[str, Any]]:
        """What a lookup of the online store answers."""
        given = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
        found: list[dict[str, Any]] = self._python(ASK, json.dumps({"service": service, "rows": given, "at": None}))
        return found

    def at(self, service: str, rows: dict[str, list[Any]], at: list[str]) -> list[dict[str, Any]]:
        """What training gets for entities at certain times, in the order of the times."""
        asked = json.dumps({"service": service, "rows": rows, "at": at})
        found: list[dict[str, Any]] = self._python(ASK, asked)
        return found

    def state(self) -> dict[str, Any]:
        """The definitions that the registry holds, by kind and name."""
        found: dict[str, Any] = self._python(STATE)
        return found

"""A version of the model behind its server and its recorder, as their pod runs them: MLServer, and `mlspec runtime
capture` in front of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .compressed import Compressed
from .processes import Processes, free_ports, wait_for

__all__ = ["Served", "serve"]


class Served:
    """The addresses of one version."""

    def __init__(self, version: str, requests: int, metrics: int, recorder: int, programs: tuple[Any, ...]) -> None:
        self.version, self.requests, self.metrics, self.recorder = version, requests, metrics, recorder
        self._programs = programs

    def end(self, processes: Processes) -> None:
        """End the server first, and then the recorder, which uploads its last file: the kubelet's order."""
        for program in self._programs:
            processes.end(program)


def serve(
    maps: dict[str, dict[str, str]], version: str, folder: Path, time: Compressed, processes: Processes
) -> Served:
    """Start the version of a bundle. `maps` has the data of its ConfigMaps by the last word of their name."""
    requests, metrics, server, grpc, own = free_ports(5)
    folder.mkdir(parents=True)
    settings = json.loads(maps["config"]["settings.json"])
    ports = {"http_port": server, "grpc_port": grpc, "metrics_port": own, "host": "127.0.0.1"}
    _write(folder / "settings.json", {**settings, **ports})
    model = json.loads(maps["config"]["model-settings.json"])
    model["parameters"]["uri"] = time.text(f"s3://models/fraud/{version}/model.joblib")
    _write(folder / "model-settings.json", model)
    capture = time.config(json.loads(maps["capture"]["capture.json"]))
    capture["ports"] = {"requests": requests, "metrics": metrics, "server": server}
    capture["files"] |= {"folder": str(folder / "spool"), "seconds": 0.5}
    (folder / "spool").mkdir()
    _write(folder / "capture.json", capture)
    environment = {
        "MLSERVER_METRICS_DIR": str(folder / "metrics"), "MLSERVER_ENVIRONMENTS_DIR": str(folder / "environments"),
        "OMP_NUM_THREADS": "1", "HOME": str(folder),
    }  # fmt: skip
    mlserver = str(Path(sys.executable).with_name("mlserver"))
    programs = (
        processes.start(f"mlserver-{version}", [mlserver, "start", str(folder)], folder, environment),
        processes.start(
            f"recorder-{version}",
            [sys.executable, "-m", "mlspec", "runtime", "capture", "--host", "127.0.0.1", "--config", "capture.json"],
            folder,
            {"MLSPEC_MODEL_VERSION": version, "POD_NAME": f"fraud-scorer-{version}"},
        ),
    )  # fmt: skip
    wait_for(f"http://127.0.0.1:{metrics}/healthz", processes)
    wait_for(f"http://127.0.0.1:{requests}/v2/models/fraud-scorer/ready", processes)
    return Served(version, requests, own, metrics, programs)


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1))

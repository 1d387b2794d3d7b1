"""`register`: publish the model if it passed its gates, and describe the version for the release file."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from fraud.rows import steps, write

STORE = "s3://models/fraud"


def main() -> None:
    verdict = json.loads((steps() / "gate" / "verdict.json").read_text())
    if not verdict["pass"]:
        print("the model did not pass its gates, so it is not published")  # noqa: T201
        return
    store = Path(os.environ["FRAUD_MODELS"])
    version = str(1 + len([folder for folder in store.glob("*") if folder.is_dir()]))
    folder = store / version
    folder.mkdir(parents=True)
    shutil.copyfile(steps() / "train" / "model.joblib", folder / "model.joblib")
    shutil.copyfile(steps() / "profile" / "profile.json", folder / "profile.json")
    metrics = json.loads((steps() / "evaluate" / "metrics.json").read_text())["metrics"]
    model = verdict["model"]
    write(
        "release.json",
        {
            "version": version,
            "artifact": {
                "uri": f"{STORE}/{version}/model.joblib", "format": "sklearn", "digest": model["digest"],
                "size": f"{-(-model['size'] // 1024)}Ki", "access": "models",
            },
            **({"dataVersion": str(model["data"]["disputes"])} if model.get("data") else {}),
            "metrics": {name: one["value"] for name, one in metrics.items()},
            "profile": f"{STORE}/{version}/profile.json",
            "trainedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )  # fmt: skip
    print(f"published version {version}")  # noqa: T201


if __name__ == "__main__":
    main()
